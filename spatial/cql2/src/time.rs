//! Instants, days and intervals.
//!
//! An instant is the range from its first to its last moment: a timestamp is one moment, a day
//! lasts from midnight to midnight of the collection's time zone. So a timestamp and a day compare
//! as two days do (OGC 21-065r2, clause 7.6.5 leaves the cast open), and all definitions of
//! OWL-Time follow from the comparison of two ends.

use crate::{
    FilterError, Place,
    expr::{Node, Temporal},
};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use std::cmp::Ordering;

/// A timestamp or a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant {
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl Instant {
    pub(crate) fn at(moment: Timestamp) -> Self {
        Self { first: moment, last: moment }
    }

    /// The whole day in a time zone.
    pub(crate) fn day(day: Date, zone: &TimeZone) -> Option<Self> {
        let midnight = |day: Date| day.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
        let first = midnight(day)?;
        let next = day.tomorrow().ok().and_then(midnight);
        let last = next.map_or(Timestamp::MAX, |next| next - jiff::Span::new().nanoseconds(1));
        Some(Self { first, last })
    }

    /// The instant that a text names: a date, or a date and time, without an offset local.
    pub(crate) fn of_text(text: &str, zone: &TimeZone) -> Option<Self> {
        if is_date(text) {
            return Self::day(text.parse().ok()?, zone);
        }
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if let Ok(moment) = text.parse() {
            return Some(Self::at(moment));
        }
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(zone.clone()).ok().map(|zoned| Self::at(zoned.timestamp()))
    }

    /// Before, after, or the same as far as both are known.
    #[inline]
    pub(crate) fn compare(self, other: Self) -> Ordering {
        if self.last < other.first {
            Ordering::Less
        } else if self.first > other.last {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }
}

/// From the start to the end, both included. An instant starts and ends with itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

impl Temporal {
    /// True if the function is defined for instants as well as for intervals.
    pub(crate) fn takes_instants(self) -> bool {
        matches!(self, Self::After | Self::Before | Self::Disjoint | Self::Equals | Self::Intersects)
    }

    /// The function that gives the same with its arguments exchanged.
    pub(crate) fn exchanged(self) -> Self {
        match self {
            Self::After => Self::Before,
            Self::Before => Self::After,
            Self::Contains => Self::During,
            Self::During => Self::Contains,
            Self::FinishedBy => Self::Finishes,
            Self::Finishes => Self::FinishedBy,
            Self::Meets => Self::MetBy,
            Self::MetBy => Self::Meets,
            Self::OverlappedBy => Self::Overlaps,
            Self::Overlaps => Self::OverlappedBy,
            Self::StartedBy => Self::Starts,
            Self::Starts => Self::StartedBy,
            same => same,
        }
    }

    /// The definitions of OWL-Time (W3C, 2017) as the standard's tables 7 and 8 refer to them.
    pub(crate) fn holds(self, a: Interval, b: Interval) -> bool {
        use Ordering::{Equal, Greater, Less};
        let starts = a.start.compare(b.start);
        let ends = a.end.compare(b.end);
        match self {
            Self::After => a.start.compare(b.end) == Greater,
            Self::Before => a.end.compare(b.start) == Less,
            Self::Disjoint => Self::Before.holds(a, b) || Self::After.holds(a, b),
            Self::Intersects => !Self::Disjoint.holds(a, b),
            Self::Equals => (starts, ends) == (Equal, Equal),
            Self::Contains => (starts, ends) == (Less, Greater),
            Self::Finishes => (starts, ends) == (Greater, Equal),
            Self::Meets => a.end.compare(b.start) == Equal,
            Self::Overlaps => starts == Less && ends == Less && a.end.compare(b.start) == Greater,
            Self::Starts => (starts, ends) == (Equal, Less),
            Self::During | Self::FinishedBy | Self::MetBy | Self::OverlappedBy | Self::StartedBy => self.exchanged().holds(b, a),
        }
    }
}

fn is_date(text: &str) -> bool {
    let digits = |at: std::ops::Range<usize>| text.as_bytes()[at].iter().all(u8::is_ascii_digit);
    text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-' && digits(0..4) && digits(5..7) && digits(8..10)
}

/// Reads `full-date` of RFC 3339.
pub(crate) fn date(place: &Place, text: &str) -> Result<Date, FilterError> {
    let day = Some(text).filter(|text| is_date(text)).and_then(|text| text.parse().ok());
    day.ok_or_else(|| FilterError::new(place, "a date such as 2026-03-01", format!("'{text}'")))
}

/// Reads `date-time` of RFC 3339, with any offset.
pub(crate) fn timestamp(place: &Place, text: &str) -> Result<Timestamp, FilterError> {
    let is_long = text.len() >= 20 && text.get(..10).is_some_and(is_date) && !text.contains('[');
    let at = Some(text).filter(|_| is_long).and_then(|text| text.parse().ok());
    at.ok_or_else(|| FilterError::new(place, "a timestamp such as 2026-03-01T08:15:00Z", format!("'{text}'")))
}

/// Reads a date or a timestamp.
pub(crate) fn instant(place: &Place, text: &str) -> Result<Node, FilterError> {
    if is_date(text) { date(place, text).map(Node::Date) } else { timestamp(place, text).map(Node::Timestamp) }
}
