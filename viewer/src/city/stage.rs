//! An alarm takes the stage: the gravest that nobody has acknowledged, until somebody does.
//!
//! Red and orange alarms call the camera; yellow and blue ones are announced and wait in the queue
//! beside it. Nothing leaves the queue but by being acknowledged. Then the camera goes back to
//! where it was.

use crate::{
    camera::{Orbit, Rig},
    city::{Chosen, City, CityFeed, Wish},
    displays::Displays,
    live::{Incident, LiveState},
    render::{Picture, Spot},
    scene::Scenes,
    ui::StageRoom,
};
use bevy::prelude::*;

/// The gravest levels, for which the camera flies.
const CALLS_CAMERA: std::ops::RangeInclusive<u8> = 1..=2;
/// How far the surroundings of an alarm step back, 0 to 1; and those of a chosen incident.
const DIM: (f32, f32) = (1.0, 0.8);
/// The distance from which the rings fill the view, in radii of the inner one.
const DISTANCE_RINGS: f64 = 11.0;
/// The camera's height above the horizon over an alarm, degrees.
const PITCH_DEG: f64 = 50.0;

/// An alarm that waits to be acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub struct StageAlarm {
    /// Its collection and id.
    pub key: (String, String),
    /// What it is called.
    pub title: String,
    /// 1 (red) to 4 (blue), 0 without a level.
    pub level: u8,
    /// When it was raised, RFC 3339.
    pub time: String,
    /// Longitude and latitude, if it has a place.
    pub place: Option<(f64, f64)>,
}

/// Who is on the stage, and who waits.
#[derive(Resource, Default, Debug)]
pub struct Stage {
    queue: Vec<StageAlarm>,
    known: Vec<StageAlarm>,
    seen: Option<(u64, usize)>,
    /// Where the camera was before the first alarm.
    before: Option<Orbit>,
    /// For whom the camera has flown.
    flown: Option<(String, String)>,
}

impl Stage {
    /// While an alarm has the camera it stays; afterwards it goes to this place. False if none has it.
    pub fn keeps_camera(&mut self, afterwards: Orbit) -> bool {
        let has_it = self.flown.is_some();
        if has_it {
            self.before = Some(afterwards);
        }
        has_it
    }

    /// The alarm on the stage.
    #[must_use]
    pub fn on(&self) -> Option<&StageAlarm> {
        self.queue.first()
    }

    /// Those that somebody has acknowledged and that are not over, the gravest first.
    #[must_use]
    pub fn known(&self) -> &[StageAlarm] {
        &self.known
    }

    /// Those that wait, the gravest first.
    #[must_use]
    pub fn waiting(&self) -> &[StageAlarm] {
        self.queue.get(1..).unwrap_or_default()
    }
}

/// The collections of the city whose items are alarms.
#[must_use]
pub fn alarm_collections(city: &City) -> Vec<String> {
    let collections = city.document.iter().flat_map(|d| &d.collections);
    collections.filter(|c| c.kind == "alarms").map(|c| c.id.clone()).collect()
}

/// The alarms that nobody has acknowledged, and those that somebody has: the graver first, then the older.
#[must_use]
pub fn alarms(state: &LiveState, collections: &[String]) -> [Vec<StageAlarm>; 2] {
    let alarm = |i: &Incident| StageAlarm {
        key: (i.collection.clone(), i.id.clone()),
        title: i.title.clone(),
        level: i.level,
        time: i.time.clone(),
        place: i.place,
    };
    let rank = |a: &StageAlarm| if a.level == 0 { 5 } else { a.level };
    [true, false].map(|is_raised| {
        let of_status = |i: &&Incident| collections.contains(&i.collection) && (i.status == "raised") == is_raised;
        let mut queue: Vec<StageAlarm> = state.incidents().filter(of_status).map(alarm).collect();
        queue.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.time.cmp(&b.time)).then_with(|| a.key.cmp(&b.key)));
        queue
    })
}

/// Keeps the queue, and moves the camera for who is on the stage.
pub(super) fn direct(
    mut stage: ResMut<Stage>,
    feed: Res<CityFeed>,
    city: Res<City>,
    scenes: Res<Scenes>,
    (wish, displays): (Res<Wish>, Res<Displays>),
    mut rig: ResMut<Rig>,
) {
    let (Some(document), Some(plane)) = (&city.document, city.plane) else { return };
    let state = feed.live.state();
    // The queue follows from the state: it is worked out only when that has changed.
    let seen = state.revision.map(|_| (state.incidents_version, document.collections.len()));
    if stage.seen != seen {
        stage.seen = seen;
        [stage.queue, stage.known] = alarms(&state, &alarm_collections(&city));
    }
    drop(state);
    let caller = stage.on().filter(|a| CALLS_CAMERA.contains(&a.level)).and_then(|a| Some((a.key.clone(), a.place?)));
    let at_once = wish.args.is_still();
    match caller {
        Some((key, (lon, lat))) if stage.flown.as_ref() != Some(&key) => {
            if stage.before.is_none() {
                stage.before = Some(rig.destination());
            }
            stage.flown = Some(key);
            let distance = scenes.current().alarm.ring * DISTANCE_RINGS;
            let orbit = off_seams(Orbit { target: plane.forward(lon, lat), distance, pitch: PITCH_DEG, ..rig.orbit }, &displays);
            if wish.args.view.is_none() {
                rig.go(orbit, at_once);
            }
        }
        None => {
            stage.flown = None;
            if let Some(before) = stage.before.take()
                && wish.args.view.is_none()
            {
                rig.go(before, at_once);
            }
        }
        Some(_) => {}
    }
}

/// The view in which the target is where the wall has room for an alarm: beside panels, banner and facts, and not
/// on the seam between two displays.
fn off_seams(orbit: Orbit, displays: &Displays) -> Orbit {
    let (whole, middle) = (displays.whole(), StageRoom::place_px(displays));
    // What is there now, seen from the target, is as far away from there.
    let there = orbit.eye(whole.x, whole.y).ground(middle);
    there.map_or(orbit, |there| Orbit { target: orbit.target - (there - orbit.target), ..orbit })
}

/// Lights the place of the alarm, or that of a chosen incident.
pub(super) fn light(
    stage: Res<Stage>,
    feed: Res<CityFeed>,
    city: Res<City>,
    scenes: Res<Scenes>,
    chosen: Res<Chosen>,
    mut picture: ResMut<Picture>,
) {
    let spot = |place: (f64, f64), ring_m: Option<f32>, dim: f32| {
        city.plane.map(|plane| Spot { middle: plane.forward(place.0, place.1).as_vec2().to_array(), ring_m, dim })
    };
    let alarm = stage.on().filter(|a| CALLS_CAMERA.contains(&a.level)).and_then(|a| a.place);
    let incident = || chosen.0.as_ref().and_then(|key| feed.live.state().get(key)?.place);
    picture.overlay.stage = match alarm {
        Some(place) => spot(place, Some(scenes.current().alarm.ring as f32), DIM.0),
        None => incident().and_then(|place| spot(place, None, DIM.1)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use citywall_wire::LiveMessage;
    use serde_json::json;
    use std::time::Instant;

    fn state(alarms: &[(&str, u8, &str, &str)]) -> LiveState {
        let feature = |(id, level, time, status): &(&str, u8, &str, &str)| {
            json!({"type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": [117.2, 39.1]},
                "properties": {"title": id, "level": level, "time": time, "status": status}})
        };
        let features: Vec<_> = alarms.iter().map(feature).collect();
        let message = json!({"type": "snapshot", "revision": 1, "collection": "alarms", "features": features, "last": true});
        let mut state = LiveState::default();
        state.apply(serde_json::from_value::<LiveMessage>(message).unwrap(), Instant::now());
        state
    }

    #[test]
    fn an_alarm_is_in_the_middle_of_a_display_and_not_on_a_seam() {
        let size = UVec2::new(1920, 1080);
        let wall = Displays { size, grid: UVec2::new(4, 2), gap: UVec2::new(30, 30), shown: None };
        let place = bevy::math::DVec2::new(2000.0, -700.0);
        let orbit = Orbit { target: place, distance: 5500.0, bearing: 40.0, pitch: PITCH_DEG };
        let (at, _) = off_seams(orbit, &wall).eye(wall.whole().x, wall.whole().y).project(place.extend(0.0)).unwrap();
        assert!((at - StageRoom::place_px(&wall)).length() < 0.1, "{at}");
        assert!(wall.middle().as_rect().inflate(-100.0).contains(at), "{at}");
    }

    #[test]
    fn the_gravest_is_first_then_the_oldest_and_only_acknowledging_takes_one_away() {
        let alarms = [
            ("blue", 4, "2026-01-01T00:00:00Z", "raised"),
            ("late red", 1, "2026-01-01T02:00:00Z", "raised"),
            ("red", 1, "2026-01-01T01:00:00Z", "raised"),
            ("seen", 1, "2026-01-01T00:00:00Z", "acknowledged"),
        ];
        let [queue, known] = super::alarms(&state(&alarms), &["alarms".to_owned()]);
        assert_eq!(known.iter().map(|a| a.title.as_str()).collect::<Vec<_>>(), ["seen"], "it is not over");
        assert_eq!(queue.iter().map(|a| a.title.as_str()).collect::<Vec<_>>(), ["red", "late red", "blue"]);
        assert!(super::alarms(&state(&alarms), &[]).iter().all(Vec::is_empty), "an incident is no alarm");
    }
}
