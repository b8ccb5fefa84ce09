//! What stands under the pointer: a marker, a building, an area. Its card has what the server
//! knows of it.

use super::{markers::is_marked, stage::alarm_collections};
use crate::{
    camera::{Eye, Rig},
    city::{Chosen, City, CityFeed, Ground, Stage, ThingBook, Tiles},
    geo::CityPlane,
    net::{Desk, encode},
    scene::Scenes,
    ui::PanelDesk,
};
use bevy::{
    math::{DVec2, DVec3},
    prelude::*,
};
use citywall_wire::Feature;
use geo::{Contains, Intersects};
use geo_types::{Line, LineString, Point, Polygon};
use std::time::{Duration, Instant};

/// A pointer nearer than this to a marker means it, pixels at 1080 lines.
const REACH_PX: f32 = 18.0;
/// Higher than this nothing is looked for, metres.
const TALLEST_M: f64 = 700.0;
/// Farther than this from the eye buildings are too small to be meant, metres.
const FARTHEST_M: f64 = 12_000.0;
/// Buildings that are looked through for one pick.
const BUILDINGS_MAX: usize = 1000;
/// A storey, where a building's height is not known, metres.
const STOREY_M: f64 = 3.3;
/// How often a card's live values are renewed.
const EVERY: Duration = Duration::from_secs(5);

/// What a card tells of.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Its collection.
    pub collection: String,
    /// Its id.
    pub id: String,
    /// The item as the server has it; `None` until it has answered.
    pub feature: Option<Feature>,
    /// Why there is none, if the server does not give it.
    pub failure: Option<String>,
}

/// What is picked.
#[derive(Resource, Default)]
pub struct Pick {
    /// Its card, while one is open.
    pub card: Option<Card>,
    /// Buildings along the ray of the last click, to be looked through: the question and the ray.
    pending: Option<(String, String, Ray)>,
}

/// From high above to the ground, metres on the city's plane.
#[derive(Clone, Copy, Debug)]
struct Ray {
    high: DVec3,
    low: DVec3,
    plane: CityPlane,
}

impl Ray {
    fn under(eye: &Eye, pointer: Vec2, ground: &Ground, plane: CityPlane) -> Option<Self> {
        let low = ground.under(eye, pointer)?;
        let rise = (TALLEST_M / (eye.position.z - low.z).max(1.0)).min(0.98);
        let high = low.lerp(eye.position, rise);
        Some(Self { high, low, plane }).filter(|_| low.truncate().distance(eye.position.truncate()) < FARTHEST_M)
    }

    /// West, south, east, north in degrees.
    fn window(&self) -> [f64; 4] {
        let (a, b) = (self.plane.inverse(self.high.truncate()), self.plane.inverse(self.low.truncate()));
        [a.0.min(b.0), a.1.min(b.1), a.0.max(b.0), a.1.max(b.1)]
    }

    /// How far along the ray, 0 (high) to 1 (ground), it meets a building; `None` if it does not. `foot_m` is
    /// the ground that it stands on.
    fn meets(&self, outline: &Polygon, foot_m: f64, height_m: f64) -> Option<f64> {
        let fall = (self.high.z - self.low.z).max(1e-3);
        let share = |height: f64| ((self.high.z - height) / fall).clamp(0.0, 1.0);
        let (roof, foot) = (share(foot_m + height_m), share(foot_m));
        let at = |t: f64| self.high.lerp(self.low, t).truncate();
        let place = |p: DVec2| -> geo_types::Coord { self.plane.inverse(p).into() };
        if outline.contains(&Point::from(place(at(roof)))) {
            return Some(roof);
        }
        if !Line::new(place(at(roof)), place(at(foot))).intersects(outline) {
            return None;
        }
        // Where it goes in: halved until a metre is left, which the eye cannot tell.
        let (mut out, mut inside) = (roof, foot);
        for _ in 0..12 {
            let middle = f64::midpoint(out, inside);
            if Line::new(place(at(roof)), place(at(middle))).intersects(outline) { inside = middle } else { out = middle }
        }
        Some(inside)
    }
}

fn height_of(feature: &Feature) -> f64 {
    let number = |name: &str| feature.properties.get(name).and_then(serde_json::Value::as_f64).filter(|n| *n > 0.0);
    number("height").or_else(|| number("floors").map(|n| n * STOREY_M)).unwrap_or(STOREY_M * 2.0)
}

/// The outlines of a GeoJSON polygon or multipolygon, without their holes.
pub fn outlines(geometry: &serde_json::Value) -> Vec<Polygon> {
    let ring = |ring: &serde_json::Value| -> Option<Polygon> {
        let places: Option<Vec<(f64, f64)>> = ring.as_array()?.iter().map(|p| Some((p.get(0)?.as_f64()?, p.get(1)?.as_f64()?))).collect();
        Some(Polygon::new(LineString::from(places?), Vec::new()))
    };
    let Some(coordinates) = geometry.get("coordinates").and_then(|c| c.as_array()) else { return Vec::new() };
    match geometry.get("type").and_then(|t| t.as_str()) {
        Some("Polygon") => coordinates.first().and_then(ring).into_iter().collect(),
        Some("MultiPolygon") => coordinates.iter().filter_map(|p| ring(p.get(0)?)).collect(),
        _ => Vec::new(),
    }
}

impl Pick {
    /// Opens the card of an item.
    pub fn open(&mut self, collection: &str, id: &str) {
        self.pending = None;
        self.card = Some(Card { collection: collection.to_owned(), id: id.to_owned(), feature: None, failure: None });
    }

    /// Closes the card.
    pub fn close(&mut self) {
        (self.card, self.pending) = (None, None);
    }
}

/// The marker under the pointer.
fn marker_at(
    eye: &Eye,
    pointer: Vec2,
    (plane, ground): (CityPlane, &Ground),
    (feed, city): (&CityFeed, &City),
    scenes: &Scenes,
    things: &ThingBook,
) -> Option<(String, String)> {
    let reach = REACH_PX * eye.size.y as f32 / 1080.0;
    let away = |place: DVec2, lift_px: f32| {
        let (at, _) = eye.project(ground.place(place))?;
        // An incident's head stands on a column.
        let nearest = pointer.clamp(at - Vec2::Y * lift_px, at);
        Some(nearest.distance(pointer)).filter(|d| *d < reach)
    };
    let mut best: Option<(f32, (String, String))> = None;
    let mut offer = |d: f32, key: &dyn Fn() -> (String, String)| {
        if best.as_ref().is_none_or(|b| d < b.0) {
            best = Some((d, key()));
        }
    };
    let wanted = &scenes.current().incidents;
    let live = feed.live.state();
    let now = Instant::now();
    for collection in live.followed().keys().filter(|c| scenes.current().moving.includes(c)) {
        for known in live.tracks().of(collection) {
            if let Some(d) = away(known.track.at_m(now), 0.0) {
                offer(d, &|| (collection.clone(), known.id.to_string()));
            }
        }
    }
    let alarms = alarm_collections(city);
    for i in live.incidents().filter(|i| is_marked(i, wanted, &alarms)) {
        let Some((lon, lat)) = i.place else { continue };
        let lift = [0.0, 126.0, 84.0, 44.0, 0.0][usize::from(i.level.min(4))] * eye.size.y as f32 / 1080.0;
        if let Some(d) = away(plane.forward(lon, lat), lift) {
            offer(d, &|| (i.collection.clone(), i.id.clone()));
        }
    }
    for shown in &things.shown {
        for (thing, place) in shown.list.iter().zip(shown.places.iter()) {
            if let Some(d) = away(DVec2::new(f64::from(place[0]), f64::from(place[1])), 0.0) {
                offer(d, &|| (shown.spec.collection.clone(), thing.id.clone()));
            }
        }
    }
    best.map(|b| b.1)
}

/// A click that was no drag: a marker is meant first, then a building, then the area.
pub fn click(
    pointer: Vec2,
    pick: &mut Pick,
    chosen: &mut Chosen,
    rig: &Rig,
    size: UVec2,
    (feed, city, scenes, things): (&CityFeed, &City, &Scenes, &ThingBook),
    (tiles, ground): (&Tiles, &Ground),
) {
    let Some(plane) = city.plane else { return };
    let eye = rig.eye(size);
    if let Some((collection, id)) = marker_at(&eye, pointer, (plane, ground), (feed, city), scenes, things) {
        pick.open(&collection, &id);
        chosen.0 = Some((collection, id));
        return;
    }
    chosen.0 = None;
    pick.close();
    if let (Some(buildings), Some(ray)) = (tiles.buildings(), Ray::under(&eye, pointer, ground, plane)) {
        let [w, s, e, n] = ray.window();
        let path = format!("/collections/{}/items?bbox={w},{s},{e},{n}&limit={BUILDINGS_MAX}", encode(&buildings));
        pick.pending = Some((path, buildings, ray));
    } else if let Some(place) = ground.under(&eye, pointer) {
        pick_area(pick, city, plane, place.truncate());
    }
}

fn pick_area(pick: &mut Pick, city: &City, plane: CityPlane, ground: DVec2) {
    let at = Point::from(plane.inverse(ground));
    let level = city.document.as_ref().and_then(|d| d.area_levels.first());
    if let (Some(level), Some(label)) = (level, city.labels.iter().find(|l| l.shape.contains(&at))) {
        pick.open(&level.collection, &label.id);
    }
}

/// Takes in what the server says: which building the ray meets, and what is in the card.
pub(super) fn answer(
    mut pick: ResMut<Pick>,
    (city, ground): (Res<City>, Res<Ground>),
    desk: Res<PanelDesk>,
    stage: Res<Stage>,
    mut seen: Local<usize>,
) {
    // An alarm that takes the stage needs the room.
    let alarms = stage.on().is_some() as usize + stage.waiting().len();
    if std::mem::replace(&mut *seen, alarms) < alarms {
        pick.close();
    }
    let desk: &Desk = &desk.0;
    if let Some((path, collection, ray)) = pick.pending.clone() {
        let answer = desk.ask(&path, Duration::from_secs(3600));
        if let Some(page) = answer.page {
            let met = page.features.iter().filter_map(|f| {
                let height = height_of(f);
                let foot = |outline: &Polygon| {
                    ground.drawn_m(outline.exterior().0.first().map_or(ray.low.truncate(), |c| ray.plane.forward(c.x, c.y)))
                };
                let outlines = outlines(f.geometry.as_ref()?);
                let at = outlines.iter().filter_map(|o| ray.meets(o, foot(o), height)).min_by(f64::total_cmp)?;
                Some((at, f.id.clone()))
            });
            match met.min_by(|a, b| a.0.total_cmp(&b.0)) {
                Some((_, id)) => pick.open(&collection, &id),
                None => {
                    pick.pending = None;
                    pick_area(&mut pick, &city, ray.plane, ray.low.truncate());
                }
            }
        } else if answer.failure.is_some() {
            pick.pending = None;
        }
    }
    if let Some(card) = &pick.card {
        let answer = desk.ask(&format!("/collections/{}/items/{}", encode(&card.collection), encode(&card.id)), EVERY);
        let feature = answer.page.and_then(|p| p.features.first().cloned());
        let next = Card { feature, failure: answer.failure, ..card.clone() };
        if pick.card.as_ref() != Some(&next) {
            pick.card = Some(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(plane: CityPlane, east: f64, north: f64, half: f64) -> Polygon {
        let corner = |x: f64, y: f64| -> geo_types::Coord { plane.inverse(DVec2::new(east + x * half, north + y * half)).into() };
        Polygon::new(vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)].into(), Vec::new())
    }

    #[test]
    fn of_two_buildings_in_a_row_the_one_before_is_met_unless_the_ray_passes_over_it() {
        let plane = CityPlane::around(117.2, 39.1);
        // From 700 m up, 700 m to the south, to the ground at the origin: 45 degrees.
        let ray = Ray { high: DVec3::new(0.0, -700.0, 900.0), low: DVec3::new(0.0, 0.0, 200.0), plane };
        let (before, behind) = (square(plane, 0.0, -60.0, 10.0), square(plane, 0.0, 0.0, 10.0));
        let meets = |outline: &Polygon, height: f64| ray.meets(outline, 200.0, height);
        // 60 m before the place where it lands, the ray is 60 m high.
        assert!(meets(&before, 90.0).unwrap() < meets(&behind, 90.0).unwrap());
        assert!(meets(&before, 30.0).is_none() && meets(&behind, 30.0).is_some());
        // On ground that is higher it reaches up to the ray.
        assert!(ray.meets(&before, 230.0, 30.0).is_some());
        assert!(meets(&square(plane, 200.0, 0.0, 10.0), 90.0).is_none());
    }
}
