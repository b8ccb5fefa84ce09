//! Importing New York's 115,436 buildings beside `ogr2ogr`, which writes the same file to GeoPackage.
//!
//! Both start from the same plain file in the page cache, take turns, and the middle of three runs
//! counts.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_tests::{citywall_ok, run};
use std::{
    fs,
    time::{Duration, Instant},
};

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let source = common::new_york_source(folder.path());
    let source = source.to_str().unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let target = folder.path().join("ogr.gpkg");
        theirs.push(time(|| drop(run("ogr2ogr", &["-unsetFid", "-f", "GPKG", target.to_str().unwrap(), source]))));
        fs::remove_file(target).unwrap();
        let target = folder.path().join("citywall.gpkg");
        ours.push(time(|| drop(citywall_ok(&["import", source, "--city", target.to_str().unwrap(), "--layer", "buildings", "--json"]))));
        fs::remove_file(target).unwrap();
    }
    let (ours, theirs) = (common::median(ours).as_secs_f64(), common::median(theirs).as_secs_f64());
    let ratio = ours / theirs;
    common::row("import", &format!("{ours:.2} s, ratio {ratio:.2}"), &format!("ogr2ogr -unsetFid {theirs:.2} s"), "ratio ≤ 0.6");
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
