//! The picture: the city's tiles and markers, drawn with wgpu in Bevy's render world.
//!
//! The wall has a render schedule of its own: the city, what happens on it, the interface over both, the
//! output. The city is drawn anew only when it looks different ([`backdrop`]). It knows nothing of the
//! network or of what an incident is; the main world hands it a [`Picture`].

mod adapters;
mod backdrop;
mod density;
mod digits;
mod frame;
mod from_above;
mod gpu;
mod light;
mod marker;
mod markers;
mod pass;
mod picture;
mod pipelines;

pub use adapters::{AdapterNeed, adapters, is_software};
pub use frame::FrameUniform;
pub use light::Light;
#[cfg(test)]
pub use marker::BUCKETS;
pub use marker::{Glyph, Marker, bucket};
pub use picture::{Overlay, Picture, Spot, TileDraw};

use bevy::{
    camera::{CameraMainTextureUsages, CompositingSpace},
    core_pipeline::upscaling::upscaling,
    ecs::schedule::ScheduleLabel,
    prelude::*,
    render::{Render, RenderApp, RenderSystems, camera::CameraRenderGraph, render_resource::TextureUsages},
    ui_render::ui_pass,
};

/// The wall's render schedule.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CityGraph;

/// How much a picture may cost.
#[derive(Resource, Clone, Copy, Debug)]
pub struct Quality {
    /// Samples per pixel.
    pub msaa: Msaa,
}

/// Draws the city.
pub struct CityRenderPlugin {
    /// How much a picture may cost.
    pub quality: Quality,
}

impl Plugin for CityRenderPlugin {
    fn build(&self, app: &mut App) {
        let shaders = pipelines::Shaders::load(&mut app.world_mut().resource_mut::<Assets<Shader>>());
        app.init_resource::<Picture>().insert_resource(self.quality);
        let Some(render_app) = app.get_sub_app_mut(RenderApp) else {
            error!("there is no graphics device: nothing can be drawn");
            return;
        };
        render_app
            .insert_resource(self.quality)
            .insert_resource(shaders)
            .init_resource::<gpu::GpuCity>()
            .init_resource::<picture::Extracted>()
            .add_systems(ExtractSchedule, picture::extract)
            .add_systems(Render, gpu::prepare.in_set(RenderSystems::PrepareResources))
            .add_schedule(Schedule::new(CityGraph))
            .add_systems(CityGraph, (pass::count_pass, pass::city_pass, pass::happening_pass, ui_pass, upscaling).chain());
    }
}

/// Forgets what was on a device that is lost, in the render world.
pub fn forget(world: &mut World) {
    world.insert_resource(gpu::GpuCity::default());
    world.insert_resource(picture::Extracted::default());
}

/// The components of the wall's camera, besides its target.
pub fn camera() -> impl Bundle {
    (
        Camera2d,
        Camera { clear_color: ClearColorConfig::Custom(Color::BLACK), ..Default::default() },
        CameraRenderGraph::new(CityGraph),
        // As browsers and designers' tools do; and cheaper than decoding and encoding on a CPU.
        CompositingSpace::Srgb,
        // Only the city has several samples a pixel: markers and text smooth their own edges.
        Msaa::Off,
        CameraMainTextureUsages::default().with(TextureUsages::COPY_DST),
    )
}
