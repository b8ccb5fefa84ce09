//! Lays areas and lines on the ground: cuts them where the ground's triangles end.

use super::{
    geometry::Record,
    relief::{Relief, area, corner, word},
};

/// A line's bit: it goes on before its first end, after its second end.
pub const GOES_ON: [u32; 2] = [1 << 8, 1 << 9];
/// Pieces of an area that are smaller than this many square units are left out.
const AREA_MIN: f64 = 0.5;

/// Cuts segments (two ends, style) and gives each end its height in decimetres above the tile's floor.
#[must_use]
pub fn lines(segments: &[Record], relief: &Relief) -> Vec<Record> {
    let mut pieces = Vec::with_capacity(segments.len());
    let mut cuts = Vec::new();
    for segment in segments {
        let (a, b) = (corner(segment[0]), corner(segment[1]));
        let (from, to) = (relief.cell_of(a), relief.cell_of(b));
        cuts.clear();
        cuts.extend([0.0, 1.0]);
        for (from, to) in [(from[0], to[0]), (from[1], to[1]), (from[0] - from[1], to[0] - to[1])] {
            let (low, high) = (from.min(to), from.max(to));
            cuts.extend((low.floor() as i64 + 1..high.ceil() as i64).map(|line| (line as f64 - from) / (to - from)));
        }
        cuts.sort_by(f64::total_cmp);
        let at = |t: f64| [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
        let height = |t: f64| {
            let above = relief.above_floor_m([from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]);
            (above * 10.0).round().clamp(0.0, f64::from(u16::MAX)) as u32
        };
        let mut start = (0.0, segment[0]);
        for &t in &cuts[1..] {
            let end = if t >= 1.0 { segment[1] } else { word(at(t)) };
            if end == start.1 {
                continue;
            }
            let goes_on = if start.0 > 0.0 { GOES_ON[0] } else { 0 } | if t < 1.0 { GOES_ON[1] } else { 0 };
            pieces.push([start.1, end, segment[2] | goes_on, height(start.0) | height(t) << 16]);
            start = (t, end);
        }
    }
    pieces
}

/// Cuts triangles (three corners, style), so that each piece lies on one triangle of the ground.
#[must_use]
pub fn areas(triangles: &[Record], relief: &Relief) -> Vec<Record> {
    let mut pieces = Vec::with_capacity(triangles.len());
    for triangle in triangles {
        let whole = vec![corner(triangle[0]), corner(triangle[1]), corner(triangle[2])];
        slabs(&whole, &|p| relief.cell_of(p)[0], &mut |column| {
            slabs(column, &|p| relief.cell_of(p)[1], &mut |cell| {
                let difference = |p: [f64; 2]| {
                    let [x, y] = relief.cell_of(p);
                    x - y
                };
                slabs(cell, &difference, &mut |half| fan(half, triangle[3], &mut pieces));
            });
        });
    }
    pieces
}

/// The parts of a convex polygon between the whole numbers of a linear function.
fn slabs(polygon: &[[f64; 2]], value: &dyn Fn([f64; 2]) -> f64, emit: &mut dyn FnMut(&[[f64; 2]])) {
    // A corner on a whole number lies there, whatever rounding makes of it.
    let exact = |p: [f64; 2]| {
        let v = value(p);
        if (v - v.round()).abs() < 1e-7 { v.round() } else { v }
    };
    let values: Vec<f64> = polygon.iter().map(|p| exact(*p)).collect();
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    if high - low.floor() <= 1.0 {
        emit(polygon);
        return;
    }
    for from in low.floor() as i64..high.ceil() as i64 {
        let (from, to) = (from as f64, from as f64 + 1.0);
        let above = half(polygon, &values, |v| v - from);
        let values_above: Vec<f64> = above.iter().map(|p| exact(*p)).collect();
        let slab = half(&above, &values_above, |v| to - v);
        if slab.len() > 2 {
            emit(&slab);
        }
    }
}

/// The part of a convex polygon on which something is not negative (Sutherland–Hodgman).
fn half(polygon: &[[f64; 2]], values: &[f64], distance: impl Fn(f64) -> f64) -> Vec<[f64; 2]> {
    let mut part = Vec::with_capacity(polygon.len() + 1);
    for i in 0..polygon.len() {
        let j = (i + 1) % polygon.len();
        let (a, b, da, db) = (polygon[i], polygon[j], distance(values[i]), distance(values[j]));
        if da >= 0.0 {
            part.push(a);
        }
        if (da > 0.0 && db < 0.0) || (da < 0.0 && db > 0.0) {
            let t = da / (da - db);
            part.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
        }
    }
    part
}

fn fan(polygon: &[[f64; 2]], style: u32, pieces: &mut Vec<Record>) {
    let words: Vec<u32> = polygon.iter().map(|p| word(*p)).collect();
    for pair in words[1..].windows(2) {
        let piece = [words[0], pair[0], pair[1], style];
        if area(&piece) >= AREA_MIN {
            pieces.push(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiles::relief::tests::relief;

    fn rough() -> Relief {
        relief(|x, y| 40.0 * (x * 11.0).sin() * (y * 8.0).cos() + 60.0 * x)
    }

    #[test]
    fn the_pieces_of_an_area_cover_it_and_lie_on_the_ground() {
        let relief = rough();
        let whole: Record = [word([-15_000.0, -12_000.0]), word([17_000.0, -9_000.0]), word([2_000.0, 16_000.0]), 1];
        let pieces = areas(&[whole], &relief);
        let covered: f64 = pieces.iter().map(area).sum();
        assert!((covered / area(&whole) - 1.0).abs() < 1e-3, "{covered} of {}", area(&whole));
        assert!(pieces.len() > 200 && pieces.iter().all(|p| p[3] == 1));
        for piece in &pieces {
            let corners = [0, 1, 2].map(|k| relief.cell_of(corner(piece[k])));
            let middle = [0, 1].map(|k| corners.iter().map(|c| c[k]).sum::<f64>() / 3.0);
            let plane = corners.iter().map(|c| relief.above_floor_m(*c)).sum::<f64>() / 3.0;
            // Corners are rounded to whole units, 25 mm here.
            assert!((relief.above_floor_m(middle) - plane).abs() < 0.05);
        }
    }

    #[test]
    fn the_pieces_of_a_line_follow_one_another_on_the_ground() {
        let relief = rough();
        let pieces = lines(&[[word([-19_000.0, 3_000.0]), word([18_000.0, -7_000.0]), 9, 0]], &relief);
        assert!(pieces.len() > 20);
        assert_eq!((pieces[0][2], pieces[1][2]), (9 | GOES_ON[1], 9 | GOES_ON[0] | GOES_ON[1]));
        assert!(pieces.windows(2).all(|w| w[0][1] == w[1][0] && w[0][3] >> 16 == w[1][3] & 0xffff));
        for piece in &pieces {
            let (a, b) = (corner(piece[0]), corner(piece[1]));
            let ends = [f64::from(piece[3] & 0xffff) / 10.0, f64::from(piece[3] >> 16) / 10.0];
            for t in [0.0, 0.3, 0.7, 1.0] {
                let at = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
                let drawn = ends[0] + t * (ends[1] - ends[0]);
                assert!((relief.above_floor_m(relief.cell_of(at)) - drawn).abs() < 0.15);
            }
        }
    }

    #[test]
    fn on_a_plain_nothing_is_cut_but_along_the_diagonal() {
        let plain = relief(|x, _| 5.0 + x);
        let triangle: Record = [word([-9_000.0, -15_000.0]), word([-3_000.0, -15_000.0]), word([-9_000.0, -9_000.0]), 2];
        assert_eq!(areas(&[triangle], &plain), [triangle]);
    }
}
