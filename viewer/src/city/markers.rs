//! Keeps the markers of the open incidents in step with the live state, slot by slot.

use crate::{
    city::{City, CityFeed, WallClock},
    geo::CityPlane,
    live::{Incident, LiveState},
    render::{Marker, Picture},
    scene::{SceneIncidents, Scenes},
};
use bevy::prelude::*;
use rustc_hash::FxHashMap;

/// An arrival that was long ago.
const LONG_AGO_S: f32 = -1e6;

type Key = (String, String);

/// The incident that was chosen last.
#[derive(Resource, Default, Debug, PartialEq)]
pub struct Chosen(pub Option<Key>);

/// Which incident is in which slot.
#[derive(Resource, Default)]
pub struct MarkerBook {
    slots: FxHashMap<Key, (usize, u32)>,
    keys: [Vec<Key>; 5],
    plane: Option<CityPlane>,
    chosen: Option<Key>,
    scene: u32,
    wanted: SceneIncidents,
}

impl MarkerBook {
    /// The number of markers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    fn put(&mut self, key: &Key, marker: Marker, level: usize, picture: &mut Picture) {
        let slot = match self.slots.get(key) {
            Some((_, slot)) => *slot,
            None => {
                let slot = self.keys[level].len() as u32;
                self.keys[level].push(key.clone());
                self.slots.insert(key.clone(), (level, slot));
                slot
            }
        };
        picture.marker_changes[level].push((slot, marker));
    }

    /// Takes a marker out; the last one of its level moves into its slot.
    fn remove(&mut self, key: &Key, picture: &mut Picture, moved: &dyn Fn(&Key) -> Option<Marker>) {
        let Some((level, slot)) = self.slots.remove(key) else { return };
        self.keys[level].swap_remove(slot as usize);
        if let Some(last) = self.keys[level].get(slot as usize).cloned() {
            if let Some(place) = self.slots.get_mut(&last) {
                place.1 = slot;
            }
            if let Some(marker) = moved(&last) {
                picture.marker_changes[level].push((slot, marker));
            }
        }
    }
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
    let book = &mut *book;
    let mut state = feed.live.state();
    let changes = state.take_changes();
    if changes.is_none() || book.plane != Some(plane) || book.scene != scenes.version {
        let wanted = scenes.current().incidents.clone();
        *book = MarkerBook { plane: Some(plane), chosen: chosen.0.clone(), scene: scenes.version, wanted, ..Default::default() };
        let mut incidents: Vec<&Incident> = state.incidents().collect();
        // The same state is the same picture, whatever the order of its map.
        incidents.sort_by(|a, b| (&a.collection, &a.id).cmp(&(&b.collection, &b.id)));
        for incident in incidents {
            write(book, &state, &key_of(incident), plane, &clock, &mut picture);
        }
    } else {
        for key in changes.unwrap_or_default() {
            write(book, &state, &key, plane, &clock, &mut picture);
        }
        if book.chosen != chosen.0 {
            let before = std::mem::replace(&mut book.chosen, chosen.0.clone());
            for key in before.into_iter().chain(chosen.0.clone()) {
                write(book, &state, &key, plane, &clock, &mut picture);
            }
        }
    }
    for level in 0..5 {
        picture.marker_counts[level] = book.keys[level].len() as u32;
    }
}

fn key_of(incident: &Incident) -> Key {
    (incident.collection.clone(), incident.id.clone())
}

fn write(book: &mut MarkerBook, state: &LiveState, key: &Key, plane: CityPlane, clock: &WallClock, picture: &mut Picture) {
    let (chosen, scene) = (book.chosen.clone(), book.wanted.clone());
    let marker = |key: &Key| -> Option<(Marker, usize)> {
        let incident = state.get(key).filter(|i| scene.shown && scene.includes(&i.class))?;
        let (lon, lat) = incident.place?;
        let at = plane.forward(lon, lat);
        let level = usize::from(incident.level.min(4));
        let arrived_s = if clock.is_fixed() { LONG_AGO_S } else { incident.arrived.map_or(LONG_AGO_S, |a| clock.seconds_at(a)) };
        let bits = level as u32 | if chosen.as_ref() == Some(key) { Marker::CHOSEN } else { 0 };
        Some((Marker::still([at.x as f32, at.y as f32], arrived_s, bits), level))
    };
    let moved = |key: &Key| marker(key).map(|m| m.0);
    match marker(key) {
        Some((new, level)) => {
            if book.slots.get(key).is_some_and(|(known, _)| *known != level) {
                book.remove(key, picture, &moved);
            }
            book.put(key, new, level, picture);
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
    struct Mirror([Vec<Marker>; 5]);

    impl Mirror {
        fn take(&mut self, picture: &mut Picture, book: &MarkerBook) {
            for level in 0..5 {
                for (slot, marker) in picture.marker_changes[level].drain(..) {
                    if self.0[level].len() <= slot as usize {
                        self.0[level].resize(slot as usize + 1, Marker::default());
                    }
                    self.0[level][slot as usize] = marker;
                }
                self.0[level].truncate(book.keys[level].len());
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
    fn after_any_changes_the_slots_hold_exactly_the_open_incidents() {
        let (mut app, live) = app();
        live.state().apply(
            message(json!({"type": "snapshot", "revision": 0, "collection": "events", "features": [], "last": true})),
            Instant::now(),
        );
        let mut mirror = Mirror::default();
        let mut seed = 12_345u64;
        for revision in 1..400u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (id, level) = ((seed >> 33) as u32 % 40, (seed >> 40) as u32 % 5);
            let status = if seed >> 62 == 0 { "cleared" } else { "open" };
            let delta = json!({"type": "delta", "after": revision - 1, "revision": revision,
                "changes": [{"collection": "events", "revision": revision, "feature": feature(id, level, status)}]});
            live.state().apply(message(delta), Instant::now());
            if seed >> 61 & 1 == 0 {
                app.update();
                app.world_mut().resource_scope(|world, book: Mut<MarkerBook>| mirror.take(&mut world.resource_mut::<Picture>(), &book));
            }
        }
        app.update();
        app.world_mut().resource_scope(|world, book: Mut<MarkerBook>| mirror.take(&mut world.resource_mut::<Picture>(), &book));
        let plane = CityPlane::around(117.2, 39.1);
        let state = live.state();
        for level in 0..5 {
            let place = |m: &Marker| (m.to[0].to_bits(), m.to[1].to_bits());
            let mut shown: Vec<_> = mirror.0[level].iter().map(place).collect();
            let mut open: Vec<_> = state
                .incidents()
                .filter(|i| usize::from(i.level) == level)
                .map(|i| plane.forward(i.place.unwrap().0, i.place.unwrap().1))
                .map(|at| ((at.x as f32).to_bits(), (at.y as f32).to_bits()))
                .collect();
            shown.sort_unstable();
            open.sort_unstable();
            assert_eq!(shown, open, "level {level}");
        }
    }
}
