//! The past over HTTP: `datetime`, `as-of`, the states, the track and the series of an item.

use crate::harness::{City, Server, event};
use serde_json::{Value, json};

const NDJSON: &str = "application/x-ndjson";

fn ids(server: &Server, query: &str) -> Vec<String> {
    let page = server.json(&format!("/collections/events/items?{query}"));
    page["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_str().unwrap().to_owned()).collect()
}

/// Says something of an event at a time, and gives back the revision.
fn say(server: &Server, id: &str, time: &str, properties: Value) -> u64 {
    let mut event = event(id, 117.1, 39.1);
    event["properties"]["time"] = json!(time);
    for (name, value) in properties.as_object().unwrap() {
        event["properties"][name] = value.clone();
    }
    let answer = server.post_event(&event);
    assert!([200, 201].contains(&answer.status), "{}", answer.text());
    answer.json()["revision"].as_u64().unwrap()
}

fn next_link(page: &Value, server: &Server) -> Option<String> {
    let link = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next")?;
    Some(link["href"].as_str().unwrap().strip_prefix(&*server.url).unwrap().to_owned())
}

/// a: open 08:00–10:00; b: open 09:00–, level 2 from 11:00; c: 12:00–13:00 and again from 14:00;
/// d: removed at 10:00.
pub fn day(server: &Server) -> Vec<u64> {
    let at = |time: &str| format!("2026-03-01T{time}:00Z");
    let mut revisions = vec![
        say(server, "a", &at("08:00"), json!({})),
        say(server, "d", &at("08:30"), json!({})),
        say(server, "b", &at("09:00"), json!({"level": 3})),
        say(server, "a", &at("10:00"), json!({"status": "cleared"})),
    ];
    revisions.push(say(server, "d", &at("10:00"), json!({"status": "removed"})));
    revisions.push(say(server, "b", &at("11:00"), json!({"level": 2})));
    revisions.push(say(server, "c", &at("12:00"), json!({})));
    revisions.push(say(server, "c", &at("13:00"), json!({"status": "cleared"})));
    revisions.push(say(server, "c", &at("14:00"), json!({"status": "open"})));
    revisions
}

#[test]
fn an_instant_shows_what_was_open_and_an_interval_what_was_at_any_time() {
    let city = City::new();
    let server = city.serve();
    day(&server);
    for (datetime, expected) in [
        ("07:59:59Z", &[][..]),
        ("08:00:00Z", &["a"]),
        ("09:30:00Z", &["a", "d", "b"]),
        ("10:00:00Z", &["b"]),
        ("12:30:00Z", &["b", "c"]),
        ("13:00:00Z", &["b"]),
        ("14:00:00Z", &["b", "c"]),
        ("09:59:59Z/2026-03-01T10:30:00Z", &["a", "d", "b"]),
        ("10:00:00Z/2026-03-01T11:30:00Z", &["b"]),
        ("13:10:00Z/2026-03-01T13:50:00Z", &["b"]),
        ("12:30:00Z/2026-03-01T13:50:00Z", &["b", "c"]),
        ("13:30:00Z/..", &["b", "c"]),
    ] {
        assert_eq!(ids(&server, &format!("datetime=2026-03-01T{datetime}")), expected, "{datetime}");
    }
    assert_eq!(ids(&server, "datetime=../2026-03-01T08:45:00Z"), ["a", "d"]);
    assert_eq!(ids(&server, "datetime=2026-03-01T16:30:00%2B08:00"), ["a", "d"], "another zone, the same instant");
    // It is shown as it was at the end; what was removed, as it was before.
    let shown = |datetime: &str, id: &str, property: &str| {
        let page = server.json(&format!("/collections/events/items?datetime={datetime}"));
        let features = page["features"].as_array().unwrap().clone();
        features.into_iter().find(|feature| feature["id"] == id).unwrap()["properties"][property].clone()
    };
    assert_eq!(shown("2026-03-01T10:59:59Z", "b", "level"), 3);
    assert_eq!(shown("2026-03-01T11:00:00Z", "b", "level"), 2);
    assert_eq!(shown("2026-03-01T08:00:00Z/2026-03-01T12:00:00Z", "a", "status"), "cleared");
    assert_eq!(shown("2026-03-01T08:00:00Z/2026-03-01T12:00:00Z", "d", "status"), "open");
    // The present has what is cleared, too.
    assert_eq!(ids(&server, ""), ["a", "b", "c"]);
}

#[test]
fn the_past_is_filtered_sorted_paged_and_turned_like_the_present() {
    let city = City::new();
    let server = city.serve();
    for n in 0..25 {
        let mut event = event(&format!("e{n:02}"), 117.0 + f64::from(n) / 100.0, 39.0);
        event["properties"]["time"] = json!("2026-03-01T08:00:00Z");
        event["properties"]["level"] = json!(n % 4 + 1);
        assert_eq!(server.post_event(&event).status, 201);
        event["properties"]["time"] = json!("2026-03-01T09:00:00Z");
        event["properties"]["status"] = json!("cleared");
        assert_eq!(server.post_event(&event).status, 201);
    }
    let then = "datetime=2026-03-01T08:15:00Z";
    assert_eq!(ids(&server, &format!("{then}&limit=100")).len(), 25);
    assert_eq!(ids(&server, "datetime=2026-03-01T09:00:00Z").len(), 0);
    assert_eq!(ids(&server, &format!("{then}&bbox=117.095,38,117.135,40")), ["e10", "e11", "e12", "e13"]);
    assert_eq!(ids(&server, &format!("{then}&filter=level=1%20AND%20id%20LIKE%20%27e0%25%27")), ["e00", "e04", "e08"]);
    assert_eq!(ids(&server, &format!("{then}&status=open&q=e24")), ["e24"]);
    assert_eq!(ids(&server, &format!("{then}&sortby=-level,-id&limit=3")), ["e23", "e19", "e15"]);
    let turned = server.json(&format!("/collections/events/items?{then}&limit=1&crs=http://www.opengis.net/def/crs/EPSG/0/4326"));
    assert_eq!(turned["features"][0]["geometry"]["coordinates"], json!([39, 117]));
    let (mut path, mut seen) = (Some(format!("/collections/events/items?{then}&limit=7&sortby=-level")), Vec::new());
    while let Some(page) = path.take() {
        let page = server.json(&page);
        assert_eq!(page["numberMatched"], 25);
        seen.extend(page["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_str().unwrap().to_owned()));
        path = next_link(&page, &server);
    }
    seen.sort();
    assert_eq!(seen, (0..25).map(|n| format!("e{n:02}")).collect::<Vec<_>>());
    // What comes late changes the past, also between two questions.
    say(&server, "late", "2026-03-01T08:10:00Z", json!({}));
    assert_eq!(ids(&server, &format!("{then}&limit=100")).len(), 26);
    let explained = server.json(&format!("/collections/events/items?{then}&explain=true"));
    assert_eq!(explained["moment"]["datetime"], json!(["2026-03-01T08:15:00Z", "2026-03-01T08:15:00Z"]));
    assert_eq!(server.get(&format!("/collections/events/items?{then}&f=html")).status, 200);
}

#[test]
fn a_revision_shows_what_was_recorded_by_then() {
    let city = City::new();
    let server = city.serve();
    let revisions = day(&server);
    assert_eq!(ids(&server, &format!("as-of={}", revisions[2])), ["a", "d", "b"]);
    assert_eq!(ids(&server, &format!("as-of={}&status=open", revisions[3])), ["d", "b"]);
    assert_eq!(ids(&server, &format!("as-of={}", revisions[4])), ["a", "b"], "cleared ones are there, removed ones are not");
    // Told late: known now, not known then.
    say(&server, "b", "2026-03-01T09:30:00Z", json!({"level": 1}));
    let level = |query: &str| server.json(&format!("/collections/events/items?{query}&q=b"))["features"][0]["properties"]["level"].clone();
    assert_eq!(level("datetime=2026-03-01T10:00:00Z"), 1);
    assert_eq!(level(&format!("datetime=2026-03-01T10:00:00Z&as-of={}", revisions[8])), 3);
    let problem = server.get("/collections/events/items?as-of=999999").problem(400);
    assert_eq!(problem["parameter"], "as-of");
    assert_eq!(server.get("/collections/events/items?as-of=now").problem(400)["parameter"], "as-of");
    assert_eq!(server.get("/collections/squares/items?as-of=0").problem(410)["parameter"], "as-of");
}

#[test]
fn an_item_has_a_history_of_states() {
    let city = City::new();
    let server = city.serve();
    day(&server);
    say(&server, "c", "2026-03-01T12:30:00Z", json!({"level": 1}));
    let states = |path: &str| -> Vec<(String, String, Value, bool)> {
        let page = server.json(path);
        let state = |feature: &Value| {
            let interval = |at: usize| feature["time"]["interval"][at].as_str().unwrap().to_owned();
            (interval(0), interval(1), feature["properties"]["status"].clone(), feature["late"].as_bool().unwrap())
        };
        page["features"].as_array().unwrap().iter().map(state).collect()
    };
    let at = |time: &str| format!("2026-03-01T{time}:00Z");
    let all = vec![
        (at("12:00"), at("12:30"), json!("open"), false),
        (at("12:30"), at("13:00"), json!("open"), true),
        (at("13:00"), at("14:00"), json!("cleared"), false),
        (at("14:00"), "..".to_owned(), json!("open"), false),
    ];
    assert_eq!(states("/collections/events/items/c/history"), all);
    assert_eq!(states("/collections/events/items/c/history?datetime=2026-03-01T12:30:00Z/2026-03-01T13:00:00Z")[..1], all[1..2]);
    let (mut path, mut paged) = (Some("/collections/events/items/c/history?limit=1".to_owned()), Vec::new());
    while let Some(page) = path.take() {
        paged.extend(states(&page));
        path = next_link(&server.json(&page), &server);
    }
    assert_eq!(paged, all);
    assert_eq!(states("/collections/events/items/d/history").last().unwrap().2, "removed", "what was removed has a history");
    server.get("/collections/events/items/nobody/history").problem(404);
    server.get("/collections/squares/items/c0001/history").problem(404);
    assert_eq!(server.get("/collections/events/items/c/history?limit=0").problem(400)["parameter"], "limit");
    assert_eq!(server.get("/collections/events/items/c/history?cursor=x").problem(400)["parameter"], "cursor");
}

fn make(server: &Server, id: &str, kind: &str) {
    let body = json!({"id": id, "kind": kind, "title": {"zh": id, "en": id}});
    let answer = server.send("POST", "/collections", &[("content-type", "application/json")], body.to_string().as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
}

fn post(server: &Server, collection: &str, lines: &[Value]) {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let answer = server.send("POST", &format!("/collections/{collection}/items"), &[("content-type", NDJSON)], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn what_ages_out_is_exported_and_the_rest_is_told_as_before() {
    let city = City::new();
    let export = city.path("history");
    let config = format!(
        "history_export = \"{export}\"\n[[live]]\nid = \"cases\"\nkind = \"incidents\"\ntitle = {{ zh = \"案件\", en = \"Cases\" }}\nretention_days = 30\n"
    );
    let case = |id: &str, time: &str, level: u32, status: &str| json!({"type": "Feature", "id": id, "geometry": null, "properties": {"source": "s", "time": time, "level": level, "status": status}});
    let server = city.serve_configured(&config);
    post(
        &server,
        "cases",
        &[
            case("long", "2026-01-01T00:00:00Z", 4, "open"),
            case("long", "2026-01-02T00:00:00Z", 3, "open"),
            case("long", "2026-01-03T00:00:00Z", 2, "open"),
            case("over", "2026-01-01T00:00:00Z", 4, "open"),
            case("over", "2026-01-04T00:00:00Z", 4, "cleared"),
            case("new", "2026-03-01T00:00:00Z", 4, "open"),
        ],
    );
    let all = server.json("/city")["revision"].as_u64().unwrap();
    let open = |server: &Server, datetime: &str| -> Vec<(Value, Value)> {
        let page = server.json(&format!("/collections/cases/items?datetime={datetime}"));
        page["features"].as_array().unwrap().iter().map(|f| (f["id"].clone(), f["properties"]["level"].clone())).collect()
    };
    assert_eq!(open(&server, "2026-01-01T12:00:00Z"), [(json!("long"), json!(4)), (json!("over"), json!(4))]);
    let mut now = server.json("/collections/cases/items")["features"].clone();
    assert_eq!(server.terminate(), Some(0));
    // Thirty days before the latest state is the end of January: it is looked for at the start.
    let server = city.serve_configured(&config);
    let start = std::time::Instant::now();
    while server.get("/metrics").text().lines().all(|line| line != "citywall_history_expired_total 5") {
        assert!(start.elapsed().as_secs() < 20, "{}", server.get("/metrics").text());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    now.as_array_mut().unwrap().retain(|case| case["id"] != "over");
    assert_eq!(server.json("/collections/cases/items")["features"], now, "the present stays, but for what is over");
    assert_eq!(server.json("/collections/cases")["count"], 2);
    let file = std::fs::read_dir(&export).unwrap().next().unwrap().unwrap().path();
    let lines: Vec<Value> = std::fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut exported: Vec<String> =
        lines.iter().map(|l| format!("{} {}", l["feature"]["id"], l["feature"]["properties"]["level"])).collect();
    exported.sort();
    assert_eq!(exported, ["\"long\" 3", "\"long\" 4", "\"over\" 4", "\"over\" 4", "\"over\" 4"]);
    assert_eq!(lines[0]["collection"], "cases");
    assert!(lines.iter().all(|line| line["actor"].is_string() && line["revision"].is_u64() && line["late"] == false));
    // From the horizon on everything is told as before; before it nothing wrong is told.
    assert_eq!(open(&server, "2026-02-01T00:00:00Z"), [(json!("long"), json!(2))]);
    let gone = server.get("/collections/cases/items?datetime=2026-01-01T12:00:00Z").problem(410);
    assert!(gone["detail"].as_str().unwrap().contains("aged out"), "{gone}");
    server.get("/collections/cases/items?as-of=1").problem(410);
    server.get("/live/sse?collections=cases&replay=2026-01-01T12:00:00Z/..").problem(400);
    server.get("/collections/cases/items/long/history?datetime=2026-01-01T12:00:00Z/..").problem(410);
    assert_eq!(server.json(&format!("/collections/cases/items?as-of={all}"))["features"], now);
    assert_eq!(server.json("/collections/cases/items/long/history")["numberReturned"], 1);
    assert_eq!(server.terminate(), Some(0));
    let verified = crate::harness::citywall(&["verify", "--city", city.file.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", crate::harness::stderr(&verified));
}

#[test]
fn what_was_refused_outlives_a_restart() {
    let city = City::new();
    let server = city.serve();
    for n in 0..3 {
        let mut bad = event(&format!("bad{n}"), 117.0, 39.0);
        bad["properties"]["time"] = json!("2199-01-01T00:00:00Z");
        server.post_event(&bad).problem(400);
    }
    assert_eq!(server.json("/refused")["refused"].as_array().unwrap().len(), 3);
    assert_eq!(server.terminate(), Some(0));
    let server = city.serve();
    let refused = server.json("/refused?limit=2");
    let record = &refused["refused"][0];
    assert_eq!((&record["reason"], &record["collection"], &record["actor"]), (&json!("future"), &json!("events"), &json!("local")));
    assert_eq!(refused["counts"], json!([{"collection": "events", "reason": "future", "count": 3}]));
    let next = refused["next"].as_str().unwrap().strip_prefix(&*server.url).unwrap().to_owned();
    assert_eq!(server.json(&next)["refused"].as_array().unwrap().len(), 1);
    assert_eq!(server.json("/refused?collection=none")["refused"], json!([]));
}

#[test]
fn a_moving_object_has_a_track_in_order_of_time() {
    let city = City::new();
    let server = city.serve();
    make(&server, "buses", "moving_objects");
    let fix = |second: u32, x: f64, speed: f64| {
        json!({"type": "Feature", "id": "bus/1", "geometry": {"type": "Point", "coordinates": [x, 39.1]},
            "properties": {"source": "gps", "time": format!("2026-03-01T08:00:{second:02}Z"), "speed": speed}})
    };
    // Out of order, and one instant twice.
    post(&server, "buses", &[fix(0, 117.0, 1.0), fix(20, 117.2, 3.0), fix(10, 117.1, 2.0), fix(30, 117.3, 4.0), fix(30, 117.35, 5.0)]);
    let track = server.json("/collections/buses/items/bus%2F1/track");
    assert_eq!(
        track["geometry"],
        json!({"type": "LineString", "coordinates": [[117.0, 39.1], [117.1, 39.1], [117.2, 39.1], [117.35, 39.1]]})
    );
    let times: Vec<String> = [0, 10, 20, 30].iter().map(|second| format!("2026-03-01T08:00:{second:02}Z")).collect();
    assert_eq!(track["properties"]["datetimes"], json!(times));
    assert_eq!(track["temporalGeometry"]["type"], "MovingPoint");
    assert_eq!(track["temporalGeometry"]["datetimes"], json!(times));
    assert_eq!(track["temporalProperties"][0]["speed"]["values"], json!([1.0, 2.0, 3.0, 5.0]));
    let part = server.json("/collections/buses/items/bus%2F1/track?datetime=2026-03-01T08:00:05Z/2026-03-01T08:00:20Z&limit=1");
    assert_eq!(part["geometry"], json!({"type": "Point", "coordinates": [117.1, 39.1]}));
    let next = server.json(&next_link(&part, &server).unwrap());
    assert_eq!(next["properties"]["datetimes"], json!(["2026-03-01T08:00:20Z"]));
    assert!(next_link(&next, &server).is_none());
    // The collection itself, at an instant between two fixes.
    let then = server.json("/collections/buses/items?datetime=2026-03-01T08:00:15Z");
    assert_eq!(then["features"][0]["geometry"]["coordinates"], json!([117.1, 39.1]));
}

#[test]
fn a_datastream_has_a_series_in_buckets_of_the_citys_days() {
    let city = City::new();
    let server = city.serve();
    make(&server, "air", "datastreams");
    // Every ten minutes from 2026-03-01T00:00+08:00 on, the value is the number of the observation.
    let start: jiff::Timestamp = "2026-02-28T16:00:00Z".parse().unwrap();
    let observation = |n: i64| {
        let time = start + jiff::SignedDuration::from_mins(10 * n);
        json!({"type": "Feature", "id": "pm25", "geometry": null,
            "properties": {"source": "s", "time": time.to_string(), "unit": "µg/m³", "result": n}})
    };
    post(&server, "air", &(0..300).map(observation).collect::<Vec<_>>());
    let series = "/collections/air/items/pm25/series";
    let all = server.json(series);
    assert_eq!((all["unit"].as_str(), all["numberReturned"].as_u64()), (Some("µg/m³"), Some(300)));
    assert_eq!(
        all["observations"][1],
        json!({"phenomenonTime": "2026-02-28T16:10:00Z", "result": 1.0, "recorded": all["observations"][1]["recorded"]})
    );
    assert!(all["revision"].as_u64().unwrap() >= 300);
    let hours = server.json(&format!("{series}?bucket=PT1H"));
    let hour = &hours["buckets"][2];
    assert_eq!(
        *hour,
        json!({"start": "2026-02-28T18:00:00Z", "end": "2026-02-28T19:00:00Z", "count": 6, "mean": 14.5, "min": 12.0, "max": 17.0, "first": 12.0, "last": 17.0})
    );
    assert_eq!(hours["buckets"].as_array().unwrap().len(), 50);
    // Buckets page by page are those of one answer.
    let (mut path, mut paged) = (Some(format!("{series}?bucket=PT1H&limit=7")), Vec::new());
    while let Some(page) = path.take() {
        let page = server.json(&page);
        paged.extend(page["buckets"].as_array().unwrap().clone());
        path = next_link(&page, &server);
    }
    assert_eq!(json!(paged), hours["buckets"]);
    let zone = server.json("/city")["time_zone"].as_str().unwrap_or("UTC").to_owned();
    let days = server.json(&format!("{series}?bucket=P1D"));
    assert_eq!(days["timeZone"], json!(zone));
    // A correction counts instead of what it corrects.
    let mut corrected = observation(13);
    corrected["properties"]["result"] = json!(1000);
    post(&server, "air", &[corrected]);
    let hour = &server.json(&format!("{series}?bucket=PT1H&datetime=2026-02-28T18:00:00Z/2026-02-28T18:59:59Z"))["buckets"][0];
    assert_eq!((hour["count"].as_u64(), hour["max"].as_f64()), (Some(6), Some(1000.0)));
    assert_eq!(server.get(&format!("{series}?bucket=PT7M")).problem(400)["parameter"], "bucket");
    assert_eq!(server.json(&format!("{series}?property=none"))["numberReturned"], 0);
}
