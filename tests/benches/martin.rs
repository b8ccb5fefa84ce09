//! Vector tiles of New York's buildings over HTTP at 8 connections, beside Martin on PostGIS with the
//! same buildings on the same machine: every tile of three zoom levels, first none of them cached,
//! then all of them, plain, in gzip and in zstd. Both sides have the same content, the name and the
//! height of each building. The clients share the machine with both servers, and so does the floor
//! of the cached tiles: a bare axum server that answers with the same bytes from memory.
//!
//! CITYWALL_MARTIN names Martin's binary; without it the rows have no yardstick and say so. The goal
//! was set with 1.14, which `cargo install martin --version =1.14.0 --locked --no-default-features
//! --features postgres,metrics` builds.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;
#[path = "common/floor.rs"]
mod floor;
#[path = "common/peer.rs"]
mod peer;
#[path = "common/postgis.rs"]
mod postgis;

use citywall_model::{Bbox, CollectionId, geometry};
use citywall_query::City;
use citywall_store::GeoPackage;
use citywall_tests::Server;
use citywall_tiles::TileId;
use floor::Floor;
use peer::{Peer, free_port};
use postgis::Postgres;
use std::{
    collections::{BTreeSet, HashMap},
    net::TcpStream,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const CONNECTIONS: usize = 8;
/// How often every tile is asked of a server that has none in its cache.
const ROUNDS: usize = 10;
/// How long cached tiles are asked for.
const CACHED: Duration = Duration::from_secs(4);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let file = common::new_york_lean(folder.path());
    let city = City::open(Arc::new(GeoPackage::open(&file).unwrap())).unwrap();
    let view = city.view(&CollectionId::new("buildings").unwrap()).unwrap();
    let mut centers = Vec::new();
    view.window(&Bbox::WORLD, |feature| centers.push(geometry::bounds(feature.geometry().unwrap()).center()));
    let program = std::env::var("CITYWALL_MARTIN").ok();
    if program.is_none() {
        println!("CITYWALL_MARTIN names no binary of Martin: its side is left out");
    }
    let postgres = program.as_ref().map(|_| postgis::buildings(&view));
    drop(view);
    drop(city);
    let tiles = |zoom| centers.iter().map(|(x, y)| TileId::at(zoom, *x, *y).unwrap()).collect::<BTreeSet<_>>();
    let paths = |zoom| -> Vec<String> {
        let path = |tile: TileId| format!("/collections/buildings/tiles/WebMercatorQuad/{zoom}/{}/{}", tile.y(), tile.x());
        tiles(zoom).into_iter().map(path).collect()
    };
    let their_paths =
        |zoom| -> Vec<String> { tiles(zoom).into_iter().map(|tile| format!("/buildings/{zoom}/{}/{}", tile.x(), tile.y())).collect() };
    for zoom in [14, 15, 16] {
        let (ours, theirs) = (paths(zoom), their_paths(zoom));

        // Both sides have drawn other tiles before; ours anew in each round, since it keeps what it has drawn.
        let (our_warm_up, their_warm_up) = (paths(zoom - 1), their_paths(zoom - 1));
        let rounds = || {
            (0..ROUNDS).map(|_| {
                let server = Server::start(&file, &[]);
                once(host(&server.url), &our_warm_up, "identity");
                once(host(&server.url), &ours, "identity")
            })
        };
        let our_side = Side::of(rounds());
        let their_side = program.as_ref().map(|program| {
            let martin = martin(program, postgres.as_ref().unwrap(), 0);
            once(&martin.address, &their_warm_up, "identity");
            Side::of((0..ROUNDS).map(|_| once(&martin.address, &theirs, "identity")))
        });
        report(&format!("zoom {zoom}, uncached, plain"), &our_side, their_side.as_ref(), "10 ×, p99 / 10");

        let server = Server::start(&file, &[]);
        let martin = program.as_ref().map(|program| martin(program, postgres.as_ref().unwrap(), 512));
        for (coding, name) in [("identity", "plain"), ("gzip", "gzip"), ("zstd", "zstd")] {
            let bodies: HashMap<String, Vec<u8>> =
                ours.iter().map(|path| (path.clone(), body(&ask(&mut connect(host(&server.url)), path, coding)).to_vec())).collect();
            let floor = Floor::start(bodies, coding);
            let floor = Side::of([again(&floor.address, &ours, "identity")].into_iter());
            let our_side = Side::of([again(host(&server.url), &ours, coding)].into_iter());
            let their_side = martin.as_ref().map(|martin| {
                once(&martin.address, &theirs, coding);
                Side::of([again(&martin.address, &theirs, coding)].into_iter())
            });
            let share = our_side.rate / floor.rate;
            report(
                &format!("zoom {zoom}, cached, {name} ({share:.2} of a bare axum answer's {:.0}/s)", floor.rate),
                &our_side,
                their_side.as_ref(),
                "24,000/s, bytes no more",
            );
        }
    }
}

/// What came of one side.
struct Side {
    rate: f64,
    p99: Duration,
    /// Bytes of a tile's body on average.
    bytes: usize,
}

/// What one run came to: its time, those of its requests, and the bytes of their bodies.
type Run = (Duration, Vec<Duration>, usize);

impl Side {
    fn of(runs: impl Iterator<Item = Run>) -> Self {
        let (mut spent, mut times, mut bytes) = (Duration::ZERO, Vec::new(), 0);
        for (its_spent, its_times, its_bytes) in runs {
            spent += its_spent;
            times.extend(its_times);
            bytes += its_bytes;
        }
        let rate = times.len() as f64 / spent.as_secs_f64();
        Self { rate, bytes: bytes / times.len(), p99: common::percentile(&mut times, 0.99) }
    }

    fn words(&self) -> String {
        format!("{:.0} tiles/s, p99 {}, {:.1} kB", self.rate, common::ms(self.p99), self.bytes as f64 / 1e3)
    }
}

fn report(what: &str, ours: &Side, theirs: Option<&Side>, goal: &str) {
    let ratio = theirs.map_or(String::new(), |theirs| format!(", {:.1} ×", ours.rate / theirs.rate));
    let yardstick = theirs.map_or("Martin was not there".to_owned(), |theirs| format!("Martin on PostGIS: {}", theirs.words()));
    common::row("martin", &format!("{what}: {}{ratio}", ours.words()), &yardstick, goal);
}

fn host(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// Every tile once.
fn once(host: &str, paths: &[String], coding: &str) -> Run {
    let next = AtomicUsize::new(0);
    over_connections(host, coding, || paths.get(next.fetch_add(1, Ordering::Relaxed)).map(String::as_str))
}

/// The tiles over and over for a while.
fn again(host: &str, paths: &[String], coding: &str) -> Run {
    let (next, end) = (AtomicUsize::new(0), Instant::now() + CACHED);
    let path = || (Instant::now() < end).then(|| paths[next.fetch_add(1, Ordering::Relaxed) % paths.len()].as_str());
    over_connections(host, coding, path)
}

fn connect(host: &str) -> TcpStream {
    let stream = TcpStream::connect(host).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn ask(stream: &mut TcpStream, path: &str, coding: &str) -> Vec<u8> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\naccept-encoding: {coding}\r\n\r\n", stream.peer_addr().unwrap());
    common::ask(stream, request.as_bytes())
}

fn body(answer: &[u8]) -> &[u8] {
    &answer[answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4..]
}

fn over_connections<'p>(host: &str, coding: &str, next: impl Fn() -> Option<&'p str> + Sync) -> Run {
    let start = Instant::now();
    let connection = || {
        let mut stream = connect(host);
        let (mut times, mut bytes) = (Vec::new(), 0);
        while let Some(path) = next() {
            let asked = Instant::now();
            let answer = ask(&mut stream, path, coding);
            times.push(asked.elapsed());
            bytes += body(&answer).len();
        }
        (times, bytes)
    };
    std::thread::scope(|scope| {
        let connections: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
        let (mut times, mut bytes) = (Vec::new(), 0);
        for connection in connections {
            let (its_times, its_bytes) = connection.join().unwrap();
            times.extend(its_times);
            bytes += its_bytes;
        }
        (start.elapsed(), times, bytes)
    })
}

/// Martin, which serves the tables of a database with a cache of so many megabytes.
fn martin(program: &str, postgres: &Postgres, cache_mb: u32) -> Peer {
    let port = free_port();
    let database = format!("postgresql://test@/postgres?host={}", postgres.socket().replace('/', "%2F"));
    let mut command = Command::new(program);
    command.args(["--listen-addresses", &format!("127.0.0.1:{port}"), "--cache-size", &cache_mb.to_string(), &database]);
    Peer::start(&mut command, port, "/buildings")
}
