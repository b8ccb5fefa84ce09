//! Does what the wall is told from the console, and goes round the tour.

use crate::{
    camera::{Orbit, Rig},
    city::{Chosen, City, CityFeed, Drawings, Pick, Wish, orbit_of, stage::Stage},
    live::{Order, ToldView},
    scene::Scenes,
};
use bevy::prelude::*;
use std::time::{Duration, Instant};

/// Seconds for which a tour stays at a bookmark, if the scene does not say.
const TOUR_S: f64 = 20.0;
/// After a hand on the camera or an alarm on the stage, the tour waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tour of the scene's bookmarks.
#[derive(Resource, Debug, Default)]
pub struct Tour {
    /// True while it goes round.
    pub playing: bool,
    /// The bookmark that comes next.
    pub next: usize,
    due: Option<Instant>,
}

impl Tour {
    /// A tour that goes round from the start, or waits.
    #[must_use]
    pub fn starting(playing: bool) -> Self {
        Self { playing, ..Self::default() }
    }
}

/// Where the camera is to be, once the city's place is known: `Some(None)` is home.
#[derive(Resource, Default)]
pub struct Destination(Option<Option<Orbit>>);

#[expect(clippy::too_many_arguments, reason = "a console may steer anything")]
pub(super) fn obey(
    feed: Res<CityFeed>,
    mut scenes: ResMut<Scenes>,
    mut city: ResMut<City>,
    (mut chosen, mut pick, mut drawings): (ResMut<Chosen>, ResMut<Pick>, ResMut<Drawings>),
    mut tour: ResMut<Tour>,
    mut destination: ResMut<Destination>,
    mut waiting: Local<Option<Order>>,
    mut last: Local<Order>,
) {
    // What is told before the city's place is known waits for it.
    if let Some(order) = feed.live.told().take() {
        *waiting = Some(order);
    }
    let Some(plane) = city.plane else { return };
    let Some(order) = waiting.take() else { return };
    let mut faults = order.faults.clone();
    if let Some(name) = order.scene.as_ref().filter(|_| order.scene != last.scene)
        && !scenes.show_named(name)
    {
        faults.push(format!("控制台要求的场景“{name}”不存在"));
    }
    city.complain_about("orders", faults);
    scenes.tell(order.mode, order.hidden.clone());
    drawings.list.clone_from(&order.drawings);
    if order.camera != last.camera {
        let orbit = |v: ToldView| {
            Orbit { target: plane.forward(v.longitude, v.latitude), distance: v.distance, bearing: v.bearing, pitch: v.pitch }.clamped()
        };
        // Another scene has its own home.
        if order.camera.is_some() || order.scene == last.scene {
            destination.0 = Some(order.camera.map(orbit));
        }
    }
    if order.highlight != last.highlight {
        match &order.highlight {
            Some(item) => pick.open(&item.collection, &item.id),
            None => pick.close(),
        }
        chosen.0 = order.highlight.clone().map(|item| (item.collection, item.id));
    }
    if let Some(playing) = order.playing.filter(|_| order.playing != last.playing) {
        tour.playing = playing;
    }
    *last = order;
}

/// Goes where it is told, after a new scene has had its say.
pub(super) fn travel(mut destination: ResMut<Destination>, mut rig: ResMut<Rig>, city: Res<City>, wish: Res<Wish>) {
    let Some(wanted) = destination.0.take() else { return };
    if let Some(orbit) = wanted.or(city.home) {
        rig.go(orbit, wish.args.is_still());
    }
}

/// Flies from bookmark to bookmark while nobody else wants the camera.
pub(super) fn tour(mut tour: ResMut<Tour>, mut rig: ResMut<Rig>, scenes: Res<Scenes>, city: Res<City>, stage: Res<Stage>) {
    let (true, Some(plane)) = (tour.playing, city.plane) else {
        tour.due = None;
        return;
    };
    let now = Instant::now();
    let scene = scenes.current();
    let is_held = stage.on().is_some() || rig.touched.is_some_and(|at| now.duration_since(at) < PATIENCE);
    if scene.bookmarks.is_empty() || is_held {
        // It goes on with the bookmark that it had to leave out.
        tour.due = Some(now + PATIENCE.min(Duration::from_secs(5)));
        return;
    }
    if tour.due.is_none_or(|due| now >= due) {
        let view = scene.bookmarks[tour.next % scene.bookmarks.len()].get_ref();
        rig.fly(orbit_of(view, plane));
        tour.next = (tour.next + 1) % scene.bookmarks.len();
        tour.due = Some(now + Duration::from_secs_f64(scene.tour.unwrap_or(TOUR_S)));
    }
}
