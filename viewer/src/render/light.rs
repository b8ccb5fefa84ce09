//! The light on the city: the sun's, or the scheme's own calm one.

use crate::geo::way_to_sun;
use bevy::math::DVec3;
use jiff::Timestamp;

/// Where the calm light comes from: 45° high in the south-west, which nothing on a map reads as its inverse.
const CALM: [f32; 3] = [-0.8 * CALM_HIGH, -0.6 * CALM_HIGH, CALM_HIGH];
const CALM_HIGH: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// Light comes from the sun's place rounded to so many degrees, so that a city at rest is seldom drawn anew.
const STEP_DEG: f64 = 0.5;
/// The sun's elevation from which on its light is whole, degrees; below, less of it comes through the air.
const WHOLE_DEG: f64 = 8.0;
/// As far below the horizon the calm light is whole: the end of civil twilight.
const TWILIGHT_DEG: f64 = 6.0;

/// The light that walls, roofs and the relief are seen in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Light {
    /// The way to where it comes from, one long: x east, y north, z up.
    pub from: [f32; 3],
    /// How much of the difference between faces it makes, 0 to 1.
    pub strength: f32,
}

impl Light {
    /// The light that no hour changes.
    pub const CALM: Self = Self { from: CALM, strength: 1.0 };

    /// The sun's at an instant over a place in degrees. It fades towards the horizon, and below that the calm light
    /// takes its place, so that no shade jumps.
    #[must_use]
    pub fn of_sun(time: Timestamp, longitude: f64, latitude: f64) -> Self {
        let way = way_to_sun(time.as_millisecond() as f64 / 1000.0, longitude, latitude);
        let round = |radians: f64| (radians.to_degrees() / STEP_DEG).round() * STEP_DEG;
        let (azimuth, elevation) = (round(way.x.atan2(way.y)), round(way.z.clamp(-1.0, 1.0).asin()));
        if elevation <= 0.0 {
            return Self { strength: (-elevation / TWILIGHT_DEG).min(1.0) as f32, ..Self::CALM };
        }
        let (high, along) = elevation.to_radians().sin_cos();
        let (east, north) = azimuth.to_radians().sin_cos();
        let from = DVec3::new(along * east, along * north, high).as_vec3().to_array();
        Self { from, strength: (elevation / WHOLE_DEG).min(1.0) as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tianjin(time: &str) -> Light {
        Light::of_sun(time.parse().unwrap(), 117.2, 39.125)
    }

    #[test]
    fn the_light_comes_from_the_east_in_the_morning_and_from_the_west_in_the_evening() {
        let (morning, noon, evening) =
            (tianjin("2026-06-21T08:00:00+08:00"), tianjin("2026-06-21T12:10:00+08:00"), tianjin("2026-06-21T17:00:00+08:00"));
        assert!(morning.from[0] > 0.7 && evening.from[0] < -0.7);
        assert!(noon.from[1] < -0.2 && noon.from[2] > 0.95, "{noon:?}");
        assert!(tianjin("2026-12-22T12:00:00+08:00").from[2] < 0.5, "low in winter");
    }

    #[test]
    fn the_calm_light_is_there_at_night_and_no_shade_jumps_at_dusk() {
        assert_eq!(tianjin("2026-06-21T00:00:00+08:00"), Light::CALM);
        let start: Timestamp = "2026-03-20T00:00:00+08:00".parse().unwrap();
        let at = |minute: i64| Light::of_sun(Timestamp::from_second(start.as_second() + minute * 60).unwrap(), 117.2, 39.125);
        let lights: Vec<Light> = (0..24 * 60).map(at).collect();
        for pair in lights.windows(2) {
            // What a wall that faces east or south gains of it.
            let seen = |light: &Light| [light.from[0] * light.strength, light.from[1] * light.strength];
            let (a, b) = (seen(&pair[0]), seen(&pair[1]));
            assert!((a[0] - b[0]).abs() < 0.1 && (a[1] - b[1]).abs() < 0.1, "{pair:?}");
        }
    }

    #[test]
    fn a_city_at_rest_is_drawn_anew_about_every_minute_at_most() {
        let start: Timestamp = "2026-06-21T00:00:00+08:00".parse().unwrap();
        let light = |s: i64| Light::of_sun(Timestamp::from_second(start.as_second() + s).unwrap(), 117.2, 39.125);
        let changes = (1..24 * 3600).filter(|s| light(*s) != light(s - 1)).count();
        assert!((400..1500).contains(&changes), "{changes}");
    }
}
