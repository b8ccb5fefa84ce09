//! The city on the GPU: a buffer per tile, and what its markers need; copied once, rewritten only
//! where changed.

use super::{
    FrameUniform, Quality,
    backdrop::Backdrop,
    density::GpuDensity,
    digits::Digits,
    from_above::FromAbove,
    marker::BUCKETS,
    markers::GpuMarkers,
    picture::{Extracted, Overlay},
    pipelines::{FRAME_BYTES, Layouts, Pipelines, Shaders, TILE_BYTES},
};
use crate::{
    geo::TileId,
    tiles::{DrawKind, Node, Record, Relief, TileGeometry},
};
use bevy::{
    math::{DVec2, DVec3},
    prelude::*,
    render::{
        render_resource::{
            BindGroup, BindGroupEntries, BindingResource, Buffer, BufferBinding, BufferDescriptor, BufferInitDescriptor, BufferUsages,
            PipelineCache,
        },
        renderer::{RenderDevice, RenderQueue},
        view::ViewTarget,
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

/// A tile on the GPU.
pub(super) struct GpuTile {
    origin: DVec2,
    unit_m: f32,
    /// Its ground, where that is not level.
    relief: Option<Arc<Relief>>,
    is_land: bool,
    /// True of what is drawn by hand: it lies on whatever ground is there.
    is_drawing: bool,
    pub(super) group: BindGroup,
    /// Of its buildings.
    states: Buffer,
    records: [Range<u32>; 6],
    pub(super) buildings: u32,
    solids: u32,
}

impl GpuTile {
    pub(super) fn records(&self, kind: DrawKind) -> Range<u32> {
        self.records[kind as usize].clone()
    }

    /// The quads of its ground.
    pub(super) fn ground_quads(&self) -> u32 {
        self.relief.as_ref().map_or(0, |relief| relief.quads())
    }

    /// Those of them that are no borders.
    pub(super) fn ground_cells(&self) -> u32 {
        self.relief.as_ref().map_or(0, |relief| relief.cells * relief.cells)
    }

    /// Its uniform, for an eye at a place.
    fn uniform(&self, eye: DVec3) -> [f32; 12] {
        // The difference is taken in 64 bits, so that nothing trembles far from home.
        let origin = self.origin.extend(self.relief.as_ref().map_or(0.0, |r| r.floor_m)) - eye;
        let [x, y, z] = origin.as_vec3().to_array();
        let flag = |is: bool| f32::from(u8::from(is));
        let (into, cells, skirt) = self.relief.as_ref().map_or(([0.0; 4], 0.0, 0.0), |r| (r.into, r.cells as f32, r.skirt_m as f32));
        let [a, b, c, d] = into.map(|v| v as f32);
        [x, y, z, self.unit_m, a, b, c, d, cells, skirt, flag(self.is_land), flag(self.is_drawing)]
    }
}

/// Everything of the city that is on the GPU.
#[derive(Resource, Default)]
pub(super) struct GpuCity {
    layouts: Option<Layouts>,
    pub(super) pipelines: Option<Pipelines>,
    pub(super) ready: bool,
    frame_buffer: Option<Buffer>,
    pub(super) frame_group: Option<BindGroup>,
    /// The same without the window of heights, to draw that.
    pub(super) frame_group_above: Option<BindGroup>,
    pub(super) from_above: Option<FromAbove>,
    /// The height of the eye.
    pub(super) eye_m: f64,
    /// True if any ground is not level.
    pub(super) has_relief: bool,
    offsets: Option<Buffer>,
    offsets_capacity: usize,
    pub(super) offsets_group: Option<BindGroup>,
    /// The indices of quads, two triangles each, for all draws.
    pub(super) quads: Option<Buffer>,
    quads_capacity: u32,
    pub(super) tiles: FxHashMap<TileId, GpuTile>,
    /// The tiles of this frame.
    pub(super) draw: Vec<TileId>,
    /// Segments in them along which something flows.
    pub(super) flows: u32,
    /// What is drawn by hand; their uniforms follow those of the tiles.
    pub(super) drawings: Vec<GpuTile>,
    /// The city as it stands.
    pub(super) backdrop: Option<Backdrop>,
    /// The frame that was prepared last.
    frame: FrameUniform,
    pub(super) markers: [GpuMarkers; BUCKETS],
    pub(super) overlay: Overlay,
    pub(super) density: Option<GpuDensity>,
    digits: Option<Digits>,
}

/// Copies what is new to the GPU.
pub(super) fn prepare(
    mut city: ResMut<GpuCity>,
    mut extracted: ResMut<Extracted>,
    shaders: Res<Shaders>,
    views: Query<&ViewTarget>,
    quality: Res<Quality>,
    (cache, device, queue): (Res<PipelineCache>, Res<RenderDevice>, Res<RenderQueue>),
) {
    let city = &mut *city;
    let picture = &mut extracted.picture;
    let layouts = city.layouts.get_or_insert_with(Layouts::new);
    let pipelines = *city.pipelines.get_or_insert_with(|| Pipelines::queue(&cache, &shaders, layouts, *quality));
    let progress = pipelines.progress(&cache);
    city.ready = pipelines.is_ready(&cache);

    let frame = picture.frame.bytes();
    if frame.len() as u64 != FRAME_BYTES {
        return;
    }
    let lines = picture.lines.max(1);
    if city.frame_buffer.is_none() || !city.digits.as_ref().is_some_and(|d| d.fits(lines)) {
        let buffer = device.create_buffer(&BufferDescriptor {
            label: Some("citywall frame"),
            size: FRAME_BYTES,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let digits = Digits::new(lines, &device, &queue);
        let layout = cache.get_bind_group_layout(&layouts.frame);
        let from_above = city.from_above.get_or_insert_with(|| FromAbove::new(&device));
        let group = |window| {
            let entries = BindGroupEntries::sequential((buffer.as_entire_binding(), &digits.view, window));
            device.create_bind_group("citywall frame", &layout, &entries)
        };
        city.frame_group = Some(group(&from_above.view));
        // A texture cannot be read while it is drawn on: any other takes its place.
        city.frame_group_above = Some(group(&digits.view));
        city.frame_buffer = Some(buffer);
        city.digits = Some(digits);
    }
    if let Some(buffer) = &city.frame_buffer {
        queue.write_buffer(buffer, 0, &frame);
    }

    let mut is_other = picture.always_anew || picture.forget || !picture.arrived.is_empty() || !city.frame.has_same_city(&picture.frame);
    city.frame.clone_from(&picture.frame);
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

    for (tile, first, states) in picture.states.drain(..) {
        if let Some(gpu) = city.tiles.get(&tile) {
            let bytes: Vec<u8> = states.iter().flat_map(|s| s.to_le_bytes()).collect();
            queue.write_buffer(&gpu.states, u64::from(first) * 4, &bytes);
            is_other = true;
        }
    }
    city.eye_m = picture.eye.z;
    let draw: Vec<TileId> = picture.draw.iter().map(|d| d.tile).filter(|t| city.tiles.contains_key(t)).collect();
    is_other |= std::mem::replace(&mut city.draw, draw) != city.draw;
    city.has_relief = city.tiles.values().any(|gpu| gpu.relief.is_some());
    let samples = quality.msaa.samples();
    if let Some(size) = views.iter().next().map(|view| view.main_texture().size())
        && !city.backdrop.as_ref().is_some_and(|backdrop| backdrop.fits(size, samples))
    {
        city.backdrop = Some(Backdrop::new(size, samples, &cache.get_bind_group_layout(&layouts.backdrop), &device));
    }
    if let (Some(backdrop), true) = (&city.backdrop, is_other) {
        backdrop.expire();
    }
    if let Some(drawings) = picture.drawings.take() {
        city.drawings = drawings.iter().map(|drawing| GpuTile { is_drawing: true, ..upload(drawing, layouts, &cache, &device) }).collect();
    }
    let placed = city.draw.len() + city.drawings.len();
    if placed > city.offsets_capacity || city.offsets.is_none() {
        city.offsets_capacity = placed.next_power_of_two().max(64);
        let buffer = device.create_buffer(&BufferDescriptor {
            label: Some("citywall tiles"),
            size: city.offsets_capacity as u64 * TILE_STRIDE,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let layout = cache.get_bind_group_layout(&layouts.tile);
        let binding = BindingResource::Buffer(BufferBinding { buffer: &buffer, offset: 0, size: NonZeroU64::new(TILE_BYTES) });
        city.offsets_group = Some(device.create_bind_group("citywall tiles", &layout, &BindGroupEntries::single(binding)));
        city.offsets = Some(buffer);
    }
    let mut offsets = vec![0u8; placed * TILE_STRIDE as usize];
    let tiles = city.draw.iter().filter_map(|tile| city.tiles.get(tile));
    for (chunk, gpu) in offsets.chunks_exact_mut(TILE_STRIDE as usize).zip(tiles.chain(&city.drawings)) {
        for (to, word) in chunk.chunks_exact_mut(4).zip(gpu.uniform(picture.eye)) {
            to.copy_from_slice(&word.to_le_bytes());
        }
    }
    if let (Some(buffer), false) = (&city.offsets, offsets.is_empty()) {
        queue.write_buffer(buffer, 0, &offsets);
    }

    // A flow's segments are lines as well.
    let quads_of = |t: &GpuTile| t.ground_quads().max(t.records(DrawKind::Line).len() as u32).max(t.records(DrawKind::Wall).len() as u32);
    let tile_quads = city.tiles.values().chain(&city.drawings).map(quads_of).max();
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
    for (i, markers) in city.markers.iter_mut().enumerate() {
        markers.update(&mut picture.marker_changes[i], picture.marker_counts[i], layouts, &cache, &device, &queue);
    }
    city.overlay = picture.overlay;
    if city.overlay.is_visible() {
        city.density.get_or_insert_with(|| GpuDensity::new(layouts, &cache, &device)).follow(&city.markers, layouts, &cache, &device);
    }

    let stats = Arc::clone(&picture.stats);
    stats.ready.store(city.ready, Ordering::Relaxed);
    stats.broken.store(progress.1, Ordering::Relaxed);
    stats.tiles.store(city.draw.len() as u32, Ordering::Relaxed);
    stats.buildings.store(city.draw.iter().filter_map(|t| city.tiles.get(t)).map(|t| t.buildings).sum(), Ordering::Relaxed);
    stats.solids.store(city.draw.iter().filter_map(|t| city.tiles.get(t)).map(|t| t.solids).sum(), Ordering::Relaxed);
    city.flows = city.draw.iter().filter_map(|t| city.tiles.get(t)).map(|t| t.records(DrawKind::Flow).len() as u32).sum();
    stats.flows.store(city.flows, Ordering::Relaxed);
    let drawn = city.draw.iter().filter_map(|t| city.tiles.get(t));
    let records =
        drawn.flat_map(|t| [DrawKind::Face, DrawKind::Wall, DrawKind::Roof].map(|kind| t.records(kind).len() as u64)).sum::<u64>();
    let states = city.draw.iter().filter_map(|t| city.tiles.get(t)).map(|t| t.states.size()).sum::<u64>();
    stats.building_bytes.store(records * size_of::<Record>() as u64 + states, Ordering::Relaxed);
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
    let mut bytes: Vec<u8> = geometry.states.iter().flat_map(|s| s.to_le_bytes()).collect();
    bytes.resize(bytes.len().max(4), 0);
    let states = device.create_buffer_with_data(&BufferInitDescriptor {
        label: Some("citywall states"),
        contents: &bytes,
        usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
    });
    let mut bytes: Vec<u8> = geometry.relief.iter().flat_map(|relief| relief.nodes.iter().flat_map(Node::bytes)).collect();
    bytes.resize(bytes.len().max(Node::BYTES), 0);
    let nodes = device.create_buffer_with_data(&BufferInitDescriptor {
        label: Some("citywall ground"),
        contents: &bytes,
        usage: BufferUsages::STORAGE,
    });
    let layout = cache.get_bind_group_layout(&layouts.records);
    let entries = BindGroupEntries::sequential((buffer.as_entire_binding(), states.as_entire_binding(), nodes.as_entire_binding()));
    GpuTile {
        origin: geometry.origin,
        unit_m: geometry.unit_m,
        relief: geometry.relief.clone(),
        is_land: geometry.is_land,
        is_drawing: false,
        group: device.create_bind_group("citywall records", &layout, &entries),
        states,
        records: DrawKind::ALL.map(|kind| geometry.range(kind)),
        buildings: geometry.buildings,
        solids: geometry.solids,
    }
}
