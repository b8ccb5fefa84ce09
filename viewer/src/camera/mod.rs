//! The camera: an orbit around a place on the city's plane, and how it moves.

mod control;
mod flight;
mod orbit;

pub use control::{CameraPlugin, Rig};
pub use flight::Flight;
pub use orbit::{Eye, Orbit};
