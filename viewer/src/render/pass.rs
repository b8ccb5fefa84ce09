//! The passes: the city from the ground up, then what is happening on it.

use super::{
    gpu::{GpuCity, GpuTile, TILE_STRIDE},
    marker::BUCKET_ORDER,
};
use crate::tiles::DrawKind;
use bevy::{
    ecs::prelude::*,
    render::{
        render_phase::TrackedRenderPass,
        render_resource::{
            BindGroup, CachedRenderPipelineId, ComputePassDescriptor, IndexFormat, LoadOp, PipelineCache, RenderPassColorAttachment,
            RenderPassDescriptor,
        },
        renderer::{RenderContext, ViewQuery},
        view::ViewTarget,
    },
};

/// Counts the markers into cells, and adds up their density if it is shown.
pub(super) fn count_pass(city: Res<GpuCity>, cache: Res<PipelineCache>, mut ctx: RenderContext) {
    let (Some(pipelines), Some(frame)) = (&city.pipelines, &city.frame_group) else { return };
    let pipeline = |id| cache.get_compute_pipeline(id);
    let (Some(count), Some(splat), true) = (pipeline(pipelines.count), pipeline(pipelines.splat), city.ready) else { return };
    let density = city.density.as_ref().filter(|_| city.overlay.heat > 0.0);
    let encoder = ctx.command_encoder();
    city.markers.iter().for_each(|markers| markers.clear_cells(encoder));
    if let Some(density) = density {
        density.clear(encoder);
    }
    let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor { label: Some("citywall count"), timestamp_writes: None });
    pass.set_bind_group(0, frame, &[]);
    // The gravest are never gathered into clusters.
    for (_, markers) in city.markers.iter().enumerate().filter(|(bucket, _)| !matches!(bucket, 1 | 2)) {
        markers.count_into_cells(&mut pass, count);
    }
    if let Some(density) = density {
        density.sum_up(&mut pass, splat, &city.markers);
    }
}

/// Draws the city on its backdrop, if that does not show it as it is.
pub(super) fn city_pass(city: Res<GpuCity>, cache: Res<PipelineCache>, mut ctx: RenderContext) {
    let (Some(pipelines), Some(frame), Some(offsets), Some(quads), Some(backdrop)) =
        (&city.pipelines, &city.frame_group, &city.offsets_group, &city.quads, &city.backdrop)
    else {
        return;
    };
    if !city.ready || !backdrop.begin() {
        return;
    }
    if city.has_relief {
        draw_from_above(&city, &cache, &mut ctx);
    }
    let mut pass = ctx.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("citywall"),
        color_attachments: &[Some(backdrop.colour())],
        depth_stencil_attachment: Some(backdrop.depth()),
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    pass.set_bind_group(0, frame, &[]);
    pass.set_index_buffer(quads.slice(..), IndexFormat::Uint32);
    if set(&mut pass, &cache, pipelines.sky) {
        pass.draw(0..3, 0..1);
    }
    if city.has_relief && set(&mut pass, &cache, pipelines.relief) {
        draw_grounds(&mut pass, &city, offsets, [1, 2], |gpu| gpu.ground_quads());
    }
    // What lies on the ground is painted in order and has no depth of its own; what stands on it has.
    for (kind, pipeline) in [
        (DrawKind::Fill, pipelines.fill),
        (DrawKind::Line, pipelines.line),
        (DrawKind::Flow, pipelines.mark),
        (DrawKind::Wall, pipelines.wall),
        (DrawKind::Roof, pipelines.roof),
        (DrawKind::Face, pipelines.face),
    ] {
        if set(&mut pass, &cache, pipeline) {
            draw_tiles(&mut pass, &city, kind, offsets);
        }
    }
}

/// Draws what happens over the city.
pub(super) fn happening_pass(view: ViewQuery<&ViewTarget>, city: Res<GpuCity>, cache: Res<PipelineCache>, mut ctx: RenderContext) {
    let target = view.into_inner();
    let is_there = city.backdrop.as_ref().is_some_and(|backdrop| backdrop.copy_to(target.main_texture(), ctx.command_encoder()));
    let attachment = || {
        let mut colour = target.get_unsampled_color_attachment();
        if is_there {
            colour.ops.load = LoadOp::Load;
        }
        colour
    };
    if is_there && city.flows > 0 {
        flow_pass(&city, &cache, &mut ctx, attachment());
    }
    if is_there && city.has_relief {
        overlay_pass(&city, &cache, &mut ctx, attachment());
    }
    // The pass begins even if there is nothing to draw: it clears the picture.
    let mut pass = ctx.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("citywall happening"),
        color_attachments: &[Some(attachment())],
        depth_stencil_attachment: None,
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    let (Some(pipelines), Some(frame), Some(offsets), Some(quads), true) =
        (&city.pipelines, &city.frame_group, &city.offsets_group, &city.quads, city.ready)
    else {
        return;
    };
    pass.set_bind_group(0, frame, &[]);
    pass.set_index_buffer(quads.slice(..), IndexFormat::Uint32);
    if let (Some(density), true) = (&city.density, city.overlay.is_visible() && !city.has_relief)
        && set(&mut pass, &cache, pipelines.overlay)
    {
        pass.set_bind_group(1, &density.group, &[]);
        pass.draw(0..3, 0..1);
    }
    for (kind, pipeline) in [(DrawKind::Fill, pipelines.tint), (DrawKind::Line, pipelines.stroke)] {
        if city.drawings.is_empty() || !set(&mut pass, &cache, pipeline) {
            continue;
        }
        for (at, drawing) in city.drawings.iter().enumerate() {
            draw_records(&mut pass, drawing, kind, offsets, city.draw.len() + at);
        }
    }
    for (pipeline, quads) in [(pipelines.foot, 2), (pipelines.head, 1)] {
        if !set(&mut pass, &cache, pipeline) {
            continue;
        }
        for markers in BUCKET_ORDER.map(|bucket| &city.markers[bucket]) {
            if let (Some(group), true) = (&markers.group, markers.count > 0) {
                pass.set_bind_group(1, group, &[]);
                pass.draw_indexed(0..markers.count * quads * 6, 0, 0..1);
            }
        }
    }
}

/// Draws what flows along the lines that are seen on the backdrop.
fn flow_pass(city: &GpuCity, cache: &PipelineCache, ctx: &mut RenderContext, colour: RenderPassColorAttachment<'_>) {
    let (Some(pipelines), Some(frame), Some(offsets), Some(quads), Some(backdrop)) =
        (&city.pipelines, &city.frame_group, &city.offsets_group, &city.quads, &city.backdrop)
    else {
        return;
    };
    let mut pass = ctx.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("citywall flow"),
        color_attachments: &[Some(colour)],
        depth_stencil_attachment: None,
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    pass.set_bind_group(0, frame, &[]);
    pass.set_bind_group(3, &backdrop.group, &[]);
    pass.set_index_buffer(quads.slice(..), IndexFormat::Uint32);
    if set(&mut pass, cache, pipelines.flow) {
        draw_tiles(&mut pass, city, DrawKind::Flow, offsets);
    }
}

/// Draws the heights of the ground from above.
fn draw_from_above(city: &GpuCity, cache: &PipelineCache, ctx: &mut RenderContext) {
    let (Some(pipelines), Some(frame), Some(offsets), Some(quads), Some(window)) =
        (&city.pipelines, &city.frame_group_above, &city.offsets_group, &city.quads, &city.from_above)
    else {
        return;
    };
    let mut pass = ctx.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("citywall heights"),
        color_attachments: &[Some(window.colour(city.eye_m))],
        depth_stencil_attachment: None,
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    pass.set_bind_group(0, frame, &[]);
    pass.set_index_buffer(quads.slice(..), IndexFormat::Uint32);
    if set(&mut pass, cache, pipelines.above) {
        // From above the borders that hang down are nothing.
        draw_grounds(&mut pass, city, offsets, [1, 2], |gpu| gpu.ground_cells());
    }
}

/// Draws what lies over ground that is not level, and over the rest.
fn overlay_pass(city: &GpuCity, cache: &PipelineCache, ctx: &mut RenderContext, colour: RenderPassColorAttachment<'_>) {
    let (Some(pipelines), Some(frame), Some(offsets), Some(quads), Some(backdrop), Some(density)) =
        (&city.pipelines, &city.frame_group, &city.offsets_group, &city.quads, &city.backdrop, &city.density)
    else {
        return;
    };
    if !city.overlay.is_visible() {
        return;
    }
    let mut pass = ctx.begin_tracked_render_pass(RenderPassDescriptor {
        label: Some("citywall overlay"),
        color_attachments: &[Some(colour)],
        depth_stencil_attachment: Some(backdrop.frame_depth()),
        timestamp_writes: None,
        occlusion_query_set: None,
        multiview_mask: None,
    });
    pass.set_bind_group(0, frame, &[]);
    pass.set_bind_group(1, &density.group, &[]);
    pass.set_index_buffer(quads.slice(..), IndexFormat::Uint32);
    for pipeline in [pipelines.relief_depth, pipelines.relief_overlay] {
        if set(&mut pass, cache, pipeline) {
            // Borders that hang down would be drawn over twice.
            draw_grounds(&mut pass, city, offsets, [2, 3], |gpu| gpu.ground_cells());
        }
    }
    // Where no ground was drawn, depth is that of the farthest.
    if set(&mut pass, cache, pipelines.rest_overlay) {
        pass.draw(0..3, 0..1);
    }
}

/// Draws so many quads of the ground of every tile, whose records and uniform are bound to the groups given.
fn draw_grounds<'w>(
    pass: &mut TrackedRenderPass<'w>,
    city: &'w GpuCity,
    offsets: &'w BindGroup,
    groups: [usize; 2],
    quads: impl Fn(&GpuTile) -> u32,
) {
    for (at, gpu) in city.draw.iter().enumerate().filter_map(|(at, tile)| Some((at, city.tiles.get(tile)?))) {
        let quads = quads(gpu);
        if quads > 0 {
            pass.set_bind_group(groups[0], &gpu.group, &[]);
            pass.set_bind_group(groups[1], offsets, &[(at as u64 * TILE_STRIDE) as u32]);
            pass.draw_indexed(0..quads * 6, 0, 0..1);
        }
    }
}

/// Draws the records of a kind of every tile.
fn draw_tiles<'w>(pass: &mut TrackedRenderPass<'w>, city: &'w GpuCity, kind: DrawKind, offsets: &'w BindGroup) {
    for (at, gpu) in city.draw.iter().enumerate().filter_map(|(at, tile)| Some((at, city.tiles.get(tile)?))) {
        draw_records(pass, gpu, kind, offsets, at);
    }
}

/// Draws a tile's records of a kind; `at` is the place of its uniform.
fn draw_records<'w>(pass: &mut TrackedRenderPass<'w>, tile: &'w GpuTile, kind: DrawKind, offsets: &'w BindGroup, at: usize) {
    let records = tile.records(kind);
    if records.is_empty() {
        return;
    }
    pass.set_bind_group(1, &tile.group, &[]);
    pass.set_bind_group(2, offsets, &[(at as u64 * TILE_STRIDE) as u32]);
    if kind == DrawKind::Face {
        pass.draw(0..records.len() as u32 / 2 * 3, 0..1);
    } else if kind.is_quad() {
        pass.draw_indexed(0..records.len() as u32 * 6, records.start as i32 * 4, 0..1);
    } else {
        pass.draw(records.start * 3..records.end * 3, 0..1);
    }
}

fn set<'w>(pass: &mut TrackedRenderPass<'w>, cache: &'w PipelineCache, id: CachedRenderPipelineId) -> bool {
    cache.get_render_pipeline(id).map(|pipeline| pass.set_render_pipeline(pipeline)).is_some()
}
