//! The past of live collections: what was there at an instant or within an interval, what was
//! recorded at a revision, and the states of one item.

use crate::{
    City, CollectionView, QueryError,
    city::Kind,
    live::{Live, LiveState},
};
use citywall_model::{Change, CollectionId, CollectionMeta, LifeState, LiveItem, Revision, TimeFilter, limits};
use citywall_store::{CityStore, ExpireQuery, Expired, Export, HistoryQuery, Horizon, StoreError};
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Which past is asked for; the present without either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// What was there at this instant, or at any time within this interval. An item is there from
    /// its first state until it is cleared or removed; it is shown as it was at the interval's
    /// end, and one that was removed as it was before.
    pub time: Option<TimeFilter>,
    /// Only what was recorded up to this revision.
    pub as_of: Option<Revision>,
}

impl Moment {
    /// True if the present is asked for.
    #[must_use]
    pub fn is_present(&self) -> bool {
        *self == Self::default()
    }
}

/// A state's place in the past of its collection: since when it was, and what made it.
pub type StatePlace = (Timestamp, Revision);

impl City {
    /// A collection as it was. Items of a layer have no time and match any; of a layer that
    /// version is given which was current at the revision. Blocks while the past is read. An instant or an interval
    /// takes O(items open at its start + changes within it + some thousand changes), once the store
    /// has gone through the past a first time; a revision takes O(all changes of the collection).
    /// What was asked for just before is kept.
    ///
    /// # Errors
    /// There is no such collection, the past that is asked for is no longer kept or has not been
    /// recorded yet, or the store cannot be read.
    pub fn view_at(&self, id: &CollectionId, moment: &Moment) -> Result<CollectionView, QueryError> {
        let view = self.view(id)?;
        let now = self.revision();
        if let Some(as_of) = moment.as_of.filter(|as_of| *as_of > now) {
            return Err(bad("as-of", format!("revision {as_of} is yet to come; the city is at revision {now}")));
        }
        let Kind::Live(live) = &view.kind else {
            return match moment.as_of {
                Some(as_of) if as_of < view.changed() => {
                    let version = self.version_at(id, as_of)?;
                    Ok(view.with(Kind::Layer(version)))
                }
                _ => Ok(view),
            };
        };
        if moment.is_present() {
            return Ok(view);
        }
        check(&self.store().horizon(id)?, moment)?;
        let past = self.shared.past.of(id, moment, || {
            let mut state = LiveState::load(&read(&**self.store(), id, moment)?);
            state.revision = view.changed();
            let meta = CollectionMeta { revision: view.changed(), ..live.meta.clone() };
            Ok(Live { meta, state: RwLock::new(state) })
        })?;
        Ok(view.with(Kind::Live(past)))
    }

    /// Visits the states of a live collection, or of one item of it, that began within an
    /// interval, in order of their place, until `visit` returns false. Late ones are among them.
    ///
    /// # Errors
    /// There is no such live collection, the beginning is no longer kept, or the store cannot be read.
    pub fn states(
        &self,
        id: &CollectionId,
        fid: Option<u64>,
        time: &TimeFilter,
        after: Option<StatePlace>,
        mut visit: impl FnMut(Change) -> bool,
    ) -> Result<(), QueryError> {
        let (start, end) = (time.start.unwrap_or(Timestamp::MIN), time.end.unwrap_or(Timestamp::MAX));
        let from = after.map_or(start, |(since, _)| since.max(start));
        if from > end {
            return Ok(());
        }
        if after.is_none() && (time.start, time.end) != (None, None) {
            check(&self.store().horizon(id)?, &Moment { time: Some(*time), as_of: None })?;
        }
        let query = HistoryQuery { collection: id.clone(), from, to: end, fid };
        self.store().history(&query, &mut |change| {
            let place = (change.item.since(), change.item.revision());
            if after.is_some_and(|after| place <= after) { true } else { visit(change) }
        })?;
        Ok(())
    }

    /// The place of everything that has aged out: what began before its instant may be missing.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn horizon(&self, id: &CollectionId) -> Result<Horizon, QueryError> {
        Ok(self.store().horizon(id)?)
    }

    /// Removes a bounded part of what was superseded by an instant; see [`CityStore::expire`].
    ///
    /// # Errors
    /// Those of the store; then nothing was removed.
    pub fn expire(&self, query: &ExpireQuery, export: &mut Export<'_>) -> Result<Expired, QueryError> {
        let expired = self.store().expire(query, export)?;
        if expired.changes > 0 {
            self.shared.past.entries.lock().retain(|entry| entry.id != query.collection);
        }
        if let Some(Kind::Live(live)) = self.shared.collection(&query.collection) {
            live.state.write().forget(&expired.items);
        }
        Ok(expired)
    }

    /// Items of a live collection that have been cleared since an instant or longer, with a number
    /// after `after_fid`, at most `max` of them; the item that came last is not among them. O(items passed over).
    ///
    /// # Errors
    /// There is no such collection.
    pub fn cleared_by(&self, id: &CollectionId, instant: Timestamp, after_fid: u64, max: usize) -> Result<Vec<LiveItem>, QueryError> {
        let view = self.view(id)?;
        let Kind::Live(live) = &view.kind else { return Ok(Vec::new()) };
        let state = live.state.read();
        // The last number stays in any case, and with it its item.
        let last = state.next_fid() - 1;
        let is_over = |item: &&LiveItem| item.state() == LifeState::Cleared && item.since() <= instant && item.fid() < last;
        Ok(state.items_after(after_fid).filter(is_over).take(max).cloned().collect())
    }
}

impl CollectionView {
    /// Since when the latest state of a live collection has been; `None` without one.
    #[must_use]
    pub fn latest(&self) -> Option<Timestamp> {
        let Kind::Live(live) = &self.kind else { return None };
        Some(live.state.read().latest).filter(|latest| *latest > Timestamp::MIN)
    }

    /// The number of a live item, also of one that was removed; `None` if there never was one.
    #[must_use]
    pub fn fid_ever(&self, id: &str) -> Option<u64> {
        let Kind::Live(live) = &self.kind else { return None };
        live.state.read().by_hash(crate::live::hash(id), id).map(LiveItem::fid)
    }
}

fn bad(parameter: &'static str, reason: String) -> QueryError {
    QueryError::BadParameter { parameter, reason }
}

/// Refuses what is no longer kept. An open beginning means the beginning of what is kept.
fn check(horizon: &Horizon, moment: &Moment) -> Result<(), QueryError> {
    if let Some(as_of) = moment.as_of.filter(|as_of| *as_of < horizon.revision) {
        let reason = format!("what was recorded before revision {} has aged out; {as_of} lies before it", horizon.revision);
        return Err(QueryError::Expired { parameter: "as-of", reason });
    }
    let first = moment.time.and_then(|time| time.start.or(time.end));
    if let (Some(first), Some(kept)) = (first, horizon.instant)
        && first < kept
    {
        let reason = format!("the history before {kept} has aged out; {first} lies before it");
        return Err(QueryError::Expired { parameter: "datetime", reason });
    }
    Ok(())
}

/// An item on its way through the past.
struct Known {
    /// Its last state so far that is not a removal.
    shown: Option<LiveItem>,
    /// Its last state so far.
    since: Timestamp,
    is_open: bool,
    /// True if it was open at any time of the interval.
    was_open: bool,
}

/// The items of a past moment, in order of fid.
fn read(store: &dyn CityStore, id: &CollectionId, moment: &Moment) -> Result<Vec<LiveItem>, StoreError> {
    match moment.time {
        Some(time) => there_within(store, id, &time, moment.as_of),
        None => recorded_at(store, id, moment.as_of.unwrap_or(Revision(u64::MAX))),
    }
}

/// What was there at any time of an interval, as it was at its end.
fn there_within(store: &dyn CityStore, id: &CollectionId, time: &TimeFilter, as_of: Option<Revision>) -> Result<Vec<LiveItem>, StoreError> {
    let (start, end) = (time.start.unwrap_or(Timestamp::MIN), time.end.unwrap_or(Timestamp::MAX));
    let mut known: BTreeMap<u64, Known> = BTreeMap::new();
    let mut take = |item: LiveItem| {
        let state = known.entry(item.fid()).or_insert(Known { shown: None, since: item.since(), is_open: false, was_open: false });
        // The state before lasted until this one began.
        if state.is_open && item.since() > start && item.since() > state.since {
            state.was_open = true;
        }
        (state.since, state.is_open) = (item.since(), item.state() == LifeState::Open);
        if item.state() != LifeState::Removed {
            state.shown = Some(item);
        }
    };
    let mut from = start;
    if as_of.is_none() && start > Timestamp::MIN {
        // What was over by then and does not open again was there at no time of the interval.
        store.open_at(id, start)?.into_iter().for_each(&mut take);
    } else {
        from = Timestamp::MIN;
    }
    if from < end {
        let query = HistoryQuery { collection: id.clone(), from, to: end, fid: None };
        store.history(&query, &mut |change| {
            if as_of.is_none_or(|as_of| change.item.revision() <= as_of) {
                take(change.item);
            }
            true
        })?;
    }
    let there = known.into_values().filter(|state| state.was_open || state.is_open);
    Ok(there.filter_map(|state| state.shown).collect())
}

/// What the city knew at a revision: cleared items are among it, as they are in the present.
fn recorded_at(store: &dyn CityStore, id: &CollectionId, as_of: Revision) -> Result<Vec<LiveItem>, StoreError> {
    let mut items: BTreeMap<u64, LiveItem> = BTreeMap::new();
    let query = HistoryQuery { collection: id.clone(), from: Timestamp::MIN, to: Timestamp::MAX, fid: None };
    store.history(&query, &mut |change| {
        let revision = change.item.revision();
        if revision <= as_of && !change.late && items.get(&change.item.fid()).is_none_or(|known| known.revision() < revision) {
            items.insert(change.item.fid(), change.item);
        }
        true
    })?;
    Ok(items.into_values().filter(|item| item.state() != LifeState::Removed).collect())
}

/// Pasts that were asked for lately, so that the pages of one answer are read once.
#[derive(Default)]
pub(crate) struct PastViews {
    entries: Mutex<VecDeque<Entry>>,
    next: AtomicU64,
}

struct Entry {
    number: u64,
    id: CollectionId,
    moment: Moment,
    /// `None` while it is being read.
    live: Option<Arc<Live>>,
}

impl PastViews {
    fn of(&self, id: &CollectionId, moment: &Moment, read: impl FnOnce() -> Result<Live, QueryError>) -> Result<Arc<Live>, QueryError> {
        let number = {
            let mut entries = self.entries.lock();
            let found = entries.iter().find(|entry| entry.id == *id && entry.moment == *moment && entry.live.is_some());
            if let Some(live) = found.and_then(|entry| entry.live.clone()) {
                return Ok(live);
            }
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if entries.len() >= limits::PAST_VIEWS_MAX {
                entries.pop_front();
            }
            entries.push_back(Entry { number, id: id.clone(), moment: *moment, live: None });
            number
        };
        let live = read().map(Arc::new);
        let mut entries = self.entries.lock();
        // A change of this very past while it was being read has taken the entry away.
        if let Some(at) = entries.iter().position(|entry| entry.number == number) {
            match &live {
                Ok(live) => entries[at].live = Some(live.clone()),
                Err(_) => drop(entries.remove(at)),
            }
        }
        let weight = |entry: &Entry| entry.live.as_ref().map_or(0, |live| live.state.read().counts.total);
        while entries.len() > 1 && entries.iter().map(weight).sum::<u64>() > limits::PAST_ITEMS_MAX {
            entries.pop_front();
        }
        live
    }

    /// Forgets the pasts that these changes have changed.
    pub(crate) fn note(&self, changes: &[Change]) {
        let mut entries = self.entries.lock();
        if entries.is_empty() {
            return;
        }
        entries.retain(|entry| {
            // What was recorded up to a revision never changes.
            let touches = |change: &Change| {
                let end = entry.moment.time.and_then(|time| time.end).unwrap_or(Timestamp::MAX);
                change.collection == entry.id && change.item.since() <= end
            };
            entry.moment.as_of.is_some() || !changes.iter().any(touches)
        });
    }
}
