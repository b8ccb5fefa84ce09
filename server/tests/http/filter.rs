//! Filters, schemas, order, search and coordinate systems over HTTP.

use crate::harness::{City, ORIGIN, SIDE, STEP, Server, event};
use serde_json::{Value, json};

/// A query string of these pairs.
fn query(pairs: &[(&str, &str)]) -> String {
    let encoded = |text: &str| {
        text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect::<String>()
    };
    pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

fn matched(server: &Server, pairs: &[(&str, &str)]) -> u64 {
    server.json(&format!("/collections/squares/items?{}", query(pairs)))["numberMatched"].as_u64().unwrap()
}

fn ids(page: &Value) -> Vec<String> {
    page["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_filter_finds_what_it_says_in_both_languages_and_in_any_crs() {
    let city = City::new();
    let server = city.serve();
    let all = (SIDE * SIDE) as u64;
    assert_eq!(matched(&server, &[("filter", "height < 1")]), 10);
    assert_eq!(matched(&server, &[("filter", "kind = 'office' AND height < 1")]), 5);
    assert_eq!(matched(&server, &[("filter", "NOT kind = 'office'")]), all / 2);
    assert_eq!(matched(&server, &[("filter", "name LIKE '楼 1_'")]), 10);
    let (x, y) = ORIGIN;
    let window = format!("S_INTERSECTS(geometry, BBOX({x}, {y}, {}, {}))", x + STEP, y + STEP);
    assert_eq!(matched(&server, &[("filter", &window)]), 4);
    assert_eq!(matched(&server, &[("filter", &window), ("bbox", &format!("{x},{y},{x},{y}"))]), 1);
    let json = json!({"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [x, y, x + STEP, y + STEP]}]}).to_string();
    assert_eq!(matched(&server, &[("filter", &json), ("filter-lang", "cql2-json")]), 4);
    let north_first = format!("S_INTERSECTS(geometry, BBOX({y}, {x}, {}, {}))", y + STEP, x + STEP);
    assert_eq!(matched(&server, &[("filter", &north_first), ("filter-crs", "http://www.opengis.net/def/crs/EPSG/0/4326")]), 4);
    // 117° E, 39° N and a hundredth of a degree on, in Web Mercator.
    let mercator =
        "S_INTERSECTS(geometry, POLYGON((13024380 4721660, 13025530 4721660, 13025530 4723110, 13024380 4723110, 13024380 4721660)))";
    assert_eq!(matched(&server, &[("filter", mercator), ("filter-crs", "http://www.opengis.net/def/crs/EPSG/0/3857")]), 4);
}

#[test]
fn a_live_collection_is_filtered_by_any_property_and_by_time() {
    let city = City::new();
    let server = city.serve();
    for at in 0..6 {
        let mut item = event(&format!("e{at}"), 117.2, 39.1 + f64::from(at) / 100.0);
        item["properties"]["time"] = json!(format!("2026-03-0{}T02:00:00+08:00", at + 1));
        item["properties"]["lamp"] = json!(at);
        assert_eq!(server.post_event(&item).status, 201);
    }
    let found = |filter: &str| ids(&server.json(&format!("/collections/events/items?{}", query(&[("filter", filter)])))).join(" ");
    assert_eq!(found("lamp >= 4"), "e4 e5");
    // A day is one of the city's time zone: here UTC, where 02:00 in Shanghai is still the day before.
    assert_eq!(found("T_INTERSECTS(time, DATE('2026-03-02'))"), "e2");
    assert_eq!(found("time < TIMESTAMP('2026-03-01T18:00:00Z')"), "e0");
    assert_eq!(found("distance(geometry, POINT(117.2 39.1)) < 1200 AND level = 3"), "e0 e1");
    assert_eq!(found("nothing IS NOT NULL"), "");
}

#[test]
fn a_wrong_filter_is_refused_with_its_place() {
    let city = City::new();
    let server = city.serve();
    for (pairs, parameter, said) in [
        (vec![("filter", "height >")], "filter", "character 9"),
        (vec![("filter", "hight > 1")], "filter", "character 1: expected a property of the collection"),
        (vec![("filter", "{}"), ("filter-lang", "cql2-json")], "filter", "the whole filter"),
        (vec![("filter", "height > 1"), ("filter-lang", "ecql")], "filter-lang", "cql2-text, cql2-json"),
        (vec![("filter", "height > 1"), ("filter-crs", "EPSG:1")], "filter-crs", ""),
        (vec![("filter", "S_WITHIN(geometry, POINT(500 0))")], "filter", "longitudes"),
        (vec![("sortby", "geometry")], "sortby", "geometry"),
        (vec![("properties", "nothing")], "properties", "nothing"),
        (vec![("q", " ")], "q", "no word"),
        (vec![("crs", "nonsense")], "crs", ""),
        (vec![("cursor", "1.2.["), ("sortby", "height")], "cursor", ""),
    ] {
        let problem = server.get(&format!("/collections/squares/items?{}", query(&pairs))).problem(400);
        assert_eq!(problem["parameter"], parameter, "{pairs:?}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }
}

#[test]
fn the_schemas_name_every_property_with_its_type() {
    let city = City::new();
    let server = city.serve();
    let collection = server.json("/collections/squares");
    for (name, rel) in [("queryables", "queryables"), ("sortables", "sortables"), ("schema", "schema")] {
        let rel = format!("http://www.opengis.net/def/rel/ogc/1.0/{rel}");
        assert!(collection["links"].as_array().unwrap().iter().any(|link| link["rel"] == rel.as_str()), "{rel}");
        let answer = server.get(&format!("/collections/squares/{name}"));
        assert_eq!(answer.header("content-type"), "application/schema+json");
        let schema = answer.json();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["properties"]["height"]["type"], "number", "{name}");
        assert_eq!(schema["properties"]["geometry"].is_object(), name != "sortables");
        assert_eq!(schema["additionalProperties"], false);
    }
    let schema = server.json("/collections/squares/schema");
    assert_eq!(schema["properties"]["geometry"]["x-ogc-role"], "primary-geometry");
    let live = server.json("/collections/events/queryables");
    assert_eq!((&live["properties"]["time"]["format"], &live["additionalProperties"]), (&json!("date-time"), &json!(true)));
    assert!(server.json("/functions")["functions"].as_array().unwrap().iter().any(|function| function["name"] == "distance"));
    server.get("/collections/nothing/queryables").problem(404);
}

#[test]
fn sorted_pages_visit_every_item_once_in_order() {
    let city = City::new();
    let server = city.serve();
    let mut path = format!("/collections/squares/items?limit=300&{}", query(&[("sortby", "kind,-height"), ("properties", "kind,height")]));
    let mut seen: Vec<(String, f64)> = Vec::new();
    loop {
        let page = server.json(&path);
        for feature in page["features"].as_array().unwrap() {
            let properties = feature["properties"].as_object().unwrap();
            assert_eq!(properties.len(), 2, "only what was asked for");
            seen.push((properties["kind"].as_str().unwrap().to_owned(), -properties["height"].as_f64().unwrap()));
        }
        let Some(next) = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next") else { break };
        path = next["href"].as_str().unwrap()[server.url.len()..].to_owned();
    }
    assert_eq!(seen.len(), SIDE * SIDE);
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]));
}

#[test]
fn words_are_found_in_chinese_and_in_pinyin() {
    let city = City::new();
    let server = city.serve();
    assert_eq!(matched(&server, &[("q", "楼 7")]), matched(&server, &[("q", "lou 7")]));
    assert_eq!(matched(&server, &[("q", "c0007")]), 1);
    assert_eq!(matched(&server, &[("q", "c0007,c0008")]), 2);
    assert_eq!(matched(&server, &[("q", "OFFICE")]), (SIDE * SIDE / 2) as u64);
}

#[test]
fn an_answer_comes_in_the_crs_that_was_asked_for() {
    let city = City::new();
    let server = city.serve();
    let first = |crs: &str| {
        let answer = server.get(&format!("/collections/squares/items?{}", query(&[("crs", crs), ("limit", "1")])));
        assert_eq!(answer.header("content-crs"), format!("<{crs}>"), "{}", answer.text());
        let position = answer.json()["features"][0]["geometry"]["coordinates"][0][0].clone();
        let one = server.get(&format!("/collections/squares/items/c0000?{}", query(&[("crs", crs)])));
        assert_eq!(one.json()["geometry"]["coordinates"][0][0], position);
        (position[0].as_f64().unwrap(), position[1].as_f64().unwrap())
    };
    assert_eq!(first("http://www.opengis.net/def/crs/OGC/1.3/CRS84"), ORIGIN);
    assert_eq!(first("http://www.opengis.net/def/crs/EPSG/0/4326"), (ORIGIN.1, ORIGIN.0));
    // proj: echo 117 39 | cs2cs OGC:CRS84 EPSG:3857 and EPSG:4548 (northing first)
    let (x, y) = first("http://www.opengis.net/def/crs/EPSG/0/3857");
    assert!((x - 13_024_380.422).abs() < 0.01 && (y - 4_721_671.572).abs() < 0.01, "{x} {y}");
    let (north, east) = first("http://www.opengis.net/def/crs/EPSG/0/4548");
    assert!((north - 4_318_546.6).abs() < 500.0 && (east - 500_000.0).abs() < 0.01, "{north} {east}");
    for crs in server.json("/collections/squares")["crs"].as_array().unwrap() {
        first(crs.as_str().unwrap());
    }
}

#[test]
fn a_plan_says_which_index_answers() {
    let city = City::new();
    let server = city.serve();
    let plan = |pairs: &[(&str, &str)]| server.json(&format!("/collections/squares/items?explain=true&{}", query(pairs)));
    let window = plan(&[("filter", "S_WITHIN(geometry, BBOX(117, 39, 117.1, 39.1)) AND height > 3")]);
    assert_eq!(window["windows"], json!([[117.0, 39.0, 117.1, 39.1]]));
    assert!(window["index"].as_str().unwrap().starts_with("R-tree"));
    assert!(plan(&[("filter", "height > 3")])["index"].as_str().unwrap().starts_with("none"));
    let order = plan(&[("filter", "height BETWEEN 3 AND 4 AND CASEI(name) <> 'x'")]);
    assert_eq!((order["index"].as_str().unwrap(), &order["rows"]), ("order of height, then the filter itself", &json!(11)));
    assert!(plan(&[("code", "c0007")])["index"].as_str().unwrap().starts_with("order of code"));
}
