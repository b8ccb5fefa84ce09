//! What ages out is handed out first and changes nothing of what is still known.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_model::{Areas, Change, LifeState, LiveItem, LiveParts, Revision};
use citywall_store::{CityStore, ExpireQuery, GeoPackage, Horizon, StoreError};
use common::*;
use jiff::Timestamp;
use proptest::prelude::*;
use std::{collections::BTreeMap, path::Path};

/// Seconds within which everything happens.
const SPAN: i64 = 40;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).unwrap()
}

/// Changes as the writer makes them: what is not late begins no earlier than what was there.
fn changes(drafts: &[(u64, i64, u8)]) -> Vec<Change> {
    let mut since_of = BTreeMap::new();
    let change = |(n, (fid, second, level)): (usize, &(u64, i64, u8))| {
        let known = since_of.get(fid).copied();
        let late = known.is_some_and(|known| *second < known);
        if !late {
            since_of.insert(*fid, *second);
        }
        let status = match level {
            4 => "cleared",
            5 => "removed",
            _ => "open",
        };
        let item = LiveParts {
            fid: *fid,
            id: format!("E-{fid}").into(),
            source: "test".into(),
            time: at(0),
            since: at(*second),
            areas: Areas::default(),
            revision: Revision(n as u64 + 1),
            geometry: None,
            properties: serde_json::json!({"level": level, "status": status}).as_object().unwrap().clone(),
        };
        Change { collection: id("events"), item: item.into(), before: None, late, actor: "local".into() }
    };
    drafts.iter().enumerate().map(change).collect()
}

fn states(store: &GeoPackage, from: i64) -> Vec<Vec<LiveItem>> {
    (from..=SPAN + 1).map(|second| store.state_at(&id("events"), at(second)).unwrap()).collect()
}

fn without(mut items: Vec<LiveItem>, gone: &[(u64, Revision)]) -> Vec<LiveItem> {
    items.retain(|item| gone.iter().all(|(fid, _)| *fid != item.fid()));
    items
}

/// Expires in steps of this size and gives back what was handed out, and the items that are gone.
fn expire(store: &GeoPackage, before: i64, items_max: usize, changes_max: usize) -> (Vec<Change>, Vec<(u64, Revision)>) {
    let (mut exported, mut items) = (Vec::new(), Vec::new());
    let mut after_fid = 0;
    loop {
        let query = ExpireQuery { collection: id("events"), before: at(before), after_fid, items_max, changes_max };
        let mut here = 0;
        let step = store
            .expire(&query, &mut |changes| {
                here += changes.len();
                exported.extend_from_slice(changes);
                Ok(())
            })
            .unwrap();
        assert_eq!(step.changes, here, "what is removed was handed out");
        assert!(step.changes <= 2 * changes_max + 1);
        items.extend(step.items);
        match step.next {
            Some(next) => after_fid = next,
            None => return (exported, items),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_is_known_from_the_instant_on_stays_as_it_was(
        drafts in prop::collection::vec((1..5u64, 0..SPAN, 1..6u8), 1..60),
        before in 0..SPAN,
        items_max in 1..4usize,
        changes_max in 1..9usize,
        folded in any::<bool>(),
    ) {
        let (_folder, path, store) = city();
        create_events(&store);
        let all = changes(&drafts);
        store.append(&all).unwrap();
        if folded {
            store.checkpoint().unwrap();
        }
        let (known, live) = (states(&store, before), store.load_live(&id("events")).unwrap().items);
        let (gone, items) = expire(&store, before, items_max, changes_max);
        for (fid, revision) in &items {
            let last = live.iter().find(|item| item.fid() == *fid).unwrap();
            prop_assert_eq!((last.state(), last.revision()), (LifeState::Removed, *revision));
            prop_assert!(last.since() <= at(before) && live.iter().any(|item| item.fid() > *fid));
        }
        let known: Vec<_> = known.into_iter().map(|items_then| without(items_then, &items)).collect();
        let live = without(live, &items);
        prop_assert_eq!(states(&store, before), known);
        prop_assert_eq!(store.load_live(&id("events")).unwrap().items, live.clone());
        let left: Vec<Revision> = store.changes_after(Revision(0), usize::MAX).unwrap().iter().map(|c| c.item.revision()).collect();
        let mut revisions: Vec<Revision> = gone.iter().map(|change| change.item.revision()).chain(left).collect();
        revisions.sort_unstable();
        prop_assert_eq!(revisions, all.iter().map(|change| change.item.revision()).collect::<Vec<_>>(), "each is here or there, once");
        // What was recorded by a revision from the horizon on is still told by the rest.
        let horizon = store.horizon(&id("events")).unwrap();
        prop_assert_eq!(horizon.instant.is_some(), !gone.is_empty());
        for revision in horizon.revision.0..=all.len() as u64 {
            let recorded = |changes: &[Change]| {
                let is_kept = |change: &&Change| items.iter().all(|(fid, _)| *fid != change.item.fid());
                let known = changes.iter().filter(|change| !change.late && change.item.revision().0 <= revision).filter(is_kept);
                known.map(|change| (change.item.fid(), change.item.clone())).collect::<BTreeMap<_, _>>()
            };
            prop_assert_eq!(recorded(&store.changes_after(Revision(0), usize::MAX).unwrap()), recorded(&all));
        }
        // Of every item one state that is over and not late is left at most.
        for fid in 1..5 {
            let over = store.changes_after(Revision(0), usize::MAX).unwrap().into_iter();
            prop_assert!(over.filter(|c| c.item.fid() == fid && !c.late && c.item.since() <= at(before)).count() <= 1);
        }
        prop_assert!(expire(&store, before, 4, 9).0.is_empty(), "a second time there is nothing to do");
        drop(store);
        assert_sound(&path);
        let store = GeoPackage::open(&path).unwrap();
        prop_assert_eq!(store.load_live(&id("events")).unwrap().items, live);
    }
}

#[test]
fn what_cannot_be_handed_out_stays() {
    let (_folder, _path, store) = city();
    create_events(&store);
    store.append(&changes(&[(1, 1, 1), (1, 2, 2), (1, 3, 3)])).unwrap();
    let query = ExpireQuery { collection: id("events"), before: at(10), after_fid: 0, items_max: 10, changes_max: 100 };
    let full = |_: &[Change]| Err(StoreError::Io { path: Path::new("/export").to_owned(), source: std::io::Error::other("no room") });
    assert!(matches!(store.expire(&query, &mut { full }), Err(StoreError::Io { .. })));
    assert_eq!(store.changes_after(Revision(0), 10).unwrap().len(), 3);
    assert_eq!(store.horizon(&id("events")).unwrap(), Horizon::default());
    let nowhere = ExpireQuery { collection: id("nothing"), ..query };
    assert!(matches!(store.expire(&nowhere, &mut |_| Ok(())), Err(StoreError::NoCollection(_))));
}
