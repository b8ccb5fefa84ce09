//! Geometry as ISO WKB (OGC 06-103r4, clause 8), two- or three-dimensional, little endian.
//!
//! A geometry is checked once, when it enters the city ([`Wkb::new`]); after that the bytes are
//! trusted and read in place, through the `wkb` crate's views or [`bounds`].

use crate::limits;
use geo_traits::to_geo::ToGeoGeometry;
use geo_types::Geometry;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A rectangle in degrees: x is longitude, y latitude. `x_min > x_max` never occurs here; a
/// window across the antimeridian is two rectangles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 4]", into = "[f64; 4]")]
pub struct Bbox {
    /// Western edge, degrees.
    pub x_min: f64,
    /// Southern edge, degrees.
    pub y_min: f64,
    /// Eastern edge, degrees.
    pub x_max: f64,
    /// Northern edge, degrees.
    pub y_max: f64,
}

impl Default for Bbox {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Bbox {
    /// The whole world.
    pub const WORLD: Self = Self::new(-180.0, -90.0, 180.0, 90.0);
    /// The rectangle that holds nothing; the neutral element of [`Bbox::union`].
    pub const EMPTY: Self = Self::new(f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY);

    /// A rectangle by its edges: west, south, east, north.
    #[must_use]
    #[inline]
    pub const fn new(x_min: f64, y_min: f64, x_max: f64, y_max: f64) -> Self {
        Self { x_min, y_min, x_max, y_max }
    }

    /// True if it holds no point.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        !(self.x_min <= self.x_max && self.y_min <= self.y_max)
    }

    /// The smallest rectangle that holds both.
    #[must_use]
    #[inline]
    pub fn union(self, o: Self) -> Self {
        Self::new(self.x_min.min(o.x_min), self.y_min.min(o.y_min), self.x_max.max(o.x_max), self.y_max.max(o.y_max))
    }

    /// The rectangle grown to hold a point.
    #[must_use]
    #[inline]
    pub fn with(self, x: f64, y: f64) -> Self {
        self.union(Self::new(x, y, x, y))
    }

    /// True if the two share a point, edges included.
    #[must_use]
    #[inline]
    pub fn intersects(&self, o: &Self) -> bool {
        self.x_min <= o.x_max && o.x_min <= self.x_max && self.y_min <= o.y_max && o.y_min <= self.y_max
    }

    /// True if `o` lies wholly in this rectangle, edges included.
    #[must_use]
    #[inline]
    pub fn contains(&self, o: &Self) -> bool {
        self.x_min <= o.x_min && o.x_max <= self.x_max && self.y_min <= o.y_min && o.y_max <= self.y_max
    }

    /// Whether a geometry with this envelope shares a point with the rectangle, edges included; `None`
    /// where the envelope alone does not say. It does where it lies in the rectangle's width and one of its
    /// ends in the rectangle's height, or the other way round: the vertex at this end lies in both.
    #[must_use]
    #[inline]
    pub fn meets_what_fills(&self, envelope: &Self) -> Option<bool> {
        if !self.intersects(envelope) {
            return Some(false);
        }
        let (west, east) = (self.x_min <= envelope.x_min, envelope.x_max <= self.x_max);
        let (south, north) = (self.y_min <= envelope.y_min, envelope.y_max <= self.y_max);
        let (is_wide, is_high) = (west && east, south && north);
        (is_wide && (south || north) || is_high && (west || east)).then_some(true)
    }

    /// The centre: longitude, latitude.
    #[must_use]
    #[inline]
    pub fn center(&self) -> (f64, f64) {
        (f64::midpoint(self.x_min, self.x_max), f64::midpoint(self.y_min, self.y_max))
    }
}

impl From<[f64; 4]> for Bbox {
    fn from([x_min, y_min, x_max, y_max]: [f64; 4]) -> Self {
        Self { x_min, y_min, x_max, y_max }
    }
}

impl From<Bbox> for [f64; 4] {
    fn from(b: Bbox) -> Self {
        [b.x_min, b.y_min, b.x_max, b.y_max]
    }
}

/// Why bytes or shapes are no geometry of a city.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// The bytes break the format at this offset.
    #[error("not well-known binary: {reason} at byte {offset}")]
    Malformed {
        /// Where.
        offset: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A coordinate is NaN or infinite.
    #[error("coordinate {index} is not a finite number")]
    NotFinite {
        /// The vertex, counted from 0 over the whole geometry.
        index: usize,
    },
    /// A coordinate is not on the globe.
    #[error("coordinate {index} ({x}, {y}) is not a longitude and latitude in degrees")]
    OutOfRange {
        /// The vertex, counted from 0 over the whole geometry.
        index: usize,
        /// Its first ordinate.
        x: f64,
        /// Its second ordinate.
        y: f64,
    },
    /// A named limit is passed.
    #[error("the geometry passes the limit {name} ({max})")]
    TooLarge {
        /// The limit's name in [`limits`].
        name: &'static str,
        /// Its value.
        max: usize,
    },
}

/// A checked geometry: ISO WKB, little endian, finite coordinates on the globe.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Wkb(Arc<[u8]>);

impl std::fmt::Debug for Wkb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wkb({:?})", to_geo(&self.0))
    }
}

impl Wkb {
    /// Checks bytes.
    ///
    /// # Errors
    /// See [`GeometryError`].
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Result<Self, GeometryError> {
        let bytes = bytes.into();
        check(&bytes)?;
        Ok(Self(bytes))
    }

    /// Writes a planar geometry.
    ///
    /// # Errors
    /// A coordinate is not finite or not on the globe, or a limit is passed.
    pub fn from_geo(geometry: &Geometry<f64>) -> Result<Self, GeometryError> {
        Self::new(encode(geometry))
    }

    /// A point from longitude and latitude in degrees.
    ///
    /// # Errors
    /// A coordinate is not finite or not on the globe.
    pub fn point(longitude: f64, latitude: f64) -> Result<Self, GeometryError> {
        Self::from_geo(&Geometry::Point(geo_types::Point::new(longitude, latitude)))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The extent; [`Bbox::EMPTY`] for an empty geometry.
    #[must_use]
    pub fn bounds(&self) -> Bbox {
        bounds(&self.0)
    }

    /// A planar copy (heights are dropped).
    #[must_use]
    pub fn to_geo(&self) -> Option<Geometry<f64>> {
        to_geo(&self.0)
    }
}

/// Planar geometry as little-endian ISO WKB.
#[must_use]
pub fn encode(geometry: &Geometry<f64>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(wkb::writer::geometry_wkb_size(geometry));
    let options = wkb::writer::WriteOptions { endianness: wkb::Endianness::LittleEndian };
    // Writing into a Vec fails only for types that geo-types does not have.
    let written = wkb::writer::write_geometry(&mut bytes, geometry, &options);
    debug_assert!(written.is_ok());
    bytes
}

/// A planar copy of checked WKB; `None` for an empty point, which geo-types cannot express, or
/// for bytes that are no WKB.
#[must_use]
pub fn to_geo(bytes: &[u8]) -> Option<Geometry<f64>> {
    wkb::reader::read_wkb(bytes).ok()?.try_to_geometry()
}

/// The place of a point in checked WKB: longitude, latitude; `None` for any other geometry and for
/// an empty point. O(1).
#[must_use]
#[inline]
pub fn as_point(bytes: &[u8]) -> Option<(f64, f64)> {
    let mut walker = Walker::new(bytes);
    walker.take::<1>().ok()?;
    if walker.count().ok()? % 1000 != 1 {
        return None;
    }
    let (x, y) = (f64::from_le_bytes(walker.take().ok()?), f64::from_le_bytes(walker.take().ok()?));
    x.is_finite().then_some((x, y))
}

/// True for checked WKB of one point, line or polygon. O(1).
#[must_use]
#[inline]
pub fn is_single(bytes: &[u8]) -> bool {
    let code = bytes.get(1..).and_then(|rest| rest.first_chunk()).map(|code| u32::from_le_bytes(*code));
    code.is_some_and(|code| code % 1000 <= 3)
}

/// The extent of checked WKB; [`Bbox::EMPTY`] for an empty geometry. O(vertices), no allocation.
#[must_use]
pub fn bounds(bytes: &[u8]) -> Bbox {
    if let Some((x, y)) = as_point(bytes) {
        return Bbox::new(x, y, x, y);
    }
    let mut bbox = Bbox::EMPTY;
    let walked = Walker::new(bytes).geometry(
        &mut |_, [x, y, _]: [f64; 3]| {
            // An empty point is written as NaN, which min and max pass over.
            bbox = bbox.with(x, y);
            Ok(())
        },
        0,
    );
    debug_assert!(walked.is_ok());
    bbox
}

/// Visits the x and y of every vertex of checked WKB, which `visit` may change in place; those of
/// an empty point are NaN. O(vertices).
pub fn map_positions(bytes: &mut [u8], mut visit: impl FnMut(&mut f64, &mut f64)) {
    let mut places = Vec::new();
    let walked = Walker::new(bytes).geometry(
        &mut |at, _: [f64; 3]| {
            places.push(at);
            Ok(())
        },
        0,
    );
    debug_assert!(walked.is_ok());
    for at in places {
        let Some(position) = bytes.get_mut(at..at + 16) else { return };
        let (x_bytes, y_bytes) = position.split_at_mut(8);
        let number = |bytes: &[u8]| bytes.try_into().map_or(f64::NAN, f64::from_le_bytes);
        let (mut x, mut y) = (number(x_bytes), number(y_bytes));
        visit(&mut x, &mut y);
        x_bytes.copy_from_slice(&x.to_le_bytes());
        y_bytes.copy_from_slice(&y.to_le_bytes());
    }
}

/// Checks that bytes are WKB that the city can hold.
///
/// # Errors
/// See [`GeometryError`].
pub fn check(bytes: &[u8]) -> Result<(), GeometryError> {
    if bytes.len() > limits::GEOMETRY_BYTES_MAX {
        return Err(GeometryError::TooLarge { name: "GEOMETRY_BYTES_MAX", max: limits::GEOMETRY_BYTES_MAX });
    }
    let mut check = Check::default();
    let mut walker = Walker::new(bytes);
    walker.geometry(&mut check, 0)?;
    if walker.at == bytes.len() { Ok(()) } else { Err(walker.malformed("bytes after the geometry")) }
}

/// Says what is wrong with vertices.
#[derive(Default)]
struct Check {
    /// How many there have been, over the whole geometry.
    index: usize,
    /// Of a ring how many are to come.
    left: u32,
    /// Where a ring begins.
    first: Option<[f64; 3]>,
}

impl Walk for Check {
    fn part(&mut self, at: usize, part: Part, vertices: u32) -> Result<(), GeometryError> {
        self.first = None;
        self.left = if matches!(part, Part::Ring { .. }) { vertices } else { 0 };
        let reason = match part {
            Part::Ring { .. } if vertices < 4 => "a ring of fewer than 4 positions",
            Part::Line if vertices < 2 => "a line of fewer than 2 positions",
            _ => return Ok(()),
        };
        Err(GeometryError::Malformed { offset: at, reason })
    }

    #[inline]
    fn vertex(&mut self, at: usize, [x, y, z]: [f64; 3]) -> Result<(), GeometryError> {
        let index = self.index;
        if !(x.is_finite() && y.is_finite() && z.is_finite()) {
            return Err(GeometryError::NotFinite { index });
        }
        if !((-180.0..=180.0).contains(&x) && (-90.0..=90.0).contains(&y)) {
            return Err(GeometryError::OutOfRange { index, x, y });
        }
        self.index += 1;
        if self.left > 0 {
            self.left -= 1;
            let first = *self.first.get_or_insert([x, y, z]);
            if self.left == 0 && first != [x, y, z] {
                return Err(GeometryError::Malformed { offset: at, reason: "a ring that does not close" });
            }
        }
        Ok(())
    }
}

/// Visits every edge of checked WKB, as its ends in degrees, with the number of the polygon that it
/// bounds, counted from 0; `None` for an edge of a line. A point is an edge from itself to itself, and
/// so is a line of one vertex; an empty point has none. O(vertices), no allocation.
pub fn each_edge(bytes: &[u8], visit: impl FnMut(Option<u32>, [f64; 2], [f64; 2])) {
    let walked = Walker::new(bytes).geometry(&mut Edges { visit, polygons: 0, polygon: None }, 0);
    debug_assert!(walked.is_ok());
}

struct Edges<F> {
    visit: F,
    polygons: u32,
    polygon: Option<u32>,
}

impl<F: FnMut(Option<u32>, [f64; 2], [f64; 2])> Walk for Edges<F> {
    fn part(&mut self, _: usize, part: Part, _: u32) -> Result<(), GeometryError> {
        self.polygons += u32::from(matches!(part, Part::Ring { is_outer: true }));
        self.polygon = matches!(part, Part::Ring { .. }).then(|| self.polygons - 1);
        Ok(())
    }

    #[inline]
    fn vertices<const N: usize>(&mut self, _: usize, vertices: &[[[u8; 8]; N]]) -> Result<(), GeometryError> {
        let polygon = self.polygon;
        let mut places = vertices.iter().map(|vertex| [f64::from_le_bytes(vertex[0]), f64::from_le_bytes(vertex[1])]);
        let Some(first) = places.next() else { return Ok(()) };
        let mut last = first;
        // What has one vertex alone has it at both ends.
        let only = std::iter::once(first).filter(|[x, _]| vertices.len() == 1 && x.is_finite());
        for place in only.chain(places) {
            (self.visit)(polygon, last, place);
            last = place;
        }
        Ok(())
    }
}

/// Whose vertices come next.
#[derive(Clone, Copy)]
enum Part {
    Point,
    Line,
    Ring { is_outer: bool },
}

/// Is told of what stands in WKB.
trait Walk {
    /// A part with so many vertices begins, whose bytes start at a place.
    fn part(&mut self, _: usize, _: Part, _: u32) -> Result<(), GeometryError> {
        Ok(())
    }
    /// The vertices of a part, of so many numbers each, with where their bytes start.
    #[inline]
    fn vertices<const N: usize>(&mut self, at: usize, vertices: &[[[u8; 8]; N]]) -> Result<(), GeometryError> {
        for (at, vertex) in (at..).step_by(N * 8).zip(vertices) {
            let mut position = [0.0; 3];
            for (number, bytes) in position.iter_mut().zip(vertex) {
                *number = f64::from_le_bytes(*bytes);
            }
            self.vertex(at, position)?;
        }
        Ok(())
    }
    /// A vertex, with where its bytes start.
    fn vertex(&mut self, _: usize, _: [f64; 3]) -> Result<(), GeometryError> {
        Ok(())
    }
}

impl<F: FnMut(usize, [f64; 3]) -> Result<(), GeometryError>> Walk for F {
    #[inline]
    fn vertex(&mut self, at: usize, position: [f64; 3]) -> Result<(), GeometryError> {
        self(at, position)
    }
}

/// Walks little-endian ISO WKB vertex by vertex.
struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walker<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn malformed(&self, reason: &'static str) -> GeometryError {
        GeometryError::Malformed { offset: self.at, reason }
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], GeometryError> {
        let chunk = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let chunk = *chunk.ok_or_else(|| self.malformed("the bytes end"))?;
        self.at += N;
        Ok(chunk)
    }

    #[inline]
    fn count(&mut self) -> Result<u32, GeometryError> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn geometry(&mut self, walk: &mut impl Walk, depth: usize) -> Result<(), GeometryError> {
        self.member(walk, depth, None)
    }

    /// A geometry that has to be of a type, as the parts of multi-geometries are.
    fn member(&mut self, walk: &mut impl Walk, depth: usize, wanted: Option<u32>) -> Result<(), GeometryError> {
        if depth > limits::GEOMETRY_DEPTH_MAX {
            return Err(GeometryError::TooLarge { name: "GEOMETRY_DEPTH_MAX", max: limits::GEOMETRY_DEPTH_MAX });
        }
        if self.take::<1>()? != [1] {
            return Err(self.malformed("a byte order other than little endian"));
        }
        let code = self.count()?;
        let has_z = match code / 1000 {
            0 => false,
            1 => true,
            _ => return Err(self.malformed("measured coordinates")),
        };
        if wanted.is_some_and(|wanted| wanted != code % 1000) {
            return Err(self.malformed("a part of another type than its multi-geometry has"));
        }
        match code % 1000 {
            1 => self.vertices(Part::Point, 1, has_z, walk),
            2 => {
                let n = self.count()?;
                self.vertices(Part::Line, n, has_z, walk)
            }
            3 => {
                for ring in 0..self.count()? {
                    let n = self.count()?;
                    self.vertices(Part::Ring { is_outer: ring == 0 }, n, has_z, walk)?;
                }
                Ok(())
            }
            kind @ 4..=7 => {
                // Only a collection has parts of any type.
                let wanted = (kind < 7).then_some(kind - 3);
                for _ in 0..self.count()? {
                    self.member(walk, depth + 1, wanted)?;
                }
                Ok(())
            }
            _ => Err(self.malformed("a geometry type other than point, line, polygon and their collections")),
        }
    }

    #[inline]
    fn vertices(&mut self, part: Part, n: u32, has_z: bool, walk: &mut impl Walk) -> Result<(), GeometryError> {
        walk.part(self.at, part, n)?;
        if has_z { self.positions::<3>(n, walk) } else { self.positions::<2>(n, walk) }
    }

    /// Vertices of so many numbers each.
    #[inline]
    fn positions<const N: usize>(&mut self, n: u32, walk: &mut impl Walk) -> Result<(), GeometryError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default().as_chunks::<8>().0.as_chunks::<N>().0;
        let start = self.at;
        self.at += rest.len().min(n as usize) * N * 8;
        let vertices = rest.get(..n as usize).ok_or_else(|| self.malformed("the bytes end"))?;
        walk.vertices(start, vertices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo_types::{line_string, polygon};

    #[test]
    fn what_is_written_is_read_and_bounded() {
        let shape = Geometry::Polygon(polygon![(x: 1.0, y: 2.0), (x: 5.0, y: 2.0), (x: 5.0, y: 7.0), (x: 1.0, y: 2.0)]);
        let wkb = Wkb::from_geo(&shape).expect("a good shape");
        assert_eq!(wkb.bounds(), Bbox::new(1.0, 2.0, 5.0, 7.0));
        assert_eq!(wkb.to_geo(), Some(shape));
    }

    #[test]
    fn what_is_no_ring_or_line_is_refused() {
        let shape = Geometry::Polygon(polygon![(x: 1.0, y: 2.0), (x: 5.0, y: 2.0), (x: 5.0, y: 7.0), (x: 1.0, y: 2.0)]);
        let mut bytes = encode(&shape);
        let last = bytes.len() - 16;
        bytes[last..last + 8].copy_from_slice(&1.5_f64.to_le_bytes());
        let refused = Wkb::new(bytes).expect_err("it does not close").to_string();
        assert_eq!(refused, format!("not well-known binary: a ring that does not close at byte {last}"));
        let line = Geometry::LineString(line_string![(x: 1.0, y: 2.0)]);
        assert!(matches!(Wkb::from_geo(&line), Err(GeometryError::Malformed { offset: 9, .. })));
    }

    #[test]
    fn the_parts_of_a_multi_geometry_are_of_its_type() {
        let point = encode(&geo::Point::new(1.0, 2.0).into());
        let lines = [&[1, 5, 0, 0, 0, 1, 0, 0, 0][..], &point[..]].concat();
        let refused = Wkb::new(lines).expect_err("a point is no line").to_string();
        assert!(refused.contains("another type"), "{refused}");
        let any = [&[1, 7, 0, 0, 0, 1, 0, 0, 0][..], &point[..]].concat();
        assert!(Wkb::new(any).is_ok());
    }

    #[test]
    fn positions_are_changed_in_place() {
        let mut bytes = encode(&Geometry::LineString(line_string![(x: 1.0, y: 2.0), (x: 3.0, y: 4.0)]));
        map_positions(&mut bytes, |x, y| (*x, *y) = (*y, *x + 10.0));
        assert_eq!(to_geo(&bytes), Some(Geometry::LineString(line_string![(x: 2.0, y: 11.0), (x: 4.0, y: 13.0)])));
    }

    #[test]
    fn bad_coordinates_are_named() {
        let nan = Geometry::LineString(line_string![(x: 0.0, y: 0.0), (x: f64::NAN, y: 1.0)]);
        assert!(matches!(Wkb::from_geo(&nan), Err(GeometryError::NotFinite { index: 1 })));
        assert!(matches!(Wkb::point(181.0, 0.0), Err(GeometryError::OutOfRange { index: 0, .. })));
    }

    #[test]
    fn no_truncation_or_flip_of_bytes_panics() {
        let shape = Geometry::MultiPolygon(geo_types::MultiPolygon(vec![
            polygon!(exterior: [(x: 0.0, y: 0.0), (x: 4.0, y: 0.0), (x: 4.0, y: 4.0), (x: 0.0, y: 0.0)], interiors: [[(x: 2.0, y: 1.0), (x: 3.0, y: 1.0), (x: 3.0, y: 2.0), (x: 2.0, y: 1.0)]]),
        ]));
        let bytes = encode(&shape);
        for cut in 0..bytes.len() {
            assert!(check(&bytes[..cut]).is_err());
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut broken = bytes.clone();
                broken[at] ^= 1 << bit;
                let _ = check(&broken);
            }
        }
    }
}
