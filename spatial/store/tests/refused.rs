//! Refused records, beside the city's data.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_model::{RefusedRecord, limits};
use citywall_store::{CityStore, GeoPackage, StoreError};
use common::*;

fn refusal(reason: &str, n: usize) -> RefusedRecord {
    RefusedRecord {
        number: 0,
        collection: id(if n.is_multiple_of(2) { "events" } else { "vehicles" }),
        actor: "gateway".to_owned(),
        received: "2026-03-01T08:15:00Z".parse().unwrap(),
        reason: reason.to_owned(),
        detail: format!("record {n}"),
        text: "告".repeat(limits::REFUSED_TEXT_BYTES_MAX),
    }
}

#[test]
fn refused_records_are_counted_and_kept_for_review() {
    let (_folder, path, store) = city();
    for n in 0..5 {
        store.refuse(&[refusal(if n < 3 { "malformed" } else { "future" }, n)]).unwrap();
    }
    let all = store.refused(None, 0, 100).unwrap();
    assert!(all.iter().map(|r| r.detail.clone()).eq((0..5).map(|n| format!("record {n}"))));
    assert!(all.is_sorted_by(|a, b| a.number < b.number) && all[0].text.len() <= limits::REFUSED_TEXT_BYTES_MAX);
    assert_eq!(store.refused(Some(&id("vehicles")), all[1].number, 100).unwrap(), all[3..4]);
    store.refuse(&[refusal("future", 6)]).unwrap();
    drop(store);
    let store = GeoPackage::open_read_only(&path).unwrap();
    let counts: Vec<_> = store.refused_counts().unwrap().into_iter().map(|c| (c.collection.to_string(), c.reason, c.count)).collect();
    let count = |collection: &str, reason: &str, n| (collection.to_owned(), reason.to_owned(), n);
    // 0 and 2 are malformed events, 1 is a malformed vehicle; 3 is a vehicle, 4 and 6 events of the future.
    let expected =
        [count("events", "future", 2), count("events", "malformed", 2), count("vehicles", "future", 1), count("vehicles", "malformed", 1)];
    assert_eq!(counts, expected);
    assert!(matches!(store.refuse(&[refusal("future", 7)]), Err(StoreError::ReadOnly(_))));
}

#[test]
fn collections_that_a_sender_makes_up_are_counted_together() {
    let (_folder, _path, store) = city();
    let made_up =
        |n: usize| RefusedRecord { collection: id(&format!("made-up-{n:06}")), text: String::new(), ..refusal("unknown_collection", n) };
    store.refuse(&[refusal("malformed", 0)]).unwrap();
    // Before and after they are written.
    for batch in [0..limits::REFUSED_COUNTS_MAX + 700, limits::REFUSED_COUNTS_MAX + 700..limits::REFUSED_COUNTS_MAX + 2_000] {
        store.refuse(&batch.map(made_up).collect::<Vec<_>>()).unwrap();
        store.refuse(&[refusal("malformed", 0)]).unwrap();
        // Beside those, the rest has a row for each of the two reasons.
        assert!(store.refused_counts().unwrap().len() <= limits::REFUSED_COUNTS_MAX + 2);
    }
    let counts = store.refused_counts().unwrap();
    let other = counts.iter().find(|c| c.collection == id("other") && c.reason == "unknown_collection").unwrap();
    assert!(other.count >= 2_000, "{other:?}");
    assert_eq!(counts.iter().map(|c| c.count).sum::<u64>(), limits::REFUSED_COUNTS_MAX as u64 + 2_003);
}
