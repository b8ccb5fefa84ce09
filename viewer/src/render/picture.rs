//! What the main world hands to the render world: the frame, which tiles, which markers changed.

use super::FrameUniform;
use crate::{geo::TileId, tiles::TileGeometry};
use bevy::{math::DVec3, prelude::*, render::MainWorld};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

/// A tile to draw in this frame.
#[derive(Clone, Copy, Debug)]
pub struct TileDraw {
    /// Which.
    pub tile: TileId,
}

/// A marker as the GPU has it: place, arrival, level.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Marker {
    /// Metres east and north of the city's home.
    pub place: [f32; 2],
    /// When it arrived, seconds of the wall's clock; far in the past if it was there before.
    pub arrived_s: f32,
    /// Bits 0–2 the level, bit 3 if it is chosen.
    pub bits: u32,
}

impl Marker {
    /// Bytes of a marker on the GPU.
    pub const BYTES: usize = 16;

    /// As the shader reads it.
    #[must_use]
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let words = [self.place[0].to_bits(), self.place[1].to_bits(), self.arrived_s.to_bits(), self.bits];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// What was drawn, told back by the render world.
#[derive(Debug, Default)]
pub struct PictureStats {
    /// Tiles drawn.
    pub tiles: AtomicU32,
    /// Buildings in them.
    pub buildings: AtomicU32,
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
    /// Every tile leaves the GPU (another city).
    pub forget: bool,
    /// Markers by level 0–4: slots that changed, and how many there are.
    pub marker_changes: [Vec<(u32, Marker)>; 5],
    /// Markers by level.
    pub marker_counts: [u32; 5],
    /// What was drawn.
    pub stats: Arc<PictureStats>,
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
    to.stats = Arc::clone(&from.stats);
    to.arrived.append(&mut from.arrived);
    to.left.append(&mut from.left);
    to.forget |= std::mem::take(&mut from.forget);
    for level in 0..5 {
        to.marker_changes[level].append(&mut from.marker_changes[level]);
    }
}
