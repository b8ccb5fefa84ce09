//! A geometry on its way in: vertices in one place, so that they are transformed, mended and
//! written without a tree of small allocations.

/// The sorts of geometry of OGC Simple Features (06-103r4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Point,
    LineString,
    Polygon,
    MultiPoint,
    MultiLineString,
    MultiPolygon,
    Collection,
}

impl Kind {
    fn code(self) -> u32 {
        match self {
            Self::Point => 1,
            Self::LineString => 2,
            Self::Polygon => 3,
            Self::MultiPoint => 4,
            Self::MultiLineString => 5,
            Self::MultiPolygon => 6,
            Self::Collection => 7,
        }
    }

    /// True where rings enclose an area.
    pub(crate) fn is_areal(self) -> bool {
        matches!(self, Self::Polygon | Self::MultiPolygon)
    }
}

/// A geometry as flat lists. Which of them count depends on the kind:
/// points use the vertices; lines and rings end at `rings`; polygons end (in rings) at `parts`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    pub(crate) x: Vec<f64>,
    pub(crate) y: Vec<f64>,
    /// Empty for a planar geometry, else as long as `x`.
    pub(crate) z: Vec<f64>,
    /// Where each line or ring ends, in vertices.
    pub(crate) rings: Vec<usize>,
    /// Where each polygon ends, in rings.
    pub(crate) parts: Vec<usize>,
    /// The members of a collection.
    pub(crate) members: Vec<Shape>,
}

impl Default for Shape {
    fn default() -> Self {
        Self::new(Kind::Point)
    }
}

impl Shape {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, x: Vec::new(), y: Vec::new(), z: Vec::new(), rings: Vec::new(), parts: Vec::new(), members: Vec::new() }
    }

    /// Empties it for the next geometry, keeping its memory.
    pub(crate) fn clear(&mut self, kind: Kind) {
        self.kind = kind;
        self.x.clear();
        self.y.clear();
        self.z.clear();
        self.rings.clear();
        self.parts.clear();
        self.members.clear();
    }

    pub(crate) fn has_z(&self) -> bool {
        !self.z.is_empty() || self.members.iter().any(Shape::has_z)
    }

    /// True if there is no vertex in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.x.is_empty() && self.members.iter().all(Shape::is_empty)
    }

    pub(crate) fn push(&mut self, x: f64, y: f64, z: Option<f64>) {
        self.x.push(x);
        self.y.push(y);
        self.z.extend(z);
    }

    pub(crate) fn end_ring(&mut self) {
        if self.x.len() > self.rings.last().copied().unwrap_or(0) {
            self.rings.push(self.x.len());
        }
    }

    pub(crate) fn end_part(&mut self) {
        if self.rings.len() > self.parts.last().copied().unwrap_or(0) {
            self.parts.push(self.rings.len());
        }
    }

    /// The vertex ranges of its lines or rings.
    pub(crate) fn ring_ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        ranges(&self.rings)
    }

    /// The ring ranges of its polygons.
    pub(crate) fn part_ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        ranges(&self.parts)
    }

    /// ISO WKB, little endian; with heights if the geometry has them.
    pub(crate) fn to_wkb(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.x.len() * if self.z.is_empty() { 16 } else { 24 } + self.rings.len() * 4);
        self.write(&mut out, self.has_z());
        out
    }

    fn write(&self, out: &mut Vec<u8>, has_z: bool) {
        header(out, self.kind, has_z);
        match self.kind {
            Kind::Point if self.x.is_empty() => {
                // An empty point is written as NaN (OGC 12-128r19, clause 2.1.3).
                for _ in 0..if has_z { 3 } else { 2 } {
                    out.extend_from_slice(&f64::NAN.to_le_bytes());
                }
            }
            Kind::Point => self.vertex(out, 0, has_z),
            Kind::LineString => self.run(out, 0..self.x.len(), has_z),
            Kind::Polygon => {
                count(out, self.rings.len());
                self.ring_ranges().for_each(|r| self.run(out, r, has_z));
            }
            Kind::MultiPoint => {
                count(out, self.x.len());
                for at in 0..self.x.len() {
                    header(out, Kind::Point, has_z);
                    self.vertex(out, at, has_z);
                }
            }
            Kind::MultiLineString => {
                count(out, self.rings.len());
                for range in self.ring_ranges() {
                    header(out, Kind::LineString, has_z);
                    self.run(out, range, has_z);
                }
            }
            Kind::MultiPolygon => {
                count(out, self.parts.len());
                for part in self.part_ranges() {
                    header(out, Kind::Polygon, has_z);
                    count(out, part.len());
                    let first = if part.start == 0 { 0 } else { self.rings[part.start - 1] };
                    let mut start = first;
                    for end in &self.rings[part] {
                        self.run(out, start..*end, has_z);
                        start = *end;
                    }
                }
            }
            Kind::Collection => {
                count(out, self.members.len());
                self.members.iter().for_each(|m| m.write(out, has_z));
            }
        }
    }

    fn run(&self, out: &mut Vec<u8>, range: std::ops::Range<usize>, has_z: bool) {
        count(out, range.len());
        range.for_each(|at| self.vertex(out, at, has_z));
    }

    fn vertex(&self, out: &mut Vec<u8>, at: usize, has_z: bool) {
        out.extend_from_slice(&self.x[at].to_le_bytes());
        out.extend_from_slice(&self.y[at].to_le_bytes());
        if has_z {
            out.extend_from_slice(&self.z.get(at).copied().unwrap_or(0.0).to_le_bytes());
        }
    }
}

fn ranges(ends: &[usize]) -> impl Iterator<Item = std::ops::Range<usize>> {
    ends.iter().scan(0, |start, end| {
        let range = *start..*end;
        *start = *end;
        Some(range)
    })
}

fn header(out: &mut Vec<u8>, kind: Kind, has_z: bool) {
    out.push(1);
    out.extend_from_slice(&(kind.code() + if has_z { 1000 } else { 0 }).to_le_bytes());
}

fn count(out: &mut Vec<u8>, n: usize) {
    // Counts never pass u32: a geometry's bytes are limited far below.
    out.extend_from_slice(&u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
}
