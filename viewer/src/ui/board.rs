//! What the interface says, worked out from what is known.

use crate::{
    city::{City, CityFeed, Tiles, WallClock, Wish},
    live::{Incident, Link, LiveState},
};
use bevy::prelude::*;
use citywall_wire::CollectionDocument;
use jiff::{Timestamp, tz::TimeZone};
use std::time::{Duration, Instant};

/// Incidents in the list.
pub const EVENT_ROWS: usize = 9;
/// Characters of full width that fit into a row's title.
const EVENT_TITLE_CHARS: f32 = 13.5;
/// Collections in their panel.
pub const COLLECTION_ROWS: usize = 6;
/// The city's document is old when it was not heard of for this long.
const DOCUMENT_AGE_MAX: Duration = Duration::from_secs(35);

/// The shapes of the levels, as their markers have them.
pub const LEVEL_GLYPHS: [&str; 5] = ["○", "◆", "▲", "■", "●"];
/// The levels' names.
pub const LEVEL_NAMES: [&str; 5] = ["未分级", "一级 · 红色", "二级 · 橙色", "三级 · 黄色", "四级 · 蓝色"];
const WEEKDAYS: [&str; 7] = ["一", "二", "三", "四", "五", "六", "日"];

/// One incident in the list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventRow {
    /// Its collection and id.
    pub key: (String, String),
    /// What it is called.
    pub title: String,
    /// When, and what level.
    pub meta: String,
    /// The level.
    pub level: u8,
    /// Where, if known.
    pub place: Option<(f64, f64)>,
    /// True if it has just arrived.
    pub is_new: bool,
}

/// What the interface says.
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
    /// Open incidents.
    pub total: String,
    /// Open incidents by level.
    pub levels: [String; 5],
    /// When the live data was last heard of.
    pub live_time: String,
    /// When the document was last heard of, and whether that is long ago.
    pub document_time: String,
    /// True if the document is current.
    pub document_is_current: bool,
    /// Collections: title and count.
    pub collections: Vec<(String, String)>,
    /// What the stars mean, if there are any.
    pub stars: String,
    /// The list.
    pub events: Vec<EventRow>,
    /// How many more there are.
    pub more: String,
    /// What stands in the middle while there is no picture.
    pub waiting: String,
    /// The line at the foot: that data is generated, where data comes from.
    pub notice: String,
    /// What the wall has to complain of.
    pub complaint: String,
    seen: Seen,
}

/// What the board was worked out from; while it stays the same, so does the board.
#[derive(Default, Debug, PartialEq, Clone)]
struct Seen {
    revision: Option<u64>,
    second: i64,
    is_current: bool,
    document_is_current: bool,
    waiting: String,
    complaints: usize,
}

/// Groups of three digits.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A duration in words: seconds, then minutes, then hours.
fn span(d: Duration) -> String {
    match d.as_secs() {
        s @ 0..60 => format!("{s} 秒"),
        s @ 60..3600 => format!("{} 分 {:02} 秒", s / 60, s % 60),
        s => format!("{} 小时 {:02} 分", s / 3600, s / 60 % 60),
    }
}

pub(super) fn update(
    mut board: ResMut<Board>,
    feed: Res<CityFeed>,
    city: Res<City>,
    clock: Res<WallClock>,
    wish: Res<Wish>,
    tiles: Res<Tiles>,
) {
    let now = clock.moment();
    let local = clock.local(city.time_zone());
    let live = feed.live.state();
    let is_current = live.is_current(now);
    let second = local.timestamp().as_second();
    let document_is_current = city.failure.is_none() && city.heard.is_some_and(|h| now.duration_since(h) < DOCUMENT_AGE_MAX);
    let seen = Seen {
        revision: live.revision,
        second,
        is_current,
        document_is_current,
        waiting: waiting_words(&city, &feed, &tiles),
        complaints: city.complaints.len(),
    };
    if board.seen == seen && !board.clock.is_empty() {
        return;
    }
    let counts = live.by_level();
    // A stopped clock stops the ages as well, so that two pictures are the same.
    let moment = |at: Option<Instant>| match at {
        None => "——".to_owned(),
        Some(_) if clock.is_fixed() => local.strftime("%H:%M:%S").to_string(),
        Some(at) => {
            let ago = jiff::SignedDuration::try_from(now.saturating_duration_since(at)).unwrap_or_default();
            local.checked_sub(ago).unwrap_or_else(|_| local.clone()).strftime("%H:%M:%S").to_string()
        }
    };
    let (events, hidden) = rows(&live, city.time_zone(), now, clock.time());
    let document = city.document.as_ref();
    let next = Board {
        title: [
            wish.scene.title.clone().unwrap_or_else(|| {
                if city.name().is_empty() { "一屏观全市".to_owned() } else { format!("{} · 一屏观全市", city.name()) }
            }),
            wish.scene.title_en.clone().unwrap_or_else(|| {
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
        total: if live.revision.is_some() { grouped(live.len() as u64) } else { "—".to_owned() },
        levels: counts.map(|n| if live.revision.is_some() { grouped(n as u64) } else { "—".to_owned() }),
        live_time: moment(live.heard),
        document_time: moment(city.heard),
        document_is_current,
        collections: document.map_or_else(Vec::new, |d| {
            // The largest first; the areas that the city is divided into, last.
            let is_area = |id: &str| d.area_levels.iter().any(|l| l.collection == id);
            let mut layers: Vec<_> = d.collections.iter().filter(|c| c.kind == "layer" && c.count > 0).collect();
            layers.sort_by_key(|c| (is_area(&c.id), std::cmp::Reverse(c.count)));
            layers.into_iter().take(COLLECTION_ROWS).map(|c| (collection_title(c), grouped(c.count))).collect()
        }),
        stars: if document.is_some_and(|d| d.collections.iter().any(|c| c.generated)) {
            "* 程序生成的数据".to_owned()
        } else {
            String::new()
        },
        more: if hidden > 0 { format!("另有 {} 件未列出", grouped(hidden as u64)) } else { String::new() },
        events,
        waiting: seen.waiting.clone(),
        notice: notice_words(&city),
        complaint: city.complaints.last().map_or_else(String::new, |c| match city.complaints.len() {
            1 => c.0.clone(),
            n => format!("{} （共 {n} 条，见日志）", c.0),
        }),
        seen,
    };
    if *board != next {
        *board = next;
    }
}

fn link_words(live: &LiveState, is_current: bool, now: Instant) -> String {
    let age = live.heard.map(|h| now.saturating_duration_since(h));
    match (&live.link, age) {
        (Link::Up, _) if is_current => "实时".to_owned(),
        (Link::Down { .. }, None) => "未连接".to_owned(),
        (Link::Up, _) if live.revision.is_none() => "连接中".to_owned(),
        (_, Some(age)) => format!("数据中断 {}", span(age)),
        _ => "连接中".to_owned(),
    }
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
    city.document
        .as_ref()
        .and_then(|d| d.notice.as_ref())
        .map_or_else(String::new, |n| if n.zh.is_empty() { n.en.clone() } else { n.zh.clone() })
}

/// A collection's title, with a star if its data is generated.
fn collection_title(c: &CollectionDocument) -> String {
    let title = if c.title.zh.is_empty() { &c.title.en } else { &c.title.zh };
    if c.generated { format!("{} *", title.trim_end_matches("（生成）")) } else { title.clone() }
}

/// A text cut to a width in characters of full width, with an ellipsis.
fn cut(text: &str, width: f32) -> String {
    let of = |c: char| if c.is_ascii() { 0.56 } else { 1.0 };
    if text.chars().map(of).sum::<f32>() <= width {
        return text.to_owned();
    }
    let mut left = width - 1.0;
    text.chars()
        .take_while(|c| {
            left -= of(*c);
            left >= 0.0
        })
        .chain(['…'])
        .collect()
}

/// The gravest first, then the newest; and how many more there are.
fn rows(live: &LiveState, zone: &str, now: Instant, time: Timestamp) -> (Vec<EventRow>, usize) {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let rank = |i: &Incident| if i.level == 0 { 5 } else { i.level };
    let order = |a: &&Incident, b: &&Incident| rank(a).cmp(&rank(b)).then(b.time.cmp(&a.time)).then(a.id.cmp(&b.id));
    let mut top: Vec<&Incident> = live.incidents().collect();
    let hidden = top.len().saturating_sub(EVENT_ROWS);
    if hidden > 0 {
        top.select_nth_unstable_by(EVENT_ROWS, order);
        top.truncate(EVENT_ROWS);
    }
    top.sort_by(order);
    let rows = top
        .into_iter()
        .map(|i| {
            let at = i.time.parse::<Timestamp>().ok();
            let when = at.map_or_else(String::new, |at| {
                let local = at.to_zoned(zone.clone());
                let today = time.to_zoned(zone.clone()).date() == local.date();
                local.strftime(if today { "%H:%M" } else { "%m-%d %H:%M" }).to_string()
            });
            let name = LEVEL_NAMES[usize::from(i.level.min(4))].split(" · ").next().unwrap_or_default();
            let where_ = if i.place.is_none() { "　位置未知" } else { "" };
            EventRow {
                key: (i.collection.clone(), i.id.clone()),
                title: cut(&i.title, EVENT_TITLE_CHARS),
                meta: format!("{when}　{name}{where_}"),
                level: i.level.min(4),
                place: i.place,
                is_new: i.arrived.is_some_and(|a| now.saturating_duration_since(a) < Duration::from_secs(12)),
            }
        })
        .collect();
    (rows, hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_long_title_is_cut_with_an_ellipsis() {
        assert_eq!(cut("占道经营", 13.5), "占道经营");
        assert_eq!(cut("竹影景街道乱倒乱排污水、废水", 13.5), "竹影景街道乱倒乱排污水、…");
    }

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1000, 1_234_567].map(grouped).each_ref().map(String::as_str));
    }

    #[test]
    fn the_list_has_the_gravest_first_then_the_newest_and_counts_the_rest() {
        let mut live = LiveState::default();
        let feature = |id: usize, level: usize| {
            json!({"type": "Feature", "id": format!("{id}"), "geometry": null,
                "properties": {"title": format!("t{id}"), "level": level, "time": format!("2026-01-01T00:{id:02}:00Z")}})
        };
        let features: Vec<_> = (0..20).map(|i| feature(i, i % 5)).collect();
        let message = json!({"type": "snapshot", "revision": 1, "collection": "events", "features": features, "last": true});
        live.apply(serde_json::from_value(message).unwrap(), Instant::now());
        let (rows, hidden) = rows(&live, "Asia/Shanghai", Instant::now(), "2026-01-01T04:00:00Z".parse().unwrap());
        assert_eq!((rows.len(), hidden), (EVENT_ROWS, 20 - EVENT_ROWS));
        assert_eq!(rows.iter().map(|r| r.title.as_str()).collect::<Vec<_>>(), ["t16", "t11", "t6", "t1", "t17", "t12", "t7", "t2", "t18"]);
        assert!(rows[0].meta.starts_with("08:16　一级"), "{}", rows[0].meta);
    }

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
