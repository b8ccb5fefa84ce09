//! The workspace is what ARCHITECTURE.md says it is.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::root;
use std::{collections::BTreeSet, fs, process::Command};

/// Files that git tracks, relative to the root.
fn tracked() -> Vec<String> {
    let output = Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).filter(|f| root().join(f).exists()).collect()
}

/// The crates of the workspace that a crate's manifest names outside dev-dependencies.
fn arrows(folder: &str) -> BTreeSet<String> {
    let manifest: toml::Table = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap().parse().unwrap();
    let names = manifest["dependencies"].as_table().unwrap().keys();
    names.filter_map(|name| name.strip_prefix("citywall-").map(str::to_owned)).collect()
}

fn links(folder: &str, library: &str) -> bool {
    fs::read_to_string(root().join(folder).join("Cargo.toml"))
        .unwrap()
        .lines()
        .any(|line| line.starts_with(&format!("{library}.")) || line.starts_with(&format!("{library} ")))
}

#[test]
fn arrows_point_one_way() {
    let allowed = [
        ("spatial/model", ""),
        ("spatial/cql2", "model"),
        ("spatial/wire", ""),
        ("spatial/crs", ""),
        ("spatial/store", "model"),
        ("spatial/import", "model crs store"),
        ("spatial/index", "model"),
        ("spatial/query", "model store index cql2"),
        ("spatial/rules", "model index query cql2"),
        ("spatial/analysis", "model index query"),
        ("spatial/tiles", "model query"),
        ("spatial/tiles3d", "model store query"),
        ("spatial/demo", "model store"),
        ("viewer", "wire"),
        ("tests", ""),
    ];
    for (folder, names) in allowed {
        let allowed: BTreeSet<String> = names.split_whitespace().map(str::to_owned).collect();
        let extra: Vec<_> = arrows(folder).difference(&allowed).cloned().collect();
        assert!(extra.is_empty(), "{folder} must not depend on {extra:?}");
    }
}

#[test]
fn only_the_edges_link_gdal_http_and_the_gpu() {
    let members: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let members: Vec<String> = members["workspace"]["members"].as_array().unwrap().iter().map(|m| m.as_str().unwrap().to_owned()).collect();
    // A benchmark's floor is a bare server.
    let http = &["server", "tests"][..];
    for (library, homes) in [("gdal", &["spatial/crs", "spatial/import"][..]), ("axum", http), ("tokio", http), ("bevy", &["viewer"])] {
        let found: Vec<&String> = members.iter().filter(|m| links(m, library)).collect();
        assert!(found.iter().all(|m| homes.contains(&m.as_str())), "{library} belongs into {homes:?}, found in {found:?}");
    }
}

#[test]
fn the_document_names_every_room_and_no_other() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named: BTreeSet<String> =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(folder, _)| folder.to_owned()).collect();
    for folder in &named {
        assert!(root().join(folder).is_dir(), "ARCHITECTURE.md names {folder}, which is gone");
    }
    let mut rooms: BTreeSet<String> = tracked().iter().filter_map(|f| f.split_once('/')).map(|(top, _)| top.to_owned()).collect();
    rooms.remove(".ci");
    rooms.remove("docs");
    rooms.remove("spatial");
    rooms.insert("server/web".to_owned());
    rooms.extend(fs::read_dir(root().join("spatial")).unwrap().map(|e| format!("spatial/{}", e.unwrap().file_name().display())));
    assert_eq!(named, rooms);
}

#[test]
fn a_room_stays_a_room() {
    for file in tracked() {
        let code = [".rs", ".ts", ".svelte", ".wgsl"].iter().any(|end| file.ends_with(end));
        if code {
            let lines = fs::read_to_string(root().join(&file)).unwrap().lines().count();
            assert!(lines <= 600, "{file} has {lines} lines: over 600 it is two rooms");
        }
    }
}

#[test]
fn nothing_is_left_over() {
    let made: Vec<_> =
        tracked().into_iter().filter(|f| [".log", ".pid", ".orig", ".rej", ".gpkg"].iter().any(|end| f.ends_with(end))).collect();
    assert!(made.is_empty(), "what a run leaves behind is tracked: {made:?}");
    for file in tracked().iter().filter(|f| f.ends_with(".rs") && !f.ends_with("architecture.rs")) {
        let text = fs::read_to_string(root().join(file)).unwrap();
        for word in ["todo!(", "unimplemented!(", "dbg!(", "#[ignore"] {
            assert!(!text.contains(word), "{file} contains {word}");
        }
    }
}
