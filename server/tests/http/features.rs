//! OGC API – Features and Common.

use crate::harness::{City, ORIGIN, SIDE, STEP, event};
use serde_json::{Value, json};
use std::collections::HashSet;

#[test]
fn the_landing_page_leads_to_everything() {
    let city = City::new();
    let server = city.serve();
    let landing = server.json("/");
    let mut seen = HashSet::new();
    for link in landing["links"].as_array().unwrap() {
        let (rel, href) = (link["rel"].as_str().unwrap(), link["href"].as_str().unwrap());
        assert!(href.starts_with(&server.url), "{href}");
        seen.insert(rel.to_owned());
        if !href.contains("/live") {
            let answer = server.get(&href[server.url.len()..]);
            assert!([200, 303].contains(&answer.status), "{href}: {}", answer.status);
        }
    }
    for rel in ["self", "alternate", "service-desc", "service-doc", "conformance", "data"] {
        assert!(seen.contains(rel), "{rel}");
    }
    let classes = server.json("/conformance");
    assert!(classes["conformsTo"].as_array().unwrap().contains(&json!("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core")));
}

#[test]
fn paging_visits_every_item_once() {
    let city = City::new();
    let server = city.serve();
    let mut path = "/collections/squares/items?limit=77".to_owned();
    let mut seen = HashSet::new();
    let mut pages = 0;
    loop {
        let page = server.json(&path);
        assert_eq!(page["numberMatched"], SIDE * SIDE);
        let features = page["features"].as_array().unwrap();
        assert_eq!(page["numberReturned"], features.len());
        assert!(features.iter().all(|feature| seen.insert(feature["id"].as_str().unwrap().to_owned())));
        pages += 1;
        let Some(next) = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next") else { break };
        path = next["href"].as_str().unwrap()[server.url.len()..].to_owned();
    }
    assert_eq!((seen.len(), pages), (SIDE * SIDE, (SIDE * SIDE).div_ceil(77)));
}

#[test]
fn a_window_finds_what_its_geometry_meets() {
    let city = City::new();
    let server = city.serve();
    let matched = |query: &str| server.json(&format!("/collections/squares/items?{query}"))["numberMatched"].as_u64().unwrap();
    let (x, y) = ORIGIN;
    let window = |w: f64, s: f64, e: f64, n: f64| format!("bbox={w},{s},{e},{n}");
    // Between the squares there is nothing; their edges count.
    assert_eq!(matched(&window(x + 0.006, y + 0.006, x + 0.009, y + 0.009)), 0);
    assert_eq!(matched(&window(x, y, x + STEP, y + STEP)), 4);
    assert_eq!(matched(&window(x - 1.0, y - 1.0, x + 1.0, y + 1.0)), (SIDE * SIDE) as u64);
    // West of the antimeridian to east of it, the long way round.
    assert_eq!(matched(&window(170.0, -90.0, 118.0, 90.0)), (SIDE * SIDE) as u64);
    assert_eq!(matched(&window(118.0, -90.0, 116.0, 90.0)), 0);
    let by_authority = format!("bbox={},{},{},{}&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/4326", y, x, y + STEP, x + STEP);
    assert_eq!(matched(&by_authority), 4);
    assert_eq!(matched("kind=office"), (SIDE * SIDE / 2) as u64);
    assert_eq!(matched("code=c0007"), 1);
}

#[test]
fn an_item_is_found_by_the_id_field_and_keeps_its_own_id_property() {
    let city = City::new();
    let server = city.serve();
    let item = server.json("/collections/squares/items/c0041");
    assert_eq!(item["id"], "c0041");
    assert_eq!(item["properties"]["name"], "楼 41");
    assert_eq!(item["properties"]["id"], "same");
    assert_eq!(item["properties"]["height"], 4.1);
    let start = &item["geometry"]["coordinates"][0][0];
    assert!((start[0].as_f64().unwrap() - (ORIGIN.0 + STEP)).abs() < 1e-9 && (start[1].as_f64().unwrap() - (ORIGIN.1 + STEP)).abs() < 1e-9);
    server.get("/collections/squares/items/nobody").problem(404);
}

#[test]
fn time_is_when_it_happened_and_the_revision_when_it_was_recorded() {
    let city = City::new();
    let server = city.serve();
    for (id, time) in [("a", "2026-01-01T00:00:00Z"), ("b", "2026-01-02T00:00:00Z"), ("c", "2026-01-03T00:00:00+08:00")] {
        let mut event = event(id, 117.1, 39.1);
        event["properties"]["time"] = json!(time);
        assert_eq!(server.post_event(&event).status, 201);
    }
    let ids = |datetime: &str| -> Vec<String> {
        let page = server.json(&format!("/collections/events/items?datetime={datetime}"));
        page["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_str().unwrap().to_owned()).collect()
    };
    // What was there at the instant; nothing was cleared yet.
    assert_eq!(ids("2026-01-02T00:00:00Z"), ["a", "b"]);
    assert_eq!(ids("2025-12-31T00:00:00Z"), [""; 0]);
    assert_eq!(ids("2026-01-01T12:00:00Z/.."), ["a", "b", "c"]);
    assert_eq!(ids("../2026-01-01T12:00:00Z"), ["a"]);
    assert_eq!(ids("2026-01-02T16:00:00Z/2026-01-02T16:00:00Z"), ["a", "b", "c"]);
    let recorded: Vec<u64> = server.json("/collections/events/items")["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["properties"]["recorded"].as_u64().unwrap())
        .collect();
    assert!(recorded.is_sorted() && recorded[2] == recorded[0] + 2);
    // Items of a layer have no time and match every one.
    assert_eq!(server.json("/collections/squares/items?datetime=2020-01-01T00:00:00Z")["numberMatched"], SIDE * SIDE);
}

#[test]
fn an_etag_holds_until_the_collection_changes() {
    let city = City::new();
    let server = city.serve();
    let path = "/collections/events/items";
    let first = server.get(path);
    let tag = first.header("etag").to_owned();
    assert_eq!(server.send("GET", path, &[("if-none-match", &tag)], b"").status, 304);
    assert_eq!(server.post_event(&event("e", 117.1, 39.1)).status, 201);
    assert_eq!(server.send("GET", path, &[("if-none-match", &tag)], b"").status, 200);
    let layer = server.get("/collections/squares/items");
    assert_eq!(server.send("GET", "/collections/squares/items", &[("if-none-match", layer.header("etag"))], b"").status, 304);
}

#[test]
fn a_browser_gets_pages_in_its_language() {
    let city = City::new();
    let server = city.serve();
    assert_eq!(server.post_event(&event("e<1>", 117.1, 39.1)).status, 201);
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("accept-language", "zh-CN,zh;q=0.9,en;q=0.8")];
    for path in [
        "/",
        "/conformance",
        "/api",
        "/api.html",
        "/collections",
        "/collections/squares",
        "/collections/squares/items",
        "/collections/squares/items/c0001",
        "/collections/events/items",
        "/collections/events/items/e%3C1%3E",
    ] {
        let page = server.send("GET", path, &browser, b"");
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
        let text = page.text();
        assert!(text.contains("lang=\"zh-CN\"") && text.contains("图层"), "{path}");
        assert!(!text.contains("e<1>"), "{path}: unescaped");
    }
    assert!(server.get("/?f=html&lang=en").text().contains("Open the map"));
    assert!(server.get("/").header("content-type").starts_with("application/json"));
}

#[test]
fn the_api_definition_is_whole() {
    let city = City::new();
    let server = city.serve();
    let document = server.json("/api");
    assert_eq!(document["openapi"], "3.0.3");
    let mut references = Vec::new();
    collect(&document, &mut references);
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} is not local"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut ids = HashSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
            let named: HashSet<String> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| {
                    let shared = p["$ref"].as_str().map(|reference| document.pointer(reference.strip_prefix('#').unwrap()).unwrap());
                    shared.unwrap_or(p)["name"].as_str().unwrap().to_owned()
                })
                .collect();
            for variable in path.split('{').skip(1).map(|part| part.split('}').next().unwrap()) {
                assert!(named.contains(variable), "{method} {path}: {variable} is not described");
            }
        }
    }
}

/// The addresses that are pages for a person or of another standard's own description.
const NOT_DESCRIBED: [&str; 7] = ["/api.html", "/control/{script}", "/map", "/login", "/session", "/query.html", "/wmts"];

#[test]
fn every_address_is_described() {
    let city = City::new();
    let server = city.serve();
    let document = server.json("/api");
    let shape = |path: &str| path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/");
    let described: HashSet<String> = document["paths"].as_object().unwrap().keys().map(|path| shape(path)).collect();
    let routes = include_str!("../../src/app.rs").split(".route(").skip(1).filter_map(|route| route.trim_start().strip_prefix('"'));
    let routes: Vec<&str> = routes.filter_map(|route| route.split('"').next()).collect();
    assert!(routes.len() > 40);
    let missing: Vec<&str> = routes
        .into_iter()
        .filter(|path| !NOT_DESCRIBED.iter().any(|page| path.starts_with(page)) && !described.contains(&shape(path)))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value.as_str() {
                    Some(reference) if name == "$ref" => references.push(reference.to_owned()),
                    _ => collect(value, references),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn gdal_reads_the_collections() {
    let city = City::new();
    let server = city.serve();
    let output = std::process::Command::new("ogrinfo").args(["-ro", "-so", &format!("OAPIF:{}", server.url), "squares"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("Feature Count: {}", SIDE * SIDE)), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("height: Real"), "{said}");
}

#[test]
fn the_city_document_says_what_a_map_needs() {
    let city = City::new();
    let server = city.serve();
    assert_eq!(server.post_event(&event("e", 117.1, 39.1)).status, 201);
    let document = server.json("/city");
    assert_eq!(document["name"]["en"], "city");
    assert!(document["extent"][0].as_f64().unwrap() <= 117.0);
    let collections = document["collections"].as_array().unwrap();
    let find = |id: &str| collections.iter().find(|collection| collection["id"] == id).unwrap();
    assert_eq!(find("squares")["count"], SIDE * SIDE);
    assert!(find("squares")["fields"].as_array().unwrap().contains(&json!(["height", "number"])));
    assert_eq!((&find("events")["open"], &find("events")["open_by_level"]), (&json!(1), &json!([0, 0, 0, 1, 0])));
}
