//! The demo's live events: a city's day, as reports that open, are dispatched and clear.
//!
//! The rate follows the hour of the day in the city's time zone, places follow the people, and
//! every event is posted by the same rules as a real source: its first post has everything, later
//! ones only the `status` and its time. All of them say that they are generated.

use crate::{
    CLASS_SCHEME, DemoError,
    areas::apportion,
    obstacles::Obstacles,
    plan::Plan,
    plane::{P, Rng},
};
use citywall_model::{EventDraft, FeatureTable, Properties, ValueRef, Wkb, geometry};
use geo_types::Geometry;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// The `source` of every demo event.
pub const FEED_SOURCE: &str = "demo-feed";
/// Most events that one call opens, however long ago the last call was.
pub const FEED_BURST_MAX: usize = 2_000;

/// Events per hour of the day, from midnight, as a share of the busiest hour.
const DAY: [f64; 24] = [
    0.45, 0.41, 0.38, 0.37, 0.39, 0.46, 0.60, 0.84, 1.00, 0.95, 0.87, 0.82, 0.78, 0.77, 0.80, 0.84, 0.90, 0.98, 0.97, 0.87, 0.78, 0.69,
    0.60, 0.51,
];
/// Events per hour in the busiest hour.
const PEAK_PER_HOUR: f64 = 800.0;

/// One class of event with how often it happens.
struct Class {
    code: String,
    name: String,
    weight: f64,
}

/// The classes in use, from the project's own table.
const CLASSES: &str = include_str!("../../../data/demo/event_classes.csv");

/// What is still to happen to an event that has been posted.
#[derive(Clone, Debug)]
struct Next {
    id: String,
    status: &'static str,
    /// The wait for the step after this one.
    then: Option<SignedDuration>,
}

/// A stream of events; ask it for what has happened since the last time.
pub struct Feed {
    rng: Rng,
    classes: Vec<Class>,
    places: Vec<(P, Arc<str>)>,
    zone: TimeZone,
    last: Option<Timestamp>,
    run: String,
    number: u64,
    due: BTreeMap<(Timestamp, u64), Next>,
}

impl Feed {
    /// A feed over the demo city's layers `grids` and `streets`. Events lie on the grids' edges,
    /// which are roads, the more people live in a grid the more often.
    ///
    /// # Errors
    /// The layers are not those of a demo city, or the embedded table is broken.
    ///
    /// # Complexity
    /// O(grids).
    pub fn new(seed: u64, grids: &FeatureTable, streets: &FeatureTable) -> Result<Self, DemoError> {
        let mut classes = Vec::new();
        for line in CLASSES.lines().skip(1).filter(|l| !l.is_empty()) {
            let [code, name, weight] = line.split(',').collect::<Vec<_>>()[..] else {
                return Err(DemoError::Inputs(format!("event class “{line}”")));
            };
            let weight = weight.parse().map_err(|_| DemoError::Inputs(format!("weight of event class “{line}”")))?;
            classes.push(Class { code: code.to_owned(), name: name.to_owned(), weight });
        }
        Ok(Self {
            rng: Rng::new(seed, "feed", 0),
            classes,
            places: places(seed, grids, streets)?,
            zone: TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::fixed(jiff::tz::offset(8))),
            last: None,
            run: String::new(),
            number: 0,
            due: BTreeMap::new(),
        })
    }

    /// How many events have been posted and not cleared.
    #[must_use]
    pub fn open(&self) -> usize {
        self.due.len()
    }

    /// Everything that has happened since the last call, in order of time; no time is later than
    /// `now`. The first call gives what is open at this hour, so that a wall is not empty.
    ///
    /// # Errors
    /// A place is no coordinate; this does not happen.
    pub fn events(&mut self, now: Timestamp) -> Result<Vec<EventDraft>, DemoError> {
        let mut events = Vec::new();
        let since = match self.last {
            Some(last) => last,
            None => {
                // Ids are unique over restarts: they carry the moment of the start.
                self.run = now.to_zoned(self.zone.clone()).strftime("%Y%m%d%H%M%S").to_string();
                now - SignedDuration::from_mins(WARM_MINUTES)
            }
        };
        let mut at = since;
        let mut opened = 0;
        while opened < FEED_BURST_MAX {
            // Waiting times of a Poisson process (exponential), by the rate of the hour.
            let rate = PEAK_PER_HOUR * DAY[usize::try_from(at.to_zoned(self.zone.clone()).hour()).unwrap_or(0) % 24] / 3600.0;
            let wait = -(1.0 - self.rng.unit()).ln() / rate;
            #[expect(clippy::cast_possible_truncation, reason = "hours at most")]
            let next = at + SignedDuration::from_millis((wait.min(7_200.0) * 1000.0) as i64);
            if next > now {
                break;
            }
            at = next;
            opened += 1;
            events.push((at, self.open_one(at)?));
        }
        self.last = Some(if opened == FEED_BURST_MAX { now } else { at.max(since) });
        while let Some(entry) = self.due.first_entry().filter(|e| e.key().0 <= now) {
            let ((due, number), next) = entry.remove_entry();
            events.push((due, status(&next, due)));
            if let Some(then) = next.then {
                self.due.insert((due + then, number), Next { id: next.id, status: "cleared", then: None });
            }
        }
        events.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.id.cmp(&b.1.id)));
        Ok(events.into_iter().map(|e| e.1).collect())
    }

    fn open_one(&mut self, at: Timestamp) -> Result<EventDraft, DemoError> {
        self.number += 1;
        let weights: Vec<(f64, usize)> = self.classes.iter().enumerate().map(|(i, c)| (c.weight, i)).collect();
        let class = &self.classes[*self.rng.weighted(&weights)];
        let (place, street) = &self.places[self.rng.below(self.places.len())];
        let emergency = class.code.starts_with("05");
        // 1 is red: very rare, and only for what is an emergency by its class.
        let level = if emergency {
            *self.rng.weighted(&[(0.03, 1), (0.17, 2), (0.45, 3), (0.35, 4)])
        } else {
            *self.rng.weighted(&[(0.0006, 1), (0.02, 2), (0.22, 3), (0.76, 4)])
        };
        let geometry = if self.rng.chance(0.05) {
            None
        } else {
            let p = *place + P::new(self.rng.bell(), self.rng.bell()) * 25.0;
            let (lon, lat) = p.to_degrees();
            Some(Some(Wkb::point(lon, lat)?))
        };
        let id = format!("{}-{:06}", self.run, self.number);
        let mut properties = Properties::new();
        properties.insert("class".to_owned(), Value::from(format!("{CLASS_SCHEME}:{}", class.code)));
        properties.insert("title".to_owned(), Value::from(format!("{street}{}", class.name)));
        properties.insert("level".to_owned(), Value::from(level));
        properties.insert("status".to_owned(), Value::from("open"));
        properties.insert("generated".to_owned(), Value::from(true));
        let minutes = |rng: &mut Rng, low: f64, high: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "hours at most")]
            let seconds = (rng.range(low, high) * 60.0) as i64;
            SignedDuration::from_secs(seconds)
        };
        let dispatched = minutes(&mut self.rng, 1.0, 9.0);
        let cleared = if level <= 2 { minutes(&mut self.rng, 25.0, 95.0) } else { minutes(&mut self.rng, 12.0, 62.0) };
        self.due.insert((at + dispatched, self.number), Next { id: id.clone(), status: "dispatched", then: Some(cleared) });
        Ok(EventDraft { id, source: Some(FEED_SOURCE.to_owned()), time: Some(at), geometry, properties })
    }
}

/// How far back the first call begins: longer than an event stays open.
const WARM_MINUTES: i64 = 110;

/// A later post: only what changes, and when.
fn status(next: &Next, at: Timestamp) -> EventDraft {
    let mut properties = Properties::new();
    properties.insert("status".to_owned(), Value::from(next.status));
    EventDraft { id: next.id.clone(), source: Some(FEED_SOURCE.to_owned()), time: Some(at), geometry: None, properties }
}

/// Where events may happen, each place with the name of its street.
fn places(seed: u64, grids: &FeatureTable, streets: &FeatureTable) -> Result<Vec<(P, Arc<str>)>, DemoError> {
    const PLACES: usize = 20_000;
    let plan = Plan::new(seed);
    let obstacles = Obstacles::new(&plan);
    let mut rng = Rng::new(seed, "event places", 0);
    let field = |table: &FeatureTable, name: &str| {
        table.schema().position(name).ok_or_else(|| DemoError::Inputs(format!("a demo layer lacks the field {name}")))
    };
    let (street_code, street_name) = (field(streets, "code")?, field(streets, "name")?);
    let rows = |table: &FeatureTable| 0..u32::try_from(table.len()).unwrap_or(u32::MAX);
    let mut names = BTreeMap::new();
    for row in rows(streets) {
        if let (ValueRef::Text(code), ValueRef::Text(name)) = (streets.value(row, street_code), streets.value(row, street_name)) {
            names.insert(code, Arc::<str>::from(name));
        }
    }
    let (code, people) = (field(grids, "code")?, field(grids, "people")?);
    let weights: Vec<f64> = rows(grids).map(|row| grids.value(row, people).as_f64().unwrap_or(0.0)).collect();
    if weights.iter().sum::<f64>() <= 0.0 {
        return Err(DemoError::Inputs("nobody lives in the grids".to_owned()));
    }
    let mut places = Vec::with_capacity(PLACES);
    for (row, share) in rows(grids).zip(apportion(PLACES, &weights, 0, usize::MAX)) {
        let ValueRef::Text(code) = grids.value(row, code) else { continue };
        let street = code.get(..9).and_then(|street| names.get(street)).cloned().unwrap_or_else(|| Arc::from(""));
        let Some(Geometry::Polygon(shape)) = grids.geometry(row).and_then(geometry::to_geo) else { continue };
        let ring: Vec<P> = shape.exterior().coords().map(|c| P::from_degrees(c.x, c.y)).collect();
        for _ in 0..share {
            let i = rng.below(ring.len().saturating_sub(1).max(1));
            let at = ring[i].lerp(ring[(i + 1) % ring.len()], rng.unit());
            if !obstacles.is_wet(at, 1.0) {
                places.push((at, street.clone()));
            }
        }
    }
    if places.is_empty() { Err(DemoError::Inputs("the grids have no places".to_owned())) } else { Ok(places) }
}
