//! New York's buildings and roads from `../shared` as tables with their index.

#![allow(dead_code, clippy::unwrap_used, reason = "each test takes what it needs; a fixture that breaks fails the test")]

pub mod decoded;

use citywall_index::{PackedIndex, WindowIndex};
use citywall_model::{Bbox, FeatureRef, FeatureTable, FeatureTableBuilder, FieldType, RowIds, Schema, Value, geometry};
use citywall_tiles::{Tile, TileBuilder, TileId};
use flate2::read::GzDecoder;
use geo_types::{Coord, Geometry, LineString, MultiPolygon, Polygon};
use serde_json::Value as Json;
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
};

/// A layer as the query engine holds it.
pub struct Layer {
    pub table: FeatureTable,
    pub index: PackedIndex,
}

impl Layer {
    pub fn new(table: FeatureTable) -> Self {
        let envelopes: Vec<Bbox> = (0..table.len() as u32).map(|row| table.geometry(row).map_or(Bbox::EMPTY, geometry::bounds)).collect();
        Self { index: PackedIndex::new(envelopes.into_iter()), table }
    }

    pub fn of_geometries<'g>(geometries: impl IntoIterator<Item = &'g Geometry<f64>>) -> Self {
        let mut builder = FeatureTableBuilder::new(Schema::default(), RowIds::Generated);
        for (fid, geometry) in (1..).zip(geometries) {
            builder.push(fid, Some(&geometry::encode(geometry)), []);
        }
        Self::new(builder.finish())
    }

    pub fn tile(&self, tile: TileId) -> Tile {
        let mut builder = TileBuilder::new(tile);
        let mut layer = builder.layer("layer");
        self.index.search(&tile.window(), |row, _| layer.add(FeatureRef::Row(&self.table, row as u32)));
        builder.finish()
    }
}

/// A line-delimited GeoJSON file of `../shared/city`.
pub fn load(path: &str) -> Layer {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/city").join(path);
    let lines = BufReader::new(GzDecoder::new(File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))).lines();
    let features: Vec<Json> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let mut fields: Vec<(String, FieldType)> = Vec::new();
    for feature in &features {
        for (name, value) in feature["properties"].as_object().unwrap() {
            let Some(kind) = Value::from(value).kind() else { continue };
            match fields.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = known.widen(kind),
                None => fields.push((name.clone(), kind)),
            }
        }
    }
    let mut builder = FeatureTableBuilder::new(Schema::new(fields.clone()), RowIds::Generated);
    for (fid, feature) in (1..).zip(&features) {
        let values: Vec<Value> = fields.iter().map(|(name, kind)| Value::from(&feature["properties"][name]).coerce(*kind)).collect();
        builder.push(fid, Some(&geometry::encode(&shape(&feature["geometry"]))), values.iter().map(Value::as_ref));
    }
    Layer::new(builder.finish())
}

fn shape(json: &Json) -> Geometry<f64> {
    let line = |json: &Json| -> LineString<f64> {
        json.as_array().unwrap().iter().map(|p| Coord { x: p[0].as_f64().unwrap(), y: p[1].as_f64().unwrap() }).collect()
    };
    let polygon = |json: &Json| {
        let mut rings = json.as_array().unwrap().iter().map(line);
        Polygon::new(rings.next().unwrap(), rings.collect())
    };
    let coordinates = &json["coordinates"];
    match json["type"].as_str().unwrap() {
        "LineString" => Geometry::LineString(line(coordinates)),
        "Polygon" => Geometry::Polygon(polygon(coordinates)),
        "MultiPolygon" => Geometry::MultiPolygon(MultiPolygon::new(coordinates.as_array().unwrap().iter().map(polygon).collect())),
        other => panic!("{other}"),
    }
}

/// Every tile of a zoom level that meets the layer's extent.
pub fn tiles(layer: &Layer, z: u32) -> Vec<TileId> {
    let rows = 0..layer.table.len() as u32;
    let extent = rows.filter_map(|row| layer.table.geometry(row)).fold(Bbox::EMPTY, |all, wkb| all.union(geometry::bounds(wkb)));
    let a = TileId::at(z, extent.x_min, extent.y_max).unwrap();
    let b = TileId::at(z, extent.x_max, extent.y_min).unwrap();
    (a.y()..=b.y()).flat_map(|y| (a.x()..=b.x()).map(move |x| TileId::new(z, x, y).unwrap())).collect()
}
