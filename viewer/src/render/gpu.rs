//! The city on the GPU: a buffer per tile, a buffer per alarm level, rewritten only where changed.

use super::{
    Quality,
    picture::{Extracted, Marker},
    pipelines::{FRAME_BYTES, Layouts, Pipelines, Shaders},
};
use crate::{
    geo::TileId,
    tiles::{DrawKind, TileGeometry},
};
use bevy::{
    math::DVec2,
    prelude::*,
    render::{
        render_resource::{
            BindGroup, BindGroupEntries, BindingResource, Buffer, BufferBinding, BufferDescriptor, BufferInitDescriptor, BufferUsages,
            PipelineCache,
        },
        renderer::{RenderDevice, RenderQueue},
    },
};
use rustc_hash::FxHashMap;
use std::{
    num::NonZeroU64,
    ops::Range,
    sync::{Arc, atomic::Ordering},
};

/// Distance between two tiles' uniforms: the largest alignment that a device may ask for.
pub(super) const TILE_STRIDE: u64 = 256;
/// Markers that a level's buffer begins with.
const MARKERS_MIN: usize = 256;

/// A tile on the GPU.
pub(super) struct GpuTile {
    origin: DVec2,
    unit_m: f32,
    pub(super) group: BindGroup,
    records: [Range<u32>; 4],
    pub(super) buildings: u32,
}

impl GpuTile {
    pub(super) fn records(&self, kind: DrawKind) -> Range<u32> {
        self.records[kind as usize].clone()
    }
}

/// A level's markers on the GPU.
#[derive(Default)]
pub(super) struct GpuMarkers {
    buffer: Option<Buffer>,
    pub(super) group: Option<BindGroup>,
    capacity: usize,
    mirror: Vec<Marker>,
    pub(super) count: u32,
}

/// Everything of the city that is on the GPU.
#[derive(Resource, Default)]
pub(super) struct GpuCity {
    layouts: Option<Layouts>,
    pub(super) pipelines: Option<Pipelines>,
    pub(super) ready: bool,
    frame_buffer: Option<Buffer>,
    pub(super) frame_group: Option<BindGroup>,
    offsets: Option<Buffer>,
    offsets_capacity: usize,
    pub(super) offsets_group: Option<BindGroup>,
    /// The indices of quads, two triangles each, for all draws.
    pub(super) quads: Option<Buffer>,
    quads_capacity: u32,
    pub(super) tiles: FxHashMap<TileId, GpuTile>,
    /// The tiles of this frame.
    pub(super) draw: Vec<TileId>,
    pub(super) markers: [GpuMarkers; 5],
}

/// Copies what is new to the GPU.
pub(super) fn prepare(
    mut city: ResMut<GpuCity>,
    mut extracted: ResMut<Extracted>,
    shaders: Res<Shaders>,
    quality: Res<Quality>,
    cache: Res<PipelineCache>,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
) {
    let city = &mut *city;
    let picture = &mut extracted.picture;
    let layouts = city.layouts.get_or_insert_with(Layouts::new);
    let pipelines = *city.pipelines.get_or_insert_with(|| Pipelines::queue(&cache, &shaders, layouts, *quality));
    let progress = pipelines.progress(&cache);
    city.ready = pipelines.is_ready(progress);

    let frame = picture.frame.bytes();
    if frame.len() as u64 != FRAME_BYTES {
        return;
    }
    if city.frame_buffer.is_none() {
        let buffer = device.create_buffer(&BufferDescriptor {
            label: Some("citywall frame"),
            size: FRAME_BYTES,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let layout = cache.get_bind_group_layout(&layouts.frame);
        city.frame_group = Some(device.create_bind_group("citywall frame", &layout, &BindGroupEntries::single(buffer.as_entire_binding())));
        city.frame_buffer = Some(buffer);
    }
    if let Some(buffer) = &city.frame_buffer {
        queue.write_buffer(buffer, 0, &frame);
    }

    if std::mem::take(&mut picture.forget) {
        city.tiles.clear();
    }
    for tile in picture.left.drain(..) {
        city.tiles.remove(&tile);
    }
    for (tile, geometry) in picture.arrived.drain(..) {
        let gpu = upload(&geometry, layouts, &cache, &device);
        city.tiles.insert(tile, gpu);
    }

    city.draw.clear();
    city.draw.extend(picture.draw.iter().map(|d| d.tile).filter(|t| city.tiles.contains_key(t)));
    if city.draw.len() > city.offsets_capacity || city.offsets.is_none() {
        city.offsets_capacity = city.draw.len().next_power_of_two().max(64);
        let buffer = device.create_buffer(&BufferDescriptor {
            label: Some("citywall tiles"),
            size: city.offsets_capacity as u64 * TILE_STRIDE,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let layout = cache.get_bind_group_layout(&layouts.tile);
        let binding = BindingResource::Buffer(BufferBinding { buffer: &buffer, offset: 0, size: NonZeroU64::new(16) });
        city.offsets_group = Some(device.create_bind_group("citywall tiles", &layout, &BindGroupEntries::single(binding)));
        city.offsets = Some(buffer);
    }
    let mut offsets = vec![0u8; city.draw.len() * TILE_STRIDE as usize];
    for (chunk, tile) in offsets.chunks_exact_mut(TILE_STRIDE as usize).zip(&city.draw) {
        let Some(gpu) = city.tiles.get(tile) else { continue };
        // The difference is taken in 64 bits, so that nothing trembles far from home.
        let origin = gpu.origin.extend(0.0) - picture.eye;
        for (to, word) in chunk.chunks_exact_mut(4).zip([origin.x as f32, origin.y as f32, origin.z as f32, gpu.unit_m]) {
            to.copy_from_slice(&word.to_le_bytes());
        }
    }
    if let (Some(buffer), false) = (&city.offsets, offsets.is_empty()) {
        queue.write_buffer(buffer, 0, &offsets);
    }

    let tile_quads = city.tiles.values().flat_map(|t| [DrawKind::Line, DrawKind::Wall].map(|k| t.records(k).len() as u32)).max();
    let quads = tile_quads.max(picture.marker_counts.iter().max().map(|n| n * 2)).unwrap_or(0).max(1);
    if quads > city.quads_capacity {
        city.quads_capacity = quads.next_power_of_two();
        let bytes: Vec<u8> =
            (0..city.quads_capacity).flat_map(|q| [0, 1, 2, 0, 2, 3].map(|k| q * 4 + k)).flat_map(u32::to_le_bytes).collect();
        city.quads = Some(device.create_buffer_with_data(&BufferInitDescriptor {
            label: Some("citywall quads"),
            contents: &bytes,
            usage: BufferUsages::INDEX,
        }));
    }
    for (level, markers) in city.markers.iter_mut().enumerate() {
        markers.update(&mut picture.marker_changes[level], picture.marker_counts[level], layouts, &cache, &device, &queue);
    }

    let stats = Arc::clone(&picture.stats);
    stats.ready.store(city.ready, Ordering::Relaxed);
    stats.broken.store(progress.1, Ordering::Relaxed);
    stats.tiles.store(city.draw.len() as u32, Ordering::Relaxed);
    stats.buildings.store(city.draw.iter().filter_map(|t| city.tiles.get(t)).map(|t| t.buildings).sum(), Ordering::Relaxed);
    stats.markers.store(city.markers.iter().map(|m| m.count).sum(), Ordering::Relaxed);
}

fn upload(geometry: &TileGeometry, layouts: &Layouts, cache: &PipelineCache, device: &RenderDevice) -> GpuTile {
    let mut bytes = geometry.as_bytes();
    // A buffer is never empty.
    bytes.resize(bytes.len().max(16), 0);
    let buffer = device.create_buffer_with_data(&BufferInitDescriptor {
        label: Some("citywall records"),
        contents: &bytes,
        usage: BufferUsages::STORAGE,
    });
    let layout = cache.get_bind_group_layout(&layouts.records);
    GpuTile {
        origin: geometry.origin,
        unit_m: geometry.unit_m,
        group: device.create_bind_group("citywall records", &layout, &BindGroupEntries::single(buffer.as_entire_binding())),
        records: DrawKind::ALL.map(|kind| geometry.range(kind)),
        buildings: geometry.buildings,
    }
}

impl GpuMarkers {
    fn update(
        &mut self,
        changes: &mut Vec<(u32, Marker)>,
        count: u32,
        layouts: &Layouts,
        cache: &PipelineCache,
        device: &RenderDevice,
        queue: &RenderQueue,
    ) {
        self.count = count;
        let changed: Vec<(u32, Marker)> = std::mem::take(changes);
        for (slot, marker) in &changed {
            let slot = *slot as usize;
            if slot >= self.mirror.len() {
                self.mirror.resize(slot + 1, Marker::default());
            }
            self.mirror[slot] = *marker;
        }
        if count as usize > self.capacity {
            self.capacity = (count as usize).next_power_of_two().max(MARKERS_MIN);
            self.mirror.resize(self.mirror.len().max(count as usize), Marker::default());
            let mut bytes: Vec<u8> = self.mirror.iter().flat_map(Marker::bytes).collect();
            bytes.resize(self.capacity.max(self.mirror.len()) * Marker::BYTES, 0);
            let buffer = device.create_buffer_with_data(&BufferInitDescriptor {
                label: Some("citywall markers"),
                contents: &bytes,
                usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
            });
            let layout = cache.get_bind_group_layout(&layouts.records);
            self.group = Some(device.create_bind_group("citywall markers", &layout, &BindGroupEntries::single(buffer.as_entire_binding())));
            self.buffer = Some(buffer);
        } else if let Some(buffer) = &self.buffer {
            for (slot, marker) in changed.iter().filter(|(slot, _)| (*slot as usize) < self.capacity) {
                queue.write_buffer(buffer, u64::from(*slot) * Marker::BYTES as u64, &marker.bytes());
            }
        }
    }
}
