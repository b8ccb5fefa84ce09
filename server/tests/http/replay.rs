//! Replays over `/live` and `/live/sse`.

use crate::{
    harness::{City, Server, event},
    history::day,
    live::Line,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    time::{Duration, Instant},
};

/// What a reader of a line knows: it applies messages as the map and the wall do.
#[derive(Default)]
struct Reader {
    revision: u64,
    open: BTreeMap<String, Value>,
    marks: Vec<Value>,
    time: String,
    ended: bool,
}

impl Reader {
    fn apply(&mut self, message: &Value) {
        match message["type"].as_str().unwrap() {
            "snapshot" => {
                let revision = message["revision"].as_u64().unwrap();
                if revision != self.revision {
                    self.open.clear();
                }
                self.revision = revision;
                self.marks.push(message["replay"].clone());
                for feature in message["features"].as_array().unwrap() {
                    self.open.insert(feature["id"].as_str().unwrap().to_owned(), feature.clone());
                }
            }
            "delta" => {
                assert_eq!(message["after"], self.revision, "the chain holds: {message}");
                self.revision = message["revision"].as_u64().unwrap();
                for change in message["changes"].as_array().unwrap() {
                    let id = change["feature"]["id"].as_str().unwrap().to_owned();
                    if change["feature"]["properties"]["status"] == "cleared" {
                        self.open.remove(&id);
                    } else {
                        self.open.insert(id, change["feature"].clone());
                    }
                }
                for gone in message["gone"].as_array().into_iter().flatten() {
                    self.open.remove(gone["id"].as_str().unwrap());
                }
            }
            "heartbeat" => {
                assert_eq!(message["replay"], true, "no word of the present: {message}");
                assert!(message["revision"].as_u64().unwrap() <= self.revision);
                self.time = message["time"].as_str().unwrap().to_owned();
                self.ended = message["ended"] == true;
            }
            _ => panic!("{message}"),
        }
    }

    fn ids(&self) -> Vec<&str> {
        self.open.keys().map(String::as_str).collect()
    }
}

fn play(from: &str, to: &str, speed: f64) -> Value {
    let at = |time: &str| format!("2026-03-01T{time}:00Z");
    json!({"type": "subscribe", "collections": ["events"], "replay": {"from": at(from), "to": at(to), "speed": speed}})
}

fn open_at(server: &Server, instant: &str) -> BTreeMap<String, Value> {
    let page = server.json(&format!("/collections/events/items?datetime={instant}&limit=1000"));
    page["features"].as_array().unwrap().iter().map(|feature| (feature["id"].as_str().unwrap().to_owned(), feature.clone())).collect()
}

#[test]
fn a_replay_is_told_by_the_messages_of_live_push() {
    let city = City::new();
    let server = city.serve();
    day(&server);
    let start = Instant::now();
    let mut line = Line::subscribed(&server, &play("09:30", "14:30", 7_200.0));
    let mut reader = Reader::default();
    let mut seen = Vec::new();
    while !reader.ended {
        reader.apply(&line.any());
        let ids = reader.ids().join(" ");
        if seen.last() != Some(&ids) {
            seen.push(ids);
        }
    }
    // Five hours at 7,200 times their pace.
    let took = start.elapsed();
    assert!((Duration::from_millis(2_300)..Duration::from_secs(6)).contains(&took), "{took:?}");
    // a is cleared and d removed in the same instant.
    let expected = [vec!["a b d", "b", "b c", "b", "b c"], vec!["a b d", "b d", "b", "b c", "b", "b c"]];
    assert!(expected.iter().any(|expected| seen == *expected), "{seen:?}");
    assert_eq!(reader.open, open_at(&server, "2026-03-01T14:30:00Z"));
    assert_eq!(reader.open["b"]["properties"]["level"], 2);
    let mark = &reader.marks[0];
    assert_eq!(
        (&mark["from"], &mark["to"], &mark["speed"]),
        (&json!("2026-03-01T09:30:00Z"), &json!("2026-03-01T14:30:00Z"), &json!(7_200.0))
    );
    assert_eq!(reader.time, "2026-03-01T14:30:00Z");
    // It can be gone back in after its end.
    line.say(&json!({"type": "replay", "seek": "2026-03-01T12:30:00Z", "paused": true}));
    reader.ended = false;
    while reader.marks.len() < 2 {
        reader.apply(&line.any());
    }
    assert_eq!(reader.ids(), ["b", "c"]);
    assert_eq!(reader.marks[1]["time"], "2026-03-01T12:30:00Z");
}

#[test]
fn a_replay_pauses_seeks_and_changes_its_speed() {
    let city = City::new();
    let server = city.serve();
    day(&server);
    let mut line = Line::subscribed(&server, &play("08:00", "15:00", 1.0));
    let mut reader = Reader::default();
    while reader.time.is_empty() {
        reader.apply(&line.any());
    }
    assert_eq!(reader.ids(), ["a"], "what begins in the first instant is in the snapshot");
    line.say(&json!({"type": "replay", "paused": true}));
    line.say(&json!({"type": "replay", "seek": "2026-03-01T11:59:59Z", "speed": 50}));
    while reader.marks.len() < 2 {
        reader.apply(&line.any());
    }
    reader.apply(&line.any());
    assert_eq!((reader.ids(), reader.time.as_str()), (vec!["b"], "2026-03-01T11:59:59Z"));
    std::thread::sleep(Duration::from_millis(600));
    line.say(&json!({"type": "replay", "paused": false, "speed": 1}));
    let start = Instant::now();
    while reader.ids() != ["b", "c"] {
        reader.apply(&line.any());
    }
    // One second of the past at its own pace, and none of it passed while it stood still.
    let took = start.elapsed();
    assert!((Duration::from_millis(700)..Duration::from_secs(4)).contains(&took), "{took:?}");
    for (bad, word) in [
        (json!({"type": "replay", "seek": "2026-03-02T00:00:00Z"}), "seek"),
        (json!({"type": "replay", "seek": "noon"}), "seek"),
        (json!({"type": "replay", "speed": 0}), "speed"),
        (json!({"type": "replay", "speed": 1e9}), "REPLAY_SPEED_MAX"),
        (json!({"type": "replay", "id": "other", "paused": true}), "no replay"),
    ] {
        line.say(&bad);
        loop {
            let message = line.any();
            if message["type"] == "error" {
                assert!(message["reason"].as_str().unwrap().contains(word), "{message}");
                break;
            }
            reader.apply(&message);
        }
    }
}

#[test]
fn replays_are_independent_of_each_other_and_of_the_present() {
    let city = City::new();
    let server = city.serve();
    day(&server);
    let mut line = Line::subscribed(&server, &json!({"type": "subscribe", "collections": ["events"]}));
    for (id, from, speed) in [("slow", "08:00", 1.0), ("fast", "11:30", 3_600.0)] {
        let mut request = play(from, "14:30", speed);
        request["id"] = json!(id);
        line.say(&request);
    }
    let mut readers: BTreeMap<String, Reader> = BTreeMap::new();
    let mut present = Vec::new();
    let mut posted = false;
    while !readers.get("fast").is_some_and(|fast| fast.ended) || present.is_empty() {
        let message = line.any();
        match message["id"].as_str() {
            Some(id) => readers.entry(id.to_owned()).or_default().apply(&message),
            None if message["type"] == "delta" && message["changes"][0].is_object() => {
                present.push(message["changes"][0]["feature"]["id"].clone())
            }
            None => {}
        }
        if readers.len() == 2 && !posted {
            posted = true;
            assert_eq!(server.post_event(&event("new", 117.0, 39.0)).status, 201);
        }
    }
    assert_eq!(readers["slow"].ids(), ["a"]);
    assert_eq!(readers["fast"].ids(), ["b", "c"]);
    assert_eq!(present, ["new"]);
}

#[test]
fn a_replayed_object_leaves_the_window_of_its_reader() {
    let city = City::new();
    let server = city.serve();
    let at = |id: &str, time: &str, x: f64| {
        let mut event = event(id, x, 39.1);
        event["properties"]["time"] = json!(format!("2026-03-01T{time}:00Z"));
        assert_eq!(server.post_event(&event).status, 201);
    };
    at("in", "08:00", 117.05);
    at("out", "08:00", 118.0);
    at("in", "09:00", 119.0);
    at("out", "10:00", 117.05);
    let mut request = play("08:30", "10:30", 7_200.0);
    request["bbox"] = json!([117.0, 39.0, 117.1, 39.2]);
    let mut line = Line::subscribed(&server, &request);
    let (mut reader, mut seen) = (Reader::default(), Vec::new());
    while !reader.ended {
        reader.apply(&line.any());
        let ids = reader.ids().join(" ");
        if seen.last() != Some(&ids) {
            seen.push(ids);
        }
    }
    assert_eq!(seen, ["in", "", "out"]);
}

#[test]
fn what_is_no_replay_is_refused_by_name() {
    let city = City::new();
    let server = city.serve();
    day(&server);
    let window = "2026-03-01T08:00:00Z/2026-03-01T09:00:00Z";
    for (query, parameter) in [
        ("replay=yesterday".to_owned(), "replay"),
        ("replay=a/b".to_owned(), "replay"),
        ("replay=2026-03-01T09:00:00Z/2026-03-01T08:00:00Z".to_owned(), "replay"),
        ("replay=2199-01-01T00:00:00Z/..".to_owned(), "replay"),
        (format!("replay={window}&speed=0"), "replay"),
        (format!("replay={window}&speed=fast"), "speed"),
        ("speed=2".to_owned(), "speed"),
        (format!("replay={window}&after=3"), "after"),
        (format!("replay={window}&collections=squares"), "collections"),
    ] {
        let problem = server.get(&format!("/live/sse?{query}")).problem(400);
        assert_eq!(problem["parameter"], parameter, "{query}: {problem}");
    }
}

#[test]
fn a_replay_comes_as_server_sent_events_too() {
    let city = City::new();
    let server = city.serve();
    day(&server);
    let window = "2026-03-01T09:30:00Z/2026-03-01T14:30:00Z";
    let url = format!("{}/live/sse?collections=events&replay={window}&speed=20000", server.url);
    let body = ureq::get(url).call().unwrap().into_body().into_reader();
    let mut reader = Reader::default();
    for line in BufReader::new(body).lines() {
        let line = line.unwrap();
        assert!(!line.starts_with("id:"), "a replay cannot be resumed");
        if let Some(data) = line.strip_prefix("data: ") {
            reader.apply(&serde_json::from_str(data).unwrap());
        }
        if reader.ended {
            break;
        }
    }
    assert_eq!(reader.open, open_at(&server, "2026-03-01T14:30:00Z"));
}

#[test]
fn a_replay_of_no_named_collections_plays_what_goes_on() {
    let city = City::new();
    let server = city.serve();
    day(&server);
    let snapshot_of = |collections: Value| {
        let mut request = play("08:00", "15:00", 1.0);
        request["collections"] = collections;
        let mut line = Line::subscribed(&server, &request);
        let mut told = Vec::new();
        loop {
            let message = line.any();
            if message["type"] == "snapshot" {
                told.push(message["collection"].as_str().unwrap().to_owned());
                if message["last"] == true {
                    return told;
                }
            }
        }
    };
    let told = snapshot_of(json!([]));
    assert!(["events", "alarms", "walls"].iter().all(|id| told.iter().any(|told| told == id)), "{told:?}");
    assert!(["sources", "rules", "fences", "targets"].iter().all(|id| told.iter().all(|told| told != id)), "{told:?}");
    assert_eq!(snapshot_of(json!(["sources"])), ["sources"]);
}
