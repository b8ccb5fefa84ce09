//! What the main world hands to the render world: the frame, which tiles, which markers changed.

use super::{FrameUniform, Marker, marker::BUCKETS};
use crate::{geo::TileId, tiles::TileGeometry};
use bevy::{math::DVec3, prelude::*, render::MainWorld};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

/// A tile to draw in this frame.
#[derive(Clone, Copy, Debug)]
pub struct TileDraw {
    /// Which.
    pub tile: TileId,
}

/// What was drawn, told back by the render world.
#[derive(Debug, Default)]
pub struct PictureStats {
    /// Tiles drawn.
    pub tiles: AtomicU32,
    /// Buildings in them.
    pub buildings: AtomicU32,
    /// Those of them that are solids.
    pub solids: AtomicU32,
    /// Bytes that their walls, roofs and faces take on the GPU.
    pub building_bytes: AtomicU64,
    /// Segments drawn along which something flows.
    pub flows: AtomicU32,
    /// Markers drawn.
    pub markers: AtomicU32,
    /// True once every pipeline is compiled.
    pub ready: AtomicBool,
    /// Pipelines that could not be compiled.
    pub broken: AtomicU32,
}

impl PictureStats {
    /// Tiles, buildings and markers of the last frame.
    #[must_use]
    pub fn counts(&self) -> [u32; 3] {
        [&self.tiles, &self.buildings, &self.markers].map(|c| c.load(Ordering::Relaxed))
    }

    /// True if the render world can draw everything.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

/// What lies over the ground: density, and the stage of an alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overlay {
    /// How strongly the density of the incidents is shown, 0 to 1.
    pub heat: f32,
    /// What the rest steps back for.
    pub stage: Option<Spot>,
}

/// A lit place: rings around it, and the rest dimmed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// Its middle on the city's plane, metres.
    pub middle: [f32; 2],
    /// The inner ring's radius in metres; a share of the view without it.
    pub ring_m: Option<f32>,
    /// How strongly the rest is dimmed, 0 to 1.
    pub dim: f32,
}

impl Overlay {
    /// True if there is something to draw.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        self.heat > 0.0 || self.stage.is_some()
    }
}

/// The picture as the main world wants it.
#[derive(Resource, Default)]
pub struct Picture {
    /// The frame's uniform.
    pub frame: FrameUniform,
    /// The eye on the city's plane.
    pub eye: DVec3,
    /// The tiles to draw.
    pub draw: Vec<TileDraw>,
    /// Tiles that have arrived, to be copied to the GPU once.
    pub arrived: Vec<(TileId, TileGeometry)>,
    /// Tiles that leave the GPU.
    pub left: Vec<TileId>,
    /// States of buildings that have changed: the tile, the first building, the states from there on.
    pub states: Vec<(TileId, u32, Vec<u32>)>,
    /// The colours of the classes of coloured buildings.
    pub classes: Vec<[f32; 3]>,
    /// Every tile leaves the GPU (another city).
    pub forget: bool,
    /// Markers by bucket: slots that changed, and how many there are.
    pub marker_changes: [Vec<(u32, Marker)>; BUCKETS],
    /// Markers by bucket.
    pub marker_counts: [u32; BUCKETS],
    /// What is drawn by hand, if it has changed.
    pub drawings: Option<Vec<TileGeometry>>,
    /// The picture's height in pixels.
    pub lines: u32,
    /// The city is drawn anew in every frame, though nothing of it has changed: what a frame costs while the
    /// camera moves.
    pub always_anew: bool,
    /// What lies over the ground.
    pub overlay: Overlay,
    /// What was drawn.
    pub stats: Arc<PictureStats>,
}

impl Picture {
    /// Forgets what was to be handed to a device that is lost.
    pub fn lose(&mut self) {
        *self = Self {
            frame: std::mem::take(&mut self.frame),
            classes: std::mem::take(&mut self.classes),
            eye: self.eye,
            lines: self.lines,
            always_anew: self.always_anew,
            overlay: self.overlay,
            stats: Arc::clone(&self.stats),
            forget: true,
            ..Self::default()
        };
        self.stats.ready.store(false, Ordering::Relaxed);
    }
}

/// The picture as the render world has it.
#[derive(Resource, Default)]
pub struct Extracted {
    pub(super) picture: Picture,
}

/// Moves what is new into the render world; only changes travel.
pub(super) fn extract(mut main: ResMut<MainWorld>, mut extracted: ResMut<Extracted>) {
    let Some(mut from) = main.get_resource_mut::<Picture>() else { return };
    let to = &mut extracted.picture;
    to.frame.clone_from(&from.frame);
    to.eye = from.eye;
    to.draw.clone_from(&from.draw);
    to.marker_counts = from.marker_counts;
    (to.lines, to.overlay, to.always_anew) = (from.lines, from.overlay, from.always_anew);
    to.stats = Arc::clone(&from.stats);
    to.arrived.append(&mut from.arrived);
    to.left.append(&mut from.left);
    to.states.append(&mut from.states);
    if let Some(drawings) = from.drawings.take() {
        to.drawings = Some(drawings);
    }
    to.forget |= std::mem::take(&mut from.forget);
    for (to, from) in to.marker_changes.iter_mut().zip(&mut from.marker_changes) {
        to.append(from);
    }
}
