//! The city file of one machine: a GeoPackage.
//!
//! - [`schema`] its tables, [`catalog`] what it knows of itself, [`migrate`] its format
//! - [`connection`] who reads and writes it, [`wal`] and [`disk`] what keeps that quick and safe,
//!   [`lock`] which process may
//! - layers: [`stage`] (with [`columns`] and [`rebuild`]) → [`publish`] → [`load`]; [`versions`]
//!   keeps what was replaced, or [`bury`] removes it
//! - elevation grids: [`coverage`], imagery: [`imagery`], both tables of tiles: [`pyramid`]
//! - live collections: [`journal`] and its [`tail`] → [`fold`] → [`live`]; the past: [`history`],
//!   [`snapshots`]
//! - beside them: [`refused`] what was not taken; [`expire`] removes what ages out
//! - the whole: [`backup`], [`verify`] (with [`digest`]); [`blob`] is GeoPackage's geometry

mod backup;
mod blob;
mod bury;
mod catalog;
mod columns;
mod connection;
mod coverage;
mod digest;
mod disk;
mod expire;
mod fold;
mod history;
mod imagery;
mod journal;
mod live;
mod load;
mod lock;
mod migrate;
mod publish;
mod pyramid;
mod rebuild;
mod refused;
mod schema;
mod snapshots;
mod stage;
mod tail;
mod verify;
mod versions;
mod wal;

use crate::{
    CityStore, ExpireQuery, Expired, Export, HistoryQuery, Horizon, LayerDraft, LayerStage, LayerVersion, LiveLoad, PublishImagery,
    Pyramid, RefusedCount, Solid, StoreError, error::Doing,
};
use citywall_model::{
    Change, CimCategory, CityProfile, CollectionId, CollectionKind, CollectionMeta, FeatureTable, Grid, ImageryLevels, LiveItem, LocalText,
    RefusedRecord, Revision, limits,
};
use connection::{Readers, Writer};
use jiff::Timestamp;
use parking_lot::{FairMutex, Mutex};
use rusqlite::{Connection, OpenFlags};
use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A city in one GeoPackage file.
///
/// One process at a time has it open for writing; any number may read it meanwhile, GDAL and
/// QGIS among them.
pub struct GeoPackage {
    inner: Arc<Inner>,
}

/// What the store and its stages share. The fields are dropped in this order, so that the writer
/// closes the file as the last and leaves no log beside it, and the lock outlives it.
struct Inner {
    path: PathBuf,
    readers: Readers,
    writing: Option<Writing>,
    disk: disk::DiskWatch,
    /// The last committed revision; of a file that is open for reading, the one that was read last.
    revision: AtomicU64,
    refused: refused::Waiting,
    snapshots: snapshots::Snapshots,
    tail: tail::Tail,
    /// Held by whoever folds the tail.
    folding: Mutex<()>,
    lock: Option<lock::FileLock>,
}

struct Writing {
    wal: wal::WalKeeper,
    writer: Arc<FairMutex<Writer>>,
}

impl GeoPackage {
    /// Makes a new city file and opens it for writing.
    ///
    /// # Errors
    /// The file exists or cannot be written.
    pub fn create(path: &Path, profile: &CityProfile) -> Result<Self, StoreError> {
        disk::DiskWatch::new(backup::folder_of(path), limits::DISK_FREE_BYTES_MIN).check()?;
        backup::check_free(path)?;
        // Claims the name, so that no file is ever overwritten.
        File::create_new(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => StoreError::Exists(path.to_owned()),
            _ => StoreError::Io { path: path.to_owned(), source },
        })?;
        let made = Self::fill(path, profile);
        if made.is_err() {
            // Half a city is none.
            let _ = std::fs::remove_file(path);
        }
        made
    }

    fn fill(path: &Path, profile: &CityProfile) -> Result<Self, StoreError> {
        let lock = lock::FileLock::take(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(path, flags).doing("making the city file")?;
        schema::create(&mut conn, profile)?;
        drop(conn);
        backup::sync_folder_of(path)?;
        Self::start(path, lock, migrate::STEPS)
    }

    /// Opens a city file for writing. A file of an older format is raised to the newest, after a
    /// copy of it has been made beside it; what a killed import left is removed.
    ///
    /// # Errors
    /// The file is missing, in use, foreign, damaged or too new; it is then untouched.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, migrate::STEPS)
    }

    fn open_with(path: &Path, steps: &[migrate::Step]) -> Result<Self, StoreError> {
        migrate::check_header(path)?;
        let lock = lock::FileLock::take(path)?;
        if let Err(e) = Self::check_format(path, steps) {
            if matches!(e, StoreError::Foreign { .. }) {
                lock.discard();
            }
            return Err(e);
        }
        Self::start(path, lock, steps)
    }

    /// Reads the format through a connection that cannot write.
    fn check_format(path: &Path, steps: &[migrate::Step]) -> Result<u32, StoreError> {
        let conn = connection::open_reader(path)?;
        let found = migrate::format_of(&conn, path)?;
        migrate::check_not_newer(path, found, steps)?;
        Ok(found)
    }

    fn start(path: &Path, lock: lock::FileLock, steps: &[migrate::Step]) -> Result<Self, StoreError> {
        let mut conn = connection::open_writer(path)?;
        migrate::migrate(&mut conn, path, steps)?;
        migrate::check_tables(&conn, path)?;
        let swept = bury::sweep(&conn)?;
        if swept > 0 {
            tracing::info!("{}: removed {swept} tables that an unfinished import had left", path.display());
        }
        let revision = catalog::revision(&conn)?;
        let (wal, writer) = wal::WalKeeper::start(path, conn)?;
        let store = Self::with(path, Some(Writing { wal, writer }), revision, Some(lock));
        store.take_up_tail()?;
        Ok(store)
    }

    /// Reads the journal's tail; what is longer than may be in memory is folded.
    fn take_up_tail(&self) -> Result<(), StoreError> {
        loop {
            let run = self.inner.readers.read(|conn| tail::Run::read(conn, tail::TAIL_CHANGES_MAX))?;
            let is_all = run.len() < tail::TAIL_CHANGES_MAX;
            self.inner.tail.begin_with(run);
            if is_all {
                return Ok(());
            }
            fold::checkpoint(&self.inner)?;
        }
    }

    /// Opens a city file for reading, also while another process writes it.
    ///
    /// # Errors
    /// The file is missing, foreign, damaged, too new, or of an older format, which only
    /// [`GeoPackage::open`] can raise.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        migrate::check_header(path)?;
        let found = Self::check_format(path, migrate::STEPS)?;
        if found < schema::FORMAT {
            let reason = format!("it has the older format {found}; open it for writing once, which raises it");
            return Err(StoreError::Foreign { path: path.to_owned(), reason });
        }
        let conn = connection::open_reader(path)?;
        migrate::check_tables(&conn, path)?;
        let revision = catalog::revision(&conn)?;
        Ok(Self::with(path, None, revision, None))
    }

    fn with(path: &Path, writing: Option<Writing>, revision: Revision, lock: Option<lock::FileLock>) -> Self {
        let inner = Inner {
            path: path.to_owned(),
            writing,
            readers: Readers::new(path),
            disk: disk::DiskWatch::new(path, limits::DISK_FREE_BYTES_MIN),
            revision: AtomicU64::new(revision.0),
            refused: refused::Waiting::default(),
            snapshots: snapshots::Snapshots::default(),
            tail: tail::Tail::default(),
            folding: Mutex::default(),
            lock,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Tells whoever finds the file in use where this process serves the city.
    ///
    /// # Errors
    /// The file is open for reading, or the lock file cannot be written.
    pub fn set_address(&self, url: &str) -> Result<(), StoreError> {
        self.inner.lock.as_ref().ok_or_else(|| StoreError::ReadOnly(self.inner.path.clone()))?.set_address(url)
    }

    /// Copies a city file that is not in use, such as a backup, to a new place, after it has
    /// been verified.
    ///
    /// # Errors
    /// The source is no city or has faults, or the target exists or cannot be written.
    pub fn restore(from: &Path, to: &Path) -> Result<(), StoreError> {
        backup::check_free(to)?;
        let faults = Self::open_read_only(from)?.verify()?;
        match faults.first() {
            Some(first) => Err(StoreError::damaged(from.display().to_string(), format!("{} faults, the first: {first}", faults.len()))),
            None => backup::restore(from, to),
        }
    }
}

impl Drop for GeoPackage {
    fn drop(&mut self) {
        if self.inner.writing.is_some()
            && let Err(error) = refused::flush(&self.inner)
        {
            tracing::warn!("the last refused records are lost: {error}");
        }
    }
}

impl Inner {
    fn writer(&self) -> Result<&FairMutex<Writer>, StoreError> {
        self.writing.as_ref().map(|writing| &*writing.writer).ok_or_else(|| StoreError::ReadOnly(self.path.clone()))
    }

    /// Lets the disk catch up with an import.
    fn wal_wait(&self) {
        if let Some(writing) = &self.writing {
            writing.wal.wait_if_long();
        }
    }

    fn check_disk(&self) -> Result<(), StoreError> {
        self.disk.check()
    }

    /// The changes of an item that may not be folded yet. Who then reads the file finds there what
    /// was folded meanwhile.
    fn tail_of(&self, id: &CollectionId, fid: u64) -> Result<Vec<tail::Mark>, StoreError> {
        match self.writing {
            Some(_) => Ok(self.tail.of(id, fid)),
            None => Ok(self.readers.read(|conn| tail::Run::read(conn, usize::MAX))?.marks_of(id, fid)),
        }
    }

    fn last_revision(&self) -> Revision {
        Revision(self.revision.load(Ordering::Acquire))
    }

    /// Called with the writer held, once the revision is committed.
    fn set_last_revision(&self, revision: Revision) {
        self.revision.store(revision.0, Ordering::Release);
    }
}

impl CityStore for GeoPackage {
    fn revision(&self) -> Revision {
        if self.inner.writing.is_none()
            && let Ok(revision) = self.inner.readers.read(catalog::revision)
        {
            self.inner.set_last_revision(revision);
        }
        self.inner.last_revision()
    }

    fn profile(&self) -> Result<CityProfile, StoreError> {
        self.inner.readers.read(catalog::profile)
    }

    fn set_profile(&self, profile: &CityProfile) -> Result<(), StoreError> {
        self.inner.check_disk()?;
        self.inner.writer()?.lock().durably("saving the profile", |tx| catalog::set_profile(tx, profile))
    }

    fn styles(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.inner.readers.read(catalog::styles)
    }

    fn set_style(&self, id: &str, document: Option<&str>) -> Result<bool, StoreError> {
        self.inner.check_disk()?;
        self.inner.writer()?.lock().durably("saving a style", |tx| catalog::set_style(tx, id, document))
    }

    fn collections(&self) -> Result<Vec<CollectionMeta>, StoreError> {
        let entries = self.inner.readers.read(catalog::entries)?;
        Ok(entries.into_iter().map(|entry| entry.meta).collect())
    }

    fn create_live(
        &self,
        id: &CollectionId,
        kind: CollectionKind,
        title: &LocalText,
        category: CimCategory,
        generated: bool,
    ) -> Result<(), StoreError> {
        live::create(&self.inner, id, kind, title, category, generated)
    }

    fn load_layer(&self, id: &CollectionId) -> Result<FeatureTable, StoreError> {
        self.inner.readers.read(|conn| load::layer(conn, id))
    }

    fn versions(&self, id: &CollectionId) -> Result<Vec<LayerVersion>, StoreError> {
        self.inner.readers.read(|conn| versions::list(conn, id))
    }

    fn load_version(&self, id: &CollectionId, version: u32) -> Result<FeatureTable, StoreError> {
        self.inner.readers.read(|conn| versions::load(conn, id, version))
    }

    fn keep_versions(&self, id: &CollectionId, versions: u32) -> Result<(), StoreError> {
        versions::keep(&self.inner, id, versions)
    }

    fn remove_version(&self, id: &CollectionId, version: u32) -> Result<bool, StoreError> {
        versions::remove(&self.inner, id, version)
    }

    fn load_live(&self, id: &CollectionId) -> Result<LiveLoad, StoreError> {
        live::load(&self.inner, id)
    }

    fn stage(&self, draft: LayerDraft) -> Result<Box<dyn LayerStage>, StoreError> {
        Ok(Box::new(stage::Stage::start(&self.inner, draft)?))
    }

    fn solids(&self, id: &CollectionId, fid: u64) -> Result<Vec<Solid>, StoreError> {
        self.inner.readers.read(|conn| load::solids(conn, id, fid))
    }

    fn put_grid(&self, draft: LayerDraft, grid: &Grid) -> Result<CollectionMeta, StoreError> {
        coverage::put(&self.inner, draft, grid)
    }

    fn load_grid(&self, id: &CollectionId) -> Result<Grid, StoreError> {
        self.inner.readers.read(|conn| coverage::load(conn, id))
    }

    fn stage_imagery(&self, draft: LayerDraft, tiles: &Pyramid) -> Result<PublishImagery, StoreError> {
        imagery::stage(&self.inner, draft, tiles)
    }

    fn imagery_levels(&self, id: &CollectionId) -> Result<ImageryLevels, StoreError> {
        self.inner.readers.read(|conn| imagery::levels(conn, id))
    }

    fn imagery_tile(&self, id: &CollectionId, level: u32, column: u32, row: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.readers.read(|conn| imagery::tile(conn, id, level, column, row))
    }

    fn append(&self, changes: &[Change]) -> Result<(), StoreError> {
        journal::append(&self.inner, changes)
    }

    fn changes_after(&self, revision: Revision, max: usize) -> Result<Vec<Change>, StoreError> {
        self.inner.readers.read(|conn| journal::changes_after(conn, revision, max))
    }

    fn state_before(&self, id: &CollectionId, fid: u64, revision: Revision) -> Result<Option<LiveItem>, StoreError> {
        let tail = self.inner.tail_of(id, fid)?;
        self.inner.readers.read(|conn| journal::state_before(conn, id, fid, revision, &tail))
    }

    fn history(&self, query: &HistoryQuery, visit: &mut dyn FnMut(Change) -> bool) -> Result<(), StoreError> {
        history::visit(&self.inner, query, visit)
    }

    fn state_at(&self, id: &CollectionId, instant: Timestamp) -> Result<Vec<LiveItem>, StoreError> {
        history::state_at(&self.inner, id, instant)
    }

    fn open_at(&self, id: &CollectionId, instant: Timestamp) -> Result<Vec<LiveItem>, StoreError> {
        snapshots::open_at(&self.inner, id, instant)
    }

    fn horizon(&self, id: &CollectionId) -> Result<Horizon, StoreError> {
        self.inner.readers.read(|conn| catalog::horizon(conn, id))
    }

    fn expire(&self, query: &ExpireQuery, export: &mut Export<'_>) -> Result<Expired, StoreError> {
        expire::step(&self.inner, query, export)
    }

    fn refuse(&self, records: &[RefusedRecord]) -> Result<(), StoreError> {
        refused::refuse(&self.inner, records)
    }

    fn refused(&self, collection: Option<&CollectionId>, after: u64, max: usize) -> Result<Vec<RefusedRecord>, StoreError> {
        refused::records(&self.inner, collection, after, max)
    }

    fn refused_counts(&self) -> Result<Vec<RefusedCount>, StoreError> {
        refused::counts(&self.inner)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        refused::flush(&self.inner)?;
        fold::checkpoint(&self.inner)
    }

    fn backup(&self, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
        self.inner.readers.read(|conn| backup::copy(conn, to, progress))
    }

    fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.inner.readers.read(|conn| Ok(verify::verify(conn)))
    }
}
