//! What the bar and the foot say, worked out from what is known.

use super::{
    diagnostics::{Diagnosed, Measured, words},
    panel::PanelDesk,
    words::{cut, span},
};
use crate::{
    city::{City, CityFeed, Tiles, WallClock},
    live::{Link, LiveState},
    net::Follower,
    render::Picture,
    scene::Scenes,
};
use bevy::prelude::*;
use jiff::tz::TimeZone;
use std::time::Instant;

/// Characters of full width that the line of complaints has room for.
const COMPLAINT_CHARS: f32 = 44.0;
const WEEKDAYS: [&str; 7] = ["一", "二", "三", "四", "五", "六", "日"];

/// What the bar and the foot say.
#[derive(Resource, Default, Debug, PartialEq)]
pub struct Board {
    /// The title and its English line.
    pub title: [String; 2],
    /// Hours, minutes, seconds.
    pub clock: String,
    /// Date and weekday.
    pub date: String,
    /// How the wall is connected, in words, and whether its data is current.
    pub link: String,
    /// True if the live data is current.
    pub is_current: bool,
    /// What stands in the middle while there is no picture.
    pub waiting: String,
    /// The line at the foot: that data is generated, where data comes from.
    pub notice: String,
    /// What the wall has to complain of.
    pub complaint: String,
    /// That this is not now, and which instant it is.
    pub replay: String,
    /// What is drawn, and what is wrong; empty unless it is asked for.
    pub diagnostics: String,
}

#[expect(clippy::too_many_arguments, reason = "what a system asks the world for")]
pub(super) fn update(
    mut board: ResMut<Board>,
    feed: Res<CityFeed>,
    city: Res<City>,
    clock: Res<WallClock>,
    scenes: Res<Scenes>,
    tiles: Res<Tiles>,
    (diagnosed, time, desk): (Res<Diagnosed>, Res<Time<Real>>, Res<PanelDesk>),
    (picture, follower): (Res<Picture>, Option<Res<Follower>>),
    mut frame_s: Local<f32>,
) {
    // A mean over the last second or so.
    *frame_s += (time.delta_secs() - *frame_s) * 0.05;
    let now = clock.moment();
    // Before the city has said where it is, the machine's own zone, which is named.
    let is_placed = city.document.is_some();
    let local = if is_placed { clock.local(city.time_zone()) } else { clock.time().to_zoned(TimeZone::system()) };
    let live = feed.live.state();
    let is_current = live.is_current(now);
    let scene = scenes.current();
    let document = city.document.as_ref();
    let next = Board {
        title: [
            scene.title.clone().unwrap_or_else(|| {
                if city.name().is_empty() { "一屏观全市".to_owned() } else { format!("{} · 一屏观全市", city.name()) }
            }),
            scene.title_en.clone().unwrap_or_else(|| {
                document.map_or_else(|| "Citywall".to_owned(), |d| format!("{} · One screen sees the whole city", d.name.en))
            }),
        ],
        clock: local.strftime("%H:%M:%S").to_string(),
        date: format!(
            "{}{}年{}月{}日 星期{}",
            if is_placed { String::new() } else { format!("{}　", local.strftime("%Z")) },
            local.year(),
            local.month(),
            local.day(),
            WEEKDAYS[usize::from(local.weekday().to_monday_zero_offset().unsigned_abs()) % 7]
        ),
        link: link_words(&live, is_current, now),
        is_current,
        waiting: waiting_words(&city, &feed, &tiles),
        notice: notice_words(&city),
        diagnostics: if diagnosed.shown {
            let measured = Measured { frame_s: *frame_s, picture: &picture, follower: follower.as_deref() };
            words(&measured, &live, (&city, feed.server.address()), &desk.0, &diagnosed)
        } else {
            String::new()
        },
        replay: replay_words(&live, city.time_zone(), now),
        complaint: match city.complaints.newest().next() {
            // The view has them all.
            None => String::new(),
            Some(_) if diagnosed.shown => String::new(),
            Some(newest) if city.complaints.len() == 1 => cut(&newest.text, COMPLAINT_CHARS),
            Some(newest) => format!("{}（共 {} 条，F3）", cut(&newest.text, COMPLAINT_CHARS - 8.0), city.complaints.len()),
        },
    };
    if *board != next {
        *board = next;
    }
}

fn link_words(live: &LiveState, is_current: bool, now: Instant) -> String {
    let age = live.heard.map(|h| now.saturating_duration_since(h));
    match (&live.link, age) {
        (Link::Up, _) if live.replay.is_some() => "回放".to_owned(),
        (Link::Up, _) if is_current => "实时".to_owned(),
        (Link::Down { .. }, None) => "未连接".to_owned(),
        (Link::Up, _) if live.revision.is_none() => "连接中".to_owned(),
        (_, Some(age)) => format!("数据中断 {}", span(age)),
        _ => "连接中".to_owned(),
    }
}

fn replay_words(live: &LiveState, zone: &str, now: Instant) -> String {
    let Some(replay) = &live.replay else { return String::new() };
    let at = replay.time(now).to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC));
    let pace = if replay.ended {
        "已到末尾".to_owned()
    } else if replay.paused {
        "暂停".to_owned()
    } else {
        format!("{}×", replay.speed)
    };
    format!("回放 REPLAY　{}　{pace}　不是现在", at.strftime("%Y-%m-%d %H:%M:%S"))
}

fn waiting_words(city: &City, feed: &CityFeed, tiles: &Tiles) -> String {
    if city.document.is_none() {
        let why = city.failure.as_deref().map_or_else(String::new, |f| format!("\n{f}"));
        return format!("等待服务器 {} …{why}", feed.server.address());
    }
    if city.plane.is_none() {
        return "城市中还没有数据".to_owned();
    }
    if tiles.stats().levels.is_empty() && !tiles.stats().complete { "正在载入城市 …".to_owned() } else { String::new() }
}

fn notice_words(city: &City) -> String {
    let notice = city.document.as_ref().and_then(|d| d.notice.as_ref());
    notice.map_or_else(String::new, |n| if n.zh.is_empty() { n.en.clone() } else { n.zh.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn a_line_that_was_lost_says_for_how_long() {
        let mut live = LiveState::default();
        let start = Instant::now();
        assert_eq!(link_words(&live, false, start), "未连接");
        let message = json!({"type": "snapshot", "revision": 1, "collection": "events", "features": [], "last": true});
        live.apply(serde_json::from_value(message).unwrap(), start);
        assert_eq!(link_words(&live, live.is_current(start), start), "实时");
        live.lost("reset".to_owned());
        let later = start + Duration::from_secs(192);
        assert_eq!(link_words(&live, live.is_current(later), later), "数据中断 3 分 12 秒");
    }
}
