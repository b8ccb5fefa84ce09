//! OGC's executable test suite for Features against a served city, where it can be had: it stands on
//! no package registry, so that it is cloned, and it takes minutes, so that it runs in `make soak`.
//! It has no test harness: whether it ran is said in any case.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, full_length, post, root, sixty_buildings};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The released version that is run, and where its sources are.
const VERSION: &str = "1.9";
const SOURCES: &str = "https://github.com/opengeospatial/ets-ogcapi-features10";

/// What the suite fails by itself: the test, what its line says, and why, with the place in its sources.
const OWN_FAULTS: [(&str, &str, &str); 3] = [
    (
        "FeatureCrsParameter.verifyFeatureCrsParameter",
        ", null, ",
        "asks a collection without items for the item “null” (conformance/crs/query/crs/feature/FeatureCrsParameter.java:60)",
    ),
    (
        "FeatureCrsParameterTransform.verifyFeatureCrsParameterTransformWithoutCrsParameter",
        "geometryInDefaultCrs\" is null",
        "takes for granted that an item has a geometry (conformance/crs/query/crs/feature/FeatureCrsParameterTransform.java:166)",
    ),
    (
        "BBoxCrsParameter.verifyBboxCrsParameter",
        "EPSG/0/4490",
        "writes longitude before latitude, where EPSG:4490 has latitude first (util/BBox.java:120, x and y as proj4j gives them)",
    ),
];

fn main() {
    if !full_length() {
        return println!("OGC's suite for Features: not run here, `make soak` runs it");
    }
    if Command::new("mvn").arg("--version").output().is_err() {
        return println!("OGC's suite for Features: NOT RUN, Maven is missing (apt-get install maven)");
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(sources) = sources(folder.path()) else {
        return println!("OGC's suite for Features: NOT RUN, {SOURCES} cannot be cloned; CITYWALL_OGC_SUITE may name a checkout of it");
    };
    let server = serve(folder.path());
    let output = Command::new(root().join("tests/conformance/run")).arg(sources).arg(format!("{}/", server.url)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let sum = said.lines().find(|line| line.contains(" passed; "));
    let sum = sum.unwrap_or_else(|| panic!("the suite did not run: {said}{}", String::from_utf8_lossy(&output.stderr)));
    let failed: Vec<&str> = said.lines().filter_map(|line| line.split_once("FAILED ")).map(|(_, failure)| failure).collect();
    let is_own = |failure: &&str| OWN_FAULTS.iter().any(|(test, says, _)| failure.starts_with(test) && failure.contains(says));
    let (own, ours): (Vec<&str>, Vec<&str>) = failed.iter().partition(|failure| is_own(failure));
    println!("OGC's suite for Features {VERSION}: {sum}");
    for (test, says, why) in OWN_FAULTS {
        let count = own.iter().filter(|failure| failure.starts_with(test) && failure.contains(says)).count();
        println!("  {count} failures of {test}: the suite {why}");
    }
    let passed: usize = sum.split(' ').next().unwrap().parse().unwrap();
    assert!(passed > 1_000, "{sum}");
    assert!(ours.is_empty(), "{} failures:\n{}", ours.len(), ours.join("\n"));
}

/// A checkout of the suite: the one that `CITYWALL_OGC_SUITE` names, or a clone.
fn sources(folder: &Path) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CITYWALL_OGC_SUITE") {
        return Some(path.into());
    }
    let path = folder.join("suite");
    let clone = Command::new("git").args(["clone", "--quiet", "--depth", "1", "--branch", VERSION, SOURCES]).arg(&path).status();
    clone.is_ok_and(|status| status.success()).then_some(path)
}

/// Sixty buildings and some live items, whose ids need no escape in an address.
fn serve(folder: &Path) -> Server {
    let server = sixty_buildings(folder);
    for at in 0..20 {
        let event = json!({"type": "Feature", "id": format!("e{at}"), "geometry": {"type": "Point", "coordinates": [117.2 + f64::from(at) * 0.01, 39.1]},
            "properties": {"source": "test", "time": "2026-03-01T08:15:00Z", "title": "t", "level": 1, "status": "open"}});
        let (status, said) = post(&format!("{}/collections/events/items", server.url), "application/geo+json", &event.to_string());
        assert_eq!(status, 201, "{said}");
    }
    server
}
