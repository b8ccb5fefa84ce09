//! One polygon, prepared for many points.

use citywall_model::Bbox;
use geo::{
    Coord, Geometry, LineString, Polygon,
    kernels::{Kernel, Orientation, RobustKernel},
};
use std::ops::Range;

/// From this many edges on, a part keeps its edges by slabs of latitude.
const SLABS_FROM_EDGES: usize = 24;
/// About so many edges start in each slab.
const EDGES_PER_SLAB: usize = 6;
/// Slabs may repeat an edge, on average at most so many times.
const REPEATS_MAX: usize = 4;

/// The area of a polygon, or of several that may overlap.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) bounds: Bbox,
    /// The rings of all parts one after the other, each closed.
    pub(super) vertices: Box<[Coord]>,
    /// The position of each ring's last vertex, at which no edge begins.
    ends: Box<[u32]>,
    parts: Box<[Part]>,
}

/// One polygon of an area.
#[derive(Debug)]
struct Part {
    bounds: Bbox,
    rings: Range<usize>,
    slabs: Option<Slabs>,
}

/// The edges that meet each slab of latitude, by the position of their first vertex.
#[derive(Debug)]
struct Slabs {
    per_degree: f64,
    starts: Box<[u32]>,
    edges: Box<[u32]>,
}

impl Area {
    /// Prepares the polygons of a geometry, also those in a collection; `None` if it has none.
    /// O(vertices) for usual polygons, O(vertices log vertices) at worst.
    pub(super) fn new(geometry: &Geometry) -> Option<Self> {
        let mut polygons = Vec::new();
        gather(geometry, &mut polygons);
        let (mut vertices, mut ends, mut parts) = (Vec::<Coord>::new(), Vec::new(), Vec::new());
        for polygon in polygons {
            let (first, ring) = (vertices.len(), ends.len());
            for ring in rings(polygon) {
                vertices.extend(ring.coords());
                ends.push(u32::try_from(vertices.len() - 1).ok()?);
            }
            let bounds = vertices[first..].iter().fold(Bbox::EMPTY, |all, v| all.with(v.x, v.y));
            parts.push(Part { bounds, rings: ring..ends.len(), slabs: None });
        }
        let bounds = parts.iter().fold(Bbox::EMPTY, |all, part| all.union(part.bounds));
        let mut area = Self { bounds, vertices: vertices.into(), ends: ends.into(), parts: Box::default() };
        for part in &mut parts {
            part.slabs = area.cut(part);
        }
        area.parts = parts.into();
        (!area.parts.is_empty()).then_some(area)
    }

    /// True if the area holds the point, border included. O(edges at its latitude).
    pub(super) fn holds(&self, p: Coord) -> bool {
        self.parts.iter().any(|part| has(&part.bounds, p) && self.part_holds(part, p))
    }

    /// True if a point is in exactly when a line from outside crosses an odd number of edges.
    pub(super) fn is_one_part(&self) -> bool {
        self.parts.len() == 1
    }

    /// The edges of each ring, by the position of their first vertex.
    pub(super) fn rings(&self) -> impl Iterator<Item = Range<u32>> {
        self.edges_of(0..self.ends.len())
    }

    fn edges_of(&self, rings: Range<usize>) -> impl Iterator<Item = Range<u32>> {
        rings.map(|ring| ring.checked_sub(1).map_or(0, |before| self.ends[before] + 1)..self.ends[ring])
    }

    fn edge(&self, at: u32) -> (Coord, Coord) {
        (self.vertices[at as usize], self.vertices[at as usize + 1])
    }

    /// Sorts a part's edges into slabs, into fewer ones if long edges would repeat too often.
    fn cut(&self, part: &Part) -> Option<Slabs> {
        let edges = || self.edges_of(part.rings.clone()).flatten();
        let count = edges().count();
        let height = part.bounds.y_max - part.bounds.y_min;
        let mut slabs = count / EDGES_PER_SLAB;
        while count >= SLABS_FROM_EDGES && height > 0.0 && slabs > 1 {
            let per_degree = slabs as f64 / height;
            let span = |edge: u32| {
                let (a, b) = self.edge(edge);
                slab(a.y.min(b.y), &part.bounds, per_degree, slabs)..=slab(a.y.max(b.y), &part.bounds, per_degree, slabs)
            };
            let mut starts = vec![0u32; slabs + 1];
            let mut total = 0;
            for edge in edges() {
                let span = span(edge);
                total += span.end() - span.start() + 1;
                if total > count * REPEATS_MAX {
                    break;
                }
                span.for_each(|slab| starts[slab + 1] += 1);
            }
            if total > count * REPEATS_MAX {
                slabs /= 2;
                continue;
            }
            (1..=slabs).for_each(|slab| starts[slab] += starts[slab - 1]);
            let mut next = starts.clone();
            let mut sorted = vec![0u32; total];
            for edge in edges() {
                for slab in span(edge) {
                    sorted[next[slab] as usize] = edge;
                    next[slab] += 1;
                }
            }
            return Some(Slabs { per_degree, starts: starts.into(), edges: sorted.into() });
        }
        None
    }

    fn part_holds(&self, part: &Part, p: Coord) -> bool {
        let mut crossings = false;
        let mut is_border = |edge: u32| {
            let (a, b) = self.edge(edge);
            match side(p, a, b) {
                Side::Border => return true,
                Side::Crossing => crossings = !crossings,
                Side::Off => {}
            }
            false
        };
        let on_border = match &part.slabs {
            Some(slabs) => {
                let slab = slab(p.y, &part.bounds, slabs.per_degree, slabs.starts.len() - 1);
                let range = slabs.starts[slab] as usize..slabs.starts[slab + 1] as usize;
                slabs.edges[range].iter().any(|edge| is_border(*edge))
            }
            None => self.edges_of(part.rings.clone()).flatten().any(is_border),
        };
        on_border || crossings
    }
}

fn has(bounds: &Bbox, p: Coord) -> bool {
    bounds.x_min <= p.x && p.x <= bounds.x_max && bounds.y_min <= p.y && p.y <= bounds.y_max
}

fn gather<'g>(geometry: &'g Geometry, polygons: &mut Vec<&'g Polygon>) {
    let has_area = |polygon: &&Polygon| polygon.exterior().0.len() > 3;
    match geometry {
        Geometry::Polygon(polygon) => polygons.extend(Some(polygon).filter(has_area)),
        Geometry::MultiPolygon(parts) => polygons.extend(parts.iter().filter(has_area)),
        Geometry::GeometryCollection(members) => members.iter().for_each(|member| gather(member, polygons)),
        _ => {}
    }
}

fn rings(polygon: &Polygon) -> impl Iterator<Item = &LineString> {
    std::iter::once(polygon.exterior()).chain(polygon.interiors()).filter(|ring| ring.0.len() > 3)
}

/// The slab that a latitude falls into; the outermost ones go on for ever.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped, and a float too large saturates")]
fn slab(y: f64, bounds: &Bbox, per_degree: f64, slabs: usize) -> usize {
    (((y - bounds.y_min) * per_degree).max(0.0) as usize).min(slabs - 1)
}

/// What an edge is to the ray that goes east from a point.
enum Side {
    /// The point lies on the edge.
    Border,
    /// The ray crosses the edge. The southern end counts, the northern one does not.
    Crossing,
    /// Neither.
    Off,
}

fn side(p: Coord, a: Coord, b: Coord) -> Side {
    if (p.y < a.y && p.y < b.y) || (p.y > a.y && p.y > b.y) || (p.x > a.x && p.x > b.x) {
        return Side::Off;
    }
    let spans = (a.y <= p.y) != (b.y <= p.y);
    if p.x < a.x && p.x < b.x {
        return if spans { Side::Crossing } else { Side::Off };
    }
    // The point is in the edge's rectangle: the exact sign decides.
    match RobustKernel::orient2d(a, b, p) {
        Orientation::Collinear => Side::Border,
        turn if spans && (turn == Orientation::CounterClockwise) == (b.y > a.y) => Side::Crossing,
        _ => Side::Off,
    }
}

/// What a way from one point to another is to an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meeting {
    /// It crosses the edge, and neither begins, ends nor turns on it.
    Crosses,
    /// They share a point that is an end of the one or the other.
    Touches,
}

/// How the way from `from` to `to` meets the edge between `a` and `b`, if it does.
#[inline]
pub(super) fn meeting(from: Coord, to: Coord, a: Coord, b: Coord) -> Option<Meeting> {
    let apart = |p: f64, q: f64, a: f64, b: f64| (p < a && p < b && q < a && q < b) || (p > a && p > b && q > a && q > b);
    if apart(from.x, to.x, a.x, b.x) || apart(from.y, to.y, a.y, b.y) {
        return None;
    }
    let (of_a, of_b) = (RobustKernel::orient2d(from, to, a), RobustKernel::orient2d(from, to, b));
    if of_a == of_b && of_a != Orientation::Collinear {
        return None;
    }
    let (of_from, of_to) = (RobustKernel::orient2d(a, b, from), RobustKernel::orient2d(a, b, to));
    if of_from == of_to && of_from != Orientation::Collinear {
        return None;
    }
    // Their rectangles meet, so that points on one line are points of each other.
    let touches = [of_a, of_b, of_from, of_to].contains(&Orientation::Collinear);
    Some(if touches { Meeting::Touches } else { Meeting::Crosses })
}
