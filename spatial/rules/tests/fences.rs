//! Fences against brute force with the geo crate: objects move while fences come and go.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_model::geometry;
use citywall_rules::fence::{FenceError, FenceIndex, FenceKey, Presence, Transition};
use geo::{Geometry, Intersects, Line, LineString, MultiPolygon, Point, Polygon, Rect, coord};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Rectangles on a coarse raster, so that places fall on borders and corners.
fn rectangle() -> impl Strategy<Value = Polygon> {
    (0u8..12, 0u8..12, 1u8..6, 1u8..6).prop_map(|(x, y, w, h)| {
        let (x, y) = (f64::from(x), f64::from(y));
        Rect::new(coord! { x: x, y: y }, coord! { x: x + f64::from(w), y: y + f64::from(h) }).to_polygon()
    })
}

/// A ring around a centre, of up to 90 corners.
fn star() -> impl Strategy<Value = Polygon> {
    (0.0..12.0, 0.0..12.0, prop::collection::vec(0.2..4.0, 3..90)).prop_map(|(x, y, radii)| {
        let angle = std::f64::consts::TAU / radii.len() as f64;
        let corner = |(at, r): (usize, &f64)| coord! { x: x + r * (at as f64 * angle).cos(), y: y + r * (at as f64 * angle).sin() };
        Polygon::new(LineString(radii.iter().enumerate().map(corner).collect()), Vec::new())
    })
}

fn fence() -> impl Strategy<Value = Geometry> {
    let ring = Rect::new(coord! { x: 2.0, y: 2.0 }, coord! { x: 9.0, y: 9.0 }).to_polygon();
    let hole = Rect::new(coord! { x: 4.0, y: 4.0 }, coord! { x: 6.0, y: 7.0 }).to_polygon();
    let holed = Polygon::new(ring.exterior().clone(), vec![hole.exterior().clone()]);
    prop_oneof![
        4 => rectangle().prop_map(Geometry::Polygon),
        4 => star().prop_map(Geometry::Polygon),
        1 => Just(Geometry::Polygon(holed)),
        1 => (rectangle(), star()).prop_map(|(a, b)| Geometry::MultiPolygon(MultiPolygon(vec![a, b]))),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Add(Box<Geometry>),
    Remove(usize),
    Move(usize, (f64, f64)),
    Nudge(usize, (f64, f64)),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let raster = (0u8..28, 0u8..28).prop_map(|(x, y)| (f64::from(x) / 2.0, f64::from(y) / 2.0));
    let anywhere = (0.0..14.0, 0.0..14.0);
    prop_oneof![
        3 => fence().prop_map(|fence| Step::Add(Box::new(fence))),
        1 => any::<usize>().prop_map(Step::Remove),
        6 => (0usize..5, raster).prop_map(|(object, to)| Step::Move(object, to)),
        6 => (0usize..5, anywhere).prop_map(|(object, to)| Step::Move(object, to)),
        12 => (0usize..5, (-0.2..0.2, -0.2..0.2)).prop_map(|(object, by)| Step::Nudge(object, by)),
        1 => (0usize..5).prop_map(Step::Leave),
    ]
}

/// What the definition says, fence by fence.
fn brute(fences: &BTreeMap<FenceKey, Geometry>, from: Option<(f64, f64)>, to: Option<(f64, f64)>) -> Vec<(FenceKey, Transition)> {
    let holds = |fence: &Geometry, at: Option<(f64, f64)>| at.is_some_and(|at| fence.intersects(&Point::from(at)));
    let change = |(key, fence): (&FenceKey, &Geometry)| {
        let transition = match (holds(fence, from), holds(fence, to)) {
            (false, true) => Transition::Enter,
            (true, false) => Transition::Exit,
            (false, false) if fence.intersects(&Line::new(Point::from(from?), Point::from(to?))) => Transition::Cross,
            _ => return None,
        };
        Some((*key, transition))
    };
    fences.iter().filter_map(change).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_moves_do_is_what_brute_force_says(steps in prop::collection::vec(step(), 1..120)) {
        let (mut index, mut fences) = (FenceIndex::default(), BTreeMap::new());
        let mut objects: [Presence; 5] = std::array::from_fn(|_| Presence::default());
        for step in steps {
            let (object, to) = match step {
                Step::Add(fence) => {
                    let key = index.insert(&geometry::encode(&fence)).unwrap();
                    prop_assert!(fences.insert(key, *fence).is_none(), "a key stands for one fence");
                    continue;
                }
                Step::Remove(at) => {
                    let key = fences.keys().nth(at % fences.len().max(1)).copied();
                    prop_assert_eq!(key.is_some_and(|key| index.remove(key)), key.is_some());
                    key.map(|key| fences.remove(&key));
                    continue;
                }
                Step::Move(object, to) => (object, Some(to)),
                Step::Nudge(object, (dx, dy)) => (object, objects[object].at().map(|(x, y)| (x + dx, y + dy))),
                Step::Leave(object) => (object, None),
            };
            // Of some objects only the ends of their ways count.
            let jumps = object % 2 == 1;
            let object = &mut objects[object];
            let (from, mut changes) = (object.at(), Vec::new());
            match to {
                Some(to) if jumps => index.jumped(object, to, &mut changes),
                Some(to) => index.moved(object, to, &mut changes),
                None => index.gone(object, &mut changes),
            }
            let mut expected = brute(&fences, from, to);
            expected.retain(|(_, transition)| !jumps || *transition != Transition::Cross);
            prop_assert_eq!(changes, expected);
            let inside: Vec<_> = brute(&fences, None, to).iter().map(|(key, _)| *key).collect();
            prop_assert_eq!(object.inside(), &inside[..]);
            let mut found = Vec::new();
            to.iter().for_each(|to| index.containing(*to, |key| found.push(key)));
            found.sort_unstable();
            prop_assert_eq!(found, inside);
            prop_assert_eq!(index.len(), fences.len());
        }
    }
}

#[test]
fn a_place_on_the_border_of_two_fences_is_in_both() {
    let square =
        |x: f64| geometry::encode(&Geometry::Polygon(Rect::new(coord! { x: x, y: 0.0 }, coord! { x: x + 1.0, y: 1.0 }).to_polygon()));
    let (index, errors) = FenceIndex::bulk([square(0.0), square(1.0)].iter().map(Vec::as_slice));
    assert!(errors.is_empty());
    let (mut object, mut changes) = (Presence::default(), Vec::new());
    index.moved(&mut object, (1.0, 0.5), &mut changes);
    assert_eq!(changes, [(0, Transition::Enter), (1, Transition::Enter)]);
    index.moved(&mut object, (1.0f64.next_up(), 0.5), &mut changes);
    assert_eq!(changes[2..], [(0, Transition::Exit)]);
}

#[test]
fn a_comb_whose_teeth_are_all_as_tall_as_itself_is_no_trouble() {
    let teeth = 20_000;
    let mut corners: Vec<_> = (0..=2 * teeth).map(|at| coord! { x: f64::from(at) * 1e-4, y: f64::from(at % 2) }).collect();
    corners.push(coord! { x: f64::from(teeth), y: -1.0 });
    let comb = Geometry::Polygon(Polygon::new(LineString(corners), Vec::new()));
    let (index, errors) = FenceIndex::bulk([geometry::encode(&comb).as_slice()]);
    assert!(errors.is_empty());
    for at in [(0.5, 0.3), (0.500_05, 0.9), (1.2, 0.5), (-1.0, 0.5)] {
        let mut held = false;
        index.containing(at, |_| held = true);
        assert_eq!(held, comb.intersects(&Point::from(at)), "{at:?}");
    }
}

#[test]
fn what_has_no_area_is_no_fence() {
    let mut index = FenceIndex::default();
    let line = geometry::encode(&Geometry::LineString(LineString::from(vec![(0.0, 0.0), (1.0, 1.0)])));
    assert_eq!(index.insert(&line), Err(FenceError::NoArea));
    assert_eq!(index.insert(b"\x01\x03"), Err(FenceError::Unreadable));
    assert!(index.is_empty() && !index.remove(0));
}
