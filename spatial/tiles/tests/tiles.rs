//! Tiles of made-up layers against brute force, and what must not break a tile.

#![allow(clippy::unwrap_used, reason = "a fixture that breaks fails the test")]

mod common;

use citywall_model::{
    Areas, Bbox, FeatureRef, FeatureTableBuilder, FieldType, LiveItem, LiveParts, Revision, RowIds, Schema, ValueRef, Wkb, geometry,
    limits::TILE_BYTES_MAX,
};
use citywall_tiles::{TileBuilder, TileId};
use common::{
    Layer,
    decoded::{decode, polygons, project, raw_geometries, raw_rings, square},
};
use geo::{Area, BooleanOps, BoundingRect, Euclidean, Length};
use geo_types::{Coord, Geometry, LineString, MultiPolygon, Point, Polygon, Rect, polygon};
use mvt_reader::{Reader, feature::Value};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    f64::consts::PI,
};

#[test]
fn a_crowded_tile_stays_within_its_bytes_keeps_the_highest_and_says_that_it_is_thinned() {
    let schema = Schema::new([("height", FieldType::Number), ("name", FieldType::Text)]);
    let mut builder = FeatureTableBuilder::new(schema, RowIds::Generated);
    let tile = TileId::at(14, 117.2, 39.13).unwrap();
    let (bbox, side) = (tile.bbox(), 316);
    for i in 0..100_000u32 {
        let x = bbox.x_min + (bbox.x_max - bbox.x_min) * f64::from(i % side) / f64::from(side);
        let y = bbox.y_min + (bbox.y_max - bbox.y_min) * f64::from(i / side) / f64::from(side);
        let size = 2e-5;
        let shape = polygon![(x: x, y: y), (x: x + size, y: y), (x: x + size, y: y + size), (x: x, y: y + size)];
        let height = f64::from(i.wrapping_mul(0x9E37_79B9) >> 22);
        let name = format!("示例大厦 {i}");
        builder.push(u64::from(i) + 1, Some(&geometry::encode(&shape.into())), [ValueRef::Number(height), ValueRef::Text(&name)]);
    }
    let layer = Layer::new(builder.finish());
    let built = layer.tile(tile);
    assert!(
        built.thinned && built.bytes.len() <= TILE_BYTES_MAX && built.bytes.len() > TILE_BYTES_MAX * 9 / 10,
        "{} bytes",
        built.bytes.len()
    );
    assert_eq!(built.features + built.dropped, 100_000);
    let names: BTreeSet<String> = decode(&built).iter().map(|f| format!("{:?}", f.properties.as_ref().unwrap()["name"])).collect();
    assert_eq!(names.len(), built.features);
    let lowest = decode(&built)
        .iter()
        .map(|f| if let Value::Double(h) = f.properties.as_ref().unwrap()["height"] { h } else { 0.0 })
        .fold(1e9, f64::min);
    let higher = (0..layer.table.len() as u32).filter(|row| layer.table.value(*row, 0).as_f64().unwrap() > lowest + 1.0).count();
    assert!(higher <= built.features, "the lowest one kept has {lowest} m, but {higher} are higher than that");
}

fn event(fid: u64, id: &str, longitude: f64, latitude: f64, properties: serde_json::Value) -> LiveItem {
    LiveParts {
        fid,
        id: id.into(),
        source: "12345".into(),
        time: "2026-03-01T08:15:00Z".parse::<jiff::Timestamp>().unwrap(),
        since: "2026-03-01T08:15:00Z".parse::<jiff::Timestamp>().unwrap(),
        areas: Areas::default(),
        revision: Revision(7),
        geometry: Some(Wkb::point(longitude, latitude).unwrap()),
        properties: properties.as_object().unwrap().clone(),
    }
    .into()
}

#[test]
fn live_items_carry_their_own_id_and_typed_attributes() {
    let item = event(
        42,
        "WH-2026-0001",
        117.2,
        39.13,
        serde_json::json!({"level": 2, "status": "open", "tags": ["a", 1], "open": true, "note": null}),
    );
    let mut builder = TileBuilder::new(TileId::at(16, 117.2, 39.13).unwrap());
    builder.layer("events").add(FeatureRef::Live(&item));
    let features = Reader::new(builder.finish().bytes).unwrap().get_features(0).unwrap();
    let properties = features[0].properties.clone().unwrap();
    assert_eq!(features[0].id, Some(42));
    assert_eq!(properties["_id"], Value::String("WH-2026-0001".into()));
    assert_eq!(properties["time"], Value::String("2026-03-01T08:15:00Z".into()));
    assert_eq!((&properties["level"], &properties["open"]), (&Value::SInt(2), &Value::Bool(true)));
    assert_eq!(properties["tags"], Value::String("[\"a\",1]".into()));
    assert!(!properties.contains_key("note"));
}

#[test]
fn an_id_of_a_field_is_carried_and_a_generated_one_is_not() {
    for (ids, expected) in [(RowIds::Field(0), Some(Value::String("120101".into()))), (RowIds::Generated, None)] {
        let mut builder = FeatureTableBuilder::new(Schema::new([("code", FieldType::Text)]), ids);
        builder.push(9, Some(Wkb::point(117.2, 39.13).unwrap().bytes()), [ValueRef::Text("120101")]);
        let layer = Layer::new(builder.finish());
        let features = decode(&layer.tile(TileId::at(16, 117.2, 39.13).unwrap()));
        assert_eq!(features[0].properties.as_ref().unwrap().get("_id"), expected.as_ref());
        assert_eq!(features[0].id, Some(9));
    }
}

#[test]
fn a_crowd_of_events_keeps_the_highest_alarms() {
    let tile = TileId::at(14, 117.0, 39.13).unwrap();
    let west = tile.bbox().x_min;
    let items: Vec<LiveItem> = (0..60_000u64)
        .map(|i| {
            let level = if i % 100 == 0 { 1 } else { 4 };
            let properties = serde_json::json!({"level": level, "status": "open", "class": format!("GB/T 30428.2-2013:{i}")});
            event(i + 1, &format!("e{i}"), west + i as f64 * 3e-7, 39.13, properties)
        })
        .collect();
    let mut builder = TileBuilder::new(tile);
    let mut layer = builder.layer("layer");
    items.iter().for_each(|item| layer.add(FeatureRef::Live(item)));
    let built = builder.finish();
    let red = decode(&built).iter().filter(|f| f.properties.as_ref().unwrap()["level"] == Value::SInt(1)).count();
    assert!(built.thinned && built.bytes.len() <= TILE_BYTES_MAX && red == 600, "{red} red");
}

/// A point of a cell: x, y and alarm level.
type Member = (f64, f64, u64);

#[test]
fn points_that_would_lie_on_each_other_are_one_with_their_count() {
    // Twenty crowds and some single points, by a small generator; half of the items carry a level.
    let mut seed = 7u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / f64::from(1 << 24)
    };
    let crowds: Vec<(f64, f64)> = (0..20).map(|_| (117.0 + next() * 0.6, 39.0 + next() * 0.5)).collect();
    let items: Vec<LiveItem> = (0..5_000u64)
        .map(|i| {
            let (x, y) = if i < 4_000 { crowds[i as usize % 20] } else { (116.8 + next(), 38.8 + next()) };
            let level = (next() * 8.0) as u64;
            let properties = if (1..=4).contains(&level) { serde_json::json!({"level": level}) } else { serde_json::json!({}) };
            event(i + 1, &format!("e{i}"), x + next() * 0.01, y + next() * 0.01, properties)
        })
        .collect();
    for z in [5, 9, 11, 13] {
        let (mut drawn, mut clusters) = (0, 0);
        let (first, last) = (TileId::at(z, 116.7, 39.9).unwrap(), TileId::at(z, 117.9, 38.7).unwrap());
        for tile in (first.y()..=last.y()).flat_map(|y| (first.x()..=last.x()).map(move |x| TileId::new(z, x, y).unwrap())) {
            let mut builder = TileBuilder::new(tile);
            let mut layer = builder.layer("layer");
            items.iter().for_each(|item| layer.add(FeatureRef::Live(item)));
            let mut cells: BTreeMap<(i64, i64), Vec<Member>> = BTreeMap::new();
            for item in &items {
                let Geometry::Point(place) = project(tile, &citywall_model::geometry::to_geo(item.geometry().unwrap()).unwrap()) else {
                    panic!()
                };
                let (x, y) = (place.x().round(), place.y().round());
                if (0.0..4096.0).contains(&x) && (0.0..4096.0).contains(&y) {
                    cells.entry(((x / 128.0) as i64, (y / 128.0) as i64)).or_default().push((x, y, u64::from(item.level())));
                }
            }
            let features = decode(&builder.finish());
            assert_eq!(features.len(), cells.len(), "zoom {z}");
            for feature in features {
                let Geometry::MultiPoint(points) = &feature.geometry else { panic!("{:?}", feature.geometry) };
                let place = points.0[0];
                let members = &cells[&((place.x() / 128.0) as i64, (place.y() / 128.0) as i64)];
                let n = members.len() as f64;
                let mean = members.iter().fold((0.0, 0.0), |sum, m| (sum.0 + m.0 / n, sum.1 + m.1 / n));
                // The oracle's rounding may put a point a unit beside.
                assert!((place.x() - mean.0).abs() <= 1.5 && (place.y() - mean.1).abs() <= 1.5, "{place:?} {mean:?}");
                let properties = feature.properties.unwrap();
                let level = members.iter().map(|m| m.2).filter(|level| *level > 0).min();
                assert_eq!(properties.get("level"), level.map(|level| Value::SInt(level as i64)).as_ref());
                drawn += members.len();
                if members.len() > 1 {
                    assert_eq!(properties["point_count"], Value::SInt(members.len() as i64));
                    clusters += 1;
                } else {
                    assert!(properties.contains_key("_id") && !properties.contains_key("point_count"));
                }
            }
        }
        assert_eq!(drawn, items.len(), "zoom {z}: every point is counted once");
        assert!(clusters > 0);
    }
}

#[test]
fn a_layer_that_is_asked_for_twice_is_written_once() {
    let layer = Layer::of_geometries([&Geometry::Point(Point::new(117.2, 39.13))]);
    let mut builder = TileBuilder::new(TileId::at(14, 117.2, 39.13).unwrap());
    for name in ["layer", "layer"] {
        builder.layer(name).add(FeatureRef::Row(&layer.table, 0));
    }
    assert_eq!(decode(&builder.finish()).len(), 1);
}

#[test]
fn a_collection_of_geometries_is_drawn_kind_by_kind() {
    let parts = vec![
        Geometry::Point(Point::new(117.2, 39.13)),
        Geometry::LineString(LineString::from(vec![(117.2, 39.13), (117.201, 39.131)])),
        Geometry::GeometryCollection(vec![Geometry::Polygon(Rect::new((117.2, 39.13), (117.201, 39.131)).to_polygon())].into()),
    ];
    let layer = Layer::of_geometries([&Geometry::GeometryCollection(parts.into())]);
    let features = decode(&layer.tile(TileId::at(14, 117.2, 39.13).unwrap()));
    assert_eq!(features.len(), 3);
    assert!(features.iter().all(|f| f.id == Some(1)));
}

#[test]
fn the_poles_and_the_antimeridian_have_tiles() {
    let world = Geometry::Polygon(Rect::new((-180.0, -90.0), (180.0, 90.0)).to_polygon());
    let points = [(180.0, 90.0), (-180.0, -90.0), (-180.0, 0.0), (0.0, 90.0)].map(|(x, y)| Geometry::Point(Point::new(x, y)));
    let line = Geometry::LineString(LineString::from(vec![(-180.0, -90.0), (180.0, 90.0)]));
    let layer = Layer::of_geometries(points.iter().chain([&world, &line]));
    for z in [0, 1, 5, 14, 22] {
        let last = (1u32 << z) - 1;
        for (x, y) in [(0, 0), (last, 0), (0, last), (last, last), (last / 2, last / 2)] {
            let built = layer.tile(TileId::new(z, x, y).unwrap());
            let whole = decode(&built).into_iter().find(|f| f.id == Some(5)).unwrap();
            assert!(polygons(&whole.geometry).unsigned_area() >= 4096.0 * 4096.0, "{z}/{x}/{y}");
        }
    }
}

fn coordinate(center: (f64, f64), reach: f64) -> impl Strategy<Value = Coord<f64>> {
    (-reach..reach, -reach..reach).prop_map(move |(x, y)| Coord { x: center.0 + x, y: center.1 + y })
}

fn any_geometry() -> impl Strategy<Value = Geometry<f64>> {
    // From far smaller than a unit to far larger than a tile at zoom 14 (0.022°).
    (0usize..4, prop_oneof![Just(1e-7), Just(1e-4), Just(1e-2), Just(1.0), Just(40.0)]).prop_flat_map(|(kind, reach)| {
        let coordinates = proptest::collection::vec(coordinate((117.2, 39.13), reach), 0..30);
        (coordinates, 0usize..4).prop_map(move |(mut coordinates, repeat)| {
            if let Some(first) = coordinates.first().copied() {
                coordinates.extend(std::iter::repeat_n(first, repeat));
            }
            let line = LineString::new(coordinates);
            match kind {
                0 => Geometry::MultiPoint(line.0.into_iter().map(Point).collect()),
                1 => Geometry::LineString(line),
                2 => Geometry::Polygon(Polygon::new(line.clone(), vec![line])),
                _ => Geometry::MultiPolygon(MultiPolygon::new(vec![Polygon::new(line.clone(), vec![]), Polygon::new(line, vec![])])),
            }
        })
    })
}

/// A polygon without self-intersections: points around a centre in order of angle.
fn star() -> impl Strategy<Value = Polygon<f64>> {
    (coordinate((117.2, 39.13), 0.03), proptest::collection::vec(0.001..0.02f64, 3..24)).prop_map(|(center, radii)| {
        let step = 2.0 * PI / radii.len() as f64;
        let at = |(i, r): (usize, &f64)| (center.x + r * (i as f64 * step).cos(), center.y + r * (i as f64 * step).sin());
        Polygon::new(radii.iter().enumerate().map(at).collect::<Vec<_>>().into(), vec![])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_geometry_breaks_a_tile(geometries in proptest::collection::vec(any_geometry(), 1..6), z in 0u32..=22, dx in 0u32..3, dy in 0u32..3) {
        let layer = Layer::of_geometries(&geometries);
        let center = TileId::at(z, 117.2, 39.13).unwrap();
        let last = (1u32 << z) - 1;
        let tile = TileId::new(z, (center.x() + dx).saturating_sub(1).min(last), (center.y() + dy).saturating_sub(1).min(last)).unwrap();
        let features = decode(&layer.tile(tile));
        for feature in &features {
            let bounds = feature.geometry.bounding_rect().unwrap();
            prop_assert!(bounds.min().x >= -64.0 && bounds.min().y >= -64.0 && bounds.max().x <= 4160.0 && bounds.max().y <= 4160.0);
        }
        // Points are exact: all that lie in the tile, and no others. Below the zoom level of all
        // detail a single point belongs to one tile, where others may join it.
        for (id, geometry) in (1..).zip(&geometries) {
            let Geometry::MultiPoint(points) = project(tile, geometry) else { continue };
            let margin = |limit: f64| points.iter().filter(|p| p.x() >= -limit && p.y() >= -limit && p.x() <= 4096.0 + limit && p.y() <= 4096.0 + limit).count();
            let drawn = features.iter().filter(|f| f.id == Some(id)).map(|f| if let Geometry::MultiPoint(p) = &f.geometry { p.len() } else { 1 }).sum::<usize>();
            let is_single = z < 14 && margin(63.0) <= 1;
            prop_assert!(is_single || margin(63.0) <= drawn, "{drawn} of {}", margin(63.0));
            prop_assert!(drawn <= margin(65.0));
        }
    }

    #[test]
    fn a_polygon_covers_what_it_should(star in star(), z in 12u32..=16) {
        let tile = TileId::at(z, 117.2, 39.13).unwrap();
        let layer = Layer::of_geometries([&Geometry::Polygon(star.clone())]);
        let exact = polygons(&project(tile, &star.into()));
        let expected = exact.intersection(&MultiPolygon::new(vec![square(-64.0, 4160.0)]));
        let features = decode(&layer.tile(tile));
        let drawn: f64 = features.iter().map(|f| polygons(&f.geometry).unsigned_area()).sum();
        let outline: f64 = expected.iter().map(|p| Euclidean.length(p.exterior())).sum();
        prop_assert!((drawn - expected.unsigned_area()).abs() <= 2.0 * outline + 8.0, "{drawn} instead of {}", expected.unsigned_area());
    }

    #[test]
    fn a_common_border_stays_common(cut in proptest::collection::vec(-1.0..1.0f64, 2..20), z in 8u32..=14) {
        // Two halves of a square, divided by a jagged line; each vertex stands in both.
        let (west, south, size) = (117.19, 39.12, 0.02);
        let step = size / (cut.len() - 1) as f64;
        let jagged: Vec<(f64, f64)> = cut.iter().enumerate().map(|(i, d)| (west + size / 2.0 + d * size / 4.0, south + i as f64 * step)).collect();
        let mut left = vec![(west, south + size), (west, south)];
        left.extend(&jagged);
        let mut right = vec![(west + size, south), (west + size, south + size)];
        right.extend(jagged.iter().rev());
        let halves = [left, right].map(|ring| Geometry::Polygon(Polygon::new(ring.into(), vec![])));
        let layer = Layer::of_geometries(&halves);
        let tile = TileId::at(z, west + size / 2.0, south + size / 2.0).unwrap();
        let whole = project(tile, &Geometry::Polygon(Rect::new((west, south), (west + size, south + size)).to_polygon()));
        let bounds = whole.bounding_rect().unwrap();
        prop_assume!(bounds.min().x > -60.0 && bounds.min().y > -60.0 && bounds.max().x < 4156.0 && bounds.max().y < 4156.0);
        // The sum of both areas is the area of the whole, to the last square unit: what lies along the
        // common border cancels out.
        let area2 = |ring: &[(i64, i64)]| (0..ring.len()).map(|i| (ring[i], ring[(i + 1) % ring.len()])).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<i64>();
        let drawn: i64 = raw_geometries(&layer.tile(tile).bytes).iter().flat_map(|(_, commands)| raw_rings(commands)).map(|ring| area2(&ring)).sum();
        let (width, height) = (bounds.max().x.round() - bounds.min().x.round(), bounds.max().y.round() - bounds.min().y.round());
        prop_assert_eq!(drawn as f64, 2.0 * width * height);
    }
}

#[test]
fn a_window_holds_what_the_buffer_draws() {
    let tile = TileId::at(15, -73.9855, 40.7580).unwrap();
    let (bbox, window) = (tile.bbox(), tile.window());
    let margin = (window.x_max - window.x_min) / (bbox.x_max - bbox.x_min);
    assert!((margin - (1.0 + 2.0 * 64.0 / 4096.0)).abs() < 1e-9);
    assert_eq!(TileId::new(0, 0, 0).unwrap().window().x_min, Bbox::WORLD.x_min);
}
