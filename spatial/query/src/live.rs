//! A live collection ready to be asked.

use citywall_index::{Inside, LiveIndex, NearestIndex, Vantage, WindowIndex};
use citywall_model::{Areas, Bbox, CollectionMeta, LifeState, LiveItem, Revision};
use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};
use jiff::Timestamp;
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, hash::BuildHasher, sync::LazyLock};

/// How many items a live collection has. Removed ones count nowhere.
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

impl Counts {
    fn step(&mut self, item: &LiveItem, step: fn(u64, u64) -> u64) {
        self.total = step(self.total, 1);
        if item.state() == LifeState::Open {
            let level = usize::from(item.level());
            self.open = step(self.open, 1);
            self.open_by_level[level] = step(self.open_by_level[level], 1);
            if item.geometry().is_none() {
                self.open_without_place = step(self.open_without_place, 1);
            }
        }
    }

    /// Adds the counts of other items.
    pub fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.open += other.open;
        self.open_without_place += other.open_without_place;
        self.open_by_level.iter_mut().zip(other.open_by_level).for_each(|(sum, more)| *sum += more);
    }
}

/// A live collection: its description and its state, which changes under a short lock.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) meta: CollectionMeta,
    pub(crate) state: RwLock<LiveState>,
}

/// Items in a page of the table.
const PAGE: usize = 1024;
/// Parts of the table of ids, so that no growth of it takes long.
const SHARDS: usize = 64;

/// The items of a live collection as they are at one revision.
#[derive(Debug)]
pub(crate) struct LiveState {
    /// The last change to this collection.
    pub(crate) revision: Revision,
    pub(crate) counts: Counts,
    /// Since when the latest state has been.
    pub(crate) latest: Timestamp,
    /// Items by fid, which is the order in which they first came; removed ones among them.
    pages: Vec<Option<Box<[Option<LiveItem>; PAGE]>>>,
    fids_by_id: Box<[HashTable<u32>; SHARDS]>,
    counts_by_areas: FxHashMap<Areas, Counts>,
    index: LiveIndex,
    extent: Option<Bbox>,
}

/// The hash of an item's id.
pub(crate) fn hash(id: &str) -> u64 {
    static HASHER: LazyLock<DefaultHashBuilder> = LazyLock::new(DefaultHashBuilder::default);
    HASHER.hash_one(id)
}

fn shard(hash: u64) -> usize {
    // Bits that the table itself does not take.
    (hash >> 48) as usize % SHARDS
}

impl LiveState {
    /// The state of the given items, which are in order of fid. O(n log n).
    pub(crate) fn load(items: &[LiveItem]) -> Self {
        let places = || items.iter().filter(|item| item.state() != LifeState::Removed);
        let index = || LiveIndex::bulk(places().filter_map(|item| Some((item.fid(), item.bounds()?))));
        let table = || {
            let mut state = Self {
                revision: Revision(0),
                counts: Counts::default(),
                latest: Timestamp::MIN,
                pages: Vec::new(),
                fids_by_id: Box::new(std::array::from_fn(|_| HashTable::with_capacity(items.len() / SHARDS))),
                counts_by_areas: FxHashMap::default(),
                index: LiveIndex::default(),
                extent: None,
            };
            for item in items {
                state.note(item);
                state.put(item.clone());
            }
            state
        };
        let (index, state) = rayon::join(index, table);
        Self { index, ..state }
    }

    /// Puts a changed item in the place of what it was. O(log n).
    pub(crate) fn apply(&mut self, item: LiveItem) {
        let place = |item: &LiveItem| item.bounds().filter(|_| item.state() != LifeState::Removed);
        let (fid, to) = (item.fid(), place(&item));
        self.note(&item);
        let before = self.put(item);
        if let Some(before) = &before {
            self.count(before, u64::wrapping_sub);
        }
        self.index.update(fid, before.as_ref().and_then(place), to);
    }

    /// Sets an item and gives back what it was.
    fn put(&mut self, item: LiveItem) -> Option<LiveItem> {
        let (page, slot) = position(item.fid());
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages[page].get_or_insert_with(|| Box::new([const { None }; PAGE]));
        let id_hash = hash(item.id());
        let fid = u32::try_from(item.fid()).unwrap_or(u32::MAX);
        let before = page[slot].replace(item);
        if before.is_none() {
            let Self { pages, fids_by_id, .. } = self;
            let hash_of = |fid: &u32| get(pages, u64::from(*fid)).map_or(0, |item| hash(item.id()));
            if let Entry::Vacant(entry) = fids_by_id[shard(id_hash)].entry(id_hash, |known| *known == fid, hash_of) {
                entry.insert(fid);
            }
        }
        before
    }

    /// Forgets items that were removed and have not changed since these revisions: no answer shows them.
    pub(crate) fn forget(&mut self, items: &[(u64, Revision)]) {
        for (fid, revision) in items {
            let (page, slot) = position(*fid);
            let Some(Some(slots)) = self.pages.get_mut(page) else { continue };
            let is_same = |item: &mut LiveItem| item.revision() == *revision && item.state() == LifeState::Removed;
            let Some(item) = slots[slot].take_if(is_same) else { continue };
            if slots.iter().all(Option::is_none) {
                self.pages[page] = None;
            }
            let id_hash = hash(item.id());
            let fid = u32::try_from(*fid).unwrap_or(u32::MAX);
            if let Ok(entry) = self.fids_by_id[shard(id_hash)].find_entry(id_hash, |known| *known == fid) {
                entry.remove();
            }
        }
    }

    /// What follows from an item's being there, besides the tree.
    fn note(&mut self, item: &LiveItem) {
        self.count(item, u64::wrapping_add);
        self.revision = self.revision.max(item.revision());
        self.latest = self.latest.max(item.since());
        if let Some(b) = item.bounds() {
            self.extent = Some(self.extent.unwrap_or(Bbox::EMPTY).union(b));
        }
    }

    fn count(&mut self, item: &LiveItem, step: fn(u64, u64) -> u64) {
        if item.state() != LifeState::Removed {
            self.counts.step(item, step);
            match self.counts_by_areas.get_mut(item.areas()) {
                Some(counts) => counts.step(item, step),
                None => self.counts_by_areas.entry(item.areas().clone()).or_default().step(item, step),
            }
        }
    }

    /// The counts of the items in each of the areas that there are any in. O(areas).
    pub(crate) fn counts_of_areas(&self) -> Vec<(Areas, Counts)> {
        self.counts_by_areas.iter().filter(|(_, counts)| counts.total > 0).map(|(areas, counts)| (areas.clone(), *counts)).collect()
    }

    /// The counts by the code of a level's areas; `""` has what lies in none. O(areas).
    pub(crate) fn counts_by_area(&self, level: usize) -> BTreeMap<String, Counts> {
        let mut sums = BTreeMap::<String, Counts>::new();
        for (areas, counts) in self.counts_by_areas.iter().filter(|(_, counts)| counts.total > 0) {
            let code = areas.code(level).unwrap_or_default();
            match sums.get_mut(code) {
                Some(sum) => sum.add(counts),
                None => drop(sums.insert(code.to_owned(), *counts)),
            }
        }
        sums
    }

    /// The item with this id, a removed one too. O(1).
    pub(crate) fn by_hash(&self, hash: u64, id: &str) -> Option<&LiveItem> {
        let named = |fid: &u32| get(&self.pages, u64::from(*fid)).is_some_and(|item| item.id() == id);
        let fid = self.fids_by_id[shard(hash)].find(hash, named)?;
        get(&self.pages, u64::from(*fid))
    }

    /// The item with this id, unless it was removed. O(1).
    pub(crate) fn by_id(&self, id: &str) -> Option<&LiveItem> {
        self.by_hash(hash(id), id).filter(|item| item.state() != LifeState::Removed)
    }

    /// The item with this number, unless it was removed. O(1).
    pub(crate) fn by_fid(&self, fid: u64) -> Option<&LiveItem> {
        get(&self.pages, fid).filter(|item| item.state() != LifeState::Removed)
    }

    /// The items in the order in which they first came, without removed ones.
    pub(crate) fn items(&self) -> impl Iterator<Item = &LiveItem> {
        let slots = self.pages.iter().flatten().flat_map(|page| page.iter());
        slots.flatten().filter(|item| item.state() != LifeState::Removed)
    }

    /// The items with a number after this one, in that order, without removed ones.
    pub(crate) fn items_after(&self, fid: u64) -> impl Iterator<Item = &LiveItem> {
        let (page, _) = position(fid + 1);
        let slots = self.pages.iter().skip(page).flatten().flat_map(|page| page.iter());
        slots.flatten().filter(move |item| item.fid() > fid && item.state() != LifeState::Removed)
    }

    /// One more than the largest fid so far.
    pub(crate) fn next_fid(&self) -> u64 {
        let last = self.pages.iter().rposition(Option::is_some).and_then(|page| self.pages[page].as_ref()?.iter().rev().flatten().next());
        last.map_or(1, |item| item.fid() + 1)
    }

    /// The smallest rectangle that holds every place that was ever known since the load.
    pub(crate) fn extent(&self) -> Option<Bbox> {
        self.extent
    }

    /// The items whose envelope meets the window, in no particular order.
    pub(crate) fn search<'s>(&'s self, window: &Bbox, mut visit: impl FnMut(&'s LiveItem, Inside)) {
        self.index.search(window, |fid, inside| {
            let Some(item) = get(&self.pages, fid) else { return };
            // The tree rounds: what it is not sure of is looked at here.
            match (inside, item.bounds()) {
                (Inside::Whole, _) => visit(item, Inside::Whole),
                (Inside::Maybe(_), Some(bounds)) if window.contains(&bounds) => visit(item, Inside::Whole),
                (Inside::Maybe(_), Some(bounds)) if window.intersects(&bounds) => visit(item, Inside::Maybe(bounds)),
                _ => {}
            }
        });
    }
}

impl LiveState {
    /// Counts the open items among the points in windows that share no point of which the place
    /// holds, and gives the other open items whose envelopes meet them, which may be shapes.
    pub(crate) fn count_points(&self, windows: &[Bbox], holds: impl Fn(f64, f64) -> bool) -> (usize, Vec<LiveItem>) {
        // Where nothing is cleared, what the index has says all.
        let is_all_open = self.counts.open == self.counts.total;
        let is_open = |fid: u64| get(&self.pages, fid).is_some_and(|item| !item.is_cleared());
        let (mut count, mut shapes) = (0, Vec::new());
        for window in windows {
            self.index.search_points(window, |fid, x, y| count += usize::from(holds(x, y) && (is_all_open || is_open(fid))));
            self.index.search_shapes(window, |fid, _| shapes.extend(get(&self.pages, fid).filter(|item| !item.is_cleared()).cloned()));
        }
        shapes.sort_unstable_by_key(LiveItem::fid);
        shapes.dedup_by_key(|item| item.fid());
        (count, shapes)
    }

    /// Visits items about the nearest first; see [`NearestIndex`].
    pub(crate) fn nearest<'s>(&'s self, from: &Vantage, farthest: f64, mut visit: impl FnMut(Option<&'s LiveItem>) -> f64) {
        self.index.nearest(from, farthest, |fid| visit(get(&self.pages, fid)));
    }
}

fn position(fid: u64) -> (usize, usize) {
    // A fid is at most LIVE_FID_MAX.
    let fid = usize::try_from(fid).unwrap_or(usize::MAX);
    (fid / PAGE, fid % PAGE)
}

fn get(pages: &[Option<Box<[Option<LiveItem>; PAGE]>>], fid: u64) -> Option<&LiveItem> {
    let (page, slot) = position(fid);
    pages.get(page)?.as_ref()?[slot].as_ref()
}
