//! What the bar and the foot say, worked out from what is known.

use super::words::span;
use crate::{
    city::{City, CityFeed, Tiles, WallClock},
    live::{Link, LiveState},
    measure::share,
    net::Follower,
    render::Picture,
    scene::Scenes,
};
use bevy::prelude::*;
use std::time::Instant;

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
    /// What is drawn, how fast, and how far behind the leader; empty unless it is asked for.
    pub diagnostics: String,
}

/// Whether the diagnostics are shown: F3 shows and hides them.
#[derive(Resource, Default, Debug)]
pub struct Diagnosed(pub bool);

#[expect(clippy::too_many_arguments, reason = "what a system asks the world for")]
pub(super) fn update(
    mut board: ResMut<Board>,
    feed: Res<CityFeed>,
    city: Res<City>,
    clock: Res<WallClock>,
    scenes: Res<Scenes>,
    tiles: Res<Tiles>,
    (diagnosed, time): (Res<Diagnosed>, Res<Time<Real>>),
    (picture, follower): (Res<Picture>, Option<Res<Follower>>),
    mut frame_s: Local<f32>,
) {
    // A mean over the last second or so.
    *frame_s += (time.delta_secs() - *frame_s) * 0.05;
    let now = clock.moment();
    let local = clock.local(city.time_zone());
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
            "{}年{}月{}日 星期{}",
            local.year(),
            local.month(),
            local.day(),
            WEEKDAYS[usize::from(local.weekday().to_monday_zero_offset().unsigned_abs()) % 7]
        ),
        link: link_words(&live, is_current, now),
        is_current,
        waiting: waiting_words(&city, &feed, &tiles),
        notice: notice_words(&city),
        diagnostics: if diagnosed.0 { diagnostics_words(*frame_s, &picture, follower.as_deref()) } else { String::new() },
        replay: replay_words(&live, city.time_zone()),
        complaint: city.complaints.last().map_or_else(String::new, |c| match city.complaints.len() {
            1 => c.0.clone(),
            n => format!("{} （共 {n} 条，见日志）", c.0),
        }),
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

fn diagnostics_words(frame_s: f32, picture: &Picture, follower: Option<&Follower>) -> String {
    let [tiles, buildings, markers] = picture.stats.counts();
    let drawn = format!("每帧 {:.0} 毫秒　瓦片 {tiles}　建筑 {buildings}　标记 {markers}", frame_s * 1e3);
    let Some(follower) = follower else { return drawn };
    let skews = follower.skews_ms();
    match (share(&skews, 0.5), share(&skews, 0.99)) {
        (Some(median), Some(p99)) => format!("{drawn}　落后主屏 {median:.1} 毫秒（99%：{p99:.1}）"),
        _ => format!("{drawn}　没有收到主屏"),
    }
}

fn replay_words(live: &LiveState, zone: &str) -> String {
    let at = live.replay.as_ref().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    at.map_or_else(String::new, |at| {
        let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
        format!("回放 REPLAY　{}　不是现在", at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S"))
    })
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
