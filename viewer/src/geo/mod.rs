//! Where things are: tiles of the web-map pyramid, and the city's own plane in metres.

mod earth;
mod plane;
mod tile;

pub use earth::geodetic;
pub use plane::CityPlane;
pub use tile::{TileId, world_share};
