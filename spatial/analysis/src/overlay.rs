//! Shapes from shapes: buffer, union, intersection, difference; areas and lengths.

use crate::AnalysisError;
use citywall_model::limits;
use geo::{
    Bearing, BooleanOps, Buffer, Coord, CoordsIter, Destination, Distance, Geodesic, GeodesicArea, Geometry, Length, MapCoords,
    MultiPolygon, Point, algorithm::unary_union,
};

/// What is made of two sets of polygons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// What lies in either.
    Union,
    /// What lies in both.
    Intersection,
    /// What lies in the first and not in the second.
    Difference,
}

/// The largest distance of a buffer, in metres: its plane is good to some 1e-5 there.
pub const BUFFER_M_MAX: f64 = 50_000.0;

/// The polygons of shapes; what has no area is left out.
#[must_use]
pub fn polygons(shape: &Geometry) -> MultiPolygon {
    match shape {
        Geometry::Polygon(polygon) => MultiPolygon(vec![polygon.clone()]),
        Geometry::MultiPolygon(polygons) => polygons.clone(),
        Geometry::Rect(rect) => MultiPolygon(vec![rect.to_polygon()]),
        Geometry::GeometryCollection(parts) => MultiPolygon(parts.iter().flat_map(|part| polygons(part).0).collect()),
        _ => MultiPolygon(Vec::new()),
    }
}

/// Overlays polygons in longitude and latitude; the polygons of each side are first made one. The
/// arithmetic snaps to a grid of some 2⁻³⁰ of the extent. O(n log n).
///
/// # Errors
/// The vertices are more than [`limits::ANALYSIS_VERTICES_MAX`].
pub fn overlay(a: &[Geometry], b: &[Geometry], operation: Operation) -> Result<MultiPolygon, AnalysisError> {
    check(a.iter().chain(b))?;
    let one = |shapes: &[Geometry]| unary_union(&shapes.iter().flat_map(|shape| polygons(shape).0).collect::<Vec<_>>());
    let (a, b) = (one(a), one(b));
    Ok(match operation {
        Operation::Union => a.union(&b),
        Operation::Intersection => a.intersection(&b),
        Operation::Difference => a.difference(&b),
    })
}

/// All places within so many metres of a shape; with a negative distance, those of its polygons that
/// are at least so far from their border.
///
/// The shape is laid into the azimuthal equidistant plane around the centre of its extent (J. P.
/// Snyder, “Map Projections – A Working Manual”, 1987, p. 191, here with geodesics on WGS 84),
/// buffered there, and laid back. Distances from the centre are true; elsewhere they are off by some
/// (r / 6,371 km)² / 6 at a distance r from it: 4e-5 at 100 km. Arcs are polygons.
///
/// # Errors
/// The distance is over [`BUFFER_M_MAX`], the shape reaches further than 500 km from its centre or
/// across the antimeridian, or the vertices are more than [`limits::ANALYSIS_VERTICES_MAX`].
pub fn buffer(shape: &Geometry, metres: f64) -> Result<MultiPolygon, AnalysisError> {
    check([shape])?;
    if metres.is_nan() || metres.abs() > BUFFER_M_MAX {
        return Err(AnalysisError::bad("distance", format!("{metres} is not between -{BUFFER_M_MAX} and {BUFFER_M_MAX} metres")));
    }
    let Some(centre) = centre(shape) else { return Ok(MultiPolygon(Vec::new())) };
    let plane = shape.map_coords(|c| {
        let (distance, bearing) = (Geodesic.distance(centre, Point(c)), Geodesic.bearing(centre, Point(c)).to_radians());
        Coord { x: distance * bearing.sin(), y: distance * bearing.cos() }
    });
    if plane.coords_iter().any(|c| c.x.hypot(c.y) > 500_000.0) {
        return Err(AnalysisError::bad("geometry", "the shape reaches further than 500 km from its centre; buffer its parts"));
    }
    let back = |c: Coord| Geodesic.destination(centre, c.x.atan2(c.y).to_degrees(), c.x.hypot(c.y)).0;
    let made = plane.buffer(metres).map_coords(back);
    let wide = made.iter().any(|polygon| polygon.exterior().lines().any(|line| line.dx().abs() > 180.0));
    if wide {
        return Err(AnalysisError::bad("geometry", "the buffer crosses the antimeridian; buffer its parts on either side"));
    }
    Ok(made)
}

/// Square metres of a shape's polygons, holes taken off, on WGS 84; an edge is the geodesic between
/// its ends.
#[must_use]
pub fn area_m2(shape: &Geometry) -> f64 {
    polygons(shape).iter().map(|polygon| polygon.geodesic_area_signed().abs()).sum()
}

/// Metres of a shape's lines, and of the borders of its polygons, holes included.
#[must_use]
pub fn length_m(shape: &Geometry) -> f64 {
    match shape {
        Geometry::Line(line) => Geodesic.length(line),
        Geometry::LineString(line) => Geodesic.length(line),
        Geometry::MultiLineString(lines) => Geodesic.length(lines),
        Geometry::GeometryCollection(parts) => parts.iter().map(length_m).sum(),
        _ => {
            let rings = polygons(shape);
            rings
                .iter()
                .flat_map(|polygon| std::iter::once(polygon.exterior()).chain(polygon.interiors()))
                .map(|ring| Geodesic.length(ring))
                .sum()
        }
    }
}

fn centre(shape: &Geometry) -> Option<Point> {
    let extent = shape.coords_iter().fold(citywall_model::Bbox::EMPTY, |bounds, c| bounds.with(c.x, c.y));
    (!extent.is_empty()).then(|| Point::from(extent.center()))
}

fn check<'a>(shapes: impl IntoIterator<Item = &'a Geometry>) -> Result<(), AnalysisError> {
    let vertices: usize = shapes.into_iter().map(CoordsIter::coords_count).sum();
    if vertices > limits::ANALYSIS_VERTICES_MAX {
        return Err(AnalysisError::Limit {
            name: "ANALYSIS_VERTICES_MAX",
            max: limits::ANALYSIS_VERTICES_MAX as u64,
            advice: "narrow the filter, or ask area by area",
        });
    }
    Ok(())
}
