//! 3D Tiles of real cities, walked and checked by programs that are not ours: Khronos' glTF
//! validator, the reference decoder of EXT_meshopt_compression, and CesiumJS, which draws them.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, citywall_ok, pictures, root, shared};
use std::process::Command;

/// Walks a tileset and returns what the walk found.
fn walk(server: &Server, collection: &str) -> serde_json::Value {
    let address = format!("{}/collections/{collection}/3dtiles/tileset.json", server.url);
    let output = Command::new("node").args(["src/tiles3d.mjs", &address]).current_dir(root().join("tests/e2e")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Draws a tileset in CesiumJS and returns what it drew, and what was picked in it.
fn draw(server: &Server, collection: &str, pictures_in: &str) -> serde_json::Value {
    let output = Command::new("node")
        .args(["src/cesium.mjs", &server.url, collection])
        .current_dir(root().join("tests/e2e"))
        .env("CITYWALL_PICTURES", pictures().join(pictures_in))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn serve(folder: &tempfile::TempDir, source: &str, layer: &str) -> Server {
    let city = folder.path().join("city.gpkg");
    citywall_ok(&["import", shared(source).to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", layer]);
    Server::start(&city, &[])
}

#[test]
fn every_building_of_new_york_stands_in_one_valid_tile() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder, "city/new-york/buildings.geojsonl.gz", "buildings");
    let found = walk(&server, "buildings");
    assert_eq!((&found["features"], &found["ids"]), (&115_436.into(), &115_436.into()), "{found}");
    assert!(found["overview_bytes"].as_u64().unwrap() < 10_000_000, "{found}");
    // The file has a tower of 541.3 m, and no elevation: everything stands on the profile's level.
    assert!(found["most_m"].as_f64().unwrap() > 500.0 && found["least_m"].as_f64().unwrap().abs() < 0.5, "{found}");

    let drawn = draw(&server, "buildings", "cesium-new-york");
    assert_eq!(drawn["whole"]["tiles"], 1, "from afar the block masses are all: {drawn}");
    assert!(drawn["near"]["tiles"].as_u64().unwrap() > 5 && drawn["near"]["triangles"].as_u64().unwrap() > 50_000, "{drawn}");
    for item in drawn["items"].as_array().unwrap() {
        let Some(height) = item["properties"]["height"].as_f64() else { continue };
        assert!((item["height"].as_f64().unwrap() - height).abs() < 0.01, "the picked tile and the item agree: {item}");
    }
    assert_eq!(server.terminate(), 0);
}

#[test]
fn the_solids_of_delft_keep_their_roofs() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder, "city/delft/delft.city.jsonl", "buildings");
    let found = walk(&server, "buildings");
    assert_eq!((&found["features"], &found["ids"]), (&1_115.into(), &1_115.into()), "{found}");
    // Heights of the file above NAP; its profile states no geoid offset.
    let drawn = draw(&server, "buildings", "cesium-delft");
    assert!(drawn["near"]["features"].as_u64().unwrap() > 100, "{drawn}");
    assert!(drawn["items"][0]["id"].as_str().unwrap().starts_with("NL.IMBAG.Pand"), "{drawn}");
    assert!((-10.0..0.0).contains(&found["least_m"].as_f64().unwrap()) && found["most_m"].as_f64().unwrap() > 60.0, "{found}");
    assert_eq!(server.terminate(), 0);
}
