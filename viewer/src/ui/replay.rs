//! While the past is shown: the alarms of now, which no replay hides, and the keys that steer it.
//!
//! What the replay shows of alarms is of its own time. An alarm that waits for somebody now is announced over it, on a
//! plate that is the reverse of the replay's own (its level's colour, the word 实时, the time of day), with where it
//! is in words: the map under it is that of the past, so that nothing is marked there.

use super::{
    kit::Kit,
    layout::{BAR_PX, middle},
    style::{FontFaces, ink},
    words::{LEVEL_GLYPHS, LEVEL_NAMES, cut, span},
};
use crate::{
    city::{City, CityFeed, CurrentScheme, StageAlarm, WallClock, alarm_collections, alarms},
    displays::Displays,
    live::LiveState,
    scene::Scenes,
};
use bevy::prelude::*;
use geo::Contains;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use std::time::Duration;

/// The plate: where it begins, its width and its least height, pixels at 1080 lines. It covers where an alarm of the
/// past is announced: one that is real comes first.
pub const PLATE_PX: (f32, f32, f32) = (BAR_PX + 12.0, 960.0, 196.0);
/// Characters of full width of the alarm's title.
const TITLE_CHARS: f32 = 19.0;
/// A press of J or L goes over this share of the window.
const STEP: f64 = 0.05;

/// The alarms of now that nobody has acknowledged, while the past is shown.
#[derive(Resource, Default, Debug)]
pub struct AlarmsNow {
    queue: Vec<StageAlarm>,
    seen: Option<(u64, u64)>,
}

impl AlarmsNow {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.queue.len()
    }

    fn look(&mut self, now: &LiveState, collections: &[String]) {
        // The queue follows from the state: it is worked out only when that has changed.
        let seen = now.revision.map(|revision| (revision, now.incidents_version));
        if self.seen != seen {
            self.seen = seen;
            let [raised, _] = alarms(now, collections);
            self.queue = raised;
        }
    }
}

/// The plate on the screen.
#[derive(Component)]
pub struct AnnouncedRoot;

/// What the plate says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Announced {
    level: usize,
    title: String,
    /// When and where.
    facts: String,
    /// How many more, and what can be done.
    more: String,
    version: u32,
}

/// Announces the gravest alarm of now over a replay.
pub(super) fn announce(
    mut commands: Commands,
    mut alarms_now: ResMut<AlarmsNow>,
    (feed, city, scenes, displays): (Res<CityFeed>, Res<City>, Res<Scenes>, Res<Displays>),
    (faces, scheme, clock): (Res<FontFaces>, Res<CurrentScheme>, Res<WallClock>),
    roots: Query<Entity, With<AnnouncedRoot>>,
    mut shown: Local<Option<Announced>>,
) {
    alarms_now.look(&feed.live.alarms(), &alarm_collections(&city));
    let next = said(&alarms_now.queue, &city, clock.time_of_day(), scenes.version);
    if *shown == next {
        return;
    }
    roots.iter().for_each(|root| commands.entity(root).despawn());
    if let Some(announced) = &next {
        plate(&mut commands, &Kit { faces: &faces, scheme: &scheme.0 }, middle(&displays), announced);
    }
    *shown = next;
}

/// What is to be said of the alarms of now; nothing if there is none.
fn said(queue: &[StageAlarm], city: &City, now: Timestamp, version: u32) -> Option<Announced> {
    let alarm = queue.first()?;
    let level = usize::from(alarm.level.min(4));
    let name = LEVEL_NAMES[level].split(" · ").next().unwrap_or_default();
    let zone = TimeZone::get(city.time_zone()).unwrap_or(TimeZone::UTC);
    let raised: Option<Timestamp> = alarm.time.parse().ok();
    let at = raised.map_or_else(String::new, |at| at.to_zoned(zone).strftime("%H:%M:%S").to_string());
    // By the minute: a plate that changes every second would draw the eye for nothing.
    let minutes = raised.map_or(0, |at| now.duration_since(at).as_secs().max(0) / 60);
    let ago = if minutes == 0 {
        "刚刚".to_owned()
    } else {
        format!("{}前", span(Duration::from_secs(minutes.unsigned_abs() * 60)).replace(" 00 秒", "钟"))
    };
    let place = alarm.place.and_then(|(x, y)| {
        let at = geo_types::Point::new(x, y);
        city.labels.iter().find(|l| l.shape.contains(&at)).map(|l| l.text.clone())
    });
    let place = place.unwrap_or_else(|| if alarm.place.is_none() { "位置未知".to_owned() } else { String::new() });
    let facts =
        [format!("{name}告警"), place, format!("{at}（{ago}）")].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join("　");
    let more = match queue.len() - 1 {
        0 => "在控制台确认，或回到现在（退格键）".to_owned(),
        n => format!("另有 {n} 条待确认　在控制台确认，或回到现在（退格键）"),
    };
    Some(Announced { level, title: cut(&alarm.title, TITLE_CHARS), facts, more, version })
}

fn plate(commands: &mut Commands, kit: &Kit<'_>, middle: Node, announced: &Announced) {
    let (top, width, height) = PLATE_PX;
    let colour = ink(kit.scheme.levels[announced.level]);
    let paper = ink([kit.scheme.plate[0], kit.scheme.plate[1], kit.scheme.plate[2]]);
    let line = Node { top: px(top), ..middle };
    commands.spawn((line, GlobalZIndex(24), AnnouncedRoot)).with_children(|line| {
        let node = Node {
            width: px(width),
            min_height: px(height),
            border: UiRect::all(px(5)),
            border_radius: BorderRadius::all(px(6)),
            ..default()
        };
        line.spawn((node, BackgroundColor(paper), BorderColor::all(colour))).with_children(|plate| {
            let tag = Node {
                flex_direction: FlexDirection::Column,
                width: px(150),
                justify_content: JustifyContent::Center,
                align_items: AlignItems::Center,
                ..default()
            };
            plate.spawn((tag, BackgroundColor(colour))).with_children(|tag| {
                tag.spawn(kit.text("实时", 48.0, true, paper));
                tag.spawn(kit.text("LIVE NOW", 20.0, true, paper));
            });
            let texts = Node {
                flex_direction: FlexDirection::Column,
                justify_content: JustifyContent::Center,
                padding: UiRect::axes(px(22), px(8)),
                ..default()
            };
            plate.spawn(texts).with_children(|texts| {
                texts.spawn(Node { column_gap: px(12), align_items: AlignItems::Center, ..default() }).with_children(|title| {
                    title.spawn(kit.text(LEVEL_GLYPHS[announced.level], 30.0, true, colour));
                    title.spawn(kit.text(&announced.title, 32.0, true, kit.ink()));
                });
                texts.spawn(kit.text(&announced.facts, 24.0, false, kit.ink()));
                texts.spawn(kit.text(&announced.more, 20.0, false, kit.soft()));
            });
        });
    });
}

/// K pauses a replay and lets it go on, J and L go back and on in it, the backspace key ends it. The console shows
/// nothing of it, since a wall may only read; its next word counts.
pub(super) fn keys(keys: Res<ButtonInput<KeyCode>>, feed: Res<CityFeed>, clock: Res<WallClock>) {
    let step = f64::from(i8::from(keys.just_pressed(KeyCode::KeyL)) - i8::from(keys.just_pressed(KeyCode::KeyJ)));
    let (pauses, ends) = (keys.just_pressed(KeyCode::KeyK), keys.just_pressed(KeyCode::Backspace));
    if !(pauses || ends || step != 0.0) {
        return;
    }
    let Some(replay) = feed.live.state().replay.clone() else { return };
    let mut wanted = feed.live.replay();
    if ends {
        *wanted = None;
    } else if let Some(told) = wanted.as_mut() {
        let now = replay.time(clock.moment());
        let by = replay.to.duration_since(replay.from).as_secs_f64() * STEP * step;
        let at = now.saturating_add(SignedDuration::try_from_secs_f64(by).unwrap_or_default()).unwrap_or(now);
        told.paused = if pauses { !replay.paused } else { replay.paused };
        told.at = Some(at.clamp(replay.from, replay.to).to_string());
        told.since = Some(Timestamp::now().to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Label;

    fn alarm(level: u8, title: &str) -> StageAlarm {
        StageAlarm {
            key: ("alarms".into(), title.into()),
            title: title.into(),
            level,
            time: "2026-03-01T08:00:00Z".into(),
            place: Some((117.2, 39.1)),
        }
    }

    #[test]
    fn an_alarm_of_now_says_when_and_where_it_is_and_how_many_more_wait() {
        let shape = geo_types::Rect::new((117.0, 39.0), (118.0, 40.0)).to_polygon().into();
        let label = Label { id: "1".into(), text: "和平区".into(), place: (117.2, 39.1), size: 1.0, shape };
        let city = City { labels: vec![label], ..City::default() };
        let now = "2026-03-01T08:05:10Z".parse().unwrap();
        let announced = said(&[alarm(1, "重点区发生紧急事件"), alarm(2, "b")], &city, now, 1).unwrap();
        assert_eq!(announced.facts, "一级告警　和平区　08:00:00（5 分钟前）");
        assert!(announced.more.starts_with("另有 1 条"));
        assert_eq!(said(&[], &city, now, 1), None);
    }
}
