//! What analysts do in Python: the examples of `docs/python.md` run as they stand, and
//! schemathesis asks everything that the API definition describes.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, citywall_ok, post, python, root};
use serde_json::json;
use std::{fs, path::Path, process::Command};

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// A served city with sixty buildings along a road.
fn serve(folder: &Path) -> Server {
    let building = |at: u32| {
        let (x, y) = (117.0 + f64::from(at) * 0.01, 39.0 + f64::from(at) * 0.005);
        let ring = [[x, y], [x + 0.005, y], [x + 0.005, y + 0.005], [x, y + 0.005], [x, y]];
        json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"name": format!("楼{at}"), "height": f64::from(at) / 10.0}})
    };
    let (source, city) = (folder.join("buildings.geojsonl"), folder.join("city.gpkg"));
    fs::write(&source, (0..60).map(|at| building(at).to_string() + "\n").collect::<String>()).unwrap();
    citywall_ok(&["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "buildings"]);
    // A street from each building to the next.
    let street = |at: u32| {
        let place = |at: u32| [117.0025 + f64::from(at) * 0.01, 39.0025 + f64::from(at) * 0.005];
        json!({"type": "Feature", "geometry": {"type": "LineString", "coordinates": [place(at), place(at + 1)]}, "properties": {"maxspeed": 40, "oneway": "no"}})
    };
    let roads = folder.join("roads.geojsonl");
    fs::write(&roads, (0..59).map(|at| street(at).to_string() + "\n").collect::<String>()).unwrap();
    citywall_ok(&["import", roads.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "roads"]);
    Server::start(&city, &[])
}

#[test]
fn the_examples_run_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path());
    let page = fs::read_to_string(root().join("docs/python.md")).unwrap();
    let blocks: Vec<&str> = page.split("```python\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 10);
    let script = folder.path().join("examples.py");
    fs::write(&script, blocks.join("\n")).unwrap();
    run(Command::new(python()).arg(&script).env("CITYWALL", &server.url));
}

#[test]
fn geoparquet_and_arrow_say_what_geojson_says() {
    let folder = tempfile::tempdir().unwrap();
    // Every type, each with nulls, and several kinds of geometry.
    let feature = |at: usize| {
        let (x, y) = (117.0 + at as f64 * 0.001, 39.0 + at as f64 * 0.0007);
        let geometry = match at % 4 {
            0 => json!(null),
            1 => json!({"type": "Point", "coordinates": [x, y]}),
            2 => json!({"type": "LineString", "coordinates": [[x, y], [x + 0.1, y]]}),
            _ => json!({"type": "MultiPolygon", "coordinates": [[[[x, y], [x + 0.01, y], [x, y + 0.01], [x, y]]]]}),
        };
        let some = |sides: usize, value: serde_json::Value| if at.is_multiple_of(sides) { json!(null) } else { value };
        let properties = json!({
            "name": some(5, json!(format!("楼 {at}\n\"{}\"", "é".repeat(at % 40)))),
            "floors": some(7, json!(at as i64 - 300)),
            "height": some(3, json!(at as f64 / 9.0)),
            "open": some(4, json!(at.is_multiple_of(2))),
            "tags": some(6, json!({"list": [at, "x"]})),
        });
        json!({"type": "Feature", "geometry": geometry, "properties": properties})
    };
    let (source, city) = (folder.path().join("mixed.geojsonl"), folder.path().join("city.gpkg"));
    fs::write(&source, (0..9_000).map(|at| feature(at).to_string() + "\n").collect::<String>()).unwrap();
    citywall_ok(&["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "mixed"]);
    let server = Server::start(&city, &[]);
    for at in 0..40u32 {
        let geometry = if at.is_multiple_of(5) { json!(null) } else { json!({"type": "Point", "coordinates": [117.2, 39.1]}) };
        let event = json!({"type": "Feature", "id": format!("e{at}"), "geometry": geometry, "properties": {
            "source": "test", "time": format!("2026-03-01T08:15:{at:02}Z"), "title": "路面塌陷", "level": if at.is_multiple_of(3) { json!(null) } else { json!(at % 4 + 1) }, "status": "open"}});
        let (status, said) = post(&format!("{}/collections/events/items", server.url), "application/geo+json", &event.to_string());
        assert_eq!(status, 201, "{said}");
    }
    run(Command::new(python()).arg(root().join("tests/python/forms.py")).env("CITYWALL", &server.url));
}

/// Long lines are asked about elsewhere: /live, /live/sse and /ingest do not end by themselves.
#[test]
fn soak_no_request_of_the_definition_fails_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path());
    let examples = if std::env::var("CITYWALL_SOAK").is_ok_and(|soak| soak == "full") { "100" } else { "2" };
    let schemathesis = python().with_file_name("schemathesis");
    let mut command = Command::new(schemathesis);
    command.arg("run").arg(format!("{}/api", server.url)).args(["--checks", "not_a_server_error", "--phases", "fuzzing", "--workers", "2"]);
    command.args(["--max-examples", examples, "--request-timeout", "20", "--exclude-path-regex", "^/(live|ingest)"]);
    run(command.current_dir(folder.path()));
}
