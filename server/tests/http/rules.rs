//! Rules raise alarms, in the commit of what caused them; alarms have a life.

use crate::harness::{City, Server};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const COLLECTIONS: &str = r#"
    [[live]]
    id = "vehicles"
    kind = "moving_objects"
    title = { zh = "车辆", en = "Vehicles" }
    [[live]]
    id = "readings"
    kind = "datastreams"
    title = { zh = "读数", en = "Readings" }
"#;

fn put(server: &Server, collection: &str, feature: &Value) -> u16 {
    server
        .send(
            "POST",
            &format!("/collections/{collection}/items"),
            &[("content-type", "application/geo+json")],
            feature.to_string().as_bytes(),
        )
        .status
}

fn rule(server: &Server, id: &str, rule: Value) {
    assert_eq!(put(server, "rules", &json!({"type": "Feature", "id": id, "properties": rule})), 201);
}

fn vehicle(server: &Server, id: &str, time: &str, x: f64) {
    let feature = json!({"type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": [x, 39.05]}, "properties": {"source": "gps", "time": time, "speed": 40}});
    assert_eq!(put(server, "vehicles", &feature), 201);
}

fn square(server: &Server, id: &str, x: f64) {
    let ring = [[x, 39.0], [x + 0.1, 39.0], [x + 0.1, 39.1], [x, 39.1], [x, 39.0]];
    let feature = json!({"type": "Feature", "id": id, "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"title": id}});
    assert_eq!(put(server, "fences", &feature), 201);
}

fn alarms(server: &Server) -> Vec<Value> {
    let all = server.json("/collections/alarms/items?limit=1000");
    all["features"].as_array().unwrap().clone()
}

fn soon(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(15);
    while !is() {
        assert!(Instant::now() < end, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn fence_rule(on: &[&str]) -> Value {
    json!({"title": "禁行区", "level": 2, "collection": "vehicles", "when": {"kind": "fence", "fences": "fences", "on": on}})
}

#[test]
fn an_alarm_comes_with_its_cause_is_folded_and_lives_until_it_is_closed() {
    let city = City::new();
    let server = city.serve_configured(COLLECTIONS);
    square(&server, "zone", 117.0);
    rule(&server, "no-go", fence_rule(&["enter"]));
    vehicle(&server, "v1", "2026-03-01T08:00:00Z", 116.9);
    assert!(alarms(&server).is_empty());
    vehicle(&server, "v1", "2026-03-01T08:01:00Z", 117.05);
    // Durable and visible with the position that caused it.
    let raised = alarms(&server);
    assert_eq!(raised.len(), 1, "{raised:?}");
    let alarm = &raised[0];
    let properties = &alarm["properties"];
    assert_eq!((&properties["status"], &properties["level"], &properties["count"]), (&json!("raised"), &json!(2), &json!(1)));
    assert_eq!(properties["title"], "禁行区");
    assert_eq!(properties["cause"]["fence"], json!({"collection": "fences", "id": "zone"}));
    assert_eq!(properties["cause"]["items"][0]["id"], "v1");
    assert_eq!(alarm["geometry"]["coordinates"], json!([117.05, 39.05]));
    assert_eq!(properties["time"], "2026-03-01T08:01:00Z");
    // The same again is no second alarm.
    vehicle(&server, "v1", "2026-03-01T08:02:00Z", 116.9);
    vehicle(&server, "v1", "2026-03-01T08:03:00Z", 117.05);
    let folded = alarms(&server);
    assert_eq!((folded.len(), &folded[0]["properties"]["count"]), (1, &json!(2)));
    // A person takes it through its life, forward only.
    let id = alarm["id"].as_str().unwrap();
    let step = |status: &str| put(&server, "alarms", &json!({"type": "Feature", "id": id, "properties": {"status": status}}));
    assert_eq!((step("acknowledged"), step("handled"), step("raised"), step("done")), (201, 201, 400, 400));
    let handled = &alarms(&server)[0]["properties"];
    assert!(handled["acknowledged_at"].is_string() && handled["handled_by"] == "local", "{handled}");
    assert_eq!(step("closed"), 201);
    assert_eq!(server.json("/city")["collections"].as_array().unwrap().iter().find(|c| c["id"] == "alarms").unwrap()["open"], 0);
    // What comes after that is a new one.
    vehicle(&server, "v1", "2026-03-01T08:04:00Z", 116.9);
    vehicle(&server, "v1", "2026-03-01T08:05:00Z", 117.05);
    assert_eq!(alarms(&server).len(), 2);
    // Switched off, the rule raises none.
    rule(&server, "no-go", json!({"enabled": false}));
    vehicle(&server, "v2", "2026-03-01T08:05:00Z", 117.05);
    assert_eq!(alarms(&server).len(), 2);
}

#[test]
fn a_restart_neither_repeats_nor_forgets() {
    let city = City::new();
    let server = city.serve_configured(COLLECTIONS);
    square(&server, "zone", 117.0);
    rule(&server, "in", fence_rule(&["inside"]));
    let mut dwell = fence_rule(&["dwell"]);
    dwell["when"]["after_s"] = json!(4);
    rule(&server, "long", dwell);
    let now = |add_s: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(add_s)).to_string();
    vehicle(&server, "v1", &now(-1), 116.9);
    vehicle(&server, "v1", &now(0), 117.05);
    assert_eq!(alarms(&server).len(), 1);
    server.kill();
    let server = city.serve_configured(COLLECTIONS);
    // Still in: no second alarm, and the wait goes on where it was.
    vehicle(&server, "v1", &now(0), 117.06);
    assert_eq!(alarms(&server).len(), 1);
    soon("the dwell", || alarms(&server).len() == 2);
    vehicle(&server, "v1", &now(0), 116.9);
    let over = alarms(&server);
    assert!(over.iter().all(|alarm| alarm["properties"]["ended"].is_string()), "{over:?}");
    // It comes in again: that is another.
    vehicle(&server, "v1", &now(1), 117.05);
    assert_eq!(alarms(&server).len(), 3);
    // A person closes it while it goes on: it is not raised again, not even after a restart.
    let ongoing = |server: &Server| -> Vec<Value> {
        alarms(server).into_iter().filter(|alarm| alarm["properties"]["ongoing"] == true && alarm["properties"]["rule"] == "in").collect()
    };
    let closed = json!({"type": "Feature", "id": ongoing(&server)[0]["id"], "properties": {"status": "closed"}});
    assert_eq!(put(&server, "alarms", &closed), 201);
    server.kill();
    let server = city.serve_configured(COLLECTIONS);
    vehicle(&server, "v1", &now(1), 117.06);
    let inside = |server: &Server| alarms(server).iter().filter(|alarm| alarm["properties"]["rule"] == "in").count();
    assert_eq!((inside(&server), ongoing(&server).len()), (2, 1));
    // A rule that is switched off ends what goes on; switched on again it finds it anew.
    rule(&server, "in", json!({"enabled": false}));
    assert!(ongoing(&server).is_empty());
    rule(&server, "in", json!({"enabled": true}));
    soon("the next alarm", || (inside(&server), ongoing(&server).len()) == (3, 1));
}

#[test]
fn every_kind_of_rule_finds_what_it_is_for() {
    let city = City::new();
    let server = city.serve_configured(COLLECTIONS);
    rule(
        &server,
        "close",
        json!({"title": "接近", "level": 3, "collection": "vehicles", "when": {"kind": "near", "to": "vehicles", "within_m": 200}}),
    );
    rule(&server, "quiet", json!({"title": "失联", "level": 4, "collection": "readings", "when": {"kind": "silence", "after_s": 2}}));
    rule(
        &server,
        "many",
        json!({"title": "聚集", "level": 1, "collection": "events", "filter": "level <= 3", "when": {"kind": "rate", "count": 3, "within_s": 600}}),
    );
    let of = |rule: &str| -> Vec<Value> { alarms(&server).into_iter().filter(|alarm| alarm["properties"]["rule"] == rule).collect() };
    vehicle(&server, "a", "2026-03-01T08:00:00Z", 117.0);
    vehicle(&server, "b", "2026-03-01T08:00:00Z", 117.01);
    assert!(of("close").is_empty());
    vehicle(&server, "b", "2026-03-01T08:00:10Z", 117.001);
    assert_eq!(of("close").len(), 1);
    assert_eq!(of("close")[0]["properties"]["cause"]["items"].as_array().unwrap().len(), 2);
    vehicle(&server, "a", "2026-03-01T08:00:20Z", 116.9);
    assert!(of("close")[0]["properties"]["ended"].is_string());

    let reading =
        json!({"type": "Feature", "id": "r1", "properties": {"source": "g", "time": jiff::Timestamp::now().to_string(), "result": 3}});
    assert_eq!(put(&server, "readings", &reading), 201);
    soon("the silence", || of("quiet").len() == 1);

    for (id, minute, level) in [("e1", 0, 3), ("e2", 4, 4), ("e3", 5, 3), ("e4", 11, 2), ("e5", 12, 1), ("e6", 14, 1)] {
        let feature = json!({"type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": [117.0, 39.0]},
            "properties": {"source": "s", "time": format!("2026-03-01T08:{minute:02}:00Z"), "level": level}});
        assert_eq!(put(&server, "events", &feature), 201);
    }
    // e3, e4 and e5 lie within ten minutes, and e4, e5 and e6 again; e2 is filtered out.
    let many = of("many");
    assert_eq!(
        (many.len(), &many[0]["properties"]["count"], &many[0]["properties"]["time"]),
        (1, &json!(2), &json!("2026-03-01T08:12:00Z"))
    );
}

#[test]
fn a_rule_that_makes_no_sense_is_refused_by_its_member() {
    let city = City::new();
    let server = city.serve_configured(COLLECTIONS);
    let good = json!({"title": "t", "level": 2, "collection": "readings", "when": {"kind": "threshold", "property": "result", "above": 5}});
    let change = |path: &[&str], value: Value| {
        let mut rule = good.clone();
        let mut at = &mut rule;
        for name in path {
            at = &mut at[*name];
        }
        *at = value;
        rule
    };
    for (bad, named) in [
        (change(&["level"], json!(7)), "level"),
        (change(&["collection"], json!("nothing")), "collection"),
        (change(&["collection"], json!("squares")), "collection"),
        (change(&["filter"], json!("result >")), "filter"),
        (change(&["filter"], json!("result > DATE('x')")), "filter"),
        (change(&["when", "above"], Value::Null), "above"),
        (change(&["when", "ends_at"], json!(9)), "ends_at"),
        (change(&["when", "hold_s"], json!(-1)), "hold_s"),
        (change(&["when", "typo"], json!(1)), "typo"),
        (change(&["when"], json!({"kind": "fence", "fences": "nothing", "on": ["enter"]})), "when.fences"),
        (change(&["when"], json!({"kind": "fence", "fences": "squares", "on": ["dwell"]})), "after_s"),
        (change(&["when"], json!({"kind": "fence", "fences": "squares", "ids": ["none"], "on": ["enter"]})), "when.ids"),
        (change(&["when"], json!({"kind": "near", "to": "readings", "within_m": 1e9})), "within_m"),
        (change(&["when"], json!({"kind": "rate", "count": 0, "within_s": 5})), "count"),
        (change(&["when"], json!({"kind": "rate", "count": 2, "within_s": 5, "per": "planet"})), "per"),
        (change(&["when"], json!({"kind": "guess"})), "guess"),
        (change(&["hours"], json!({"from": "25:00", "to": "08:00"})), "hour"),
        (change(&["hours"], json!({"from": "05:00", "to": "08:00", "days": [9]})), "hours.days"),
    ] {
        let feature = json!({"type": "Feature", "id": "r", "properties": bad});
        let answer =
            server.send("POST", "/collections/rules/items", &[("content-type", "application/geo+json")], feature.to_string().as_bytes());
        let detail = answer.problem(400)["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(named), "{bad}: {detail}");
        let trial = json!({"rule": bad, "from": "2026-03-01T00:00:00Z"}).to_string();
        server.send("POST", "/rules/try", &[("content-type", "application/json")], trial.as_bytes()).problem(400);
    }
    // A change must leave a rule that makes sense, and a fence an area.
    rule(&server, "r", good.clone());
    assert_eq!(put(&server, "rules", &json!({"type": "Feature", "id": "r", "properties": {"level": 9}})), 400);
    assert_eq!(put(&server, "rules", &json!({"type": "Feature", "id": "r", "properties": {"level": 1}})), 201);
    assert_eq!(
        put(
            &server,
            "fences",
            &json!({"type": "Feature", "id": "f", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {}})
        ),
        400
    );
    assert_eq!(put(&server, "fences", &json!({"type": "Feature", "id": "f", "properties": {}})), 400);
    assert!(server.json("/rules/schema")["properties"]["when"].is_object());
}
