//! Geodesic distances between a place and a geometry, and the windows that hold a disk.

use crate::origin::Origin;
use citywall_model::Bbox;
use geo::{CoordsIter, Distance, Geodesic, Geometry, Intersects, Line, LinesIter, Point};

/// Below the smallest radius of curvature of WGS 84, in metres: an angle that it gives is too
/// large rather than too small.
pub(crate) const RADIUS_MIN_M: f64 = 6_334_800.0;
/// No two places are further apart, in metres.
pub const DISTANCE_MAX_M: f64 = 20_003_932.0;
/// WGS 84: the half of the longer axis in metres, and the square of the eccentricity.
pub(crate) const SEMI_MAJOR: f64 = 6_378_137.0;
pub(crate) const E2: f64 = 0.006_694_379_990_141_316;
/// Edges are looked at in pieces of at most this many degrees.
pub(crate) const PIECE_DEGREES: f64 = 0.1;

/// The windows outside of which nothing lies within `radius_m` metres of a place: one, two across
/// the antimeridian, and all longitudes around a pole.
#[must_use]
pub fn windows_within(place: Point, radius_m: f64) -> Vec<Bbox> {
    let (lon, lat) = place.x_y();
    let angle = radius_m / RADIUS_MIN_M;
    let span = angle.to_degrees() + 1e-9;
    let (south, north) = ((lat - span).max(-90.0), (lat + span).min(90.0));
    let cos = lat.to_radians().cos();
    // The reduced latitude is nearer to the equator, and a longitude on the ellipsoid is at most
    // that of the auxiliary sphere, so that the sphere's own rule gives too much.
    if lat.abs() + span >= 89.999 || angle.sin() >= cos || angle >= std::f64::consts::FRAC_PI_2 {
        return vec![Bbox::new(-180.0, south, 180.0, north)];
    }
    let half = (angle.sin() / cos).asin().to_degrees() * 1.000_001 + 1e-9;
    let (west, east) = (lon - half, lon + half);
    if half >= 180.0 {
        vec![Bbox::new(-180.0, south, 180.0, north)]
    } else if west < -180.0 {
        vec![Bbox::new(west + 360.0, south, 180.0, north), Bbox::new(-180.0, south, east, north)]
    } else if east > 180.0 {
        vec![Bbox::new(west, south, 180.0, north), Bbox::new(-180.0, south, east - 360.0, north)]
    } else {
        vec![Bbox::new(west, south, east, north)]
    }
}

/// Metres from a place to a geometry; 0 inside of a polygon, `None` for an empty one. Right to a part
/// in 10⁸. O(vertices).
#[must_use]
pub fn to_geometry_m(place: Point, shape: &Geometry) -> Option<f64> {
    match shape {
        Geometry::MultiPoint(points) => points.iter().filter_map(|point| to_geometry_m(place, &(*point).into())).min_by(f64::total_cmp),
        Geometry::GeometryCollection(parts) => parts.iter().filter_map(|part| to_geometry_m(place, part)).min_by(f64::total_cmp),
        _ if shape.intersects(&place) => Some(0.0),
        _ => Origin::new(place).to_edges_m(lines(shape)).or_else(|| far_m(place, shape)),
    }
}

/// As [`to_geometry_m`], of a geometry far away, which the place does not lie in.
///
/// Exact for points. The foot on an edge is found first by the chord through space, among pieces of a
/// tenth of a degree, and then by a golden-section search along the geodesic distance. O(vertices).
pub(crate) fn far_m(place: Point, shape: &Geometry) -> Option<f64> {
    match shape {
        Geometry::Point(point) => return Some(Geodesic.distance(place, *point)),
        Geometry::MultiPoint(points) => return points.iter().map(|point| Geodesic.distance(place, *point)).min_by(f64::total_cmp),
        Geometry::GeometryCollection(parts) => return parts.iter().filter_map(|part| far_m(place, part)).min_by(f64::total_cmp),
        _ => {}
    }
    let at = on_sphere(place.x(), place.y());
    let pieces: Vec<(f64, Line)> = lines(shape).flat_map(pieces).map(|piece| (chord(at, &piece), piece)).collect();
    let near = pieces.iter().map(|(chord, _)| *chord).min_by(f64::total_cmp)?;
    // The sphere and the chord of a piece are off by less than this.
    let worth = near * 1.007 + 2e-6;
    pieces.iter().filter(|(chord, _)| *chord <= worth).map(|(_, piece)| along(place, piece)).min_by(f64::total_cmp)
}

/// Metres between two geometries: 0 if they meet, else the least from a vertex of the one to the
/// other. `None` if one is empty. O(vertices of the one × vertices of the other).
#[must_use]
pub fn between_m(a: &Geometry, b: &Geometry) -> Option<f64> {
    if a.intersects(b) {
        return Some(0.0);
    }
    let from = |a: &Geometry, b: &Geometry| a.coords_iter().filter_map(|c| to_geometry_m(Point(c), b)).min_by(f64::total_cmp);
    match (a, b) {
        (Geometry::Point(point), other) | (other, Geometry::Point(point)) => to_geometry_m(*point, other),
        _ => [from(a, b), from(b, a)].into_iter().flatten().min_by(f64::total_cmp),
    }
}

/// True if two geometries come within so many metres of each other. Usually two of their vertices
/// do, which one distance shows; else as [`between_m`].
#[must_use]
pub fn are_within(a: &Geometry, b: &Geometry, metres: f64) -> bool {
    let corners = a.coords_iter().next().zip(b.coords_iter().next());
    corners.is_some_and(|(a, b)| Geodesic.distance(Point(a), Point(b)) <= metres)
        || between_m(a, b).is_some_and(|distance| distance <= metres)
}

/// The greatest distance for which [`near_m`] is good, and the greatest latitude.
pub(crate) const NEAR: (f64, f64) = (60_000.0, 80.0);
/// How far off [`near_m`] may be there, in parts of the distance.
pub(crate) const NEAR_ERROR: f64 = 5e-5;

/// Metres between two places by the radii of curvature of WGS 84 at their middle latitude, for what
/// asks very often: within 5e-5 of the geodesic up to 60 km and 80° of latitude, and the geodesic
/// itself beyond.
#[must_use]
pub fn near_m(a: Point, b: Point) -> f64 {
    plane_m(a, b).unwrap_or_else(|| Geodesic.distance(a, b))
}

/// Metres between two places in the plane; `None` where [`NEAR`] says that it is not good.
fn plane_m(a: Point, b: Point) -> Option<f64> {
    let scale = degree_m(f64::midpoint(a.y(), b.y()));
    let metres = (across(a, b) * scale.0).hypot((b.y() - a.y()) * scale.1);
    (metres <= NEAR.0 && a.y().abs().max(b.y().abs()) <= NEAR.1).then_some(metres)
}

/// Degrees of longitude from one place to another, the short way round.
pub(crate) fn across(a: Point, b: Point) -> f64 {
    let east = b.x() - a.x();
    if east.abs() <= 180.0 { east } else { (east + 540.0).rem_euclid(360.0) - 180.0 }
}

/// Metres of a degree of longitude and of latitude at a latitude, by the radii of curvature of WGS 84.
pub(crate) fn degree_m(latitude: f64) -> (f64, f64) {
    let (sin, cos) = latitude.to_radians().sin_cos();
    let w2 = 1.0 - E2 * sin * sin;
    let normal = SEMI_MAJOR / w2.sqrt();
    ((normal * cos).to_radians(), (normal * (1.0 - E2) / w2).to_radians())
}

/// True if two places are at most so many metres apart, geodesic; the geodesic itself is only
/// computed where [`near_m`] does not decide.
#[must_use]
pub fn are_points_within(a: Point, b: Point, metres: f64) -> bool {
    let near = near_m(a, b);
    if near < metres * (1.0 - NEAR_ERROR) {
        true
    } else if near > metres * (1.0 + NEAR_ERROR) {
        false
    } else {
        Geodesic.distance(a, b) <= metres
    }
}

pub(crate) fn lines(shape: &Geometry) -> Box<dyn Iterator<Item = Line> + '_> {
    match shape {
        Geometry::Line(line) => Box::new(std::iter::once(*line)),
        Geometry::LineString(line) if line.0.len() == 1 => Box::new(std::iter::once(Line::new(line.0[0], line.0[0]))),
        Geometry::LineString(line) => Box::new(line.lines()),
        Geometry::MultiLineString(parts) => Box::new(parts.lines_iter()),
        Geometry::Polygon(polygon) => Box::new(polygon.lines_iter()),
        Geometry::MultiPolygon(parts) => Box::new(parts.lines_iter()),
        Geometry::Rect(rect) => Box::new(rect.to_lines().into_iter()),
        Geometry::Triangle(triangle) => Box::new(triangle.to_lines().into_iter()),
        _ => Box::new(std::iter::empty()),
    }
}

fn pieces(line: Line) -> impl Iterator<Item = Line> {
    let longest = line.dx().abs().max(line.dy().abs());
    let count = (longest / PIECE_DEGREES).ceil().max(1.0);
    let step = line.delta() / count;
    (0..count as u32).map(move |at| Line::new(line.start + step * f64::from(at), line.start + step * f64::from(at + 1)))
}

fn on_sphere(lon: f64, lat: f64) -> [f64; 3] {
    let (lon, lat) = (lon.to_radians(), lat.to_radians());
    [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
}

/// The least distance through the unit sphere from a place to the chord of a piece.
fn chord(at: [f64; 3], piece: &Line) -> f64 {
    let (a, b) = (on_sphere(piece.start.x, piece.start.y), on_sphere(piece.end.x, piece.end.y));
    let minus = |a: [f64; 3], b: [f64; 3]| [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let (ab, ap) = (minus(b, a), minus(at, a));
    let length = dot(ab, ab);
    let t = if length > 0.0 { (dot(ap, ab) / length).clamp(0.0, 1.0) } else { 0.0 };
    let away = minus(ap, ab.map(|d| d * t));
    dot(away, away).sqrt()
}

/// The least geodesic distance from a place to a piece, to a hundredth of a millimetre.
fn along(place: Point, piece: &Line) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let at = |t: f64| Geodesic.distance(place, Point(piece.start + piece.delta() * t));
    let ends = at(0.0).min(at(1.0));
    let (mut low, mut high) = (0.0, 1.0);
    let (mut c, mut d) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut at_c, mut at_d) = (at(c), at(d));
    for _ in 0..42 {
        if at_c < at_d {
            (high, d, at_d) = (d, c, at_c);
            c = high - GOLDEN * (high - low);
            at_c = at(c);
        } else {
            (low, c, at_c) = (c, d, at_d);
            d = low + GOLDEN * (high - low);
            at_d = at(d);
        }
    }
    ends.min(at_c).min(at_d)
}
