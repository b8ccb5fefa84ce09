//! Requests that make no sense: a clear 4xx, and nothing that was there is lost.

use crate::harness::{City, event};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

#[test]
fn parameters_are_refused_by_name() {
    let city = City::new();
    let server = city.serve();
    for (query, parameter) in [
        ("bbox=1,2,3", "bbox"),
        ("bbox=", "bbox"),
        ("bbox=a,b,c,d", "bbox"),
        ("bbox=1,2,3,NaN", "bbox"),
        ("bbox=0,1,1,0", "bbox"),
        ("bbox=0,-100,1,0", "bbox"),
        ("bbox=0,0,400,1", "bbox"),
        ("bbox=0,0,1,1&bbox=0,0,1,1", "bbox"),
        ("bbox=0,0,1,1&bbox-crs=EPSG:999999", "bbox-crs"),
        ("bbox=0,0,1,1&bbox-crs=%00", "bbox-crs"),
        ("datetime=yesterday", "datetime"),
        ("datetime=../..", "datetime"),
        ("datetime=2026-01-02T00:00:00Z/2026-01-01T00:00:00Z", "datetime"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=9.9", "cursor"),
        ("foo=1", "foo"),
        ("f=xml", "f"),
        ("lang=fr&f=html", "lang"),
        ("%E4%BD=1", "\u{fffd}"),
    ] {
        let problem = server.get(&format!("/collections/squares/items?{query}")).problem(400);
        assert_eq!(problem["parameter"], parameter, "{query}: {problem}");
    }
    for path in [
        "/?x=1",
        "/collections?limit=3",
        "/conformance?a",
        "/city?f=jpg&x=1",
        "/collections/squares?bbox=0,0,1,1",
        "/live/sse?x=1",
        "/imports?x=1",
    ] {
        server.get(path).problem(400);
    }
    // More than there can be means as many as there can be.
    assert_eq!(server.get("/collections/squares/items?limit=99999999999").status, 200);
}

#[test]
fn what_is_not_there_is_404_and_what_cannot_be_done_405() {
    let city = City::new();
    let server = city.serve();
    for path in [
        "/nothing",
        "/collections/nothing",
        "/collections/nothing/items",
        "/collections/..%2f/items",
        "/collections/%00/items",
        "/map/nothing.js",
        "/imports/7",
        "/imports/x",
    ] {
        server.get(path).problem(404);
    }
    for (method, path) in [
        ("PUT", "/collections"),
        ("DELETE", "/collections/squares/items/c0001"),
        ("POST", "/"),
        ("POST", "/collections/squares/items"),
        ("PATCH", "/city"),
    ] {
        let answer = server.send(method, path, &[("content-type", "application/geo+json")], b"{}");
        answer.problem(405);
        assert!(answer.header("allow").contains("GET"), "{method} {path}: {:?}", answer.headers);
    }
    server.send("GET", "/collections", &[("accept", "image/png")], b"").problem(406);
    server.get("/collections/%ff/items").problem(400);
}

#[test]
fn bodies_are_refused_with_the_reason() {
    let city = City::new();
    let server = city.serve();
    let geo = "application/geo+json";
    assert_eq!(server.post(geo, "{\"type\":\n\"Feature\",").problem(400)["line"], 2);
    server.post(geo, "").problem(400);
    server.post(geo, "null").problem(400);
    server.post(geo, "{\"type\":\"FeatureCollection\"}").problem(400);
    server.post(geo, "{\"type\":\"Point\",\"coordinates\":[1,2]}").problem(400);
    server.post("text/plain", "hello").problem(415);
    server.post("", "{}").problem(415);
    let packed = [("content-type", geo), ("content-encoding", "br")];
    server.send("POST", "/collections/events/items", &packed, b"xxx").problem(415);
    let broken = server.send("POST", "/collections/events/items", &[("content-type", geo)], b"{\"type\":\"Feature\xff\"}");
    assert_eq!(broken.problem(400)["line"], 1);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    server.post(geo, &format!("{{\"type\":\"Feature\",\"id\":\"x\",\"properties\":{{\"a\":{deep}}}}}")).problem(400);
    server.send("POST", "/collections/nothing/items", &[("content-type", geo)], b"{}").problem(404);
    let imports = |body: &str| server.send("POST", "/imports", &[("content-type", "application/json")], body.as_bytes());
    imports("{").problem(400);
    imports(r#"{"source":"relative.geojson"}"#).problem(400);
    imports(r#"{"source":"/a","crs":"EPSG:1"}"#).problem(400);
    imports(r#"{"source":"/a","layer":"Not An Id"}"#).problem(400);
    imports(r#"{"source":"/a","colour":"red"}"#).problem(400);
    assert_eq!(server.json("/collections/events/items")["numberMatched"], 0);
}

#[test]
fn a_body_over_the_limit_is_413() {
    let city = City::new();
    let server = city.serve_configured("[limits]\ningest_body_bytes_max = 10000");
    let problem = server.post("application/geo+json", &"x".repeat(20_000)).problem(413);
    assert!(problem["detail"].as_str().unwrap().contains("ingest_body_bytes_max"));
    // Without a length the body is counted as it comes.
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "POST /collections/events/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/geo+json\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    for _ in 0..5 {
        let _ = write!(stream, "1000\r\n{}\r\n", "y".repeat(4096));
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert_eq!(server.post_event(&event("e", 1.0, 2.0)).status, 201);
}

#[test]
fn no_bytes_end_the_server() {
    let city = City::new();
    let server = city.serve();
    let host = server.url.strip_prefix("http://").unwrap();
    let many_headers = (0..500).map(|at| format!("X-{at}: y\r\n")).collect::<String>();
    for request in [
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(200_000)),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many_headers}\r\n"),
        "POST /collections/events/items HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\nContent-Type: application/geo+json\r\n\r\n{"
            .to_owned(),
        "GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n".to_owned(),
        "GET http://elsewhere/ HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
    ] {
        let mut stream = TcpStream::connect(host).unwrap();
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 5"), "{}: {answer}", &request[..request.len().min(60)]);
    }
    assert_eq!(server.get("/healthz").status, 200);
}
