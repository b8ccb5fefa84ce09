//! The nearest entries of a place, the best first.

use citywall_model::Bbox;
use std::{cmp::Ordering, collections::BinaryHeap};

/// An index that finds entries by how far their envelopes are.
pub trait NearestIndex {
    /// Visits the entries whose envelopes are at most `farthest` away, as an angle in radians,
    /// the nearest envelopes about first (G. R. Hjaltason, H. Samet, “Distance browsing in spatial
    /// databases”, ACM TODS 24(2), 1999). `visit` answers what is near enough from then on.
    /// O(log n + visited).
    fn nearest(&self, from: &Vantage, farthest: f64, visit: impl FnMut(u64) -> f64);
}

/// What stands in a node.
pub(crate) enum Child<N> {
    Node(N),
    Entry(u64),
}

/// Who is told of the boxes of what stands in a node.
pub(crate) type Tell<'a, N> = dyn FnMut(&Bbox, Child<N>) + 'a;

/// What waits, with how far away it is at least. The greatest is the nearest.
struct Waiting<N>(f64, Child<N>);

impl<N> PartialEq for Waiting<N> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<N> Eq for Waiting<N> {}

impl<N> PartialOrd for Waiting<N> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<N> Ord for Waiting<N> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0)
    }
}

/// Walks an index as [`NearestIndex::nearest`] says; `open` tells of a node's children. Entries wait
/// among the nodes, so that none is visited before the nodes that may have a nearer one are open.
pub(crate) fn best_first<N>(
    roots: impl IntoIterator<Item = N>,
    from: &Vantage,
    mut farthest: f64,
    open: impl Fn(N, &mut Tell<'_, N>),
    mut visit: impl FnMut(u64) -> f64,
) {
    let mut waiting: BinaryHeap<_> = roots.into_iter().map(|root| Waiting(0.0, Child::Node(root))).collect();
    while let Some(Waiting(least, child)) = waiting.pop()
        && least <= farthest
    {
        match child {
            Child::Entry(entry) => farthest = visit(entry),
            Child::Node(node) => open(node, &mut |envelope, child| {
                let least = from.at_least(envelope);
                if least <= farthest {
                    waiting.push(Waiting(least, child));
                }
            }),
        }
    }
}

/// A place on a sphere from which things are near and far.
#[derive(Clone, Copy, Debug)]
pub struct Vantage {
    /// Longitude, degrees.
    lon: f64,
    /// Latitude, radians.
    lat: f64,
    sin: f64,
    cos: f64,
}

/// Radians up to which [`Vantage::at_least`] does without trigonometry.
const NEAR: f64 = 0.1;
/// Angles are told this much too small, so that rounding never tells too large a one.
const ROUNDING: f64 = 1.0 - 1e-8;

impl Vantage {
    /// The one at a longitude and a latitude, degrees.
    #[must_use]
    pub fn new(lon: f64, lat: f64) -> Self {
        let lat = lat.to_radians();
        Self { lon, lat, sin: lat.sin(), cos: lat.cos() }
    }

    /// Its longitude and latitude, degrees.
    pub(crate) fn degrees(&self) -> (f64, f64) {
        (self.lon, self.lat.to_degrees())
    }

    /// As [`Vantage::angle_to`], without trigonometry where the envelope is near: never too large, and
    /// too small by no more than about the envelope's size and distance are of the sphere's.
    #[must_use]
    #[inline]
    pub fn at_least(&self, envelope: &Bbox) -> f64 {
        let (angle, is_near) = self.by_plane(envelope);
        if is_near { angle } else { self.angle_to(envelope) }
    }

    /// [`Vantage::at_least`] of several envelopes: west, south, east, north.
    #[inline]
    pub(crate) fn all_at_least(&self, envelopes: &[[f64; 4]], angles: &mut [f64]) {
        let mut are_near = true;
        // Without a branch, so that processors take several at once.
        for (angle, envelope) in angles.iter_mut().zip(envelopes) {
            let is_near;
            (*angle, is_near) = self.by_plane(&Bbox::from(*envelope));
            are_near &= is_near;
        }
        if !are_near {
            angles.iter_mut().zip(envelopes).for_each(|(angle, envelope)| *angle = self.at_least(&Bbox::from(*envelope)));
        }
    }

    /// An angle for [`Vantage::at_least`], and whether the envelope is near enough for it.
    #[inline]
    fn by_plane(&self, envelope: &Bbox) -> (f64, bool) {
        let (east, west) = (envelope.x_max - self.lon, self.lon - envelope.x_min);
        let (north, south) = (envelope.y_max.to_radians() - self.lat, self.lat - envelope.y_min.to_radians());
        // The shorter one of the ways east and west.
        let turn = (-east).max(-west).max(0.0).min(360.0 - east.max(west)).to_radians();
        let rise = (-north).max(-south).max(0.0);
        let is_near = (0.0..=NEAR).contains(&turn) & (rise <= NEAR);
        // The cosine of no latitude of the envelope is less, nor is sin²(x/2) than x²/4 · (1 - x²/12):
        // the haversine formula with these.
        let reach = north.max(south);
        let cos = (self.cos * (1.0 - reach * reach / 2.0) - self.sin.abs() * reach).max(0.0);
        let square = |x: f64| x * x * (1.0 - x * x * (1.0 / 12.0));
        ((square(rise) + self.cos * cos * square(turn)).sqrt() * ROUNDING, is_near)
    }

    /// The least angle, seen from the centre of the sphere, between the place and an envelope of
    /// longitudes and latitudes in degrees; radians. Across the antimeridian and over the poles
    /// too. Never too large, and too small by at most a hundred millionth.
    #[must_use]
    pub fn angle_to(&self, envelope: &Bbox) -> f64 {
        let (low, high) = (envelope.y_min.to_radians(), envelope.y_max.to_radians());
        let (width, east) = (envelope.x_max - envelope.x_min, (self.lon - envelope.x_min).rem_euclid(360.0));
        if east <= width {
            return (self.lat - self.lat.clamp(low, high)).abs() * ROUNDING;
        }
        // The nearer one of the two meridians that bound it is nearer at every latitude.
        let turn = (east - width).min(360.0 - east).to_radians();
        let around = (turn / 2.0).sin().powi(2) * self.cos;
        // The haversine of the angle to a latitude of this meridian.
        let haversine = |lat: f64| ((lat - self.lat) / 2.0).sin().powi(2) + around * lat.cos();
        let nearest = if low == high {
            haversine(low)
        } else {
            let foot = self.sin.atan2(self.cos * turn.cos());
            if (low..=high).contains(&foot) { haversine(foot) } else { haversine(low).min(haversine(high)) }
        };
        2.0 * nearest.sqrt().min(1.0).asin() * ROUNDING
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LiveIndex, PackedIndex};
    use geo::{Distance, HaversineMeasure, Point};
    use proptest::prelude::*;

    fn degrees(lon: f64, lat: f64, to_lon: f64, to_lat: f64) -> f64 {
        HaversineMeasure::new(1.0).distance(Point::new(lon, lat), Point::new(to_lon, to_lat))
    }

    proptest! {
        #[test]
        fn no_point_of_an_envelope_is_nearer_than_it_and_one_is_as_near(
            (lon, lat) in (-180.0..180.0f64, -90.0..90.0f64),
            (west, south, width, height) in (-180.0..180.0f64, -90.0..90.0f64, 0.0..359.0f64, 0.0..180.0f64),
        ) {
            let envelope = Bbox::new(west, south, (west + width).min(180.0), (south + height).min(90.0));
            let least = Vantage::new(lon, lat).angle_to(&envelope);
            let steps = 60;
            let at = |n: u32, low: f64, high: f64| low + (high - low) * f64::from(n) / f64::from(steps);
            let points = (0..=steps).flat_map(|x| (0..=steps).map(move |y| (at(x, envelope.x_min, envelope.x_max), at(y, envelope.y_min, envelope.y_max))));
            let nearest = points.map(|(x, y)| degrees(lon, lat, x, y)).fold(f64::INFINITY, f64::min);
            prop_assert!(least <= nearest + 1e-12);
            // The raster's points are at most so far from each other.
            let raster = ((envelope.x_max - envelope.x_min) + (envelope.y_max - envelope.y_min)).to_radians() / f64::from(steps);
            prop_assert!(nearest <= least + raster + 1e-6, "{nearest} {least}");
        }

        #[test]
        fn the_quick_angle_is_never_too_large_and_hardly_too_small_for_what_is_near(
            (lon, lat) in (-180.0..180.0f64, -90.0..90.0f64),
            (east, north, width, height) in (-1.0..1.0f64, -1.0..1.0f64, 0.0..1.0f64, 0.0..1.0f64),
            degrees in prop::sample::select(vec![0.001, 0.1, 10.0, 180.0]),
        ) {
            let (west, south) = ((lon + east * degrees).clamp(-180.0, 180.0), (lat + north * degrees).clamp(-90.0, 90.0));
            let envelope = Bbox::new(west, south, (west + width * degrees).min(180.0), (south + height * degrees).min(90.0));
            let place = Vantage::new(lon, lat);
            let (exact, quick) = (place.angle_to(&envelope), place.at_least(&envelope));
            prop_assert!(quick <= exact * (1.0 + 1e-8), "{quick} {exact}");
            prop_assert!(degrees > 0.1 || lat.abs() > 80.0 || quick >= exact * 0.97, "{quick} {exact}");
        }

        #[test]
        fn both_trees_find_the_nearest_that_brute_force_finds(
            places in prop::collection::vec((-1800i32..=1800, -900i32..=900, 0u8..20, 0u8..20), 0..400),
            (lon, lat) in (-180.0..180.0f64, -90.0..90.0f64),
            // Of the globe, of a town across the antimeridian and of one near a pole; points and rectangles.
            (west, south, scale) in prop::sample::select(vec![(-180.0, -90.0, 1.0), (179.9, -17.0, 0.001), (20.0, 89.0, 0.005)]),
            size in prop::sample::select(vec![0.0, 1.0]),
            count in 1usize..20,
        ) {
            let over = |x: f64| if x > 180.0 { x - 360.0 } else { x };
            let at = |x: f64, y: f64| (over(west + (x + 180.0) * scale), (south + (y + 90.0) * scale).min(90.0));
            let envelope = |(x, y, width, height): (i32, i32, u8, u8)| {
                let (x, y) = at(f64::from(x) / 10.0, f64::from(y) / 10.0);
                let (east, north) = (x + f64::from(width) * scale * size, y + f64::from(height) * scale * size);
                Bbox::new(x, y, east.min(180.0), north.min(90.0))
            };
            let envelopes: Vec<Bbox> = places.into_iter().map(envelope).collect();
            let (lon, lat) = at(lon, lat);
            let place = Vantage::new(lon, lat);
            let far = |envelope: &Bbox| {
                let is_point = envelope.x_min == envelope.x_max && envelope.y_min == envelope.y_max;
                if is_point { degrees(lon, lat, envelope.x_min, envelope.y_min) } else { place.angle_to(envelope) }
            };
            let mut expected: Vec<f64> = envelopes.iter().map(far).collect();
            expected.sort_by(f64::total_cmp);
            expected.truncate(count);
            for packed in [true, false] {
                let mut found: Vec<f64> = Vec::new();
                let visit = |at: u64| {
                    found.push(far(&envelopes[usize::try_from(at).unwrap()]));
                    found.sort_by(f64::total_cmp);
                    found.truncate(count);
                    if found.len() == count { found[count - 1] } else { f64::INFINITY }
                };
                if packed {
                    PackedIndex::new(envelopes.iter().copied()).nearest(&place, f64::INFINITY, visit);
                } else {
                    LiveIndex::bulk((0..).zip(envelopes.iter().copied())).nearest(&place, f64::INFINITY, visit);
                }
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
