//! `/query/nearest`: the items that are nearest to a place.

use super::input::{Field, Kind, describe};
use crate::{
    app::App,
    geojson::write,
    http::{Answer, Ask, Problem},
    limits,
};
use axum::{body::Body, extract::State, http::Method};
use citywall_analysis::{Budget, nearest::nearest};
use serde_json::{Value, json};
use std::sync::Arc;

const FIELDS: &[Field] = &[
    Field { name: "collections", kind: Kind::List, needed: true, means: "the collections to look in", example: "buildings" },
    Field { name: "place", kind: Kind::Place, needed: true, means: "longitude, latitude in degrees", example: "117.2,39.13" },
    Field {
        name: "count",
        kind: Kind::Number,
        needed: false,
        means: "how many items: 10 without it, at most ANALYSIS_NEAREST_MAX (1000)",
        example: "5",
    },
    Field { name: "within", kind: Kind::Number, needed: false, means: "no further than so many metres", example: "500" },
    Field {
        name: "filter",
        kind: Kind::Filter,
        needed: false,
        means: "CQL2 that holds of the items, in each of the collections",
        example: "",
    },
];

/// What the API definition says.
pub fn path() -> (String, Value) {
    let description = "A FeatureCollection, the nearest first, over all the collections together; each feature has collection and distance (metres, geodesic on WGS 84; 0 inside of a polygon). Exact at any latitude and across the antimeridian.";
    ("/query/nearest".to_owned(), describe("Nearest", "The nearest items", description, FIELDS))
}

/// `GET` and `POST /query/nearest`
pub async fn endpoint(State(app): State<Arc<App>>, ask: Ask, method: Method, body: Body) -> Answer {
    super::answer(&app, &ask, &method, body, FIELDS, |city, input| {
        let ids = input.list("collections");
        if ids.len() > limits::QUERY_COLLECTIONS_MAX {
            return Err(Problem::parameter("collections", format!("more than QUERY_COLLECTIONS_MAX ({})", limits::QUERY_COLLECTIONS_MAX)));
        }
        let place = input.place("place").ok_or_else(|| Problem::parameter("place", "is needed"))?;
        let count = whole(input.number("count").unwrap_or(10.0))?;
        let within = input.number("within");
        if within.is_some_and(|metres| metres < 0.0) {
            return Err(Problem::parameter("within", "expected metres, not less than 0"));
        }
        let filter = input.filter("filter")?;
        let collections = ids.iter().map(|id| super::selection(city, id, filter.clone())).collect::<Result<Vec<_>, _>>()?;
        let views: Vec<_> = collections.iter().map(|(view, _)| view).collect();
        let (features, revision) = super::settled(city, &views, || {
            let found = nearest(&collections, place, count, within, &mut Budget::default())?;
            let features: Vec<Value> = found
                .iter()
                .filter_map(|neighbour| {
                    let view = &collections[neighbour.collection].0;
                    let text = view.item_by_fid(neighbour.fid, |item| {
                        let mut out = Vec::new();
                        write::feature(&mut out, item);
                        out
                    })?;
                    let mut feature: Value = serde_json::from_slice(&text).ok()?;
                    feature["collection"] = view.id().as_str().into();
                    feature["distance"] = neighbour.distance_m.into();
                    Some(feature)
                })
                .collect();
            Ok(features)
        })?;
        Ok(json!({"type": "FeatureCollection", "features": features, "numberReturned": features.len(), "units": {"distance": "m"}, "revision": revision}))
    })
    .await
}

/// A whole number that is not negative.
fn whole(count: f64) -> Result<usize, Problem> {
    if count.fract() != 0.0 || !(0.0..=1e9).contains(&count) {
        return Err(Problem::parameter("count", format!("{count} is no whole number of items")));
    }
    Ok(count as usize)
}
