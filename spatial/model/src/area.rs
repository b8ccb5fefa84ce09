//! An area that is compared with many envelopes and geometries: what it alone decides is computed once.

use crate::{Bbox, geometry};
use geo::{
    Coord, GeoNum, Intersects, Line, LinesIter,
    algorithm::kernels::{Kernel, Orientation},
    coord,
};
use geo_types::{Geometry, Polygon};

/// Edges for each band of latitude, and the most bands: more of them cost memory and save nothing.
const EDGES_PER_BAND: usize = 4;
const BANDS_MAX: usize = 512;

/// A polygon, or several, with its edges in bands of latitude, so that an envelope or a point is
/// compared with those at its height alone. Coordinates are planar; borders belong to the area. Tests
/// are exact for the coordinates as given (J. R. Shewchuk, “Adaptive Precision Floating-Point
/// Arithmetic and Fast Robust Geometric Predicates”, 1997).
#[derive(Debug)]
pub struct Area {
    shape: Geometry,
    bounds: Bbox,
    /// It fills its bounds.
    is_rectangle: bool,
    /// The extent of each polygon.
    parts: Vec<Bbox>,
    /// Bands per degree.
    scale: f64,
    /// The edges of band `n` start at the number `n`, and those of the last one end at the last number.
    starts: Vec<u32>,
    edges: Vec<Edge>,
}

/// An edge, its lower end first, and the number of the polygon that it bounds.
#[derive(Clone, Copy, Debug)]
struct Edge {
    polygon: u32,
    low: Coord,
    high: Coord,
}

impl Edge {
    fn new(polygon: u32, line: Line) -> Self {
        let (low, high) = if line.start.y <= line.end.y { (line.start, line.end) } else { (line.end, line.start) };
        Self { polygon, low, high }
    }

    #[inline]
    fn side(&self, x: f64, y: f64) -> Orientation {
        <f64 as GeoNum>::Ker::orient2d(self.low, self.high, coord! { x: x, y: y })
    }

    #[inline]
    fn is_near(&self, b: &Bbox) -> bool {
        let (west, east) = (self.low.x.min(self.high.x), self.low.x.max(self.high.x));
        self.low.y <= b.y_max && b.y_min <= self.high.y && west <= b.x_max && b.x_min <= east
    }

    /// True if the edge shares a point with a rectangle.
    #[inline]
    fn meets(&self, b: &Bbox) -> bool {
        if !self.is_near(b) {
            return false;
        }
        // Of the rectangle's corners these two are farthest to the edge's left and right.
        let leans_east = self.low.x <= self.high.x;
        let (left, right) = if leans_east { ((b.x_min, b.y_max), (b.x_max, b.y_min)) } else { ((b.x_min, b.y_min), (b.x_max, b.y_max)) };
        let side = self.side(left.0, left.1);
        side == Orientation::Collinear || side != self.side(right.0, right.1)
    }
}

impl Area {
    /// Prepares a polygon or several; `None` for any other geometry. O(edges × bands that each passes).
    #[must_use]
    pub fn new(shape: &Geometry) -> Option<Self> {
        let polygons: &[Polygon] = match shape {
            Geometry::Polygon(polygon) => std::slice::from_ref(polygon),
            Geometry::MultiPolygon(polygons) => &polygons.0,
            _ => return None,
        };
        let edges: Vec<Edge> =
            (0u32..).zip(polygons).flat_map(|(number, polygon)| polygon.lines_iter().map(move |line| Edge::new(number, line))).collect();
        let mut parts = vec![Bbox::EMPTY; polygons.len()];
        for Edge { polygon, low, high } in &edges {
            let part = &mut parts[*polygon as usize];
            *part = part.with(low.x, low.y).with(high.x, high.y);
        }
        let bounds = parts.iter().fold(Bbox::EMPTY, |all, part| all.union(*part));
        let bands = (edges.len() / EDGES_PER_BAND).clamp(1, BANDS_MAX);
        let height = bounds.y_max - bounds.y_min;
        #[expect(clippy::cast_precision_loss, reason = "few")]
        let scale = if height > 0.0 { bands as f64 / height } else { 0.0 };
        let is_rectangle = matches!(polygons, [polygon] if is_rectangle(polygon));
        let mut area = Self { shape: shape.clone(), bounds, is_rectangle, parts, scale, starts: vec![0; bands + 1], edges: Vec::new() };
        let of_bands = |area: &Self, edge: &Edge| area.band(edge.low.y)..=area.band(edge.high.y);
        for edge in &edges {
            of_bands(&area, edge).for_each(|band| area.starts[band + 1] += 1);
        }
        (0..bands).for_each(|band| area.starts[band + 1] += area.starts[band]);
        let mut next = area.starts.clone();
        area.edges = vec![Edge { polygon: 0, low: Coord::zero(), high: Coord::zero() }; area.starts[bands] as usize];
        for edge in edges {
            for band in of_bands(&area, &edge) {
                area.edges[next[band] as usize] = edge;
                next[band] += 1;
            }
        }
        Some(area)
    }

    /// Its extent; [`Bbox::EMPTY`] without a polygon.
    #[must_use]
    pub fn bounds(&self) -> &Bbox {
        &self.bounds
    }

    /// Whether all of a rectangle lies in the area or outside of it; `None` where an edge meets it.
    /// O(edges at its height).
    #[must_use]
    #[inline]
    pub fn has(&self, rectangle: &Bbox) -> Option<bool> {
        if !self.bounds.intersects(rectangle) {
            return Some(false);
        }
        if self.is_rectangle {
            let Bbox { x_min, y_min, x_max, y_max } = self.bounds;
            let is_inside = x_min < rectangle.x_min && rectangle.x_max < x_max && y_min < rectangle.y_min && rectangle.y_max < y_max;
            return is_inside.then_some(true);
        }
        if self.edges_between(rectangle.y_min, rectangle.y_max).iter().any(|edge| edge.meets(rectangle)) {
            return None;
        }
        // Then all of it lies where any point of it does.
        Some(self.holds(rectangle.x_min, rectangle.y_min))
    }

    /// True if a point lies in the area or on its border. O(edges at its height).
    #[must_use]
    pub fn holds(&self, x: f64, y: f64) -> bool {
        if !self.bounds.intersects(&Bbox::new(x, y, x, y)) {
            return false;
        }
        let (mut polygon, mut is_around) = (0, false);
        for edge in self.edges_between(y, y) {
            if edge.polygon != polygon {
                if is_around {
                    return true;
                }
                polygon = edge.polygon;
            }
            if y < edge.low.y || y > edge.high.y || x > edge.low.x.max(edge.high.x) {
                continue;
            }
            if edge.low.y == edge.high.y {
                if x >= edge.low.x.min(edge.high.x) {
                    return true;
                }
                continue;
            }
            // Counts the edges to the east (M. Shimrat, “Algorithm 112”, CACM 5(8), 1962).
            match edge.side(x, y) {
                Orientation::Collinear => return true,
                side => is_around ^= y < edge.high.y && side == Orientation::CounterClockwise,
            }
        }
        is_around
    }

    /// Whether a geometry with this envelope shares a point with the area; `None` where the geometry has
    /// to be asked itself, as in all areas but rectangles. O(1).
    #[must_use]
    #[inline]
    pub fn meets_what_fills(&self, envelope: &Bbox) -> Option<bool> {
        if self.is_rectangle { self.bounds.meets_what_fills(envelope) } else { None }
    }

    /// True if checked WKB with these bounds shares a point with the area. A copy of it is made only
    /// where its edges do not say: it may be around a polygon, or have several parts. O(its edges ×
    /// those of the area at their height).
    #[must_use]
    pub fn meets(&self, wkb: &[u8], bounds: &Bbox) -> bool {
        if let Some(known) = self.meets_what_fills(bounds) {
            return known;
        }
        if let Some((x, y)) = geometry::as_point(wkb) {
            return self.holds(x, y);
        }
        let mut meets = None;
        geometry::each_edge(wkb, |_, [ax, ay], [bx, by]| {
            let known = *meets.get_or_insert_with(|| self.holds(ax, ay));
            if !known {
                let edge = Line::new((ax, ay), (bx, by));
                let rectangle = Bbox::new(ax.min(bx), ay.min(by), ax.max(bx), ay.max(by));
                let mut near = self.edges_between(rectangle.y_min, rectangle.y_max).iter().filter(|own| own.is_near(&rectangle));
                meets = Some(near.any(|own| Line::new(own.low, own.high).intersects(&edge)));
            }
        });
        match meets {
            Some(true) => true,
            Some(false) if geometry::is_single(wkb) && !self.parts.iter().any(|part| bounds.contains(part)) => false,
            _ => geometry::to_geo(wkb).is_some_and(|shape| shape.intersects(&self.shape)),
        }
    }

    /// The edges of the bands between two latitudes; those of several bands come more than once.
    #[inline]
    fn edges_between(&self, south: f64, north: f64) -> &[Edge] {
        &self.edges[self.starts[self.band(south)] as usize..self.starts[self.band(north) + 1] as usize]
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    fn band(&self, y: f64) -> usize {
        (((y - self.bounds.y_min) * self.scale) as usize).min(self.starts.len() - 2)
    }
}

/// True for four edges along the axes, each across the one before: a ring closes.
fn is_rectangle(polygon: &Polygon) -> bool {
    let along: Vec<_> = polygon.exterior().lines().map(|line| (line.dx() != 0.0, line.dy() != 0.0)).collect();
    polygon.interiors().is_empty() && matches!(*along, [a, b, c, d] if a != b && a == c && b == d && a.0 != a.1 && b.0 != b.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo_types::{Geometry, LineString, MultiPolygon, Point, Polygon, Rect};

    /// A star around a centre, with a hole: simple rings, many directions of edges.
    fn star(random: &mut impl FnMut() -> f64) -> Polygon {
        let (x, y, corners) = (random(), random(), 3 + (random() * 60.0) as usize);
        let radii: Vec<f64> = (0..corners).map(|_| 0.05 + random() * 0.3).collect();
        let ring = |scale: f64| {
            let corner = |(n, r): (usize, &f64)| {
                let angle = n as f64 / corners as f64 * std::f64::consts::TAU;
                (x + angle.cos() * r * scale, y + angle.sin() * r * scale)
            };
            radii.iter().enumerate().map(corner).collect::<LineString>()
        };
        Polygon::new(ring(1.0), vec![ring(0.4)])
    }

    #[test]
    fn boxes_points_and_shapes_are_where_geo_says() {
        let mut state = 7u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1 << 24)
        };
        let (mut decided, mut met) = (0, 0);
        for _ in 0..400 {
            // Two stars of which neither meets the other.
            let mut other = star(&mut random);
            geo::MapCoordsInPlace::map_coords_in_place(&mut other, |c| coord! { x: c.x + 3.0, y: c.y });
            let first = star(&mut random);
            let corner = first.exterior().0[0];
            let shape = Geometry::MultiPolygon(MultiPolygon(vec![first, other]));
            let area = Area::new(&shape).unwrap();
            for _ in 0..60 {
                let (x, y) = (random() * 4.0, random());
                assert_eq!(area.holds(x, y), shape.intersects(&Point::new(x, y)));
                let (width, height) = (random() * random(), random() * random());
                let rectangle = Bbox::new(x, y, x + width, y + height);
                let as_polygon = Rect::new((x, y), (x + width, y + height)).to_polygon();
                let meets = shape.intersects(&as_polygon);
                match area.has(&rectangle) {
                    Some(true) => assert!(geo::Contains::contains(&shape, &as_polygon)),
                    Some(false) => assert!(!meets),
                    None => decided -= 1,
                }
                decided += 1;
                let item: Geometry = match (random() * 4.0) as u8 {
                    0 => as_polygon.into(),
                    1 => star(&mut random).into(),
                    2 => LineString::from(vec![(x, y), (x + width, y + height), (x, y + width)]).into(),
                    _ => MultiPolygon(vec![as_polygon, star(&mut random)]).into(),
                };
                let wkb = geometry::encode(&item);
                assert_eq!(area.meets(&wkb, &geometry::bounds(&wkb)), shape.intersects(&item));
                met += usize::from(shape.intersects(&item));
            }
            assert!(area.holds(corner.x, corner.y) && area.has(&Bbox::new(corner.x, corner.y, corner.x, corner.y)).is_none());
        }
        assert!(decided > 1_000 && met > 1_000, "{decided} {met}");
    }

    #[test]
    fn a_rectangle_is_met_as_geo_says() {
        let mut state = 11u64;
        // Whole numbers, so that borders lie on each other.
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from((state >> 33) % below).unwrap())
        };
        let mut known = 0;
        for _ in 0..20_000 {
            let (x, y) = (random(5), random(5));
            let own = Bbox::new(x, y, x + 1.0 + random(4), y + 1.0 + random(4));
            let mut shape = Rect::new((own.x_min, own.y_min), (own.x_max, own.y_max)).to_polygon();
            shape.exterior_mut(|ring| {
                if x > 2.0 {
                    ring.0.reverse()
                }
            });
            let area = Area::new(&shape.clone().into()).unwrap();
            assert!(area.is_rectangle);
            let mut line = || LineString::from((0..3).map(|_| (random(10), random(10))).collect::<Vec<_>>());
            let item: Geometry = match (line(), line()) {
                (one, other) if one.0[0].x > 4.0 => geo_types::MultiLineString(vec![one, other]).into(),
                (one, _) => one.into(),
            };
            let wkb = geometry::encode(&item);
            let bounds = geometry::bounds(&wkb);
            assert_eq!(area.meets(&wkb, &bounds), shape.intersects(&item), "{own:?} {item:?}");
            let envelope = Rect::new((bounds.x_min, bounds.y_min), (bounds.x_max, bounds.y_max)).to_polygon();
            let is_edge_met = shape.exterior().intersects(&envelope);
            assert_eq!(area.has(&bounds), if is_edge_met { None } else { Some(own.contains(&bounds)) });
            known += usize::from(own.meets_what_fills(&bounds) == Some(true));
        }
        assert!(known > 500, "{known}");
        let bent = |corners: &[(f64, f64)]| Area::new(&Polygon::new(corners.to_vec().into(), Vec::new()).into()).unwrap().is_rectangle;
        assert!(!bent(&[(0.0, 0.0), (2.0, 0.0), (0.0, 0.0), (0.0, 2.0), (0.0, 0.0)]));
        assert!(!bent(&[(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (1.0, 2.0), (0.0, 0.0)]));
    }

    #[test]
    fn what_has_no_inside_holds_nothing_and_a_flat_one_its_border() {
        assert!(Area::new(&Point::new(0.0, 0.0).into()).is_none());
        let empty = Area::new(&MultiPolygon::<f64>(Vec::new()).into()).unwrap();
        assert_eq!((empty.has(&Bbox::WORLD), empty.holds(0.0, 0.0)), (Some(false), false));
        let flat = Area::new(&Polygon::new(LineString::from(vec![(0.0, 1.0), (2.0, 1.0), (0.0, 1.0)]), Vec::new()).into()).unwrap();
        assert!(flat.holds(1.0, 1.0) && !flat.holds(1.0, 1.1) && flat.has(&Bbox::new(0.5, 0.5, 1.0, 1.5)).is_none());
    }
}
