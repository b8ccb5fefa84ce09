//! A real city's record of incidents in size: 14,310,000 with `CITYWALL_RECORD_ITEMS=14310000`,
//! 500,000 without. The incidents are generated; each is one record with its last status.
//!
//! They go in through the engine's own way in (merged, placed in their areas, journalled and
//! flushed). Measured then: the restart, its memory, and the status by area over HTTP.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_model::{CimCategory, CollectionId, CollectionKind, EventDraft, LocalText, Properties, Wkb};
use citywall_query::City;
use citywall_store::{CityStore, GeoPackage};
use citywall_tests::{Server, citywall_ok, get};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

const BATCH: u64 = 20_000;
const TITLES: [&str; 5] = ["路灯损坏", "占道经营", "井盖缺失", "积水", "暴露垃圾"];

fn main() {
    let items: u64 = std::env::var("CITYWALL_RECORD_ITEMS").map_or(500_000, |items| items.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("record.gpkg");
    citywall_ok(&["demo", "--city", file.to_str().unwrap(), "--scale", "small"]);
    let open = load(&file, items);
    measure(&file, items, open);
}

/// Ingests the incidents; returns how many of them are open.
fn load(file: &Path, items: u64) -> u64 {
    let store: Arc<dyn CityStore> = Arc::new(GeoPackage::open(file).unwrap());
    let city = City::open(store.clone()).unwrap();
    let events = CollectionId::new("events").unwrap();
    city.create_live(&events, CollectionKind::Incidents, &LocalText::new("事件", "Events"), CimCategory::IotSensing, true).unwrap();
    let (start, next, open) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(BATCH, Ordering::Relaxed);
                    if from >= items {
                        return;
                    }
                    let batch: Vec<EventDraft> = (from..items.min(from + BATCH)).map(incident).collect();
                    open.fetch_add(batch.iter().filter(|draft| draft.properties["status"] == "open").count() as u64, Ordering::Relaxed);
                    assert!(city.ingest(&events, batch, "record").unwrap().iter().all(Result::is_ok));
                }
            });
        }
    });
    let took = start.elapsed().as_secs_f64();
    let start = Instant::now();
    store.checkpoint().unwrap();
    let folded = start.elapsed().as_secs_f64();
    drop(city);
    let size = fs::metadata(file).unwrap().len() / 1_000_000;
    common::row(
        "record",
        &format!("{items} generated incidents: {:.0} a second into the engine, with their areas, durable", items as f64 / took),
        &format!("folded into the table in {folded:.1} s; file {size} MB"),
        "–",
    );
    open.into_inner()
}

/// The nth incident: somewhere in the six central districts' rectangle, over twelve years.
fn incident(n: u64) -> EventDraft {
    let mut random = fastrand::Rng::with_seed(n);
    let mut properties = Properties::new();
    properties.insert("title".to_owned(), TITLES[random.usize(..TITLES.len())].into());
    properties.insert("class".to_owned(), format!("GB/T 30428.2-2013:01{:02}", random.u8(1..40)).into());
    properties.insert("level".to_owned(), random.u8(1..5).into());
    properties.insert("status".to_owned(), if random.u8(..100) < 3 { "open" } else { "cleared" }.into());
    let began = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 16_071) + SignedDuration::from_secs((n * 26).cast_signed());
    EventDraft {
        id: format!("r{n:08}"),
        source: Some("12345".to_owned()),
        time: Some(began),
        geometry: Some(Some(Wkb::point(117.0 + random.f64() * 0.4, 38.95 + random.f64() * 0.3).unwrap())),
        properties,
    }
}

fn measure(file: &Path, items: u64, open: u64) {
    let start = Instant::now();
    let server = Server::start(file, &[]);
    let ready = start.elapsed().as_secs_f64();
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let megabytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    common::row(
        "record",
        &format!(
            "restart with {items} incidents: ready in {ready:.1} s, {} MB resident, {} MB peak",
            megabytes("VmRSS"),
            megabytes("VmHWM")
        ),
        &format!("{:.0} incidents a second", items as f64 / ready),
        "< 30 s, < 6,000 MB",
    );
    for level in ["district", "street"] {
        let question = format!("{}/query/aggregate?collection=events&by={level}&measures=count,open", server.url);
        let mut times = Vec::new();
        for _ in 0..21 {
            let start = Instant::now();
            let (status, answer) = get(&question);
            times.push(start.elapsed());
            assert_eq!(status, 200, "{answer}");
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let sum = |name: &str| answer["groups"].as_array().unwrap().iter().map(|group| group[name].as_u64().unwrap()).sum::<u64>();
            assert_eq!((sum("count"), sum("open")), (items, open), "every incident is counted once");
        }
        // A filter makes it a walk over all items.
        let start = Instant::now();
        let (status, _) = get(&format!("{question}&filter=level%20%3E%200"));
        let walk =
            if status == 200 { format!("{:.0} ms", start.elapsed().as_secs_f64() * 1e3) } else { "more than it may take".to_owned() };
        common::row(
            "record",
            &format!("status of {items} incidents by {level}: {} (median of 21)", common::ms(common::median(times))),
            &format!("with a filter, which looks at each: {walk}"),
            "< 50 ms",
        );
    }
}
