//! One polygon, prepared for many points.

use citywall_model::Bbox;
use geo::{
    Coord, Geometry, LineString, Polygon,
    kernels::{Kernel, Orientation, RobustKernel},
};

/// From this many edges on, an area keeps its edges by slabs of latitude.
const SLABS_FROM_EDGES: usize = 24;
/// About so many edges start in each slab.
const EDGES_PER_SLAB: usize = 6;
/// Slabs may repeat an edge, on average at most so many times.
const REPEATS_MAX: usize = 4;

/// What an area knows of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Located {
    /// True if the area holds the point, border included.
    pub(super) inside: bool,
    /// The square of the distance to the nearest edge, degrees²; infinite if none is in reach.
    pub(super) clear2: f64,
}

/// The area of a polygon, or of several that may overlap.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) bounds: Bbox,
    parts: Box<[Part]>,
}

impl Area {
    /// Prepares the polygons of a geometry, also those in a collection; `None` if it has none.
    /// O(vertices) for usual polygons, O(vertices log vertices) at worst.
    pub(super) fn new(geometry: &Geometry) -> Option<Self> {
        let mut parts = Vec::new();
        gather(geometry, &mut parts);
        let bounds = parts.iter().fold(Bbox::EMPTY, |all, part| all.union(part.bounds));
        (!parts.is_empty()).then(|| Self { bounds, parts: parts.into() })
    }

    /// Where a point is, with the distance to the edges that are at most `reach` away.
    pub(super) fn locate(&self, p: Coord, reach: f64) -> Located {
        let mut all = Located { inside: false, clear2: f64::INFINITY };
        for part in &self.parts {
            let located = part.locate(p, reach);
            all = Located { inside: all.inside || located.inside, clear2: all.clear2.min(located.clear2) };
        }
        all
    }

    /// True if the area holds the point, border included.
    pub(super) fn holds(&self, p: Coord) -> bool {
        self.parts.iter().any(|part| has(&part.bounds, p) && part.locate(p, 0.0).inside)
    }

    /// True if a line between two points shares a point with an edge.
    pub(super) fn meets(&self, a: Coord, b: Coord) -> bool {
        self.parts.iter().any(|part| part.meets(a, b))
    }
}

fn has(bounds: &Bbox, p: Coord) -> bool {
    bounds.x_min <= p.x && p.x <= bounds.x_max && bounds.y_min <= p.y && p.y <= bounds.y_max
}

fn gather(geometry: &Geometry, parts: &mut Vec<Part>) {
    match geometry {
        Geometry::Polygon(polygon) => parts.extend(Part::new(polygon)),
        Geometry::MultiPolygon(polygons) => parts.extend(polygons.iter().filter_map(Part::new)),
        Geometry::GeometryCollection(members) => members.iter().for_each(|member| gather(member, parts)),
        _ => {}
    }
}

/// One polygon: its rings one after the other, each closed.
#[derive(Debug)]
struct Part {
    bounds: Bbox,
    vertices: Box<[Coord]>,
    /// The position of each ring's last vertex, at which no edge begins.
    ends: Box<[u32]>,
    slabs: Option<Slabs>,
}

/// The edges that meet each slab of latitude, by the position of their first vertex.
#[derive(Debug)]
struct Slabs {
    per_degree: f64,
    starts: Box<[u32]>,
    edges: Box<[u32]>,
}

impl Part {
    fn new(polygon: &Polygon) -> Option<Self> {
        let rings = || std::iter::once(polygon.exterior()).chain(polygon.interiors()).filter(|ring| ring.0.len() > 3);
        if polygon.exterior().0.len() <= 3 {
            return None;
        }
        let vertices: Box<[Coord]> = rings().flat_map(LineString::coords).copied().collect();
        let ends = rings().scan(0, |end, ring| {
            *end += ring.0.len();
            u32::try_from(*end - 1).ok()
        });
        let bounds = vertices.iter().fold(Bbox::EMPTY, |all, v| all.with(v.x, v.y));
        let mut part = Self { bounds, ends: ends.collect(), vertices, slabs: None };
        part.slabs = part.cut();
        Some(part)
    }

    /// The positions at which edges begin.
    fn edges(&self) -> impl Iterator<Item = u32> {
        self.ends.iter().scan(0, |start, end| Some(std::mem::replace(start, end + 1)..*end)).flatten()
    }

    /// Sorts the edges into slabs, into fewer ones if long edges would repeat too often.
    fn cut(&self) -> Option<Slabs> {
        let count = self.vertices.len();
        let height = self.bounds.y_max - self.bounds.y_min;
        let mut slabs = count / EDGES_PER_SLAB;
        while count >= SLABS_FROM_EDGES && height > 0.0 && slabs > 1 {
            let per_degree = slabs as f64 / height;
            let span = |edge: u32| {
                let (a, b) = self.edge(edge);
                slab(a.y.min(b.y), &self.bounds, per_degree, slabs)..=slab(a.y.max(b.y), &self.bounds, per_degree, slabs)
            };
            let mut starts = vec![0u32; slabs + 1];
            let mut total = 0;
            for edge in self.edges() {
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
            let mut edges = vec![0u32; total];
            for edge in self.edges() {
                for slab in span(edge) {
                    edges[next[slab] as usize] = edge;
                    next[slab] += 1;
                }
            }
            return Some(Slabs { per_degree, starts: starts.into(), edges: edges.into() });
        }
        None
    }

    fn edge(&self, at: u32) -> (Coord, Coord) {
        (self.vertices[at as usize], self.vertices[at as usize + 1])
    }

    /// Visits every edge that meets a range of latitudes, some more than once, until `visit` returns false.
    fn edges_between(&self, y_min: f64, y_max: f64, mut visit: impl FnMut(Coord, Coord) -> bool) {
        let Some(slabs) = &self.slabs else {
            let mut start = 0;
            for end in &self.ends {
                let ring = &self.vertices[start..=*end as usize];
                if !ring.windows(2).all(|edge| visit(edge[0], edge[1])) {
                    return;
                }
                start = *end as usize + 1;
            }
            return;
        };
        let last = slabs.starts.len() - 1;
        let range = slab(y_min, &self.bounds, slabs.per_degree, last)..=slab(y_max, &self.bounds, slabs.per_degree, last);
        let range = slabs.starts[*range.start()] as usize..slabs.starts[range.end() + 1] as usize;
        for edge in &slabs.edges[range] {
            let (a, b) = self.edge(*edge);
            if !visit(a, b) {
                return;
            }
        }
    }

    fn locate(&self, p: Coord, reach: f64) -> Located {
        let mut clear2 = f64::INFINITY;
        let mut near = |a: Coord, b: Coord| {
            let out_of_reach =
                a.x.min(b.x) - p.x > reach || p.x - a.x.max(b.x) > reach || a.y.min(b.y) - p.y > reach || p.y - a.y.max(b.y) > reach;
            if !out_of_reach {
                clear2 = clear2.min(distance2(p, a, b));
            }
        };
        let (mut crossings, mut on_border) = (false, false);
        let mut test = |a: Coord, b: Coord| match side(p, a, b) {
            Side::Border => on_border = true,
            Side::Crossing => crossings = !crossings,
            Side::Off => {}
        };
        if self.slabs.is_some() {
            // An edge is met once in the slab of the point, but may repeat over several slabs.
            self.edges_between(p.y, p.y, |a, b| {
                test(a, b);
                true
            });
            if reach > 0.0 {
                self.edges_between(p.y - reach, p.y + reach, |a, b| {
                    near(a, b);
                    true
                });
            }
        } else {
            self.edges_between(p.y, p.y, |a, b| {
                test(a, b);
                near(a, b);
                true
            });
        }
        Located { inside: on_border || crossings, clear2 }
    }

    fn meets(&self, a: Coord, b: Coord) -> bool {
        let line = Bbox::EMPTY.with(a.x, a.y).with(b.x, b.y);
        let mut met = false;
        if self.bounds.intersects(&line) {
            self.edges_between(line.y_min, line.y_max, |c, d| {
                met = Bbox::EMPTY.with(c.x, c.y).with(d.x, d.y).intersects(&line) && segments_meet(a, b, c, d);
                !met
            });
        }
        met
    }
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

/// The square of the distance from a point to a segment, in the plane of degrees.
fn distance2(p: Coord, a: Coord, b: Coord) -> f64 {
    let (d, v) = (b - a, p - a);
    let length2 = d.x * d.x + d.y * d.y;
    let t = if length2 > 0.0 { ((v.x * d.x + v.y * d.y) / length2).clamp(0.0, 1.0) } else { 0.0 };
    let away = v - d * t;
    away.x * away.x + away.y * away.y
}

/// True if two segments whose rectangles meet share a point.
fn segments_meet(a: Coord, b: Coord, c: Coord, d: Coord) -> bool {
    let same_side = |a, b, c, d| {
        let (s, t) = (RobustKernel::orient2d(a, b, c), RobustKernel::orient2d(a, b, d));
        s == t && s != Orientation::Collinear
    };
    !same_side(a, b, c, d) && !same_side(c, d, a, b)
}
