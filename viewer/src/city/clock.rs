//! The wall's clock: the time of day, and the seconds that move what moves.

use crate::city::CityFeed;
use bevy::prelude::*;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use std::time::{Duration, Instant};

/// The wall's clock.
#[derive(Resource, Debug)]
pub struct WallClock {
    fixed: Option<Timestamp>,
    /// The instant that a replay shows.
    replayed: Option<Timestamp>,
    started: Instant,
    now: Instant,
    /// Goes up whenever the seconds begin anew: what was timed by them is to be timed again.
    pub epoch: u32,
}

/// The seconds begin anew after this long, since the GPU counts them in 32 bits.
const EPOCH: Duration = Duration::from_secs(4 * 3600);

impl WallClock {
    /// A clock, stopped if a time is given.
    #[must_use]
    pub fn new(fixed: Option<Timestamp>) -> Self {
        let now = Instant::now();
        Self { fixed, replayed: None, started: now, now, epoch: 0 }
    }

    /// The time that the wall shows: that of a replay, else now.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.replayed.unwrap_or_else(|| self.time_of_day())
    }

    /// The time of day, whatever is replayed.
    #[must_use]
    pub fn time_of_day(&self) -> Timestamp {
        self.fixed.unwrap_or_else(Timestamp::now)
    }

    /// The time in a zone by its IANA name; UTC if the name is unknown.
    #[must_use]
    pub fn local(&self, zone: &str) -> Zoned {
        self.time().to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC))
    }

    /// Seconds since the epoch began; zero if the clock is stopped.
    #[must_use]
    pub fn seconds(&self) -> f32 {
        self.seconds_at(self.now)
    }

    /// The same for a moment, which may lie before the epoch.
    #[must_use]
    pub fn seconds_at(&self, moment: Instant) -> f32 {
        if self.fixed.is_some() {
            return 0.0;
        }
        match moment.checked_duration_since(self.started) {
            Some(since) => since.as_secs_f32(),
            None => -self.started.duration_since(moment).as_secs_f32(),
        }
    }

    /// Goes by another wall's clock: its seconds, and the time if that is stopped.
    pub fn follow(&mut self, seconds: f32, fixed: Option<Timestamp>) {
        self.fixed = fixed;
        if fixed.is_none() {
            let own = self.seconds();
            self.started = self.now.checked_sub(Duration::try_from_secs_f32(seconds).unwrap_or_default()).unwrap_or(self.now);
            self.epoch += u32::from((own - seconds).abs() > 1.0);
        }
    }

    /// True if the clock is stopped.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    /// The moment of this frame.
    #[must_use]
    pub fn moment(&self) -> Instant {
        self.now
    }
}

pub(super) fn tick(mut clock: ResMut<WallClock>, feed: Res<CityFeed>) {
    clock.now = Instant::now();
    clock.replayed = feed.live.state().replay.as_ref().map(|replay| replay.time(clock.now));
    if clock.now.duration_since(clock.started) > EPOCH {
        clock.started = clock.now;
        clock.epoch += 1;
    }
}
