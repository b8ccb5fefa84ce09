//! Mouse and keys move the camera; it follows softly.

use super::{Eye, Flight, Orbit};
use crate::city::{City, Ground, PictureSize, Tour, WallSystems, orbit_of};
use crate::displays::Displays;
use crate::scene::Scenes;
use bevy::{
    input::mouse::{AccumulatedMouseMotion, AccumulatedMouseScroll, MouseScrollUnit},
    math::DVec2,
    prelude::*,
};
use std::time::Instant;

/// Seconds in which most of the way to the goal is made.
const SOFTNESS_S: f64 = 0.12;
/// Degrees per pixel of a turning drag.
const TURN_DEG_PER_PX: f64 = 0.22;
/// Degrees per second of a turning key.
const TURN_DEG_PER_S: f64 = 45.0;
/// Distances per second of a moving key.
const MOVE_PER_S: f64 = 0.7;
/// The factor of a notch of the wheel.
const ZOOM_PER_NOTCH: f64 = 1.18;
/// The factor per second of a zooming key.
const ZOOM_PER_S: f64 = 2.6;

/// The camera and where it is going.
#[derive(Resource, Default)]
pub struct Rig {
    /// Where it is.
    pub orbit: Orbit,
    /// The height of the ground that it stands on, metres above the city's datum.
    pub ground_m: f64,
    goal: Orbit,
    flight: Option<Flight>,
    /// When a hand last moved it.
    pub touched: Option<Instant>,
}

impl Rig {
    /// Is there at once.
    pub fn jump(&mut self, orbit: Orbit) {
        (self.orbit, self.goal, self.flight) = (orbit, orbit, None);
    }

    /// The view at a size in pixels.
    #[must_use]
    pub fn eye(&self, size: UVec2) -> Eye {
        self.orbit.eye(size.x, size.y).lifted(self.ground_m)
    }

    /// The view that it goes to.
    fn goal_eye(&self, size: UVec2) -> Eye {
        self.goal.eye(size.x, size.y).lifted(self.ground_m)
    }

    /// Flies there.
    pub fn fly(&mut self, orbit: Orbit) {
        self.flight = Some(Flight::new(self.orbit, orbit));
    }

    /// Flies there, or is there at once where nothing moves.
    pub fn go(&mut self, orbit: Orbit, at_once: bool) {
        if at_once { self.jump(orbit) } else { self.fly(orbit) }
    }

    /// Where it is going, or is.
    #[must_use]
    pub fn destination(&self) -> Orbit {
        self.flight.as_ref().map_or(self.goal, Flight::goal)
    }

    /// A hand takes it.
    fn take(&mut self) {
        self.flight = None;
        self.touched = Some(Instant::now());
    }

    fn advance(&mut self, seconds: f64) {
        if let Some(flight) = &mut self.flight {
            let (orbit, over) = flight.advance(seconds);
            (self.orbit, self.goal) = (orbit, orbit);
            if over {
                self.flight = None;
            }
            return;
        }
        let k = 1.0 - (-seconds / SOFTNESS_S).exp();
        let turn = (self.goal.bearing - self.orbit.bearing + 540.0).rem_euclid(360.0) - 180.0;
        self.orbit = Orbit {
            target: self.orbit.target.lerp(self.goal.target, k),
            distance: self.orbit.distance * (self.goal.distance / self.orbit.distance).powf(k),
            bearing: self.orbit.bearing + turn * k,
            pitch: self.orbit.pitch + (self.goal.pitch - self.orbit.pitch) * k,
        }
        .clamped();
    }
}

/// Moves the camera.
pub struct CameraPlugin {
    /// False where there is neither mouse nor keyboard.
    pub interactive: bool,
    /// False where the camera is where it is to be at once.
    pub moving: bool,
}

impl Plugin for CameraPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Rig>();
        if self.interactive {
            app.add_systems(Update, (steer, keys).chain().before(follow).in_set(WallSystems::Move));
        }
        if self.moving {
            app.add_systems(Update, follow.in_set(WallSystems::Move));
        }
    }
}

fn follow(mut rig: ResMut<Rig>, time: Res<Time>) {
    rig.advance(time.delta_secs_f64().min(0.5));
}

fn steer(
    mut rig: ResMut<Rig>,
    buttons: Res<ButtonInput<MouseButton>>,
    motion: Res<AccumulatedMouseMotion>,
    scroll: Res<AccumulatedMouseScroll>,
    (size, displays, ground): (Res<PictureSize>, Res<Displays>, Res<Ground>),
    windows: Query<&Window>,
    interactions: Query<&Interaction>,
) {
    if interactions.iter().any(|i| *i != Interaction::None) && !buttons.any_pressed([MouseButton::Right, MouseButton::Middle]) {
        return;
    }
    let scale = windows.iter().next().map_or(1.0, |w| f64::from(w.scale_factor()));
    let rig = &mut *rig;
    let moved = motion.delta.as_dvec2() * scale;
    if moved != DVec2::ZERO && buttons.any_pressed([MouseButton::Left, MouseButton::Right, MouseButton::Middle]) {
        rig.take();
        let eye = rig.goal_eye(size.0);
        if buttons.pressed(MouseButton::Left) {
            // The ground under the middle of the screen stays under the hand.
            let middle = (eye.size / 2.0).as_vec2();
            if let (Some(a), Some(b)) = (eye.ground(middle), eye.ground(middle + moved.as_vec2())) {
                let farthest = rig.goal.distance;
                rig.goal.target += (a - b).clamp_length_max(farthest);
            }
        } else {
            rig.goal.bearing += moved.x * TURN_DEG_PER_PX;
            rig.goal.pitch += moved.y * TURN_DEG_PER_PX;
        }
    }
    let notches = match scroll.unit {
        MouseScrollUnit::Line => f64::from(scroll.delta.y),
        MouseScrollUnit::Pixel => f64::from(scroll.delta.y) / 60.0,
    };
    if notches != 0.0 {
        rig.take();
        let factor = ZOOM_PER_NOTCH.powf(-notches.clamp(-5.0, 5.0));
        // What is under the pointer stays there.
        let cursor = windows.iter().next().and_then(|window| displays.pointer(window));
        if let Some(under) = cursor.and_then(|c| ground.under(&rig.goal_eye(size.0), c)) {
            let towards = under.truncate() - rig.goal.target;
            if towards.length() < rig.goal.distance * 4.0 {
                rig.goal.target += towards * (1.0 - factor);
            }
        }
        rig.goal.distance *= factor;
    }
    rig.goal = rig.goal.clamped();
}

fn keys(
    mut rig: ResMut<Rig>,
    keys: Res<ButtonInput<KeyCode>>,
    time: Res<Time>,
    city: Res<City>,
    scenes: Res<Scenes>,
    mut tour: ResMut<Tour>,
) {
    let held = |codes: [KeyCode; 2]| f64::from(u8::from(keys.any_pressed(codes)));
    let axis = |plus: [KeyCode; 2], minus: [KeyCode; 2]| held(plus) - held(minus);
    use KeyCode as K;
    let seconds = time.delta_secs_f64().min(0.1);
    let ahead = axis([K::KeyW, K::ArrowUp], [K::KeyS, K::ArrowDown]);
    let aside = axis([K::KeyD, K::ArrowRight], [K::KeyA, K::ArrowLeft]);
    let turn = axis([K::KeyE, K::KeyE], [K::KeyQ, K::KeyQ]);
    let tilt = axis([K::KeyR, K::KeyR], [K::KeyF, K::KeyF]);
    let zoom = axis([K::Minus, K::NumpadSubtract], [K::Equal, K::NumpadAdd]);
    if [ahead, aside, turn, tilt, zoom].iter().any(|v| *v != 0.0) {
        rig.take();
        let (sin, cos) = rig.goal.bearing.to_radians().sin_cos();
        let step = rig.goal.distance * MOVE_PER_S * seconds;
        rig.goal.target += (DVec2::new(sin, cos) * ahead + DVec2::new(cos, -sin) * aside) * step;
        rig.goal.bearing += turn * TURN_DEG_PER_S * seconds;
        rig.goal.pitch += tilt * TURN_DEG_PER_S * seconds;
        rig.goal.distance *= ZOOM_PER_S.powf(zoom * seconds);
        rig.goal = rig.goal.clamped();
    }
    if let (true, Some(home)) = (keys.any_just_pressed([K::Home, K::KeyH]), city.home) {
        rig.fly(home);
    }
    if let Some(plane) = city.plane {
        const DIGITS: [KeyCode; 9] = [K::Digit1, K::Digit2, K::Digit3, K::Digit4, K::Digit5, K::Digit6, K::Digit7, K::Digit8, K::Digit9];
        for (digit, view) in DIGITS.iter().zip(&scenes.current().bookmarks) {
            if keys.just_pressed(*digit) {
                rig.fly(orbit_of(view.get_ref(), plane));
            }
        }
    }
    if keys.just_pressed(K::Space) {
        tour.playing = !tour.playing;
        rig.touched = None;
    }
}
