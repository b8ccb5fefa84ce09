//! The journal's tail in memory: the changes that the tables do not have yet.
//!
//! A row for each change and an entry of an index by item would touch a page of the file each, in
//! no order. Folded together in order of the items, many share a page. Until then the index by
//! item is here.

use super::{catalog, journal};
use crate::StoreError;
use citywall_model::{Change, CollectionId, LiveItem, Revision};
use parking_lot::Mutex;
use rusqlite::Connection;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Changes from which on an append folds the tail itself, so that memory stays bounded (to some 200
/// bytes a change): those who bring changes then wait for the disk.
pub(super) const TAIL_CHANGES_MAX: usize = if cfg!(test) { 64 } else { 2_000_000 };

/// A change that the tables do not have yet.
#[derive(Clone)]
struct Unfolded {
    /// Where the change of the same item before this one stands, plus one; 0 if there is none.
    before: u32,
    late: bool,
    item: LiveItem,
}

impl Unfolded {
    fn mark(&self) -> Mark {
        Mark::new(&self.item, self.late)
    }
}

/// Where a change stands in an item's history: the second since when it holds, its number, and
/// whether it came late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) second: i64,
    pub(super) revision: Revision,
    pub(super) late: bool,
}

impl Mark {
    pub(super) fn of(change: &Change) -> Self {
        Self::new(&change.item, change.late)
    }

    fn new(item: &LiveItem, late: bool) -> Self {
        Self { second: item.since().as_second(), revision: item.revision(), late }
    }
}

/// Consecutive changes, found by item.
#[derive(Clone, Default)]
pub(super) struct Run {
    collections: Vec<CollectionId>,
    changes: Vec<Unfolded>,
    /// Where an item's last change stands, plus one.
    last: FxHashMap<(u32, u64), u32>,
}

/// What becomes of an item when a run is folded.
pub(super) struct Folded<'r> {
    pub(super) collection: &'r CollectionId,
    pub(super) fid: u64,
    /// Its last change that is not late.
    pub(super) item: Option<&'r LiveItem>,
    /// All its changes.
    pub(super) marks: Vec<Mark>,
}

impl Run {
    /// The changes after what is folded, at most `max` of them, as the file has them.
    pub(super) fn read(conn: &Connection, max: usize) -> Result<Self, StoreError> {
        let mut run = Self::default();
        journal::each_after(conn, Revision(catalog::number(conn, catalog::FOLDED)?), max, |change| {
            run.note(&change);
            Ok(())
        })?;
        Ok(run)
    }

    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// The last change's number.
    pub(super) fn newest(&self) -> Revision {
        self.changes.last().map_or(Revision(0), |change| change.item.revision())
    }

    fn note(&mut self, change: &Change) {
        let known = self.collections.iter().position(|id| *id == change.collection);
        let at = known.unwrap_or_else(|| {
            self.collections.push(change.collection.clone());
            self.collections.len() - 1
        });
        // Both counts are far below 32 bits, by TAIL_CHANGES_MAX.
        let collection = u32::try_from(at).unwrap_or(u32::MAX);
        let here = u32::try_from(self.changes.len() + 1).unwrap_or(u32::MAX);
        let before = self.last.insert((collection, change.item.fid()), here).unwrap_or(0);
        self.changes.push(Unfolded { before, late: change.late, item: change.item.clone() });
    }

    /// An item's changes, the newest first.
    fn of(&self, id: &CollectionId, fid: u64) -> impl Iterator<Item = &Unfolded> {
        let collection = self.collections.iter().position(|known| known == id).and_then(|at| u32::try_from(at).ok());
        let last = collection.and_then(|collection| self.last.get(&(collection, fid))).copied().unwrap_or(0);
        self.chain(last)
    }

    /// An item's changes, in order of time.
    pub(super) fn marks_of(&self, id: &CollectionId, fid: u64) -> Vec<Mark> {
        let mut marks: Vec<Mark> = self.of(id, fid).map(Unfolded::mark).collect();
        marks.sort_unstable();
        marks
    }

    fn chain(&self, last: u32) -> impl Iterator<Item = &Unfolded> {
        let at = |place: u32| place.checked_sub(1).and_then(|at| self.changes.get(at as usize));
        std::iter::successors(at(last), move |change| at(change.before))
    }

    /// The items in order of collection and number, which is that of the tables.
    pub(super) fn items(&self) -> Vec<Folded<'_>> {
        let mut keys: Vec<(&CollectionId, u64, u32)> =
            self.last.iter().map(|((collection, fid), last)| (&self.collections[*collection as usize], *fid, *last)).collect();
        keys.sort_unstable();
        let folded = |(collection, fid, last)| {
            let mut marks: Vec<Mark> = self.chain(last).map(Unfolded::mark).collect();
            marks.sort_unstable();
            Folded { collection, fid, item: self.chain(last).find(|change| !change.late).map(|change| &change.item), marks }
        };
        keys.into_iter().map(folded).collect()
    }
}

/// The tail of a file that this process writes.
#[derive(Default)]
pub(super) struct Tail(Mutex<Runs>);

#[derive(Default)]
struct Runs {
    /// What is being folded, or could not be folded yet.
    folding: Option<Arc<Run>>,
    /// What came since.
    newest: Run,
}

impl Tail {
    /// Begins with what an earlier process has left.
    pub(super) fn begin_with(&self, run: Run) {
        self.0.lock().newest = run;
    }

    /// Notes changes that have just become durable; called with the writer held, so that they
    /// come in order. True if there are more than TAIL_CHANGES_MAX.
    pub(super) fn note(&self, changes: &[Change]) -> bool {
        let mut runs = self.0.lock();
        changes.iter().for_each(|change| runs.newest.note(change));
        runs.newest.len() + runs.folding.as_ref().map_or(0, |run| run.len()) > TAIL_CHANGES_MAX
    }

    /// The changes of an item that are not folded.
    pub(super) fn of(&self, id: &CollectionId, fid: u64) -> Vec<Mark> {
        let runs = self.0.lock();
        let parts = runs.folding.as_deref().into_iter().chain([&runs.newest]);
        parts.flat_map(|run| run.marks_of(id, fid)).collect()
    }

    /// What is to be folded next; it stays here until [`Tail::is_folded`].
    pub(super) fn begin(&self) -> Option<Arc<Run>> {
        let mut runs = self.0.lock();
        if runs.folding.is_none() && runs.newest.len() > 0 {
            runs.folding = Some(Arc::new(std::mem::take(&mut runs.newest)));
        }
        runs.folding.clone()
    }

    /// Forgets what was begun, since the tables have it now.
    pub(super) fn is_folded(&self) {
        self.0.lock().folding = None;
    }
}
