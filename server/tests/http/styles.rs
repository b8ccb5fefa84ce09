//! Styles: kept in the city file, checked on their way in, and there after a restart.

use crate::harness::{Answer, City, Server};
use serde_json::{Value, json};

const MEDIA: &str = "application/vnd.mapbox.style+json";

fn send(server: &Server, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let headers = [&[("content-type", MEDIA)], headers].concat();
    server.send(method, path, &headers, body.as_bytes())
}

fn style(color: &str) -> Value {
    json!({
        "version": 8, "name": "Squares by kind", "sources": {"squares": {"type": "vector"}},
        "layers": [{"id": "fill", "type": "fill", "source": "squares", "source-layer": "squares", "paint": {"fill-color": ["match", ["get", "kind"], "office", color, "#888"]}}]
    })
}

#[test]
fn a_style_is_put_listed_read_guarded_and_removed_and_outlives_a_restart() {
    let city = City::new();
    let server = city.serve();
    assert_eq!(server.get("/styles").json()["styles"], json!([]));
    let put = |path: &str, body: &Value, headers: &[(&str, &str)]| send(&server, "PUT", path, &body.to_string(), headers);
    assert_eq!(put("/collections/squares/styles/squares?dry-run=true", &style("#123"), &[]).status, 204);
    assert_eq!(server.get("/styles").json()["styles"], json!([]), "a dry run keeps nothing");
    assert_eq!(put("/collections/squares/styles/squares", &style("#123"), &[]).status, 201);

    let read = server.get("/styles/squares");
    assert_eq!(read.header("content-type"), MEDIA);
    assert_eq!(read.json(), style("#123"));
    let etag = read.header("etag").to_owned();
    assert_eq!(put("/styles/squares", &style("#456"), &[("if-match", &etag)]).status, 204);
    put("/styles/squares", &style("#789"), &[("if-match", &etag)]).problem(412);
    put("/styles/squares", &style("#789"), &[("if-none-match", "*")]).problem(412);

    let listed = server.get("/collections/squares/styles").json();
    assert_eq!(listed["styles"][0]["id"], "squares");
    assert_eq!(listed["styles"][0]["title"], "Squares by kind");
    assert!(listed["styles"][0]["links"][0]["href"].as_str().unwrap().ends_with("/collections/squares/styles/squares"));
    assert_eq!(server.get("/collections/events/styles").json()["styles"], json!([]));
    drop(server);

    let server = city.serve();
    assert_eq!(server.get("/styles/squares").json(), style("#456"));
    assert_eq!(server.send("DELETE", "/styles/squares", &[], b"").status, 204);
    server.get("/styles/squares").problem(404);
    server.send("DELETE", "/styles/squares", &[], b"").problem(404);
}

#[test]
fn a_style_that_is_wrong_is_refused_with_its_place_and_nothing_is_kept() {
    let city = City::new();
    let server = city.serve();
    let put = |path: &str, body: String| send(&server, "PUT", path, &body, &[]);
    let mut castles = style("#123");
    castles["layers"][0]["source-layer"] = json!("castles");
    let said = put("/styles/a", castles.to_string()).problem(400);
    assert_eq!(said["detail"], "layers[0].source-layer: the city has no layer “castles”");
    let said = put("/collections/events/styles/a", style("#123").to_string()).problem(400);
    assert!(said["detail"].as_str().unwrap().contains("“squares” is another layer"), "{said}");
    assert_eq!(put("/styles/a", "{\n\"version\": 8,,}".to_owned()).problem(400)["line"], 2);
    put("/styles/a", " ".repeat(300 << 10)).problem(413);
    put("/styles/a%20b", style("#123").to_string()).problem(400);
    put("/collections/none/styles/a", style("#123").to_string()).problem(404);
    server.send("PUT", "/styles/a", &[("content-type", "text/plain")], style("#123").to_string().as_bytes()).problem(415);
    send(&server, "POST", "/styles", &style("#123").to_string(), &[]).problem(400);
    assert_eq!(server.get("/styles").json()["styles"], json!([]));

    let mut named = style("#123");
    named["id"] = json!("by-kind");
    let made = send(&server, "POST", "/styles", &named.to_string(), &[]);
    assert_eq!(made.status, 201);
    assert!(made.header("location").ends_with("/styles/by-kind"));
    send(&server, "POST", "/styles", &named.to_string(), &[]).problem(409);
}
