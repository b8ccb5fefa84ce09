//! Where things are: tiles of the web-map pyramid, and the city's own plane in metres.

mod earth;
mod plane;
mod sun;
mod tile;

pub use earth::geodetic;
pub use plane::CityPlane;
pub use sun::way_to_sun;
pub use tile::{TileId, world_share};
