//! The index of a live collection: points in strips, an R*-tree of what fills a rectangle.

use crate::{Inside, WindowIndex};
use citywall_model::Bbox;
use rstar::{AABB, RTree, RTreeObject};
use std::collections::BTreeMap;

/// Strips of latitude per degree: each is about 111 m high, so that a city has some hundred.
const STRIPS_PER_DEGREE: f64 = 1_000.0;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    envelope: Bbox,
    fid: u64,
}

impl RTreeObject for Entry {
    type Envelope = AABB<[f64; 2]>;
    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners([self.envelope.x_min, self.envelope.y_min], [self.envelope.x_max, self.envelope.y_max])
    }
}

/// An index of items by fid that come, move and go.
///
/// Nearly all of them are points. A point lies in a strip of latitude, in order of longitude: one
/// ordered map holds all strips, so that to put a point takes a tenth of what an R*-tree takes,
/// and a window is one run of the map per strip that it meets.
#[derive(Debug, Default)]
pub struct LiveIndex {
    /// The latitude of each point under its strip, longitude and fid; see [`spot`].
    points: BTreeMap<u128, f64>,
    /// What is no point.
    shapes: RTree<Entry>,
}

/// The strip that a latitude lies in. It never falls as the latitude rises.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what lies beyond the poles shares the last strip")]
fn strip(y: f64) -> u32 {
    ((y + 90.0) * STRIPS_PER_DEGREE).min(1e9) as u32
}

/// A number's bits such that they are in the order of the numbers.
fn ordered(x: f64) -> u64 {
    // Zero has one sign here.
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// A place in the order of strip, longitude and fid.
fn spot(strip: u32, x: u64, fid: u32) -> u128 {
    u128::from(strip) << 96 | u128::from(x) << 32 | u128::from(fid)
}

/// The place of an entry among the points; `None` for what is no point.
fn point(fid: u64, b: &Bbox) -> Option<u128> {
    #[expect(clippy::float_cmp, reason = "a point's edges are the same numbers")]
    let is_point = b.x_min == b.x_max && b.y_min == b.y_max;
    let fid = u32::try_from(fid).ok().filter(|_| is_point)?;
    Some(spot(strip(b.y_min), ordered(b.x_min), fid))
}

impl LiveIndex {
    /// Loads many entries at once; those with an empty envelope are left out. O(n log n).
    pub fn bulk(entries: impl IntoIterator<Item = (u64, Bbox)>) -> Self {
        let (mut points, mut shapes) = (Vec::new(), Vec::new());
        for (fid, envelope) in entries.into_iter().filter(|(_, b)| !b.is_empty()) {
            match point(fid, &envelope) {
                Some(spot) => points.push((spot, envelope.y_min)),
                None => shapes.push(Entry { envelope, fid }),
            }
        }
        Self { points: points.into_iter().collect(), shapes: RTree::bulk_load(shapes) }
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len() + self.shapes.size()
    }

    /// True if there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves an entry: `None` or an empty envelope stands for “nowhere”. O(log n).
    pub fn update(&mut self, fid: u64, from: Option<Bbox>, to: Option<Bbox>) {
        if from == to {
            return;
        }
        if let Some(envelope) = from.filter(|b| !b.is_empty()) {
            match point(fid, &envelope) {
                Some(spot) => drop(self.points.remove(&spot)),
                None => drop(self.shapes.remove(&Entry { envelope, fid })),
            }
        }
        if let Some(envelope) = to.filter(|b| !b.is_empty()) {
            match point(fid, &envelope) {
                Some(spot) => drop(self.points.insert(spot, envelope.y_min)),
                None => self.shapes.insert(Entry { envelope, fid }),
            }
        }
    }

    /// Visits the points in a window. O(strips with points that the window meets · log n + hits).
    fn search_points(&self, window: &Bbox, mut visit: impl FnMut(u64)) {
        let (left, right) = (ordered(window.x_min), ordered(window.x_max));
        let (mut at, last) = (strip(window.y_min), strip(window.y_max));
        while at <= last {
            let mut next = None;
            for (spot, y) in self.points.range(spot(at, left, 0)..) {
                #[expect(clippy::cast_possible_truncation, reason = "a spot's parts are of these sizes")]
                let (strip, x, fid) = ((spot >> 96) as u32, (spot >> 32) as u64, *spot as u32);
                if strip > at || x > right {
                    // Strips without points are passed over.
                    next = Some(strip.max(at + 1));
                    break;
                }
                if (window.y_min..=window.y_max).contains(y) {
                    visit(u64::from(fid));
                }
            }
            let Some(next) = next else { return };
            at = next;
        }
    }
}

impl WindowIndex for LiveIndex {
    /// O(strips that the window meets · log n + hits).
    fn search(&self, window: &Bbox, mut visit: impl FnMut(u64, Inside)) {
        if window.is_empty() {
            return;
        }
        self.search_points(window, |fid| visit(fid, Inside::Whole));
        let area = AABB::from_corners([window.x_min, window.y_min], [window.x_max, window.y_max]);
        for entry in self.shapes.locate_in_envelope_intersecting(area) {
            visit(entry.fid, if window.contains(&entry.envelope) { Inside::Whole } else { Inside::Maybe });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn after_any_moves_a_window_finds_what_brute_force_finds(
            moves in prop::collection::vec((0u64..60, prop::option::of((0u8..100, 0u8..100, 0u8..10))), 1..400),
            window in (0u8..100, 0u8..100, 0u8..60),
            // Strips with many points each, and some hundred strips without any between two.
            degrees in prop::sample::select(vec![0.0001, 0.0007, 1.0]),
            sizes in prop::sample::select(vec![0.0, 1.0]),
        ) {
            let at = |n: u8| (f64::from(n) - 50.0) * degrees;
            let mut index = LiveIndex::default();
            let mut places: BTreeMap<u64, Bbox> = BTreeMap::new();
            for (fid, to) in moves {
                let to = to.map(|(x, y, s)| Bbox::new(at(x), at(y), at(x) + f64::from(s) * degrees * sizes, at(y)));
                index.update(fid, places.get(&fid).copied(), to);
                match to {
                    Some(place) => places.insert(fid, place),
                    None => places.remove(&fid),
                };
            }
            let (x, y, size) = window;
            let window = Bbox::new(at(x), at(y), at(x) + f64::from(size) * degrees, at(y) + f64::from(size) * degrees);
            let mut found = Vec::new();
            index.search(&window, |fid, _| found.push(fid));
            found.sort_unstable();
            let expected: Vec<u64> = places.iter().filter(|(_, b)| b.intersects(&window)).map(|(fid, _)| *fid).collect();
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(index.len(), places.len());
            let mut loaded = Vec::new();
            LiveIndex::bulk(places).search(&window, |fid, _| loaded.push(fid));
            loaded.sort_unstable();
            prop_assert_eq!(loaded, found);
        }
    }
}
