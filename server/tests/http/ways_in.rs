//! Streams, sockets, contracts, sources and what is refused.

use crate::harness::{Answer, City, Server, event};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use tungstenite::{Message, WebSocket, stream::MaybeTlsStream};

const NDJSON: &str = "application/x-ndjson";
const CONTRACTS: &str = r#"
    [[live]]
    id = "cases"
    kind = "incidents"
    title = { zh = "案件", en = "Cases" }
    classes = ["s:1", "s:2"]
    properties.unit = { type = "string", required = true }
    properties.depth_cm = { type = "number", min = 0 }
    [[live]]
    id = "devices"
    kind = "things"
    title = { zh = "设备", en = "Devices" }
    heartbeat_s = 1
    [[live]]
    id = "readings"
    kind = "datastreams"
    title = { zh = "读数", en = "Readings" }
    [[sources]]
    name = "gateway"
    contract = "one line per case"
    credentials = "dispatch-gateway"
    expected_per_minute = 60
    heartbeat_s = 1
"#;

fn case(id: &str, properties: Value) -> Value {
    let mut case = json!({"type": "Feature", "id": id, "properties": {"source": "gateway", "time": "2026-03-01T00:00:00Z"}});
    case["properties"].as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    case
}

fn post(server: &Server, collection: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    server.send("POST", &format!("/collections/{collection}/items"), headers, body)
}

/// Waits for something that happens within seconds.
fn soon<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(15);
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(Instant::now() < end, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_long_stream_is_taken_as_it_comes_and_answers_with_counts() {
    let city = City::new();
    // The limit of a document does not hold for a stream.
    let server = city.serve_configured("[limits]\ningest_body_bytes_max = 10000");
    let host = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "POST /collections/events/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: {NDJSON}\r\nPrefer: return=minimal\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    let mut send = |text: &str| write!(stream, "{:x}\r\n{text}\r\n", text.len()).unwrap();
    for block in 0..20 {
        send(&(0..500).map(|at| event(&format!("{block}-{at}"), 117.2, 39.1).to_string() + "\n").collect::<String>());
    }
    // Batches are durable while the body still comes.
    soon("the first batch", || (server.json("/collections/events/items")["numberMatched"].as_u64()? >= 1000).then_some(()));
    send("not a record\n");
    send(&"x".repeat(2 << 20));
    send("\n");
    send(&event("last", 117.2, 39.1).to_string());
    write!(stream, "0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("preference-applied: return=minimal"), "{answer}");
    let body: Value = serde_json::from_str(answer[answer.find("\r\n{").unwrap() + 2..].lines().next().unwrap()).unwrap();
    assert_eq!((&body["stored"], &body["unchanged"], &body["refused"]), (&json!(10_001), &json!(0), &json!(2)), "{body}");
    assert_eq!((&body["refusals"][0]["line"], &body["refusals"][0]["status"]), (&json!(10_001), &json!(400)), "{body}");
    assert_eq!((&body["refusals"][1]["line"], &body["refusals"][1]["status"]), (&json!(10_002), &json!(413)), "{body}");
    assert_eq!(server.json("/collections/events/items")["numberMatched"], 10_001);
}

#[test]
fn a_client_that_stops_within_a_body_stops_nobody_else() {
    let city = City::new();
    let server = city.serve();
    let host = server.url.strip_prefix("http://").unwrap();
    let stopped: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(host).unwrap();
            write!(stream, "POST /collections/events/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: {NDJSON}\r\nContent-Length: 99999\r\n\r\n{{\"type\":").unwrap();
            stream
        })
        .collect();
    assert_eq!(server.post_event(&event("e", 117.2, 39.1)).status, 201);
    drop(stopped);
    assert_eq!(server.json("/collections/events/items")["numberMatched"], 1);
}

#[test]
fn a_gzip_body_is_unpacked_and_a_broken_one_refused() {
    let city = City::new();
    let server = city.serve();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    for at in 0..1000 {
        writeln!(packed, "{}", event(&format!("e{at}"), 117.2, 39.1)).unwrap();
    }
    let packed = packed.finish().unwrap();
    let headers = [("content-type", NDJSON), ("content-encoding", "gzip")];
    let answer = post(&server, "events", &headers, &packed);
    assert_eq!((answer.status, answer.json().as_array().unwrap().len()), (200, 1000));
    post(&server, "events", &headers, &packed[..packed.len() / 2]).problem(400);
    post(&server, "events", &headers, b"no gzip at all").problem(400);
    // A document's limit counts what it is unpacked.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b' '; 65 << 20]).unwrap();
    let headers = [("content-type", "application/geo+json"), ("content-encoding", "gzip")];
    post(&server, "events", &headers, &bomb.finish().unwrap()).problem(413);
}

#[test]
fn a_collection_asks_for_its_classes_and_properties_and_keeps_what_it_refuses() {
    let city = City::new();
    let server = city.serve_configured(CONTRACTS);
    let cases = [
        (case("a", json!({"unit": "u", "class": "s:1"})), "ok"),
        (case("b", json!({"unit": "u", "class": "s:9"})), "unknown_class"),
        (case("c", json!({"class": "s:1"})), "property"),
        (case("d", json!({"unit": "u", "depth_cm": "deep"})), "property"),
        (case("e", json!({"unit": "u", "time": "2199-01-01T00:00:00Z"})), "future"),
        (case("f", json!({"unit": "u", "note": "x".repeat(300_000)})), "oversized"),
        (json!({"type": "Feature", "id": "a", "properties": {"source": "other", "status": "cleared"}}), "other_source"),
        (json!({"type": "Feature", "id": "a", "properties": {"status": "cleared"}}), "ok"),
        (json!({"type": "Feature", "properties": {}}), "invalid"),
        (json!({"type": "Feat"}), "malformed"),
    ];
    let body: String = cases.iter().map(|(case, _)| case.to_string() + "\n").collect();
    let results = post(&server, "cases", &[("content-type", NDJSON)], body.as_bytes()).json();
    let refused: Vec<&(Value, &str)> = cases.iter().filter(|(_, reason)| *reason != "ok").collect();
    assert_eq!(results.as_array().unwrap().iter().filter(|result| result["status"].is_u64()).count(), refused.len(), "{results:#}");
    assert_eq!(server.json("/collections/cases/items")["numberMatched"], 1);
    server.send("POST", "/collections/nowhere/items", &[("content-type", NDJSON)], b"{\"type\":\"Feature\"}").problem(404);

    let list =
        soon("the list", || Some(server.json("/refused")).filter(|list| list["refused"].as_array().unwrap().len() == refused.len() + 1));
    for (found, (record, reason)) in list["refused"].as_array().unwrap().iter().zip(&refused) {
        assert_eq!((&found["reason"], &found["collection"], &found["actor"]), (&json!(reason), &json!("cases"), &json!("local")));
        let text = found["record"].as_str().unwrap();
        assert!(!text.is_empty() && record.to_string().starts_with(text), "{reason}: {text}");
    }
    let last = &list["refused"][refused.len()];
    assert_eq!((&last["reason"], &last["record"]), (&json!("unknown_collection"), &json!("{\"type\":\"Feature\"}")));
    let count = |reason: &str| list["counts"].as_array().unwrap().iter().find(|count| count["reason"] == reason).unwrap()["count"].clone();
    assert_eq!((count("property"), count("future")), (json!(2), json!(1)));
    // The list is read in pages, of one collection, by a person too.
    let page = server.json("/refused?limit=2&collection=cases");
    assert_eq!(page["refused"].as_array().unwrap().len(), 2);
    let next = page["next"].as_str().unwrap().trim_start_matches(&server.url).to_owned();
    assert_eq!(server.json(&next)["refused"][0]["number"], list["refused"][2]["number"]);
    let html = server.get("/refused?f=html&lang=zh").text();
    assert!(html.contains("拒收记录") && html.contains("unknown_class"), "{html}");
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains("citywall_ingest_records_refused_by_reason_total{collection=\"cases\",reason=\"property\"} 2"), "{metrics}");
    server.get("/refused?after=x").problem(400);
}

#[test]
fn an_operator_makes_a_live_collection() {
    let city = City::new();
    let server = city.serve();
    let create = |body: &str| server.send("POST", "/collections", &[("content-type", "application/json")], body.as_bytes());
    let answer = create(r#"{"id": "buses", "kind": "moving_objects", "title": {"zh": "公交", "en": "Buses"}}"#);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("location"), format!("{}/collections/buses", server.url));
    assert_eq!(server.json("/collections/buses")["titles"]["zh"], "公交");
    assert_eq!(
        post(&server, "buses", &[("content-type", "application/geo+json")], event("1", 1.0, 2.0).to_string().as_bytes()).status,
        201
    );
    create(r#"{"id": "buses", "kind": "moving_objects", "title": {"zh": "公交", "en": "Buses"}}"#).problem(409);
    create(r#"{"id": "squares", "kind": "incidents", "title": {"zh": "x", "en": "x"}}"#).problem(409);
    create(r#"{"id": "Bad Id", "kind": "incidents", "title": {"zh": "x", "en": "x"}}"#).problem(400);
    create(r#"{"id": "rules2", "kind": "rules", "title": {"zh": "x", "en": "x"}}"#).problem(400);
    create("{").problem(400);
    server.send("POST", "/collections", &[("content-type", "text/plain")], b"x").problem(415);
}

#[test]
fn a_source_is_registered_counted_and_told_silent() {
    let city = City::new();
    let server = city.serve_configured(CONTRACTS);
    let source = |id: &str| server.json(&format!("/collections/sources/items/{id}"))["properties"].clone();
    let configured = soon("the configured source", || {
        server.get("/collections/sources/items/gateway").body.starts_with(b"{\"type\":\"Feature\"").then(|| source("gateway"))
    });
    assert_eq!((&configured["contract"], &configured["credentials"]), (&json!("one line per case"), &json!("dispatch-gateway")));
    let body = format!("{}\n{}\n", case("a", json!({"unit": "u"})), case("b", json!({})));
    post(&server, "cases", &[("content-type", NDJSON)], body.as_bytes());
    server.post_event(&event("e", 1.0, 2.0));
    let heard = soon("the source online", || Some(source("gateway")).filter(|source| source["online"] == true));
    assert_eq!((&heard["count"], &heard["refused"]), (&json!(1), &json!(1)), "{heard}");
    assert!(heard["last_seen"].is_string());
    // One that nobody has configured is registered too, and has no heartbeat to miss.
    soon("the other source", || (server.get("/collections/sources/items/test").status == 200).then_some(()));
    soon("the silence", || (source("gateway")["online"] == false).then_some(()));
    assert_eq!(source("test")["online"], true);
    post(&server, "cases", &[("content-type", NDJSON)], case("c", json!({"unit": "u"})).to_string().as_bytes());
    soon("the return", || (source("gateway")["online"] == true).then_some(()));
}

#[test]
fn a_thing_without_a_heartbeat_is_offline_until_it_or_its_datastream_speaks() {
    let city = City::new();
    let server = city.serve_configured(CONTRACTS);
    let thing = json!({"type": "Feature", "id": "t", "geometry": {"type": "Point", "coordinates": [117.2, 39.1]}, "properties": {"source": "s", "time": "2026-03-01T00:00:00Z", "type": "pump"}});
    let geo = [("content-type", "application/geo+json")];
    assert_eq!(post(&server, "devices", &geo, thing.to_string().as_bytes()).status, 201);
    let observe = |result: f64, time: &str| {
        let observation = json!({"type": "Feature", "id": "level", "properties": {"source": "s", "time": time, "thing": "t", "unit": "cm", "result": result, "heartbeat_s": 1}});
        assert_eq!(post(&server, "readings", &geo, observation.to_string().as_bytes()).status, 201);
    };
    observe(3.0, "2026-03-01T00:00:00Z");
    let online = |path: &str| server.json(path)["properties"]["online"].clone();
    let (thing, stream) = ("/collections/devices/items/t", "/collections/readings/items/level");
    soon("both offline", || (online(thing) == false && online(stream) == false).then_some(()));
    // Being offline is no observation: the series has no new instant.
    assert_eq!(server.json(stream)["properties"]["time"], "2026-03-01T00:00:00Z");
    observe(4.0, "2026-03-01T00:01:00Z");
    soon("the datastream's word", || (online(thing) == true && online(stream) == true).then_some(()));
    assert_eq!(server.json(stream)["properties"]["result"], 4.0);
}

fn ingest_socket(server: &Server, query: &str) -> WebSocket<MaybeTlsStream<TcpStream>> {
    let (mut socket, _) = tungstenite::connect(format!("{}/ingest{query}", server.url.replace("http", "ws"))).unwrap();
    if let MaybeTlsStream::Plain(stream) = socket.get_mut() {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    }
    socket
}

fn hear(socket: &mut WebSocket<MaybeTlsStream<TcpStream>>) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

#[test]
fn a_socket_takes_frames_and_acknowledges_each_in_order() {
    let city = City::new();
    let server = city.serve_configured(CONTRACTS);
    let mut socket = ingest_socket(&server, "?collection=events");
    // Many are sent before one answer is read.
    for seq in 0..500 {
        let frame = json!({"seq": seq, "feature": event(&format!("e{seq}"), 117.2, 39.1)});
        socket.send(Message::text(frame.to_string())).unwrap();
    }
    let mut revision = 0;
    for seq in 0..500 {
        let ack = hear(&mut socket);
        assert_eq!((&ack["type"], &ack["seq"], &ack["stored"]), (&json!("ack"), &json!(seq), &json!(1)), "{ack}");
        assert!(ack["revision"].as_u64().unwrap() > revision);
        revision = ack["revision"].as_u64().unwrap();
    }
    assert_eq!(server.json("/collections/events/items")["numberMatched"], 500);
    let mut ask = |frame: Value| {
        socket.send(Message::text(frame.to_string())).unwrap();
        hear(&mut socket)
    };
    let batch = ask(
        json!({"seq": "b", "collection": "cases", "features": [case("a", json!({"unit": "u"})), case("b", json!({})), {"type": "x"}, case("a", json!({"unit": "u"}))]}),
    );
    assert_eq!((&batch["stored"], &batch["unchanged"]), (&json!(1), &json!(1)), "{batch}");
    let reasons: Vec<_> =
        batch["refused"].as_array().unwrap().iter().map(|refused| (refused["index"].clone(), refused["reason"].clone())).collect();
    assert_eq!(reasons, [(json!(1), json!("property")), (json!(2), json!("malformed"))]);
    assert_eq!(ask(json!({"seq": 7, "collection": "nowhere", "feature": {}}))["type"], "error");
    assert_eq!(ask(json!({"seq": 8}))["type"], "error");
    assert_eq!(ask(json!([1]))["type"], "error");
    assert_eq!(ask(json!({"seq": 9, "feature": event("later", 1.0, 2.0)}))["stored"], 1);
    server.get("/ingest").problem(400);
    server.get("/ingest?collection=nowhere").problem(404);
}

#[test]
fn the_ingest_socket_needs_the_scope_ingest() {
    let city = City::new();
    let server = city.serve_configured("[[tokens]]\nname = \"r\"\nscopes = [\"read\"]\nsecret = \"0123456789abcdef\"");
    let answer = server.send("GET", "/ingest", &[("authorization", "Bearer 0123456789abcdef")], b"");
    answer.problem(403);
    server.send("GET", "/refused", &[("authorization", "Bearer 0123456789abcdef")], b"").problem(403);
}
