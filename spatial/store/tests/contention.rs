//! Events while layers are imported, replaced and read.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_model::{Change, LiveItem, Revision, Value, Wkb, limits};
use citywall_store::{CityStore, GeoPackage, StoreError};
use common::*;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

fn event(revision: Revision) -> Change {
    let item = LiveItem {
        fid: revision.0,
        id: format!("E{revision}").into(),
        source: "s".into(),
        time: "2026-03-01T08:15:00Z".parse().unwrap(),
        revision,
        geometry: Some(Wkb::point(117.0, 39.0).unwrap()),
        properties: serde_json::Map::new(),
    };
    Change { collection: id("events"), item: Arc::new(item), actor: "local".into() }
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

/// The full length is the example `layer_speed`; here are a tenth of its rows.
#[test]
fn events_are_acknowledged_quickly_while_a_layer_is_imported_and_replaced() {
    let (_folder, path, store) = city();
    create_events(&store);
    let rows = 50 * limits::IMPORT_BATCH_ROWS_MAX;
    let done = AtomicBool::new(false);
    let waits = std::thread::scope(|scope| {
        let events = scope.spawn(|| {
            let mut waits = Vec::new();
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(2));
                let start = Instant::now();
                append(&store);
                waits.push(start.elapsed());
            }
            waits.sort_unstable();
            waits
        });
        for _version in 0..2 {
            let mut stage = store.stage(draft("buildings")).unwrap();
            // One call with far more than a batch: it must give way by itself.
            let features = (0..rows).map(|i| feature(Some(square(10.0, 10.0)), &[("n", Value::Integer(i64::try_from(i).unwrap()))])).collect();
            assert_eq!(stage.write(features).unwrap(), vec![]);
            stage.publish().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        events.join().unwrap()
    });
    let p99 = waits[waits.len() * 99 / 100];
    // Whether it gives way shows in the count as well, on however slow a machine.
    assert!(waits.len() > 20, "{} events got through", waits.len());
    assert!(p99 < Duration::from_millis(500), "p99 of {} events: {p99:?}", waits.len());
    assert_eq!(store.load_live(&id("events")).unwrap().items.len(), waits.len());
    drop(store);
    assert_sound(&path);
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
