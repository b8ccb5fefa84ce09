//! The questions of analysts against programs of their field.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, citywall_ok, python, root, run};
use serde_json::json;
use std::{fs, path::Path};

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
