//! OGC API – Features Part 4: single items are made, replaced, changed and removed, by whoever has seen them as they are.

use crate::{
    harness::{Answer, City, Server},
    live::Line,
};
use serde_json::{Value, json};

const PLANS: &str = "/collections/plans/items";

impl Server {
    fn edit(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, headers, body.as_bytes())
    }

    fn make_plans(&self) {
        let plans = json!({"id": "plans", "kind": "features", "title": {"zh": "规划", "en": "Plans"}, "category": "planning_control"});
        let made = self.edit("POST", "/collections", &[("content-type", "application/json")], &plans);
        assert_eq!(made.status, 201, "{}", made.text());
    }

    fn draw(&self, feature: &Value) -> (String, String) {
        let answer = self.edit("POST", PLANS, GEOJSON, feature);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert!(answer.header("location").ends_with(&format!("{PLANS}/{id}")));
        (id, answer.header("etag").to_owned())
    }
}

const GEOJSON: &[(&str, &str)] = &[("content-type", "application/geo+json")];

fn with<'a>(tag: &'a str, media: &'a str) -> [(&'a str, &'a str); 2] {
    [("if-match", tag), ("content-type", media)]
}

fn block(x: f64) -> Value {
    json!({
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [[[x, 39.5], [x + 0.01, 39.5], [x + 0.01, 39.51], [x, 39.51], [x, 39.5]]]},
        "properties": {"title": "地块", "use": {"code": "R2", "far": 2.5}, "height": 60}
    })
}

#[test]
fn an_item_is_made_replaced_changed_and_removed() {
    let city = City::new();
    let server = city.serve();
    server.make_plans();
    let (id, tag) = server.draw(&block(117.1));
    let path = format!("{PLANS}/{id}");
    let item = server.get(&path);
    assert_eq!(item.header("etag"), tag);
    assert_eq!(item.json()["geometry"], block(117.1)["geometry"]);

    // A patch merges deep (RFC 7396); null takes a member away.
    let change = json!({"properties": {"use": {"far": 3.0, "note": "x"}, "height": null}});
    let changed = server.edit("PATCH", &path, &with(&tag, "application/merge-patch+json"), &change);
    assert_eq!(changed.status, 200, "{}", changed.text());
    let second = changed.header("etag").to_owned();
    assert_ne!(second, tag);
    let seen = server.get(&path).json();
    assert_eq!(seen["properties"]["use"], json!({"code": "R2", "far": 3.0, "note": "x"}));
    assert_eq!((&seen["properties"]["height"], &seen["properties"]["title"]), (&Value::Null, &json!("地块")));
    assert_eq!(seen["geometry"], block(117.1)["geometry"]);

    // What has been read can be put back; what it does not name is gone.
    let mut whole = seen;
    whole["properties"].as_object_mut().unwrap().remove("use");
    whole["id"] = json!("another");
    let put = server.edit("PUT", &path, &with(&second, "application/geo+json"), &whole);
    assert_eq!(put.status, 200, "{}", put.text());
    let third = put.header("etag").to_owned();
    let seen = server.get(&path).json();
    assert_eq!((&seen["id"], seen["properties"].get("use"), &seen["properties"]["title"]), (&json!(id), None, &json!("地块")));

    assert_eq!(server.edit("DELETE", &path, &[("if-match", &third)], &Value::Null).status, 204);
    server.get(&path).problem(404);
    assert_eq!(server.get(PLANS).json()["numberMatched"], 0);
    server.edit("DELETE", &path, &[("if-match", "*")], &Value::Null).problem(404);
    // The same id can be made again.
    let again = server.edit("PUT", &path, &[("if-none-match", "*"), GEOJSON[0]], &block(117.2));
    assert_eq!((again.status, again.header("location").ends_with(&path)), (201, true), "{}", again.text());
    server.edit("PUT", &path, &[("if-none-match", "*"), GEOJSON[0]], &block(117.2)).problem(412);
}

#[test]
fn nobody_overwrites_what_they_have_not_seen() {
    let city = City::new();
    let server = city.serve();
    server.make_plans();
    let (id, tag) = server.draw(&block(117.1));
    let path = format!("{PLANS}/{id}");
    let patch = json!({"properties": {"height": 61}});
    for method in ["PUT", "PATCH", "DELETE"] {
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/geo+json" };
        let body = if method == "PUT" { block(117.3) } else { patch.clone() };
        server.edit(method, &path, &[("content-type", media)], &body).problem(428);
        server.edit(method, &path, &with("\"99999\"", media), &body).problem(412);
        server.edit(method, &path, &with("not a tag", media), &body).problem(412);
        let gone = server.edit(method, &format!("{PLANS}/nothing"), &with("*", media), &body);
        gone.problem(if method == "PUT" { 412 } else { 404 });
    }
    // Of many who have seen the same state, one changes it.
    let won: usize = std::thread::scope(|scope| {
        let edit = |height: usize| {
            let patch = json!({"properties": {"height": 100 + height}});
            let answer = server.edit("PATCH", &path, &with(&tag, "application/merge-patch+json"), &patch);
            assert!([200, 412].contains(&answer.status), "{}", answer.text());
            usize::from(answer.status == 200)
        };
        let edits: Vec<_> = (0..16).map(|height| scope.spawn(move || edit(height))).collect();
        edits.into_iter().map(|edit| edit.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
    // A tag that compression has made weak still names the revision.
    let weak = format!("W/{}", server.get(&path).header("etag").trim_start_matches("W/"));
    assert_eq!(server.edit("PATCH", &path, &with(&weak, "application/merge-patch+json"), &patch).status, 200);
}

#[test]
fn an_edit_is_pushed_drawn_and_durable() {
    let city = City::new();
    let server = city.serve();
    server.make_plans();
    let mut line = Line::subscribed(&server, &json!({"type": "subscribe", "collections": ["plans"]}));
    assert_eq!(line.next()["type"], "snapshot");
    let (id, _) = server.draw(&block(117.1));
    assert_eq!(line.next()["changes"][0]["feature"]["id"], json!(id));
    let tile = "/collections/plans/tiles/WebMercatorQuad/10/389/845";
    let before = server.get(tile);
    assert_eq!(before.status, 200);
    assert!(!before.body.is_empty());
    let path = format!("{PLANS}/{id}");
    let moved = json!({"geometry": {"type": "Point", "coordinates": [117.105, 39.505]}});
    assert_eq!(server.edit("PATCH", &path, &with("*", "application/merge-patch+json"), &moved).status, 200);
    assert_eq!(line.next()["changes"][0]["feature"]["geometry"]["type"], "Point");
    let after = server.get(tile);
    assert_ne!((after.header("etag"), &after.body), (before.header("etag"), &before.body));
    server.kill();
    let server = city.serve();
    assert_eq!(server.get(&path).json()["geometry"]["type"], "Point");
}

#[test]
fn content_crs_says_where_the_coordinates_are() {
    let city = City::new();
    let server = city.serve();
    server.make_plans();
    let crs = ("content-crs", "<http://www.opengis.net/def/crs/EPSG/0/4326>");
    let north_first = json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": [39.1, 117.2]}, "properties": {}});
    let made = server.edit("POST", PLANS, &[GEOJSON[0], crs], &north_first);
    let path = format!("{PLANS}/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(server.get(&path).json()["geometry"]["coordinates"], json!([117.2, 39.1]));
    let zone = ("content-crs", "http://www.opengis.net/def/crs/EPSG/0/4548");
    let metres = json!({"geometry": {"type": "Point", "coordinates": [4_330_000.0, 517_287.0]}});
    let patched = server.edit("PATCH", &path, &[("if-match", "*"), ("content-type", "application/merge-patch+json"), zone], &metres);
    assert_eq!(patched.status, 200, "{}", patched.text());
    let back = server.get(&format!("{path}?crs=EPSG:4548")).json();
    let at = |n: usize| back["geometry"]["coordinates"][n].as_f64().unwrap();
    assert!((at(0) - 4_330_000.0).abs() < 0.01 && (at(1) - 517_287.0).abs() < 0.01, "{back}");
    server
        .edit("PATCH", &path, &[("if-match", "*"), ("content-type", "application/merge-patch+json"), ("content-crs", "EPSG:1")], &metres)
        .problem(400);
}

#[test]
fn what_can_be_done_is_told_and_the_rest_refused() {
    let city = City::new();
    let server = city.serve();
    server.make_plans();
    let (id, _) = server.draw(&block(117.1));
    let path = format!("{PLANS}/{id}");
    let allowed = server.edit("OPTIONS", &path, &[], &Value::Null);
    assert_eq!((allowed.status, allowed.header("allow")), (200, "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"));
    assert_eq!(server.edit("OPTIONS", PLANS, &[], &Value::Null).header("allow"), "GET, HEAD, OPTIONS, POST");
    assert_eq!(server.edit("OPTIONS", "/collections/squares/items/c0000", &[], &Value::Null).header("allow"), "GET, HEAD, OPTIONS");
    let layer = server.edit("PUT", "/collections/squares/items/c0000", &with("*", "application/geo+json"), &block(117.1));
    layer.problem(405);
    assert_eq!(layer.header("allow"), "GET, HEAD, OPTIONS");
    let merge = with("*", "application/merge-patch+json");
    server.edit("PATCH", &path, &with("*", "text/plain"), &json!({})).problem(415);
    server.edit("PATCH", &path, &merge, &json!([])).problem(400);
    server.edit("PATCH", &path, &merge, &json!({"properties": {"level": 9}})).problem(400);
    server.edit("PATCH", &path, &merge, &json!({"geometry": {"type": "Point", "coordinates": [200, 0]}})).problem(400);
    server.edit("PATCH", &path, &merge, &json!({"properties": {"time": "1999-01-01T00:00:00Z"}})).problem(400);
    server.edit("PATCH", "/collections/none/items/1", &merge, &json!({})).problem(404);
    let long = json!({"properties": {"text": "x".repeat(300 << 10)}});
    assert!(server.edit("PATCH", &path, &merge, &long).problem(413)["detail"].as_str().unwrap().contains("EVENT_BYTES_MAX"));
    // An incident is edited like any other live item, and its time stays.
    let incident =
        json!({"type": "Feature", "id": "e1", "geometry": null, "properties": {"source": "s", "time": "2026-03-01T08:15:00Z", "level": 2}});
    assert_eq!(server.edit("POST", "/collections/events/items", GEOJSON, &incident).status, 201);
    let patched = server.edit("PATCH", "/collections/events/items/e1", &merge, &json!({"properties": {"level": 1}}));
    assert_eq!(patched.status, 200, "{}", patched.text());
    let seen = server.get("/collections/events/items/e1").json();
    assert_eq!((&seen["properties"]["level"], &seen["properties"]["time"]), (&json!(1), &json!("2026-03-01T08:15:00Z")));
}
