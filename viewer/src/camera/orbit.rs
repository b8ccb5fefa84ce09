//! The camera's place, and what follows from it: matrices, frustum, projection.
//!
//! Everything is computed in 64 bits on the city's plane; the GPU only ever sees positions
//! relative to the eye. Depth is reversed and infinite (1 at the near plane, 0 at infinity).

use crate::lod::View;
use bevy::math::{DMat4, DVec2, DVec3, DVec4, Mat4, URect, Vec2};

/// Vertical field of view, degrees: narrow, so that the city's far side is not too small.
const FOV_DEG: f64 = 34.0;
/// The near plane as a share of the distance to the target.
const NEAR_SHARE: f64 = 0.02;
/// Pitch is kept between these, degrees above the horizon.
pub const PITCH_DEG: (f64, f64) = (12.0, 89.0);
/// Distance is kept between these, metres.
pub const DISTANCE_M: (f64, f64) = (120.0, 600_000.0);

/// A camera that looks at a place on the ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Orbit {
    /// The place, metres on the city's plane.
    pub target: DVec2,
    /// Metres from the place to the eye.
    pub distance: f64,
    /// The direction of the view, degrees clockwise from north.
    pub bearing: f64,
    /// Degrees above the horizon; 90 looks straight down.
    pub pitch: f64,
}

impl Default for Orbit {
    fn default() -> Self {
        Self { target: DVec2::ZERO, distance: 20_000.0, bearing: 0.0, pitch: 48.0 }
    }
}

/// An orbit's view at a size in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Eye {
    /// The eye on the city's plane, metres.
    pub position: DVec3,
    /// To the right on the screen.
    pub right: DVec3,
    /// Up on the screen.
    pub up: DVec3,
    /// Into the screen.
    pub forward: DVec3,
    /// Half the view's width and height at a distance of one metre.
    pub half: DVec2,
    /// Where the middle of the view is at a distance of one metre, right and up of straight ahead: zero
    /// for a whole wall, not for one display of several.
    pub lens: DVec2,
    /// The size in pixels.
    pub size: DVec2,
    /// The upper left corner in pixels of the whole wall.
    pub corner: DVec2,
    /// The whole wall's height in pixels, which sizes follow.
    pub lines: f64,
    /// Metres to the target.
    pub distance: f64,
    /// The height of the target, metres above the city's datum.
    pub level_m: f64,
}

impl Orbit {
    /// Pitch, distance and bearing brought into their ranges.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self {
            pitch: self.pitch.clamp(PITCH_DEG.0, PITCH_DEG.1),
            distance: self.distance.clamp(DISTANCE_M.0, DISTANCE_M.1),
            bearing: self.bearing.rem_euclid(360.0),
            ..self
        }
    }

    /// The distance from which a height on the ground fills the view at this pitch.
    #[must_use]
    pub fn distance_to_show(height_m: f64) -> f64 {
        height_m / 2.0 / (FOV_DEG / 2.0).to_radians().tan()
    }

    /// The view at a size in pixels, over level ground at 0 m.
    #[must_use]
    pub fn eye(&self, width: u32, height: u32) -> Eye {
        let (sin_b, cos_b) = self.bearing.to_radians().sin_cos();
        let (sin_p, cos_p) = self.pitch.to_radians().sin_cos();
        let ahead = DVec3::new(sin_b, cos_b, 0.0);
        let forward = ahead * cos_p - DVec3::Z * sin_p;
        let tan = (FOV_DEG / 2.0).to_radians().tan();
        let size = DVec2::new(f64::from(width.max(1)), f64::from(height.max(1)));
        Eye {
            position: self.target.extend(0.0) - forward * self.distance,
            right: DVec3::new(cos_b, -sin_b, 0.0),
            up: ahead * sin_p + DVec3::Z * cos_p,
            forward,
            half: DVec2::new(tan * size.x / size.y, tan),
            lens: DVec2::ZERO,
            size,
            corner: DVec2::ZERO,
            lines: size.y,
            distance: self.distance,
            level_m: 0.0,
        }
    }
}

impl Eye {
    /// The same view of a target so many metres higher.
    #[must_use]
    pub fn lifted(self, level_m: f64) -> Self {
        Self { position: self.position + DVec3::Z * level_m, level_m: self.level_m + level_m, ..self }
    }

    /// What one display shows of the view; `pane` is its part of the picture in pixels. The frustum is
    /// cut off its axis, so that the displays together show the view without a break.
    #[must_use]
    pub fn pane(&self, pane: URect) -> Self {
        let (min, size) = (pane.min.as_dvec2(), pane.size().as_dvec2());
        let middle = (min + size / 2.0) / self.size * 2.0 - 1.0;
        Self { half: self.half * size / self.size, lens: DVec2::new(middle.x, -middle.y) * self.half, size, corner: min, ..*self }
    }

    /// Clip space from metres relative to the eye.
    #[must_use]
    pub fn clip_from_relative(&self) -> Mat4 {
        let near = self.distance * NEAR_SHARE;
        let rows = [
            ((self.right - self.forward * self.lens.x) / self.half.x).extend(0.0),
            ((self.up - self.forward * self.lens.y) / self.half.y).extend(0.0),
            DVec4::new(0.0, 0.0, 0.0, near),
            self.forward.extend(0.0),
        ];
        DMat4::from_cols(rows[0], rows[1], rows[2], rows[3]).transpose().as_mat4()
    }

    /// What the choice of tiles needs to know; a tile is split above `tile_px` pixels.
    #[must_use]
    pub fn lod_view(&self, tile_px: f64) -> View {
        let plane = |normal: DVec3| normal.extend(-normal.dot(self.position));
        View {
            eye: self.position,
            planes: [
                plane(self.forward),
                plane(self.right + self.forward * (self.half.x - self.lens.x)),
                plane(-self.right + self.forward * (self.half.x + self.lens.x)),
                plane(self.up + self.forward * (self.half.y - self.lens.y)),
                plane(-self.up + self.forward * (self.half.y + self.lens.y)),
            ],
            px_per_metre_at_1m: self.px_per_metre_at_1m(),
            tile_px,
            level_m: self.level_m,
            relief_m: (0.0, 0.0),
        }
    }

    /// Pixels that a metre takes at a distance of one metre.
    #[must_use]
    pub fn px_per_metre_at_1m(&self) -> f64 {
        self.size.y / 2.0 / self.half.y
    }

    /// Where a place on the plane is on the screen, in pixels from the upper left corner, and how
    /// far into the view; `None` behind the eye.
    #[must_use]
    pub fn project(&self, place: DVec3) -> Option<(Vec2, f64)> {
        let d = place - self.position;
        let depth = d.dot(self.forward);
        (depth > 1.0).then(|| {
            let x = (d.dot(self.right) / depth - self.lens.x) / self.half.x;
            let y = (d.dot(self.up) / depth - self.lens.y) / self.half.y;
            (Vec2::new(((x + 1.0) / 2.0 * self.size.x) as f32, ((1.0 - y) / 2.0 * self.size.y) as f32), depth)
        })
    }

    /// The ray through a pixel; its part along the view is 1 long.
    #[must_use]
    pub fn ray(&self, pixel: Vec2) -> DVec3 {
        let x = (f64::from(pixel.x) / self.size.x * 2.0 - 1.0) * self.half.x + self.lens.x;
        let y = (1.0 - f64::from(pixel.y) / self.size.y * 2.0) * self.half.y + self.lens.y;
        self.forward + self.right * x + self.up * y
    }

    /// The place under a pixel on level ground at the target's height; `None` above the horizon.
    #[must_use]
    pub fn ground(&self, pixel: Vec2) -> Option<DVec2> {
        let ray = self.ray(pixel);
        (ray.z < -1e-3).then(|| (self.position - ray * ((self.position.z - self.level_m) / ray.z)).truncate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_in_the_middle_and_ground_and_screen_agree() {
        let orbit = Orbit { target: DVec2::new(3000.0, -500.0), distance: 5000.0, bearing: 70.0, pitch: 40.0 };
        let eye = orbit.eye(1920, 1080);
        let (centre, depth) = eye.project(orbit.target.extend(0.0)).unwrap();
        assert!((centre - Vec2::new(960.0, 540.0)).length() < 0.01 && (depth - 5000.0).abs() < 0.01);
        let pixel = Vec2::new(300.0, 900.0);
        let (back, _) = eye.project(eye.ground(pixel).unwrap().extend(0.0)).unwrap();
        assert!((back - pixel).length() < 0.01);
    }

    #[test]
    fn the_matrix_says_what_the_projection_says() {
        let eye = Orbit { bearing: 200.0, ..Orbit::default() }.eye(1600, 900);
        let place = DVec3::new(800.0, -1200.0, 45.0);
        let clip = eye.clip_from_relative() * (place - eye.position).as_vec3().extend(1.0);
        let (pixel, depth) = eye.project(place).unwrap();
        assert!((clip.w - depth as f32).abs() < 1.0);
        assert!(((clip.x / clip.w + 1.0) / 2.0 * 1600.0 - pixel.x).abs() < 0.1);
        assert!(((1.0 - clip.y / clip.w) / 2.0 * 900.0 - pixel.y).abs() < 0.1);
        assert!(clip.z > 0.0 && clip.z < clip.w);
    }

    #[test]
    fn a_display_shows_its_part_of_the_wall() {
        let whole = Orbit { bearing: 200.0, ..Orbit::default() }.eye(3000, 1000);
        let pane = URect::new(2010, 300, 3000, 1000);
        let eye = whole.pane(pane);
        let place = DVec3::new(-4000.0, -1200.0, 45.0);
        let (on_wall, depth) = whole.project(place).unwrap();
        let (on_display, same_depth) = eye.project(place).unwrap();
        assert!((on_wall - pane.min.as_vec2() - on_display).length() < 0.01 && depth == same_depth);
        let clip = eye.clip_from_relative() * (place - eye.position).as_vec3().extend(1.0);
        let pixel = Vec2::new((clip.x / clip.w + 1.0) / 2.0 * 990.0, (1.0 - clip.y / clip.w) / 2.0 * 700.0);
        assert!((pixel - on_display).length() < 0.1);
        assert!((eye.px_per_metre_at_1m() - whole.px_per_metre_at_1m()).abs() < 1e-9, "levels of detail are those of the wall");
        let corner = Vec2::new(2010.0, 900.0);
        assert!((whole.ground(corner).unwrap() - eye.ground(corner - pane.min.as_vec2()).unwrap()).length() < 0.01);
    }

    #[test]
    fn a_lifted_view_is_the_same_view_of_higher_ground() {
        let orbit = Orbit { target: DVec2::new(900.0, 40.0), distance: 800.0, bearing: 10.0, pitch: 20.0 };
        let (low, high) = (orbit.eye(1920, 1080), orbit.eye(1920, 1080).lifted(1900.0));
        let place = DVec3::new(1000.0, 300.0, 12.0);
        let [a, b] = [low.project(place), high.project(place + DVec3::Z * 1900.0)].map(|seen| seen.unwrap().0);
        assert!((a - b).length() < 1e-3);
        let [a, b] = [low, high].map(|eye| eye.ground(Vec2::new(700.0, 900.0)).unwrap());
        assert!((a - b).length() < 1e-6);
    }

    #[test]
    fn east_is_to_the_right_when_looking_north() {
        let eye = Orbit::default().eye(100, 100);
        assert!(eye.project(DVec3::new(1000.0, 0.0, 0.0)).unwrap().0.x > 50.0);
        assert!(eye.project(DVec3::new(0.0, 1000.0, 0.0)).unwrap().0.y < 50.0);
    }
}
