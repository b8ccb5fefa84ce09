//! 平时, 战时, 演练: what the city is doing, unmistakable from the back of the room and without colour.

use super::{kit::Kit, layout::SceneRoot, style::ink};
use crate::scene::{Mode, Scheme};
use bevy::{
    asset::RenderAssetUsages,
    prelude::*,
    render::render_resource::{Extent3d, TextureDimension, TextureFormat},
};

/// The frame around the wall, and its lower edge in a drill, pixels at 1080 lines.
const FRAME_PX: f32 = 14.0;
const FOOT_PX: f32 = 40.0;

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

/// The frame around the wall: none on an ordinary day, full in an emergency, hatched in a drill, with the word
/// in its lower edge, so that no photograph of the wall can be mistaken.
pub(super) fn frame(commands: &mut Commands, kit: &Kit<'_>, mode: Mode, middle: Node, images: &mut Assets<Image>) {
    let whole = Node { position_type: PositionType::Absolute, width: percent(100), height: percent(100), ..default() };
    match mode {
        Mode::Ordinary => {}
        Mode::Emergency => {
            commands.spawn((Node { border: UiRect::all(px(FRAME_PX)), ..whole }, BorderColor::all(kit.ink()), GlobalZIndex(20), SceneRoot));
        }
        Mode::Drill => {
            let hatch = images.add(hatch(kit.scheme));
            let band = |node: Node| {
                let mode = NodeImageMode::Tiled { tile_x: true, tile_y: true, stretch_value: 1.0 };
                (Node { position_type: PositionType::Absolute, ..node }, ImageNode::new(hatch.clone()).with_mode(mode))
            };
            commands.spawn((whole, GlobalZIndex(20), SceneRoot)).with_children(|frame| {
                frame.spawn(band(Node { width: percent(100), height: px(FRAME_PX), top: px(0), ..default() }));
                frame.spawn(band(Node { width: percent(100), height: px(FOOT_PX), bottom: px(0), ..default() }));
                frame.spawn(band(Node { height: percent(100), width: px(FRAME_PX), left: px(0), ..default() }));
                frame.spawn(band(Node { height: percent(100), width: px(FRAME_PX), right: px(0), ..default() }));
                let plate = Node { height: px(FOOT_PX), padding: UiRect::horizontal(px(28)), align_items: AlignItems::Center, ..default() };
                let paper = ink([kit.scheme.plate[0], kit.scheme.plate[1], kit.scheme.plate[2]]);
                frame.spawn(Node { bottom: px(0), ..middle }).with_children(|line| {
                    let word = kit.text("演练 DRILL　·　所示告警与处置均非实情", 24.0, true, paper);
                    line.spawn((plate, BackgroundColor(kit.ink()))).with_child(word);
                });
            });
        }
    }
}

/// How far the frame reaches into the wall from above, pixels at 1080 lines.
pub(super) fn head_px(mode: Mode) -> f32 {
    if mode == Mode::Ordinary { 0.0 } else { FRAME_PX }
}

/// How much higher than on an ordinary day what stands at the foot is, pixels at 1080 lines.
pub(super) fn foot_px(mode: Mode) -> f32 {
    if mode == Mode::Drill { FOOT_PX - 6.0 } else { 0.0 }
}

/// A square of diagonal stripes of ink and plate, which joins itself on all sides.
fn hatch(scheme: &Scheme) -> Image {
    const SIDE: u32 = 32;
    let (paper, letters) = ([scheme.plate[0], scheme.plate[1], scheme.plate[2]], scheme.ink);
    let pixel = |at: u32| {
        let along = (at % SIDE + at / SIDE) % SIDE;
        // Half a pixel of each at the borders, so that they are smooth.
        let share = match along {
            0 | 16 => 0.5,
            1..16 => 1.0,
            _ => 0.0,
        };
        let [r, g, b] = std::array::from_fn(|k| ((paper[k] + (letters[k] - paper[k]) * share) * 255.0).round() as u8);
        [r, g, b, 255]
    };
    let bytes: Vec<u8> = (0..SIDE * SIDE).flat_map(pixel).collect();
    let size = Extent3d { width: SIDE, height: SIDE, depth_or_array_layers: 1 };
    Image::new(size, TextureDimension::D2, bytes, TextureFormat::Rgba8Unorm, RenderAssetUsages::RENDER_WORLD)
}
