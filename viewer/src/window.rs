//! The window: which outputs of this machine it fills, and what becomes of it when one of them goes.

use crate::{
    args::Args,
    city::{City, PictureSize},
    displays::Displays,
};
use bevy::{
    app::AppExit,
    prelude::*,
    render::renderer::RenderAdapterInfo,
    window::{CursorOptions, ExitCondition, Monitor, MonitorSelection, PrimaryWindow, WindowMode, WindowPosition, WindowResolution},
};
use std::time::{Duration, Instant};

/// Which outputs the window fills.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// None: it is a window among others.
    None,
    /// The one of this number, counted from 1 from the left, then from the top.
    One(usize),
    /// All of them together.
    All,
}

impl Outputs {
    /// As the command line has it.
    #[must_use]
    pub fn of(args: &Args) -> Self {
        args.output.unwrap_or(if args.kiosk { Self::One(1) } else { Self::None })
    }
}

/// Keeps the window where it is to be.
pub struct WallWindowPlugin {
    /// Which outputs it fills.
    pub outputs: Outputs,
    /// True if nobody is to end the wall or to see a pointer.
    pub kiosk: bool,
}

impl Plugin for WallWindowPlugin {
    fn build(&self, app: &mut App) {
        app.insert_resource(self.outputs).add_systems(PreUpdate, (fill, follow).chain()).add_systems(Update, say_what_draws);
        if self.kiosk {
            app.add_systems(Startup, |mut cursors: Query<&mut CursorOptions>| {
                cursors.iter_mut().for_each(|mut cursor| cursor.visible = false);
            });
        } else {
            app.add_systems(Update, keys);
        }
    }
}

/// The window as it opens.
#[must_use]
pub fn plugin(args: &Args) -> WindowPlugin {
    let is_free = Outputs::of(args) == Outputs::None;
    let window = Window {
        title: "Citywall · 一屏观全市".to_owned(),
        name: Some("citywall-viewer".to_owned()),
        resolution: WindowResolution::new(args.size.0, args.size.1),
        decorations: is_free,
        ..default()
    };
    // Closed from outside, a kiosk's window is opened again by whoever watches over the process.
    WindowPlugin { primary_window: Some(window), exit_condition: ExitCondition::OnPrimaryClosed, ..default() }
}

/// A window manager has so long to fill an output with the window.
const PATIENCE: Duration = Duration::from_secs(1);

/// An output: its entity, and where it lies.
type Output = (Entity, IRect);

/// Where the window belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On one output, which it fills.
    On(Entity, IRect),
    /// Over several.
    Over(IRect),
}

/// Where the window belongs, and whether the output that was asked for is there; `None` while there is no output at
/// all, or none is asked for.
fn place(outputs: Outputs, mut there: Vec<Output>) -> Option<(Place, bool)> {
    there.sort_by_key(|(entity, rect)| (rect.min.x, rect.min.y, *entity));
    let first = there.first()?;
    match outputs {
        Outputs::None => None,
        Outputs::One(number) => {
            let asked = number.checked_sub(1).and_then(|at| there.get(at));
            let (entity, rect) = *asked.unwrap_or(first);
            Some((Place::On(entity, rect), asked.is_some()))
        }
        Outputs::All if there.len() == 1 => Some((Place::On(first.0, first.1), true)),
        Outputs::All => Some((Place::Over(there.iter().fold(first.1, |all, (_, rect)| all.union(*rect))), true)),
    }
}

/// Puts the window where it belongs whenever outputs come, go or move.
fn fill(
    outputs: Res<Outputs>,
    monitors: Query<(Entity, &Monitor)>,
    mut windows: Query<&mut Window, With<PrimaryWindow>>,
    mut city: ResMut<City>,
    mut now: Local<Option<(Place, bool)>>,
    mut since: Local<Option<Instant>>,
) {
    let rect = |m: &Monitor| {
        IRect::from_corners(m.physical_position, m.physical_position + IVec2::new(m.physical_width as i32, m.physical_height as i32))
    };
    let there = monitors.iter().map(|(entity, monitor)| (entity, rect(monitor))).collect();
    let to = place(*outputs, there);
    let (Some((place, is_asked)), Ok(mut window)) = (to, windows.single_mut()) else { return };
    if *now == to {
        // Where there is no window manager nobody grants the wish to fill an output.
        if let Place::On(_, rect) = place
            && since.is_some_and(|at| at.elapsed() > PATIENCE)
        {
            *since = None;
            if window.physical_size().as_ivec2() != rect.size() {
                lay(&mut window, rect);
            }
        }
        return;
    }
    (*now, *since) = (to, Some(Instant::now()));
    match place {
        Place::On(output, _) => window.mode = WindowMode::BorderlessFullscreen(MonitorSelection::Entity(output)),
        Place::Over(rect) => lay(&mut window, rect),
    }
    if let (false, Outputs::One(number)) = (is_asked, *outputs) {
        city.complain(format!("显示输出 {number} 不在，改用第 1 个"));
    }
}

fn lay(window: &mut Window, rect: IRect) {
    window.mode = WindowMode::Windowed;
    window.position = WindowPosition::At(rect.min);
    window.resolution.set_physical_resolution(rect.width().max(64) as u32, rect.height().max(64) as u32);
}

/// F11 fills the output that the window is on, Ctrl+Q ends the wall.
fn keys(keys: Res<ButtonInput<KeyCode>>, mut windows: Query<&mut Window>, mut exit: MessageWriter<AppExit>) {
    if keys.just_pressed(KeyCode::F11) {
        for mut window in &mut windows {
            window.mode = match window.mode {
                WindowMode::Windowed => WindowMode::BorderlessFullscreen(MonitorSelection::Current),
                _ => WindowMode::Windowed,
            };
        }
    }
    if keys.any_pressed([KeyCode::ControlLeft, KeyCode::ControlRight]) && keys.just_pressed(KeyCode::KeyQ) {
        exit.write(AppExit::Success);
    }
}

/// The picture is as large as the window.
fn follow(windows: Query<&Window, With<PrimaryWindow>>, mut displays: ResMut<Displays>, mut size: ResMut<PictureSize>) {
    let Ok(window) = windows.single() else { return };
    let mut now = UVec2::new(window.physical_width().max(64), window.physical_height().max(64));
    if displays.shown.is_none() {
        // The window is the whole wall: its displays share it.
        now = (now - ((displays.grid - UVec2::ONE) * displays.gap).min(now / 2)) / displays.grid;
    }
    if displays.size != now {
        displays.size = now;
        size.0 = displays.whole();
    }
}

/// Says once, in the log, what the wall is drawn on.
fn say_what_draws(adapter: Option<Res<RenderAdapterInfo>>, mut done: Local<bool>) {
    if let (Some(adapter), false) = (adapter, *done) {
        *done = true;
        info!("drawing on {} ({:?})", adapter.name, adapter.device_type);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(number: u32, x: i32, y: i32) -> Output {
        (Entity::from_raw_u32(number).unwrap(), IRect::new(x, y, x + 1920, y + 1080))
    }

    #[test]
    fn a_window_goes_where_it_was_asked_to_and_elsewhere_if_that_is_gone() {
        let (left, right, below) = (output(9, 0, 0), output(3, 1920, 0), output(5, 0, 1080));
        let all = vec![right, below, left];
        assert_eq!(place(Outputs::One(1), all.clone()), Some((Place::On(left.0, left.1), true)));
        assert_eq!(place(Outputs::One(3), all.clone()), Some((Place::On(right.0, right.1), true)));
        assert_eq!(place(Outputs::One(3), vec![right, left]), Some((Place::On(left.0, left.1), false)));
        assert_eq!(place(Outputs::All, all.clone()), Some((Place::Over(IRect::new(0, 0, 3840, 2160)), true)));
        assert_eq!(place(Outputs::All, vec![right]), Some((Place::On(right.0, right.1), true)));
        assert_eq!((place(Outputs::None, all), place(Outputs::All, Vec::new())), (None, None));
    }
}
