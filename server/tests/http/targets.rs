//! Targets: real receivers that fail, hang and recover, a real broker, and a server that is killed.

use crate::harness::{City, Server, event};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A letter as a receiver saw it.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn id(&self) -> String {
        self.json()["feature"]["id"].as_str().unwrap().to_owned()
    }
}

/// How the receiver answers.
pub const OK: usize = 200;
pub const HANG: usize = 0;

/// A receiver of webhooks on a port of its own.
pub struct Receiver {
    pub url: String,
    pub got: Arc<Mutex<Vec<Received>>>,
    answer: Arc<AtomicUsize>,
}

impl Receiver {
    pub fn start(answer: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (got, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(answer)));
        let (got_too, answer_too) = (got.clone(), answer.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (got, answer) = (got_too.clone(), answer_too.clone());
                std::thread::spawn(move || receive(stream, &got, &answer));
            }
        });
        Self { url, got, answer }
    }

    pub fn turn(&self, answer: usize) {
        self.answer.store(answer, Ordering::SeqCst);
    }

    fn ids(&self) -> Vec<String> {
        self.got.lock().unwrap().iter().map(Received::id).collect()
    }

    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        wait("the letters", || self.got.lock().unwrap().len() >= count);
        self.got.lock().unwrap().clone()
    }

    /// Waits for so many letters that are not one another's repetition, and gives them back: one whose
    /// delivery was not noted before the server was killed comes twice under its key.
    pub fn wait_for_different(&self, count: usize) -> Vec<Received> {
        let different = || {
            let (got, mut keys) = (self.got.lock().unwrap(), BTreeSet::new());
            got.iter().filter(|letter| keys.insert(letter.headers["idempotency-key"].clone())).cloned().collect::<Vec<_>>()
        };
        wait("the letters", || different().len() >= count);
        different()
    }
}

fn receive(stream: TcpStream, got: &Mutex<Vec<Received>>, answer: &AtomicUsize) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut headers = BTreeMap::new();
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let status = answer.load(Ordering::SeqCst);
        if status == HANG {
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
        if status == OK {
            got.lock().unwrap().push(Received { headers, body: String::from_utf8(body).unwrap() });
        }
        let _ = write!(reader.get_mut(), "HTTP/1.1 {status} Said\r\nContent-Length: 4\r\n\r\nsaid");
    }
}

pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn put_target(server: &Server, id: &str, document: &Value) {
    let mut properties =
        json!({"source": "test", "time": "2026-03-01T00:00:00Z", "collections": ["events"], "retry_first_s": 0.05, "retry_max_s": 0.2});
    properties.as_object_mut().unwrap().extend(document.as_object().unwrap().clone());
    let feature = json!({"type": "Feature", "id": id, "properties": properties}).to_string();
    let answer = server.send("POST", "/collections/targets/items", &[("content-type", "application/geo+json")], feature.as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.text());
    wait("the target", || server.get(&format!("/targets/{id}/dead-letters")).status == 200);
}

fn target(server: &Server, id: &str) -> Value {
    server.json(&format!("/collections/targets/items/{id}"))["properties"].clone()
}

fn post(server: &Server, id: &str) {
    assert_eq!(server.post_event(&event(id, 117.1, 39.1)).status, 201);
}

#[test]
fn letters_arrive_in_order_signed_and_with_a_key_though_the_receiver_fails_and_hangs() {
    let city = City::new();
    let server = city.serve_in(&[("CITYWALL_SECRET_CITY_HALL", "the secret")]);
    let (receiver, hung) = (Receiver::start(503), Receiver::start(HANG));
    put_target(&server, "hung", &json!({"kind": "webhook", "url": hung.url, "timeout_s": 60}));
    put_target(
        &server,
        "hall",
        &json!({"kind": "webhook", "url": receiver.url, "secret": "city-hall", "levels": [3], "timeout_s": 0.3, "filter": "title LIKE '路灯%'"}),
    );
    let mut other = event("other-level", 117.1, 39.1);
    other["properties"]["level"] = json!(1);
    assert_eq!(server.post_event(&other).status, 201);
    let wanted: Vec<String> = (0..20).map(|at| format!("e{at}")).collect();
    wanted.iter().for_each(|id| post(&server, id));
    // A target that hangs holds up neither the writer nor the other one.
    wait("a failure", || server.get("/metrics").text().contains("citywall_target_waiting{target=\"hall\"} 20"));
    receiver.turn(HANG);
    std::thread::sleep(Duration::from_millis(500));
    receiver.turn(OK);
    let got = receiver.wait_for(20);
    assert_eq!(receiver.ids(), wanted);
    for letter in &got {
        let body = letter.json();
        let key = format!("hall-{}", body["revision"]);
        assert_eq!((&letter.headers["idempotency-key"], &body["key"]), (&key, &json!(key)));
        let (seconds, hex) = letter.headers["citywall-signature"].strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        assert_eq!(hex, openssl_hmac("the secret", &format!("{seconds}.{}", letter.body)));
    }
    wait("the report", || target(&server, "hall")["delivered"] == 20);
    let hall = target(&server, "hall");
    assert_eq!((&hall["state"], &hall["waiting"], &hall["url"]), (&json!("ok"), &json!(0), &json!(receiver.url)));
    assert!(hall["failed"].as_u64().unwrap() >= 2, "{hall}");
    assert_eq!(target(&server, "hung")["waiting"], 21);
    let metrics = server.get("/metrics").text();
    assert!(
        metrics.contains("citywall_target_delivered_total{target=\"hall\"} 20")
            && metrics.contains("citywall_target_oldest_seconds{target=\"hung\"}")
    );
    // A change of a target takes effect at once; what is removed gets nothing more.
    put_target(&server, "hall", &json!({"enabled": false}));
    post(&server, "late");
    put_target(&server, "hall", &json!({"enabled": true}));
    post(&server, "again");
    assert_eq!(receiver.wait_for(21)[20].id(), "again");
}

fn openssl_hmac(secret: &str, text: &str) -> String {
    let mut openssl =
        Command::new("openssl").args(["dgst", "-sha256", "-hmac", secret]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    openssl.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap().trim().rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn what_is_never_taken_comes_back_and_can_be_sent_again() {
    let city = City::new();
    let server = city.serve();
    let receiver = Receiver::start(422);
    put_target(&server, "a", &json!({"kind": "webhook", "url": receiver.url, "tries_max": 2}));
    post(&server, "refused");
    let dead = || server.json("/targets/a/dead-letters")["letters"].as_array().unwrap().clone();
    wait("the refused letter", || dead().len() == 1);
    assert!(dead()[0]["reason"].as_str().unwrap().contains("422"), "{:?}", dead());
    assert_eq!(dead()[0]["body"]["feature"]["id"], "refused");
    receiver.turn(500);
    post(&server, "tried");
    wait("the letter that was tried", || dead().len() == 2);
    assert_eq!(dead()[1]["tries"], 2);
    receiver.turn(OK);
    post(&server, "good");
    receiver.wait_for(1);
    let number = &dead()[1]["number"];
    assert_eq!(server.send("POST", &format!("/targets/a/dead-letters/{number}"), &[], b"").json()["resent"], 1);
    receiver.wait_for(2);
    server.send("POST", &format!("/targets/a/dead-letters/{number}"), &[], b"").problem(404);
    assert_eq!(server.send("POST", "/targets/a/dead-letters", &[], b"").json()["resent"], 1);
    receiver.wait_for(3);
    assert_eq!(receiver.ids(), ["good", "tried", "refused"]);
    assert_eq!(dead().len(), 0);
    server.get("/targets/none/dead-letters").problem(404);
}

#[test]
fn a_document_that_makes_no_sense_or_points_inwards_says_so_in_its_item() {
    let city = City::new();
    let server = city.serve();
    put_target(&server, "wrong", &json!({"kind": "webhook", "url": "ftp://a.example"}));
    put_target(&server, "blind", &json!({"kind": "webhook", "url": "http://a.example", "collections": ["nothing"]}));
    put_target(&server, "inward", &json!({"kind": "webhook", "url": "http://10.255.255.1/", "timeout_s": 1}));
    post(&server, "e");
    let says = |id: &str, word: &str| wait(word, || target(&server, id)["problem"].as_str().is_some_and(|problem| problem.contains(word)));
    says("wrong", "ftp://a.example");
    says("blind", "nothing");
    says("inward", "targets_allow");
    assert_eq!(target(&server, "wrong")["state"], "invalid");
    assert_eq!(target(&server, "inward")["state"], "retrying");
}

#[test]
fn a_server_that_is_killed_loses_no_letter_and_repeats_only_known_keys() {
    let city = City::new();
    let receiver = Receiver::start(OK);
    let mut server = city.serve();
    put_target(&server, "a", &json!({"kind": "webhook", "url": receiver.url}));
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        // The queue grows while the receiver fails, and empties while it does not.
        receiver.turn(if round % 2 == 0 { 500 } else { OK });
        for at in 0..30 {
            let id = format!("r{round}-{at}");
            post(&server, &id);
            acknowledged.push(id);
        }
        std::thread::sleep(Duration::from_millis(37 * round));
        server.kill();
        server = city.serve();
    }
    receiver.turn(OK);
    wait("every letter", || {
        let ids = receiver.ids();
        acknowledged.iter().all(|id| ids.contains(id))
    });
    let mut keys: BTreeMap<String, String> = BTreeMap::new();
    let mut firsts = Vec::new();
    for letter in receiver.got.lock().unwrap().iter() {
        let (key, id) = (letter.headers["idempotency-key"].clone(), letter.id());
        let known = keys.insert(key, id.clone());
        match known {
            Some(known) => assert_eq!(known, id, "a key stands for one change"),
            None => firsts.push(id),
        }
    }
    assert_eq!(firsts, acknowledged, "each change once as new, in order");
}

/// A real broker on a port of its own.
pub struct Mosquitto(Child, pub u16);

impl Mosquitto {
    pub fn start(port: u16) -> Self {
        let child = Command::new("mosquitto").args(["-p", &port.to_string()]).stderr(Stdio::null()).spawn().expect("run `make setup`");
        wait("the broker", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self(child, port)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_broker_gets_every_letter_though_it_is_restarted() {
    let city = City::new();
    let server = city.serve();
    let broker = Mosquitto::start(free_port());
    let port = broker.1;
    let listen = || {
        let mut listener = Command::new("mosquitto_sub")
            .args(["-p", &port.to_string(), "-t", "city/#", "-q", "1", "-v"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(listener.stdout.take().unwrap()).lines();
        std::thread::sleep(Duration::from_millis(300));
        (listener, lines)
    };
    let (mut listener, mut lines) = listen();
    put_target(
        &server,
        "b",
        &json!({"kind": "mqtt", "broker": format!("mqtt://127.0.0.1:{port}"), "topic": "city/{collection}/{level}/{id}", "timeout_s": 1}),
    );
    post(&server, "first");
    let line = lines.next().unwrap().unwrap();
    let (topic, body) = line.split_once(' ').unwrap();
    assert_eq!(topic, "city/events/3/first");
    assert_eq!(serde_json::from_str::<Value>(body).unwrap()["target"], "b");
    listener.kill().unwrap();
    listener.wait().unwrap();
    drop(broker);
    for at in 0..10 {
        post(&server, &format!("e{at}"));
    }
    wait("the trouble", || target(&server, "b")["state"] == "retrying");
    // The listener is there before the letters are.
    put_target(&server, "b", &json!({"enabled": false}));
    wait("the pause", || target(&server, "b")["state"] == "disabled");
    // An attempt that has begun ends within its second.
    std::thread::sleep(Duration::from_millis(1_500));
    let broker = Mosquitto::start(port);
    let (mut listener, lines) = listen();
    put_target(&server, "b", &json!({"enabled": true}));
    let (heard, lines) = {
        let (sender, receiver) = std::sync::mpsc::channel();
        (std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line)))), receiver)
    };
    let mut seen: Vec<String> = Vec::new();
    while let Ok(line) = lines.recv_timeout(Duration::from_secs(30)) {
        let topic = line.split_once(' ').unwrap().0.to_owned();
        // The broker may have ended before its answer came: then the first letter comes again.
        if !topic.ends_with("/first") && !seen.contains(&topic) {
            seen.push(topic);
        }
        if seen.len() == 10 {
            break;
        }
    }
    listener.kill().unwrap();
    listener.wait().unwrap();
    heard.join().unwrap();
    assert_eq!(seen, (0..10).map(|at| format!("city/events/3/e{at}")).collect::<Vec<_>>());
    drop(broker);
}
