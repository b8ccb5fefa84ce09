//! Which tiles a change made new, for clients that keep tiles of their own.

use crate::{
    matrix::MatrixSet,
    tile::{BUFFER, EXTENT, TileError, TileId, mercator},
    touched::{Touch, TouchLog},
};
use citywall_model::{Bbox, CollectionId, Revision, limits};
use std::{collections::BTreeSet, ops::RangeInclusive};

/// The tiles that a client keeps.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Of these collections.
    pub collections: Vec<CollectionId>,
    /// In this tile matrix set.
    pub set: MatrixSet,
    /// On these levels, as the set numbers them.
    pub levels: RangeInclusive<u32>,
    /// That meet this rectangle; `None` for all.
    pub within: Option<Bbox>,
}

/// Which of a client's tiles are no longer right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// These, in order; none if nothing that is drawn has changed.
    Tiles(Vec<TileId>),
    /// Any of them: a layer has a new version, the log does not reach back so far, or there are
    /// more than [`limits::TILES_CHANGED_MAX`].
    All,
}

impl TouchLog {
    /// Which tiles changed after a revision: those that the old or the new shape of an item
    /// touches, with the tile's buffer, and no others. O(changes since × levels × tiles of each).
    ///
    /// # Errors
    /// The set has no such level.
    pub fn changed(&self, kept: &Kept, after: Revision) -> Result<Changed, TileError> {
        let mut tiles = BTreeSet::new();
        for id in &kept.collections {
            let complete = self.each_since(id, after, |touch| {
                for level in kept.levels.clone() {
                    add(&mut tiles, kept, level, touch)?;
                }
                Ok(tiles.len() <= limits::TILES_CHANGED_MAX)
            })?;
            if !complete {
                return Ok(Changed::All);
            }
        }
        Ok(Changed::Tiles(tiles.into_iter().collect()))
    }
}

/// Adds the tiles of a level that a touch makes new, until there are too many.
fn add(tiles: &mut BTreeSet<TileId>, kept: &Kept, level: u32, touch: &Touch) -> Result<(), TileError> {
    for shape in [&touch.before, &touch.after].into_iter().flatten() {
        let Some(bounds) = shape.bounds() else { continue };
        let (columns, rows) = range(kept.set, level, &bounds)?;
        for y in rows {
            for x in columns.clone() {
                let tile = TileId::of(kept.set, level, x, y)?;
                let window = tile.window();
                let is_kept = kept.within.as_ref().is_none_or(|within| within.intersects(&tile.bbox()));
                if is_kept && Touch::shape_meets(shape, &window) {
                    tiles.insert(tile);
                }
                if tiles.len() > limits::TILES_CHANGED_MAX {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The columns and rows of a level whose windows may meet a rectangle.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "clamped to the level's size")]
fn range(set: MatrixSet, level: u32, bounds: &Bbox) -> Result<(RangeInclusive<u32>, RangeInclusive<u32>), TileError> {
    TileId::of(set, level, 0, 0)?;
    let (columns, rows) = set.size(level);
    let margin = f64::from(BUFFER) / f64::from(EXTENT);
    let column = |longitude: f64| (longitude + 180.0) / 360.0 * columns as f64;
    let row = |latitude: f64| rows as f64 * if set.is_geographic() { (90.0 - latitude) / 180.0 } else { mercator(latitude) };
    // Rounding may put a border into the neighbour: one more on each side, and the shape decides.
    let span = |from: f64, to: f64, size: u64| {
        let last = size.saturating_sub(1) as f64;
        (from - margin - 1.0).clamp(0.0, last) as u32..=(to + margin + 1.0).clamp(0.0, last) as u32
    };
    Ok((span(column(bounds.x_min), column(bounds.x_max), columns), span(row(bounds.y_max), row(bounds.y_min), rows)))
}
