//! A live collection ready to be asked.

use citywall_index::{Inside, LiveIndex, WindowIndex};
use citywall_model::{Bbox, CollectionMeta, LiveItem, Revision};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, sync::Arc};

/// How many items a live collection has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All items, cleared ones among them.
    pub total: u64,
    /// Those that are not cleared.
    pub open: u64,
    /// Open ones by level 1–4; index 0 has those without a level.
    pub open_by_level: [u64; 5],
    /// Open ones without a place.
    pub open_without_place: u64,
}

/// A live collection: its description and its state, which changes under a short lock.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) meta: CollectionMeta,
    pub(crate) state: RwLock<LiveState>,
}

/// The items of a live collection as they are at one revision.
#[derive(Debug, Default)]
pub(crate) struct LiveState {
    /// The last change to this collection.
    pub(crate) revision: Revision,
    /// Items in the order in which they first came.
    pub(crate) items: BTreeMap<u64, LiveItem>,
    pub(crate) counts: Counts,
    fid_by_id: FxHashMap<Arc<str>, u64>,
    index: LiveIndex,
    extent: Option<Bbox>,
}

impl LiveState {
    /// The state of the given items. O(n log n).
    pub(crate) fn load(items: Vec<LiveItem>) -> Self {
        let mut state =
            Self { index: LiveIndex::bulk(items.iter().filter_map(|item| Some((item.fid(), item.bounds()?)))), ..Self::default() };
        for item in items {
            state.note(&item);
            state.fid_by_id.insert(item.id().into(), item.fid());
            state.items.insert(item.fid(), item);
        }
        state
    }

    /// Puts a changed item in the place of what it was. O(log n).
    pub(crate) fn apply(&mut self, item: LiveItem) {
        let before = self.items.get(&item.fid()).cloned();
        if let Some(before) = &before {
            self.count(before, u64::wrapping_sub);
        }
        self.index.update(item.fid(), before.as_ref().and_then(LiveItem::bounds), item.bounds());
        self.note(&item);
        self.fid_by_id.insert(item.id().into(), item.fid());
        self.items.insert(item.fid(), item);
    }

    /// What follows from an item's being there, besides the tree.
    fn note(&mut self, item: &LiveItem) {
        self.count(item, u64::wrapping_add);
        self.revision = self.revision.max(item.revision());
        if let Some(b) = item.bounds() {
            self.extent = Some(self.extent.unwrap_or(Bbox::EMPTY).union(b));
        }
    }

    fn count(&mut self, item: &LiveItem, step: fn(u64, u64) -> u64) {
        let counts = &mut self.counts;
        counts.total = step(counts.total, 1);
        if !item.is_cleared() {
            let level = usize::from(item.level());
            counts.open = step(counts.open, 1);
            counts.open_by_level[level] = step(counts.open_by_level[level], 1);
            if item.geometry().is_none() {
                counts.open_without_place = step(counts.open_without_place, 1);
            }
        }
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&LiveItem> {
        self.items.get(self.fid_by_id.get(id)?)
    }

    /// One more than the largest fid so far.
    pub(crate) fn next_fid(&self) -> u64 {
        self.items.last_key_value().map_or(1, |(fid, _)| fid + 1)
    }

    /// The smallest rectangle that holds every place that was ever known since the load.
    pub(crate) fn extent(&self) -> Option<Bbox> {
        self.extent
    }

    /// The items whose envelope meets the window, in no particular order.
    pub(crate) fn search<'s>(&'s self, window: &Bbox, mut visit: impl FnMut(&'s LiveItem, Inside)) {
        self.index.search(window, |fid, inside| {
            if let Some(item) = self.items.get(&fid) {
                visit(item, inside);
            }
        });
    }
}
