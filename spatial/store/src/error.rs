//! What can go wrong with a city file.

use citywall_model::{CollectionId, Revision};
use std::path::{Path, PathBuf};

/// What can go wrong with a city file. Each message names the file or the place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such file.
    #[error("there is no city file {0}")]
    Missing(PathBuf),
    /// A file of that name exists and would be overwritten.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// The file is something else.
    #[error("{path} is no city file: {reason}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        reason: String,
    },
    /// The file was written by a newer version.
    #[error("{path} has format {found}; this version reads up to {known}. Use a newer citywall")]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// Another process writes the file.
    #[error("{path} is in use by process {pid}{}", address.as_ref().map(|a| format!(", which serves it at {a}")).unwrap_or_default())]
    Locked {
        /// The file.
        path: PathBuf,
        /// The other process.
        pid: u32,
        /// Where it serves the file, if it does.
        address: Option<String>,
    },
    /// The file was opened for reading.
    #[error("{0} is open for reading only")]
    ReadOnly(PathBuf),
    /// A collection cannot have that name.
    #[error("“{0}” cannot be a collection: names that begin with gpkg_, rtree_, sqlite_ or citywall_ are the file's own")]
    ReservedName(CollectionId),
    /// A CRS in which nothing is stored.
    #[error("EPSG:{0} is no CRS of a city file: layers are stored in EPSG:4326 or EPSG:4490, imagery in EPSG:3857")]
    StorageCrs(u32),
    /// There is no such collection.
    #[error("there is no collection “{0}”")]
    NoCollection(CollectionId),
    /// No such version of a layer is kept.
    #[error("version {version} of “{id}” is not kept")]
    NoVersion {
        /// The layer.
        id: CollectionId,
        /// The version.
        version: u32,
    },
    /// The collection is of the other sort.
    #[error("“{id}” is {is}, not {wanted}")]
    WrongKind {
        /// The collection.
        id: CollectionId,
        /// What it is.
        is: &'static str,
        /// What was wanted.
        wanted: &'static str,
    },
    /// Changes did not follow the last revision.
    #[error("revision {found} cannot follow {last}")]
    OutOfOrder {
        /// The last committed revision.
        last: Revision,
        /// The offered one.
        found: Revision,
    },
    /// The disk is nearly full.
    #[error("the disk with {path} has {free_bytes} bytes left; {min_bytes} are kept free, so nothing more is written")]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What is left.
        free_bytes: u64,
        /// The limit.
        min_bytes: u64,
    },
    /// A named limit is passed.
    #[error("{what} passes the limit {name} ({max})")]
    Limit {
        /// What is too large.
        what: String,
        /// The limit's name.
        name: &'static str,
        /// Its value.
        max: usize,
    },
    /// A row of the file does not make sense.
    #[error("{place} is damaged: {reason}")]
    Damaged {
        /// Table and row.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// SQLite's own error.
    #[error("{doing}: {source}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: rusqlite::Error,
    },
    /// The operating system's error.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Says what SQLite was asked to do when it failed.
pub(crate) trait Doing<T> {
    /// The result, with the deed beside the cause.
    fn doing(self, deed: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, deed: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sqlite { doing: deed, source })
    }
}

/// Says which file the operating system failed on.
pub(crate) trait At<T> {
    /// The result, with the file beside the cause.
    fn at(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io { path: path.to_owned(), source })
    }
}

/// The instant of a number of microseconds in the file.
pub(crate) fn instant(micros: i64, place: &str) -> Result<jiff::Timestamp, StoreError> {
    jiff::Timestamp::from_microsecond(micros).map_err(|e| StoreError::damaged(place, e))
}

impl StoreError {
    /// A row that does not make sense.
    pub(crate) fn damaged(place: impl Into<String>, reason: impl ToString) -> Self {
        Self::Damaged { place: place.into(), reason: reason.to_string() }
    }
}
