//! Versions of a layer over HTTP: kept by imports, asked for with `as-of`, compared and removed.

use crate::harness::{City, SIDE, citywall, squares, stderr};
use serde_json::{Value, json};
use std::{collections::BTreeMap, process::Command};

/// Imports lines as the next version of the squares.
fn import(city: &City, lines: &str, more: &[&str]) {
    let source = city.path("next.geojsonl");
    std::fs::write(&source, lines).unwrap();
    let arguments = ["import", &source, "--city", city.file.to_str().unwrap(), "--layer", "squares"];
    let output = citywall(&[&arguments[..], more].concat());
    assert!(output.status.success(), "{}", stderr(&output));
}

/// The squares after a while: ten are gone, every seventh is higher, every eleventh stands elsewhere,
/// and five are new.
fn later() -> Vec<Value> {
    let mut all: Vec<Value> = squares().lines().map(|line| serde_json::from_str(line).unwrap()).skip(10).collect();
    for (at, square) in all.iter_mut().enumerate() {
        if at % 7 == 0 {
            square["properties"]["height"] = json!(1000 + at);
        }
        if at % 11 == 0 {
            square["geometry"]["coordinates"][0]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .for_each(|place| place[1] = json!(place[1].as_f64().unwrap() - 0.001));
        }
    }
    for at in 0..5 {
        let mut new = all[at].clone();
        new["properties"]["code"] = json!(format!("n{at}"));
        all.push(new);
    }
    all
}

/// Every item that differs, a page at a time.
fn changes(server: &crate::harness::Server, query: &str) -> (Value, Vec<Value>) {
    let mut page = server.json(&format!("/collections/squares/changes?{query}&limit=100"));
    let head = page.clone();
    let mut features = Vec::new();
    loop {
        features.extend(page["features"].as_array().unwrap().iter().cloned());
        let next = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next").cloned();
        let Some(next) = next else { return (head, features) };
        page = server.json(next["href"].as_str().unwrap().strip_prefix(&server.url).unwrap());
    }
}

#[test]
fn an_import_keeps_the_version_that_it_replaces_and_what_differs_is_told() {
    let city = City::new();
    let lines = |features: &[Value]| features.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let after = later();
    import(&city, &lines(&after), &["--id-field", "code", "--keep", "3", "--attribution", "November"]);
    let server = city.serve();
    let versions = server.json("/collections/squares/versions")["versions"].clone();
    let told: Vec<(u64, u64, &str)> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|version| (version["version"].as_u64().unwrap(), version["count"].as_u64().unwrap(), version["source"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(1, (SIDE * SIDE) as u64, "squares.geojsonl"), (2, after.len() as u64, "November")]);
    let [first, second] = [0, 1].map(|at| versions[at]["revision"].as_u64().unwrap());
    assert_eq!((versions[0]["until"].as_u64(), versions[1]["until"].as_u64()), (Some(second), None));
    assert!(versions[0]["published"].as_str().unwrap() <= versions[1]["published"].as_str().unwrap());

    // Items, one of them, a filter on what only the old one has, and a tile.
    let old = server.json(&format!("/collections/squares/items?as-of={first}&limit=10000"));
    assert_eq!(old["numberMatched"], SIDE * SIDE);
    assert_eq!(server.get("/collections/squares/items/c0003").status, 404);
    assert_eq!(server.json(&format!("/collections/squares/items/c0003?as-of={first}"))["properties"]["height"], 0.3);
    let high =
        |as_of: u64| server.json(&format!("/collections/squares/items?as-of={as_of}&filter=height%3E%3D1000"))["numberMatched"].clone();
    assert_eq!(
        (high(first), high(second)),
        (json!(0), json!(after.iter().filter(|square| square["properties"]["height"].as_f64() >= Some(1000.0)).count()))
    );
    let tile = |query: &str| {
        let answer = server.get(&format!("/collections/squares/tiles/WebMercatorQuad/11/782/1689{query}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let file = city.path("tile.pbf");
        std::fs::write(&file, &answer.body).unwrap();
        let output = Command::new("ogrinfo").args(["-ro", "-al", "-oo", "X=1689", "-oo", "Y=782", "-oo", "Z=11", &file]).output().unwrap();
        (String::from_utf8_lossy(&output.stdout).contains("c0003"), answer.header("etag").to_owned())
    };
    let (now, then) = (tile(""), tile(&format!("?as-of={first}")));
    assert!(!now.0 && then.0, "the square that is gone is in the old tile alone");
    assert_ne!(now.1, then.1);
    assert_eq!(tile(&format!("?as-of={second}")), now);

    // What differs, against the two sources.
    let (head, features) = changes(&server, &format!("since={first}"));
    let by_code = |features: &[Value]| -> BTreeMap<String, Value> {
        features.iter().map(|feature| (feature["properties"]["code"].as_str().unwrap().to_owned(), feature.clone())).collect()
    };
    let before: Vec<Value> = squares().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (before, after_by_code) = (by_code(&before), by_code(&after));
    let mut expected: BTreeMap<String, &str> = BTreeMap::new();
    for (code, square) in &before {
        match after_by_code.get(code) {
            None => drop(expected.insert(code.clone(), "removed")),
            Some(other) if other != square => drop(expected.insert(code.clone(), "changed")),
            Some(_) => {}
        }
    }
    expected.extend(after_by_code.keys().filter(|code| !before.contains_key(*code)).map(|code| (code.clone(), "added")));
    let found: BTreeMap<String, &str> =
        features.iter().map(|feature| (feature["id"].as_str().unwrap().to_owned(), feature["change"].as_str().unwrap())).collect();
    assert_eq!(found, expected);
    for change in ["removed", "changed", "added"] {
        assert_eq!(head[change], expected.values().filter(|sort| **sort == change).count(), "{change}");
    }
    assert_eq!((&head["sameBy"], head["numberMatched"].as_u64().unwrap() as usize), (&json!("id"), features.len()));
    let both = features.iter().find(|feature| feature["id"] == "c0010").unwrap();
    assert_eq!((&both["changedGeometry"], &both["changedProperties"]), (&json!(true), &json!(["height"])));

    // The city is imported into while it is served, now with ids that are generated.
    import(&city, &lines(&after), &[]);
    let third = server.json("/collections/squares")["revision"].as_u64().unwrap();
    let (head, _) = changes(&server, &format!("since={second}&as-of={third}"));
    assert_eq!((&head["sameBy"], &head["numberMatched"]), (&json!("content"), &json!(0)), "the same content, whatever its ids");

    // Bad questions.
    assert_eq!(server.get("/collections/squares/changes").problem(400)["parameter"], "since");
    assert_eq!(server.get(&format!("/collections/squares/changes?since={third}&as-of={first}")).problem(400)["parameter"], "since");
    assert_eq!(server.get("/collections/squares/changes?since=0").problem(410)["parameter"], "since");
    server.get("/collections/events/versions").problem(404);
    server.send("DELETE", "/collections/squares/versions/3", &[], b"").problem(409);
    server.send("DELETE", "/collections/squares/versions/77", &[], b"").problem(404);

    // Removed through the server, and then without one.
    let versions = |more: &[&str]| citywall(&[&["versions", "--city", city.file.to_str().unwrap()][..], more].concat());
    let removed = versions(&["--layer", "squares", "--remove", "1"]);
    assert!(removed.status.success(), "{}", stderr(&removed));
    assert_eq!(server.get(&format!("/collections/squares/items?as-of={first}")).problem(410)["parameter"], "as-of");
    server.kill();
    let listed = String::from_utf8(versions(&[]).stdout).unwrap();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains("kept") && listed.contains("current") && listed.contains("November"), "{listed}");
    assert!(versions(&["--layer", "squares", "--remove", "2"]).status.success());
    assert_eq!(versions(&["--layer", "squares", "--remove", "2"]).status.code(), Some(1));
    let verified = citywall(&["verify", "--city", city.file.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let refused = citywall(&["import", &city.path("squares.geojsonl"), "--city", city.file.to_str().unwrap(), "--keep", "1000"]);
    assert!(stderr(&refused).contains("VERSIONS_KEPT_MAX"), "{}", stderr(&refused));
}
