//! The live state as the server tells it.

mod state;
mod told;
mod track;

pub use state::{Incident, Link, LiveState, Reply, place_of};
pub use told::{Order, Told, ToldView, WALLS};
pub use track::{Followed, Track};
