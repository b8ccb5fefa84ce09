//! What `/live` says, reduced to the open incidents and to what moves.
//!
//! A snapshot replaces everything once its last part is there; a delta is applied only if it
//! follows the revision that is known, else a new snapshot is asked for. So the state on the wall
//! is always one that the city was in.

use super::{Followed, Replayed, Track, Tracks};
use crate::geo::CityPlane;
use citywall_wire::{Change, Feature, LiveMessage};
use rustc_hash::FxHashMap;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Without a message for this long the line is taken for dead.
pub const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Open incidents that the wall holds, at most; more are counted and said.
const INCIDENTS_MAX: usize = 500_000;
/// Objects of a collection that the wall follows, at most; more are counted and said.
const TRACKS_MAX: usize = 500_000;

/// One open incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its collection.
    pub collection: String,
    /// Its id there.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// 1 (red) to 4 (blue); 0 without a level.
    pub level: u8,
    /// Its class, `scheme:code`.
    pub class: String,
    /// How far it has come, such as `open` or `dispatched`.
    pub status: String,
    /// When it happened, RFC 3339.
    pub time: String,
    /// Longitude and latitude, if it has a place.
    pub place: Option<(f64, f64)>,
    /// The revision that made it what it is.
    pub revision: u64,
    /// When it came to the wall; `None` if it was there before the wall looked.
    pub arrived: Option<Instant>,
}

/// How the wall is connected.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// Not yet, or no longer; since when, and why.
    Down {
        /// The last time that it was up.
        since: Option<Instant>,
        /// In words.
        reason: String,
    },
    /// Messages arrive.
    Up,
}

/// The open incidents, what moves, and the revision that they are of.
#[derive(Debug)]
pub struct LiveState {
    incidents: FxHashMap<(String, String), Incident>,
    tracks: Tracks,
    /// The city's plane, once known.
    plane: Option<CityPlane>,
    followed: BTreeMap<String, Followed>,
    /// Goes up whenever an incident changes.
    pub incidents_version: u64,
    arriving: Vec<Arriving>,
    /// The revision of the state; `None` before the first snapshot.
    pub revision: Option<u64>,
    /// How the wall is connected.
    pub link: Link,
    /// The clock of the replay; `None` while the present is shown.
    pub replay: Option<Replayed>,
    /// True while a replay is told to stand still.
    is_paused: bool,
    /// When the last message came.
    pub heard: Option<Instant>,
    /// What has changed since the wall last looked; all, if the flag is set.
    changed: Changes,
    replaced: bool,
    /// Messages that could not be applied.
    pub refused: u64,
    /// Incidents beyond `INCIDENTS_MAX` and objects beyond `TRACKS_MAX`, not shown.
    pub overflow: u64,
}

/// What is to be drawn anew.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Incidents, by collection and id.
    pub incidents: Vec<(String, String)>,
    /// Objects, by their numbers.
    pub tracks: Vec<u32>,
}

/// A feature of a snapshot's part, with its collection.
type Arriving = (String, Feature);

/// How a message's revision stands to the known one.
enum Step {
    /// It follows.
    Next,
    /// It is known already.
    Known,
    /// Something between them is missing.
    Gap,
}

/// What the connection has to do after a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Go,
    /// Subscribe again from the start.
    Resync,
    /// A layer's tiles are outdated.
    LayerChanged(String),
}

impl Default for LiveState {
    fn default() -> Self {
        Self {
            incidents: FxHashMap::default(),
            tracks: Tracks::default(),
            plane: None,
            followed: BTreeMap::new(),
            incidents_version: 0,
            arriving: Vec::new(),
            revision: None,
            link: Link::Down { since: None, reason: String::new() },
            replay: None,
            is_paused: false,
            heard: None,
            changed: Changes::default(),
            replaced: false,
            refused: 0,
            overflow: 0,
        }
    }
}

impl LiveState {
    /// Applies a message.
    pub fn apply(&mut self, message: LiveMessage, now: Instant) -> Reply {
        self.heard = Some(now);
        self.link = Link::Up;
        match message {
            LiveMessage::Snapshot { revision, collection, features, last, replay, .. } => {
                self.arriving.extend(features.into_iter().map(|f| (collection.clone(), f)));
                if last {
                    self.replay = replay.and_then(|mark| Replayed::begin(&mark, self.is_paused, now));
                    self.incidents.clear();
                    self.tracks.clear();
                    self.overflow = 0;
                    self.incidents_version += 1;
                    for (collection, feature) in std::mem::take(&mut self.arriving) {
                        self.put(&collection, &feature, revision, now, false);
                    }
                    self.changed = Changes::default();
                    self.replaced = true;
                    self.revision = Some(revision);
                }
                Reply::Go
            }
            LiveMessage::Delta { after, revision, changes, gone, .. } => {
                match self.step(after, revision) {
                    Step::Next => {
                        changes.into_iter().for_each(|change| self.change(change, now));
                        gone.into_iter().for_each(|gone| self.remove((gone.collection, gone.id)));
                    }
                    Step::Known => {}
                    Step::Gap => return Reply::Resync,
                }
                Reply::Go
            }
            LiveMessage::LayerChanged { after, revision, collection, .. } => match self.step(after, revision) {
                Step::Next => Reply::LayerChanged(collection),
                Step::Known => Reply::Go,
                Step::Gap => Reply::Resync,
            },
            LiveMessage::Resync { .. } => {
                self.arriving.clear();
                Reply::Resync
            }
            LiveMessage::Heartbeat { replay: true, time, ended, .. } => {
                self.replay.iter_mut().for_each(|clock| clock.hear(&time, ended, now));
                Reply::Go
            }
            LiveMessage::StylesChanged { .. } | LiveMessage::Heartbeat { .. } => Reply::Go,
            LiveMessage::Error { reason, .. } => {
                self.link = Link::Down { since: Some(now), reason };
                Reply::Go
            }
        }
    }

    /// Moves to a revision if it follows the known one; one that is already known changes nothing.
    fn step(&mut self, after: u64, revision: u64) -> Step {
        match self.revision {
            Some(known) if known >= revision => Step::Known,
            Some(known) if known >= after => {
                self.revision = Some(revision);
                Step::Next
            }
            _ => {
                self.refused += 1;
                Step::Gap
            }
        }
    }

    fn change(&mut self, change: Change, now: Instant) {
        self.put(&change.collection, &change.feature, change.revision, now, true);
    }

    /// Takes out what is no longer seen.
    fn remove(&mut self, key: (String, String)) {
        self.changed.tracks.extend(self.tracks.remove(&key.0, &key.1));
        if self.incidents.remove(&key).is_some() {
            self.incidents_version += 1;
            self.changed.incidents.push(key);
        }
    }

    /// Takes an item in; `is_news` is true of one that changes while the wall looks.
    fn put(&mut self, collection: &str, feature: &Feature, revision: u64, now: Instant, is_news: bool) {
        match self.followed.get(collection).copied().unwrap_or(Followed::Incidents) {
            Followed::Incidents => self.put_incident(collection, feature, revision, is_news.then_some(now)),
            is => self.put_track(is, collection, feature, now, is_news),
        }
    }

    fn put_track(&mut self, is: Followed, collection: &str, feature: &Feature, now: Instant, is_news: bool) {
        let known = self.tracks.get(collection, &feature.id);
        let number = match Track::read(is, feature, known, now, is_news, self.plane.as_ref()) {
            Some(_) if known.is_none() && self.tracks.count(collection) >= TRACKS_MAX => {
                self.overflow += 1;
                return;
            }
            Some(track) => Some(self.tracks.put(collection, &feature.id, track)),
            None => self.tracks.remove(collection, &feature.id),
        };
        self.changed.tracks.extend(number);
    }

    fn put_incident(&mut self, collection: &str, feature: &Feature, revision: u64, arrived: Option<Instant>) {
        self.incidents_version += 1;
        let key = (collection.to_owned(), feature.id.clone());
        if arrived.is_some() {
            self.changed.incidents.push(key.clone());
        }
        let text = |name: &str| feature.properties.get(name).and_then(|v| v.as_str()).unwrap_or_default();
        if matches!(text("status"), "cleared" | "closed") {
            self.incidents.remove(&key);
            return;
        }
        if self.incidents.len() >= INCIDENTS_MAX && !self.incidents.contains_key(&key) {
            self.overflow += 1;
            return;
        }
        // An update is no arrival: what is known already keeps its moment.
        let arrived = self.incidents.get(&key).map_or(arrived, |known| known.arrived);
        let title = [text("title"), text("class")].into_iter().find(|t| !t.trim().is_empty()).unwrap_or(&feature.id);
        let level = feature.properties.get("level").and_then(serde_json::Value::as_u64).filter(|l| *l <= 4).unwrap_or(0);
        let incident = Incident {
            collection: collection.to_owned(),
            id: feature.id.clone(),
            title: title.to_owned(),
            level: level as u8,
            class: text("class").to_owned(),
            status: text("status").to_owned(),
            time: text("time").to_owned(),
            place: feature.geometry.as_ref().and_then(place_of),
            revision,
            arrived,
        };
        self.incidents.insert(key, incident);
    }

    /// Notes that the line is down.
    pub fn lost(&mut self, reason: String) {
        let since = self.heard;
        self.replay.iter_mut().for_each(|clock| clock.hold(Instant::now()));
        self.arriving.clear();
        self.link = Link::Down { since, reason };
    }

    /// A replay stands still, or goes on at a speed.
    pub fn steer(&mut self, paused: bool, speed: f64, now: Instant) {
        self.is_paused = paused;
        self.replay.iter_mut().for_each(|clock| clock.steer(paused, speed, now));
    }

    /// True if the data on the wall is that of now, and can be relied on.
    #[must_use]
    pub fn is_current(&self, now: Instant) -> bool {
        self.replay.is_none() && self.is_heard(now)
    }

    /// True if the data on the wall can be relied on, be it of now or of the past.
    #[must_use]
    pub fn is_heard(&self, now: Instant) -> bool {
        self.revision.is_some() && self.link == Link::Up && self.heard.is_some_and(|h| now.duration_since(h) < SILENCE_MAX)
    }

    /// Follows these collections from now on; true if they are others than before.
    pub fn follow(&mut self, followed: &BTreeMap<String, Followed>) -> bool {
        let is_new = self.followed != *followed;
        self.followed.clone_from(followed);
        is_new
    }

    /// The collections that are followed, and what their items are.
    #[must_use]
    pub fn followed(&self) -> &BTreeMap<String, Followed> {
        &self.followed
    }

    /// What moves, and devices.
    #[must_use]
    pub fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    /// Puts what moves on the city's plane; all is to be drawn anew if it is another than before.
    pub fn on(&mut self, plane: CityPlane) {
        if self.plane != Some(plane) {
            self.plane = Some(plane);
            self.tracks.each_mut(|track| *track = track.clone().on(Some(&plane)));
            self.replaced = true;
        }
    }

    /// Every open incident.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// One incident.
    #[must_use]
    pub fn get(&self, key: &(String, String)) -> Option<&Incident> {
        self.incidents.get(key)
    }

    /// The number of open incidents.
    #[must_use]
    pub fn len(&self) -> usize {
        self.incidents.len()
    }

    /// Open incidents by level; index 0 has those without one.
    #[cfg(test)]
    #[must_use]
    pub fn by_level(&self) -> [usize; 5] {
        let mut counts = [0; 5];
        for incident in self.incidents.values() {
            counts[usize::from(incident.level.min(4))] += 1;
        }
        counts
    }

    /// What changed since the last call: `None` if everything did.
    pub fn take_changes(&mut self) -> Option<Changes> {
        self.tracks.settle();
        let changed = std::mem::take(&mut self.changed);
        if std::mem::take(&mut self.replaced) { None } else { Some(changed) }
    }
}

/// A place to mark a GeoJSON geometry at: a point itself, else the middle of its positions.
pub fn place_of(geometry: &serde_json::Value) -> Option<(f64, f64)> {
    fn gather(value: &serde_json::Value, sum: &mut (f64, f64, f64), depth: usize) {
        let Some(array) = value.as_array() else { return };
        if let (Some(x), Some(y)) = (array.first().and_then(serde_json::Value::as_f64), array.get(1).and_then(serde_json::Value::as_f64)) {
            *sum = (sum.0 + x, sum.1 + y, sum.2 + 1.0);
        } else if depth < 6 {
            array.iter().for_each(|v| gather(v, sum, depth + 1));
        }
    }
    let mut sum = (0.0, 0.0, 0.0);
    gather(geometry.get("coordinates")?, &mut sum, 0);
    let place = (sum.0 / sum.2, sum.1 / sum.2);
    ((-180.0..=180.0).contains(&place.0) && (-90.0..=90.0).contains(&place.1)).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(json: serde_json::Value) -> LiveMessage {
        serde_json::from_value(json).unwrap()
    }

    fn feature(id: &str, level: u8, status: &str) -> serde_json::Value {
        json!({"type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": [117.2, 39.1]},
            "properties": {"title": "井盖缺失", "level": level, "status": status, "time": "2026-01-01T00:00:00Z"}})
    }

    fn snapshot(revision: u64, ids: &[&str], last: bool) -> LiveMessage {
        let features: Vec<_> = ids.iter().map(|id| feature(id, 1, "open")).collect();
        message(json!({"type": "snapshot", "revision": revision, "collection": "events", "features": features, "last": last}))
    }

    fn delta(after: u64, revision: u64, feature: serde_json::Value) -> LiveMessage {
        message(json!({"type": "delta", "after": after, "revision": revision,
            "changes": [{"collection": "events", "revision": revision, "feature": feature}]}))
    }

    #[test]
    fn a_snapshot_counts_once_its_last_part_is_there() {
        let (mut state, now) = (LiveState::default(), Instant::now());
        state.apply(snapshot(7, &["a", "b"], false), now);
        assert_eq!((state.len(), state.revision), (0, None));
        state.apply(snapshot(7, &["c"], true), now);
        assert_eq!((state.len(), state.revision), (3, Some(7)));
        assert_eq!(state.take_changes(), None);
        assert!(state.incidents().all(|i| i.arrived.is_none()));
    }

    #[test]
    fn deltas_open_change_and_clear() {
        let (mut state, now) = (LiveState::default(), Instant::now());
        state.apply(snapshot(7, &["a"], true), now);
        state.take_changes();
        assert_eq!(state.apply(delta(7, 8, feature("b", 3, "open")), now), Reply::Go);
        assert_eq!(state.by_level(), [0, 1, 0, 1, 0]);
        let key = ("events".to_owned(), "b".to_owned());
        assert_eq!(state.take_changes(), Some(Changes { incidents: vec![key.clone()], tracks: Vec::new() }));
        assert_eq!(state.get(&key).unwrap().arrived, Some(now));
        state.apply(delta(8, 9, feature("a", 1, "cleared")), now);
        assert_eq!((state.len(), state.revision), (1, Some(9)));
    }

    #[test]
    fn a_delta_that_does_not_follow_asks_for_a_snapshot_and_changes_nothing() {
        let (mut state, now) = (LiveState::default(), Instant::now());
        state.apply(snapshot(7, &["a"], true), now);
        assert_eq!(state.apply(delta(8, 9, feature("b", 3, "open")), now), Reply::Resync);
        assert_eq!((state.len(), state.revision, state.refused), (1, Some(7), 1));
    }

    #[test]
    fn a_delta_that_is_known_already_changes_nothing() {
        let (mut state, now) = (LiveState::default(), Instant::now());
        state.apply(snapshot(7, &["a"], true), now);
        assert_eq!(state.apply(delta(5, 7, feature("old", 3, "open")), now), Reply::Go);
        assert_eq!(state.len(), 1);
    }

    #[test]
    fn what_moves_is_no_incident_and_is_followed_until_it_is_gone() {
        let (mut state, now) = (LiveState::default(), Instant::now());
        assert!(state.follow(&BTreeMap::from([("vehicles".to_owned(), Followed::Moving), ("events".to_owned(), Followed::Incidents)])));
        let report =
            |lon: f64| json!({"type": "Feature", "id": "v1", "geometry": {"type": "Point", "coordinates": [lon, 39.1]}, "properties": {}});
        let snapshot = json!({"type": "snapshot", "revision": 1, "collection": "vehicles", "features": [report(117.0)], "last": true});
        state.apply(message(snapshot), now);
        let before = state.incidents_version;
        let delta = json!({"type": "delta", "after": 1, "revision": 2,
            "changes": [{"collection": "vehicles", "revision": 2, "feature": report(117.001)}]});
        state.apply(message(delta), now + Duration::from_secs(5));
        let track = state.tracks().get("vehicles", "v1").unwrap();
        assert_eq!((track.from.0, track.place.0, state.len(), state.incidents_version), (117.0, 117.001, 0, before));
        let gone = json!({"type": "delta", "after": 2, "revision": 3, "changes": [], "gone": [{"collection": "vehicles", "id": "v1", "revision": 3}]});
        state.apply(message(gone), now + Duration::from_secs(6));
        assert_eq!((state.tracks().get("vehicles", "v1"), state.tracks().count("vehicles")), (None, 0));
    }

    #[test]
    fn a_lost_line_keeps_the_picture_and_is_not_current() {
        let (mut state, now) = (LiveState::default(), Instant::now());
        state.apply(snapshot(7, &["a"], true), now);
        assert!(state.is_current(now));
        assert!(!state.is_current(now + SILENCE_MAX));
        state.lost("reset".to_owned());
        assert_eq!((state.len(), state.is_current(now)), (1, false));
    }

    #[test]
    fn a_polygon_is_marked_in_its_middle_and_nonsense_nowhere() {
        assert_eq!(place_of(&json!({"type": "LineString", "coordinates": [[0.0, 0.0], [2.0, 4.0]]})), Some((1.0, 2.0)));
        assert_eq!(place_of(&json!({"type": "Point", "coordinates": ["x"]})), None);
        assert_eq!(place_of(&json!({"type": "Point", "coordinates": [500.0, 0.0]})), None);
    }
}
