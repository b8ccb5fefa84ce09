//! How fast events are made durable, folded and read back.
//!
//! `cargo run --release -p citywall-store --example event_speed -- [FOLDER]`
#![allow(clippy::unwrap_used)]

use citywall_model::{Areas, Change, CimCategory, CityProfile, CollectionId, CollectionKind, LiveParts, LocalText, Revision, Wkb};
use citywall_store::{CityStore, GeoPackage};
use std::{path::PathBuf, time::Instant};

fn main() {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let path = folder.path().join("city.gpkg");
    let store = GeoPackage::create(&path, &CityProfile::named("Speed")).unwrap();
    let id = CollectionId::new("events").unwrap();
    store.create_live(&id, CollectionKind::Incidents, &LocalText::new("事件", "Events"), CimCategory::PublicThemes, true).unwrap();
    for (batch, batches) in [(1, 5_000), (1_000, 200)] {
        let start = Instant::now();
        for _ in 0..batches {
            let last = store.revision().0;
            store.append(&(1..=batch).map(|n| change(&id, last + n)).collect::<Vec<_>>()).unwrap();
        }
        rate(&format!("appended in transactions of {batch}"), batch * batches, start);
    }
    let start = Instant::now();
    store.checkpoint().unwrap();
    rate("folded", store.revision().0, start);
    let start = Instant::now();
    rate("loaded", store.load_live(&id).unwrap().items.len() as u64, start);
    drop(store);
    let start = Instant::now();
    drop(GeoPackage::open(&path).unwrap());
    rate("opened and closed", 1, start);
}

fn change(id: &CollectionId, revision: u64) -> Change {
    let item = LiveParts {
        fid: revision,
        id: format!("E-{revision}").into(),
        source: "12345".into(),
        time: jiff::Timestamp::now(),
        since: jiff::Timestamp::now(),
        areas: Areas::default(),
        revision: Revision(revision),
        geometry: Some(Wkb::point(117.2, 39.1).unwrap()),
        properties: serde_json::json!({"title": "积水", "class": "gb2013:0304", "level": 2, "status": "open"}).as_object().unwrap().clone(),
    };
    Change { collection: id.clone(), item: item.into(), before: None, late: false, actor: "speed".into() }
}

#[expect(clippy::cast_precision_loss, reason = "a number of events is small")]
fn rate(what: &str, count: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {count} in {seconds:.3} s, {:.0}/s", count as f64 / seconds);
}
