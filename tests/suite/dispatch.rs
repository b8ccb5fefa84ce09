//! A real dispatch feed through the server: the past that it answers is a fold of the file, and so is what
//! a wall shows that looked on while the server was killed.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, citywall_ok, full_length, post, shared, small_city, wall::HeldWall};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader},
    thread,
    time::{Duration, Instant},
};

/// One row: when it was seen, whose it is, and whether it is there from then on.
struct Row {
    seen: String,
    key: String,
    open: bool,
    json: Value,
}

fn rows() -> Vec<Row> {
    let file = GzDecoder::new(File::open(shared("events/san_mateo_dispatch.ndjson.gz")).unwrap());
    let row = |line: std::io::Result<String>| {
        let json: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        Row { seen: text("seen"), key: format!("{}|{}", text("id"), text("date")), open: json["op"] == "upsert", json }
    };
    BufReader::new(file).lines().map(row).collect()
}

/// A row as a record of the server's own form.
fn record(row: &Row) -> String {
    let place = row.json["longitude"].as_f64().zip(row.json["latitude"].as_f64());
    let mut record = json!({
        "type": "Feature", "id": row.key,
        "properties": {"source": "dispatch", "time": row.seen, "status": if row.open { "open" } else { "cleared" }},
    });
    if row.open {
        record["properties"]["title"] = row.json["summary"].clone();
        record["properties"]["category"] = row.json["category"].clone();
        if let Some((x, y)) = place {
            record["geometry"] = json!({"type": "Point", "coordinates": [x, y]});
        }
    }
    record.to_string() + "\n"
}

/// What is open after the rows for which `counts` holds.
fn fold(rows: &[Row], counts: impl Fn(usize, &Row) -> bool) -> BTreeSet<&str> {
    let mut open = BTreeSet::new();
    for (_, row) in rows.iter().enumerate().filter(|(at, row)| counts(*at, row)) {
        if row.open {
            open.insert(&*row.key)
        } else {
            open.remove(&*row.key)
        };
    }
    open
}

/// The ids of all items that a question finds, page by page.
fn ids(server: &Server, query: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut path = Some(format!("/collections/events/items?{query}&properties=status&limit=10000"));
    while let Some(page) = path.take() {
        let page = server.json(&page);
        ids.extend(page["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_str().unwrap().to_owned()));
        let next = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next");
        path = next.map(|link| link["href"].as_str().unwrap().trim_start_matches(&server.url).to_owned());
    }
    ids
}

#[test]
fn soak_the_whole_feed_replays_and_any_instant_is_a_fold_of_the_file() {
    let instants = if full_length() { 200 } else { 10 };
    let dir = tempfile::tempdir().unwrap();
    let city = small_city(dir.path());
    let server = Server::start(&city, &[]);
    let url = format!("{}/collections/events/items", server.url);
    let rows = rows();
    assert_eq!(rows.len(), 338_572, "the whole file");
    let start = std::time::Instant::now();
    // Where a batch ended, and the revision then.
    let mut recorded = Vec::new();
    for (at, batch) in rows.chunks(5_000).enumerate() {
        let body: String = batch.iter().map(record).collect();
        let (status, answer) = post(&url, "application/x-ndjson", &body);
        assert_eq!(status, 200, "{answer}");
        let receipts: Vec<Value> = serde_json::from_str(&answer).unwrap();
        assert_eq!(receipts.len(), batch.len());
        assert!(receipts.iter().all(|receipt| receipt["revision"].is_u64()), "batch {at}");
        recorded.push(((at + 1) * 5_000, server.json("/city")["revision"].as_u64().unwrap()));
    }
    println!("{} rows in {:.1?}", rows.len(), start.elapsed());
    let keys: BTreeMap<&str, bool> = rows.iter().map(|row| (&*row.key, row.open)).collect();
    let collection = server.json("/collections/events");
    assert_eq!(collection["count"], keys.len());
    assert_eq!(collection["open"], keys.values().filter(|open| **open).count());
    // What never got a place is kept as well as what did.
    let placed: BTreeSet<&str> = rows.iter().filter(|row| row.json["longitude"].is_f64()).map(|row| &*row.key).collect();
    let without = server.json("/collections/events/items?limit=1&filter=geometry%20IS%20NULL")["numberMatched"].as_u64().unwrap();
    assert_eq!(without, (keys.len() - placed.len()) as u64);

    let mut random = fastrand::Rng::with_seed(20_260_301);
    let start = std::time::Instant::now();
    for n in 0..instants {
        // Half of them the very second of a row, half any second of a day in which there were rows.
        let seen = &rows[random.usize(..rows.len())].seen;
        let instant = match n % 2 {
            0 => seen.clone(),
            _ => format!("{}T{:02}:{:02}:{:02}Z", &seen[..10], random.u32(..24), random.u32(..60), random.u32(..60)),
        };
        let found = ids(&server, &format!("datetime={instant}"));
        let expected = fold(&rows, |_, row| row.seen <= instant);
        assert!(
            found.iter().map(String::as_str).eq(expected.iter().copied()),
            "{instant}: {} found, {} expected",
            found.len(),
            expected.len()
        );
    }
    println!("{instants} instants in {:.1?}", start.elapsed());
    // An interval: what was open at its start, and all that opened within it.
    for _ in 0..instants / 10 {
        let first = random.usize(..rows.len() - 3_000);
        let (from, to) = (&rows[first].seen, &rows[first + random.usize(..3_000)].seen);
        let mut expected = fold(&rows, |_, row| row.seen <= *from);
        let mut at_end: BTreeMap<(&str, &str), bool> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.seen > *from && row.seen <= *to) {
            at_end.insert((&row.key, &row.seen), row.open);
        }
        expected.extend(at_end.into_iter().filter(|(_, open)| *open).map(|((key, _), _)| key));
        let found = ids(&server, &format!("datetime={from}/{to}"));
        assert!(
            found.iter().map(String::as_str).eq(expected.iter().copied()),
            "{from}/{to}: {} found, {} expected",
            found.len(),
            expected.len()
        );
    }
    // As it was recorded: the same fold, by rows instead of by time.
    for _ in 0..instants / 10 {
        let (end, revision) = recorded[random.usize(..recorded.len())];
        let found = ids(&server, &format!("as-of={revision}&status=open"));
        let expected = fold(&rows, |at, _| at < end);
        assert!(found.iter().map(String::as_str).eq(expected.iter().copied()), "as of {revision}");
    }
    // Sent again as a whole, it changes nothing.
    let before = server.json("/city")["revision"].clone();
    let body: String = rows[rows.len() - 5_000..].iter().map(record).collect();
    assert_eq!(post(&url, "application/x-ndjson", &body).0, 200);
    assert_eq!(ids(&server, &format!("as-of={before}&status=open")).len(), fold(&rows, |_, _| true).len());
    assert_eq!(server.json("/collections/events")["count"], keys.len());
    assert_eq!(server.terminate(), 0);
}

/// Replays rows before a wall in some time, with the server killed three times. Memory is taken when a sixth of
/// the time has passed (of an hour: ten minutes), and at the end.
fn watched(rows: &[Row], time: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path().join("demo.gpkg");
    citywall_ok(&["demo", "--city", city.to_str().unwrap()]);
    let mut server = Server::start(&city, &[]);
    let wall = HeldWall::start(&server, &[]);
    let (start, mut sent, mut killed, mut early_mb) = (Instant::now(), 0, 0, None);
    while sent < rows.len() {
        let share = start.elapsed().div_duration_f64(time).min(1.0);
        let due = (share * rows.len() as f64) as usize;
        if due > sent {
            let body: String = rows[sent..due].iter().map(record).collect();
            let (status, answer) = post(&format!("{}/collections/events/items", server.url), "application/x-ndjson", &body);
            assert_eq!(status, 200, "{answer}");
            sent = due;
        }
        if share > f64::from(killed + 1) / 4.0 && killed < 3 {
            server = server.kill_and_restart(&city);
            killed += 1;
        }
        if early_mb.is_none() && share > 1.0 / 6.0 {
            early_mb = Some(wall.memory_mb());
        }
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(killed, 3);
    // A wall that has lost its server tries again at least every five seconds.
    thread::sleep(Duration::from_secs(10));
    let (early_mb, late_mb) = (early_mb.unwrap(), wall.memory_mb());
    let said = wall.ask();
    let shown: BTreeSet<&str> = said["open"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let expected = fold(rows, |_, _| true);
    println!(
        "{} rows in {:.0?}: {} open; the wall took {early_mb:.0} MB, at the end {late_mb:.0} MB",
        rows.len(),
        start.elapsed(),
        shown.len()
    );
    assert_eq!(said["current"], json!(true), "{said}");
    assert_eq!(shown, expected);
    assert!(late_mb <= early_mb * MEMORY_GROWTH_MAX, "the wall's memory grew from {early_mb:.0} to {late_mb:.0} MB");
}

/// What an allocator may take and give back in between.
const MEMORY_GROWTH_MAX: f64 = 1.05;

/// Rows of five minutes, if the whole file is replayed in an hour. They end where many are open.
fn five_minutes(rows: &[Row]) -> &[Row] {
    const END: usize = 33_758;
    &rows[END - rows.len() / 12..END]
}

#[test]
fn a_wall_ends_with_the_right_open_set_though_its_server_was_killed_thrice() {
    watched(five_minutes(&rows()), Duration::from_secs(16));
}

#[test]
fn soak_a_wall_sees_the_whole_feed_within_an_hour() {
    if full_length() {
        watched(&rows(), Duration::from_secs(3600));
    }
}
