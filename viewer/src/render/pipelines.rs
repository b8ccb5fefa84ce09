//! The pipelines: how the city is drawn, and how its markers are counted.

use super::{Marker, Quality, from_above::WINDOW_FORMAT};
use crate::tiles::Node;
use bevy::{
    asset::{Assets, Handle},
    core_pipeline::core_3d::CORE_3D_DEPTH_FORMAT,
    prelude::Resource,
    render::render_resource::{
        BindGroupLayoutDescriptor, BindGroupLayoutEntries, BlendComponent, BlendFactor, BlendOperation, BlendState,
        CachedComputePipelineId, CachedPipelineState, CachedRenderPipelineId, ColorTargetState, ColorWrites, CompareFunction,
        ComputePipelineDescriptor, DepthBiasState, DepthStencilState, Face, FragmentState, MultisampleState, PipelineCache, PrimitiveState,
        RenderPipelineDescriptor, ShaderStages, StencilState, TextureFormat, TextureSampleType, VertexState,
        binding_types::{storage_buffer_read_only_sized, storage_buffer_sized, texture_2d, uniform_buffer_sized},
    },
    shader::Shader,
};
use std::{borrow::Cow, num::NonZeroU64};

/// What the wall's main texture holds (see [`bevy::camera::CompositingSpace::Srgb`]).
pub(super) const COLOUR_FORMAT: TextureFormat = TextureFormat::Rgba8Unorm;

const COMMON: &str = include_str!("shaders/common.wgsl");
const MARKER_COMMON: &str = include_str!("shaders/marker_common.wgsl");

const BUILDING_COMMON: &str = include_str!("shaders/building_common.wgsl");
const RELIEF_COMMON: &str = include_str!("shaders/relief_common.wgsl");
const LINE_COMMON: &str = include_str!("shaders/line_common.wgsl");
const WINDOW: &str = include_str!("shaders/window.wgsl");

/// The shaders by name: what each has in common with others, and its own text.
pub(super) const SOURCES: [(&str, &[&str]); 10] = [
    ("sky", &[include_str!("shaders/sky.wgsl")]),
    ("ground", &[RELIEF_COMMON, WINDOW, LINE_COMMON, include_str!("shaders/ground.wgsl")]),
    ("building", &[BUILDING_COMMON, include_str!("shaders/building.wgsl")]),
    ("overlay", &[RELIEF_COMMON, include_str!("shaders/overlay.wgsl")]),
    ("marker", &[MARKER_COMMON, WINDOW, include_str!("shaders/marker.wgsl")]),
    ("cluster", &[MARKER_COMMON, include_str!("shaders/cluster.wgsl")]),
    ("heat", &[MARKER_COMMON, include_str!("shaders/heat.wgsl")]),
    ("relief", &[RELIEF_COMMON, include_str!("shaders/relief.wgsl")]),
    ("solid", &[BUILDING_COMMON, include_str!("shaders/solid.wgsl")]),
    ("flow", &[RELIEF_COMMON, WINDOW, LINE_COMMON, include_str!("shaders/flow.wgsl")]),
];

/// A shader's whole text.
pub(super) fn source(shader: usize) -> String {
    format!("{COMMON}\n{}", SOURCES[shader].1.join("\n"))
}

/// The shaders as assets.
#[derive(Resource, Clone)]
pub(super) struct Shaders([Handle<Shader>; SOURCES.len()]);

impl Shaders {
    pub(super) fn load(assets: &mut Assets<Shader>) -> Self {
        Self(std::array::from_fn(|i| assets.add(Shader::from_wgsl(source(i), format!("citywall/{}.wgsl", SOURCES[i].0)))))
    }
}

/// The pipelines in the order in which a frame uses them.
#[derive(Clone, Copy)]
pub(super) struct Pipelines {
    pub(super) sky: CachedRenderPipelineId,
    /// The ground where it is not level, and its heights from above.
    pub(super) relief: CachedRenderPipelineId,
    pub(super) above: CachedRenderPipelineId,
    pub(super) fill: CachedRenderPipelineId,
    pub(super) line: CachedRenderPipelineId,
    /// Marks on the backdrop where lines are seen along which something flows, and what flows there on the frame.
    pub(super) mark: CachedRenderPipelineId,
    pub(super) flow: CachedRenderPipelineId,
    pub(super) wall: CachedRenderPipelineId,
    pub(super) roof: CachedRenderPipelineId,
    /// The faces of solids.
    pub(super) face: CachedRenderPipelineId,
    pub(super) overlay: CachedRenderPipelineId,
    /// The same where the ground is not level: the ground's depth, what lies over it, and over the rest.
    pub(super) relief_depth: CachedRenderPipelineId,
    pub(super) relief_overlay: CachedRenderPipelineId,
    pub(super) rest_overlay: CachedRenderPipelineId,
    /// The areas, then the lines that are drawn by hand.
    pub(super) tint: CachedRenderPipelineId,
    pub(super) stroke: CachedRenderPipelineId,
    pub(super) foot: CachedRenderPipelineId,
    pub(super) head: CachedRenderPipelineId,
    /// Counts markers into cells.
    pub(super) count: CachedComputePipelineId,
    /// Adds incidents to the density.
    pub(super) splat: CachedComputePipelineId,
}

/// The layouts of the bind groups.
pub(super) struct Layouts {
    pub(super) frame: BindGroupLayoutDescriptor,
    pub(super) records: BindGroupLayoutDescriptor,
    pub(super) tile: BindGroupLayoutDescriptor,
    /// Markers and cells, to draw.
    pub(super) markers: BindGroupLayoutDescriptor,
    /// Markers and cells or sums, to count.
    pub(super) cells: BindGroupLayoutDescriptor,
    /// The sums of density, to draw.
    pub(super) sums: BindGroupLayoutDescriptor,
    /// The backdrop, to read.
    pub(super) backdrop: BindGroupLayoutDescriptor,
}

impl Layouts {
    pub(super) fn new() -> Self {
        let frame_size = NonZeroU64::new(FRAME_BYTES);
        let marker_size = NonZeroU64::new(Marker::BYTES as u64);
        Self {
            frame: BindGroupLayoutDescriptor::new(
                "citywall frame",
                &BindGroupLayoutEntries::with_indices(
                    ShaderStages::VERTEX_FRAGMENT | ShaderStages::COMPUTE,
                    (
                        (0, uniform_buffer_sized(false, frame_size)),
                        (1, texture_2d(TextureSampleType::Float { filterable: false }).visibility(ShaderStages::FRAGMENT)),
                        (2, texture_2d(TextureSampleType::Float { filterable: false }).visibility(ShaderStages::VERTEX)),
                    ),
                ),
            ),
            records: BindGroupLayoutDescriptor::new(
                "citywall records",
                &BindGroupLayoutEntries::sequential(
                    ShaderStages::VERTEX,
                    (
                        storage_buffer_read_only_sized(false, NonZeroU64::new(16)),
                        storage_buffer_read_only_sized(false, NonZeroU64::new(4)),
                        storage_buffer_read_only_sized(false, NonZeroU64::new(Node::BYTES as u64)),
                    ),
                ),
            ),
            tile: BindGroupLayoutDescriptor::new(
                "citywall tile",
                &BindGroupLayoutEntries::single(ShaderStages::VERTEX, uniform_buffer_sized(true, NonZeroU64::new(TILE_BYTES))),
            ),
            markers: BindGroupLayoutDescriptor::new(
                "citywall markers",
                &BindGroupLayoutEntries::sequential(
                    ShaderStages::VERTEX,
                    (storage_buffer_read_only_sized(false, marker_size), storage_buffer_read_only_sized(false, NonZeroU64::new(16))),
                ),
            ),
            cells: BindGroupLayoutDescriptor::new(
                "citywall cells",
                &BindGroupLayoutEntries::sequential(
                    ShaderStages::COMPUTE,
                    (storage_buffer_read_only_sized(false, marker_size), storage_buffer_sized(false, NonZeroU64::new(16))),
                ),
            ),
            backdrop: BindGroupLayoutDescriptor::new(
                "citywall backdrop",
                &BindGroupLayoutEntries::single(ShaderStages::FRAGMENT, texture_2d(TextureSampleType::Float { filterable: false })),
            ),
            sums: BindGroupLayoutDescriptor::new(
                "citywall density",
                &BindGroupLayoutEntries::single(ShaderStages::FRAGMENT, storage_buffer_read_only_sized(false, NonZeroU64::new(4))),
            ),
        }
    }
}

/// The size of the frame's uniform.
pub(super) const FRAME_BYTES: u64 = (16 + 4 * (16 + 5 + 8 + 3 + 8 + 2 * 16)) * 4;
/// The size of a tile's uniform.
pub(super) const TILE_BYTES: u64 = 12 * 4;

/// Where a pipeline draws.
#[derive(Clone, Copy, PartialEq)]
enum On {
    /// On the backdrop, in the order of its draws, where relief does not hide it.
    Ground,
    /// The same, and all that it does is to take opacity away.
    Mark,
    /// On the backdrop, by depth.
    Standing,
    /// On the frame, over the backdrop.
    Frame,
    /// On the frame, by the depth of the ground alone, which is written or only asked.
    FrameDepth,
    FrameGround,
    /// On the window of heights.
    Window,
}

impl On {
    fn is_backdrop(self) -> bool {
        matches!(self, Self::Ground | Self::Mark | Self::Standing)
    }

    /// Whether its depth is asked and written; `None` without depth.
    fn depth(self) -> Option<bool> {
        match self {
            Self::Ground | Self::Mark | Self::FrameGround => Some(false),
            Self::Standing | Self::FrameDepth => Some(true),
            Self::Frame | Self::Window => None,
        }
    }

    fn writes(self) -> ColorWrites {
        match self {
            Self::FrameDepth => ColorWrites::empty(),
            Self::Mark => ColorWrites::ALPHA,
            _ => ColorWrites::ALL,
        }
    }

    fn blend(self) -> BlendState {
        let fade =
            BlendComponent { src_factor: BlendFactor::Zero, dst_factor: BlendFactor::OneMinusSrcAlpha, operation: BlendOperation::Add };
        if self == Self::Mark { BlendState { color: fade, alpha: fade } } else { BlendState::ALPHA_BLENDING }
    }
}

impl Pipelines {
    pub(super) fn queue(cache: &PipelineCache, shaders: &Shaders, layouts: &Layouts, quality: Quality) -> Self {
        let ground = vec![layouts.frame.clone(), layouts.records.clone(), layouts.tile.clone()];
        let only_frame = vec![layouts.frame.clone()];
        let flows = vec![layouts.frame.clone(), layouts.records.clone(), layouts.tile.clone(), layouts.backdrop.clone()];
        let over = vec![layouts.frame.clone(), layouts.sums.clone()];
        let over_relief = vec![layouts.frame.clone(), layouts.sums.clone(), layouts.records.clone(), layouts.tile.clone()];
        let markers = vec![layouts.frame.clone(), layouts.markers.clone()];
        let queue_as = |name: &'static str,
                        shader: usize,
                        entries: [&str; 2],
                        layout: &Vec<BindGroupLayoutDescriptor>,
                        on: On,
                        cull: bool,
                        blend: bool| {
            let entry_point = |entry: &str, stage: &str| -> Option<Cow<'static, str>> {
                Some(if entry.is_empty() { stage.to_owned() } else { format!("{entry}_{stage}") }.into())
            };
            cache.queue_render_pipeline(RenderPipelineDescriptor {
                label: Some(name.into()),
                layout: layout.clone(),
                vertex: VertexState {
                    shader: shaders.0[shader].clone(),
                    entry_point: entry_point(entries[0], "vertex"),
                    ..Default::default()
                },
                fragment: Some(FragmentState {
                    shader: shaders.0[shader].clone(),
                    entry_point: entry_point(entries[1], "fragment"),
                    targets: vec![Some(ColorTargetState {
                        format: if on == On::Window { WINDOW_FORMAT } else { COLOUR_FORMAT },
                        blend: blend.then(|| on.blend()),
                        write_mask: on.writes(),
                    })],
                    ..Default::default()
                }),
                primitive: PrimitiveState { cull_mode: cull.then_some(Face::Back), ..Default::default() },
                depth_stencil: on.depth().map(|is_written| DepthStencilState {
                    format: CORE_3D_DEPTH_FORMAT,
                    depth_write_enabled: Some(is_written),
                    depth_compare: Some(CompareFunction::GreaterEqual),
                    stencil: StencilState::default(),
                    bias: DepthBiasState::default(),
                }),
                multisample: MultisampleState { count: if on.is_backdrop() { quality.msaa.samples() } else { 1 }, ..Default::default() },
                ..Default::default()
            })
        };
        let queue = |name, shader, entry, layout: &_, on, cull, blend| queue_as(name, shader, [entry; 2], layout, on, cull, blend);
        let compute = |name: &'static str, shader: usize, entry: &'static str| {
            cache.queue_compute_pipeline(ComputePipelineDescriptor {
                label: Some(name.into()),
                layout: vec![layouts.frame.clone(), layouts.cells.clone()],
                shader: shaders.0[shader].clone(),
                entry_point: Some(entry.into()),
                ..Default::default()
            })
        };
        Self {
            sky: queue("citywall sky", 0, "", &only_frame, On::Ground, false, false),
            relief: queue("citywall relief", 7, "", &ground, On::Standing, false, false),
            above: queue("citywall relief from above", 7, "above", &ground, On::Window, false, false),
            fill: queue("citywall fill", 1, "fill", &ground, On::Ground, false, false),
            line: queue("citywall line", 1, "line", &ground, On::Ground, false, true),
            mark: queue_as("citywall flow mark", 9, ["flow", "mark"], &ground, On::Mark, false, true),
            flow: queue("citywall flow", 9, "flow", &flows, On::Frame, false, true),
            wall: queue("citywall wall", 2, "wall", &ground, On::Standing, true, false),
            roof: queue("citywall roof", 2, "roof", &ground, On::Standing, true, false),
            face: queue("citywall face", 8, "face", &ground, On::Standing, true, false),
            overlay: queue("citywall overlay", 3, "", &over, On::Frame, false, true),
            relief_depth: queue("citywall relief depth", 3, "relief", &over_relief, On::FrameDepth, false, false),
            relief_overlay: queue("citywall relief overlay", 3, "draped", &over_relief, On::FrameGround, false, true),
            rest_overlay: queue("citywall overlay beside relief", 3, "", &over, On::FrameGround, false, true),
            tint: queue("citywall tint", 1, "tint", &ground, On::Frame, false, true),
            stroke: queue("citywall stroke", 1, "line", &ground, On::Frame, false, true),
            foot: queue("citywall foot", 4, "foot", &markers, On::Frame, false, true),
            head: queue("citywall head", 4, "head", &markers, On::Frame, false, true),
            count: compute("citywall count", 5, "count"),
            splat: compute("citywall splat", 6, "splat"),
        }
    }

    /// The states of all.
    fn states<'a>(&'a self, cache: &'a PipelineCache) -> impl Iterator<Item = &'a CachedPipelineState> {
        let city = [self.sky, self.relief, self.above, self.fill, self.line, self.mark, self.flow, self.wall, self.roof, self.face];
        let over = [self.overlay, self.relief_depth, self.relief_overlay, self.rest_overlay, self.tint, self.stroke, self.foot, self.head];
        let count = [self.count, self.splat];
        city.into_iter()
            .chain(over)
            .map(|id| cache.get_render_pipeline_state(id))
            .chain(count.into_iter().map(|id| cache.get_compute_pipeline_state(id)))
    }

    /// How many are compiled, and how many never will be.
    pub(super) fn progress(&self, cache: &PipelineCache) -> (u32, u32) {
        self.states(cache).fold((0, 0), |(good, bad), state| match state {
            CachedPipelineState::Ok(_) => (good + 1, bad),
            CachedPipelineState::Err(error) if is_final(error) => (good, bad + 1),
            _ => (good, bad),
        })
    }

    /// True if all are compiled.
    pub(super) fn is_ready(&self, cache: &PipelineCache) -> bool {
        self.states(cache).all(|state| matches!(state, CachedPipelineState::Ok(_)))
    }
}

/// A shader that is still being loaded is no fault.
fn is_final(error: &bevy::shader::ShaderCacheError) -> bool {
    !matches!(error, bevy::shader::ShaderCacheError::ShaderNotLoaded(_) | bevy::shader::ShaderCacheError::ShaderImportNotYetAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shader_is_valid_and_has_the_sizes_that_the_program_writes() {
        for (i, (name, _)) in SOURCES.iter().enumerate() {
            let text = source(i);
            let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&text)));
            let mut validator = naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
            validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            let size = |wanted: &str| {
                let (_, t) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(wanted)).unwrap();
                let naga::TypeInner::Struct { span, .. } = t.inner else { panic!("{wanted} is no struct") };
                u64::from(span)
            };
            assert_eq!(size("Frame"), FRAME_BYTES);
            if text.contains("struct Marker ") {
                assert_eq!(size("Marker"), crate::render::Marker::BYTES as u64);
            }
            if text.contains("struct Node ") {
                assert_eq!((size("Node"), size("Tile")), (Node::BYTES as u64, TILE_BYTES));
            }
        }
    }

    #[test]
    fn the_uniform_has_the_size_that_the_shaders_expect() {
        use crate::{
            camera::Orbit,
            scene::{Scheme, SchemeName},
        };
        let frame = crate::render::FrameUniform::new(
            &Orbit::default().eye(1920, 1080),
            &Scheme::of(SchemeName::Night, crate::scene::Mode::Ordinary),
            &crate::render::Overlay::default(),
            &[],
            true,
            crate::render::Light::CALM,
            0.0,
        );
        assert_eq!(frame.bytes().len() as u64, FRAME_BYTES);
    }
}
