//! From the earth's centre (EPSG:4978) to longitude, latitude and height (EPSG:4979).

const SEMI_MAJOR_M: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_223_563;

/// Longitude and latitude in degrees, and metres above the ellipsoid, of a place in metres from the earth's
/// centre. B. R. Bowring, “The accuracy of geodetic latitude and height equations”, Survey Review 28 (1985):
/// within a nanometre as far from the ground as any building reaches. O(1).
#[must_use]
pub fn geodetic([x, y, z]: [f64; 3]) -> (f64, f64, f64) {
    let semi_minor = SEMI_MAJOR_M * (1.0 - FLATTENING);
    let e2 = FLATTENING * (2.0 - FLATTENING);
    let p = x.hypot(y);
    let (sin, cos) = (z * SEMI_MAJOR_M).atan2(p * semi_minor).sin_cos();
    let over = z + e2 / (1.0 - e2) * semi_minor * sin.powi(3);
    let latitude = over.atan2(p - e2 * SEMI_MAJOR_M * cos.powi(3));
    let (sin, cos) = latitude.sin_cos();
    let height = p * cos + z * sin - SEMI_MAJOR_M * (1.0 - e2 * sin * sin).sqrt();
    (y.atan2(x).to_degrees(), latitude.to_degrees(), height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_where_proj_has_it() {
        // `echo 117.2 39.13 50 0 | cct -d 6 +proj=cart +ellps=WGS84`, and the same of 4.37 52.01 -3.5 0.
        for (from, to) in [
            ([-2_264_586.979_885, 4_406_409.697_835, 4_003_554.169_084], (117.2, 39.13, 50.0)),
            ([3_922_644.234_623, 299_765.055_121, 5_003_485.541_364], (4.37, 52.01, -3.5)),
        ] {
            let (longitude, latitude, height) = geodetic(from);
            let off = ((longitude - to.0) * 70_000.0).hypot((latitude - to.1) * 111_000.0).hypot(height - to.2);
            assert!(off < 1e-3, "{longitude} {latitude} {height}: {off} m off");
        }
    }
}
