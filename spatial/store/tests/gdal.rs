//! What other programs read from a city: GDAL's `ogrinfo` and its GeoPackage validator.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_model::{Areas, Change, LiveParts, Revision, Value, Wkb};
use citywall_store::{CityStore, GeoPackage, LayerDraft, NewFeature};
use common::*;
use geo_types::{Geometry, MultiPolygon};
use std::{path::Path, process::Command};

fn ogrinfo(path: &Path, arguments: &[&str]) -> String {
    let output = Command::new("ogrinfo").arg("-ro").args(arguments).arg(path).output().expect("ogrinfo is installed");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn line_of<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{start}: {text}"))
}

fn a_city_of_all_sorts(store: &GeoPackage) {
    create_events(store);
    let square = |i: i32| square(117.0 + 0.01 * f64::from(i), 39.0);
    let buildings = (0..250)
        .map(|i| {
            feature(
                (i != 7).then(|| square(i)),
                &[
                    ("名称", Value::Text(format!("楼{i}"))),
                    ("fid", Value::Integer(i64::from(i) * 10)),
                    ("height", Value::Number(f64::from(i) / 8.0)),
                    ("listed", Value::Boolean(i % 2 == 0)),
                    ("tags", Value::Json("[1,2]".to_owned())),
                    ("nothing", Value::Null),
                ],
            )
        })
        .collect();
    publish(store, LayerDraft { storage_crs: 4490, ..draft("buildings") }, buildings);
    let multi =
        |i: i32| Wkb::from_geo(&Geometry::MultiPolygon(MultiPolygon(vec![square(i).to_geo().unwrap().try_into().unwrap()]))).unwrap();
    let both: Vec<NewFeature> = [square(1), multi(2)].map(|g| feature(Some(g), &[])).into();
    publish(store, draft("mixed"), both.clone());
    // A second version, and one whose columns had to be widened.
    publish(store, draft("mixed"), both);
    publish(
        store,
        draft("lamps-2"),
        (0..3)
            .map(|i| {
                feature(
                    Some(Wkb::point(117.0, 39.0 + f64::from(i)).unwrap()),
                    &[("v", if i < 2 { Value::Integer(7) } else { Value::Text("007".into()) })],
                )
            })
            .collect(),
    );
    let mut unfinished = store.stage(draft("unfinished")).unwrap();
    unfinished.write(vec![feature(None, &[])]).unwrap();
    std::mem::forget(unfinished);
    let event = |fid: u64, place: Option<Wkb>| LiveParts {
        fid,
        id: format!("E{fid}").into(),
        source: "12345".into(),
        time: "2026-03-01T16:15:00.25+08:00".parse().unwrap(),
        since: "2026-03-01T16:15:00.25+08:00".parse().unwrap(),
        areas: Areas::default(),
        revision: Revision(store.revision().0 + fid),
        geometry: place,
        properties: serde_json::json!({"title": "积水", "level": 2, "status": "open"}).as_object().unwrap().clone(),
    };
    let events = [event(1, Some(Wkb::point(117.25, 39.5).unwrap())), event(2, None)];
    store
        .append(&events.map(|item| Change {
            collection: id("events"),
            item: item.into(),
            before: None,
            late: false,
            actor: "local".into(),
        }))
        .unwrap();
    store.checkpoint().unwrap();
}

#[test]
fn ogrinfo_reads_counts_extents_types_and_values_while_the_city_is_open() {
    let (_folder, path, store) = city();
    a_city_of_all_sorts(&store);

    let list = ogrinfo(&path, &["-q"]);
    assert!(list.contains("buildings (Polygon)") && list.contains("lamps-2 (Point)") && list.contains(": mixed\n"), "{list}");
    assert!(list.contains("events") && !list.contains("stage") && !list.contains("journal"), "{list}");

    let path_and = |layer: &str, more: &[&str]| {
        let output = Command::new("ogrinfo").arg("-ro").args(more).arg(&path).arg(layer).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let buildings = path_and("buildings", &["-so"]);
    assert_eq!(line_of(&buildings, "Feature Count: "), "250");
    assert_eq!(line_of(&buildings, "Extent: "), "(117.000000, 39.000000) - (119.491000, 39.001000)");
    assert!(buildings.contains("China Geodetic Coordinate System 2000") && buildings.contains("ID[\"EPSG\",4490]"), "{buildings}");
    for column in ["名称: String", "fid_2: Integer64", "height: Real", "listed: Integer(Boolean)", "tags: String", "nothing: String"] {
        assert!(buildings.contains(column), "{column} in {buildings}");
    }
    assert_eq!(line_of(&buildings, "FID Column = "), "fid");
    let ninth = path_and("buildings", &["-q", "-fid", "9"]);
    assert!(
        ninth.contains("名称 (String) = 楼8") && ninth.contains("height (Real) = 1") && ninth.contains("POLYGON ((117.08 39.0,"),
        "{ninth}"
    );
    let window = path_and("buildings", &["-so", "-spat", "117.005", "39.0", "117.035", "39.1"]);
    assert_eq!(line_of(&window, "Feature Count: "), "3");
    assert_eq!(line_of(&path_and("mixed", &["-so"]), "Feature Count: "), "2");
    let lamps = path_and("lamps-2", &[]);
    assert!(lamps.contains("v (String) = 7\n") && lamps.contains("v (String) = 007"), "{lamps}");
    let events = path_and("events", &[]);
    assert_eq!(line_of(&events, "Feature Count: "), "2");
    assert!(events.contains("time (DateTime) = 2026/03/01 08:15:00.250+00") && events.contains("POINT (117.25 39.5)"), "{events}");
    drop(store);
    assert_eq!(ogrinfo(&path, &["-q"]), list, "and the same of the closed file");
}

#[test]
fn gdal_reads_an_empty_geometry_as_empty() {
    // Not part of the city above: GDAL 3.6's validator looks for the flag of an empty geometry
    // at bit 3, where the standard (and GDAL's own driver) has it at bit 4.
    let (_folder, path, store) = city();
    let empty = Wkb::from_geo(&Geometry::MultiPolygon(MultiPolygon(vec![]))).unwrap();
    publish(&store, draft("empty"), vec![feature(Some(empty), &[])]);
    assert!(ogrinfo(&path, &["-al"]).contains("MULTIPOLYGON EMPTY"));
}

#[test]
fn gdals_validator_finds_nothing_against_the_geopackage_standard() {
    let (_folder, path, store) = city();
    a_city_of_all_sorts(&store);
    drop(store);
    let output = Command::new("/usr/bin/python3")
        .args(["-m", "osgeo_utils.samples.validate_gpkg", "--extra"])
        .arg(&path)
        .output()
        .expect("python3-gdal is installed");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(!said.to_lowercase().contains("warn"), "{said}");
}
