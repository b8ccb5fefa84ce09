//! The city as a store receives it.
#![allow(clippy::unwrap_used)]

mod common;

use citywall_demo::{DEFAULT_SEED, Scale, generate};
use citywall_model::Value;
use citywall_store::NewFeature;
use common::MemoryStore;
use std::{collections::BTreeSet, sync::OnceLock};

/// The small city and its digests, made once for all tests.
fn small() -> &'static (MemoryStore, String) {
    static SMALL: OnceLock<(MemoryStore, String)> = OnceLock::new();
    SMALL.get_or_init(|| {
        let store = MemoryStore::default();
        let digests = generate(Scale::Small, DEFAULT_SEED, &store, &mut |_, _, _| {}).unwrap();
        (store, digests.iter().map(|d| format!("{d}\n")).collect())
    })
}

fn value<'a>(f: &'a NewFeature, name: &str) -> &'a Value {
    &f.values.iter().find(|v| &*v.0 == name).unwrap().1
}

/// One run tells of everything that the small city promises; generating it takes a while.
#[test]
fn the_small_city_is_the_one_that_was_committed() {
    let (store, digests) = small();
    assert_eq!(digests, include_str!("expected/small-1.txt"), "content changed: if that is meant, commit the new digests");

    let layers = store.layers.lock().unwrap();
    for (id, (draft, features)) in layers.iter() {
        assert_eq!(draft.generated, id != "districts");
        assert_eq!(draft.title.zh.contains("生成"), draft.generated);
        assert_eq!(draft.title.en.contains("generated"), draft.generated);
        assert!(!draft.source.is_empty() && draft.storage_crs == 4490);
        if let Some(field) = &draft.id_field {
            let ids: BTreeSet<String> = features.iter().map(|f| format!("{:?}", value(f, field))).collect();
            assert_eq!(ids.len(), features.len(), "{id}: an id repeats");
        }
        assert!(features.iter().all(|f| f.geometry.is_some()));
    }
    let count = |id: &str| layers[id].1.len();
    assert_eq!(
        ["districts", "streets", "communities", "grids", "buildings", "components", "cameras", "sensors"].map(count),
        [16, 281, 6_127, 20_795, 60_000, 30_000, 4_000, 2_000]
    );
    for camera in &layers["cameras"].1 {
        let Value::Text(code) = value(camera, "code") else { panic!("a camera without a code") };
        assert!(code.len() == 20 && matches!(&code[10..13], "121" | "131" | "132"), "{code}");
    }
    let kinds: BTreeSet<String> = layers["sensors"].1.iter().map(|s| format!("{:?}", value(s, "kind"))).collect();
    assert_eq!(kinds.len(), 15);

    let profile = store.profile.lock().unwrap().clone().unwrap();
    assert_eq!(
        profile.area_levels.iter().map(|l| l.collection.as_str()).collect::<Vec<_>>(),
        ["districts", "streets", "communities", "grids"]
    );
    assert!(profile.notice.is_some() && profile.time_zone == "Asia/Shanghai");
    assert_eq!(*store.live.lock().unwrap(), ["events"]);
}

#[test]
fn the_districts_are_the_given_outlines() {
    let (store, _) = small();
    let given: serde_json::Value = serde_json::from_str(include_str!("../../../data/tianjin/districts_cgcs2000.geojson")).unwrap();
    let layers = store.layers.lock().unwrap();
    for feature in given["features"].as_array().unwrap() {
        let code = feature["properties"]["district_adcode"].as_str().unwrap();
        let district = layers["districts"].1.iter().find(|f| *value(f, "code") == Value::Text(code.to_owned())).unwrap();
        let Some(geo_types::Geometry::Polygon(shape)) = district.geometry.as_ref().unwrap().to_geo() else {
            panic!("{code} is no polygon")
        };
        let mut given: Vec<(f64, f64)> = feature["geometry"]["coordinates"][0]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| (c[0].as_f64().unwrap(), c[1].as_f64().unwrap()))
            .collect();
        let mut stored: Vec<(f64, f64)> = shape.exterior().coords().map(|c| (c.x, c.y)).collect();
        given.pop();
        stored.pop();
        for ring in [&mut given, &mut stored] {
            ring.sort_by(|a, b| a.partial_cmp(b).unwrap());
        }
        assert_eq!(given, stored, "{code}");
    }
}

#[test]
fn a_large_city_has_exactly_a_million_buildings() {
    let store = MemoryStore { forget: true, ..MemoryStore::default() };
    let mut done = (0, 0);
    let digests = generate(Scale::City, DEFAULT_SEED, &store, &mut |layer, written, total| {
        if layer == "buildings" {
            done = (written, total);
        }
    })
    .unwrap();
    assert_eq!(digests.iter().find(|d| d.layer == "buildings").unwrap().count, 1_000_000);
    assert_eq!(done, (1_000_000, 1_000_000));
    // Areas, roads and water are the same at every scale.
    let committed = include_str!("expected/small-1.txt");
    for d in digests
        .iter()
        .filter(|d| matches!(d.layer.as_str(), "districts" | "streets" | "communities" | "grids" | "roads" | "water" | "green" | "terrain"))
    {
        assert!(committed.contains(&d.to_string()), "{d}");
    }
}
