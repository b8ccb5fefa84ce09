//! What TileJSON 3.0.0 says of layers, which the metadata of PMTiles and MBTiles repeats.

use citywall_model::FieldType;
use citywall_query::CollectionView;
use serde_json::{Map, Value, json};

/// The `vector_layers` of a tileset of some collections (TileJSON 3.0.0, 3.3).
#[must_use]
pub fn vector_layers(views: &[CollectionView], zoom_min: u8, zoom_max: u8) -> Vec<Value> {
    let layer = |view: &CollectionView| {
        let meta = view.meta();
        let fields: Map<String, Value> =
            meta.schema.fields.iter().map(|field| (field.name.to_string(), field_type(field.kind).into())).collect();
        json!({"id": meta.id, "description": meta.title.en, "fields": fields, "minzoom": zoom_min, "maxzoom": zoom_max})
    };
    views.iter().map(layer).collect()
}

/// Where the data of some collections comes from, for the map's corner.
#[must_use]
pub fn attribution(views: &[CollectionView]) -> String {
    let mut notes: Vec<String> = views.iter().map(|view| view.meta().source).filter(|source| !source.is_empty()).collect();
    notes.dedup();
    notes.join(" · ")
}

fn field_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Boolean => "Boolean",
        FieldType::Integer | FieldType::Number => "Number",
        FieldType::Text | FieldType::Json => "String",
    }
}
