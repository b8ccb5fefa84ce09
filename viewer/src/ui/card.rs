//! The card of what was picked: its attributes, its live values, and where more is to be had.

use super::{
    kit::Kit,
    layout::{BAR_PX, SIDES_PX},
    panel::PanelDesk,
    style::FontFaces,
    words::{cut, grouped, when},
};
use crate::{
    camera::Rig,
    city::{Card, Chosen, City, CityFeed, CurrentScheme, Ground, Pick, PictureSize, ThingBook, Tiles, WallClock, click},
    displays::Displays,
    net::encode,
    scene::Scenes,
};
use bevy::prelude::*;
use std::time::Duration;

/// Attributes that a card has room for.
const ATTRIBUTES_MAX: usize = 12;
/// States of its past that a card has room for.
const HISTORY_MAX: usize = 4;
/// The card's width, pixels at 1080 lines.
const WIDTH_PX: f32 = 440.0;
/// A press that moves farther than this is a drag, pixels.
const DRAG_PX: f32 = 6.0;

/// What a card shows: the item, its last states, and the scene's version.
type Shown = (Card, Vec<[String; 2]>, u32);

/// The card on the screen.
#[derive(Component)]
pub struct CardRoot;

/// Shows the card, or takes it away.
pub(super) fn show(
    mut commands: Commands,
    pick: Res<Pick>,
    (city, scenes, desk, feed): (Res<City>, Res<Scenes>, Res<PanelDesk>, Res<CityFeed>),
    (faces, scheme, clock): (Res<FontFaces>, Res<CurrentScheme>, Res<WallClock>),
    roots: Query<Entity, With<CardRoot>>,
    mut shown: Local<Option<Shown>>,
) {
    let next = pick.card.as_ref().map(|card| (card.clone(), past(card, &city, &desk, &clock), scenes.version));
    if *shown == next {
        return;
    }
    roots.iter().for_each(|root| commands.entity(root).despawn());
    if let Some((card, past, _)) = &next {
        let kit = Kit { faces: &faces, scheme: &scheme.0 };
        build(&mut commands, &kit, card, past, &city, feed.server.address());
    }
    *shown = next;
}

/// The last states of a live item, the newest first; empty if the server keeps none.
fn past(card: &Card, city: &City, desk: &PanelDesk, clock: &WallClock) -> Vec<[String; 2]> {
    let is_live = city.document.as_ref().is_some_and(|d| d.collections.iter().any(|c| c.id == card.collection && c.open.is_some()));
    if !is_live {
        return Vec::new();
    }
    let path = format!("/collections/{}/items/{}/history?limit=50", encode(&card.collection), encode(&card.id));
    let Some(page) = desk.0.ask(&path, Duration::from_secs(10)).page else { return Vec::new() };
    let text = |f: &citywall_wire::Feature, name: &str| f.properties.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let state = |f: &citywall_wire::Feature| {
        // A state that only corrected the item has its own instant in `since`, where the server says it.
        let since = ["since", "time"].map(|n| text(f, n)).into_iter().find(|t| !t.is_empty()).unwrap_or_default();
        [when(&since, city.time_zone(), clock.time()), text(f, "status")]
    };
    let mut states: Vec<[String; 2]> = page.features.iter().map(state).filter(|s| !s[0].is_empty()).collect();
    states.reverse();
    states.dedup();
    states.truncate(HISTORY_MAX);
    states
}

fn build(commands: &mut Commands, kit: &Kit<'_>, card: &Card, past: &[[String; 2]], city: &City, server: &str) {
    let place = Node {
        position_type: PositionType::Absolute,
        top: px(BAR_PX + 24.0),
        left: px(SIDES_PX.0 + 48.0),
        width: px(WIDTH_PX),
        flex_direction: FlexDirection::Column,
        padding: UiRect::axes(px(20), px(12)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let collection = city.document.as_ref().and_then(|d| d.collections.iter().find(|c| c.id == card.collection));
    let title = collection.map_or_else(|| card.collection.clone(), super::words::collection_title);
    commands.spawn((place, kit.plate(), GlobalZIndex(8), CardRoot)).with_children(|plate| {
        plate.spawn(kit.text(&title, 20.0, false, kit.faint()));
        let Some(feature) = &card.feature else {
            let why = card.failure.as_ref().map_or_else(|| "正在查询 …".to_owned(), |f| format!("没有查到：{f}"));
            plate.spawn(kit.text(&cut(&why, 20.0), 22.0, false, kit.soft()));
            return;
        };
        let text = |name: &str| feature.properties.get(name).and_then(|v| v.as_str()).filter(|t| !t.trim().is_empty());
        plate.spawn(kit.text(&cut(text("title").or_else(|| text("name")).unwrap_or(&feature.id), 14.0), 30.0, true, kit.ink()));
        let skipped = ["title", "name", "recorded"];
        let attributes = feature.properties.iter().filter(|(name, value)| !skipped.contains(&name.as_str()) && !value.is_null());
        for (name, value) in attributes.take(ATTRIBUTES_MAX) {
            let value = words(value, city);
            let row = Node { justify_content: JustifyContent::SpaceBetween, column_gap: px(16), border: UiRect::top(px(1)), ..default() };
            plate.spawn((row, BorderColor::all(kit.rule()))).with_children(|row| {
                row.spawn(kit.text(&cut(label(name), 8.0), 20.0, false, kit.faint()));
                row.spawn(kit.text(&cut(&value, 13.0), 22.0, false, kit.ink()));
            });
        }
        for [at, status] in past {
            plate.spawn(kit.text(&format!("{at}　{status}"), 20.0, false, kit.soft()));
        }
        let link = format!("{server}/collections/{}/items/{}", card.collection, card.id);
        plate.spawn(kit.text(&cut(&link, 19.0), 20.0, false, kit.faint()));
    });
}

fn words(value: &serde_json::Value, city: &City) -> String {
    match value {
        serde_json::Value::String(text) if text.len() >= 20 && text.parse::<jiff::Timestamp>().is_ok() => {
            when(text, city.time_zone(), jiff::Timestamp::UNIX_EPOCH)
        }
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(n) if n.as_u64().is_some_and(|n| n >= 10_000) => n.as_u64().map_or_else(String::new, grouped),
        serde_json::Value::Bool(yes) => if *yes { "是" } else { "否" }.to_owned(),
        other => other.to_string(),
    }
}

/// The names of attributes that the city's own collections have.
fn label(name: &str) -> &str {
    match name {
        "height" => "高度（米）",
        "floors" => "层数",
        "use" => "用途",
        "built" => "建成年份",
        "ground_m" => "地面高程（米）",
        "footprint_m2" => "占地（平方米）",
        "status" => "状态",
        "state" => "状况",
        "time" => "时间",
        "level" => "级别",
        "class" => "类别",
        "source" => "来源",
        "code" => "编码",
        "type" => "类型",
        "kind_name" => "类别",
        "road" => "道路",
        "heading" => "朝向（度）",
        "speed" => "速度（公里/时）",
        "people" => "人口",
        "area_km2" => "面积（平方公里）",
        "size" => "规模",
        "community" => "社区",
        "count" => "次数",
        "rule" => "规则",
        "value" => "数值",
        other => other,
    }
}

/// A click that was no drag picks what lies under the pointer; Escape closes the card.
#[expect(clippy::too_many_arguments, reason = "what may lie under the pointer")]
pub(super) fn picks(
    mut keys: ResMut<ButtonInput<KeyCode>>,
    buttons: Res<ButtonInput<MouseButton>>,
    windows: Query<&Window>,
    interactions: Query<&Interaction>,
    (mut pick, mut chosen): (ResMut<Pick>, ResMut<Chosen>),
    (rig, size, displays): (Res<Rig>, Res<PictureSize>, Res<Displays>),
    (tiles, ground): (Res<Tiles>, Res<Ground>),
    (feed, city, scenes, things): (Res<CityFeed>, Res<City>, Res<Scenes>, Res<ThingBook>),
    mut pressed: Local<Option<Vec2>>,
) {
    if pick.card.is_some() && keys.just_pressed(KeyCode::Escape) {
        pick.close();
        chosen.0 = None;
        // It closes the card alone.
        keys.reset(KeyCode::Escape);
    }
    let Some(pointer) = windows.iter().next().and_then(|window| displays.pointer(window)) else { return };
    if buttons.just_pressed(MouseButton::Left) {
        *pressed = interactions.iter().all(|i| *i == Interaction::None).then_some(pointer);
    }
    if buttons.just_released(MouseButton::Left)
        && let Some(start) = pressed.take()
        && start.distance(pointer) < DRAG_PX
    {
        click(pointer, &mut pick, &mut chosen, &rig, size.0, (&feed, &city, &scenes, &things), (&tiles, &ground));
    }
}
