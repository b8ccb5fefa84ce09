//! 3D Tiles of New York's buildings and of the demo's 1,000,000: the whole tileset on the machine's
//! cores, its bytes to the building, the block masses of the whole city, and the slowest single tile.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_model::{CollectionId, Grid};
use citywall_query::City;
use citywall_store::{CityStore, GeoPackage};
use citywall_tests::citywall_ok;
use citywall_tiles::Coding;
use citywall_tiles3d::{Plan, Setting, content, overview};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const THREADS: usize = 2;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    measure("New York", &common::new_york(folder.path()), "5 s, 120 bytes");
    let demo = folder.path().join("city.gpkg");
    citywall_ok(&["demo", "--city", demo.to_str().unwrap(), "--scale", "city"]);
    measure("demo", &demo, "60 s, 10 MB, 50 ms");
}

fn measure(name: &str, file: &Path, goal: &str) {
    let store: Arc<dyn CityStore> = Arc::new(GeoPackage::open(file).unwrap());
    let city = City::open(store.clone()).unwrap();
    let view = city.view(&CollectionId::new("buildings").unwrap()).unwrap();
    let ground = |longitude, latitude| city.ground_height_m(longitude, latitude);
    let setting = Setting { geoid_offset_m: city.profile().geoid_offset_m, ground_m: &ground };
    let ranges: Vec<(f32, f32)> = city.collections().iter().filter_map(|view| view.grid().and_then(Grid::range_m)).collect();
    let grounds =
        ranges.iter().fold([0.0_f64, 0.0], |[low, high], (least, greatest)| [low.min((*least).into()), high.max((*greatest).into())]);

    let start = Instant::now();
    let plan = Plan::of(&view, grounds).unwrap();
    let planned = start.elapsed();
    let nodes = plan.nodes();
    let [next, bytes, packed] = [(); 3].map(|()| AtomicUsize::new(0));
    let thread = || {
        let mut slowest = Duration::ZERO;
        while let Some(node) = nodes.get(next.fetch_add(1, Ordering::Relaxed)) {
            let begun = common::on_core();
            let made = content(&plan, &view, store.as_ref(), &setting, *node).unwrap().unwrap_or_default();
            slowest = slowest.max(common::on_core() - begun);
            bytes.fetch_add(made.len(), Ordering::Relaxed);
            // As it goes over HTTP.
            packed.fetch_add(Coding::Gzip.pack(&made).len(), Ordering::Relaxed);
        }
        slowest
    };
    let slowest = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(thread)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    });
    let whole = start.elapsed();
    let begun = Instant::now();
    let blocks = overview(&plan, &view, &setting).unwrap().len();
    let count = view.counts().total;
    let each = |bytes: AtomicUsize| bytes.into_inner() as u64 / count.max(1);
    common::row(
        "tiles3d",
        &format!(
            "{name}, {count} buildings: {:.1} s for {} tiles ({:.1} s to plan), {} bytes/building ({} with gzip), slowest tile {} on its core; block masses {:.1} MB in {:.1} s",
            whole.as_secs_f64(),
            nodes.len(),
            planned.as_secs_f64(),
            each(bytes),
            each(packed),
            common::ms(slowest),
            blocks as f64 / 1e6,
            begun.elapsed().as_secs_f64(),
        ),
        &format!("{THREADS} threads"),
        goal,
    );
}
