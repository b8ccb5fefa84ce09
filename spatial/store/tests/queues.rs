//! What lies beside the city's data: queues to targets, and refused records.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_model::{RefusedRecord, limits};
use citywall_store::{CityStore, GeoPackage, Outbox, StoreError};
use common::*;

#[test]
fn a_queue_keeps_its_order_and_its_keys_over_a_restart() {
    let (_folder, path, store) = city();
    store.enqueue(&[("hook", "k1", b"one"), ("mqtt", "k1", b"other"), ("hook", "k2", b"two")]).unwrap();
    store.enqueue(&[("hook", "k2", b"two again"), ("hook", "k3", b"three")]).unwrap();
    drop(store);
    let store = GeoPackage::open(&path).unwrap();
    let waiting = store.peek("hook", 0, 10).unwrap();
    let bodies: Vec<_> = waiting.iter().map(|m| (m.key.as_str(), m.body.as_slice())).collect();
    assert_eq!(bodies, [("k1", &b"one"[..]), ("k2", b"two"), ("k3", b"three")]);
    assert_eq!(store.peek("hook", waiting[0].position, 1).unwrap(), waiting[1..2]);
    store.acknowledge("hook", waiting[0].position).unwrap();
    store.give_up("hook", waiting[1].position, "410 Gone").unwrap();
    let depths: Vec<_> = store.depths().unwrap().into_iter().map(|d| (d.target, d.waiting, d.oldest.is_some(), d.dead)).collect();
    assert_eq!(depths, [("hook".to_owned(), 1, true, 1), ("mqtt".to_owned(), 1, true, 0)]);
    let dead = store.dead_letters("hook", 0, 10).unwrap();
    assert_eq!((dead.len(), dead[0].reason.as_str(), &dead[0].message.key), (1, "410 Gone", &"k2".to_owned()));
    assert!(store.revive("hook", dead[0].message.position).unwrap());
    assert!(!store.revive("hook", dead[0].message.position).unwrap());
    let keys: Vec<_> = store.peek("hook", 0, 10).unwrap().into_iter().map(|m| m.key).collect();
    assert_eq!(keys, ["k3", "k2"], "a revived message goes to the end");
    store.forget("hook").unwrap();
    assert_eq!(store.depths().unwrap().len(), 1);
    drop(store);
    assert_sound(&path);
}

fn refusal(reason: &str, n: usize) -> RefusedRecord {
    RefusedRecord {
        number: 0,
        collection: id(if n % 2 == 0 { "events" } else { "vehicles" }),
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
