//! Builds the interface of a scene: a bar above, panels at the sides, a line at the foot.
//!
//! Sizes are pixels at 1080 lines; nothing that is to be read is smaller than 20.

use super::{
    board::Board,
    kit::Kit,
    labels, mode, named, panel,
    style::{FontFaces, fit},
};
use crate::{
    city::CurrentScheme,
    displays::Displays,
    scene::{EVENT_ROWS, Mode, PanelKind, ScenePanel, Scenes, Side},
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

/// A column of panels.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column;

/// Everything that is built for a scene, and built anew for the next one.
#[derive(Component)]
pub struct SceneRoot;

/// The height of the bar.
pub const BAR_PX: f32 = 92.0;
/// The width of the left and right panels.
pub const SIDES_PX: (f32, f32) = (372.0, 432.0);
/// Between panels and the edge of the wall.
pub const MARGIN_PX: f32 = 24.0;
/// The frame of the past, narrower than the margin of the panels.
const REPLAY_FRAME_PX: f32 = 14.0;

/// A list of events without its rows, and one of these.
const EVENTS_PX: (f32, f32) = (135.0, 65.0);
/// Between two panels.
const GAP_PX: f32 = 16.0;

/// Builds the interface for the scene, and anew whenever another one is shown.
pub(super) fn build(
    mut commands: Commands,
    (faces, scheme, scenes): (Res<FontFaces>, Res<CurrentScheme>, Res<Scenes>),
    roots: Query<Entity, With<SceneRoot>>,
    displays: Res<Displays>,
    (mut board, mut images): (ResMut<Board>, ResMut<Assets<Image>>),
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
    named::build(&mut commands, &faces, &scheme.0);
    mode::frame(&mut commands, &kit, scenes.mode(), middle.clone(), &mut images);
    bar(&mut commands, &kit, scenes.mode(), middle.clone());
    for side in [Side::Left, Side::Right] {
        commands.spawn((column(side), Column, SceneRoot)).with_children(|parent| {
            scene.panels(side, scenes.mode()).into_iter().for_each(|panel| panel::spawn(parent, &kit, shortened(panel, &displays)));
        });
    }
    foot(&mut commands, &kit, middle, mode::foot_px(scenes.mode()));
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
                padding: UiRect { top: px(mode::head_px(now)), ..UiRect::horizontal(px(MARGIN_PX)) },
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
            bar.spawn(Node { top: px(mode::head_px(now)), bottom: px(0), align_items: AlignItems::Center, ..middle }).with_children(
                |line| {
                    line.spawn((title, Button, super::menu::MenuButton)).with_children(|middle| {
                        middle.spawn((kit.text("", 38.0, true, kit.ink()), Field::Title(0), bevy::text::LetterSpacing::Px(2.0)));
                        middle.spawn((kit.text("", 20.0, false, kit.faint()), Field::Title(1), bevy::text::LetterSpacing::Px(0.6)));
                    });
                },
            );
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
        row_gap: px(GAP_PX),
        ..default()
    }
}

/// A list of events that ends above the first horizontal seam.
fn shortened(mut panel: ScenePanel, displays: &Displays) -> ScenePanel {
    let rows = (displays.size.y as f32 / fit(displays.whole()) - BAR_PX - MARGIN_PX - EVENTS_PX.0) / EVENTS_PX.1;
    if displays.grid.y > 1 && panel.kind == PanelKind::Events {
        panel.rows = Some((rows.max(1.0) as usize).min(panel.rows.unwrap_or(EVENT_ROWS)));
    }
    panel
}

/// Moves panels down, below the horizontal seams that they would lie on. How tall they are is known from the
/// frame before.
pub(super) fn off_seams(
    (displays, scale, windows): (Res<Displays>, Res<UiScale>, Query<&Window>),
    columns: Query<&Children, With<Column>>,
    mut panels: Query<(&ComputedNode, &mut Node), Without<Column>>,
) {
    if displays.grid.y == 1 {
        return;
    }
    let factor = (scale.0 * windows.iter().next().map_or(1.0, Window::scale_factor)).max(1e-3);
    let rows = (1..displays.grid.y).map(|row| {
        let [above, below] = [row - 1, row].map(|row| displays.display(UVec2::new(0, row)).as_rect());
        (above.max.y / factor, below.min.y / factor)
    });
    let seams: Vec<(f32, f32)> = rows.collect();
    for children in &columns {
        let mut top = BAR_PX + MARGIN_PX;
        for panel in children {
            let Ok((computed, mut node)) = panels.get_mut(*panel) else { continue };
            let height = computed.size().y / factor;
            let moved = below_seams(top, height, &seams);
            if node.margin.top != px(moved) {
                node.margin.top = px(moved);
            }
            top += moved + height + GAP_PX;
        }
    }
}

/// How far down something so high has to move, to be on no seam: these are from their upper to their lower edge,
/// from above.
fn below_seams(top: f32, height: f32, seams: &[(f32, f32)]) -> f32 {
    let mut at = top;
    for (above, below) in seams {
        if at < *below && at + height > *above {
            at = below + GAP_PX;
        }
    }
    at - top
}

/// The lines at the foot, each above the other, and the frame of the past around everything.
fn foot(commands: &mut Commands, kit: &Kit<'_>, middle: Node, lift: f32) {
    let plate = || Node {
        max_width: percent(96),
        padding: UiRect::axes(px(14), px(4)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(4)),
        ..default()
    };
    let column = Node {
        bottom: px(18.0 + lift),
        flex_direction: FlexDirection::Column,
        justify_content: JustifyContent::End,
        align_items: AlignItems::Center,
        row_gap: px(4),
        ..middle.clone()
    };
    // Above the frame, of which the last line is a part.
    commands.spawn((column, GlobalZIndex(22), SceneRoot)).with_children(|column| {
        for (shown, field) in
            [(Shown::Diagnostics, Field::Diagnostics), (Shown::Complaint, Field::Complaint), (Shown::Notice, Field::Notice)]
        {
            let mut line = column.spawn((plate(), kit.plate(), shown));
            // Many lines of it lie over whatever is there.
            if shown == Shown::Diagnostics {
                let [r, g, b, _] = kit.scheme.plate;
                line.insert(BackgroundColor(super::style::ink([r, g, b])));
            }
            // What is longer than the display is wide takes two lines; a bundle has a component once.
            line.with_children(|plate| {
                plate.spawn((kit.text("", 20.0, false, kit.soft()), field)).insert(TextLayout::default());
            });
        }
        let paper = super::style::ink([kit.scheme.plate[0], kit.scheme.plate[1], kit.scheme.plate[2]]);
        let tag = Node { padding: UiRect::axes(px(28), px(1)), ..default() };
        column.spawn((tag, BackgroundColor(kit.ink()), Shown::Replay)).with_child((kit.text("", 32.0, true, paper), Field::Replay));
    });
    // The past has a broad frame in reverse, so that no photograph of the wall can be mistaken for now. It leaves the
    // bar free, where it would cut the title.
    let frame = Node {
        position_type: PositionType::Absolute,
        top: px(BAR_PX),
        bottom: px(0),
        width: percent(100),
        border: UiRect::all(px(REPLAY_FRAME_PX)),
        ..default()
    };
    commands.spawn((frame, BorderColor::all(kit.ink()), GlobalZIndex(21), Shown::Replay, SceneRoot));
    commands.spawn((Node { height: percent(100), align_items: AlignItems::Center, ..middle }, Shown::Waiting, SceneRoot)).with_children(
        |middle| {
            let node = Node {
                padding: UiRect::axes(px(36), px(24)),
                border: UiRect::all(px(1)),
                border_radius: BorderRadius::all(px(6)),
                ..default()
            };
            middle.spawn((node, kit.plate())).with_child((kit.text("", 32.0, false, kit.ink()), Field::Waiting));
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_moves_below_the_seam_that_it_would_lie_on() {
        let seams = [(540.0, 550.0), (1090.0, 1100.0)];
        assert!(below_seams(116.0, 400.0, &seams).abs() < 0.1, "it ends above the seam");
        assert!((below_seams(300.0, 400.0, &seams) - 266.0).abs() < 0.1);
        assert!((below_seams(545.0, 300.0, &seams) - 21.0).abs() < 0.1, "it would begin on the seam");
        assert!((below_seams(500.0, 530.0, &seams) - 616.0).abs() < 0.1, "the next display is too low for it as well");
    }
}
