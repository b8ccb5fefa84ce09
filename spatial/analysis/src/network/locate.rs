//! Where a place is on a network.

use super::{Network, Point, WindowIndex};
use crate::distance::{near_m, windows_within};

/// Who is within a millimetre of a node is at it.
const AT_END_M: f64 = 0.001;

/// A place on an edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Located {
    /// The edge.
    pub edge: u32,
    /// Metres from its start.
    pub along_m: f64,
    /// Metres from the place that was looked for, in a straight line.
    pub away_m: f64,
}

impl Network {
    /// The nearest place on an edge that `counts`, no further than `within_m` metres from a place;
    /// of equally near edges the first. The foot of the perpendicular is found in the plane of
    /// longitude and latitude at the place, which is good for the few kilometres that a network
    /// is from what stands at it. O(log n + edges near by).
    #[must_use]
    pub fn locate(&self, place: Point, within_m: f64, counts: impl Fn(u32) -> bool) -> Option<Located> {
        let mut radius_m = within_m.min(25.0);
        loop {
            let mut best: Option<Located> = None;
            let mut near = Vec::new();
            for window in windows_within(place, radius_m) {
                self.edge_index.search(&window, |edge, _| near.push(edge as u32));
            }
            near.sort_unstable();
            near.dedup();
            for edge in near.into_iter().filter(|edge| counts(*edge)) {
                let found = self.foot(place, edge);
                if found.away_m <= radius_m && best.is_none_or(|best| found.away_m < best.away_m) {
                    best = Some(found);
                }
            }
            if best.is_some() || radius_m >= within_m {
                return best;
            }
            radius_m = (radius_m * 2.0).min(within_m);
        }
    }

    /// The nearest node no further than `within_m` metres from a place; of equally near ones the first.
    #[must_use]
    pub fn node_near(&self, place: Point, within_m: f64) -> Option<u32> {
        let mut best: Option<(f64, u32)> = None;
        for window in windows_within(place, within_m) {
            self.node_index.search(&window, |node, _| {
                let away_m = near_m(place, self.nodes[node as usize]);
                if away_m <= within_m && best.is_none_or(|best| (away_m, node as u32) < best) {
                    best = Some((away_m, node as u32));
                }
            });
        }
        best.map(|(_, node)| node)
    }

    /// A node as a place on one of its edges that `counts`; `None` without one.
    #[must_use]
    pub fn located_at(&self, node: u32, counts: impl Fn(u32) -> bool) -> Option<Located> {
        let (edge, is_start) = *self.edges_at(node).iter().find(|(edge, _)| counts(*edge))?;
        Some(Located { edge, along_m: if is_start { 0.0 } else { self.length_m(edge) }, away_m: 0.0 })
    }

    fn foot(&self, place: Point, edge: u32) -> Located {
        let squeeze = place.y().to_radians().cos();
        let mut best = Located { edge, along_m: 0.0, away_m: f64::INFINITY };
        for [(a, a_m), (b, b_m)] in self.shape(edge).array_windows() {
            let (along, to) = (*b - *a, place.0 - *a);
            let (along_x, to_x) = (along.x * squeeze, to.x * squeeze);
            let t = ((along_x * to_x + along.y * to.y) / (along_x * along_x + along.y * along.y)).clamp(0.0, 1.0);
            let away_m = near_m(place, Point(*a + along * t));
            if away_m < best.away_m {
                best = Located { edge, along_m: a_m + (b_m - a_m) * t, away_m };
            }
        }
        let length_m = self.length_m(edge);
        if best.along_m < AT_END_M {
            best.along_m = 0.0;
        } else if best.along_m > length_m - AT_END_M {
            best.along_m = length_m;
        }
        best
    }
}
