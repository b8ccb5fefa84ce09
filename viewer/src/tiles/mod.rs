//! From a vector tile's bytes to what the GPU draws.

mod build;
mod drape;
mod faces;
mod flow;
mod geometry;
mod mvt;
mod relief;
mod strokes;
mod style;
mod table;

pub use build::{LayerInput, TileBuilder};
pub use flow::Flow;
pub use geometry::{DrawKind, Record, TileGeometry};
pub use relief::{Node, Relief, Samples};
pub use strokes::of_strokes;
pub use style::{ROLE_STYLES, Role};
pub use table::{BuildingTable, Value};
