//! The rules of a served city: checked when they are stored, applied to every commit, tried on
//! the past. What a rule is and finds is [`citywall_rules`]'; here it meets the city.

mod check;
mod past;
mod reaction;
mod trial;

pub use check::{check, concern};
pub use reaction::start;
pub use trial::{Trial, run};

use citywall_query::City;
use jiff::tz::TimeZone;

/// The zone whose days and hours rules mean; UTC where the profile names none that is known.
fn zone(city: &City) -> TimeZone {
    TimeZone::get(&city.profile().time_zone).unwrap_or(TimeZone::UTC)
}
