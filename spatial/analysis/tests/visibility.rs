//! Lines of sight against brute force: many steps along the line.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_analysis::visibility::{Air, Block, EARTH_RADIUS_M, Spot, line_of_sight};
use geo::{Contains, LineString, MultiPolygon, Point, Polygon};

#[test]
fn a_line_of_sight_is_free_where_no_step_of_it_is_below_anything() {
    let mut random = fastrand::Rng::with_seed(17);
    let (mut free, mut by_block, mut by_ground) = (0, 0, 0);
    for round in 0..120 {
        let flat = round % 3 == 0;
        let ground = move |lon: f64, lat: f64| if flat { 0.0 } else { 9.0 * (lon * 1500.0).sin() + 7.0 * (lat * 1900.0).cos() };
        let mut blocks = Vec::new();
        for id in 0..12 {
            let (x, y) = (117.2 + random.f64() * 0.02, 39.1 + random.f64() * 0.02);
            // Concave ones too.
            let corner = |at: usize| {
                let (angle, radius) = (at as f64 / 9.0 * std::f64::consts::TAU, 0.0003 + random.f64() * 0.0015);
                (x + radius * angle.cos(), y + radius * angle.sin())
            };
            let ring: Vec<(f64, f64)> = (0..9).map(corner).collect();
            let shape = MultiPolygon(vec![Polygon::new(LineString::from(ring), Vec::new())]);
            blocks.push(Block { id: id.to_string(), shape, top_m: ground(x, y) + random.f64() * 40.0 });
        }
        let mut spot = || {
            let (x, y) = (117.2 + random.f64() * 0.02, 39.1 + random.f64() * 0.02);
            Spot { place: Point::new(x, y), height_m: ground(x, y) + 1.0 + random.f64() * 60.0 }
        };
        let (eye, target) = (spot(), spot());
        let air = Air { refraction: 0.13 };
        let sight = line_of_sight(eye, target, &blocks, &ground, 0.5, air);
        let mut least = f64::INFINITY;
        for step in 0..=20_000 {
            let t = f64::from(step) / 20_000.0;
            let place = eye.place + (target.place - eye.place) * t;
            let drop = |away: f64| 0.87 * away * away / (2.0 * EARTH_RADIUS_M);
            let line = eye.height_m + (target.height_m - drop(sight.distance_m) - eye.height_m) * t;
            let tops = blocks.iter().filter(|block| block.shape.contains(&place)).map(|block| block.top_m);
            let surface = tops.fold(ground(place.x(), place.y()), f64::max);
            least = least.min(line - (surface - drop(t * sight.distance_m)));
        }
        // A step may miss the corner of a block by as much as the line falls in a step.
        assert!(
            (sight.clearance_m - least).abs() < 0.05 || sight.clearance_m < least && sight.clearance_m > least - 1.0,
            "{sight:?} {least}"
        );
        assert_eq!(sight.obstacle.is_some(), sight.clearance_m < -1e-6);
        match sight.obstacle.map(|obstacle| obstacle.block) {
            None => free += 1,
            Some(Some(_)) => by_block += 1,
            Some(None) => by_ground += 1,
        }
    }
    assert!(free > 10 && by_block > 10 && by_ground > 5, "{free} {by_block} {by_ground}");
}

#[test]
fn the_earth_hides_what_is_low_and_far() {
    let eye = Spot { place: Point::new(117.0, 39.0), height_m: 2.0 };
    let far = |height_m: f64| Spot { place: Point::new(117.23, 39.0), height_m };
    let see =
        |height_m: f64, refraction: f64| line_of_sight(eye, far(height_m), &[], &|_, _| 0.0, 10.0, Air { refraction }).obstacle.is_none();
    // 19.9 km away: the horizon of 2 m is at 5.05 km in air without refraction, so that (19.9 − 5.05)² / 2R = 17.4 m are hidden.
    assert!(!see(16.5, 0.0) && see(18.5, 0.0));
    assert!(see(0.0, 1.0), "over a flat Earth everything is seen");
}
