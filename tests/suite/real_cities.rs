//! Real cities come in whole, and come out as other programs see them.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, citywall, citywall_ok, pictures, run, shared, small_city, wall::picture};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

fn import(city: &Path, source: &Path, more: &[&str]) {
    let mut arguments = vec!["import", source.to_str().unwrap(), "--city", city.to_str().unwrap()];
    arguments.extend(more);
    let output = citywall(&arguments);
    // 3 says that single records were refused or repaired and reported.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn matched(server: &Server, collection: &str) -> u64 {
    server.json(&format!("/collections/{collection}/items?limit=1"))["numberMatched"].as_u64().unwrap()
}

fn unpack(source: &Path, to: &Path) {
    let mut plain = fs::File::create(to).unwrap();
    std::io::copy(&mut flate2::read::GzDecoder::new(fs::File::open(source).unwrap()), &mut plain).unwrap();
}

#[test]
fn new_york_agrees_with_ogrinfo_on_a_thousand_windows_and_gdal_reads_it_over_http() {
    let dir = tempfile::tempdir().unwrap();
    let city = dir.path().join("new-york.gpkg");
    import(&city, &shared("city/new-york/buildings.geojsonl.gz"), &["--layer", "buildings"]);
    import(&city, &shared("city/new-york/roads.geojsonl.gz"), &["--layer", "roads"]);
    let server = Server::start(&city, &[]);
    assert_eq!((matched(&server, "buildings"), matched(&server, "roads")), (115_436, 53_340));

    // The yardstick: GDAL's own file with an index, made from the source, and one process for all windows.
    let plain = dir.path().join("buildings.geojsonl");
    unpack(&shared("city/new-york/buildings.geojsonl.gz"), &plain);
    let oracle = dir.path().join("oracle.gpkg");
    run("ogr2ogr", &["-unsetFid", "-f", "GPKG", "-nln", "b", oracle.to_str().unwrap(), plain.to_str().unwrap()]);
    let script = r#"
import random, sys
from osgeo import ogr
city = ogr.Open(sys.argv[1])
layer = city.GetLayer(0)
random.seed(20260301)
for _ in range(1000):
    size = random.choice([0.001, 0.005, 0.02])
    x, y = random.uniform(-74.04, -73.86), random.uniform(40.67, 40.82)
    layer.SetSpatialFilterRect(x, y, x + size, y + size)
    area = ogr.CreateGeometryFromWkt(f"POLYGON(({x!r} {y!r},{x+size!r} {y!r},{x+size!r} {y+size!r},{x!r} {y+size!r},{x!r} {y!r}))")
    n = sum(1 for f in layer if f.GetGeometryRef().Intersects(area))
    print(repr(x), repr(y), repr(x + size), repr(y + size), n)
"#;
    let windows = run("/usr/bin/python3", &["-c", script, oracle.to_str().unwrap()]);
    let mut seen = 0;
    for line in windows.lines() {
        let parts: Vec<&str> = line.split(' ').collect();
        let answer = server.json(&format!("/collections/buildings/items?limit=1&bbox={}", parts[..4].join(",")));
        assert_eq!(answer["numberMatched"].as_u64().unwrap().to_string(), parts[4], "window {line}");
        seen += 1;
    }
    assert_eq!(seen, 1000);

    // On the wall: from afar what is large enough to be seen, from near every building around the place looked at.
    let said = picture(&server.url, &["--size", "640x360"], &pictures().join("new-york.png"));
    let number = |said: &Value, key: &str| said[key].as_u64().unwrap_or_else(|| panic!("{key}: {said}"));
    assert!((20_000..115_436).contains(&number(&said, "buildings")) && number(&said, "tile_faults") == 0, "{said}");
    let said = picture(&server.url, &["--size", "640x360", "--view", "-73.983,40.752,2600,29,38"], &pictures().join("midtown.png"));
    let around = server.json("/collections/buildings/items?limit=1&bbox=-73.988,40.748,-73.978,40.756")["numberMatched"].as_u64().unwrap();
    assert!(around > 1_000, "{around}");
    assert!((around..115_436).contains(&number(&said, "buildings")) && number(&said, "tile_faults") == 0, "{around}: {said}");

    let oapif = run("ogrinfo", &["-ro", "-so", &format!("OAPIF:{}", server.url), "buildings"]);
    assert!(oapif.contains("115436"), "GDAL's OAPIF driver: {oapif}");
    assert_eq!(server.terminate(), 0);
    let gpkg = run("ogrinfo", &["-ro", "-so", city.to_str().unwrap(), "buildings"]);
    assert!(gpkg.contains("115436"), "the city file as GDAL sees it: {gpkg}");
    citywall_ok(&["verify", "--city", city.to_str().unwrap()]);
}

#[test]
fn monaco_delft_and_tianjin_import_with_their_known_counts() {
    let dir = tempfile::tempdir().unwrap();
    let city = dir.path().join("cities.gpkg");
    import(&city, &shared("city/monaco/monaco.osm.gz"), &["--layer", "monaco"]);
    import(&city, &shared("city/monaco/N43E007.hgt.zip"), &["--layer", "terrain"]);
    import(&city, &shared("city/delft/delft.city.jsonl"), &["--layer", "delft"]);
    import(&city, &shared("city/tianjin/districts_cgcs2000.geojson"), &["--layer", "districts", "--id-field", "district_adcode"]);
    import(&city, &shared("city/tianjin/districts_wgs84_detailed.geojson"), &["--layer", "detailed"]);
    import(&city, &shared("city/tianjin/districts_gcj02.geojson"), &["--layer", "gcj", "--crs", "GCJ-02"]);
    import(&city, &shared("city/tianjin/hexi_communities.geojson"), &["--layer", "communities"]);
    let server = Server::start(&city, &[]);
    for (collection, count) in [
        ("monaco_points", 758),
        ("monaco_lines", 913),
        ("monaco_multipolygons", 1_016),
        ("delft", 1_115),
        ("districts", 16),
        ("detailed", 16),
        ("gcj", 18),
        ("communities", 141),
    ] {
        assert_eq!(matched(&server, collection), count, "{collection}");
    }
    let document = server.json("/city");
    let collection = |id: &str| document["collections"].as_array().unwrap().iter().find(|c| c["id"] == id).unwrap().clone();
    assert_eq!(collection("terrain")["kind"], "elevation");
    let delft = collection("delft");
    let [west, south, east, north] = [0, 1, 2, 3].map(|i| delft["extent"][i].as_f64().unwrap());
    assert!(west > 4.3 && east < 4.4 && south > 51.9 && north < 52.1, "Delft lies at {:?}", delft["extent"]);
    let district = server.json("/collections/districts/items/120101");
    assert_eq!(district["properties"]["district_name"], "和平区");

    let solids = run(
        "ogrinfo",
        &[
            "-ro",
            "-q",
            city.to_str().unwrap(),
            "-sql",
            "SELECT solids FROM (SELECT json_extract(meta, '$.solids') AS solids FROM citywall_collections WHERE id = 'delft')",
        ],
    );
    assert!(solids.contains("3348"), "{solids}");

    // The offset datum lands on the undistorted file to 10 m.
    let extent_of = |collection: &str, name: &str| {
        let items = server.json(&format!("/collections/{collection}/items?limit=100"));
        let features = items["features"].as_array().unwrap();
        let feature = features.iter().find(|f| f["properties"].as_object().unwrap().values().any(|v| v == name)).unwrap();
        let mut extent = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
        fold_extent(&feature["geometry"]["coordinates"], &mut extent);
        extent
    };
    for name in ["和平区", "河西区"] {
        let (a, b) = (extent_of("detailed", name), extent_of("gcj", name));
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            let metres = (a - b).abs() * if i % 2 == 0 { 111_320.0 * 39.1f64.to_radians().cos() } else { 111_320.0 };
            assert!(metres < 10.0, "{name}: side {i} is {metres:.1} m off");
        }
    }
}

fn fold_extent(coordinates: &serde_json::Value, extent: &mut [f64; 4]) {
    let list = coordinates.as_array().unwrap();
    if let (Some(x), Some(y)) = (list[0].as_f64(), list.get(1).and_then(serde_json::Value::as_f64)) {
        *extent = [extent[0].min(x), extent[1].min(y), extent[2].max(x), extent[3].max(y)];
    } else {
        list.iter().for_each(|inner| fold_extent(inner, extent));
    }
}

#[test]
fn what_is_wrong_with_a_source_is_said_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let city = small_city(dir.path());
    let good = dir.path().join("places.geojson");
    let before = citywall_ok(&["info", "--city", city.to_str().unwrap()]);
    let report = citywall(&[
        "import",
        shared("city/tianjin/hexi_communities.geojson").to_str().unwrap(),
        "--city",
        city.to_str().unwrap(),
        "--layer",
        "hexi",
        "--json",
    ]);
    let text = String::from_utf8_lossy(&report.stdout).into_owned() + &String::from_utf8_lossy(&report.stderr);
    assert!(text.contains("repaired") && text.contains('1'), "the invalid ring is reported: {text}");

    let mut reasons = BTreeSet::new();
    for (name, content, more) in [
        ("truncated.geojson", r#"{"type":"FeatureCollection","features":[{"type":"Feature","prop"#.as_bytes(), &[][..]),
        ("foreign.geojson", b"\x89PNG\r\n\x1a\n and more", &[]),
        ("empty.geojson", b"", &[]),
        ("no-such-crs.geojson", fs::read(&good).unwrap().leak(), &["--crs", "EPSG:999999"]),
        ("nan.geojsonl", b"{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Point\",\"coordinates\":[NaN,1]}}\n", &[]),
    ] {
        let source = dir.path().join(name);
        fs::write(&source, content).unwrap();
        let mut arguments = vec!["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "places"];
        arguments.extend(more);
        let output = citywall(&arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !error.trim().is_empty(), "{name} must be refused with a reason");
        assert!(!error.contains("panicked"), "{name}: {error}");
        reasons.insert(error);
    }
    assert_eq!(reasons.len(), 5, "each fault has its own message");
    let after = citywall_ok(&["info", "--city", city.to_str().unwrap()]);
    let places = |text: &str| text.lines().find(|l| l.contains("places")).map(str::to_owned);
    assert_eq!(places(&before), places(&after), "the layer that was there is untouched");
}
