//! Geometry literals, as the filter wrote them: WKT in text, GeoJSON in JSON, and boxes.

use citywall_model::Bbox;
use geo::{Coord, Geometry, GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon, Rect};

/// A geometry literal. Coordinates are x, y and perhaps z, in the filter's CRS.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A point, line, polygon or several of one of them.
    Simple(ShapeKind, Coordinates),
    /// Several geometries.
    Collection(Vec<Shape>),
    /// A box of four or, with heights, six numbers: lower corner, then upper. The western edge may
    /// be greater than the eastern: then it crosses the antimeridian.
    Box(Vec<f64>),
}

/// Positions, nested as deep as the kind of shape asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Coordinates {
    /// x, y and perhaps z. Empty for an empty point.
    Position(Vec<f64>),
    /// Several.
    List(Vec<Coordinates>),
}

/// The kinds of shape, named as in GeoJSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are GeoJSON's")]
pub enum ShapeKind {
    Point,
    LineString,
    Polygon,
    MultiPoint,
    MultiLineString,
    MultiPolygon,
}

/// The edges of a transformed box are cut into this many pieces, so that they bend with the CRS.
const EDGE_PIECES: usize = 20;

impl ShapeKind {
    const ALL: [Self; 6] = [Self::Point, Self::LineString, Self::Polygon, Self::MultiPoint, Self::MultiLineString, Self::MultiPolygon];

    /// The kind of this name, as GeoJSON spells it.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind of this name in WKT.
    pub(crate) fn of_wkt(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Point => "Point",
            Self::LineString => "LineString",
            Self::Polygon => "Polygon",
            Self::MultiPoint => "MultiPoint",
            Self::MultiLineString => "MultiLineString",
            Self::MultiPolygon => "MultiPolygon",
        }
    }

    /// How deep its positions are nested.
    pub(crate) fn depth(self) -> usize {
        match self {
            Self::Point => 0,
            Self::LineString | Self::MultiPoint => 1,
            Self::Polygon | Self::MultiLineString => 2,
            Self::MultiPolygon => 3,
        }
    }
}

impl Coordinates {
    fn list(&self) -> &[Self] {
        match self {
            Self::Position(_) => &[],
            Self::List(list) => list,
        }
    }

    fn coord(&self) -> Option<Coord> {
        match self {
            Self::Position(p) => Some(Coord { x: *p.first()?, y: *p.get(1)? }),
            Self::List(_) => None,
        }
    }

    fn line(&self) -> LineString {
        LineString(self.list().iter().filter_map(Self::coord).collect())
    }

    fn polygon(&self) -> Polygon {
        let mut rings = self.list().iter().map(Self::line);
        Polygon::new(rings.next().unwrap_or(LineString(Vec::new())), rings.collect())
    }

    /// True if every position has two numbers, or every one three.
    fn even(&self, numbers: &mut Option<usize>) -> bool {
        match self {
            Self::Position(p) => *numbers.get_or_insert(p.len()) == p.len(),
            Self::List(list) => list.iter().all(|c| c.even(numbers)),
        }
    }

    fn each(&mut self, visit: &mut dyn FnMut(&mut f64, &mut f64)) {
        match self {
            Self::Position(p) => {
                if let [x, y, ..] = p.as_mut_slice() {
                    visit(x, y);
                }
            }
            Self::List(list) => list.iter_mut().for_each(|c| c.each(visit)),
        }
    }
}

impl Shape {
    /// What a well-formed literal needs and this one lacks.
    pub(crate) fn lacks(&self) -> Option<&'static str> {
        let line = |c: &Coordinates| !c.list().is_empty() && c.list().len() < 2;
        let ring = |c: &Coordinates| !c.list().is_empty() && (c.list().len() < 4 || c.list().first() != c.list().last());
        let rings = |c: &Coordinates| c.list().iter().any(ring);
        match self {
            Self::Simple(_, c) if !c.even(&mut None) => Some("positions with the same number of coordinates"),
            Self::Simple(ShapeKind::LineString, c) if line(c) => Some("a line of at least two positions"),
            Self::Simple(ShapeKind::MultiLineString, c) if c.list().iter().any(line) => Some("lines of at least two positions"),
            Self::Simple(ShapeKind::Polygon, c) if rings(c) => Some("rings of at least four positions that end where they start"),
            Self::Simple(ShapeKind::MultiPolygon, c) if c.list().iter().any(rings) => {
                Some("rings of at least four positions that end where they start")
            }
            Self::Box(n) if n.len() == 4 && n[1] > n[3] => Some("a box whose lower corner comes first"),
            Self::Box(n) if n.len() == 6 && (n[1] > n[4] || n[2] > n[5]) => Some("a box whose lower corner comes first"),
            _ => None,
        }
    }

    /// The edges of a box: west, south, east, north.
    pub(crate) fn edges(&self) -> Option<[f64; 4]> {
        match self {
            Self::Box(n) => match *n.as_slice() {
                [w, s, e, n] | [w, s, _, e, n, _] => Some([w, s, e, n]),
                _ => None,
            },
            _ => None,
        }
    }

    /// The windows that the shape fills wholly, if it is a box: two across the antimeridian.
    pub(crate) fn windows(&self) -> Option<Vec<Bbox>> {
        let [w, s, e, n] = self.edges()?;
        Some(if w <= e { vec![Bbox::new(w, s, e, n)] } else { vec![Bbox::new(w, s, 180.0, n), Bbox::new(-180.0, s, e, n)] })
    }

    /// The planar geometry, without heights.
    #[must_use]
    pub fn to_geo(&self) -> Geometry {
        match self {
            Self::Box(_) => {
                let windows = self.windows().unwrap_or_default();
                let mut rects =
                    windows.iter().map(|b| Rect::new(Coord { x: b.x_min, y: b.y_min }, Coord { x: b.x_max, y: b.y_max }).to_polygon());
                match (rects.next(), rects.next()) {
                    (Some(one), None) => Geometry::Polygon(one),
                    (one, two) => Geometry::MultiPolygon(MultiPolygon(one.into_iter().chain(two).collect())),
                }
            }
            Self::Collection(all) => Geometry::GeometryCollection(GeometryCollection(all.iter().map(Self::to_geo).collect())),
            Self::Simple(ShapeKind::Point, c) => match c.coord() {
                Some(coord) => Geometry::Point(Point(coord)),
                None => Geometry::GeometryCollection(GeometryCollection::default()),
            },
            Self::Simple(ShapeKind::LineString, c) => Geometry::LineString(c.line()),
            Self::Simple(ShapeKind::Polygon, c) => Geometry::Polygon(c.polygon()),
            Self::Simple(ShapeKind::MultiPoint, c) => {
                Geometry::MultiPoint(MultiPoint(c.list().iter().filter_map(Coordinates::coord).map(Point).collect()))
            }
            Self::Simple(ShapeKind::MultiLineString, c) => {
                Geometry::MultiLineString(MultiLineString(c.list().iter().map(Coordinates::line).collect()))
            }
            Self::Simple(ShapeKind::MultiPolygon, c) => {
                Geometry::MultiPolygon(MultiPolygon(c.list().iter().map(Coordinates::polygon).collect()))
            }
        }
    }

    /// Visits the x and y of every position; a box becomes a polygon first if `bend` is set.
    pub(crate) fn each(&mut self, bend: bool, visit: &mut dyn FnMut(&mut f64, &mut f64)) {
        match self {
            Self::Simple(_, c) => c.each(visit),
            Self::Collection(all) => all.iter_mut().for_each(|shape| shape.each(bend, visit)),
            Self::Box(_) if bend => {
                if let Some([w, s, e, n]) = self.edges() {
                    *self = Self::Simple(ShapeKind::Polygon, Coordinates::List(vec![bent_ring([w, s, e, n])]));
                    self.each(false, visit);
                }
            }
            Self::Box(numbers) => {
                let upper = numbers.len() / 2;
                let (low, high) = numbers.split_at_mut(upper);
                for corner in [low, high] {
                    if let [x, y, ..] = corner {
                        visit(x, y);
                    }
                }
            }
        }
    }
}

/// The ring around a box, with positions along its edges.
fn bent_ring([w, s, e, n]: [f64; 4]) -> Coordinates {
    let corners = [(w, s), (e, s), (e, n), (w, n), (w, s)];
    let mut ring = Vec::with_capacity(4 * EDGE_PIECES + 1);
    for pair in corners.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        for piece in 0..EDGE_PIECES {
            #[expect(clippy::cast_precision_loss, reason = "twenty pieces")]
            let t = piece as f64 / EDGE_PIECES as f64;
            ring.push(Coordinates::Position(vec![x0 + (x1 - x0) * t, y0 + (y1 - y0) * t]));
        }
    }
    ring.push(Coordinates::Position(vec![w, s]));
    Coordinates::List(ring)
}
