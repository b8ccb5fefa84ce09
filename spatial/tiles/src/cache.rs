//! Finished tiles, as they go over the wire, in a bounded amount of memory.

use crate::{Tile, TileId};
use bytes::Bytes;
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

/// How the bytes of an answer are packed (RFC 9110, 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// As they are.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// Packs bytes, quickly; nothing stays nothing.
    #[must_use]
    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        // Packing from memory into memory does not fail.
        let packed = match self {
            _ if bytes.is_empty() => Ok(Vec::new()),
            Self::Identity => Ok(bytes.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::new(GZIP_LEVEL));
                encoder.write_all(bytes).and_then(|()| encoder.finish())
            }
            Self::Zstd => zstd::bulk::compress(bytes, ZSTD_LEVEL),
        };
        debug_assert!(packed.is_ok());
        let mut packed = packed.unwrap_or_default();
        packed.shrink_to_fit();
        packed
    }

    /// The bytes that were packed, of which there were `len`.
    fn unpack(self, packed: &[u8], len: usize) -> Vec<u8> {
        // Reading what we packed from memory does not fail.
        let unpacked = match self {
            _ if len == 0 => Ok(Vec::new()),
            Self::Identity => Ok(packed.to_vec()),
            Self::Gzip => {
                let mut bytes = Vec::with_capacity(len);
                GzDecoder::new(packed).read_to_end(&mut bytes).map(|_| bytes)
            }
            Self::Zstd => zstd::bulk::decompress(packed, len),
        };
        debug_assert!(unpacked.is_ok());
        unpacked.unwrap_or_default()
    }
}

/// A tile ready to be sent in the codings that it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedTile {
    /// At least one; the bytes of an empty tile are empty in each.
    forms: Vec<(Coding, Bytes)>,
    /// The length before packing.
    plain_len: usize,
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
    /// A tile in one coding.
    #[must_use]
    pub fn new(tile: &Tile, coding: Coding) -> Self {
        let Tile { bytes, features, small, dropped, thinned, .. } = tile;
        let forms = vec![(coding, coding.pack(bytes).into())];
        Self { forms, plain_len: bytes.len(), features: *features, small: *small, dropped: *dropped, thinned: *thinned }
    }

    /// The bytes in a coding, if they are there.
    #[must_use]
    pub fn form(&self, coding: Coding) -> Option<&Bytes> {
        self.forms.iter().find(|(known, _)| *known == coding).map(|(_, bytes)| bytes)
    }

    /// The bytes in a coding: those that are there, or others packed anew.
    #[must_use]
    pub fn bytes(&self, coding: Coding) -> Bytes {
        let known = self.form(coding).cloned();
        known.unwrap_or_else(|| {
            let (packed_in, packed) = &self.forms[0];
            coding.pack(&packed_in.unpack(packed, self.plain_len)).into()
        })
    }

    /// The same tile, in this coding too.
    fn also_in(&self, coding: Coding) -> Self {
        let mut tile = self.clone();
        tile.forms.push((coding, self.bytes(coding)));
        tile
    }

    /// The bytes of all its forms.
    fn len(&self) -> usize {
        self.forms.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

/// The level from which zlib-rs fits its codes to the data: level 1 leaves a fifth more bytes.
const GZIP_LEVEL: u32 = 2;
/// zstd's own default: as small as gzip here, in half the time.
const ZSTD_LEVEL: i32 = 3;

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
        let weigh = |_: &TileKey, entry: &Entry| u32::try_from(entry.tile.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        // Least recently used: under the default policy the tiles of a new revision, which nobody has
        // asked for yet, would have to prove themselves against those of the old one.
        Self { tiles: Cache::builder().max_capacity(bytes_max).weigher(weigh).eviction_policy(EvictionPolicy::lru()).build() }
    }

    /// The tile of a key if it is there.
    pub(crate) fn get(&self, key: &TileKey) -> Option<Entry> {
        self.tiles.get(key)
    }

    /// The tile of a key in a coding, made if there is none or the one that is there is `stale`, and
    /// whether it was made; one that is right but in other codings is packed in this one too. Of
    /// several that ask at once, one makes it and the others wait for it.
    pub(crate) fn put_if(
        &self,
        key: &TileKey,
        coding: Coding,
        stale: impl FnOnce(&Entry) -> bool,
        make: impl FnOnce() -> (Tile, Revision, Revision),
    ) -> (Entry, bool) {
        let mut made = false;
        let done = self.tiles.entry_by_ref(key).and_compute_with(|known| match known.map(moka::Entry::into_value) {
            Some(known) if !stale(&known) => match known.tile.form(coding) {
                Some(_) => Op::Nop,
                None => Op::Put(Entry { tile: Arc::new(known.tile.also_in(coding)), ..known }),
            },
            _ => {
                made = true;
                let (tile, revision, checked) = make();
                let tile = Arc::new(CachedTile::new(&tile, coding));
                Op::Put(Entry { tile, revision, checked: Checked(Arc::new(AtomicU64::new(checked.0))) })
            }
        });
        match done {
            CompResult::Inserted(entry) | CompResult::ReplacedWith(entry) | CompResult::Unchanged(entry) | CompResult::Removed(entry) => {
                (entry.into_value(), made)
            }
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

    fn put(cache: &TileCache, x: u32, coding: Coding, stale: bool, len: usize) -> (Entry, bool) {
        cache.put_if(&key(x), coding, |_| stale, || (tile(len), Revision(1), Revision(1)))
    }

    #[test]
    fn a_tile_is_made_again_only_when_it_is_stale() {
        let cache = TileCache::new(1 << 20);
        for stale in [true, false, false, true, false] {
            assert_eq!(put(&cache, 0, Coding::Gzip, stale, 100).1, stale);
        }
    }

    #[test]
    fn a_tile_is_packed_once_for_each_coding_that_is_asked_for() {
        let cache = TileCache::new(1 << 20);
        let (_, made) = put(&cache, 0, Coding::Zstd, false, 1000);
        assert!(made);
        for coding in [Coding::Identity, Coding::Gzip] {
            assert!(cache.get(&key(0)).unwrap().tile.form(coding).is_none());
            let (entry, made) = put(&cache, 0, coding, false, 1000);
            assert!(!made && entry.tile.form(coding).is_some());
            assert_eq!(cache.get(&key(0)).unwrap().tile.bytes(Coding::Identity), tile(1000).bytes);
        }
        cache.tiles.run_pending_tasks();
        let kept: usize = [Coding::Identity, Coding::Gzip, Coding::Zstd].map(|coding| coding.pack(&tile(1000).bytes).len()).iter().sum();
        assert_eq!(cache.size(), (1, (kept + ENTRY_BYTES) as u64), "every form counts");
    }

    #[test]
    fn what_is_packed_comes_back() {
        for len in [0, 1, 100_000] {
            let tile = tile(len);
            for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
                let packed = CachedTile::new(&tile, coding);
                assert_eq!(packed.bytes(Coding::Identity), tile.bytes);
                assert_eq!(packed.bytes(coding).is_empty(), len == 0);
            }
        }
    }

    #[test]
    fn the_cache_stays_within_its_bytes() {
        let cache = TileCache::new(100_000);
        for x in 0..200 {
            put(&cache, x, Coding::Identity, false, 10_000);
        }
        cache.tiles.run_pending_tasks();
        let (tiles, bytes) = cache.size();
        assert!(tiles > 0 && bytes <= 100_000, "{tiles} tiles, {bytes} bytes");
    }
}
