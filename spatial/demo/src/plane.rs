//! The plane that the city is planned on, and arithmetic that gives the same result everywhere.
//!
//! Planning happens in metres on one equirectangular plane around the centre; its scale is true
//! there and 1.5 % off at the city's northern end, which no street or house minds. Angles are
//! unit vectors and falloffs rational functions, so that nothing here depends on a platform's
//! library of transcendental functions and the same seed gives the same city anywhere. (The one
//! arctangent, of a camera's heading, is rounded to whole degrees.)

use citywall_model::Bbox;

/// Longitude and latitude (degrees) of the plane's origin, and metres per degree there (GRS 80).
pub(crate) const LON_0: f64 = 117.2;
pub(crate) const LAT_0: f64 = 39.12;
const METRES_PER_LON: f64 = 86_480.0;
const METRES_PER_LAT: f64 = 111_018.0;

/// A point or vector on the plane, in metres east and north of the origin.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(crate) struct P {
    pub x: f64,
    pub y: f64,
}

impl P {
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }
    pub fn from_degrees(lon: f64, lat: f64) -> Self {
        Self::new((lon - LON_0) * METRES_PER_LON, (lat - LAT_0) * METRES_PER_LAT)
    }
    pub fn to_degrees(self) -> (f64, f64) {
        let snap = |v: f64| (v * 1e7).round() / 1e7;
        (snap(self.x / METRES_PER_LON + LON_0), snap(self.y / METRES_PER_LAT + LAT_0))
    }
    pub fn dot(self, o: Self) -> f64 {
        self.x * o.x + self.y * o.y
    }
    pub fn cross(self, o: Self) -> f64 {
        self.x * o.y - self.y * o.x
    }
    pub fn length(self) -> f64 {
        self.dot(self).sqrt()
    }
    pub fn to(self, o: Self) -> Self {
        o - self
    }
    pub fn distance(self, o: Self) -> f64 {
        (o - self).length()
    }
    /// The vector scaled to length 1; east if it has none.
    pub fn unit(self) -> Self {
        let l = self.length();
        if l > 0.0 { self * (1.0 / l) } else { Self::new(1.0, 0.0) }
    }
    /// Turned left by 90°.
    pub fn left(self) -> Self {
        Self::new(-self.y, self.x)
    }
    pub fn lerp(self, o: Self, t: f64) -> Self {
        self + (o - self) * t
    }
    /// Turned by the angle whose cosine and sine are `by`.
    pub fn turn(self, by: Self) -> Self {
        Self::new(self.x * by.x - self.y * by.y, self.x * by.y + self.y * by.x)
    }
}

impl std::ops::Add for P {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self::new(self.x + o.x, self.y + o.y)
    }
}
impl std::ops::Sub for P {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self::new(self.x - o.x, self.y - o.y)
    }
}
impl std::ops::Mul<f64> for P {
    type Output = Self;
    fn mul(self, k: f64) -> Self {
        Self::new(self.x * k, self.y * k)
    }
}

/// The unit vector at an angle in turns (1 = 360°, counted from east to north): a Taylor
/// polynomial on an eighth of a turn, good to 1e-12 and made of plain arithmetic.
pub(crate) fn direction(turns: f64) -> P {
    let t = turns - turns.floor();
    let eighth = (t * 8.0).round();
    let a = (t - eighth / 8.0) * std::f64::consts::TAU;
    let a2 = a * a;
    let cos = 1.0 - a2 / 2.0 * (1.0 - a2 / 12.0 * (1.0 - a2 / 30.0 * (1.0 - a2 / 56.0 * (1.0 - a2 / 90.0))));
    let sin = a * (1.0 - a2 / 6.0 * (1.0 - a2 / 20.0 * (1.0 - a2 / 42.0 * (1.0 - a2 / 72.0 * (1.0 - a2 / 110.0)))));
    let h = std::f64::consts::FRAC_1_SQRT_2;
    let base = [(1.0, 0.0), (h, h), (0.0, 1.0), (-h, h), (-1.0, 0.0), (-h, -h), (0.0, -1.0), (h, -h), (1.0, 0.0)];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 8 by construction")]
    let (x, y) = base[eighth as usize];
    P::new(cos, sin).turn(P::new(x, y))
}

/// Compass heading in whole degrees (0 = north, clockwise) of a direction.
pub(crate) fn heading(d: P) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "0 to 360")]
    let degrees = d.x.atan2(d.y).to_degrees().round() as i64;
    degrees.rem_euclid(360)
}

/// 1 at the centre, one half at `radius`, falling the faster the higher the (even) power.
pub(crate) fn bump(distance: f64, radius: f64, power: u32) -> f64 {
    let q = distance / radius;
    let mut p = 1.0;
    for _ in 0..power {
        p *= q;
    }
    1.0 / (1.0 + p)
}

/// Smooth noise between 0 and 1 with features of `size` metres.
pub(crate) fn noise(p: P, size: f64, seed: u64) -> f64 {
    let (gx, gy) = ((p.x / size).floor(), (p.y / size).floor());
    let (fx, fy) = (p.x / size - gx, p.y / size - gy);
    let s = |t: f64| t * t * (3.0 - 2.0 * t);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "grid cells of a city fit i64; the bits are only mixed")]
    let corner = |dx: f64, dy: f64| unit_f64(mix(mix(seed ^ ((gx + dx) as i64 as u64)).wrapping_add((gy + dy) as i64 as u64)));
    let (a, b, c, d) = (corner(0.0, 0.0), corner(1.0, 0.0), corner(0.0, 1.0), corner(1.0, 1.0));
    let (top, bottom) = (a + (b - a) * s(fx), c + (d - c) * s(fx));
    top + (bottom - top) * s(fy)
}

/// Four octaves of [`noise`], between 0 and 1.
pub(crate) fn fractal(p: P, size: f64, seed: u64) -> f64 {
    (noise(p, size, seed) * 8.0
        + noise(p, size / 2.0, seed ^ 1) * 4.0
        + noise(p, size / 4.0, seed ^ 2) * 2.0
        + noise(p, size / 8.0, seed ^ 3))
        / 15.0
}

/// SplitMix64's finaliser (Steele, Lea and Flood, 2014).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn unit_f64(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// A random stream of its own for each purpose and place, so that layers do not depend on the
/// order in which others are made.
pub(crate) struct Rng(fastrand::Rng);

impl Rng {
    pub fn new(seed: u64, purpose: &str, place: u64) -> Self {
        let purpose = purpose.bytes().fold(0xCBF2_9CE4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
        Self(fastrand::Rng::with_seed(mix(mix(seed) ^ purpose ^ mix(place))))
    }
    /// From 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        unit_f64(self.0.u64(..))
    }
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
    /// Between -1 and 1, values near 0 more often.
    pub fn bell(&mut self) -> f64 {
        self.unit() + self.unit() - 1.0
    }
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }
    /// From 0 up to `n`, which must not be 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.usize(..n)
    }
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.i64(low..=high)
    }
    /// One of the items by its weight.
    pub fn weighted<'a, T>(&mut self, items: &'a [(f64, T)]) -> &'a T {
        let mut at = self.unit() * items.iter().map(|i| i.0).sum::<f64>();
        for (weight, item) in items {
            at -= weight;
            if at < 0.0 {
                return item;
            }
        }
        &items[items.len() - 1].1
    }
}

/// Twice-signed area halved: positive for a counter-clockwise ring (open or closed).
pub(crate) fn area(ring: &[P]) -> f64 {
    let Some(&o) = ring.first() else { return 0.0 };
    edges(ring).map(|(a, b)| o.to(a).cross(o.to(b))).sum::<f64>() / 2.0
}

/// The edges of an open ring, the closing one last.
pub(crate) fn edges(ring: &[P]) -> impl Iterator<Item = (P, P)> + '_ {
    ring.iter().copied().zip(ring.iter().copied().skip(1).chain(ring.first().copied()))
}

/// True inside the ring (even-odd rule).
pub(crate) fn inside(ring: &[P], p: P) -> bool {
    let Some(&(mut a)) = ring.last() else { return false };
    let mut odd = false;
    for &b in ring {
        if (a.y > p.y) != (b.y > p.y) && (p.x - a.x < (p.y - a.y) / (b.y - a.y) * (b.x - a.x)) {
            odd = !odd;
        }
        a = b;
    }
    odd
}

/// True if two rings share ground.
pub(crate) fn overlap(a: &[P], b: &[P]) -> bool {
    edges(a).any(|(p, q)| edges(b).any(|(r, s)| crossing(p, q, r, s).is_some())) || inside(a, b[0]) || inside(b, a[0])
}

/// The centre of gravity of a ring; of its corners if it has no area.
pub(crate) fn centroid(ring: &[P]) -> P {
    let Some(&o) = ring.first() else { return P::default() };
    let (mut sum, mut twice) = (P::default(), 0.0);
    for (a, b) in edges(ring) {
        let c = o.to(a).cross(o.to(b));
        sum = sum + (o.to(a) + o.to(b)) * c;
        twice += c;
    }
    if twice.abs() < 1e-6 { o } else { o + sum * (1.0 / (3.0 * twice)) }
}

/// Distance from a point to a segment, and where along it (0 to 1) the nearest point lies.
pub(crate) fn to_segment(p: P, a: P, b: P) -> (f64, f64) {
    let d = a.to(b);
    let l2 = d.dot(d);
    let t = if l2 > 0.0 { (a.to(p).dot(d) / l2).clamp(0.0, 1.0) } else { 0.0 };
    (p.distance(a.lerp(b, t)), t)
}

/// Where two segments cross: along the first and along the second, both 0 to 1. Parallel ones
/// do not.
pub(crate) fn crossing(a: P, b: P, c: P, d: P) -> Option<(f64, f64)> {
    let (r, s) = (a.to(b), c.to(d));
    let det = r.cross(s);
    if det * det <= 1e-18 * r.dot(r) * s.dot(s) {
        return None;
    }
    let t = a.to(c).cross(s) / det;
    let u = a.to(c).cross(r) / det;
    ((0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u)).then_some((t, u))
}

/// The extent of points, in metres.
pub(crate) fn extent(points: &[P]) -> Bbox {
    points.iter().fold(Bbox::EMPTY, |b, p| b.with(p.x, p.y))
}

/// A Catmull–Rom curve through the control points with a point about every `step` metres.
pub(crate) fn smooth(control: &[P], step: f64, closed: bool) -> Vec<P> {
    let n = control.len();
    let at = |i: isize| {
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_wrap, reason = "wrapped or clamped to the list")]
        let i = if closed { i.rem_euclid(n as isize) as usize } else { i.clamp(0, n as isize - 1) as usize };
        control[i]
    };
    let mut curve = Vec::new();
    let spans = if closed { n } else { n - 1 };
    for i in 0..spans {
        #[expect(clippy::cast_possible_wrap, reason = "a handful of points")]
        let i = i as isize;
        let (a, b, c, d) = (at(i - 1), at(i), at(i + 1), at(i + 2));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of metres")]
        let parts = ((b.distance(c) / step).ceil() as usize).max(1);
        for k in 0..parts {
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            let t = k as f64 / parts as f64;
            let (t2, t3) = (t * t, t * t * t);
            curve.push((b * 2.0 + (c - a) * t + (a * 2.0 - b * 5.0 + c * 4.0 - d) * t2 + (b * 3.0 - a - c * 3.0 + d) * t3) * 0.5);
        }
    }
    curve.push(at(if closed { 0 } else { isize::try_from(n).unwrap_or(1) - 1 }));
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_agree_with_sine_and_cosine() {
        for i in -700..700 {
            let t = f64::from(i) / 311.0;
            let a = t * std::f64::consts::TAU;
            let d = direction(t);
            assert!((d.x - a.cos()).abs() < 1e-9 && (d.y - a.sin()).abs() < 1e-9, "{t}: {d:?}");
        }
        assert_eq!([heading(direction(0.25)), heading(direction(0.0)), heading(direction(0.5))], [0, 90, 270]);
    }

    #[test]
    fn areas_centres_and_insides_agree_on_a_known_shape() {
        let l = [(0.0, 0.0), (4.0, 0.0), (4.0, 2.0), (2.0, 2.0), (2.0, 4.0), (0.0, 4.0)].map(|(x, y)| P::new(x, y));
        assert!((area(&l) - 12.0).abs() < 1e-12);
        assert!(inside(&l, P::new(1.0, 3.0)) && !inside(&l, P::new(3.0, 3.0)));
        let c = centroid(&l);
        assert!((c.x - 5.0 / 3.0).abs() < 1e-12 && (c.y - 5.0 / 3.0).abs() < 1e-12);
    }
}
