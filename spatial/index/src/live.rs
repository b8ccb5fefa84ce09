//! The index of a live collection: points in strips, an R*-tree of what fills a rectangle.

use crate::{
    Inside, NearestIndex, Vantage, WindowIndex,
    nearest::{Child, Tell, best_first},
};
use citywall_model::Bbox;
use rstar::{AABB, ParentNode, RTree, RTreeNode, RTreeObject};
use std::collections::{BTreeMap, btree_map::Entry};

/// Strips of latitude per degree: each is about 111 m high, so that a city has some hundred.
const STRIPS_PER_DEGREE: f64 = 1_000.0;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    envelope: Bbox,
    fid: u64,
}

impl RTreeObject for Shape {
    type Envelope = AABB<[f64; 2]>;
    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners([self.envelope.x_min, self.envelope.y_min], [self.envelope.x_max, self.envelope.y_max])
    }
}

/// An index of items by fid that come, move and go.
///
/// Nearly all of them are points. A point lies in a strip of latitude, in order of longitude, so
/// that to put a point takes a tenth of what an R*-tree takes, and a window is one run of points
/// per strip that it meets.
#[derive(Debug, Default)]
pub struct LiveIndex {
    /// The strips that have points.
    strips: BTreeMap<u32, Strip>,
    points: usize,
    /// What is no point.
    shapes: RTree<Shape>,
}

/// The latitude of each point of a strip under its longitude and fid.
type Strip = BTreeMap<Spot, f64>;

/// A longitude and a fid, in that order: the longitude's [`ordered`] bits, the upper half first. As
/// words of 32 bits they leave no gap in a map of millions.
type Spot = [u32; 3];

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

#[expect(clippy::cast_possible_truncation, reason = "the halves of 64 bits")]
fn spot(x: u64, fid: u32) -> Spot {
    [(x >> 32) as u32, x as u32, fid]
}

/// The strip and the spot of an entry that is a point; `None` for what is none.
fn point(fid: u64, b: &Bbox) -> Option<(u32, Spot)> {
    #[expect(clippy::float_cmp, reason = "a point's edges are the same numbers")]
    let is_point = b.x_min == b.x_max && b.y_min == b.y_max;
    let fid = u32::try_from(fid).ok().filter(|_| is_point)?;
    Some((strip(b.y_min), spot(ordered(b.x_min), fid)))
}

impl LiveIndex {
    /// Loads many entries at once; those with an empty envelope are left out. O(n log n).
    pub fn bulk(entries: impl IntoIterator<Item = (u64, Bbox)>) -> Self {
        let (mut points, mut shapes) = (Vec::new(), Vec::new());
        for (fid, envelope) in entries.into_iter().filter(|(_, b)| !b.is_empty()) {
            match point(fid, &envelope) {
                Some((strip, spot)) => points.push((strip, spot, envelope.y_min)),
                None => shapes.push(Shape { envelope, fid }),
            }
        }
        points.sort_unstable_by_key(|(strip, spot, _)| (*strip, *spot));
        // A map that is made of sorted entries has full nodes.
        let strips = points.chunk_by(|(one, ..), (next, ..)| one == next);
        let strips = strips.map(|run| (run[0].0, run.iter().map(|(_, spot, y)| (*spot, *y)).collect()));
        Self { strips: strips.collect(), points: points.len(), shapes: RTree::bulk_load(shapes) }
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points + self.shapes.size()
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
                Some((strip, spot)) => self.remove_point(strip, &spot),
                None => drop(self.shapes.remove(&Shape { envelope, fid })),
            }
        }
        if let Some(envelope) = to.filter(|b| !b.is_empty()) {
            match point(fid, &envelope) {
                Some((strip, spot)) => {
                    let before = self.strips.entry(strip).or_default().insert(spot, envelope.y_min);
                    self.points += usize::from(before.is_none());
                }
                None => self.shapes.insert(Shape { envelope, fid }),
            }
        }
    }

    fn remove_point(&mut self, strip: u32, spot: &Spot) {
        let Entry::Occupied(mut entry) = self.strips.entry(strip) else { return };
        self.points -= usize::from(entry.get_mut().remove(spot).is_some());
        if entry.get().is_empty() {
            entry.remove();
        }
    }

    /// Visits the entries in a window that are points, with their longitudes and latitudes.
    /// O(strips with points that the window meets · log n + hits).
    pub fn search_points(&self, window: &Bbox, mut visit: impl FnMut(u64, f64, f64)) {
        if window.is_empty() {
            return;
        }
        let (left, right) = (spot(ordered(window.x_min), 0), spot(ordered(window.x_max), u32::MAX));
        // Windows from east to west, and from north to south, have nothing in them.
        let (first, last) = (strip(window.y_min), strip(window.y_max));
        if left > right || first > last {
            return;
        }
        for points in self.strips.range(first..=last).map(|(_, points)| points) {
            for (spot, y) in points.range(left..=right).filter(|(_, y)| (window.y_min..=window.y_max).contains(*y)) {
                visit(u64::from(spot[2]), longitude(spot), *y);
            }
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
    Shapes(&'t ParentNode<Shape>),
    /// A strip and all that lie beyond it, to the north or to the south.
    Strips(u32, Heading),
    /// What is left of a strip from one longitude to another one, in this order.
    Run { strip: u32, from: Spot, to: Spot },
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
fn longitude(spot: &Spot) -> f64 {
    let bits = u64::from(spot[0]) << 32 | u64::from(spot[1]);
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

impl LiveIndex {
    /// The first strip with points that is no nearer than this one.
    fn strip_from(&self, strip: u32, heading: Heading) -> Option<u32> {
        let found = match heading {
            Heading::North => self.strips.range(strip..).next(),
            Heading::South => self.strips.range(..=strip).next_back(),
        };
        found.map(|(strip, _)| *strip)
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
                let at = |x: f64| spot(ordered(x), 0);
                let (first, last) = (spot(0, 0), spot(u64::MAX, u32::MAX));
                let over = at(if lon >= 0.0 { lon - 180.0 } else { lon + 180.0 });
                let here = at(lon);
                let runs =
                    if lon >= 0.0 { [(here, last), (here, over), (first, over)] } else { [(here, over), (here, first), (last, over)] };
                for (from, to) in runs {
                    self.tell_run(strip, from, to, tell);
                }
            }
            Part::Run { strip, from, to } => self.tell_run(strip, from, to, tell),
        }
    }

    /// Tells of some points of a strip from one spot on to another; of the two the greater is left out.
    fn tell_run<'t>(&'t self, strip: u32, from: Spot, to: Spot, tell: &mut Tell<'_, Part<'t>>) {
        let Some(points) = self.strips.get(&strip) else { return };
        let mut tell = |points: &mut dyn Iterator<Item = (&Spot, &f64)>, is_west: bool| {
            for (at, (spot, y)) in points.enumerate() {
                let x = longitude(spot);
                if at == RUN {
                    let from = if is_west { after(*spot) } else { *spot };
                    return tell(&span(strip, x, x), Child::Node(Part::Run { strip, from, to }));
                }
                tell(&Bbox::new(x, *y, x, *y), Child::Entry(u64::from(spot[2])));
            }
        };
        if from <= to {
            tell(&mut points.range(from..to), false);
        } else {
            tell(&mut points.range(to..from).rev(), true);
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

/// The next spot after one.
fn after([upper, lower, fid]: Spot) -> Spot {
    // No point has the largest fid of all.
    [upper, lower, fid.saturating_add(1)]
}

/// Tells of a node's children.
fn open_shapes<'t>(node: &'t ParentNode<Shape>, tell: &mut Tell<'_, Part<'t>>) {
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
