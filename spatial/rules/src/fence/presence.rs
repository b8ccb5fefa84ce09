//! What is remembered of one moving object.

use super::{FenceKey, edges::Clear};
use geo::Coord;
use smallvec::SmallVec;

/// Where an object is and in which fences.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    /// Longitude and latitude, degrees; `None` while it is nowhere.
    pub(super) at: Option<Coord>,
    /// A rectangle around it without any border, if there is one.
    pub(super) clear: Option<Clear>,
    /// The number of changes of fences that it knows of.
    pub(super) seen: u64,
    pub(super) inside: SmallVec<[FenceKey; 2]>,
}

impl Presence {
    /// Longitude and latitude of its last place, degrees; `None` while it is nowhere.
    #[must_use]
    pub fn at(&self) -> Option<(f64, f64)> {
        self.at.map(|at| (at.x, at.y))
    }

    /// The fences that held it at its last place, ascending, as the fences were then.
    #[must_use]
    pub fn inside(&self) -> &[FenceKey] {
        &self.inside
    }
}
