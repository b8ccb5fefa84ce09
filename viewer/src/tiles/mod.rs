//! From a vector tile's bytes to what the GPU draws.

mod build;
mod geometry;
mod mvt;
mod style;

pub use build::{LayerInput, TileBuilder};
pub use geometry::{DrawKind, Record, TileGeometry};
pub use style::{ROLE_STYLES, Role};
