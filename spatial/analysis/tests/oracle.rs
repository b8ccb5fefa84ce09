//! Random questions against brute force and PostGIS: nearest across the antimeridian and near the
//! poles, joins, aggregates, buffers, areas.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../cql2/tests/common/postgres.rs"]
mod postgres;

use citywall_analysis::{
    AnalysisError, Budget,
    aggregate::{Measure, Places, Question, aggregate},
    distance,
    join::{Relation, Side, counts, pairs, read},
    nearest::nearest,
    overlay::{Operation, area_m2, buffer, overlay},
};
use citywall_model::{Areas, Bbox, CimCategory, CityProfile, CollectionId, LocalText, Value, Wkb};
use citywall_query::{City, CollectionView, ItemsQuery};
use citywall_store::{GeoPackage, LayerDraft, NewFeature};
use geo::{Distance, Geodesic, Geometry, LineString, MultiPolygon, Point, Polygon};
use jiff::tz::TimeZone;
use std::{fmt::Write, sync::Arc};

/// Random questions: many in a soak.
fn rounds() -> usize {
    if std::env::var("CITYWALL_SOAK").is_ok_and(|soak| soak == "full") { 10_000 } else { 300 }
}

/// A layer with a number `n` and a text `kind`.
fn layer(folder: &tempfile::TempDir, shapes: &[Geometry]) -> (City, CollectionView) {
    let city = City::open(Arc::new(GeoPackage::create(&folder.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap())).unwrap();
    let view = add(&city, "layer", shapes);
    (city, view)
}

fn add(city: &City, name: &str, shapes: &[Geometry]) -> CollectionView {
    let id = CollectionId::new(name).unwrap();
    let draft = LayerDraft {
        id: id.clone(),
        title: LocalText::new(name, name),
        category: CimCategory::SpatiotemporalBase,
        source: "test".into(),
        source_crs: "EPSG:4326".into(),
        storage_crs: 4326,
        generated: true,
        id_field: None,
    };
    let mut stage = city.store().stage(draft).unwrap();
    let features = shapes.iter().enumerate().map(|(at, shape)| NewFeature {
        geometry: Some(Wkb::from_geo(shape).unwrap()),
        values: vec![("n".into(), Value::Number(at as f64 * 0.1)), ("kind".into(), Value::Text(format!("k{}", at % 7)))],
        solids: Vec::new(),
    });
    assert!(stage.write(features.collect()).unwrap().is_empty());
    city.publish(stage).unwrap();
    city.view(&id).unwrap()
}

fn points(random: &mut fastrand::Rng, count: usize, west: f64, south: f64, width: f64, height: f64) -> Vec<Geometry> {
    let near = |x: f64| if x > 180.0 { x - 360.0 } else { x };
    let point = |_| Geometry::Point(Point::new(near(west + random.f64() * width), (south + random.f64() * height).min(90.0)));
    (0..count).map(point).collect()
}

/// A star around a place, so that it may be concave.
fn star(random: &mut fastrand::Rng, x: f64, y: f64, size: f64) -> Polygon {
    let corners = 3 + random.usize(0..9);
    let corner = |at: usize| {
        let (angle, radius) = (at as f64 / corners as f64 * std::f64::consts::TAU, size * (0.3 + 0.7 * random.f64()));
        (x + radius * angle.cos(), y + radius * angle.sin())
    };
    Polygon::new(LineString::from((0..corners).map(corner).collect::<Vec<_>>()), Vec::new())
}

#[test]
fn soak_the_nearest_are_those_of_brute_force_anywhere_on_the_globe() {
    let mut random = fastrand::Rng::with_seed(11);
    // A city, one on the antimeridian, one at 85° N, one around the pole, and the whole globe.
    for (west, south, width, height) in [
        (117.0, 39.0, 0.5, 0.4),
        (179.8, -17.0, 0.4, 0.3),
        (20.0, 84.9, 4.0, 0.3),
        (-180.0, 89.0, 360.0, 1.0),
        (-180.0, -90.0, 360.0, 180.0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let shapes = points(&mut random, 800, west, south, width, height);
        let (_city, view) = layer(&folder, &shapes);
        let collections = [(view, ItemsQuery::default())];
        for round in 0..rounds() / 5 {
            let Geometry::Point(place) = points(&mut random, 1, west, south, width, height)[0] else { unreachable!() };
            let count = [1, 5, 40, 801][round % 4];
            let found = nearest(&collections, place, count, None, &mut Budget::default()).unwrap();
            let mut expected: Vec<(f64, u64)> = shapes
                .iter()
                .zip(1..)
                .map(|(shape, fid)| match shape {
                    Geometry::Point(point) => (Geodesic.distance(place, *point), fid),
                    _ => unreachable!(),
                })
                .collect();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            expected.truncate(count);
            assert_eq!(
                found.iter().map(|n| n.fid).collect::<Vec<_>>(),
                expected.iter().map(|n| n.1).collect::<Vec<_>>(),
                "{place:?} {count}"
            );
            for (found, (exact, _)) in found.iter().zip(expected) {
                assert!((found.distance_m - exact).abs() <= exact * 1e-8 + 3e-8, "{place:?} {found:?} {exact}");
            }
        }
    }
}

#[test]
fn from_far_away_the_nearest_are_those_of_brute_force_and_a_question_can_be_stopped() {
    let mut random = fastrand::Rng::with_seed(12);
    let folder = tempfile::tempdir().unwrap();
    let shapes: Vec<Geometry> = (0..150)
        .map(|_| {
            let (x, y) = (117.0 + random.f64() * 0.5, 39.0 + random.f64() * 0.5);
            star(&mut random, x, y, 0.01).into()
        })
        .collect();
    let (_city, view) = layer(&folder, &shapes);
    let collections = [(view, ItemsQuery::default())];
    for place in [Point::new(1.0, 2.0), Point::new(-63.0, -39.0), Point::new(118.5, 39.2)] {
        let mut expected: Vec<f64> = shapes.iter().map(|shape| distance::to_geometry_m(place, shape).unwrap()).collect();
        expected.sort_by(f64::total_cmp);
        let found = nearest(&collections, place, 10, None, &mut Budget::default()).unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found.distance_m - expected).abs() < 1e-4, "{place:?} {found:?} {expected}");
        }
    }
    let many: Vec<Geometry> = (0..2_000).map(|_| star(&mut random, 117.0, 39.0, 0.01).into()).collect();
    let folder = tempfile::tempdir().unwrap();
    let (_city, view) = layer(&folder, &many);
    let mut cancelled = Budget::default().until(Arc::new(true.into()));
    let stopped = nearest(&[(view, ItemsQuery::default())], Point::new(1.0, 2.0), 10, None, &mut cancelled);
    assert!(matches!(stopped, Err(AnalysisError::Cancelled)), "{stopped:?}");
}

#[test]
fn on_one_spot_the_first_items_come_however_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut shapes = vec![Geometry::Point(Point::new(117.0, 39.0)); 50_000];
    shapes.push(Geometry::Point(Point::new(117.001, 39.0)));
    let (_city, view) = layer(&folder, &shapes);
    let collections = [(view, ItemsQuery::default())];
    // At the spot, and where other points are nearer and farther than it.
    for (place, first) in [(Point::new(117.0, 39.0), 1), (Point::new(117.002, 39.0), 50_001)] {
        let found = nearest(&collections, place, 5, None, &mut Budget::default()).unwrap();
        let expected: Vec<u64> = if first == 1 { (1..=5).collect() } else { std::iter::once(first).chain(1..=4).collect() };
        assert_eq!(found.iter().map(|n| n.fid).collect::<Vec<_>>(), expected);
    }
    let within = nearest(&collections, Point::new(117.002, 39.0), 5, Some(100.0), &mut Budget::default()).unwrap();
    assert_eq!(within.iter().map(|n| n.fid).collect::<Vec<_>>(), [50_001]);
}

/// PostGIS finds the nearest place of an edge on a sphere and measures the way there on the ellipsoid,
/// which may be a little longer than the shortest, and is never shorter.
fn agrees(found: f64, expected: f64) -> bool {
    found < expected + 1e-3 && expected - found < 1e-5 * expected + 1e-3
}

#[test]
fn soak_distances_joins_buffers_and_areas_agree_with_postgis() {
    let postgres = postgres::Postgres::start();
    postgres.run("CREATE EXTENSION postgis; CREATE TABLE a (n int, g geometry); CREATE TABLE b (n int, g geometry);");
    let mut random = fastrand::Rng::with_seed(5);
    let folder = tempfile::tempdir().unwrap();
    let count = rounds().min(1_000);
    let places = points(&mut random, count, 117.0, 39.0, 0.1, 0.1);
    let mut stars: Vec<Geometry> = (0..count)
        .map(|_| {
            let x = 117.0 + random.f64() * 0.1;
            star(&mut random, x, 39.05, 0.02).into()
        })
        .collect();
    // A square whose corner and edge points lie among the places, for borders.
    stars.push(
        Polygon::new(LineString::from(vec![(117.0, 39.0), (117.1, 39.0), (117.1, 39.1), (117.0, 39.1), (117.0, 39.0)]), Vec::new()).into(),
    );
    let mut left = places.clone();
    left.extend([Point::new(117.0, 39.0), Point::new(117.05, 39.0)].map(Geometry::Point));
    let (city, a) = layer(&folder, &left);
    let b = add(&city, "stars", &stars);
    for (table, shapes) in [("a", &left), ("b", &stars)] {
        let mut sql = String::new();
        for (n, shape) in shapes.iter().enumerate() {
            let hex: String = citywall_model::geometry::encode(shape).iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(sql, "INSERT INTO {table} VALUES ({n}, ST_SetSRID('{hex}'::geometry, 4326));").unwrap();
        }
        postgres.run(&format!("BEGIN; {sql} COMMIT; ALTER TABLE {table} ADD s geography; UPDATE {table} SET s = ST_Segmentize(g, 0.0005)::geography; CREATE INDEX ON {table} USING gist (g); ANALYZE {table};"));
    }
    let query = ItemsQuery::default();
    let side = |view| read(&Side { view, query: &query, properties: &[] }, &mut Budget::default()).unwrap();
    let (left_side, right_side) = (side(&a), side(&b));
    for (relation, condition) in [
        (Relation::Intersects, "ST_Intersects(a.g, b.g)"),
        (Relation::Within, "ST_Within(a.g, b.g)"),
        (Relation::Near(150.0), "ST_DWithin(a.g::geography, b.s, 150)"),
    ] {
        let numbers = |text: String| {
            text.lines().map(|line| line.split('|').map(|n| n.parse::<u32>().unwrap()).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let expected = numbers(postgres.run(&format!("SELECT a.n, b.n FROM a, b WHERE {condition} ORDER BY 1, 2")));
        assert!(expected.len() > count / 10, "{condition}: the question must find something");
        let found = pairs(&left_side, &right_side, relation, &Budget::default()).unwrap();
        let found: Vec<Vec<u32>> = found.into_iter().map(|(l, r)| vec![l, r]).collect();
        assert_eq!(found, expected, "{condition}");
        let left = Side { view: &a, query: &query, properties: &[] };
        let by_right = counts(&left, &right_side, relation, &Budget::default()).unwrap();
        let sums = (0u32..).zip(&stars).map(|(n, _)| expected.iter().filter(|pair| pair[1] == n).count() as u64);
        assert_eq!(by_right, sums.collect::<Vec<_>>(), "{condition}");
    }
    // PostGIS has geodesic edges and we straight ones, so that it is given edges of 50 m at most.
    let Geometry::Point(place) = places[0] else { unreachable!() };
    let expected = postgres.run(&format!(
        "SELECT ST_Distance(ST_SetSRID(ST_MakePoint({}, {}), 4326)::geography, ST_Segmentize(g, 0.0005)::geography) FROM b ORDER BY n",
        place.x(),
        place.y()
    ));
    for (shape, line) in stars.iter().zip(expected.lines()) {
        let (found, expected) = (distance::to_geometry_m(place, shape).unwrap(), line.parse::<f64>().unwrap());
        assert!(agrees(found, expected), "{found} {expected}");
    }
    let found = nearest(&[(b, query.clone())], place, 10, None, &mut Budget::default()).unwrap();
    let mut sorted: Vec<f64> = expected.lines().map(|line| line.parse().unwrap()).collect();
    sorted.sort_by(f64::total_cmp);
    for (found, expected) in found.iter().zip(sorted) {
        assert!(agrees(found.distance_m, expected), "{found:?} {expected}");
    }
    // Areas, buffers and overlays.
    let areas = postgres.run("SELECT ST_Area(g::geography), ST_Area(ST_Buffer(g::geography, 100, 'quad_segs=32')) FROM b ORDER BY n");
    for (shape, line) in stars.iter().zip(areas.lines()).take(100) {
        let expected: Vec<f64> = line.split('|').map(|n| n.parse().unwrap()).collect();
        assert!((area_m2(shape) / expected[0] - 1.0).abs() < 1e-6, "{} {expected:?}", area_m2(shape));
        let grown = area_m2(&buffer(shape, 100.0).unwrap().into());
        assert!((grown / expected[1] - 1.0).abs() < 5e-3, "{grown} {expected:?}");
    }
    for (operation, function) in
        [(Operation::Union, "ST_Union"), (Operation::Intersection, "ST_Intersection"), (Operation::Difference, "ST_Difference")]
    {
        let sql = format!("SELECT ST_Area({function}(x.g, y.g)) FROM b x, b y WHERE y.n = x.n + 1 AND x.n < 50 ORDER BY x.n");
        for (pair, line) in stars.windows(2).zip(postgres.run(&sql).lines()) {
            let made = overlay(&pair[..1], &pair[1..], operation).unwrap();
            let (found, expected) = (geo::Area::unsigned_area(&made), line.parse::<f64>().unwrap());
            assert!((found - expected).abs() < 1e-10, "{function} {found} {expected}");
        }
    }
}

#[test]
fn counts_in_areas_are_those_of_the_pairs() {
    let mut random = fastrand::Rng::with_seed(8);
    let folder = tempfile::tempdir().unwrap();
    let mut stars = |count: usize, size: f64| -> Vec<Geometry> {
        let mut one = || {
            let (x, y) = (117.0 + random.f64() * 0.1, 39.0 + random.f64() * 0.1);
            star(&mut random, x, y, size)
        };
        (0..count).map(|at| if at % 5 == 0 { MultiPolygon(vec![one(), one()]).into() } else { one().into() }).collect()
    };
    let (mut items, mut areas) = (stars(400, 0.004), stars(40, 0.02));
    items.extend(points(&mut fastrand::Rng::with_seed(9), 400, 117.0, 39.0, 0.1, 0.1));
    items.push(LineString::from(vec![(117.0, 39.0), (117.1, 39.1)]).into());
    // Around many of the others, and within one.
    areas.extend(stars(3, 0.0005));
    let (city, view) = layer(&folder, &items);
    let areas = add(&city, "areas", &areas);
    let all = ItemsQuery::default();
    let right = read(&Side { view: &areas, query: &all, properties: &[] }, &mut Budget::default()).unwrap();
    let some = Bbox::new(117.02, 39.01, 117.05, 39.08);
    let other = Bbox::new(117.07, 39.03, 117.08, 39.2);
    for windows in [vec![], vec![some], vec![Bbox::WORLD], vec![some, other]] {
        let query = ItemsQuery { windows, ..ItemsQuery::default() };
        let side = Side { view: &view, query: &query, properties: &[] };
        let left = read(&side, &mut Budget::default()).unwrap();
        let pairs = pairs(&left, &right, Relation::Intersects, &Budget::default()).unwrap();
        let expected: Vec<u64> = (0..right.len()).map(|at| pairs.iter().filter(|pair| pair.1 as usize == at).count() as u64).collect();
        assert!(expected.iter().sum::<u64>() > 500);
        assert_eq!(counts(&side, &right, Relation::Intersects, &Budget::default()).unwrap(), expected);
    }
}

#[test]
fn groups_add_up_and_agree_with_a_plain_count() {
    let mut random = fastrand::Rng::with_seed(3);
    let folder = tempfile::tempdir().unwrap();
    let shapes = points(&mut random, 5_000, 117.0, 39.0, 0.5, 0.5);
    let (_city, view) = layer(&folder, &shapes);
    let none = |_: f64, _: f64| Areas::default();
    let measures = ["n"; 5].map(str::to_owned);
    let [a, b, c, d, e] = measures;
    let measures = vec![
        Measure::Count,
        Measure::Sum(a),
        Measure::Min(b),
        Measure::Max(c),
        Measure::Percentile(50.0, d),
        Measure::Mean(e),
        Measure::Distinct("kind".into()),
    ];
    for by in ["h3:7", "geohash:5", "beidou:4", "square:2000"] {
        let cells = by.parse().unwrap();
        let question = Question { places: Places::Cells(cells), span: None, zone: TimeZone::UTC, measures: measures.clone() };
        let groups = aggregate(&view, &ItemsQuery::default(), &question, none, &Budget::default()).unwrap();
        assert!(groups.len() > 10, "{by}");
        assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), 5_000, "{by}");
        for group in &groups {
            let members = shapes.iter().enumerate().filter_map(|(at, shape)| match shape {
                Geometry::Point(p) => (cells.code(p.x(), p.y()) == group.code).then_some((at, *p)),
                _ => None,
            });
            let members: Vec<(usize, Point)> = members.collect();
            let outline = group.outline.as_ref().unwrap();
            // The edges of a hexagon are great circles, not straight here: a point may lie just beyond one.
            let outside = members.iter().filter(|(_, point)| distance::to_geometry_m(*point, &outline.clone().into()).unwrap() > 0.5);
            assert_eq!(outside.count(), 0, "{by} {:?}", group.code);
            let mut numbers: Vec<f64> = members.iter().map(|(at, _)| *at as f64 * 0.1).collect();
            numbers.sort_by(f64::total_cmp);
            let sum: f64 = numbers.iter().sum();
            let middle = (numbers[(numbers.len() - 1) / 2] + numbers[numbers.len() / 2]) / 2.0;
            let expected = [numbers.len() as f64, sum, numbers[0], *numbers.last().unwrap(), middle, sum / numbers.len() as f64];
            for (found, expected) in group.values.iter().zip(expected) {
                assert!((found.unwrap() - expected).abs() < 1e-9 * expected.abs().max(1.0), "{by} {:?}", group.values);
            }
            let kinds: std::collections::BTreeSet<usize> = members.iter().map(|(at, _)| at % 7).collect();
            assert_eq!(group.values[6], Some(kinds.len() as f64));
        }
    }
}

#[test]
fn beidou_codes_are_those_of_an_independent_encoder() {
    // Longitude, latitude and the code of level 10; those above it are its beginnings.
    for (lon, lat, code) in [
        (116.312_602_78, 39.993_161_11, "N50J47539B8255346152"),
        (117.1838, 39.1402, "N50J660B806062576002"),
        (117.21, 39.1357, "N50J660C892002000500"),
        (117.9707, 37.3819, "N50J725D23D323025700"),
        (108.9451, 34.8967, "N49I155B3AC110334615"),
    ] {
        for (level, length) in [4, 6, 7, 9, 11, 12, 14, 16, 18, 20].into_iter().enumerate() {
            let cells: citywall_analysis::cells::Cells = format!("beidou:{}", level + 1).parse().unwrap();
            assert_eq!(cells.code(lon, lat).unwrap(), code[..length], "level {}", level + 1);
        }
    }
}

#[test]
fn a_sum_is_the_same_in_any_order() {
    use citywall_analysis::aggregate::ExactSum;
    let mut random = fastrand::Rng::with_seed(1);
    let mut numbers: Vec<f64> = (0..1_000).map(|_| (random.f64() - 0.5) * 10f64.powi(random.i32(-20..20))).collect();
    let total = |numbers: &[f64]| {
        let mut sum = ExactSum::default();
        numbers.iter().for_each(|number| sum.add(*number));
        sum.total()
    };
    let first = total(&numbers);
    for _ in 0..20 {
        random.shuffle(&mut numbers);
        assert_eq!(total(&numbers).to_bits(), first.to_bits());
    }
    assert_eq!(total(&[1e16, 1.0, -1e16]), 1.0);
    assert_eq!(total(&[0.1; 10]), 1.0);
}
