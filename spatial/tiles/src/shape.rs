//! Planar geometry in a tile's units: cleaning, simplifying, clipping, measuring.
//!
//! Coordinates are whole numbers kept as floats: exact up to 2⁵³, which a vertex on the far side of
//! the globe needs at the deepest zoom level. Snapping to the grid comes first and depends on the
//! vertex alone, so that two tiles, and two neighbours with a common border, see the same points.

/// A point in a tile's units.
pub(crate) type Point = [f64; 2];

/// The square that geometry is clipped to: from `−BUFFER` to `EXTENT + BUFFER`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Frame {
    #[inline]
    pub(crate) fn holds(&self, [x, y]: Point) -> bool {
        x >= self.min && x <= self.max && y >= self.min && y <= self.max
    }
}

/// The extent of a run of points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) min: Point,
    pub(crate) max: Point,
}

impl Extent {
    pub(crate) const EMPTY: Self = Self { min: [f64::INFINITY; 2], max: [f64::NEG_INFINITY; 2] };

    #[inline]
    pub(crate) fn add(&mut self, [x, y]: Point) {
        self.min = [self.min[0].min(x), self.min[1].min(y)];
        self.max = [self.max[0].max(x), self.max[1].max(y)];
    }

    #[inline]
    pub(crate) fn within(&self, frame: &Frame) -> bool {
        self.min[0] >= frame.min && self.min[1] >= frame.min && self.max[0] <= frame.max && self.max[1] <= frame.max
    }

    #[inline]
    pub(crate) fn misses(&self, frame: &Frame) -> bool {
        self.max[0] < frame.min || self.max[1] < frame.min || self.min[0] > frame.max || self.min[1] > frame.max
    }
}

/// The nearest whole number; ties go to the even one. For |v| < 2⁵¹. Much quicker than
/// `f64::round`, which is a function call on the oldest processors that we are built for.
#[inline]
pub(crate) fn snap(v: f64) -> f64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5 × 2⁵²: the fraction bits have no room left.
    (v + MAGIC) - MAGIC
}

/// A position snapped to the grid.
#[inline]
pub(crate) fn snapped([x, y]: Point) -> Point {
    [snap(x), snap(y)]
}

/// Twice the signed area of the triangle: 0 if the three are on one line.
#[inline]
fn cross(a: Point, b: Point, c: Point) -> f64 {
    (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
}

/// Twice the signed area of an open ring: the shoelace formula. Positive for an exterior ring (MVT
/// 2.1, 4.3.4.4), y pointing down. Exact.
pub(crate) fn area2(ring: &[Point]) -> f64 {
    let Some(&[x0, y0]) = ring.first() else { return 0.0 };
    ring.windows(2).map(|w| (w[0][0] - x0) * (w[1][1] - y0) - (w[1][0] - x0) * (w[0][1] - y0)).sum()
}

/// Takes repeated points, points on a straight line and spikes out of an open ring, in place. The
/// area that the ring covers stays the same, to the last unit; a ring without area becomes empty.
pub(crate) fn clean(ring: &mut Vec<Point>) {
    let mut kept = 0;
    for at in 0..ring.len() {
        let point = ring[at];
        while kept > 0 && (ring[kept - 1] == point || kept > 1 && cross(ring[kept - 2], ring[kept - 1], point) == 0.0) {
            kept -= 1;
        }
        ring[kept] = point;
        kept += 1;
    }
    // The seam: the same over the end and the start.
    let mut start = 0;
    loop {
        let open = &ring[start..kept];
        let (len, first) = match open {
            [first, _, .., _] => (open.len(), *first),
            _ => return ring.clear(),
        };
        let last = open[len - 1];
        if last == first || cross(open[len - 2], last, first) == 0.0 {
            kept -= 1;
        } else if cross(last, first, open[1]) == 0.0 {
            start += 1;
        } else {
            break;
        }
    }
    ring.truncate(kept);
    ring.drain(..start);
}

/// Clips an open ring to the frame: Sutherland and Hodgman, 1974. A concave ring may come back with
/// edges along the frame that cover nothing. O(vertices).
pub(crate) fn clip_ring(ring: &mut Vec<Point>, spare: &mut Vec<Point>, extent: &Extent, frame: &Frame) {
    for axis in 0..2 {
        if extent.min[axis] < frame.min {
            clip_side(ring, spare, axis, frame.min, 1.0);
        }
        if extent.max[axis] > frame.max {
            clip_side(ring, spare, axis, frame.max, -1.0);
        }
    }
}

/// Keeps what lies on one side of a line: `sign × (coordinate − limit) ≥ 0`.
fn clip_side(ring: &mut Vec<Point>, out: &mut Vec<Point>, axis: usize, limit: f64, sign: f64) {
    out.clear();
    let Some(mut from) = ring.last().copied() else { return };
    for &to in &*ring {
        let inside = |p: Point| sign * (p[axis] - limit) >= 0.0;
        if inside(from) != inside(to) {
            // Always from the inner end, so that an edge is cut at one place whichever way it runs.
            let (a, b) = if inside(from) { (from, to) } else { (to, from) };
            let share = (limit - a[axis]) / (b[axis] - a[axis]);
            let mut cut = [limit; 2];
            cut[1 - axis] = snap(a[1 - axis] + share * (b[1 - axis] - a[1 - axis]));
            out.push(cut);
        }
        if inside(to) {
            out.push(to);
        }
        from = to;
    }
    std::mem::swap(ring, out);
}

/// The part of a segment within the frame: Liang and Barsky, 1984. `None` if there is none.
pub(crate) fn clip_segment(a: Point, b: Point, frame: &Frame) -> Option<(Point, Point)> {
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for axis in 0..2 {
        let d = b[axis] - a[axis];
        if d == 0.0 {
            if a[axis] < frame.min || a[axis] > frame.max {
                return None;
            }
        } else {
            let (s, t) = ((frame.min - a[axis]) / d, (frame.max - a[axis]) / d);
            enter = enter.max(s.min(t));
            leave = leave.min(s.max(t));
        }
    }
    let at = |share: f64| [snap(a[0] + share * (b[0] - a[0])), snap(a[1] + share * (b[1] - a[1]))];
    (enter <= leave).then(|| (if enter > 0.0 { at(enter) } else { a }, if leave < 1.0 { at(leave) } else { b }))
}

/// Vertices that [`Simplifier`] looks at together, which bounds its cost: O(vertices × this) at worst.
const SIMPLIFY_RUN_MAX: usize = 512;

/// Douglas and Peucker, 1973, on whole lines before they are clipped: what is left out depends on
/// the line alone and not on the tile.
#[derive(Debug, Default)]
pub(crate) struct Simplifier {
    keep: Vec<bool>,
    open: Vec<(usize, usize)>,
}

impl Simplifier {
    /// Leaves out the vertices that are nearer to the line than the tolerance, in place.
    pub(crate) fn simplify(&mut self, line: &mut Vec<Point>, tolerance: f64) {
        if line.len() < 3 {
            return;
        }
        let last = line.len() - 1;
        self.keep.clear();
        self.keep.resize(line.len(), false);
        self.keep[last] = true;
        for start in (0..last).step_by(SIMPLIFY_RUN_MAX) {
            self.keep[start] = true;
            self.open.push((start, (start + SIMPLIFY_RUN_MAX).min(last)));
        }
        while let Some((from, to)) = self.open.pop() {
            let (at, distance2) = farthest(&line[from..=to]);
            if distance2 > tolerance * tolerance {
                let middle = from + at;
                self.keep[middle] = true;
                self.open.push((from, middle));
                self.open.push((middle, to));
            }
        }
        let mut keep = self.keep.iter();
        line.retain(|_| keep.next().is_some_and(|keep| *keep));
    }
}

/// The inner vertex that is farthest from the segment between the ends, and its squared distance.
fn farthest(line: &[Point]) -> (usize, f64) {
    let [a, .., b] = line else { return (0, 0.0) };
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length2 = dx * dx + dy * dy;
    let mut best = (0, 0.0);
    for (at, p) in line.iter().enumerate().take(line.len() - 1).skip(1) {
        let (px, py) = (p[0] - a[0], p[1] - a[1]);
        let share = if length2 > 0.0 { ((px * dx + py * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
        let (ex, ey) = (px - share * dx, py - share * dy);
        let distance2 = ex * ex + ey * ey;
        if distance2 > best.1 {
            best = (at, distance2);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Area, BooleanOps, Distance, Euclidean};
    use geo_types::{LineString, Polygon, Rect};
    use proptest::prelude::*;

    const FRAME: Frame = Frame { min: -64.0, max: 4160.0 };

    fn polygon(ring: &[Point]) -> Polygon<f64> {
        Polygon::new(LineString::from(ring.to_vec()), Vec::new())
    }

    fn extent(ring: &[Point]) -> Extent {
        let mut extent = Extent::EMPTY;
        ring.iter().for_each(|p| extent.add(*p));
        extent
    }

    fn grid() -> impl Strategy<Value = Point> {
        (-6000i32..10_000, -6000i32..10_000).prop_map(|(x, y)| [f64::from(x), f64::from(y)])
    }

    /// A simple ring: points around a centre in order of angle.
    fn star() -> impl Strategy<Value = Vec<Point>> {
        (grid(), proptest::collection::vec(1.0..6000.0f64, 3..40)).prop_map(|([x, y], radii)| {
            let step = std::f64::consts::TAU / radii.len() as f64;
            radii.iter().enumerate().map(|(i, r)| [snap(x + r * (i as f64 * step).cos()), snap(y + r * (i as f64 * step).sin())]).collect()
        })
    }

    #[test]
    fn numbers_snap_to_the_nearest() {
        for v in [0.0, 0.49, 0.51, -0.51, 4095.99, -1e9 - 0.4, 17_179_869_184.3] {
            assert!((snap(v) - v).abs() <= 0.5 && snap(v).fract() == 0.0, "{v}");
        }
    }

    #[test]
    fn spikes_straight_points_and_seams_are_cleaned() {
        let mut ring: Vec<Point> =
            vec![[5.0, 0.0], [10.0, 0.0], [10.0, 0.0], [10.0, 5.0], [20.0, 5.0], [10.0, 5.0], [10.0, 10.0], [0.0, 10.0], [0.0, 0.0]];
        clean(&mut ring);
        assert_eq!(ring, [[10.0, 0.0], [10.0, 10.0], [0.0, 10.0], [0.0, 0.0]]);
        for flat in [vec![], vec![[1.0, 1.0]; 4], vec![[0.0, 0.0], [1.0, 1.0], [5.0, 5.0], [2.0, 2.0]]] {
            let mut ring = flat;
            clean(&mut ring);
            assert!(ring.is_empty());
        }
    }

    #[test]
    fn a_line_keeps_its_shape_within_the_tolerance() {
        let line: Vec<Point> = (0..5000).map(|i| [f64::from(i), snap(300.0 * (f64::from(i) / 200.0).sin())]).collect();
        let mut simple = line.clone();
        Simplifier::default().simplify(&mut simple, 2.0);
        assert!(simple.len() < line.len() / 10 && simple.first() == line.first() && simple.last() == line.last());
        let drawn = LineString::from(simple);
        for p in line {
            assert!(Euclidean.distance(&geo_types::Point::from(p), &drawn) <= 2.0);
        }
    }

    proptest! {
        #[test]
        fn cleaning_changes_no_area(ring in proptest::collection::vec((0i32..6, 0i32..6).prop_map(|(x, y)| [f64::from(x), f64::from(y)]), 0..20)) {
            let mut cleaned = ring.clone();
            clean(&mut cleaned);
            prop_assert_eq!(area2(&ring), area2(&cleaned));
            let n = cleaned.len();
            for i in 0..n {
                prop_assert!(cross(cleaned[i], cleaned[(i + 1) % n], cleaned[(i + 2) % n]) != 0.0);
            }
        }

        #[test]
        fn a_clipped_ring_covers_what_the_ring_and_the_frame_share(ring in star()) {
            let frame = Rect::new((FRAME.min, FRAME.min), (FRAME.max, FRAME.max)).to_polygon();
            let expected = polygon(&ring).intersection(&frame).unsigned_area();
            let (mut clipped, mut spare) = (ring.clone(), Vec::new());
            clip_ring(&mut clipped, &mut spare, &extent(&ring), &FRAME);
            // Every cut may move an edge by half a unit.
            prop_assert!((area2(&clipped).abs() / 2.0 - expected).abs() <= 4300.0 * ring.len() as f64 + 1.0);
            prop_assert!(clipped.iter().all(|p| FRAME.holds(*p)));
        }

        #[test]
        fn a_clipped_segment_is_the_part_in_the_frame(a in grid(), b in grid()) {
            use geo::{Intersects, Length};
            let frame = Rect::new((FRAME.min, FRAME.min), (FRAME.max, FRAME.max));
            let segment = LineString::from(vec![a, b]);
            let expected = Euclidean.length(&frame.to_polygon().clip(&geo_types::MultiLineString::new(vec![segment.clone()]), false));
            match clip_segment(a, b, &FRAME) {
                Some((p, q)) => {
                    prop_assert!(FRAME.holds(p) && FRAME.holds(q));
                    prop_assert!((Euclidean.length(&LineString::from(vec![p, q])) - expected).abs() <= 2.0);
                }
                None => prop_assert!(!segment.intersects(&frame)),
            }
        }
    }
}
