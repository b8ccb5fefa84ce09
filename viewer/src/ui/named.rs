//! Names of single markers, once the camera is near enough to tell them apart.

use super::{
    labels::Placed,
    layout::SceneRoot,
    room::{Room, width_of},
    style::{FontFaces, ink_alpha, text},
    words::cut,
};
use crate::{
    camera::{Eye, Rig},
    city::{City, CityFeed, Ground, PictureSize, Stage, ThingBook, WallClock, alarm_collections, is_marked},
    displays::Displays,
    geo::CityPlane,
    scene::{Scenes, Scheme},
};
use bevy::{math::DVec2, prelude::*, ui::UiTransform};
use std::time::{Duration, Instant};

/// From farther away no marker is named, metres.
const NEAR_M: f64 = 2_500.0;
/// Names on the picture, at most.
const NAMES_MAX: usize = 20;
/// Markers that are tried, at most: some have no room for their names.
const TRIED_MAX: usize = 80;
/// Between two looks at which markers are to be named.
const LOOK: Duration = Duration::from_millis(500);
const SIZE_PX: f32 = 18.0;
const HEIGHT_PX: f32 = 26.0;
/// Between a marker and its name.
const AWAY_PX: f32 = 14.0;
/// Longest name, in widths of a Chinese character.
const NAME_WIDTH_MAX: f32 = 12.0;

/// A name's place in the pool.
#[derive(Component)]
pub struct NameSlot(usize);

/// Where a marker is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// It stays there, metres on the plane.
    At(DVec2),
    /// It is the object of this number.
    Moving(u32),
}

/// A marker that is to be named.
struct Named {
    name: String,
    place: Place,
    /// The lower, the sooner it is named.
    rank: u8,
    from_middle: f32,
}

/// The markers that are to be named, the most important first, and when they were looked for.
#[derive(Default)]
pub(super) struct Near {
    list: Vec<Named>,
    looked: Option<(Instant, u32)>,
}

pub(super) fn build(commands: &mut Commands, faces: &FontFaces, scheme: &Scheme) {
    for slot in 0..NAMES_MAX {
        commands
            .spawn((
                Node { position_type: PositionType::Absolute, ..default() },
                UiTransform::default(),
                GlobalZIndex(-2),
                Visibility::Hidden,
                NameSlot(slot),
                SceneRoot,
            ))
            .with_child((
                text(faces, "", SIZE_PX, false, ink_alpha(scheme.label)),
                TextShadow { offset: Vec2::new(0.0, 1.5), color: ink_alpha(scheme.label_shadow) },
            ));
    }
}

/// Looks for the markers in view: incidents by their level, then what moves, then things; in each the nearest to the
/// middle first. O(markers).
fn look(
    (feed, city, scenes, things): (&CityFeed, &City, &Scenes, &ThingBook),
    (plane, ground, eye): (CityPlane, &Ground, &Eye),
    now: Instant,
) -> Vec<Named> {
    let middle = eye.size.as_vec2() / 2.0;
    let from_middle = |at: DVec2| {
        let (px, _) = eye.project(ground.place(at))?;
        Some((px - middle).abs()).filter(|away| away.cmplt(middle).all()).map(Vec2::length)
    };
    let mut list = Vec::new();
    let mut offer = |name: &dyn Fn() -> String, place: Place, at: DVec2, rank: u8| {
        if let Some(from_middle) = from_middle(at) {
            list.push(Named { name: name(), place, rank, from_middle });
        }
    };
    let live = feed.live.state();
    let (wanted, alarms) = (&scenes.current().incidents, alarm_collections(city));
    for incident in live.incidents().filter(|i| is_marked(i, wanted, &alarms)) {
        let Some((longitude, latitude)) = incident.place else { continue };
        let at = plane.forward(longitude, latitude);
        offer(&|| incident.title.clone(), Place::At(at), at, if incident.level == 0 { 4 } else { incident.level.min(4) - 1 });
    }
    for (number, known) in live.tracks().all().filter(|(_, known)| scenes.current().moving.includes(&known.collection)) {
        offer(&|| known.id.to_string(), Place::Moving(number), known.track.at_m(now), 5);
    }
    for shown in &things.shown {
        for (thing, place) in shown.list.iter().zip(shown.places.iter()).filter(|(thing, _)| !thing.name.is_empty()) {
            let at = DVec2::new(f64::from(place[0]), f64::from(place[1]));
            offer(&|| thing.name.clone(), Place::At(at), at, 6);
        }
    }
    list.sort_by(|a, b| (a.rank, a.from_middle).partial_cmp(&(b.rank, b.from_middle)).unwrap_or(std::cmp::Ordering::Equal));
    list.truncate(TRIED_MAX);
    list.iter_mut().for_each(|named| named.name = cut(&named.name, NAME_WIDTH_MAX));
    list
}

/// Writes the names beside their markers, where there is room. None is written while an alarm has the stage: what
/// is around it is named by that.
pub(super) fn update(
    (feed, city, scenes, things): (Res<CityFeed>, Res<City>, Res<Scenes>, Res<ThingBook>),
    (rig, ground, clock, stage): (Res<Rig>, Res<Ground>, Res<WallClock>, Res<Stage>),
    (size, displays, scale, windows): (Res<PictureSize>, Res<Displays>, Res<UiScale>, Query<&Window>),
    mut written: ResMut<Placed>,
    mut slots: Query<(&NameSlot, &mut UiTransform, &mut Visibility, &Children)>,
    mut texts: Query<&mut Text>,
    mut near: Local<Near>,
) {
    let mut placed: Vec<(&Named, Rect)> = Vec::new();
    if let (Some(plane), true) = (city.plane, rig.orbit.distance <= NEAR_M && stage.on().is_none()) {
        let (eye, now) = (rig.eye(size.0), clock.moment());
        let is_due = near.looked.is_none_or(|(at, scene)| at.elapsed() > LOOK || scene != scenes.version) || clock.is_fixed();
        if is_due {
            *near = Near {
                list: look((&feed, &city, &scenes, &things), (plane, &ground, &eye), now),
                looked: Some((Instant::now(), scenes.version)),
            };
        }
        let factor = (scale.0 * windows.iter().next().map_or(1.0, Window::scale_factor)).max(1e-3);
        let mut room = Room::beside_panels(&displays, factor, &written.taken).above(written.foot_px);
        written.drawn.iter().chain(&written.hints).chain(&written.names).for_each(|rect| room.keep(*rect));
        let live = feed.live.state();
        for named in &near.list {
            if placed.len() == NAMES_MAX {
                break;
            }
            let at = match named.place {
                Place::At(at) => Some(at),
                Place::Moving(number) => live.tracks().numbered(number).map(|known| known.track.at_m(now)),
            };
            let Some((px, _)) = at.and_then(|at| eye.project(ground.place(at))) else { continue };
            let box_px = Vec2::new(width_of(&named.name, SIZE_PX), HEIGHT_PX);
            let beside = |side: f32| Rect::from_center_size(px / factor + Vec2::X * side * (AWAY_PX + box_px.x / 2.0), box_px);
            if let Some(rect) = room.take([beside(1.0), beside(-1.0)]) {
                placed.push((named, rect));
            }
        }
    } else {
        *near = Near::default();
    }
    for (slot, mut transform, mut visibility, children) in &mut slots {
        let Some((named, rect)) = placed.get(slot.0) else {
            visibility.set_if_neq(Visibility::Hidden);
            continue;
        };
        visibility.set_if_neq(Visibility::Inherited);
        let translation = Val2::px(rect.min.x.round(), rect.min.y.round());
        if transform.translation != translation {
            transform.translation = translation;
        }
        if let Some(mut text) = children.first().and_then(|c| texts.get_mut(*c).ok())
            && text.0 != named.name
        {
            text.0.clone_from(&named.name);
        }
    }
    let count = placed.len();
    if written.named != count {
        written.named = count;
    }
}
