//! `/query/trace` and `/query/within-reach` over HTTP, on a few pipes.

use crate::harness::{City, ORIGIN, Server, citywall, stderr};
use serde_json::{Value, json};

/// A place in steps of about 100 m from the origin.
fn place(east: f64, north: f64) -> [f64; 2] {
    [ORIGIN.0 + east * 0.001, ORIGIN.1 + north * 0.001]
}

fn import(city: &City, layer: &str, features: &[Value]) {
    let path = city.path(&format!("{layer}.geojsonl"));
    std::fs::write(&path, features.iter().map(|feature| feature.to_string() + "\n").collect::<String>()).unwrap();
    let output = citywall(&["import", &path, "--city", city.file.to_str().unwrap(), "--layer", layer, "--id-field", "code"]);
    assert!(output.status.success(), "{}", stderr(&output));
}

/// Two sources join at b, flow by c, and part there; the pipe to e is drawn against its flow.
///
/// ```text
/// a1 ─p1→ b ─p3→ c ─p4→ d
/// a2 ─p2↗         ↘─p5─ e ─p6→ f
/// ```
fn serve() -> (City, Server) {
    let city = City::new();
    let pipe = |code: &str, from: ([f64; 2], &str), to: ([f64; 2], &str), flow: &str| {
        json!({"type": "Feature", "geometry": {"type": "LineString", "coordinates": [from.0, to.0]},
            "properties": {"code": code, "from": from.1, "to": to.1, "flow": flow, "size": 2.5, "oneway": "no"}})
    };
    let (a1, a2) = ((place(0.0, 1.0), "a1"), (place(0.0, 0.0), "a2"));
    let (b, c, d) = ((place(1.0, 1.0), "b"), (place(2.0, 1.0), "c"), (place(3.0, 1.0), "d"));
    let (e, f) = ((place(3.0, 0.0), "e"), (place(4.0, 0.0), "f"));
    let pipes = [
        pipe("p1", a1, b, "yes"),
        pipe("p2", a2, b, "yes"),
        pipe("p3", b, c, "yes"),
        pipe("p4", c, d, "yes"),
        pipe("p5", e, c, "-1"),
        pipe("p6", e, f, "yes"),
    ];
    import(&city, "pipes", &pipes);
    let node = |(at, code): ([f64; 2], &str), kind: &str| json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": at}, "properties": {"code": code, "kind": kind}});
    import(
        &city,
        "manholes",
        &[node(a1, "inlet"), node(a2, "inlet"), node(b, "valve"), node(c, "manhole"), node(d, "plant"), node(f, "plant")],
    );
    let server = city.serve();
    (city, server)
}

/// The ids that a trace reaches, the nearest first, and those that stopped it.
fn trace(server: &Server, question: &str) -> (Vec<String>, Vec<String>, Value) {
    let answer = server.json(&format!("/query/trace?network=pipes&{question}"));
    let ids = |list: &Value| list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    (ids(&answer["features"]), ids(&answer["barriers"]), answer.clone())
}

#[test]
fn a_trace_follows_the_flow_by_place_or_by_name_and_stops_at_barriers() {
    let (_city, server) = serve();
    for ties in ["flow=flow", "flow=flow&from-attribute=from&to-attribute=to"] {
        let (down, _, answer) = trace(&server, &format!("direction=down&from-item=p3&nodes=manholes&sum=size&{ties}"));
        assert_eq!(down, ["p3", "p4", "p5", "c", "d", "p6", "f"], "{ties}");
        assert_eq!(answer["totals"]["lines"], 4);
        assert_eq!(answer["totals"]["nodes"]["manholes"], 3);
        assert_eq!(answer["totals"]["sums"]["size"], 10.0);
        // p3, p4, p6 of a thousandth of a degree at 39.001° and 39° N, and the diagonal p5.
        assert!((answer["totals"]["length"].as_f64().unwrap() - 401.0).abs() < 3.0, "{}", answer["totals"]);
        assert_eq!((&answer["units"]["length"], &answer["features"][0]["collection"]), (&json!("m"), &json!("pipes")));
        let (up, _, _) = trace(&server, &format!("direction=up&from-item=f&from-collection=manholes&form=ids&nodes=manholes&{ties}"));
        assert_eq!(up, ["p6", "f", "p5", "p3", "c", "p1", "p2", "b", "a1", "a2"], "{ties}");
        let (near, _, _) = trace(&server, &format!("direction=up&from-item=f&from-collection=manholes&distance=150&{ties}"));
        assert_eq!(near, ["p6", "p5"], "{ties}");
        let (stopped, barriers, _) = trace(&server, &format!("direction=up&from-item=p4&barriers=p3&{ties}"));
        assert_eq!((stopped, barriers), (vec!["p4".to_owned()], vec!["p3".to_owned()]), "{ties}");
        let valves = "nodes=manholes&node-barrier-filter=kind%3D'valve'";
        let (stopped, barriers, _) = trace(&server, &format!("direction=up&from-item=p4&{valves}&{ties}"));
        assert_eq!((stopped, barriers), (["p4", "p3", "c", "b"].map(str::to_owned).to_vec(), vec!["b".to_owned()]), "{ties}");
        let (small, _, _) = trace(&server, &format!("direction=down&from-item=p3&barrier-filter=code%3D'p5'&{ties}"));
        assert_eq!(small, ["p3", "p4"], "{ties}");
    }
    // Against its flow, as it is drawn, p5 comes from e.
    assert_eq!(trace(&server, "direction=down&from-item=p3").0, ["p3", "p4"]);
}

#[test]
fn a_way_begins_and_ends_between_nodes_and_meets_what_is_near_enough() {
    let (_city, server) = serve();
    let [x, y] = place(1.5, 1.0);
    // From the middle of p3: half of it to b and c, and on.
    let answer =
        server.json(&format!("/query/within-reach?roads=pipes&place={x},{y}&collections=manholes&bands=60,140&include=items,areas,roads"));
    let features = answer["features"].as_array().unwrap();
    let ids: Vec<&str> = features.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["b", "c", "a1", "d"]);
    assert!((features[0]["distance"].as_f64().unwrap() - 43.2).abs() < 0.2, "{answer}");
    assert_eq!((features[0]["band"].as_f64(), features[3]["band"].as_f64()), (Some(60.0), Some(140.0)));
    assert_eq!(answer["areas"]["features"][1]["geometry"]["type"], "MultiPolygon");
    let length = |band: usize| answer["roads"]["features"][band]["properties"]["length"].as_f64().unwrap();
    assert!((length(0) - 120.0).abs() < 34.0 && length(1) > 2.0 * length(0));
    for (question, parameter) in [
        ("within-reach?roads=pipes", "place"),
        ("within-reach?roads=pipes&place=0,0", "access"),
        ("within-reach?roads=pipes&from-item=p1", "place"),
        ("within-reach?roads=pipes&from-item=none&from-collection=manholes", "from-item"),
        ("within-reach?roads=pipes&place=117,39&bands=-1", "bands"),
        ("within-reach?roads=pipes&place=117,39&by=foot", "by"),
        ("within-reach?roads=pipes&place=117,39&snap=51", "snap"),
        ("within-reach?roads=pipes&place=117,39&default-speed=0", "default-speed"),
        ("within-reach?roads=pipes&place=117,39&include=all", "include"),
        ("trace?network=pipes&direction=left&from-item=p1", "direction"),
        ("trace?network=pipes&direction=down", "place"),
        ("trace?network=pipes&direction=down&from-item=p9", "from-item"),
        ("trace?network=pipes&direction=down&from-item=p1&from-attribute=from", "to-attribute"),
        ("trace?network=pipes&direction=down&from-item=p1&barrier-filter=x%3D", "barrier-filter"),
        ("trace?network=squares&direction=down&place=117,39", "access"),
    ] {
        let answer = server.get(&format!("/query/{question}"));
        assert_eq!((answer.status, answer.json()["parameter"].as_str()), (400, Some(parameter)), "{question}: {}", answer.text());
    }
}
