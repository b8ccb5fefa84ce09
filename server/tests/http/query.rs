//! `/query` over HTTP.

use crate::harness::{City, ORIGIN, SIDE, STEP, event};
use serde_json::json;

#[test]
fn an_analyst_asks_by_address_or_by_body_and_gets_the_same_bytes() {
    let city = City::new();
    let server = city.serve();
    let (x, y) = ORIGIN;
    let place = format!("{},{}", x + STEP / 4.0, y + STEP / 4.0);
    let address = format!("/query/nearest?collections=squares&place={place}&count=3&filter=height%3E0.05");
    let found = server.json(&address);
    let features = found["features"].as_array().unwrap();
    // The place lies in the first square, which the filter leaves out; then its eastern and northern neighbours.
    let ids: Vec<&str> = features.iter().map(|feature| feature["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["c0001", &format!("c{SIDE:04}"), &format!("c{:04}", SIDE + 1)]);
    assert!((features[0]["distance"].as_f64().unwrap() - 649.0).abs() < 2.0, "{found}");
    assert_eq!(found["units"]["distance"], "m");
    assert!(found["revision"].as_u64().unwrap() > 0);
    assert_eq!(server.json(&address).to_string(), found.to_string());
    let inside = server.json(&format!("/query/nearest?collections=squares&place={place}&count=1"));
    assert_eq!(inside["features"][0]["distance"], 0.0);

    let all = server.json("/query/aggregate?collection=squares&measures=count,max(height),distinct(kind)");
    assert_eq!(all["groups"][0]["count"], SIDE * SIDE);
    assert_eq!(all["groups"][0]["distinct(kind)"], 2);
    let cells = server.json("/query/aggregate?collection=squares&by=h3:6&form=geojson");
    let sum: u64 = cells["features"].as_array().unwrap().iter().map(|cell| cell["properties"]["count"].as_u64().unwrap()).sum();
    assert_eq!(sum, (SIDE * SIDE) as u64);

    for at in 0..4 {
        let mut item = event(&format!("e{at}"), x + STEP / 4.0 + f64::from(at / 2) * STEP, y + STEP / 4.0);
        item["properties"]["time"] = json!(format!("2026-03-0{}T02:00:00Z", at + 1));
        assert_eq!(server.post_event(&item).status, 201);
    }
    let days = server.json("/query/aggregate?collection=events&per=day");
    assert_eq!(days["groups"].as_array().unwrap().len(), 4);
    assert_eq!(days["total"], 4);
    let joined = server.json("/query/join?left=events&right=squares&relation=intersects&right-filter=height%3C0.15&right-properties=name");
    assert_eq!(
        joined["counts"],
        json!([
            {"right": "c0000", "count": 2, "rightProperties": {"name": "楼 0"}},
            {"right": "c0001", "count": 2, "rightProperties": {"name": "楼 1"}}
        ])
    );
    let area = server.json("/query/overlay?operation=measure&collection=squares&filter=height%3C0.05");
    // Half a hundredth of a degree by as much, at 39° N: 432.9 m by 555.1 m.
    assert!((area["properties"]["area"].as_f64().unwrap() / 240_300.0 - 1.0).abs() < 2e-3, "{area}");
}

#[test]
fn what_makes_no_sense_is_refused_by_its_name() {
    let city = City::new();
    let server = city.serve();
    for (address, parameter) in [
        ("nearest?place=117,39", "collections"),
        ("nearest?collections=squares&place=117", "place"),
        ("nearest?collections=squares&place=317,39", "place"),
        ("nearest?collections=squares&place=117,39&count=0", "count"),
        ("nearest?collections=squares&place=117,39&count=2000", "count"),
        ("nearest?collections=squares&place=117,39&within=-1", "within"),
        ("nearest?collections=squares&place=117,39&filter=x%3D", "filter"),
        ("nearest?collections=squares&place=117,39&what=1", "what"),
        ("aggregate?collection=squares&by=h3:16", "by"),
        ("aggregate?collection=squares&by=district", "by"),
        ("aggregate?collection=squares&per=day", "per"),
        ("aggregate?collection=squares&measures=sum(none)", "measures"),
        ("aggregate?collection=squares&measures=p101(height)", "measures"),
        ("aggregate?collection=squares&form=xml", "form"),
        ("join?left=squares&right=squares&relation=touches", "relation"),
        ("join?left=squares&right=squares&relation=dwithin", "distance"),
        ("join?left=squares&right=squares&relation=nearest", "relation"),
        ("overlay?operation=buffer&geometry=%7B%22type%22:%22Point%22,%22coordinates%22:[1,2]%7D", "distance"),
        ("overlay?operation=union&collection=squares", "other-geometry"),
        ("overlay?operation=measure&geometry=%7B%7D", "geometry"),
        ("overlay?operation=union&collection=squares&other-collection=squares&other-filter=x%3D", "other-filter"),
        ("hotspots?collection=squares&method=heat", "method"),
        ("hotspots?collection=squares&method=density&radius=0", "radius"),
        ("hotspots?collection=squares&method=density&cell=0.1", "cell"),
        ("hotspots?collection=squares&method=density&kernel=box", "kernel"),
        ("hotspots?collection=squares&method=density&weight=none", "weight"),
        ("hotspots?collection=squares&method=density&bbox=1,2,3", "bbox"),
        ("hotspots?collection=squares&method=clusters&minimum=-1", "minimum"),
        ("hotspots?collection=squares&method=clusters&members=yes", "members"),
        ("hotspots?collection=squares&method=clusters&against-filter=height%3E1", "against-filter"),
        ("hotspots?collection=squares&method=getis-ord", "by"),
        ("hotspots?collection=squares&method=getis-ord&by=geohash:5&radius=100", "by"),
        ("hotspots?collection=squares&method=getis-ord&by=district&radius=100", "by"),
    ] {
        let answer = server.get(&format!("/query/{address}"));
        assert_eq!(answer.status, 400, "{address}");
        assert_eq!(answer.json()["parameter"], parameter, "{address}");
    }
    assert_eq!(server.get("/query/aggregate?collection=none").status, 404);
    let fine = server.get("/query/hotspots?collection=squares&method=density&cell=1&radius=1000");
    assert_eq!(fine.status, 422);
    assert!(fine.json()["detail"].as_str().unwrap().contains("ANALYSIS_GROUPS_MAX"));
    // Small squares over the whole layer are more pairs than the limit names.
    let many = server.get("/query/join?left=squares&right=squares&relation=dwithin&distance=9000&result=pairs");
    assert_eq!(many.status, 422);
    assert!(many.json()["detail"].as_str().unwrap().contains("ANALYSIS_PAIRS_MAX"));
}

#[test]
fn now_is_one_instant_for_every_filter_of_a_question() {
    let city = City::new();
    let server = city.serve();
    let mut item = event("e", ORIGIN.0, ORIGIN.1);
    item["properties"]["time"] = json!(jiff::Timestamp::now().to_string());
    assert_eq!(server.post_event(&item).status, 201);
    // Whatever is past for the one side is past for the other.
    for _ in 0..20 {
        let past = "time%20%3C%20now()";
        let joined =
            server.json(&format!("/query/join?left=events&right=events&relation=intersects&left-filter={past}&right-filter={past}"));
        assert_eq!(joined["counts"], json!([{"right": "e", "count": 1}]));
    }
}

#[test]
fn the_counts_that_are_kept_are_those_of_a_walk_over_all_items() {
    let city = City::new();
    let server = city.serve();
    let (x, y) = ORIGIN;
    for at in 0..9 {
        let mut item = event(&format!("e{at}"), x, y);
        assert_eq!(server.post_event(&item).status, 201);
        item["properties"]["status"] = json!(["open", "cleared", "removed"][at % 3]);
        item["properties"]["time"] = json!("2026-03-02T00:00:00Z");
        assert_eq!(server.post_event(&item).status, 201);
    }
    let kept = server.json("/query/aggregate?collection=events&measures=count,open");
    let walked =
        server.json("/query/aggregate?collection=events&measures=count,open&filter=title%20IS%20NULL%20OR%20title%20IS%20NOT%20NULL");
    assert_eq!(kept["groups"], walked["groups"]);
    assert_eq!((&kept["groups"][0]["count"], &kept["groups"][0]["open"]), (&json!(6), &json!(3)));
    assert_eq!(server.get("/query/aggregate?collection=squares&measures=open").status, 400);
}

#[test]
fn an_aggregate_is_a_vector_tile_that_changes_with_its_collection() {
    let city = City::new();
    let server = city.serve();
    // Tile 8/211/97 holds 117° E, 39° N.
    let address = "/query/aggregate/tiles/WebMercatorQuad/8/97/211?collection=events&by=square:2000&measures=count,max(level)";
    assert_eq!(server.post_event(&event("a", ORIGIN.0, ORIGIN.1)).status, 201);
    let first = server.get(address);
    assert_eq!((first.status, first.header("content-type")), (200, "application/vnd.mapbox-vector-tile"), "{}", first.text());
    let text = String::from_utf8_lossy(&first.body).into_owned();
    assert!(text.contains("aggregate") && text.contains("count") && text.contains("max(level)"));
    assert_eq!(server.get(address).body, first.body);
    let same = server.send("GET", address, &[("if-none-match", first.header("etag"))], b"");
    assert_eq!(same.status, 304);
    let other = server.get(&address.replace("square:2000", "square:4000"));
    assert_ne!(other.header("etag"), first.header("etag"), "another question has another tag");
    assert_eq!(server.post_event(&event("b", ORIGIN.0 + 0.1, ORIGIN.1)).status, 201);
    let second = server.send("GET", address, &[("if-none-match", first.header("etag"))], b"");
    assert_eq!(second.status, 200);
    assert!(second.body.len() > first.body.len());
    assert_eq!(server.get(&address.replace("/8/97/211", "/8/97/0")).status, 204);
    for (wrong, parameter) in [("&per=day", "per"), ("&form=geojson", "form"), ("&what=1", "what")] {
        assert_eq!(server.get(&format!("{address}{wrong}")).problem(400)["parameter"], parameter);
    }
    assert_eq!(server.get(&address.replace("&by=square:2000", "")).problem(400)["parameter"], "by");
    server.get(&address.replace("/8/", "/99/")).problem(404);
}
