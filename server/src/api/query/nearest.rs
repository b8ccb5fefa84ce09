//! `/query/nearest`: the items that are nearest to a place.

use super::{
    Desk, Operation,
    input::{Field, Input, Kind},
};
use crate::{geojson::write, http::Problem, limits};
use citywall_analysis::nearest::nearest;
use citywall_model::CollectionId;
use citywall_query::{City, CollectionView};
use serde_json::json;

/// So many items are written, with what they have, in about the time that it takes to hand a question to another thread.
const QUICK_ITEMS: usize = 20;

const FIELDS: &[Field] = &[
    Field::needed("collections", Kind::List, "the collections to look in", "buildings"),
    Field::needed("place", Kind::Place, "longitude, latitude in degrees", "117.2,39.13"),
    Field::optional("count", Kind::Number, "how many items: 10 without it, at most ANALYSIS_NEAREST_MAX (1000)", "5"),
    Field::optional("within", Kind::Number, "no further than so many metres", "500"),
    Field::optional("filter", Kind::Filter, "CQL2 that holds of the items, in each of the collections", ""),
    Field::optional(
        "properties",
        Kind::List,
        "the properties to tell of each item: all without it; those that a collection does not have are passed over",
        "",
    ),
];

/// `/query/nearest`
pub const OPERATION: Operation = Operation {
    id: "nearest",
    title: "The nearest items",
    description: "A FeatureCollection, the nearest first, over all the collections together; each feature has collection and distance (metres, geodesic on WGS 84; 0 inside of a polygon). Exact at any latitude and across the antimeridian.",
    fields: FIELDS,
    is_quick,
    answer,
};

/// From farther away many items are about as near, and each is measured.
const QUICK_DEGREES: f64 = 0.1;

/// The tree finds a few small items of layers at once, near to the place.
fn is_quick(city: &City, input: &Input) -> bool {
    let ids = input.list("collections");
    let count = input.whole("count", 10).unwrap_or(usize::MAX);
    let view = |id: &String| CollectionId::new(id).ok().and_then(|id| city.view(&id).ok());
    // Some more are looked at than are told.
    let is_around = |view: &CollectionView| input.place("place").is_some_and(|place| view.is_around(place.x(), place.y(), QUICK_DEGREES));
    let is_quick = |view: &CollectionView| is_around(view) && view.is_quick(count.saturating_mul(2 * ids.len()));
    count <= QUICK_ITEMS && !input.has("filter") && ids.iter().all(|id| view(id).is_some_and(|view| is_quick(&view)))
}

fn answer(desk: &Desk<'_>, input: &Input) -> Result<String, Problem> {
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
    let properties = Some(input.list("properties")).filter(|names| !names.is_empty());
    let ((features, count), revision) = desk.settled(&views, || {
        let found = nearest(&collections, place, count, within, &mut desk.budget())?;
        let mut writers: Vec<_> = views.iter().map(|_| write::FeatureWriter::new(properties.clone(), None)).collect();
        let (mut features, mut count) = (Vec::new(), 0);
        for neighbour in &found {
            let (view, writer) = (views[neighbour.collection], &mut writers[neighbour.collection]);
            let members = format!("\"collection\":\"{}\",\"distance\":{}", view.id(), json!(neighbour.distance_m));
            view.item_by_fid(neighbour.fid, |item| {
                if count > 0 {
                    features.push(b',');
                }
                count += 1;
                writer.feature_with(&mut features, item, &members);
            });
        }
        Ok((features, count))
    })?;
    let features = String::from_utf8(features).map_err(|error| Problem::internal(&error))?;
    Ok(format!(
        "{{\"type\":\"FeatureCollection\",\"features\":[{features}],\"numberReturned\":{count},\"units\":{{\"distance\":\"m\"}},\"revision\":{revision}}}"
    ))
}
