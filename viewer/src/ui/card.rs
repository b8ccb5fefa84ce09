//! The card of what was picked: its attributes, its live values, and where more is to be had.

use super::{
    kit::Kit,
    labels::Placed,
    layout::{BAR_PX, SIDES_PX},
    panel::PanelDesk,
    replay::{AlarmsNow, PLATE_PX},
    style::FontFaces,
    terms::{name_of, value_of},
    words::{cut, grouped, when, width},
};
use crate::{
    camera::Rig,
    city::{Card, Chosen, City, CityFeed, CurrentScheme, Ground, Pick, PictureSize, ThingBook, Tiles, WallClock, click},
    displays::Displays,
    net::{AT, Answer, Past, encode},
    scene::Scenes,
};
use bevy::prelude::*;
use citywall_wire::Feature;
use jiff::Timestamp;
use std::time::Duration;

/// Attributes that a card has room for.
const ATTRIBUTES_MAX: usize = 12;
/// States of its past that a card has room for.
const HISTORY_MAX: usize = 4;
/// States of a live item that are read.
const STATES_MAX: usize = 1_000;
/// How often they are asked for; and in a replay.
const EVERY: Duration = Duration::from_secs(10);
const EVERY_REPLAYED: Duration = Duration::from_secs(3);
/// The card's width, pixels at 1080 lines.
const WIDTH_PX: f32 = 440.0;
/// A press that moves farther than this is a drag, pixels.
const DRAG_PX: f32 = 6.0;

/// What a card says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CardText {
    /// The collection.
    pub collection: String,
    /// The item's name.
    pub name: String,
    /// Its attributes and live values.
    pub rows: Vec<[String; 2]>,
    /// Its last states, the newest first.
    pub past: Vec<String>,
    /// That it is not what it should be.
    pub note: String,
    /// Where more is to be had.
    pub link: String,
}

/// The card on the screen, in words; none while no card is open.
#[derive(Resource, Default, Debug)]
pub struct CardSaid {
    /// What it says.
    pub text: Option<CardText>,
    /// True while the server is still asked.
    pub is_awaited: bool,
}

/// The card on the screen.
#[derive(Component)]
pub struct CardRoot;

/// Shows the card, or takes it away.
#[expect(clippy::too_many_arguments, reason = "what a system asks the world for")]
pub(super) fn show(
    mut commands: Commands,
    pick: Res<Pick>,
    (city, scenes, desk, feed): (Res<City>, Res<Scenes>, Res<PanelDesk>, Res<CityFeed>),
    (faces, scheme, clock): (Res<FontFaces>, Res<CurrentScheme>, Res<WallClock>),
    roots: Query<Entity, With<CardRoot>>,
    mut said: ResMut<CardSaid>,
    (alarms, placed): (Res<AlarmsNow>, Res<Placed>),
    mut shown: Local<Option<(u32, f32)>>,
) {
    let next = pick.card.as_ref().map(|card| {
        let is_replay = feed.live.state().replay.is_some();
        let is_live = city.document.as_ref().is_some_and(|d| d.collections.iter().any(|c| c.id == card.collection && c.open.is_some()));
        let states = is_live.then(|| states(card, is_replay, &desk, &clock));
        let now = clock.time();
        let is_awaited = (card.feature.is_none() && card.failure.is_none()) || states.as_ref().is_some_and(Answer::is_awaited);
        (text(card, states.as_ref(), is_replay, (&city, now, feed.server.address())), is_awaited)
    });
    let (next, is_awaited) = next.map_or((None, false), |(text, is_awaited)| (Some(text), is_awaited));
    if said.is_awaited != is_awaited {
        said.is_awaited = is_awaited;
    }
    // It stands below an alarm that is announced, of now over a replay or not.
    let top = if alarms.count() > 0 { PLATE_PX.0 + PLATE_PX.2 + 12.0 } else { (BAR_PX + 24.0).max(placed.announced_px + 12.0) };
    let now_shown = (scenes.version, top);
    if said.text == next && (next.is_none() || *shown == Some(now_shown)) {
        return;
    }
    roots.iter().for_each(|root| commands.entity(root).despawn());
    if let Some(text) = &next {
        build(&mut commands, &Kit { faces: &faces, scheme: &scheme.0 }, text, top);
    }
    *shown = Some(now_shown);
    said.text = next;
}

/// The states of a live item; in a replay those until its instant.
fn states(card: &Card, is_replay: bool, desk: &PanelDesk, clock: &WallClock) -> Answer {
    let path = format!("/collections/{}/items/{}/history?limit={STATES_MAX}", encode(&card.collection), encode(&card.id));
    if !is_replay {
        return desk.0.ask(&path, EVERY);
    }
    let past = Past { at: clock.time(), tolerance: jiff::SignedDuration::from_secs(60) };
    desk.0.ask_of(&format!("{path}&datetime=..%2F{AT}"), EVERY_REPLAYED, Some(past))
}

/// What a card says of an item and its states.
fn text(card: &Card, states: Option<&Answer>, is_replay: bool, (city, now, server): (&City, Timestamp, &str)) -> CardText {
    let collection = city.document.as_ref().and_then(|d| d.collections.iter().find(|c| c.id == card.collection));
    let title = collection.map_or_else(|| card.collection.clone(), super::words::collection_title);
    let link = format!("{server}/collections/{}/items/{}", encode(&card.collection), encode(&card.id));
    let said = CardText { collection: title, link, ..CardText::default() };
    let known: &[Feature] = states.and_then(|s| s.page.as_ref()).map_or(&[], |page| &page.features);
    // In a replay a live item is as it was then.
    let feature = if is_replay && states.is_some() { known.last() } else { card.feature.as_ref() };
    let Some(feature) = feature else {
        let why = match (&card.failure, states) {
            (Some(why), _) => format!("没有查到：{why}"),
            (None, Some(states)) if is_replay && !states.is_awaited() => "当时还没有".to_owned(),
            _ => "正在查询 …".to_owned(),
        };
        return CardText { note: why, ..said };
    };
    let property = |name: &str| feature.properties.get(name).and_then(|v| v.as_str()).filter(|t| !t.trim().is_empty());
    let skipped = ["title", "name", "recorded", "cause", "key"];
    let attributes = feature.properties.iter().filter(|(name, value)| !skipped.contains(&name.as_str()) && !value.is_null());
    let rows = attributes.take(ATTRIBUTES_MAX).map(|(name, value)| [name_of(name).to_owned(), words(name, value, city)]);
    let note = if is_replay && states.is_none() { "现在的数据，不是回放当时的" } else { "" };
    CardText {
        name: property("title").or_else(|| property("name")).unwrap_or(&feature.id).to_owned(),
        rows: rows.collect(),
        past: past(known, city, now),
        note: note.to_owned(),
        ..said
    }
}

/// The last states of an item in words, the newest first; reports without a state are left out.
fn past(states: &[Feature], city: &City, now: Timestamp) -> Vec<String> {
    let text = |f: &Feature, name: &str| f.properties.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let mut past: Vec<String> = states
        .iter()
        .filter(|f| !text(f, "status").is_empty())
        // A state that only corrected the item has its own instant in `since`, where the server says it.
        .filter_map(|f| {
            let since = ["since", "time"].map(|n| text(f, n)).into_iter().find(|t| !t.is_empty())?;
            Some(format!("{}　{}", when(&since, city.time_zone(), now), value_of("status", &text(f, "status"))))
        })
        .collect();
    past.dedup();
    past.reverse();
    past.truncate(HISTORY_MAX);
    past
}

fn build(commands: &mut Commands, kit: &Kit<'_>, card: &CardText, top: f32) {
    let place = Node {
        position_type: PositionType::Absolute,
        top: px(top),
        left: px(SIDES_PX.0 + 48.0),
        width: px(WIDTH_PX),
        flex_direction: FlexDirection::Column,
        padding: UiRect::axes(px(20), px(12)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    commands.spawn((place, kit.plate(), GlobalZIndex(8), CardRoot)).with_children(|plate| {
        plate.spawn(kit.text(&card.collection, 20.0, false, kit.faint()));
        if !card.name.is_empty() {
            plate.spawn(kit.text(&cut(&card.name, 13.0), 30.0, true, kit.ink()));
        }
        if !card.note.is_empty() {
            plate.spawn(kit.text(&cut(&card.note, 18.0), 22.0, false, kit.soft()));
        }
        for [name, value] in &card.rows {
            let row = Node { justify_content: JustifyContent::SpaceBetween, column_gap: px(16), border: UiRect::top(px(1)), ..default() };
            let name = cut(name, 9.0);
            let room = (WIDTH_PX - 42.0 - 16.0 - width(&name) * 20.0) / 22.0;
            plate.spawn((row, BorderColor::all(kit.rule()))).with_children(|row| {
                row.spawn(kit.text(&name, 20.0, false, kit.faint()));
                row.spawn(kit.text(&cut(value, room), 22.0, false, kit.ink()));
            });
        }
        if !card.past.is_empty() {
            let head = Node { margin: UiRect::top(px(8)), border: UiRect::top(px(1)), ..default() };
            plate.spawn((head, BorderColor::all(kit.rule()))).with_child(kit.text("经过", 20.0, false, kit.faint()));
        }
        for state in &card.past {
            plate.spawn(kit.text(state, 20.0, false, kit.soft()));
        }
        // The whole address: it is to be typed elsewhere.
        let link = Node { margin: UiRect::top(px(8)), max_width: px(WIDTH_PX - 42.0), ..default() };
        plate.spawn((kit.text(&card.link, 20.0, false, kit.faint()), link)).insert(TextLayout::new(Justify::Left, LineBreak::AnyCharacter));
    });
}

fn words(name: &str, value: &serde_json::Value, city: &City) -> String {
    match value {
        serde_json::Value::String(text) if text.len() >= 20 && text.parse::<Timestamp>().is_ok() => {
            when(text, city.time_zone(), Timestamp::UNIX_EPOCH)
        }
        // The largest areas are known by their names.
        serde_json::Value::String(text) if name == "district" => {
            city.labels.iter().find(|label| label.id == *text).map_or_else(|| text.clone(), |label| label.text.clone())
        }
        serde_json::Value::String(text) => value_of(name, text).to_owned(),
        serde_json::Value::Number(n) if n.as_u64().is_some_and(|n| n >= 10_000) => n.as_u64().map_or_else(String::new, grouped),
        serde_json::Value::Bool(yes) => if *yes { "是" } else { "否" }.to_owned(),
        other => value_of(name, &other.to_string()).to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Page;
    use serde_json::json;
    use std::{sync::Arc, time::Instant};

    fn feature(status: &str, since: &str) -> Feature {
        let properties = json!({"title": "占道经营", "status": status, "since": since, "level": 2, "use": "residential", "note": "x"});
        serde_json::from_value(json!({"type": "Feature", "id": "e1", "geometry": null, "properties": properties})).unwrap()
    }

    fn said(states: &[Feature], is_replay: bool) -> CardText {
        let card =
            Card { collection: "events".into(), id: "e1".into(), feature: Some(feature("cleared", "2026-03-01T03:00:00Z")), failure: None };
        let page = Page { matched: states.len() as u64, features: states.to_vec(), ..Page::default() };
        let answer = Answer { page: Some(Arc::new(page)), at: Some(Instant::now()), ..Answer::default() };
        text(&card, Some(&answer), is_replay, (&City::default(), "2026-03-01T04:00:00Z".parse().unwrap(), "http://wall"))
    }

    #[test]
    fn a_card_has_its_past_and_the_words_of_the_wall() {
        let states = [("open", "01"), ("dispatched", "02"), ("cleared", "03")].map(|(s, h)| feature(s, &format!("2026-03-01T{h}:00:00Z")));
        let now = said(&states, false);
        assert_eq!(now.past, ["03:00　已解除", "02:00　处置中", "01:00　待派遣"]);
        assert!(now.rows.contains(&["用途".to_owned(), "居住".to_owned()]) && now.rows.contains(&["note".to_owned(), "x".to_owned()]));
        let then = said(&states[..2], true);
        assert!(then.rows.contains(&["状态".to_owned(), "处置中".to_owned()]), "in a replay it is as it was: {then:?}");
        assert_eq!(said(&[], true).note, "当时还没有");
    }
}
