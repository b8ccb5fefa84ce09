//! What is written beside that which is drawn from the console.

use super::{
    kit::Kit,
    labels::Placed,
    room::{Room, width_of},
    style::FontFaces,
};
use crate::{
    camera::Rig,
    city::{City, CurrentScheme, Drawings, Ground, PictureSize},
    displays::Displays,
    live::Drawing,
};
use bevy::{prelude::*, ui::UiTransform};

const SIZE_PX: f32 = 24.0;
/// Room around a text, pixels at 1080 lines.
const PADDING_PX: Vec2 = Vec2::new(10.0, 3.0);
/// How far from its point a text stands.
const AWAY_PX: f32 = 14.0;
const HEIGHT_PX: f32 = 40.0;

/// The text of a drawing: its point on the ground in degrees, and its width in pixels at 1080 lines.
#[derive(Component)]
pub struct DrawnText((f64, f64), f32);

/// Writes anew what has changed, and moves all with the camera.
pub(super) fn update(
    mut commands: Commands,
    (drawings, city, ground, rig): (Res<Drawings>, Res<City>, Res<Ground>, Res<Rig>),
    (faces, scheme): (Res<FontFaces>, Res<CurrentScheme>),
    (size, displays, scale, windows): (Res<PictureSize>, Res<Displays>, Res<UiScale>, Query<&Window>),
    mut placed: ResMut<Placed>,
    mut texts: Query<(Entity, &DrawnText, &mut UiTransform, &mut Visibility)>,
    mut written: Local<Vec<Drawing>>,
) {
    if *written != drawings.list || scheme.is_changed() {
        written.clone_from(&drawings.list);
        texts.iter().for_each(|(entity, ..)| commands.entity(entity).despawn());
        let kit = Kit { faces: &faces, scheme: &scheme.0 };
        for drawing in &drawings.list {
            let label = drawing.label();
            if let (false, Some(point)) = (label.is_empty(), drawing.points.first()) {
                let width = width_of(&label, SIZE_PX) + 2.0 * PADDING_PX.x;
                let node = Node {
                    position_type: PositionType::Absolute,
                    padding: UiRect::axes(px(PADDING_PX.x), px(PADDING_PX.y)),
                    border: UiRect::all(px(1)),
                    border_radius: BorderRadius::all(px(4)),
                    ..default()
                };
                commands
                    .spawn((node, kit.plate(), UiTransform::default(), GlobalZIndex(-1), Visibility::Hidden, DrawnText(*point, width)))
                    .with_child(kit.text(&label, SIZE_PX, false, kit.ink()));
            }
        }
    }
    if texts.is_empty() {
        if !placed.drawn.is_empty() {
            placed.drawn.clear();
        }
        return;
    }
    let Some(plane) = city.plane else { return };
    let factor = (scale.0 * windows.iter().next().map_or(1.0, Window::scale_factor)).max(1e-3);
    let eye = rig.eye(size.0);
    let mut room = Room::beside_panels(&displays, factor, &placed.taken).above(placed.foot_px);
    let mut drawn = Vec::new();
    for (_, text, mut transform, mut visibility) in &mut texts {
        let at = eye.project(ground.place(plane.forward(text.0.0, text.0.1))).map(|(at, _)| at / factor);
        // Right of its point, or else left, above, below.
        let half = Vec2::new(text.1, HEIGHT_PX) / 2.0;
        let sides = [Vec2::X, Vec2::NEG_X, Vec2::NEG_Y, Vec2::Y];
        let places = at.into_iter().flat_map(|at| sides.map(|side| Rect::from_center_half_size(at + side * (half + AWAY_PX), half)));
        let Some(rect) = room.take(places) else {
            visibility.set_if_neq(Visibility::Hidden);
            continue;
        };
        visibility.set_if_neq(Visibility::Inherited);
        let translation = Val2::px(rect.min.x.round(), rect.min.y.round());
        if transform.translation != translation {
            transform.translation = translation;
        }
        drawn.push(rect);
    }
    if placed.drawn != drawn {
        placed.drawn = drawn;
    }
}
