//! The city-wide revision.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of a committed change: one durable, gapless sequence for the whole city.
///
/// ETags, push messages, tiles, cursors and answers all mean this number. Zero is the empty city.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision that follows this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
