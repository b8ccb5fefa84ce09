//! Fences: which of many polygons hold a point, and what changes when the point moves.
//!
//! A fence is a closed set: its border belongs to it, so a point on the border that two
//! neighbours share is in both. What a move does follows from its two ends and the fences as
//! they are now, and from nothing else; so nothing needs to be kept over a restart.
//!
//! This module knows nothing of rules, collections or time.

mod area;
mod edges;
mod index;
mod presence;

pub use index::{FenceError, FenceIndex, FenceKey, Transition};
pub use presence::Presence;
