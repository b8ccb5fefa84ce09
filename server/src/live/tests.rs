//! Subscriptions against brute force, under random interleavings.
#![allow(clippy::unwrap_used)]

use super::{
    Hub, Interest,
    line::{Ended, Line},
};
use citywall_model::{CimCategory, CityProfile, CollectionId, CollectionKind, EventDraft, LocalText, Wkb, limits};
use citywall_query::City;
use citywall_store::GeoPackage;
use citywall_wire::{LiveMessage, Subscribe};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Notify;

struct Ground {
    city: Arc<City>,
    hub: Arc<Hub>,
    _folder: tempfile::TempDir,
}

fn id(name: &str) -> CollectionId {
    CollectionId::new(name).unwrap()
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = GeoPackage::create(&folder.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap();
        let city = Arc::new(City::open(Arc::new(store)).unwrap());
        for (name, kind) in [("events", CollectionKind::Incidents), ("vehicles", CollectionKind::MovingObjects)] {
            city.create_live(&id(name), kind, &LocalText::new(name, name), CimCategory::IotSensing, false).unwrap();
        }
        let hub = Arc::new(Hub::default());
        hub.follow(&city).unwrap();
        Self { city, hub, _folder: folder }
    }

    fn write(&self, collection: &str, drafts: Vec<EventDraft>) {
        for result in self.city.ingest(&id(collection), drafts, "test").unwrap() {
            result.unwrap();
        }
    }

    /// Waits until every commit is in the mailboxes.
    fn settle(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.hub.delivered() < self.city.revision().0 {
            assert!(Instant::now() < end, "the commits are not delivered");
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.hub.close();
    }
}

fn draft(name: &str, place: Option<(f64, f64)>, properties: &Value) -> EventDraft {
    EventDraft {
        id: name.into(),
        source: Some("test".into()),
        time: None,
        geometry: place.map(|(x, y)| Some(Wkb::point(x, y).unwrap())),
        properties: properties.as_object().unwrap().clone(),
    }
}

/// A new item needs a time.
fn timed(mut draft: EventDraft) -> EventDraft {
    draft.time = Some(jiff::Timestamp::now());
    draft
}

/// A reader that keeps what it is told, as a client does.
struct Reader {
    request: Subscribe,
    line: Line,
    state: BTreeMap<(String, String), Value>,
    revision: u64,
    events_told: Vec<u64>,
}

impl Reader {
    fn start(ground: &Ground, request: Subscribe) -> Self {
        let line = Self::line(ground, &request, None);
        Self { request, line, state: BTreeMap::new(), revision: 0, events_told: Vec::new() }
    }

    fn line(ground: &Ground, request: &Subscribe, after: Option<u64>) -> Line {
        let interest = Interest::read(request, &ground.city).unwrap();
        Line::start(&ground.hub, &ground.city, request.id.clone(), interest, after, Arc::new(Notify::new())).unwrap()
    }

    fn resume(&mut self, ground: &Ground) {
        self.line = Self::line(ground, &self.request, Some(self.revision));
    }

    /// Reads what there is; at most so many messages.
    fn read(&mut self, messages: usize) -> Result<usize, Ended> {
        for at in 0..messages {
            let Some(said) = self.line.poll()? else { return Ok(at) };
            let message: LiveMessage = serde_json::from_slice(&said.text).unwrap();
            self.apply(message);
        }
        Ok(messages)
    }

    fn apply(&mut self, message: LiveMessage) {
        match message {
            LiveMessage::Snapshot { revision, collection, features, .. } => {
                if self.revision != revision {
                    self.state.clear();
                    self.revision = revision;
                }
                for feature in features {
                    self.state.insert((collection.clone(), feature.id.clone()), serde_json::to_value(feature).unwrap());
                }
            }
            LiveMessage::Delta { id, after, revision, changes, gone } => {
                assert_eq!(id, self.request.id);
                assert_eq!(after, self.revision, "a delta follows what was told");
                assert!(revision >= after && changes.len() + gone.len() <= 1_000);
                self.revision = revision;
                for change in changes {
                    assert!(change.revision > after && change.revision <= revision);
                    if change.collection == "events" {
                        self.events_told.push(change.revision);
                    }
                    let key = (change.collection, change.feature.id.clone());
                    if change.feature.properties.get("status") == Some(&json!("cleared")) {
                        self.state.remove(&key);
                    } else {
                        self.state.insert(key, serde_json::to_value(change.feature).unwrap());
                    }
                }
                for gone in gone {
                    self.state.remove(&(gone.collection, gone.id));
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

/// What a client should have, found by looking at every item as it is in the API's answer.
fn expected(city: &City, request: &Subscribe) -> BTreeMap<(String, String), Value> {
    let mut all = BTreeMap::new();
    for view in city.collections() {
        let name = view.id().to_string();
        if !request.collections.is_empty() && !request.collections.contains(&name) {
            continue;
        }
        for item in view.open_items() {
            let mut json = Vec::new();
            crate::geojson::write::feature(&mut json, citywall_model::FeatureRef::Live(&item));
            let feature: Value = serde_json::from_slice(&json).unwrap();
            let place = || Some((feature["geometry"]["coordinates"][0].as_f64()?, feature["geometry"]["coordinates"][1].as_f64()?));
            let in_window = request.bbox.is_none_or(|[w, s, e, n]| {
                place().is_some_and(|(x, y)| s <= y && y <= n && if w <= e { w <= x && x <= e } else { x >= w || x <= e })
            });
            // The one filter of the test.
            let filtered = request.filter.is_none() || feature["properties"]["level"].as_u64().is_some_and(|level| level <= 2);
            if in_window && filtered {
                all.insert((name.clone(), feature["id"].as_str().unwrap().to_owned()), feature);
            }
        }
    }
    all
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "few at a time, and most are of the large kind")]
enum Act {
    Move(u8, u8, u8),
    Report(u8, u8, Option<(u8, u8)>),
    Clear(u8),
    Remove(bool, u8),
    Subscribe(Subscribe),
    Read(u8, u8),
    Break(u8),
}

fn requests() -> impl Strategy<Value = Subscribe> {
    let collections = prop_oneof![Just(vec![]), Just(vec!["events".to_owned()]), Just(vec!["vehicles".to_owned()])];
    let window = (0..10_u8, 0..10_u8, 1..6_u8, 1..6_u8).prop_map(|(x, y, w, h)| {
        let degrees = |from: f64, step: u8| from + f64::from(step) * 0.01;
        [degrees(117.0, x), degrees(39.0, y), degrees(117.0, x + w), degrees(39.0, y + h)]
    });
    let across = Just([179.0, -80.0, -170.0, 80.0]);
    let bbox = prop::option::weighted(0.7, prop_oneof![9 => window, 1 => across]);
    let filter = prop::option::weighted(0.3, Just(json!("level <= 2")));
    let id = prop::option::of(Just("a \"name\"".to_owned()));
    (collections, bbox, filter, id).prop_map(|(collections, bbox, filter, id)| Subscribe {
        id,
        collections,
        bbox,
        filter,
        ..Subscribe::default()
    })
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => (0..12_u8, 0..12_u8, 0..12_u8).prop_map(|(id, x, y)| Act::Move(id, x, y)),
        6 => (0..6_u8, 1..5_u8, prop::option::of((0..12_u8, 0..12_u8))).prop_map(|(id, level, place)| Act::Report(id, level, place)),
        2 => (0..6_u8).prop_map(Act::Clear),
        2 => (any::<bool>(), 0..6_u8).prop_map(|(event, id)| Act::Remove(event, id)),
        3 => requests().prop_map(Act::Subscribe),
        4 => (any::<u8>(), 1..4_u8).prop_map(|(reader, messages)| Act::Read(reader, messages)),
        2 => any::<u8>().prop_map(Act::Break),
    ]
}

/// Places in the demo's part of the world, and one column on the other side of it.
fn place(x: u8, y: u8) -> (f64, f64) {
    if x == 11 { (-175.0, f64::from(y)) } else { (117.0 + f64::from(x) * 0.01, 39.0 + f64::from(y) * 0.01) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_reader_ends_with_exactly_what_matches(acts in prop::collection::vec(acts(), 1..80)) {
        let ground = Ground::new();
        let mut readers: Vec<Reader> = Vec::new();
        for act in acts {
            match act {
                Act::Move(id, x, y) => {
                    ground.write("vehicles", vec![timed(draft(&format!("v{id}"), Some(place(x, y)), &json!({"level": id % 4 + 1, "status": "open"})))]);
                }
                Act::Report(id, level, at) => {
                    let at = at.map(|(x, y)| place(x, y));
                    ground.write("events", vec![timed(draft(&format!("e{id}"), at, &json!({"level": level, "status": "open"})))]);
                }
                Act::Clear(id) => ground.write("events", vec![timed(draft(&format!("e{id}"), None, &json!({"status": "cleared"})))]),
                Act::Remove(true, id) => ground.write("events", vec![timed(draft(&format!("e{id}"), None, &json!({"status": "removed"})))]),
                Act::Remove(false, id) => ground.write("vehicles", vec![timed(draft(&format!("v{id}"), None, &json!({"status": "removed"})))]),
                Act::Subscribe(request) => readers.push(Reader::start(&ground, request)),
                Act::Read(at, messages) => {
                    let count = readers.len().max(1);
                    if let Some(reader) = readers.get_mut(usize::from(at) % count) {
                        reader.read(usize::from(messages)).unwrap();
                    }
                }
                Act::Break(at) => {
                    let count = readers.len().max(1);
                    if let Some(reader) = readers.get_mut(usize::from(at) % count)
                        // Half a snapshot cannot be resumed.
                        && reader.revision > 0
                    {
                        reader.read(1_000).unwrap();
                        reader.resume(&ground);
                    }
                }
            }
        }
        ground.settle();
        let delivered = ground.hub.delivered();
        for mut reader in readers {
            while reader.read(100).unwrap() > 0 {}
            if let Some(said) = reader.line.catch_up(delivered) {
                reader.apply(serde_json::from_slice(&said.text).unwrap());
            }
            prop_assert_eq!(reader.revision, ground.city.revision().0);
            prop_assert_eq!(&reader.state, &expected(&ground.city, &reader.request), "{:?}", reader.request);
            let mut once = reader.events_told.clone();
            once.dedup();
            prop_assert_eq!(&once, &reader.events_told, "no change of an incident comes twice");
        }
    }
}

#[test]
fn a_slow_reader_gets_the_last_positions_and_every_incident() {
    let ground = Ground::new();
    let window = Some([116.0, 38.0, 118.0, 40.0]);
    let mut slow = Reader::start(&ground, Subscribe { bbox: window, ..Subscribe::default() });
    let mut all = Reader::start(&ground, Subscribe::default());
    slow.read(10).unwrap();
    all.read(10).unwrap();
    let rounds = 2 * limits::SUBSCRIBER_QUEUE_MAX / 500;
    let mut incidents = Vec::new();
    for round in 0..rounds {
        let x = u8::try_from(round % 10).unwrap();
        let moves = (0..500).map(|at| timed(draft(&format!("v{at}"), Some(place(x, 3)), &json!({})))).collect();
        ground.write("vehicles", moves);
        ground.write("events", vec![timed(draft("e", Some(place(x, 1)), &json!({"level": 1, "round": round})))]);
        incidents.push(ground.city.revision().0);
        // The thread that delivers keeps up; the readers do not.
        ground.settle();
    }
    for reader in [&mut slow, &mut all] {
        let mut messages = 0;
        while reader.read(1).unwrap() > 0 {
            messages += 1;
        }
        assert!(messages < rounds, "{messages} messages for {rounds} rounds: nothing was coalesced");
        assert_eq!(reader.state, expected(&ground.city, &reader.request));
        assert_eq!(reader.events_told, incidents, "no incident is left out");
    }
    assert!(ground.hub.coalesced.load(std::sync::atomic::Ordering::Relaxed) > 0);
}

#[test]
fn a_reader_that_leaves_incidents_unread_is_cut_and_resumes() {
    let ground = Ground::new();
    let mut reader = Reader::start(&ground, Subscribe { collections: vec!["events".to_owned()], ..Subscribe::default() });
    reader.read(10).unwrap();
    let batch = limits::SUBSCRIBER_QUEUE_MAX / 4;
    for round in 0..6 {
        let events = (0..batch).map(|at| timed(draft(&format!("e{at}"), None, &json!({"round": round})))).collect();
        ground.write("events", events);
        ground.settle();
    }
    assert!(matches!(reader.read(1), Err(Ended::TooSlow)));
    reader.resume(&ground);
    while reader.read(10).unwrap() > 0 {}
    assert_eq!(reader.state, expected(&ground.city, &reader.request));
    assert_eq!(reader.events_told.len(), 6 * batch, "nothing is lost");
}

#[test]
fn a_batch_of_any_size_reaches_a_reader_that_keeps_up() {
    let ground = Ground::new();
    let mut reader = Reader::start(&ground, Subscribe::default());
    reader.read(10).unwrap();
    let count = 3 * limits::SUBSCRIBER_QUEUE_MAX;
    ground.write("events", (0..count).map(|at| timed(draft(&format!("e{at}"), None, &json!({})))).collect());
    ground.settle();
    while reader.read(100).unwrap() > 0 {}
    assert_eq!(reader.state.len(), count);
}
