//! Windows of 500 m on New York's buildings over HTTP as GeoJSON, over 8 connections; the clients
//! share the machine with the server.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_tests::Server;
use serde_json::Value;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 8;
const WINDOWS: usize = 8_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&common::new_york(folder.path()), &[]);
    let collection = server.json("/collections/buildings");
    let extent: Vec<f64> = collection["extent"]["spatial"]["bbox"][0].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    let windows = common::windows(extent.try_into().unwrap(), WINDOWS);
    let start = Instant::now();
    let (mut times, mut bytes) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let clients: Vec<_> = windows.chunks(WINDOWS / CONNECTIONS).map(|windows| scope.spawn(|| client(&server.url, windows))).collect();
        for client in clients {
            let (its_times, its_bytes) = client.join().unwrap();
            times.extend(its_times);
            bytes += its_bytes;
        }
    });
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    let (p50, p99) = (common::percentile(&mut times, 0.5), common::percentile(&mut times, 0.99));
    let size = bytes / times.len() / 1000;
    common::row(
        "http",
        &format!("p50 {}, p99 {}, {rate:.0} requests/s, {size} kB on average", common::ms(p50), common::ms(p99)),
        &format!("{CONNECTIONS} connections"),
        "p99 < 10 ms",
    );
}

/// One connection, kept open.
fn client(url: &str, windows: &[[f64; 4]]) -> (Vec<Duration>, usize) {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into();
    let mut bytes = 0;
    let mut ask = |[x0, y0, x1, y1]: [f64; 4]| {
        let start = Instant::now();
        let address = format!("{url}/collections/buildings/items?limit=10000&bbox={x0},{y0},{x1},{y1}");
        let mut response =
            agent.get(address).header("Accept", "application/geo+json").header("Accept-Encoding", "identity").call().unwrap();
        bytes += response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap().len();
        start.elapsed()
    };
    // The first ones open the connection and warm up both sides.
    windows.iter().take(20).for_each(|window| {
        ask(*window);
    });
    let times = windows.iter().map(|window| ask(*window)).collect();
    (times, bytes)
}
