//! Tiles per second on New York's buildings, not cached: `cargo run --release -p citywall-tiles
//! --example tile_speed [ZOOM…]`.

#![allow(clippy::unwrap_used, reason = "the fixture is shared with the tests")]

#[path = "../tests/common/mod.rs"]
mod common;

use citywall_model::limits::TILE_BYTES_MAX;
use citywall_tiles::{Coding, TileId};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

fn main() {
    let zooms: Vec<u32> = std::env::args().skip(1).filter_map(|zoom| zoom.parse().ok()).collect();
    let zooms = if zooms.is_empty() { (10..=17).collect() } else { zooms };
    let layer = common::load("new-york/buildings.geojsonl.gz");
    println!("{} buildings; limit {TILE_BYTES_MAX} bytes per tile", layer.table.len());
    println!(
        "| z | tiles | features/tile | kB/tile | gzip kB | tiles/s, 1 thread | features/s | tiles/s, 2 threads | with gzip, 2 threads | thinned |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for z in zooms {
        // Tiles with at least one building, as a map asks for them.
        let tiles: Vec<TileId> = common::tiles(&layer, z).into_iter().filter(|tile| layer.tile(*tile).features > 0).collect();
        let built: Vec<_> = tiles.iter().map(|tile| layer.tile(*tile)).collect();
        let features: usize = built.iter().map(|tile| tile.features).sum();
        let bytes: usize = built.iter().map(|tile| tile.bytes.len()).sum();
        let gzip: usize = built.iter().map(|tile| Coding::Gzip.pack(&tile.bytes).len()).sum();
        let thinned = built.iter().filter(|tile| tile.thinned).count();
        let count = tiles.len() as f64;
        let one = speed(&tiles, 1, |tile| layer.tile(tile).bytes.len());
        let two = speed(&tiles, 2, |tile| layer.tile(tile).bytes.len());
        let zipped = speed(&tiles, 2, |tile| Coding::Gzip.pack(&layer.tile(tile).bytes).len());
        println!(
            "| {z} | {} | {:.0} | {:.1} | {:.1} | {one:.0} | {:.0} | {two:.0} | {zipped:.0} | {thinned} |",
            tiles.len(),
            features as f64 / count,
            bytes as f64 / count / 1e3,
            gzip as f64 / count / 1e3,
            one * features as f64 / count,
        );
    }
}

/// Works through the tiles again and again and takes the best of several rounds, since a shared
/// machine is slower at times but never faster.
fn speed(tiles: &[TileId], threads: usize, work: impl Fn(TileId) -> usize + Sync) -> f64 {
    let round = || {
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    // Whole passes over the tiles, so that every round does the same work.
                    while start.elapsed() < Duration::from_millis(150) || !next.load(Ordering::Relaxed).is_multiple_of(tiles.len()) {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        std::hint::black_box(work(tiles[at % tiles.len()]));
                    }
                });
            }
        });
        next.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
    };
    (0..12).map(|_| round()).fold(0.0, f64::max)
}
