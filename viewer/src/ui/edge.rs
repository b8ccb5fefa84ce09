//! At the edge of the picture: where the open red incidents and alarms are that are out of view.

use super::{
    kit::Kit,
    labels::Placed,
    room::{Room, width_of},
    style::{FontFaces, ink},
    words::LEVEL_GLYPHS,
};
use crate::{
    camera::{Eye, Orbit, Rig},
    city::{City, CityFeed, CurrentScheme, Ground, PictureSize, alarm_collections, is_marked},
    displays::Displays,
    geo::CityPlane,
    scene::Scenes,
};
use bevy::{math::DVec2, prelude::*};

/// The arrows of the eight directions, from the right on with the clock.
const ARROWS: [&str; 8] = ["→", "↘", "↓", "↙", "←", "↖", "↑", "↗"];
/// The size of the letters, and the height of a hint, pixels at 1080 lines.
const LETTERS_PX: f32 = 24.0;
const HEIGHT_PX: f32 = 42.0;
/// Steps along the edge in which room is looked for.
const STEPS: i32 = 24;

/// A hint.
#[derive(Component)]
pub struct EdgeHint;

/// A direction, how many are there, and how far the nearest one is from the middle of the view, metres.
type Away = (usize, usize, f64);

/// What the hints follow from.
#[derive(PartialEq)]
pub(super) struct Seen {
    orbit: Orbit,
    ground_m: f64,
    size: UVec2,
    incidents: u64,
    scene: u32,
    taken: Vec<Rect>,
    foot_px: f32,
}

/// The places of the open red incidents and alarms, and what they are of: the incidents, the scene, the plane.
#[derive(Default)]
pub(super) struct Red {
    of: Option<(u64, u32, CityPlane)>,
    places: Vec<DVec2>,
}

/// Shows the hints anew when something has moved.
pub(super) fn update(
    mut commands: Commands,
    (feed, city, scenes, ground): (Res<CityFeed>, Res<City>, Res<Scenes>, Res<Ground>),
    (faces, scheme, rig): (Res<FontFaces>, Res<CurrentScheme>, Res<Rig>),
    (size, displays, scale, windows): (Res<PictureSize>, Res<Displays>, Res<UiScale>, Query<&Window>),
    hints: Query<Entity, With<EdgeHint>>,
    mut placed: ResMut<Placed>,
    (mut seen, mut red): (Local<Option<Seen>>, Local<Red>),
) {
    let Some(plane) = city.plane else { return };
    let live = feed.live.state();
    let now = Some(Seen {
        orbit: rig.orbit,
        ground_m: rig.ground_m,
        size: size.0,
        incidents: live.incidents_version,
        scene: scenes.version,
        taken: placed.taken.clone(),
        foot_px: placed.foot_px,
    });
    if *seen == now {
        return;
    }
    *seen = now;
    // There may be many incidents: they are gone through when they change, not when the camera moves.
    let of = Some((live.incidents_version, scenes.version, plane));
    if red.of != of {
        let (wanted, alarms) = (&scenes.current().incidents, alarm_collections(&city));
        let open = live.incidents().filter(|i| i.level == 1 && is_marked(i, wanted, &alarms));
        *red = Red { of, places: open.filter_map(|i| i.place).map(|(lon, lat)| plane.forward(lon, lat)).collect() };
    }
    drop(live);
    let factor = (scale.0 * windows.iter().next().map_or(1.0, Window::scale_factor)).max(1e-3);
    let mut room = Room::beside_panels(&displays, factor, &placed.taken).above(placed.foot_px);
    let eye = rig.eye(size.0);
    let is_seen = |at: DVec2| eye.project(ground.place(at)).is_some_and(|(px, _)| room.free().contains(px / factor));
    let hidden: Vec<DVec2> = red.places.iter().copied().filter(|at| !is_seen(*at)).collect();
    let kit = Kit { faces: &faces, scheme: &scheme.0 };
    hints.iter().for_each(|hint| commands.entity(hint).despawn());
    let mut rects = Vec::new();
    for (direction, count, away_m) in by_direction(&hidden, rig.orbit.target, &eye) {
        let words = format!("{count} 件　{:.0} 公里 {}", (away_m / 1000.0).max(1.0), ARROWS[direction]);
        let size = Vec2::new(width_of(&words, LETTERS_PX) + 66.0, HEIGHT_PX);
        let Some(rect) = room.take(edge_places(room.free(), direction, size)) else { continue };
        rects.push(rect);
        let node = Node {
            position_type: PositionType::Absolute,
            left: px(rect.min.x),
            top: px(rect.min.y),
            height: px(rect.height()),
            padding: UiRect::horizontal(px(14)),
            column_gap: px(10),
            align_items: AlignItems::Center,
            border: UiRect::all(px(2)),
            border_radius: BorderRadius::all(px(6)),
            ..default()
        };
        let colour = ink(kit.scheme.levels[1]);
        // A bundle has a component once: the level's colour is put in the place of the plate's.
        commands.spawn((node, kit.plate(), GlobalZIndex(6), EdgeHint)).insert(BorderColor::all(colour)).with_children(|hint| {
            hint.spawn(kit.text(LEVEL_GLYPHS[1], LETTERS_PX, true, colour));
            hint.spawn(kit.text(&words, LETTERS_PX, true, kit.ink()));
        });
    }
    if placed.hints != rects {
        placed.hints = rects;
    }
}

/// The places by the direction in which they lie from the middle of the view, as it is on the screen.
fn by_direction(places: &[DVec2], target: DVec2, eye: &Eye) -> Vec<Away> {
    let ahead = eye.forward.truncate().normalize_or(DVec2::Y);
    let mut found: Vec<Away> = Vec::new();
    for place in places {
        let way = *place - target;
        // To the right, and downwards.
        let (right, down) = (-ahead.perp_dot(way), -ahead.dot(way));
        let direction = (down.atan2(right) / std::f64::consts::FRAC_PI_4).round().rem_euclid(8.0) as usize % 8;
        match found.iter_mut().find(|away| away.0 == direction) {
            Some(away) => *away = (direction, away.1 + 1, away.2.min(way.length())),
            None => found.push((direction, 1, way.length())),
        }
    }
    found.sort_unstable_by_key(|away| away.0);
    found
}

/// Places for a hint of a size: at the edge of the free part in a direction, then beside it along the edge.
fn edge_places(free: Rect, direction: usize, size: Vec2) -> Vec<Rect> {
    let inner = free.inflate(-4.0);
    let [x, y] = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 1.0], [-1.0, 0.0], [-1.0, -1.0], [0.0, -1.0], [1.0, -1.0]][direction];
    let (half, reach) = (size / 2.0, inner.half_size() - size / 2.0);
    let middle = inner.center() + Vec2::new(x, y) * reach;
    // Along the upper or lower edge, or along the left or right one.
    let along = if y == 0.0 { Vec2::Y * reach.y } else { Vec2::X * reach.x };
    let steps = (0..2 * STEPS).map(|k| (k + 1) / 2 * if k % 2 == 0 { 1 } else { -1 });
    steps.map(|k| Rect::from_center_half_size(middle + along * (k as f32 / STEPS as f32), half)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_to_the_east_is_at_the_right_until_the_camera_turns() {
        let places = [DVec2::new(20_000.0, 0.0), DVec2::new(30_000.0, 1_000.0), DVec2::new(0.0, 9_000.0)];
        let looking = |bearing: f64| {
            let orbit = Orbit { target: DVec2::ZERO, distance: 5_000.0, bearing, pitch: 50.0 };
            by_direction(&places, DVec2::ZERO, &orbit.eye(1920, 1080)).into_iter().map(|a| (ARROWS[a.0], a.1)).collect::<Vec<_>>()
        };
        assert_eq!(looking(0.0), [("→", 2), ("↑", 1)]);
        assert_eq!(looking(90.0), [("←", 1), ("↑", 2)]);
        let free = Rect::new(400.0, 100.0, 1400.0, 1000.0);
        for direction in 0..8 {
            let first = edge_places(free, direction, Vec2::new(200.0, 42.0))[0];
            assert!(free.contains(first.min) && free.contains(first.max), "{direction}: {first:?}");
        }
    }
}
