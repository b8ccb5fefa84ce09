//! Finished tiles, compressed, in a bounded amount of memory.

use crate::{Tile, TileId};
use citywall_model::{CollectionId, Revision, limits::TILE_CACHE_BYTES_MAX};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    io::{Read, Write},
    sync::Arc,
};

/// What a tile shows and at which state: a tile of a changed collection has another key, so that
/// nothing ever has to be taken out of the cache but for room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TileKey {
    /// The layers, in order.
    pub collections: Arc<[CollectionId]>,
    /// Where.
    pub tile: TileId,
    /// The latest revision of any of the collections.
    pub revision: Revision,
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

/// Tiles by key, at most [`TILE_CACHE_BYTES_MAX`] bytes of them; the ones not asked for longest go
/// first. Cheap to clone; all clones are one cache.
#[derive(Clone, Debug)]
pub struct TileCache {
    tiles: Cache<TileKey, Arc<CachedTile>>,
}

impl Default for TileCache {
    fn default() -> Self {
        Self::new(TILE_CACHE_BYTES_MAX)
    }
}

impl TileCache {
    /// An empty cache for so many bytes.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        let weigh = |_: &TileKey, tile: &Arc<CachedTile>| u32::try_from(tile.gzip.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        // Least recently used: under the default policy the tiles of a new revision, which nobody has
        // asked for yet, would have to prove themselves against those of the old one.
        Self { tiles: Cache::builder().max_capacity(bytes_max).weigher(weigh).eviction_policy(EvictionPolicy::lru()).build() }
    }

    /// The tile of a key, built if it is not there. Of several that ask at once, one builds and the
    /// others wait for it.
    pub fn get_or_build(&self, key: TileKey, build: impl FnOnce() -> Tile) -> Arc<CachedTile> {
        self.tiles.get_with(key, || Arc::new(CachedTile::new(&build())))
    }

    /// The tile of a key, if it is there.
    #[must_use]
    pub fn get(&self, key: &TileKey) -> Option<Arc<CachedTile>> {
        self.tiles.get(key)
    }

    /// The number of tiles and the bytes that they take, both approximate.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        (self.tiles.entry_count(), self.tiles.weighted_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(revision: u64, x: u32) -> TileKey {
        let collections = [CollectionId::new("buildings").unwrap()].into();
        TileKey { collections, tile: TileId::new(10, x, 0).unwrap(), revision: Revision(revision) }
    }

    fn tile(len: usize) -> Tile {
        let noise = (0..len as u32).map(|i| (i.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect();
        Tile { bytes: noise, features: 1, ..Tile::default() }
    }

    #[test]
    fn a_tile_is_built_once_per_revision() {
        let cache = TileCache::default();
        let mut built = 0;
        for revision in [1, 1, 1, 2, 2] {
            cache.get_or_build(key(revision, 0), || {
                built += 1;
                tile(100)
            });
        }
        assert_eq!(built, 2);
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
            cache.get_or_build(key(1, x), || tile(10_000));
        }
        cache.tiles.run_pending_tasks();
        let (tiles, bytes) = cache.size();
        assert!(tiles > 0 && bytes <= 100_000, "{tiles} tiles, {bytes} bytes");
    }
}
