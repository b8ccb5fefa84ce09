//! 平时, 战时, 演练: what the city is doing, unmistakable from the back of the room and without colour.

use super::{kit::Kit, layout::SceneRoot, style::ink};
use crate::scene::Mode;
use bevy::prelude::*;

/// The frame around the wall, pixels at 1080 lines.
const FRAME_PX: f32 = 10.0;

fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Ordinary => "平时",
        Mode::Emergency => "战时",
        Mode::Drill => "演练",
    }
}

/// The tag in the bar: an outline on an ordinary day, full in an emergency, doubly outlined in a drill.
pub(super) fn tag(parent: &mut ChildSpawnerCommands<'_>, kit: &Kit<'_>, mode: Mode) {
    let paper = ink([kit.scheme.plate[0], kit.scheme.plate[1], kit.scheme.plate[2]]);
    let (ground, letters, size, width) = match mode {
        Mode::Ordinary => (Color::NONE, kit.ink(), 24.0, 1.5),
        Mode::Emergency => (kit.ink(), paper, 36.0, 1.5),
        Mode::Drill => (Color::NONE, kit.ink(), 36.0, 4.0),
    };
    parent
        .spawn((
            Node {
                padding: UiRect::axes(px(14), px(3)),
                border: UiRect::all(px(width)),
                border_radius: BorderRadius::all(px(4)),
                ..default()
            },
            BorderColor::all(if mode == Mode::Ordinary { kit.soft() } else { kit.ink() }),
            BackgroundColor(ground),
        ))
        .with_child(kit.text(name(mode), size, true, letters));
}

/// The frame around the wall: none on an ordinary day, full in an emergency, dashed in a drill,
/// with the word along the sides, so that no photograph of the wall can be mistaken.
pub(super) fn frame(commands: &mut Commands, kit: &Kit<'_>, mode: Mode, middle: Node) {
    let whole = Node { position_type: PositionType::Absolute, width: percent(100), height: percent(100), ..default() };
    match mode {
        Mode::Ordinary => {}
        Mode::Emergency => {
            commands.spawn((Node { border: UiRect::all(px(FRAME_PX)), ..whole }, BorderColor::all(kit.ink()), GlobalZIndex(20), SceneRoot));
        }
        Mode::Drill => {
            commands.spawn((whole, GlobalZIndex(20), SceneRoot)).with_children(|frame| {
                const DASHES: u16 = 24;
                for i in 0..DASHES {
                    let at = f32::from(i) * 100.0 / f32::from(DASHES);
                    for is_first in [true, false] {
                        let (near, far) = if is_first { (px(0), auto()) } else { (auto(), px(0)) };
                        let dash = |node: Node| (Node { position_type: PositionType::Absolute, ..node }, BackgroundColor(kit.ink()));
                        frame.spawn(dash(Node {
                            left: percent(at),
                            width: percent(2.4),
                            height: px(FRAME_PX),
                            top: near,
                            bottom: far,
                            ..default()
                        }));
                        frame.spawn(dash(Node {
                            top: percent(at),
                            height: percent(2.4),
                            width: px(FRAME_PX),
                            left: near,
                            right: far,
                            ..default()
                        }));
                    }
                }
                let words = Node { bottom: px(64), ..middle };
                frame.spawn(words).with_child((
                    kit.text("演　练　·　DRILL　·　演　练", 40.0, true, kit.ink()),
                    TextShadow { offset: Vec2::new(0.0, 2.0), color: ink(kit.scheme.ground) },
                ));
            });
        }
    }
}
