//! Start, stop, crash, and the life of a served file.

use crate::harness::{City, Server, citywall, event, stderr};
use serde_json::json;
use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let city = City::new();
    let server = city.serve();
    let acknowledged: Vec<String> = (0..40)
        .map(|at| {
            let id = format!("e{at}");
            assert_eq!(server.post_event(&event(&id, 117.1, 39.1)).status, 201);
            id
        })
        .collect();
    let revision = server.json("/city")["revision"].clone();
    server.kill();
    let server = city.serve();
    assert_eq!(server.json("/city")["revision"], revision);
    for id in acknowledged {
        assert_eq!(server.json(&format!("/collections/events/items/{id}"))["properties"]["title"], "路灯损坏");
    }
}

#[test]
fn a_signal_ends_it_clean() {
    let city = City::new();
    let server = city.serve();
    assert_eq!(server.post_event(&event("e", 117.1, 39.1)).status, 201);
    let start = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // The last checkpoint has folded the journal into the table that GDAL reads.
    let output = Command::new("ogrinfo").args(["-ro", "-so", city.file.to_str().unwrap(), "events"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("Feature Count: 1"), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_second_server_is_refused() {
    let city = City::new();
    let server = city.serve();
    let output = citywall(&["serve", "--city", city.file.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("in use by process") && stderr(&output).contains(&server.url), "{}", stderr(&output));
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn a_port_in_use_and_a_file_that_is_no_city_are_named() {
    let city = City::new();
    let server = city.serve();
    let other = City::new();
    let taken = server.url.strip_prefix("http://").unwrap();
    let output = citywall(&["serve", "--city", other.file.to_str().unwrap(), "--listen", taken]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is in use"), "{}", stderr(&output));
    for (name, content) in [("text.gpkg", &b"hello"[..]), ("empty.gpkg", b""), ("zeros.gpkg", &[0; 9000])] {
        let path = city.path(name);
        std::fs::write(&path, content).unwrap();
        let output = citywall(&["serve", "--city", &path, "--listen", "127.0.0.1:0"]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(stderr(&output).contains(name), "{name}: {}", stderr(&output));
        assert_eq!(std::fs::read(&path).unwrap(), content, "{name} is as it was");
    }
    let output = citywall(&["serve", "--city", &city.path("nothing.gpkg")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("citywall import"), "{}", stderr(&output));
}

#[test]
fn an_import_into_a_served_city_goes_through_the_server() {
    let city = City::new();
    let server = city.serve();
    let source = city.path("more.geojsonl");
    let bad = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[500,0]},"properties":{"name":"off"}}"#;
    let good = r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[117.5,39.5]},"properties":{"name":"on"}}"#;
    std::fs::write(&source, format!("{good}\n{bad}\n{good}\n")).unwrap();
    let import =
        |extra: &[&str]| citywall(&[&["import", &source, "--city", city.file.to_str().unwrap(), "--layer", "points"], extra].concat());
    let output = import(&[]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(report.contains("stored 2, refused 1") && report.contains("line 2"), "{report}");
    assert_eq!(server.json("/collections/points/items")["numberMatched"], 2);
    assert!(std::fs::read_to_string(city.path("more.geojsonl.refused.ndjson")).unwrap().contains("\"line\":2"));
    // A failed one leaves the version before.
    std::fs::write(&source, "{\"type\":").unwrap();
    let output = import(&["--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(server.json("/collections/points/items")["numberMatched"], 2);
    assert_eq!(server.json("/imports")["imports"][1]["state"], "failed");
}

#[test]
fn backup_verify_and_restore_work_while_it_is_served() {
    let city = City::new();
    let server = city.serve();
    assert_eq!(server.post_event(&event("e", 117.1, 39.1)).status, 201);
    let (file, backup, restored) = (city.file.to_str().unwrap(), city.path("backup.gpkg"), city.path("restored.gpkg"));
    let ok = |arguments: &[&str]| {
        let output = citywall(arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", stderr(&output), String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(ok(&["verify", "--city", file]).contains("is sound"));
    ok(&["backup", "--city", file, "--to", &backup]);
    assert_eq!(citywall(&["backup", "--city", file, "--to", &backup]).status.code(), Some(1), "nothing is overwritten");
    assert_eq!(server.post_event(&event("later", 117.1, 39.1)).status, 201);
    ok(&["restore", "--from", &backup, "--city", &restored]);
    assert_eq!(citywall(&["restore", "--from", &backup, "--city", &restored]).status.code(), Some(1));
    let old = Server::of(&restored);
    assert_eq!(old.json("/collections/events/items")["numberMatched"], 1);
    assert_eq!(server.json("/collections/events/items")["numberMatched"], 2);
    let info: serde_json::Value = serde_json::from_str(&ok(&["info", "--city", file, "--json"])).unwrap();
    let ids: Vec<&str> = info["collections"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"squares") && ids.contains(&"events") && ids.contains(&"alarms"), "{ids:?}");
}

#[test]
fn the_port_is_open_before_the_city_is_loaded_and_metrics_tell_it() {
    let city = City::new();
    let server = city.serve();
    assert_eq!(server.json("/healthz"), json!({"status": "ok"}));
    assert_eq!(server.json("/readyz")["status"], "ready");
    server.get("/collections");
    server.get("/nothing");
    assert_eq!(server.post_event(&event("e", 117.1, 39.1)).status, 201);
    let metrics = server.get("/metrics").text();
    for wanted in [
        "citywall_ready 1",
        "citywall_revision 2",
        "citywall_items{collection=\"squares\"} 1600",
        "citywall_open_items{collection=\"events\",level=\"3\"} 1",
        "citywall_ingest_records_stored_total 1",
        "citywall_http_request_seconds_count{route=\"/collections\",method=\"GET\",status=\"200\"} 1",
        "citywall_http_request_seconds_count{route=\"unmatched\",method=\"GET\",status=\"404\"} 1",
    ] {
        assert!(metrics.contains(wanted), "{wanted}\n{metrics}");
    }
}

#[test]
fn a_signal_ends_live_lines_and_open_requests() {
    let city = City::new();
    let server = city.serve();
    let mut line = Command::new("curl").args(["-sN", &format!("{}/live/sse", server.url)]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let mut said = String::new();
    std::io::Read::read_to_string(&mut line.stdout.take().unwrap(), &mut said).unwrap();
    line.wait().unwrap();
    assert!(said.contains("the server stops"), "{said}");
}

#[test]
fn an_elevation_raster_becomes_a_collection_offline_and_served() {
    let city = City::new();
    let source = city.path("hills.asc");
    let rows = (0..3).map(|row| format!("{} {} {}\n", row * 10, row * 10 + 1, row * 10 + 2)).collect::<String>();
    std::fs::write(&source, format!("ncols 3\nnrows 3\nxllcorner 117\nyllcorner 39\ncellsize 0.1\nNODATA_value -9999\n{rows}")).unwrap();
    let import =
        |layer: &str| citywall(&["import", &source, "--city", city.file.to_str().unwrap(), "--layer", layer, "--crs", "EPSG:4326"]);
    let output = import("offline");
    assert!(output.status.success(), "{}", stderr(&output));
    let server = city.serve();
    let output = import("served");
    assert!(output.status.success(), "{}", stderr(&output));
    for layer in ["offline", "served"] {
        let collection = server.json(&format!("/collections/{layer}"));
        assert_eq!((&collection["kind"], &collection["sourceCrs"]), (&json!("elevation"), &json!("EPSG:4326")));
        assert_eq!(server.json(&format!("/collections/{layer}/items"))["numberMatched"], 0);
    }
}
