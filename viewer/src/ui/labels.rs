//! Names of the largest areas, written on the ground without overlap.

use super::{
    layout::SceneRoot,
    room::{Room, width_of},
    style::{FontFaces, ink_alpha, text},
};
use crate::{
    camera::Rig,
    city::{City, Ground, PictureSize},
    displays::Displays,
    scene::Scheme,
};
use bevy::{prelude::*, ui::UiTransform};

/// Names on the screen, at most.
const LABELS_MAX: usize = 48;
/// The box that a name may take, pixels at 1080 lines.
const BOX_PX: Vec2 = Vec2::new(260.0, 34.0);
const SIZE_PX: f32 = 22.0;
/// Farther than this many distances to the target, names would lie in the haze.
const DEPTH_MAX: f64 = 3.2;

/// What is written over the picture.
#[derive(Resource, Default, Debug)]
pub struct Placed {
    /// Names of areas.
    pub areas: usize,
    /// Names around an alarm.
    pub around_alarm: usize,
    /// Where the texts of drawings are.
    pub drawn: Vec<Rect>,
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

/// Which names are written where: the larger area first, none over another or under a panel.
fn place(city: &City, ground: &Ground, rig: &Rig, size: UVec2, scale: f32, room: &mut Room) -> Vec<(usize, Vec2)> {
    let Some(plane) = city.plane else { return Vec::new() };
    let eye = rig.eye(size);
    let mut taken: Vec<(usize, Vec2)> = Vec::new();
    for (i, label) in city.labels.iter().enumerate() {
        if taken.len() == LABELS_MAX {
            break;
        }
        let Some((px, depth)) = eye.project(ground.place(plane.forward(label.place.0, label.place.1))) else { continue };
        if depth >= rig.orbit.distance * DEPTH_MAX {
            continue;
        }
        let width = width_of(&label.text, SIZE_PX + 3.0);
        if let Some(rect) = room.take([Rect::from_center_size(px / scale, Vec2::new(width, BOX_PX.y + 10.0))]) {
            taken.push((i, rect.center()));
        }
    }
    taken
}

pub(super) fn update(
    (city, ground): (Res<City>, Res<Ground>),
    rig: Res<Rig>,
    (size, displays, scale, windows): (Res<PictureSize>, Res<Displays>, Res<UiScale>, Query<&Window>),
    mut written: ResMut<Placed>,
    mut slots: Query<(&LabelSlot, &mut UiTransform, &mut Visibility, &Children)>,
    mut texts: Query<&mut Text>,
) {
    let factor = (scale.0 * windows.iter().next().map_or(1.0, Window::scale_factor)).max(1e-3);
    let mut room = Room::beside_panels(&displays, factor, &written.taken);
    written.drawn.iter().for_each(|rect| room.keep(*rect));
    let placed = place(&city, &ground, &rig, size.0, factor, &mut room);
    if written.areas != placed.len() {
        written.areas = placed.len();
    }
    for (slot, mut transform, mut visibility, children) in &mut slots {
        let Some((label, at)) = placed.get(slot.0) else {
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
