//! Reads foreign files into a city.
//!
//! [`plan`] says what a source is and what collections it will make; [`run`] reads it and stages
//! them. A reader thread parses, transforms and mends ([`report::Repair`]) while the calling
//! thread writes, so that the two overlap on two cores. Nothing is published here: the caller
//! publishes the stages that it gets, all of them or none.
//!
//! Nothing is dropped in silence. A record that cannot be stored is refused with its place and
//! the reason, in the [`ImportReport`] and in the file of refused records, and the next one is
//! read. What leaves no next record to find (a truncated file, a broken frame) ends the import
//! with an error that names the place, and a version that was there stays.
//!
//! GeoJSON, newline-delimited GeoJSON, CityJSON and CSV are read here; GDAL reads Shapefile,
//! GeoPackage, FlatGeobuf, OSM, KML, DXF and a few more. A raster is no set of items:
//! [`is_raster`] tells one; [`read_elevation`] makes a grid of heights of it for the store, and
//! [`read_imagery`] map tiles of a picture ([`is_picture`]).
//!
//! This crate knows nothing of the city file beyond [`LayerStage`], of indexes or of HTTP.

mod bytes;
mod cityjson;
mod clean;
mod csv;
mod elevation;
mod error;
mod imagery;
mod json;
mod ogr;
mod options;
mod progress;
mod raster;
pub mod report;
mod run;
mod shape;
mod sink;
mod source;
mod valid;
mod wkb_in;

pub use elevation::{Elevation, read_elevation};
pub use error::ImportError;
pub use imagery::{Imagery, read_imagery};
pub use options::{ImportOptions, LayerPlan};
pub use progress::{Phase, Progress, Silent, State};
pub use raster::{is_picture, is_raster};
pub use report::{ImportReport, LayerReport};
pub use run::{Failed, Import, run};
pub use source::plan;

#[doc(no_inline)]
pub use citywall_store::LayerStage;
