//! Removes what ages out of the journal, a bounded step at a time.

use super::{Inner, catalog, fold, journal, live};
use crate::{ExpireQuery, Expired, Export, StoreError};
use citywall_model::{Change, LifeState, Revision};
use jiff::Timestamp;
use rusqlite::Connection;

/// Changes that are read at a time.
const PAGE: usize = 256;

/// Does one step: finds what was superseded, hands it out, removes it.
pub(super) fn step(inner: &Inner, query: &ExpireQuery, export: &mut Export<'_>) -> Result<Expired, StoreError> {
    if query.after_fid == 0 {
        // An item's changes are found once they are folded.
        fold::checkpoint(inner)?;
    }
    let mut gone = Vec::new();
    let mut items = Vec::new();
    let mut superseded_by = Revision(0);
    let mut next = Some(query.after_fid);
    inner.readers.read(|conn| {
        journal::check_live(conn, &query.collection)?;
        for _ in 0..query.items_max {
            let after = next.unwrap_or(u64::MAX);
            next = journal::next_item(conn, &query.collection, after)?;
            let Some(fid) = next else { return Ok(()) };
            let mut item = Superseded::default();
            let room = query.changes_max.max(1) - gone.len();
            look(conn, query, fid, room, &mut item)?;
            // The last number stays, so that it is not given again.
            if item.is_over() && journal::next_item(conn, &query.collection, fid)?.is_some() {
                let tombstone = item.kept.take();
                items.extend(tombstone.iter().map(|tombstone| (fid, tombstone.item.revision())));
                item.gone.extend(tombstone);
            } else if !item.gone.is_empty() {
                superseded_by = superseded_by.max(item.kept.map_or(Revision(0), |kept| kept.item.revision()));
            }
            gone.append(&mut item.gone);
            if gone.len() >= query.changes_max {
                // Of this item there may be more to remove.
                next = Some(after);
                return Ok(());
            }
        }
        Ok(())
    })?;
    if !gone.is_empty() {
        export(&gone)?;
        inner.writer()?.lock().durably("removing what aged out", |tx| {
            journal::remove(tx, &gone)?;
            // One that has changed meanwhile keeps that change, which says all there is of it.
            live::remove(tx, &query.collection, &items)?;
            catalog::move_horizon(tx, &query.collection, query.before, superseded_by)
        })?;
        inner.snapshots.clear(&query.collection);
        inner.wal_wait();
    }
    Ok(Expired { changes: gone.len(), items, next })
}

/// Looks at an item's changes, oldest first, until enough are found or the rest is younger.
fn look(conn: &Connection, query: &ExpireQuery, fid: u64, room: usize, item: &mut Superseded) -> Result<(), StoreError> {
    let mut read_to = Revision(0);
    loop {
        let page = journal::folded_of(conn, &query.collection, fid, read_to, PAGE)?;
        let is_last = page.len() < PAGE;
        for change in page {
            read_to = change.item.revision();
            if !item.take(change, query.before, room) {
                return Ok(());
            }
        }
        if is_last {
            item.is_whole = true;
            return Ok(());
        }
    }
}

/// Of an item's changes, those that one that is not late and began in time has superseded.
#[derive(Default)]
struct Superseded {
    gone: Vec<Change>,
    /// What supersedes them.
    kept: Option<Change>,
    /// Late changes before it, of which it is not known yet.
    early: Vec<Change>,
    /// True if something begins later than what is kept.
    has_more: bool,
    /// True once every change was looked at.
    is_whole: bool,
}

impl Superseded {
    /// True if the item was removed in time, and nothing has been heard of it since.
    fn is_over(&self) -> bool {
        let was_removed = self.kept.as_ref().is_some_and(|kept| kept.item.state() == LifeState::Removed);
        was_removed && self.is_whole && !self.has_more && self.early.is_empty()
    }

    /// Takes an item's next change; false if no more need be looked at.
    fn take(&mut self, change: Change, before: Timestamp, room: usize) -> bool {
        let since = change.item.since();
        match &self.kept {
            Some(kept) if change.late && since < kept.item.since() => self.gone.push(change),
            None if change.late && self.early.len() < room => self.early.push(change),
            _ if change.late => self.has_more = true,
            // What is not late begins no earlier than what was there: the rest is younger still.
            _ if since > before => return false,
            _ => {
                self.gone.extend(self.early.extract_if(.., |early| early.item.since() < since));
                self.gone.extend(self.kept.replace(change));
            }
        }
        self.gone.len() < room
    }
}
