//! `/live` and `/live/sse`.

use crate::harness::{City, Server, event};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};
use tungstenite::{Message, WebSocket, client::IntoClientRequest};

pub struct Line(WebSocket<TcpStream>);

impl Line {
    fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let address = format!("{}/live", server.url.replace("http", "ws"));
        Self(tungstenite::client(address, stream).unwrap().0)
    }

    pub fn subscribed(server: &Server, request: &Value) -> Self {
        let mut line = Self::open(server);
        line.say(request);
        line
    }

    pub fn say(&mut self, request: &Value) {
        self.0.send(Message::text(request.to_string())).unwrap();
    }

    /// The next message that is no heartbeat.
    pub fn next(&mut self) -> Value {
        loop {
            let message = self.any();
            if message["type"] != "heartbeat" {
                return message;
            }
        }
    }

    pub fn any(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(_) => panic!("closed"),
                _ => {}
            }
        }
    }
}

fn post(server: &Server, id: &str) -> u64 {
    let answer = server.post_event(&event(id, 117.1, 39.1));
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["revision"].as_u64().unwrap()
}

#[test]
fn a_snapshot_comes_first_and_then_deltas_that_follow_it() {
    let city = City::new();
    let server = city.serve();
    post(&server, "a");
    let second = post(&server, "b");
    let mut line = Line::subscribed(&server, &json!({"type": "subscribe", "collections": ["events"]}));
    let snapshot = line.next();
    assert_eq!((&snapshot["type"], &snapshot["revision"], &snapshot["last"]), (&json!("snapshot"), &json!(second), &json!(true)));
    assert_eq!(snapshot["features"].as_array().unwrap().len(), 2);
    assert_eq!(snapshot["features"][0]["properties"]["recorded"], second - 1);
    let third = post(&server, "c");
    let delta = line.next();
    assert_eq!((&delta["type"], &delta["after"], &delta["revision"]), (&json!("delta"), &json!(second), &json!(third)));
    assert_eq!(delta["changes"][0]["feature"]["id"], "c");
    assert_eq!(delta["changes"][0]["collection"], "events");
    server.post_event(&json!({"type": "Feature", "id": "a", "properties": {"status": "cleared"}}));
    let cleared = line.next();
    assert_eq!(cleared["after"], third);
    assert_eq!(cleared["changes"][0]["feature"]["properties"]["status"], "cleared");
    // What is cleared is in no later snapshot.
    let again = Line::subscribed(&server, &json!({"type": "subscribe", "collections": ["events"]})).next();
    assert_eq!(again["features"].as_array().unwrap().len(), 2);
}

#[test]
fn a_break_is_resumed_without_loss_or_repetition() {
    let city = City::new();
    let server = city.serve();
    let first = post(&server, "a");
    let mut last = first;
    for at in 0..50 {
        last = post(&server, &format!("e{at}"));
    }
    let chain = |line: &mut Line| {
        let mut reached = first;
        let mut ids = Vec::new();
        while reached < last {
            let delta = line.next();
            assert_eq!((&delta["type"], &delta["after"]), (&json!("delta"), &json!(reached)), "{delta}");
            reached = delta["revision"].as_u64().unwrap();
            ids.extend(delta["changes"].as_array().unwrap().iter().map(|change| change["feature"]["id"].as_str().unwrap().to_owned()));
        }
        ids
    };
    let wanted: Vec<String> = (0..50).map(|at| format!("e{at}")).collect();
    let resume = json!({"type": "subscribe", "after": first});
    assert_eq!(chain(&mut Line::subscribed(&server, &resume)), wanted);
    // A restart loses the ring in memory, not the journal.
    server.kill();
    let server = city.serve();
    assert_eq!(chain(&mut Line::subscribed(&server, &resume)), wanted);
    // What has not happened cannot be resumed.
    let mut ahead = Line::subscribed(&server, &json!({"type": "subscribe", "after": last + 1000}));
    assert_eq!(ahead.next()["type"], "resync");
}

#[test]
fn a_layer_that_changes_is_told() {
    let city = City::new();
    let server = city.serve();
    let mut line = Line::subscribed(&server, &json!({"type": "subscribe", "collections": ["events"]}));
    let revision = line.next()["revision"].as_u64().unwrap();
    let source = city.path("squares.geojsonl");
    let output = crate::harness::citywall(&["import", &source, "--city", city.file.to_str().unwrap(), "--layer", "again"]);
    assert!(output.status.success(), "{}", crate::harness::stderr(&output));
    let message = line.next();
    assert_eq!(message, json!({"type": "layer_changed", "after": revision, "revision": revision + 1, "collection": "again"}));
    // And whoever resumes from before hears of it too.
    let mut later = Line::subscribed(&server, &json!({"type": "subscribe", "after": revision}));
    assert_eq!(later.next()["type"], "layer_changed");
}

#[test]
fn a_style_that_changes_is_told_to_every_line() {
    let city = City::new();
    let server = city.serve();
    let mut line = Line::subscribed(&server, &json!({"type": "subscribe", "collections": ["events"]}));
    assert_eq!(line.next()["type"], "snapshot");
    let style = json!({
        "version": 8, "name": "plain", "sources": {"squares": {"type": "vector"}},
        "layers": [{"id": "fill", "type": "fill", "source": "squares", "source-layer": "squares", "paint": {"fill-color": "#123"}}]
    });
    let send = |method: &str, dry: &str| {
        let path = format!("/collections/squares/styles/squares{dry}");
        let headers = [("content-type", "application/vnd.mapbox.style+json")];
        server.send(method, &path, &headers, style.to_string().as_bytes()).status
    };
    // A trial changes nothing, and nothing is told of it.
    assert_eq!(send("PUT", "?dry-run=true"), 204);
    assert_eq!(send("PUT", ""), 201);
    assert_eq!(line.next(), json!({"type": "styles_changed", "style": "squares"}));
    assert_eq!(send("DELETE", ""), 204);
    assert_eq!(line.next(), json!({"type": "styles_changed", "style": "squares"}));
}

#[test]
fn what_is_not_understood_is_answered_and_the_line_stays() {
    let city = City::new();
    let server = city.serve();
    let mut line = Line::open(&server);
    for bad in [
        json!({"type": "subscribe", "collections": ["nothing"]}),
        json!({"type": "subscribe", "collections": ["squares"]}),
        json!({"type": "dance"}),
        json!([]),
    ] {
        line.say(&bad);
        assert_eq!(line.next()["type"], "error", "{bad}");
    }
    line.say(&json!({"type": "ping"}));
    assert_eq!(line.any()["type"], "heartbeat");
    line.say(&json!({"type": "subscribe"}));
    assert_eq!(line.next()["type"], "snapshot");
}

#[test]
fn a_heartbeat_shows_that_the_line_lives() {
    let city = City::new();
    let server = city.serve();
    let mut line = Line::subscribed(&server, &json!({"type": "subscribe", "collections": ["events"]}));
    assert_eq!(line.any()["type"], "snapshot");
    let beat = line.any();
    assert_eq!(beat["type"], "heartbeat");
    assert!(beat["time"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn events_say_the_same_as_the_socket() {
    let city = City::new();
    let server = city.serve();
    let first = post(&server, "a");
    let open = |query: &str, header: &str| {
        let host = server.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET /live/sse{query} HTTP/1.1\r\nHost: {host}\r\n{header}\r\n").unwrap();
        BufReader::new(stream)
    };
    let next = |reader: &mut BufReader<TcpStream>| -> (Option<u64>, Value) {
        let mut id = None;
        loop {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).unwrap() > 0, "the stream ended");
            if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.trim().parse().unwrap());
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (id, serde_json::from_str(data).unwrap());
            }
        }
    };
    let mut reader = open("?collections=events", "");
    let (id, snapshot) = next(&mut reader);
    assert_eq!((id, &snapshot["type"]), (Some(first), &json!("snapshot")));
    let second = post(&server, "b");
    let (id, delta) = next(&mut reader);
    assert_eq!((id, &delta["after"], &delta["revision"]), (Some(second), &json!(first), &json!(second)));
    let (_, resumed) = next(&mut open("", &format!("Last-Event-ID: {first}\r\n")));
    assert_eq!(resumed["changes"][0]["feature"]["id"], "b");
    assert_eq!(server.get("/live/sse?after=x").problem(400)["parameter"], "after");
    assert_eq!(server.get("/live/sse?collections=squares").problem(400)["parameter"], "collections");
}

#[test]
fn a_foreign_page_may_not_listen() {
    let city = City::new();
    let server = city.serve();
    let mut request = format!("{}/live", server.url.replace("http", "ws")).into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    let stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    let refused = tungstenite::client(request, stream).err().unwrap();
    assert!(format!("{refused:?}").contains("403"), "{refused:?}");
    server.get("/live").problem(400);
}
