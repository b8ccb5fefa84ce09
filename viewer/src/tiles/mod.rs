//! From a vector tile's bytes to what the GPU draws.

mod build;
mod geometry;
mod mvt;
mod strokes;
mod style;
mod table;

pub use build::{LayerInput, TileBuilder};
pub use geometry::{DrawKind, Record, TileGeometry};
pub use strokes::of_strokes;
pub use style::{ROLE_STYLES, Role};
pub use table::{BuildingTable, Value};
