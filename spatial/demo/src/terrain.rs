//! The generated ground: a coastal plain that rises to hills in the far north.

use crate::plane::{P, bump, fractal};

/// Height of the ground in metres above the datum of the generated city, for the default seed's
/// relief. The plain lies between 0 and 10 m, the hills reach about 1,000 m.
#[must_use]
pub fn terrain_height(longitude: f64, latitude: f64) -> f64 {
    ground(crate::DEFAULT_SEED, longitude, latitude)
}

/// The same for a seed. O(1).
pub(crate) fn ground(seed: u64, longitude: f64, latitude: f64) -> f64 {
    let p = P::from_degrees(longitude, latitude);
    // The plain falls towards the bay in the south-east.
    let plain = (4.0 - p.x / 18_000.0 + p.y / 22_000.0).clamp(0.3, 8.0) * (0.75 + 0.5 * fractal(p, 4_000.0, seed ^ 0x41));
    // North of about 40.05° the hills begin.
    let north = 1.0 - bump((p.y - 101_500.0).max(0.0), 11_500.0, 4);
    let ridges = fractal(p, 7_000.0, seed ^ 0x42);
    plain + 1_150.0 * north * ridges * ridges * (0.7 + 0.6 * fractal(p, 1_800.0, seed ^ 0x43))
}
