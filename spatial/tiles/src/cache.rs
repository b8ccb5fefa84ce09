//! Finished tiles, compressed, in a bounded amount of memory.

use crate::{Tile, TileId};
use citywall_model::{CollectionId, Revision};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use moka::{
    ops::compute::{CompResult, Op},
    policy::EvictionPolicy,
    sync::Cache,
};
use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What a tile shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TileKey {
    /// The layers, in order.
    pub collections: Arc<[CollectionId]>,
    /// Where.
    pub tile: TileId,
}

/// A tile in the cache.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) tile: Arc<CachedTile>,
    /// The revision that it shows.
    pub(crate) revision: Revision,
    /// It was still right at this one.
    pub(crate) checked: Checked,
}

/// A revision that only grows, shared by all copies of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Checked(Arc<AtomicU64>);

impl Checked {
    pub(crate) fn get(&self) -> Revision {
        Revision(self.0.load(Ordering::Acquire))
    }

    pub(crate) fn raise(&self, to: Revision) {
        self.0.fetch_max(to.0, Ordering::AcqRel);
    }
}

/// A tile ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedTile {
    /// The bytes in gzip; empty for an empty tile.
    pub gzip: Vec<u8>,
    /// The length before compression.
    pub plain_len: usize,
    /// See [`Tile::features`].
    pub features: usize,
    /// See [`Tile::small`].
    pub small: usize,
    /// See [`Tile::dropped`].
    pub dropped: usize,
    /// See [`Tile::thinned`].
    pub thinned: bool,
}

impl CachedTile {
    /// Compresses a tile.
    #[must_use]
    pub fn new(tile: &Tile) -> Self {
        Self {
            gzip: compress(&tile.bytes),
            plain_len: tile.bytes.len(),
            features: tile.features,
            small: tile.small,
            dropped: tile.dropped,
            thinned: tile.thinned,
        }
    }

    /// The bytes for a client that does not take gzip.
    #[must_use]
    pub fn plain(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.plain_len);
        // Reading what we compressed from memory does not fail; an empty tile has no bytes.
        let read = GzDecoder::new(self.gzip.as_slice()).read_to_end(&mut bytes);
        debug_assert!(read.is_ok() || self.gzip.is_empty());
        bytes
    }
}

/// A tile's bytes in gzip (RFC 1952), at the quickest level; nothing stays nothing.
#[must_use]
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::fast());
    // Writing into memory does not fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    debug_assert!(written.is_ok());
    let mut bytes = written.unwrap_or_default();
    bytes.shrink_to_fit();
    bytes
}

/// What an entry takes besides its bytes, roughly.
const ENTRY_BYTES: usize = 256;

/// Tiles by key, in a bounded number of bytes; the ones not asked for longest go
/// first. Cheap to clone; all clones are one cache.
#[derive(Clone, Debug)]
pub(crate) struct TileCache {
    tiles: Cache<TileKey, Entry>,
}

impl TileCache {
    /// An empty cache for so many bytes.
    #[must_use]
    pub(crate) fn new(bytes_max: u64) -> Self {
        let weigh = |_: &TileKey, entry: &Entry| u32::try_from(entry.tile.gzip.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        // Least recently used: under the default policy the tiles of a new revision, which nobody has
        // asked for yet, would have to prove themselves against those of the old one.
        Self { tiles: Cache::builder().max_capacity(bytes_max).weigher(weigh).eviction_policy(EvictionPolicy::lru()).build() }
    }

    /// The tile of a key if it is there.
    pub(crate) fn get(&self, key: &TileKey) -> Option<Entry> {
        self.tiles.get(key)
    }

    /// The tile of a key, made if there is none or the one that is there is `stale`, and whether it
    /// was made. Of several that ask at once, one makes it and the others wait for it.
    pub(crate) fn put_if(
        &self,
        key: &TileKey,
        stale: impl FnOnce(&Entry) -> bool,
        make: impl FnOnce() -> (CachedTile, Revision, Revision),
    ) -> (Entry, bool) {
        let done = self.tiles.entry_by_ref(key).and_compute_with(|known| match known {
            Some(known) if !stale(known.value()) => Op::Nop,
            _ => {
                let (tile, revision, checked) = make();
                Op::Put(Entry { tile: Arc::new(tile), revision, checked: Checked(Arc::new(AtomicU64::new(checked.0))) })
            }
        });
        match done {
            CompResult::Inserted(entry) | CompResult::ReplacedWith(entry) => (entry.into_value(), true),
            CompResult::Unchanged(entry) | CompResult::Removed(entry) => (entry.into_value(), false),
            CompResult::StillNone(_) => unreachable!("a tile that is not there is made"),
        }
    }

    /// The number of tiles and the bytes that they take, both approximate.
    #[must_use]
    pub(crate) fn size(&self) -> (u64, u64) {
        (self.tiles.entry_count(), self.tiles.weighted_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(x: u32) -> TileKey {
        let collections = [CollectionId::new("buildings").unwrap()].into();
        TileKey { collections, tile: TileId::new(10, x, 0).unwrap() }
    }

    fn tile(len: usize) -> Tile {
        let noise = (0..len as u32).map(|i| (i.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect();
        Tile { bytes: noise, features: 1, ..Tile::default() }
    }

    #[test]
    fn a_tile_is_made_again_only_when_it_is_stale() {
        let cache = TileCache::new(1 << 20);
        let mut made = 0;
        for stale in [true, false, false, true, false] {
            let (_, is_new) = cache.put_if(
                &key(0),
                |_| stale,
                || {
                    made += 1;
                    (CachedTile::new(&tile(100)), Revision(1), Revision(1))
                },
            );
            assert_eq!(is_new, stale);
        }
        assert_eq!(made, 2);
    }

    #[test]
    fn what_is_compressed_comes_back() {
        for len in [0, 1, 100_000] {
            let tile = tile(len);
            assert_eq!(CachedTile::new(&tile).plain(), tile.bytes);
        }
    }

    #[test]
    fn the_cache_stays_within_its_bytes() {
        let cache = TileCache::new(100_000);
        for x in 0..200 {
            cache.put_if(&key(x), |_| false, || (CachedTile::new(&tile(10_000)), Revision(1), Revision(1)));
        }
        cache.tiles.run_pending_tasks();
        let (tiles, bytes) = cache.size();
        assert!(tiles > 0 && bytes <= 100_000, "{tiles} tiles, {bytes} bytes");
    }
}
