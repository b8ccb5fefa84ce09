//! QGIS opens what is served. It takes 700 MB, so that it is installed and run in `make soak`.
//! It has no test harness: whether it ran is said in any case.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{full_length, post, root, sixty_buildings};
use serde_json::json;
use std::{path::Path, process::Command};

/// Python for QGIS, and its providers, as Debian has them.
const PACKAGES: [&str; 2] = ["python3-qgis", "qgis-providers"];

fn main() {
    if !full_length() {
        return println!("QGIS: not run here, `make soak` runs it");
    }
    if !Path::new("/usr/lib/python3/dist-packages/qgis").exists() {
        println!("QGIS: installing {}", PACKAGES.join(", "));
        let mut install = if citywall_tests::run("id", &["-u"]).trim() == "0" { Command::new("env") } else { Command::new("sudo") };
        install.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq", "--no-install-recommends"]).args(PACKAGES);
        assert!(install.status().unwrap().success(), "{install:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let server = sixty_buildings(folder.path());
    for at in 0..30 {
        let event = json!({"type": "Feature", "id": format!("e{at}"), "geometry": {"type": "Point", "coordinates": [117.2, 39.1]},
            "properties": {"source": "test", "time": "2026-03-01T08:15:00Z", "title": "路面塌陷", "level": 1, "status": "open"}});
        let (status, said) = post(&format!("{}/collections/events/items", server.url), "application/geo+json", &event.to_string());
        assert_eq!(status, 201, "{said}");
    }
    // The system's Python: the one of the other tests does not see Debian's packages.
    let script = root().join("tests/python/in_qgis.py");
    let output = Command::new("/usr/bin/python3").arg(script).env("CITYWALL", &server.url).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    print!("{}", String::from_utf8_lossy(&output.stdout));
}
