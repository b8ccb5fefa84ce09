//! Which tiles are on the GPU, on their way, or failed; bounded in bytes.

use crate::geo::TileId;
use rustc_hash::FxHashMap;
use std::time::{Duration, Instant};

/// Wait after the first failure; doubled after each further one.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest wait between two attempts.
const RETRY_MAX: Duration = Duration::from_secs(20);

/// Where a tile is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Residence {
    /// A worker has it.
    Loading,
    /// On the GPU.
    Ready,
    /// Could not be fetched; to be tried again.
    Failed,
}

#[derive(Debug)]
struct Entry {
    ready: bool,
    loading: bool,
    stale: bool,
    failures: u32,
    retry_at: Option<Instant>,
    bytes: usize,
    used_at: u64,
}

/// The tiles that the wall knows.
#[derive(Debug)]
pub struct TileCache {
    entries: FxHashMap<TileId, Entry>,
    bytes: usize,
    bytes_max: usize,
    frame: u64,
}

impl TileCache {
    /// A cache that holds at most so many bytes, beyond what is drawn at the moment.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { entries: FxHashMap::default(), bytes: 0, bytes_max, frame: 0 }
    }

    /// True if a tile can be drawn.
    #[must_use]
    pub fn is_ready(&self, tile: TileId) -> bool {
        self.entries.get(&tile).is_some_and(|e| e.ready)
    }

    /// Where a tile is; `None` if it was never asked for.
    #[must_use]
    pub fn residence(&self, tile: TileId) -> Option<Residence> {
        let entry = self.entries.get(&tile)?;
        Some(match entry {
            Entry { loading: true, .. } => Residence::Loading,
            Entry { ready: true, .. } => Residence::Ready,
            _ => Residence::Failed,
        })
    }

    /// True if a tile should be asked for now.
    #[must_use]
    pub fn wants(&self, tile: TileId, now: Instant) -> bool {
        self.entries.get(&tile).is_none_or(|e| !e.loading && (!e.ready || e.stale) && e.retry_at.is_none_or(|at| at <= now))
    }

    /// Notes that a worker has a tile.
    pub fn begin(&mut self, tile: TileId) {
        let frame = self.frame;
        let entry = self.entries.entry(tile).or_insert(Entry {
            ready: false,
            loading: false,
            stale: false,
            failures: 0,
            retry_at: None,
            bytes: 0,
            used_at: frame,
        });
        entry.loading = true;
        entry.stale = false;
    }

    /// Notes that a tile has arrived.
    pub fn arrive(&mut self, tile: TileId, bytes: usize) {
        if let Some(entry) = self.entries.get_mut(&tile) {
            self.bytes = self.bytes + bytes - entry.bytes;
            (entry.ready, entry.loading, entry.failures, entry.retry_at, entry.bytes) = (true, false, 0, None, bytes);
        }
    }

    /// Notes that a tile could not be fetched.
    pub fn fail(&mut self, tile: TileId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&tile) {
            entry.loading = false;
            entry.stale = entry.ready;
            entry.retry_at = Some(now + RETRY_MAX.min(RETRY_FIRST * 2u32.pow(entry.failures.min(8))));
            entry.failures += 1;
        }
    }

    /// Every tile is to be fetched again; what is there stays until its successor arrives.
    pub fn expire(&mut self) {
        for entry in self.entries.values_mut() {
            entry.stale = true;
            entry.retry_at = None;
        }
    }

    /// The tiles that are drawn but outdated.
    pub fn stale(&self, among: &[TileId]) -> Vec<TileId> {
        among.iter().copied().filter(|t| self.entries.get(t).is_some_and(|e| e.stale)).collect()
    }

    /// Marks what a frame draws, and returns what has to leave: the tiles that were not drawn for
    /// the longest time, until the rest fits.
    pub fn turn(&mut self, drawn: impl IntoIterator<Item = TileId>) -> Vec<TileId> {
        self.frame += 1;
        for tile in drawn {
            if let Some(entry) = self.entries.get_mut(&tile) {
                entry.used_at = self.frame;
            }
        }
        if self.bytes <= self.bytes_max {
            return Vec::new();
        }
        let mut idle: Vec<(u64, TileId)> =
            self.entries.iter().filter(|(_, e)| e.ready && !e.loading && e.used_at < self.frame).map(|(t, e)| (e.used_at, *t)).collect();
        idle.sort_unstable();
        let mut leaving = Vec::new();
        for (_, tile) in idle {
            if self.bytes <= self.bytes_max {
                break;
            }
            if let Some(entry) = self.entries.remove(&tile) {
                self.bytes -= entry.bytes;
                leaving.push(tile);
            }
        }
        leaving
    }

    /// Bytes on the GPU.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Tiles on their way.
    #[must_use]
    pub fn loading(&self) -> usize {
        self.entries.values().filter(|e| e.loading).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(x: u32) -> TileId {
        TileId { z: 15, x, y: 0 }
    }

    #[test]
    fn the_longest_unused_tiles_leave_first_and_what_is_drawn_stays() {
        let mut cache = TileCache::new(250);
        for x in 0..4 {
            cache.begin(tile(x));
            cache.arrive(tile(x), 100);
        }
        assert_eq!(cache.turn([tile(0), tile(1), tile(2), tile(3)]), []);
        assert_eq!(cache.turn([tile(2), tile(0)]).len(), 2);
        assert!(cache.is_ready(tile(0)) && cache.is_ready(tile(2)) && cache.bytes() == 200);
    }

    #[test]
    fn a_failed_tile_waits_before_it_is_asked_for_again() {
        let (mut cache, now) = (TileCache::new(1), Instant::now());
        cache.begin(tile(1));
        assert!(!cache.wants(tile(1), now));
        cache.fail(tile(1), now);
        assert!(!cache.wants(tile(1), now) && cache.wants(tile(1), now + RETRY_FIRST));
        assert_eq!(cache.residence(tile(1)), Some(Residence::Failed));
    }

    #[test]
    fn an_outdated_tile_is_drawn_until_its_successor_is_there() {
        let (mut cache, now) = (TileCache::new(1000), Instant::now());
        cache.begin(tile(1));
        cache.arrive(tile(1), 10);
        cache.expire();
        assert!(cache.is_ready(tile(1)) && cache.wants(tile(1), now));
        cache.begin(tile(1));
        assert!(cache.is_ready(tile(1)));
        cache.arrive(tile(1), 20);
        assert!(!cache.wants(tile(1), now) && cache.bytes() == 20);
    }
}
