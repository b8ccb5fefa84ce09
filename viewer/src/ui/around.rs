//! What is around an alarm: where it is, who is nearest and how soon they are there, who is inside.

use crate::{
    city::{City, outlines},
    geo::CityPlane,
    net::{Desk, Page, Ways, encode, items_path},
    scene::{SceneAlarm, SceneQuery},
};
use bevy::math::DVec2;
use citywall_wire::{CollectionDocument, Feature};
use geo::{Area, BooleanOps, MapCoords};
use geo_types::{Coord, LineString, Polygon};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, time::Duration};

/// How often it is asked who is near: what stays where it is, and what moves.
const EVERY: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(10));
/// Half the sides of the windows in which the nearest is looked for, metres, one after the other.
const SEARCH_M: [f64; 4] = [1_000.0, 4_000.0, 16_000.0, 64_000.0];
/// Items of a window that are compared.
const SEARCH_MAX: usize = 1_000;
/// Corners of the ring in which things are counted.
const RING_CORNERS: u32 = 64;
/// Help that takes longer than this along the roads is not looked for there, seconds.
const WAY_S_MAX: u32 = 1_800;
/// Between a road and what stands at it, metres.
const ACCESS_M: u32 = 500;
/// The end of a road that is so near to another one meets it, metres: not every survey joins them.
const SNAP_M: u32 = 20;
/// What moves and has not been heard of for so long is not counted on.
const SILENT: Duration = Duration::from_secs(300);
/// A road that is farther away does not say where the alarm is, metres.
const STREET_M: f64 = 200.0;
/// Levels of areas that say where it is: the largest ones.
const LEVELS: usize = 2;

/// What is near an alarm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Around {
    /// The areas that it lies in, the largest first, and the street.
    pub place: Vec<String>,
    /// Who is nearest.
    pub nearest: Vec<Near>,
    /// What is inside the inner ring, and how many.
    pub inside: Vec<(String, u64)>,
    /// People inside the inner ring, and the title of the areas whose numbers say so.
    pub people: Option<(u64, String)>,
    /// Questions without an answer.
    pub waiting: usize,
}

impl Around {
    /// For who asks what is on the wall: JSON.
    #[must_use]
    pub fn told(&self) -> Value {
        let near = |near: &Near| {
            let (seconds, by_road) = (near.drive.map(|d| d.seconds), near.drive.map(|d| d.by_road));
            serde_json::json!({"title": near.title, "name": near.name, "away_m": near.away_m, "seconds": seconds, "by_road": by_road})
        };
        let nearest: Vec<Value> = self.nearest.iter().map(near).collect();
        let people = self.people.as_ref().map(|(people, _)| people);
        serde_json::json!({"place": self.place, "nearest": nearest, "inside": self.inside, "people": people})
    }
}

/// The nearest of a kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// What it is.
    pub title: String,
    /// Its name.
    pub name: String,
    /// Where it is on the city's plane, metres.
    pub at: DVec2,
    /// How far away, metres in a straight line.
    pub away_m: f64,
    /// How long it drives.
    pub drive: Option<Drive>,
}

/// How long a drive takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drive {
    /// Seconds.
    pub seconds: f64,
    /// True along the roads, false in a straight line.
    pub by_road: bool,
}

/// What is asked, and of whom.
pub struct Asker<'a> {
    /// The city.
    pub city: &'a City,
    /// Answers pages of items.
    pub desk: &'a Desk,
    /// Answers how long it takes along the roads; only straight lines without it.
    pub ways: Option<&'a Ways>,
    /// What the scene wants to know.
    pub spec: &'a SceneAlarm,
    /// The city's plane.
    pub plane: CityPlane,
    /// The alarm's place: longitude, latitude in degrees.
    pub place: (f64, f64),
    /// The time on the wall.
    pub now: Timestamp,
}

impl Asker<'_> {
    /// Everything; what is not answered yet is counted as waiting.
    pub fn ask(&self) -> Around {
        let mut around = Around::default();
        let (nearest, inside) = (&self.spec.nearest, &self.spec.inside);
        for query in nearest.iter().filter(|query| self.collection(&query.collection).is_some()) {
            match self.near(query) {
                Some(found) => around.nearest.extend(found),
                None => around.waiting += 1,
            }
        }
        let soonest = |near: &Near| near.drive.map_or(0.0, |drive| drive.seconds);
        around.nearest.sort_by(|a, b| soonest(a).total_cmp(&soonest(b)).then(a.away_m.total_cmp(&b.away_m)));
        let ring = encode(&self.ring_filter());
        for query in inside.iter().filter(|query| self.collection(&query.collection).is_some()) {
            match self.page(&format!("{}&filter={ring}", items_path(&query.collection, &query.filter, 1))) {
                Some(page) => around.inside.push((query.title.clone(), page.matched)),
                None => around.waiting += 1,
            }
        }
        match self.people(&ring) {
            Some(people) => around.people = people,
            None => around.waiting += 1,
        }
        match self.place() {
            Some(place) => around.place = place,
            None => around.waiting += 1,
        }
        around
    }

    /// Where it is, and nothing else.
    pub fn where_it_is(&self) -> Around {
        let place = self.place();
        Around { waiting: usize::from(place.is_none()), place: place.unwrap_or_default(), ..Around::default() }
    }

    fn collection(&self, id: &str) -> Option<&CollectionDocument> {
        self.city.document.as_ref()?.collections.iter().find(|c| c.id == id)
    }

    /// A page, `None` while it is looked for, as in what follows; a question that was refused is answered with an
    /// empty one.
    fn page(&self, path: &str) -> Option<std::sync::Arc<Page>> {
        let answer = self.desk.ask(path, EVERY.0);
        answer.page.or_else(|| answer.failure.map(|_| std::sync::Arc::default()))
    }

    fn here(&self) -> DVec2 {
        self.plane.forward(self.place.0, self.place.1)
    }

    /// The nearest of a kind: of those that drive the one that is there first, else the one that is nearest in a
    /// straight line.
    fn near(&self, query: &SceneQuery) -> Option<Option<Near>> {
        if query.drives
            && let Some(ways) = self.ways
        {
            let every = if self.collection(&query.collection).is_some_and(|c| c.open.is_some()) { EVERY.1 } else { EVERY.0 };
            let found = ways.ask(&self.way_path(query), every)?;
            let first = found.iter().flat_map(|ways| ways.iter()).find(|way| is_on_duty(&way.properties, self.now));
            if let Some((way, at)) = first.and_then(|way| Some((way, self.at(way.geometry.as_ref()?)?))) {
                let drive = Some(Drive { seconds: way.duration, by_road: true });
                return Some(Some(self.found(query, (&way.properties, &way.id), at, drive)));
            }
        }
        self.straight(query)
    }

    /// The nearest in a straight line; `Some(None)` if there is none.
    fn straight(&self, query: &SceneQuery) -> Option<Option<Near>> {
        let here = self.here();
        for reach in SEARCH_M {
            let all = items_path(&query.collection, &BTreeMap::new(), SEARCH_MAX);
            let page = self.page(&format!("{all}{}{}", self.window(reach), filter_of(query)))?;
            let on_duty = page.features.iter().filter(|f| is_on_duty(&f.properties, self.now));
            let places = on_duty.filter_map(|f| Some((f, self.at(f.geometry.as_ref()?)?)));
            let best = places.min_by(|a, b| a.1.distance(here).total_cmp(&b.1.distance(here)));
            // Beyond the window's half side there may be a nearer one outside it.
            if let Some((feature, at)) = best.filter(|b| b.1.distance(here) <= reach) {
                let seconds = at.distance(here) / (self.spec.speed / 3.6);
                let drive = query.drives.then_some(Drive { seconds, by_road: false });
                return Some(Some(self.found(query, (&feature.properties, &feature.id), at, drive)));
            }
        }
        Some(None)
    }

    fn found(&self, query: &SceneQuery, (properties, id): (&Map<String, Value>, &str), at: DVec2, drive: Option<Drive>) -> Near {
        let text = |name: &str| properties.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let name = text("name").or_else(|| text("title")).unwrap_or(id).to_owned();
        Near { title: query.title.clone(), name, at, away_m: at.distance(self.here()), drive }
    }

    fn at(&self, geometry: &Value) -> Option<DVec2> {
        let (longitude, latitude) = crate::live::place_of(geometry)?;
        Some(self.plane.forward(longitude, latitude))
    }

    fn window(&self, reach_m: f64) -> String {
        let here = self.here();
        let (sw, ne) = (self.plane.inverse(here - DVec2::splat(reach_m)), self.plane.inverse(here + DVec2::splat(reach_m)));
        format!("&bbox={:.6},{:.6},{:.6},{:.6}", sw.0, sw.1, ne.0, ne.1)
    }

    /// The question for the ways to the alarm along the roads.
    fn way_path(&self, query: &SceneQuery) -> String {
        let mut path = format!(
            "/query/within-reach?roads={}&place={:.6},{:.6}&collections={}&by=time&towards=true&include=items&bands={WAY_S_MAX}&access={ACCESS_M}&snap={SNAP_M}&default-speed={}",
            encode(&self.spec.roads),
            self.place.0,
            self.place.1,
            encode(&query.collection),
            self.spec.speed
        );
        path.push_str(&filter_of(query));
        path
    }

    fn ring(&self) -> impl Iterator<Item = DVec2> {
        let (here, radius) = (self.here(), self.spec.ring);
        let angle = |k: u32| f64::from(k % RING_CORNERS) / f64::from(RING_CORNERS) * std::f64::consts::TAU;
        (0..=RING_CORNERS).map(move |k| here + DVec2::from_angle(angle(k)) * radius)
    }

    /// A filter that is true inside the inner ring.
    fn ring_filter(&self) -> String {
        let corner = |at: DVec2| {
            let (longitude, latitude) = self.plane.inverse(at);
            format!("{longitude:.7} {latitude:.7}")
        };
        let corners: Vec<String> = self.ring().map(corner).collect();
        format!("S_INTERSECTS(geometry,POLYGON(({})))", corners.join(","))
    }

    /// People inside the inner ring: of each of the finest areas whose people are known, as many as the share of
    /// it that the ring covers. `Some(None)` if no areas say so.
    fn people(&self, ring_filter: &str) -> Option<Option<(u64, String)>> {
        let levels = self.city.document.iter().flat_map(|d| d.area_levels.iter().rev());
        let counted = levels.filter_map(|level| self.collection(&level.collection));
        let Some(areas) = counted.into_iter().find(|c| c.fields.iter().any(|(name, _)| name == "people")) else { return Some(None) };
        let page = self.page(&format!("{}&filter={ring_filter}", items_path(&areas.id, &Default::default(), SEARCH_MAX)))?;
        if page.matched != page.features.len() as u64 || page.features.is_empty() {
            return Some(None);
        }
        let ring = Polygon::new(self.ring().map(|at| Coord { x: at.x, y: at.y }).collect::<LineString>(), Vec::new());
        let people: f64 = page.features.iter().map(|area| self.people_of(area, &ring)).sum();
        Some(Some((people.round() as u64, super::words::collection_title(areas))))
    }

    fn people_of(&self, area: &Feature, ring: &Polygon) -> f64 {
        let people = area.properties.get("people").and_then(Value::as_f64).filter(|n| n.is_finite() && *n > 0.0).unwrap_or(0.0);
        let on_plane = |c: Coord| {
            let at = self.plane.forward(c.x, c.y);
            Coord { x: at.x, y: at.y }
        };
        let shapes: Vec<Polygon> = area.geometry.iter().flat_map(outlines).map(|outline| outline.map_coords(on_plane)).collect();
        let whole: f64 = shapes.iter().map(Area::unsigned_area).sum();
        let inside: f64 = shapes.iter().map(|shape| shape.intersection(ring).unsigned_area()).sum();
        if whole > 0.0 { people * inside / whole } else { 0.0 }
    }

    /// The largest areas that it lies in, and the nearest street with a name.
    fn place(&self) -> Option<Vec<String>> {
        let (longitude, latitude) = self.place;
        let mut names = Vec::new();
        for level in self.city.document.iter().flat_map(|d| &d.area_levels).take(LEVELS) {
            let point = format!("&bbox={longitude:.6},{latitude:.6},{longitude:.6},{latitude:.6}");
            let page = self.page(&format!("{}{point}", items_path(&level.collection, &Default::default(), 1)))?;
            let name = page.features.first().and_then(|f| f.properties.get(&level.name_field)?.as_str().map(str::to_owned));
            names.extend(name);
        }
        if self.collection(&self.spec.roads).is_some() {
            let page = self.page(&format!("{}{}", items_path(&self.spec.roads, &Default::default(), SEARCH_MAX), self.window(STREET_M)))?;
            let named = page.features.iter().filter_map(|road| {
                let name = road.properties.get("name")?.as_str().filter(|name| !name.trim().is_empty())?;
                Some((name, self.away_m(road.geometry.as_ref()?)))
            });
            let nearest = named.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|road| road.1 <= STREET_M);
            names.extend(nearest.map(|(name, _)| name.to_owned()));
        }
        Some(names)
    }

    /// How far away a line is, metres; infinitely far without one.
    fn away_m(&self, geometry: &Value) -> f64 {
        fn lines(value: &Value, into: &mut Vec<Vec<(f64, f64)>>) {
            let Some(list) = value.as_array() else { return };
            let position = |p: &Value| Some((p.get(0)?.as_f64()?, p.get(1)?.as_f64()?));
            match list.iter().map(position).collect::<Option<Vec<_>>>() {
                Some(line) => into.push(line),
                None => list.iter().for_each(|part| lines(part, into)),
            }
        }
        let mut all = Vec::new();
        geometry.get("coordinates").into_iter().for_each(|c| lines(c, &mut all));
        let here = self.here();
        let of_piece = |pair: &[(f64, f64)]| {
            let [from, to] = [pair[0], pair[1]].map(|p| self.plane.forward(p.0, p.1) - here);
            let along = to - from;
            let t = (-from.dot(along) / along.length_squared().max(1e-9)).clamp(0.0, 1.0);
            (from + along * t).length()
        };
        all.iter().flat_map(|line| line.windows(2)).map(of_piece).fold(f64::INFINITY, f64::min)
    }
}

/// False for what has been taken off duty, and for what moves and has been silent for too long.
fn is_on_duty(properties: &Map<String, Value>, now: Timestamp) -> bool {
    let text = |name: &str| properties.get(name).and_then(Value::as_str);
    let is_gone = matches!(text("status"), Some("cleared" | "closed" | "removed"));
    let heard = text("time").and_then(|time| time.parse::<Timestamp>().ok());
    let is_silent = heard.is_some_and(|at| now.duration_since(at).unsigned_abs() > SILENT);
    !is_gone && !is_silent
}

/// The properties that a query asks for, as CQL2: a live item may have any, which are no parameters then.
fn filter_of(query: &SceneQuery) -> String {
    let equals = |(key, value): (&String, &String)| format!("\"{}\"='{}'", key.replace('"', "\"\""), value.replace('\'', "''"));
    let filter: Vec<String> = query.filter.iter().map(equals).collect();
    if filter.is_empty() { String::new() } else { format!("&filter={}", encode(&filter.join(" AND "))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(items: &[(&str, f64, f64)]) -> Page {
        let feature = |(name, lon, lat): &(&str, f64, f64)| Feature {
            kind: "Feature".into(),
            id: (*name).into(),
            geometry: Some(json!({"type": "Point", "coordinates": [lon, lat]})),
            properties: serde_json::from_value(json!({ "name": name })).unwrap(),
        };
        Page { matched: items.len() as u64, features: items.iter().map(feature).collect(), ..Page::default() }
    }

    fn with_asker(test: impl Fn(&Asker<'_>)) {
        let (city, desk, spec) = (City::default(), Desk::default(), SceneAlarm::default());
        let plane = CityPlane::around(117.2, 39.1);
        let now = "2026-03-01T04:00:00Z".parse().unwrap();
        test(&Asker { city: &city, desk: &desk, ways: None, spec: &spec, plane, place: (117.25, 39.15), now });
    }

    #[test]
    fn a_nearer_one_outside_the_window_is_not_overlooked_and_a_straight_drive_is_said_to_be_one() {
        with_asker(|asker| {
            let query = SceneQuery { title: "医院".into(), collection: "institutions".into(), filter: Default::default(), drives: true };
            assert_eq!(asker.near(&query), None, "it is still looked for");
            let degrees = |east: f64, north: f64| asker.plane.inverse(asker.here() + DVec2::new(east, north));
            // A corner of the first window is farther away than its half side.
            let (corner, side) = (degrees(990.0, 990.0), degrees(1100.0, 0.0));
            let first = asker.desk.questions().into_iter().next().unwrap();
            asker.desk.file(&first, Ok(page(&[("corner", corner.0, corner.1)])));
            assert_eq!(asker.near(&query), None);
            let second = asker.desk.questions().into_iter().find(|q| *q != first).unwrap();
            asker.desk.file(&second, Ok(page(&[("corner", corner.0, corner.1), ("side", side.0, side.1)])));
            let found = asker.near(&query).unwrap().unwrap();
            assert_eq!(found.name, "side");
            let drive = found.drive.unwrap();
            assert!(!drive.by_road && (drive.seconds - 1100.0 / (30.0 / 3.6)).abs() < 0.1, "{drive:?}");
        });
    }

    #[test]
    fn the_ring_of_the_filter_is_a_closed_circle_of_that_radius() {
        with_asker(|asker| {
            let text = asker.ring_filter();
            let corners: Vec<(f64, f64)> = text
                .trim_start_matches("S_INTERSECTS(geometry,POLYGON((")
                .trim_end_matches(")))")
                .split(',')
                .map(|p| p.split_once(' ').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap())
                .collect();
            assert_eq!(corners.first(), corners.last());
            assert!(corners.iter().all(|c| (asker.plane.forward(c.0, c.1).distance(asker.here()) - 500.0).abs() < 0.05));
        });
    }

    #[test]
    fn people_are_the_share_of_an_area_that_the_ring_covers() {
        with_asker(|asker| {
            let ring = Polygon::new(asker.ring().map(|at| Coord { x: at.x, y: at.y }).collect::<LineString>(), Vec::new());
            // A square of two kilometres around the alarm, and one that the ring does not reach.
            let square = |east: f64| {
                let corner = |x: f64, y: f64| {
                    let (lon, lat) = asker.plane.inverse(asker.here() + DVec2::new(east + x, y));
                    json!([lon, lat])
                };
                let ring = [(-1e3, -1e3), (1e3, -1e3), (1e3, 1e3), (-1e3, 1e3), (-1e3, -1e3)].map(|(x, y)| corner(x, y));
                let geometry = Some(json!({"type": "Polygon", "coordinates": [ring]}));
                let properties = serde_json::from_value(json!({"people": 10_000})).unwrap();
                Feature { kind: "Feature".into(), id: "a".into(), geometry, properties }
            };
            let share = std::f64::consts::PI * 500.0 * 500.0 / 4e6;
            assert!((asker.people_of(&square(0.0), &ring) / 10_000.0 - share).abs() < 0.002);
            assert!(asker.people_of(&square(5_000.0), &ring) < 1e-6);
        });
    }

    #[test]
    fn what_is_silent_or_off_duty_is_not_counted_on() {
        let now = "2026-03-01T04:00:00Z".parse().unwrap();
        let is = |value: Value| is_on_duty(&serde_json::from_value(value).unwrap(), now);
        assert!(is(json!({"name": "a hospital"})) && is(json!({"time": "2026-03-01T03:59:00Z"})));
        assert!(!is(json!({"time": "2026-03-01T03:00:00Z"})) && !is(json!({"status": "cleared"})));
    }
}
