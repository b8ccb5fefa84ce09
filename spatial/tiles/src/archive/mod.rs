//! A whole tileset in one file, for a map without a server: PMTiles 3 or MBTiles 1.3.
//!
//! Both hold WebMercatorQuad alone. Tiles are written with gzip, as the server sends them. The
//! file has another name until it is whole.

mod mbtiles;
mod pmtiles;

use crate::{CachedTile, Coding, TileError, TileId, draw, tilejson};
use citywall_model::{Bbox, limits};
use citywall_query::CollectionView;
use rayon::prelude::*;
use std::{
    ffi::OsString,
    fs, io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// The form of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// PMTiles version 3: one file that a web server gives out by ranges.
    PmTiles,
    /// MBTiles 1.3: an SQLite database.
    MbTiles,
}

/// What an archive is to hold.
#[derive(Clone)]
pub struct ArchivePlan {
    /// The collections, a layer each.
    pub views: Vec<CollectionView>,
    /// The zoom levels.
    pub zooms: RangeInclusive<u8>,
    /// The tileset's name.
    pub name: String,
}

/// How far an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveProgress {
    /// The zoom level at hand.
    pub zoom: u8,
    /// Tiles of this level that are done.
    pub done: u64,
    /// Tiles of this level that may hold something.
    pub total: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveCounts {
    /// Tiles with features.
    pub tiles: u64,
    /// Their bytes as stored.
    pub bytes: u64,
    /// Tiles that left features out because they would have been too large.
    pub thinned: u64,
}

/// Why there is no archive. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The file's name says no form.
    #[error("“{0}” ends neither in .pmtiles nor in .mbtiles")]
    Name(String),
    /// There is a file already.
    #[error("{0} exists already; nothing is overwritten")]
    Exists(PathBuf),
    /// The zoom levels make no range.
    #[error("zoom levels {0} to {1} are no range within 0 to {max}", max = limits::TILE_ZOOM_MAX)]
    Zooms(u8, u8),
    /// No collection has a place.
    #[error("none of the collections has an item with a place")]
    Empty,
    /// A level has more tiles than an archive may.
    #[error("zoom level {zoom} may hold {found} tiles, more than ARCHIVE_TILES_MAX ({max}); choose fewer levels", max = limits::ARCHIVE_TILES_MAX)]
    TooMany {
        /// The level.
        zoom: u8,
        /// Its tiles.
        found: u64,
    },
    /// The caller has stopped it.
    #[error("stopped")]
    Stopped,
    /// The file cannot be written.
    #[error("the file cannot be written")]
    Io(#[from] io::Error),
    /// The PMTiles cannot be written.
    #[error("the PMTiles cannot be written")]
    PmTiles(#[from] ::pmtiles::PmtError),
    /// The MBTiles cannot be written.
    #[error("the MBTiles cannot be written")]
    MbTiles(#[from] rusqlite::Error),
    /// An address that no tile has.
    #[error(transparent)]
    Tile(#[from] TileError),
}

impl ArchiveFormat {
    /// The form that a file's name says.
    ///
    /// # Errors
    /// The name ends in something else.
    pub fn of(path: &Path) -> Result<Self, ArchiveError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("pmtiles") => Ok(Self::PmTiles),
            Some("mbtiles") => Ok(Self::MbTiles),
            _ => Err(ArchiveError::Name(path.display().to_string())),
        }
    }
}

/// What is said of an archive in its head.
struct Head {
    name: String,
    attribution: String,
    zooms: RangeInclusive<u8>,
    bounds: Bbox,
    vector_layers: Vec<serde_json::Value>,
}

/// Where tiles go, by level and along the Hilbert curve of each.
trait Sink {
    fn put(&mut self, tile: TileId, gzip: &[u8]) -> Result<(), ArchiveError>;
    fn finish(self: Box<Self>) -> Result<(), ArchiveError>;
}

/// Tiles that are drawn at a time, over all cores.
const DRAWN_AT_ONCE: usize = 256;

/// Writes the tiles of some collections to a new file; `progress` returns false to stop. A tile
/// is drawn if the tile above it met a feature, so empty land costs nothing.
///
/// A layer is written as it was when its view was taken; a live collection as it is meanwhile.
///
/// # Errors
/// See [`ArchiveError`]; no file is left behind.
pub fn write_archive(
    path: &Path,
    plan: &ArchivePlan,
    progress: &mut dyn FnMut(ArchiveProgress) -> bool,
) -> Result<ArchiveCounts, ArchiveError> {
    let format = ArchiveFormat::of(path)?;
    if plan.zooms.is_empty() || *plan.zooms.end() > limits::TILE_ZOOM_MAX {
        return Err(ArchiveError::Zooms(*plan.zooms.start(), *plan.zooms.end()));
    }
    if path.exists() {
        return Err(ArchiveError::Exists(path.to_owned()));
    }
    let bounds = plan.views.iter().filter_map(|view| view.meta().extent).reduce(Bbox::union).ok_or(ArchiveError::Empty)?;
    let head = Head {
        name: plan.name.clone(),
        attribution: tilejson::attribution(&plan.views),
        zooms: plan.zooms.clone(),
        bounds,
        vector_layers: tilejson::vector_layers(&plan.views, *plan.zooms.start(), *plan.zooms.end()),
    };
    let part = part_of(path);
    let written = (|| {
        let mut sink: Box<dyn Sink> = match format {
            ArchiveFormat::PmTiles => Box::new(pmtiles::File::create(&part, &head)?),
            ArchiveFormat::MbTiles => Box::new(mbtiles::File::create(&part, &head)?),
        };
        let counts = fill(&mut *sink, plan, &bounds, progress)?;
        sink.finish()?;
        // Another may have made the file meanwhile; a link, unlike a rename, does not replace it.
        fs::hard_link(&part, path)?;
        Ok(counts)
    })();
    // What is whole has its own name now; what is not goes.
    let swept = fs::remove_file(&part);
    if written.is_ok() {
        swept?;
    }
    written
}

/// The file's name until it is whole.
fn part_of(path: &Path) -> PathBuf {
    let mut name: OsString = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

fn fill(
    sink: &mut dyn Sink,
    plan: &ArchivePlan,
    bounds: &Bbox,
    progress: &mut dyn FnMut(ArchiveProgress) -> bool,
) -> Result<ArchiveCounts, ArchiveError> {
    let mut counts = ArchiveCounts::default();
    let mut level = tiles_in(*plan.zooms.start(), bounds)?;
    for zoom in plan.zooms.clone() {
        let total = level.len() as u64;
        if total > limits::ARCHIVE_TILES_MAX {
            return Err(ArchiveError::TooMany { zoom, found: total });
        }
        level.sort_by_cached_key(|tile| pmtiles::position(*tile));
        let (mut done, mut below) = (0, Vec::new());
        for some in level.chunks(DRAWN_AT_ONCE) {
            if !progress(ArchiveProgress { zoom, done, total }) {
                return Err(ArchiveError::Stopped);
            }
            let drawn: Vec<(TileId, CachedTile)> =
                some.par_iter().map(|tile| (*tile, CachedTile::new(&draw(&plan.views, *tile), Coding::Gzip))).collect();
            for (tile, drawn) in drawn {
                if drawn.features > 0 {
                    let gzip = drawn.bytes(Coding::Gzip);
                    sink.put(tile, &gzip)?;
                    counts.tiles += 1;
                    counts.bytes += gzip.len() as u64;
                    counts.thinned += u64::from(drawn.thinned);
                }
                if zoom < *plan.zooms.end() && drawn.features + drawn.small + drawn.dropped > 0 {
                    below.extend(tile.children()?);
                }
            }
            done += some.len() as u64;
        }
        progress(ArchiveProgress { zoom, done: total, total });
        level = below;
    }
    Ok(counts)
}

/// The tiles of a zoom level that meet a rectangle, at most one more than an archive may hold.
fn tiles_in(zoom: u8, bounds: &Bbox) -> Result<Vec<TileId>, TileError> {
    let first = TileId::at(u32::from(zoom), bounds.x_min, bounds.y_max)?;
    let last = TileId::at(u32::from(zoom), bounds.x_max, bounds.y_min)?;
    let rows = (first.y()..=last.y()).flat_map(|y| (first.x()..=last.x()).map(move |x| TileId::new(u32::from(zoom), x, y)));
    rows.take(usize::try_from(limits::ARCHIVE_TILES_MAX).unwrap_or(usize::MAX).saturating_add(1)).collect()
}
