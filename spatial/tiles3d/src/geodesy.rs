//! WGS 84 (EPSG:4979) to ECEF (EPSG:4978), and the plane that touches it.

/// Semi-major axis, metres (EPSG:7030).
const A: f64 = 6_378_137.0;
/// First eccentricity squared: f (2 − f) with f = 1 ÷ 298.257223563.
const E2: f64 = 6.694_379_990_141_316e-3;

/// Longitude and latitude in degrees, ellipsoidal height in metres, to ECEF metres
/// (EPSG method 9602).
pub fn ecef(longitude: f64, latitude: f64, height_m: f64) -> [f64; 3] {
    let (sin_l, cos_l) = longitude.to_radians().sin_cos();
    let (sin_p, cos_p) = latitude.to_radians().sin_cos();
    let n = A / (1.0 - E2 * sin_p * sin_p).sqrt();
    [(n + height_m) * cos_p * cos_l, (n + height_m) * cos_p * sin_l, (n * (1.0 - E2) + height_m) * sin_p]
}

/// East, north and up around a place.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    origin: [f64; 3],
    east: [f64; 3],
    north: [f64; 3],
    up: [f64; 3],
}

impl Frame {
    /// The frame at a place: degrees and ellipsoidal metres.
    #[must_use]
    pub fn at(longitude: f64, latitude: f64, height_m: f64) -> Self {
        let (sin_l, cos_l) = longitude.to_radians().sin_cos();
        let (sin_p, cos_p) = latitude.to_radians().sin_cos();
        Self {
            origin: ecef(longitude, latitude, height_m),
            east: [-sin_l, cos_l, 0.0],
            north: [-sin_p * cos_l, -sin_p * sin_l, cos_p],
            up: [cos_p * cos_l, cos_p * sin_l, sin_p],
        }
    }

    /// A place as east, north, up in metres.
    #[must_use]
    pub fn local(&self, longitude: f64, latitude: f64, height_m: f64) -> [f64; 3] {
        let at = ecef(longitude, latitude, height_m);
        let d = [at[0] - self.origin[0], at[1] - self.origin[1], at[2] - self.origin[2]];
        [self.east, self.north, self.up].map(|axis| axis[0] * d[0] + axis[1] * d[1] + axis[2] * d[2])
    }

    /// The matrix, column by column, that takes quantized east, north, up to glTF's y-up ECEF:
    /// `position = origin + scale · quantized + offset`.
    pub(crate) fn matrix(&self, scale: f64, offset: [f64; 3]) -> [f64; 16] {
        // 3D Tiles turns glTF's y up into z up by (x, y, z) → (x, −z, y); this is the way back.
        let y_up = |v: [f64; 3]| [v[0], v[2], -v[1]];
        let moved = |at: usize| self.origin[at] + self.east[at] * offset[0] + self.north[at] * offset[1] + self.up[at] * offset[2];
        let column = |axis: [f64; 3]| y_up(axis.map(|v| v * scale));
        let (e, n, u) = (column(self.east), column(self.north), column(self.up));
        let t = y_up([moved(0), moved(1), moved(2)]);
        [e[0], e[1], e[2], 0.0, n[0], n[1], n[2], 0.0, u[0], u[1], u[2], 0.0, t[0], t[1], t[2], 1.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecef_is_that_of_proj() {
        // `echo 117.2 39.13 50 0 | cct -d 6 +proj=cart +ellps=WGS84`
        let expected = [-2_264_586.979_885, 4_406_409.697_835, 4_003_554.169_084];
        let found = ecef(117.2, 39.13, 50.0);
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?}");
    }

    #[test]
    fn the_matrix_takes_local_metres_back() {
        let frame = Frame::at(117.2, 39.13, 10.0);
        let local = frame.local(117.21, 39.14, 80.0);
        let m = frame.matrix(1.0, [0.0; 3]);
        let y_up: Vec<f64> = (0..3).map(|r| m[r] * local[0] + m[4 + r] * local[1] + m[8 + r] * local[2] + m[12 + r]).collect();
        let z_up = [y_up[0], -y_up[2], y_up[1]];
        assert!(z_up.iter().zip(ecef(117.21, 39.14, 80.0)).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}
