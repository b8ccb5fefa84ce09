//! Reads the ISO WKB that GDAL writes: every type it has, curves and surfaces among them.
//!
//! Curves become lines here, by the circle through each three points (ISO/IEC 13249-3).

use crate::shape::{Kind, Shape};
use citywall_model::limits;

/// The widest arc that one line segment stands for, in degrees; GDAL's own default.
const ARC_STEP_DEGREES: f64 = 4.0;

/// A decoded geometry and what decoding changed.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) shape: Shape,
    pub(crate) had_curves: bool,
    pub(crate) had_measures: bool,
}

struct Reader<'a> {
    bytes: &'a [u8],
    had_curves: bool,
    had_measures: bool,
}

#[derive(Clone, Copy)]
struct Header {
    kind: u32,
    has_z: bool,
    has_m: bool,
}

type Vertex = (f64, f64, Option<f64>);

/// Decodes little-endian ISO WKB.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded, &'static str> {
    let mut reader = Reader { bytes, had_curves: false, had_measures: false };
    let shape = reader.geometry(0)?;
    Ok(Decoded { shape, had_curves: reader.had_curves, had_measures: reader.had_measures })
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (chunk, rest) = self.bytes.split_first_chunk::<N>().ok_or("the geometry's bytes end early")?;
        self.bytes = rest;
        Ok(*chunk)
    }

    fn count(&mut self) -> Result<u32, &'static str> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn number(&mut self) -> Result<f64, &'static str> {
        Ok(f64::from_le_bytes(self.take()?))
    }

    fn header(&mut self) -> Result<Header, &'static str> {
        if self.take::<1>()? != [1] {
            return Err("the geometry's bytes are big-endian");
        }
        let code = self.count()?;
        let (has_z, has_m) = match code / 1000 {
            0 => (false, false),
            1 => (true, false),
            2 => (false, true),
            3 => (true, true),
            _ => return Err("the geometry is of an unknown dimension"),
        };
        self.had_measures |= has_m;
        Ok(Header { kind: code % 1000, has_z, has_m })
    }

    fn vertex(&mut self, header: Header) -> Result<Vertex, &'static str> {
        let (x, y) = (self.number()?, self.number()?);
        let z = if header.has_z { Some(self.number()?) } else { None };
        if header.has_m {
            self.number()?;
        }
        Ok((x, y, z))
    }

    fn vertices(&mut self, header: Header, out: &mut Shape) -> Result<(), &'static str> {
        for _ in 0..self.count()? {
            let (x, y, z) = self.vertex(header)?;
            out.push(x, y, z);
        }
        Ok(())
    }

    fn geometry(&mut self, depth: usize) -> Result<Shape, &'static str> {
        if depth > limits::GEOMETRY_DEPTH_MAX {
            return Err("collections are nested deeper than GEOMETRY_DEPTH_MAX");
        }
        let header = self.header()?;
        let mut shape = Shape::new(match header.kind {
            1 => Kind::Point,
            2 | 8 | 9 | 13 => Kind::LineString,
            3 | 10 | 14 | 17 => Kind::Polygon,
            4 => Kind::MultiPoint,
            5 | 11 => Kind::MultiLineString,
            6 | 12 | 15 | 16 => Kind::MultiPolygon,
            7 => Kind::Collection,
            _ => return Err("the geometry is of an unknown type"),
        });
        match shape.kind {
            Kind::Point => {
                let (x, y, z) = self.vertex(header)?;
                if !(x.is_nan() && y.is_nan()) {
                    shape.push(x, y, z);
                }
            }
            Kind::LineString => self.line(header, &mut shape, depth)?,
            Kind::Polygon => self.polygon(header, &mut shape, depth)?,
            Kind::MultiPoint => {
                for _ in 0..self.count()? {
                    let header = self.header()?;
                    let (x, y, z) = self.vertex(header)?;
                    if !(x.is_nan() && y.is_nan()) {
                        shape.push(x, y, z);
                    }
                }
            }
            Kind::MultiLineString => {
                for _ in 0..self.count()? {
                    let header = self.header()?;
                    self.line(header, &mut shape, depth + 1)?;
                    shape.end_ring();
                }
            }
            Kind::MultiPolygon => {
                for _ in 0..self.count()? {
                    let header = self.header()?;
                    self.polygon(header, &mut shape, depth + 1)?;
                }
            }
            Kind::Collection => {
                for _ in 0..self.count()? {
                    let member = self.geometry(depth + 1)?;
                    shape.members.push(member);
                }
            }
        }
        Ok(shape)
    }

    /// Appends a line string, a circular string or a compound of both.
    fn line(&mut self, header: Header, out: &mut Shape, depth: usize) -> Result<(), &'static str> {
        match header.kind {
            2 | 13 => self.vertices(header, out),
            8 => self.arcs(header, out),
            9 => {
                self.had_curves = true;
                for _ in 0..self.count()? {
                    if depth > limits::GEOMETRY_DEPTH_MAX {
                        return Err("curves are nested deeper than GEOMETRY_DEPTH_MAX");
                    }
                    let member = self.header()?;
                    let before = out.x.len();
                    self.line(member, out, depth + 1)?;
                    // Each member starts where the one before it ends.
                    if before > 0 && out.x.len() > before && (out.x[before], out.y[before]) == (out.x[before - 1], out.y[before - 1]) {
                        out.x.remove(before);
                        out.y.remove(before);
                        if !out.z.is_empty() {
                            out.z.remove(before);
                        }
                    }
                }
                Ok(())
            }
            _ => Err("a line has a member that is no curve"),
        }
    }

    /// Appends a polygon, a polygon of curves or a triangle.
    fn polygon(&mut self, header: Header, out: &mut Shape, depth: usize) -> Result<(), &'static str> {
        match header.kind {
            3 | 14 | 17 => {
                for _ in 0..self.count()? {
                    self.vertices(header, out)?;
                    out.end_ring();
                }
            }
            10 => {
                for _ in 0..self.count()? {
                    let ring = self.header()?;
                    self.line(ring, out, depth + 1)?;
                    out.end_ring();
                }
            }
            _ => return Err("a surface has a member that is no polygon"),
        }
        out.end_part();
        Ok(())
    }

    fn arcs(&mut self, header: Header, out: &mut Shape) -> Result<(), &'static str> {
        self.had_curves = true;
        let n = self.count()?;
        if n == 0 {
            return Ok(());
        }
        let mut start = self.vertex(header)?;
        out.push(start.0, start.1, start.2);
        for _ in 0..n.saturating_sub(1) / 2 {
            let (middle, end) = (self.vertex(header)?, self.vertex(header)?);
            stroke(start, middle, end, out);
            start = end;
        }
        if n > 1 && n % 2 == 0 {
            let (x, y, z) = self.vertex(header)?;
            out.push(x, y, z);
        }
        Ok(())
    }
}

/// Appends the arc from `a` (already there) through `b` to `c`.
fn stroke(a: Vertex, b: Vertex, c: Vertex, out: &mut Shape) {
    let circle = if (a.0, a.1) == (c.0, c.1) {
        // A full circle: the middle point lies opposite.
        Some((f64::midpoint(a.0, b.0), f64::midpoint(a.1, b.1), std::f64::consts::TAU))
    } else {
        center(a, b, c).map(|(x, y)| {
            let angle = |p: Vertex| (p.1 - y).atan2(p.0 - x);
            let turn = |from: f64, to: f64| (to - from).rem_euclid(std::f64::consts::TAU);
            let (to_b, to_c) = (turn(angle(a), angle(b)), turn(angle(a), angle(c)));
            (x, y, if to_b <= to_c { to_c } else { to_c - std::f64::consts::TAU })
        })
    };
    if let Some((x, y, sweep)) = circle {
        let (radius, first) = ((a.0 - x).hypot(a.1 - y), (a.1 - y).atan2(a.0 - x));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 90 steps")]
        let steps = (sweep.abs().to_degrees() / ARC_STEP_DEGREES).ceil().clamp(1.0, 90.0) as u32;
        for step in 1..steps {
            let t = f64::from(step) / f64::from(steps);
            let angle = first + sweep * t;
            let z = a.2.zip(c.2).map(|(from, to)| from + (to - from) * t);
            out.push(x + radius * angle.cos(), y + radius * angle.sin(), z);
        }
    } else {
        out.push(b.0, b.1, b.2);
    }
    out.push(c.0, c.1, c.2);
}

/// The centre of the circle through three points; `None` on a line.
fn center(a: Vertex, b: Vertex, c: Vertex) -> Option<(f64, f64)> {
    let (bx, by, cx, cy) = (b.0 - a.0, b.1 - a.1, c.0 - a.0, c.1 - a.1);
    let d = 2.0 * (bx * cy - by * cx);
    if d.abs() <= 1e-12 * (bx.hypot(by) * cx.hypot(cy)) {
        return None;
    }
    let (b2, c2) = (bx * bx + by * by, cx * cx + cy * cy);
    Some((a.0 + (cy * b2 - by * c2) / d, a.1 + (bx * c2 - cx * b2) / d))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use gdal::vector::Geometry;
    use proptest::prelude::*;

    fn decoded(wkt: &str) -> Decoded {
        decode(&Geometry::from_wkt(wkt).unwrap().iso_wkb().unwrap()).unwrap()
    }

    #[test]
    fn a_curved_polygon_keeps_its_area() {
        let disc = decoded("CURVEPOLYGON(COMPOUNDCURVE(CIRCULARSTRING(0 0,1 1,2 0),(2 0,0 0)))");
        assert!(disc.had_curves && disc.shape.kind == Kind::Polygon);
        let area = Geometry::from_wkb(&disc.shape.to_wkb()).unwrap().area();
        assert!((area - std::f64::consts::FRAC_PI_2).abs() < 0.002, "{area}");
        let full = decoded("CURVEPOLYGON(CIRCULARSTRING(0 0,2 0,0 0))");
        let area = Geometry::from_wkb(&full.shape.to_wkb()).unwrap().area();
        assert!((area - std::f64::consts::PI).abs() < 0.005, "{area}");
    }

    #[test]
    fn every_sort_of_geometry_comes_back_as_gdal_wrote_it() {
        for wkt in [
            "POINT (1 2)",
            "POINT Z (1 2 3)",
            "LINESTRING (0 0,1 1,2 0)",
            "POLYGON ((0 0,4 0,4 4,0 0),(1 1,2 1,2 2,1 1))",
            "MULTIPOINT ((0 0),(1 1))",
            "MULTILINESTRING Z ((0 0 1,1 1 2),(2 2 3,3 3 4))",
            "MULTIPOLYGON (((0 0,4 0,4 4,0 0)),((9 9,8 9,8 8,9 9)))",
            "GEOMETRYCOLLECTION (POINT (1 2),LINESTRING (0 0,1 1))",
        ] {
            assert_eq!(Geometry::from_wkb(&decoded(wkt).shape.to_wkb()).unwrap().iso_wkt().unwrap(), wkt);
        }
        let tin = decoded("TIN Z (((0 0 0,0 0 1,0 1 0,0 0 0)))");
        assert_eq!((tin.shape.kind, tin.shape.parts.len()), (Kind::MultiPolygon, 1));
        assert!(decoded("LINESTRING M (0 0 5,1 1 6)").had_measures);
        assert!(decoded("POINT EMPTY").shape.is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), code in 0..18u32, z in 0..4u32) {
            let _ = decode(&bytes);
            let mut framed = vec![1];
            framed.extend_from_slice(&(code + z * 1000).to_le_bytes());
            framed.extend_from_slice(&bytes);
            let _ = decode(&framed);
        }
    }
}
