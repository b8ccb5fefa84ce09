//! Mends geometries, and says what it mended.
//!
//! Works on longitude and latitude: what is stored is what must be sound.

use crate::{
    report::Repair,
    shape::{Kind, Shape},
    valid,
};

/// What was mended in one record, each kind once.
#[derive(Debug, Default)]
pub(crate) struct Repairs(pub(crate) Vec<(Repair, String)>);

impl Repairs {
    pub(crate) fn add(&mut self, repair: Repair, detail: impl Into<String>) {
        if self.0.iter().all(|(kind, _)| *kind != repair) {
            self.0.push((repair, detail.into()));
        }
    }
}

/// Mends a shape in place. `turn` says whether a ring's direction means something in the source,
/// so that a wrong one is worth a word; rings are turned in any case.
pub(crate) fn clean(shape: &mut Shape, turn_is_repair: bool, repairs: &mut Repairs) {
    if shape.kind == Kind::Collection {
        shape.members.iter_mut().for_each(|m| clean(m, turn_is_repair, repairs));
        shape.members.retain(|m| !m.is_empty());
        return;
    }
    if !shape.z.is_empty() && shape.z.len() != shape.x.len() {
        shape.z.resize(shape.x.len(), 0.0);
        repairs.add(Repair::MissingHeight, "");
    }
    match shape.kind {
        Kind::LineString => {
            shape.rings.clear();
            shape.end_ring();
        }
        Kind::Polygon => {
            shape.parts.clear();
            shape.end_part();
        }
        _ => {}
    }
    if matches!(shape.kind, Kind::Point | Kind::MultiPoint | Kind::Collection) {
        return;
    }
    if !rings_are_well_formed(shape) {
        rewrite_rings(shape, repairs);
    }
    if shape.kind.is_areal() && !shape.is_empty() {
        if !valid::is_surely_valid(shape)
            && let Err(reason) = valid::ask_geos(shape)
        {
            match valid::make_valid(shape) {
                Some(mended) => {
                    repairs.add(Repair::Invalid, reason);
                    *shape = mended;
                }
                None => {
                    repairs.add(Repair::NoArea, reason);
                    shape.clear(shape.kind);
                }
            }
        }
        if wind(shape) && turn_is_repair {
            repairs.add(Repair::Winding, "");
        }
    }
}

/// Fewest vertices of a line or a closed ring.
fn vertices_min(kind: Kind) -> usize {
    if kind.is_areal() { 4 } else { 2 }
}

fn same(shape: &Shape, a: usize, b: usize) -> bool {
    shape.x[a] == shape.x[b] && shape.y[a] == shape.y[b] && (shape.z.is_empty() || shape.z[a] == shape.z[b])
}

fn rings_are_well_formed(shape: &Shape) -> bool {
    shape.ring_ranges().all(|ring| {
        ring.len() >= vertices_min(shape.kind)
            && (!shape.kind.is_areal() || same(shape, ring.start, ring.end - 1))
            && ring.clone().zip(ring.skip(1)).all(|(a, b)| !same(shape, a, b))
    })
}

/// Closes rings, takes out repeated vertices, drops what has too few left. A polygon whose outer
/// ring is dropped loses its holes too.
fn rewrite_rings(shape: &mut Shape, repairs: &mut Repairs) {
    let mut out = Shape::new(shape.kind);
    let ring_ranges: Vec<_> = shape.ring_ranges().collect();
    let part_ranges: Vec<_> =
        if shape.kind.is_areal() { shape.part_ranges().collect() } else { std::iter::once(0..ring_ranges.len()).collect() };
    for part in part_ranges {
        for (position, ring) in ring_ranges[part].iter().enumerate() {
            let start = out.x.len();
            for at in ring.clone() {
                let repeats = at > ring.start && same(shape, at, at - 1);
                if repeats {
                    repairs.add(Repair::DuplicateVertex, format!("at {}, {}", shape.x[at], shape.y[at]));
                } else {
                    out.push(shape.x[at], shape.y[at], shape.z.get(at).copied());
                }
            }
            if shape.kind.is_areal() && out.x.len() > start {
                let last = out.x.len() - 1;
                if (out.x[start], out.y[start]) != (out.x[last], out.y[last]) {
                    repairs.add(Repair::UnclosedRing, format!("at {}, {}", out.x[start], out.y[start]));
                    let (x, y, z) = (out.x[start], out.y[start], out.z.get(start).copied());
                    out.push(x, y, z);
                } else if !out.z.is_empty() {
                    out.z[last] = out.z[start];
                }
            }
            let kept = out.x.len() - start;
            if kept >= vertices_min(shape.kind) {
                out.end_ring();
                continue;
            }
            repairs.add(Repair::TooFewPoints, format!("{} positions", ring.len()));
            out.x.truncate(start);
            out.y.truncate(start);
            out.z.truncate(start);
            if shape.kind.is_areal() && position == 0 {
                break;
            }
        }
        if shape.kind.is_areal() {
            out.end_part();
        }
    }
    *shape = out;
}

/// Turns outer rings counterclockwise and holes clockwise (RFC 7946, clause 3.1.6); true if any
/// had to be turned.
fn wind(shape: &mut Shape) -> bool {
    let mut turned = false;
    let ring_ranges: Vec<_> = shape.ring_ranges().collect();
    for part in shape.part_ranges().collect::<Vec<_>>() {
        for (position, ring) in ring_ranges[part].iter().enumerate() {
            let area = signed_area(&shape.x[ring.clone()], &shape.y[ring.clone()]);
            if (area < 0.0) == (position == 0) && area != 0.0 {
                shape.x[ring.clone()].reverse();
                shape.y[ring.clone()].reverse();
                if !shape.z.is_empty() {
                    shape.z[ring.clone()].reverse();
                }
                turned = true;
            }
        }
    }
    turned
}

/// Twice the signed area of a closed ring, positive if counterclockwise (the shoelace formula,
/// taken from the first vertex so that large coordinates cancel).
fn signed_area(x: &[f64], y: &[f64]) -> f64 {
    let (x0, y0) = (x[0], y[0]);
    x.windows(2).zip(y.windows(2)).map(|(x, y)| (x[0] - x0) * (y[1] - y0) - (x[1] - x0) * (y[0] - y0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(rings: &[&[(f64, f64)]]) -> Shape {
        let mut shape = Shape::new(Kind::Polygon);
        for ring in rings {
            ring.iter().for_each(|(x, y)| shape.push(*x, *y, None));
            shape.end_ring();
        }
        shape
    }

    fn cleaned(mut shape: Shape) -> (Shape, Vec<Repair>) {
        let mut repairs = Repairs::default();
        clean(&mut shape, true, &mut repairs);
        (shape, repairs.0.into_iter().map(|(kind, _)| kind).collect())
    }

    #[test]
    fn a_sound_polygon_is_left_alone() {
        let sound =
            polygon(&[&[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0), (0.0, 0.0)], &[(1.0, 1.0), (1.0, 2.0), (2.0, 2.0), (1.0, 1.0)]]);
        let (after, repairs) = cleaned(sound.clone());
        assert_eq!((&after.x, &after.y, &after.rings), (&sound.x, &sound.y, &sound.rings));
        assert_eq!(repairs, []);
    }

    #[test]
    fn each_fault_is_mended_and_named() {
        let (open, repairs) = cleaned(polygon(&[&[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0)]]));
        assert_eq!((open.x.len(), repairs), (4, vec![Repair::UnclosedRing]));

        let (thin, repairs) = cleaned(polygon(&[&[(0.0, 0.0), (4.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 0.0)]]));
        assert_eq!((thin.x.len(), repairs), (4, vec![Repair::DuplicateVertex]));

        let (turned, repairs) = cleaned(polygon(&[&[(0.0, 0.0), (4.0, 4.0), (4.0, 0.0), (0.0, 0.0)]]));
        assert_eq!((turned.x, repairs), (vec![0.0, 4.0, 4.0, 0.0], vec![Repair::Winding]));

        let (gone, repairs) = cleaned(polygon(&[&[(0.0, 0.0), (4.0, 4.0), (0.0, 0.0)]]));
        assert!(gone.is_empty());
        assert_eq!(repairs, [Repair::TooFewPoints]);

        let (wings, repairs) = cleaned(polygon(&[&[(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0), (0.0, 0.0)]]));
        assert_eq!(wings.kind, Kind::MultiPolygon);
        assert!(repairs.contains(&Repair::Invalid));

        let (flat, repairs) = cleaned(polygon(&[&[(0.0, 0.0), (2.0, 0.0), (1.0, 0.0), (0.0, 0.0)]]));
        assert!(flat.is_empty());
        assert_eq!(repairs, [Repair::NoArea]);
    }

    #[test]
    fn a_line_loses_only_repeats() {
        let mut line = Shape::new(Kind::LineString);
        [(0.0, 0.0), (1.0, 1.0), (1.0, 1.0), (0.0, 0.0)].iter().for_each(|(x, y)| line.push(*x, *y, None));
        let (line, repairs) = cleaned(line);
        assert_eq!((line.x, repairs), (vec![0.0, 1.0, 0.0], vec![Repair::DuplicateVertex]));
    }
}
