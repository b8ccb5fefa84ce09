//! Spatial predicates between an item and a geometry that the filter gives.

use crate::{Shape, expr::Spatial};
use citywall_model::{Area, Bbox, geometry};
use geo::{BoundingRect, Coord, Distance, Euclidean, Geodesic, Geometry, Intersects, MapCoords, Relate};

/// A geometry that the filter gives, ready to be compared with many items.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) geometry: Geometry,
    pub(crate) bounds: Bbox,
    /// The windows that it fills, if it is a box.
    boxes: Option<Vec<Bbox>>,
    /// It with its edges in order, if it is an area.
    pub(crate) area: Option<Area>,
}

impl Spatial {
    /// The function that gives the same with its arguments exchanged.
    pub(crate) fn exchanged(self) -> Self {
        match self {
            Self::Contains => Self::Within,
            Self::Within => Self::Contains,
            same => same,
        }
    }

    /// The predicate on two geometries, as DE-9IM has it (OGC 06-103r4, clause 6.1.15).
    pub(crate) fn holds(self, a: &Geometry, b: &Geometry) -> bool {
        match self {
            Self::Intersects => a.intersects(b),
            Self::Disjoint => !a.intersects(b),
            Self::Contains => a.relate(b).is_contains(),
            Self::Within => a.relate(b).is_within(),
            Self::Crosses => a.relate(b).is_crosses(),
            Self::Equals => a.relate(b).is_equal_topo(),
            Self::Overlaps => a.relate(b).is_overlaps(),
            Self::Touches => a.relate(b).is_touches(),
        }
    }
}

impl Region {
    pub(crate) fn new(shape: &Shape) -> Self {
        let geometry = shape.to_geo();
        let bounds = geometry.bounding_rect().map_or(Bbox::EMPTY, |r| Bbox::new(r.min().x, r.min().y, r.max().x, r.max().y));
        let area = Area::new(&geometry);
        Self { geometry, bounds, boxes: shape.windows(), area }
    }

    /// The windows outside of which no item can meet the region.
    pub(crate) fn windows(&self) -> Vec<Bbox> {
        match &self.boxes {
            Some(boxes) => boxes.clone(),
            None if self.bounds.is_empty() => Vec::new(),
            None => vec![self.bounds],
        }
    }

    /// The predicate on an item's WKB and the region. What the envelopes decide costs no allocation.
    pub(crate) fn holds(&self, op: Spatial, wkb: &[u8]) -> bool {
        let bounds = geometry::bounds(wkb);
        if !bounds.intersects(&self.bounds) {
            return op == Spatial::Disjoint;
        }
        let in_box = || self.boxes.as_ref().is_some_and(|boxes| boxes.iter().any(|b| b.contains(&bounds)));
        match op {
            Spatial::Intersects if in_box() => return true,
            Spatial::Disjoint if in_box() => return false,
            Spatial::Within if !self.bounds.contains(&bounds) => return false,
            Spatial::Contains if !bounds.contains(&self.bounds) => return false,
            Spatial::Equals if bounds != self.bounds => return false,
            _ => {}
        }
        if let Some(area) = &self.area {
            match (op, area.has(&bounds)) {
                (Spatial::Intersects | Spatial::Within, Some(inside)) => return inside,
                (Spatial::Disjoint, Some(inside)) => return !inside,
                (Spatial::Intersects, None) => return area.meets(wkb, &bounds),
                (Spatial::Disjoint, None) => return !area.meets(wkb, &bounds),
                _ => {}
            }
        }
        geometry::to_geo(wkb).is_some_and(|item| op.holds(&item, &self.geometry))
    }

    /// The shortest distance to an item, metres. Between points it is the geodesic; else both are
    /// drawn on a plane whose scale is the ellipsoid's at the latitude between them, which within
    /// 50 km is right to a few parts in ten thousand.
    pub(crate) fn distance(&self, wkb: &[u8]) -> Option<f64> {
        let item = geometry::to_geo(wkb)?;
        if let (Geometry::Point(a), Geometry::Point(b)) = (&item, &self.geometry) {
            return Some(Geodesic.distance(*a, *b));
        }
        let bounds = geometry::bounds(wkb);
        if bounds.is_empty() || self.bounds.is_empty() {
            return None;
        }
        let scale = scale(f64::midpoint(bounds.center().1, self.bounds.center().1));
        let plane = |shape: &Geometry| shape.map_coords(|c| Coord { x: c.x * scale.0, y: c.y * scale.1 });
        Some(Euclidean.distance(&plane(&item), &plane(&self.geometry)))
    }

    /// The windows outside of which no item is within so many metres.
    pub(crate) fn within_reach(&self, metres: f64) -> Option<Vec<Bbox>> {
        let b = self.bounds;
        // A degree of latitude is at least 110.5 km; a hundredth more for the plane's error.
        let up = metres * 1.01 / 110_500.0;
        let widest = (b.y_max.abs().max(b.y_min.abs()) + up).min(90.0);
        let side = metres * 1.01 / scale(widest).0;
        let far = !side.is_finite() || side > 90.0 || b.x_min - side < -180.0 || b.x_max + side > 180.0;
        (!far && !b.is_empty()).then(|| vec![Bbox::new(b.x_min - side, b.y_min - up, b.x_max + side, b.y_max + up)])
    }
}

/// Metres per degree of longitude and of latitude on the WGS 84 ellipsoid at a latitude, from its
/// radii of curvature (Snyder, Map Projections, 1987, equations 4-18 to 4-20).
fn scale(latitude: f64) -> (f64, f64) {
    const SEMI_MAJOR: f64 = 6_378_137.0;
    const ECCENTRICITY_SQUARED: f64 = 0.006_694_379_990_14;
    let (sin, cos) = latitude.to_radians().sin_cos();
    let w = 1.0 - ECCENTRICITY_SQUARED * sin * sin;
    let degree = std::f64::consts::PI / 180.0 * SEMI_MAJOR;
    (degree * cos / w.sqrt(), degree * (1.0 - ECCENTRICITY_SQUARED) / w.powf(1.5))
}
