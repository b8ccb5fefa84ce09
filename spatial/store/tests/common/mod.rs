//! What the tests of the store share.
#![allow(dead_code, reason = "each test file uses its own part")]

use citywall_model::{CimCategory, CityProfile, CollectionId, CollectionKind, LocalText, Value, Wkb};
use citywall_store::{CityStore, GeoPackage, LayerDraft, NewFeature};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

/// A new city in a folder of its own.
pub fn city() -> (TempDir, PathBuf, GeoPackage) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.gpkg");
    let store = GeoPackage::create(&path, &CityProfile::named("Test")).unwrap();
    (folder, path, store)
}

pub fn id(name: &str) -> CollectionId {
    CollectionId::new(name).unwrap()
}

pub fn draft(name: &str) -> LayerDraft {
    LayerDraft {
        id: id(name),
        title: LocalText::new("图层", "Layer"),
        category: CimCategory::SpatiotemporalBase,
        source: "a test".to_owned(),
        source_crs: "EPSG:4326".to_owned(),
        storage_crs: 4326,
        generated: true,
        id_field: None,
    }
}

pub fn feature(geometry: Option<Wkb>, values: &[(&str, Value)]) -> NewFeature {
    NewFeature { geometry, values: values.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect(), solids: Vec::new() }
}

/// A square of side 0.001° at a place.
pub fn square(x: f64, y: f64) -> Wkb {
    let corners = vec![(x, y), (x + 0.001, y), (x + 0.001, y + 0.001), (x, y + 0.001), (x, y)];
    Wkb::from_geo(&geo_types::Geometry::Polygon(geo_types::Polygon::new(corners.into(), vec![]))).unwrap()
}

/// Stages and publishes a layer of which every item is taken.
pub fn publish(store: &GeoPackage, draft: LayerDraft, features: Vec<NewFeature>) -> citywall_model::CollectionMeta {
    let mut stage = store.stage(draft).unwrap();
    assert_eq!(stage.write(features).unwrap(), vec![]);
    stage.publish().unwrap()
}

pub fn create_events(store: &GeoPackage) {
    store
        .create_live(&id("events"), CollectionKind::Incidents, &LocalText::new("事件", "Events"), CimCategory::PublicThemes, false)
        .unwrap();
}

/// A sound city has no faults, also when it is opened again.
pub fn assert_sound(path: &Path) {
    assert_eq!(GeoPackage::open_read_only(path).unwrap().verify().unwrap(), Vec::<String>::new());
}

/// The names of all tables in the file.
pub fn tables(path: &Path) -> Vec<String> {
    let conn = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut names = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}
