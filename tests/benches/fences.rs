//! Objects that move among many fences: how many moves a second one core takes, how long a move
//! takes at worst, and whether any transition is lost.
//!
//! The fences cover a square of 60 km as the grids of a city do, each a cell of its own: a
//! square, or a ring of 100 corners around the cell's middle. Every object goes 15 m a move and
//! turns a little, as a car does in a second. The yardstick does the same with parts from the
//! shelf: rstar finds the fences around the new place, geo tests them, and the old and the new
//! set are compared.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_model::geometry;
use citywall_rules::fence::{FenceIndex, FenceKey, Presence, Transition};
use geo::{BoundingRect, Geometry, Intersects, Line, LineString, Point, Polygon, Rect, coord};
use rstar::{
    AABB, RTree,
    primitives::{GeomWithData, Rectangle},
};
use std::time::{Duration, Instant};

const WEST: f64 = 117.0;
const SOUTH: f64 = 39.0;
/// 60 km as degrees of longitude and of latitude, at 39° north.
const SIZE: (f64, f64) = (0.694, 0.540);
/// 15 m in degrees of latitude.
const STEP: f64 = 15.0 / 111_195.0;
/// Rounds before the first one that is timed.
const WARM_UP_ROUNDS: usize = 8;
/// Moves that are timed, at least sixteen of each object.
const MOVES: usize = 2_000_000;
/// Objects that are compared with brute force.
const SAMPLE: usize = 2_000;
/// Rounds for which they are.
const SAMPLE_ROUNDS: usize = 10;

type Boxed = GeomWithData<Rectangle<[f64; 2]>, FenceKey>;

fn main() {
    for count in [1_000, 23_000, 100_000] {
        for corners in [4, 100] {
            for objects in [10_000, 1_000_000] {
                measure(count, corners, objects);
            }
        }
    }
}

fn fences(count: usize, corners: usize) -> Vec<Polygon> {
    let mut random = fastrand::Rng::with_seed(count as u64);
    let columns = (count as f64).sqrt().ceil() as usize;
    let (wide, high) = (SIZE.0 / columns as f64, SIZE.1 / columns as f64);
    let cell = |at: usize| {
        let (x, y) = (WEST + wide * (at % columns) as f64, SOUTH + high * (at / columns) as f64);
        if corners == 4 {
            return Rect::new(coord! { x: x, y: y }, coord! { x: x + wide, y: y + high }).to_polygon();
        }
        let mut corner = |n: usize| {
            let (turn, r) = (n as f64 / corners as f64 * std::f64::consts::TAU, 0.4 + 0.1 * random.f64());
            coord! { x: x + wide * (0.5 + r * turn.cos()), y: y + high * (0.5 + r * turn.sin()) }
        };
        Polygon::new(LineString((0..corners).map(&mut corner).collect()), Vec::new())
    };
    (0..count).map(cell).collect()
}

/// Where an object is and where it goes.
#[derive(Clone)]
struct Car {
    at: (f64, f64),
    heading: f64,
}

impl Car {
    fn somewhere(random: &mut fastrand::Rng) -> Self {
        let at = (WEST + SIZE.0 * random.f64(), SOUTH + SIZE.1 * random.f64());
        Self { at, heading: random.f64() * std::f64::consts::TAU }
    }

    fn step(&mut self, random: &mut fastrand::Rng) -> (f64, f64) {
        self.heading += (random.f64() - 0.5) * 0.4;
        // A degree of longitude is shorter here.
        self.at.0 += STEP * self.heading.cos() * 1.287;
        self.at.1 += STEP * self.heading.sin();
        self.at
    }
}

fn cars(objects: usize) -> (Vec<Car>, fastrand::Rng) {
    let mut random = fastrand::Rng::with_seed(20_260_301);
    ((0..objects).map(|_| Car::somewhere(&mut random)).collect(), random)
}

fn measure(count: usize, corners: usize, objects: usize) {
    let polygons = fences(count, corners);
    let encoded: Vec<Vec<u8>> = polygons.iter().map(|polygon| geometry::encode(&Geometry::Polygon(polygon.clone()))).collect();
    let loading = Instant::now();
    let (index, errors) = FenceIndex::bulk(encoded.iter().map(Vec::as_slice));
    let loading = loading.elapsed();
    assert!(errors.is_empty());

    let (mut all, mut random) = cars(objects);
    let mut presences = vec![Presence::default(); objects];
    for (car, presence) in all.iter().zip(&mut presences) {
        index.place(presence, car.at);
    }
    let mut sampled: Vec<Sampled> = (0..SAMPLE).map(|n| Sampled::new(n * (objects / SAMPLE), &all)).collect();
    let rounds = WARM_UP_ROUNDS + MOVES.div_ceil(objects).max(16);
    let (mut found, mut transitions) = (Vec::new(), 0);
    let mut spent = Duration::ZERO;
    let mut places = vec![(0.0, 0.0); objects];
    let mut slow = Vec::with_capacity(MOVES);
    for round in 0..rounds {
        for (place, car) in places.iter_mut().zip(&mut all) {
            *place = car.step(&mut random);
        }
        // Every second round is timed as a whole, the others move by move.
        let as_a_whole = round % 2 == 1;
        let start = common::on_core();
        for (n, (place, presence)) in places.iter().zip(&mut presences).enumerate() {
            found.clear();
            if as_a_whole || round < WARM_UP_ROUNDS {
                index.moved(presence, *place, &mut found);
            } else {
                let begin = Instant::now();
                index.moved(presence, *place, &mut found);
                slow.push(begin.elapsed());
            }
            transitions += found.len();
            if n % (objects / SAMPLE) == 0 && n / (objects / SAMPLE) < SAMPLE && round < SAMPLE_ROUNDS {
                sampled[n / (objects / SAMPLE)].steps.push((*place, found.clone()));
            }
        }
        if as_a_whole && round >= WARM_UP_ROUNDS {
            spent += common::on_core().saturating_sub(start);
        }
    }
    let per_second = (objects * ((rounds - WARM_UP_ROUNDS) / 2)) as f64 / spent.as_secs_f64();
    let p99 = common::percentile(&mut slow, 0.99);
    let most = common::percentile(&mut slow, 0.999);
    let (lost, wrong, compared) = compare(&polygons, &sampled);
    assert_eq!((lost, wrong), (0, 0), "{count} fences of {corners} corners, {objects} objects");
    let shelf = from_the_shelf(&polygons, objects);
    common::row(
        "fences",
        &format!(
            "{count} fences of {corners} corners, {objects} objects: {per_second:.0} updates/s on one core, p99 {:.2} µs, p99.9 {:.2} µs; \
             {transitions} transitions, {lost} lost ({compared} transitions of {SAMPLE} objects checked by brute force); loaded in {:.0} ms",
            p99.as_secs_f64() * 1e6,
            most.as_secs_f64() * 1e6,
            loading.as_secs_f64() * 1e3,
        ),
        &format!("rstar and geo: {shelf:.0} updates/s; {:.1} ×", per_second / shelf),
        "0 lost",
    );
}

/// Where an object went, and what was found of that.
type Step = ((f64, f64), Vec<(FenceKey, Transition)>);

/// An object whose transitions are kept.
struct Sampled {
    from: (f64, f64),
    steps: Vec<Step>,
}

impl Sampled {
    fn new(at: usize, all: &[Car]) -> Self {
        Self { from: all[at].at, steps: Vec::new() }
    }
}

/// How many transitions of the sample are missing, how many are wrong, and how many there are.
fn compare(polygons: &[Polygon], sampled: &[Sampled]) -> (usize, usize, usize) {
    let bounds: Vec<Rect> = polygons.iter().map(|polygon| polygon.bounding_rect().unwrap()).collect();
    let (mut lost, mut wrong, mut all) = (0, 0, 0);
    for object in sampled {
        let mut from = object.from;
        for (to, found) in &object.steps {
            let way = Line::new(Point::from(from), Point::from(*to));
            let mut truth = Vec::new();
            let around = Rect::new(way.start, way.end);
            for (key, _) in bounds.iter().enumerate().filter(|(_, bounds)| around.intersects(*bounds)) {
                let fence = &polygons[key];
                let (was, is) = (fence.intersects(&Point::from(from)), fence.intersects(&Point::from(*to)));
                let transition = match (was, is) {
                    (false, true) => Transition::Enter,
                    (true, false) => Transition::Exit,
                    (false, false) if fence.intersects(&way) => Transition::Cross,
                    _ => continue,
                };
                truth.push((FenceKey::try_from(key).unwrap(), transition));
            }
            lost += truth.iter().filter(|one| !found.contains(one)).count();
            wrong += found.iter().filter(|one| !truth.contains(one)).count();
            all += truth.len();
            from = *to;
        }
    }
    (lost, wrong, all)
}

/// Updates a second on one core, entering and leaving alone.
fn from_the_shelf(polygons: &[Polygon], objects: usize) -> f64 {
    let boxed = |(key, polygon): (FenceKey, &Polygon)| {
        let rect = polygon.bounding_rect().unwrap();
        Boxed::new(Rectangle::from_corners([rect.min().x, rect.min().y], [rect.max().x, rect.max().y]), key)
    };
    let tree = RTree::bulk_load((0..).zip(polygons).map(boxed).collect());
    let inside = |at: (f64, f64)| -> Vec<FenceKey> {
        let near = tree.locate_in_envelope_intersecting(AABB::from_point([at.0, at.1]));
        near.map(|fence| fence.data).filter(|key| polygons[*key as usize].intersects(&Point::from(at))).collect()
    };
    let (mut all, mut random) = cars(objects);
    let mut held: Vec<Vec<FenceKey>> = all.iter().map(|car| inside(car.at)).collect();
    let rounds = (MOVES / 4).div_ceil(objects);
    let (mut changes, mut spent) = (0, Duration::ZERO);
    for _ in 0..rounds {
        let places: Vec<_> = all.iter_mut().map(|car| car.step(&mut random)).collect();
        let start = common::on_core();
        for (held, at) in held.iter_mut().zip(places) {
            let now = inside(at);
            changes += now.iter().filter(|key| !held.contains(key)).count() + held.iter().filter(|key| !now.contains(key)).count();
            *held = now;
        }
        spent += common::on_core().saturating_sub(start);
    }
    std::hint::black_box(changes);
    (objects * rounds) as f64 / spent.as_secs_f64()
}
