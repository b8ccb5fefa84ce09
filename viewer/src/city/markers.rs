//! Keeps the markers of the open incidents and of what moves in step with the live state, slot by
//! slot: only what changes is handed on.

use super::stage::alarm_collections;
use crate::{
    city::{City, CityFeed, WallClock},
    geo::CityPlane,
    live::{Changes, Followed, Incident, LiveState, Track},
    render::{Glyph, Marker, Picture, bucket},
    scene::{SceneIncidents, SceneMoving, Scenes},
};
use bevy::prelude::*;
use rustc_hash::FxHashMap;

/// An arrival that was long ago.
const LONG_AGO_S: f32 = -1e6;

type Key = (String, String);

/// The incident that was chosen last.
#[derive(Resource, Default, Debug, PartialEq)]
pub struct Chosen(pub Option<Key>);

/// The buckets of incidents.
const LEVELS: [usize; 5] = [0, 1, 2, 3, 4];

/// Which incident or object is in which slot of which bucket.
#[derive(Resource, Default)]
pub struct MarkerBook {
    slots: FxHashMap<Key, (usize, u32)>,
    keys: [Vec<Key>; LEVELS.len()],
    /// By the number of an object.
    moving_slots: Vec<Option<u32>>,
    /// By slot.
    moving_numbers: Vec<u32>,
    plane: Option<CityPlane>,
    chosen: Option<Key>,
    /// The version of the scene, and the epoch of the clock.
    written_for: (u32, u32),
    incidents: SceneIncidents,
    moving: SceneMoving,
    /// The collections of alarms, which are shown whatever the scene says of incidents.
    alarms: Vec<String>,
    /// Collections that the console leaves out.
    hidden: Vec<String>,
    /// Incidents that got a marker since somebody last asked, if anybody does.
    pub arrivals: Option<Vec<Key>>,
}

impl MarkerBook {
    /// The number of markers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() + self.moving_numbers.len()
    }

    fn is_hidden(&self, collection: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden == collection)
    }

    fn put(&mut self, key: &Key, marker: Marker, bucket: usize, picture: &mut Picture) {
        let slot = match self.slots.get(key) {
            Some((_, slot)) => *slot,
            None => {
                let slot = self.keys[bucket].len() as u32;
                self.keys[bucket].push(key.clone());
                self.slots.insert(key.clone(), (bucket, slot));
                if let Some(arrivals) = &mut self.arrivals {
                    arrivals.push(key.clone());
                }
                slot
            }
        };
        picture.marker_changes[bucket].push((slot, marker));
    }

    /// The marker of an incident, and its bucket; `None` if the scene does not show it.
    fn marker(&self, state: &LiveState, key: &Key, plane: CityPlane, clock: &WallClock) -> Option<(Marker, usize)> {
        let incident = state.get(key).filter(|i| is_marked(i, &self.incidents, &self.alarms))?;
        let at = plane.forward_f32(incident.place?);
        if self.is_hidden(&incident.collection) {
            return None;
        }
        let level = usize::from(incident.level.min(4));
        let arrived_s = if clock.is_fixed() { LONG_AGO_S } else { incident.arrived.map_or(LONG_AGO_S, |a| clock.seconds_at(a)) };
        Some((Marker::still(at, arrived_s, level as u32 | chosen_bit(self.chosen.as_ref() == Some(key))), level))
    }

    /// The marker of an object; `None` if the scene does not show it, or it is gone.
    fn moving_marker(&self, state: &LiveState, number: u32, clock: &WallClock) -> Option<Marker> {
        let known = state
            .tracks()
            .numbered(number)
            .filter(|known| self.moving.includes(&known.collection) && !self.is_hidden(&known.collection))?;
        let is_chosen = self.chosen.as_ref().is_some_and(|(collection, id)| *collection == *known.collection && *id == *known.id);
        Some(moving(&known.track, clock, is_chosen))
    }

    /// Writes an object's marker as it now is. The last one moves into the slot of one that is gone.
    fn write_moving(&mut self, state: &LiveState, number: u32, clock: &WallClock, picture: &mut Picture) {
        let changes = &mut picture.marker_changes[bucket::MOVING];
        let at = number as usize;
        if at >= self.moving_slots.len() {
            self.moving_slots.resize(at + 1, None);
        }
        match (self.moving_marker(state, number, clock), self.moving_slots[at]) {
            (Some(marker), Some(slot)) => changes.push((slot, marker)),
            (Some(marker), None) => {
                let slot = self.moving_numbers.len() as u32;
                self.moving_slots[at] = Some(slot);
                self.moving_numbers.push(number);
                changes.push((slot, marker));
            }
            (None, Some(slot)) => {
                self.moving_slots[at] = None;
                self.moving_numbers.swap_remove(slot as usize);
                if let Some(&last) = self.moving_numbers.get(slot as usize) {
                    self.moving_slots[last as usize] = Some(slot);
                    // One that is gone as well is taken out in its own turn.
                    changes.extend(self.moving_marker(state, last, clock).map(|marker| (slot, marker)));
                }
            }
            (None, None) => {}
        }
    }

    /// Takes a marker out; the last one of its bucket moves into its slot.
    fn remove(&mut self, key: &Key, picture: &mut Picture, moved: &dyn Fn(&Self, &Key) -> Option<Marker>) {
        let Some((bucket, slot)) = self.slots.remove(key) else { return };
        self.keys[bucket].swap_remove(slot as usize);
        if let Some(last) = self.keys[bucket].get(slot as usize).cloned() {
            if let Some(place) = self.slots.get_mut(&last) {
                place.1 = slot;
            }
            if let Some(marker) = moved(self, &last) {
                picture.marker_changes[bucket].push((slot, marker));
            }
        }
    }
}

/// True if an incident has a marker: the scene shows its class, or it is an alarm, which no scene hides.
#[must_use]
pub fn is_marked(incident: &Incident, wanted: &SceneIncidents, alarms: &[String]) -> bool {
    alarms.contains(&incident.collection) || wanted.shown && wanted.includes(&incident.class)
}

pub(super) fn update(
    mut book: ResMut<MarkerBook>,
    feed: Res<CityFeed>,
    city: Res<City>,
    clock: Res<WallClock>,
    chosen: Res<Chosen>,
    scenes: Res<Scenes>,
    mut picture: ResMut<Picture>,
) {
    let Some(plane) = city.plane else { return };
    let alarms = alarm_collections(&city);
    let book = &mut *book;
    let mut state = feed.live.state();
    state.on(plane);
    let changes = state.take_changes();
    let written_for = (scenes.version, clock.epoch);
    if changes.is_none() || book.plane != Some(plane) || book.written_for != written_for || book.alarms != alarms {
        let (incidents, moving) = (scenes.current().incidents.clone(), scenes.current().moving.clone());
        let arrivals = book.arrivals.take();
        let (chosen, hidden) = (chosen.0.clone(), scenes.hidden().to_vec());
        *book = MarkerBook { arrivals, plane: Some(plane), chosen, written_for, incidents, moving, alarms, hidden, ..Default::default() };
        let mut keys: Vec<Key> = state.incidents().map(key_of).collect();
        let mut objects: Vec<_> = state.tracks().all().collect();
        // The same state is the same picture, whatever the order of its maps.
        keys.sort_unstable();
        objects.sort_unstable_by(|(_, a), (_, b)| (&a.collection, &a.id).cmp(&(&b.collection, &b.id)));
        for key in keys {
            write(book, &state, &key, plane, &clock, &mut picture);
        }
        for (number, _) in objects {
            book.write_moving(&state, number, &clock, &mut picture);
        }
    } else {
        let Changes { mut incidents, mut tracks } = changes.unwrap_or_default();
        if book.chosen != chosen.0 {
            let before = std::mem::replace(&mut book.chosen, chosen.0.clone());
            for (collection, id) in before.into_iter().chain(chosen.0.clone()) {
                tracks.extend(state.tracks().number(&collection, &id));
                incidents.push((collection, id));
            }
        }
        for key in incidents {
            write(book, &state, &key, plane, &clock, &mut picture);
        }
        for number in tracks {
            book.write_moving(&state, number, &clock, &mut picture);
        }
    }
    for bucket in LEVELS {
        picture.marker_counts[bucket] = book.keys[bucket].len() as u32;
    }
    picture.marker_counts[bucket::MOVING] = book.moving_numbers.len() as u32;
}

fn chosen_bit(is_chosen: bool) -> u32 {
    if is_chosen { Marker::CHOSEN } else { 0 }
}

/// The marker of an object on its way. Under a stopped clock it stands where it was last known.
fn moving(track: &Track, clock: &WallClock, is_chosen: bool) -> Marker {
    let glyph = if track.is == Followed::Moving { Glyph::Arrow } else { Glyph::Sensor };
    let bits = Marker::glyph_bits(glyph, track.heading_deg) | chosen_bit(is_chosen);
    let [from, to] = track.way_m;
    if clock.is_fixed() {
        let start_s = track.time.map_or(0.0, |t| t.duration_since(clock.time()).as_secs_f32().min(0.0));
        return Marker { start_s, ..Marker::still(to, LONG_AGO_S, bits) };
    }
    Marker { from, to, start_s: clock.seconds_at(track.set_out), travel_s: track.travel.as_secs_f32(), arrived_s: LONG_AGO_S, bits }
}

fn key_of(incident: &Incident) -> Key {
    (incident.collection.clone(), incident.id.clone())
}

fn write(book: &mut MarkerBook, state: &LiveState, key: &Key, plane: CityPlane, clock: &WallClock, picture: &mut Picture) {
    let new = book.marker(state, key, plane, clock);
    // What is last in a bucket may have to be written into another slot.
    let moved = |book: &MarkerBook, key: &Key| book.marker(state, key, plane, clock).map(|m| m.0);
    match new {
        Some((new, bucket)) => {
            if book.slots.get(key).is_some_and(|(known, _)| *known != bucket) {
                book.remove(key, picture, &moved);
            }
            book.put(key, new, bucket, picture);
        }
        None => book.remove(key, picture, &moved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::BUCKETS;
    use citywall_wire::LiveMessage;
    use serde_json::json;
    use std::time::Instant;

    /// What the GPU would hold after the picture's changes.
    #[derive(Default)]
    struct Mirror([Vec<Marker>; BUCKETS]);

    impl Mirror {
        fn take(&mut self, picture: &mut Picture, book: &MarkerBook) {
            for bucket in LEVELS.into_iter().chain([bucket::MOVING]) {
                for (slot, marker) in picture.marker_changes[bucket].drain(..) {
                    if self.0[bucket].len() <= slot as usize {
                        self.0[bucket].resize(slot as usize + 1, Marker::default());
                    }
                    self.0[bucket][slot as usize] = marker;
                }
                self.0[bucket].truncate(book.keys.get(bucket).map_or(book.moving_numbers.len(), Vec::len));
            }
        }
    }

    fn app() -> (App, crate::net::LiveUpdate) {
        let live = crate::net::LiveUpdate::default();
        let server = crate::net::Server::at("http://127.0.0.1:1", None).unwrap();
        let (_, updates) = std::sync::mpsc::sync_channel(1);
        let mut app = App::new();
        app.insert_resource(CityFeed { server, updates: updates.into(), live: live.clone() })
            .insert_resource(City { plane: Some(CityPlane::around(117.2, 39.1)), ..Default::default() })
            .insert_resource(WallClock::new(None))
            .insert_resource(Scenes::open(None).unwrap())
            .init_resource::<Chosen>()
            .init_resource::<MarkerBook>()
            .init_resource::<Picture>()
            .add_systems(Update, update);
        (app, live)
    }

    fn message(value: serde_json::Value) -> LiveMessage {
        serde_json::from_value(value).unwrap()
    }

    fn feature(id: u32, level: u32, status: &str) -> serde_json::Value {
        json!({"type": "Feature", "id": id.to_string(), "geometry": {"type": "Point", "coordinates": [117.0 + f64::from(id) * 1e-3, 39.0]},
            "properties": {"level": level, "status": status}})
    }

    #[test]
    fn a_marker_is_in_the_picture_of_the_frame_that_follows_the_message() {
        let (mut app, live) = app();
        live.state().apply(
            message(json!({"type": "snapshot", "revision": 1, "collection": "events", "features": [], "last": true})),
            Instant::now(),
        );
        app.update();
        assert_eq!(app.world().resource::<Picture>().marker_counts, [0; BUCKETS]);
        let delta = json!({"type": "delta", "after": 1, "revision": 2, "changes": [{"collection": "events", "revision": 2, "feature": feature(7, 1, "open")}]});
        live.state().apply(message(delta), Instant::now());
        app.update();
        let picture = app.world().resource::<Picture>();
        assert_eq!(picture.marker_counts, [0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(picture.marker_changes[1].len(), 1);
    }

    #[test]
    fn an_alarm_has_a_marker_whatever_the_scene_shows_of_incidents() {
        let (mut app, live) = app();
        let collection = |id: &str, kind: &str| {
            json!({"id": id, "kind": kind, "title": {"zh": "", "en": ""}, "category": "", "generated": false, "source": "",
                "geometry_type": "POINT", "extent": null, "count": 1, "open": 1, "open_by_level": null, "revision": 1, "fields": []})
        };
        let document = json!({"name": {"zh": "", "en": ""}, "time_zone": "UTC", "extent": null, "home": null, "notice": null, "area_levels": [],
            "revision": 1, "version": "", "collections": [collection("alarms", "alarms"), collection("events", "incidents")]});
        app.world_mut().resource_mut::<City>().document = Some(serde_json::from_value(document).unwrap());
        for (collection, last) in [("alarms", false), ("events", true)] {
            let part =
                json!({"type": "snapshot", "revision": 1, "collection": collection, "features": [feature(1, 1, "raised")], "last": last});
            live.state().apply(message(part), Instant::now());
        }
        for scene in ["emergency", "vehicles", "video"] {
            app.world_mut().resource_mut::<Scenes>().show_named(scene);
            app.update();
            assert_eq!(app.world().resource::<Picture>().marker_counts[1], 1, "the alarm alone in {scene}");
        }
    }

    #[test]
    fn a_vehicle_sets_out_from_where_it_is_and_only_its_own_slot_changes() {
        let (mut app, live) = app();
        live.state().follow(&[("vehicles".to_owned(), Followed::Moving)].into());
        let report = |id: u32, lon: f64| {
            json!({"type": "Feature", "id": format!("v{id:04}"), "geometry": {"type": "Point", "coordinates": [lon, 39.1]},
                "properties": {"heading": 90}})
        };
        let fleet: Vec<_> = (0..1000).map(|id| report(id, 117.2)).collect();
        live.state().apply(
            message(json!({"type": "snapshot", "revision": 1, "collection": "vehicles", "features": fleet, "last": true})),
            Instant::now(),
        );
        app.update();
        let mut picture = app.world_mut().resource_mut::<Picture>();
        assert_eq!((picture.marker_counts[bucket::MOVING], picture.marker_counts[..5].iter().sum::<u32>()), (1000, 0));
        picture.marker_changes = Default::default();
        let delta = json!({"type": "delta", "after": 1, "revision": 2,
            "changes": [{"collection": "vehicles", "revision": 2, "feature": report(500, 117.201)}]});
        live.state().apply(message(delta), Instant::now());
        app.update();
        let picture = app.world().resource::<Picture>();
        let [(slot, marker)] = picture.marker_changes[bucket::MOVING][..] else { panic!("one change") };
        assert_eq!(slot, 500);
        assert!(marker.travel_s > 0.0 && marker.to[0] - marker.from[0] > 80.0, "{marker:?}");
        assert_eq!(marker.bits, Marker::glyph_bits(Glyph::Arrow, 90.0));
    }

    #[test]
    fn after_any_changes_the_slots_hold_exactly_what_is_there() {
        let (mut app, live) = app();
        live.state().follow(&[("vehicles".to_owned(), Followed::Moving), ("events".to_owned(), Followed::Incidents)].into());
        live.state().apply(
            message(json!({"type": "snapshot", "revision": 0, "collection": "events", "features": [], "last": true})),
            Instant::now(),
        );
        let mut mirror = Mirror::default();
        let mut random = fastrand::Rng::with_seed(12_345);
        let mut look = |app: &mut App| {
            app.update();
            app.world_mut().resource_scope(|world, book: Mut<MarkerBook>| mirror.take(&mut world.resource_mut::<Picture>(), &book));
        };
        for revision in 1..800u64 {
            let status = if random.u8(..4) == 0 { "cleared" } else { "open" };
            let collection = if random.bool() { "events" } else { "vehicles" };
            let feature = feature(random.u32(..40), random.u32(..5), status);
            let delta = if random.u8(..8) == 0 {
                json!({"type": "delta", "after": revision - 1, "revision": revision, "changes": [],
                    "gone": [{"collection": collection, "revision": revision, "id": feature["id"]}]})
            } else {
                json!({"type": "delta", "after": revision - 1, "revision": revision,
                    "changes": [{"collection": collection, "revision": revision, "feature": feature}]})
            };
            live.state().apply(message(delta), Instant::now());
            if random.bool() {
                look(&mut app);
            }
        }
        look(&mut app);
        let plane = CityPlane::around(117.2, 39.1);
        let state = live.state();
        let bits = |at: [f32; 2]| at.map(f32::to_bits);
        let incidents = |level| state.incidents().filter(move |i| usize::from(i.level) == level).map(|i| i.place.unwrap());
        let vehicles: Vec<_> = state.tracks().of("vehicles").map(|known| known.track.place).collect();
        assert!(vehicles.len() > 10);
        let there = LEVELS.map(|level| (level, incidents(level).collect::<Vec<_>>())).into_iter().chain([(bucket::MOVING, vehicles)]);
        for (bucket, places) in there {
            let mut shown: Vec<_> = mirror.0[bucket].iter().map(|m| bits(m.to)).collect();
            let mut places: Vec<_> = places.into_iter().map(|place| bits(plane.forward_f32(place))).collect();
            shown.sort_unstable();
            places.sort_unstable();
            assert_eq!(shown, places, "bucket {bucket}");
        }
    }
}
