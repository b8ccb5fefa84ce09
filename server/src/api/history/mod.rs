//! The past of one live item: its states, its track and its series.

mod bucket;
pub mod series;
pub mod states;
pub mod track;

use crate::{
    api::features::query,
    app::App,
    http::{Ask, Params, Problem, problem::collection_id},
};
use citywall_model::{CollectionId, Revision, TimeFilter};
use citywall_query::{City, CollectionView, StatePlace};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Whose past is asked for, and which part of it.
struct Past {
    city: Arc<City>,
    view: CollectionView,
    collection: CollectionId,
    fid: u64,
    time: TimeFilter,
    /// Where the page before ended.
    after: Option<StatePlace>,
    limit: usize,
}

impl Past {
    /// Reads what every such request has.
    fn read(app: &App, params: &Params, collection: &str, item: &str, limit_max: usize) -> Result<Self, Problem> {
        let city = app.city()?.clone();
        let collection = collection_id(collection)?;
        let view = city.view(&collection)?;
        if !view.is_live() {
            return Err(Problem::missing(format!("“{collection}” is a layer: its items have no history")));
        }
        let missing = || Problem::missing(format!("“{collection}” never had an item “{}”", item.chars().take(100).collect::<String>()));
        let fid = view.fid_ever(item).ok_or_else(missing)?;
        let time = query::time(params.get("datetime"))?.unwrap_or(TimeFilter { start: None, end: None });
        let after = params.get("cursor").map(place).transpose()?;
        Ok(Self { city, view, collection, fid, time, after, limit: limit(params, limit_max)? })
    }
}

/// A limit above the most that there can be means the most.
fn limit(params: &Params, max: usize) -> Result<usize, Problem> {
    match params.get("limit").map(str::parse::<usize>) {
        None => Ok(max.min(1_000)),
        Some(Ok(limit)) if limit > 0 => Ok(limit.min(max)),
        Some(_) => Err(Problem::parameter("limit", format!("must be a whole number from 1 to {max}"))),
    }
}

/// Reads where a page ended.
fn place(cursor: &str) -> Result<StatePlace, Problem> {
    let parts = cursor.split_once('~').and_then(|(since, revision)| Some((since.parse().ok()?, revision.parse().ok()?)));
    let (since, revision): (Timestamp, u64) =
        parts.ok_or_else(|| Problem::parameter("cursor", "not a cursor of this server; follow the “next” link"))?;
    Ok((since, Revision(revision)))
}

/// The links of a page to itself, its item and the next page.
fn links(ask: &Ask, params: &Params, (collection, item, what): (&str, &str, &str), media: &str, next: Option<String>) -> Vec<Value> {
    use crate::http::links::link;
    let own = ask.links.item(collection, item);
    let mut links = vec![
        link("self", format!("{own}/{what}{}", params.without(&[])), media, "This page"),
        link("item", own.clone(), "application/geo+json", "The item as it is now"),
    ];
    if let Some(next) = next {
        let query = params.without(&["cursor"]).with("cursor", next);
        links.push(link("next", format!("{own}/{what}{query}"), media, "The next page"));
    }
    links
}

/// What is at these addresses, for the API definition.
pub fn paths() -> Map<String, Value> {
    use crate::api::definition::{Operation, data, get};
    let what = |name, id, summary, description, parameters, media| {
        let operation = Operation {
            tag: "History",
            id,
            summary,
            description,
            parameters,
            ok: data(summary, media, "Any"),
            problems: &["400", "404", "410"],
        };
        (format!("/collections/{{collectionId}}/items/{{itemId}}/{name}"), get(operation))
    };
    [
        what(
            "history",
            "getItemHistory",
            "The states of a live item",
            "Every state that the item was in, in order of when it began, late ones among them. Each is a Feature whose `time.interval` (JSON-FG) says from when until when; `recorded` is the revision that made it, and `late` is true where it was told after a later state was known. Removed items have a history too.",
            &["collectionId", "itemId", "datetime", "crs", "limit", "cursor"][..],
            "application/geo+json",
        ),
        what(
            "track",
            "getItemTrack",
            "The track of a moving object",
            "The positions of an item with their times, as a Feature in two forms of OGC Moving Features (19-045r3) at once: a LineString whose `datetimes` stand in the properties (Trajectory), and a `temporalGeometry` of type MovingPoint with `temporalProperties` for every number among the item's properties (Prism). States without a point are passed over; of several at one instant the last recorded counts.",
            &["collectionId", "itemId", "datetime", "limit", "cursor"][..],
            "application/geo+json",
        ),
        what(
            "series",
            "getItemSeries",
            "The series of a datastream",
            "The observations of a datastream, or with `bucket` their count, mean, min, max, first and last by time. Buckets begin at midnight of the city's time zone and are half-open; those without a number are left out. The answer names the unit and the revision.",
            &["collectionId", "itemId", "datetime", "bucket", "property", "limit", "cursor"][..],
            "application/json",
        ),
    ]
    .into_iter()
    .collect()
}

/// The parameters that only these addresses take, for the API definition.
pub fn parameters() -> Map<String, Value> {
    let query = |name: &str, description: &str, schema: Value| {
        (name.to_owned(), json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema}))
    };
    [
        query("bucket", "The width of a bucket: a part of a day such as PT15M that divides it, or P1D, P1W, P1M, P1Y; without it every observation is given.", json!({"type": "string", "example": "PT1H"})),
        query("property", "The number to give, “result” without it.", json!({"type": "string", "default": "result"})),
    ]
    .into_iter()
    .collect()
}
