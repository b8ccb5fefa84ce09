//! The wall on the demo city: an alarm on the stage, and the console.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{
    Server, binary, citywall_ok, pictures, sixty_buildings,
    wall::{HeldWall, picture, put},
};
use serde_json::{Value, json};
use std::{path::Path, process::Command, thread, time::Duration};

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
    assert_eq!(stage["red_out_of_view"], json!(0));
    let elsewhere =
        picture(&server.url, &["--size", "640x360", "--time", TIME, "--view", "117.7,39.0,4000"], &pictures().join("stage-elsewhere.png"));
    assert_eq!(elsewhere["red_out_of_view"], json!(1), "a hint at the edge says where it is");

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
fn an_alarm_says_where_it_is_who_is_there_first_and_who_is_inside() {
    let folder = tempfile::tempdir().unwrap();
    let server = demo(folder.path());
    let get = |path: &str| -> Value {
        let (status, body) = citywall_tests::get(&format!("{}{path}", server.url));
        assert!(status == 200, "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap()
    };
    let made = json!({"id": "vehicles", "kind": "moving_objects", "title": {"zh": "重点车辆", "en": "Key vehicles"}});
    let (status, body) = citywall_tests::post(&format!("{}/collections", server.url), "application/json", &made.to_string());
    assert!((200..300).contains(&status), "{status} {body}");
    let vehicle = |id: &str, place: [f64; 2], time: &str| {
        json!({"type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": place},
            "properties": {"source": "test", "time": time, "title": id, "kind": "ambulance"}})
    };
    put(&server, "vehicles", &vehicle("救护车甲", [117.23, 39.11], "2026-03-01T03:59:50Z"));
    put(&server, "vehicles", &vehicle("救护车乙", [117.30, 39.16], "2026-03-01T03:59:50Z"));
    put(&server, "vehicles", &vehicle("失联救护车", [117.211, 39.12], "2026-03-01T03:00:00Z"));
    let alarm = json!({"type": "Feature", "id": "a", "geometry": {"type": "Point", "coordinates": [117.21, 39.12]},
        "properties": {"source": "test", "time": "2026-03-01T03:59:00Z", "title": "储罐泄漏", "level": 1, "status": "raised"}});
    put(&server, "alarms", &alarm);

    // A scene without incidents has the alarm's marker; a wall of two by two shows the same.
    let arguments = ["--size", "480x270", "--grid", "2x2", "--time", TIME, "--scene", "video"];
    let said = picture(&server.url, &arguments, &pictures().join("stage-facts.png"));
    assert_eq!((&said["alarm"], &said["markers_by_level"][1]), (&json!("储罐泄漏"), &json!(1)), "{said}");
    let facts = &said["alarm_facts"];
    let near = |title: &str| facts["nearest"].as_array().unwrap().iter().find(|near| near["title"] == title).unwrap();

    let way = "roads=roads&place=117.21,39.12&by=time&towards=true&include=items&bands=1800&access=500&snap=20&default-speed=30";
    for (title, collection, kind) in
        [("医院", "institutions", "hospital"), ("消防救援站", "institutions", "fire_station"), ("救护车", "vehicles", "ambulance")]
    {
        let answer = get(&format!("/query/within-reach?{way}&collections={collection}&filter=kind%3D%27{kind}%27"));
        // The one that has been silent for an hour is the nearest, and is not counted on.
        let first = answer["features"].as_array().unwrap().iter().find(|f| f["id"] != "失联救护车").unwrap();
        let name = first["properties"]["name"].as_str().or(first["properties"]["title"].as_str()).unwrap();
        assert_eq!((&near(title)["name"], &near(title)["by_road"]), (&json!(name), &json!(true)), "{facts}");
        assert!((near(title)["seconds"].as_f64().unwrap() - first["duration"].as_f64().unwrap()).abs() < 1.0, "{facts}");
    }
    // 0.02 degrees of longitude at 39.115°, 0.01 of latitude, on a sphere.
    let away = (0.02_f64 * 39.115_f64.to_radians().cos()).hypot(0.01).to_radians() * 6_371_008.8;
    assert!((near("救护车")["away_m"].as_f64().unwrap() / away - 1.0).abs() < 0.005, "{facts}");

    let at = |level: &str| {
        get(&format!("/collections/{level}/items?bbox=117.21,39.12,117.21,39.12"))["features"][0]["properties"]["name"].clone()
    };
    assert_eq!((&facts["place"][0], &facts["place"][1]), (&at("districts"), &at("streets")));

    // All of those that lie inside, and at most all of those that the ring touches.
    let people = |ring_m: f64, operator: &str| -> f64 {
        let corner = |k: u32| {
            let (sin, cos) = (f64::from(k % 64) / 64.0 * std::f64::consts::TAU).sin_cos();
            let degrees = ring_m / 6_371_008.8_f64.to_radians();
            format!("{:.7} {:.7}", 117.21 + cos * degrees / 39.12_f64.to_radians().cos(), 39.12 + sin * degrees)
        };
        let ring: Vec<String> = (0..=64).map(corner).collect();
        let filter = format!("{operator}(geometry,POLYGON(({})))", ring.join(",")).replace(' ', "%20");
        let page = get(&format!("/collections/grids/items?limit=1000&filter={filter}"));
        page["features"].as_array().unwrap().iter().map(|f| f["properties"]["people"].as_f64().unwrap()).sum()
    };
    let said = facts["people"].as_f64().unwrap();
    let (least, most) = (people(495.0, "S_WITHIN"), people(505.0, "S_INTERSECTS"));
    assert!(least <= said && said <= most && least < most, "{least} {said} {most}");
}

/// The mean of red, green and blue over a part of a picture, in shares of its width and height.
fn mean(path: &Path, [left, top, right, foot]: [f64; 4]) -> [f64; 3] {
    let mut reader = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap())).read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut data).unwrap();
    let (width, height) = (f64::from(frame.width), f64::from(frame.height));
    let rows = (height * top) as usize..(height * foot) as usize;
    let part = rows.flat_map(|y| {
        data[(y * frame.width as usize + (width * left) as usize) * 3..(y * frame.width as usize + (width * right) as usize) * 3]
            .chunks_exact(3)
    });
    let (sum, count) = part.fold(([0.0; 3], 0.0), |(sum, count), p| (std::array::from_fn(|k| sum[k] + f64::from(p[k])), count + 1.0));
    sum.map(|v| v / count)
}

#[test]
fn the_modes_are_told_apart_by_ground_frame_and_panels() {
    let folder = tempfile::tempdir().unwrap();
    let server = demo(folder.path());
    let looks = ["ordinary", "emergency", "drill"].map(|mode| {
        put(&server, "walls", &json!({"type": "Feature", "id": "hall", "properties": {"mode": mode}}));
        let path = pictures().join(format!("mode-{mode}.png"));
        let said = picture(&server.url, &["--size", "640x360", "--time", TIME, "--name", "hall"], &path);
        assert_eq!(said["mode"], json!(mode));
        // The city, the right edge, the lower edge beside its middle.
        (mean(&path, [0.3, 0.3, 0.7, 0.8]), mean(&path, [0.996, 0.3, 1.0, 0.9]), mean(&path, [0.1, 0.97, 0.3, 1.0]), said["panels"].clone())
    });
    let [ordinary, emergency, drill] = &looks;
    let light = |c: &[f64; 3]| c.iter().sum::<f64>();
    let tint = |c: &[f64; 3]| c[0] - c[1];
    assert!(light(&emergency.0) < 0.7 * light(&ordinary.0), "in an emergency the city is darker: {looks:?}");
    assert!(tint(&drill.0) > tint(&ordinary.0) + 8.0, "in a drill it has another hue: {looks:?}");
    assert!(light(&emergency.1) > 600.0 && light(&ordinary.1) < 150.0, "a full frame, and none: {looks:?}");
    assert!((250.0..550.0).contains(&light(&drill.1)) && (250.0..550.0).contains(&light(&drill.2)), "a hatched frame: {looks:?}");
    assert_eq!(ordinary.3, json!(["levels", "collections", "events", "ticker"]));
    assert_eq!(emergency.3, json!(["levels", "events", "ticker"]));
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

/// Sees to it that a wall draws so many buildings without a class, then of each class. One that lies on the
/// border of two tiles is in both: a few more are right.
fn assert_classes(said: &Value, expected: &[u64]) {
    let found: Vec<u64> = said["building_classes"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    let fits = |(found, expected): (&u64, &u64)| (*expected..=*expected + expected.div_ceil(5)).contains(found);
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(fits), "{found:?} instead of {expected:?}: {said}");
}

#[test]
fn buildings_have_the_colours_of_the_scene_or_of_the_servers_style_which_may_change() {
    let folder = tempfile::tempdir().unwrap();
    // Their heights are 0, 0.1, … 5.9 metres.
    let server = sixty_buildings(folder.path());
    let far = ["--view", "117.3,39.15,90000,0,60", "--time", TIME];
    let scene = folder.path().join("coloured.toml");
    std::fs::write(&scene, "[colour]\ncollection = \"buildings\"\nby = \"height\"\nunit = \"米\"\nsteps = [2.0, 3.0]\n").unwrap();
    let arguments = [&["--size", "640x360", "--scene", scene.to_str().unwrap()][..], &far].concat();
    let of_scene = picture(&server.url, &arguments, &pictures().join("coloured.png"));
    assert_classes(&of_scene, &[0, 20, 10, 30]);

    // Without a scene's word they look as the server's style of the layer says, from the moment that it does.
    let wall = HeldWall::start(&server, &far);
    let style = |paint: Value| {
        let layer = json!({"id": "b", "type": "fill-extrusion", "source": "buildings", "source-layer": "buildings", "paint": {"fill-extrusion-color": paint}});
        let document = json!({"version": 8, "sources": {"buildings": {"type": "vector"}}, "layers": [layer]});
        let url = format!("{}/collections/buildings/styles/buildings", server.url);
        let answer = ureq::put(url).header("Content-Type", "application/vnd.mapbox.style+json").send(document.to_string()).unwrap();
        assert!(answer.status().is_success());
    };
    style(json!(["step", ["get", "height"], "#5fb3a1", 1.0, "#dfe7ef"]));
    thread::sleep(Duration::from_secs(3));
    let of_style = wall.ask();
    assert_classes(&of_style, &[0, 10, 50]);

    // Red is an alarm's: the wall says so and keeps its own colours.
    style(json!("#ff4d45"));
    let red = picture(&server.url, &[&["--size", "640x360"][..], &far].concat(), &pictures().join("coloured-red.png"));
    assert_eq!(red["building_classes"], Value::Null);
    assert!(red["complaints"].to_string().contains("告警"), "{red}");
}

#[test]
fn what_is_drawn_on_the_console_is_on_the_wall_until_it_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let server = demo(folder.path());
    let drawings = json!([
        {"id": "a", "kind": "circle", "points": [[117.19, 39.135]], "radius_m": 2000, "text": "疏散范围"},
        {"id": "b", "kind": "area", "points": [[117.22, 39.10], [117.25, 39.10], [117.25, 39.12], [117.225, 39.118]], "text": "集结区"},
        {"id": "c", "kind": "arrow", "points": [[117.26, 39.15], [117.235, 39.15], [117.215, 39.138]]},
        {"id": "d", "kind": "line", "points": [[117.15, 39.10], [117.18, 39.11], [117.20, 39.10]]},
        {"id": "e", "kind": "note", "points": [[117.17, 39.11]], "text": "桥面封闭"},
        {"id": "f", "kind": "star", "points": [[117.17, 39.11]]},
    ]);
    let tell = |properties: Value| put(&server, "walls", &json!({"type": "Feature", "id": "hall", "properties": properties}));
    let wall = |name: &str| picture(&server.url, &["--size", "1280x720", "--time", TIME, "--name", "hall"], &pictures().join(name));
    let bare = wall("drawn-not.png");
    assert_eq!((&bare["drawings"], &bare["drawing_labels_placed"]), (&json!(0), &json!(0)));
    tell(
        json!({"drawings": drawings, "camera": {"longitude": 117.205, "latitude": 39.122, "distance": 13000.0, "bearing": 0.0, "pitch": 55.0}}),
    );
    let drawn = wall("drawn.png");
    assert_eq!((&drawn["drawings"], &drawn["drawing_labels_placed"]), (&json!(5), &json!(3)));
    assert!(drawn["complaints"].to_string().contains("标绘"), "what is no drawing is named: {drawn}");
    tell(json!({"drawings": []}));
    assert_eq!(wall("drawn-cleared.png")["drawings"], json!(0));
}

#[test]
fn what_flows_is_on_the_wall_where_a_scene_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = demo(folder.path());
    let wall =
        |scene: &str, name: &str| picture(&server.url, &["--size", "640x360", "--time", TIME, "--scene", scene], &pictures().join(name));
    assert_eq!(wall("overview", "flow-none.png")["flows"], 0);
    for scene in ["traffic", "pipes"] {
        let said = wall(scene, &format!("flow-{scene}.png"));
        assert!(said["flows"].as_u64().unwrap() > 100 && said["complaints"] == json!([]), "{said}");
    }
    let scene = folder.path().join("mine.toml");
    std::fs::write(&scene, "[[flow]]\ncollection = \"canals_of_mars\"\n\n[[flow]]\ncollection = \"pipes\"\nclasses = [\"storm\"]\n")
        .unwrap();
    let said = wall(scene.to_str().unwrap(), "flow-mine.png");
    assert!(said["flows"].as_u64().unwrap() > 10 && said["complaints"].to_string().contains("canals_of_mars"), "{said}");
}
