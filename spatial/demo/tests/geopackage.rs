//! The demo city in a real city file.
#![allow(clippy::unwrap_used)]

use citywall_demo::{DEFAULT_SEED, Feed, Scale, generate};
use citywall_model::{CityProfile, CollectionId};
use citywall_store::{CityStore, GeoPackage};
use jiff::Timestamp;

#[test]
fn the_small_city_makes_a_sound_file_that_can_be_served() {
    let folder = tempfile::tempdir().unwrap();
    let store = GeoPackage::create(&folder.path().join("demo.gpkg"), &CityProfile::named("demo")).unwrap();
    let digests = generate(Scale::Small, DEFAULT_SEED, &store, &mut |_, _, _| {}).unwrap();
    assert_eq!(store.verify().unwrap(), Vec::<String>::new());

    let collections = store.collections().unwrap();
    for digest in &digests {
        let meta = collections.iter().find(|c| c.id.as_str() == digest.layer).unwrap();
        if digest.layer != "terrain" {
            assert_eq!(meta.count, digest.count, "{}", digest.layer);
        }
    }
    let load = |id: &str| store.load_layer(&CollectionId::new(id).unwrap()).unwrap();
    let mut feed = Feed::new(DEFAULT_SEED, &load("grids"), &load("streets")).unwrap();
    assert!(feed.events(Timestamp::now()).unwrap().len() > 100);
    assert!(collections.iter().any(|c| c.id.as_str() == "events" && c.kind.is_live()));
}
