//! Brings the screen in line with the board, and the board's rows under the hand.

use super::{
    board::{Board, LEVEL_GLYPHS},
    layout::{Field, Shown, StaleTag},
    style::{ink, ink_alpha},
};
use crate::{
    camera::{Orbit, Rig},
    city::{Chosen, City, CurrentScheme},
    scene::PanelKind,
};
use bevy::{
    prelude::*,
    window::{MonitorSelection, WindowMode},
};

/// How near an incident is looked at, metres.
const EVENT_DISTANCE_M: f64 = 1_400.0;

pub(super) fn texts(board: Res<Board>, scheme: Res<CurrentScheme>, mut texts: Query<(&Field, &mut Text, &mut TextColor)>) {
    if !board.is_changed() {
        return;
    }
    let scheme = &scheme.0;
    for (field, mut text, mut colour) in &mut texts {
        let event = |i: usize| board.events.get(i);
        let mut wanted_colour = None;
        let wanted: &str = match *field {
            Field::Title(i) => &board.title[i],
            Field::Clock => &board.clock,
            Field::Date => &board.date,
            Field::Link => {
                wanted_colour = Some(stale_ink(board.is_current, scheme));
                &board.link
            }
            Field::Total => &board.total,
            Field::Level(i) => &board.levels[i],
            Field::PanelTime(PanelKind::Collections) => {
                wanted_colour = Some(stale_ink(board.document_is_current, scheme));
                &board.document_time
            }
            Field::PanelTime(_) => {
                wanted_colour = Some(stale_ink(board.is_current, scheme));
                &board.live_time
            }
            Field::CollectionTitle(i) => board.collections.get(i).map_or("", |c| &c.0),
            Field::CollectionCount(i) => board.collections.get(i).map_or("", |c| &c.1),
            Field::EventGlyph(i) => {
                wanted_colour = event(i).map(|e| ink(scheme.levels[usize::from(e.level)]));
                event(i).map_or("", |e| LEVEL_GLYPHS[usize::from(e.level)])
            }
            Field::EventTitle(i) => event(i).map_or("", |e| &e.title),
            Field::EventMeta(i) => event(i).map_or("", |e| &e.meta),
            Field::More => &board.more,
            Field::Stars => &board.stars,
            Field::Waiting => &board.waiting,
            Field::Notice => &board.notice,
            Field::Complaint => &board.complaint,
        };
        if text.0 != wanted {
            wanted.clone_into(&mut text.0);
        }
        if let Some(wanted) = wanted_colour
            && colour.0 != wanted
        {
            colour.0 = wanted;
        }
    }
}

/// Old data is said in reverse: dark on light by night, light on dark by day. Colour is for alarms.
fn stale_ink(is_current: bool, scheme: &crate::scene::Scheme) -> Color {
    if is_current { ink(scheme.ink_soft) } else { ink([scheme.plate[0], scheme.plate[1], scheme.plate[2]]) }
}

pub(super) fn plates(
    board: Res<Board>,
    chosen: Res<Chosen>,
    scheme: Res<CurrentScheme>,
    mut shown: Query<(&Shown, &mut Node)>,
    mut rows: Query<(&Shown, &Interaction, &mut BackgroundColor), Without<StaleTag>>,
    mut tags: Query<(&StaleTag, &mut BackgroundColor), Without<Shown>>,
) {
    for (what, mut node) in &mut shown {
        let is_shown = match *what {
            Shown::Waiting => !board.waiting.is_empty(),
            Shown::Notice => !board.notice.is_empty(),
            Shown::Complaint => !board.complaint.is_empty(),
            Shown::Event(i) => i < board.events.len(),
            Shown::Collection(i) => i < board.collections.len(),
            Shown::More => !board.more.is_empty(),
            Shown::Stars => !board.stars.is_empty(),
        };
        let wanted = if is_shown { Display::Flex } else { Display::None };
        if node.display != wanted {
            node.display = wanted;
        }
    }
    let rule = scheme.0.rule;
    for (what, interaction, mut colour) in &mut rows {
        let Shown::Event(i) = *what else { continue };
        let event = board.events.get(i);
        let strength = match (event, interaction) {
            (Some(e), _) if chosen.0.as_ref() == Some(&e.key) => 1.4,
            (_, Interaction::Pressed | Interaction::Hovered) => 0.9,
            (Some(e), _) if e.is_new => 1.0,
            _ => 0.0,
        };
        let wanted = ink_alpha([rule[0], rule[1], rule[2], rule[3] * strength]);
        if colour.0 != wanted {
            colour.0 = wanted;
        }
    }
    for (tag, mut colour) in &mut tags {
        let is_current = match tag {
            StaleTag::Live => board.is_current,
            StaleTag::Document => board.document_is_current,
        };
        let wanted = if is_current { Color::NONE } else { ink(scheme.0.ink) };
        if colour.0 != wanted {
            colour.0 = wanted;
        }
    }
}

fn choose(at: usize, board: &Board, city: &City, chosen: &mut Chosen, rig: &mut Rig) {
    let Some(event) = board.events.get(at) else { return };
    chosen.0 = Some(event.key.clone());
    if let (Some((lon, lat)), Some(plane)) = (event.place, city.plane) {
        let orbit = rig.orbit;
        rig.fly(Orbit { target: plane.forward(lon, lat), distance: EVENT_DISTANCE_M, pitch: 42.0, ..orbit });
    }
}

/// A click on a row flies there.
pub(super) fn clicks(
    rows: Query<(&Shown, &Interaction), Changed<Interaction>>,
    board: Res<Board>,
    city: Res<City>,
    mut chosen: ResMut<Chosen>,
    mut rig: ResMut<Rig>,
) {
    for (what, interaction) in &rows {
        if let (Shown::Event(i), Interaction::Pressed) = (what, interaction) {
            choose(*i, &board, &city, &mut chosen, &mut rig);
        }
    }
}

/// N and P go through the list.
pub(super) fn keys(keys: Res<ButtonInput<KeyCode>>, board: Res<Board>, city: Res<City>, mut chosen: ResMut<Chosen>, mut rig: ResMut<Rig>) {
    let step = i32::from(keys.just_pressed(KeyCode::KeyN)) - i32::from(keys.just_pressed(KeyCode::KeyP));
    let count = board.events.len() as i32;
    if step == 0 || count == 0 {
        return;
    }
    let at = board.events.iter().position(|e| chosen.0.as_ref() == Some(&e.key)).map(|i| i as i32);
    let next = at.map_or(if step > 0 { 0 } else { count - 1 }, |i| (i + step).rem_euclid(count));
    choose(next as usize, &board, &city, &mut chosen, &mut rig);
}

/// F11 fills the screen.
pub(super) fn full_screen(keys: Res<ButtonInput<KeyCode>>, mut windows: Query<&mut Window>) {
    if keys.just_pressed(KeyCode::F11) {
        for mut window in &mut windows {
            window.mode = match window.mode {
                WindowMode::Windowed => WindowMode::BorderlessFullscreen(MonitorSelection::Current),
                _ => WindowMode::Windowed,
            };
        }
    }
}
