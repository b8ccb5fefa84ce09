//! Which tiles are drawn and which are fetched.

mod cache;
mod select;

pub use cache::TileCache;
pub use select::{LEVEL_MAX, Pyramid, Selection, View};
