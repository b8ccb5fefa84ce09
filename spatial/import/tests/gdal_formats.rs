//! Every format that GDAL reads, made by ogr2ogr from one small layer.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use citywall_import::{ImportOptions, report::Repair};
use citywall_model::{FeatureTable, Value, geometry};
use common::{City, bounds, in_crs, ogr2ogr, text, value};
use geo::{Area, Euclidean, Length};
use std::path::PathBuf;

const PLACES: &str = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{"code":"0312","name":"和平区","floors":3,"height":12.5},"geometry":{"type":"Polygon","coordinates":[[[117.18,39.11],[117.20,39.11],[117.20,39.13],[117.18,39.13],[117.18,39.11]],[[117.185,39.115],[117.185,39.12],[117.19,39.12],[117.185,39.115]]]}},
{"type":"Feature","properties":{"code":"0313","name":"河西区","floors":null,"height":null},"geometry":{"type":"Polygon","coordinates":[[[117.21,39.11],[117.22,39.11],[117.22,39.12],[117.21,39.11]]]}}]}"#;

/// The layer in a format, in a CRS.
fn made(city: &City, format: &str, file: &str, more: &[&str]) -> PathBuf {
    let source = city.file("places.geojson", PLACES);
    let target = city.folder.path().join(file);
    let mut arguments = vec!["-f", format, target.to_str().unwrap(), source.to_str().unwrap()];
    arguments.extend(more);
    ogr2ogr(&arguments);
    target
}

fn check(table: &FeatureTable, format: &str) {
    assert_eq!(table.len(), 2, "{format}");
    let name = |row| text(table, row, if table.schema().position("name").is_some() { "name" } else { "Name" });
    let row = (0..2).find(|r| name(*r) == "和平区").unwrap_or_else(|| panic!("{format}"));
    assert_eq!(text(table, row, "code"), "0312", "{format}");
    let number = |field| match value(table, row, field) {
        Value::Integer(i) => i as f64,
        Value::Number(n) => n,
        other => panic!("{format}: {other:?}"),
    };
    assert_eq!((number("floors"), number("height")), (3.0, 12.5), "{format}");
    // MapInfo has no null numbers.
    let none = if format == "MapInfo File" { (Value::Integer(0), Value::Number(0.0)) } else { (Value::Null, Value::Null) };
    assert_eq!((value(table, 1 - row, "floors"), value(table, 1 - row, "height")), none, "{format}");
    let b = bounds(table, row);
    for (ours, source) in [(b.x_min, 117.18), (b.x_max, 117.20), (b.y_min, 39.11), (b.y_max, 39.13)] {
        assert!((ours - source).abs() < 1e-7, "{format}: {b:?}");
    }
    let area = geometry::to_geo(table.geometry(row).unwrap()).unwrap().signed_area();
    assert!((area - (0.02 * 0.02 - 0.005 * 0.005 / 2.0)).abs() < 1e-9, "{format}: the hole is kept and rings run counterclockwise");
}

#[test]
fn each_format_brings_the_same_items() {
    for (format, file) in [
        ("ESRI Shapefile", "a.shp"),
        ("GPKG", "a.gpkg"),
        ("FlatGeobuf", "a.fgb"),
        ("LIBKML", "a.kml"),
        ("LIBKML", "a.kmz"),
        ("GML", "a.gml"),
        ("MapInfo File", "a.tab"),
        ("GeoJSONSeq", "a.geojsonl"),
        ("GeoJSON", "a.geojson"),
    ] {
        let city = City::new();
        let more: &[&str] = if format == "ESRI Shapefile" { &["-lco", "ENCODING=UTF-8"] } else { &[] };
        let report = city.imported(&made(&city, format, file, more));
        assert_eq!((report.stored(), report.refused()), (2, 0), "{format}: {report}");
        check(&city.table(&report.layers[0].collection), format);
    }
}

#[test]
fn a_projected_source_is_transformed_back_to_the_same_place() {
    for crs in ["EPSG:4548", "EPSG:3857", "EPSG:32650"] {
        let city = City::new();
        let report = city.imported(&made(&city, "GPKG", "a.gpkg", &["-t_srs", crs]));
        assert_eq!(report.layers[0].source_crs, crs);
        check(&city.table("a"), crs);
    }
    let city = City::new();
    let report = city.imported(&made(&city, "ESRI Shapefile", "a.shp", &["-t_srs", "EPSG:4548", "-lco", "ENCODING=UTF-8"]));
    check(&city.table("a"), &report.layers[0].source_crs);
}

#[test]
fn a_zipped_shapefile_in_gbk_reads_with_its_encoding() {
    let city = City::new();
    let shp = made(&city, "ESRI Shapefile", "a.shp", &["-lco", "ENCODING=GBK"]);
    // As it mostly comes: without the file that names the encoding.
    std::fs::remove_file(shp.with_extension("cpg")).unwrap();
    let zip = city.folder.path().join("a.zip");
    let files = ["shp", "shx", "dbf", "prj"].map(|e| format!("/vsizip/{}/a.{e}", zip.display()));
    for file in &files {
        let from = shp.with_extension(file.rsplit('.').next().unwrap());
        let done = std::process::Command::new("python3")
            .args(["-c", "import zipfile,sys; zipfile.ZipFile(sys.argv[1],'a').write(sys.argv[2],sys.argv[2].split('/')[-1])"])
            .arg(&zip)
            .arg(&from)
            .status()
            .unwrap();
        assert!(done.success());
    }
    let error = city.refused(&shp, &ImportOptions::default());
    assert!(error.contains("--encoding GBK"), "{error}");
    let options = ImportOptions { encoding: Some("GBK".into()), ..ImportOptions::default() };
    for source in [&shp, &zip] {
        let report = city.import(source, &options).unwrap();
        check(&city.table(&report.layers[0].collection), "Shapefile in GBK");
    }
}

#[test]
fn several_layers_become_several_collections() {
    let city = City::new();
    let target = made(&city, "GPKG", "town.gpkg", &["-nln", "区"]);
    let source = city.folder.path().join("places.geojson");
    for name in ["街道", "roads"] {
        ogr2ogr(&["-update", "-f", "GPKG", target.to_str().unwrap(), source.to_str().unwrap(), "-nln", name]);
    }
    let report = city.imported(&target);
    let made: Vec<(&str, &str)> = report.layers.iter().map(|l| (l.collection.as_str(), l.source_layer.as_deref().unwrap())).collect();
    assert_eq!(made, [("town", "区"), ("town_2", "街道"), ("town_roads", "roads")]);
    let titles: Vec<String> = citywall_store::CityStore::collections(&city.store).unwrap().into_iter().map(|m| m.title.zh).collect();
    assert!(titles.contains(&"town 街道".to_owned()), "{titles:?}");
}

#[test]
fn a_drawing_without_a_crs_needs_one() {
    let city = City::new();
    let source = city.file("line.csv", "WKT,Layer\n\"LINESTRING (517000 4330000,517100 4330000)\",walls\n");
    let dxf = city.folder.path().join("a.dxf");
    ogr2ogr(&["-f", "DXF", dxf.to_str().unwrap(), source.to_str().unwrap()]);
    let error = city.refused(&dxf, &ImportOptions::default());
    assert!(error.contains("--crs"), "{error}");
    let report = city.import(&dxf, &in_crs("EPSG:4548")).unwrap();
    assert_eq!(report.stored(), 1);
    let table = city.table("a");
    let line = geometry::to_geo(table.geometry(0).unwrap()).unwrap();
    let geo::Geometry::LineString(line) = line else { panic!("{line:?}") };
    assert!((Euclidean.length(&line) * 111_320.0 * 39.1_f64.to_radians().cos() - 100.0).abs() < 0.5);
    let error = city.refused(&dxf, &in_crs("EPSG:28992"));
    assert!(error.contains("outside the area"), "{error}");
}

#[test]
fn curves_become_lines_and_dates_iso_8601() {
    let city = City::new();
    let target = city.folder.path().join("curves.gpkg");
    let source = city.file(
        "curves.csv",
        "WKT,opened\n\"CURVEPOLYGON(CIRCULARSTRING(117.1 39.1,117.2 39.2,117.3 39.1,117.2 39.0,117.1 39.1))\",2016/03/01 08:15:00+08\n",
    );
    ogr2ogr(&[
        "-f",
        "GPKG",
        target.to_str().unwrap(),
        source.to_str().unwrap(),
        "-a_srs",
        "EPSG:4326",
        "-oo",
        "AUTODETECT_TYPE=YES",
        "-nlt",
        "CURVEPOLYGON",
    ]);
    let report = city.imported(&target);
    assert_eq!(report.layers[0].repaired[&Repair::Curve].records, 1);
    let table = city.table("curves");
    let area = geometry::to_geo(table.geometry(0).unwrap()).unwrap().signed_area();
    assert!((area / (std::f64::consts::PI * 0.01) - 1.0).abs() < 0.002, "{area}");
    assert_eq!(text(&table, 0, "opened"), "2016-03-01T08:15:00+08:00");
}

#[test]
fn columns_of_a_csv_are_chosen_and_said() {
    let city = City::new();
    let rows =
        "站点,经度,纬度,code,pm25\n东四,116.417,39.929,0101,12.50\n天坛,116.407,39.886,1202,\n空,,,0103,7\n坏,abc,39.9,0104,1\n少,1\n";
    let report = city.imported(&city.file("stations.csv", rows));
    let layer = &report.layers[0];
    assert_eq!((layer.stored, layer.no_geometry, layer.refused), (3, 1, 2));
    assert!(layer.notes.iter().any(|n| n.contains("columns 经度 (x) and 纬度 (y)")), "{report}");
    assert!(layer.refusals[0].reason.contains("“abc” in the column 经度 is no number"), "{report}");
    assert_eq!((layer.refusals[0].place.line, layer.refusals[1].place.line), (Some(5), Some(6)));
    assert!(layer.refusals[1].reason.contains("2 cells, the header has 5"), "{report}");
    let table = city.table("stations");
    assert_eq!(
        (text(&table, 0, "code"), value(&table, 0, "pm25"), value(&table, 1, "pm25")),
        ("0101".into(), Value::Number(12.5), Value::Null)
    );

    let shifted = city.import(&city.file("stations.csv", rows), &in_crs("BD-09")).unwrap();
    assert_eq!(shifted.layers[0].source_crs, "BD-09");
    let east = city.table("stations");
    assert!(bounds(&table, 0).x_min - bounds(&east, 0).x_min > 0.005);

    let metres = city.file("metres.csv", "x,y\n517000,4330000\n");
    assert!(city.refused(&metres, &ImportOptions::default()).contains("--crs"));
    assert_eq!(city.import(&metres, &in_crs("EPSG:4548")).unwrap().stored(), 1);

    let (gbk, _, _) = encoding_rs::GBK.encode("名称,lon,lat\n天津,117.2,39.1\n");
    let source = city.file("gbk.csv", gbk);
    let error = city.refused(&source, &ImportOptions::default());
    assert!(error.contains("--encoding GBK"), "{error}");
    city.import(&source, &ImportOptions { encoding: Some("gbk".into()), ..ImportOptions::default() }).unwrap();
    assert_eq!(text(&city.table("gbk"), 0, "名称"), "天津");

    let wkt = city.file("shapes.csv", "id;geom\n7;\"SRID=4326;POLYGON((117 39,118 39,118 40,117 39))\"\n8;nonsense\n");
    let report = city.imported(&wkt);
    assert_eq!((report.stored(), report.refused()), (1, 1));
}
