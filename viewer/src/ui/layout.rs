//! Builds the interface once: a bar above, panels at the sides, a line at the foot.
//!
//! Sizes are pixels at 1080 lines; nothing that is to be read is smaller than 20.

use super::{
    board::{COLLECTION_ROWS, EVENT_ROWS, LEVEL_GLYPHS, LEVEL_NAMES},
    labels,
    style::{FontFaces, ink, ink_alpha, text},
};
use crate::{
    city::{CurrentScheme, Wish},
    scene::{PanelKind, ScenePanel, Scheme, Side},
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
    /// Open incidents.
    Total,
    /// Open incidents of a level.
    Level(usize),
    /// When a panel's data was heard of.
    PanelTime(PanelKind),
    /// A collection's title.
    CollectionTitle(usize),
    /// A collection's count.
    CollectionCount(usize),
    /// An incident's shape.
    EventGlyph(usize),
    /// An incident's title.
    EventTitle(usize),
    /// An incident's time and level.
    EventMeta(usize),
    /// How many incidents are not listed.
    More,
    /// What the stars mean.
    Stars,
    /// What stands in the middle while there is no picture.
    Waiting,
    /// That data is generated.
    Notice,
    /// What the wall has to complain of.
    Complaint,
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
    /// A row of the list.
    Event(usize),
    /// A row of the collections.
    Collection(usize),
    /// While incidents are left out.
    More,
    /// While a collection has a star.
    Stars,
}

/// A tag that stands out while its data is old.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleTag {
    /// Of the live line.
    Live,
    /// Of the document.
    Document,
}

/// The height of the bar.
pub const BAR_PX: f32 = 92.0;
/// The width of the left and right panels.
pub const SIDES_PX: (f32, f32) = (372.0, 432.0);
const MARGIN_PX: f32 = 24.0;

struct Kit<'a> {
    faces: &'a FontFaces,
    scheme: &'a Scheme,
}

impl Kit<'_> {
    fn text(&self, content: &str, size: f32, bold: bool, colour: Color) -> impl Bundle + use<> {
        text(self.faces, content, size, bold, colour)
    }

    fn ink(&self) -> Color {
        ink(self.scheme.ink)
    }

    fn soft(&self) -> Color {
        ink(self.scheme.ink_soft)
    }

    fn faint(&self) -> Color {
        ink(self.scheme.ink_faint)
    }

    fn plate(&self) -> impl Bundle + use<> {
        (BackgroundColor(ink_alpha(self.scheme.plate)), BorderColor::all(ink_alpha(self.scheme.rule)))
    }
}

pub(super) fn build(mut commands: Commands, faces: Res<FontFaces>, scheme: Res<CurrentScheme>, wish: Res<Wish>) {
    let kit = Kit { faces: &faces, scheme: &scheme.0 };
    // Names lie on the ground, below everything else.
    labels::build(&mut commands, &faces, &scheme.0);
    bar(&mut commands, &kit);
    for side in [Side::Left, Side::Right] {
        let column = commands.spawn(column(side)).id();
        for panel in wish.scene.panels(side) {
            commands.entity(column).with_children(|parent| build_panel(parent, &kit, &panel));
        }
    }
    foot(&mut commands, &kit);
}

fn bar(commands: &mut Commands, kit: &Kit<'_>) {
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
        ))
        .with_children(|bar| {
            bar.spawn(third(JustifyContent::Start)).with_children(|left| {
                left.spawn((
                    Node {
                        padding: UiRect::axes(px(14), px(3)),
                        border: UiRect::all(px(1.5)),
                        border_radius: BorderRadius::all(px(4)),
                        ..default()
                    },
                    BorderColor::all(kit.soft()),
                ))
                .with_child(kit.text("平时", 24.0, true, kit.ink()));
                stale_tag(left, kit, StaleTag::Live, Field::Link, 22.0);
            });
            bar.spawn(Node { flex_direction: FlexDirection::Column, align_items: AlignItems::Center, flex_shrink: 0.0, ..default() })
                .with_children(|middle| {
                    middle.spawn((kit.text("", 38.0, true, kit.ink()), Field::Title(0), bevy::text::LetterSpacing::Px(2.0)));
                    middle.spawn((kit.text("", 20.0, false, kit.faint()), Field::Title(1), bevy::text::LetterSpacing::Px(0.6)));
                });
            bar.spawn(third(JustifyContent::End)).with_children(|right| {
                right.spawn((kit.text("", 22.0, false, kit.soft()), Field::Date));
                right.spawn((kit.text("", 44.0, true, kit.ink()), Field::Clock));
            });
        });
}

fn stale_tag(parent: &mut ChildSpawnerCommands<'_>, kit: &Kit<'_>, tag: StaleTag, field: Field, size: f32) {
    parent
        .spawn((
            Node { padding: UiRect::axes(px(8), px(1)), border_radius: BorderRadius::all(px(4)), ..default() },
            BackgroundColor(Color::NONE),
            tag,
        ))
        .with_child((kit.text("", size, false, kit.soft()), field));
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
        row_gap: px(20),
        ..default()
    }
}

fn build_panel(parent: &mut ChildSpawnerCommands<'_>, kit: &Kit<'_>, panel: &ScenePanel) {
    let heading = panel.title.as_deref().unwrap_or(match panel.kind {
        PanelKind::Levels => "未结事件",
        PanelKind::Collections => "城市要素",
        PanelKind::Events => "事件列表",
    });
    parent
        .spawn((
            Node {
                flex_direction: FlexDirection::Column,
                padding: UiRect::axes(px(20), px(14)),
                border: UiRect::all(px(1)),
                border_radius: BorderRadius::all(px(6)),
                ..default()
            },
            kit.plate(),
        ))
        .with_children(|plate| {
            plate
                .spawn(Node {
                    justify_content: JustifyContent::SpaceBetween,
                    align_items: AlignItems::Center,
                    margin: UiRect::bottom(px(4)),
                    ..default()
                })
                .with_children(|head| {
                    head.spawn(kit.text(heading, 24.0, true, kit.ink()));
                    let tag = if panel.kind == PanelKind::Collections { StaleTag::Document } else { StaleTag::Live };
                    stale_tag(head, kit, tag, Field::PanelTime(panel.kind), 20.0);
                });
            match panel.kind {
                PanelKind::Levels => levels(plate, kit),
                PanelKind::Collections => collections(plate, kit),
                PanelKind::Events => events(plate, kit),
            }
        });
}

fn row() -> Node {
    Node { justify_content: JustifyContent::SpaceBetween, align_items: AlignItems::Center, border: UiRect::top(px(1)), ..default() }
}

fn levels(plate: &mut ChildSpawnerCommands<'_>, kit: &Kit<'_>) {
    plate.spawn(Node { align_items: AlignItems::Baseline, column_gap: px(10), ..default() }).with_children(|total| {
        total.spawn((kit.text("", 68.0, true, kit.ink()), Field::Total));
        total.spawn(kit.text("件", 24.0, false, kit.soft()));
    });
    for level in [1, 2, 3, 4, 0] {
        plate.spawn((row(), BorderColor::all(ink_alpha(kit.scheme.rule)))).with_children(|line| {
            line.spawn(Node { align_items: AlignItems::Center, column_gap: px(12), ..default() }).with_children(|name| {
                name.spawn((Node { width: px(28), justify_content: JustifyContent::Center, ..default() },)).with_child(kit.text(
                    LEVEL_GLYPHS[level],
                    26.0,
                    true,
                    ink(kit.scheme.levels[level]),
                ));
                name.spawn(kit.text(LEVEL_NAMES[level], 22.0, false, kit.soft()));
            });
            line.spawn((kit.text("", 40.0, true, kit.ink()), Field::Level(level)));
        });
    }
}

fn collections(plate: &mut ChildSpawnerCommands<'_>, kit: &Kit<'_>) {
    for i in 0..COLLECTION_ROWS {
        plate.spawn((row(), BorderColor::all(ink_alpha(kit.scheme.rule)), Shown::Collection(i))).with_children(|line| {
            line.spawn((kit.text("", 22.0, false, kit.soft()), Field::CollectionTitle(i)));
            line.spawn((kit.text("", 40.0, true, kit.ink()), Field::CollectionCount(i)));
        });
    }
    remark(plate, kit, Shown::Stars, Field::Stars);
}

fn events(plate: &mut ChildSpawnerCommands<'_>, kit: &Kit<'_>) {
    for i in 0..EVENT_ROWS {
        let node = Node {
            column_gap: px(14),
            align_items: AlignItems::Center,
            padding: UiRect::vertical(px(6)),
            border: UiRect::top(px(1)),
            ..default()
        };
        plate
            .spawn((node, BorderColor::all(ink_alpha(kit.scheme.rule)), Button, BackgroundColor(Color::NONE), Shown::Event(i)))
            .with_children(|line| {
                line.spawn(Node { width: px(30), justify_content: JustifyContent::Center, ..default() })
                    .with_child((kit.text("", 28.0, true, kit.ink()), Field::EventGlyph(i)));
                line.spawn(Node { flex_direction: FlexDirection::Column, width: px(330), overflow: Overflow::clip(), ..default() })
                    .with_children(|texts| {
                        texts.spawn((kit.text("", 24.0, false, kit.ink()), Field::EventTitle(i)));
                        texts.spawn((kit.text("", 20.0, false, kit.faint()), Field::EventMeta(i)));
                    });
            });
    }
    remark(plate, kit, Shown::More, Field::More);
}

fn remark(plate: &mut ChildSpawnerCommands<'_>, kit: &Kit<'_>, shown: Shown, field: Field) {
    plate
        .spawn((
            Node { padding: UiRect::top(px(8)), border: UiRect::top(px(1)), ..default() },
            BorderColor::all(ink_alpha(kit.scheme.rule)),
            shown,
        ))
        .with_child((kit.text("", 20.0, false, kit.faint()), field));
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
        commands.spawn((line(bottom), shown)).with_children(|l| {
            l.spawn((plate.clone(), kit.plate())).with_child((kit.text("", 20.0, false, kit.soft()), field));
        });
    }
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
