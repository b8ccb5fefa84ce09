//! The city's vocabulary: what every other crate means by a collection, an item, a revision.
//!
//! One idea carries the design: **everything is a collection**. A layer is a collection whose
//! items rest between versions ([`FeatureTable`]); a live collection's items change one by one
//! ([`LiveItem`]). Readers see both through one view, [`FeatureRef`].
//!
//! Coordinates are always longitude, latitude in degrees (x, y), on CGCS2000 or WGS 84, which
//! agree within centimetres; heights are metres. Geometry is kept as ISO WKB bytes from the file
//! to the answer, so that loading a layer copies instead of parsing ([`geometry`]).
//!
//! This crate knows nothing of files, indexes, HTTP or threads.

pub mod area;
pub mod change;
pub mod collection;
pub mod feature;
pub mod geometry;
pub mod grid;
mod intern;
pub mod limits;
pub mod live;
pub mod profile;
pub mod revision;
pub mod table;
pub mod time;
pub mod value;

pub use area::Area;
pub use change::{Change, EventDraft, RefusedRecord};
pub use collection::{CimCategory, CollectionId, CollectionKind, CollectionMeta, LocalText};
pub use feature::FeatureRef;
pub use geometry::{Bbox, GeometryError, Wkb};
pub use grid::{Grid, ImageryLevels};
pub use intern::{SharedText, intern};
pub use live::{AREA_PROPERTIES, Areas, LifeState, LiveItem, LiveParts, LiveRecord};
pub use profile::{AreaLevel, CityProfile, View};
pub use revision::Revision;
pub use table::{FeatureTable, FeatureTableBuilder, RowIds};
pub use time::{TimeFilter, TimeFilterError};
pub use value::{Field, FieldType, Schema, Value, ValueRef};

/// A property map in source order, as GeoJSON has it.
pub type Properties = serde_json::Map<String, serde_json::Value>;
