//! `/query/nearest`: the items that are nearest to a place.

use super::{
    Desk, Operation,
    input::{Field, Input, Kind},
};
use crate::{geojson::write, http::Problem, limits};
use citywall_analysis::nearest::nearest;
use serde_json::{Value, json};

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

/// `/query/nearest`
pub const OPERATION: Operation = Operation {
    id: "nearest",
    title: "The nearest items",
    description: "A FeatureCollection, the nearest first, over all the collections together; each feature has collection and distance (metres, geodesic on WGS 84; 0 inside of a polygon). Exact at any latitude and across the antimeridian.",
    fields: FIELDS,
    answer,
};

fn answer(desk: &Desk<'_>, input: &Input) -> Result<Value, Problem> {
    let ids = input.list("collections");
    if ids.len() > limits::QUERY_COLLECTIONS_MAX {
        return Err(Problem::parameter("collections", format!("more than QUERY_COLLECTIONS_MAX ({})", limits::QUERY_COLLECTIONS_MAX)));
    }
    let place = input.place("place").ok_or_else(|| Problem::parameter("place", "is needed"))?;
    let count = input.whole("count", 10)?;
    let within = input.number("within");
    if within.is_some_and(|metres| metres < 0.0) {
        return Err(Problem::parameter("within", "expected metres, not less than 0"));
    }
    let filter = input.filter("filter")?;
    let collections = ids.iter().map(|id| desk.selection(id, filter.clone())).collect::<Result<Vec<_>, _>>()?;
    let views: Vec<_> = collections.iter().map(|(view, _)| view).collect();
    let (features, revision) = desk.settled(&views, || {
        let found = nearest(&collections, place, count, within, &mut desk.budget())?;
        let features: Vec<Value> = found
            .iter()
            .filter_map(|neighbour| {
                let view = &collections[neighbour.collection].0;
                let mut feature = view.item_by_fid(neighbour.fid, write::feature_value)?;
                feature["collection"] = view.id().as_str().into();
                feature["distance"] = neighbour.distance_m.into();
                Some(feature)
            })
            .collect();
        Ok(features)
    })?;
    Ok(
        json!({"type": "FeatureCollection", "features": features, "numberReturned": features.len(), "units": {"distance": "m"}, "revision": revision}),
    )
}
