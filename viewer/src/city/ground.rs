//! The ground that is drawn, as the wall's own questions need it: what stands at a place, what lies under the
//! pointer, how high the camera is.

use crate::{
    camera::{Eye, Rig},
    city::Wish,
    geo::{CityPlane, TileId, world_share},
    net::Follower,
    tiles::Relief,
};
use bevy::{
    math::{DVec2, DVec3},
    prelude::*,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Seconds in which the camera makes most of its way to another height.
const SOFTNESS_S: f64 = 0.25;
/// The eye is at least this share of its distance to the target above the ground.
const CLEARANCE_SHARE: f64 = 0.04;
/// Steps in which the ground is looked for along a ray, and halvings after the first below it.
const RAY_STEPS: u32 = 96;
const HALVINGS: u32 = 24;
/// The ground is looked for up to this many distances from the eye to its target.
const RAY_REACH: f64 = 40.0;

/// The ground of the tiles on the graphics card.
#[derive(Resource, Default)]
pub struct Ground {
    plane: Option<CityPlane>,
    reliefs: FxHashMap<TileId, Arc<Relief>>,
    drawn: FxHashSet<TileId>,
    /// The levels of the tiles that are drawn, the finest first.
    levels: Vec<u8>,
    range_m: (f64, f64),
}

impl Ground {
    /// Another city, or the same one around another home: nothing is known of its ground.
    pub(super) fn on(&mut self, plane: CityPlane) {
        if self.plane != Some(plane) {
            *self = Self { plane: Some(plane), ..Self::default() };
        }
    }

    /// Takes in a tile's ground, or forgets it.
    pub(super) fn take(&mut self, tile: TileId, relief: Option<Arc<Relief>>) {
        let Some(relief) = relief else {
            self.reliefs.remove(&tile);
            return;
        };
        self.range_m = (self.range_m.0.min(relief.floor_m), self.range_m.1.max(relief.top_m));
        self.reliefs.insert(tile, relief);
    }

    /// Notes what is drawn.
    pub(super) fn draw(&mut self, tiles: &[TileId]) {
        if self.reliefs.is_empty() {
            self.drawn.clear();
            return;
        }
        if self.drawn.len() != tiles.len() || !tiles.iter().all(|tile| self.drawn.contains(tile)) {
            self.drawn = tiles.iter().copied().collect();
            self.levels = tiles.iter().map(|tile| tile.z).collect();
            self.levels.sort_unstable_by(|a, b| b.cmp(a));
            self.levels.dedup();
        }
    }

    /// The lowest and the highest ground that was ever known of this city, 0 m within them.
    #[must_use]
    pub fn range_m(&self) -> (f64, f64) {
        self.range_m
    }

    /// False where all ground is level at 0 m.
    #[must_use]
    pub fn has_relief(&self) -> bool {
        !self.reliefs.is_empty()
    }

    /// Tiles whose ground is not level at 0 m, of those that are drawn.
    #[must_use]
    pub fn reliefs_drawn(&self) -> usize {
        self.drawn.iter().filter(|tile| self.reliefs.contains_key(tile)).count()
    }

    fn height_m(&self, at: DVec2, levels: impl Iterator<Item = u8>, is_meant: impl Fn(&TileId) -> bool) -> f64 {
        let Some(plane) = self.plane.filter(|_| !self.reliefs.is_empty()) else { return 0.0 };
        let (longitude, latitude) = plane.inverse(at);
        let (x, y) = world_share(longitude, latitude);
        for z in levels {
            let tile = TileId::holding(z, longitude, latitude);
            if is_meant(&tile) {
                let n = f64::from(1u32 << z);
                let share = |v: f64, whole: u32| v * n - f64::from(whole);
                return self.reliefs.get(&tile).map_or(0.0, |relief| relief.height_m(share(x, tile.x), share(y, tile.y)));
            }
        }
        0.0
    }

    /// The height of the drawn ground at a place of the city's plane, metres; 0 where it is level or nothing
    /// is drawn. O(levels drawn).
    #[must_use]
    pub fn drawn_m(&self, at: DVec2) -> f64 {
        self.height_m(at, self.levels.iter().copied(), |tile| self.drawn.contains(tile))
    }

    /// The height of the ground of the finest tile that is there, drawn or not.
    #[must_use]
    pub fn finest_m(&self, at: DVec2) -> f64 {
        self.height_m(at, (0..=crate::lod::LEVEL_MAX).rev(), |tile| self.reliefs.contains_key(tile))
    }

    /// A place of the city's plane on the drawn ground.
    #[must_use]
    pub fn place(&self, at: DVec2) -> DVec3 {
        at.extend(self.drawn_m(at))
    }

    /// The place on the drawn ground under a pixel; `None` above the horizon. O(steps along the ray).
    #[must_use]
    pub fn under(&self, eye: &Eye, pixel: Vec2) -> Option<DVec3> {
        let level = || eye.ground(pixel).map(|at| at.extend(eye.level_m));
        if self.reliefs.is_empty() {
            return level();
        }
        let ray = eye.ray(pixel);
        let at = |t: f64| eye.position + ray * t;
        let is_below = |t: f64| at(t).z < self.drawn_m(at(t).truncate());
        // Steps that grow with the distance, as what is seen in a pixel does.
        let (first, last) = (eye.distance * 0.01, eye.distance * RAY_REACH);
        let step = |k: u32| first * (last / first).powf(f64::from(k) / f64::from(RAY_STEPS));
        let Some(k) = (0..=RAY_STEPS).find(|k| is_below(step(*k))) else { return level() };
        let (mut above, mut below) = (if k == 0 { 0.0 } else { step(k - 1) }, step(k));
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(above, below);
            if is_below(middle) { below = middle } else { above = middle }
        }
        Some(self.place(at(below).truncate()))
    }
}

/// Keeps the camera's target on the ground, and its eye above it.
pub(super) fn lift(mut rig: ResMut<Rig>, ground: Res<Ground>, follower: Option<Res<Follower>>, wish: Res<Wish>, time: Res<Time>) {
    // A follower is told where its leader stands.
    if follower.is_some() {
        return;
    }
    let eye = rig.orbit.eye(1, 1).position;
    let target = ground.finest_m(rig.orbit.target);
    let under_eye = ground.finest_m(eye.truncate()) + rig.orbit.distance * CLEARANCE_SHARE - eye.z;
    let wanted = target.max(under_eye);
    let share = if wish.args.is_still() { 1.0 } else { 1.0 - (-time.delta_secs_f64().min(0.5) / SOFTNESS_S).exp() };
    let next = rig.ground_m + (wanted - rig.ground_m) * share;
    // Under the ground it is not for a single frame; and a rest that nobody sees is not drawn.
    let next = if (wanted - next).abs() < rig.orbit.distance * 1e-5 { wanted } else { next.max(under_eye) };
    if next != rig.ground_m {
        rig.ground_m = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{camera::Orbit, tiles::Samples};

    fn city() -> (Ground, CityPlane, TileId) {
        let plane = CityPlane::around(117.2, 39.1);
        let tile = TileId::holding(12, 117.2, 39.1);
        let across = 64 + 2 * Samples::MARGIN as usize;
        // It rises by 5 m every pixel to the south, from 1,500 m on.
        let pixels: Vec<f32> = (0..across * across).map(|at| 1500.0 + 5.0 * (at / across) as f32).collect();
        let relief = Relief::of(&Samples::of_pixels(&pixels, across), 7_600.0, |fx, fy| {
            [(fx - 0.5) * 40_000.0, (0.5 - fy) * 40_000.0].map(|v| v as i16)
        });
        let mut ground = Ground::default();
        ground.on(plane);
        ground.take(tile, Some(Arc::new(relief)));
        ground.draw(&[tile]);
        (ground, plane, tile)
    }

    #[test]
    fn a_place_has_the_height_of_the_tile_that_is_drawn_there() {
        let (mut ground, plane, tile) = city();
        for (fx, fy) in [(0.2, 0.3), (0.9, 0.6)] {
            let (longitude, latitude) = tile.place(fx, fy);
            // The pixel's middle lies 2.5 pixels after the margin's begin.
            let expected = 1500.0 + 5.0 * (fy * 64.0 + 1.5);
            assert!((ground.drawn_m(plane.forward(longitude, latitude)) - expected).abs() < 0.01);
        }
        let middle = tile.place(0.5, 0.5);
        ground.draw(&[]);
        assert_eq!(ground.drawn_m(plane.forward(middle.0, middle.1)), 0.0, "nothing is drawn there");
        assert!(ground.finest_m(plane.forward(middle.0, middle.1)) > 1500.0);
    }

    #[test]
    fn what_is_under_a_pixel_is_seen_there() {
        let (ground, plane, tile) = city();
        let middle = tile.place(0.5, 0.5);
        let target = plane.forward(middle.0, middle.1);
        let orbit = Orbit { target, distance: 1_500.0, bearing: 200.0, pitch: 25.0 };
        let eye = orbit.eye(1920, 1080).lifted(ground.drawn_m(target));
        for pixel in [Vec2::new(960.0, 540.0), Vec2::new(300.0, 900.0), Vec2::new(1700.0, 420.0)] {
            let place = ground.under(&eye, pixel).unwrap();
            let (back, _) = eye.project(place).unwrap();
            assert!((back - pixel).length() < 0.2, "{pixel} {back}");
        }
        assert!(ground.under(&eye, Vec2::new(960.0, -4000.0)).is_none(), "the sky");
    }
}
