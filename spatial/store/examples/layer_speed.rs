//! How fast a layer is written, published, read back and replaced, and how long an event's
//! acknowledgement takes meanwhile.
//!
//! `cargo run --release -p citywall-store --example layer_speed -- [ROWS] [FOLDER]`, by default
//! 1,000,000 rows in the system's folder for temporary files.
#![allow(clippy::unwrap_used)]

use citywall_model::{Areas, Change, CimCategory, CityProfile, CollectionId, CollectionKind, LiveParts, LocalText, Revision, Value, Wkb};
use citywall_store::{CityStore, GeoPackage, LayerDraft, NewFeature};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

const KINDS: [&str; 6] = ["residential", "office", "school", "hospital", "retail", "industrial"];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rows: usize = arguments.next().map_or(1_000_000, |n| n.parse().unwrap());
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let path = folder.path().join("city.gpkg");
    let store = GeoPackage::create(&path, &CityProfile::named("Speed")).unwrap();
    let id = CollectionId::new("buildings").unwrap();
    store
        .create_live(
            &CollectionId::new("events").unwrap(),
            CollectionKind::Incidents,
            &LocalText::new("事件", "Events"),
            CimCategory::PublicThemes,
            true,
        )
        .unwrap();

    for version in 1..=2 {
        let (seconds, waits) = while_events_come(&store, || write(&store, &id, rows));
        report(&format!("version {version}: staged and published with the one before removed"), rows, seconds);
        println!(
            "  {} events meanwhile, acknowledged in: median {:?}, p99 {:?}, longest {:?}",
            waits.len(),
            at(&waits, 50),
            at(&waits, 99),
            at(&waits, 100)
        );
    }
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("the file: {} MB", bytes / 1_000_000);

    let start = Clock::start();
    let table = store.load_layer(&id).unwrap();
    report("loaded", table.len(), start.spent());
    drop(table);
    let start = Clock::start();
    let faults = store.verify().unwrap();
    report(&format!("verified, {} faults", faults.len()), rows, start.spent());
    let start = Clock::start();
    store.backup(&folder.path().join("copy.gpkg"), &mut |_, _| {}).unwrap();
    report("backed up", rows, start.spent());
    let start = Clock::start();
    drop(store);
    report("closed", rows, start.spent());

    // What a killed import leaves, and how long the next start takes to sweep it.
    let store = GeoPackage::open(&path).unwrap();
    let mut stage = store.stage(draft(&CollectionId::new("killed").unwrap())).unwrap();
    for from in (0..rows).step_by(2_000) {
        stage.write((from..rows.min(from + 2_000)).map(building).collect()).unwrap();
    }
    std::mem::forget(stage);
    let copy = folder.path().join("killed.gpkg");
    for suffix in ["", "-wal"] {
        std::fs::copy(format!("{}{suffix}", path.display()), format!("{}{suffix}", copy.display())).unwrap();
    }
    let start = Clock::start();
    drop(GeoPackage::open(&copy).unwrap());
    report("opened after a killed import", rows, start.spent());
}

fn draft(id: &CollectionId) -> LayerDraft {
    LayerDraft {
        id: id.clone(),
        title: LocalText::new("建筑", "Buildings"),
        category: CimCategory::SpatiotemporalBase,
        source: "generated".to_owned(),
        source_crs: "EPSG:4326".to_owned(),
        storage_crs: 4326,
        generated: true,
        id_field: None,
    }
}

fn write(store: &GeoPackage, id: &CollectionId, rows: usize) -> Spent {
    let mut stage = store.stage(draft(id)).unwrap();
    let mut spent = Spent::default();
    for from in (0..rows).step_by(2_000) {
        let features = (from..rows.min(from + 2_000)).map(building).collect();
        let start = Clock::start();
        stage.write(features).unwrap();
        spent = spent.and(start.spent());
    }
    let start = Clock::start();
    stage.publish().unwrap();
    println!("  publish took {:.2?} of them", start.spent().wall);
    spent.and(start.spent())
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows is small")]
fn building(i: usize) -> NewFeature {
    thread_local!(static NAMES: [Arc<str>; 6] = ["kind", "floors", "height", "street", "year", "code"].map(Arc::from));
    let (x, y) = (117.0 + (i % 1000) as f64 * 0.001, 39.0 + (i / 1000) as f64 * 0.001);
    let corners = vec![(x, y), (x + 0.0005, y), (x + 0.0005, y + 0.0005), (x, y + 0.0005), (x, y)];
    let geometry = Wkb::from_geo(&geo_types::Geometry::Polygon(geo_types::Polygon::new(corners.into(), vec![]))).unwrap();
    let number = i64::try_from(i).unwrap();
    let values = [
        Value::Text(KINDS[i % KINDS.len()].to_owned()),
        Value::Integer(number % 40),
        Value::Number(i as f64 * 0.125 % 200.0),
        Value::Text(format!("街道 {}", i % 281)),
        Value::Integer(1950 + number % 75),
        Value::Text(format!("B{i:08}")),
    ];
    NewFeature { geometry: Some(geometry), values: NAMES.with(|names| names.iter().cloned().zip(values).collect()), solids: Vec::new() }
}

/// A stopwatch that also tells the processor time of the thread, since the machine may be busy.
#[derive(Clone, Copy)]
struct Clock(Instant, Duration);

impl Clock {
    fn start() -> Self {
        Self(Instant::now(), thread_time())
    }

    fn spent(self) -> Spent {
        Spent { wall: self.0.elapsed(), processor: thread_time().saturating_sub(self.1) }
    }
}

#[derive(Clone, Copy, Default)]
struct Spent {
    wall: Duration,
    processor: Duration,
}

impl Spent {
    fn and(self, more: Self) -> Self {
        Self { wall: self.wall + more.wall, processor: self.processor + more.processor }
    }
}

/// Linux's account of the thread; zero elsewhere.
fn thread_time() -> Duration {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(account.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0))
}

/// Posts an event every few milliseconds while something runs; returns its time and the waits.
fn while_events_come(store: &GeoPackage, work: impl FnOnce() -> Spent) -> (Spent, Vec<Duration>) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let events = scope.spawn(|| {
            let mut waits = Vec::new();
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(3));
                let start = Instant::now();
                // A publication may take the number; then the next one is asked for.
                while store.append(&[event(store.revision().next())]).is_err() {}
                waits.push(start.elapsed());
            }
            waits.sort_unstable();
            waits
        });
        let spent = work();
        done.store(true, Ordering::Relaxed);
        (spent, events.join().unwrap())
    })
}

fn event(revision: Revision) -> Change {
    let item = LiveParts {
        fid: revision.0,
        id: format!("E-{revision}").into(),
        source: "12345".into(),
        time: jiff::Timestamp::now(),
        since: jiff::Timestamp::now(),
        areas: Areas::default(),
        revision,
        geometry: Some(Wkb::point(117.2, 39.1).unwrap()),
        properties: serde_json::json!({"title": "积水", "level": 2, "status": "open"}).as_object().unwrap().clone(),
    };
    Change { collection: CollectionId::new("events").unwrap(), item: item.into(), before: None, late: false, actor: "speed".into() }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get(((sorted.len() * percent) / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows is small")]
fn report(what: &str, rows: usize, Spent { wall, processor }: Spent) {
    let rate = |time: Duration| rows as f64 / time.as_secs_f64();
    println!("{what}: {wall:.2?}, {:.0} rows/s; of the processor {processor:.2?}, {:.0} rows/s", rate(wall), rate(processor));
}
