//! The cut through the tile pyramid that a view asks for.
//!
//! A tile is split while its side is larger on the screen than [`View::tile_px`]. Until all of its
//! parts are there, the tile itself is drawn; until it is there, what is left of its parts. So the
//! drawn tiles never overlap, and leave a hole only where nothing has been loaded yet.

use crate::geo::{CityPlane, TileId};
use bevy::math::{DVec2, DVec3, DVec4};
use rustc_hash::FxHashMap;
use std::cell::RefCell;

/// The deepest level that is fetched: a unit of its tiles is 0.2 m at 40° of latitude.
pub const LEVEL_MAX: u8 = 15;
/// Levels between the coarsest tiles and the deepest ones, at most.
const LEVELS_MAX: u8 = 8;
/// The coarsest level holds the city in at most this many tiles.
const ROOTS_MAX: usize = 12;
/// What is assumed of how high a tile's buildings are, metres.
const TOP_M: f64 = 300.0;
/// How far below a missing tile its loaded parts are looked for.
const PARTS_DEPTH: u8 = 3;

/// What a camera sees, for the choice of tiles.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The eye on the city's plane, metres; z is up.
    pub eye: DVec3,
    /// Planes of the frustum, pointing inwards: `xyz · point + w >= 0` inside.
    pub planes: [DVec4; 5],
    /// Pixels that a metre takes at a distance of one metre.
    pub px_per_metre_at_1m: f64,
    /// A tile's side on the screen above which it is split, in pixels.
    pub tile_px: f64,
    /// The height of the ground at the camera's target, metres.
    pub level_m: f64,
    /// The lowest and the highest ground that is known, metres.
    pub relief_m: (f64, f64),
}

/// The tiles over a city.
pub struct Pyramid {
    plane: CityPlane,
    extent: [f64; 4],
    roots: Vec<TileId>,
    boxes: RefCell<FxHashMap<TileId, (DVec2, DVec2)>>,
}

/// What to draw and what to fetch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// To draw, without overlap.
    pub draw: Vec<TileId>,
    /// To fetch, the most needed first.
    pub fetch: Vec<TileId>,
    /// True if everything that the view asks for is drawn.
    pub complete: bool,
}

struct Cover {
    tiles: Vec<TileId>,
    complete: bool,
}

impl Pyramid {
    /// The pyramid over an extent (west, south, east, north in degrees).
    #[must_use]
    pub fn over(plane: CityPlane, extent: [f64; 4]) -> Self {
        let level = (LEVEL_MAX - LEVELS_MAX..=LEVEL_MAX - 2).rev().find(|&z| TileId::over(z, extent).len() <= ROOTS_MAX);
        let roots = TileId::over(level.unwrap_or(LEVEL_MAX - LEVELS_MAX), extent);
        Self { plane, extent, roots, boxes: RefCell::default() }
    }

    /// The coarsest tiles, which are always kept.
    #[must_use]
    pub fn roots(&self) -> &[TileId] {
        &self.roots
    }

    /// The cut for a view, given which tiles are there. O(tiles visited), some hundreds.
    pub fn select(&self, view: &View, is_ready: &dyn Fn(TileId) -> bool) -> Selection {
        let mut fetch = Vec::new();
        let mut draw = Vec::new();
        let mut complete = true;
        for &root in &self.roots {
            let cover = self.visit(root, view, is_ready, &mut fetch);
            complete &= cover.complete;
            draw.extend(cover.tiles);
        }
        // What is wanted at its own level comes nearest first; the coarse tiles, which stand in
        // for everything, come before all.
        fetch.sort_by(|a, b| a.1.total_cmp(&b.1));
        let wanted = fetch.len();
        let mut order: Vec<TileId> = self.roots.iter().copied().filter(|t| !is_ready(*t)).collect();
        order.extend(fetch.into_iter().map(|f| f.0).filter(|t| !self.roots.contains(t)));
        Selection { draw, fetch: order, complete: complete && wanted == 0 }
    }

    fn visit(&self, tile: TileId, view: &View, is_ready: &dyn Fn(TileId) -> bool, fetch: &mut Vec<(TileId, f64)>) -> Cover {
        let (min, max) = self.bounds(tile);
        if !self.meets_extent(tile) || !in_view(min, max, view) {
            return Cover { tiles: Vec::new(), complete: true };
        }
        let nearest = DVec3::new(view.eye.x.clamp(min.x, max.x), view.eye.y.clamp(min.y, max.y), view.level_m);
        let distance = nearest.distance(view.eye).max(1.0);
        let side_px = (max - min).max_element() * view.px_per_metre_at_1m / distance;
        if side_px > view.tile_px && tile.z < LEVEL_MAX {
            let mut tiles = Vec::new();
            let mut complete = true;
            for child in tile.children() {
                let cover = self.visit(child, view, is_ready, fetch);
                complete &= cover.complete;
                tiles.extend(cover.tiles);
            }
            if complete {
                return Cover { tiles, complete };
            }
            // The tile stands in for its parts, but the parts are still wanted.
            return if is_ready(tile) { Cover { tiles: vec![tile], complete: true } } else { Cover { tiles, complete: false } };
        }
        if is_ready(tile) {
            return Cover { tiles: vec![tile], complete: true };
        }
        fetch.push((tile, distance));
        self.parts(tile, view, is_ready, PARTS_DEPTH)
    }

    /// What is there below a missing tile.
    fn parts(&self, tile: TileId, view: &View, is_ready: &dyn Fn(TileId) -> bool, depth: u8) -> Cover {
        let mut cover = Cover { tiles: Vec::new(), complete: tile.z < LEVEL_MAX && depth > 0 };
        if !cover.complete {
            return cover;
        }
        for child in tile.children() {
            let (min, max) = self.bounds(child);
            if !self.meets_extent(child) || !in_view(min, max, view) {
                continue;
            }
            if is_ready(child) {
                cover.tiles.push(child);
            } else {
                let part = self.parts(child, view, is_ready, depth - 1);
                cover.complete &= part.complete;
                cover.tiles.extend(part.tiles);
            }
        }
        cover
    }

    fn meets_extent(&self, tile: TileId) -> bool {
        let [w, s, e, n] = tile.bounds();
        w <= self.extent[2] && e >= self.extent[0] && s <= self.extent[3] && n >= self.extent[1]
    }

    /// The tile's rectangle on the plane.
    pub fn bounds(&self, tile: TileId) -> (DVec2, DVec2) {
        *self.boxes.borrow_mut().entry(tile).or_insert_with(|| {
            let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.0), (0.5, 1.0)].map(|(fx, fy)| {
                let (lon, lat) = tile.place(fx, fy);
                self.plane.forward(lon, lat)
            });
            corners.iter().fold((corners[0], corners[0]), |(min, max), c| (min.min(*c), max.max(*c)))
        })
    }
}

/// True unless the box lies outside one plane of the frustum.
fn in_view(min: DVec2, max: DVec2, view: &View) -> bool {
    view.planes.iter().all(|p| {
        let x = if p.x >= 0.0 { max.x } else { min.x };
        let y = if p.y >= 0.0 { max.y } else { min.y };
        let z = if p.z >= 0.0 { view.relief_m.1 + TOP_M } else { view.relief_m.0 };
        p.x * x + p.y * y + p.z * z + p.w >= 0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Orbit;
    use proptest::prelude::*;
    use rustc_hash::FxHashSet;

    fn tianjin() -> Pyramid {
        Pyramid::over(CityPlane::around(117.2, 39.1), [116.7, 38.55, 118.06, 40.25])
    }

    fn view(orbit: &Orbit) -> View {
        orbit.eye(1920, 1080).lod_view(640.0)
    }

    /// Every place of the city in view lies in exactly one of the drawn tiles.
    fn covered_once(pyramid: &Pyramid, view: &View, selection: &Selection) -> Result<(), String> {
        let [w, s, e, n] = pyramid.extent;
        for i in 0..60 {
            for j in 0..60 {
                let (lon, lat) = (w + (e - w) * (f64::from(i) + 0.5) / 60.0, s + (n - s) * (f64::from(j) + 0.5) / 60.0);
                let at = pyramid.plane.forward(lon, lat);
                let visible = view.planes.iter().all(|p| p.x * at.x + p.y * at.y + p.w > 0.0);
                let deep = TileId::holding(LEVEL_MAX, lon, lat);
                let times = selection.draw.iter().filter(|t| t.holds(&deep)).count();
                if times > 1 || (visible && times == 0) {
                    return Err(format!("{lon} {lat} is drawn {times} times"));
                }
            }
        }
        Ok(())
    }

    #[test]
    fn a_loaded_city_is_covered_once_from_any_height() {
        let pyramid = tianjin();
        for distance in [400.0, 3e3, 2e4, 1e5, 3e5] {
            for pitch in [12.0, 35.0, 60.0, 89.0] {
                let view = view(&Orbit { distance, pitch, ..Orbit::default() });
                let selection = pyramid.select(&view, &|_| true);
                assert!(selection.complete && selection.fetch.is_empty());
                covered_once(&pyramid, &view, &selection).unwrap();
                assert!(selection.draw.len() < 400, "{} tiles at {distance} m, {pitch}°", selection.draw.len());
            }
        }
    }

    #[test]
    fn the_coarse_tiles_are_fetched_first() {
        let pyramid = tianjin();
        let selection = pyramid.select(&view(&Orbit { distance: 2000.0, ..Orbit::default() }), &|_| false);
        assert!(selection.draw.is_empty() && !selection.complete);
        assert_eq!(&selection.fetch[..pyramid.roots().len()], pyramid.roots());
    }

    proptest! {
        #[test]
        fn half_loaded_tiles_never_overlap_nor_leave_a_hole_over_the_roots(
            seed in any::<u64>(), distance in 500.0f64..200_000.0, bearing in 0.0f64..360.0, pitch in 10.0f64..89.0,
        ) {
            let pyramid = tianjin();
            let view = view(&Orbit { distance, bearing, pitch, ..Orbit::default() });
            let roots: FxHashSet<TileId> = pyramid.roots().iter().copied().collect();
            let ready = |t: TileId| roots.contains(&t) || (u64::from(t.x) * 31 + u64::from(t.y) * 17 + u64::from(t.z)).wrapping_mul(seed | 1) >> 63 == 0;
            let selection = pyramid.select(&view, &ready);
            prop_assert!(selection.draw.iter().all(|t| ready(*t)));
            prop_assert!(covered_once(&pyramid, &view, &selection).is_ok());
        }

        #[test]
        fn what_is_there_is_drawn_without_overlap_even_before_the_roots(seed in any::<u64>(), distance in 500.0f64..200_000.0) {
            let pyramid = tianjin();
            let view = view(&Orbit { distance, ..Orbit::default() });
            let ready = |t: TileId| (u64::from(t.x) * 31 + u64::from(t.y) * 17 + u64::from(t.z)).wrapping_mul(seed | 1) >> 63 == 0;
            let draw = pyramid.select(&view, &ready).draw;
            for (i, a) in draw.iter().enumerate() {
                prop_assert!(draw[i + 1..].iter().all(|b| !a.holds(b) && !b.holds(a)));
            }
        }
    }
}
