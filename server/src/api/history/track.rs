//! `/collections/{id}/items/{fid}/track`: where a moving object was, and when
//! (OGC Moving Features Encoding Extension – JSON, 19-045r3).

use super::{Past, links};
use crate::{
    api::json as answer,
    app::App,
    http::{Answer, Ask, PathOf, Problem},
    limits,
};
use axum::extract::State;
use citywall_model::{LifeState, LiveItem, geometry};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// `GET /collections/{id}/items/{fid}/track`
pub async fn track(State(app): State<Arc<App>>, ask: Ask, PathOf((id, item)): PathOf<(String, String)>) -> Answer {
    let params = ask.params(&["datetime", "limit", "cursor"])?;
    let past = Past::read(&app, &params, &id, &item, limits::TRACK_POINTS_MAX)?;
    let document = app
        .blocking(move || {
            let revision = past.city.revision();
            let (states, next) = positions(&past)?;
            let mut track = document(&states);
            track["id"] = json!(item);
            track["revision"] = json!(revision);
            track["numberReturned"] = json!(states.len());
            track["links"] = json!(links(&ask, &params, (&id, &item, "track"), "application/geo+json", next));
            Ok(track)
        })
        .await?;
    Ok(answer("application/geo+json", document.to_string()))
}

/// The states with a point, of those of one instant the last recorded, and where the next page begins.
fn positions(past: &Past) -> Result<(Vec<LiveItem>, Option<String>), Problem> {
    let mut states: Vec<LiveItem> = Vec::new();
    let mut has_more = false;
    past.city.states(&past.collection, Some(past.fid), &past.time, past.after, |change| {
        let item = change.item;
        if item.state() == LifeState::Removed || point(&item).is_none() {
            return true;
        }
        let is_full = states.len() == past.limit;
        match states.last_mut() {
            Some(last) if last.since() == item.since() => *last = item,
            _ if is_full => has_more = true,
            _ => states.push(item),
        }
        !has_more
    })?;
    let next = states.last().filter(|_| has_more).map(|last| format!("{}~{}", last.since(), u64::MAX));
    Ok((states, next))
}

fn point(item: &LiveItem) -> Option<(f64, f64)> {
    item.geometry().and_then(geometry::as_point)
}

fn document(states: &[LiveItem]) -> Value {
    let times: Vec<String> = states.iter().map(|state| state.since().to_string()).collect();
    let points: Vec<(f64, f64)> = states.iter().filter_map(point).collect();
    let shape = match &*points {
        [] => Value::Null,
        [point] => json!({"type": "Point", "coordinates": point}),
        points => json!({"type": "LineString", "coordinates": points}),
    };
    // Every number among the properties, where it is known.
    let mut numbers: BTreeMap<String, (Vec<&str>, Vec<f64>)> = BTreeMap::new();
    for (state, time) in states.iter().zip(&times) {
        for (name, value) in state.properties() {
            if let Some(number) = value.as_f64() {
                let (times, values) = numbers.entry(name).or_default();
                times.push(time);
                values.push(number);
            }
        }
    }
    let properties: Vec<Value> = numbers
        .into_iter()
        .map(|(name, (times, values))| {
            let mut of_name = Map::new();
            of_name.insert("datetimes".to_owned(), json!(times));
            of_name.insert(name, json!({"type": "Measure", "values": values, "interpolation": "Step"}));
            Value::Object(of_name)
        })
        .collect();
    json!({
        "type": "Feature",
        "geometry": shape,
        "properties": {"datetimes": times},
        "crs": {"type": "Name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
        "trs": {"type": "Name", "properties": {"name": "urn:ogc:data:time:iso8601"}},
        "temporalGeometry": {"type": "MovingPoint", "datetimes": times, "coordinates": points, "interpolation": "Linear"},
        "temporalProperties": properties,
    })
}
