//! From the start of the process until the server says that it is ready, and the memory that it
//! then holds: with New York's buildings, and with the demo city of 1,000,000 buildings.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_tests::{Server, citywall_ok, get};
use std::{fs, path::Path, time::Instant};

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let city = common::new_york(folder.path());
    measure("New York, 115,436 buildings", &city, "< 1 s");
    let city = folder.path().join("demo.gpkg");
    eprintln!("making the demo city of 1,000,000 buildings");
    citywall_ok(&["demo", "--city", city.to_str().unwrap(), "--scale", "city"]);
    measure("demo, 1,000,000 buildings", &city, "< 5 s, < 1,500 MB");
}

fn measure(what: &str, city: &Path, budget: &str) {
    let mut times = Vec::new();
    let (mut resident, mut peak) = (0, 0);
    for _ in 0..3 {
        let start = Instant::now();
        let server = Server::start(city, &[]);
        times.push(start.elapsed());
        assert_eq!(get(&format!("{}/readyz", server.url)).0, 200);
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let megabytes = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
        };
        (resident, peak) = (megabytes("VmRSS"), megabytes("VmHWM"));
    }
    let ready = common::median(times).as_secs_f64();
    let size = fs::metadata(city).unwrap().len() / 1_000_000;
    common::row(
        "start",
        &format!("{what}: ready in {ready:.2} s, {resident} MB resident, {peak} MB peak"),
        &format!("file {size} MB"),
        budget,
    );
}
