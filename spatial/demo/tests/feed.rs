//! A day of the demo's events.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_demo::{DEFAULT_SEED, FEED_SOURCE, Feed, Fleet};
use citywall_model::{FeatureTable, FeatureTableBuilder, FieldType, RowIds, Schema, Value, Wkb};
use geo_types::{Geometry, polygon};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

fn layer(fields: [(&str, FieldType); 3], rows: &[[Value; 3]]) -> FeatureTable {
    let mut table = FeatureTableBuilder::new(Schema::new(fields), RowIds::Field(0));
    for (i, row) in rows.iter().enumerate() {
        let x = 117.20 + 0.002 * i as f64;
        let square = polygon![(x: x, y: 39.1), (x: x + 0.001, y: 39.1), (x: x + 0.001, y: 39.101), (x: x, y: 39.101)];
        let wkb = Wkb::from_geo(&Geometry::Polygon(square)).unwrap();
        table.push(i as u64 + 1, Some(wkb.bytes()), row.iter().map(Value::as_ref));
    }
    table.finish()
}

fn feed() -> Feed {
    let text = |t: &str| Value::Text(t.to_owned());
    let streets = layer(
        [("code", FieldType::Text), ("name", FieldType::Text), ("parent", FieldType::Text)],
        &[[text("120101001"), text("海棠街道"), text("120101")]],
    );
    let grids: Vec<[Value; 3]> =
        (0..9).map(|i| [text(&format!("1201010010010{i}")), Value::Integer(100 * i), text("120101001001")]).collect();
    let grids = layer([("code", FieldType::Text), ("people", FieldType::Integer), ("parent", FieldType::Text)], &grids);
    Feed::new(DEFAULT_SEED, &grids, &streets).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_first_call_fills_the_wall_and_a_day_keeps_its_rhythm() {
    let mut feed = feed();
    let mut now = at("2026-03-02T16:00:00Z"); // midnight in Tianjin
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    let (mut by_hour, mut placeless, mut levels, mut titles) = ([0u32; 24], 0u32, [0u32; 5], BTreeSet::new());
    let mut last = Timestamp::MIN;
    for minute in 0..24 * 60 {
        let events = feed.events(now).unwrap();
        if minute == 0 {
            assert!(events.len() > 100, "a warm start has {} posts", events.len());
        }
        for e in events {
            assert_eq!(e.source.as_deref(), Some(FEED_SOURCE));
            let status = e.properties["status"].as_str().unwrap().to_owned();
            if status == "open" {
                let time = e.time.unwrap();
                assert!(time <= now && time >= last.min(time), "no event is later than now");
                last = time;
                assert!(e.properties["class"].as_str().unwrap().starts_with("GB/T 30428.2-2013:0"));
                assert_eq!(e.properties["generated"], true);
                titles.insert(e.properties["title"].as_str().unwrap().to_owned());
                levels[usize::try_from(e.properties["level"].as_u64().unwrap()).unwrap()] += 1;
                placeless += u32::from(e.geometry.is_none());
                if minute > 0 {
                    by_hour[minute / 60] += 1;
                }
                assert!(open.insert(e.id, status).is_none(), "an id repeats");
            } else {
                assert_eq!(e.properties.len(), 1, "a later post names only what changes");
                assert!(e.time.is_some_and(|time| time <= now) && e.geometry.is_none());
                let before = open.insert(e.id.clone(), status.clone()).unwrap();
                assert_eq!(
                    (before.as_str(), status.as_str()),
                    if status == "dispatched" { ("open", "dispatched") } else { ("dispatched", "cleared") }
                );
                if status == "cleared" {
                    open.remove(&e.id);
                }
            }
        }
        assert_eq!(open.len(), feed.open());
        assert!((150..=700).contains(&open.len()), "{} open at minute {minute}", open.len());
        now += SignedDuration::from_mins(1);
    }
    let all: u32 = levels.iter().sum();
    assert!(by_hour[3] * 2 < by_hour[8], "{by_hour:?}");
    assert!((0.03..0.07).contains(&(f64::from(placeless) / f64::from(all))), "{placeless} of {all}");
    assert!(levels[1] * 200 < all && levels[4] > all / 2, "{levels:?}");
    assert!(titles.iter().all(|t| t.starts_with("海棠街道")) && titles.len() > 30);
}

#[test]
fn a_restart_gives_new_ids() {
    let ids = |now: &str| feed().events(at(now)).unwrap().into_iter().map(|e| e.id).collect::<BTreeSet<_>>();
    assert!(ids("2026-03-02T08:00:00Z").is_disjoint(&ids("2026-03-02T08:00:05Z")));
}

#[test]
fn a_long_pause_is_no_flood() {
    let mut feed = feed();
    feed.events(at("2026-03-02T08:00:00Z")).unwrap();
    let opened = feed.events(at("2026-03-09T08:00:00Z")).unwrap().into_iter().filter(|e| e.properties["status"] == "open").count();
    assert!(opened <= citywall_demo::FEED_BURST_MAX);
}

/// A network of 12 × 12 crossings, 400 m apart, in some rows one-way.
fn roads() -> FeatureTable {
    let fields = [("name", FieldType::Text), ("fclass", FieldType::Text), ("oneway", FieldType::Boolean)];
    let mut table = FeatureTableBuilder::new(Schema::new(fields), RowIds::Generated);
    for i in 0..12 {
        let (lon, lat) = (|n: i32| 117.2 + 0.0046 * f64::from(n), |n: i32| 39.1 + 0.0036 * f64::from(n));
        let across: Vec<(f64, f64)> = (0..12).map(|n| (lon(n), lat(i))).collect();
        let along: Vec<(f64, f64)> = (0..12).map(|n| (lon(i), lat(n))).collect();
        for (at, line) in [across, along].into_iter().enumerate() {
            let wkb = Wkb::from_geo(&Geometry::LineString(line.into())).unwrap();
            let values = [Value::Null, Value::Text("secondary".to_owned()), Value::Boolean(at == 0 && i == 3)];
            table.push(i as u64 * 2 + at as u64 + 1, Some(wkb.bytes()), values.iter().map(Value::as_ref));
        }
    }
    table.finish()
}

#[test]
fn vehicles_keep_to_the_roads_and_to_their_speed() {
    let mut fleet = Fleet::new(DEFAULT_SEED, &roads()).unwrap();
    let start = at("2026-03-02T00:00:00Z");
    let mut last: BTreeMap<String, (f64, f64, Timestamp)> = BTreeMap::new();
    let mut moved = 0;
    for second in 0..300 {
        let now = start + SignedDuration::from_secs(second);
        for draft in fleet.positions(now).unwrap() {
            let wkb = draft.geometry.unwrap().unwrap();
            let (x, y) = citywall_model::geometry::as_point(wkb.bytes()).unwrap();
            // Metres from the nearest line of the network; a vehicle keeps 3 m beside it.
            let off =
                |at: f64, first: f64, step: f64, metres: f64| ((at - first) / step - ((at - first) / step).round()).abs() * step * metres;
            let away = off(x, 117.2, 0.0046, 86_480.0).min(off(y, 39.1, 0.0036, 111_018.0));
            assert!(away < 4.5, "{away} m off the road");
            if let Some((before_x, before_y, then)) = last.insert(draft.id.clone(), (x, y, now)) {
                let metres = ((x - before_x) * 86_480.0).hypot((y - before_y) * 111_018.0);
                let seconds = then.duration_until(now).as_secs_f64();
                assert!(metres <= 25.0 * 1.1 * seconds + 10.0, "{metres} m in {seconds} s");
                moved += usize::from(metres > 10.0);
            }
            assert!((0.0..360.0).contains(&draft.properties["heading"].as_f64().unwrap()));
        }
    }
    assert!(last.len() > 100 && moved > 3_000, "{} vehicles, {moved} moves", last.len());
}
