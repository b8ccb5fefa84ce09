//! The index of a live collection: points in strips, an R*-tree of what fills a rectangle.

use crate::{
    Inside, NearestIndex, Vantage, WindowIndex,
    nearest::{Child, Tell, best_first},
};
use citywall_model::Bbox;
use rstar::{AABB, ParentNode, RTree, RTreeNode, RTreeObject};
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

    /// Visits the entries in a window that are points, with their longitudes and latitudes.
    /// O(strips with points that the window meets · log n + hits).
    pub fn search_points(&self, window: &Bbox, mut visit: impl FnMut(u64, f64, f64)) {
        if window.is_empty() {
            return;
        }
        let (left, right) = (ordered(window.x_min), ordered(window.x_max));
        let (mut at, last) = (strip(window.y_min), strip(window.y_max));
        while at <= last {
            let mut next = None;
            for (spot, y) in self.points.range(spot(at, left, 0)..) {
                #[expect(clippy::cast_possible_truncation, reason = "a spot's parts are of these sizes")]
                let (strip, x, fid) = (strip_of(*spot), (spot >> 32) as u64, *spot as u32);
                if strip > at || x > right {
                    // Strips without points are passed over.
                    next = Some(strip.max(at + 1));
                    break;
                }
                if (window.y_min..=window.y_max).contains(y) {
                    visit(u64::from(fid), longitude(*spot), *y);
                }
            }
            let Some(next) = next else { return };
            at = next;
        }
    }

    /// Visits the entries whose envelope meets a window and is no point, as [`WindowIndex::search`]
    /// says. O(log n + hits).
    pub fn search_shapes(&self, window: &Bbox, mut visit: impl FnMut(u64, Inside)) {
        if window.is_empty() {
            return;
        }
        let area = AABB::from_corners([window.x_min, window.y_min], [window.x_max, window.y_max]);
        for entry in self.shapes.locate_in_envelope_intersecting(area) {
            visit(entry.fid, if window.contains(&entry.envelope) { Inside::Whole } else { Inside::Maybe(entry.envelope) });
        }
    }
}

impl WindowIndex for LiveIndex {
    /// O(strips that the window meets · log n + hits).
    fn search(&self, window: &Bbox, mut visit: impl FnMut(u64, Inside)) {
        self.search_points(window, |fid, _, _| visit(fid, Inside::Whole));
        self.search_shapes(window, visit);
    }
}

/// What of the index waits to be looked at on the way from a place outward.
enum Part<'t> {
    /// A node of the tree of shapes.
    Shapes(&'t ParentNode<Entry>),
    /// A strip and all that lie beyond it, to the north or to the south.
    Strips(u32, Heading),
    /// What is left of a strip from one longitude to another one, in this order.
    Run { from: u128, to: u128 },
}

#[derive(Clone, Copy, PartialEq)]
enum Heading {
    North,
    South,
}

/// So many points of a strip are told at once.
const RUN: usize = 16;

/// The rectangle of a strip between two longitudes, a little higher than it is.
fn span(strip: u32, west: f64, east: f64) -> Bbox {
    let south = f64::from(strip) / STRIPS_PER_DEGREE - 90.0;
    Bbox::new(west, (south - 1e-9).max(-90.0), east, (south + 1.0 / STRIPS_PER_DEGREE + 1e-9).min(90.0))
}

/// The longitude in a spot: the inverse of [`ordered`].
fn longitude(spot: u128) -> f64 {
    let bits = (spot >> 32) as u64;
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

fn strip_of(spot: u128) -> u32 {
    (spot >> 96) as u32
}

impl LiveIndex {
    /// The first strip with points that is no nearer than this one.
    fn strip_from(&self, strip: u32, heading: Heading) -> Option<u32> {
        let spot = match heading {
            Heading::North => self.points.range(spot(strip, 0, 0)..).next(),
            Heading::South => self.points.range(..=spot(strip, u64::MAX, u32::MAX)).next_back(),
        };
        spot.map(|(spot, _)| strip_of(*spot))
    }

    fn open<'t>(&'t self, part: Part<'t>, lon: f64, tell: &mut Tell<'_, Part<'t>>) {
        match part {
            Part::Shapes(node) => open_shapes(node, tell),
            Part::Strips(strip, heading) => {
                let next = if heading == Heading::North { strip.checked_add(1) } else { strip.checked_sub(1) };
                if let Some(next) = next.and_then(|next| self.strip_from(next, heading)) {
                    tell(&span(next, -180.0, 180.0), Child::Node(Part::Strips(next, heading)));
                }
                // From the place's meridian to both sides, and from the antimeridian back to what
                // is nearer over it.
                let at = |x: f64| spot(strip, ordered(x), 0);
                let (first, last) = (spot(strip, 0, 0), spot(strip, u64::MAX, u32::MAX));
                let over = at(if lon >= 0.0 { lon - 180.0 } else { lon + 180.0 });
                let here = at(lon);
                let runs =
                    if lon >= 0.0 { [(here, last), (here, over), (first, over)] } else { [(here, over), (here, first), (last, over)] };
                for (from, to) in runs {
                    self.tell_run(from, to, tell);
                }
            }
            Part::Run { from, to } => self.tell_run(from, to, tell),
        }
    }

    /// Tells of some points of a strip from one spot on to another; of the two the greater is left out.
    fn tell_run<'t>(&'t self, from: u128, to: u128, tell: &mut Tell<'_, Part<'t>>) {
        let strip = strip_of(from);
        let mut tell = |points: &mut dyn Iterator<Item = (&u128, &f64)>, is_west: bool| {
            for (at, (spot, y)) in points.enumerate() {
                let x = longitude(*spot);
                if at == RUN {
                    let from = if is_west { *spot + 1 } else { *spot };
                    return tell(&span(strip, x, x), Child::Node(Part::Run { from, to }));
                }
                tell(&Bbox::new(x, *y, x, *y), Child::Entry(u64::from(*spot as u32)));
            }
        };
        if from <= to {
            tell(&mut self.points.range(from..to), false);
        } else {
            tell(&mut self.points.range(to..from).rev(), true);
        }
    }
}

impl NearestIndex for LiveIndex {
    fn nearest(&self, from: &Vantage, farthest: f64, visit: impl FnMut(u64) -> f64) {
        let (lon, lat) = from.degrees();
        let here = strip(lat);
        let north = self.strip_from(here, Heading::North).map(|strip| Part::Strips(strip, Heading::North));
        let south =
            here.checked_sub(1).and_then(|strip| self.strip_from(strip, Heading::South)).map(|strip| Part::Strips(strip, Heading::South));
        let parts = [Some(Part::Shapes(self.shapes.root())), north, south];
        best_first(parts.into_iter().flatten(), from, farthest, |part, tell| self.open(part, lon, tell), visit);
    }
}

/// Tells of a node's children.
fn open_shapes<'t>(node: &'t ParentNode<Entry>, tell: &mut Tell<'_, Part<'t>>) {
    for child in node.children() {
        match child {
            RTreeNode::Leaf(entry) => tell(&entry.envelope, Child::Entry(entry.fid)),
            RTreeNode::Parent(node) => {
                let (low, high) = (node.envelope().lower(), node.envelope().upper());
                tell(&Bbox::new(low[0], low[1], high[0], high[1]), Child::Node(Part::Shapes(node)));
            }
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
