//! A flight from one view to another.
//!
//! The path that zooms out, crosses and zooms in so that the picture moves at an even speed (van
//! Wijk and Nuij 2003, “Smooth and efficient zooming and panning”).

use super::Orbit;

/// The path's curvature: how much it zooms out for the way it has to go.
const RHO: f64 = 1.3;
/// Seconds per unit of the path's length.
const PACE_S: f64 = 0.85;
/// Flights last between these, seconds.
const DURATION_S: (f64, f64) = (0.6, 4.0);

/// A flight under way.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    from: Orbit,
    to: Orbit,
    elapsed_s: f64,
    duration_s: f64,
    length: f64,
}

impl Flight {
    /// From one view to another, which it will reach exactly.
    #[must_use]
    pub fn new(from: Orbit, to: Orbit) -> Self {
        let mut to = to.clamped();
        // The short way round.
        to.bearing = from.bearing + (to.bearing - from.bearing + 540.0).rem_euclid(360.0) - 180.0;
        let mut flight = Self { from, to, elapsed_s: 0.0, duration_s: 0.0, length: 0.0 };
        flight.length = flight.path_length();
        flight.duration_s = (flight.length.abs() * PACE_S).clamp(DURATION_S.0, DURATION_S.1);
        flight
    }

    /// Where it ends.
    #[must_use]
    pub fn goal(&self) -> Orbit {
        self.to.clamped()
    }

    /// The view after some more seconds, and whether the flight is over.
    pub fn advance(&mut self, seconds: f64) -> (Orbit, bool) {
        self.elapsed_s += seconds;
        let t = (self.elapsed_s / self.duration_s).clamp(0.0, 1.0);
        if t >= 1.0 {
            return (self.to.clamped(), true);
        }
        (self.at(t * t * (3.0 - 2.0 * t)), false)
    }

    fn radii(&self) -> Option<(f64, f64)> {
        let (u, w0, w1) = (self.from.target.distance(self.to.target), self.from.distance, self.to.distance);
        if u < 1e-3 * w0.min(w1) {
            return None;
        }
        let rho4 = RHO.powi(4);
        let b = |w: f64, sign: f64| (w1 * w1 - w0 * w0 + sign * rho4 * u * u) / (2.0 * w * RHO * RHO * u);
        let r = |b: f64| ((b * b + 1.0).sqrt() - b).ln();
        Some((r(b(w0, 1.0)), r(b(w1, -1.0))))
    }

    fn path_length(&self) -> f64 {
        self.radii().map_or_else(|| (self.to.distance / self.from.distance).ln() / RHO, |(r0, r1)| (r1 - r0) / RHO)
    }

    fn at(&self, t: f64) -> Orbit {
        let w0 = self.from.distance;
        let (travelled, distance) = match self.radii() {
            None => (t, w0 * (RHO * t * self.length).exp()),
            Some((r0, _)) => {
                let s = t * self.length;
                let whole = self.from.target.distance(self.to.target);
                let u = w0 / (RHO * RHO) * (r0.cosh() * (RHO * s + r0).tanh() - r0.sinh());
                (u / whole, w0 * r0.cosh() / (RHO * s + r0).cosh())
            }
        };
        Orbit {
            target: self.from.target.lerp(self.to.target, travelled),
            distance,
            bearing: self.from.bearing + (self.to.bearing - self.from.bearing) * t,
            pitch: self.from.pitch + (self.to.pitch - self.from.pitch) * t,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::math::DVec2;

    #[test]
    fn a_flight_starts_and_ends_where_it_should_and_never_dives_below_both() {
        let from = Orbit { distance: 30_000.0, ..Orbit::default() };
        let to = Orbit { target: DVec2::new(9000.0, -4000.0), distance: 1500.0, bearing: 350.0, pitch: 40.0 };
        let mut flight = Flight::new(from, to);
        let (first, _) = flight.advance(1e-6);
        assert!(first.target.length() < 1.0 && (first.distance - from.distance).abs() < 1.0);
        let mut over = false;
        while !over {
            let (orbit, done) = flight.advance(0.02);
            assert!(orbit.distance > 1499.0 && orbit.distance.is_finite());
            over = done;
            if done {
                assert_eq!(orbit, to);
            }
        }
    }

    #[test]
    fn a_flight_on_the_spot_only_zooms() {
        let from = Orbit::default();
        let mut flight = Flight::new(from, Orbit { distance: 500.0, ..from });
        let (half, _) = flight.advance(0.3);
        assert_eq!(half.target, from.target);
        assert!(half.distance < from.distance && half.distance > 500.0);
    }
}
