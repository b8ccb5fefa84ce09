//! Is a polygon valid (OGC 06-103r4, clause 6.1.11)? Most are, and most are one small ring, so a
//! cheap test in plain floats clears those; what it cannot clear goes to GEOS.

use crate::shape::{Kind, Shape};
use citywall_crs::messages;
use gdal::{cpl::CslStringList, vector::Geometry};

/// Rings up to this many segments are tested pair by pair; longer ones are sorted first.
const PAIRS_SEGMENTS_MAX: usize = 40;
/// Longer rings go to GEOS, which has a real sweep line.
const SORTED_SEGMENTS_MAX: usize = 20_000;

/// True if the shape is certainly valid: one closed ring without a second touch of itself.
/// False means that it is not known.
///
/// # Complexity
/// O(n²) for n ≤ 40 segments, else O(n log n + pairs that overlap in x).
pub(crate) fn is_surely_valid(shape: &Shape) -> bool {
    shape.rings.len() == 1 && ring_is_simple(&shape.x, &shape.y)
}

/// Asks GEOS. `Ok` if valid, else its words for what is wrong and where.
pub(crate) fn ask_geos(shape: &Shape) -> Result<(), String> {
    let (valid, said) = messages::collect(|| Geometry::from_wkb(&shape.to_wkb()).is_ok_and(|g| g.is_valid()));
    if valid {
        return Ok(());
    }
    Err(said.into_iter().map(|m| m.text).next_back().unwrap_or_else(|| "invalid polygon".to_owned()))
}

/// The area that an invalid polygon encloses, as valid polygons: GEOS's “structure” method, which
/// keeps outer rings as area and holes as holes. `None` if nothing is enclosed.
pub(crate) fn make_valid(shape: &Shape) -> Option<Shape> {
    let (made, _) = messages::collect(|| {
        let mut options = CslStringList::new();
        options.set_name_value("METHOD", "STRUCTURE").ok()?;
        Geometry::from_wkb(&shape.to_wkb()).ok()?.make_valid(&options).ok()?.iso_wkb().ok()
    });
    let mut made = crate::wkb_in::decode(&made?).ok()?.shape;
    let mut areas = Shape::new(Kind::MultiPolygon);
    take_areas(&mut made, &mut areas);
    if areas.z.iter().any(|z| !z.is_finite()) || areas.z.len() != areas.x.len() {
        areas.z.clear();
    }
    match areas.parts.len() {
        0 => None,
        1 if shape.kind == Kind::Polygon => {
            areas.kind = Kind::Polygon;
            Some(areas)
        }
        _ => Some(areas),
    }
}

fn take_areas(from: &mut Shape, into: &mut Shape) {
    from.members.iter_mut().for_each(|m| take_areas(m, into));
    if !from.kind.is_areal() {
        return;
    }
    let (vertices, rings) = (into.x.len(), into.rings.len());
    into.x.append(&mut from.x);
    into.y.append(&mut from.y);
    into.z.append(&mut from.z);
    into.rings.extend(from.rings.iter().map(|end| end + vertices));
    into.parts.extend(from.parts.iter().map(|end| end + rings));
}

/// Twice the signed area of the triangle, or 0 if rounding hides its sign.
fn orientation(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> f64 {
    let (left, right) = ((b.0 - a.0) * (c.1 - a.1), (b.1 - a.1) * (c.0 - a.0));
    let area = left - right;
    if area.abs() <= 8.0 * f64::EPSILON * (left.abs() + right.abs()) { 0.0 } else { area }
}

/// True if two segments meet, or may: rounding counts as meeting.
fn may_meet(a: (f64, f64), b: (f64, f64), c: (f64, f64), d: (f64, f64)) -> bool {
    if a.0.max(b.0) < c.0.min(d.0) || c.0.max(d.0) < a.0.min(b.0) || a.1.max(b.1) < c.1.min(d.1) || c.1.max(d.1) < a.1.min(b.1) {
        return false;
    }
    orientation(a, b, c) * orientation(a, b, d) <= 0.0 && orientation(c, d, a) * orientation(c, d, b) <= 0.0
}

/// True if a closed ring certainly touches itself nowhere.
fn ring_is_simple(x: &[f64], y: &[f64]) -> bool {
    let n = x.len().saturating_sub(1);
    if !(3..=SORTED_SEGMENTS_MAX).contains(&n) {
        return false;
    }
    let at = |i: usize| (x[i], y[i]);
    // Neighbours share a vertex; they must not fold back on each other.
    let folds = (0..n).any(|i| {
        let (a, b, c) = (at(i), at(i + 1), at(if i + 2 > n { 1 } else { i + 2 }));
        orientation(a, b, c) == 0.0 && (b.0 - a.0) * (c.0 - b.0) + (b.1 - a.1) * (c.1 - b.1) <= 0.0
    });
    if folds {
        return false;
    }
    let neighbours = |i: usize, j: usize| i.abs_diff(j) == 1 || i.abs_diff(j) == n - 1;
    let meet = |i: usize, j: usize| may_meet(at(i), at(i + 1), at(j), at(j + 1));
    if n <= PAIRS_SEGMENTS_MAX {
        return (0..n).all(|i| (i + 2..n).all(|j| neighbours(i, j) || !meet(i, j)));
    }
    let x_min = |i: usize| x[i].min(x[i + 1]);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by(|a, b| x_min(*a).total_cmp(&x_min(*b)));
    order.iter().enumerate().all(|(k, i)| {
        let x_max = x[*i].max(x[*i + 1]);
        order[k + 1..].iter().take_while(|j| x_min(**j) <= x_max).all(|j| neighbours(*i, *j) || !meet(*i, *j))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn ring(points: &[(f64, f64)]) -> Shape {
        let mut shape = Shape::new(Kind::Polygon);
        points.iter().chain(points.first()).for_each(|(x, y)| shape.push(*x, *y, None));
        shape.end_ring();
        shape.end_part();
        shape
    }

    #[test]
    fn a_bow_tie_becomes_its_two_wings() {
        let bow = ring(&[(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0)]);
        assert!(!is_surely_valid(&bow));
        assert!(ask_geos(&bow).unwrap_err().contains("Self-intersection"));
        let mended = make_valid(&bow).unwrap();
        assert_eq!((mended.kind, mended.parts.len()), (Kind::MultiPolygon, 2));
        assert!(ask_geos(&mended).is_ok());
    }

    #[test]
    fn a_line_there_and_back_encloses_nothing() {
        let flat = ring(&[(0.0, 0.0), (2.0, 0.0), (1.0, 0.0)]);
        assert!(!is_surely_valid(&flat) && ask_geos(&flat).is_err());
        assert_eq!(make_valid(&flat), None);
    }

    proptest! {
        #[test]
        fn what_the_quick_test_clears_geos_clears(
            points in prop::collection::vec((0..12i32, 0..12i32), 3..60),
            circle in any::<bool>(),
        ) {
            let n = points.len() as f64;
            let points: Vec<(f64, f64)> = points.iter().enumerate().map(|(i, (a, b))| if circle {
                // Star-shaped rings are simple, so that the test clears some.
                let (t, r) = (i as f64 / n * std::f64::consts::TAU, 1.0 + f64::from(*a));
                (r * t.cos(), r * t.sin())
            } else {
                (f64::from(*a), f64::from(*b))
            }).collect();
            let shape = ring(&points);
            if is_surely_valid(&shape) {
                prop_assert!(ask_geos(&shape).is_ok(), "{:?}", points);
            }
        }
    }
}
