//! Puts the wall together: with a window, or without one.

use crate::{
    args::{Args, Command, QualityArg},
    camera::CameraPlugin,
    city::{self, CityFeed, CityPlugin, Colours, CurrentScheme, PictureSize, ThingBook, Tiles, WallClock, Wish},
    displays::Displays,
    doctor, measure,
    net::{Desk, Follower, Leader, Server, Snapshots, StyleReader, ThingsReader, TileLoader, Ways, spawn_city_watch, spawn_live},
    render::{self, CityRenderPlugin, Quality},
    scene::{Scenes, Scheme},
    shot,
    ui::{CameraDesk, PanelDesk, StageWays, WallUiPlugin},
    window::{self, Outputs, WallWindowPlugin},
};
use anyhow::Context;
use bevy::{
    app::PluginsState,
    camera::RenderTarget,
    ecs::schedule::{Schedules, SingleThreadedExecutor},
    log::LogPlugin,
    prelude::*,
    render::{
        RenderApp, RenderPlugin, error_handler::RenderErrorHandler, pipelined_rendering::PipelinedRenderingPlugin,
        render_resource::TextureFormat,
    },
    window::ExitCondition,
    winit::{UpdateMode, WinitPlugin, WinitSettings},
};
use std::{sync::Mutex, thread, time::Duration};

/// Workers that fetch and build tiles.
const TILE_WORKERS: std::ops::RangeInclusive<usize> = 2..=6;
/// A tile is split above this many pixels at 1080 lines.
const TILE_PX: (f64, f64) = (900.0, 1400.0);
/// Without input, a wall draws this often.
const IDLE_FRAME: Duration = Duration::from_millis(33);

/// Runs the wall until its window closes, or until its picture is made.
///
/// # Errors
/// The address or the scene cannot be used, there is nothing to draw on, or the picture is incomplete.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match args.command {
        Some(Command::SceneSchema) => {
            println!("{}", crate::scene::schema());
            return Ok(());
        }
        Some(Command::Doctor) => return doctor::run(args),
        None => {}
    }
    if args.empty {
        return measure::empty(empty(args)?, args);
    }
    let server = Server::at(&args.server, args.token.clone()).context("--server")?;
    let scenes = Scenes::open(args.scene.as_deref()).context("--scene")?;
    args.displays()?;
    if args.is_headless() { shot::run(build(args, scenes, server)?, args) } else { in_window(args, scenes, server) }
}

fn in_window(args: &Args, scenes: Scenes, server: Server) -> anyhow::Result<()> {
    if ["DISPLAY", "WAYLAND_DISPLAY"].iter().all(|v| std::env::var_os(v).is_none_or(|v| v.is_empty())) {
        anyhow::bail!("there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set); --screenshot FILE.png renders without one");
    }
    match build(args, scenes, server)?.run() {
        AppExit::Success => Ok(()),
        AppExit::Error(code) => anyhow::bail!("the wall ended with error {code}"),
    }
}

fn build(args: &Args, scenes: Scenes, server: Server) -> anyhow::Result<App> {
    let headless = args.is_headless();
    let high = match args.quality {
        QualityArg::High => true,
        QualityArg::Low => false,
        // A picture has time; a wall that moves has what its adapter can give.
        QualityArg::Auto => args.screenshot.is_some() || args.pictures.is_some() || args.record.is_some() || !render::is_software(),
    };
    let displays = args.displays()?;
    let scheme = Scheme::of(scenes.current().scheme, scenes.mode());
    let workers = thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(*TILE_WORKERS.start(), *TILE_WORKERS.end());
    let loader = TileLoader::start(&server, workers);
    anyhow::ensure!(loader.workers() > 0, "no thread could be started");
    let things = ThingBook::new(ThingsReader::start(server.clone()));
    let desk = Desk::start(server.clone());
    let colours = Colours::new(StyleReader::start(server.clone()), desk.clone());
    let ways = StageWays(Ways::start(server.clone()));
    let cameras = CameraDesk(Snapshots::start(server.clone()));
    let feed = CityFeed {
        updates: Mutex::new(spawn_city_watch(server.clone())),
        live: spawn_live(server.clone(), args.name.clone(), args.replay.clone()),
        server,
    };
    let mut app = App::new();
    plugins(&mut app, args, headless);
    app.insert_resource(RenderErrorHandler(city::recover));
    let quality = Quality { msaa: if high { Msaa::Sample4 } else { Msaa::Off } };
    app.insert_resource(feed)
        .insert_resource(Wish { args: args.clone() })
        .insert_resource(scenes)
        .insert_resource(things)
        .insert_resource(PanelDesk(desk))
        .insert_resource(ways)
        .insert_resource(cameras)
        .insert_resource(colours)
        .insert_resource(WallClock::new(args.time))
        .insert_resource(CurrentScheme(scheme))
        .insert_resource(PictureSize(displays.whole()))
        .insert_resource(displays)
        .insert_resource(Tiles::new(loader, if high { TILE_PX.0 } else { TILE_PX.1 }))
        .add_plugins((
            CityRenderPlugin { quality },
            CityPlugin { tour: args.tour },
            CameraPlugin { interactive: !headless, moving: !args.is_still() },
            WallUiPlugin { interactive: !headless, diagnosed: args.diagnostics },
        ));
    if let Some(address) = args.lead {
        app.insert_resource(Leader::listen(address).with_context(|| format!("--lead {address}"))?);
    }
    if let Some(address) = args.follow {
        app.insert_resource(Follower::of(address).with_context(|| format!("--follow {address}"))?);
    }
    if headless {
        app.add_systems(Startup, shot::spawn_camera);
    } else {
        // Walls that go together draw whenever the display is ready for a frame.
        let together = args.lead.is_some() || args.follow.is_some();
        let mode = if together { UpdateMode::Continuous } else { UpdateMode::reactive(IDLE_FRAME) };
        app.insert_resource(WinitSettings { focused_mode: mode, unfocused_mode: mode })
            .add_systems(Startup, |mut commands: Commands| {
                commands.spawn((render::camera(), IsDefaultUiCamera));
            })
            .add_plugins(WallWindowPlugin { outputs: Outputs::of(args), kiosk: args.kiosk });
    }
    wait_for_plugins(&mut app);
    run_in_order(&mut app);
    Ok(app)
}

/// A wall has hundreds of small systems: to hand each to a thread takes longer than to run it.
fn run_in_order(app: &mut App) {
    let render = app.get_sub_app_mut(RenderApp).map(|render| render.world_mut().resource_mut::<Schedules>());
    for (_, schedule) in render.into_iter().flat_map(|schedules| schedules.into_inner().iter_mut()) {
        schedule.set_executor(SingleThreadedExecutor::new());
    }
    for (_, schedule) in app.world_mut().resource_mut::<Schedules>().iter_mut() {
        schedule.set_executor(SingleThreadedExecutor::new());
    }
}

/// Plugins that wait for the graphics device are ready at once on the desktop; this is to be sure of it.
fn wait_for_plugins(app: &mut App) {
    while app.plugins_state() == PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
        thread::sleep(Duration::from_millis(1));
    }
}

/// Bevy with a camera and nothing else.
fn empty(args: &Args) -> anyhow::Result<App> {
    let mut app = App::new();
    plugins(&mut app, args, true);
    app.insert_resource(args.displays()?).insert_resource(Quality { msaa: Msaa::Off });
    app.add_systems(Startup, |mut commands: Commands, mut images: ResMut<Assets<Image>>, displays: Res<Displays>| {
        let size = displays.pane().size();
        let image = images.add(Image::new_target_texture(size.x, size.y, TextureFormat::Rgba8UnormSrgb, None));
        commands.spawn((Camera2d, Msaa::Off, RenderTarget::Image(image.into())));
    });
    wait_for_plugins(&mut app);
    Ok(app)
}

fn plugins(app: &mut App, args: &Args, headless: bool) {
    let filter = "warn,citywall_viewer=info,wgpu_hal=error,wgpu_core=error,naga=error".to_owned();
    let defaults = DefaultPlugins
        .set(LogPlugin { filter, fmt_layer: log_to_stderr, ..default() })
        .set(RenderPlugin { synchronous_pipeline_compilation: headless, ..default() });
    if headless {
        app.add_plugins(
            defaults
                .set(WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..default() })
                .disable::<WinitPlugin>()
                .disable::<PipelinedRenderingPlugin>(),
        );
    } else {
        app.add_plugins(defaults.set(window::plugin(args)));
    }
}

/// Standard output is for what was asked for; the log goes beside it.
fn log_to_stderr(_: &mut App) -> Option<bevy::log::BoxedFmtLayer> {
    Some(Box::new(bevy::log::tracing_subscriber::fmt::Layer::default().with_writer(std::io::stderr)))
}
