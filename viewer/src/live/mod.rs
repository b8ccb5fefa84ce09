//! The live state as the server tells it.

mod drawing;
mod replayed;
mod state;
mod told;
mod track;
mod tracks;

pub use drawing::{DRAWINGS_MAX, Drawing, DrawingKind};
pub use replayed::{Replayed, ToldReplay};
pub use state::{Changes, Incident, Link, LiveState, Reply, place_of};
pub use told::{Order, Told, ToldView, WALLS};
pub use track::{Followed, Track};
pub use tracks::Tracks;
