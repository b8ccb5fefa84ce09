//! The offset datums of Chinese web maps.
//!
//! GCJ-02 (“Mars coordinates”, Amap, Tencent) moves a WGS 84 position inside China by some 100
//! to 700 m by a fixed pseudo-random formula on the Krasovsky 1940 ellipsoid; BD-09 (Baidu)
//! moves GCJ-02 again by about 700 m. Neither has an official publication; the formulas here are
//! those that became public in 2013 as EvilTransform, and agree with the vendors' own converters
//! to 1e-6 degrees. The inverses iterate the forward formula until it is met to 1e-10 degrees.
//!
//! All angles are degrees, all pairs longitude first. Outside the rectangle [`AREA`] there is no
//! shift in any direction.

use std::f64::consts::PI;

/// Where the datums shift: west, south, east, north in degrees, as the formulas' authors drew it.
pub const AREA: [f64; 4] = [72.004, 0.8293, 137.8347, 55.8271];

/// Semi-major axis of the Krasovsky 1940 ellipsoid, in metres.
const SEMI_MAJOR_M: f64 = 6_378_245.0;
/// Square of its eccentricity.
const ECCENTRICITY_SQUARED: f64 = 0.006_693_421_622_965_943;
/// The frequency of BD-09's ripple, per degree.
const BD_RIPPLE: f64 = PI * 3000.0 / 180.0;
/// BD-09's constant shift: longitude, latitude in degrees.
const BD_SHIFT: (f64, f64) = (0.0065, 0.006);
/// The inverse stops once the forward formula is met this closely, in degrees.
const INVERSE_TOLERANCE: f64 = 1e-10;
/// Each round gains about two digits; more rounds than this never help.
const INVERSE_ROUNDS_MAX: usize = 30;

fn shifts(lon: f64, lat: f64) -> bool {
    let [west, south, east, north] = AREA;
    (west..=east).contains(&lon) && (south..=north).contains(&lat)
}

/// The two shifts share three of their ripples.
fn ripple(x: f64) -> f64 {
    (20.0 * (6.0 * x * PI).sin() + 20.0 * (2.0 * x * PI).sin()) * 2.0 / 3.0
}

fn gcj_delta(lon: f64, lat: f64) -> (f64, f64) {
    let (x, y) = (lon - 105.0, lat - 35.0);
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * x.abs().sqrt()
        + ripple(x)
        + (20.0 * (y * PI).sin() + 40.0 * (y / 3.0 * PI).sin()) * 2.0 / 3.0
        + (160.0 * (y / 12.0 * PI).sin() + 320.0 * (y * PI / 30.0).sin()) * 2.0 / 3.0;
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * x.abs().sqrt()
        + ripple(x)
        + (20.0 * (x * PI).sin() + 40.0 * (x / 3.0 * PI).sin()) * 2.0 / 3.0
        + (150.0 * (x / 12.0 * PI).sin() + 300.0 * (x / 30.0 * PI).sin()) * 2.0 / 3.0;
    let phi = lat.to_radians();
    let w = 1.0 - ECCENTRICITY_SQUARED * phi.sin().powi(2);
    let meridian_m = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_SQUARED) / (w * w.sqrt());
    let parallel_m = SEMI_MAJOR_M / w.sqrt() * phi.cos();
    (east.to_degrees() / parallel_m, north.to_degrees() / meridian_m)
}

/// WGS 84 → GCJ-02.
#[must_use]
pub fn gcj02_from_wgs84((lon, lat): (f64, f64)) -> (f64, f64) {
    if !shifts(lon, lat) {
        return (lon, lat);
    }
    let (dx, dy) = gcj_delta(lon, lat);
    (lon + dx, lat + dy)
}

/// GCJ-02 → BD-09.
#[must_use]
pub fn bd09_from_gcj02((lon, lat): (f64, f64)) -> (f64, f64) {
    if !shifts(lon, lat) {
        return (lon, lat);
    }
    let radius = lon.hypot(lat) + 2e-5 * (lat * BD_RIPPLE).sin();
    let angle = lat.atan2(lon) + 3e-6 * (lon * BD_RIPPLE).cos();
    (radius * angle.cos() + BD_SHIFT.0, radius * angle.sin() + BD_SHIFT.1)
}

/// GCJ-02 → WGS 84, to 1e-10 degrees.
#[must_use]
pub fn wgs84_from_gcj02(gcj: (f64, f64)) -> (f64, f64) {
    invert(gcj, gcj02_from_wgs84)
}

/// BD-09 → GCJ-02, to 1e-10 degrees.
#[must_use]
pub fn gcj02_from_bd09(bd: (f64, f64)) -> (f64, f64) {
    invert(bd, bd09_from_gcj02)
}

/// BD-09 → WGS 84, to 1e-10 degrees.
#[must_use]
pub fn wgs84_from_bd09(bd: (f64, f64)) -> (f64, f64) {
    wgs84_from_gcj02(gcj02_from_bd09(bd))
}

/// WGS 84 → BD-09.
#[must_use]
pub fn bd09_from_wgs84(wgs: (f64, f64)) -> (f64, f64) {
    bd09_from_gcj02(gcj02_from_wgs84(wgs))
}

/// Solves `forward(p) = target`. The shift changes by less than a hundredth of a step, so the
/// fixed point p ← p + (target − forward(p)) contracts quickly. Within one shift's width of the
/// area's edge the forward formula leaps; there the last p is as good as any.
fn invert(target: (f64, f64), forward: impl Fn((f64, f64)) -> (f64, f64)) -> (f64, f64) {
    if !shifts(target.0, target.1) {
        return target;
    }
    let mut p = target;
    for _ in 0..INVERSE_ROUNDS_MAX {
        let (x, y) = forward(p);
        let (dx, dy) = (target.0 - x, target.1 - y);
        p = (p.0 + dx, p.1 + dy);
        if dx.abs() < INVERSE_TOLERANCE && dy.abs() < INVERSE_TOLERANCE {
            break;
        }
    }
    p
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_vectors_hold_in_both_directions() {
        let table = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/domain/gcj02_bd09_vectors.csv")).unwrap();
        let mut rows = 0;
        for line in table.lines().skip(1) {
            let cells: Vec<Option<f64>> = line.split(',').map(|c| c.parse().ok()).collect();
            let (wgs, gcj) = ((cells[0].unwrap(), cells[1].unwrap()), (cells[2].unwrap(), cells[3].unwrap()));
            let near = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 1e-8 && (a.1 - b.1).abs() < 1e-8;
            assert!(near(gcj02_from_wgs84(wgs), gcj), "{line}: {:?}", gcj02_from_wgs84(wgs));
            assert!(near(wgs84_from_gcj02(gcj), wgs), "{line}: {:?}", wgs84_from_gcj02(gcj));
            // Outside China the table has words instead of a shift.
            let bd = cells[4].zip(cells[5]).unwrap_or(wgs);
            assert!(near(bd09_from_gcj02(gcj), bd), "{line}: {:?}", bd09_from_gcj02(gcj));
            assert!(near(wgs84_from_bd09(bd), wgs), "{line}: {:?}", wgs84_from_bd09(bd));
            rows += 1;
        }
        assert_eq!(rows, 4);
    }

    proptest! {
        #[test]
        fn inverses_undo_the_shift_everywhere_in_china(lon in 72.1..137.7f64, lat in 0.9..55.7f64) {
            for back in [wgs84_from_gcj02(gcj02_from_wgs84((lon, lat))), wgs84_from_bd09(bd09_from_wgs84((lon, lat)))] {
                prop_assert!((back.0 - lon).abs() < 1e-8 && (back.1 - lat).abs() < 1e-8, "{back:?}");
            }
        }

        #[test]
        fn nothing_moves_outside(lon in -180.0..72.0f64, lat in -90.0..90.0f64) {
            prop_assert_eq!(gcj02_from_wgs84((lon, lat)), (lon, lat));
            prop_assert_eq!(wgs84_from_bd09((lon, lat)), (lon, lat));
        }
    }
}
