//! What is remembered of one moving object.

use super::FenceKey;
use geo::Coord;
use smallvec::SmallVec;

/// Where an object is, in which fences, and how far it may go until that can change.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    /// Longitude and latitude, degrees; `None` while it is nowhere.
    pub(super) at: Option<Coord>,
    /// The centre of a circle that no border meets.
    pub(super) centre: Coord,
    /// The square of the circle's radius, degrees²; 0 if there is no such circle.
    pub(super) clear2: f64,
    /// How far around its place borders were looked for, degrees.
    pub(super) reach: f64,
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
