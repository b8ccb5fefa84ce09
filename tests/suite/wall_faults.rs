//! What goes wrong around a wall: it shows what it can, says what it cannot, and never ends.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{
    Server, binary, citywall_ok, pictures, post, shared,
    wall::{picture, pixels, put},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

fn demo(folder: &Path) -> PathBuf {
    let city = folder.join("demo.gpkg");
    citywall_ok(&["demo", "--city", city.to_str().unwrap()]);
    city
}

fn complaints(said: &Value) -> String {
    said["complaints"].to_string()
}

/// Stands between a wall and its server, and spoils answers whose path it is told to.
fn spoil(server: &str, how: fn(path: &str, body: Vec<u8>) -> Vec<u8>) -> String {
    let upstream = server.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for wall in listener.incoming().map_while(Result::ok) {
            let upstream = upstream.clone();
            thread::spawn(move || pass(wall, &upstream, how));
        }
    });
    format!("http://{address}")
}

fn pass(wall: TcpStream, upstream: &str, how: fn(&str, Vec<u8>) -> Vec<u8>) {
    let mut reader = BufReader::new(wall.try_clone().unwrap());
    let mut head = String::new();
    loop {
        let before = head.len();
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
        if head[before..].trim().is_empty() {
            break;
        }
    }
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut wall = wall;
    if path.starts_with("/live") {
        // The live line goes through as it is.
        let mut server = TcpStream::connect(upstream).unwrap();
        server.write_all(head.as_bytes()).unwrap();
        let (mut from, mut to) = (server.try_clone().unwrap(), wall.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        let _ = std::io::copy(&mut reader, &mut server);
        return;
    }
    let mut answer = ureq::get(format!("http://{upstream}{path}")).config().http_status_as_error(false).build().call().unwrap();
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    answer.body_mut().as_reader().read_to_end(&mut body).unwrap();
    let body = how(&path, body);
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A wall that has gone no longer listens.
    let _ = wall.write_all(head.as_bytes()).and_then(|()| wall.write_all(&body));
}

#[test]
fn an_unknown_layer_a_corrupt_tile_and_another_version_are_said_and_the_rest_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&demo(folder.path()), &[]);

    let scene = folder.path().join("mine.toml");
    fs::write(&scene, "[[layers]]\ncollection = \"buildings\"\n\n[[layers]]\ncollection = \"dragons\"\n").unwrap();
    let said = picture(&server.url, &["--size", "480x270", "--scene", scene.to_str().unwrap()], &pictures().join("fault-layer.png"));
    assert!(said["buildings"].as_u64().unwrap() > 1000 && complaints(&said).contains("dragons"), "{said}");

    let spoilt = spoil(&server.url, |path, body| {
        if path.starts_with("/collections/roads/tiles") {
            return vec![0x1a, 0xff, 0xff, 0xff, 0x07, 1, 2, 3];
        }
        if path.starts_with("/collections/terrain/tiles") {
            return b"no picture".to_vec();
        }
        if path == "/city" {
            let mut city: Value = serde_json::from_slice(&body).unwrap();
            city["version"] = json!("99.0.0");
            city["a_member_of_the_future"] = json!({"x": [1]});
            return city.to_string().into_bytes();
        }
        body
    });
    let said = picture(&spoilt, &["--size", "480x270", "--incomplete", "--wait", "40"], &pictures().join("fault-tiles.png"));
    assert!(said["buildings"].as_u64().unwrap() > 1000, "the other layers are there: {said}");
    assert!(said["tile_faults"].as_u64().unwrap() > 0 && complaints(&said).contains("瓦片"), "{said}");
    assert!(complaints(&said).contains("99.0.0"), "{said}");
    assert!(complaints(&said).contains("/collections/terrain/tiles") && said["ground"]["reliefs"] == 0, "level ground: {said}");
}

#[test]
fn a_server_that_is_killed_leaves_the_picture_which_is_marked_old() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&demo(folder.path()), &[]);
    put(
        &server,
        "events",
        &json!({"type": "Feature", "id": "kept", "geometry": {"type": "Point", "coordinates": [117.2, 39.13]},
            "properties": {"source": "test", "time": "2026-03-01T00:00:00Z", "title": "路面塌陷", "level": 1, "status": "open"}}),
    );
    let mut wall = Command::new(binary("citywall-viewer"))
        .args(["--server", &server.url, "--size", "160x90", "--stats", "--frames", "1", "--until-lost"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It says so once its picture is whole.
    let mut log = BufReader::new(wall.stderr.take().unwrap());
    let (mut line, start) = (String::new(), Instant::now());
    while !line.contains("the picture is whole") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0 && start.elapsed() < Duration::from_secs(120), "the wall ended early");
    }
    server.kill();
    let rest = thread::spawn(move || log.lines().map_while(Result::ok).collect::<Vec<_>>().join("\n"));
    let output = wall.wait_with_output().unwrap();
    let log = rest.join().unwrap();
    assert!(output.status.success() && !log.contains("panicked"), "{log}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["current"], &said["incidents_open"]), (&json!(false), &json!(1)), "{said}");
    assert!(said["buildings"].as_u64().unwrap() > 1000, "the picture is kept: {said}");
}

#[test]
fn a_graphics_device_that_is_lost_is_opened_anew_and_shows_what_it_showed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&demo(folder.path()), &[]);
    let place = json!({"type": "Point", "coordinates": [117.2, 39.13]});
    let properties = json!({"source": "test", "time": "2026-03-01T00:00:00Z", "title": "路面塌陷", "level": 1, "status": "open"});
    put(&server, "events", &json!({"type": "Feature", "id": "kept", "geometry": place, "properties": properties}));
    let fleet = json!({"id": "vehicles", "kind": "moving_objects", "title": {"zh": "车辆", "en": "Vehicles"}});
    let (status, body) = post(&format!("{}/collections", server.url), "application/json", &fleet.to_string());
    assert!((200..300).contains(&status), "{status} {body}");
    let vehicle = json!({"source": "test", "time": "2026-03-01T00:00:00Z", "heading": 90});
    put(&server, "vehicles", &json!({"type": "Feature", "id": "a", "geometry": place, "properties": vehicle}));
    let arguments = ["--size", "640x360", "--time", "2026-03-01T00:10:00Z", "--scene", "traffic", "--view", "117.2,39.13,3000"];
    let before = folder.path().join("before.png");
    let _ = picture(&server.url, &arguments, &before);
    let after = folder.path().join("after.png");
    let said = picture(&server.url, &[&arguments[..], &["--lose-device"]].concat(), &after);
    assert!(complaints(&said).contains("图形设备"), "{said}");
    let ((width, height, before), (w, h, after)) = (pixels(&before), pixels(&after));
    assert_eq!((width, height), (w, h));
    // The complaint itself stands near the foot.
    let upper = 3 * width * height * 4 / 5;
    assert!(before[..upper] == after[..upper], "the picture is another one");
}

#[test]
fn solids_that_are_corrupt_are_said_and_their_buildings_drawn_from_the_footprints() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path().join("delft.gpkg");
    let source = shared("city/delft/delft.city.jsonl");
    citywall_ok(&["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "buildings"]);
    let server = Server::start(&city, &[]);
    let view = ["--size", "480x270", "--view", "4.369,52.0015,1500,0,40", "--time", "2026-03-01T04:00:00Z"];
    let whole = picture(&server.url, &view, &pictures().join("delft.png"));
    let number = |said: &Value, key: &str| said[key].as_u64().unwrap_or_else(|| panic!("{key}: {said}"));
    // No building is drawn twice, and none that has a solid as a box.
    assert_eq!((number(&whole, "buildings"), number(&whole, "solids"), number(&whole, "tile_faults")), (1_115, 1_115, 0), "{whole}");

    let spoilt = spoil(&server.url, |path, body| if path.contains("/3dtiles/content/") { body[..body.len() / 2].to_vec() } else { body });
    let said = picture(&spoilt, &view, &pictures().join("fault-solids.png"));
    assert!(number(&said, "buildings") >= 1_100 && number(&said, "solids") == 0, "{said}");
    assert!(complaints(&said).contains("3dtiles/content"), "{said}");
}

#[test]
fn a_camera_shows_what_its_server_answers_and_says_so_if_that_is_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&demo(folder.path()), &[]);
    let cameras = |url: &str, name: &str| {
        let arguments = ["--size", "480x270", "--time", "2026-03-01T04:00:00Z", "--scene", "video"];
        let said = picture(url, &arguments, &pictures().join(name));
        let known: Vec<(String, Option<String>)> = serde_json::from_value(said["cameras"].clone()).unwrap();
        known
    };
    let known = cameras(&server.url, "camera.png");
    assert!(known.len() == 2 && known.iter().all(|(_, failure)| failure.is_none()), "{known:?}");
    let (status, picture) = citywall_tests::get_bytes(&format!("{}{}", server.url, known[0].0));
    assert!(status == 200 && picture.starts_with(b"\x89PNG"));
    let (status, _) = citywall_tests::get(&format!("{}/demo/snapshots/nobody", server.url));
    assert_eq!(status, 404, "only a camera has a picture");

    let fail = |how: fn(&str, Vec<u8>) -> Vec<u8>, name: &str, why: &str| {
        let known = cameras(&spoil(&server.url, how), name);
        let says = |failure: &Option<String>| failure.as_ref().is_some_and(|failure| failure.contains(why));
        assert!(known.len() == 2 && known.iter().all(|(_, failure)| says(failure)), "{known:?}");
    };
    let corrupt = |path: &str, body: Vec<u8>| if path.starts_with("/demo/snapshots") { body[..body.len() / 2].to_vec() } else { body };
    fail(corrupt, "camera-corrupt.png", "损坏");
    let large = |path: &str, mut body: Vec<u8>| {
        if path.starts_with("/demo/snapshots") {
            body.resize(5 << 20, 0);
        }
        body
    };
    fail(large, "camera-large.png", "4 MB");

    // A camera that has no address, or one of another server, is asked for nothing.
    let without = |path: &str, body: Vec<u8>| {
        if !path.starts_with("/collections/cameras/items") {
            return body;
        }
        let mut page: Value = serde_json::from_slice(&body).unwrap();
        for (n, camera) in page["features"].as_array_mut().unwrap().iter_mut().enumerate() {
            camera["properties"]["snapshot"] =
                [Value::Null, json!("http://203.0.113.7/a.jpg"), json!("//203.0.113.7/a.jpg")][n % 3].clone();
        }
        page.to_string().into_bytes()
    };
    assert_eq!(cameras(&spoil(&server.url, without), "camera-none.png"), []);
}
