//! The wall on the demo city: an alarm on the stage, and the console.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{
    Server, binary, citywall_ok, pictures,
    wall::{picture, put},
};
use serde_json::{Value, json};
use std::{path::Path, process::Command};

const TIME: &str = "2026-03-01T04:00:00Z";

fn demo(folder: &Path) -> Server {
    let city = folder.join("demo.gpkg");
    citywall_ok(&["demo", "--city", city.to_str().unwrap()]);
    Server::start(&city, &[])
}

#[test]
fn an_alarm_takes_the_stage_until_it_is_acknowledged_and_the_console_steers_the_wall() {
    let folder = tempfile::tempdir().unwrap();
    let server = demo(folder.path());
    let wall = |name: &str| picture(&server.url, &["--size", "640x360", "--time", TIME, "--name", "hall"], &pictures().join(name));
    let alarm = |id: &str, level: u8, place: [f64; 2]| {
        json!({"type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": place},
            "properties": {"source": "test", "time": "2026-03-01T03:59:00Z", "title": id, "level": level, "status": "raised"}})
    };
    let calm = wall("stage-calm.png");
    assert_eq!((&calm["alarm"], &calm["scene"]), (&Value::Null, &json!("overview")));

    put(&server, "alarms", &alarm("黄色告警", 3, [117.3, 39.2]));
    put(&server, "alarms", &alarm("红色告警", 1, [117.2, 39.13]));
    let stage = wall("stage-red.png");
    assert_eq!((&stage["alarm"], &stage["alarms_waiting"]), (&json!("红色告警"), &json!(1)), "the graver one is on, the other waits");
    assert_ne!(stage["levels"], calm["levels"], "the camera has flown");

    let acknowledge = |id: &str| json!({"type": "Feature", "id": id, "properties": {"status": "acknowledged"}});
    put(&server, "alarms", &acknowledge("红色告警"));
    let next = wall("stage-yellow.png");
    assert_eq!((&next["alarm"], &next["alarms_waiting"], &next["levels"]), (&json!("黄色告警"), &json!(0), &calm["levels"]));
    put(&server, "alarms", &acknowledge("黄色告警"));
    assert_eq!(wall("stage-over.png")["alarm"], Value::Null);

    // The console writes an item; a wall that joins late has its last state, another wall has not.
    let tell = |properties: Value| put(&server, "walls", &json!({"type": "Feature", "id": "hall", "properties": properties}));
    tell(
        json!({"scene": "traffic", "mode": "drill", "camera": {"longitude": 117.2, "latitude": 39.13, "distance": 1500.0, "bearing": 30.0, "pitch": 40.0}}),
    );
    tell(json!({"hidden": ["buildings"], "highlight": {"collection": "districts", "id": "120101"}}));
    let told = wall("stage-told.png");
    assert_eq!((&told["scene"], &told["mode"], &told["buildings"]), (&json!("traffic"), &json!("drill"), &json!(0)));
    assert_eq!(told["card"], json!(["districts", "120101"]));
    let other = picture(&server.url, &["--size", "640x360", "--time", TIME, "--name", "lobby"], &pictures().join("stage-lobby.png"));
    assert_eq!((&other["scene"], &other["mode"]), (&json!("overview"), &json!("ordinary")));

    let (status, page) = citywall_tests::get(&format!("{}/control", server.url));
    assert!(status == 200 && page.contains("control/control.js"));
}

#[test]
fn vehicles_are_on_the_wall_and_go_with_their_last_report() {
    let folder = tempfile::tempdir().unwrap();
    let server = demo(folder.path());
    let made = json!({"id": "vehicles", "kind": "moving_objects", "title": {"zh": "重点车辆", "en": "Key vehicles"}});
    let (status, body) = citywall_tests::post(&format!("{}/collections", server.url), "application/json", &made.to_string());
    assert!((200..300).contains(&status), "{status} {body}");
    let vehicle = |n: u32, more: Value| {
        let place = [117.12 + f64::from(n % 8) * 0.02, 39.08 + f64::from(n / 8) * 0.015];
        let mut properties =
            json!({"source": "test", "time": "2026-03-01T03:59:50Z", "title": format!("车{n}"), "heading": n * 15, "kind": "bus"});
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "Feature", "id": format!("v{n}"), "geometry": {"type": "Point", "coordinates": place}, "properties": properties})
    };
    (0..48).for_each(|n| put(&server, "vehicles", &vehicle(n, json!({}))));
    let arguments = ["--size", "640x360", "--time", TIME, "--scene", "vehicles"];
    let wall = |name: &str| picture(&server.url, &arguments, &pictures().join(name));
    assert_eq!(wall("vehicles.png")["moving"], json!(48));

    put(&server, "vehicles", &vehicle(7, json!({"status": "cleared"})));
    assert_eq!(wall("vehicles-gone.png")["moving"], json!(47), "a vehicle that is taken off duty leaves the wall");
    let other = picture(&server.url, &["--size", "640x360", "--time", TIME, "--scene", "energy"], &pictures().join("no-vehicles.png"));
    assert_eq!(other["moving"], json!(0), "a scene may leave vehicles out");

    // A film of it: two seconds of ten frames, as another program counts them.
    let film = pictures().join("vehicles.mp4");
    let arguments = ["--server", &server.url, "--size", "320x180", "--scene", "vehicles", "--seconds", "2", "--fps", "10", "--record"];
    let output = Command::new(binary("citywall-viewer")).args(arguments).arg(&film).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let entries = "stream=codec_name,width,height,pix_fmt,nb_read_frames:format=duration";
    let probe = ["-v", "error", "-count_frames", "-show_entries", entries, "-of", "json", film.to_str().unwrap()];
    let said: Value = serde_json::from_str(&citywall_tests::run("ffprobe", &probe)).unwrap();
    let stream = &said["streams"][0];
    assert_eq!((&stream["codec_name"], &stream["pix_fmt"], &stream["nb_read_frames"]), (&json!("h264"), &json!("yuv420p"), &json!("20")));
    assert_eq!((&stream["width"], &stream["height"]), (&json!(320), &json!(180)));
    assert_eq!(said["format"]["duration"].as_str().unwrap().parse::<f64>().unwrap(), 2.0, "the film runs at the wall's pace");
}
