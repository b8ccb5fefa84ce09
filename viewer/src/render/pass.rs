//! The city's pass: from the ground up, then what is happening on it.

use super::gpu::{GpuCity, TILE_STRIDE};
use crate::tiles::DrawKind;
use bevy::{
    ecs::prelude::*,
    render::{
        render_phase::TrackedRenderPass,
        render_resource::{CachedRenderPipelineId, IndexFormat, PipelineCache, RenderPassDescriptor, StoreOp},
        renderer::{RenderContext, ViewQuery},
        view::{ViewDepthTexture, ViewTarget},
    },
};

/// The graver level is drawn later, and so over the others.
const LEVEL_ORDER: [usize; 5] = [0, 4, 3, 2, 1];

pub(super) fn city_pass(
    view: ViewQuery<(&ViewTarget, &ViewDepthTexture)>,
    city: Res<GpuCity>,
    cache: Res<PipelineCache>,
    mut ctx: RenderContext,
) {
    let (target, depth) = view.into_inner();
    // The pass begins even if there is nothing to draw: it clears the picture.
    let mut pass = ctx.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("citywall"),
        color_attachments: &[Some(target.get_color_attachment())],
        depth_stencil_attachment: Some(depth.get_attachment(StoreOp::Store)),
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    let (Some(pipelines), Some(frame), Some(offsets), Some(quads)) = (&city.pipelines, &city.frame_group, &city.offsets_group, &city.quads)
    else {
        return;
    };
    if !city.ready {
        return;
    }
    pass.set_bind_group(0, frame, &[]);
    pass.set_index_buffer(quads.slice(..), IndexFormat::Uint32);
    if set(&mut pass, &cache, pipelines.sky) {
        pass.draw(0..3, 0..1);
    }
    // The ground is painted in order and has no depth; what stands on it has.
    for (kind, pipeline) in [
        (DrawKind::Fill, pipelines.fill),
        (DrawKind::Line, pipelines.line),
        (DrawKind::Wall, pipelines.wall),
        (DrawKind::Roof, pipelines.roof),
    ] {
        if !set(&mut pass, &cache, pipeline) {
            continue;
        }
        for (at, tile) in city.draw.iter().enumerate() {
            let Some(gpu) = city.tiles.get(tile) else { continue };
            let records = gpu.records(kind);
            if records.is_empty() {
                continue;
            }
            pass.set_bind_group(1, &gpu.group, &[]);
            pass.set_bind_group(2, offsets, &[(at as u64 * TILE_STRIDE) as u32]);
            if kind.is_quad() {
                pass.draw_indexed(0..records.len() as u32 * 6, records.start as i32 * 4, 0..1);
            } else {
                pass.draw(records.start * 3..records.end * 3, 0..1);
            }
        }
    }
    for (pipeline, quads) in [(pipelines.foot, 2), (pipelines.head, 1)] {
        if !set(&mut pass, &cache, pipeline) {
            continue;
        }
        for markers in LEVEL_ORDER.map(|level| &city.markers[level]) {
            if let (Some(group), true) = (&markers.group, markers.count > 0) {
                pass.set_bind_group(1, group, &[]);
                pass.draw_indexed(0..markers.count * quads * 6, 0, 0..1);
            }
        }
    }
}

fn set<'w>(pass: &mut TrackedRenderPass<'w>, cache: &'w PipelineCache, id: CachedRenderPipelineId) -> bool {
    cache.get_render_pipeline(id).map(|pipeline| pass.set_render_pipeline(pipeline)).is_some()
}
