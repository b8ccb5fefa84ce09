//! Whether a rule is on at an instant.

use crate::document::Hours;
use jiff::{Timestamp, ToSpan, civil::Weekday, tz::TimeZone};

impl Hours {
    /// True if an instant lies in the window, by the clocks of a zone. The window of a day begins
    /// at `from` and may end on the next day; where both are the same, it is the whole day.
    #[must_use]
    pub fn holds(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let local = at.to_zoned(zone.clone());
        let (day, time) = (local.weekday(), local.time());
        let begins_on = |day: Weekday| self.days.is_empty() || self.days.contains(&day.to_monday_one_offset());
        if self.from < self.to {
            return begins_on(day) && self.from <= time && time < self.to;
        }
        (begins_on(day) && time >= self.from) || (begins_on(day.previous()) && time < self.to)
    }

    /// The first instant from `at` on that lies in the window: `at` itself, or when the window next
    /// begins; `None` if there is none within eight days.
    #[must_use]
    pub fn next(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.holds(at, zone) {
            return Some(at);
        }
        let today = at.to_zoned(zone.clone()).date();
        let begins = (0..=8).filter_map(|days| {
            let day = today.checked_add(days.days()).ok()?;
            Some(day.to_datetime(self.from).to_zoned(zone.clone()).ok()?.timestamp())
        });
        begins.filter(|begin| *begin > at).find(|begin| self.holds(*begin, zone))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hours(from: &str, to: &str, days: &[i8]) -> Hours {
        Hours { from: from.parse().unwrap(), to: to.parse().unwrap(), days: days.to_vec() }
    }

    #[test]
    fn a_window_may_pass_midnight_and_belongs_to_the_day_on_which_it_begins() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        // 2026-03-02 is a Monday; Shanghai is eight hours ahead.
        let at = |text: &str| format!("{text}+08:00").parse::<Timestamp>().unwrap();
        let night = hours("22:00", "06:00", &[1]);
        for (time, is_on) in [
            ("2026-03-02T21:59:59", false),
            ("2026-03-02T22:00:00", true),
            ("2026-03-03T05:59:59", true),
            ("2026-03-03T06:00:00", false),
            ("2026-03-03T23:00:00", false),
            ("2026-03-02T05:00:00", false),
        ] {
            assert_eq!(night.holds(at(time), &zone), is_on, "{time}");
        }
        let day = hours("07:00", "19:00", &[]);
        assert!(day.holds(at("2026-03-08T07:00:00"), &zone) && !day.holds(at("2026-03-08T19:00:00"), &zone));
        for (from, begins) in [
            ("2026-03-02T21:59:59", "2026-03-02T22:00:00"),
            ("2026-03-03T03:00:00", "2026-03-03T03:00:00"),
            ("2026-03-03T06:00:00", "2026-03-09T22:00:00"),
        ] {
            assert_eq!(night.next(at(from), &zone), Some(at(begins)), "{from}");
        }
        assert!(hours("00:00", "00:00", &[]).holds(at("2026-03-08T12:00:00"), &zone));
    }
}
