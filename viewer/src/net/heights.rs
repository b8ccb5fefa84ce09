//! The heights of the ground, from the server's tiles of elevation.
//!
//! A tile of 256 × 256 heights serves the 16 tiles of the wall two levels below it, so that each of these has
//! a height every 1/64 of its side. Heights at the border of two tiles are taken from both, so that the
//! ground of neighbours meets.

use super::{HttpError, Server};
use crate::{geo::TileId, tiles::Samples};
use rustc_hash::FxHashMap;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// Levels from a tile of the wall up to the tile of heights that serves it.
const LEVELS_UP: u8 = 2;
/// Heights along a side of a tile.
const SIDE: i64 = 256;
/// Tiles of heights that are kept, a quarter of a megabyte each.
const KEPT_MAX: usize = 128;

/// The collection that has the ground's heights.
#[derive(Clone, Debug, PartialEq)]
pub struct ElevationPlan {
    /// The collection.
    pub collection: String,
    /// Its version, by which what is kept of another is told.
    pub revision: u64,
    /// Where it knows anything: west, south, east, north in degrees.
    pub extent: Option<[f64; 4]>,
}

/// What is known of one tile: its heights row by row, nothing where the elevation does not reach, or a fault.
#[derive(Clone)]
enum Known {
    Heights(Arc<Vec<f32>>),
    Nothing,
    Fault(String),
}

type Slot = Arc<Mutex<Option<Known>>>;

/// The tiles of heights that were fetched last.
#[derive(Default)]
pub struct HeightTiles(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    of: Option<(String, u64)>,
    slots: FxHashMap<TileId, Slot>,
    order: VecDeque<TileId>,
}

impl HeightTiles {
    /// The heights for a tile of the wall; `None` where nothing is known of the ground. Tiles of heights that
    /// are missing or corrupt are level at 0 m, and said in `faults`.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub fn samples(
        &self,
        server: &Server,
        plan: &ElevationPlan,
        tile: TileId,
        faults: &mut Vec<String>,
    ) -> Result<Option<Samples>, HttpError> {
        let Some(level) = tile.z.checked_sub(LEVELS_UP) else { return Ok(None) };
        let side = SIDE >> LEVELS_UP;
        // The pixels of the level above, counted from its north-western corner, with a margin.
        let corner = [i64::from(tile.x) * side - Samples::MARGIN, i64::from(tile.y) * side - Samples::MARGIN];
        let across = side + 2 * Samples::MARGIN;
        let mut pixels = vec![0.0f32; (across * across) as usize];
        let mut is_known = false;
        let tiles = |from: i64| from.div_euclid(SIDE)..=(from + across - 1).div_euclid(SIDE);
        for y in tiles(corner[1]) {
            for x in tiles(corner[0]) {
                let count = 1i64 << level;
                if !(0..count).contains(&x) || !(0..count).contains(&y) {
                    continue;
                }
                let part = TileId { z: level, x: x as u32, y: y as u32 };
                let heights = match self.tile(server, plan, part)? {
                    Known::Heights(heights) => heights,
                    Known::Nothing => continue,
                    Known::Fault(fault) => {
                        faults.push(fault);
                        continue;
                    }
                };
                is_known = true;
                let (x0, y0) = (x * SIDE, y * SIDE);
                for row in corner[1].max(y0)..(corner[1] + across).min(y0 + SIDE) {
                    let (from, to) = (corner[0].max(x0), (corner[0] + across).min(x0 + SIDE));
                    let source = ((row - y0) * SIDE + from - x0) as usize;
                    let target = ((row - corner[1]) * across + from - corner[0]) as usize;
                    let length = (to - from) as usize;
                    pixels[target..target + length].copy_from_slice(&heights[source..source + length]);
                }
            }
        }
        Ok(is_known.then(|| Samples::of_pixels(&pixels, across as usize)))
    }

    fn tile(&self, server: &Server, plan: &ElevationPlan, tile: TileId) -> Result<Known, HttpError> {
        let [w, s, e, n] = tile.bounds();
        if plan.extent.is_some_and(|x| w > x[2] || e < x[0] || s > x[3] || n < x[1]) {
            return Ok(Known::Nothing);
        }
        // Whoever comes first fetches a tile, the others wait for it.
        let slot = self.slot(plan, tile);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*slot {
            return Ok(known.clone());
        }
        let path = format!("/collections/{}/tiles/WebMercatorQuad/{}/{}/{}", plan.collection, tile.z, tile.y, tile.x);
        let known = match server.get(&path, "image/png") {
            Ok(bytes) if bytes.is_empty() => Known::Nothing,
            Ok(bytes) => match heights(&bytes) {
                Ok(heights) => Known::Heights(Arc::new(heights)),
                // A fault is not kept: the next one who needs the tile asks again.
                Err(fault) => return Ok(Known::Fault(format!("{path}: {fault}"))),
            },
            Err(HttpError::Status(code @ (404 | 410))) => return Ok(Known::Fault(format!("{path}: {code}"))),
            Err(error) => return Err(error),
        };
        *slot = Some(known.clone());
        Ok(known)
    }

    fn slot(&self, plan: &ElevationPlan, tile: TileId) -> Slot {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = Some((plan.collection.clone(), plan.revision));
        if kept.of != of {
            *kept = Kept { of, ..Kept::default() };
        }
        if let Some(slot) = kept.slots.get(&tile) {
            return Arc::clone(slot);
        }
        if kept.order.len() >= KEPT_MAX
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.slots.remove(&oldest);
        }
        kept.order.push_back(tile);
        Arc::clone(kept.slots.entry(tile).or_default())
    }
}

/// Heights in metres from Mapbox' terrain-RGB: −10,000 + 0.1 · (65,536·R + 256·G + B).
fn heights(png: &[u8]) -> Result<Vec<f32>, String> {
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png).map_err(|e| e.to_string())?;
    if (i64::from(picture.width()), i64::from(picture.height())) != (SIDE, SIDE) {
        return Err(format!("{} × {} pixels instead of {SIDE} × {SIDE}", picture.width(), picture.height()));
    }
    let value = |p: &image::Rgb<u8>| p.0.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
    Ok(picture.to_rgb8().pixels().map(|p| (f64::from(value(p)) * 0.1 - 10_000.0) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_read_to_a_decimetre_and_what_is_no_tile_is_refused() {
        let png = |side: u32| {
            let picture = image::RgbImage::from_fn(side, side, |x, _| image::Rgb([1, 134, 160 + (x % 4) as u8]));
            let mut bytes = std::io::Cursor::new(Vec::new());
            picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
            bytes.into_inner()
        };
        // 1·65,536 + 134·256 + 160 is 100,000: sea level.
        let read = heights(&png(256)).unwrap();
        assert!((read[0]).abs() < 1e-3 && (read[3] - 0.3).abs() < 1e-3 && read.len() == 65_536);
        assert!(heights(&png(64)).unwrap_err().contains("64 × 64"));
        assert!(heights(&png(256)[..500]).is_err() && heights(b"not a picture").is_err());
    }
}
