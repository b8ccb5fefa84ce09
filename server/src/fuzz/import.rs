//! Files to import. What is read goes nowhere.

use citywall_import::{ImportError, ImportOptions, Silent, run};
use citywall_model::{CollectionKind, CollectionMeta, FeatureTable, FeatureTableBuilder, Revision, RowIds, Schema};
use citywall_store::{LayerStage, NewFeature, Refusal, StoreError};
use std::{fs, sync::LazyLock};
use tempfile::TempDir;

/// A collection of GeoJSON features; or lines of them, if the first byte is no `{`.
pub fn geojson(data: &[u8]) {
    match data.split_first() {
        Some((b'{', _)) => import("a.geojson", data),
        Some((_, lines)) => import("a.geojsonl", lines),
        None => {}
    }
}

/// A CityJSON document; or a CityJSONSeq, if the first byte is no `{`.
pub fn cityjson(data: &[u8]) {
    match data.split_first() {
        Some((b'{', _)) => import("a.city.json", data),
        Some((_, lines)) => import("a.city.jsonl", lines),
        None => {}
    }
}

/// A table, with coordinates or well-known text.
pub fn csv(data: &[u8]) {
    import("a.csv", data);
}

fn import(name: &str, data: &[u8]) {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(super::served::folder);
    // Tests may come at once.
    let path = FOLDER.path().join(format!("{:?}-{name}", std::thread::current().id()));
    fs::write(&path, data).unwrap_or_else(|error| panic!("{error}"));
    let ended = run(
        &path,
        &ImportOptions::default(),
        &mut |draft| Ok(Box::new(Nowhere(draft.meta(CollectionKind::Layer, 1, Revision(1))))),
        &Silent,
    );
    // A reader that panics is caught and told as this.
    assert!(!matches!(ended.err().map(|failed| failed.error), Some(ImportError::Reader(_))), "the reader panicked");
}

/// A stage that keeps nothing.
struct Nowhere(CollectionMeta);

impl LayerStage for Nowhere {
    fn write(&mut self, _: Vec<NewFeature>) -> Result<Vec<Refusal>, StoreError> {
        Ok(Vec::new())
    }

    fn meta(&self) -> CollectionMeta {
        self.0.clone()
    }

    fn load(&self) -> Result<FeatureTable, StoreError> {
        Ok(FeatureTableBuilder::new(Schema::default(), RowIds::Generated).finish())
    }

    fn publish(self: Box<Self>) -> Result<CollectionMeta, StoreError> {
        Ok(self.0)
    }
}
