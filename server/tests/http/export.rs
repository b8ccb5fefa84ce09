//! Items in other forms: what GDAL reads of them, how they are streamed, and pages while items change.

use crate::harness::{City, SIDE, Server, citywall, event, stderr};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

/// What GDAL makes of a file, as GeoJSON features.
fn gdal(city: &City, name: &str, body: &[u8], options: &[&str]) -> Vec<Value> {
    let path = city.path(name);
    std::fs::write(&path, body).unwrap();
    let output = Command::new("ogr2ogr").args(["-f", "GeoJSON", "/vsistdout/", &path]).args(options).output().unwrap();
    assert!(output.status.success(), "{name}: {}", stderr(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["features"].as_array().unwrap().clone()
}

#[test]
fn gdal_reads_every_form_as_the_same_items() {
    let city = City::new();
    let server = city.serve();
    let items = "/collections/squares/items?filter=height%3E10";
    let expected = server.json(&format!("{items}&limit=10000"));
    let expected = expected["features"].as_array().unwrap();
    assert!(expected.len() > 1_000);
    for (name, f, media, options) in [
        ("squares.fgb", "fgb", "application/flatgeobuf", &[][..]),
        ("squares.csv", "csv", "text/csv", &["-oo", "AUTODETECT_TYPE=YES"][..]),
        ("squares.geojsonl", "geojsonl", "application/x-ndjson", &[][..]),
    ] {
        let answer = server.get(&format!("{items}&f={f}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, media), "{}", answer.text());
        assert_eq!(server.send("GET", items, &[("accept", media)], b"").body, answer.body);
        let found = gdal(&city, name, &answer.body, options);
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(expected) {
            for property in ["name", "height", "kind", "code"] {
                assert_eq!(found["properties"][property], expected["properties"][property], "{name}: {found}");
            }
            let near = |a: &Value, b: &Value| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-7;
            let ring = |feature: &Value| feature["geometry"]["coordinates"][0].as_array().unwrap().clone();
            let same = ring(found).iter().zip(ring(expected)).all(|(a, b)| near(&a[0], &b[0]) && near(&a[1], &b[1]));
            assert!(same && ring(found).len() == ring(expected).len(), "{name}: {found}");
        }
    }
    // In metres, with the easting first, and only what is asked for.
    let zone = server.get("/collections/squares/items?f=fgb&crs=EPSG:4548&properties=code&limit=3");
    let found = gdal(&city, "zone.fgb", &zone.body, &["-t_srs", "EPSG:4326"]);
    assert_eq!(found.len(), 3);
    assert!((found[0]["geometry"]["coordinates"][0][0][0].as_f64().unwrap() - 117.0).abs() < 1e-6, "{}", found[0]);
    assert_eq!(found[0]["properties"].as_object().unwrap().keys().collect::<Vec<_>>(), ["feature_id", "code"]);
}

#[test]
fn live_items_have_columns_and_times() {
    let city = City::new();
    let server = city.serve();
    let mut tricky = event("a,\"1\"\n", 117.1, 39.1);
    tricky["properties"]["note"] = json!({"x": [1, "é"]});
    for event in [
        tricky.clone(),
        event("b", 117.2, 39.2),
        json!({"type": "Feature", "id": "c", "geometry": null, "properties": {"source": "s", "time": "2026-03-01T00:00:00Z"}}),
    ] {
        assert_eq!(server.post_event(&event).status, 201);
    }
    let items = "/collections/events/items";
    let csv = server.get(&format!("{items}?f=csv"));
    let found = gdal(&city, "events.csv", &csv.body, &[]);
    let columns = |n: usize| found[n]["properties"].clone();
    assert_eq!((&columns(0)["id"], &columns(0)["level"], &columns(0)["title"]), (&tricky["id"], &json!("3"), &json!("路灯损坏")));
    // GDAL writes a text that is a JSON object as the object.
    assert_eq!(columns(0)["properties"], json!({"note": {"x": [1, "é"]}}));
    assert_eq!((&found[1]["geometry"]["coordinates"], &found[2]["geometry"]), (&json!([117.2, 39.2]), &Value::Null));
    let fgb = server.get(&format!("{items}?f=fgb"));
    let found = gdal(&city, "events.fgb", &fgb.body, &[]);
    assert_eq!((found.len(), &found[1]["properties"]["id"], &found[0]["properties"]["level"]), (3, &json!("b"), &json!(3)));

    let fg = server.get(&format!("{items}?f=jsonfg&crs=EPSG:4490"));
    assert_eq!(fg.header("content-type"), "application/vnd.ogc.fg+json");
    let fg = fg.json();
    assert!(fg["conformsTo"][0].as_str().unwrap().contains("json-fg-1"));
    assert_eq!(fg["coordRefSys"], "http://www.opengis.net/def/crs/EPSG/0/4490");
    let second = &fg["features"][1];
    assert_eq!((&second["time"]["timestamp"], &second["geometry"]["coordinates"]), (&json!("2026-03-01T00:15:00Z"), &json!([117.2, 39.2])));
    assert_eq!(second["place"]["coordinates"], json!([39.2, 117.2]));
    assert_eq!(server.json(&format!("{items}?f=jsonfg"))["features"][1]["place"], Value::Null);
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let city = City::new();
    let server = city.serve();
    let items = "/collections/squares/items";
    assert_eq!(server.get(&format!("{items}?f=csv&sortby=-height")).problem(400)["parameter"], "sortby");
    assert_eq!(server.get(&format!("{items}?f=shp")).problem(400)["parameter"], "f");
    for f in ["fgb", "parquet", "arrow"] {
        server.get(&format!("{items}?f={f}&crs=EPSG:1")).problem(400);
    }
    let page = server.get(&format!("{items}?f=csv&sortby=-height&limit=2")).text();
    assert!(page.lines().nth(1).unwrap().contains(&format!("c{}", SIDE * SIDE - 1)), "{page}");
    assert_eq!(page.lines().count(), 3);
}

/// Resident memory of a process in MiB.
fn resident(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

#[test]
fn an_export_costs_no_memory_and_ends_with_its_reader() {
    let city = City::new();
    let source = city.path("points.csv");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&source).unwrap());
    writeln!(file, "lon,lat,name").unwrap();
    let count = 200_000;
    for at in 0..count {
        writeln!(
            file,
            "{},{},a name that is long enough to weigh something {at}",
            117.0 + f64::from(at % 1_000) * 1e-3,
            39.0 + f64::from(at / 1_000) * 1e-3
        )
        .unwrap();
    }
    drop(file);
    let output = citywall(&["import", &source, "--city", city.file.to_str().unwrap(), "--layer", "points"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let server = city.serve();
    let whole = server.get("/collections/points/items?f=fgb");
    let size = whole.body.len();
    assert!(size > 30 << 20, "{size}");
    let before = resident(&server);
    // Twenty clients that read nothing: each holds a few chunks or a row group, not the document.
    let host = server.url.strip_prefix("http://").unwrap();
    let slow: Vec<TcpStream> = (0..20)
        .map(|at| {
            let form = ["fgb", "parquet", "arrow"][at % 3];
            let mut stream = TcpStream::connect(host).unwrap();
            write!(stream, "GET /collections/points/items?f={form} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    let after = resident(&server);
    assert!(after < before + 200, "{before} MiB before, {after} MiB with twenty exports of {} MiB", size >> 20);
    // Others are answered meanwhile, and a reader that goes on gets all.
    assert_eq!(server.json("/collections/points/items?limit=1")["numberMatched"], count);
    let mut slow = slow.into_iter();
    let mut reader = slow.next().unwrap();
    drop(slow);
    reader.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut read = 0;
    let mut buffer = vec![0; 1 << 16];
    while read < size {
        let n = reader.read(&mut buffer).unwrap();
        assert!(n > 0, "the export broke off after {read} of {size} bytes");
        read += n;
    }
}

#[test]
fn pages_neither_repeat_nor_leave_out_an_item_while_others_change() {
    let city = City::new();
    let server = city.serve();
    let post = |id: &str| assert_eq!(server.post_event(&event(id, 117.1, 39.1)).status, 201);
    (0..300).for_each(|at| post(&format!("e{at}")));
    for sort in ["", "&sortby=title"] {
        let mut seen = Vec::new();
        let mut path = format!("/collections/events/items?limit=20{sort}");
        let mut round = 0;
        loop {
            let page = server.json(&path);
            seen.extend(page["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_str().unwrap().to_owned()));
            // Between two pages an item comes, one changes and one that was not there from the start goes.
            post(&format!("new{}{round}", sort.len()));
            server.post_event(&json!({"type": "Feature", "id": format!("e{}", 299 - round), "properties": {"level": 1 + round % 4}}));
            if round > 0 {
                let gone = json!({"type": "Feature", "id": format!("new{}{}", sort.len(), round - 1), "properties": {"status": "removed"}});
                assert_eq!(server.post_event(&gone).status, 201);
            }
            round += 1;
            let next = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next");
            let Some(next) = next else { break };
            path = next["href"].as_str().unwrap().strip_prefix(&server.url).unwrap().to_owned();
        }
        let unique: HashSet<&String> = seen.iter().collect();
        assert_eq!(unique.len(), seen.len(), "an item came twice");
        assert!((0..300).all(|at| unique.contains(&format!("e{at}"))), "an item was left out");
    }
}

#[test]
fn an_export_with_a_name_is_told_of_to_its_end() {
    let city = City::new();
    let server = city.serve();
    server.get("/exports/of-nobody").problem(404);
    for name in ["", "a%20b", &"x".repeat(65)] {
        let answer = server.get(&format!("/collections/squares/items?f=csv&export-id={name}"));
        assert_eq!(answer.problem(400)["parameter"], "export-id");
    }
    assert_eq!(server.get("/collections/squares/items?f=csv&export-id=all-of-it&filter=height%20%3E%20100").status, 200);
    // The answer's last byte is out before the thread that wrote it has said so.
    let end = Instant::now() + Duration::from_secs(5);
    let mut told = server.json("/exports/all-of-it");
    while told["state"] == "running" && Instant::now() < end {
        told = server.json("/exports/all-of-it");
    }
    let matched = server.json("/collections/squares/items?limit=1&filter=height%20%3E%20100")["numberMatched"].clone();
    assert_eq!((&told["state"], &told["items"]), (&json!("done"), &matched));
}

#[test]
fn a_named_export_is_whole_in_geojson_and_json_fg_as_well() {
    let city = City::new();
    let server = city.serve();
    let items = "/collections/squares/items";
    let page = server.json(&format!("{items}?limit=10000"));
    for (f, media, ending) in [("json", "application/geo+json", "geojson"), ("jsonfg", "application/vnd.ogc.fg+json", "fg.json")] {
        let answer = server.get(&format!("{items}?f={f}&export-id=whole-{f}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, media), "{}", answer.text());
        assert!(answer.header("content-disposition").ends_with(&format!("squares.{ending}\"")));
        let whole = answer.json();
        let features = whole["features"].as_array().unwrap();
        assert_eq!((features.len(), &whole["numberReturned"]), (SIDE * SIDE, &page["numberMatched"]));
        let same = features
            .iter()
            .zip(page["features"].as_array().unwrap())
            .all(|(a, b)| a["properties"] == b["properties"] && a["geometry"] == b["geometry"]);
        assert!(same, "{f}");
        assert_eq!(whole["conformsTo"].is_array(), f == "jsonfg");
        assert_eq!(gdal(&city, &format!("whole.{ending}"), &answer.body, &[]).len(), SIDE * SIDE);
    }
    // In another CRS a document has the axis order of a page of it.
    let zone = "crs=EPSG:4548&filter=height%3C0.1";
    let (page, whole) = (server.json(&format!("{items}?{zone}")), server.json(&format!("{items}?{zone}&export-id=zone")));
    assert_eq!(page["features"][0]["geometry"], whole["features"][0]["geometry"]);
    assert_eq!(server.json(&format!("{items}?filter=height%3E9999&export-id=none"))["features"], json!([]));
}

#[test]
fn a_csv_for_a_spreadsheet_begins_with_a_byte_order_mark() {
    let city = City::new();
    let server = city.serve();
    let items = "/collections/squares/items?f=csv&limit=3";
    let (plain, marked) = (server.get(items).body, server.get(&format!("{items}&bom=true")).body);
    assert!(plain.starts_with(b"feature_id,"), "{}", String::from_utf8_lossy(&plain));
    assert_eq!(marked.strip_prefix(b"\xEF\xBB\xBF"), Some(&plain[..]));
    assert_eq!(server.get(&format!("{items}&bom=yes")).problem(400)["parameter"], "bom");
    // GDAL and the importer take the mark for what it is.
    assert_eq!(gdal(&city, "marked.csv", &marked, &[])[0]["properties"]["name"], "楼 0");
    let imported = citywall(&[
        "import",
        &city.path("marked.csv"),
        "--city",
        &city.path("again.gpkg"),
        "--crs",
        "EPSG:4326",
        "--id-field",
        "feature_id",
    ]);
    assert!(imported.status.success(), "{}", stderr(&imported));
}
