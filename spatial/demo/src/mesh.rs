//! A subdivision of the plane without gaps: vertices on an integer lattice, rings that share
//! them, and cuts that divide one ring into two.
//!
//! A ring keeps the vertices that it was made with. When a cut ends on an edge, the new vertex is
//! recorded for that edge, and [`Mesh::expand`] puts it into every ring that has the edge: both
//! sides always get the same chain of vertices, so that the two directed edges of neighbours
//! cancel and nothing is left between them.
//!
//! The lattice is 1e-9°. Vertices inside the city are placed on multiples of 1e-7° (a centimetre).
//! The given outlines have coordinates in whole 1e-6°, so an outline's edge passes exactly through
//! the lattice points at its thousandth parts; vertices are inserted there and nowhere else. The
//! outlines thus keep their exact shape, and areas add up as integers.

use crate::plane::{P, crossing, extent, inside};
use rustc_hash::FxHashMap;

/// A vertex by its number.
pub(crate) type Vertex = u32;

/// Longitude and latitude in units of 1e-9 degrees.
pub(crate) type Lattice = (i64, i64);

/// What an edge of the subdivision is; the lower, the wider the road on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Edge {
    /// On an axis of the plan (its number), which has its own road or water.
    Axis(u16),
    /// Between two districts.
    Border,
    /// The outer edge of the city.
    Rim,
    /// Between streets (街道).
    Street,
    /// Between communities.
    Community,
    /// Between unit grids.
    Grid,
}

/// An edge between given vertices on which every thousandth part is a lattice point.
#[derive(Clone, Copy)]
struct Exact {
    from: Vertex,
    to: Vertex,
    first: u16,
    last: u16,
}

/// A division of one ring, not yet made.
pub(crate) struct Cut {
    /// The expanded ring that it divides.
    ring: Vec<Vertex>,
    start: End,
    end: End,
    inner: Vec<P>,
}

#[derive(Clone, Copy, Debug)]
struct End {
    /// The ring's edge, by the position of its first vertex.
    edge: usize,
    /// The position of the ring's vertex to end on, if there is one near.
    vertex: Option<usize>,
    at: P,
}

/// What a cut leaves: the two rings and the chain of vertices between them.
pub(crate) struct Halves {
    pub left: Vec<Vertex>,
    pub right: Vec<Vertex>,
    pub chain: Vec<Vertex>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Mesh {
    lattice: Vec<Lattice>,
    points: Vec<P>,
    inserted: FxHashMap<(Vertex, Vertex), Vertex>,
    exact: FxHashMap<(Vertex, Vertex), Exact>,
    class: FxHashMap<(Vertex, Vertex), Edge>,
}

fn key(a: Vertex, b: Vertex) -> (Vertex, Vertex) {
    (a.min(b), a.max(b))
}

const UNIT: i64 = 1_000_000_000;
/// Vertices inside the city lie on multiples of this many lattice units.
const SNAP: i64 = 100;

impl Mesh {
    pub fn point(&self, v: Vertex) -> P {
        self.points[v as usize]
    }

    pub fn lattice(&self, v: Vertex) -> Lattice {
        self.lattice[v as usize]
    }

    /// Longitude and latitude of a vertex, degrees.
    pub fn degrees(&self, v: Vertex) -> (f64, f64) {
        let (x, y) = self.lattice(v);
        #[expect(clippy::cast_precision_loss, reason = "below 2^53; the quotient is correctly rounded")]
        let degrees = |u: i64| u as f64 / UNIT as f64;
        (degrees(x), degrees(y))
    }

    pub fn class(&self, a: Vertex, b: Vertex) -> Edge {
        self.class.get(&key(a, b)).copied().unwrap_or(Edge::Rim)
    }

    pub fn points(&self, ring: &[Vertex]) -> Vec<P> {
        ring.iter().map(|&v| self.point(v)).collect()
    }

    /// Adds a vertex at a lattice point.
    pub fn add(&mut self, at: Lattice) -> Vertex {
        let v = u32::try_from(self.lattice.len()).expect("a city has fewer than 2^32 vertices");
        self.lattice.push(at);
        let (lon, lat) = self.degrees(v);
        self.points.push(P::from_degrees(lon, lat));
        v
    }

    fn add_snapped(&mut self, p: P) -> Vertex {
        let (lon, lat) = p.to_degrees();
        #[expect(clippy::cast_possible_truncation, reason = "degrees of a city")]
        let snap = |d: f64| (d * (UNIT / SNAP) as f64).round() as i64 * SNAP;
        self.add((snap(lon), snap(lat)))
    }

    /// Takes in the edges of a given outline; an edge that two outlines have becomes a border.
    pub fn outline(&mut self, ring: &[Vertex]) {
        for (i, &a) in ring.iter().enumerate() {
            let b = ring[(i + 1) % ring.len()];
            let known = self.class.contains_key(&key(a, b));
            self.class.insert(key(a, b), if known { Edge::Border } else { Edge::Rim });
            let ((ax, ay), (bx, by)) = (self.lattice(a), self.lattice(b));
            if (bx - ax) % 1000 == 0 && (by - ay) % 1000 == 0 {
                self.exact.insert(key(a, b), Exact { from: a, to: b, first: 0, last: 1000 });
            }
        }
    }

    /// The ring with every vertex that has been inserted into its edges.
    pub fn expand(&self, ring: &[Vertex]) -> Vec<Vertex> {
        let mut full = Vec::with_capacity(ring.len() + 8);
        for (i, &a) in ring.iter().enumerate() {
            full.push(a);
            self.expand_edge(a, ring[(i + 1) % ring.len()], &mut full);
        }
        full
    }

    /// The open chain with every vertex that has been inserted into its edges.
    pub fn expand_chain(&self, chain: &[Vertex]) -> Vec<Vertex> {
        let mut full = Vec::with_capacity(chain.len() + 8);
        for pair in chain.windows(2) {
            full.push(pair[0]);
            self.expand_edge(pair[0], pair[1], &mut full);
        }
        full.extend(chain.last());
        full
    }

    fn expand_edge(&self, a: Vertex, b: Vertex, full: &mut Vec<Vertex>) {
        if let Some(&m) = self.inserted.get(&key(a, b)) {
            self.expand_edge(a, m, full);
            full.push(m);
            self.expand_edge(m, b, full);
        }
    }

    /// Looks for a way to divide `ring` along `line`, which should begin and end outside of it:
    /// the longest stretch inside the ring. Ends within `snap` metres of a vertex of the ring move
    /// there, so that streets meet in crossings. `None` if the line misses the ring or would
    /// touch it on the way.
    pub fn plan_cut(&self, ring: &[Vertex], line: &[P], snap: f64) -> Option<Cut> {
        let ring = self.expand(ring);
        let points = self.points(&ring);
        let bounds = extent(&points);
        let mut hits: Vec<(f64, usize, P)> = Vec::new();
        for (s, pair) in line.windows(2).enumerate() {
            if !extent(pair).intersects(&bounds) {
                continue;
            }
            for (i, (a, b)) in crate::plane::edges(&points).enumerate() {
                if let Some((t, u)) = crossing(pair[0], pair[1], a, b).filter(|&(_, u)| u < 1.0) {
                    #[expect(clippy::cast_precision_loss, reason = "a few thousand points")]
                    hits.push((s as f64 + t, i, a.lerp(b, u)));
                }
            }
        }
        hits.sort_by(|a, b| a.0.total_cmp(&b.0));
        let along = |s: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position on the line")]
            let i = (s.floor() as usize).min(line.len() - 2);
            #[expect(clippy::cast_precision_loss, reason = "a few thousand points")]
            line[i].lerp(line[i + 1], s - i as f64)
        };
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positions on the line")]
        let between = |from: f64, to: f64| {
            line[(from.floor() as usize + 1).min(line.len())..]
                .iter()
                .enumerate()
                .map(|(i, &p)| ((from.floor() + 1.0 + i as f64), p))
                .take_while(move |(s, _)| *s < to)
                .map(|(_, p)| p)
                .collect::<Vec<P>>()
        };
        let mut best: Option<(f64, Cut)> = None;
        for pair in hits.windows(2) {
            let ((s0, e0, p0), (s1, e1, p1)) = (pair[0], pair[1]);
            if !inside(&points, along(f64::midpoint(s0, s1))) {
                continue;
            }
            let inner = between(s0, s1);
            let length = polyline_length(p0, &inner, p1);
            if best.as_ref().is_some_and(|b| b.0 >= length) {
                continue;
            }
            for snap in [snap, 0.01] {
                let (start, end) = (end_near(&points, e0, p0, snap), end_near(&points, e1, p1, snap));
                let inner: Vec<P> = inner.iter().copied().filter(|p| p.distance(start.at) > 8.0 && p.distance(end.at) > 8.0).collect();
                if is_free(&points, &start, &inner, &end) {
                    best = Some((length, Cut { ring: ring.clone(), start, end, inner }));
                    break;
                }
            }
        }
        best.map(|b| b.1)
    }

    /// Makes a planned cut: inserts its ends, adds its inner vertices, classes its edges.
    pub fn cut(&mut self, cut: Cut, class: Edge) -> Option<Halves> {
        let Cut { ring, start, end, inner } = cut;
        let from = self.end_vertex(&ring, start)?;
        let to = self.end_vertex(&ring, end)?;
        let mut chain = vec![from];
        chain.extend(inner.into_iter().map(|p| self.add_snapped(p)));
        chain.push(to);
        let ring = self.expand(&ring);
        let (i, j) = (ring.iter().position(|&v| v == from)?, ring.iter().position(|&v| v == to)?);
        if i == j {
            return None;
        }
        let arc = |i: usize, j: usize| {
            let mut arc = Vec::new();
            let mut k = i;
            while k != j {
                arc.push(ring[k]);
                k = (k + 1) % ring.len();
            }
            arc
        };
        // From the chain's end along the ring back to its start lies what is on its left, for a
        // counter-clockwise ring.
        let mut left = chain[..chain.len() - 1].to_vec();
        left.extend(arc(j, i));
        let mut right: Vec<Vertex> = chain.iter().rev().copied().take(chain.len() - 1).collect();
        right.extend(arc(i, j));
        for pair in chain.windows(2) {
            self.class.entry(key(pair[0], pair[1])).or_insert(class);
        }
        Some(Halves { left, right, chain })
    }

    fn end_vertex(&mut self, ring: &[Vertex], end: End) -> Option<Vertex> {
        if let Some(i) = end.vertex {
            return Some(ring[i]);
        }
        let (a, b) = (ring[end.edge], ring[(end.edge + 1) % ring.len()]);
        self.insert(a, b, end.at)
    }

    /// Inserts a vertex into an edge at the place nearest to `p` that the lattice allows.
    fn insert(&mut self, a: Vertex, b: Vertex, p: P) -> Option<Vertex> {
        if let Some(&m) = self.inserted.get(&key(a, b)) {
            // The cut's other end has just divided the same edge.
            let (pm, pa) = (self.point(m), self.point(a));
            return if pa.distance(p) < pa.distance(pm) { self.insert(a, m, p) } else { self.insert(m, b, p) };
        }
        let m = if let Some(&exact) = self.exact.get(&key(a, b)) {
            let (from, to) = (self.lattice(exact.from), self.lattice(exact.to));
            let t = crate::plane::to_segment(p, self.point(exact.from), self.point(exact.to)).1;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
            let k = ((t * 1000.0).round() as u16).clamp(exact.first + 1, exact.last.max(exact.first + 2) - 1);
            if exact.last - exact.first < 2 {
                return None;
            }
            let part = |f: i64, t: i64| f + (t - f) / 1000 * i64::from(k);
            let m = self.add((part(from.0, to.0), part(from.1, to.1)));
            let (near, far) = if self.is_first(a, exact) { (a, b) } else { (b, a) };
            self.exact.insert(key(near, m), Exact { last: k, ..exact });
            self.exact.insert(key(m, far), Exact { first: k, ..exact });
            m
        } else {
            self.add_snapped(p)
        };
        let class = self.class(a, b);
        self.class.insert(key(a, m), class);
        self.class.insert(key(m, b), class);
        self.inserted.insert(key(a, b), m);
        Some(m)
    }

    /// True if `a` is the end of the part that is nearer to the whole edge's first vertex.
    fn is_first(&self, a: Vertex, exact: Exact) -> bool {
        let (from, to) = (self.lattice(exact.from), self.lattice(exact.to));
        let part = |f: i64, t: i64| f + (t - f) / 1000 * i64::from(exact.first);
        self.lattice(a) == (part(from.0, to.0), part(from.1, to.1))
    }

    /// Twice the signed area in square lattice units, exactly.
    pub fn area2(&self, ring: &[Vertex]) -> i128 {
        let Some(&o) = ring.first() else { return 0 };
        let (ox, oy) = self.lattice(o);
        let rel = |v: Vertex| (i128::from(self.lattice(v).0 - ox), i128::from(self.lattice(v).1 - oy));
        ring.iter()
            .enumerate()
            .map(|(i, &a)| {
                let ((ax, ay), (bx, by)) = (rel(a), rel(ring[(i + 1) % ring.len()]));
                ax * by - bx * ay
            })
            .sum()
    }
}

impl Cut {
    /// The two rings that the cut would leave, as points, for weighing.
    pub fn preview(&self, mesh: &Mesh) -> [Vec<P>; 2] {
        let points = mesh.points(&self.ring);
        let n = points.len();
        let chain: Vec<P> = std::iter::once(self.start.at).chain(self.inner.iter().copied()).chain([self.end.at]).collect();
        // The ring's vertices strictly between two of its places.
        let arc = |from: &End, to: &End| {
            let first = from.vertex.unwrap_or(from.edge) + 1;
            let last = to.vertex.map_or(to.edge, |v| v + n - 1);
            let corner = points[from.edge];
            let around =
                from.vertex.is_none() && to.vertex.is_none() && from.edge == to.edge && corner.distance(from.at) > corner.distance(to.at);
            let count = if around { n } else { (last + 1 + n - first) % n };
            (0..count).map(move |k| (first + k) % n)
        };
        let mut left = chain.clone();
        left.extend(arc(&self.end, &self.start).map(|i| points[i]));
        let mut right: Vec<P> = chain.into_iter().rev().collect();
        right.extend(arc(&self.start, &self.end).map(|i| points[i]));
        [left, right]
    }

    /// The same cut with its path drawn aside: `aside(t)` metres to the left at the part `t` of
    /// the way. `None` where that would leave the ring.
    pub fn bent(&self, mesh: &Mesh, points: usize, aside: impl Fn(f64) -> f64) -> Option<Self> {
        let (from, to) = (self.start.at, self.end.at);
        let side = from.to(to).unit().left();
        #[expect(clippy::cast_precision_loss, reason = "a handful of points")]
        let inner: Vec<P> = (1..=points).map(|i| i as f64 / (points + 1) as f64).map(|t| from.lerp(to, t) + side * aside(t)).collect();
        is_free(&mesh.points(&self.ring), &self.start, &inner, &self.end).then(|| Self {
            ring: self.ring.clone(),
            start: self.start,
            end: self.end,
            inner,
        })
    }

    /// The distance along the path between the cut's ends, metres.
    pub fn length(&self) -> f64 {
        polyline_length(self.start.at, &self.inner, self.end.at)
    }
}

fn polyline_length(from: P, inner: &[P], to: P) -> f64 {
    let mut last = from;
    let mut sum = 0.0;
    for &p in inner.iter().chain([&to]) {
        sum += last.distance(p);
        last = p;
    }
    sum
}

fn end_near(points: &[P], edge: usize, at: P, snap: f64) -> End {
    let n = points.len();
    let near = [edge, (edge + 1) % n].into_iter().min_by(|&a, &b| points[a].distance(at).total_cmp(&points[b].distance(at)));
    match near.filter(|&v| points[v].distance(at) <= snap) {
        Some(v) => End { edge, vertex: Some(v), at: points[v] },
        None => End { edge, vertex: None, at },
    }
}

/// True if the path between the ends meets the ring nowhere else and lies inside it.
fn is_free(points: &[P], start: &End, inner: &[P], end: &End) -> bool {
    let n = points.len();
    if start.at.distance(end.at) < 1.0 || (start.vertex.is_some() && start.vertex == end.vertex) {
        return false;
    }
    let touches = |e: &End, i: usize| e.vertex.map_or(e.edge == i, |v| v == i || (v + n - 1) % n == i);
    let path: Vec<P> = std::iter::once(start.at).chain(inner.iter().copied()).chain([end.at]).collect();
    for (k, pair) in path.windows(2).enumerate() {
        let (first, last) = (k == 0, k + 2 == path.len());
        for (i, (a, b)) in crate::plane::edges(points).enumerate() {
            if (first && touches(start, i)) || (last && touches(end, i)) {
                // They share an end, and two straight segments share no second point unless they
                // run along each other.
                continue;
            }
            if crossing(pair[0], pair[1], a, b).is_some() {
                return false;
            }
        }
        let quarter = |t: f64| inside(points, pair[0].lerp(pair[1], t));
        if !(quarter(0.5) && quarter(0.02) && quarter(0.98)) {
            return false;
        }
    }
    // A cut along an edge would leave a sliver.
    path.len() > 2 || !(0..n).any(|i| touches(start, i) && touches(end, i))
}
