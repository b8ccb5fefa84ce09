//! The density of the incidents, summed up on the GPU in every frame that shows it.

use super::{frame::DENSITY_SIDE, markers::GpuMarkers, pipelines::Layouts};
use bevy::render::{
    render_resource::{
        BindGroup, BindGroupEntries, Buffer, BufferDescriptor, BufferId, BufferUsages, CommandEncoder, ComputePass, ComputePipeline,
        PipelineCache,
    },
    renderer::RenderDevice,
};

/// The buckets that count: the incidents, of every level.
const LEVELS: usize = 5;

/// The sums and how they are reached.
pub(super) struct GpuDensity {
    sums: Buffer,
    /// To draw.
    pub(super) group: BindGroup,
    splats: [Option<(BufferId, BindGroup)>; LEVELS],
}

impl GpuDensity {
    pub(super) fn new(layouts: &Layouts, cache: &PipelineCache, device: &RenderDevice) -> Self {
        let sums = device.create_buffer(&BufferDescriptor {
            label: Some("citywall density"),
            size: u64::from(DENSITY_SIDE * DENSITY_SIDE) * 4,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let layout = cache.get_bind_group_layout(&layouts.sums);
        let group = device.create_bind_group("citywall density", &layout, &BindGroupEntries::single(sums.as_entire_binding()));
        Self { sums, group, splats: Default::default() }
    }

    /// Binds the markers' buffers, which move as they grow.
    pub(super) fn follow(&mut self, markers: &[GpuMarkers], layouts: &Layouts, cache: &PipelineCache, device: &RenderDevice) {
        for (splat, markers) in self.splats.iter_mut().zip(markers) {
            let Some(buffer) = &markers.buffer else { continue };
            if splat.as_ref().is_none_or(|s| s.0 != buffer.id()) {
                let entries = BindGroupEntries::sequential((buffer.as_entire_binding(), self.sums.as_entire_binding()));
                let group = device.create_bind_group("citywall splat", &cache.get_bind_group_layout(&layouts.cells), &entries);
                *splat = Some((buffer.id(), group));
            }
        }
    }

    /// Empties the sums.
    pub(super) fn clear(&self, encoder: &mut CommandEncoder) {
        encoder.clear_buffer(&self.sums, 0, None);
    }

    /// Adds the incidents; group 0 is bound already.
    pub(super) fn sum_up(&self, pass: &mut ComputePass<'_>, pipeline: &ComputePipeline, markers: &[GpuMarkers]) {
        pass.set_pipeline(pipeline);
        for (splat, markers) in self.splats.iter().zip(markers) {
            if let (Some((_, group)), true) = (splat, markers.count > 0) {
                pass.set_bind_group(1, group, &[]);
                pass.dispatch_workgroups(markers.groups(), 1, 1);
            }
        }
    }
}
