//! What ends an import.

use citywall_crs::CrsError;
use citywall_store::StoreError;
use std::path::PathBuf;

/// What ends an import; a bad record only ends up in the report. Each message names the place
/// and, where there is one, the flag that helps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The source cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The source.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The source is nothing that is known.
    #[error("{path} cannot be imported: {reason}")]
    Foreign {
        /// The source.
        path: PathBuf,
        /// What it is, or what it lacks.
        reason: String,
    },
    /// The source ends in the middle of something.
    #[error("{path} is cut off at {place}, after {records} complete records; nothing of it was published")]
    Truncated {
        /// The source.
        path: PathBuf,
        /// Where it ends: line or byte.
        place: String,
        /// Records read before.
        records: u64,
    },
    /// The source breaks its format between records, so that no next record can be found.
    #[error("{path} is broken at {place}: {reason}; nothing of it was published")]
    Broken {
        /// The source.
        path: PathBuf,
        /// Where: line or byte.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// The source does not say what its coordinates mean.
    #[error("{path}{} says no coordinate reference system: add --crs EPSG:4326 (or its code, GCJ-02 or BD-09)", layer.as_ref().map(|l| format!(", layer “{l}”,")).unwrap_or_default())]
    NoCrs {
        /// The source.
        path: PathBuf,
        /// The layer, if there are several.
        layer: Option<String>,
    },
    /// The source's CRS is of no use.
    #[error("{path}: {source}")]
    Crs {
        /// The source.
        path: PathBuf,
        /// The cause.
        source: CrsError,
    },
    /// The coordinates do not lie where the CRS is meant to be used.
    #[error(
        "the coordinates land at {extent:.4?} (west, south, east, north), outside the area {area:.4?} of {crs}: this is probably the wrong --crs"
    )]
    OutsideArea {
        /// The CRS.
        crs: String,
        /// The extent of what was read.
        extent: [f64; 4],
        /// The area of the CRS.
        area: [f64; 4],
    },
    /// Not one record could be stored, so a version before would be replaced by nothing.
    #[error("nothing to store in “{collection}”: {reason}")]
    Nothing {
        /// The collection.
        collection: String,
        /// Why.
        reason: String,
    },
    /// An option does not fit the source.
    #[error("{0}")]
    Option(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller asked to stop.
    #[error("the import was stopped; nothing was published")]
    Cancelled,
    /// A reader failed in a way that is a fault of this program.
    #[error("the reader of {0} failed; this is a fault of citywall, not of the file")]
    Reader(PathBuf),
}
