//! What findings make of alarms: raised, counted again, over.
//!
//! An alarm is raised by a finding and lives until a person closes it: `raised`, `acknowledged`,
//! `handled`, `closed`. What is found again while it lives is folded into it, with a count. When
//! the state of affairs that it tells of is over, it says so in `ended`, and stays: the next time
//! the same is found, that is a new alarm.

use crate::{
    document::{RuleDocument, RuleError},
    watch::{Finding, Phase},
};
use citywall_model::{CollectionId, EventDraft, LiveItem, Properties, Wkb};
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

/// An alarm that is not closed, and not over.
#[derive(Clone, Debug)]
struct Living {
    id: String,
    count: u64,
    since: Timestamp,
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
        if **item.source() != *ALARM_SOURCE {
            return;
        }
        let (Some(rule), Some(key)) = (text("rule"), text("key")) else { return };
        let at = (rule.as_str().into(), key);
        let lives = !item.is_cleared() && item.property("ended").is_null();
        if lives {
            let count = item.property("count").as_u64().unwrap_or(1);
            self.living.insert(at, Living { id: item.id().to_owned(), count, since: item.since() });
        } else if self.living.get(&at).is_some_and(|living| living.id == item.id()) {
            self.living.remove(&at);
        }
    }

    /// What a finding makes of the alarms; `None` if nothing.
    pub(crate) fn take(&mut self, rule: &Arc<str>, document: &RuleDocument, finding: &Finding) -> Option<EventDraft> {
        let at = (rule.clone(), finding.key.clone());
        match (self.living.get_mut(&at), finding.phase) {
            (None, Phase::Ends) => None,
            (Some(living), Phase::Ends) => {
                let draft = change(living, finding, json!({"ended": finding.at.to_string(), "value": finding.value}));
                self.living.remove(&at);
                Some(draft)
            }
            (Some(living), _) => {
                living.count += 1;
                let count = living.count;
                let last =
                    json!({"count": count, "last": finding.at.to_string(), "value": finding.value, "cause": cause(finding, document)});
                Some(change(living, finding, last))
            }
            (None, _) => {
                let id = alarm_id(rule, &finding.key, finding.at);
                self.living.insert(at, Living { id: id.clone(), count: 1, since: finding.at });
                Some(raise(id, rule, document, finding))
            }
        }
    }
}

/// The same for the same finding, so that what is found again after a crash is no second alarm.
fn alarm_id(rule: &str, key: &str, at: Timestamp) -> String {
    let mut hasher = rustc_hash::FxHasher::default();
    (rule, key).hash(&mut hasher);
    format!("{rule}-{:016x}-{}", hasher.finish(), at.strftime("%Y%m%dT%H%M%S%3fZ"))
}

fn place(finding: &Finding) -> Option<Wkb> {
    finding.items.iter().rev().find_map(|(_, item)| item.geometry()).and_then(|wkb| Wkb::new(wkb).ok())
}

fn raise(id: String, rule: &str, document: &RuleDocument, finding: &Finding) -> EventDraft {
    let mut properties = Properties::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            properties.insert(name.to_owned(), value);
        }
    };
    put("title", document.title.as_str().into());
    put("level", document.level.into());
    put("status", ALARM_LIFE[0].into());
    put("rule", rule.into());
    put("key", finding.key.as_str().into());
    put("count", 1.into());
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
fn change(living: &mut Living, finding: &Finding, properties: Value) -> EventDraft {
    living.since = living.since.max(finding.at);
    let properties = match properties {
        Value::Object(mut all) => {
            all.retain(|_, value| !value.is_null());
            all
        }
        _ => Properties::new(),
    };
    EventDraft { id: living.id.clone(), source: None, time: Some(living.since), geometry: None, properties }
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
