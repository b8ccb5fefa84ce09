//! Events while layers are imported, replaced and read.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_model::{Areas, Change, LiveParts, Revision, Value, Wkb, limits};
use citywall_store::{CityStore, GeoPackage, StoreError};
use common::*;
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

fn event(revision: Revision) -> Change {
    let item = LiveParts {
        fid: revision.0,
        id: format!("E{revision}").into(),
        source: "s".into(),
        time: "2026-03-01T08:15:00Z".parse().unwrap(),
        since: "2026-03-01T08:15:00Z".parse().unwrap(),
        areas: Areas::default(),
        revision,
        geometry: Some(Wkb::point(117.0, 39.0).unwrap()),
        properties: serde_json::Map::new(),
    };
    Change { collection: id("events"), item: item.into(), before: None, late: false, actor: "local".into() }
}

/// Appends one event; where a publication took its revision, asks for the next.
fn append(store: &GeoPackage) {
    loop {
        match store.append(&[event(store.revision().next())]) {
            Ok(()) => return,
            Err(StoreError::OutOfOrder { .. }) => {}
            Err(e) => panic!("{e}"),
        }
    }
}

/// How long an acknowledgement takes is measured by the example `layer_speed`, at full length;
/// here it is counted how much of the import got in between, which no busy machine changes.
#[test]
fn an_event_waits_for_a_batch_or_two_and_not_for_an_import() {
    let (_folder, path, store) = city();
    create_events(&store);
    let rows = 60 * limits::IMPORT_BATCH_ROWS_MAX;
    let done = AtomicBool::new(false);
    let overtaken = std::thread::scope(|scope| {
        let events = scope.spawn(|| {
            let mut overtaken = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let before = staged_rows(&path);
                append(&store);
                overtaken.push(staged_rows(&path).saturating_sub(before));
            }
            overtaken.sort_unstable();
            overtaken
        });
        for _version in 0..2 {
            let mut stage = store.stage(draft("buildings")).unwrap();
            // One call with far more than a batch: it must give way by itself.
            let features =
                (0..rows).map(|i| feature(Some(square(10.0, 10.0)), &[("n", Value::Integer(i64::try_from(i).unwrap()))])).collect();
            assert_eq!(stage.write(features).unwrap(), vec![]);
            stage.publish().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        events.join().unwrap()
    });
    assert!(overtaken.len() > 40, "{} events got through", overtaken.len());
    let (typical, most) = (overtaken[overtaken.len() / 2], overtaken[overtaken.len() - 1]);
    assert!(typical <= 3 * limits::IMPORT_BATCH_ROWS_MAX, "typically {typical} rows were written meanwhile");
    assert!(most < rows, "one event waited for a whole import");
    assert_eq!(store.load_live(&id("events")).unwrap().items.len(), overtaken.len());
    drop(store);
    assert_sound(&path);
}

/// Rows of the version in the making, as committed so far.
fn staged_rows(path: &Path) -> usize {
    let conn = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let stage = "SELECT name FROM sqlite_schema WHERE name LIKE 'citywall_stage_%'";
    let Ok(table) = conn.query_row(stage, [], |row| row.get::<_, String>(0)) else { return 0 };
    // It may have been published since.
    conn.query_row(&format!("SELECT coalesce(max(fid), 0) FROM {table}"), [], |row| row.get::<_, i64>(0))
        .map_or(0, |n| usize::try_from(n).unwrap())
}

#[test]
fn a_reader_sees_one_version_while_others_are_published() {
    let (_folder, _path, store) = city();
    let version = |v: i64| (0..3_000).map(|_| feature(Some(square(10.0, 10.0)), &[("v", Value::Integer(v))])).collect();
    publish(&store, draft("roads"), version(0));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _reader in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let table = store.load_layer(&id("roads")).unwrap();
                    assert_eq!(table.len(), 3_000);
                    let first = table.value(0, 0);
                    assert!((0..3_000).all(|row| table.value(row, 0) == first));
                }
            });
        }
        for v in 1..15 {
            publish(&store, draft("roads"), version(v));
        }
        done.store(true, Ordering::Relaxed);
    });
}
