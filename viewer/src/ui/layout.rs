//! Builds the interface of a scene: a bar above, panels at the sides, a line at the foot.
//!
//! Sizes are pixels at 1080 lines; nothing that is to be read is smaller than 20.

use super::{board::Board, kit::Kit, labels, mode, panel, style::FontFaces};
use crate::{
    city::CurrentScheme,
    displays::Displays,
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
    /// What is drawn, and how fast.
    Diagnostics,
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
    /// While it is asked for.
    Diagnostics,
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
/// Between panels and the edge of the wall.
pub const MARGIN_PX: f32 = 24.0;

/// Builds the interface for the scene, and anew whenever another one is shown.
pub(super) fn build(
    mut commands: Commands,
    (faces, scheme, scenes): (Res<FontFaces>, Res<CurrentScheme>, Res<Scenes>),
    roots: Query<Entity, With<SceneRoot>>,
    displays: Res<Displays>,
    mut board: ResMut<Board>,
    mut built: Local<Option<u32>>,
) {
    if built.replace(scenes.version) == Some(scenes.version) {
        return;
    }
    roots.iter().for_each(|root| commands.entity(root).despawn());
    let kit = Kit { faces: &faces, scheme: &scheme.0 };
    let middle = middle(&displays);
    let scene = scenes.current();
    // Names lie on the ground, below everything else.
    labels::build(&mut commands, &faces, &scheme.0);
    mode::frame(&mut commands, &kit, scenes.mode(), middle.clone());
    bar(&mut commands, &kit, scenes.mode(), middle.clone());
    for side in [Side::Left, Side::Right] {
        commands.spawn((column(side), SceneRoot)).with_children(|parent| {
            scene.panels(side).into_iter().for_each(|panel| panel::spawn(parent, &kit, panel));
        });
    }
    foot(&mut commands, &kit, middle);
    // Its texts are new and empty.
    board.set_changed();
}

/// A line across the display in the middle of the wall, whose content is in its middle: over a seam
/// nothing could be read.
pub(super) fn middle(displays: &Displays) -> Node {
    let (left, width) = displays.middle_across();
    Node {
        position_type: PositionType::Absolute,
        left: percent(left * 100.0),
        width: percent(width * 100.0),
        justify_content: JustifyContent::Center,
        ..default()
    }
}

fn bar(commands: &mut Commands, kit: &Kit<'_>, now: Mode, middle: Node) {
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
            let title = Node { flex_direction: FlexDirection::Column, align_items: AlignItems::Center, ..default() };
            bar.spawn(Node { top: px(0), height: percent(100), align_items: AlignItems::Center, ..middle }).with_children(|line| {
                line.spawn((title, Button, super::menu::MenuButton)).with_children(|middle| {
                    middle.spawn((kit.text("", 38.0, true, kit.ink()), Field::Title(0), bevy::text::LetterSpacing::Px(2.0)));
                    middle.spawn((kit.text("", 20.0, false, kit.faint()), Field::Title(1), bevy::text::LetterSpacing::Px(0.6)));
                });
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

fn foot(commands: &mut Commands, kit: &Kit<'_>, middle: Node) {
    let line = |bottom: f32| Node { bottom: px(bottom), ..middle.clone() };
    let plate =
        Node { padding: UiRect::axes(px(14), px(4)), border: UiRect::all(px(1)), border_radius: BorderRadius::all(px(4)), ..default() };
    let plates =
        [(Shown::Notice, Field::Notice, 18.0), (Shown::Complaint, Field::Complaint, 62.0), (Shown::Diagnostics, Field::Diagnostics, 106.0)];
    for (shown, field, bottom) in plates {
        commands.spawn((line(bottom), shown, SceneRoot)).with_children(|l| {
            l.spawn((plate.clone(), kit.plate())).with_child((kit.text("", 20.0, false, kit.soft()), field));
        });
    }
    // The past has a broad frame in reverse, so that no photograph of the wall can be mistaken for now.
    let whole =
        Node { position_type: PositionType::Absolute, width: percent(100), height: percent(100), border: UiRect::all(px(18)), ..default() };
    let paper = super::style::ink([kit.scheme.plate[0], kit.scheme.plate[1], kit.scheme.plate[2]]);
    commands.spawn((whole, BorderColor::all(kit.ink()), GlobalZIndex(21), Shown::Replay, SceneRoot)).with_children(|frame| {
        let tag = Node { padding: UiRect::axes(px(28), px(6)), ..default() };
        frame.spawn(line(0.0)).with_children(|line| {
            line.spawn((tag, BackgroundColor(kit.ink()))).with_child((kit.text("", 40.0, true, paper), Field::Replay));
        });
    });
    commands
        .spawn((Node { height: percent(100), align_items: AlignItems::Center, ..middle.clone() }, Shown::Waiting, SceneRoot))
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
