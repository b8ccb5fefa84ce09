//! Tiles as an independent decoder sees them, against brute force.

mod common;

use citywall_model::{
    Bbox, FeatureRef, FeatureTableBuilder, FieldType, LiveItem, Revision, RowIds, Schema, ValueRef, Wkb, geometry, limits::TILE_BYTES_MAX,
};
use citywall_tiles::{Tile, TileBuilder, TileId, rules};
use common::Layer;
use geo::{Area, BooleanOps, BoundingRect, CoordsIter, Distance, Euclidean, Intersects, Length, MapCoords, Validation};
use geo_types::{Coord, Geometry, LineString, MultiPolygon, Point, Polygon, Rect, polygon};
use mvt_reader::{
    Reader,
    feature::{Feature, Value},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, f64::consts::PI, sync::OnceLock};

/// The layer named `layer` of a tile.
fn decode(tile: &Tile) -> Vec<Feature<f64>> {
    let reader = Reader::new(tile.bytes.clone()).unwrap();
    match reader.get_layer_metadata().unwrap().as_slice() {
        [] => Vec::new(),
        [layer] => {
            assert_eq!((layer.version, layer.extent, layer.feature_count), (2, 4096, tile.features));
            reader.get_features_as(0).unwrap()
        }
        more => panic!("{} layers", more.len()),
    }
}

/// Web Mercator by its definition (EPSG:3857), in a tile's units.
fn project(tile: TileId, geometry: &Geometry<f64>) -> Geometry<f64> {
    let scale = f64::from(1u32 << tile.z()) * 4096.0;
    geometry.map_coords(|Coord { x, y }| Coord {
        x: (x / 360.0 + 0.5) * scale - f64::from(tile.x()) * 4096.0,
        y: (0.5 - (PI / 4.0 + y.clamp(-89.5, 89.5).to_radians() / 2.0).tan().ln() / (2.0 * PI)) * scale - f64::from(tile.y()) * 4096.0,
    })
}

fn square(min: f64, max: f64) -> Polygon<f64> {
    Rect::new((min, min), (max, max)).to_polygon()
}

fn polygons(geometry: &Geometry<f64>) -> MultiPolygon<f64> {
    match geometry {
        Geometry::Polygon(polygon) => MultiPolygon::new(vec![polygon.clone()]),
        Geometry::MultiPolygon(polygons) => polygons.clone(),
        _ => MultiPolygon::new(Vec::new()),
    }
}

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
    let names: std::collections::BTreeSet<String> = decode(&tile).into_iter().flat_map(|f| f.properties.unwrap().into_keys()).collect();
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

/// The type and the commands of every feature, by a reading of protocol buffers as short as can be.
fn raw_geometries(tile: &[u8]) -> Vec<(u64, Vec<u64>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7F) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let value = varint(&mut bytes);
            let content = if key & 7 == 2 { bytes.split_off(..value as usize).unwrap() } else { &[] };
            fields.push((key >> 3, value, content));
        }
        fields
    }
    let mut geometries = Vec::new();
    for (_, _, layer) in fields(tile) {
        for (_, _, feature) in fields(layer).into_iter().filter(|f| f.0 == 2) {
            let fields = fields(feature);
            let kind = fields.iter().find(|f| f.0 == 3).unwrap().1;
            let mut packed = fields.iter().find(|f| f.0 == 4).unwrap().2;
            let mut commands = Vec::new();
            while !packed.is_empty() {
                commands.push(varint(&mut packed));
            }
            geometries.push((kind, commands));
        }
    }
    geometries
}

fn raw_rings(commands: &[u64]) -> Vec<Vec<(i64, i64)>> {
    let unzigzag = |v: u64| (v >> 1).cast_signed() ^ -(v & 1).cast_signed();
    let (mut rings, mut at, mut i) = (Vec::<Vec<(i64, i64)>>::new(), (0, 0), 0);
    while i < commands.len() {
        let (command, count) = (commands[i] & 7, commands[i] >> 3);
        i += 1;
        match command {
            1 | 2 => {
                for _ in 0..count {
                    at = (at.0 + unzigzag(commands[i]), at.1 + unzigzag(commands[i + 1]));
                    i += 2;
                    if command == 1 {
                        rings.push(Vec::new());
                    }
                    rings.last_mut().unwrap().push(at);
                }
            }
            7 => {}
            other => panic!("command {other}"),
        }
    }
    rings
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
    let names: std::collections::BTreeSet<String> =
        decode(&built).iter().map(|f| format!("{:?}", f.properties.as_ref().unwrap()["name"])).collect();
    assert_eq!(names.len(), built.features);
    let lowest = decode(&built)
        .iter()
        .map(|f| if let Value::Double(h) = f.properties.as_ref().unwrap()["height"] { h } else { 0.0 })
        .fold(1e9, f64::min);
    let higher = (0..layer.table.len() as u32).filter(|row| layer.table.value(*row, 0).as_f64().unwrap() > lowest + 1.0).count();
    assert!(higher <= built.features, "the lowest one kept has {lowest} m, but {higher} are higher than that");
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

fn event(fid: u64, id: &str, longitude: f64, latitude: f64, properties: serde_json::Value) -> LiveItem {
    LiveItem {
        fid,
        id: id.into(),
        source: "12345".into(),
        time: "2026-03-01T08:15:00Z".parse::<jiff::Timestamp>().unwrap(),
        revision: Revision(7),
        geometry: Some(Wkb::point(longitude, latitude).unwrap()),
        properties: properties.as_object().unwrap().clone(),
    }
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
    let items: Vec<LiveItem> = (0..60_000u64)
        .map(|i| {
            let level = if i % 100 == 0 { 1 } else { 4 };
            let properties = serde_json::json!({"level": level, "status": "open", "class": format!("GB/T 30428.2-2013:{i}")});
            event(i + 1, &format!("e{i}"), 117.0 + i as f64 * 1e-6, 39.13, properties)
        })
        .collect();
    let mut builder = TileBuilder::new(TileId::at(8, 117.0, 39.13).unwrap());
    let mut layer = builder.layer("layer");
    items.iter().for_each(|item| layer.add(FeatureRef::Live(item)));
    let built = builder.finish();
    let red = decode(&built).iter().filter(|f| f.properties.as_ref().unwrap()["level"] == Value::SInt(1)).count();
    assert!(built.thinned && built.bytes.len() <= TILE_BYTES_MAX && red == 600, "{red} red");
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
        // Points are exact: all that lie in the tile, and no others.
        for (id, geometry) in (1..).zip(&geometries) {
            let Geometry::MultiPoint(points) = project(tile, geometry) else { continue };
            let margin = |limit: f64| points.iter().filter(|p| p.x() >= -limit && p.y() >= -limit && p.x() <= 4096.0 + limit && p.y() <= 4096.0 + limit).count();
            let drawn = features.iter().filter(|f| f.id == Some(id)).map(|f| if let Geometry::MultiPoint(p) = &f.geometry { p.len() } else { 1 }).sum::<usize>();
            prop_assert!(margin(63.0) <= drawn && drawn <= margin(65.0));
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
