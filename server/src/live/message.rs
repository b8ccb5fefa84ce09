//! Live messages as JSON text. Every change is written once, for the first who needs it, and
//! shared by all subscribers.

use super::interest::Told;
use crate::geojson::write;
use citywall_model::{Bbox, Change, CollectionId, FeatureRef, LifeState, LiveItem};
use citywall_wire::{LiveMessage, ReplayMark};
use std::sync::OnceLock;

/// One change on its way to the subscribers.
#[derive(Debug)]
pub struct PushedChange {
    /// Its collection.
    pub collection: CollectionId,
    /// The revision that made it.
    pub revision: u64,
    /// The item as it now is.
    pub item: LiveItem,
    /// The item before, where that is known.
    pub before: Option<LiveItem>,
    /// True if there was no item before.
    pub is_new: bool,
    /// The rectangle that the item fills.
    pub bounds: Option<Bbox>,
    /// The rectangle that it filled before.
    pub bounds_before: Option<Bbox>,
    /// True if the last state of the item says it all: its former ones may be left out.
    pub is_series: bool,
    /// True if it tells of the past and not of the present.
    pub late: bool,
    /// True if the item was deleted.
    pub removed: bool,
    json: OnceLock<Box<[u8]>>,
}

impl PushedChange {
    /// A change that was just committed.
    pub fn new(change: &Change, is_series: bool) -> Self {
        Self {
            collection: change.collection.clone(),
            revision: change.item.revision().0,
            bounds: change.item.bounds(),
            bounds_before: change.before.as_ref().and_then(LiveItem::bounds),
            is_new: change.before.is_none(),
            is_series,
            late: change.late,
            removed: change.item.state() == LifeState::Removed,
            item: change.item.clone(),
            before: change.before.clone(),
            json: OnceLock::new(),
        }
    }

    /// A change that was read from the journal, which does not say what was before.
    pub fn read(change: &Change, is_series: bool) -> Self {
        Self { is_new: false, ..Self::new(change, is_series) }
    }

    /// The same change under another number.
    pub fn numbered(self, revision: u64) -> Self {
        Self { revision, ..self }
    }

    /// How it concerns a subscriber of everything.
    pub fn told_to_all(&self) -> Told {
        if self.removed { Told::Gone } else { Told::Change }
    }

    /// The change as the JSON of [`citywall_wire::Change`].
    pub fn json(&self) -> &[u8] {
        self.json.get_or_init(|| {
            let mut json = Vec::with_capacity(512);
            json.extend_from_slice(
                format!("{{\"collection\":\"{}\",\"revision\":{},\"feature\":", self.collection, self.revision).as_bytes(),
            );
            write::feature(&mut json, FeatureRef::Live(&self.item));
            json.push(b'}');
            json.into()
        })
    }
}

/// The beginning of a message of a subscription: its type and, if it has one, its id.
fn start(kind: &str, id: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.push(b'"');
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        write::string(&mut out, id);
    }
    out
}

/// A delta over these changes and these items that are gone.
pub fn delta<'c>(
    id: Option<&str>,
    (after, revision): (u64, u64),
    changes: impl Iterator<Item = &'c PushedChange>,
    gone: impl Iterator<Item = &'c PushedChange>,
) -> String {
    let mut out = start("delta", id);
    out.extend_from_slice(format!(",\"after\":{after},\"revision\":{revision},\"changes\":[").as_bytes());
    for (at, change) in changes.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(change.json());
    }
    out.push(b']');
    let mut any_gone = false;
    for change in gone {
        out.extend_from_slice(if any_gone { b"," } else { b",\"gone\":[" });
        any_gone = true;
        out.extend_from_slice(format!("{{\"collection\":\"{}\",\"revision\":{},\"id\":", change.collection, change.revision).as_bytes());
        write::string(&mut out, change.item.id());
        out.push(b'}');
    }
    out.extend_from_slice(if any_gone { b"]}" } else { b"}" });
    text(out)
}

/// One part of a snapshot, marked where it is of a replay.
pub fn snapshot(
    id: Option<&str>,
    revision: u64,
    collection: &CollectionId,
    items: &[LiveItem],
    last: bool,
    replay: Option<&ReplayMark>,
) -> String {
    let mut out = start("snapshot", id);
    out.extend_from_slice(format!(",\"revision\":{revision},\"collection\":\"{collection}\",\"features\":[").as_bytes());
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write::feature(&mut out, FeatureRef::Live(item));
    }
    out.extend_from_slice(format!("],\"last\":{last}").as_bytes());
    if let Some(replay) = replay {
        out.extend_from_slice(b",\"replay\":");
        out.extend_from_slice(&serde_json::to_vec(replay).unwrap_or_default());
    }
    out.push(b'}');
    text(out)
}

/// Any other message.
pub fn other(message: &LiveMessage) -> String {
    serde_json::to_string(message).unwrap_or_default()
}

fn text(json: Vec<u8>) -> String {
    // What is written is text and ASCII around it.
    String::from_utf8(json).unwrap_or_default()
}
