//! A rule is tried on the past: which alarms it would have raised.

use super::{past::Past, zone};
use crate::{http::Problem, limits};
use citywall_model::{CollectionId, EventDraft, Properties, geometry};
use citywall_query::City;
use citywall_rules::{Engine, RuleDocument, RuleError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is to be tried.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The rule, as it would be stored.
    pub rule: RuleDocument,
    /// The first instant.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// The last instant; now without it.
    #[schemars(with = "Option<String>")]
    pub to: Option<Timestamp>,
}

/// Has a rule go through an interval of the past and tells the alarms that it would have raised,
/// as a GeoJSON FeatureCollection. Nothing is stored.
///
/// O(changes in the interval), at most [`limits::TRIAL_CHANGES_MAX`].
///
/// # Errors
/// The rule or the interval makes no sense, or the interval holds too many changes.
pub fn run(city: &City, trial: &Trial) -> Result<Value, Problem> {
    let refused = |error: RuleError| Problem::body(format!("rule: {error}"));
    let to = trial.to.unwrap_or_else(Timestamp::now);
    if trial.from > to {
        return Err(Problem::body("from: lies after to"));
    }
    let properties: Properties = match serde_json::to_value(&trial.rule) {
        Ok(Value::Object(properties)) => properties,
        _ => Properties::new(),
    };
    let document = RuleDocument::read(&properties).map_err(refused)?;
    let mut engine = Engine::new(zone(city));
    engine.add("trial", 0, document, city).map_err(refused)?;
    let followed: Vec<CollectionId> = engine.followed().cloned().collect();
    let revision = city.revision();
    let past = Past::read(city, &followed, trial.from, to, limits::TRIAL_CHANGES_MAX).map_err(|error| Problem::internal(&error))?;
    if past.is_cut {
        let reason =
            format!("the interval holds more than TRIAL_CHANGES_MAX ({}) changes; choose a shorter one", limits::TRIAL_CHANGES_MAX);
        return Err(Problem::body(reason));
    }
    let mut drafts = Vec::new();
    past.replay(&mut engine, &mut drafts);
    engine.finish(to, &mut drafts);
    let mut alarms: BTreeMap<String, (EventDraft, usize)> = BTreeMap::new();
    for (at, draft) in drafts.into_iter().enumerate() {
        match alarms.get_mut(&draft.id) {
            Some((alarm, _)) => alarm.properties.extend(draft.properties),
            None => drop(alarms.insert(draft.id.clone(), (draft, at))),
        }
    }
    let mut alarms: Vec<(EventDraft, usize)> = alarms.into_values().collect();
    alarms.sort_by_key(|(_, at)| *at);
    let total = alarms.len();
    let features: Vec<Value> = alarms.into_iter().take(limits::TRIAL_ALARMS_MAX).map(|(alarm, _)| feature(&alarm)).collect();
    Ok(json!({
        "type": "FeatureCollection", "numberMatched": total, "numberReturned": features.len(), "changes": past.len(),
        "from": trial.from.to_string(), "to": to.to_string(), "revision": revision.0, "features": features
    }))
}

fn feature(alarm: &EventDraft) -> Value {
    let point = alarm.geometry.as_ref().and_then(Option::as_ref).and_then(|wkb| {
        let [west, south, east, north]: [f64; 4] = geometry::bounds(wkb.bytes()).into();
        geometry::as_point(wkb.bytes()).or(Some(((west + east) / 2.0, (south + north) / 2.0)))
    });
    let place = point.map(|(x, y)| json!({"type": "Point", "coordinates": [x, y]}));
    let mut properties = alarm.properties.clone();
    properties.retain(|_, value| !value.is_null());
    properties.insert("time".to_owned(), alarm.time.map(|time| time.to_string()).into());
    json!({"type": "Feature", "id": alarm.id, "geometry": place, "properties": properties})
}
