//! What is asked of fences, rules and alarms when they are written.

use crate::ingest::{Reason, Refusal};
use citywall_model::{CollectionKind, EventDraft, LiveItem, Properties};
use citywall_query::City;
use citywall_rules::{RuleDocument, RuleError, alarms, document::RULE_ID_BYTES_MAX, fence::FenceIndex};
use jiff::Timestamp;
use serde_json::Value;

/// True for the kinds of collections whose items are checked here.
pub fn concern(kind: CollectionKind) -> bool {
    matches!(kind, CollectionKind::Alarms | CollectionKind::Fences | CollectionKind::Rules)
}

/// Checks a record of a fence, a rule or an alarm, and notes who takes an alarm's next step.
/// `known` is the item that the record changes; a rule must make sense as a whole afterwards.
///
/// # Errors
/// The member that is wrong, and what was expected.
pub fn check(city: &City, kind: CollectionKind, draft: &mut EventDraft, known: Option<&LiveItem>, actor: &str) -> Result<(), Refusal> {
    let refused = |error: RuleError| Refusal::new(Reason::Property, error.to_string());
    let known = known.filter(|item| item.state() != citywall_model::LifeState::Removed);
    match kind {
        CollectionKind::Alarms => alarms::step(draft, known, actor, Timestamp::now()).map_err(refused),
        CollectionKind::Fences => fence(draft, known).map_err(refused),
        CollectionKind::Rules => rule(city, draft, known).map_err(refused),
        _ => Ok(()),
    }
}

fn removes(draft: &EventDraft) -> bool {
    draft.properties.get("status").and_then(Value::as_str) == Some("removed")
}

fn fence(draft: &EventDraft, known: Option<&LiveItem>) -> Result<(), RuleError> {
    if removes(draft) {
        return Ok(());
    }
    match &draft.geometry {
        Some(Some(wkb)) => {
            FenceIndex::default().insert(wkb.bytes()).map(drop).map_err(|error| RuleError::new("geometry", error.to_string()))
        }
        Some(None) => Err(RuleError::new("geometry", "a fence needs a polygon; remove the fence to do without it")),
        None if known.is_none() => Err(RuleError::new("geometry", "is missing: a fence needs a polygon")),
        None => Ok(()),
    }
}

fn rule(city: &City, draft: &EventDraft, known: Option<&LiveItem>) -> Result<(), RuleError> {
    if removes(draft) {
        return Ok(());
    }
    if draft.id.len() > RULE_ID_BYTES_MAX {
        return Err(RuleError::new("id", format!("is longer than RULE_ID_BYTES_MAX ({RULE_ID_BYTES_MAX}) bytes")));
    }
    let mut whole: Properties = known.map(LiveItem::properties).unwrap_or_default();
    for (name, value) in &draft.properties {
        if value.is_null() {
            whole.shift_remove(name);
        } else {
            whole.insert(name.clone(), value.clone());
        }
    }
    citywall_rules::check(&RuleDocument::read(&whole)?, city)
}
