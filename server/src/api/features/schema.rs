//! What items are made of: queryables (OGC API – Features Part 3, 19-079r2, clause 7.1),
//! sortables and the schema (Part 5, 23-058r1), as JSON Schema 2020-12; and the functions that a
//! filter can call (CQL2, 21-065r2, clause 7.9).

use super::query::sortable;
use crate::{
    api::{json, value},
    app::App,
    http::{Answer, Ask, PathOf, problem::collection_id},
};
use axum::extract::State;
use citywall_cql2::{FUNCTIONS, Queryable, QueryableKind, Queryables};
use citywall_model::CollectionMeta;
use citywall_query::City;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json as object};
use std::sync::Arc;

/// The properties that a filter can name, with the days of the city's time zone.
pub fn queryables(city: &City, meta: &CollectionMeta) -> Queryables {
    Queryables::of(meta).in_zone(time_zone(city))
}

/// The city's time zone.
pub fn time_zone(city: &City) -> TimeZone {
    TimeZone::get(&city.profile().time_zone).unwrap_or(TimeZone::UTC)
}

/// `GET /collections/{id}/queryables`
pub async fn queryables_document(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    document(&app, &ask, &id, "queryables", |property| Some(describe(property)))
}

/// `GET /collections/{id}/sortables`
pub async fn sortables_document(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    document(&app, &ask, &id, "sortables", |property| sortable(property.kind).then(|| describe(property)))
}

/// `GET /collections/{id}/schema`
pub async fn schema_document(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    let live = app.city()?.view(&collection_id(&id)?)?.is_live();
    document(&app, &ask, &id, "schema", |property| {
        let mut described = describe(property);
        let role = match (&*property.name, property.kind) {
            (_, QueryableKind::Geometry) => Some("primary-geometry"),
            ("id", _) => Some("id"),
            ("time", _) if live => Some("primary-instant"),
            _ => None,
        };
        if let Some(role) = role {
            described["x-ogc-role"] = role.into();
        }
        Some(described)
    })
}

fn document(app: &App, ask: &Ask, id: &str, name: &str, describe: impl Fn(&Queryable) -> Option<Value>) -> Answer {
    ask.read(&[])?;
    let city = app.city()?;
    let view = city.view(&collection_id(id)?)?;
    let meta = view.meta();
    let queryables = queryables(city, &meta);
    let properties: Map<String, Value> = queryables
        .iter()
        .enumerate()
        .filter_map(|(at, property)| {
            let mut described = describe(property)?;
            described["x-ogc-propertySeq"] = (at + 1).into();
            if property.kind == QueryableKind::Geometry {
                described["format"] = geometry_format(&meta.geometry_type).into();
            }
            Some((property.name.to_string(), described))
        })
        .collect();
    let address = ask.links.to(&format!("/collections/{id}/{name}"));
    let document = object!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address,
        "title": meta.title.en,
        "description": meta.source,
        "type": "object",
        "properties": properties,
        // Any name may be a property of a live item.
        "additionalProperties": queryables.is_open(),
    });
    Ok(json("application/schema+json", document.to_string()))
}

fn describe(property: &Queryable) -> Value {
    let mut described = match property.kind {
        QueryableKind::Boolean => object!({"type": "boolean"}),
        QueryableKind::Integer => object!({"type": "integer"}),
        QueryableKind::Number => object!({"type": "number"}),
        QueryableKind::Text => object!({"type": "string"}),
        QueryableKind::Instant => object!({"type": "string", "format": "date-time"}),
        QueryableKind::Geometry => object!({}),
        QueryableKind::Array => object!({"type": "array"}),
        QueryableKind::Any => object!({}),
    };
    described["title"] = (*property.name).into();
    described
}

/// The format of a geometry (Part 5, requirement /req/schemas/spatial-properties).
fn geometry_format(kind: &str) -> &'static str {
    match kind {
        "POINT" => "geometry-point",
        "MULTIPOINT" => "geometry-multipoint",
        "LINESTRING" => "geometry-linestring",
        "MULTILINESTRING" => "geometry-multilinestring",
        "POLYGON" => "geometry-polygon",
        "MULTIPOLYGON" => "geometry-multipolygon",
        "GEOMETRYCOLLECTION" => "geometry-geometrycollection",
        _ => "geometry-any",
    }
}

/// `GET /functions`
pub async fn functions(ask: Ask) -> Answer {
    ask.read(&[])?;
    let functions = FUNCTIONS.iter().map(|function| {
        let arguments: Vec<Value> = function.arguments.iter().map(|kind| object!({"type": [kind]})).collect();
        object!({"name": function.name, "description": function.description, "arguments": arguments, "returns": [function.returns]})
    });
    Ok(value(&object!({"functions": functions.collect::<Vec<_>>()})))
}
