//! The city as it stands, drawn apart from what happens on it.
//!
//! Under a camera at rest the same city would be drawn in every frame. It is drawn once, into a texture, and
//! copied into the frames until something of it changes: the camera, the light, a tile. So a frame at rest
//! costs what moves in it, and an incident need not wait until a whole city has been drawn.

use super::pipelines::COLOUR_FORMAT;
use bevy::{
    core_pipeline::core_3d::CORE_3D_DEPTH_FORMAT,
    render::{
        render_resource::{
            BindGroup, BindGroupEntries, BindGroupLayout, CommandEncoder, Extent3d, LoadOp, Operations, RenderPassColorAttachment,
            RenderPassDepthStencilAttachment, StoreOp, Texture, TextureDescriptor, TextureDimension, TextureFormat, TextureUsages,
            TextureView, TextureViewDescriptor,
        },
        renderer::RenderDevice,
    },
};
use std::sync::atomic::{AtomicBool, Ordering};

/// The textures, and whether they show the city as it is.
pub(super) struct Backdrop {
    size: Extent3d,
    samples: u32,
    picture: Texture,
    view: TextureView,
    /// What is drawn on if a pixel has several samples.
    sampled: Option<TextureView>,
    /// To read it while a frame is drawn.
    pub(super) group: BindGroup,
    depth: TextureView,
    /// The depth of a frame, which has one sample a pixel.
    frame_depth: TextureView,
    is_current: AtomicBool,
}

impl Backdrop {
    /// Nothing is drawn on it yet.
    pub(super) fn new(size: Extent3d, samples: u32, layout: &BindGroupLayout, device: &RenderDevice) -> Self {
        let texture = |label, format, samples, usage| {
            device.create_texture(&TextureDescriptor {
                label: Some(label),
                size,
                mip_level_count: 1,
                sample_count: samples,
                dimension: TextureDimension::D2,
                format,
                usage: TextureUsages::RENDER_ATTACHMENT | usage,
                view_formats: &[],
            })
        };
        let view = |texture: &Texture| texture.create_view(&TextureViewDescriptor::default());
        let drawn_on = |label, format: TextureFormat| view(&texture(label, format, samples, TextureUsages::empty()));
        let picture = texture("citywall backdrop", COLOUR_FORMAT, 1, TextureUsages::COPY_SRC | TextureUsages::TEXTURE_BINDING);
        let depth = drawn_on("citywall backdrop depth", CORE_3D_DEPTH_FORMAT);
        // Nothing of the backdrop's depth is kept: with one sample a frame draws on the same.
        let frame_depth = if samples == 1 {
            depth.clone()
        } else {
            view(&texture("citywall frame depth", CORE_3D_DEPTH_FORMAT, 1, TextureUsages::empty()))
        };
        let picture_view = view(&picture);
        Self {
            size,
            samples,
            group: device.create_bind_group("citywall backdrop", layout, &BindGroupEntries::single(&picture_view)),
            view: picture_view,
            picture,
            sampled: (samples > 1).then(|| drawn_on("citywall backdrop samples", COLOUR_FORMAT)),
            depth,
            frame_depth,
            is_current: AtomicBool::new(false),
        }
    }

    /// True if a picture of this size and these samples fits on it.
    pub(super) fn fits(&self, size: Extent3d, samples: u32) -> bool {
        (self.size, self.samples) == (size, samples)
    }

    /// What it shows is no longer what the city is.
    pub(super) fn expire(&self) {
        self.is_current.store(false, Ordering::Relaxed);
    }

    /// True if it is to be drawn, which the caller then does.
    pub(super) fn begin(&self) -> bool {
        !self.is_current.swap(true, Ordering::Relaxed)
    }

    /// What the city is drawn on.
    pub(super) fn colour(&self) -> RenderPassColorAttachment<'_> {
        // The sky covers everything: nothing is to be cleared, but some GPUs are faster if it is.
        let ops = Operations { load: LoadOp::Clear(Default::default()), store: StoreOp::Store };
        match &self.sampled {
            Some(sampled) => RenderPassColorAttachment {
                view: sampled,
                depth_slice: None,
                resolve_target: Some(&self.view),
                ops: Operations { store: StoreOp::Discard, ..ops },
            },
            None => RenderPassColorAttachment { view: &self.view, depth_slice: None, resolve_target: None, ops },
        }
    }

    /// Its depth: the farthest is 0.
    pub(super) fn depth(&self) -> RenderPassDepthStencilAttachment<'_> {
        Self::cleared(&self.depth)
    }

    /// A depth for what is drawn on a frame.
    pub(super) fn frame_depth(&self) -> RenderPassDepthStencilAttachment<'_> {
        Self::cleared(&self.frame_depth)
    }

    fn cleared(view: &TextureView) -> RenderPassDepthStencilAttachment<'_> {
        RenderPassDepthStencilAttachment {
            view,
            depth_ops: Some(Operations { load: LoadOp::Clear(0.0), store: StoreOp::Discard }),
            stencil_ops: None,
        }
    }

    /// Copies it into a frame of its size; false if that has another.
    pub(super) fn copy_to(&self, frame: &Texture, encoder: &mut CommandEncoder) -> bool {
        let fits = frame.size() == self.size && self.is_current.load(Ordering::Relaxed);
        if fits {
            encoder.copy_texture_to_texture(self.picture.as_image_copy(), frame.as_image_copy(), self.size);
        }
        fits
    }
}
