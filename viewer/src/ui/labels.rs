//! Names of the largest areas, written on the ground without overlap.

use super::{
    crowd::Crowd,
    layout::SceneRoot,
    room::{Room, width_of},
    style::{FontFaces, ink_alpha, text},
};
use crate::{
    camera::{Orbit, Rig},
    city::{City, CityFeed, Ground, PictureSize, WallClock, alarm_collections, is_marked},
    displays::Displays,
    scene::{Scenes, Scheme},
};
use bevy::{prelude::*, ui::UiTransform};
use rustc_hash::FxHashMap;
use std::time::{Duration, Instant};

/// Names on the screen, at most.
const LABELS_MAX: usize = 48;
/// The box that a name may take, pixels at 1080 lines.
const BOX_PX: Vec2 = Vec2::new(260.0, 34.0);
const SIZE_PX: f32 = 22.0;
/// Farther than this many distances to the target, names would lie in the haze.
const DEPTH_MAX: f64 = 3.2;

/// Incidents that names make way for, at most: more are clusters nearly everywhere.
const CROWD_MAX: usize = 5_000;
/// Between two looks at where markers are.
const LOOK: Duration = Duration::from_secs(2);
/// Where a name may stand beside the middle of its area, in its own heights and half widths.
const BESIDE: [Vec2; 7] = [
    Vec2::ZERO,
    Vec2::new(0.0, -1.0),
    Vec2::new(0.0, 1.0),
    Vec2::new(1.0, 0.0),
    Vec2::new(-1.0, 0.0),
    Vec2::new(0.0, -2.0),
    Vec2::new(0.0, 2.0),
];
/// How high the head of an incident stands by its level, pixels at 1080 lines.
const HEADS_PX: [f32; 5] = [0.0, 126.0, 84.0, 44.0, 0.0];

/// What is written over the picture.
#[derive(Resource, Default, Debug)]
pub struct Placed {
    /// Names of areas.
    pub areas: usize,
    /// Where they are.
    pub names: Vec<Rect>,
    /// Names of single markers.
    pub named: usize,
    /// Names around an alarm.
    pub around_alarm: usize,
    /// Where the texts of drawings are.
    pub drawn: Vec<Rect>,
    /// True while something of an alarm's surroundings is looked for.
    pub is_waiting: bool,
    /// What is around the alarm.
    pub facts: super::around::Around,
    /// Where the hints at the edge are.
    pub hints: Vec<Rect>,
    /// Where the banner of an alarm and what stands under it end; 0 without one.
    pub announced_px: f32,
    /// How much higher than usual the foot is, pixels at 1080 lines.
    pub foot_px: f32,
    /// Where they, the alarm's banner and its facts are.
    pub taken: Vec<Rect>,
}

/// A name's place in the pool.
#[derive(Component)]
pub struct LabelSlot(usize);

pub(super) fn build(commands: &mut Commands, faces: &FontFaces, scheme: &Scheme) {
    for i in 0..LABELS_MAX {
        commands
            .spawn((
                Node {
                    position_type: PositionType::Absolute,
                    left: px(-BOX_PX.x / 2.0),
                    top: px(-BOX_PX.y / 2.0),
                    width: px(BOX_PX.x),
                    height: px(BOX_PX.y),
                    justify_content: JustifyContent::Center,
                    align_items: AlignItems::Center,
                    ..default()
                },
                UiTransform::default(),
                // Names lie on the ground, below everything else.
                GlobalZIndex(-2),
                Visibility::Hidden,
                LabelSlot(i),
                SceneRoot,
            ))
            .with_child((
                text(faces, "", SIZE_PX, false, ink_alpha(scheme.label)),
                bevy::text::LetterSpacing::Px(3.0),
                TextShadow { offset: Vec2::new(0.0, 1.5), color: ink_alpha(scheme.label_shadow) },
            ));
    }
}

/// Where names stand beside the middle of their areas, by the areas' ids. It is found anew while the camera rests:
/// a name does not jump on its way.
#[derive(Default)]
pub(super) struct Beside {
    of: FxHashMap<String, Vec2>,
    seen: Option<(Orbit, u64, u32)>,
    looked: Option<Instant>,
}

impl Beside {
    /// The markers of incidents on the picture, if it is time for another look.
    fn crowd(
        &mut self,
        (feed, city, scenes, clock): (&CityFeed, &City, &Scenes, &WallClock),
        (rig, ground): (&Rig, &Ground),
        (size, scale): (UVec2, f32),
    ) -> Option<Crowd> {
        let plane = city.plane?;
        let live = feed.live.state();
        let seen = Some((rig.orbit, live.incidents_version, scenes.version));
        let is_moving = self.seen.is_some_and(|s| s.0 != rig.orbit);
        let is_early = self.looked.is_some_and(|at| at.elapsed() < LOOK);
        // Under a stopped clock every wall finds the same places, whatever came first.
        if !clock.is_fixed() && (self.seen == seen || is_moving || is_early) {
            self.seen = self.seen.map(|s| (rig.orbit, s.1, s.2));
            return None;
        }
        (self.seen, self.looked) = (seen, Some(Instant::now()));
        let (eye, screen) = (rig.eye(size), size.as_vec2() / scale);
        let (wanted, alarms) = (&scenes.current().incidents, alarm_collections(city));
        let all = if live.len() > CROWD_MAX { 0 } else { CROWD_MAX };
        let shown = live.incidents().take(all).filter(|i| is_marked(i, wanted, &alarms));
        let places = shown.filter_map(|i| {
            let (lon, lat) = i.place?;
            let (px, _) = eye.project(ground.place(plane.forward(lon, lat)))?;
            let (foot, head) = (px / scale, HEADS_PX[usize::from(i.level.min(4))]);
            Some([foot, foot - Vec2::Y * head])
        });
        Some(Crowd::of(screen, places.flatten()))
    }
}

/// Which names are written where: the larger area first, none over another or under a panel; where there are
/// markers, beside them.
fn place(
    city: &City,
    ground: &Ground,
    rig: &Rig,
    (size, scale): (UVec2, f32),
    room: &mut Room,
    (beside, crowd): (&mut FxHashMap<String, Vec2>, Option<Crowd>),
) -> Vec<(usize, Rect)> {
    let Some(plane) = city.plane else { return Vec::new() };
    let eye = rig.eye(size);
    let mut taken: Vec<(usize, Rect)> = Vec::new();
    for (i, label) in city.labels.iter().enumerate() {
        if taken.len() == LABELS_MAX {
            break;
        }
        let Some((px, depth)) = eye.project(ground.place(plane.forward(label.place.0, label.place.1))) else { continue };
        if depth >= rig.orbit.distance * DEPTH_MAX {
            continue;
        }
        let box_px = Vec2::new(width_of(&label.text, SIZE_PX + 3.0), BOX_PX.y + 10.0);
        let at = |side: &Vec2| Rect::from_center_size(px / scale + *side * Vec2::new(box_px.x / 2.0, box_px.y), box_px);
        if let Some(crowd) = &crowd {
            let best = BESIDE.into_iter().min_by_key(|side| crowd.under(at(side)));
            beside.insert(label.id.clone(), best.unwrap_or_default());
        }
        let own = beside.get(&label.id).copied().unwrap_or_default();
        if let Some(rect) = room.take([at(&own), at(&Vec2::ZERO)]) {
            taken.push((i, rect));
        }
    }
    taken
}

pub(super) fn update(
    (feed, city, ground): (Res<CityFeed>, Res<City>, Res<Ground>),
    (rig, scenes, clock): (Res<Rig>, Res<Scenes>, Res<WallClock>),
    (size, displays, scale, windows): (Res<PictureSize>, Res<Displays>, Res<UiScale>, Query<&Window>),
    mut written: ResMut<Placed>,
    mut slots: Query<(&LabelSlot, &mut UiTransform, &mut Visibility, &Children)>,
    mut texts: Query<&mut Text>,
    mut beside: Local<Beside>,
) {
    let factor = (scale.0 * windows.iter().next().map_or(1.0, Window::scale_factor)).max(1e-3);
    let mut room = Room::beside_panels(&displays, factor, &written.taken).above(written.foot_px);
    written.drawn.iter().chain(&written.hints).for_each(|rect| room.keep(*rect));
    // Processes that draw one wall would not agree at every moment: their names stay where they are.
    let agrees = displays.shown.is_none() || clock.is_fixed();
    let crowd = if agrees { beside.crowd((&feed, &city, &scenes, &clock), (&rig, &ground), (size.0, factor)) } else { None };
    let placed = place(&city, &ground, &rig, (size.0, factor), &mut room, (&mut beside.of, crowd));
    if !written.names.iter().eq(placed.iter().map(|(_, rect)| rect)) {
        written.areas = placed.len();
        written.names = placed.iter().map(|(_, rect)| *rect).collect();
    }
    for (slot, mut transform, mut visibility, children) in &mut slots {
        let Some((label, at)) = placed.get(slot.0).map(|(label, rect)| (label, rect.center())) else {
            visibility.set_if_neq(Visibility::Hidden);
            continue;
        };
        visibility.set_if_neq(Visibility::Inherited);
        let translation = Val2::px(at.x.round(), at.y.round());
        if transform.translation != translation {
            transform.translation = translation;
        }
        if let Some(mut text) = children.first().and_then(|c| texts.get_mut(*c).ok())
            && text.0 != city.labels[*label].text
        {
            text.0.clone_from(&city.labels[*label].text);
        }
    }
}
