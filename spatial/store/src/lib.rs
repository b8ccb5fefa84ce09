//! The city file: what is durable, and how it is written.
//!
//! One GeoPackage (OGC 12-128r19; SQLite in WAL mode) holds the profile, every layer with its
//! versions, the journal of live changes and the live collections' current state, so that GDAL
//! and QGIS open the city as it is. [`GeoPackage`] is the store of one machine; a store on
//! PostgreSQL/PostGIS with a replicated log implements the same [`CityStore`].
//!
//! There is one writer at a time. An import writes bounded batches and gives way after each, so
//! that an event waits for one batch at most. A change is acknowledged once it is flushed.
//!
//! This crate knows nothing of indexes, queries or HTTP.

mod error;
mod gpkg;
mod outbox;

pub use error::StoreError;
pub use gpkg::GeoPackage;
pub use outbox::{Letter, NewLetter, Outbox, OutboxCounts, OutboxFile};

use citywall_model::{
    Bbox, Change, CimCategory, CityProfile, CollectionId, CollectionKind, CollectionMeta, FeatureTable, Grid, ImageryLevels, LifeState,
    LiveItem, LocalText, RefusedRecord, Revision, Schema, Value, Wkb,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A layer version that is about to be written: everything but its items.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerDraft {
    /// The collection that the version is of; a new one is made if there is none.
    pub id: CollectionId,
    /// Its title.
    pub title: LocalText,
    /// Its place in the layer tree.
    pub category: CimCategory,
    /// Where the data comes from, in words.
    pub source: String,
    /// The CRS that the source was in, as `EPSG:n`, `GCJ-02` or `BD-09`.
    pub source_crs: String,
    /// The CRS to store, 4326 or 4490.
    pub storage_crs: u32,
    /// True if the data is synthetic.
    pub generated: bool,
    /// The source property whose value is the item id; `None` generates ids.
    pub id_field: Option<String>,
}

impl LayerDraft {
    /// The collection that the version makes, as far as its data do not say.
    #[must_use]
    pub fn meta(self, kind: CollectionKind, version: u32, revision: Revision) -> CollectionMeta {
        CollectionMeta {
            id: self.id,
            kind,
            title: self.title,
            category: self.category,
            source: self.source,
            source_crs: self.source_crs,
            storage_crs: self.storage_crs,
            generated: self.generated,
            version,
            revision,
            schema: Schema::default(),
            id_field: self.id_field,
            geometry_type: String::new(),
            extent: None,
            count: 0,
            solids: 0,
        }
    }
}

/// A version of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerVersion {
    /// What is known of it; its revision is the one at which it became current.
    pub meta: CollectionMeta,
    /// When it became current.
    pub published: Timestamp,
    /// The revision at which the next version took its place; `None` for the current one.
    pub until: Option<Revision>,
}

/// One item on its way into a layer.
#[derive(Clone, Debug, Default)]
pub struct NewFeature {
    /// Where it is; `None` is kept and counted.
    pub geometry: Option<Wkb>,
    /// Its attributes in source order; names are shared between features.
    pub values: Vec<(Arc<str>, Value)>,
    /// Its CityJSON solids, kept beside the footprint.
    pub solids: Vec<Solid>,
}

/// A pyramid of map tiles on its way into a city: a table of tiles (OGC 12-128r19, clause 2.2) of
/// 256 pixels, PNG or WebP, in the matrix WebMercatorQuad, in a GeoPackage of its own.
#[derive(Clone, Debug)]
pub struct Pyramid {
    /// The file that has it.
    pub file: PathBuf,
    /// Its table there.
    pub table: String,
    /// What it shows, in degrees.
    pub extent: Bbox,
}

/// Makes copied imagery current.
pub type PublishImagery = Box<dyn FnOnce() -> Result<CollectionMeta, StoreError> + Send>;

/// One geometry of a CityJSON object at one level of detail.
#[derive(Clone, Debug, PartialEq)]
pub struct Solid {
    /// The city object that it belongs to, such as a building part.
    pub object: String,
    /// The object's type in CityJSON's words, such as `BuildingPart`.
    pub object_type: String,
    /// The geometry's type in CityJSON's words: `Solid`, `MultiSurface`, …
    pub kind: String,
    /// The level of detail in CityJSON's words: `1.2`, `2.2`, …
    pub lod: String,
    /// The surfaces as a 3D MultiPolygon: longitude, latitude, stored height in metres.
    pub surfaces: Wkb,
    /// How many of the surfaces make up each shell, in order; one number per shell.
    pub shells: Vec<u32>,
    /// The semantic type of each surface (`RoofSurface`, …); empty where the source has none.
    pub semantics: Vec<String>,
}

/// An item that a stage did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its position in the batch.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// A layer version in the making. No reader sees it; dropping it discards it.
pub trait LayerStage: Send {
    /// Writes items in transactions of at most [`citywall_model::limits::IMPORT_BATCH_ROWS_MAX`]
    /// rows, giving way to events between them, and returns those that were refused (an id that
    /// is missing or repeats, a limit). Fields may appear and widen from item to item.
    ///
    /// # Errors
    /// The file cannot be written; nothing of the version will ever be seen.
    fn write(&mut self, features: Vec<NewFeature>) -> Result<Vec<Refusal>, StoreError>;

    /// The version as it will be published, with its schema, extent and count so far.
    fn meta(&self) -> CollectionMeta;

    /// Reads the staged version into memory, in ascending order of fid.
    ///
    /// # Errors
    /// The file cannot be read.
    fn load(&self) -> Result<FeatureTable, StoreError>;

    /// Makes the version current by one short transaction, at the city's next revision, and
    /// removes the oldest versions before it, past as many as the layer keeps.
    ///
    /// # Errors
    /// The file cannot be written; the version before stays current.
    fn publish(self: Box<Self>) -> Result<CollectionMeta, StoreError>;
}

/// The live state as it was last saved, with the number of the last change in it.
#[derive(Debug, Default)]
pub struct LiveLoad {
    /// The items, cleared ones among them.
    pub items: Vec<LiveItem>,
}

/// A question for the past of a live collection.
#[derive(Clone, Debug)]
pub struct HistoryQuery {
    /// The collection.
    pub collection: CollectionId,
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub to: Timestamp,
    /// Only the item with this number.
    pub fid: Option<u64>,
}

/// Where the kept past of a live collection begins; all of it, by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// The states at any instant from here on are known; `None` where nothing was expired.
    pub instant: Option<Timestamp>,
    /// What was recorded at any revision from here on is known.
    pub revision: Revision,
}

/// One step of an expiry: a bounded number of items and of changes.
#[derive(Clone, Debug)]
pub struct ExpireQuery {
    /// The collection.
    pub collection: CollectionId,
    /// What was superseded by this instant ages out.
    pub before: Timestamp,
    /// Only items with a greater number: where the step before ended.
    pub after_fid: u64,
    /// The most items to look at.
    pub items_max: usize,
    /// The most changes to remove; a step may pass it by as many late ones of one item.
    pub changes_max: usize,
}

/// What a step of an expiry did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// How many changes were removed.
    pub changes: usize,
    /// The removed items of which nothing is left, each with its last revision.
    pub items: Vec<(u64, Revision)>,
    /// Where the next step goes on; `None` once every item was looked at.
    pub next: Option<u64>,
}

/// Takes what is about to be removed; an error keeps it in the file.
pub type Export<'e> = dyn FnMut(&[Change]) -> Result<(), StoreError> + 'e;

/// How many records of a collection were refused for a reason, since the file was made. Past
/// [`citywall_model::limits::REFUSED_COUNTS_MAX`] pairs, what is new counts as of `other`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCount {
    /// The collection.
    pub collection: CollectionId,
    /// The short reason.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// A city's durable state. One implementation per back end; all methods may be called from any
/// thread and block until they are done.
pub trait CityStore: Send + Sync {
    /// The last committed revision.
    fn revision(&self) -> Revision;

    /// The city's profile.
    ///
    /// # Errors
    /// The file cannot be read.
    fn profile(&self) -> Result<CityProfile, StoreError>;

    /// Replaces the profile.
    ///
    /// # Errors
    /// The file cannot be written.
    fn set_profile(&self, profile: &CityProfile) -> Result<(), StoreError>;

    /// Every style by id, as the JSON that was put, in order of id.
    ///
    /// # Errors
    /// The file cannot be read.
    fn styles(&self) -> Result<Vec<(String, String)>, StoreError>;

    /// Puts a style's JSON under an id, or removes it with `None`; true if there was one before.
    ///
    /// # Errors
    /// The file cannot be written.
    fn set_style(&self, id: &str, document: Option<&str>) -> Result<bool, StoreError>;

    /// Every current collection, in order of id.
    ///
    /// # Errors
    /// The file cannot be read.
    fn collections(&self) -> Result<Vec<CollectionMeta>, StoreError>;

    /// Makes a live collection if there is none of that id.
    ///
    /// # Errors
    /// A layer has the id, or the file cannot be written.
    fn create_live(
        &self,
        id: &CollectionId,
        kind: CollectionKind,
        title: &LocalText,
        category: CimCategory,
        generated: bool,
    ) -> Result<(), StoreError>;

    /// Reads a layer's current version into memory, in ascending order of fid.
    ///
    /// # Errors
    /// There is no such layer, or the file cannot be read.
    fn load_layer(&self, id: &CollectionId) -> Result<FeatureTable, StoreError>;

    /// Every version of a layer: those that are kept, the oldest first, and the current one last.
    ///
    /// # Errors
    /// There is no such layer, or the file cannot be read.
    fn versions(&self, id: &CollectionId) -> Result<Vec<LayerVersion>, StoreError>;

    /// Reads a kept version of a layer into memory, in ascending order of fid.
    ///
    /// # Errors
    /// The version is not kept, or the file cannot be read.
    fn load_version(&self, id: &CollectionId, version: u32) -> Result<FeatureTable, StoreError>;

    /// Sets how many replaced versions a layer keeps from now on, at most
    /// [`citywall_model::limits::VERSIONS_KEPT_MAX`]; it need not exist yet. At first that is none.
    /// The oldest past as many are removed.
    ///
    /// # Errors
    /// The number passes the limit, or the file cannot be written.
    fn keep_versions(&self, id: &CollectionId, versions: u32) -> Result<(), StoreError>;

    /// Removes a kept version of a layer; false if it is not kept.
    ///
    /// # Errors
    /// The file cannot be written.
    fn remove_version(&self, id: &CollectionId, version: u32) -> Result<bool, StoreError>;

    /// Reads a live collection's state: the saved state with the journal's later changes on it.
    ///
    /// # Errors
    /// There is no such collection, or the file cannot be read.
    fn load_live(&self, id: &CollectionId) -> Result<LiveLoad, StoreError>;

    /// Starts a new version of a layer.
    ///
    /// # Errors
    /// A live collection has the id, or the file cannot be written.
    fn stage(&self, draft: LayerDraft) -> Result<Box<dyn LayerStage>, StoreError>;

    /// The solids of one item of a layer.
    ///
    /// # Errors
    /// There is no such layer, or the file cannot be read.
    fn solids(&self, id: &CollectionId, fid: u64) -> Result<Vec<Solid>, StoreError>;

    /// Writes an elevation grid as a collection's new version, at the city's next revision.
    /// Heights are kept to 1 cm where their range is below 655 m, to 1 dm below 6,553 m, and
    /// exactly where all are whole metres.
    ///
    /// # Errors
    /// Another kind of collection has the id, a limit is passed, or the file cannot be written.
    fn put_grid(&self, draft: LayerDraft, grid: &Grid) -> Result<CollectionMeta, StoreError>;

    /// Reads an elevation grid.
    ///
    /// # Errors
    /// There is no such grid, or the file cannot be read.
    fn load_grid(&self, id: &CollectionId) -> Result<Grid, StoreError>;

    /// Copies a pyramid of tiles as an imagery collection's next version, giving way to events
    /// between batches. What is returned makes it current by one short transaction, at the city's
    /// next revision; dropped, it leaves tiles that the next start sweeps.
    ///
    /// # Errors
    /// A limit is passed, or a file cannot be read or written; in the end also that another kind of
    /// collection has the id.
    fn stage_imagery(&self, draft: LayerDraft, tiles: &Pyramid) -> Result<PublishImagery, StoreError>;

    /// The levels at which imagery is kept.
    ///
    /// # Errors
    /// There is no such imagery, or the file cannot be read.
    fn imagery_levels(&self, id: &CollectionId) -> Result<ImageryLevels, StoreError>;

    /// One kept tile of imagery, PNG or WebP as its first bytes say; the row counts from the north.
    /// `None` where nothing is shown. O(log n).
    ///
    /// # Errors
    /// There is no such imagery, or the file cannot be read.
    fn imagery_tile(&self, id: &CollectionId, level: u32, column: u32, row: u32) -> Result<Option<Vec<u8>>, StoreError>;

    /// Appends changes in one flushed transaction. Their items' revisions must follow
    /// [`CityStore::revision`] without a gap; afterwards that is the last of them.
    ///
    /// # Errors
    /// The file cannot be written (a full disk, say), or a revision is out of order; then none
    /// of the changes is kept.
    fn append(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// The committed live changes after a revision, oldest first, at most `max` of them.
    ///
    /// # Errors
    /// The file cannot be read.
    fn changes_after(&self, revision: Revision, max: usize) -> Result<Vec<Change>, StoreError>;

    /// An item as it was before a revision; `None` if it was not there, or if that is no longer
    /// kept. O(log changes + the late ones of its last second).
    ///
    /// # Errors
    /// The file cannot be read.
    fn state_before(&self, id: &CollectionId, fid: u64, revision: Revision) -> Result<Option<LiveItem>, StoreError>;

    /// Visits the changes of a live collection whose states begin in an interval, late ones among
    /// them, in order of `since` and then of revision, until `visit` returns false.
    ///
    /// # Errors
    /// There is no such collection, or the file cannot be read.
    fn history(&self, query: &HistoryQuery, visit: &mut dyn FnMut(Change) -> bool) -> Result<(), StoreError>;

    /// The items of a live collection as they were at a past instant: of each the last state
    /// that began no later, in order of fid. What was not yet there is left out; what was
    /// cleared or removed by then is among them.
    ///
    /// # Errors
    /// There is no such collection, or the file cannot be read.
    fn state_at(&self, id: &CollectionId, instant: Timestamp) -> Result<Vec<LiveItem>, StoreError>;

    /// The open items among those of [`CityStore::state_at`], in order of fid. A store may keep
    /// snapshots, so that this is O(open items + some changes) instead of O(all changes before).
    ///
    /// # Errors
    /// There is no such collection, or the file cannot be read.
    fn open_at(&self, id: &CollectionId, instant: Timestamp) -> Result<Vec<LiveItem>, StoreError> {
        let mut items = self.state_at(id, instant)?;
        items.retain(|item| item.state() == LifeState::Open);
        Ok(items)
    }

    /// Where the kept past of a live collection begins.
    ///
    /// # Errors
    /// The file cannot be read.
    fn horizon(&self, id: &CollectionId) -> Result<Horizon, StoreError>;

    /// Removes a bounded part of the changes that were superseded by an instant. Of every item
    /// the last state that is not late and began no later stays, and all that came after it, so
    /// that [`CityStore::state_at`] says the same as before for that instant and later ones, and
    /// [`CityStore::load_live`] the same in any case, but for items that were removed by then and
    /// have not changed since: of these nothing stays, unless it is the item with the largest
    /// number, which tells that no number is given twice. What goes is handed to `export` first; the
    /// [`Horizon`] moves in the same transaction. A step that is cut off has removed nothing. What has come since
    /// the first step, that after the number 0, is looked at from the next first step on.
    ///
    /// # Errors
    /// There is no such collection, `export` failed, or the file cannot be read or written; then
    /// nothing was removed.
    fn expire(&self, query: &ExpireQuery, export: &mut Export<'_>) -> Result<Expired, StoreError>;

    /// Keeps records that were not taken, for review: the latest
    /// [`citywall_model::limits::REFUSED_RECORDS_MAX`] of them, each text cut off at
    /// [`citywall_model::limits::REFUSED_TEXT_BYTES_MAX`]. Their numbers are given here. They are
    /// written within about a second, so a crash may lose the last of them.
    ///
    /// # Errors
    /// The file cannot be written; what waits is written later.
    fn refuse(&self, records: &[RefusedRecord]) -> Result<(), StoreError>;

    /// The refused records after a number, of one collection or of all, oldest first, at most `max`.
    ///
    /// # Errors
    /// The file cannot be read.
    fn refused(&self, collection: Option<&CollectionId>, after: u64, max: usize) -> Result<Vec<RefusedRecord>, StoreError>;

    /// How many records were refused, by collection and reason.
    ///
    /// # Errors
    /// The file cannot be read.
    fn refused_counts(&self) -> Result<Vec<RefusedCount>, StoreError>;

    /// Folds the journal into the live collections' tables, so that a start is quick and GDAL
    /// sees what is current. Gives way to events; cheap if nothing changed.
    ///
    /// # Errors
    /// The file cannot be written; the journal is kept.
    fn checkpoint(&self) -> Result<(), StoreError>;

    /// Copies the city as it is at one instant to a new file, while it is in use. `progress`
    /// gets pages done and pages in all.
    ///
    /// # Errors
    /// The target exists or cannot be written.
    fn backup(&self, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError>;

    /// Checks the file: SQLite's own integrity, the GeoPackage tables, every geometry, the
    /// journal's order. Returns one line per fault, none for a sound file.
    ///
    /// # Errors
    /// The file cannot be read at all.
    fn verify(&self) -> Result<Vec<String>, StoreError>;
}
