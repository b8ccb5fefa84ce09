//! Geodesic distances from one place to many geometries: what the place alone decides is computed once.

use crate::distance::{E2, NEAR, NEAR_ERROR, PIECE_DEGREES, SEMI_MAJOR, across, degree_m, far_m};
use citywall_model::geometry;
use geo::{
    Coord, Distance, GeoNum, Geodesic, Line, Point,
    algorithm::kernels::{Kernel, Orientation},
    coord,
};

/// Degrees of latitude beyond which nothing is within [`NEAR`], and the half of that.
const NEAR_DEGREES: (f64, f64) = (0.6, 0.3);

/// A degree is nowhere longer, in metres.
const DEGREE_MAX_M: f64 = 111_700.0;

/// A place from which distances are measured.
///
/// Up to 60 km the foot on an edge is found in a plane, and the geodesic to it follows from the
/// straight line through the ellipsoid, to a part in 10⁸; further away it is searched for as
/// [`far_m`] says.
pub(crate) struct Origin {
    place: Point,
    /// Metres from the ellipsoid's centre.
    space: [f64; 3],
    /// One over the radii of curvature along the meridian and across it.
    curvature: (f64, f64),
    /// Metres of a degree of longitude and of latitude, so many degrees north of the place: the
    /// parabolas through three latitudes.
    scale: [(f64, f64); 3],
}

impl Origin {
    /// From a place: longitude, latitude in degrees.
    #[must_use]
    pub(crate) fn new(place: Point) -> Self {
        let step = NEAR_DEGREES.1;
        let [south, here, north] = [-step, 0.0, step].map(|north| degree_m(place.y() + north));
        let slope = |south: f64, north: f64| (north - south) / (2.0 * step);
        let bend = |south: f64, here: f64, north: f64| (north - 2.0 * here + south) / (2.0 * step * step);
        let (sin, cos) = place.y().to_radians().sin_cos();
        let w2 = 1.0 - E2 * sin * sin;
        let normal = SEMI_MAJOR / w2.sqrt();
        Self {
            place,
            space: in_space(place.x(), sin, cos),
            curvature: (w2 / (normal * (1.0 - E2)), 1.0 / normal),
            scale: [
                here,
                (slope(south.0, north.0), slope(south.1, north.1)),
                (bend(south.0, here.0, north.0), bend(south.1, here.1, north.1)),
            ],
        }
    }

    /// Metres to a geometry as WKB; 0 inside of a polygon, `None` for an empty one. O(vertices).
    #[must_use]
    pub(crate) fn to_wkb_m(&self, wkb: &[u8]) -> Option<f64> {
        self.to_wkb_within_m(wkb, f64::INFINITY)
    }

    /// As [`Origin::to_wkb_m`]; `None` also for what is farther away than so many metres, which is told sooner.
    #[must_use]
    pub(crate) fn to_wkb_within_m(&self, wkb: &[u8], farthest: f64) -> Option<f64> {
        let mut feet = Feet::new(self, farthest);
        geometry::each_edge(wkb, |polygon, a, b| feet.edge(polygon, a.into(), b.into()));
        let metres = feet.least().or_else(|| match geometry::as_point(wkb) {
            Some(point) => Some(Geodesic.distance(self.place, Point::from(point))),
            None if self.is_beyond(wkb, farthest) => None,
            None => far_m(self.place, &geometry::to_geo(wkb)?),
        });
        metres.filter(|metres| *metres <= farthest)
    }

    /// True if all of a geometry is farther away than so many metres, going by the middle of its envelope
    /// and the longest way from there to a corner. One geodesic, where [`far_m`] takes hundreds.
    fn is_beyond(&self, wkb: &[u8], farthest: f64) -> bool {
        let bounds = geometry::bounds(wkb);
        if !farthest.is_finite() || bounds.is_empty() {
            return false;
        }
        let corner = (bounds.x_max - bounds.x_min).hypot(bounds.y_max - bounds.y_min) / 2.0;
        Geodesic.distance(self.place, Point::from(bounds.center())) - corner * DEGREE_MAX_M > farthest
    }

    /// As [`Origin::to_wkb_m`], of edges; `None` where they have to be searched.
    pub(crate) fn to_edges_m(&self, edges: impl Iterator<Item = Line>) -> Option<f64> {
        let mut feet = Feet::new(self, f64::INFINITY);
        edges.for_each(|edge| feet.edge(None, edge.start, edge.end));
        feet.least()
    }

    /// The scale so many degrees north of the place, and how fast it grows to the north.
    #[inline]
    fn scale(&self, north: f64) -> ((f64, f64), (f64, f64)) {
        let [here, slope, bend] = self.scale;
        let at = |here: f64, slope: f64, bend: f64| (here + north * (slope + north * bend), slope + 2.0 * north * bend);
        let (east, up) = (at(here.0, slope.0, bend.0), at(here.1, slope.1, bend.1));
        ((east.0, up.0), (east.1, up.1))
    }

    /// Metres of the geodesic to a foot.
    ///
    /// An arc of radius R over a chord c is c + c³/24R² + … long, where R is the radius of curvature
    /// in its direction (Euler's theorem); up to 60 km the next term is less than a part in 10¹⁰, and
    /// the geodesic differs from the arc by less.
    fn arc_m(&self, Foot { east, north, metres }: Foot) -> f64 {
        let (sin, cos) = (self.place.y() + north).to_radians().sin_cos();
        let to = in_space(self.place.x() + east, sin, cos);
        let square: f64 = to.iter().zip(self.space).map(|(a, b)| (a - b) * (a - b)).sum();
        let (across, along) = (metres.0 * metres.0, metres.1 * metres.1);
        let all = across + along;
        let curvature = if all > 0.0 { (along * self.curvature.0 + across * self.curvature.1) / all } else { 0.0 };
        square.sqrt() * (1.0 + square * curvature * curvature / 24.0)
    }
}

/// A place on the ellipsoid by its longitude in degrees, and its latitude's sine and cosine.
fn in_space(longitude: f64, sin: f64, cos: f64) -> [f64; 3] {
    let normal = SEMI_MAJOR / (1.0 - E2 * sin * sin).sqrt();
    let (east, front) = longitude.to_radians().sin_cos();
    [normal * cos * front, normal * cos * east, normal * (1.0 - E2) * sin]
}

/// The nearest foot so far, of the edges of one geometry.
struct Feet<'o> {
    origin: &'o Origin,
    /// Metres in the plane: what is farther away by more than [`SAME`] is not looked at.
    near_m: f64,
    /// The last foot as near as that, whose geodesic is measured when it is known to be wanted; and
    /// the least geodesic of those before it.
    last: Option<Foot>,
    least_m: f64,
    /// Nothing farther away than `near_m` is wanted, even if there is nothing else.
    is_limited: bool,
    /// The polygon whose edges come, and whether they go round the place an odd number of times.
    polygon: Option<u32>,
    is_around: bool,
    /// The place lies on an edge, or in a polygon whose edges have all come.
    is_met: bool,
    /// The least square of the way to a piece by the scale of the place's own latitude, and the first
    /// so many of these pieces, which may have the nearest foot.
    square: f64,
    pieces: [Piece; PIECES],
    waiting: usize,
}

/// Feet so near each other are one: where two edges meet, both have it.
const SPOT_DEGREES: f64 = 1e-13;

/// So many pieces wait until it is known how near the nearest one is.
const PIECES: usize = 8;

/// A piece of an edge, by the scale of the place's own latitude.
#[derive(Clone, Copy, Default)]
struct Piece {
    /// Where it begins and where it leads, in degrees east and north.
    a: (f64, f64),
    along: (f64, f64),
    /// How much of it lies before the foot, and the square of the way there.
    t: f64,
    square: f64,
}

/// The scale halfway to a foot differs from that of the place's own latitude by less than this share for
/// each metre of the way, within [`NEAR`]: ½ · tan 80.6° of a radian, of which a metre is 1.6 · 10⁻⁷.
const SCALE_PER_M: f64 = 5e-7;

/// Degrees east and north of the place, and as many metres in the plane.
#[derive(Clone, Copy)]
struct Foot {
    east: f64,
    north: f64,
    metres: (f64, f64),
}

/// Of two distances in the plane that differ by no more than this share either may be the lesser geodesic.
const SAME: f64 = 3.0 * NEAR_ERROR;

impl<'o> Feet<'o> {
    fn new(origin: &'o Origin, farthest: f64) -> Self {
        // Well within what the plane is good for.
        let is_limited = farthest <= NEAR.0 * 0.9 && origin.place.y().abs() <= NEAR.1 - 1.0;
        let near_m = if is_limited { farthest } else { f64::INFINITY };
        Self {
            origin,
            near_m,
            last: None,
            least_m: f64::INFINITY,
            is_limited,
            polygon: None,
            is_around: false,
            is_met: false,
            square: near_m * near_m,
            pieces: [Piece::default(); PIECES],
            waiting: 0,
        }
    }

    #[inline]
    fn edge(&mut self, polygon: Option<u32>, a: Coord, b: Coord) {
        let place = self.origin.place;
        if polygon != self.polygon {
            self.is_met |= self.is_around;
            (self.polygon, self.is_around) = (polygon, false);
        }
        if a.y.min(b.y) <= place.y() && place.y() <= a.y.max(b.y) {
            self.beside(a, b);
        }
        let (east, north) = (across(place, a.into()), a.y - place.y());
        let (wide, high) = (b.x - a.x, b.y - a.y);
        let longest = wide.abs().max(high.abs());
        if longest <= PIECE_DEGREES {
            return self.piece((east, north), (wide, high));
        }
        let pieces = (longest / PIECE_DEGREES).ceil();
        let (wide, high) = (wide / pieces, high / pieces);
        for piece in 0..pieces as u32 {
            let from = f64::from(piece);
            self.piece((east + wide * from, north + high * from), (wide, high));
        }
    }

    /// Counts an edge of a polygon at the height of the place that passes east of it (M. Shimrat,
    /// “Algorithm 112”, CACM 5(8), 1962), exactly.
    fn beside(&mut self, a: Coord, b: Coord) {
        let place = self.origin.place;
        let side = <f64 as GeoNum>::Ker::orient2d(a, b, coord! { x: place.x(), y: place.y() });
        if side == Orientation::Collinear {
            self.is_met |= (a.x.min(b.x)..=a.x.max(b.x)).contains(&place.x());
        } else if self.polygon.is_some() && (a.y > place.y()) != (b.y > place.y()) {
            let is_up = b.y > a.y;
            self.is_around ^= is_up == (side == Orientation::CounterClockwise);
        }
    }

    /// Takes a piece of an edge from `a` on, in degrees east and north of the place, if it may have the
    /// nearest foot. By the scale of the place's own latitude no piece that matters is off by a tenth.
    #[inline]
    fn piece(&mut self, a: (f64, f64), along: (f64, f64)) {
        let scale = self.origin.scale[0];
        let (here, way) = ((a.0 * scale.0, a.1 * scale.1), (along.0 * scale.0, along.1 * scale.1));
        let length = way.0 * way.0 + way.1 * way.1;
        let t = if length > 0.0 { (-(here.0 * way.0 + here.1 * way.1) / length).clamp(0.0, 1.0) } else { 0.0 };
        let (x, y) = (here.0 + way.0 * t, here.1 + way.1 * t);
        let square = x * x + y * y;
        if self.waiting == PIECES {
            self.look();
        }
        // Without a branch: which pieces are nearer than those before them, no processor can guess.
        self.pieces[self.waiting] = Piece { a, along, t, square };
        self.waiting += usize::from(square <= self.square * 1.21 + 1e-10);
        self.square = self.square.min(square);
    }

    /// Looks for the feet on the pieces that wait, but for those that another one is nearer than whatever the scale.
    fn look(&mut self) {
        let rough = self.square.sqrt();
        let worth = rough * (1.0 + 3.0 * SCALE_PER_M * rough) * (1.0 + 2.0 * SAME) + 1e-6;
        for at in 0..std::mem::take(&mut self.waiting) {
            let Piece { a, along, t, square } = self.pieces[at];
            if square <= worth * worth {
                self.foot(a, along, t);
            }
        }
    }

    /// Takes the foot on a piece that is about at `t`. The plane's scale is that of the latitude
    /// halfway, so that the edge is bent in it: the foot is found by Newton's method, of which one more
    /// step is enough.
    fn foot(&mut self, a: (f64, f64), along: (f64, f64), t: f64) {
        let (east, north) = (a.0 + along.0 * t, a.1 + along.1 * t);
        if north.abs() > NEAR_DEGREES.0 {
            return;
        }
        let (scale, growth) = self.origin.scale(north / 2.0);
        let here = (east * scale.0, north * scale.1);
        let way = (along.0 * scale.0 + east * growth.0 * along.1 / 2.0, along.1 * (scale.1 + north * growth.1 / 2.0));
        let length = way.0 * way.0 + way.1 * way.1;
        let t = if length > 0.0 { (t - (here.0 * way.0 + here.1 * way.1) / length).clamp(0.0, 1.0) } else { 0.0 };
        let (east, north) = (a.0 + along.0 * t, a.1 + along.1 * t);
        let (scale, _) = self.origin.scale(north / 2.0);
        let metres = (east * scale.0, north * scale.1);
        let near_m = (metres.0 * metres.0 + metres.1 * metres.1).sqrt();
        if near_m > self.near_m * (1.0 + SAME) {
            return;
        }
        if near_m < self.near_m * (1.0 - SAME) {
            self.least_m = f64::INFINITY;
        } else if let Some(last) = self.last.filter(|last| (last.east - east).abs() + (last.north - north).abs() > SPOT_DEGREES) {
            self.least_m = self.least_m.min(self.origin.arc_m(last));
        }
        self.near_m = self.near_m.min(near_m);
        self.last = Some(Foot { east, north, metres });
    }

    /// Metres; infinitely many where nothing is near enough, `None` where the plane is not good.
    fn least(mut self) -> Option<f64> {
        if self.is_met || self.is_around {
            return Some(0.0);
        }
        self.look();
        let Some(last) = self.last else { return self.is_limited.then_some(f64::INFINITY) };
        let farthest = self.origin.place.y().abs() + self.near_m / 100_000.0;
        (self.near_m <= NEAR.0 && farthest <= NEAR.1).then(|| self.least_m.min(self.origin.arc_m(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Distance, Geodesic, Intersects, LineString, Polygon};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_point_is_as_far_as_the_geodesic_says(
            (lon, lat) in (-180.0..180.0f64, -90.0..90.0f64),
            (east, north) in (-1.0..1.0f64, -1.0..1.0f64),
            reach in prop::sample::select(vec![1e-6, 1e-3, 0.1, 0.5, 1.0, 40.0]),
        ) {
            let place = Point::new(lon, lat);
            let to = Point::new((lon + east * reach).clamp(-180.0, 180.0), (lat + north * reach).clamp(-90.0, 90.0));
            let metres = Origin::new(place).to_wkb_m(&geometry::encode(&to.into())).unwrap();
            let exact = Geodesic.distance(place, to);
            prop_assert!((metres - exact).abs() <= exact * 1e-8 + 3e-8, "{metres} {exact}");
        }

        #[test]
        fn a_line_is_as_far_as_the_nearest_of_many_points_on_it(
            (lon, lat) in (-179.9..179.9f64, -79.0..79.0f64),
            corners in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64), 2..12),
            reach in prop::sample::select(vec![1e-4, 0.01, 0.1, 0.4]),
        ) {
            let place = Point::new(lon, lat);
            let line: LineString = corners.iter().map(|(x, y)| ((lon + x * reach).clamp(-180.0, 180.0), lat + y * reach)).collect();
            let metres = Origin::new(place).to_wkb_m(&geometry::encode(&line.clone().into())).unwrap();
            let steps = 500;
            let points = line.lines().flat_map(|line| (0..=steps).map(move |n| Point(line.start + line.delta() * (f64::from(n) / f64::from(steps)))));
            let nearest = points.map(|point| Geodesic.distance(place, point)).fold(f64::INFINITY, f64::min);
            prop_assert!(metres <= nearest * (1.0 + 1e-8), "{metres} {nearest}");
            prop_assert!(metres >= nearest - reach * 2.0 * 111_700.0 * 1.5 / f64::from(steps), "{metres} {nearest}");
        }

        #[test]
        fn an_area_is_as_far_as_the_nearest_of_many_points_on_its_border(
            (lon, lat) in (-179.9..179.9f64, -79.0..79.0f64),
            corners in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64), 3..30),
            reach in prop::sample::select(vec![1e-4, 0.01, 0.1, 0.4]),
        ) {
            let place = Point::new(lon, lat);
            let ring: LineString = corners.iter().map(|(x, y)| (lon + x * reach, lat + y * reach)).collect();
            let area = Polygon::new(ring, Vec::new());
            let metres = Origin::new(place).to_wkb_m(&geometry::encode(&area.clone().into())).unwrap();
            // A border that crosses itself has no inside that two programs agree on.
            let around = area.intersects(&place) || metres == 0.0;
            let steps = 500;
            let points = area.exterior().lines().flat_map(|line| (0..=steps).map(move |n| Point(line.start + line.delta() * (f64::from(n) / f64::from(steps)))));
            let nearest = points.map(|point| Geodesic.distance(place, point)).fold(f64::INFINITY, f64::min);
            if !around {
                prop_assert!(metres <= nearest * (1.0 + 1e-8), "{metres} {nearest}");
                prop_assert!(metres >= nearest - reach * 2.0 * 111_700.0 * 1.5 / f64::from(steps), "{metres} {nearest}");
            }
        }
    }

    #[test]
    fn a_place_in_a_hole_is_outside_and_one_on_a_border_is_not() {
        let square = |half: f64| LineString::from(vec![(-half, -half), (half, -half), (half, half), (-half, half), (-half, -half)]);
        let wkb = geometry::encode(&Polygon::new(square(0.02), vec![square(0.01)]).into());
        let metres = |x: f64, y: f64| Origin::new(Point::new(x, y)).to_wkb_m(&wkb).unwrap();
        assert!(metres(0.0, 0.0) > 1_000.0 && metres(0.03, 0.0) > 1_000.0);
        assert_eq!([metres(0.015, 0.0), metres(0.01, 0.01), metres(0.02, 0.005), metres(0.0, -0.02)], [0.0; 4]);
    }

    #[test]
    fn a_line_that_passes_east_of_a_place_is_as_far_as_it_is() {
        let line = LineString::from(vec![(0.01, -0.01), (0.01, 0.01)]);
        let exact = Geodesic.distance(Point::new(0.0, 0.0), Point::new(0.01, 0.0));
        let origin = Origin::new(Point::new(0.0, 0.0));
        let metres = origin.to_wkb_m(&geometry::encode(&line.clone().into())).unwrap();
        assert!((metres - exact).abs() < 1e-5, "{metres} {exact}");
        let metres = origin.to_edges_m(line.lines()).unwrap();
        assert!((metres - exact).abs() < 1e-5, "{metres} {exact}");
    }
}
