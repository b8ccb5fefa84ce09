//! The questions of analysts against programs of their field.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, citywall_ok, python, root, run, shared};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
};

/// Serves a city of one layer.
fn serve(folder: &Path, layer: &str, features: &[serde_json::Value]) -> Server {
    let (source, city) = (folder.join(format!("{layer}.geojsonl")), folder.join("city.gpkg"));
    fs::write(&source, features.iter().map(|feature| feature.to_string() + "\n").collect::<String>()).unwrap();
    citywall_ok(&["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", layer]);
    Server::start(&city, &[])
}

/// Runs a script of `tests/python`, which must succeed.
fn script(name: &str, arguments: &[&str]) {
    let path = root().join("tests/python").join(name);
    let arguments: Vec<&str> = std::iter::once(path.to_str().unwrap()).chain(arguments.iter().copied()).collect();
    println!("{}", run(python().to_str().unwrap(), &arguments));
}

#[test]
fn hotspots_are_those_of_scikit_learn_scipy_and_pysal() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(5);
    // Three crowds of different size and a thin spread over four kilometres.
    let crowds = [(117.20, 39.13, 0.001, 200), (117.21, 39.135, 0.002, 250), (117.188, 39.12, 0.0006, 90), (117.2, 39.13, 0.02, 260)];
    let mut spots = Vec::new();
    for (x, y, spread, count) in crowds {
        for _ in 0..count {
            let mut off = || (random.f64() + random.f64() - 1.0) * spread;
            spots.push(json!({
                "type": "Feature", "geometry": {"type": "Point", "coordinates": [x + off(), y + off()]},
                "properties": {"n": (random.f64() * 1e4).round() / 1e4}
            }));
        }
    }
    let server = serve(folder.path(), "spots", &spots);
    script("hotspots.py", &[&server.url]);
}

#[test]
fn ways_along_new_yorks_roads_are_those_of_networkx() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path().join("city.gpkg");
    let roads = shared("city/new-york/roads.geojsonl.gz");
    citywall_ok(&["import", roads.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "roads"]);
    // Something stands at a vertex of every twentieth road.
    let mut random = fastrand::Rng::with_seed(7);
    let mut spots = String::new();
    for line in BufReader::new(flate2::read::GzDecoder::new(fs::File::open(&roads).unwrap())).lines().step_by(20) {
        let road: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let vertices = road["geometry"]["coordinates"].as_array().unwrap();
        let place = &vertices[random.usize(..vertices.len())];
        spots += &(json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": place}, "properties": {}}).to_string() + "\n");
    }
    let source = folder.path().join("spots.geojsonl");
    fs::write(&source, spots).unwrap();
    citywall_ok(&["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "spots"]);
    let server = Server::start(&city, &[]);
    script("networks.py", &[&server.url]);
}

#[test]
fn what_is_seen_over_roofs_is_what_gdal_sees() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(11);
    let (lon, lat) = (117.2, 39.13);
    let mut blocks = Vec::new();
    while blocks.len() < 90 {
        let mut within = |from: f64, to: f64| from + random.f64() * (to - from);
        let (x, y, width, depth, height) =
            (within(-0.006, 0.006), within(-0.0045, 0.0045), within(0.0002, 0.0006), within(0.0002, 0.0005), within(4.0, 30.0));
        // The eye stands in the open.
        if x.abs() < 0.001 && y.abs() < 0.001 {
            continue;
        }
        let (x, y) = (lon + x, lat + y);
        let ring = [[x, y], [x + width, y], [x + width, y + depth], [x, y + depth], [x, y]];
        blocks.push(json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"height": height}}));
    }
    let server = serve(folder.path(), "buildings", &blocks);
    script("viewshed.py", &[&server.url, folder.path().to_str().unwrap(), &lon.to_string(), &lat.to_string()]);
}
