//! Builds the interface of a scene: a bar above, panels at the sides, a line at the foot.
//!
//! Sizes are pixels at 1080 lines; nothing that is to be read is smaller than 20.

use super::{board::Board, kit::Kit, labels, mode, panel, style::FontFaces};
use crate::{
    city::CurrentScheme,
    scene::{Mode, Scenes, Side},
};
use bevy::prelude::*;

/// A text that the board fills.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The title, and its English line.
    Title(usize),
    /// Hours, minutes, seconds.
    Clock,
    /// Date and weekday.
    Date,
    /// How the wall is connected.
    Link,
    /// What stands in the middle while there is no picture.
    Waiting,
    /// That data is generated.
    Notice,
    /// What the wall has to complain of.
    Complaint,
    /// That this is not now.
    Replay,
}

/// A node that is there only while it has something to say.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// While the middle has something to say.
    Waiting,
    /// While there is a notice.
    Notice,
    /// While there is a complaint.
    Complaint,
    /// While the past is shown.
    Replay,
}

/// The tag of the live line, which stands out while the line is down.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkTag;

/// Everything that is built for a scene, and built anew for the next one.
#[derive(Component)]
pub struct SceneRoot;

/// The height of the bar.
pub const BAR_PX: f32 = 92.0;
/// The width of the left and right panels.
pub const SIDES_PX: (f32, f32) = (372.0, 432.0);
const MARGIN_PX: f32 = 24.0;

/// Builds the interface for the scene, and anew whenever another one is shown.
pub(super) fn build(
    mut commands: Commands,
    faces: Res<FontFaces>,
    scheme: Res<CurrentScheme>,
    scenes: Res<Scenes>,
    roots: Query<Entity, With<SceneRoot>>,
    mut board: ResMut<Board>,
    mut built: Local<Option<u32>>,
) {
    if built.replace(scenes.version) == Some(scenes.version) {
        return;
    }
    roots.iter().for_each(|root| commands.entity(root).despawn());
    let kit = Kit { faces: &faces, scheme: &scheme.0 };
    let scene = scenes.current();
    // Names lie on the ground, below everything else.
    labels::build(&mut commands, &faces, &scheme.0);
    mode::frame(&mut commands, &kit, scenes.mode());
    bar(&mut commands, &kit, scenes.mode());
    for side in [Side::Left, Side::Right] {
        commands.spawn((column(side), SceneRoot)).with_children(|parent| {
            scene.panels(side).into_iter().for_each(|panel| panel::spawn(parent, &kit, panel));
        });
    }
    foot(&mut commands, &kit);
    // Its texts are new and empty.
    board.set_changed();
}

fn bar(commands: &mut Commands, kit: &Kit<'_>, now: Mode) {
    let third =
        |justify| Node { width: percent(33.3), align_items: AlignItems::Center, justify_content: justify, column_gap: px(14), ..default() };
    commands
        .spawn((
            Node {
                position_type: PositionType::Absolute,
                width: percent(100),
                height: px(BAR_PX),
                padding: UiRect::horizontal(px(MARGIN_PX)),
                align_items: AlignItems::Center,
                justify_content: JustifyContent::SpaceBetween,
                border: UiRect::bottom(px(1)),
                ..default()
            },
            kit.plate(),
            SceneRoot,
        ))
        .with_children(|bar| {
            bar.spawn(third(JustifyContent::Start)).with_children(|left| {
                mode::tag(left, kit, now);
                left.spawn((
                    Node { padding: UiRect::axes(px(8), px(1)), border_radius: BorderRadius::all(px(4)), ..default() },
                    BackgroundColor(Color::NONE),
                    LinkTag,
                ))
                .with_child((kit.text("", 22.0, false, kit.soft()), Field::Link));
            });
            let title = Node { flex_direction: FlexDirection::Column, align_items: AlignItems::Center, flex_shrink: 0.0, ..default() };
            bar.spawn((title, Button, super::menu::MenuButton)).with_children(|middle| {
                middle.spawn((kit.text("", 38.0, true, kit.ink()), Field::Title(0), bevy::text::LetterSpacing::Px(2.0)));
                middle.spawn((kit.text("", 20.0, false, kit.faint()), Field::Title(1), bevy::text::LetterSpacing::Px(0.6)));
            });
            bar.spawn(third(JustifyContent::End)).with_children(|right| {
                right.spawn((kit.text("", 22.0, false, kit.soft()), Field::Date));
                right.spawn((kit.text("", 44.0, true, kit.ink()), Field::Clock));
            });
        });
}

fn column(side: Side) -> impl Bundle {
    let (left, right) = match side {
        Side::Left => (px(MARGIN_PX), auto()),
        Side::Right => (auto(), px(MARGIN_PX)),
    };
    let width = if side == Side::Left { SIDES_PX.0 } else { SIDES_PX.1 };
    Node {
        position_type: PositionType::Absolute,
        top: px(BAR_PX + MARGIN_PX),
        left,
        right,
        width: px(width),
        flex_direction: FlexDirection::Column,
        row_gap: px(16),
        ..default()
    }
}

fn foot(commands: &mut Commands, kit: &Kit<'_>) {
    let line = |bottom: f32| Node {
        position_type: PositionType::Absolute,
        bottom: px(bottom),
        width: percent(100),
        justify_content: JustifyContent::Center,
        ..default()
    };
    let plate =
        Node { padding: UiRect::axes(px(14), px(4)), border: UiRect::all(px(1)), border_radius: BorderRadius::all(px(4)), ..default() };
    for (shown, field, bottom) in [(Shown::Notice, Field::Notice, 18.0), (Shown::Complaint, Field::Complaint, 62.0)] {
        commands.spawn((line(bottom), shown, SceneRoot)).with_children(|l| {
            l.spawn((plate.clone(), kit.plate())).with_child((kit.text("", 20.0, false, kit.soft()), field));
        });
    }
    // The past has a broad frame in reverse, so that no photograph of the wall can be mistaken for now.
    let whole = Node {
        position_type: PositionType::Absolute,
        width: percent(100),
        height: percent(100),
        border: UiRect::all(px(18)),
        align_items: AlignItems::End,
        justify_content: JustifyContent::Center,
        ..default()
    };
    let paper = super::style::ink([kit.scheme.plate[0], kit.scheme.plate[1], kit.scheme.plate[2]]);
    commands.spawn((whole, BorderColor::all(kit.ink()), GlobalZIndex(21), Shown::Replay, SceneRoot)).with_children(|frame| {
        let tag = Node { padding: UiRect::axes(px(28), px(6)), ..default() };
        frame.spawn((tag, BackgroundColor(kit.ink()))).with_child((kit.text("", 40.0, true, paper), Field::Replay));
    });
    commands
        .spawn((
            Node {
                position_type: PositionType::Absolute,
                width: percent(100),
                height: percent(100),
                align_items: AlignItems::Center,
                justify_content: JustifyContent::Center,
                ..default()
            },
            Shown::Waiting,
            SceneRoot,
        ))
        .with_children(|middle| {
            let node = Node {
                padding: UiRect::axes(px(36), px(24)),
                border: UiRect::all(px(1)),
                border_radius: BorderRadius::all(px(6)),
                ..default()
            };
            middle.spawn((node, kit.plate())).with_child((kit.text("", 32.0, false, kit.ink()), Field::Waiting));
        });
}
