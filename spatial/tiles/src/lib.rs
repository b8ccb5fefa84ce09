//! Vector tiles of any collection: Mapbox Vector Tile 2.1 in the tile matrix sets of [`MatrixSet`].
//!
//! One path serves layers and live collections: whoever has the features that meet a tile's
//! [`TileId::window`] gives them to a [`TileBuilder`] one by one. Each goes straight from its WKB to
//! the tile's commands, over buffers that all features share; nothing is allocated per feature.
//!
//! - Coordinates are snapped to the tile's grid of 4096 units before anything else, so that
//!   neighbouring polygons keep their common border and neighbouring tiles agree along their edge.
//! - What a zoom level shows is a rule ([`rules`]), and a tile over
//!   [`citywall_model::limits::TILE_BYTES_MAX`] leaves out what matters least and says so.
//! - Below the zoom level of all detail, points that would lie on each other are one feature with
//!   [`COUNT_FIELD`]; its feature id is no item's.
//! - The feature id is the fid. Where the item's id is something else, it is the attribute
//!   [`ID_FIELD`]. Nulls are left out; arrays and objects are their JSON text.
//! - A whole tileset goes into one file ([`write_archive`]).
//! - What has cells instead of features becomes pictures ([`terrain`], [`imagery`]).
//! - A tile is made new when a shape in it changed, and only then ([`FreshTiles`]).
//!
//! This crate knows nothing of indexes or HTTP.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
mod attributes;
mod builder;
mod cache;
mod changed;
mod cluster;
mod draw;
mod fresh;
pub mod imagery;
mod layer;
mod matrix;
mod protobuf;
pub mod rules;
mod shape;
pub mod terrain;
mod tile;
pub mod tilejson;
mod touched;
mod wkb;

pub use archive::{ArchiveCounts, ArchiveError, ArchiveFormat, ArchivePlan, ArchiveProgress, write_archive};
pub use builder::{LayerBuilder, LayerCounts, Tile, TileBuilder};
pub use cache::{CachedTile, Coding};
pub use changed::{Changed, Kept};
pub use cluster::COUNT_FIELD;
pub use fresh::{Fresh, FreshTiles, draw, draw_kept};
pub use layer::ID_FIELD;
pub use matrix::{MatrixSet, MatrixSetError};
pub use tile::{BUFFER, EXTENT, TileError, TileId};
pub use touched::{TouchLog, Touched};
