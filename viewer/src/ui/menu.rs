//! The menu of scenes: M or a click on the title opens it, a key or a click shows the scene.

use super::{kit::Kit, style::FontFaces};
use crate::{
    city::CurrentScheme,
    displays::Displays,
    scene::{Named, Scenes},
};
use bevy::prelude::*;

/// The keys of the scenes in the order of the menu.
const KEYS: [(KeyCode, &str); 36] = {
    use KeyCode as K;
    [
        (K::Digit1, "1"),
        (K::Digit2, "2"),
        (K::Digit3, "3"),
        (K::Digit4, "4"),
        (K::Digit5, "5"),
        (K::Digit6, "6"),
        (K::Digit7, "7"),
        (K::Digit8, "8"),
        (K::Digit9, "9"),
        (K::Digit0, "0"),
        (K::KeyA, "A"),
        (K::KeyB, "B"),
        (K::KeyC, "C"),
        (K::KeyD, "D"),
        (K::KeyE, "E"),
        (K::KeyF, "F"),
        (K::KeyG, "G"),
        (K::KeyH, "H"),
        (K::KeyI, "I"),
        (K::KeyJ, "J"),
        (K::KeyK, "K"),
        (K::KeyL, "L"),
        (K::KeyN, "N"),
        (K::KeyO, "O"),
        (K::KeyP, "P"),
        (K::KeyQ, "Q"),
        (K::KeyR, "R"),
        (K::KeyS, "S"),
        (K::KeyT, "T"),
        (K::KeyU, "U"),
        (K::KeyV, "V"),
        (K::KeyW, "W"),
        (K::KeyX, "X"),
        (K::KeyY, "Y"),
        (K::KeyZ, "Z"),
        (K::Minus, "-"),
    ]
};

/// True while the menu is open: its keys are then not the camera's.
#[derive(Resource, Default)]
pub struct MenuOpen(pub bool);

/// The title, which opens the menu.
#[derive(Component)]
pub struct MenuButton;

/// The menu.
#[derive(Component)]
pub struct Menu;

/// A scene in the menu.
#[derive(Component)]
pub struct MenuItem(usize);

/// Opens, closes, and shows what was asked for.
pub(super) fn choose(
    mut keys: ResMut<ButtonInput<KeyCode>>,
    mut open: ResMut<MenuOpen>,
    mut scenes: ResMut<Scenes>,
    items: Query<(&MenuItem, &Interaction), Changed<Interaction>>,
    title: Query<&Interaction, (With<MenuButton>, Changed<Interaction>)>,
) {
    let toggled = keys.just_pressed(KeyCode::KeyM) || title.iter().any(|i| *i == Interaction::Pressed);
    if toggled {
        open.0 = !open.0;
        return;
    }
    if !open.0 {
        return;
    }
    let by_key = KEYS.iter().position(|k| keys.just_pressed(k.0));
    let by_hand = items.iter().find(|(_, i)| **i == Interaction::Pressed).map(|(item, _)| item.0);
    if let Some(number) = by_key.or(by_hand).filter(|n| *n < scenes.list().len()) {
        scenes.show(number);
        open.0 = false;
    } else if keys.just_pressed(KeyCode::Escape) {
        open.0 = false;
    }
    // While the menu is open the keys are its own.
    keys.reset_all();
}

/// Shows the menu while it is open.
pub(super) fn show(
    mut commands: Commands,
    open: Res<MenuOpen>,
    menus: Query<Entity, With<Menu>>,
    (faces, scheme, scenes, displays): (Res<FontFaces>, Res<CurrentScheme>, Res<Scenes>, Res<Displays>),
) {
    if open.0 != menus.is_empty() {
        return;
    }
    if !open.0 {
        menus.iter().for_each(|menu| commands.entity(menu).despawn());
        return;
    }
    let kit = Kit { faces: &faces, scheme: &scheme.0 };
    let whole = Node { height: percent(100), align_items: AlignItems::Center, ..super::layout::middle(&displays) };
    commands.spawn((whole, GlobalZIndex(30), Menu)).with_children(|middle| {
        let plate = Node {
            flex_wrap: FlexWrap::Wrap,
            width: px(1120),
            padding: UiRect::all(px(28)),
            row_gap: px(16),
            column_gap: px(16),
            border: UiRect::all(px(1)),
            border_radius: BorderRadius::all(px(8)),
            ..default()
        };
        middle.spawn((plate, kit.plate())).with_children(|plate| {
            for (i, scene) in scenes.list().iter().enumerate().take(KEYS.len()) {
                item(plate, &kit, i, scene, i == scenes.number());
            }
        });
    });
}

fn item(plate: &mut ChildSpawnerCommands<'_>, kit: &Kit<'_>, number: usize, scene: &Named, is_current: bool) {
    let node = Node {
        width: px(200),
        padding: UiRect::axes(px(14), px(12)),
        column_gap: px(12),
        align_items: AlignItems::Center,
        border: UiRect::all(px(if is_current { 3 } else { 1 })),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let border = if is_current { kit.ink() } else { kit.rule() };
    plate.spawn((node, BorderColor::all(border), BackgroundColor(kit.rule()), Button, MenuItem(number))).with_children(|line| {
        line.spawn(kit.text(KEYS[number].1, 26.0, true, kit.faint()));
        line.spawn(kit.text(scene.menu(), 26.0, true, kit.ink()));
    });
}
