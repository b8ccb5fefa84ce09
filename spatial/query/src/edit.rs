//! Edits of single items (OGC API – Features Part 4, 20-002): what a client puts in an item's
//! place, changes of it, or removes, on the condition that it has seen the item as it is.
//!
//! An edit becomes a record like any other on the writer's thread, where nothing can come
//! between the condition and the change.

use crate::Refused;
use citywall_model::{EventDraft, LifeState, LiveItem, Revision};
use serde_json::Value;

/// A change of one item by someone who has seen it.
#[derive(Clone, Debug)]
pub struct Edit {
    /// What the client says: of a removal, only its id counts.
    pub draft: EventDraft,
    /// What it does to the item.
    pub deed: Deed,
    /// How the item must be for that.
    pub expected: Expected,
}

/// What an edit does to the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// What the edit does not name is gone.
    Replace,
    /// JSON Merge Patch (RFC 7396) of the properties; a geometry takes the place of the one before.
    Patch,
    /// The item is gone; its history stays.
    Remove,
}

/// How the item must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It must not be there.
    Absent,
    /// It must be there.
    Present,
    /// It must be as it was at one of these revisions.
    At(Vec<Revision>),
}

impl Edit {
    /// The record that makes of the item what the edit says. An edit holds from now on.
    pub(crate) fn record(self, known: Option<&LiveItem>) -> Result<EventDraft, Refused> {
        let Self { mut draft, deed, expected } = self;
        let known = known.filter(|item| item.state() != LifeState::Removed);
        match (&expected, known) {
            (Expected::Absent, None) => return Ok(draft),
            (Expected::Absent, Some(_)) => return Err(Refused::Exists { id: draft.id }),
            (Expected::At(seen), Some(known)) if !seen.contains(&known.revision()) => {
                return Err(Refused::Outdated { id: draft.id, revision: known.revision() });
            }
            _ => {}
        }
        let Some(known) = known else { return Err(Refused::NoItem { id: draft.id }) };
        if draft.time.take().is_some_and(|time| time != known.time()) && deed != Deed::Remove {
            return Err(Refused::Invalid { member: "time", reason: "an edit leaves it as it is; leave it out".to_owned() });
        }
        match deed {
            Deed::Replace => {
                draft.geometry.get_or_insert(None);
                for name in known.properties().into_iter().map(|(name, _)| name) {
                    draft.properties.entry(name).or_insert(Value::Null);
                }
            }
            Deed::Patch => {
                for (name, patch) in draft.properties.iter_mut().filter(|(_, patch)| patch.is_object()) {
                    let mut whole = known.property(name);
                    json_patch::merge(&mut whole, patch);
                    *patch = whole;
                }
            }
            Deed::Remove => {
                draft.geometry = None;
                draft.properties = [("status".to_owned(), "removed".into())].into_iter().collect();
            }
        }
        Ok(draft)
    }
}
