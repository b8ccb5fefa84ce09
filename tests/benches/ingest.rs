//! Durable ingest over HTTP with grid assignment: NDJSON batches, and single events over 64
//! connections. The clients share the machine with the server; what the server itself needed is
//! counted by its time on the cores.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_tests::{Server, citywall_ok, run};
use std::{
    fmt::Write as _,
    net::TcpStream,
    time::{Duration, Instant},
};

const BATCHES: usize = 60;
const BATCH: usize = 5_000;
const SINGLES: usize = 40_000;
const CONNECTIONS: usize = 64;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path().join("demo.gpkg");
    citywall_ok(&["demo", "--city", city.to_str().unwrap(), "--scale", "small"]);
    let server = Server::start(&city, &[]);
    let floor = sqlite_floor(folder.path());

    // Places anywhere in the six central districts' rectangle, so that nearly all lie in a grid.
    let mut random = fastrand::Rng::with_seed(7);
    let mut event = |id: String| {
        let (x, y) = (117.0 + random.f64() * 0.4, 38.95 + random.f64() * 0.3);
        let level = random.u8(1..5);
        format!(
            r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Point","coordinates":[{x:.6},{y:.6}]}},"properties":{{"source":"bench","time":"2026-03-01T08:15:00Z","title":"路灯损坏","level":{level},"status":"open","class":"GB/T 30428.2-2013:0101"}}}}"#
        )
    };
    let mut lines = |batch: usize| {
        (0..BATCH).fold(String::new(), |mut body, at| {
            writeln!(body, "{}", event(format!("b{batch}-{at}"))).unwrap();
            body
        })
    };
    let batches: Vec<Vec<u8>> = (0..BATCHES).map(|batch| request("application/x-ndjson", &lines(batch))).collect();
    let singles: Vec<Vec<u8>> = (0..SINGLES).map(|at| request("application/geo+json", &event(format!("s{at}")))).collect();

    let (took, busy) = load(&server, &batches, 2);
    let events = (BATCHES * BATCH) as f64;
    let before = server.json("/collections/events/items?limit=1")["numberMatched"].as_u64().unwrap();
    assert_eq!(before as usize, BATCHES * BATCH, "every acknowledged event is there");
    common::row(
        "ingest",
        &format!(
            "NDJSON batches of {BATCH}: {:.0} events/s durable with their grid; {:.0} events per second of the server's time on a core",
            events / took.as_secs_f64(),
            events / busy.as_secs_f64()
        ),
        &format!("SQLite alone, prepared inserts of as many rows in as many flushed transactions: {floor:.0} rows/s"),
        "≥ 150,000 events/s",
    );

    let (took, busy) = load(&server, &singles, CONNECTIONS);
    let after = server.json("/collections/events/items?limit=1")["numberMatched"].as_u64().unwrap();
    assert_eq!((after - before) as usize, SINGLES);
    common::row(
        "ingest",
        &format!(
            "single events, {CONNECTIONS} connections: {:.0} events/s durable; {:.0} per second of the server's time on a core",
            SINGLES as f64 / took.as_secs_f64(),
            SINGLES as f64 / busy.as_secs_f64()
        ),
        "the clients need the rest of the two cores",
        "≥ 20,000 events/s",
    );
}

fn request(media: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST /collections/events/items HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// Sends every request over some connections, kept open; how long it took, by the clock and by the
/// server's time on the cores.
fn load(server: &Server, requests: &[Vec<u8>], connections: usize) -> (Duration, Duration) {
    let address = server.url.strip_prefix("http://").unwrap();
    let (start, busy) = (Instant::now(), common::on_cores(server.pid()));
    std::thread::scope(|scope| {
        for mine in requests.chunks(requests.len().div_ceil(connections)) {
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                mine.iter().for_each(|request| drop(common::ask(&mut stream, request)));
            });
        }
    });
    (start.elapsed(), common::on_cores(server.pid()) - busy)
}

/// What SQLite alone does with rows of this size: the floor under any journal in it.
fn sqlite_floor(folder: &std::path::Path) -> f64 {
    let script = r#"
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c BLOB, d TEXT)")
rows = [("bench-%d" % i, b"0" * 60, "x" * 150) for i in range(5000)]
start = time.monotonic()
for batch in range(40):
    db.execute("BEGIN"); db.executemany("INSERT INTO t (b, c, d) VALUES (?, ?, ?)", rows); db.execute("COMMIT")
print(200000 / (time.monotonic() - start))
"#;
    run("/usr/bin/python3", &["-c", script, folder.join("floor.db").to_str().unwrap()]).trim().parse().unwrap()
}
