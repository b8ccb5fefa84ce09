//! What moves, and devices with a place: the last position, and the way to it.
//!
//! A vehicle is drawn on the straight way from where it was seen to where it reported last, at such
//! a pace that it arrives when the next report is due. It is never drawn beyond what was reported.

use crate::geo::CityPlane;
use bevy::math::DVec2;
use citywall_wire::Feature;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// What the items of a live collection are on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// They happen: incidents, and the alarms that rules raise.
    Incidents,
    /// They move.
    Moving,
    /// They are devices, which seldom move.
    Things,
}

impl Followed {
    /// What a kind of collection is on the wall; `None` for what a wall does not show, such as rules.
    #[must_use]
    pub fn of_kind(kind: &str) -> Option<Self> {
        match kind {
            "incidents" | "alarms" => Some(Self::Incidents),
            "moving_objects" => Some(Self::Moving),
            "things" => Some(Self::Things),
            _ => None,
        }
    }
}

/// A way takes at least and at most this long; a jump takes no time.
const TRAVEL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// Farther than this from its last place an object has not driven, degrees: about three kilometres.
const JUMP_DEG: f64 = 0.03;
/// Shorter ways than this say nothing of the direction, degrees: about a metre.
const STILL_DEG: f64 = 1e-5;

/// An object with its last position.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// What it is.
    pub is: Followed,
    /// Where it was on the wall when the last position came: longitude, latitude in degrees.
    pub from: (f64, f64),
    /// Its last position.
    pub place: (f64, f64),
    /// Both on the city's plane, metres; at its home while that is not known.
    pub way_m: [[f32; 2]; 2],
    /// When it set out for it; for one that was known before the wall looked, when it was there.
    pub set_out: Instant,
    /// How long it is on its way; zero for one that stands.
    pub travel: Duration,
    /// Degrees clockwise from north: as reported, or else the direction of the last way.
    pub heading_deg: f64,
    /// When it was there, by its own clock.
    pub time: Option<Timestamp>,
    /// What it is in words: those of its properties by which panels count.
    pub words: Vec<(&'static str, String)>,
}

/// Properties by which objects are counted.
const WORDS: [&str; 4] = ["kind", "type", "status", "state"];
/// Longest such property, bytes.
const WORD_BYTES_MAX: usize = 32;

impl Track {
    /// An object as a message has it, given what was known; `None` if it has no place or is gone.
    #[must_use]
    pub fn read(
        is: Followed,
        feature: &Feature,
        known: Option<&Self>,
        now: Instant,
        is_news: bool,
        plane: Option<&CityPlane>,
    ) -> Option<Self> {
        let status = feature.properties.get("status").and_then(|s| s.as_str());
        if matches!(status, Some("cleared" | "closed" | "removed")) {
            return None;
        }
        let place = super::place_of(feature.geometry.as_ref()?)?;
        let time: Option<Timestamp> = feature.properties.get("time").and_then(|t| t.as_str()).and_then(|t| t.parse().ok());
        let words = || {
            let word = |name: &'static str| {
                let word = feature.properties.get(name)?.as_str().filter(|w| !w.is_empty() && w.len() <= WORD_BYTES_MAX)?;
                Some((name, word.to_owned()))
            };
            WORDS.into_iter().filter_map(word).collect()
        };
        let reported = feature.properties.get("heading").and_then(serde_json::Value::as_f64).filter(|h| h.is_finite());
        let Some(known) = known.filter(|_| is_news) else {
            let age = time.map_or(Duration::ZERO, |t| Duration::try_from(Timestamp::now().duration_since(t)).unwrap_or_default());
            let (heading_deg, set_out) = (reported.unwrap_or(0.0), now.checked_sub(age).unwrap_or(now));
            let still =
                Self { is, from: place, place, way_m: [[0.0; 2]; 2], set_out, travel: Duration::ZERO, heading_deg, time, words: words() };
            return Some(still.on(plane));
        };
        let from = known.at(now);
        let way = (place.0 - from.0, place.1 - from.1);
        let jumps = way.0.abs().max(way.1.abs()) > JUMP_DEG;
        let since = now.saturating_duration_since(known.set_out);
        // Two reports at once come from a sender that had to catch up; the pace stays.
        let pace = if since < TRAVEL.0 { known.travel } else { since };
        let reported_way = (place.0 - known.place.0, place.1 - known.place.1);
        let moved = reported_way.0.abs().max(reported_way.1.abs()) > STILL_DEG;
        let direction = || (reported_way.0 * place.1.to_radians().cos()).atan2(reported_way.1).to_degrees();
        let track = Self {
            is,
            from: if jumps { place } else { from },
            place,
            way_m: [[0.0; 2]; 2],
            set_out: now,
            travel: if jumps { Duration::ZERO } else { pace.clamp(TRAVEL.0, TRAVEL.1) },
            heading_deg: reported.unwrap_or_else(|| if moved { direction() } else { known.heading_deg }),
            time,
            words: words(),
        };
        Some(track.on(plane))
    }

    /// The same on a city's plane.
    #[must_use]
    pub fn on(mut self, plane: Option<&CityPlane>) -> Self {
        if let Some(plane) = plane {
            let to = plane.forward_f32(self.place);
            self.way_m = [if self.from == self.place { to } else { plane.forward_f32(self.from) }, to];
        }
        self
    }

    /// A property by which it is counted.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&str> {
        self.words.iter().find(|(known, _)| *known == name).map(|(_, word)| word.as_str())
    }

    /// The share of its way that it has gone at a moment.
    fn gone(&self, now: Instant) -> f64 {
        if self.travel.is_zero() {
            return 1.0;
        }
        (now.saturating_duration_since(self.set_out).as_secs_f64() / self.travel.as_secs_f64()).min(1.0)
    }

    /// Where it is on the wall at a moment: metres on the city's plane.
    #[must_use]
    pub fn at_m(&self, now: Instant) -> DVec2 {
        let [from, to] = self.way_m.map(|[x, y]| DVec2::new(f64::from(x), f64::from(y)));
        from.lerp(to, self.gone(now))
    }

    /// Where it is on the wall at a moment: longitude, latitude in degrees.
    #[must_use]
    pub fn at(&self, now: Instant) -> (f64, f64) {
        let gone = self.gone(now);
        (self.from.0 + (self.place.0 - self.from.0) * gone, self.from.1 + (self.place.1 - self.from.1) * gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(longitude: f64, latitude: f64, more: serde_json::Value) -> Feature {
        Feature {
            kind: "Feature".into(),
            id: "v".into(),
            geometry: Some(json!({"type": "Point", "coordinates": [longitude, latitude]})),
            properties: serde_json::from_value(more).unwrap(),
        }
    }

    fn read(feature: &Feature, known: Option<&Track>, now: Instant) -> Track {
        Track::read(Followed::Moving, feature, known, now, true, None).unwrap()
    }

    #[test]
    fn a_vehicle_glides_to_where_it_reported_and_never_beyond() {
        let (start, s) = (Instant::now(), Duration::from_secs);
        let first = read(&report(117.0, 39.0, json!({})), None, start);
        let second = read(&report(117.001, 39.0, json!({})), Some(&first), start + s(5));
        assert_eq!((second.from, second.travel), ((117.0, 39.0), s(5)));
        assert!((second.at(start + Duration::from_millis(7500)).0 - 117.0005).abs() < 1e-9, "half the way after half the time");
        assert_eq!(second.at(start + s(60)), (117.001, 39.0), "it waits where it was last known");
        // A report that comes early begins where the vehicle is drawn: nothing jumps.
        let third = read(&report(117.002, 39.001, json!({})), Some(&second), start + s(7));
        assert!((third.from.0 - second.at(start + s(7)).0).abs() < 1e-12);
    }

    #[test]
    fn a_heading_is_as_reported_or_that_of_the_last_way() {
        let (start, s) = (Instant::now(), Duration::from_secs);
        let first = read(&report(117.0, 39.0, json!({"heading": 77})), None, start);
        assert_eq!(first.heading_deg, 77.0);
        let east = read(&report(117.001, 39.0, json!({})), Some(&first), start + s(5));
        assert!((east.heading_deg - 90.0).abs() < 0.01);
        let stands = read(&report(117.001, 39.0, json!({})), Some(&east), start + s(10));
        assert_eq!(stands.heading_deg, east.heading_deg, "one that stands keeps its heading");
    }

    #[test]
    fn a_leap_is_not_driven_and_what_has_gone_is_gone() {
        let start = Instant::now();
        let first = read(&report(117.0, 39.0, json!({})), None, start);
        let leap = read(&report(118.0, 39.0, json!({})), Some(&first), start + Duration::from_secs(5));
        assert_eq!((leap.from, leap.travel), (leap.place, Duration::ZERO));
        let gone = report(118.0, 39.0, json!({"status": "removed"}));
        assert_eq!(Track::read(Followed::Moving, &gone, Some(&leap), start, true, None), None);
    }
}
