//! The demo's fences and rules, so that alarms appear by themselves: what a duty officer would
//! want to hear of among the events of [`crate::Feed`]. All of them say that they are generated.

use crate::{
    CLASS_SCHEME, DemoError, FEED_SOURCE,
    atlas::{CENTRE, COAST_CORE},
    plane::{P, direction},
};
use citywall_model::{EventDraft, Properties, Wkb};
use geo_types::{Coord, Geometry, LineString, Polygon};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Id, name, centre (longitude, latitude), radius (m).
type KeyArea = (&'static str, &'static str, (f64, f64), f64);

/// Areas in which the demo looks closer.
const KEY_AREAS: [KeyArea; 3] = [
    ("demo-centre", "中心城区重点区（生成） / Centre, key area (generated)", CENTRE, 3_500.0),
    ("demo-coast", "滨海核心重点区（生成） / Coast, key area (generated)", COAST_CORE, 3_000.0),
    ("demo-west", "西部新城重点区（生成） / West, key area (generated)", (117.010, 39.140), 2_500.0),
];
/// Corners of a key area.
const CORNERS: u32 = 48;

/// The fences of the demo: circles around the places where most people are. `now` is when they
/// are made.
///
/// # Errors
/// A ring is no polygon; this does not happen.
pub fn demo_fences(now: Timestamp) -> Result<Vec<EventDraft>, DemoError> {
    let fence = |&(id, title, (lon, lat), radius): &KeyArea| {
        let centre = P::from_degrees(lon, lat);
        let corner = |n: u32| {
            let (x, y) = (centre + direction(f64::from(n) / f64::from(CORNERS)) * radius).to_degrees();
            Coord { x, y }
        };
        let ring = Polygon::new(LineString((0..CORNERS).map(corner).collect()), Vec::new());
        let wkb = Wkb::from_geo(&Geometry::Polygon(ring))?;
        Ok(draft(id, now, Some(wkb), json!({"title": title, "generated": true})))
    };
    KEY_AREAS.iter().map(fence).collect()
}

/// The rules of the demo, over the collections `events`, `vehicles` and `fences`. `now` is when they are made.
#[must_use]
pub fn demo_rules(now: Timestamp) -> Vec<EventDraft> {
    let key_areas: Vec<&str> = KEY_AREAS.iter().map(|area| area.0).collect();
    let emergency = format!("class LIKE '{CLASS_SCHEME}:05%'");
    let rules = [
        (
            "demo-key-area",
            json!({
                "title": "重点区发生紧急事件 / Urgent event in a key area", "level": 2,
                "collection": "events", "filter": "level <= 2",
                "when": {"kind": "fence", "fences": "fences", "ids": key_areas, "on": ["inside"]},
            }),
        ),
        (
            "demo-key-area-slow",
            json!({
                "title": "重点区紧急事件 45 分钟未办结 / Urgent event in a key area open for 45 minutes", "level": 1,
                "collection": "events", "filter": "level <= 2",
                "when": {"kind": "fence", "fences": "fences", "ids": key_areas, "on": ["dwell"], "after_s": 2_700},
            }),
        ),
        (
            "demo-crowd",
            json!({
                "title": "同一街道半小时内多起事件 / Many events in one street within half an hour", "level": 3,
                "collection": "events", "when": {"kind": "rate", "count": 6, "within_s": 1_800, "per": "street"},
            }),
        ),
        (
            "demo-close",
            json!({
                "title": "两起突发事件相距不足 500 米 / Two emergencies less than 500 m apart", "level": 2,
                "collection": "events", "filter": emergency, "when": {"kind": "near", "to": "events", "within_m": 500},
            }),
        ),
        (
            "demo-muck-truck",
            json!({
                "title": "渣土车日间驶入禁行区 / Muck truck in the centre by day", "level": 3,
                "collection": "vehicles", "filter": "kind = 'muck_truck'", "hours": {"from": "06:00", "to": "22:00"},
                "when": {"kind": "fence", "fences": "districts", "ids": ["120101", "120103"], "on": ["inside"]},
            }),
        ),
        (
            "demo-silent",
            json!({
                "title": "紧急事件一小时无进展 / Urgent event without news for an hour", "level": 3,
                "collection": "events", "filter": "level <= 2", "when": {"kind": "silence", "after_s": 3_600},
            }),
        ),
    ];
    let rule = |(id, mut properties): (&str, Value)| {
        properties["generated"] = true.into();
        properties["note"] = "演示程序生成 / made by the demo".into();
        draft(id, now, None, properties)
    };
    rules.into_iter().map(rule).collect()
}

fn draft(id: &str, now: Timestamp, place: Option<Wkb>, properties: Value) -> EventDraft {
    let properties = match properties {
        Value::Object(properties) => properties,
        _ => Properties::new(),
    };
    EventDraft { id: id.to_owned(), source: Some(FEED_SOURCE.to_owned()), time: Some(now), geometry: place.map(Some), properties }
}
