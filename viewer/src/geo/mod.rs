//! Where things are: tiles of the web-map pyramid, and the city's own plane in metres.

mod plane;
mod tile;

pub use plane::CityPlane;
pub use tile::{TileId, world_share};
