//! The pipelines: six ways to draw, one layout.

use super::Quality;
use bevy::{
    asset::{Assets, Handle},
    core_pipeline::core_3d::CORE_3D_DEPTH_FORMAT,
    prelude::{Msaa, Resource},
    render::render_resource::{
        BindGroupLayoutDescriptor, BindGroupLayoutEntries, BlendState, CachedPipelineState, CachedRenderPipelineId, ColorTargetState,
        ColorWrites, CompareFunction, DepthBiasState, DepthStencilState, Face, FragmentState, MultisampleState, PipelineCache,
        PrimitiveState, RenderPipelineDescriptor, ShaderStages, StencilState, TextureFormat, VertexState,
        binding_types::{storage_buffer_read_only_sized, uniform_buffer_sized},
    },
    shader::Shader,
};
use std::{borrow::Cow, num::NonZeroU64};

/// What the wall's main texture holds (see [`bevy::camera::CompositingSpace::Srgb`]).
const COLOUR_FORMAT: TextureFormat = TextureFormat::Rgba8Unorm;

const COMMON: &str = include_str!("shaders/common.wgsl");

/// The shaders' sources by name.
pub(super) const SOURCES: [(&str, &str); 4] = [
    ("sky", include_str!("shaders/sky.wgsl")),
    ("ground", include_str!("shaders/ground.wgsl")),
    ("building", include_str!("shaders/building.wgsl")),
    ("marker", include_str!("shaders/marker.wgsl")),
];

/// A shader's whole text.
pub(super) fn source(own: &str) -> String {
    format!("{COMMON}\n{own}")
}

/// The shaders as assets.
#[derive(Resource, Clone)]
pub(super) struct Shaders([Handle<Shader>; 4]);

impl Shaders {
    pub(super) fn load(assets: &mut Assets<Shader>) -> Self {
        Self(SOURCES.map(|(name, own)| assets.add(Shader::from_wgsl(source(own), format!("citywall/{name}.wgsl")))))
    }
}

/// The pipelines in the order in which a frame uses them.
#[derive(Clone, Copy)]
pub(super) struct Pipelines {
    pub(super) sky: CachedRenderPipelineId,
    pub(super) fill: CachedRenderPipelineId,
    pub(super) line: CachedRenderPipelineId,
    pub(super) wall: CachedRenderPipelineId,
    pub(super) roof: CachedRenderPipelineId,
    pub(super) foot: CachedRenderPipelineId,
    pub(super) head: CachedRenderPipelineId,
}

/// The layouts of the bind groups.
pub(super) struct Layouts {
    pub(super) frame: BindGroupLayoutDescriptor,
    pub(super) records: BindGroupLayoutDescriptor,
    pub(super) tile: BindGroupLayoutDescriptor,
}

impl Layouts {
    pub(super) fn new() -> Self {
        let frame_size = NonZeroU64::new(FRAME_BYTES);
        Self {
            frame: BindGroupLayoutDescriptor::new(
                "citywall frame",
                &BindGroupLayoutEntries::single(ShaderStages::VERTEX_FRAGMENT, uniform_buffer_sized(false, frame_size)),
            ),
            records: BindGroupLayoutDescriptor::new(
                "citywall records",
                &BindGroupLayoutEntries::single(ShaderStages::VERTEX, storage_buffer_read_only_sized(false, NonZeroU64::new(16))),
            ),
            tile: BindGroupLayoutDescriptor::new(
                "citywall tile",
                &BindGroupLayoutEntries::single(ShaderStages::VERTEX, uniform_buffer_sized(true, NonZeroU64::new(16))),
            ),
        }
    }
}

/// The size of the frame's uniform.
pub(super) const FRAME_BYTES: u64 = (16 + 4 * (13 + 5 + 2 * 13)) * 4;

/// How a pipeline treats depth.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Ignore,
    Write,
}

impl Pipelines {
    pub(super) fn queue(cache: &PipelineCache, shaders: &Shaders, layouts: &Layouts, quality: Quality) -> Self {
        let queue = |name: &'static str, shader: usize, entry: &str, groups: usize, depth: Depth, cull: bool, blend: bool| {
            let entry_point = |stage: &str| -> Option<Cow<'static, str>> {
                Some(if entry.is_empty() { stage.to_owned() } else { format!("{entry}_{stage}") }.into())
            };
            cache.queue_render_pipeline(RenderPipelineDescriptor {
                label: Some(name.into()),
                layout: [&layouts.frame, &layouts.records, &layouts.tile].into_iter().take(groups).cloned().collect(),
                vertex: VertexState { shader: shaders.0[shader].clone(), entry_point: entry_point("vertex"), ..Default::default() },
                fragment: Some(FragmentState {
                    shader: shaders.0[shader].clone(),
                    entry_point: entry_point("fragment"),
                    targets: vec![Some(ColorTargetState {
                        format: COLOUR_FORMAT,
                        blend: blend.then_some(BlendState::ALPHA_BLENDING),
                        write_mask: ColorWrites::ALL,
                    })],
                    ..Default::default()
                }),
                primitive: PrimitiveState { cull_mode: cull.then_some(Face::Back), ..Default::default() },
                depth_stencil: Some(DepthStencilState {
                    format: CORE_3D_DEPTH_FORMAT,
                    depth_write_enabled: Some(depth == Depth::Write),
                    depth_compare: Some(if depth == Depth::Ignore { CompareFunction::Always } else { CompareFunction::GreaterEqual }),
                    stencil: StencilState::default(),
                    bias: DepthBiasState::default(),
                }),
                multisample: MultisampleState { count: samples(quality.msaa), ..Default::default() },
                ..Default::default()
            })
        };
        Self {
            sky: queue("citywall sky", 0, "", 1, Depth::Ignore, false, false),
            fill: queue("citywall fill", 1, "fill", 3, Depth::Ignore, false, false),
            line: queue("citywall line", 1, "line", 3, Depth::Ignore, false, true),
            wall: queue("citywall wall", 2, "wall", 3, Depth::Write, true, false),
            roof: queue("citywall roof", 2, "roof", 3, Depth::Write, true, false),
            foot: queue("citywall foot", 3, "foot", 2, Depth::Ignore, false, true),
            head: queue("citywall head", 3, "head", 2, Depth::Ignore, false, true),
        }
    }

    fn all(&self) -> [CachedRenderPipelineId; 7] {
        [self.sky, self.fill, self.line, self.wall, self.roof, self.foot, self.head]
    }

    /// How many are compiled, and how many never will be.
    pub(super) fn progress(&self, cache: &PipelineCache) -> (u32, u32) {
        self.all().iter().fold((0, 0), |(good, bad), id| match cache.get_render_pipeline_state(*id) {
            CachedPipelineState::Ok(_) => (good + 1, bad),
            CachedPipelineState::Err(error) if is_final(error) => (good, bad + 1),
            _ => (good, bad),
        })
    }

    /// True if all are compiled.
    pub(super) fn is_ready(&self, progress: (u32, u32)) -> bool {
        progress.0 as usize == self.all().len()
    }
}

/// A shader that is still being loaded is no fault.
fn is_final(error: &bevy::shader::ShaderCacheError) -> bool {
    !matches!(error, bevy::shader::ShaderCacheError::ShaderNotLoaded(_) | bevy::shader::ShaderCacheError::ShaderImportNotYetAvailable)
}

fn samples(msaa: Msaa) -> u32 {
    msaa.samples()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shader_is_valid_and_has_the_sizes_that_the_program_writes() {
        for (name, own) in SOURCES {
            let text = source(own);
            let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(&text)));
            let mut validator = naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::empty());
            validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            let size = |wanted: &str| {
                let (_, t) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(wanted)).unwrap();
                let naga::TypeInner::Struct { span, .. } = t.inner else { panic!("{wanted} is no struct") };
                u64::from(span)
            };
            assert_eq!(size("Frame"), FRAME_BYTES);
            if name == "marker" {
                assert_eq!(size("Marker"), crate::render::Marker::BYTES as u64);
            }
        }
    }

    #[test]
    fn the_uniform_has_the_size_that_the_shaders_expect() {
        use crate::{
            camera::Orbit,
            scene::{Scheme, SchemeName},
        };
        let frame = crate::render::FrameUniform::new(&Orbit::default().eye(1920, 1080), &Scheme::of(SchemeName::Night), 0.0);
        assert_eq!(frame.bytes().len() as u64, FRAME_BYTES);
    }
}
