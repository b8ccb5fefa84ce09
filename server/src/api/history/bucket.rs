//! Spans of time that observations are gathered in.

use jiff::{SignedDuration, Span, Timestamp, ToSpan, civil::Weekday, tz::TimeZone};
use std::str::FromStr;

/// The width of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// A part of a day, in seconds; it divides the day.
    Seconds(i64),
    /// A day of the time zone, whatever its length.
    Day,
    /// A week from Monday on.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

const DAY: i64 = 24 * 3600;

impl FromStr for Bucket {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "must be a part of a day that divides it, such as PT15M or PT1H, or P1D, P1W, P1M or P1Y";
        match text {
            "P1D" | "PT24H" => return Ok(Self::Day),
            "P1W" | "P7D" => return Ok(Self::Week),
            "P1M" => return Ok(Self::Month),
            "P1Y" => return Ok(Self::Year),
            _ => {}
        }
        let duration = SignedDuration::from_str(text).map_err(|_| wanted)?;
        let seconds = duration.as_secs();
        let divides = duration.subsec_nanos() == 0 && (1..DAY).contains(&seconds) && DAY % seconds == 0;
        if text.starts_with("PT") && divides { Ok(Self::Seconds(seconds)) } else { Err(wanted) }
    }
}

impl Bucket {
    /// The bucket that an instant lies in: its first instant, and that of the next one.
    pub fn around(self, instant: Timestamp, zone: &TimeZone) -> Result<(Timestamp, Timestamp), jiff::Error> {
        let local = instant.to_zoned(zone.clone());
        let day = local.start_of_day()?;
        let span = |start: jiff::Zoned, span: Span| Ok((start.timestamp(), start.checked_add(span)?.timestamp()));
        match self {
            Self::Seconds(seconds) => {
                let midnight = day.timestamp();
                let passed = instant.duration_since(midnight).as_secs() / seconds;
                let start = midnight.checked_add(SignedDuration::from_secs(passed * seconds))?;
                let end = start.checked_add(SignedDuration::from_secs(seconds))?;
                // Where the clock is set forward or back, the day's last bucket ends with the day.
                Ok((start, end.min(day.checked_add(1.day())?.timestamp())))
            }
            Self::Day => span(day, 1.day()),
            Self::Week => {
                let since_monday = i64::from(day.weekday().since(Weekday::Monday));
                span(day.checked_sub(since_monday.days())?, 7.days())
            }
            Self::Month => span(day.first_of_month()?.start_of_day()?, 1.month()),
            Self::Year => span(day.first_of_year()?.start_of_day()?, 1.year()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn around(bucket: &str, instant: &str, zone: &str) -> (String, String) {
        let zone = TimeZone::get(zone).unwrap();
        let (start, end) = bucket.parse::<Bucket>().unwrap().around(instant.parse().unwrap(), &zone).unwrap();
        (start.to_zoned(zone.clone()).datetime().to_string(), end.to_zoned(zone).datetime().to_string())
    }

    #[test]
    fn buckets_follow_the_citys_days() {
        for (bucket, instant, zone, start, end) in [
            ("PT1H", "2026-03-01T08:15:00Z", "Asia/Shanghai", "2026-03-01T16:00:00", "2026-03-01T17:00:00"),
            ("PT6H", "2026-03-01T08:15:00Z", "Asia/Shanghai", "2026-03-01T12:00:00", "2026-03-01T18:00:00"),
            ("PT15M", "2026-03-01T08:15:00Z", "Asia/Kathmandu", "2026-03-01T14:00:00", "2026-03-01T14:15:00"),
            ("P1D", "2026-03-01T16:00:00Z", "Asia/Shanghai", "2026-03-02T00:00:00", "2026-03-03T00:00:00"),
            ("P1W", "2026-03-01T15:59:59Z", "Asia/Shanghai", "2026-02-23T00:00:00", "2026-03-02T00:00:00"),
            ("P1M", "2026-03-01T15:59:59Z", "Asia/Shanghai", "2026-03-01T00:00:00", "2026-04-01T00:00:00"),
            ("P1Y", "2026-03-01T15:59:59Z", "Asia/Shanghai", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
            // A day of 23 hours and one of 25.
            ("P1D", "2026-03-29T10:00:00Z", "Europe/Berlin", "2026-03-29T00:00:00", "2026-03-30T00:00:00"),
            ("PT12H", "2026-10-25T22:30:00Z", "Europe/Berlin", "2026-10-25T23:00:00", "2026-10-26T00:00:00"),
        ] {
            assert_eq!(around(bucket, instant, zone), (start.to_owned(), end.to_owned()), "{bucket} {instant} {zone}");
        }
        for bad in ["", "1h", "PT7M", "PT0S", "-PT1H", "P2D", "PT25H", "PT0.5S", "P1DT1H"] {
            assert!(bad.parse::<Bucket>().is_err(), "{bad}");
        }
    }
}
