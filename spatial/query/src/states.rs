//! The states that late records are compared with.

use crate::live::Live;
use citywall_model::{LiveItem, limits};
use citywall_store::{CityStore, HistoryQuery, StoreError};
use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

/// Looked up one by one so often; then those of all late records of the batch are read at once.
const SINGLE_LOOKUPS: usize = 16;

/// A late record: its item's number and the instant that it tells of.
pub(crate) type LateKey = (u64, Timestamp);

/// The durable states of items with late records, of one collection and one commit.
#[derive(Default)]
pub(crate) struct States {
    lookups: usize,
    found: FxHashMap<u64, Vec<LiveItem>>,
    read: FxHashSet<LateKey>,
}

impl States {
    /// The item's durable states in order of `since` and revision: all of them, or of a series
    /// those of this instant. `others` names the late records that are still to come.
    pub(crate) fn of(
        &mut self,
        store: &dyn CityStore,
        live: &Live,
        key: LateKey,
        others: impl FnOnce() -> FxHashSet<LateKey>,
    ) -> Result<Vec<LiveItem>, StoreError> {
        // Of an item that is no series, all states are read at the first late record.
        let key = self.key(live, key);
        if !self.read.contains(&key) {
            self.lookups += 1;
            let mut wanted: FxHashSet<LateKey> = if self.lookups > SINGLE_LOOKUPS { others() } else { FxHashSet::default() };
            wanted = wanted.into_iter().map(|other| self.key(live, other)).collect();
            wanted.insert(key);
            self.read(store, live, wanted)?;
        }
        let states = self.found.get(&key.0).map(Vec::as_slice).unwrap_or_default();
        Ok(states.iter().filter(|state| !live.meta.kind.is_series() || state.since() == key.1).cloned().collect())
    }

    fn key(&self, live: &Live, (fid, since): LateKey) -> LateKey {
        (fid, if live.meta.kind.is_series() { since } else { Timestamp::MAX })
    }

    fn read(&mut self, store: &dyn CityStore, live: &Live, mut wanted: FxHashSet<LateKey>) -> Result<(), StoreError> {
        wanted.retain(|key| !self.read.contains(key));
        let times = || wanted.iter().map(|(_, since)| *since);
        let (from, to) = (times().min().unwrap_or(Timestamp::MIN), times().max().unwrap_or(Timestamp::MAX));
        let query = HistoryQuery {
            collection: live.meta.id.clone(),
            from: if live.meta.kind.is_series() { from } else { Timestamp::MIN },
            to,
            fid: wanted.iter().next().filter(|_| wanted.len() == 1).map(|(fid, _)| *fid),
        };
        store.history(&query, &mut |change| {
            let key = self.key(live, (change.item.fid(), change.item.since()));
            if wanted.contains(&key) {
                self.found.entry(key.0).or_default().push(change.item);
            }
            true
        })?;
        self.read.extend(wanted);
        debug_assert!(self.read.len() <= limits::INGEST_BATCH_RECORDS_MAX * 2);
        Ok(())
    }
}
