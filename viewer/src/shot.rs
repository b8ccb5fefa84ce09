//! Without a window: waits until the picture is whole, renders it, writes it, counts.

use crate::{
    args::Args,
    camera::Rig,
    city::{City, CityFeed, Colours, Drawings, Ground, MarkerBook, Pick, Stage, ThingBook, Tiles},
    displays::Displays,
    measure::{self, share},
    net::{Follower, Leader},
    record,
    render::{self, Picture, bucket},
    scene::{Scenes, Side},
    ui::{AlarmsNow, CameraDesk, CardSaid, PanelDesk, PanelsReady, Placed},
};
use anyhow::Context;
use bevy::{
    camera::RenderTarget,
    image::Image,
    prelude::*,
    render::{
        RenderApp,
        render_resource::TextureFormat,
        renderer::{RenderAdapterInfo, RenderDevice},
        view::screenshot::{Screenshot, ScreenshotCaptured},
    },
};
use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Frames that a whole picture has to stay the same before it counts as settled.
const SETTLED_FRAMES: u32 = 3;
/// Pause between two looks while something is missing.
const PAUSE: Duration = Duration::from_millis(4);
/// Pause between two frames while nothing is waited for.
const IDLE: Duration = Duration::from_millis(33);
/// Frames that a captured picture may take to come back.
const CAPTURE_FRAMES_MAX: u32 = 120;

/// The image that is drawn on.
#[derive(Resource, Clone)]
pub struct Canvas(Handle<Image>);

/// The camera without a window.
pub fn spawn_camera(mut commands: Commands, mut images: ResMut<Assets<Image>>, displays: Res<Displays>) {
    let size = displays.pane().size();
    let image = images.add(Image::new_target_texture(size.x, size.y, TextureFormat::Rgba8UnormSrgb, None));
    commands.insert_resource(Canvas(image.clone()));
    commands.spawn((render::camera(), RenderTarget::Image(image.into()), IsDefaultUiCamera));
}

/// Renders and counts.
///
/// # Errors
/// There is nothing to draw on, something of the picture is missing, or it cannot be written.
pub fn run(mut app: App, args: &Args) -> anyhow::Result<()> {
    app.finish();
    app.cleanup();
    if app.world().get_resource::<RenderAdapterInfo>().is_none() {
        anyhow::bail!("there is nothing to draw on: no Vulkan device (on Debian, the package mesa-vulkan-drivers has one in software)");
    }
    let started = Instant::now();
    let missing = settle(&mut app, Duration::from_secs(args.wait));
    let whole_after = started.elapsed();
    if let (Some(missing), false) = (&missing, args.incomplete) {
        anyhow::bail!("the picture is not whole after {} s: {missing}", args.wait);
    }
    if args.lose_device {
        render_device(&app).context("no device")?.wgpu_device().destroy();
        wait_for_device(&app);
        // Until the loss is noticed the picture still seems to be whole.
        until(&mut app, Duration::from_secs(args.wait), |world| !world.resource::<Picture>().stats.is_ready());
        let missing = settle(&mut app, Duration::from_secs(args.wait));
        missing.map_or(Ok(()), |missing| Err(anyhow::anyhow!("after the loss of the device the picture is not whole: {missing}")))?;
    }
    if args.until_lost {
        eprintln!("the picture is whole");
        let is_current = |app: &App| app.world().resource::<CityFeed>().live.state().is_current(Instant::now());
        while is_current(&app) {
            app.update();
            thread::sleep(PAUSE);
        }
    }
    if args.hold {
        eprintln!("the picture is whole");
        hold(&mut app);
    }
    if args.watch {
        eprintln!("the picture is whole");
        return measure::watch(&mut app);
    }
    let count = args.frames.unwrap_or(0);
    let [moving, resting] = [true, false].map(|moves| measure::frames(&mut app, count, moves).summary());
    let wait = Duration::from_secs(args.wait);
    if app.world().contains_resource::<Leader>() {
        await_followers(&mut app, args.followers, wait)?;
    } else if app.world().contains_resource::<Follower>() {
        await_leader(&mut app, wait)?;
    }
    if let Some(path) = &args.screenshot {
        take(&mut app, path)?;
    }
    part(&mut app, args.followers, wait);
    if let Some(path) = &args.record {
        record::run(&mut app, args, path)?;
    }
    if let Some(folder) = &args.pictures {
        return every_scene(&mut app, folder, args);
    }
    if let Some(missing) = &missing {
        eprintln!("citywall-viewer: the picture is not whole: {missing}");
    }
    if args.stats {
        let mut said = stats(&app, whole_after, missing.as_deref());
        (said["moving_camera"], said["resting_camera"]) = (moving, resting);
        if args.hold {
            let mut open: Vec<String> = app.world().resource::<CityFeed>().live.state().incidents().map(|i| i.id.clone()).collect();
            open.sort_unstable();
            said["open"] = open.into();
        }
        println!("{said}");
    }
    Ok(())
}

/// Runs frames until standard input ends.
fn hold(app: &mut App) {
    let is_over = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&is_over);
    thread::spawn(move || {
        // However it ends, it has ended.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        ends.store(true, Ordering::Relaxed);
    });
    while !is_over.load(Ordering::Relaxed) {
        app.update();
        thread::sleep(IDLE);
    }
}

/// Runs frames until something is so, or the wait is over.
fn until(app: &mut App, wait: Duration, is_so: impl Fn(&mut World) -> bool) -> bool {
    let deadline = Instant::now() + wait;
    while Instant::now() < deadline {
        app.update();
        if is_so(app.world_mut()) {
            return true;
        }
        thread::sleep(PAUSE);
    }
    false
}

/// Leads on until the followers' pictures are whole, then has everyone take the same frame's.
fn await_followers(app: &mut App, followers: usize, wait: Duration) -> anyhow::Result<()> {
    let ready = |world: &mut World| world.resource::<Leader>().followers().1;
    if !until(app, wait, |world| ready(world) >= followers) {
        anyhow::bail!("{} of {followers} followers are whole after {} s", ready(app.world_mut()), wait.as_secs());
    }
    app.world_mut().resource_mut::<Leader>().picture = true;
    Ok(())
}

/// Follows until the frame comes of which everyone takes a picture.
fn await_leader(app: &mut App, wait: Duration) -> anyhow::Result<()> {
    app.world_mut().resource_mut::<Follower>().ready = true;
    let is_held = until(app, wait, |world| world.resource::<Follower>().is_held());
    // Another scene or place may have come with it.
    let missing = if is_held { settle(app, wait) } else { Some("the leader asks for no picture".to_owned()) };
    missing.map_or(Ok(()), |missing| Err(anyhow::anyhow!("{missing}")))
}

/// The picture is taken: a follower says so, a leader waits until all have.
fn part(app: &mut App, followers: usize, wait: Duration) {
    if app.world().contains_resource::<Leader>() {
        until(app, wait, |world| world.resource::<Leader>().followers().2 >= followers);
    } else if let Some(mut follower) = app.world_mut().get_resource_mut::<Follower>() {
        follower.pictured = true;
        // A greeting may be lost.
        (0..3).for_each(|_| follower.greet());
    }
}

/// Writes the picture as PNG.
fn take(app: &mut App, path: &Path) -> anyhow::Result<()> {
    let picture = capture(app)?.try_into_dynamic().context("the picture cannot be read back")?.to_rgb8();
    picture.save_with_format(path, image::ImageFormat::Png).with_context(|| format!("{}", path.display()))?;
    eprintln!("{} ({}×{})", path.display(), picture.width(), picture.height());
    Ok(())
}

/// One scene after the other, each once it is whole; what of them is not whole is said at the end.
fn every_scene(app: &mut App, folder: &Path, args: &Args) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    let names: Vec<String> = app.world().resource::<Scenes>().list().iter().map(|s| s.name.clone()).collect();
    let mut failed = Vec::new();
    for name in names {
        app.world_mut().resource_mut::<Scenes>().show_named(&name);
        let started = Instant::now();
        let missing = settle(app, Duration::from_secs(args.wait));
        let whole_after = started.elapsed();
        if let Some(missing) = &missing {
            failed.push(format!("{name}: {missing}"));
            if !args.incomplete {
                continue;
            }
        }
        take(app, &folder.join(format!("{name}.png")))?;
        if args.stats {
            let path = folder.join(format!("{name}.json"));
            let text = serde_json::to_string_pretty(&stats(app, whole_after, missing.as_deref()))?;
            std::fs::write(&path, text).with_context(|| format!("{}", path.display()))?;
        }
    }
    if !failed.is_empty() && !args.incomplete {
        anyhow::bail!("pictures are not whole after {} s: {}", args.wait, failed.join("; "));
    }
    Ok(())
}

/// Runs frames until nothing is missing; what still is after the wait is returned.
fn settle(app: &mut App, wait: Duration) -> Option<String> {
    let deadline = Instant::now() + wait;
    let mut settled = 0;
    loop {
        app.update();
        if app.should_exit().is_some() {
            return Some("the graphics device refuses to draw (see the log)".to_owned());
        }
        let missing = missing(app);
        // Nothing is drawn while something is missing: the processor has better to do.
        let world = app.world_mut();
        for mut camera in world.query::<&mut Camera>().iter_mut(world) {
            camera.is_active = missing.is_none() || Instant::now() >= deadline;
        }
        match missing {
            None => settled += 1,
            Some(what) => {
                settled = 0;
                if Instant::now() >= deadline {
                    return Some(what);
                }
                thread::sleep(PAUSE);
            }
        }
        if settled >= SETTLED_FRAMES {
            return None;
        }
    }
}

/// What keeps the picture from being whole, in words.
fn missing(app: &App) -> Option<String> {
    let world = app.world();
    let (city, tiles) = (world.resource::<City>(), world.resource::<Tiles>());
    let (feed, picture) = (world.resource::<CityFeed>(), world.resource::<Picture>());
    if city.document.is_none() {
        return Some(format!("no answer from {} ({})", feed.server.address(), city.failure.as_deref().unwrap_or("not yet")));
    }
    if city.plane.is_none() {
        return Some("the city has no items yet".to_owned());
    }
    if world.get_resource::<Follower>().is_some_and(|follower| follower.frame.is_none()) {
        return Some("a word from the leader".to_owned());
    }
    let broken = picture.stats.broken.load(std::sync::atomic::Ordering::Relaxed);
    if broken > 0 {
        return Some(format!("{broken} pipelines could not be compiled"));
    }
    if !picture.stats.is_ready() {
        return Some("the pipelines are not compiled".to_owned());
    }
    let stats = tiles.stats();
    if !stats.complete {
        return Some(format!("{} tiles", stats.missing.max(stats.loading).max(1)));
    }
    let live = feed.live.state();
    if live.revision.is_none() {
        return Some(match &live.link {
            crate::live::Link::Down { reason, .. } if !reason.is_empty() => format!("the live state ({reason})"),
            _ => "the live state".to_owned(),
        });
    }
    if !feed.live.told().heard {
        return Some("what the wall is told to show".to_owned());
    }
    if world.resource::<ThingBook>().is_waiting() {
        return Some("the things that the scene marks".to_owned());
    }
    if world.resource::<Colours>().is_waiting() {
        return Some("the style of the buildings".to_owned());
    }
    if !world.resource::<PanelsReady>().0 {
        return Some(format!("the panels ({} questions)", world.resource::<PanelDesk>().0.waiting()));
    }
    if world.resource::<Placed>().is_waiting {
        return Some("what is around the alarm".to_owned());
    }
    if world.resource::<CardSaid>().is_awaited {
        return Some("the card".to_owned());
    }
    let areas_named = city.document.as_ref().is_some_and(|d| d.area_levels.is_empty()) || city.labels_version > 0;
    (!areas_named).then(|| "the names of the areas".to_owned())
}

fn render_device(app: &App) -> Option<&RenderDevice> {
    app.get_sub_app(RenderApp)?.world().get_resource::<RenderDevice>()
}

/// Without this, a frame's time would be that of writing it down.
pub fn wait_for_device(app: &App) {
    if let Some(device) = render_device(app)
        && let Err(error) = device.poll(bevy::render::render_resource::PollType::wait_indefinitely())
    {
        warn!("the graphics device does not finish: {error}");
    }
}

/// The image that is drawn on.
pub fn canvas(app: &App) -> Handle<Image> {
    app.world().resource::<Canvas>().0.clone()
}

fn capture(app: &mut App) -> anyhow::Result<Image> {
    let canvas = canvas(app);
    let (sender, receiver) = sync_channel(1);
    app.world_mut().spawn(Screenshot::image(canvas)).observe(move |captured: On<ScreenshotCaptured>| {
        // The first picture is the one that was asked for.
        let _ = sender.try_send(captured.image.clone());
    });
    let receiver: Arc<Mutex<Receiver<Image>>> = Arc::new(Mutex::new(receiver));
    for _ in 0..CAPTURE_FRAMES_MAX {
        app.update();
        if let Ok(image) = receiver.lock().unwrap_or_else(PoisonError::into_inner).try_recv() {
            return Ok(image);
        }
        thread::sleep(PAUSE);
    }
    anyhow::bail!("the picture did not come back from the graphics device")
}

/// The ground that is drawn: how many tiles have relief, its height at the camera's target, the eye's over the
/// ground under it; metres.
fn ground(world: &World) -> serde_json::Value {
    let (ground, rig) = (world.resource::<Ground>(), world.resource::<Rig>());
    let eye = rig.eye(UVec2::ONE).position;
    serde_json::json!({
        "reliefs": ground.reliefs_drawn(),
        "target_m": ground.drawn_m(rig.orbit.target),
        "eye_above_m": eye.z - ground.drawn_m(eye.truncate()),
    })
}

/// The kinds of the panels, from left to right and from above.
fn panels(scenes: &Scenes) -> Vec<String> {
    let of = |side| scenes.current().panels(side, scenes.mode());
    [Side::Left, Side::Right].into_iter().flat_map(of).map(|panel| panel.word()).collect()
}

fn stats(app: &App, whole_after: Duration, missing: Option<&str>) -> serde_json::Value {
    let world = app.world();
    let picture = world.resource::<Picture>();
    let [tiles, buildings, markers] = picture.stats.counts();
    let size = world.resource::<Displays>().pane().size();
    let known = world.resource::<Tiles>().stats();
    let live = world.resource::<CityFeed>().live.state();
    let skew_ms = world.get_resource::<Follower>().map(|follower| {
        let skews = follower.skews_ms();
        serde_json::json!({"median": share(&skews, 0.5), "p99": share(&skews, 0.99)})
    });
    let mut said = serde_json::json!({
        "adapter": world.get_resource::<RenderAdapterInfo>().map(|a| a.name.clone()),
        "size": [size.x, size.y],
        "tiles": tiles,
        "levels": known.levels,
        "tile_bytes": known.bytes,
        "tile_faults": known.faults,
        "buildings": buildings,
        "solids": picture.stats.solids.load(Ordering::Relaxed),
        "building_classes": world.resource::<Tiles>().classes(),
        "drawings": world.resource::<Drawings>().list.len(),
        "flows": picture.stats.flows.load(Ordering::Relaxed),
        "markers": markers,
        "markers_by_level": &picture.marker_counts[..5],
        "panels": panels(world.resource::<Scenes>()),
        "moving": picture.marker_counts[bucket::MOVING],
        "markers_known": world.resource::<MarkerBook>().len(),
        "incidents_open": live.len(),
        "scene": world.resource::<Scenes>().name(),
        "mode": world.resource::<Scenes>().mode(),
        "alarm": world.resource::<Stage>().on().map(|alarm| alarm.title.clone()),
        "alarms_waiting": world.resource::<Stage>().waiting().len(),
        "card": world.resource::<Pick>().card.as_ref().map(|card| [card.collection.clone(), card.id.clone()]),
        "card_past": world.resource::<CardSaid>().text.as_ref().map(|card| card.past.clone()),
        "ground": ground(world),
        "cameras": world.resource::<CameraDesk>().0.known(),
        "labels": world.resource::<City>().labels.len(),
        "revision": live.revision,
        "replay": live.replay.as_ref().map(|replay| replay.time(Instant::now()).to_string()),
        "alarms_now": world.resource::<AlarmsNow>().count(),
        "current": live.is_current(Instant::now()),
        "whole_after_ms": whole_after.as_secs_f64() * 1000.0,
        "missing": missing,
        "complaints": world.resource::<City>().complaints.newest().map(|c| c.text.clone()).collect::<Vec<_>>(),
        "frame": world.get_resource::<Leader>().map(|l| l.number).or_else(|| Some(world.get_resource::<Follower>()?.frame.as_ref()?.number)),
        "skew_ms": skew_ms,
        "building_bytes": picture.stats.building_bytes.load(std::sync::atomic::Ordering::Relaxed),
    });
    let placed = world.resource::<Placed>();
    for (name, value) in [
        ("red_out_of_view", placed.hints.len().into()),
        ("labels_placed", placed.areas.into()),
        ("markers_named", placed.named.into()),
        ("drawing_labels_placed", placed.drawn.len().into()),
        ("alarm_facts", serde_json::json!(placed.facts.told())),
        ("alarm_labels_placed", placed.around_alarm.into()),
    ] {
        said[name] = value;
    }
    said
}
