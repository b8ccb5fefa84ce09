//! The areas of live items on the demo's own levels, against brute force.
#![allow(clippy::unwrap_used)]

use citywall_model::{
    AreaLevel, CimCategory, CityProfile, CollectionId, CollectionKind, EventDraft, FeatureRef, LocalText, Properties, Value, Wkb,
};
use citywall_query::City;
use citywall_store::{GeoPackage, LayerDraft, NewFeature};
use geo::{Intersects, MultiPolygon, Point, Polygon, Rect, coord, line_string, polygon};
use std::sync::Arc;

fn id(name: &str) -> CollectionId {
    CollectionId::new(name).unwrap()
}

/// A layer of areas: code, parent's code, shape.
fn publish(city: &City, name: &str, areas: &[(String, String, Polygon)]) {
    let draft = LayerDraft {
        id: id(name),
        title: LocalText::new(name, name),
        category: CimCategory::SpatiotemporalBase,
        source: "test".into(),
        source_crs: "EPSG:4326".into(),
        storage_crs: 4326,
        generated: true,
        id_field: None,
    };
    let mut stage = city.store().stage(draft).unwrap();
    let features = areas.iter().map(|(code, parent, shape)| NewFeature {
        geometry: Some(Wkb::from_geo(&shape.clone().into()).unwrap()),
        values: vec![("code".into(), Value::Text(code.clone())), ("parent".into(), Value::Text(parent.clone()))],
        solids: Vec::new(),
    });
    assert!(stage.write(features.collect()).unwrap().is_empty());
    city.publish(stage).unwrap();
}

fn level(name: &str, parent: bool) -> AreaLevel {
    AreaLevel {
        collection: id(name),
        title: LocalText::new(name, name),
        code_field: "code".into(),
        name_field: "code".into(),
        parent_field: parent.then(|| "parent".to_owned()),
    }
}

/// Slanted grids in two districts, so that borders run in every direction.
fn grids() -> Vec<(String, String, Polygon)> {
    let corner = |x: u32, y: u32| {
        let (x, y) = (f64::from(x), f64::from(y));
        coord! { x: 117.0 + x * 0.01 + (y * 1.7).sin() * 0.003, y: 39.0 + y * 0.01 + (x * 2.3).cos() * 0.003 }
    };
    let cell = |x: u32, y: u32| polygon![corner(x, y), corner(x + 1, y), corner(x + 1, y + 1), corner(x, y + 1), corner(x, y)];
    (0..40 * 30).map(|n| (n % 40, n / 40)).map(|(x, y)| (format!("g{x}-{y}"), format!("d{}", x / 20), cell(x, y))).collect()
}

#[test]
fn every_place_gets_the_areas_that_brute_force_finds_and_on_a_border_exactly_one_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let city = City::open(Arc::new(GeoPackage::create(&dir.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap())).unwrap();
    let grids = grids();
    let outline = |west: f64, east: f64| Rect::new(coord! { x: west, y: 38.0 }, coord! { x: east, y: 40.0 }).to_polygon();
    publish(
        &city,
        "districts",
        &[("d0".into(), String::new(), outline(116.0, 117.2)), ("d1".into(), String::new(), outline(117.2, 118.0))],
    );
    publish(&city, "grids", &grids);
    assert!(city.areas_at(117.1, 39.1).to_text().is_empty(), "the profile names no levels yet");
    city.set_profile(CityProfile { area_levels: vec![level("districts", false), level("grids", true)], ..(*city.profile()).clone() })
        .unwrap();

    let shapes: Vec<MultiPolygon> = grids.iter().map(|(_, _, shape)| shape.clone().into()).collect();
    let brute = |at: Point| {
        grids.iter().zip(&shapes).find(|(_, shape)| shape.intersects(&at)).map(|((code, parent, _), _)| (parent.clone(), code.clone()))
    };
    let corners = grids.iter().flat_map(|(_, _, shape)| shape.exterior().points());
    let middles = grids
        .iter()
        .flat_map(|(_, _, shape)| shape.exterior().lines())
        .map(|line| line.start_point() + (line.end_point() - line.start_point()) / 2.0);
    let spread = (0..20_000u32).map(|n| Point::new(116.95 + f64::from(n % 173) * 0.003, 38.95 + f64::from(n / 173) * 0.0035));
    let mut placed = 0;
    for at in corners.chain(middles).chain(spread) {
        let areas = city.areas_at(at.x(), at.y());
        match brute(at) {
            Some((district, grid)) => {
                assert_eq!((areas.code(0), areas.code(1)), (Some(&*district), Some(&*grid)), "{at:?}");
                placed += 1;
            }
            None => assert_eq!(areas.code(1), None, "{at:?}"),
        }
    }
    assert!(placed > 10_000);
    assert_eq!(city.areas_at(116.5, 39.1).code(0), Some("d0"), "where no grid is, the district is known still");
}

#[test]
fn an_item_is_shown_with_the_areas_of_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let city = City::open(Arc::new(GeoPackage::create(&dir.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap())).unwrap();
    publish(&city, "grids", &grids());
    city.set_profile(CityProfile { area_levels: vec![level("grids", false)], ..(*city.profile()).clone() }).unwrap();
    city.create_live(&id("events"), CollectionKind::Incidents, &LocalText::new("事件", "Events"), CimCategory::IotSensing, false).unwrap();
    let post = |geometry| {
        let record = EventDraft {
            id: "e".into(),
            source: Some("s".into()),
            time: "2026-03-01T08:15:00Z".parse().ok(),
            geometry,
            properties: Properties::new(),
        };
        city.ingest(&id("events"), vec![record], "local").unwrap().remove(0).unwrap();
        let code = |item: FeatureRef<'_>| match item {
            FeatureRef::Live(item) => item.areas().code(0).map(str::to_owned),
            FeatureRef::Row(..) => unreachable!(),
        };
        city.view(&id("events")).unwrap().item("e", code).unwrap()
    };
    assert_eq!(post(None), None);
    assert_eq!(post(Some(Wkb::point(117.105, 39.105).ok())).as_deref(), Some("g10-10"));
    assert_eq!(post(None).as_deref(), Some("g10-10"), "a record that says nothing of the place leaves it");
    let line = line_string![(x: 117.205, y: 39.205), (x: 117.2051, y: 39.2051)];
    assert_eq!(post(Some(Wkb::from_geo(&line.into()).ok())).as_deref(), Some("g20-20"));
    assert_eq!(post(Some(None)), None);
}
