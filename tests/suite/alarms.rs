//! Alarms are neither lost nor doubled, whenever the process is killed. `make soak` runs more rounds.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, full_length, post, small_city, try_post};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const VEHICLES: &str = "[[live]]\nid = \"vehicles\"\nkind = \"moving_objects\"\ntitle = { zh = \"车辆\", en = \"Vehicles\" }\n";

#[test]
fn soak_every_cause_has_one_alarm_after_kill_9_at_any_instant() {
    let rounds = if full_length() { 50 } else { 5 };
    let dir = tempfile::tempdir().unwrap();
    let city = small_city(dir.path());
    let config = dir.path().join("citywall.toml");
    fs::write(&config, VEHICLES).unwrap();
    let serve = || Server::start(&city, &["--config", config.to_str().unwrap()]);
    let server = serve();
    put(
        &server,
        "fences",
        &json!({"type": "Feature", "id": "zone", "properties": {}, "geometry":
        {"type": "Polygon", "coordinates": [[[117.0, 39.0], [117.1, 39.0], [117.1, 39.1], [117.0, 39.1], [117.0, 39.0]]]}}),
    );
    for (id, on) in [("in", json!({"on": ["enter", "inside"]})), ("long", json!({"on": ["dwell"], "after_s": 1}))] {
        let mut when = json!({"kind": "fence", "fences": "fences"});
        when.as_object_mut().unwrap().extend(on.as_object().unwrap().clone());
        let rule = json!({"title": id, "level": 2, "collection": "vehicles", "when": when});
        put(&server, "rules", &json!({"type": "Feature", "id": id, "properties": rule}));
    }
    assert_eq!(server.terminate(), 0);

    let acknowledged = Mutex::new(BTreeSet::new());
    let next = AtomicUsize::new(0);
    for round in 0..rounds {
        let server = serve();
        let url = format!("{}/collections/vehicles/items", server.url);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let ids: Vec<String> = (0..10).map(|_| format!("v{}", next.fetch_add(1, Ordering::Relaxed))).collect();
                        // From outside to inside, which is what the alarms are of.
                        let lines: String = ids.iter().map(|id| word(id, 116.9, 1) + "\n" + &word(id, 117.05, 0) + "\n").collect();
                        if let Some((200, _)) = try_post(&url, "application/x-ndjson", &lines) {
                            acknowledged.lock().unwrap().extend(ids);
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(300 + 137 * (round % 17)));
            server.kill();
            stop.store(true, Ordering::Relaxed);
        });
    }

    let server = serve();
    let inside: BTreeSet<String> =
        server.all_items("vehicles").iter().filter(|item| item["geometry"]["coordinates"][0] == 117.05).map(id).collect();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(!acknowledged.is_empty() && acknowledged.is_subset(&inside), "{} acknowledged, {} inside", acknowledged.len(), inside.len());
    // The last ones have still to dwell.
    let end = Instant::now() + Duration::from_secs(20);
    let alarms = loop {
        let alarms = server.all_items("alarms");
        if alarms.len() >= inside.len() * 3 || Instant::now() > end {
            break alarms;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    // One more look, so that a second alarm of anything would have come.
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(server.all_items("alarms").len(), alarms.len());
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for alarm in &alarms {
        let properties = &alarm["properties"];
        let event = properties["key"].as_str().unwrap().split('|').next().unwrap().to_owned();
        let cause = id(&properties["cause"]["items"][0]);
        *counts.entry((event, cause)).or_default() += properties["count"].as_u64().unwrap();
    }
    for event in ["enter", "inside", "dwell"] {
        let found: BTreeSet<String> = counts.keys().filter(|(of, _)| of == event).map(|(_, cause)| cause.clone()).collect();
        let lost: Vec<_> = inside.difference(&found).collect();
        assert!(lost.is_empty() && found.len() == inside.len(), "{event}: lost {lost:?}; {} found, {} inside", found.len(), inside.len());
    }
    let doubled: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(doubled.is_empty(), "doubled {doubled:?}");
    assert_eq!(server.terminate(), 0);
}

fn id(item: &Value) -> String {
    item["id"].as_str().unwrap().to_owned()
}

fn put(server: &Server, collection: &str, feature: &Value) {
    let (status, answer) = post(&format!("{}/collections/{collection}/items", server.url), "application/geo+json", &feature.to_string());
    assert_eq!(status, 201, "{answer}");
}

fn word(id: &str, x: f64, ago_s: i64) -> String {
    let time = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(ago_s);
    json!({"type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": [x, 39.05]},
        "properties": {"source": "gps", "time": time.to_string()}})
    .to_string()
}
