//! `/collections/{id}/items/{fid}/series`: the observations of a datastream, one by one or in
//! buckets of time.

use super::{Past, bucket::Bucket, links};
use crate::{
    api::{features::schema, value},
    app::App,
    http::{Answer, Ask, PathOf, Problem},
    ingest::HEARTBEAT_ACTOR,
    limits,
};
use axum::extract::State;
use citywall_model::LifeState;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use std::sync::Arc;

/// An observation on its way into a page.
#[derive(Clone, Copy)]
struct Observation {
    time: Timestamp,
    revision: u64,
    value: f64,
}

/// What is known of the observations of one bucket.
struct Sums {
    start: Timestamp,
    end: Timestamp,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    first: f64,
    last: f64,
}

impl Sums {
    fn of(observation: Observation, (start, end): (Timestamp, Timestamp)) -> Self {
        let Observation { value, .. } = observation;
        Self { start, end, count: 1, sum: value, min: value, max: value, first: value, last: value }
    }

    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.last = value;
    }

    fn json(&self) -> Value {
        json!({
            "start": self.start.to_string(), "end": self.end.to_string(), "count": self.count, "mean": self.sum / self.count as f64,
            "min": self.min, "max": self.max, "first": self.first, "last": self.last,
        })
    }
}

/// `GET /collections/{id}/items/{fid}/series`
pub async fn series(State(app): State<Arc<App>>, ask: Ask, PathOf((id, item)): PathOf<(String, String)>) -> Answer {
    let params = ask.params(&["datetime", "bucket", "property", "limit", "cursor"])?;
    let bucket = params.get("bucket").map(str::parse::<Bucket>).transpose().map_err(|reason| Problem::parameter("bucket", reason))?;
    let property = params.get("property").unwrap_or("result").to_owned();
    let past = Past::read(&app, &params, &id, &item, limits::SERIES_PAGE_MAX)?;
    let document = app
        .blocking(move || {
            let revision = past.city.revision();
            let zone = schema::time_zone(&past.city);
            let (name, values, next) = match bucket {
                None => {
                    let (values, next) = observations(&past, &property)?;
                    ("observations", values, next)
                }
                Some(bucket) => {
                    let (values, next) = buckets(&past, &property, bucket, &zone)?;
                    ("buckets", values, next)
                }
            };
            let unit = past.view.item(&item, |feature| match feature {
                citywall_model::FeatureRef::Live(live) => live.property("unit"),
                citywall_model::FeatureRef::Row(..) => Value::Null,
            });
            let mut document = json!({
                "collection": id, "item": item, "property": property, "unit": unit.unwrap_or_default(),
                "timeZone": zone.iana_name(), "bucket": params.get("bucket"), "revision": revision, "numberReturned": values.len(),
            });
            document[name] = Value::Array(values);
            document["links"] = json!(links(&ask, &params, (&id, &item, "series"), "application/json", next));
            Ok(document)
        })
        .await?;
    Ok(value(&document))
}

/// Visits the numbers of a series in order of time, of those of one instant the last recorded.
/// What the server itself says of an item, that it is silent say, is no observation.
fn each(past: &Past, property: &str, mut visit: impl FnMut(Observation) -> bool) -> Result<(), Problem> {
    let mut held: Option<Observation> = None;
    let mut goes_on = true;
    past.city.states(&past.collection, Some(past.fid), &past.time, past.after, |change| {
        let item = &change.item;
        let value = item.property(property).as_f64();
        let (Some(value), false) = (value, item.state() == LifeState::Removed || &*change.actor == HEARTBEAT_ACTOR) else {
            return true;
        };
        let observation = Observation { time: item.since(), revision: item.revision().0, value };
        if let Some(before) = held.replace(observation)
            && before.time != observation.time
        {
            goes_on = visit(before);
        }
        goes_on
    })?;
    if let Some(last) = held.filter(|_| goes_on) {
        visit(last);
    }
    Ok(())
}

fn observations(past: &Past, property: &str) -> Result<(Vec<Value>, Option<String>), Problem> {
    let (mut values, mut last, mut next) = (Vec::new(), None, None);
    each(past, property, |observation| {
        if values.len() == past.limit {
            next = last.map(|last: Timestamp| format!("{last}~{}", u64::MAX));
            return false;
        }
        last = Some(observation.time);
        values.push(json!({"phenomenonTime": observation.time.to_string(), "result": observation.value, "recorded": observation.revision}));
        true
    })?;
    Ok((values, next))
}

fn buckets(past: &Past, property: &str, bucket: Bucket, zone: &TimeZone) -> Result<(Vec<Value>, Option<String>), Problem> {
    let (mut values, mut current, mut next, mut seen, mut failed) = (Vec::new(), None::<Sums>, None, 0_usize, None);
    each(past, property, |observation| {
        seen += 1;
        match &mut current {
            Some(sums) if observation.time < sums.end => sums.add(observation.value),
            full => {
                if let Some(sums) = full.take() {
                    values.push(sums.json());
                    if values.len() == past.limit || seen > limits::SERIES_OBSERVATIONS_MAX {
                        // All before the end of that bucket is told.
                        next = before(sums.end).map(|last| format!("{last}~{}", u64::MAX));
                        return false;
                    }
                }
                match bucket.around(observation.time, zone) {
                    Ok(around) => *full = Some(Sums::of(observation, around)),
                    Err(error) => {
                        failed = Some(error);
                        return false;
                    }
                }
            }
        }
        true
    })?;
    if let Some(error) = failed {
        return Err(Problem::parameter("bucket", error));
    }
    values.extend(current.filter(|_| next.is_none()).map(|sums| sums.json()));
    Ok((values, next))
}

/// The last instant before another.
fn before(instant: Timestamp) -> Option<Timestamp> {
    instant.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()
}
