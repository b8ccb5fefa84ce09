//! The past of live collections, told from the journal.

use super::{Inner, journal};
use crate::{HistoryQuery, StoreError};
use citywall_model::{Change, CollectionId, LiveItem, Revision};
use jiff::Timestamp;
use rustc_hash::FxHashMap;

/// Changes that are read at once, at first and in the end: a question for a few is answered
/// quickly, and one for many does not begin anew too often.
const CHANGES_AT_ONCE: (usize, usize) = (1_000, 64_000);

/// Visits the changes of an interval in order of time and revision, as of the last revision when
/// the visit begins. Nothing in the file is held while `visit` works; what is in memory is
/// bounded, but for the changes of one second.
pub(super) fn visit(inner: &Inner, query: &HistoryQuery, visit: &mut dyn FnMut(Change) -> bool) -> Result<(), StoreError> {
    let HistoryQuery { collection, from, to, fid } = query;
    let within = journal::Within { collection, fid: *fid, to: to.as_second(), up_to: inner.last_revision() };
    let mut after = (from.as_second(), Revision(0));
    let (mut max, most) = CHANGES_AT_ONCE;
    // The journal is in order of whole seconds; the last second read may not be complete yet.
    let mut read = Vec::new();
    loop {
        let tail = fid.map_or_else(|| Ok(Vec::new()), |fid| inner.tail_of(collection, fid))?;
        let mut found = inner.readers.read(|conn| journal::within(conn, &within, after, max, &tail))?;
        let is_last = found.len() < max;
        if let Some(last) = found.last() {
            after = (last.item.since().as_second(), last.item.revision());
        }
        read.append(&mut found);
        let complete = if is_last { read.len() } else { read.partition_point(|change| change.item.since().as_second() < after.0) };
        let mut ready: Vec<Change> = read.drain(..complete).filter(|change| (*from..=*to).contains(&change.item.since())).collect();
        ready.sort_by_key(|change| (change.item.since(), change.item.revision()));
        for change in ready {
            if !visit(change) {
                return Ok(());
            }
        }
        if is_last {
            return Ok(());
        }
        max = (max * 4).min(most);
    }
}

/// The last state of every item at an instant. O(changes up to the instant).
pub(super) fn state_at(inner: &Inner, id: &CollectionId, instant: Timestamp) -> Result<Vec<LiveItem>, StoreError> {
    let query = HistoryQuery { collection: id.clone(), from: Timestamp::MIN, to: instant, fid: None };
    let mut items = FxHashMap::default();
    visit(inner, &query, &mut |change| {
        items.insert(change.item.fid(), change.item);
        true
    })?;
    let mut items: Vec<LiveItem> = items.into_values().collect();
    items.sort_unstable_by_key(LiveItem::fid);
    Ok(items)
}
