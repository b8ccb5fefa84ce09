//! Markers on the GPU: a buffer per bucket, rewritten only where changed, and the cells in which
//! they are counted.
//!
//! Cells lie on the ground, a power of two of metres wide, so that a cluster stays where it is while
//! the camera moves. A compute pass counts each cell's markers and adds up their places; the vertex
//! shader then draws a lone marker as it is, and of a full cell only the cluster. Nothing is read back.

use super::{Marker, pipelines::Layouts};
use bevy::render::{
    render_resource::{
        BindGroup, BindGroupEntries, Buffer, BufferDescriptor, BufferInitDescriptor, BufferUsages, CommandEncoder, ComputePass,
        ComputePipeline, PipelineCache,
    },
    renderer::{RenderDevice, RenderQueue},
};

/// Markers that a bucket's buffer begins with.
const MARKERS_MIN: usize = 256;
/// Cells along each side of the window around the target, as `cluster.wgsl` has it.
pub const CELLS_SIDE: u32 = 256;
/// Bytes of a cell: count, first marker, sums of the places in it.
const CELL_BYTES: u64 = 16;
/// Threads of a workgroup, as `cluster.wgsl` and `heat.wgsl` have it.
const WORKGROUP: u32 = 64;
/// A marker that is not there.
const NOWHERE: Marker = Marker { from: [2e30; 2], to: [2e30; 2], start_s: 0.0, travel_s: 0.0, arrived_s: 0.0, bits: 0 };

/// A bucket's markers on the GPU.
#[derive(Default)]
pub(super) struct GpuMarkers {
    pub(super) buffer: Option<Buffer>,
    cells: Option<Buffer>,
    pub(super) group: Option<BindGroup>,
    count_group: Option<BindGroup>,
    capacity: usize,
    mirror: Vec<Marker>,
    pub(super) count: u32,
}

impl GpuMarkers {
    /// Takes in what has changed.
    pub(super) fn update(
        &mut self,
        changes: &mut Vec<(u32, Marker)>,
        count: u32,
        layouts: &Layouts,
        cache: &PipelineCache,
        device: &RenderDevice,
        queue: &RenderQueue,
    ) {
        self.count = count;
        let mut changed: Vec<(u32, Marker)> = std::mem::take(changes);
        // The slots that a workgroup reads beyond the last marker are nowhere.
        changed.extend((count..count.next_multiple_of(WORKGROUP)).map(|slot| (slot, NOWHERE)));
        changed.retain(|(slot, marker)| {
            let slot = *slot as usize;
            if slot >= self.mirror.len() {
                self.mirror.resize(slot + 1, NOWHERE);
            }
            std::mem::replace(&mut self.mirror[slot], *marker) != *marker
        });
        if count as usize > self.capacity {
            self.grow(count as usize, layouts, cache, device);
        } else if let Some(buffer) = &self.buffer {
            for run in runs(&changed, self.capacity) {
                let bytes: Vec<u8> = self.mirror[run.clone()].iter().flat_map(Marker::bytes).collect();
                queue.write_buffer(buffer, (run.start * Marker::BYTES) as u64, &bytes);
            }
        }
    }

    fn grow(&mut self, count: usize, layouts: &Layouts, cache: &PipelineCache, device: &RenderDevice) {
        self.capacity = count.next_power_of_two().max(MARKERS_MIN);
        self.mirror.resize(self.mirror.len().max(self.capacity), NOWHERE);
        let bytes: Vec<u8> = self.mirror[..self.capacity].iter().flat_map(Marker::bytes).collect();
        let markers = device.create_buffer_with_data(&BufferInitDescriptor {
            label: Some("citywall markers"),
            contents: &bytes,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
        });
        let cells = self.cells.get_or_insert_with(|| {
            device.create_buffer(&BufferDescriptor {
                label: Some("citywall cells"),
                size: u64::from(CELLS_SIDE * CELLS_SIDE) * CELL_BYTES,
                usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        let group = |layout, name| {
            let entries = BindGroupEntries::sequential((markers.as_entire_binding(), cells.as_entire_binding()));
            device.create_bind_group(name, &cache.get_bind_group_layout(layout), &entries)
        };
        self.group = Some(group(&layouts.markers, "citywall markers"));
        self.count_group = Some(group(&layouts.cells, "citywall cells"));
        self.buffer = Some(markers);
    }

    /// Empties the cells.
    pub(super) fn clear_cells(&self, encoder: &mut CommandEncoder) {
        if let (Some(cells), true) = (&self.cells, self.count > 0) {
            encoder.clear_buffer(cells, 0, None);
        }
    }

    /// Counts the markers into the cells; group 0 is bound already.
    pub(super) fn count_into_cells(&self, pass: &mut ComputePass<'_>, pipeline: &ComputePipeline) {
        if let (Some(group), true) = (&self.count_group, self.count > 0) {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(1, group, &[]);
            pass.dispatch_workgroups(self.groups(), 1, 1);
        }
    }

    /// Workgroups that take all of its markers.
    pub(super) fn groups(&self) -> u32 {
        self.count.div_ceil(WORKGROUP)
    }
}

/// The changed slots as ranges, so that a whole fleet's fixes are one copy.
fn runs(changed: &[(u32, Marker)], capacity: usize) -> Vec<std::ops::Range<usize>> {
    /// Unchanged slots that are copied along rather than begin another range: a copy costs as much as 8 kB more.
    const GAP_MAX: usize = 256;
    let mut slots: Vec<usize> = changed.iter().map(|c| c.0 as usize).filter(|s| *s < capacity).collect();
    slots.sort_unstable();
    slots.dedup();
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for slot in slots {
        match runs.last_mut() {
            Some(run) if slot <= run.end + GAP_MAX => run.end = slot + 1,
            _ => runs.push(slot..slot + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_slots_become_few_ranges_that_hold_them_all() {
        let changed: Vec<_> = [900, 1, 2, 3, 200, 500, 501, 9_999].map(|s| (s, Marker::default())).to_vec();
        assert_eq!(runs(&changed, 1_000), [1..201, 500..502, 900..901]);
        assert!(runs(&[], 10).is_empty());
    }
}
