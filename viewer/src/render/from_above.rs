//! The heights of the ground around the target, drawn from above.
//!
//! Markers move, and what is drawn by hand belongs to no tile: both find here how high the ground is where they
//! are. The window is drawn with the city, so that it has the very ground that is seen.

use bevy::render::{
    render_resource::{
        Extent3d, LoadOp, Operations, RenderPassColorAttachment, StoreOp, TextureDescriptor, TextureDimension, TextureFormat,
        TextureUsages, TextureView, TextureViewDescriptor,
    },
    renderer::RenderDevice,
};

/// Cells along a side of the window, as `common.wgsl` has it.
pub(super) const WINDOW_SIDE: u32 = 512;
/// What a cell holds: metres above the eye.
pub(super) const WINDOW_FORMAT: TextureFormat = TextureFormat::R32Float;

/// The window.
pub(super) struct FromAbove {
    pub(super) view: TextureView,
}

impl FromAbove {
    pub(super) fn new(device: &RenderDevice) -> Self {
        let texture = device.create_texture(&TextureDescriptor {
            label: Some("citywall heights"),
            size: Extent3d { width: WINDOW_SIDE, height: WINDOW_SIDE, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: WINDOW_FORMAT,
            usage: TextureUsages::RENDER_ATTACHMENT | TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        });
        Self { view: texture.create_view(&TextureViewDescriptor::default()) }
    }

    /// What is drawn on; without a tile the ground is level at 0 m, `eye_m` below the eye.
    pub(super) fn colour(&self, eye_m: f64) -> RenderPassColorAttachment<'_> {
        let level = wgpu::Color { r: -eye_m, g: 0.0, b: 0.0, a: 1.0 };
        let ops = Operations { load: LoadOp::Clear(level), store: StoreOp::Store };
        RenderPassColorAttachment { view: &self.view, depth_slice: None, resolve_target: None, ops }
    }
}
