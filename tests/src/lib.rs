//! Drives the built binaries from outside, as a user would: a server on its own port, real
//! files in, HTTP out.
//!
//! Test code: a failure panics with what it saw.
#![allow(clippy::unwrap_used)]

mod server;
pub mod wall;

pub use server::{Server, get, get_bytes, post, try_post};

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The root of the checkout.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Real data beside the checkout. Panics with the reason if it is not there.
#[must_use]
pub fn shared(path: &str) -> PathBuf {
    let file = root().join("../shared").join(path);
    assert!(file.exists(), "the test data {} is missing", file.display());
    file
}

/// A binary of this build: they stand two folders above a test's.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let path = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join(name);
    assert!(path.exists(), "{} is missing: run `make build` first", path.display());
    path
}

/// Runs `citywall` with arguments and returns what it said.
pub fn citywall(arguments: &[&str]) -> Output {
    Command::new(binary("citywall")).args(arguments).output().unwrap()
}

/// Runs `citywall`, which must succeed, and returns its standard output.
pub fn citywall_ok(arguments: &[&str]) -> String {
    let output = citywall(arguments);
    assert!(output.status.success(), "citywall {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs another program, which must succeed, and returns its standard output.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}; run `make setup`"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A Python with the packages of `tests/python/requirements.txt`, kept beside the build.
#[must_use]
pub fn python() -> PathBuf {
    python_with("tests/python/requirements.txt", "python")
}

/// A Python with the programs that benchmarks race against, kept beside the build.
#[must_use]
pub fn peers() -> PathBuf {
    python_with("tests/python/peers.txt", "peers")
}

fn python_with(requirements: &str, folder: &str) -> PathBuf {
    let requirements = root().join(requirements);
    let folder = binary("citywall").parent().unwrap().join(folder);
    // Tests of several programs may come at once; one makes it.
    let lock = std::fs::File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let (python, made) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    if std::fs::read_to_string(&made).ok().as_ref() != Some(&wanted) {
        run("python3", &["-m", "venv", "--clear", folder.to_str().unwrap()]);
        run(python.to_str().unwrap(), &["-m", "pip", "install", "--quiet", "--requirement", requirements.to_str().unwrap()]);
        std::fs::write(&made, wanted).unwrap();
    }
    python
}

/// Where tests leave pictures for a person to look at.
#[must_use]
pub fn pictures() -> PathBuf {
    let folder = binary("citywall").parent().unwrap().join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A city with one place in it.
#[must_use]
pub fn small_city(folder: &Path) -> PathBuf {
    let (source, city) = (folder.join("places.geojson"), folder.join("city.gpkg"));
    let place = r#"{"type":"Feature","properties":{"name":"天津站"},"geometry":{"type":"Point","coordinates":[117.21,39.135]}}"#;
    std::fs::write(&source, place).unwrap();
    citywall_ok(&["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "places"]);
    city
}

/// A served city with sixty buildings.
#[must_use]
pub fn sixty_buildings(folder: &Path) -> Server {
    let building = |at: u32| {
        let (x, y) = (117.0 + f64::from(at) * 0.01, 39.0 + f64::from(at) * 0.005);
        let ring = [[x, y], [x + 0.005, y], [x + 0.005, y + 0.005], [x, y + 0.005], [x, y]];
        serde_json::json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {"name": format!("楼{at}"), "height": f64::from(at) / 10.0}})
    };
    let (source, city) = (folder.join("buildings.geojsonl"), folder.join("city.gpkg"));
    std::fs::write(&source, (0..60).map(|at| building(at).to_string() + "\n").collect::<String>()).unwrap();
    citywall_ok(&["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "buildings"]);
    Server::start(&city, &[])
}

/// True in `make soak`, which runs long tests at full length.
#[must_use]
pub fn full_length() -> bool {
    std::env::var_os("CITYWALL_SOAK").is_some()
}
