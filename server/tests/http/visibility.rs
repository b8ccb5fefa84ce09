//! `/query/visibility` over HTTP: a house in the way, and cameras around a place.

use crate::harness::{City, ORIGIN, citywall, stderr};
use serde_json::{Value, json};

fn import(city: &City, layer: &str, features: &[Value]) {
    let path = city.path(&format!("{layer}.geojsonl"));
    std::fs::write(&path, features.iter().map(|feature| feature.to_string() + "\n").collect::<String>()).unwrap();
    let output = citywall(&["import", &path, "--city", city.file.to_str().unwrap(), "--layer", layer, "--id-field", "code"]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn a_house_hides_what_is_behind_it_from_eyes_and_cameras() {
    let city = City::new();
    let place = |east: f64, north: f64| [ORIGIN.0 + east * 0.001, ORIGIN.1 + north * 0.001];
    let ring = [place(0.4, -0.2), place(0.6, -0.2), place(0.6, 0.2), place(0.4, 0.2), place(0.4, -0.2)];
    let house =
        json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"code": "h1", "height": 20.0}});
    import(&city, "houses", &[house]);
    let camera = |code: &str, at: [f64; 2], properties: Value| {
        let mut camera = json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": at}, "properties": properties});
        camera["properties"]["code"] = code.into();
        camera
    };
    let all = |heading: f64| json!({"heading": heading, "field_of_view": 90.0, "range": 120.0, "mount_height": 6.0});
    import(
        &city,
        "cameras",
        &[
            camera("behind-the-house", place(0.0, 0.0), all(90.0)),
            camera("looks-south", place(1.0, 0.5), all(180.0)),
            camera("looks-north", place(1.0, 0.5), all(0.0)),
            camera("too-far", place(1.0, 2.0), all(180.0)),
            camera("says-little", place(1.0, -0.4), json!({"heading": null, "field_of_view": null, "range": null, "mount_height": null})),
        ],
    );
    let server = city.serve();
    let spot = |at: [f64; 2], height: f64| format!("{},{},{height}", at[0], at[1]);
    let (west, east) = (place(0.0, 0.0), place(1.0, 0.0));
    let line = |from: f64, to: f64, more: &str| {
        server.json(&format!("/query/visibility?method=line&from={}&to={}{more}", spot(west, from), spot(east, to)))
    };
    let hidden = line(1.6, 1.6, "&buildings=houses");
    let properties = &hidden["properties"];
    assert_eq!(properties["visible"], false);
    assert_eq!(properties["obstacle"]["by"], json!({"collection": "houses", "id": "h1"}));
    assert!((properties["clearance"].as_f64().unwrap() + 18.4).abs() < 0.01, "{hidden}");
    assert!((properties["distance"].as_f64().unwrap() - 86.5).abs() < 0.5);
    assert_eq!((&hidden["terrain"], &hidden["units"]["clearance"]), (&Value::Null, &json!("m")));
    assert_eq!(line(1.6, 1.6, "")["properties"]["visible"], true, "nothing else stands there");
    assert_eq!(line(1.6, 60.0, "&buildings=houses")["properties"]["visible"], true, "over the roof");
    assert_eq!(line(1.6, 1.6, "&buildings=houses&filter=height%3E30")["properties"]["visible"], true);

    let seen = server.json(&format!("/query/visibility?method=cameras&cameras=cameras&buildings=houses&to={}", spot(east, 1.5)));
    let ids: Vec<&str> = seen["features"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["says-little", "looks-south"], "{seen}");
    assert_eq!(seen["features"][0]["assumed"], json!(["heading", "field_of_view", "range", "mount_height"]));
    assert!((seen["features"][1]["bearing"].as_f64().unwrap() - 180.0).abs() < 1e-6);

    let shed = server.json(&format!("/query/visibility?method=viewshed&from={}&buildings=houses&radius=100&cell=2", spot(west, 1.6)));
    let free = server.json(&format!("/query/visibility?method=viewshed&from={}&radius=100&cell=2", spot(west, 1.6)));
    let area = |answer: &Value| answer["properties"]["seen"].as_f64().unwrap();
    assert!((area(&free) / (std::f64::consts::PI * 1e4) - 1.0).abs() < 0.02, "{free}");
    assert!(area(&shed) < 0.95 * area(&free) && area(&shed) > 0.7 * area(&free));
    for (question, parameter) in [
        ("method=line&to=117,39,1", "from"),
        ("method=line&from=117,39&to=117,39,1", "from"),
        ("method=line&from=117,39,1&to=118,39,1", "to"),
        ("method=line&from=117,39,1&to=117,39,1&refraction=2", "refraction"),
        ("method=viewshed&from=117,39,1&radius=0", "radius"),
        ("method=viewshed&from=117,39,1&form=png", "form"),
        ("method=cameras&to=117,39,1", "cameras"),
        ("method=look", "method"),
    ] {
        let answer = server.get(&format!("/query/visibility?{question}"));
        assert_eq!((answer.status, answer.json()["parameter"].as_str()), (400, Some(parameter)), "{question}: {}", answer.text());
    }
    let fine = server.get("/query/visibility?method=viewshed&from=117,39,1&radius=20000&cell=1");
    assert_eq!(fine.status, 422);
    assert!(fine.text().contains("VIEWSHED_CELLS_MAX"));
}
