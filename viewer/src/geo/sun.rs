//! Where the sun stands.
//!
//! The formulas of NOAA's Solar Calculator (<https://gml.noaa.gov/grad/solcalc/calcdetails.html>), which are those
//! of Meeus, “Astronomical Algorithms” (2nd edition, chapters 12, 13 and 25, low accuracy): true to 0.01° between
//! 1900 and 2100. The air's refraction, at most 0.6° at the horizon, is left out.

use bevy::math::DVec3;

/// Seconds from 1970-01-01 to 2000-01-01 12:00 UTC, the epoch J2000.0.
const J2000_S: f64 = 946_728_000.0;
const DAY_S: f64 = 86_400.0;
const CENTURY_DAYS: f64 = 36_525.0;

/// The way to the sun from a place in degrees, one long: x east, y north, z up; `unix_s` are seconds since
/// 1970-01-01 UTC. O(1).
#[must_use]
pub fn way_to_sun(unix_s: f64, longitude: f64, latitude: f64) -> DVec3 {
    let days = (unix_s - J2000_S) / DAY_S;
    let (right_ascension, declination) = equatorial(days / CENTURY_DAYS);
    let t = days / CENTURY_DAYS;
    let sidereal = 280.460_618_37 + 360.985_647_366_29 * days + 0.000_387_933 * t * t;
    let (sin_hour, cos_hour) = (sidereal.to_radians() + longitude.to_radians() - right_ascension).sin_cos();
    let (sin_declination, cos_declination) = declination.sin_cos();
    let (sin_latitude, cos_latitude) = latitude.to_radians().sin_cos();
    DVec3::new(
        -cos_declination * sin_hour,
        sin_declination * cos_latitude - cos_declination * cos_hour * sin_latitude,
        sin_latitude * sin_declination + cos_latitude * cos_declination * cos_hour,
    )
}

/// The sun's apparent right ascension and declination in radians, `t` Julian centuries after J2000.0.
fn equatorial(t: f64) -> (f64, f64) {
    let mean_longitude = 280.466_46 + t * (36_000.769_83 + t * 0.000_303_2);
    let anomaly = (357.529_11 + t * (35_999.050_29 - t * 0.000_153_7)).to_radians();
    let centre = anomaly.sin() * (1.914_602 - t * (0.004_817 + t * 0.000_014))
        + (2.0 * anomaly).sin() * (0.019_993 - t * 0.000_101)
        + (3.0 * anomaly).sin() * 0.000_289;
    let node = (125.04 - 1_934.136 * t).to_radians();
    let (sin_longitude, cos_longitude) = (mean_longitude + centre - 0.005_69 - 0.004_78 * node.sin()).to_radians().sin_cos();
    let mean_obliquity = 23.0 + (26.0 + (21.448 - t * (46.815 + t * (0.000_59 - t * 0.001_813))) / 60.0) / 60.0;
    let (sin_obliquity, cos_obliquity) = (mean_obliquity + 0.002_56 * node.cos()).to_radians().sin_cos();
    ((cos_obliquity * sin_longitude).atan2(cos_longitude), (sin_obliquity * sin_longitude).asin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str, longitude: f64, latitude: f64) -> (f64, f64) {
        let time: jiff::Timestamp = time.parse().unwrap();
        let way = way_to_sun(time.as_millisecond() as f64 / 1000.0, longitude, latitude);
        assert!((way.length() - 1.0).abs() < 1e-12);
        (way.x.atan2(way.y).to_degrees().rem_euclid(360.0), way.z.asin().to_degrees())
    }

    #[test]
    fn the_sun_has_the_place_that_meeus_gives_for_13_october_1992() {
        // “Astronomical Algorithms”, example 25.a: JDE 2448908.5, α = 198.38083°, δ = −7.78507°.
        let (right_ascension, declination) = equatorial((2_448_908.5 - 2_451_545.0) / CENTURY_DAYS);
        assert!((right_ascension.to_degrees().rem_euclid(360.0) - 198.380_83).abs() < 1e-3);
        assert!((declination.to_degrees() + 7.785_07).abs() < 1e-3);
    }

    #[test]
    fn the_sun_stands_where_nrel_publishes_it() {
        // Reda and Andreas, “Solar Position Algorithm for Solar Radiation Applications”, NREL/TP-560-34302, appendix
        // A.5: Golden, Colorado; azimuth 194.34024°, topocentric elevation without refraction 39.872046°.
        let (azimuth, elevation) = at("2003-10-17T12:30:30-07:00", -105.1786, 39.742_476);
        assert!((azimuth - 194.340_24).abs() < 0.01 && (elevation - 39.872_046).abs() < 0.01, "{azimuth} {elevation}");
    }

    /// Instants, longitudes and latitudes, and the azimuth and elevation that PyEphem 4.2.1 (VSOP87) gives without air.
    const EPHEMERIS: [(&str, f64, f64, f64, f64); 7] = [
        ("2026-06-21T04:00:00Z", 117.2, 39.125, 169.120, 74.073),
        ("2026-12-22T01:00:00Z", 117.2, 39.125, 136.057, 13.350),
        ("2026-03-20T09:30:00Z", 117.2, 39.125, 262.185, 9.352),
        ("2026-01-15T02:00:00Z", 151.21, -33.87, 4.656, 77.238),
        ("2026-06-21T22:00:00Z", 25.72, 66.5, 355.636, 0.007),
        ("2030-09-01T15:00:00Z", -74.0, 40.71, 133.662, 48.450),
        ("2026-11-05T20:00:00Z", -0.1, 51.5, 287.457, -33.287),
    ];

    #[test]
    fn the_sun_stands_where_an_ephemeris_has_it() {
        for (time, longitude, latitude, azimuth, elevation) in EPHEMERIS {
            let (found_azimuth, found_elevation) = at(time, longitude, latitude);
            let off = ((found_azimuth - azimuth) * elevation.to_radians().cos()).abs();
            assert!(off < 0.02 && (found_elevation - elevation).abs() < 0.02, "{time}: {found_azimuth} {found_elevation}");
        }
    }
}
