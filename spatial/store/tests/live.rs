//! Live collections: the journal, its checkpoints, and what they add up to.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_model::{Areas, Change, LiveItem, LiveParts, Revision, Value, Wkb};
use citywall_store::{CityStore, GeoPackage, HistoryQuery, StoreError};
use common::*;
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn change(revision: u64, fid: u64, title: &str) -> Change {
    let item = LiveParts {
        fid,
        id: format!("E-{fid}").into(),
        source: "12345".into(),
        time: "2026-03-01T08:15:00.123456789Z".parse().unwrap(),
        since: "2026-03-01T08:15:00.123456789Z".parse().unwrap(),
        areas: Areas::default(),
        revision: Revision(revision),
        geometry: Some(Wkb::point(117.2, 39.1).unwrap()),
        properties: serde_json::json!({"title": title, "level": 2, "class": "gb:0103", "status": "open"}).as_object().unwrap().clone(),
    };
    Change { collection: id("events"), item: item.into(), before: None, late: false, actor: "local".into() }
}

fn items(store: &GeoPackage) -> Vec<LiveItem> {
    store.load_live(&id("events")).unwrap().items
}

#[test]
fn what_is_appended_is_there_after_reopening_and_after_a_checkpoint() {
    let (_folder, path, store) = city();
    create_events(&store);
    store.append(&[change(1, 1, "a"), change(2, 2, "b")]).unwrap();
    store.append(&[change(3, 1, "c")]).unwrap();
    let expected = vec![change(3, 1, "c").item, change(2, 2, "b").item];
    assert_eq!(items(&store), expected);
    drop(store);
    let store = GeoPackage::open(&path).unwrap();
    assert_eq!((store.revision(), items(&store)), (Revision(3), expected.clone()));
    store.checkpoint().unwrap();
    assert_eq!(items(&store), expected);
    store.append(&[change(4, 2, "d")]).unwrap();
    assert_eq!(items(&store)[1], change(4, 2, "d").item);
    store.checkpoint().unwrap();
    store.checkpoint().unwrap();
    assert_eq!(items(&store)[1], change(4, 2, "d").item);
    let titles: Vec<_> = store.changes_after(Revision(1), 2).unwrap().iter().map(|c| c.item.property("title")).collect();
    assert_eq!(titles, ["b", "c"], "the journal is kept");
    let before = |fid, revision| store.state_before(&id("events"), fid, Revision(revision)).unwrap();
    assert_eq!((before(1, 3), before(1, 4), before(1, 1)), (Some(change(1, 1, "a").item), Some(change(3, 1, "c").item), None));
    store.append(&[Change { late: true, ..change(5, 2, "late") }]).unwrap();
    assert_eq!(before(2, 6), Some(change(4, 2, "d").item), "what is late is not the present");
    assert_eq!(store.collections().unwrap()[0].count, 2);
    drop(store);
    assert_sound(&path);
}

#[test]
fn a_revision_out_of_order_keeps_nothing_of_the_batch() {
    let (_folder, _path, store) = city();
    create_events(&store);
    for batch in [vec![change(2, 1, "gap")], vec![change(1, 1, "a"), change(3, 2, "gap")], vec![change(0, 1, "back")]] {
        assert!(matches!(store.append(&batch), Err(StoreError::OutOfOrder { .. })));
        assert_eq!((store.revision(), items(&store).len()), (Revision(0), 0));
    }
    store.append(&[]).unwrap();
    store.append(&[change(1, 1, "a")]).unwrap();
    publish(&store, draft("roads"), vec![feature(None, &[("a", Value::Integer(1))])]);
    assert!(matches!(store.append(&[change(2, 1, "b")]), Err(StoreError::OutOfOrder { last: Revision(2), .. })), "a layer took revision 2");
    store.append(&[change(3, 1, "b")]).unwrap();
    assert_eq!(store.changes_after(Revision(0), 10).unwrap().len(), 2);
}

#[test]
fn changes_of_what_is_no_live_collection_are_refused() {
    let (_folder, _path, store) = city();
    assert!(matches!(store.append(&[change(1, 1, "a")]), Err(StoreError::NoCollection(_))));
    publish(&store, draft("events"), vec![feature(None, &[])]);
    assert!(matches!(store.append(&[change(2, 1, "a")]), Err(StoreError::WrongKind { .. })));
    assert_eq!(store.revision(), Revision(1));
}

#[test]
fn a_long_tail_is_folded_in_batches() {
    let (_folder, path, store) = city();
    create_events(&store);
    let changes: Vec<Change> = (1..=7_000).map(|r| change(r, r % 900 + 1, &format!("t{r}"))).collect();
    for batch in changes.chunks(1_000) {
        store.append(batch).unwrap();
    }
    let before = items(&store);
    store.checkpoint().unwrap();
    assert_eq!(items(&store), before);
    assert_eq!(store.collections().unwrap()[0].count, 900);
    drop(store);
    assert_sound(&path);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_filter("a number", |n| n.is_finite()).prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Into::into))
}

prop_compose! {
    fn item()(
        fid in 1_u64..6,
        seconds in -100_000_000_000_i64..100_000_000_000,
        nanos in prop_oneof![Just(0), 0..1_000_000_000],
        place in prop::option::of((-180.0..=180.0, -90.0..=90.0)),
        properties in prop::collection::btree_map("class|title|level|status|[a-z]{1,3}", json(), 0..5),
        source in ".{1,4}",
    ) -> LiveParts {
        LiveParts {
            fid,
            id: format!("id {fid}").into(),
            source: source.into(),
            time: Timestamp::new(seconds, nanos).unwrap(),
            since: Timestamp::new(seconds, nanos).unwrap(),
            areas: Areas::default(),
            revision: Revision(0),
            geometry: place.map(|(x, y)| Wkb::point(x, y).unwrap()),
            properties: properties.into_iter().collect(),
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<LiveParts>),
    Checkpoint,
    Reopen,
    Publish,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(item(), 1..8).prop_map(Step::Append),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
        1 => Just(Step::Publish),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The state is the last change of every item, whatever happens between the changes.
    #[test]
    fn the_state_is_the_fold_of_the_changes(steps in prop::collection::vec(step(), 1..10)) {
        let (_folder, path, mut store) = city();
        create_events(&store);
        let mut model: BTreeMap<u64, LiveItem> = BTreeMap::new();
        let mut history = Vec::new();
        for step in steps {
            match step {
                Step::Append(items) => {
                    let mut last = store.revision();
                    let changes: Vec<Change> = items.into_iter().map(|mut item| {
                        last = last.next();
                        item.revision = last;
                        let item = LiveItem::from(item);
                        model.insert(item.fid(), item.clone());
                        history.push(item.clone());
                        Change { collection: id("events"), item, before: None, late: false, actor: "tester".into() }
                    }).collect();
                    store.append(&changes).unwrap();
                }
                Step::Checkpoint => store.checkpoint().unwrap(),
                Step::Reopen => {
                    drop(store);
                    store = GeoPackage::open(&path).unwrap();
                }
                Step::Publish => {
                    publish(&store, draft("roads"), vec![feature(None, &[])]);
                }
            }
            prop_assert_eq!(items(&store), model.values().cloned().collect::<Vec<_>>());
        }
        let journal = store.changes_after(Revision(0), usize::MAX).unwrap();
        prop_assert_eq!(journal.iter().map(|c| c.item.clone()).collect::<Vec<_>>(), history);
        prop_assert!(journal.iter().all(|c| &*c.actor == "tester"));
        drop(store);
        assert_sound(&path);
    }
}

/// Changes with a number of an item, half seconds around the epoch, and whether they are late.
fn past() -> impl Strategy<Value = Vec<(u64, i64, bool)>> {
    prop::collection::vec((1_u64..6, -8_i64..8, any::<bool>()), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The past is what a walk through all changes finds, for any interval, item and instant.
    #[test]
    fn the_past_is_what_a_walk_through_the_journal_finds(
        past in past(), from in -9_i64..9, to in -9_i64..9, fid in prop::option::of(1_u64..7), stop in 1_usize..20,
        folded in 0_usize..60, reopened in any::<bool>(),
    ) {
        let at = |halves: i64| Timestamp::from_millisecond(halves * 500).unwrap();
        let (_folder, path, mut store) = city();
        create_events(&store);
        store.create_live(&id("others"), citywall_model::CollectionKind::Incidents, &citywall_model::LocalText::new("它", "Others"),
            citywall_model::CimCategory::PublicThemes, false).unwrap();
        let changes: Vec<Change> = (1..).zip(&past).map(|(revision, (fid, halves, late))| {
            let mut made = change(revision, *fid, &format!("t{revision}"));
            made.item = LiveParts { since: at(*halves), ..made.item.parts() }.into();
            made.late = *late;
            if revision % 5 == 0 {
                made.collection = id("others");
            }
            made
        }).collect();
        // Some are in the tables, and some only in the journal's tail.
        let (folded, tail) = changes.split_at(folded.min(changes.len()));
        store.append(folded).unwrap();
        store.checkpoint().unwrap();
        store.append(tail).unwrap();
        if reopened {
            drop(store);
            store = GeoPackage::open(&path).unwrap();
        }
        let mut of_events: Vec<&Change> = changes.iter().filter(|c| c.collection == id("events")).collect();
        of_events.sort_by_key(|c| (c.item.since(), c.item.revision()));
        let expected: Vec<Revision> = of_events.iter()
            .filter(|c| (at(from)..=at(to)).contains(&c.item.since()) && fid.is_none_or(|fid| c.item.fid() == fid))
            .map(|c| c.item.revision()).take(stop).collect();
        let query = HistoryQuery { collection: id("events"), from: at(from), to: at(to), fid };
        for store in [&store, &GeoPackage::open_read_only(&path).unwrap()] {
            let mut found = Vec::new();
            store.history(&query, &mut |change| {
                found.push(change.item.revision());
                found.len() < stop
            }).unwrap();
            prop_assert_eq!(&found, &expected);
            for (fid, revision) in (1..7).flat_map(|fid| [(fid, 4), (fid, 40), (fid, 99)]) {
                let known = of_events.iter().filter(|c| c.item.fid() == fid && c.item.revision().0 < revision && !c.late);
                // What is not late begins no earlier than what was there, but here anything may.
                let last = known.max_by_key(|c| (c.item.since().as_second(), c.item.revision())).map(|c| c.item.clone());
                prop_assert_eq!(store.state_before(&id("events"), fid, Revision(revision)).unwrap(), last);
            }
        }
        let state: BTreeMap<u64, LiveItem> =
            of_events.iter().filter(|c| c.item.since() <= at(to)).map(|c| (c.item.fid(), c.item.clone())).collect();
        prop_assert_eq!(store.state_at(&id("events"), at(to)).unwrap(), state.into_values().collect::<Vec<_>>());
    }
}

#[test]
fn a_long_past_is_read_piece_by_piece_in_order() {
    let (_folder, path, store) = city();
    create_events(&store);
    // Many pieces, and seconds that go on from one to the next.
    let changes: Vec<Change> = (1..=9_000)
        .map(|r| {
            let mut made = change(r, r % 700 + 1, "t");
            let since = Timestamp::from_millisecond(i64::try_from(r * 7_919 % 9_001).unwrap()).unwrap();
            made.item = LiveParts { since, ..made.item.parts() }.into();
            made
        })
        .collect();
    store.append(&changes).unwrap();
    let query = HistoryQuery { collection: id("events"), from: Timestamp::MIN, to: Timestamp::MAX, fid: None };
    let mut found = Vec::new();
    store
        .history(&query, &mut |change| {
            found.push((change.item.since(), change.item.revision()));
            true
        })
        .unwrap();
    let mut expected: Vec<_> = changes.iter().map(|c| (c.item.since(), c.item.revision())).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let nowhere = HistoryQuery { collection: id("nothing"), ..query };
    assert!(matches!(store.history(&nowhere, &mut |_| true), Err(StoreError::NoCollection(_))));
    drop(store);
    assert_sound(&path);
}

#[test]
fn a_journal_of_format_2_gets_its_index_on_time() {
    let (_folder, path, store) = city();
    create_events(&store);
    // Before and after the epoch, and within one second.
    let times = ["1969-12-31T23:59:58.5Z", "1970-01-01T00:00:00.25Z", "2026-03-01T08:15:00Z", "2026-03-01T08:15:00.999999999Z"];
    let changes: Vec<Change> = (1..)
        .zip(&times)
        .map(|(revision, since)| {
            let mut made = change(revision, 5 - revision, "t");
            made.item = LiveParts { since: since.parse().unwrap(), ..made.item.parts() }.into();
            made
        })
        .collect();
    store.append(&changes).unwrap();
    drop(store);
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch(
        "DROP INDEX citywall_journal_time; DROP TABLE citywall_journal_items; DROP TABLE citywall_versions;
         ALTER TABLE citywall_journal DROP COLUMN since_second;
         CREATE INDEX citywall_journal_item ON citywall_journal (collection, fid);
         DELETE FROM citywall_meta WHERE key = 'format'",
    )
    .unwrap();
    let mut crc = crc32fast::Hasher::new();
    for part in ["format", "2"] {
        crc.update(&part.len().to_le_bytes());
        crc.update(part.as_bytes());
    }
    conn.execute("INSERT INTO citywall_meta (key, value, digest) VALUES ('format', '2', ?1)", [crc.finalize()]).unwrap();
    drop(conn);
    let store = GeoPackage::open(&path).unwrap();
    let query = HistoryQuery { collection: id("events"), from: Timestamp::MIN, to: Timestamp::MAX, fid: None };
    let mut found = Vec::new();
    store
        .history(&query, &mut |change| {
            found.push(change.item);
            true
        })
        .unwrap();
    assert_eq!(found, changes.iter().map(|change| change.item.clone()).collect::<Vec<_>>());
    drop(store);
    assert_sound(&path);
    let kept = path.with_file_name("city.gpkg.format-2.bak");
    let kept = rusqlite::Connection::open(kept).unwrap();
    assert!(kept.prepare("SELECT since_second FROM citywall_journal").is_err(), "the copy is as the file was");
}
