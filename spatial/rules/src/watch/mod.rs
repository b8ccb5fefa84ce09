//! What each kind of rule remembers, and what it finds in a change or in the passing of time.
//!
//! A watch forgets on a restart what the present state of the items shows again, and what its
//! findings made of the alarms is kept with the alarms: so it may find a thing once more, or
//! that something ends which never began; [`crate::alarms`] sorts that out. A state of affairs
//! that is there when an item is first shown comes due at once.

mod fence;
mod near;
mod rate;
mod silence;
mod threshold;

pub(crate) use fence::FenceWatch;
pub(crate) use near::NearWatch;
pub(crate) use rate::{RateWatch, WINDOWS_KEPT};
pub(crate) use silence::SilenceWatch;
pub(crate) use threshold::ThresholdWatch;

use crate::alarms::Ongoing;
use citywall_model::{CollectionId, LiveItem, geometry};
use geo::InteriorPoint;
use jiff::{SignedDuration, Timestamp};

/// A change as a rule sees it.
pub(crate) struct Seen<'a> {
    pub(crate) collection: &'a CollectionId,
    pub(crate) item: &'a LiveItem,
    /// True if the item is new with this change.
    pub(crate) is_new: bool,
    /// True if the item is there, and the rule's filter holds of it.
    pub(crate) counts: bool,
    /// True at the instants at which the rule is on. What is found at others is dropped or kept
    /// back later, so that a watch need not look, but for what it counts.
    pub(crate) is_on: &'a dyn Fn(Timestamp) -> bool,
}

/// What a finding says of the alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Something happened.
    Once,
    /// A state of affairs begins.
    Begins,
    /// It is over.
    Ends,
}

/// What a rule has found.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// What it is of, so that what is found again is known again.
    pub(crate) key: String,
    pub(crate) phase: Phase,
    pub(crate) at: Timestamp,
    /// The items that caused it, the latest last.
    pub(crate) items: Vec<(CollectionId, LiveItem)>,
    pub(crate) fence: Option<String>,
    pub(crate) value: Option<f64>,
}

/// One rule's memory.
pub(crate) trait Watch: Send {
    /// The collections besides the rule's own whose items it follows.
    fn others(&self) -> Vec<CollectionId> {
        Vec::new()
    }

    /// Takes in an item as it is, without finding anything.
    fn know(&mut self, seen: &Seen<'_>);

    /// Takes in a change.
    fn see(&mut self, seen: &Seen<'_>, findings: &mut Vec<Finding>);

    /// Finds what follows from the time being at least `now`.
    fn due(&mut self, now: Timestamp, findings: &mut Vec<Finding>);

    /// A fence came, changed or went; `None` if it went. True if one went.
    fn fence(&mut self, _id: &str, _geometry: Option<&[u8]>) -> bool {
        false
    }

    /// Which of the states of affairs that were found are none any more, although nothing was
    /// found to end them. A watch that finds each end anyway has none.
    fn is_over(&self, ongoing: &[Ongoing]) -> Vec<bool> {
        vec![false; ongoing.len()]
    }
}

/// Where an item is: longitude, latitude, degrees; of a line or an area a point on it.
pub(crate) fn place(item: &LiveItem) -> Option<(f64, f64)> {
    let wkb = item.geometry()?;
    geometry::as_point(wkb).or_else(|| geometry::to_geo(wkb)?.interior_point().map(|point| (point.x(), point.y())))
}

/// An instant so many seconds later, at most the last one that there is.
pub(crate) fn later(at: Timestamp, seconds: f64) -> Timestamp {
    let wait = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::ZERO);
    at.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
