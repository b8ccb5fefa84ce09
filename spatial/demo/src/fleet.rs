//! The demo's vehicles: they drive along the generated roads for ever, and report where they are.

use crate::{
    DemoError, FEED_SOURCE,
    plane::{P, Rng},
};
use citywall_model::{EventDraft, FeatureTable, Properties, ValueRef, Wkb, geometry};
use geo_types::Geometry;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// How many vehicles there are.
const VEHICLES: usize = 120;
/// A vehicle reports about so often, in seconds.
const REPORT_SECONDS: usize = 5;
/// Roads that vehicles keep to, with their usual speed in metres per second.
const ROADS: [(&str, f64); 6] =
    [("motorway", 25.0), ("trunk", 20.0), ("primary", 14.0), ("secondary", 11.0), ("tertiary", 9.0), ("residential", 6.0)];
/// Kinds of vehicles in the words of the property `kind`, with their name and their share.
const KINDS: [(&str, &str, f64); 6] = [
    ("bus", "公交车", 0.32),
    ("muck_truck", "渣土车", 0.2),
    ("sanitation", "环卫车", 0.16),
    ("patrol", "巡查车", 0.14),
    ("hazmat", "危化品车", 0.1),
    ("ambulance", "救护车", 0.08),
];

/// A crossing or a bend, with the ways that leave it: the next one and its speed.
struct Node {
    at: P,
    ways: Vec<(usize, f64)>,
}

struct Vehicle {
    id: String,
    title: String,
    kind: &'static str,
    from: usize,
    to: usize,
    /// Metres since `from`.
    gone: f64,
    speed: f64,
}

/// Vehicles on the roads of a demo city; ask it every second for those that report.
pub struct Fleet {
    rng: Rng,
    nodes: Vec<Node>,
    vehicles: Vec<Vehicle>,
    last: Option<Timestamp>,
    turn: usize,
}

impl Fleet {
    /// A fleet on the layer `roads` of a demo city.
    ///
    /// # Errors
    /// The layer is not that of a demo city, or has no roads for vehicles.
    ///
    /// # Complexity
    /// O(vertices × log vertices).
    pub fn new(seed: u64, roads: &FeatureTable) -> Result<Self, DemoError> {
        let nodes = network(roads)?;
        let mut rng = Rng::new(seed, "fleet", 0);
        let starts: Vec<usize> = (0..nodes.len()).filter(|node| !nodes[*node].ways.is_empty()).collect();
        if starts.is_empty() {
            return Err(DemoError::Inputs("the roads have no way for vehicles".to_owned()));
        }
        let kinds: Vec<(f64, usize)> = KINDS.iter().enumerate().map(|(at, kind)| (kind.2, at)).collect();
        let vehicles = (1..=VEHICLES)
            .map(|number| {
                let (kind, name, _) = KINDS[*rng.weighted(&kinds)];
                let from = *rng.pick(&starts);
                let (to, speed) = *rng.pick(&nodes[from].ways);
                Vehicle {
                    id: format!("demo-vehicle-{number:03}"), title: format!("{name}{number:03}号"), kind, from, to, gone: 0.0, speed
                }
            })
            .collect();
        Ok(Self { rng, nodes, vehicles, last: None, turn: 0 })
    }

    /// The positions of those that report now: all of them at the first call, then a share each time.
    ///
    /// # Errors
    /// A place is no coordinate; this does not happen.
    pub fn positions(&mut self, now: Timestamp) -> Result<Vec<EventDraft>, DemoError> {
        // After a pause they go on where they were, not where they might be.
        let seconds = self.last.map_or(0.0, |last| last.duration_until(now).as_secs_f64().clamp(0.0, 10.0));
        let reports_all = self.last.is_none();
        self.last = Some(now);
        self.turn = (self.turn + 1) % REPORT_SECONDS;
        let mut drafts = Vec::new();
        for at in 0..self.vehicles.len() {
            self.drive(at, seconds);
            if reports_all || at % REPORT_SECONDS == self.turn {
                drafts.push(self.report(at, now)?);
            }
        }
        Ok(drafts)
    }

    fn drive(&mut self, at: usize, seconds: f64) {
        let Self { rng, nodes, vehicles, .. } = self;
        let vehicle = &mut vehicles[at];
        vehicle.gone += vehicle.speed * rng.range(0.8, 1.1) * seconds;
        // As many bends as a jump may have; the rest of the way is left.
        for _ in 0..64 {
            let (from, to) = (&nodes[vehicle.from], &nodes[vehicle.to]);
            let length = from.at.distance(to.at);
            if vehicle.gone < length {
                return;
            }
            vehicle.gone -= length;
            // Straight on more often than round the corner, and back only at a dead end.
            let ahead = from.at.to(to.at).unit();
            let on: Vec<(f64, (usize, f64))> = to
                .ways
                .iter()
                .filter(|(next, _)| *next != vehicle.from)
                .map(|(next, speed)| ((ahead.dot(to.at.to(nodes[*next].at).unit()) + 1.05).max(0.01), (*next, *speed)))
                .collect();
            let (next, speed) = if on.is_empty() { (vehicle.from, vehicle.speed) } else { *rng.weighted(&on) };
            (vehicle.from, vehicle.to, vehicle.speed) = (vehicle.to, next, speed);
        }
        vehicle.gone = 0.0;
    }

    fn report(&self, at: usize, now: Timestamp) -> Result<EventDraft, DemoError> {
        let vehicle = &self.vehicles[at];
        let (from, to) = (self.nodes[vehicle.from].at, self.nodes[vehicle.to].at);
        let ahead = from.to(to).unit();
        // They keep to the right of the middle.
        let place = from + ahead * vehicle.gone - ahead.left() * 3.0;
        let (longitude, latitude) = place.to_degrees();
        let heading = ahead.x.atan2(ahead.y).to_degrees().round().rem_euclid(360.0);
        let mut properties = Properties::new();
        properties.insert("title".to_owned(), vehicle.title.as_str().into());
        properties.insert("kind".to_owned(), vehicle.kind.into());
        properties.insert("speed".to_owned(), Value::from((vehicle.speed * 3.6).round()));
        properties.insert("heading".to_owned(), Value::from(heading));
        properties.insert("generated".to_owned(), Value::from(true));
        Ok(EventDraft {
            id: vehicle.id.clone(),
            source: Some(FEED_SOURCE.to_owned()),
            time: Some(now),
            geometry: Some(Some(Wkb::point(longitude, latitude)?)),
            properties,
        })
    }
}

/// The roads as a network of bends and crossings; one-way roads are left in one direction only.
fn network(roads: &FeatureTable) -> Result<Vec<Node>, DemoError> {
    let field = |name: &str| roads.schema().position(name).ok_or_else(|| DemoError::Inputs(format!("the roads lack the field {name}")));
    let (class, oneway) = (field("fclass")?, field("oneway")?);
    let mut nodes: Vec<Node> = Vec::new();
    let mut known: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for row in 0..u32::try_from(roads.len()).unwrap_or(u32::MAX) {
        let ValueRef::Text(class) = roads.value(row, class) else { continue };
        let Some((_, speed)) = ROADS.iter().find(|(known, _)| *known == class) else { continue };
        let Some(Geometry::LineString(line)) = roads.geometry(row).and_then(geometry::to_geo) else { continue };
        let bends: Vec<usize> = line
            .coords()
            .map(|c| {
                let at = P::from_degrees(c.x, c.y);
                // Roads that meet share a vertex, to the metre.
                #[expect(clippy::cast_possible_truncation, reason = "a city's metres")]
                let key = (at.x.round() as i64, at.y.round() as i64);
                *known.entry(key).or_insert_with(|| {
                    nodes.push(Node { at, ways: Vec::new() });
                    nodes.len() - 1
                })
            })
            .collect();
        for pair in bends.windows(2).filter(|pair| pair[0] != pair[1]) {
            nodes[pair[0]].ways.push((pair[1], *speed));
            if roads.value(row, oneway) != ValueRef::Boolean(true) {
                nodes[pair[1]].ways.push((pair[0], *speed));
            }
        }
    }
    Ok(nodes)
}
