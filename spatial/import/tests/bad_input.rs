//! Broken, foreign and hostile files: a clear message, the good records kept, nothing lost.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use citywall_import::{ImportError, ImportOptions, Progress, State, report::Repair, run};
use citywall_model::limits;
use citywall_store::CityStore;
use common::{City, in_crs, ogr2ogr, shared};
use std::{
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
};

fn point(name: &str, coordinates: &str) -> String {
    format!(r#"{{"type":"Feature","properties":{{"name":"{name}"}},"geometry":{{"type":"Point","coordinates":{coordinates}}}}}"#)
}

fn polygon(coordinates: &str) -> String {
    format!(r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":{coordinates}}}}}"#)
}

#[test]
fn a_bad_line_is_refused_by_number_and_the_rest_is_kept() {
    let city = City::new();
    let mut bytes = Vec::new();
    for line in [
        point("good", "[117.2,39.1]").as_bytes(),
        b"{\"type\":\"Feature\",\"properties\":{\"name\":\"cut",
        b"",
        point("nan", "[NaN,39.1]").as_bytes(),
        point("far", "[500000,4330000]").as_bytes(),
        point("swapped", "[39.1,117.2]").as_bytes(),
        b"{\"type\":\"Feature\",\"properties\":{\"name\":\"\xff\xfe\"},\"geometry\":null}",
        point("nowhere", "[117.2]").as_bytes(),
        br#"{"type":"Feature","properties":{"name":"no place"},"geometry":null}"#,
        br#"{"type":"Topology"}"#,
        br#"[1,2,3]"#,
        point("good too", "[117.3,39.2,5]").as_bytes(),
    ] {
        bytes.extend_from_slice(line);
        bytes.push(b'\n');
    }
    let refused_file = city.folder.path().join("refused.ndjson");
    let options = ImportOptions { refused_file: Some(refused_file.clone()), ..ImportOptions::default() };
    let report = city.import(&city.file("lines.ndjson", bytes), &options).unwrap();
    let layer = &report.layers[0];
    assert_eq!((layer.read, layer.stored, layer.refused, layer.no_geometry), (11, 3, 8, 1));
    let reasons: Vec<(u64, &str)> = layer.refusals.iter().map(|r| (r.place.line.unwrap(), r.reason.as_str())).collect();
    for (line, says) in [
        (2, "EOF"),
        (4, "expected value"),
        (5, "say --crs"),
        (6, "longitude comes first"),
        (7, "unicode"),
        (8, "fewer than two"),
        (10, "“Topology”"),
        (11, "a JSON object"),
    ] {
        assert!(reasons.iter().any(|(l, r)| *l == line && r.contains(says)), "line {line} should say {says}: {reasons:?}");
    }
    let rows = std::fs::read_to_string(refused_file).unwrap();
    assert_eq!(rows.lines().count(), 8);
    assert!(rows.contains("cut"), "the raw record is kept");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["layers"][0]["refusals"][0]["line"], 2);
}

#[test]
fn a_bad_feature_in_a_collection_is_refused_and_the_rest_is_kept() {
    let city = City::new();
    let text = format!(
        "{{\"type\":\"FeatureCollection\",\n\"features\":[\n{},\n{{\"type\":\"Feature\",\"geometry\":{{\"type\":\"Point\",\"coordinates\":[1,]}}}},\n{}\n]}}",
        point("a", "[1,2]"),
        point("b", "[3,4]")
    );
    let report = city.imported(&city.file("few.geojson", text));
    let layer = &report.layers[0];
    assert_eq!((layer.stored, layer.refused, layer.refusals[0].place.record, layer.refusals[0].place.line), (2, 1, 2, Some(4)));
}

#[test]
fn a_line_beyond_the_limit_is_refused_without_being_kept() {
    let city = City::new();
    let path = city.folder.path().join("long.ndjson");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    writeln!(file, "{}", point("a", "[1,2]")).unwrap();
    write!(file, r#"{{"type":"Feature","geometry":null,"properties":{{"text":""#).unwrap();
    // 300 MB in one line.
    let block = vec![b'x'; 1 << 20];
    for _ in 0..300 {
        file.write_all(&block).unwrap();
    }
    writeln!(file, "\"}}}}\n{}", point("b", "[3,4]")).unwrap();
    drop(file);
    let report = city.imported(&path);
    let layer = &report.layers[0];
    assert_eq!((layer.stored, layer.refused), (2, 1));
    assert!(layer.refusals[0].reason.contains("LINE_BYTES_MAX"), "{report}");
    assert_eq!(layer.refusals[0].place.line, Some(2));
    const { assert!(limits::LINE_BYTES_MAX < 300 << 20) };
}

#[test]
fn a_truncated_file_publishes_nothing_and_names_the_place() {
    let city = City::new();
    let path = shared("city/tianjin/districts_wgs84_detailed.geojson");
    city.import(&path, &ImportOptions { layer: Some(citywall_model::CollectionId::new("districts").unwrap()), ..ImportOptions::default() })
        .unwrap();
    let whole = std::fs::read(&path).unwrap();
    let options = ImportOptions { layer: Some(citywall_model::CollectionId::new("districts").unwrap()), ..ImportOptions::default() };
    for cut in [1, 60, whole.len() / 2, whole.len() - 1] {
        let source = city.file("cut.geojson", &whole[..cut]);
        let error = city.refused(&source, &options);
        assert!(error.contains("cut off at line") || error.contains("neither GeoJSON"), "{cut}: {error}");
    }
    let half = city.file("half.geojson", &whole[..whole.len() / 2]);
    let failed = city.import(&half, &options).unwrap_err();
    assert!(failed.report.layers[0].read > 0, "what was read is reported");

    let packed = std::fs::read(shared("city/new-york/roads.geojsonl.gz")).unwrap();
    let error = city.refused(&city.file("roads.geojsonl.gz", &packed[..packed.len() / 3]), &options);
    assert!(error.contains("cut off at line"), "{error}");

    let lines = format!("{}\n{{\"type\":\"Feature\",\"prop", point("a", "[1,2]"));
    let error = city.refused(&city.file("lines.ndjson", lines), &options);
    assert!(error.contains("cut off at line 2"), "{error}");

    let delft = std::fs::read(shared("city/delft/delft.city.jsonl")).unwrap();
    let error = city.refused(&city.file("delft.city.jsonl", &delft[..delft.len() / 2]), &options);
    assert!(error.contains("cut off at line"), "{error}");
    assert_eq!(city.table("districts").len(), 16, "the version before stays");
    assert_eq!(city.store.collections().unwrap().len(), 1);
}

#[test]
fn truncated_files_of_gdals_formats_publish_nothing() {
    let city = City::new();
    let source = shared("city/tianjin/hexi_streets.geojson");
    for (format, file) in [("GPKG", "a.gpkg"), ("FlatGeobuf", "a.fgb"), ("LIBKML", "a.kml"), ("GML", "a.gml")] {
        let target = city.folder.path().join(file);
        ogr2ogr(&["-f", format, target.to_str().unwrap(), source.to_str().unwrap()]);
        let whole = std::fs::read(&target).unwrap();
        let cut = city.file(&format!("cut_{file}"), &whole[..whole.len() * 2 / 3]);
        match city.import(&cut, &ImportOptions::default()) {
            Err(failed) => assert!(failed.error.to_string().contains("cut_"), "{format}: {}", failed.error),
            // A reader that finds every record has lost nothing.
            Ok(report) => assert_eq!(report.stored() + report.refused(), 14, "{format}: {report}"),
        }
    }
    let osm = std::fs::read(shared("city/monaco/monaco.osm.gz")).unwrap();
    let error = city.refused(&city.file("cut.osm.gz", &osm[..osm.len() / 2]), &ImportOptions::default());
    assert!(error.contains("cut.osm.gz"), "{error}");
}

#[test]
fn foreign_files_are_named_as_such() {
    let city = City::new();
    for (name, bytes, says) in [
        ("empty.geojson", &b""[..], "empty"),
        ("noise.geojson", b"\x00\x01\x02\x03 not a map", "no reader"),
        ("picture.png", b"\x89PNG\r\n\x1a\n0000000000000000", "no reader"),
        ("list.json", b"[{\"type\":\"Feature\"}]", "JSON array"),
        ("style.json", br#"{"version":8,"layers":[]}"#, "neither GeoJSON nor CityJSON"),
        ("other.json", br#"{"type":"Blob"}"#, "“Blob”"),
        ("utf16.json", b"\xff\xfe{\x00}\x00", "UTF-16"),
        ("page.html", b"<!doctype html><title>404</title>", "no reader"),
        ("fake.gpkg", b"SQLite format 3\0 but not really", "fake.gpkg"),
        ("none.csv", b"station,pm25\na,1\n", "none of its columns"),
        ("old.city.json", br#"{"type":"CityJSON","version":"1.0","CityObjects":{},"vertices":[]}"#, "1.0"),
        ("no_crs.city.json", br#"{"type":"CityJSON","version":"2.0","CityObjects":{},"vertices":[]}"#, "--crs"),
        ("no_features.geojson", br#"{"type":"FeatureCollection"}"#, "no member “features”"),
        ("nothing.geojson", br#"{"type":"FeatureCollection","features":[]}"#, "nothing to store"),
        ("commas.geojson", br#"{"type":"FeatureCollection","features":[{} {}]}"#, "expected a comma"),
        ("tail.geojson", br#"{"type":"FeatureCollection","features":[]} x"#, "something follows"),
        ("crs.geojson", br#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"EPSG:0"}},"features":[]}"#, "EPSG:0"),
    ] {
        let error = city.refused(&city.file(name, bytes), &ImportOptions::default());
        assert!(error.contains(says), "{name}: {error}");
    }
    let error = city.refused(&city.folder.path().join("missing.geojson"), &ImportOptions::default());
    assert!(error.contains("missing.geojson"), "{error}");
    assert!(city.store.collections().unwrap().is_empty());
}

#[test]
fn a_city_is_no_source() {
    let city = City::new();
    city.imported(&shared("city/tianjin/hexi_streets.geojson"));
    let error = city.refused(city.store.path(), &ImportOptions::default());
    assert!(error.contains("a city itself"), "{error}");
}

#[test]
fn a_declared_crs_is_used_and_a_late_or_overruled_one_is_said() {
    let city = City::new();
    let features = format!("[{}]", point("a", "[13046800,4740000]"));
    let declared = r#""crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3857"}}"#;
    let early = city.file("early.geojson", format!(r#"{{"type":"FeatureCollection",{declared},"features":{features}}}"#));
    let report = city.imported(&early);
    assert_eq!(report.layers[0].source_crs, "EPSG:3857");
    assert!((report.layers[0].bbox.unwrap().x_min - 117.2).abs() < 0.01);
    let late = city.file("late.geojson", format!(r#"{{"type":"FeatureCollection","features":[{}],{declared}}}"#, point("a", "[1,2]")));
    let pad = " ".repeat(2 << 20);
    let far = city.file("far.geojson", format!(r#"{{"type":"FeatureCollection","features":[{}],{pad}{declared}}}"#, point("a", "[1,2]")));
    // Near the beginning it is seen beforehand; behind more than a megabyte it is too late.
    assert_eq!(city.imported(&late).layers[0].source_crs, "EPSG:3857");
    assert!(city.refused(&far, &ImportOptions::default()).contains("say --crs"));
    let report = city.import(&far, &in_crs("EPSG:4326")).unwrap();
    assert_eq!(report.stored(), 1);
}

#[test]
fn faulty_rings_are_mended_and_counted() {
    let city = City::new();
    let lines = [
        polygon("[[[0,0],[2,2],[2,0],[0,2],[0,0]]]"),
        polygon("[[[0,0],[2,0],[2,2]]]"),
        polygon("[[[0,0],[2,2],[2,0],[0,0]]]"),
        polygon("[[[0,0],[2,0],[2,0],[2,2],[0,0]]]"),
        polygon("[[[0,0],[2,0],[0,0]]]"),
        polygon("[]"),
    ];
    let report = city.imported(&city.file("rings.ndjson", lines.join("\n")));
    let layer = &report.layers[0];
    assert_eq!((layer.stored, layer.no_geometry, layer.refused), (6, 2, 0));
    for repair in [Repair::Invalid, Repair::UnclosedRing, Repair::Winding, Repair::DuplicateVertex, Repair::TooFewPoints] {
        assert!(layer.repaired.contains_key(&repair), "{repair:?}: {report}");
    }
    assert_eq!(layer.repaired[&Repair::TooFewPoints].examples[0].place.line, Some(5));
}

#[test]
fn duplicate_ids_are_refused_and_a_layer_of_none_replaces_nothing() {
    let city = City::new();
    let options = ImportOptions { id_field: Some("name".into()), ..ImportOptions::default() };
    let good = city.file("places.ndjson", [point("a", "[1,2]"), point("b", "[1,2]"), point("a", "[3,4]")].join("\n"));
    let report = city.import(&good, &options).unwrap();
    assert_eq!((report.stored(), report.refused()), (2, 1));
    assert_eq!(report.layers[0].refusals[0].place.line, Some(3));
    let bad = city.file("places.ndjson", point("far", "[500,4000]"));
    let error = city.refused(&bad, &options);
    assert!(error.contains("nothing to store in “places”") && error.contains("line 1"), "{error}");
    assert_eq!(city.table("places").len(), 2);
}

#[test]
fn record_separators_and_marks_are_understood() {
    let city = City::new();
    let sequence = format!("\u{1e}{}\n\u{1e}{}\n", point("a", "[1,2]").replace(',', ",\n"), point("b", "[3,4]"));
    assert_eq!(city.imported(&city.file("sequence.json", sequence)).stored(), 2);
    let marked = format!("\u{feff}{}\r\n{}\r\n", point("a", "[1,2]"), point("b", "[3,4]"));
    assert_eq!(city.imported(&city.file("marked.geojsonl", marked)).stored(), 2);
    let document = format!("\u{feff}{{\"features\":[{}],\"type\":\"FeatureCollection\"}}", point("a", "[1,2]"));
    assert_eq!(city.imported(&city.file("document.geojson", document)).stored(), 1);
    for (name, single) in [("feature.geojson", point("a", "[1,2]")), ("bare.geojson", r#"{"type":"Point","coordinates":[1,2]}"#.to_owned())]
    {
        assert_eq!(city.imported(&city.file(name, single)).stored(), 1, "{name}");
    }
}

#[test]
fn a_stopped_import_publishes_nothing() {
    struct Stop(AtomicU64);
    impl Progress for Stop {
        fn update(&self, state: &State<'_>) {
            self.0.store(state.stored, Ordering::Relaxed);
        }
        fn cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) > 10_000
        }
    }
    let city = City::new();
    let stopped = run(
        &shared("city/new-york/roads.geojsonl.gz"),
        &ImportOptions::default(),
        &mut |draft| city.store.stage(draft),
        &Stop(AtomicU64::new(0)),
    );
    let failed = stopped.err().unwrap();
    assert!(matches!(failed.error, ImportError::Cancelled));
    assert!(failed.report.layers[0].stored < 53_340);
    assert!(city.store.collections().unwrap().is_empty());
}

#[test]
fn progress_counts_up_to_the_files_bytes() {
    struct Last(AtomicU64, AtomicU64);
    impl Progress for Last {
        fn update(&self, state: &State<'_>) {
            if let Some(total) = state.total
                && state.layer == 1
                && state.layers == 1
                && total > 1
            {
                assert!(state.done <= total && state.done >= self.0.load(Ordering::Relaxed));
                self.0.store(state.done, Ordering::Relaxed);
                self.1.store(total, Ordering::Relaxed);
            }
        }
    }
    let city = City::new();
    let last = Last(AtomicU64::new(0), AtomicU64::new(0));
    let source = shared("city/new-york/roads.geojsonl.gz");
    run(&source, &ImportOptions::default(), &mut |draft| city.store.stage(draft), &last).ok().unwrap();
    let size = std::fs::metadata(source).unwrap().len();
    assert_eq!((last.0.into_inner(), last.1.into_inner()), (size, size));
}
