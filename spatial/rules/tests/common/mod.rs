//! A story that rules are told change by change, as the server tells it, restarts among it.

use citywall_model::{
    Areas, Change, CimCategory, CityProfile, CollectionId, CollectionKind, EventDraft, LiveItem, LiveParts, LocalText, Properties,
    Revision, Wkb,
};
use citywall_query::City;
use citywall_rules::{Engine, RuleDocument};
use citywall_store::GeoPackage;
use geo::{Geometry, Rect, coord};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

/// Midnight of a day, UTC; all times of a story are seconds after it.
const BEGIN: &str = "2026-03-02T00:00:00Z";

fn collection(name: &str) -> CollectionId {
    CollectionId::new(name).unwrap()
}

/// A city that has the collections; the items are told, not stored.
fn city() -> &'static City {
    static CITY: OnceLock<(City, tempfile::TempDir)> = OnceLock::new();
    let make = || {
        let dir = tempfile::tempdir().unwrap();
        let store = GeoPackage::create(&dir.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap();
        let city = City::open(Arc::new(store)).unwrap();
        for (id, kind) in [
            ("cars", CollectionKind::MovingObjects),
            ("readings", CollectionKind::Datastreams),
            ("events", CollectionKind::Incidents),
            ("fences", CollectionKind::Fences),
        ] {
            city.create_live(&collection(id), kind, &LocalText::new(id, id), CimCategory::IotSensing, false).unwrap();
        }
        (city, dir)
    };
    &CITY.get_or_init(make).0
}

/// An alarm as it stands, times as seconds of the story.
#[derive(Clone, Debug)]
pub struct Alarm {
    pub key: String,
    pub time: i64,
    pub ended: Option<i64>,
    pub count: u64,
    pub is_closed: bool,
}

/// The rules at work, what they were told, and the alarms as the drafts made them.
pub struct Story {
    engine: Engine,
    rules: Vec<(String, RuleDocument)>,
    fences: BTreeMap<String, Change>,
    told: Vec<Change>,
    /// Of each car the places of its words in the story.
    turns: BTreeMap<String, Vec<usize>>,
    items: BTreeMap<(CollectionId, String), LiveItem>,
    alarms: BTreeMap<String, (Timestamp, Properties)>,
    now: i64,
    revision: u64,
}

fn instant(second: i64) -> Timestamp {
    BEGIN.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
}

fn second(at: Timestamp) -> i64 {
    let since = BEGIN.parse::<Timestamp>().unwrap().duration_until(at);
    assert_eq!(since.subsec_nanos(), 0, "{at}");
    since.as_secs()
}

impl Story {
    pub fn new() -> Self {
        Self {
            engine: Engine::new(TimeZone::UTC),
            rules: Vec::new(),
            fences: BTreeMap::new(),
            told: Vec::new(),
            turns: BTreeMap::new(),
            items: BTreeMap::new(),
            alarms: BTreeMap::new(),
            now: 1_000,
            revision: 0,
        }
    }

    /// Lets time pass, with the tick of the clock, and returns the second that it then is.
    pub fn wait(&mut self, seconds: i64) -> i64 {
        self.now += seconds;
        let mut drafts = Vec::new();
        self.engine.tick(instant(self.now), &mut drafts);
        self.keep(drafts);
        self.now
    }

    pub fn rule(&mut self, id: &str, rule: Value) {
        let document = RuleDocument::read(rule.as_object().unwrap()).unwrap();
        self.engine.add(id, 1, document.clone(), city()).unwrap();
        self.rules.push((id.to_owned(), document));
        self.fences.values().for_each(|fence| self.engine.see(fence, instant(self.now), &mut Vec::new()));
    }

    /// A fence comes, changes or goes.
    pub fn fence(&mut self, id: &str, bounds: Option<[f64; 4]>) {
        let square = |[west, south, east, north]: [f64; 4]| {
            let rect = Rect::new(coord! { x: west, y: south }, coord! { x: east, y: north });
            Wkb::from_geo(&Geometry::Polygon(rect.to_polygon())).unwrap()
        };
        let change = self.change("fences", id, self.now, bounds.map(square), Areas::default(), json!({}));
        let mut drafts = Vec::new();
        self.engine.see(&change, instant(self.now), &mut drafts);
        self.keep(drafts);
        self.fences.insert(id.to_owned(), change);
    }

    /// A word of a moving object or a datastream.
    pub fn report(&mut self, of: &str, id: &str, at: Option<(f64, f64)>, properties: Value) {
        let place = at.map(|(x, y)| Wkb::point(x, y).unwrap());
        self.turns.entry(id.to_owned()).or_default().push(self.told.len());
        let change = self.change(of, id, self.now, place, Areas::default(), properties);
        self.tell(change);
    }

    /// An event as it is known now; a new one since it happened, else since now.
    pub fn event(&mut self, id: &str, time: i64, area: Option<&str>, properties: Value, is_new: bool) {
        let since = if is_new { time } else { self.now.max(time + 1) };
        let areas = area.map_or_else(Areas::default, |area| Areas::new([area]));
        let mut change = self.change("events", id, since, None, areas, properties);
        let mut parts = change.item.parts();
        parts.time = instant(time);
        change.item = LiveItem::new(&parts);
        self.items.insert((change.collection.clone(), id.to_owned()), change.item.clone());
        self.tell(change);
    }

    fn change(&mut self, of: &str, id: &str, since: i64, geometry: Option<Wkb>, areas: Areas, properties: Value) -> Change {
        self.revision += 1;
        let of = collection(of);
        let before = self.items.get(&(of.clone(), id.to_owned())).cloned();
        let others = self.items.keys().filter(|(other, _)| *other == of).count() as u64;
        let item = LiveItem::new(&LiveParts {
            fid: before.as_ref().map_or(others + 1, LiveItem::fid),
            id: id.into(),
            source: "test".into(),
            time: instant(since),
            since: instant(since),
            revision: Revision(self.revision),
            areas,
            geometry,
            properties: properties.as_object().unwrap().clone(),
        });
        self.items.insert((of.clone(), id.to_owned()), item.clone());
        Change { collection: of, item, before, late: false, actor: "test".into() }
    }

    fn tell(&mut self, change: Change) {
        let mut drafts = Vec::new();
        self.engine.see(&change, instant(self.now), &mut drafts);
        self.engine.tick(instant(self.now), &mut drafts);
        self.told.push(change);
        self.keep(drafts);
    }

    /// Stores alarms as the city does: a draft changes what it names, null removes.
    fn keep(&mut self, drafts: Vec<EventDraft>) {
        for draft in drafts {
            let (_, properties) = self.alarms.entry(draft.id).or_insert_with(|| (draft.time.unwrap(), Properties::new()));
            for (name, value) in draft.properties {
                if value.is_null() {
                    properties.shift_remove(&name);
                } else {
                    properties.insert(name, value);
                }
            }
        }
    }

    fn alarm_item(id: &str, (time, properties): &(Timestamp, Properties)) -> LiveItem {
        LiveItem::new(&LiveParts {
            fid: 1,
            id: id.into(),
            source: "rules".into(),
            time: *time,
            since: *time,
            revision: Revision(1),
            areas: Areas::default(),
            geometry: None,
            properties: properties.clone(),
        })
    }

    /// A person closes one of the alarms.
    pub fn close(&mut self, which: usize) {
        let Some(at) = which.checked_rem(self.alarms.len()) else { return };
        let (id, alarm) = self.alarms.iter_mut().nth(at).unwrap();
        alarm.1.insert("status".to_owned(), "closed".into());
        self.engine.know_alarm(&Self::alarm_item(id, alarm));
    }

    /// The server starts anew: what it knew is lost, what was stored is read.
    pub fn restart(&mut self) {
        let now = instant(self.now);
        self.engine = Engine::new(TimeZone::UTC);
        for (id, document) in &self.rules {
            self.engine.add(id, 1, document.clone(), city()).unwrap();
        }
        self.fences.values().for_each(|fence| self.engine.see(fence, now, &mut Vec::new()));
        // As far as the rules look back the changes in the order of their times, before that the state.
        let from = self.engine.looks_back_to(now).unwrap_or(now);
        let mut told: Vec<&Change> = self.told.iter().collect();
        told.sort_by_key(|change| (change.item.since(), change.item.revision()));
        let mut before: BTreeMap<(CollectionId, u64), &LiveItem> = BTreeMap::new();
        let (past, lately): (Vec<&Change>, Vec<&Change>) = told.into_iter().partition(|change| change.item.since() <= from);
        for change in past {
            before.insert((change.collection.clone(), change.item.fid()), &change.item);
        }
        before.iter().for_each(|((collection, _), item)| self.engine.know(collection, item, None));
        for change in lately {
            let known = before.insert((change.collection.clone(), change.item.fid()), &change.item);
            let change = Change { before: known.cloned(), ..change.clone() };
            self.engine.see(&change, change.item.since(), &mut Vec::new());
        }
        self.engine.forget_alarms();
        self.alarms.iter().for_each(|(id, alarm)| self.engine.know_alarm(&Self::alarm_item(id, alarm)));
        let mut drafts = Vec::new();
        self.engine.settle(now, &mut drafts);
        self.engine.tick(now, &mut drafts);
        self.keep(drafts);
    }

    /// The end of the story, some seconds later.
    pub fn finish(&mut self, seconds: i64) -> i64 {
        self.wait(seconds)
    }

    /// Where a word of a car stands in the story.
    pub fn turn(&self, car: usize, word: usize) -> usize {
        self.turns[&format!("c{car}")][word]
    }

    /// The alarms of a rule, by when they began.
    pub fn alarms(&self, rule: &str) -> Vec<Alarm> {
        let of_rule = self.alarms.values().filter(|(_, properties)| properties["rule"] == rule);
        let alarm = |(time, properties): &(Timestamp, Properties)| Alarm {
            key: properties["key"].as_str().unwrap().to_owned(),
            time: second(*time),
            ended: properties.get("ended").map(|ended| second(ended.as_str().unwrap().parse().unwrap())),
            count: properties["count"].as_u64().unwrap(),
            is_closed: properties["status"] == "closed",
        };
        let mut all: Vec<Alarm> = of_rule.map(alarm).collect();
        all.sort_by_key(|alarm| alarm.time);
        all
    }
}

/// True if a rectangle holds a place, border included.
pub fn inside([west, south, east, north]: &[f64; 4], (x, y): (f64, f64)) -> bool {
    *west <= x && x <= *east && *south <= y && y <= *north
}

/// Metres between two places on a sphere of the earth's mean radius, by the angle between two vectors.
pub fn metres(a: (f64, f64), b: (f64, f64)) -> f64 {
    let vector = |(x, y): (f64, f64)| {
        let (x, y) = (x.to_radians(), y.to_radians());
        [y.cos() * x.cos(), y.cos() * x.sin(), y.sin()]
    };
    let (a, b) = (vector(a), vector(b));
    let chord = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    2.0 * 6_371_008.8 * (chord / 2.0).asin()
}
