//! Brings the screen in line with the board, and the list's rows under the hand.

use super::{
    board::Board,
    layout::{Field, LinkTag, Shown},
    panel::EventRow,
    style::{ink, ink_alpha},
};
use crate::{
    camera::{Orbit, Rig},
    city::{Chosen, City, CityFeed, CurrentScheme, Pick},
};
use bevy::prelude::*;

/// How near an incident is looked at, metres.
const EVENT_DISTANCE_M: f64 = 1_400.0;

pub(super) fn texts(board: Res<Board>, scheme: Res<CurrentScheme>, mut texts: Query<(&Field, &mut Text, &mut TextColor)>) {
    if !board.is_changed() {
        return;
    }
    let scheme = &scheme.0;
    for (field, mut text, mut colour) in &mut texts {
        let wanted: &str = match *field {
            Field::Title(i) => &board.title[i],
            Field::Clock => &board.clock,
            Field::Date => &board.date,
            Field::Link => {
                // Old data is said in reverse: dark on light by night. Colour is for alarms.
                let paper = ink([scheme.plate[0], scheme.plate[1], scheme.plate[2]]);
                colour.set_if_neq(TextColor(if board.is_current { ink(scheme.ink_soft) } else { paper }));
                &board.link
            }
            Field::Waiting => &board.waiting,
            Field::Notice => &board.notice,
            Field::Complaint => &board.complaint,
            Field::Replay => &board.replay,
            Field::Diagnostics => &board.diagnostics,
        };
        if text.0 != wanted {
            wanted.clone_into(&mut text.0);
        }
    }
}

pub(super) fn plates(
    board: Res<Board>,
    scheme: Res<CurrentScheme>,
    mut shown: Query<(&Shown, &mut Node)>,
    mut tags: Query<&mut BackgroundColor, With<LinkTag>>,
) {
    for (what, mut node) in &mut shown {
        let is_shown = match *what {
            Shown::Waiting => !board.waiting.is_empty(),
            Shown::Notice => !board.notice.is_empty(),
            Shown::Complaint => !board.complaint.is_empty(),
            Shown::Replay => !board.replay.is_empty(),
            Shown::Diagnostics => !board.diagnostics.is_empty(),
        };
        let wanted = if is_shown { Display::Flex } else { Display::None };
        if node.display != wanted {
            node.display = wanted;
        }
    }
    for mut colour in &mut tags {
        colour.set_if_neq(BackgroundColor(if board.is_current { Color::NONE } else { ink(scheme.0.ink) }));
    }
}

/// Chooses an incident and flies there.
pub(super) fn choose(key: &(String, String), feed: &CityFeed, city: &City, (chosen, pick): (&mut Chosen, &mut Pick), rig: &mut Rig) {
    pick.open(&key.0, &key.1);
    chosen.0 = Some(key.clone());
    let place = feed.live.state().get(key).and_then(|i| i.place);
    if let (Some((lon, lat)), Some(plane)) = (place, city.plane) {
        let orbit = rig.orbit;
        rig.fly(Orbit { target: plane.forward(lon, lat), distance: EVENT_DISTANCE_M, pitch: 42.0, ..orbit });
    }
}

/// A click on a row flies there.
pub(super) fn clicks(
    mut rows: Query<(&EventRow, &Interaction, &mut BackgroundColor), Changed<Interaction>>,
    (feed, city, scheme): (Res<CityFeed>, Res<City>, Res<CurrentScheme>),
    (mut chosen, mut pick): (ResMut<Chosen>, ResMut<Pick>),
    mut rig: ResMut<Rig>,
) {
    for (row, interaction, mut colour) in &mut rows {
        let rule = scheme.0.rule;
        let strength = match interaction {
            Interaction::None if chosen.0.as_ref() != Some(&row.0) => 0.0,
            Interaction::Hovered => 0.9,
            _ => 1.4,
        };
        colour.0 = ink_alpha([rule[0], rule[1], rule[2], rule[3] * strength]);
        if *interaction == Interaction::Pressed {
            choose(&row.0, &feed, &city, (&mut chosen, &mut pick), &mut rig);
        }
    }
}

/// N and P go through the list.
pub(super) fn keys(
    keys: Res<ButtonInput<KeyCode>>,
    rows: Query<&EventRow>,
    (feed, city): (Res<CityFeed>, Res<City>),
    (mut chosen, mut pick): (ResMut<Chosen>, ResMut<Pick>),
    mut rig: ResMut<Rig>,
) {
    let step = i32::from(keys.just_pressed(KeyCode::KeyN)) - i32::from(keys.just_pressed(KeyCode::KeyP));
    let list: Vec<&(String, String)> = rows.iter().map(|r| &r.0).collect();
    let count = list.len() as i32;
    if step == 0 || count == 0 {
        return;
    }
    let at = list.iter().position(|key| chosen.0.as_ref() == Some(*key)).map(|i| i as i32);
    let next = at.map_or(if step > 0 { 0 } else { count - 1 }, |i| (i + step).rem_euclid(count));
    choose(list[next as usize], &feed, &city, (&mut chosen, &mut pick), &mut rig);
}
