//! The live state as the server tells it.

mod state;

pub use state::{Incident, Link, LiveState, Reply, place_of};
