//! The wall on a software rasteriser, over the demo city of 1,000,000 buildings: what a frame of the overview
//! costs beside Bevy's empty frame, and on the wall's own threads with 100,000 vehicles that report every five
//! seconds; what a building takes on the GPU; how soon the whole city is drawn, and an incident after its POST.
//!
//! Camera, size, data and time are fixed. The wall does not link bevy_pbr, so Bevy's empty frame is that of its
//! 2D camera: what any Bevy program pays before it draws anything.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_tests::{Server, binary, citywall_ok, post};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, SystemTime},
};

const SIZE: &str = "1920x1080";
/// Over the middle of the city, from where its whole core is seen.
const VIEW: &str = "117.2,39.125,30000,12,50";
const FRAMES: &str = "40";
const VEHICLES: u32 = 100_000;
/// Each vehicle reports once in this time.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// Vehicles that report in one request.
const BATCH: u32 = 2_000;
const POSTS: usize = 60;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path().join("demo.gpkg");
    eprintln!("making the demo city of 1,000,000 buildings");
    citywall_ok(&["demo", "--city", city.to_str().unwrap(), "--scale", "city"]);
    let server = Server::start(&city, &[]);

    let empty = wall(&["--empty", "--frames", FRAMES, "--size", SIZE]);
    let arguments = ["--server", &server.url, "--size", SIZE, "--view", VIEW, "--frames", FRAMES, "--stats"];
    // The second wall finds the server's tiles made, as every wall but the first does.
    let first = wall(&arguments);
    let seen = wall(&arguments);
    let frame_of = |camera: &str| ms(&seen[camera]["frame_ms"]["median"]);
    let (frame, rest, bare) = (frame_of("moving_camera"), frame_of("resting_camera"), ms(&empty["frame_ms"]["median"]));
    common::row(
        "wall",
        &format!(
            "a frame of the overview, {SIZE}, {} buildings in {} tiles: {frame:.0} ms while the camera moves, {:.1} × an empty one; {rest:.0} ms while it rests",
            seen["buildings"],
            seen["tiles"],
            frame / bare
        ),
        &format!("Bevy's empty frame {bare:.1} ms (bevy_pbr is not linked)"),
        "< 250 ms",
    );
    let bytes = seen["building_bytes"].as_f64().unwrap() / seen["buildings"].as_f64().unwrap();
    common::row("wall", &format!("{bytes:.0} bytes on the GPU per building (walls and roof)"), "none", "≤ 200 bytes");
    let whole = |said: &Value| said["whole_after_ms"].as_f64().unwrap() / 1e3;
    common::row(
        "wall",
        &format!("the whole city is drawn {:.2} s after the start, {:.2} s where no tile was ever made", whole(&seen), whole(&first)),
        "none",
        "< 3 s",
    );

    arrivals(&server, frame, rest);
    vehicles(&server, &arguments);
}

fn ms(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn wall(arguments: &[&str]) -> Value {
    let output = Command::new(binary("citywall-viewer")).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

/// From an incident's POST until the frame that shows it is finished, under a camera at rest. The bound is that
///: a frame in which the whole city is drawn, and 100 ms.
fn arrivals(server: &Server, frame_ms: f64, rest_ms: f64) {
    let mut child = Command::new(binary("citywall-viewer"))
        .args(["--server", &server.url, "--size", SIZE, "--view", VIEW, "--watch", "--quality", "low"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(log.into_iter().any(|line| line.contains("the picture is whole")), "the wall ended early");
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let mut random = fastrand::Rng::with_seed(20_260_301);
    let mut times: Vec<Duration> = (0..POSTS)
        .map(|n| {
            // At any moment of a frame.
            thread::sleep(Duration::from_millis(random.u64(20..220)));
            let start = now();
            let event = json!({"type": "Feature", "id": format!("bench-{n}"), "geometry": {"type": "Point", "coordinates": [117.2, 39.13]},
                "properties": {"source": "bench", "time": "2026-03-01T00:00:00Z", "title": "测试", "level": 3, "status": "open"}});
            let (status, body) = post(&format!("{}/collections/events/items", server.url), "application/geo+json", &event.to_string());
            assert!((200..300).contains(&status), "{body}");
            let line = said.by_ref().find(|line| line.contains(&format!("bench-{n} "))).unwrap();
            let shown: u128 = line.split(' ').nth(2).unwrap().parse().unwrap();
            Duration::from_nanos(u64::try_from(shown.saturating_sub(start)).unwrap())
        })
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let (median, p99) = (common::median(times.clone()), common::percentile(&mut times, 0.99));
    common::row(
        "wall",
        &format!("from the POST of an incident to the end of the frame that shows it: p50 {}, p99 {}", common::ms(median), common::ms(p99)),
        &format!("a frame takes {rest_ms:.0} ms while the camera rests, {frame_ms:.0} ms while it moves"),
        &format!("p99 < one frame + 100 ms = {:.0} ms", frame_ms + 100.0),
    );
}

/// What a frame costs the wall's own threads while a fleet reports.
fn vehicles(server: &Server, arguments: &[&str]) {
    let made = json!({"id": "fleet", "kind": "moving_objects", "title": {"zh": "车队", "en": "Fleet"}});
    let (status, body) = post(&format!("{}/collections", server.url), "application/json", &made.to_string());
    assert!((200..300).contains(&status), "{status} {body}");
    let url = format!("{}/collections/fleet/items", server.url);
    let report = |from: u32, step: u32| {
        let mut lines = String::new();
        for n in from..from + BATCH {
            // Over the whole city; each drives 60 m between two reports.
            let (x, y) = (116.9 + f64::from(n % 400) * 0.0015 + f64::from(step) * 0.0007, 38.9 + f64::from(n / 400) * 0.0018);
            let feature = json!({"type": "Feature", "id": format!("v{n}"), "geometry": {"type": "Point", "coordinates": [x, y]},
                "properties": {"source": "bench", "time": jiff::Timestamp::now().to_string(), "heading": 90}});
            writeln!(lines, "{feature}").unwrap();
        }
        let (status, body) = post(&url, "application/x-ndjson", &lines);
        assert!((200..300).contains(&status), "{status} {body}");
    };
    (0..VEHICLES / BATCH).for_each(|batch| report(batch * BATCH, 0));
    let is_over = AtomicBool::new(false);
    let said = thread::scope(|scope| {
        scope.spawn(|| {
            let pause = REPORT_EVERY / (VEHICLES / BATCH);
            for turn in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                report(turn % (VEHICLES / BATCH) * BATCH, turn / (VEHICLES / BATCH) + 1);
                thread::sleep(pause);
            }
        });
        let said = wall(arguments);
        is_over.store(true, Ordering::Relaxed);
        said
    });
    assert_eq!(said["moving"], json!(VEHICLES));
    let own = |camera: &str, which: &str| ms(&said[camera]["own_ms"][which]);
    common::row(
        "wall",
        &format!(
            "main and render thread with {} moving markers and {} buildings in view: median {:.1} ms a frame, p95 {:.1} ms; {:.1} and {:.1} ms while the camera moves",
            said["moving"],
            said["buildings"],
            own("resting_camera", "median"),
            own("resting_camera", "p95"),
            own("moving_camera", "median"),
            own("moving_camera", "p95")
        ),
        &format!("the frame itself {:.0} ms", ms(&said["resting_camera"]["frame_ms"]["median"])),
        "< 4 ms",
    );
}
