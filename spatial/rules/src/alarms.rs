//! What findings make of alarms: raised, counted again, over.
//!
//! An alarm is raised by a finding and lives until a person closes it: `raised`, `acknowledged`,
//! `handled`, `closed`. What is found again while it lives is folded into it, with a count. When
//! the state of affairs that it tells of is over, it says so in `ended`, and stays: the next time
//! the same is found, that is a new alarm. Until then it says `ongoing`, also where a person has
//! closed it: what goes on is not raised again.

use crate::{
    document::{RuleDocument, RuleError},
    watch::{Finding, Phase},
};
use citywall_model::{CollectionId, EventDraft, LifeState, LiveItem, Properties, Wkb};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The `source` of every alarm that a rule raises.
pub const ALARM_SOURCE: &str = "rules";

/// Where an alarm is in its life, in order.
pub const ALARM_LIFE: [&str; 4] = ["raised", "acknowledged", "handled", "closed"];

/// An alarm that what is found next goes into: one that is not closed, or whose state of affairs
/// goes on although a person closed it.
#[derive(Clone, Debug)]
struct Living {
    id: String,
    count: u64,
    since: Timestamp,
    /// What is not over, where that can end: see [`Phase::Begins`].
    ongoing: Option<Ongoing>,
}

/// A state of affairs that goes on, with the alarm that tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ongoing {
    pub(crate) key: String,
    /// The id of the item that caused it last.
    pub(crate) item: String,
    pub(crate) fence: Option<String>,
}

impl Ongoing {
    /// What a finding says that it goes on.
    pub(crate) fn of(finding: &Finding) -> Self {
        let item = finding.items.last().map(|(_, item)| item.id().to_owned()).unwrap_or_default();
        Self { key: finding.key.clone(), item, fence: finding.fence.clone() }
    }
}

/// A rule as its alarms need it.
pub(crate) struct Raiser<'r> {
    pub(crate) id: &'r Arc<str>,
    /// The revision of the rule's item: what a changed rule finds again is another alarm.
    pub(crate) revision: u64,
    pub(crate) document: &'r RuleDocument,
}

/// The alarms that findings are folded into, by rule and key.
#[derive(Debug, Default)]
pub(crate) struct Book {
    living: FxHashMap<(Arc<str>, String), Living>,
}

impl Book {
    /// Takes in an alarm as it is, whoever changed it.
    pub(crate) fn know(&mut self, item: &LiveItem) {
        let text = |name: &str| item.property(name).as_str().map(str::to_owned);
        if *item.source() != *ALARM_SOURCE {
            return;
        }
        let (Some(rule), Some(key)) = (text("rule"), text("key")) else { return };
        let at = (rule.as_str().into(), key);
        let is_over = !item.property("ended").is_null() || item.state() == LifeState::Removed;
        let goes_on = item.property("ongoing") == true;
        if !is_over && (goes_on || !item.is_cleared()) {
            let count = item.property("count").as_u64().unwrap_or(1);
            let cause = item.property("cause");
            let last = cause["items"].as_array().and_then(|items| items.last()).and_then(|item| item["id"].as_str());
            let ongoing = goes_on.then(|| Ongoing {
                key: at.1.clone(),
                item: last.unwrap_or_default().to_owned(),
                fence: cause["fence"]["id"].as_str().map(str::to_owned),
            });
            self.living.insert(at, Living { id: item.id().to_owned(), count, since: item.since(), ongoing });
        } else if self.living.get(&at).is_some_and(|living| living.id == item.id()) {
            self.living.remove(&at);
        }
    }

    /// What a finding makes of the alarms; `None` if nothing.
    pub(crate) fn take(&mut self, rule: &Raiser<'_>, finding: &Finding) -> Option<EventDraft> {
        let at = (rule.id.clone(), finding.key.clone());
        match (self.living.get_mut(&at), finding.phase) {
            (None, Phase::Ends) => None,
            (Some(living), Phase::Ends) => {
                let draft = end(living, finding.at, json!({"value": finding.value}));
                self.living.remove(&at);
                Some(draft)
            }
            // It was found before, and never ended: a restart, or a rule that was written anew.
            (Some(Living { ongoing: Some(_), .. }), Phase::Begins) => None,
            (Some(living), _) => {
                living.count += 1;
                let last = json!({
                    "count": living.count, "last": finding.at.to_string(), "value": finding.value,
                    "cause": cause(finding, rule.document),
                });
                Some(change(living, finding.at, last))
            }
            (None, _) => {
                let id = alarm_id(rule, finding);
                let ongoing = (finding.phase == Phase::Begins).then(|| Ongoing::of(finding));
                self.living.insert(at, Living { id: id.clone(), count: 1, since: finding.at, ongoing });
                Some(raise(id, rule, finding))
            }
        }
    }

    /// What goes on, by rule.
    pub(crate) fn ongoing(&self) -> FxHashMap<Arc<str>, Vec<Ongoing>> {
        let mut all: FxHashMap<Arc<str>, Vec<Ongoing>> = FxHashMap::default();
        for ((rule, _), living) in &self.living {
            if let Some(ongoing) = &living.ongoing {
                all.entry(rule.clone()).or_default().push(ongoing.clone());
            }
        }
        all.values_mut().for_each(|of_rule| of_rule.sort_by(|a, b| a.key.cmp(&b.key)));
        all
    }

    /// A state of affairs is over without a finding: its fence or its rule is no more.
    pub(crate) fn end(&mut self, rule: &Arc<str>, ongoing: &Ongoing, at: Timestamp) -> Option<EventDraft> {
        let mut living = self.living.remove(&(rule.clone(), ongoing.key.clone()))?;
        Some(end(&mut living, at, json!({})))
    }
}

/// Another for each finding of a rule, also for two at the same instant: the latest change that
/// it follows from is part of it.
fn alarm_id(rule: &Raiser<'_>, finding: &Finding) -> String {
    let mut hasher = rustc_hash::FxHasher::default();
    let latest = finding.items.iter().map(|(_, item)| item.revision()).max();
    (&**rule.id, rule.revision, &finding.key, latest.map(|revision| revision.0)).hash(&mut hasher);
    format!("{}-{:016x}-{}", rule.id, hasher.finish(), finding.at.strftime("%Y%m%dT%H%M%S%3fZ"))
}

fn place(finding: &Finding) -> Option<Wkb> {
    finding.items.iter().rev().find_map(|(_, item)| item.geometry()).and_then(|wkb| Wkb::new(wkb).ok())
}

fn raise(id: String, rule: &Raiser<'_>, finding: &Finding) -> EventDraft {
    let document = rule.document;
    let mut properties = Properties::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            properties.insert(name.to_owned(), value);
        }
    };
    put("title", document.title.as_str().into());
    put("level", document.level.into());
    put("status", ALARM_LIFE[0].into());
    put("rule", (&**rule.id).into());
    put("key", finding.key.as_str().into());
    put("count", 1.into());
    put("ongoing", if finding.phase == Phase::Begins { true.into() } else { Value::Null });
    put("value", json!(finding.value));
    put("cause", cause(finding, document));
    put("generated", document.generated.filter(|generated| *generated).into());
    // An alarm without a place still lies in the areas of its cause.
    if let Some((_, item)) = finding.items.last()
        && place(finding).is_none()
    {
        item.areas().named().for_each(|(name, code)| put(name, code.into()));
    }
    EventDraft { id, source: Some(ALARM_SOURCE.to_owned()), time: Some(finding.at), geometry: place(finding).map(Some), properties }
}

/// A change of a living alarm. What came before its last change is told at that change.
fn change(living: &mut Living, at: Timestamp, properties: Value) -> EventDraft {
    living.since = living.since.max(at);
    let properties = match properties {
        Value::Object(mut all) => {
            all.retain(|_, value| !value.is_null());
            all
        }
        _ => Properties::new(),
    };
    EventDraft { id: living.id.clone(), source: None, time: Some(living.since), geometry: None, properties }
}

/// The state of affairs is over; the alarm stays until a person closes it.
fn end(living: &mut Living, at: Timestamp, properties: Value) -> EventDraft {
    let mut draft = change(living, at, properties);
    draft.properties.insert("ended".to_owned(), at.to_string().into());
    if living.ongoing.is_some() {
        draft.properties.insert("ongoing".to_owned(), Value::Null);
    }
    draft
}

fn cause(finding: &Finding, document: &RuleDocument) -> Value {
    let items: Vec<Value> = finding
        .items
        .iter()
        .map(|(collection, item): &(CollectionId, LiveItem)| json!({"collection": collection, "id": item.id(), "revision": item.revision().0}))
        .collect();
    let mut cause = json!({ "items": items });
    if let (Some(fence), crate::document::When::Fence(when)) = (&finding.fence, &document.when) {
        cause["fence"] = json!({"collection": when.fences, "id": fence});
    }
    cause
}

/// Checks and completes what a person writes to an alarm: a step of its life goes forward only,
/// and is noted with its instant and its actor.
///
/// # Errors
/// The step is none, or goes back; the member is named.
pub fn step(draft: &mut EventDraft, known: Option<&LiveItem>, actor: &str, now: Timestamp) -> Result<(), RuleError> {
    let Some(status) = draft.properties.get("status") else { return Ok(()) };
    if status == "removed" {
        return Ok(());
    }
    let wrong = |reason: String| Err(RuleError::new("status", reason));
    let position = |status: &str| ALARM_LIFE.iter().position(|step| *step == status);
    let Some(next) = status.as_str().and_then(position) else {
        return wrong(format!("must be one of {}", ALARM_LIFE.join(", ")));
    };
    let was = known.map(|item| item.property("status"));
    let was = was.as_ref().and_then(Value::as_str).and_then(position);
    match was {
        Some(was) if next < was => {
            return wrong(format!("the alarm is {} already; it does not go back to {}", ALARM_LIFE[was], ALARM_LIFE[next]));
        }
        Some(was) if next == was => return Ok(()),
        _ => {}
    }
    if next > 0 {
        draft.properties.insert(format!("{}_at", ALARM_LIFE[next]), now.to_string().into());
        draft.properties.insert(format!("{}_by", ALARM_LIFE[next]), actor.into());
    }
    Ok(())
}
