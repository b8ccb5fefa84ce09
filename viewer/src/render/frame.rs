//! What all shaders know of a frame, word by word as `common.wgsl` declares it.

use super::{Light, Overlay, from_above::WINDOW_SIDE, pipelines::FRAME_BYTES};
use crate::{
    camera::Eye,
    scene::{CLASSES_MAX, Scheme},
};

/// Where haze begins, in distances from the eye to the target.
const HAZE_FROM: f32 = 0.95;
/// How far it reaches from there, in the same measure.
const HAZE_REACH: f32 = 2.5;

/// The side of a cluster's cell on the screen, pixels at 1080 lines; cells are half to all of it.
const CELL_PX: f64 = 96.0;
/// Markers in a cell that become a cluster: its plate covers no more than they do.
const CLUSTER_MIN: f32 = 6.0;
/// Nearer than this, nothing is clustered, metres.
const CLUSTER_DISTANCE_M: f64 = 2_500.0;
/// Cells of density along a side, as `heat.wgsl` has it.
pub(super) const DENSITY_SIDE: u32 = 256;
/// The side of a cell of density on the screen, pixels at 1080 lines; half to all of it.
const DENSITY_PX: f64 = 24.0;
/// The side of a cell of the window of heights on the screen, pixels at 1080 lines; half to all of it.
const WINDOW_PX: f64 = 18.0;
/// The inner ring around a chosen incident, as a share of the distance to its middle.
const STAGE_SHARE: f32 = 0.09;

/// The word that has the wall's seconds.
const SECONDS: usize = 16 + 4 * 4 + 3;

/// The uniform of a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FrameUniform {
    words: Vec<f32>,
}

impl FrameUniform {
    /// The uniform for a view; `classes` are the colours of coloured buildings, `has_relief` is false where all
    /// ground is level at 0 m, `light` is what it is seen in, `seconds` is the wall's clock, which moves what moves.
    #[must_use]
    pub fn new(eye: &Eye, scheme: &Scheme, overlay: &Overlay, classes: &[[f32; 3]], has_relief: bool, light: Light, seconds: f32) -> Self {
        let mut words = Vec::with_capacity(FRAME_BYTES as usize / 4);
        words.extend_from_slice(&eye.clip_from_relative().to_cols_array());
        let mut put = |v: [f32; 4]| words.extend_from_slice(&v);
        let three = |v: [f32; 3]| [v[0], v[1], v[2], 1.0];
        let axis = |v: bevy::math::DVec3, w: f64| [v.x as f32, v.y as f32, v.z as f32, w as f32];
        let distance = eye.distance as f32;
        put([eye.size.x as f32, eye.size.y as f32, (eye.lines / 1080.0) as f32, eye.px_per_metre_at_1m() as f32]);
        put(axis(eye.right, eye.half.x));
        put(axis(eye.up, eye.half.y));
        put(axis(eye.forward, eye.distance));
        put([eye.position.x as f32, eye.position.y as f32, eye.position.z as f32, seconds]);
        put([eye.lens.x as f32, eye.lens.y as f32, eye.corner.x as f32, eye.corner.y as f32]);
        put([HAZE_FROM * distance, HAZE_REACH * distance, scheme.foot_glow, scheme.facing]);
        for colour in [scheme.ground, scheme.haze, scheme.zenith, scheme.wall_low, scheme.wall_high] {
            put(three(colour));
        }
        let [red, green, blue] = scheme.roof;
        put([red, green, blue, scheme.roof_height]);
        put(scheme.edge);
        scheme.levels.iter().for_each(|c| put(three(*c)));
        for colour in [scheme.things, scheme.moving, [scheme.plate[0], scheme.plate[1], scheme.plate[2]], scheme.ink, scheme.heat] {
            put(three(colour));
        }
        let metres_per_px = eye.distance / eye.px_per_metre_at_1m() * (eye.lines / 1080.0);
        // Powers of two, so that cells are the same from frame to frame while the camera moves.
        let side = |px: f64| (metres_per_px * px).log2().floor().exp2();
        let target = eye.position + eye.forward * eye.distance;
        let cell = side(CELL_PX);
        let least = if eye.distance > CLUSTER_DISTANCE_M { CLUSTER_MIN } else { 0.0 };
        put([cell as f32, least, (target.x / cell).floor() as f32, (target.y / cell).floor() as f32]);
        let grain = side(DENSITY_PX);
        let corner = |v: f64| ((v / grain).floor() - f64::from(DENSITY_SIDE / 2)) as f32;
        put([grain as f32, overlay.heat, corner(target.x), corner(target.y)]);
        let spot = overlay.stage.map(|s| [s.middle[0], s.middle[1], s.ring_m.unwrap_or(distance * STAGE_SHARE), s.dim]);
        put(spot.unwrap_or([0.0, 0.0, 1.0, 0.0]));
        let window = side(WINDOW_PX);
        let corner = |target: f64, eye: f64| (((target / window).floor() - f64::from(WINDOW_SIDE / 2)) * window - eye) as f32;
        let cell = if has_relief { window as f32 } else { 0.0 };
        put([corner(target.x, eye.position.x), corner(target.y, eye.position.y), cell, (eye.level_m - eye.position.z) as f32]);
        put(scheme.relief_shadow);
        put(scheme.relief_light);
        let [east, north, high] = light.from;
        put([east, north, high, light.strength]);
        put(scheme.flow);
        for at in 0..CLASSES_MAX {
            let [red, green, blue] = classes.get(at).copied().unwrap_or_default();
            put([red, green, blue, scheme.class_roof]);
        }
        for style in &scheme.styles {
            put(style.colour);
            put([style.width_m, style.width_px_min, style.width_px_max, style.fade]);
        }
        Self { words }
    }

    /// True if the city looks the same in another frame: nothing of it goes by the clock.
    #[must_use]
    pub fn has_same_city(&self, other: &Self) -> bool {
        let same = |words: std::ops::Range<usize>| self.words.get(words.clone()) == other.words.get(words);
        self.words.len() == other.words.len() && same(0..SECONDS) && same(SECONDS + 1..self.words.len())
    }

    /// As bytes for the GPU.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }
}
