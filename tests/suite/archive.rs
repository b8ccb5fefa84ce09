//! Tilesets in one file, read by programs that are not ours: SQLite's shell and GDAL read the
//! MBTiles, the reference reader of the format the PMTiles. Each tile is what the server gives.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, citywall, citywall_ok, get_bytes, root, run, shared};
use std::{collections::BTreeMap, path::Path, process::Command};

type Tiles = BTreeMap<(u32, u32, u32), String>;

/// The tiles of an MBTiles as SQLite sees them: level, column, row from the north, bytes as hex.
fn mbtiles(path: &Path) -> Tiles {
    let sql = "SELECT zoom_level, tile_column, (1 << zoom_level) - 1 - tile_row, hex(tile_data) FROM tiles";
    let rows = run("sqlite3", &[path.to_str().unwrap(), sql]);
    let row = |line: &str| {
        let parts: Vec<&str> = line.split('|').collect();
        ((parts[0].parse().unwrap(), parts[1].parse().unwrap(), parts[2].parse().unwrap()), parts[3].to_owned())
    };
    rows.lines().map(row).collect()
}

/// What the reference reader finds in a PMTiles at some addresses.
fn pmtiles(path: &Path, addresses: &Tiles) -> serde_json::Value {
    let list: Vec<String> = addresses.keys().map(|(z, x, y)| format!("{z}/{x}/{y}")).collect();
    let output = Command::new("node")
        .args(["src/pmtiles.mjs", path.to_str().unwrap(), &list.join(",")])
        .current_dir(root().join("tests/e2e"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn inflate(hex: &str) -> Vec<u8> {
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut plain).unwrap();
    plain
}

#[test]
fn an_archive_holds_what_the_server_gives() {
    let folder = tempfile::tempdir().unwrap();
    let (city, mb, pm) = (folder.path().join("city.gpkg"), folder.path().join("city.mbtiles"), folder.path().join("city.pmtiles"));
    let (city, mb_path, pm_path) = (city.to_str().unwrap(), mb.to_str().unwrap(), pm.to_str().unwrap());
    citywall_ok(&["import", shared("city/new-york/roads.geojsonl.gz").to_str().unwrap(), "--city", city, "--layer", "roads"]);
    let server = Server::start(Path::new(city), &[]);
    // Also while the city is served.
    citywall_ok(&["export", "--city", city, "--to", mb_path, "--zoom", "8-14"]);
    citywall_ok(&["export", "--city", city, "--to", pm_path, "--zoom", "8-14", "--layers", "roads"]);

    let tiles = mbtiles(&mb);
    let deepest = tiles.keys().filter(|(z, ..)| *z == 14).count();
    assert!(deepest > 50 && tiles.keys().map(|(z, ..)| z).min() == Some(&8), "{} tiles", tiles.len());
    for ((z, x, y), found) in &tiles {
        let (_, plain) = get_bytes(&format!("{}/collections/roads/tiles/WebMercatorQuad/{z}/{y}/{x}", server.url));
        assert_eq!(hex(&inflate(found)), hex(&plain), "{z}/{x}/{y}");
    }
    // Every tile beside them is empty on the server too: nothing is missing.
    for (z, x, y) in tiles.keys().filter(|(z, ..)| *z == 14) {
        for (x, y) in [(x - 1, *y), (x + 1, *y), (*x, y - 1), (*x, y + 1)] {
            if !tiles.contains_key(&(*z, x, y)) {
                assert!(
                    get_bytes(&format!("{}/collections/roads/tiles/WebMercatorQuad/{z}/{y}/{x}", server.url)).1.is_empty(),
                    "{z}/{x}/{y}"
                );
            }
        }
    }

    let found = pmtiles(&pm, &tiles);
    assert_eq!((&found["tiles"], &found["zooms"]), (&tiles.len().into(), &serde_json::json!([8, 14])), "{}", found["head"]);
    for ((z, x, y), expected) in &tiles {
        assert_eq!(found["found"][format!("{z}/{x}/{y}")], hex(&inflate(expected)), "{z}/{x}/{y}");
    }
    assert_eq!(found["metadata"]["vector_layers"][0]["id"], "roads");

    let gdal = run("ogrinfo", &["-ro", "-so", mb_path, "roads"]);
    assert!(gdal.contains("Geometry: ") && gdal.contains("fclass"), "{gdal}");
    assert_eq!(server.terminate(), 0);
}

#[test]
fn an_archive_that_cannot_be_made_says_why_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let city = citywall_tests::small_city(folder.path());
    let city = city.to_str().unwrap();
    let taken = folder.path().join("taken.pmtiles");
    std::fs::write(&taken, "mine").unwrap();
    let to = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (arguments, said) in [
        (vec!["--to".to_owned(), to("city.tar")], ".pmtiles"),
        (vec!["--to".to_owned(), to("taken.pmtiles")], "exists already"),
        (vec!["--to".to_owned(), to("nowhere/city.pmtiles")], "cannot be written"),
        (vec!["--to".to_owned(), to("a.pmtiles"), "--zoom".to_owned(), "9-3".to_owned()], "zoom levels"),
        (vec!["--to".to_owned(), to("b.mbtiles"), "--layers".to_owned(), "nothing".to_owned()], "nothing"),
    ] {
        let mut all = vec!["export", "--city", city];
        all.extend(arguments.iter().map(String::as_str));
        let output = citywall(&all);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{arguments:?}: {error}");
    }
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "mine");
    let left: Vec<String> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.ends_with(".part") || name.ends_with(".mbtiles")), "{left:?}");
}
