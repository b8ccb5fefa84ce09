//! The `datetime` filter of OGC API – Features (17-069r4, clause 7.15.4).

use jiff::Timestamp;
use std::str::FromStr;

/// An instant or an interval, closed on both ends; an open end is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeFilter {
    /// The first instant that matches.
    pub start: Option<Timestamp>,
    /// The last instant that matches.
    pub end: Option<Timestamp>,
}

/// A text that is no instant and no interval.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeFilterError {
    /// A part is no RFC 3339 date-time.
    #[error("“{0}” is no RFC 3339 date-time such as 2026-03-01T08:15:00Z")]
    Instant(String),
    /// The interval ends before it starts.
    #[error("the interval ends before it starts")]
    Reversed,
    /// Both ends are open.
    #[error("an interval needs at least one end")]
    Unbounded,
}

impl TimeFilter {
    /// True if the instant lies in the interval.
    #[must_use]
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.start.is_none_or(|s| s <= instant) && self.end.is_none_or(|e| instant <= e)
    }
}

/// Reads an RFC 3339 instant.
///
/// # Errors
/// The text is no date-time with an offset.
pub fn instant(text: &str) -> Result<Timestamp, TimeFilterError> {
    Timestamp::from_str(text).map_err(|_| TimeFilterError::Instant(text.chars().take(60).collect()))
}

impl FromStr for TimeFilter {
    type Err = TimeFilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((start, end)) = text.split_once('/') else {
            let at = instant(text)?;
            return Ok(Self { start: Some(at), end: Some(at) });
        };
        let side = |part: &str| match part {
            "" | ".." => Ok(None),
            part => instant(part).map(Some),
        };
        let filter = Self { start: side(start)?, end: side(end)? };
        match (filter.start, filter.end) {
            (None, None) => Err(TimeFilterError::Unbounded),
            (Some(s), Some(e)) if e < s => Err(TimeFilterError::Reversed),
            _ => Ok(filter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_intervals_follow_the_standard() {
        let at = |s: &str| instant(s).expect("a date-time");
        let day: TimeFilter = "2018-02-12T00:00:00Z/2018-03-18T12:31:12Z".parse().expect("an interval");
        assert!(day.contains(at("2018-02-12T00:00:00Z")) && day.contains(at("2018-03-18T12:31:12Z")));
        assert!(!day.contains(at("2018-03-18T12:31:13Z")));
        let since: TimeFilter = "2018-02-12T00:00:00+08:00/..".parse().expect("half-bounded");
        assert!(since.contains(at("2018-02-11T16:00:00Z")) && !since.contains(at("2018-02-11T15:59:59Z")));
        assert_eq!("../..".parse::<TimeFilter>(), Err(TimeFilterError::Unbounded));
        assert_eq!("2019-01-01T00:00:00Z/2018-01-01T00:00:00Z".parse::<TimeFilter>(), Err(TimeFilterError::Reversed));
        assert!("yesterday".parse::<TimeFilter>().is_err());
    }
}
