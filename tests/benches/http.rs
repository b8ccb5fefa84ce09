//! Windows of 500 m on New York's buildings over HTTP as GeoJSON, over 8 connections; then, of a
//! generated layer of 1,000,000 points, the first page of what a filter selects, and all of them as
//! FlatGeobuf. The clients share the machine with the server.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_model::{CimCategory, CityProfile, LocalText, Value as Property, Wkb};
use citywall_query::City;
use citywall_store::{GeoPackage, NewFeature};
use citywall_tests::Server;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

const CONNECTIONS: usize = 8;
const WINDOWS: usize = 8_000;
/// Points of the generated layer, about as many in a degree as buildings in a city.
const POINTS: usize = 1_000_000;
const SOUTH_WEST: (f64, f64) = (117.0, 38.8);
const SIDE: f64 = 0.5;
/// Requests for first pages.
const PAGES: usize = 1_000;
/// Each export is asked so often; the median counts.
const EXPORTS: usize = 3;

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
    drop(server);
    let server = Server::start(&points(folder.path()), &[]);
    first_pages(&server.url);
    export(&server.url);
}

/// A city with generated points, evenly over a square, with a height of 0 to 300 and one of 50 kinds.
fn points(folder: &Path) -> PathBuf {
    let file = folder.join("points.gpkg");
    let city = City::open(Arc::new(GeoPackage::create(&file, &CityProfile::named("Points")).unwrap())).unwrap();
    let mut stage = city.store().stage(common::generated("points", LocalText::new("点", "Points"), CimCategory::PublicThemes)).unwrap();
    let mut random = fastrand::Rng::with_seed(20_260_301);
    let mut point = || NewFeature {
        geometry: Some(Wkb::point(SOUTH_WEST.0 + random.f64() * SIDE, SOUTH_WEST.1 + random.f64() * SIDE).unwrap()),
        values: vec![
            ("height".into(), Property::Number((random.f64() * 3_000.0).round() / 10.0)),
            ("kind".into(), Property::Text(format!("kind {}", random.u8(..50)))),
        ],
        solids: Vec::new(),
    };
    for _ in 0..POINTS / 2_000 {
        assert!(stage.write((0..2_000).map(|_| point()).collect()).unwrap().is_empty());
    }
    city.publish(stage).unwrap();
    file
}

/// First pages of 1,000, over one connection.
fn first_pages(url: &str) {
    let agent = agent();
    let mut random = fastrand::Rng::with_seed(7);
    let mut page = |what: &str, filter: &dyn Fn(&mut fastrand::Rng) -> String| {
        let (mut times, mut found, mut matched) = (Vec::new(), 0, 0);
        for at in 0..PAGES + 20 {
            let address =
                format!("{url}/collections/points/items?limit=1000&filter={}", filter(&mut random).replace(' ', "%20").replace('>', "%3E"));
            let start = Instant::now();
            let body = bytes(&agent, &address);
            // The first ones warm up both sides.
            if at >= 20 {
                times.push(start.elapsed());
                let page: Value = serde_json::from_slice(&body).unwrap();
                found += page["features"].as_array().unwrap().len();
                matched += page["numberMatched"].as_u64().unwrap();
            }
        }
        let (p50, p99) = (common::percentile(&mut times, 0.5), common::percentile(&mut times, 0.99));
        let pages = PAGES as u64;
        common::row(
            "http",
            &format!(
                "first page of at most 1,000 of {POINTS} points, {what}: p50 {}, p99 {}; {} of {} on average",
                common::ms(p50),
                common::ms(p99),
                found / PAGES,
                matched / pages
            ),
            "1 connection",
            "p99 < 20 ms",
        );
    };
    page("by a height and a window in CQL2", &|random| {
        let (x, y) = (SOUTH_WEST.0 + random.f64() * SIDE * 0.9, SOUTH_WEST.1 + random.f64() * SIDE * 0.9);
        format!("height > 200 AND S_INTERSECTS(geometry, BBOX({x}, {y}, {}, {}))", x + SIDE * 0.1, y + SIDE * 0.1)
    });
    page("by a height alone in CQL2", &|random| {
        let low = random.f64() * 298.0;
        format!("height BETWEEN {low} AND {}", low + 2.0)
    });
}

/// All points in one answer.
fn export(url: &str) {
    let agent = agent();
    let rate = |form: &str| {
        let round = |_| {
            let start = Instant::now();
            let size = bytes(&agent, &format!("{url}/collections/points/items?f={form}")).len();
            assert!(size > POINTS * 20, "{form}: {size} bytes");
            start.elapsed()
        };
        POINTS as f64 / common::median((0..EXPORTS).map(round).collect()).as_secs_f64()
    };
    let (flatgeobuf, csv) = (rate("fgb"), rate("csv"));
    common::row(
        "http",
        &format!("{POINTS} points with two attributes as FlatGeobuf: {flatgeobuf:.0} features/s"),
        &format!("as CSV {csv:.0} features/s"),
        "> 500,000 features/s",
    );
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(60))).build().into()
}

fn bytes(agent: &ureq::Agent, address: &str) -> Vec<u8> {
    let mut response = agent.get(address).header("Accept-Encoding", "identity").call().unwrap();
    response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap()
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
