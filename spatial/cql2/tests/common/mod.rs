//! Small layers in memory.
#![allow(dead_code)]

use citywall_cql2::{Bound, Filter, Queryables};
use citywall_model::{
    CimCategory, CollectionId, CollectionKind, CollectionMeta, FeatureRef, FeatureTable, FeatureTableBuilder, FieldType, LocalText,
    Revision, RowIds, Schema, Value, geometry,
};
use std::fs;

/// A layer and what a filter can name of it.
pub struct Layer {
    pub table: FeatureTable,
    pub queryables: Queryables,
}

/// The cells of a table in `tests/data`, without comments.
pub fn rows(file: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(format!("{}/tests/data/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// One of the standard's examples writes an accent as a character of its own in one form only.
pub fn without_accents_composed(filter: &Filter) -> String {
    filter.to_json().to_string().replace("e\u{301}", "é")
}

pub fn meta(kind: CollectionKind, schema: Schema) -> CollectionMeta {
    CollectionMeta {
        id: CollectionId::new("layer").unwrap(),
        kind,
        title: LocalText::default(),
        category: CimCategory::PublicThemes,
        source: String::new(),
        source_crs: String::new(),
        storage_crs: 4326,
        generated: false,
        version: 1,
        revision: Revision(1),
        schema,
        id_field: None,
        geometry_type: "GEOMETRY".into(),
        extent: None,
        count: 0,
        solids: 0,
    }
}

impl Layer {
    pub fn new(schema: Schema, rows: impl IntoIterator<Item = (Option<Vec<u8>>, Vec<Value>)>) -> Self {
        let queryables = Queryables::of(&meta(CollectionKind::Layer, schema.clone()));
        let mut builder = FeatureTableBuilder::new(schema, RowIds::Generated);
        for (fid, (wkb, values)) in (1..).zip(rows) {
            builder.push(fid, wkb.as_deref(), values.iter().map(Value::as_ref));
        }
        Self { table: builder.finish(), queryables }
    }

    /// One of the layers of Natural Earth in `tests/data`.
    pub fn read(name: &str) -> Self {
        let text = fs::read_to_string(format!("{}/tests/data/{name}.geojsonl", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let features: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut fields: Vec<(String, FieldType)> = Vec::new();
        for feature in &features {
            for (name, value) in feature["properties"].as_object().unwrap() {
                let kind = Value::from(value).kind();
                match (fields.iter_mut().find(|(own, _)| own == name), kind) {
                    (Some(field), Some(kind)) => field.1 = if field.1 == FieldType::Json { kind } else { field.1.widen(kind) },
                    (None, kind) => fields.push((name.clone(), kind.unwrap_or(FieldType::Json))),
                    _ => {}
                }
            }
        }
        let schema = Schema::new(fields.clone());
        let row = |feature: &serde_json::Value| {
            let values = fields.iter().map(|(name, kind)| Value::from(&feature["properties"][name]).coerce(*kind)).collect();
            (Some(wkb(&feature["geometry"])), values)
        };
        Self::new(schema, features.iter().map(row).collect::<Vec<_>>())
    }

    pub fn items(&self) -> impl Iterator<Item = FeatureRef<'_>> {
        (0..u32::try_from(self.table.len()).unwrap()).map(|row| FeatureRef::Row(&self.table, row))
    }

    /// How many items match; the windows of the filter must not leave one out.
    pub fn count(&self, bound: &Bound) -> usize {
        let hits: Vec<FeatureRef<'_>> = self.items().filter(|item| bound.holds(*item)).collect();
        if let Some(windows) = bound.windows() {
            for hit in &hits {
                let bounds = geometry::bounds(hit.geometry().unwrap());
                assert!(windows.iter().any(|window| window.intersects(&bounds)), "{}", bound.explain());
            }
        }
        hits.len()
    }
}

/// WKB of a GeoJSON geometry, by way of a filter's literal.
pub fn wkb(geojson: &serde_json::Value) -> Vec<u8> {
    let filter = Filter::from_json_value(&serde_json::json!({"op": "s_equals", "args": [{"property": "geometry"}, geojson]})).unwrap();
    let citywall_cql2::Node::Call(_, args) = &filter.expr().node else { unreachable!() };
    let citywall_cql2::Node::Shape(shape) = &args[1].node else { unreachable!() };
    geometry::encode(&shape.to_geo())
}
