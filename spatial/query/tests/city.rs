//! The city's queries and writes on a real city file, against brute force.
#![allow(clippy::unwrap_used)]

use citywall_model::{
    Bbox, CimCategory, CityProfile, CollectionId, CollectionKind, EventDraft, FieldType, LocalText, Properties, Revision, Value, Wkb,
};
use citywall_query::{City, Cursor, Effect, Equals, ItemsQuery, QueryError, Refused};
use citywall_store::{GeoPackage, LayerDraft, NewFeature};
use geo::{Intersects, Rect, coord, polygon};
use proptest::prelude::*;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

fn id(name: &str) -> CollectionId {
    CollectionId::new(name).unwrap()
}

fn open(dir: &tempfile::TempDir) -> City {
    let path = dir.path().join("city.gpkg");
    let store = if path.exists() { GeoPackage::open(&path) } else { GeoPackage::create(&path, &CityProfile::named("Test")) };
    let city = City::open(Arc::new(store.unwrap())).unwrap();
    city.create_live(&id("events"), CollectionKind::Incidents, &LocalText::new("事件", "Events"), CimCategory::IotSensing, false).unwrap();
    city
}

fn draft(name: &str) -> LayerDraft {
    LayerDraft {
        id: id(name),
        title: LocalText::new(name, name),
        category: CimCategory::SpatiotemporalBase,
        source: "test".into(),
        source_crs: "EPSG:4326".into(),
        storage_crs: 4326,
        generated: true,
        id_field: None,
    }
}

fn event(name: &str, properties: serde_json::Value) -> EventDraft {
    let serde_json::Value::Object(properties) = properties else { panic!("an object") };
    EventDraft {
        id: name.into(),
        source: Some("test".into()),
        time: Some("2026-03-01T08:15:00Z".parse().unwrap()),
        geometry: Some(Some(Wkb::point(117.2, 39.1).unwrap())),
        properties,
    }
}

/// A thin slanted triangle, whose envelope meets many windows that it does not.
fn triangle(x: f64, y: f64, size: f64) -> geo::Polygon {
    polygon![(x: x, y: y), (x: x + size, y: y + size), (x: x + size * 0.9, y: y + size), (x: x, y: y)]
}

#[test]
fn a_window_finds_exactly_the_shapes_that_meet_it_and_pages_visit_each_once() {
    let dir = tempfile::tempdir().unwrap();
    let city = open(&dir);
    let mut random = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut next = |scale: f64| f64::from(random.next_u32()) / f64::from(u32::MAX) * scale;
    let shapes: Vec<geo::Polygon> = (0..3_000).map(|_| triangle(next(1.0), next(1.0), next(0.05))).collect();
    let name: Arc<str> = "n".into();
    let mut stage = city.store().stage(draft("shapes")).unwrap();
    let features = shapes.iter().zip(0..).map(|(shape, n)| NewFeature {
        geometry: Some(Wkb::from_geo(&shape.clone().into()).unwrap()),
        values: vec![(name.clone(), Value::Integer(n % 7))],
        solids: Vec::new(),
    });
    assert!(stage.write(features.collect()).unwrap().is_empty());
    let meta = city.publish(stage).unwrap();
    assert_eq!((meta.count, meta.revision, city.revision()), (3_000, Revision(1), Revision(1)));

    let view = city.view(&id("shapes")).unwrap();
    for _ in 0..300 {
        let (x, y, size) = (next(1.0), next(1.0), next(0.2));
        let window = Bbox::new(x, y, x + size, y + size);
        let area = Rect::new(coord! { x: x, y: y }, coord! { x: x + size, y: y + size });
        let expected: BTreeSet<u64> = shapes.iter().zip(1..).filter(|(s, _)| s.intersects(&area)).map(|(_, fid)| fid).collect();
        let mut found = Vec::new();
        let mut query = ItemsQuery { windows: vec![window], limit: 37, ..ItemsQuery::default() };
        loop {
            let page = view.items(&query, |feature| found.push(feature.fid())).unwrap();
            assert_eq!(page.matched, expected.len());
            let Some(next) = page.next else { break };
            query.after = Some(next.to_string().parse::<Cursor>().unwrap());
        }
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
    let sevenths = ItemsQuery { equals: vec![Equals { property: "n".into(), value: "3".into() }], ..ItemsQuery::default() };
    assert_eq!(view.items(&sevenths, |_| ()).unwrap().matched, 3_000 / 7 + 1);
}

#[test]
fn a_cursor_of_an_older_version_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let city = open(&dir);
    let import = || {
        let mut stage = city.store().stage(draft("points")).unwrap();
        let points = (0..20).map(|n| NewFeature { geometry: Wkb::point(f64::from(n), 1.0).ok(), ..NewFeature::default() });
        stage.write(points.collect()).unwrap();
        city.publish(stage).unwrap()
    };
    assert_eq!(import().version, 1);
    let old = city.view(&id("points")).unwrap();
    let next = old.items(&ItemsQuery::default(), |_| ()).unwrap().next;
    assert_eq!(import().version, 2);
    let query = ItemsQuery { after: next, ..ItemsQuery::default() };
    assert!(old.items(&query, |_| ()).is_ok(), "who reads the old version goes on reading it");
    let error = city.view(&id("points")).unwrap().items(&query, |_| ()).unwrap_err();
    assert!(matches!(error, QueryError::BadParameter { parameter: "cursor", .. }));
}

#[test]
fn a_later_record_merges_and_a_repeated_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let city = open(&dir);
    let post = |draft: EventDraft| city.ingest(&id("events"), vec![draft], "local").unwrap().remove(0);
    let first = event("e1", json!({"title": "路灯不亮", "level": 3, "status": "open"}));
    let receipt = post(first.clone()).unwrap();
    assert_eq!((receipt.effect, receipt.revision), (Effect::Created, Revision(1)));
    assert_eq!(post(first).unwrap().effect, Effect::Unchanged);
    let counts = || city.view(&id("events")).unwrap().counts();
    assert_eq!((counts().open, counts().open_by_level), (1, [0, 0, 0, 1, 0]));

    let mut clear = event("e1", json!({"status": "cleared"}));
    (clear.source, clear.time, clear.geometry) = (None, None, None);
    assert_eq!(post(clear).unwrap().effect, Effect::Changed);
    assert_eq!((counts().open, counts().total, counts().open_by_level), (0, 1, [0; 5]));
    let title = |item: citywall_model::FeatureRef<'_>| match item {
        citywall_model::FeatureRef::Live(item) => item.property("title").as_str().unwrap().to_owned(),
        citywall_model::FeatureRef::Row(..) => unreachable!(),
    };
    assert_eq!(city.view(&id("events")).unwrap().item("e1", title).unwrap(), "路灯不亮");

    let mut stranger = event("e1", json!({}));
    stranger.source = Some("another".into());
    assert!(matches!(post(stranger), Err(Refused::OtherSource { .. })));
    for (bad, member) in [
        (json!({"level": 5}), "level"),
        (json!({"level": "1"}), "level"),
        (json!({"class": "0401"}), "class"),
        (json!({"status": ""}), "status"),
        (json!({"title": 7}), "title"),
    ] {
        assert!(matches!(post(event("e2", bad)), Err(Refused::Invalid { member: m, .. }) if m == member));
    }
    let mut timeless = event("e3", json!({}));
    timeless.time = None;
    assert!(matches!(post(timeless), Err(Refused::Invalid { member: "time", .. })));
    assert_eq!(city.revision(), Revision(2), "what was refused used no revision");
}

#[test]
fn every_acknowledged_record_of_many_writers_is_visible_has_its_own_revision_and_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let city = open(&dir);
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = told.clone();
    city.on_commit(move |commit| listener.lock().unwrap().push((commit.after, commit.revision, commit.changes.len() as u64)));
    let revisions = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (city, revisions) = (&city, &revisions);
            scope.spawn(move || {
                for n in 0..50 {
                    let batch = (0..3).map(|k| event(&format!("{writer}-{n}-{k}"), json!({"status": "open"}))).collect();
                    for receipt in city.ingest(&id("events"), batch, "local").unwrap() {
                        let receipt = receipt.unwrap();
                        assert!(city.revision() >= receipt.revision);
                        assert!(city.view(&id("events")).unwrap().item(&receipt.id, |_| ()).is_some());
                        assert!(revisions.lock().unwrap().insert(receipt.revision));
                    }
                }
            });
        }
    });
    let expected: BTreeSet<Revision> = (1..=1200).map(Revision).collect();
    assert_eq!(*revisions.lock().unwrap(), expected);
    let told = told.lock().unwrap();
    assert!(told.windows(2).all(|pair| pair[0].1 == pair[1].0), "each commit follows the one before");
    assert!(told.iter().all(|(after, now, changes)| now.0 - after.0 == *changes));
    drop(city);
    let again = open(&dir);
    assert_eq!((again.revision(), again.view(&id("events")).unwrap().counts().open), (Revision(1200), 1200));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_live_state_equals_a_fold_of_what_was_posted(
        posts in prop::collection::vec((0u8..12, prop::option::of((0u8..10, 0u8..10)), prop::bool::ANY, 0u8..6), 1..80),
        window in (0u8..10, 0u8..10, 0u8..6),
        restart_after in 0usize..80,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut city = open(&dir);
        let mut fold: BTreeMap<String, (Option<(u8, u8)>, bool)> = BTreeMap::new();
        for (at, (key, place, cleared, _)) in posts.iter().enumerate() {
            let mut record = event(&format!("e{key}"), json!({"status": if *cleared { "cleared" } else { "open" }}));
            record.geometry = Some(place.map(|(x, y)| Wkb::point(x.into(), y.into()).unwrap()));
            city.ingest(&id("events"), vec![record], "local").unwrap().remove(0).unwrap();
            fold.insert(format!("e{key}"), (*place, *cleared));
            if at == restart_after {
                drop(city);
                city = open(&dir);
            }
        }
        let view = city.view(&id("events")).unwrap();
        let open = fold.values().filter(|(_, cleared)| !cleared).count();
        prop_assert_eq!((view.counts().total, view.counts().open), (fold.len() as u64, open as u64));
        let (x, y, size) = window;
        let query = ItemsQuery { windows: vec![Bbox::new(x.into(), y.into(), f64::from(x + size), f64::from(y + size))], limit: 100, ..ItemsQuery::default() };
        let mut found = BTreeSet::new();
        view.items(&query, |item| { found.insert(item.id().into_owned()); }).unwrap();
        let inside = |(px, py): (u8, u8)| (x..=x + size).contains(&px) && (y..=y + size).contains(&py);
        let expected: BTreeSet<String> = fold.iter().filter(|(_, (p, _))| p.is_some_and(inside)).map(|(k, _)| k.clone()).collect();
        prop_assert_eq!(found, expected);
        let mut drawn = 0;
        view.window(&query.windows[0], |_| drawn += 1);
        prop_assert_eq!(drawn, fold.values().filter(|(p, cleared)| !cleared && p.is_some_and(inside)).count());
    }
}

#[test]
fn properties_and_fields_keep_their_types() {
    let dir = tempfile::tempdir().unwrap();
    let city = open(&dir);
    let mut stage = city.store().stage(draft("typed")).unwrap();
    let values = vec![("name".into(), Value::Text("007".into())), ("h".into(), Value::Number(2.5)), ("n".into(), Value::Integer(-3))];
    stage.write(vec![NewFeature { values, ..NewFeature::default() }]).unwrap();
    let meta = city.publish(stage).unwrap();
    let kinds: Vec<FieldType> = meta.schema.fields.iter().map(|f| f.kind).collect();
    assert_eq!(kinds, [FieldType::Text, FieldType::Number, FieldType::Integer]);
    let mut seen = Properties::new();
    let record = |item: citywall_model::FeatureRef<'_>| {
        item.each_property(|name, value| {
            seen.insert(name.into(), value.as_f64().map_or(json!("007"), |n| json!(n)));
        });
    };
    city.view(&id("typed")).unwrap().item("1", record).unwrap();
    assert_eq!(serde_json::Value::Object(seen), json!({"name": "007", "h": 2.5, "n": -3.0}));
}
