//! Buildings as triangles: footprints extruded, solids as they are.

use crate::{Frame, Setting, plan::height_m};
use citywall_model::{FeatureRef, geometry};
use citywall_store::Solid;
use earcut::Earcut;
use geo::{CoordsIter, Geometry, LineString, Polygon};

/// A building without a known height is drawn this high, metres.
const HEIGHT_UNKNOWN_M: f64 = 6.0;

/// One building in the property table.
#[derive(Debug)]
pub struct Feature {
    pub id: String,
    pub height_m: f32,
}

/// A corner of a face.
#[derive(Clone, Copy, Debug)]
pub struct Vertex {
    /// East, north, up in metres.
    pub position: [f64; 3],
    /// A unit vector in the same axes.
    pub normal: [f32; 3],
    /// The number of the building.
    pub feature: u16,
}

/// The rows of a mesh's vertices. A corner of a footprint has a vertex in each row, for the two walls
/// that meet there, above and below, and for the roof. All rows thus tell of the same places in the
/// same order, so that a general compressor such as gzip finds four of them in the fifth.
const ROWS: usize = 5;
/// Tops of corners, as seen on the wall that starts there.
const TOP_OUT: usize = 0;
/// Tops of corners, as seen on the wall that ends there.
const TOP_IN: usize = 1;
/// Feet of corners, as seen on the wall that starts there.
const FOOT_OUT: usize = 2;
/// Feet of corners, as seen on the wall that ends there.
const FOOT_IN: usize = 3;
/// Roofs, and the faces of solids.
const FACE: usize = 4;
/// So many vertices of each row follow one another: as many as EXT_meshopt_compression packs at a time.
const RUN: usize = 256;

/// Triangles around a place, each vertex with the number of its building.
pub struct Mesh {
    pub frame: Frame,
    pub features: Vec<Feature>,
    rows: [Vec<Vertex>; ROWS],
    /// Three for each triangle: a row, and the place in it.
    corners: Vec<(usize, usize)>,
    earcut: Earcut<f64>,
}

impl Mesh {
    /// No triangles yet.
    pub fn new(frame: Frame) -> Self {
        Self { frame, features: Vec::new(), rows: Default::default(), corners: Vec::new(), earcut: Earcut::new() }
    }

    /// True if there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.corners.is_empty()
    }

    /// All vertices, and those of each triangle, against the clock seen from outside.
    pub fn finish(&self) -> (Vec<Vertex>, Vec<u32>) {
        let mut vertices = Vec::with_capacity(self.rows.iter().map(Vec::len).sum());
        let longest = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        // Where each run of each row begins.
        let mut starts: [Vec<usize>; ROWS] = Default::default();
        for run in 0..longest.div_ceil(RUN) {
            for (row, starts) in self.rows.iter().zip(&mut starts) {
                starts.push(vertices.len());
                vertices.extend(row.iter().skip(run * RUN).take(RUN));
            }
        }
        let index = |(row, at): &(usize, usize)| u32::try_from(starts[*row][at / RUN] + at % RUN).unwrap_or(u32::MAX);
        (vertices, self.corners.iter().map(index).collect())
    }

    /// Adds a building: its best solid if it has one, else its footprint with the height that is
    /// known. Past 65,535 buildings, which no node holds, the rest is left out.
    pub fn add(&mut self, item: FeatureRef<'_>, solids: &[Solid], setting: &Setting<'_>) {
        let Some(shape) = item.geometry().and_then(geometry::to_geo) else { return };
        if self.features.len() >= usize::from(u16::MAX) {
            return;
        }
        let number = u16::try_from(self.features.len()).unwrap_or(u16::MAX);
        let known = height_m(item);
        let drawn = best(solids).filter(|solid| self.solid(solid, number, setting.geoid_offset_m)).is_some();
        if !drawn {
            let ground = stands_at_m(item, &shape, setting) + setting.geoid_offset_m;
            let above = known.unwrap_or(HEIGHT_UNKNOWN_M);
            // OpenStreetMap's `min_height`: a part that begins above the ground.
            let foot = ground + item.number("min_height").filter(|h| (0.0..above).contains(h)).unwrap_or(0.0);
            let top = ground + above;
            match &shape {
                Geometry::Polygon(polygon) => self.extrude(polygon, foot, top, number),
                Geometry::MultiPolygon(polygons) => polygons.iter().for_each(|polygon| self.extrude(polygon, foot, top, number)),
                _ => return,
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "metres of a building")]
        self.features.push(Feature { id: item.id().into_owned(), height_m: known.map_or(f32::NAN, |h| h as f32) });
    }

    /// Walls and roof of a footprint between two ellipsoidal heights.
    pub fn extrude(&mut self, polygon: &Polygon, foot_m: f64, top_m: f64, number: u16) {
        let rings: Vec<&LineString> = std::iter::once(polygon.exterior()).chain(polygon.interiors()).collect();
        let (mut flat, mut holes, mut roof) = (Vec::new(), Vec::new(), Vec::new());
        for (at, ring) in rings.iter().enumerate() {
            let mut places: Vec<_> = ring.coords().collect();
            places.pop();
            if places.len() < 3 {
                if at == 0 {
                    return;
                }
                continue;
            }
            if at > 0 {
                holes.push(flat.len());
            }
            let tops: Vec<[f64; 3]> = places.iter().map(|c| self.frame.local(c.x, c.y, top_m)).collect();
            let feet: Vec<[f64; 3]> = places.iter().map(|c| self.frame.local(c.x, c.y, foot_m)).collect();
            // Outer rings run against the clock and holes with it, so that every wall faces outwards.
            let turns_left = area(&tops) > 0.0;
            self.walls(&feet, &tops, (at == 0) == turns_left, number);
            flat.extend(tops.iter().map(|p| [p[0], p[1]]));
            roof.extend(tops);
        }
        let mut triangles: Vec<u32> = Vec::new();
        self.earcut.earcut(flat.iter().copied(), &holes_u32(&holes), &mut triangles);
        self.face(&roof, &triangles, [0.0, 0.0, 1.0], number);
    }

    /// The walls of a ring. Seen from outside, they lead to the right if `rightwards`.
    fn walls(&mut self, feet: &[[f64; 3]], tops: &[[f64; 3]], rightwards: bool, number: u16) {
        let (first, count) = (self.rows[FOOT_OUT].len(), feet.len());
        // The wall from each corner to the next; one without length has no face.
        let normals: Vec<Option<[f32; 3]>> =
            (0..count).map(|a| outward(feet[a], feet[(a + 1) % count], if rightwards { 1.0 } else { -1.0 })).collect();
        for a in 0..count {
            let (out, before) = (normals[a], normals[(a + count - 1) % count]);
            // What no face shows points as its neighbour does.
            let normal = |own: Option<_>, other: Option<_>| own.or(other).unwrap_or([0.0, 0.0, 1.0]);
            let (out, before) = (normal(out, before), normal(before, out));
            for (row, position, normal) in
                [(TOP_OUT, tops[a], out), (TOP_IN, tops[a], before), (FOOT_OUT, feet[a], out), (FOOT_IN, feet[a], before)]
            {
                self.rows[row].push(Vertex { position, normal, feature: number });
            }
            if normals[a].is_none() {
                continue;
            }
            let (a, b) = (first + a, first + (a + 1) % count);
            let quad = [(FOOT_OUT, a), (FOOT_IN, b), (TOP_IN, b), (TOP_OUT, a)];
            let order = if rightwards { [0, 1, 2, 0, 2, 3] } else { [1, 0, 3, 1, 3, 2] };
            self.corners.extend(order.map(|at| quad[at]));
        }
    }

    fn face(&mut self, corners: &[[f64; 3]], triangles: &[u32], normal: [f32; 3], number: u16) {
        let first = self.rows[FACE].len();
        for triangle in triangles.chunks_exact(3) {
            let [a, b, c] = [triangle[0], triangle[1], triangle[2]].map(|at| at as usize);
            let [p, q, r] = [a, b, c].map(|at| corners[at]);
            // Triangles run against the clock seen from outside, as glTF asks.
            let facing = cross(p, q, r).iter().zip(normal).map(|(x, n)| x * f64::from(n)).sum::<f64>();
            let order = if facing >= 0.0 { [a, b, c] } else { [a, c, b] };
            self.corners.extend(order.map(|at| (FACE, first + at)));
        }
        self.rows[FACE].extend(corners.iter().map(|position| Vertex { position: *position, normal, feature: number }));
    }

    /// The surfaces of a solid; false if none can be drawn.
    fn solid(&mut self, solid: &Solid, number: u16, geoid_offset_m: f64) -> bool {
        let before = self.corners.len();
        for ring_set in surfaces(solid.surfaces.bytes()) {
            let rings: Vec<Vec<[f64; 3]>> =
                ring_set.iter().map(|ring| ring.iter().map(|p| self.frame.local(p[0], p[1], p[2] + geoid_offset_m)).collect()).collect();
            let Some(outer) = rings.first().filter(|ring| ring.len() >= 3) else { continue };
            let Some(normal) = newell(outer) else { continue };
            // Projected along the axis that the surface faces most, it keeps its shape.
            let drop = (0..3).max_by(|a, b| normal[*a].abs().total_cmp(&normal[*b].abs())).unwrap_or(2);
            let flat = |p: &[f64; 3]| match drop {
                0 => [p[1], p[2]],
                1 => [p[0], p[2]],
                _ => [p[0], p[1]],
            };
            let holes: Vec<usize> = rings
                .iter()
                .scan(0, |sum, ring| {
                    *sum += ring.len();
                    Some(*sum)
                })
                .take(rings.len() - 1)
                .collect();
            let corners: Vec<[f64; 3]> = rings.concat();
            let mut triangles: Vec<u32> = Vec::new();
            self.earcut.earcut(corners.iter().map(flat), &holes_u32(&holes), &mut triangles);
            #[expect(clippy::cast_possible_truncation, reason = "a unit vector")]
            self.face(&corners, &triangles, normal.map(|v| v as f32), number);
        }
        self.corners.len() > before
    }
}

/// Where a wall from `a` to `b` faces: to the right of its way, or to the left if `side` is −1. `None` if it has no length.
fn outward(a: [f64; 3], b: [f64; 3], side: f64) -> Option<[f32; 3]> {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx.hypot(dy) * side;
    #[expect(clippy::cast_possible_truncation, reason = "a unit vector")]
    (length.abs() >= 1e-3).then(|| [(dy / length) as f32, (-dx / length) as f32, 0.0])
}

fn holes_u32(holes: &[usize]) -> Vec<u32> {
    holes.iter().map(|at| u32::try_from(*at).unwrap_or(u32::MAX)).collect()
}

/// The solid of the finest level of detail.
fn best(solids: &[Solid]) -> Option<&Solid> {
    let lod = |solid: &&Solid| solid.lod.parse().unwrap_or(0.0_f64);
    solids.iter().filter(|solid| lod(solid) >= 1.0).max_by(|a, b| lod(a).total_cmp(&lod(b)))
}

/// The stored height at which a building stands: its own, or else the ground's.
fn stands_at_m(item: FeatureRef<'_>, shape: &Geometry, setting: &Setting<'_>) -> f64 {
    let own = ["ground_height", "base_height"].iter().find_map(|name| item.number(name)).filter(|h| h.is_finite());
    let ground = || shape.coords_iter().next().and_then(|c| (setting.ground_m)(c.x, c.y));
    own.or_else(ground).unwrap_or(0.0)
}

/// The surfaces of a 3D MultiPolygon in little-endian ISO WKB as rings of places, the closing ones
/// left out. The bytes were checked when they came in.
pub fn surfaces(wkb: &[u8]) -> Vec<Vec<Vec<[f64; 3]>>> {
    let mut at = 5;
    let count = |at: &mut usize| {
        let bytes = wkb.get(*at..*at + 4).and_then(|b| b.first_chunk::<4>());
        *at += 4;
        bytes.map_or(0, |b| u32::from_le_bytes(*b))
    };
    let polygons = count(&mut at);
    let mut surfaces = Vec::new();
    for _ in 0..polygons {
        at += 5;
        let mut rings = Vec::new();
        for _ in 0..count(&mut at) {
            let mut ring = Vec::new();
            for _ in 0..count(&mut at) {
                let Some(bytes) = wkb.get(at..at + 24) else { return surfaces };
                at += 24;
                let number = |i: usize| bytes[8 * i..8 * i + 8].first_chunk::<8>().map_or(0.0, |b| f64::from_le_bytes(*b));
                ring.push([number(0), number(1), number(2)]);
            }
            ring.pop();
            rings.push(ring);
        }
        surfaces.push(rings);
    }
    surfaces
}

/// Twice the signed area on the ground: positive against the clock.
fn area(ring: &[[f64; 3]]) -> f64 {
    (0..ring.len()).map(|a| (ring[a], ring[(a + 1) % ring.len()])).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum()
}

fn cross(p: [f64; 3], q: [f64; 3], r: [f64; 3]) -> [f64; 3] {
    let (u, v) = ([q[0] - p[0], q[1] - p[1], q[2] - p[2]], [r[0] - p[0], r[1] - p[1], r[2] - p[2]]);
    [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
}

/// The normal of a ring (M. E. Newell, 1972); `None` for one without area.
fn newell(ring: &[[f64; 3]]) -> Option<[f64; 3]> {
    let mut n = [0.0; 3];
    for (at, a) in ring.iter().enumerate() {
        let b = ring[(at + 1) % ring.len()];
        n[0] += (a[1] - b[1]) * (a[2] + b[2]);
        n[1] += (a[2] - b[2]) * (a[0] + b[0]);
        n[2] += (a[0] - b[0]) * (a[1] + b[1]);
    }
    let length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt();
    (length > 1e-9).then(|| n.map(|v| v / length))
}
