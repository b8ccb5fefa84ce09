//! The time machine on the wall, and the console that steers it, in a browser.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{
    Server, pictures, root, sixty_buildings,
    wall::{picture, put},
};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

/// A report of an item at a time of the same day.
fn say(server: &Server, collection: &str, id: &str, time: &str, more: Value) {
    let mut properties = json!({"source": "test", "time": time, "title": id});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let place = json!({"type": "Point", "coordinates": [117.2, 39.1]});
    put(server, collection, &json!({"type": "Feature", "id": id, "geometry": place, "properties": properties}));
}

fn wall(server: &Server, scene: &Path, name: &str) -> Value {
    let arguments = ["--size", "640x360", "--name", "hall", "--scene", scene.to_str().unwrap()];
    picture(&server.url, &arguments, &pictures().join(name))
}

#[test]
fn the_whole_wall_shows_the_past_and_still_says_what_is_wrong_now() {
    let folder = tempfile::tempdir().unwrap();
    let server = sixty_buildings(folder.path());
    let scene = folder.path().join("mine.toml");
    let panels = "[[panels]]\nkind = \"trend\"\nside = \"left\"\ncollection = \"events\"\nhours = 6\n\n\
        [[panels]]\nkind = \"figure\"\nside = \"left\"\ncollection = \"buildings\"\n";
    fs::write(&scene, panels).unwrap();
    say(&server, "events", "积水", "2026-03-01T08:00:00Z", json!({"level": 2, "status": "open"}));
    say(&server, "events", "积水", "2026-03-01T08:30:00Z", json!({"status": "dispatched"}));
    say(&server, "events", "积水", "2026-03-01T10:00:00Z", json!({"status": "cleared"}));
    say(&server, "alarms", "旧告警", "2026-03-01T08:10:00Z", json!({"level": 1, "status": "raised"}));
    say(&server, "alarms", "旧告警", "2026-03-01T08:20:00Z", json!({"status": "acknowledged"}));
    let replay =
        json!({"from": "2026-03-01T08:00:00Z", "to": "2026-03-01T11:00:00Z", "speed": 60, "paused": true, "at": "2026-03-01T09:00:00Z"});
    let tell = |replay: &Value, highlight: &Value| {
        put(&server, "walls", &json!({"type": "Feature", "id": "hall", "properties": {"replay": replay, "highlight": highlight}}));
    };
    tell(&replay, &json!({"collection": "events", "id": "积水"}));
    let past = wall(&server, &scene, "replay-paused.png");
    assert_eq!((&past["replay"], &past["incidents_open"]), (&json!("2026-03-01T09:00:00Z"), &json!(2)), "{past}");
    assert_eq!(past["card_past"], json!(["08:30　处置中", "08:00　待派遣"]), "what came later is not yet known: {past}");
    assert_eq!((&past["alarm"], &past["alarms_now"], &past["current"]), (&Value::Null, &json!(0), &json!(false)), "{past}");

    let hide = |hidden: Value| put(&server, "walls", &json!({"type": "Feature", "id": "hall", "properties": {"hidden": hidden}}));
    hide(json!(["events"]));
    let hidden = wall(&server, &scene, "replay-hidden.png");
    assert_eq!((&past["markers"], &hidden["markers"]), (&json!(2), &json!(1)), "the console's ticks are of markers, too: {hidden}");
    hide(json!([]));

    // An alarm that is raised now is announced over the past, and is no part of it.
    let now = jiff::Timestamp::now().to_string();
    say(&server, "alarms", "新告警", &now, json!({"level": 1, "status": "raised"}));
    let both = wall(&server, &scene, "replay-alarm.png");
    assert_eq!((&both["alarm"], &both["alarms_now"], &both["incidents_open"]), (&Value::Null, &json!(1), &json!(2)), "{both}");
    say(&server, "alarms", "新告警", &now, json!({"status": "acknowledged"}));
    assert_eq!(wall(&server, &scene, "replay-acknowledged.png")["alarms_now"], 0);

    tell(&Value::Null, &Value::Null);
    let present = wall(&server, &scene, "replay-over.png");
    assert_eq!((&present["replay"], &present["current"]), (&Value::Null, &json!(true)), "{present}");
}

#[test]
fn a_panel_whose_query_fails_is_named_among_the_complaints() {
    let folder = tempfile::tempdir().unwrap();
    let server = sixty_buildings(folder.path());
    let scene = folder.path().join("mine.toml");
    fs::write(&scene, "[[panels]]\nkind = \"figure\"\nside = \"left\"\ncollection = \"buildings\"\nwhere = { colour = \"red\" }\n")
        .unwrap();
    let said = wall(&server, &scene, "fault-query.png");
    let complaints = said["complaints"].to_string();
    assert!(complaints.contains("buildings") && complaints.contains("400") && complaints.contains("colour"), "{complaints}");
}

#[test]
fn the_console_steers_a_wall_from_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let server = sixty_buildings(folder.path());
    say(&server, "alarms", "烟雾", "2026-03-01T08:10:00Z", json!({"level": 1, "status": "raised"}));
    let output = Command::new("node")
        .arg("src/control.mjs")
        .current_dir(root().join("tests/e2e"))
        .env("CITYWALL_URL", &server.url)
        .env("CITYWALL_PICTURES", pictures())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "the console: {said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.json("/collections/alarms/items/烟雾")["properties"]["status"], "acknowledged");
}
