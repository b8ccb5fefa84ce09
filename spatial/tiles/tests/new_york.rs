//! Tiles of New York's buildings and roads against brute force.

#![allow(clippy::unwrap_used, reason = "a fixture that breaks fails the test")]

mod common;

use citywall_model::{FeatureRef, ValueRef, geometry, limits::TILE_BYTES_MAX};
use citywall_tiles::{TileBuilder, TileId, rules};
use common::{
    Layer,
    decoded::{decode, polygons, project, raw_geometries, raw_rings, square},
};
use geo::{Area, BooleanOps, BoundingRect, CoordsIter, Distance, Euclidean, Intersects, Length, MapCoords, Validation};
use geo_types::{Coord, Geometry, MultiPolygon, Point, Polygon, Rect};
use mvt_reader::{
    Reader,
    feature::{Feature, Value},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

fn new_york() -> &'static Layer {
    static LAYER: OnceLock<Layer> = OnceLock::new();
    LAYER.get_or_init(|| common::load("new-york/buildings.geojsonl.gz"))
}

/// Tiles of New York with different numbers of buildings.
fn samples(z: u32) -> Vec<TileId> {
    [(-74.0099, 40.7092), (-73.9855, 40.7580), (-73.9442, 40.6782), (-74.0440, 40.6892)]
        .map(|(longitude, latitude)| TileId::at(z, longitude, latitude).unwrap())
        .to_vec()
}

#[test]
fn a_deep_tile_has_every_building_that_meets_it_with_all_its_attributes() {
    let layer = new_york();
    let (mut seen, mut invalid) = (0, 0);
    for tile in [14, 15, 16, 18].into_iter().flat_map(samples) {
        let built = layer.tile(tile);
        if built.thinned {
            continue;
        }
        let features: BTreeMap<u64, Feature<f64>> = decode(&built).into_iter().map(|f| (f.id.unwrap(), f)).collect();
        assert_eq!(features.len(), built.features);
        for row in 0..layer.table.len() as u32 {
            let wkb = layer.table.geometry(row).unwrap();
            if !tile.window().intersects(&geometry::bounds(wkb)) {
                assert!(!features.contains_key(&layer.table.fid(row)));
                continue;
            }
            let exact = project(tile, &geometry::to_geo(wkb).unwrap());
            let Some(feature) = features.get(&layer.table.fid(row)) else {
                assert!(!exact.intersects(&square(-62.0, 4158.0)) || exact.unsigned_area() < 8.0, "row {row} is missing in {tile:?}");
                continue;
            };
            seen += 1;
            // A vertex moves by half a unit at most in either direction, so the outline by less than one.
            let drawn = polygons(&feature.geometry);
            let expected = polygons(&exact).intersection(&MultiPolygon::new(vec![square(-64.0, 4160.0)]));
            let outline = |shape: &MultiPolygon<f64>| -> f64 {
                shape.iter().map(|p| Euclidean.length(p.exterior()) + p.interiors().iter().map(|r| Euclidean.length(r)).sum::<f64>()).sum()
            };
            let slack = outline(&expected) + outline(&drawn) + 8.0;
            assert!((drawn.unsigned_area() - expected.unsigned_area()).abs() <= slack, "row {row} in {tile:?}");
            invalid += usize::from(!drawn.is_valid());
            properties_are_those_of(layer, row, feature);
        }
    }
    assert!(seen > 5000, "{seen}");
    // Snapping can let the sides of a narrow passage touch.
    assert!(invalid * 200 < seen, "{invalid} of {seen} are invalid");
}

fn properties_are_those_of(layer: &Layer, row: u32, feature: &Feature<f64>) {
    let properties = feature.properties.as_ref().unwrap();
    let mut count = 0;
    FeatureRef::Row(&layer.table, row).each_property(|name, value| {
        let expected = match value {
            ValueRef::Null => return,
            ValueRef::Boolean(b) => Value::Bool(b),
            ValueRef::Integer(i) => Value::SInt(i),
            ValueRef::Number(n) => Value::Double(n),
            ValueRef::Text(t) | ValueRef::Json(t) => Value::String(t.to_owned()),
        };
        count += 1;
        assert_eq!(properties[name], expected, "{name} of row {row}");
    });
    assert_eq!(properties.len(), count);
}

#[test]
fn an_overview_tile_has_what_is_large_and_what_is_high_and_says_what_it_left_out() {
    let layer = new_york();
    for tile in [11, 12, 13].into_iter().flat_map(samples) {
        let built = layer.tile(tile);
        assert!(built.bytes.len() <= TILE_BYTES_MAX, "{tile:?} {}", built.bytes.len());
        let ids: Vec<u64> = decode(&built).iter().map(|f| f.id.unwrap()).collect();
        let (mut shown, mut hidden, mut meeting) = (f64::INFINITY, 0f64, 0);
        for row in 0..layer.table.len() as u32 {
            let wkb = layer.table.geometry(row).unwrap();
            if !tile.bbox().intersects(&geometry::bounds(wkb)) {
                continue;
            }
            let exact = project(tile, &geometry::to_geo(wkb).unwrap());
            if !exact.intersects(&square(0.0, 4096.0)) {
                continue;
            }
            let height = FeatureRef::Row(&layer.table, row).number("height").unwrap_or(0.0);
            let weight = polygons(&exact).iter().map(|p| Polygon::new(p.exterior().clone(), vec![]).unsigned_area()).sum::<f64>()
                * (height / 10.0).max(1.0);
            meeting += 1;
            // What is narrower than a unit has no area on the tile's grid.
            let narrow = polygons(&exact).iter().all(|p| p.unsigned_area() < Euclidean.length(p.exterior()) / 2.0);
            match ids.contains(&layer.table.fid(row)) {
                true => shown = shown.min(weight),
                false if narrow => assert!(built.small > 0),
                false => hidden = hidden.max(weight),
            }
        }
        assert!(built.thinned || hidden < 4.001, "{tile:?} hides {hidden}");
        assert!(hidden <= shown * 1.001, "{tile:?} shows {shown} and hides {hidden}");
        assert!(built.features + built.small + built.dropped >= meeting);
        assert_eq!(built.thinned, built.dropped > 0);
    }
}

#[test]
fn below_the_detail_zoom_only_what_a_map_needs_is_written() {
    let tile = new_york().tile(samples(13)[2]);
    let names: BTreeSet<String> = decode(&tile).into_iter().flat_map(|f| f.properties.unwrap().into_keys()).collect();
    assert!(names.contains("height") && names.contains("kind"));
    assert!(names.iter().all(|name| rules::OVERVIEW_FIELDS.contains(&name.as_str())), "{names:?}");
}

#[test]
fn every_ring_is_wound_as_the_standard_says() {
    // The decoder orders rings itself; what was written is seen in the commands.
    let tile = new_york().tile(samples(15)[1]);
    let (mut exteriors, mut holes) = (0, 0);
    for (kind, commands) in raw_geometries(&tile.bytes) {
        assert_eq!(kind, 3);
        for (i, ring) in raw_rings(&commands).into_iter().enumerate() {
            let area: i64 = (0..ring.len()).map(|i| (ring[i], ring[(i + 1) % ring.len()])).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum();
            assert!(area != 0 && ring.len() >= 3);
            if area > 0 {
                exteriors += 1
            } else {
                holes += 1
            }
            assert!(i > 0 || area > 0, "the first ring is an exterior one");
        }
    }
    assert!(exteriors > 500 && holes > 10, "{exteriors} exterior rings, {holes} holes");
}

#[test]
fn roads_appear_by_class_and_keep_their_course() {
    let layer = common::load("new-york/roads.geojsonl.gz");
    let class = layer.table.schema().position("fclass").unwrap();
    let mut lines = 0;
    for z in [9, 12, 14, 16] {
        for tile in samples(z) {
            let built = layer.tile(tile);
            for feature in decode(&built) {
                let row = layer.table.row_of_fid(feature.id.unwrap()).unwrap();
                let ValueRef::Text(class) = layer.table.value(row, class) else { panic!("no class") };
                assert!(
                    z != 9 || class.starts_with("motorway") || class.starts_with("trunk") || class.starts_with("primary"),
                    "{class} at 9"
                );
                let exact = project(tile, &geometry::to_geo(layer.table.geometry(row).unwrap()).unwrap());
                let Geometry::LineString(exact) = exact else { panic!("no line") };
                for coord in feature.geometry.coords_iter() {
                    assert!(Euclidean.distance(&Point(coord), &exact) <= 2.0 + 1.5, "fid {:?} in {tile:?}", feature.id);
                }
                lines += 1;
            }
            if z >= 14 && !built.thinned {
                let ids: Vec<u64> = decode(&built).iter().map(|f| f.id.unwrap()).collect();
                for row in 0..layer.table.len() as u32 {
                    let exact = project(tile, &geometry::to_geo(layer.table.geometry(row).unwrap()).unwrap());
                    let extent = exact.bounding_rect().unwrap();
                    let speck = extent.width() < 1.5 && extent.height() < 1.5;
                    assert!(speck || ids.contains(&layer.table.fid(row)) || !exact.intersects(&square(-62.0, 4158.0)));
                }
            }
        }
    }
    assert!(lines > 5000, "{lines}");
}

#[test]
fn neighbouring_tiles_agree_along_their_common_edge() {
    let layer = new_york();
    let mut compared = 0;
    for tile in samples(15) {
        let east = TileId::new(15, tile.x() + 1, tile.y()).unwrap();
        let by_id =
            |tile| -> BTreeMap<u64, Geometry<f64>> { decode(&layer.tile(tile)).into_iter().map(|f| (f.id.unwrap(), f.geometry)).collect() };
        let (west, east) = (by_id(tile), by_id(east));
        // What both draw: the strip around the edge.
        let strip = MultiPolygon::new(vec![Rect::new((4096.0 - 60.0, -60.0), (4096.0 + 60.0, 4156.0)).to_polygon()]);
        for (id, left) in &west {
            let Some(right) = east.get(id) else {
                assert!(!polygons(left).intersects(&strip), "{id} is in one tile only");
                continue;
            };
            let right = right.map_coords(|c| Coord { x: c.x + 4096.0, y: c.y });
            let (a, b) = (polygons(left).intersection(&strip), polygons(&right).intersection(&strip));
            if a.unsigned_area() == 0.0 && b.unsigned_area() == 0.0 {
                continue;
            }
            compared += 1;
            // Vertices are the same; a clipped edge may lie half a unit off.
            assert!(a.xor(&b).unsigned_area() <= 150.0, "{id}: {}", a.xor(&b).unsigned_area());
        }
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn several_layers_share_a_tile_and_a_small_one_is_not_thinned_for_a_large_one() {
    let tile = TileId::at(10, -73.98, 40.75).unwrap();
    let buildings = new_york();
    let one = Layer::of_geometries([&Geometry::Point(Point::new(-73.98, 40.75))]);
    let mut builder = TileBuilder::new(tile);
    for name in ["a", "b"] {
        let mut layer = builder.layer(name);
        (0..buildings.table.len() as u32).for_each(|row| layer.add(FeatureRef::Row(&buildings.table, row)));
    }
    builder.layer("point").add(FeatureRef::Row(&one.table, 0));
    builder.layer("nothing");
    let built = builder.finish();
    assert!(built.bytes.len() <= TILE_BYTES_MAX && built.thinned);
    let reader = Reader::new(built.bytes.clone()).unwrap();
    assert_eq!(reader.get_layer_names().unwrap(), ["a", "b", "point"], "a layer without features is not written");
    assert_eq!(reader.get_features(2).unwrap().len(), 1);
    assert!(built.layers[0].features.abs_diff(built.layers[1].features) * 100 < built.layers[0].features, "equal layers get equal shares");
    assert_eq!((built.layers[2].features, built.layers[3].features), (1, 0));
}
