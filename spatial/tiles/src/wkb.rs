//! Walks a checked geometry's WKB in place (OGC 06-103r4, clause 8), part by part.
//!
//! The city checks geometry once, when it enters; here bytes that break the format end the walk.

use citywall_model::limits::GEOMETRY_DEPTH_MAX;

/// A run of vertices in place. Heights are passed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vertices<'a> {
    bytes: &'a [u8],
    has_z: bool,
}

impl Vertices<'_> {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / if self.has_z { 24 } else { 16 }
    }

    /// Visits longitude and latitude of each vertex.
    #[inline]
    pub(crate) fn each(&self, mut visit: impl FnMut(f64, f64)) {
        let number = |bytes: [u8; 8]| f64::from_le_bytes(bytes);
        if self.has_z {
            for vertex in self.bytes.as_chunks::<24>().0 {
                let (words, _) = vertex.as_chunks::<8>();
                visit(number(words[0]), number(words[1]));
            }
        } else {
            for vertex in self.bytes.as_chunks::<16>().0 {
                let (words, _) = vertex.as_chunks::<8>();
                visit(number(words[0]), number(words[1]));
            }
        }
    }
}

/// What a tile distinguishes (MVT 2.1, 4.3.4 `GeomType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Point = 1,
    Line = 2,
    Polygon = 3,
}

/// Takes the parts of a geometry.
pub(crate) trait Parts {
    fn point(&mut self, vertices: Vertices<'_>);
    fn line(&mut self, vertices: Vertices<'_>);
    /// A polygon's rings come one after the other, the exterior first.
    fn ring(&mut self, vertices: Vertices<'_>, exterior: bool);
}

/// The kind of a geometry; `None` for a collection of several.
pub(crate) fn kind(bytes: &[u8]) -> Option<Kind> {
    let (code, _) = Reader { rest: bytes }.header()?;
    match code {
        1 | 4 => Some(Kind::Point),
        2 | 5 => Some(Kind::Line),
        3 | 6 => Some(Kind::Polygon),
        _ => None,
    }
}

/// Visits every part of one kind. `None` if the bytes break the format.
pub(crate) fn walk(bytes: &[u8], kind: Kind, parts: &mut impl Parts) -> Option<()> {
    Reader { rest: bytes }.geometry(kind, parts, 0)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn header(&mut self) -> Option<(u32, bool)> {
        let (order, rest) = self.rest.split_first()?;
        self.rest = rest;
        let code = self.count()?;
        (*order == 1 && code / 1000 <= 1).then_some((code % 1000, code >= 1000))
    }

    fn count(&mut self) -> Option<u32> {
        let (word, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*word))
    }

    fn vertices(&mut self, count: u32, has_z: bool) -> Option<Vertices<'a>> {
        let len = (count as usize).checked_mul(if has_z { 24 } else { 16 })?;
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(Vertices { bytes, has_z })
    }

    fn geometry(&mut self, kind: Kind, parts: &mut impl Parts, depth: usize) -> Option<()> {
        if depth > GEOMETRY_DEPTH_MAX {
            return None;
        }
        let (code, has_z) = self.header()?;
        match code {
            1 => {
                let vertices = self.vertices(1, has_z)?;
                if kind == Kind::Point {
                    parts.point(vertices);
                }
            }
            2 => {
                let count = self.count()?;
                let vertices = self.vertices(count, has_z)?;
                if kind == Kind::Line {
                    parts.line(vertices);
                }
            }
            3 => {
                for ring in 0..self.count()? {
                    let count = self.count()?;
                    let vertices = self.vertices(count, has_z)?;
                    if kind == Kind::Polygon {
                        parts.ring(vertices, ring == 0);
                    }
                }
            }
            4..=7 => {
                for _ in 0..self.count()? {
                    self.geometry(kind, parts, depth + 1)?;
                }
            }
            _ => return None,
        }
        Some(())
    }
}
