//! What goes wrong around a server: a full disk, a queue that is full, a reader that does not
//! read, a broker that drops. Nothing acknowledged is lost, the process stays, the cause is said.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, full_length, get, small_city, try_post};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::Write,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};
use tungstenite::{Message, WebSocket};

const NDJSON: &str = "application/x-ndjson";

fn record(id: &str, note: &str) -> String {
    json!({"type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": [117.2, 39.1]},
        "properties": {"source": "faults", "time": "2026-03-01T08:15:00Z", "status": "open", "note": note}})
    .to_string()
}

fn event_ids(server: &Server) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut path = Some("/collections/events/items?limit=10000&properties=status".to_owned());
    while let Some(page) = path.take() {
        let page = server.json(&page);
        ids.extend(page["features"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap().to_owned()));
        let next = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next");
        path = next.map(|link| link["href"].as_str().unwrap().trim_start_matches(&server.url).to_owned());
    }
    ids
}

/// Runs a command among the mounts of a process, and as its user.
fn within(pid: u32, command: &str) {
    let status =
        Command::new("nsenter").args(["-U", "--preserve-credentials", "-m", "-t", &pid.to_string(), "sh", "-c", command]).status().unwrap();
    assert!(status.success(), "{command}");
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let city = small_city(dir.path());
    let disk = dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // A disk of its own, among mounts that nobody else sees: 300 MB, of which 256 must stay free.
    let prepare = format!("mount -t tmpfs -o size=300m none {0} && cp {1} {0}/city.gpkg", disk.display(), city.display());
    let alone = format!("{prepare} && exec \"$@\"");
    let server = Server::start_in(&["unshare", "-Urm", "sh", "-c", &alone, "sh"], &disk.join("city.gpkg"), &[]);
    let url = format!("{}/collections/events/items", server.url);
    let note = "n".repeat(2_000);
    let mut acknowledged = BTreeSet::new();
    let mut refused = None;
    for batch in 0..200 {
        let ids: Vec<String> = (0..500).map(|n| format!("b{batch}-{n}")).collect();
        let body: String = ids.iter().map(|id| record(id, &note) + "\n").collect();
        match try_post(&url, NDJSON, &body).unwrap() {
            (200, _) => acknowledged.extend(ids),
            other => {
                refused = Some(other);
                break;
            }
        }
    }
    let (status, said) = refused.expect("the disk becomes full");
    assert_eq!(status, 507, "{said}");
    assert!(said.contains("disk") || said.contains("free"), "the cause is said: {said}");
    assert!(acknowledged.len() >= 500);
    // Another program takes the very last byte.
    within(server.pid(), &format!("dd if=/dev/zero of={}/filler bs=1M 2>/dev/null; true", disk.display()));
    for _ in 0..3 {
        assert_eq!(try_post(&url, "application/geo+json", &record("one", "")).unwrap().0, 507);
    }
    assert_eq!(get(&format!("{}/healthz", server.url)).0, 200);
    assert!(event_ids(&server).is_superset(&acknowledged), "what was acknowledged is still read");
    // With room again it goes on by itself.
    within(server.pid(), &format!("rm {}/filler && mount -o remount,size=600m {0}", disk.display()));
    let end = Instant::now() + Duration::from_secs(30);
    while try_post(&url, "application/geo+json", &record("one", "")).unwrap().0 != 201 {
        assert!(Instant::now() < end, "it takes events again");
        std::thread::sleep(Duration::from_millis(200));
    }
    acknowledged.insert("one".to_owned());
    assert!(event_ids(&server).is_superset(&acknowledged));
    // The file is sound, and no journal of it is needed to say so.
    let copy = dir.path().join("copy.gpkg");
    within(
        server.pid(),
        &format!("{} backup --city {}/city.gpkg --to {}", citywall_tests::binary("citywall").display(), disk.display(), copy.display()),
    );
    citywall_tests::citywall_ok(&["verify", "--city", copy.to_str().unwrap()]);
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&small_city(dir.path()), &[]);
    let url = format!("{}/collections/events/items", server.url);
    let taken = Mutex::new(BTreeSet::new());
    let busy = Mutex::new(0);
    // Whole collections of 60,000: together more than the queue holds.
    std::thread::scope(|scope| {
        for sender in 0..14 {
            let (url, taken, busy) = (&url, &taken, &busy);
            scope.spawn(move || {
                let ids: Vec<String> = (0..60_000).map(|n| format!("{sender}-{n}")).collect();
                let features: Vec<String> = ids
                    .iter()
                    .map(|id| format!(r#"{{"type":"Feature","id":"{id}","properties":{{"source":"q","time":"2026-03-01T08:15:00Z"}}}}"#))
                    .collect();
                let body = format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(","));
                let agent: ureq::Agent =
                    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(120))).build().into();
                let response =
                    agent.post(url).header("Content-Type", "application/geo+json").header("Prefer", "return=minimal").send(&body).unwrap();
                match response.status().as_u16() {
                    429 => {
                        let wait = response.headers().get("retry-after").expect("it says when").to_str().unwrap().parse::<u64>().unwrap();
                        assert!(wait >= 1);
                        *busy.lock().unwrap() += 1;
                    }
                    200 | 201 | 204 => taken.lock().unwrap().extend(ids),
                    other => panic!("{other}"),
                }
            });
        }
    });
    let (taken, busy) = (taken.into_inner().unwrap(), busy.into_inner().unwrap());
    assert!(busy > 0, "the queue was full at least once");
    assert!(!taken.is_empty());
    assert_eq!(server.json("/collections/events")["count"], taken.len(), "what was turned away left nothing behind");
}

type Socket = WebSocket<TcpStream>;

fn subscribe(server: &Server, request: &Value) -> Socket {
    let stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (mut socket, _) = tungstenite::client(format!("{}/live", server.url.replace("http", "ws")), stream).unwrap();
    socket.send(Message::text(request.to_string())).unwrap();
    socket
}

/// The next message; `None` once the line has ended.
fn read(socket: &mut Socket) -> Option<Value> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

#[test]
fn a_reader_that_does_not_read_is_cut_and_slows_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&small_city(dir.path()), &[]);
    let everything = json!({"type": "subscribe", "collections": ["events"]});
    let mut asleep = subscribe(&server, &everything);
    let url = format!("{}/collections/events/items", server.url);
    let note = "n".repeat(1_000);
    let total = 60_000;
    std::thread::scope(|scope| {
        let awake = scope.spawn(|| {
            let mut socket = subscribe(&server, &everything);
            let (mut revision, mut seen) = (0, BTreeSet::new());
            while seen.len() < total {
                let message = read(&mut socket).expect("the one who reads is not cut");
                match message["type"].as_str().unwrap() {
                    "snapshot" => {
                        revision = message["revision"].as_u64().unwrap();
                        seen.extend(message["features"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap().to_owned()));
                    }
                    "delta" => {
                        assert_eq!(message["after"], revision);
                        revision = message["revision"].as_u64().unwrap();
                        seen.extend(message["changes"].as_array().unwrap().iter().map(|c| c["feature"]["id"].as_str().unwrap().to_owned()));
                    }
                    "heartbeat" => {}
                    _ => panic!("{message}"),
                }
            }
        });
        for batch in 0..total / 1_000 {
            let body: String = (0..1_000).map(|n| record(&format!("e{batch}-{n}"), &note) + "\n").collect();
            let start = Instant::now();
            assert_eq!(try_post(&url, NDJSON, &body).unwrap().0, 200);
            assert!(start.elapsed() < Duration::from_secs(10), "nobody who writes is held up");
        }
        awake.join().unwrap();
    });
    // It reads again, too late: what was on the way, then why there is no more. One that has not
    // read for SEND_SECONDS_MAX can no longer be told; it is counted all the same.
    let mut reason = None;
    while let Some(message) = read(&mut asleep) {
        reason = message["reason"].as_str().map(str::to_owned);
    }
    assert!(reason.is_none_or(|reason| reason.contains("SUBSCRIBER_QUEUE_MAX")));
    let metrics = get(&format!("{}/metrics", server.url)).1;
    let counted = metrics.lines().find(|line| line.starts_with("citywall_live_subscribers_cut_total")).unwrap();
    assert!(counted.ends_with(" 1"), "{counted}");
}

struct Mosquitto(Child);

impl Mosquitto {
    fn start(folder: &Path, port: u16) -> Self {
        let settings = folder.join("mosquitto.conf");
        // It keeps what it has taken over its own end.
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\nautosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\nuser root\n",
            folder.display()
        );
        std::fs::write(&settings, text).unwrap();
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(&settings)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("run `make setup`");
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "the broker did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn publish(port: u16, ids: std::ops::Range<usize>) {
    let mut publisher = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-t", "city/events", "-l"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = ids.map(|n| format!("{{\"id\": \"m{n}\"}}\n")).collect();
    publisher.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(publisher.wait().unwrap().success());
}

#[test]
fn a_broker_that_drops_costs_no_event() {
    let dir = tempfile::tempdir().unwrap();
    let city = small_city(dir.path());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = dir.path().join("citywall.toml");
    let text = format!(
        "[[mqtt]]\nname = \"gateway\"\nbroker = \"mqtt://127.0.0.1:{port}\"\n[[mqtt.topics]]\ntopic = \"city/events\"\ncollection = \"events\"\nid = \"/id\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let rounds = if full_length() { 10 } else { 3 };
    let broker_folder = dir.path().join("broker");
    std::fs::create_dir(&broker_folder).unwrap();
    let mut broker = Mosquitto::start(&broker_folder, port);
    let server = Server::start(&city, &["--config", config.to_str().unwrap()]);
    let soon = |count: usize| {
        let end = Instant::now() + Duration::from_secs(60);
        while server.json("/collections/events")["count"] != count {
            assert!(Instant::now() < end, "{} of {count} arrived", server.json("/collections/events")["count"]);
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    publish(port, 0..1);
    soon(1);
    for round in 0..rounds {
        // Published before, right before and after the broker's end.
        publish(port, 1 + round * 200..101 + round * 200);
        end(&mut broker);
        broker = Mosquitto::start(&broker_folder, port);
        publish(port, 101 + round * 200..201 + round * 200);
        soon(201 + round * 200);
    }
    let all: BTreeSet<String> = (0..1 + rounds * 200).map(|n| format!("m{n}")).collect();
    assert_eq!(event_ids(&server), all);
    assert_eq!(get(&format!("{}/healthz", server.url)).0, 200);
}

/// Has a broker write down what it holds, and end.
fn end(broker: &mut Mosquitto) {
    citywall_tests::run("kill", &["-TERM", &broker.0.id().to_string()]);
    broker.0.wait().unwrap();
}
