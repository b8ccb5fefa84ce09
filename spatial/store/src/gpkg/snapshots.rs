//! Snapshots of the past: what was open at some instants, so that a question for any instant
//! reads the changes since the snapshot before it and not all of them.
//!
//! They are made while a question goes through the past, and kept in memory as the numbers of the
//! states alone: the states themselves are in the journal. A change that tells of an instant
//! before a snapshot takes it away, and so does an expiry.

use super::{Inner, history, journal};
use crate::{HistoryQuery, StoreError};
use citywall_model::{Change, CollectionId, LifeState, LiveItem, Revision, limits};
use jiff::Timestamp;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

/// Changes from one snapshot to the next, at least; where more is open than that, as many as are
/// open, so that a snapshot is read about as quickly as the changes since it.
const CHANGES_MIN: usize = if cfg!(test) { 3 } else { 10_000 };

/// The snapshots of all collections, and the walks through the past that may add some.
#[derive(Default)]
pub(super) struct Snapshots(Mutex<Held>);

#[derive(Default)]
struct Held {
    series: BTreeMap<CollectionId, Series>,
    walks: BTreeMap<u64, Walk>,
    next_walk: u64,
}

/// The snapshots of a collection, in order of time.
#[derive(Default)]
struct Series {
    snapshots: Vec<Snapshot>,
    /// How often every second one was given up for want of room.
    halvings: u32,
}

#[derive(Clone)]
struct Snapshot {
    instant: Timestamp,
    /// The changes that made what was open, in ascending order.
    open: Arc<[Revision]>,
}

/// A walk that is under way.
struct Walk {
    collection: CollectionId,
    /// The earliest instant that a change has told of meanwhile.
    touched: Timestamp,
}

/// What was open at an instant, in order of fid. O(states open then + changes since the snapshot before).
pub(super) fn open_at(inner: &Inner, id: &CollectionId, instant: Timestamp) -> Result<Vec<LiveItem>, StoreError> {
    let (number, base, spacing) = inner.snapshots.begin(id, instant);
    let walked = walk(inner, id, instant, base.as_ref(), spacing);
    let made = walked.as_ref().map_or_else(|_| Vec::new(), |(_, made)| made.clone());
    inner.snapshots.finish(number, base.map(|base| base.instant), instant, made);
    walked.map(|(open, _)| open)
}

/// What was open at an instant, and the snapshots on the way there.
fn walk(
    inner: &Inner,
    id: &CollectionId,
    instant: Timestamp,
    base: Option<&Snapshot>,
    spacing: u32,
) -> Result<(Vec<LiveItem>, Vec<Snapshot>), StoreError> {
    let found = base.map(|base| inner.readers.read(|conn| journal::states(conn, &base.open))).transpose()?.flatten();
    // What has aged out since the snapshot was looked up is missing: then the way is the long one.
    let (mut open, mut last): (FxHashMap<u64, LiveItem>, Timestamp) = match (base, found) {
        (Some(base), Some(states)) => (states.into_iter().map(|item| (item.fid(), item)).collect(), base.instant),
        _ => (FxHashMap::default(), Timestamp::MIN),
    };
    let mut made = Vec::new();
    let Ok(from) = last.checked_add(jiff::SignedDuration::from_nanos(i64::from(last > Timestamp::MIN))) else {
        return Ok((Vec::new(), made));
    };
    let query = HistoryQuery { collection: id.clone(), from, to: instant, fid: None };
    let mut walked = 0;
    history::visit(inner, &query, &mut |Change { item, .. }| {
        if item.since() > last && walked >= CHANGES_MIN.max(open.len()) << spacing {
            made.push(Snapshot { instant: last, open: revisions(&open) });
            walked = 0;
        }
        walked += 1;
        last = item.since();
        if item.state() == LifeState::Open {
            open.insert(item.fid(), item);
        } else {
            open.remove(&item.fid());
        }
        true
    })?;
    let mut open: Vec<LiveItem> = open.into_values().collect();
    open.sort_unstable_by_key(LiveItem::fid);
    Ok((open, made))
}

fn revisions(open: &FxHashMap<u64, LiveItem>) -> Arc<[Revision]> {
    let mut revisions: Vec<Revision> = open.values().map(LiveItem::revision).collect();
    revisions.sort_unstable();
    revisions.into()
}

impl Snapshots {
    /// Begins a walk: its number, the last snapshot no later than the instant, and by how many
    /// doublings the snapshots lie further apart.
    fn begin(&self, id: &CollectionId, instant: Timestamp) -> (u64, Option<Snapshot>, u32) {
        let mut held = self.0.lock();
        let number = held.next_walk;
        held.next_walk += 1;
        held.walks.insert(number, Walk { collection: id.clone(), touched: Timestamp::MAX });
        let series = held.series.get(id);
        let base = series.and_then(|series| {
            let after = series.snapshots.partition_point(|snapshot| snapshot.instant <= instant);
            series.snapshots[..after].last().cloned()
        });
        (number, base, series.map_or(0, |series| series.halvings))
    }

    /// Ends a walk from the snapshot at `base` to `end`, and keeps what it made: what no change
    /// has touched meanwhile, unless another walk was there first.
    fn finish(&self, number: u64, base: Option<Timestamp>, end: Timestamp, made: Vec<Snapshot>) {
        let mut held = self.0.lock();
        let Some(Walk { collection, touched }) = held.walks.remove(&number) else { return };
        if made.is_empty() {
            return;
        }
        let series = held.series.entry(collection).or_default();
        let at = series.snapshots.partition_point(|snapshot| base.is_some_and(|base| snapshot.instant <= base));
        if series.snapshots.get(at).is_none_or(|next| next.instant > end) {
            series.snapshots.splice(at..at, made.into_iter().filter(|snapshot| snapshot.instant < touched));
        }
        while held.thin_out().is_continue() {}
    }

    /// Takes away what these changes tell of another past of. Called once they are committed.
    pub(super) fn note(&self, changes: &[Change]) {
        let mut held = self.0.lock();
        if held.series.is_empty() && held.walks.is_empty() {
            return;
        }
        for run in changes.chunk_by(|one, next| one.collection == next.collection) {
            let Some(first) = run.iter().map(|change| change.item.since()).min() else { continue };
            held.touch(&run[0].collection, first);
        }
    }

    /// Takes away all of a collection.
    pub(super) fn clear(&self, id: &CollectionId) {
        self.0.lock().touch(id, Timestamp::MIN);
    }
}

impl Held {
    fn touch(&mut self, id: &CollectionId, first: Timestamp) {
        if let Some(series) = self.series.get_mut(id) {
            let kept = series.snapshots.partition_point(|snapshot| snapshot.instant < first);
            series.snapshots.truncate(kept);
        }
        for walk in self.walks.values_mut().filter(|walk| walk.collection == *id) {
            walk.touched = walk.touched.min(first);
        }
    }

    /// Gives up every second snapshot of the collection that has the most, if all have too many.
    fn thin_out(&mut self) -> ControlFlow<()> {
        let weight = |series: &Series| series.snapshots.iter().map(|snapshot| snapshot.open.len() + 1).sum::<usize>();
        if self.series.values().map(weight).sum::<usize>() <= limits::PAST_SNAPSHOT_STATES_MAX {
            return ControlFlow::Break(());
        }
        let Some(heaviest) = self.series.values_mut().max_by_key(|series| weight(series)) else { return ControlFlow::Break(()) };
        let mut nth = 0;
        heaviest.snapshots.retain(|_| {
            nth += 1;
            nth % 2 == 0
        });
        heaviest.halvings = (heaviest.halvings + 1).min(limits::PAST_SNAPSHOT_HALVINGS_MAX);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::{CityStore, ExpireQuery, GeoPackage};
    use citywall_model::{
        Areas, Change, CimCategory, CityProfile, CollectionId, CollectionKind, LifeState, LiveItem, LiveParts, LocalText, Revision,
    };
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn change(revision: u64, (fid, second, is_open): (u64, i64, bool)) -> Change {
        let status = if is_open { "open" } else { "cleared" };
        let item = LiveParts {
            fid,
            id: format!("E-{fid}").into(),
            source: "s".into(),
            time: at(second),
            since: at(second),
            areas: Areas::default(),
            revision: Revision(revision),
            geometry: None,
            properties: serde_json::json!({"status": status}).as_object().unwrap().clone(),
        };
        Change { collection: CollectionId::new("events").unwrap(), item: item.into(), before: None, late: false, actor: "t".into() }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Append(Vec<(u64, i64, bool)>),
        Ask(i64),
        Expire(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let change = (1_u64..8, 0_i64..60, any::<bool>());
        prop_oneof![
            3 => prop::collection::vec(change, 1..12).prop_map(Step::Append),
            6 => (0_i64..60).prop_map(Step::Ask),
            1 => (0_i64..20).prop_map(Step::Expire),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever was asked and appended before, late or not, the answer is that of the whole journal.
        #[test]
        fn what_was_open_is_what_the_whole_journal_says(steps in prop::collection::vec(step(), 1..60)) {
            let folder = tempfile::tempdir().unwrap();
            let store = GeoPackage::create(&folder.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap();
            let id = CollectionId::new("events").unwrap();
            store.create_live(&id, CollectionKind::Incidents, &LocalText::new("事件", "Events"), CimCategory::PublicThemes, true).unwrap();
            let mut horizon = 0;
            for step in steps {
                match step {
                    Step::Append(changes) => {
                        let next = store.revision().0 + 1;
                        store.append(&(next..).zip(changes).map(|(revision, made)| change(revision, made)).collect::<Vec<_>>()).unwrap();
                    }
                    Step::Ask(second) => {
                        let second = second.max(horizon);
                        let mut whole = store.state_at(&id, at(second)).unwrap();
                        whole.retain(|item: &LiveItem| item.state() == LifeState::Open);
                        prop_assert_eq!(store.open_at(&id, at(second)).unwrap(), whole, "at {}", second);
                    }
                    Step::Expire(second) => {
                        horizon = horizon.max(second);
                        let query = ExpireQuery { collection: id.clone(), before: at(second), after_fid: 0, items_max: 100, changes_max: 1_000 };
                        store.expire(&query, &mut |_| Ok(())).unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn a_series_that_grows_too_long_keeps_every_second_snapshot() {
        let snapshots = super::Snapshots::default();
        let id = CollectionId::new("events").unwrap();
        let states = super::limits::PAST_SNAPSHOT_STATES_MAX / 8;
        let open: std::sync::Arc<[Revision]> = vec![Revision(1); states].into();
        for second in (0..80).step_by(10) {
            let (number, base, _) = snapshots.begin(&id, at(second + 5));
            assert_eq!(base.as_ref().map(|base| base.instant < at(second)), (second > 0).then_some(true));
            snapshots.finish(
                number,
                base.map(|base| base.instant),
                at(second + 5),
                vec![super::Snapshot { instant: at(second), open: open.clone() }],
            );
        }
        let held = snapshots.0.lock();
        let series = &held.series[&id];
        assert!(series.snapshots.len() < 8 && series.halvings == 1, "{} snapshots", series.snapshots.len());
    }
}
