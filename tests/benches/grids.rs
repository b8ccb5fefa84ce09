//! How many of 3,000,000 points lie in each of the demo city's 20,795 grids, joined and counted on
//! both cores, beside DuckDB's spatial join, GeoPandas and PostGIS with the same points and grids.
//! Everything is loaded, indexed and in memory before a clock runs. The points are generated, evenly
//! over the grids' extent.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;
#[path = "common/postgis.rs"]
mod database;

use citywall_analysis::{
    Budget,
    join::{Relation, Side, counts, read},
};
use citywall_model::{CimCategory, CollectionId, LocalText, Wkb};
use citywall_query::{City, CollectionView, ItemsQuery};
use citywall_store::{GeoPackage, NewFeature};
use citywall_tests::{Server, citywall_ok, get, peers, root, run};
use database::{Postgres, hex};
use std::{
    fmt::Write,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const POINTS: usize = 3_000_000;
/// Each side is asked so often; the median counts.
const ROUNDS: usize = 3;
const GOAL: &str = "< 0.6 s; 4 × DuckDB, 8 × GeoPandas, 10 × PostGIS";

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demo.gpkg");
    citywall_ok(&["demo", "--city", file.to_str().unwrap(), "--scale", "small"]);
    let city = City::open(Arc::new(GeoPackage::open(&file).unwrap())).unwrap();
    let view = |name: &str| city.view(&CollectionId::new(name).unwrap()).unwrap();
    let extent = view("grids").meta().extent.unwrap();
    let mut random = fastrand::Rng::with_seed(20_260_301);
    let mut place =
        || [extent.x_min + random.f64() * (extent.x_max - extent.x_min), extent.y_min + random.f64() * (extent.y_max - extent.y_min)];
    let points: Vec<[f64; 2]> = (0..POINTS).map(|_| place()).collect();
    store(&city, &points);

    let (points_view, grids_view) = (view("points"), view("grids"));
    let query = ItemsQuery::default();
    let side = |view| Side { view, query: &query, properties: &[] };
    let mut found = Vec::new();
    let ours = timed(|| {
        let grids = read(&side(&grids_view), &mut Budget::default()).unwrap();
        found = counts(&side(&points_view), &grids, Relation::Intersects, &Budget::default()).unwrap();
    });
    let (grids, pairs) = (found.len(), found.iter().sum::<u64>());
    let row = |result: &str, yardstick: &str| common::row("grids", result, yardstick, GOAL);
    row(&format!("{POINTS} points in {grids} grids, in process: {}; {pairs} pairs", seconds(ours)), "the rows below");

    let grids = grids_as_hex(&grids_view);
    let beside = |peer: &str, theirs: Duration, said: u64| {
        // On a shared edge a point lies in two grids for all of them alike.
        assert_eq!(said, pairs, "{peer}");
        row(
            &format!("{POINTS} points in {} grids, in process: {:.1} ×", grids.len(), theirs.as_secs_f64() / ours.as_secs_f64()),
            &format!("{peer} {}", seconds(theirs)),
        );
    };
    let (time, said) = postgis(&points, &grids);
    beside("PostGIS, points read against the grids' index", time, said);
    for (peer, time, said) in in_python(folder.path(), &points, &grids) {
        beside(&peer, time, said);
    }

    drop((points_view, grids_view, city));
    let server = Server::start(&file, &[]);
    let address = format!("{}/query/join?left=points&right=grids&relation=intersects&result=counts", server.url);
    let over_http = timed(|| {
        let (status, body) = get(&address);
        assert_eq!(status, 200, "{}", body.chars().take(500).collect::<String>());
    });
    row(&format!("{POINTS} points in {} grids, over HTTP: {}", grids.len(), seconds(over_http)), "the rows above");
}

/// The median time of a few rounds.
fn timed(mut work: impl FnMut()) -> Duration {
    let round = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    common::median((0..ROUNDS).map(round).collect())
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// The points as a layer.
fn store(city: &City, points: &[[f64; 2]]) {
    let mut stage = city.store().stage(common::generated("points", LocalText::new("点", "Points"), CimCategory::PublicThemes)).unwrap();
    for chunk in points.chunks(2_000) {
        let feature = |[x, y]: &[f64; 2]| NewFeature { geometry: Some(Wkb::point(*x, *y).unwrap()), ..NewFeature::default() };
        assert!(stage.write(chunk.iter().map(feature).collect()).unwrap().is_empty());
    }
    city.publish(stage).unwrap();
}

/// The grids' geometries as hexadecimal WKB.
fn grids_as_hex(view: &CollectionView) -> Vec<String> {
    let mut all = Vec::new();
    view.each(&ItemsQuery::default(), |item| {
        all.push(hex(item.geometry().unwrap()));
        true
    });
    all
}

/// The plan that goes through the points and asks the grids' index; and how many pairs it finds.
fn postgis(points: &[[f64; 2]], grids: &[String]) -> (Duration, u64) {
    let postgres = Postgres::start();
    let mut sql = String::from("CREATE EXTENSION postgis; CREATE TABLE points (x float8, y float8);\nCOPY points FROM stdin;\n");
    points.iter().for_each(|[x, y]| writeln!(sql, "{x}\t{y}").unwrap());
    sql.push_str("\\.\nCREATE TABLE grids (n serial, g geometry);\nCOPY grids (g) FROM stdin;\n");
    grids.iter().for_each(|grid| writeln!(sql, "{grid}").unwrap());
    sql.push_str(
        "\\.\nUPDATE grids SET g = ST_SetSRID(g, 4326);
         CREATE TABLE places AS SELECT ST_SetSRID(ST_MakePoint(x, y), 4326) AS p FROM points; DROP TABLE points;
         CREATE INDEX ON grids USING gist (g); VACUUM FULL ANALYZE grids; VACUUM ANALYZE places;\n",
    );
    postgres.run(&sql);
    let question = "SET max_parallel_workers_per_gather = 2; SET enable_hashjoin = off; SET enable_mergejoin = off; SET work_mem = '512MB';
        SELECT sum(c) FROM (SELECT r.n, count(*) AS c FROM places LEFT JOIN grids r ON ST_Intersects(r.g, p) WHERE r.n IS NOT NULL GROUP BY r.n) AS counted;";
    let mut said = String::new();
    let time = timed(|| said = postgres.run(question));
    (time, said.trim().parse().unwrap())
}

/// What a peer in Python is called, its time and its pairs.
type Peer = (String, Duration, u64);

/// The peers in Python, each with its own best way to join and count.
fn in_python(folder: &Path, points: &[[f64; 2]], grids: &[String]) -> Vec<Peer> {
    let (points_file, grids_file) = (folder.join("points.f64"), folder.join("grids.hex"));
    fs::write(&points_file, points.iter().flatten().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    fs::write(&grids_file, grids.join("\n")).unwrap();
    let script = root().join("tests/python/grids_peers.py");
    let rounds = ROUNDS.to_string();
    let arguments = [script.to_str().unwrap(), points_file.to_str().unwrap(), grids_file.to_str().unwrap(), &rounds];
    let said = run(peers().to_str().unwrap(), &arguments);
    let peer = |line: &str| {
        let [name, time, pairs]: [&str; 3] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        (String::from(name), Duration::from_secs_f64(time.parse().unwrap()), pairs.parse().unwrap())
    };
    said.lines().map(peer).collect()
}
