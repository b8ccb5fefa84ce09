//! The areas of a search, and what lies in them.

use super::{
    arguments::{Arguments, Fault},
    keys, object,
};
use citywall_model::{Bbox, LiveItem, Wkb, geometry};
use citywall_query::{City, Measure, Vantage};
use geo::{Contains, Coord, Distance, Geometry, HaversineMeasure, Intersects, LineString, Point, Polygon, Rect, Relate};
use std::sync::OnceLock;

/// The corners of the polygon that stands for a circle where it is compared with what is no point.
const CIRCLE_CORNERS: u32 = 64;
/// Tile38 measures on a sphere of this radius, metres.
const SPHERE: HaversineMeasure = HaversineMeasure::new(RADIUS);
const RADIUS: f64 = 6_371_000.0;

/// An area.
#[derive(Clone, Debug)]
pub enum Area {
    /// A rectangle.
    Window(Bbox),
    /// What is at most so far away.
    Circle(Box<Circle>),
    /// Any geometry.
    Shape(Box<Geometry>),
}

/// What is at most so far away from a place.
#[derive(Clone, Debug)]
pub struct Circle {
    centre: Point,
    metres: f64,
    /// The haversine of the angle that the metres are.
    haversine: f64,
    /// Of the centre's latitude.
    sin_cos: (f64, f64),
    /// The polygon that stands for it where it is compared with what is no point.
    ring: OnceLock<Geometry>,
}

impl Circle {
    fn new(centre: Point, metres: f64) -> Self {
        let half = metres / RADIUS / 2.0;
        let haversine = if half < std::f64::consts::FRAC_PI_2 { half.sin().powi(2) } else { f64::INFINITY };
        Self { centre, metres, haversine, sin_cos: centre.y().to_radians().sin_cos(), ring: OnceLock::new() }
    }

    fn ring(&self) -> &Geometry {
        self.ring.get_or_init(|| {
            let corner = |at: u32| {
                let turn = f64::from(at % CIRCLE_CORNERS) / f64::from(CIRCLE_CORNERS) * std::f64::consts::TAU;
                destination(self.centre, turn, self.metres)
            };
            Geometry::Polygon(Polygon::new(LineString((0..=CIRCLE_CORNERS).map(corner).collect()), Vec::new()))
        })
    }

    /// True if a place is no further away. Near the centre the haversine formula is taken with the
    /// series of its sines and cosines, and decides all but what lies within a millionth of the rim.
    fn holds(&self, p: Point) -> bool {
        let (rise, turn) = ((p.y() - self.centre.y()).to_radians(), (p.x() - self.centre.x()).to_radians());
        if rise.abs() <= 0.02 && turn.abs() <= 0.1 {
            let (sin, cos) = self.sin_cos;
            let square = rise * rise;
            let other = cos * (1.0 - square / 2.0 + square * square / 24.0) - sin * rise * (1.0 - square / 6.0 + square * square / 120.0);
            // sin²(x/2)
            let half = |x: f64| x * x / 4.0 * (1.0 - x * x / 12.0);
            let haversine = half(rise) + cos * other * half(turn);
            if (haversine - self.haversine).abs() > self.haversine * 1e-6 {
                return haversine < self.haversine;
            }
        }
        distance(self.centre, p) <= self.metres
    }
}

/// How an object must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Wholly in the area.
    Within,
    /// So that it shares a point with the area.
    Intersects,
}

impl Area {
    /// Reads an area of WITHIN and INTERSECTS.
    ///
    /// # Errors
    /// Something is missing or makes no sense.
    pub fn take(arguments: &mut Arguments<'_>, city: &City) -> Result<Self, Fault> {
        let kind = arguments.word()?;
        match kind.to_ascii_lowercase().as_str() {
            "bounds" => Self::take_bounds(arguments),
            "circle" => Self::take_circle(arguments),
            "point" => Ok(Self::Shape(Box::new(Geometry::Point(take_point(arguments)?)))),
            "object" => Self::of(&object::read(arguments.word()?)?.0),
            "hash" => {
                let r = object::from_hash(arguments.word()?)?;
                Ok(Self::Window(Bbox::new(r.min().x, r.min().y, r.max().x, r.max().y)))
            }
            "tile" => Self::take_tile(arguments),
            "get" => {
                let (key, id) = (arguments.word()?, arguments.word()?);
                let view = keys::view(city, key).ok_or_else(|| Fault::new("key not found"))?;
                let wkb =
                    view.item(id, |item| item.geometry().and_then(|wkb| Wkb::new(wkb).ok())).ok_or_else(|| Fault::new("id not found"))?;
                Self::of(&wkb.ok_or_else(|| Fault::new("the object has no place"))?)
            }
            _ => Err(Fault::argument(kind)),
        }
    }

    /// Reads the numbers of BOUNDS.
    ///
    /// # Errors
    /// Something is missing or no number.
    pub fn take_bounds(arguments: &mut Arguments<'_>) -> Result<Self, Fault> {
        let (y_min, x_min, y_max, x_max) = (arguments.number()?, arguments.number()?, arguments.number()?, arguments.number()?);
        Ok(Self::Window(Bbox::new(x_min, y_min, x_max, y_max)))
    }

    /// Reads the numbers of CIRCLE.
    ///
    /// # Errors
    /// Something is missing or no number.
    pub fn take_circle(arguments: &mut Arguments<'_>) -> Result<Self, Fault> {
        let centre = take_point(arguments)?;
        let text = arguments.word()?;
        let metres = text.parse().ok().filter(|metres: &f64| metres.is_finite() && *metres >= 0.0);
        Ok(Self::circle(centre, metres.ok_or_else(|| Fault::argument(text))?))
    }

    fn take_tile(arguments: &mut Arguments<'_>) -> Result<Self, Fault> {
        let (x, y, z) = (arguments.whole(0, 1 << 23)?, arguments.whole(0, 1 << 23)?, arguments.whole(0, 23)?);
        let side = (1u64 << z) as f64;
        let longitude = |x: u64| x as f64 / side * 360.0 - 180.0;
        // The inverse of the Mercator projection, EPSG Guidance Note 7-2, section 3.2.1.2.
        let latitude = |y: u64| (std::f64::consts::PI * (1.0 - 2.0 * y as f64 / side)).sinh().atan().to_degrees();
        Ok(Self::Window(Bbox::new(longitude(x), latitude(y + 1), longitude(x + 1), latitude(y))))
    }

    /// A circle.
    pub fn circle(centre: Point, metres: f64) -> Self {
        Self::Circle(Box::new(Circle::new(centre, metres)))
    }

    fn of(wkb: &Wkb) -> Result<Self, Fault> {
        wkb.to_geo().map(|shape| Self::Shape(Box::new(shape))).ok_or_else(|| Fault::new("the object is empty"))
    }

    /// The windows in which everything of the area lies: one, or two across the antimeridian.
    pub fn windows(&self) -> Vec<Bbox> {
        match self {
            Self::Window(window) => vec![*window],
            Self::Circle(circle) => around(circle.centre, circle.metres),
            Self::Shape(shape) => vec![geometry::bounds(&geometry::encode(shape))],
        }
    }

    /// The area as a polygon that fences can be made of; `None` where it has no inside.
    pub fn polygon(&self) -> Option<Wkb> {
        let shape = match self {
            Self::Window(b) => Geometry::Polygon(rectangle(b).to_polygon()),
            Self::Circle(circle) => circle.ring().clone(),
            Self::Shape(shape) => (**shape).clone(),
        };
        Wkb::from_geo(&shape).ok()
    }

    /// True if an item lies so in the area. Borders belong to it.
    pub fn holds(&self, item: &LiveItem, relation: Relation) -> bool {
        let Some(wkb) = item.geometry() else { return false };
        if let Some((x, y)) = geometry::as_point(wkb) {
            return self.holds_point(Point::new(x, y));
        }
        let Some(shape) = geometry::to_geo(wkb) else { return false };
        match (self, relation) {
            (Self::Window(window), Relation::Within) => window.contains(&geometry::bounds(wkb)),
            (Self::Window(window), Relation::Intersects) => rectangle(window).intersects(&shape),
            (Self::Circle(circle), relation) => lies(&shape, circle.ring(), relation),
            (Self::Shape(area), relation) => lies(&shape, area, relation),
        }
    }

    /// As [`Area::holds`], for a point.
    pub fn holds_point(&self, p: Point) -> bool {
        match self {
            Self::Window(b) => (b.x_min..=b.x_max).contains(&p.x()) && (b.y_min..=b.y_max).contains(&p.y()),
            Self::Circle(circle) => circle.holds(p),
            Self::Shape(shape) => shape.intersects(&p),
        }
    }
}

fn lies(shape: &Geometry, area: &Geometry, relation: Relation) -> bool {
    match relation {
        Relation::Within => area.contains(shape) || area.relate(shape).is_covers(),
        Relation::Intersects => area.intersects(shape),
    }
}

fn rectangle(b: &Bbox) -> Rect {
    Rect::new(Coord { x: b.x_min, y: b.y_min }, Coord { x: b.x_max, y: b.y_max })
}

/// Reads a latitude and a longitude.
///
/// # Errors
/// One is missing or no number.
pub fn take_point(arguments: &mut Arguments<'_>) -> Result<Point, Fault> {
    let (y, x) = (arguments.number()?, arguments.number()?);
    Ok(Point::new(x, y))
}

/// The distance between two places, metres, by the haversine formula.
pub fn distance(a: Point, b: Point) -> f64 {
    SPHERE.distance(a, b)
}

/// Metres from a place, as Tile38 measures them: to the nearest place of an item's envelope, taken
/// straight in degrees; 0 inside.
pub struct From {
    place: Point,
    from: Vantage,
}

impl From {
    /// From a place.
    pub fn new(place: Point) -> Self {
        Self { place, from: Vantage::new(place.x(), place.y()) }
    }
}

impl Measure for From {
    fn from(&self) -> &Vantage {
        &self.from
    }

    fn radian_m(&self) -> f64 {
        RADIUS
    }

    fn to(&self, wkb: &[u8], _farthest: f64) -> Option<f64> {
        if let Some((x, y)) = geometry::as_point(wkb) {
            return Some(distance(self.place, Point::new(x, y)));
        }
        let b = geometry::bounds(wkb);
        let nearest = || Point::new(self.place.x().clamp(b.x_min, b.x_max), self.place.y().clamp(b.y_min, b.y_max));
        (!b.is_empty()).then(|| distance(self.place, nearest()))
    }
}

/// The windows in which everything lies that is at most so far away.
pub fn around(centre: Point, metres: f64) -> Vec<Bbox> {
    // A little more, for rounding.
    let reach = metres / RADIUS * (1.0 + 1e-9) + 1e-12;
    let (y_min, y_max) = (centre.y() - reach.to_degrees(), centre.y() + reach.to_degrees());
    let sine = reach.sin() / centre.y().to_radians().cos();
    if y_min <= -90.0 || y_max >= 90.0 || reach >= std::f64::consts::FRAC_PI_2 || sine >= 1.0 {
        return vec![Bbox::new(-180.0, y_min.max(-90.0), 180.0, y_max.min(90.0))];
    }
    let half = sine.asin().to_degrees();
    let (x_min, x_max) = (centre.x() - half, centre.x() + half);
    if x_min < -180.0 {
        vec![Bbox::new(-180.0, y_min, x_max, y_max), Bbox::new(x_min + 360.0, y_min, 180.0, y_max)]
    } else if x_max > 180.0 {
        vec![Bbox::new(x_min, y_min, 180.0, y_max), Bbox::new(-180.0, y_min, x_max - 360.0, y_max)]
    } else {
        vec![Bbox::new(x_min, y_min, x_max, y_max)]
    }
}

/// Where one comes who goes so far in a direction, clockwise from north in radians.
fn destination(from: Point, bearing: f64, metres: f64) -> Coord {
    let (way, y) = (metres / RADIUS, from.y().to_radians());
    let sine = y.sin() * way.cos() + y.cos() * way.sin() * bearing.cos();
    let turn = (bearing.sin() * way.sin() * y.cos()).atan2(way.cos() - y.sin() * sine);
    Coord { x: from.x() + turn.to_degrees(), y: sine.clamp(-1.0, 1.0).asin().to_degrees() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_holds_what_the_haversine_formula_says() {
        let mut random = fastrand::Rng::with_seed(64);
        for _ in 0..200_000 {
            let centre = Point::new(random.f64() * 360.0 - 180.0, random.f64() * 180.0 - 90.0);
            let metres = 10f64.powf(random.f64() * 7.5);
            // Half of them within a few millimetres of the rim.
            let off = if random.bool() { (random.f64() - 0.5) * 1e-2 } else { (random.f64() - 0.5) * metres };
            let p = Point(destination(centre, random.f64() * std::f64::consts::TAU, (metres + off).max(0.0)));
            assert_eq!(Circle::new(centre, metres).holds(p), distance(centre, p) <= metres, "{centre:?} {metres} {p:?}");
        }
    }
}
