//! What is drawn from the console, as lines and areas on the ground.

use crate::{
    city::{City, Ground, Pick, outlines},
    geo::CityPlane,
    live::{Drawing, DrawingKind},
    render::Picture,
    tiles::{TileGeometry, of_strokes},
};
use bevy::{math::DVec2, prelude::*};
use geo::{BoundingRect, Buffer, MapCoords};
use geo_types::Coord;
use std::f64::consts::TAU;

/// Pieces of a line on ground that is not level.
const PIECES: f64 = 96.0;
/// Sides of the polygon that stands for a circle.
const CIRCLE_SIDES: u32 = 96;
/// The head of an arrow: its length as a share of the arrow's, and half its angle, radians.
const HEAD: (f64, f64) = (0.12, 0.45);

/// What is drawn from the console.
#[derive(Resource, Default, Debug)]
pub struct Drawings {
    /// All, in the order in which they were drawn.
    pub list: Vec<Drawing>,
    /// What is shown: with which picked item, on which plane, and whether on ground that is not level.
    shown: Option<(Vec<Drawing>, Option<Picked>, CityPlane, bool)>,
}

impl Drawings {
    /// All are handed on again.
    pub(super) fn draw_again(&mut self) {
        self.shown = None;
    }
}

/// A picked item, by its collection and id.
type Picked = (String, String);

pub(super) fn update(
    mut drawings: ResMut<Drawings>,
    (city, ground, pick): (Res<City>, Res<Ground>, Res<Pick>),
    mut picture: ResMut<Picture>,
) {
    let Some(plane) = city.plane else { return };
    let has_relief = ground.has_relief();
    let picked = pick.card.as_ref().filter(|card| card.feature.is_some());
    let key = picked.map(|card| (card.collection.clone(), card.id.clone()));
    let is_shown = |(list, of, on, was): &(Vec<Drawing>, Option<Picked>, CityPlane, bool)| {
        *list == drawings.list && (of, *on, *was) == (&key, plane, has_relief)
    };
    if drawings.shown.as_ref().is_some_and(is_shown) {
        return;
    }
    let mark = picked.and_then(|card| card.feature.as_ref()?.geometry.as_ref());
    let own = mark.map(|geometry| outline(geometry, plane, has_relief)).into_iter().flatten();
    picture.drawings = Some(drawings.list.iter().map(|drawing| geometry(drawing, plane, has_relief)).chain(own).collect());
    drawings.shown = Some((drawings.list.clone(), key, plane, has_relief));
}

/// A shape that is not wider than this is marked around it, so far away, since it may stand on its own outline;
/// metres.
const BUILDING_M: (f64, f64) = (400.0, 3.0);

/// Lines around what is picked, if it has an area.
fn outline(geometry: &serde_json::Value, plane: CityPlane, has_relief: bool) -> Vec<TileGeometry> {
    let on_plane = |c: Coord| {
        let at = plane.forward(c.x, c.y);
        Coord { x: at.x, y: at.y }
    };
    let around = |shape: geo_types::Polygon| {
        let is_small = shape.bounding_rect().is_some_and(|r| r.width().max(r.height()) <= BUILDING_M.0);
        if is_small { shape.buffer(BUILDING_M.1).0 } else { vec![shape] }
    };
    let shapes = outlines(geometry).into_iter().map(|shape| shape.map_coords(on_plane)).flat_map(around);
    let line = |shape: geo_types::Polygon| -> Vec<DVec2> { shape.exterior().coords().map(|c| DVec2::new(c.x, c.y)).collect() };
    shapes.map(|shape| of_strokes(&[if has_relief { divided(&line(shape)) } else { line(shape) }], None)).collect()
}

/// Each has a geometry of its own, so that a small one is as fine as a large one. On ground that is not level
/// it has many points, which lie there each.
fn geometry(drawing: &Drawing, plane: CityPlane, has_relief: bool) -> TileGeometry {
    let points: Vec<DVec2> = drawing.points.iter().map(|p| plane.forward(p.0, p.1)).collect();
    let fine = |line: Vec<DVec2>| if has_relief { divided(&line) } else { line };
    match drawing.kind {
        DrawingKind::Line => of_strokes(&[fine(points)], None),
        DrawingKind::Area => {
            let ring = fine(closed(&points));
            of_strokes(std::slice::from_ref(&ring), Some(&ring[..ring.len().saturating_sub(1)]))
        }
        DrawingKind::Arrow => {
            let head = head(&points);
            of_strokes(&[fine(points), fine(head)], None)
        }
        DrawingKind::Circle => {
            let at = |side: u32| points[0] + DVec2::from_angle(TAU * f64::from(side) / f64::from(CIRCLE_SIDES)) * drawing.radius_m;
            let ring: Vec<DVec2> = (0..CIRCLE_SIDES).map(at).collect();
            // The radius is drawn as well, since it is written.
            of_strokes(&[closed(&ring), fine(vec![points[0], ring[0]])], Some(&ring))
        }
        DrawingKind::Note => {
            let arm = |along: DVec2| vec![points[0] - along * NOTE_M, points[0] + along * NOTE_M];
            of_strokes(&[arm(DVec2::X), arm(DVec2::Y)], None)
        }
    }
}

/// A line through more points, none of which is far from the next.
fn divided(line: &[DVec2]) -> Vec<DVec2> {
    let step = (line.windows(2).map(|w| w[0].distance(w[1])).sum::<f64>() / PIECES).max(1.0);
    let pieces = line.windows(2).flat_map(|w| {
        let count = (w[0].distance(w[1]) / step).ceil().max(1.0);
        (0..count as u32).map(move |k| w[0].lerp(w[1], f64::from(k) / count))
    });
    pieces.chain(line.last().copied()).collect()
}

/// Half the cross at the foot of a note, metres.
const NOTE_M: f64 = 40.0;

fn closed(ring: &[DVec2]) -> Vec<DVec2> {
    ring.iter().chain(ring.first()).copied().collect()
}

/// The head at the end of a line.
fn head(points: &[DVec2]) -> Vec<DVec2> {
    let (Some(&tip), Some(&before)) = (points.last(), points.iter().rev().nth(1)) else { return Vec::new() };
    let long: f64 = points.windows(2).map(|w| w[0].distance(w[1])).sum();
    let back = (before - tip).normalize_or_zero() * long * HEAD.0;
    vec![tip + DVec2::from_angle(HEAD.1).rotate(back), tip, tip + DVec2::from_angle(-HEAD.1).rotate(back)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiles::DrawKind;

    #[test]
    fn what_is_picked_is_marked_around_a_building_and_on_the_border_of_an_area() {
        let plane = CityPlane::around(117.2, 39.1);
        let square = |half: f64| {
            let corner = |x: f64, y: f64| {
                let (lon, lat) = plane.inverse(DVec2::new(x * half, y * half));
                serde_json::json!([lon, lat])
            };
            let ring = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0)].map(|(x, y)| corner(x, y));
            serde_json::json!({"type": "Polygon", "coordinates": [ring]})
        };
        let reach = |half: f64| {
            let [drawn] = &outline(&square(half), plane, false)[..] else { panic!("one outline") };
            let lines = &drawn.records[drawn.range(DrawKind::Line).start as usize..];
            lines.iter().map(|r| f64::from((r[0] as u16 as i16).unsigned_abs()) * f64::from(drawn.unit_m)).fold(0.0, f64::max)
        };
        assert!((reach(20.0) - 23.0).abs() < 0.1, "{}", reach(20.0));
        assert!((reach(5_000.0) - 5_000.0).abs() < 1.0);
        assert!(outline(&serde_json::json!({"type": "Point", "coordinates": [117.2, 39.1]}), plane, false).is_empty());
    }

    #[test]
    fn every_kind_is_drawn_and_a_circle_has_its_radius() {
        let plane = CityPlane::around(117.2, 39.1);
        let drawing = |kind, points: &[(f64, f64)]| {
            geometry(&Drawing { id: "a".into(), kind, points: points.to_vec(), text: String::new(), radius_m: 1500.0 }, plane, false)
        };
        let (a, b, c) = ((117.2, 39.1), (117.22, 39.1), (117.22, 39.12));
        let counts = |g: &TileGeometry| (g.counts[DrawKind::Line as usize], g.counts[DrawKind::Fill as usize]);
        assert_eq!(counts(&drawing(DrawingKind::Line, &[a, b, c])), (2, 0));
        assert_eq!(counts(&drawing(DrawingKind::Arrow, &[a, b])), (3, 0));
        assert_eq!(counts(&drawing(DrawingKind::Area, &[a, b, c])), (3, 1));
        assert_eq!(counts(&drawing(DrawingKind::Note, &[a])), (2, 0));
        let line = [DVec2::ZERO, DVec2::new(300.0, 0.0), DVec2::new(300.0, 900.0)];
        let fine = divided(&line);
        assert!(fine.windows(2).all(|w| w[0].distance(w[1]) < 13.0) && line.iter().all(|p| fine.contains(p)));
        let circle = drawing(DrawingKind::Circle, &[a]);
        assert_eq!(counts(&circle), (CIRCLE_SIDES + 1, CIRCLE_SIDES - 2));
        let reach = circle.records[circle.range(DrawKind::Line).start as usize..]
            .iter()
            .map(|r| f64::from(r[0] as u16 as i16).hypot(f64::from((r[0] >> 16) as u16 as i16)) * f64::from(circle.unit_m))
            .fold(0.0, f64::max);
        assert!((reach - 1500.0).abs() < 1.0, "{reach}");
    }
}
