//! What a client asks to change, and what is committed.

use crate::{CollectionId, LiveItem, Properties, Wkb};
use jiff::Timestamp;
use std::sync::Arc;

/// One record of an ingest request, checked for form but not yet merged.
#[derive(Clone, Debug, PartialEq)]
pub struct EventDraft {
    /// The client's own id, unique in the collection.
    pub id: String,
    /// Who reports it; a new item needs it. A second source may not change the first one's item.
    pub source: Option<String>,
    /// When it happened; a new item needs it.
    pub time: Option<Timestamp>,
    /// `None` leaves the place as it is; `Some(None)` takes it away; `Some(Some(_))` sets it.
    pub geometry: Option<Option<Wkb>>,
    /// The properties that the record names; a null value removes one.
    pub properties: Properties,
}

/// One committed change of a live collection: the whole item as it now is.
#[derive(Clone, Debug)]
pub struct Change {
    /// The collection that it belongs to.
    pub collection: CollectionId,
    /// The item after the change; its `revision` is this change's number.
    pub item: LiveItem,
    /// The item before the change; `None` for a new one, and for a change that was read from a file.
    pub before: Option<LiveItem>,
    /// True if the change tells of a time before the item's present state: it is part of the
    /// history, and the present state stays as it is.
    pub late: bool,
    /// Who wrote it: a token's name, or `local` on a loopback server without tokens.
    pub actor: Arc<str>,
}

/// A record that was not taken, kept for review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRecord {
    /// Its number, given when it is kept; ascending.
    pub number: u64,
    /// The collection that it was meant for.
    pub collection: CollectionId,
    /// Who sent it.
    pub actor: String,
    /// When it came.
    pub received: Timestamp,
    /// A short, countable reason: `malformed`, `oversized`, `future`, `unknown_class`, …
    pub reason: String,
    /// What is wrong, in words.
    pub detail: String,
    /// The record itself, cut off at [`crate::limits::REFUSED_TEXT_BYTES_MAX`].
    pub text: String,
}
