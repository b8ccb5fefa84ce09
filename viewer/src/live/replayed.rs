//! The past on the wall: what it is told to replay, and the instant that the replay has reached.

use citywall_wire::{Replay, ReplayMark};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// A past window, and where in it the wall is to be. Whoever steers says at which instant the replay was (`at`)
/// and when that was so (`since`): so a wall that joins late, and each of several, knows where it is by now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToldReplay {
    /// The first instant, RFC 3339.
    pub from: String,
    /// The last instant; absent means that of the subscription.
    #[serde(default)]
    pub to: Option<String>,
    /// Seconds of the past that pass in one second.
    #[serde(default = "one")]
    pub speed: f64,
    /// True while it stands still.
    #[serde(default)]
    pub paused: bool,
    /// The instant from which it goes on; absent means `from`.
    #[serde(default)]
    pub at: Option<String>,
    /// The time of day when it was at `at`; absent means when the wall hears of it.
    #[serde(default)]
    pub since: Option<String>,
}

fn one() -> f64 {
    1.0
}

impl From<Replay> for ToldReplay {
    fn from(replay: Replay) -> Self {
        Self { from: replay.from, to: replay.to, speed: replay.speed, paused: false, at: None, since: None }
    }
}

impl ToldReplay {
    /// The window, as the server is asked for it.
    #[must_use]
    pub fn window(&self) -> Replay {
        Replay { from: self.from.clone(), to: self.to.clone(), speed: self.speed }
    }

    /// True if both play the same window; how is another matter.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        (&self.from, &self.to) == (&other.from, &other.to)
    }

    /// The instant that is to be on the wall at a time of day.
    #[must_use]
    pub fn position(&self, now: Timestamp) -> Option<Timestamp> {
        let (from, to) = (self.from.parse::<Timestamp>().ok()?, self.to.as_ref().and_then(|to| to.parse().ok()));
        let at = self.at.as_ref().and_then(|at| at.parse().ok()).unwrap_or(from);
        let since: Option<Timestamp> = self.since.as_ref().and_then(|since| since.parse().ok());
        let passed = since.filter(|_| !self.paused).map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0) * self.speed);
        let passed = SignedDuration::try_from_secs_f64(passed).unwrap_or(SignedDuration::MAX);
        Some(at.saturating_add(passed).unwrap_or(now).clamp(from, to.unwrap_or(now).max(from)))
    }

    /// What makes no sense, if something does not.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let instants = [Some(&self.from), self.to.as_ref(), self.at.as_ref(), self.since.as_ref()];
        let wrong = instants.into_iter().flatten().find(|text| text.parse::<Timestamp>().is_err());
        let fault = wrong.map(|text| format!("“{text}”不是时间"));
        fault.or_else(|| (!(self.speed.is_finite() && self.speed > 0.0)).then(|| format!("速度 {} 须大于 0", self.speed)))
    }
}

/// The clock of the replay on the wall. The server says every few seconds what time it is there; between that the
/// wall counts on.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The window.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Seconds of the past that pass in one second.
    pub speed: f64,
    /// True while it stands still because it was told to.
    pub paused: bool,
    /// True once its end is reached.
    pub ended: bool,
    at: Timestamp,
    heard: Instant,
    is_held: bool,
}

impl Replayed {
    /// The clock at the beginning of a snapshot; `None` if the mark makes no sense.
    #[must_use]
    pub fn begin(mark: &ReplayMark, paused: bool, now: Instant) -> Option<Self> {
        let [from, to, at] = [&mark.from, &mark.to, &mark.time].map(|t| t.parse::<Timestamp>().ok());
        let (from, to, at) = (from?, to?, at?);
        Some(Self { from, to, speed: mark.speed, paused, ended: false, at, heard: now, is_held: false })
    }

    /// The instant that is shown.
    #[must_use]
    pub fn time(&self, now: Instant) -> Timestamp {
        if self.paused || self.ended || self.is_held {
            return self.at;
        }
        let passed = now.saturating_duration_since(self.heard).as_secs_f64() * self.speed;
        let passed = SignedDuration::try_from_secs_f64(passed).unwrap_or(SignedDuration::MAX);
        self.at.saturating_add(passed).unwrap_or(self.to).min(self.to)
    }

    /// The server has said what time it is.
    pub fn hear(&mut self, time: &str, ended: bool, now: Instant) {
        if let Ok(at) = time.parse() {
            (self.at, self.heard, self.ended, self.is_held) = (at, now, ended, false);
        }
    }

    /// It goes on at another speed, or stands still.
    pub fn steer(&mut self, paused: bool, speed: f64, now: Instant) {
        (self.at, self.heard) = (self.time(now), now);
        (self.paused, self.speed) = (paused, speed);
    }

    /// Nobody says what time it is any more.
    pub fn hold(&mut self, now: Instant) {
        (self.at, self.heard, self.is_held) = (self.time(now), now, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn told(more: serde_json::Value) -> ToldReplay {
        let mut told = serde_json::json!({"from": "2026-03-01T08:00:00Z", "to": "2026-03-01T10:00:00Z", "speed": 60});
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(told).unwrap()
    }

    #[test]
    fn who_joins_late_is_where_the_others_are() {
        let now: Timestamp = "2026-03-02T00:01:00Z".parse().unwrap();
        let position = |more| told(more).position(now).unwrap().to_string();
        assert_eq!(position(serde_json::json!({})), "2026-03-01T08:00:00Z");
        let playing = serde_json::json!({"at": "2026-03-01T08:30:00Z", "since": "2026-03-02T00:00:00Z"});
        assert_eq!(position(playing), "2026-03-01T09:30:00Z", "a minute at sixty times");
        let paused = serde_json::json!({"at": "2026-03-01T08:30:00Z", "since": "2026-03-02T00:00:00Z", "paused": true});
        assert_eq!(position(paused), "2026-03-01T08:30:00Z");
        let over = serde_json::json!({"at": "2026-03-01T08:30:00Z", "since": "2026-03-01T00:00:00Z"});
        assert_eq!(position(over), "2026-03-01T10:00:00Z", "never beyond its end");
        assert!(told(serde_json::json!({"at": "soon"})).fault().is_some() && told(serde_json::json!({"speed": -1})).fault().is_some());
    }

    #[test]
    fn the_clock_counts_on_between_two_words_and_stands_while_paused_or_cut_off() {
        let start = Instant::now();
        let mark = ReplayMark {
            from: "2026-03-01T08:00:00Z".into(),
            to: "2026-03-01T10:00:00Z".into(),
            time: "2026-03-01T09:00:00Z".into(),
            speed: 60.0,
        };
        let mut clock = Replayed::begin(&mark, false, start).unwrap();
        let at = |clock: &Replayed, seconds| clock.time(start + Duration::from_secs(seconds)).to_string();
        assert_eq!(at(&clock, 10), "2026-03-01T09:10:00Z");
        assert_eq!(at(&clock, 1_000), "2026-03-01T10:00:00Z");
        clock.steer(true, 60.0, start + Duration::from_secs(20));
        assert_eq!(at(&clock, 50), "2026-03-01T09:20:00Z");
        clock.steer(false, 600.0, start + Duration::from_secs(50));
        assert_eq!(at(&clock, 51), "2026-03-01T09:30:00Z");
        clock.hold(start + Duration::from_secs(52));
        assert_eq!(at(&clock, 60), "2026-03-01T09:40:00Z");
        clock.hear("2026-03-01T09:45:00Z", true, start + Duration::from_secs(61));
        assert_eq!(at(&clock, 90), "2026-03-01T09:45:00Z");
    }
}
