//! Nothing acknowledged is lost, whenever the process is killed. `make soak` runs more rounds.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, citywall_ok, full_length, small_city, try_post};
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

#[test]
fn soak_every_acknowledged_event_outlives_kill_9_at_any_instant() {
    let rounds = if full_length() { 50 } else { 5 };
    let dir = tempfile::tempdir().unwrap();
    let city = small_city(dir.path());
    let acknowledged = Mutex::new(BTreeSet::new());
    let next = AtomicUsize::new(0);
    for round in 0..rounds {
        let server = Server::start(&city, &[]);
        let url = format!("{}/collections/events/items", server.url);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let ids: Vec<String> = (0..20).map(|_| format!("e{}", next.fetch_add(1, Ordering::Relaxed))).collect();
                        let lines: String = ids.iter().map(|id| event(id) + "\n").collect();
                        let Some((200, body)) = try_post(&url, "application/x-ndjson", &lines) else { continue };
                        let results: serde_json::Value = serde_json::from_str(&body).unwrap();
                        assert_eq!(results.as_array().unwrap().len(), ids.len(), "{body}");
                        acknowledged.lock().unwrap().extend(ids);
                    }
                });
            }
            // Another instant in every round, early ones among them.
            std::thread::sleep(Duration::from_millis(40 + 37 * (round % 17)));
            server.kill();
            stop.store(true, Ordering::Relaxed);
        });
        let server = Server::start(&city, &[]);
        let stored = all_ids(&server);
        let acknowledged = acknowledged.lock().unwrap();
        let lost: Vec<&String> = acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?} of {}", acknowledged.len());
        // Nothing stands twice in the history.
        for id in stored.iter().take(2).chain(stored.iter().rev().take(8)) {
            let states = server.json(&format!("/collections/events/items/{id}/history"));
            assert_eq!(states["numberReturned"], 1, "{id}: {states}");
        }
        let revision = server.json("/city")["revision"].as_u64().unwrap();
        assert!(revision >= stored.len() as u64, "every event has a revision of its own");
        assert_eq!(server.terminate(), 0);
    }
    assert!(!acknowledged.lock().unwrap().is_empty(), "something was acknowledged");
    citywall_ok(&["verify", "--city", city.to_str().unwrap()]);
}

#[test]
fn sigterm_during_ingest_ends_clean_and_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let city = small_city(dir.path());
    let server = Server::start(&city, &[]);
    let url = format!("{}/collections/events/items", server.url);
    let acknowledged = AtomicUsize::new(0);
    let code = std::thread::scope(|scope| {
        scope.spawn(|| {
            let end = Instant::now() + Duration::from_secs(20);
            for n in 0.. {
                match try_post(&url, "application/geo+json", &event(&format!("e{n}"))) {
                    Some((201, _)) => acknowledged.fetch_add(1, Ordering::Relaxed),
                    _ => break,
                };
                assert!(Instant::now() < end, "the server did not end");
            }
        });
        std::thread::sleep(Duration::from_millis(300));
        server.terminate()
    });
    assert_eq!(code, 0);
    let server = Server::start(&city, &[]);
    assert!(all_ids(&server).len() >= acknowledged.into_inner());
}

fn event(id: &str) -> String {
    json!({
        "type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": [117.2, 39.1]},
        "properties": {"source": "crash-test", "time": "2026-03-01T08:15:00Z", "status": "open"},
    })
    .to_string()
}

fn all_ids(server: &Server) -> BTreeSet<String> {
    server.all_items("events").iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}
