//! A city in a temporary folder to import into.

#![allow(dead_code, reason = "each test file uses a part")]

use citywall_import::{Failed, ImportOptions, ImportReport, Silent, run};
use citywall_model::{Bbox, CityProfile, CollectionId, FeatureTable, Value};
use citywall_store::{CityStore, GeoPackage};
use std::path::{Path, PathBuf};

/// A file of the reference data.
pub fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path)
}

/// An empty city, gone after the test.
pub struct City {
    pub folder: tempfile::TempDir,
    pub store: GeoPackage,
}

impl City {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = GeoPackage::create(&folder.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap();
        Self { folder, store }
    }

    /// Writes a file into the folder.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Imports and publishes.
    pub fn import(&self, source: &Path, options: &ImportOptions) -> Result<ImportReport, Failed> {
        let import = run(source, options, &mut |draft| self.store.stage(draft), &Silent)?;
        for stage in import.stages {
            stage.publish().unwrap();
        }
        Ok(import.report)
    }

    /// Imports what must go well.
    pub fn imported(&self, source: &Path) -> ImportReport {
        self.import(source, &ImportOptions::default()).unwrap_or_else(|e| panic!("{}: {e}", source.display()))
    }

    /// Imports what must be refused as a whole, and returns the error's words.
    pub fn refused(&self, source: &Path, options: &ImportOptions) -> String {
        match self.import(source, options) {
            Err(failed) => failed.error.to_string(),
            Ok(report) => panic!("{} was imported: {report}", source.display()),
        }
    }

    pub fn table(&self, collection: &str) -> FeatureTable {
        self.store.load_layer(&CollectionId::new(collection).unwrap()).unwrap()
    }
}

/// Options with a CRS.
pub fn in_crs(crs: &str) -> ImportOptions {
    ImportOptions { crs: Some(citywall_crs::Crs::parse(crs).unwrap()), ..ImportOptions::default() }
}

pub fn value(table: &FeatureTable, row: u32, field: &str) -> Value {
    table.value(row, table.schema().position(field).unwrap_or_else(|| panic!("no field {field}"))).to_owned()
}

pub fn text(table: &FeatureTable, row: u32, field: &str) -> String {
    match value(table, row, field) {
        Value::Text(text) | Value::Json(text) => text,
        other => panic!("{field} is {other:?}"),
    }
}

pub fn bounds(table: &FeatureTable, row: u32) -> Bbox {
    citywall_model::geometry::bounds(table.geometry(row).unwrap())
}

/// What ogr2ogr says, if anything.
pub fn ogr2ogr(arguments: &[&str]) {
    let out = std::process::Command::new("ogr2ogr").args(arguments).output().unwrap();
    assert!(out.status.success(), "ogr2ogr {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}
