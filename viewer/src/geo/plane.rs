//! The city's plane: metres east and north of the city's home.
//!
//! A transverse Mercator projection on the WGS 84 ellipsoid (CGCS2000 differs by 0.1 mm) whose
//! central meridian and origin are the home, with scale 1: true to 3·10⁻⁵ within 50 km, and exact
//! as a mapping everywhere, so that nothing drifts between tiles. Series to the fourth order in n
//! (Krüger 1912; Karney 2011, “Transverse Mercator with an accuracy of a few nanometers”, eqs. 7–36).

use bevy::math::DVec2;

const SEMI_MAJOR_M: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_223_563;

/// Longitude and latitude in degrees to metres around a home, and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CityPlane {
    lon_0: f64,
    radius_m: f64,
    eccentricity: f64,
    alpha: [f64; 4],
    beta: [f64; 4],
    northing_0_m: f64,
}

impl CityPlane {
    /// The plane around a home in degrees.
    #[must_use]
    pub fn around(longitude: f64, latitude: f64) -> Self {
        let n = FLATTENING / (2.0 - FLATTENING);
        let (n2, n3, n4) = (n * n, n * n * n, n * n * n * n);
        let mut plane = Self {
            lon_0: longitude,
            radius_m: SEMI_MAJOR_M / (1.0 + n) * (1.0 + n2 / 4.0 + n4 / 64.0),
            eccentricity: (FLATTENING * (2.0 - FLATTENING)).sqrt(),
            alpha: [
                n / 2.0 - 2.0 / 3.0 * n2 + 5.0 / 16.0 * n3 + 41.0 / 180.0 * n4,
                13.0 / 48.0 * n2 - 3.0 / 5.0 * n3 + 557.0 / 1440.0 * n4,
                61.0 / 240.0 * n3 - 103.0 / 140.0 * n4,
                49_561.0 / 161_280.0 * n4,
            ],
            beta: [
                n / 2.0 - 2.0 / 3.0 * n2 + 37.0 / 96.0 * n3 - n4 / 360.0,
                n2 / 48.0 + n3 / 15.0 - 437.0 / 1440.0 * n4,
                17.0 / 480.0 * n3 - 37.0 / 840.0 * n4,
                4397.0 / 161_280.0 * n4,
            ],
            northing_0_m: 0.0,
        };
        plane.northing_0_m = plane.forward(longitude, latitude).y;
        plane
    }

    /// Degrees to metres east (x) and north (y) of the home.
    #[must_use]
    pub fn forward(&self, longitude: f64, latitude: f64) -> DVec2 {
        let phi = latitude.clamp(-89.9, 89.9).to_radians();
        let lambda = (longitude - self.lon_0).to_radians();
        let (sin_lambda, cos_lambda) = lambda.sin_cos();
        let sin_phi = phi.sin();
        // The conformal latitude's tangent.
        let t = (sin_phi.atanh() - self.eccentricity * (self.eccentricity * sin_phi).atanh()).sinh();
        let xi = t.atan2(cos_lambda);
        let eta = (sin_lambda / t.hypot(cos_lambda)).asinh();
        let (mut x, mut y) = (eta, xi);
        for (j, a) in self.alpha.iter().enumerate() {
            let k = 2.0 * (j + 1) as f64;
            x += a * (k * xi).cos() * (k * eta).sinh();
            y += a * (k * xi).sin() * (k * eta).cosh();
        }
        DVec2::new(self.radius_m * x, self.radius_m * y - self.northing_0_m)
    }

    /// Longitude and latitude in degrees to metres, as the GPU takes them.
    #[must_use]
    pub fn forward_f32(&self, (longitude, latitude): (f64, f64)) -> [f32; 2] {
        self.forward(longitude, latitude).as_vec2().to_array()
    }

    /// Metres east and north of the home to degrees.
    #[must_use]
    pub fn inverse(&self, at: DVec2) -> (f64, f64) {
        let eta = at.x / self.radius_m;
        let xi = (at.y + self.northing_0_m) / self.radius_m;
        let (mut x, mut y) = (eta, xi);
        for (j, b) in self.beta.iter().enumerate() {
            let k = 2.0 * (j + 1) as f64;
            x -= b * (k * xi).cos() * (k * eta).sinh();
            y -= b * (k * xi).sin() * (k * eta).cosh();
        }
        let lambda = x.sinh().atan2(y.cos());
        // The conformal latitude, turned into the geodetic one by fixed-point iteration.
        let psi = (y.sin() / x.cosh()).asin().sin().atanh();
        let mut sin_phi = psi.tanh();
        for _ in 0..6 {
            sin_phi = (psi + self.eccentricity * (self.eccentricity * sin_phi).atanh()).tanh();
        }
        (self.lon_0 + lambda.to_degrees(), sin_phi.asin().to_degrees())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longitude, latitude, and what PROJ 9 (`+proj=tmerc +lat_0=39.1 +lon_0=117.2 +ellps=WGS84`) says.
    const PROJ: [(f64, f64, f64, f64); 6] = [
        (117.2, 39.1, 0.0, 0.0),
        (117.6, 39.5, 34_405.421_61, 44_484.877_37),
        (116.7, 38.7, -43_495.631_24, -44_286.766_19),
        (117.2, 39.56, 0.0, 51_070.022_11),
        (117.8, 39.1, 51_902.797_48, 171.397_46),
        (118.4, 40.2, 102_174.303_34, 122_821.386_44),
    ];

    #[test]
    fn the_plane_agrees_with_proj_to_a_millimetre() {
        let plane = CityPlane::around(117.2, 39.1);
        for (lon, lat, x, y) in PROJ {
            let at = plane.forward(lon, lat);
            assert!((at - DVec2::new(x, y)).length() < 1e-3, "{lon} {lat}: {at} instead of {x} {y}");
        }
    }

    #[test]
    fn there_and_back_is_exact_to_a_hundredth_of_a_millimetre() {
        let plane = CityPlane::around(117.2, 39.1);
        for i in 0..200 {
            let at = DVec2::new(f64::from(i) * 700.0 - 70_000.0, f64::from(i * 37 % 200) * 900.0 - 90_000.0);
            let (lon, lat) = plane.inverse(at);
            assert!((plane.forward(lon, lat) - at).length() < 1e-5);
        }
    }

    #[test]
    fn what_the_gpu_sees_is_precise_to_a_centimetre_50_km_out() {
        // A vertex is drawn as (tile origin - camera, in f64, then f32) + local offset in f32.
        let plane = CityPlane::around(117.2, 39.1);
        let vertex = plane.forward(117.778, 39.100_03);
        assert!(vertex.length() > 49_000.0);
        let camera = vertex + DVec2::new(-431.0, 977.0);
        let tile_origin = vertex + DVec2::new(512.3, -388.8);
        let offset = (tile_origin - camera).as_vec2();
        let local = (vertex - tile_origin).as_vec2();
        let drawn = (offset + local).as_dvec2();
        assert!((drawn - (vertex - camera)).length() < 0.01);
    }
}
