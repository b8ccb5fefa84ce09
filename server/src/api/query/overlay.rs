//! `/query/overlay`: shapes from shapes, their areas and lengths.

use super::input::{Field, Input, Kind, describe};
use crate::{
    app::App,
    geojson::write,
    http::{Answer, Ask, Problem},
};
use axum::{body::Body, extract::State, http::Method};
use citywall_analysis::{
    Budget,
    overlay::{Operation, area_m2, buffer, length_m, overlay},
};
use citywall_model::geometry as wkb;
use citywall_query::City;
use geo_types::{Geometry, GeometryCollection};
use serde_json::{Value, json};
use std::sync::Arc;

const FIELDS: &[Field] = &[
    Field {
        name: "operation",
        kind: Kind::Text,
        needed: true,
        means: "measure, buffer (with distance), union, intersection or difference (each with a second shape or collection)",
        example: "buffer",
    },
    Field {
        name: "geometry",
        kind: Kind::Geometry,
        needed: false,
        means: "the first shape",
        example: r#"{"type":"Point","coordinates":[117.2,39.13]}"#,
    },
    Field { name: "collection", kind: Kind::Text, needed: false, means: "or the collection whose items are the first shape", example: "" },
    Field { name: "filter", kind: Kind::Filter, needed: false, means: "CQL2 that holds of these items", example: "" },
    Field { name: "other-geometry", kind: Kind::Geometry, needed: false, means: "the second shape", example: "" },
    Field {
        name: "other-collection",
        kind: Kind::Text,
        needed: false,
        means: "or the collection whose items are the second shape",
        example: "",
    },
    Field { name: "other-filter", kind: Kind::Filter, needed: false, means: "CQL2 that holds of these items", example: "" },
    Field {
        name: "distance",
        kind: Kind::Number,
        needed: false,
        means: "metres of a buffer, -50,000 to 50,000; below 0 it shrinks polygons",
        example: "200",
    },
];

/// What the API definition says.
pub fn path() -> (String, Value) {
    let description = "A Feature with the shape that results, and its area in square metres and its length (of lines and borders) in metres, geodesic on WGS 84. Union, intersection and difference take the polygons of their shapes.";
    ("/query/overlay".to_owned(), describe("Overlay", "Shapes from shapes", description, FIELDS))
}

/// `GET` and `POST /query/overlay`
pub async fn endpoint(State(app): State<Arc<App>>, ask: Ask, method: Method, body: Body) -> Answer {
    super::answer(&app, &ask, &method, body, FIELDS, answer).await
}

fn answer(city: &City, input: &Input) -> Result<Value, Problem> {
    let name = input.text("operation").unwrap_or_default();
    let operation = match name {
        "measure" | "buffer" => None,
        "union" => Some(Operation::Union),
        "intersection" => Some(Operation::Intersection),
        "difference" => Some(Operation::Difference),
        _ => return Err(Problem::parameter("operation", format!("“{name}” is none of measure, buffer, union, intersection, difference"))),
    };
    let (first, mut revision) = shapes(city, input, ["geometry", "collection", "filter"])?;
    let result: Geometry = match (operation, name) {
        (Some(operation), _) => {
            let (second, other) = shapes(city, input, ["other-geometry", "other-collection", "other-filter"])?;
            revision = revision.max(other);
            overlay(&first, &second, operation)?.into()
        }
        (None, "buffer") => {
            let metres = input.number("distance").ok_or_else(|| Problem::parameter("distance", "a buffer needs metres"))?;
            buffer(&Geometry::GeometryCollection(GeometryCollection(first)), metres)?.into()
        }
        _ if first.len() == 1 => first.into_iter().next().unwrap_or(Geometry::GeometryCollection(GeometryCollection::default())),
        _ => Geometry::GeometryCollection(GeometryCollection(first)),
    };
    let mut out = Vec::new();
    write::geometry(&mut out, &wkb::encode(&result));
    let shape: Value = serde_json::from_slice(&out).map_err(|error| Problem::internal(&error))?;
    Ok(json!({
        "type": "Feature",
        "geometry": shape,
        "properties": {"operation": name, "area": area_m2(&result), "length": length_m(&result)},
        "units": {"area": "m2", "length": "m"},
        "revision": revision,
    }))
}

/// The shapes that a geometry or a collection gives, and the revision that they are of.
fn shapes(city: &City, input: &Input, [geometry, collection, filter]: [&'static str; 3]) -> Result<(Vec<Geometry>, u64), Problem> {
    match (input.geometry(geometry)?, input.text(collection)) {
        (Some(shape), None) => Ok((vec![shape], city.revision().0)),
        (None, Some(id)) => {
            let (view, query) = super::selection(city, id, input.filter(filter)?)?;
            super::settled(city, &[&view], || {
                let (mut shapes, mut budget, mut stopped) = (Vec::new(), Budget::default(), None);
                view.each(&query, |item| {
                    shapes.extend(item.geometry().and_then(wkb::to_geo));
                    stopped = budget.rows(1).err();
                    stopped.is_none()
                });
                stopped.map_or(Ok(shapes), |error| Err(error.into()))
            })
        }
        _ => Err(Problem::parameter(geometry, format!("give either {geometry} or {collection}"))),
    }
}
