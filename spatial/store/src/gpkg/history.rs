//! The past of live collections, told from the journal.

use super::{Inner, journal};
use crate::{HistoryQuery, StoreError};
use citywall_model::{Change, CollectionId, LiveItem};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Visits the changes of an interval in order of time and revision.
pub(super) fn visit(inner: &Inner, query: &HistoryQuery, visit: &mut dyn FnMut(Change) -> bool) -> Result<(), StoreError> {
    let mut found = Vec::new();
    inner.readers.read(|conn| {
        journal::each_of(conn, &query.collection, query.fid, |change| {
            if (query.from..=query.to).contains(&change.item.since()) {
                found.push(change);
            }
            Ok(())
        })
    })?;
    found.sort_by_key(|change| (change.item.since(), change.item.revision()));
    for change in found {
        if !visit(change) {
            break;
        }
    }
    Ok(())
}

/// The last state of every item at an instant.
pub(super) fn state_at(inner: &Inner, id: &CollectionId, instant: Timestamp) -> Result<Vec<LiveItem>, StoreError> {
    let query = HistoryQuery { collection: id.clone(), from: Timestamp::MIN, to: instant, fid: None };
    let mut items = BTreeMap::new();
    visit(inner, &query, &mut |change| {
        items.insert(change.item.fid(), change.item);
        true
    })?;
    Ok(items.into_values().collect())
}
