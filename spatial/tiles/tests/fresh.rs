//! A tile is made new when a shape in it has changed, and only then: against a full rebuild.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_model::{Bbox, CimCategory, CityProfile, CollectionId, CollectionKind, EventDraft, LocalText, Properties, Wkb, geometry};
use citywall_query::City;
use citywall_store::GeoPackage;
use citywall_tiles::{Changed, Coding, FreshTiles, Kept, MatrixSet, TileId, draw};
use geo::{Intersects, Rect, coord, line_string, point, polygon};
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng},
};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

const EDITS: usize = 1_000;

fn shape(next: &mut dyn FnMut() -> f64) -> geo::Geometry {
    let (x, y, size) = (117.0 + next() * 0.4, 39.0 + next() * 0.3, next() * 0.03);
    match (next() * 3.0) as u32 {
        0 => point!(x: x, y: y).into(),
        1 => line_string![(x: x, y: y), (x: x + size, y: y + size * 0.7)].into(),
        _ => polygon![(x: x, y: y), (x: x + size, y: y), (x: x, y: y + size), (x: x, y: y)].into(),
    }
}

fn tiles() -> Vec<TileId> {
    let mut all = Vec::new();
    for z in [6, 9, 11, 13] {
        let (a, b) = (TileId::at(z, 117.0, 39.33).unwrap(), TileId::at(z, 117.43, 39.0).unwrap());
        all.extend((a.y()..=b.y()).flat_map(|y| (a.x()..=b.x()).map(move |x| TileId::new(z, x, y).unwrap())));
    }
    all
}

fn meets(shape: &geo::Geometry, tile: TileId) -> bool {
    let window = tile.window();
    shape.intersects(&Rect::new(coord! { x: window.x_min, y: window.y_min }, coord! { x: window.x_max, y: window.y_max }))
}

#[test]
fn after_a_thousand_edits_exactly_the_touched_tiles_were_made_new() {
    let folder = tempfile::tempdir().unwrap();
    let store = GeoPackage::create(&folder.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap();
    let city = City::open(Arc::new(store)).unwrap();
    let id = CollectionId::new("events").unwrap();
    city.create_live(&id, CollectionKind::Incidents, &LocalText::new("事件", "Events"), CimCategory::IotSensing, false).unwrap();
    let fresh = FreshTiles::follow(&city, 64 << 20);
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut next = move || f64::from(random.next_u32()) / f64::from(u32::MAX);
    let mut places: BTreeMap<u32, Option<geo::Geometry>> = BTreeMap::new();
    let tiles = tiles();
    let views = || vec![city.view(&id).unwrap()];
    let mut shown: Vec<_> =
        tiles.iter().map(|tile| (fresh.tile(&views(), *tile, Coding::Gzip).revision, draw(&views(), *tile).bytes)).collect();
    let (mut made, mut kept) = (0, 0);
    for round in 0..EDITS / 10 {
        // What ten edits touch, by brute force over old and new shapes.
        let mut touched: Vec<geo::Geometry> = Vec::new();
        let before_round = city.revision();
        for _ in 0..10 {
            let key = (next() * 120.0) as u32;
            let before = places.get(&key).cloned().flatten();
            let clears = before.is_some() && next() < 0.2;
            let only_title = before.is_some() && next() < 0.3;
            let after = if clears {
                None
            } else if only_title {
                before.clone()
            } else {
                Some(shape(&mut next))
            };
            let mut properties = Properties::new();
            properties.insert("title".into(), json!(format!("{round}-{}", next())));
            properties.insert("status".into(), json!(if clears { "cleared" } else { "open" }));
            let geometry = after.as_ref().map(|shape| Some(Wkb::from_geo(shape).unwrap()));
            let draft = EventDraft {
                id: key.to_string(),
                source: Some("test".into()),
                time: (!places.contains_key(&key)).then(|| "2026-03-01T08:15:00Z".parse().unwrap()),
                geometry,
                properties,
            };
            assert!(city.ingest(&id, vec![draft], "test").unwrap()[0].is_ok());
            touched.extend(before.into_iter().chain(after.clone()));
            places.insert(key, after);
        }
        let (x_min, y_min, x_max, y_max) = (116.9, 38.9, 117.5, 39.4);
        let within = Some(Bbox::new(x_min, y_min, x_max, y_max));
        let mut told = Vec::new();
        for level in [6, 9, 11, 13] {
            let kept = Kept { collections: vec![id.clone()], set: MatrixSet::WebMercatorQuad, levels: level..=level, within };
            match fresh.log().changed(&kept, before_round).unwrap() {
                Changed::Tiles(tiles) => told.extend(tiles),
                Changed::All => panic!("ten edits are told one by one"),
            }
        }
        let mut expected: Vec<TileId> = tiles.iter().copied().filter(|tile| touched.iter().any(|shape| meets(shape, *tile))).collect();
        expected.sort_unstable();
        let told_of_sample: Vec<TileId> = told.iter().copied().filter(|tile| tiles.contains(tile)).collect();
        assert_eq!(told_of_sample, expected, "the tiles that are told are those that an edited shape touches");
        assert!(told.iter().all(|tile| touched.iter().any(|shape| meets(shape, *tile))));
        for (tile, was) in tiles.iter().zip(&mut shown) {
            let now = fresh.tile(&views(), *tile, Coding::Gzip);
            let drawn = draw(&views(), *tile).bytes;
            assert_eq!(now.tile.bytes(Coding::Identity), drawn, "the tile shows the city as it is");
            let is_touched = touched.iter().any(|shape| meets(shape, *tile));
            assert_eq!(now.built, is_touched, "made new: {}, touched: {is_touched}", now.built);
            assert_eq!(now.revision > was.0, is_touched);
            assert!(drawn == was.1 || is_touched, "a tile that has changed was made new");
            *(if is_touched { &mut made } else { &mut kept }) += 1;
            *was = (now.revision, drawn);
        }
    }
    assert!(made > 1_000 && kept > 1_000, "{made} made, {kept} kept");
    assert!(places.values().flatten().all(|shape| geometry::to_geo(&geometry::encode(shape)).is_some()));
}
