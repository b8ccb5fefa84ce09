//! The diagnostics view (F3, `--diagnostics`): what is drawn and how fast, how the wall is connected, and what is
//! wrong, the newest first.

use super::{panel::PanelDesk, words::cut};
use crate::{
    city::City,
    live::{Link, LiveState},
    measure::share,
    net::{Desk, Follower},
    render::Picture,
};
use bevy::prelude::*;
use jiff::tz::TimeZone;

/// Complaints that there is room for at a time.
const LINES: usize = 20;
/// Characters of full width of a line.
const LINE_CHARS: f32 = 46.0;

/// Whether the diagnostics are shown, and how many of the newest complaints are passed over.
#[derive(Resource, Default, Debug)]
pub struct Diagnosed {
    /// True while they are shown.
    pub shown: bool,
    /// Complaints that were scrolled past.
    pub skipped: usize,
}

/// What was measured of the picture.
pub struct Measured<'a> {
    /// Seconds of a frame, a mean over the last second or so.
    pub frame_s: f32,
    /// What is drawn.
    pub picture: &'a Picture,
    /// The leader, as its follower hears it.
    pub follower: Option<&'a Follower>,
}

/// The view in words.
#[must_use]
pub fn words(measured: &Measured<'_>, live: &LiveState, (city, server): (&City, &str), desk: &Desk, diagnosed: &Diagnosed) -> String {
    let mut lines = vec![drawn(measured), connected(live, city, server, desk)];
    let count = city.complaints.len();
    let first = diagnosed.skipped.min(count.saturating_sub(1));
    lines.push(if count == 0 { "没有问题".to_owned() } else { format!("问题 {count} 条，从新到旧：") });
    let zone = TimeZone::get(city.time_zone()).unwrap_or(TimeZone::UTC);
    for complaint in city.complaints.newest().skip(first).take(LINES) {
        let times = if complaint.times > 1 { format!("（{} 次）", complaint.times) } else { String::new() };
        let at = complaint.since.to_zoned(zone.clone()).strftime("%m-%d %H:%M:%S").to_string();
        lines.push(format!("{at}　{}{times}", cut(&complaint.text, LINE_CHARS - 9.0)));
    }
    if count > LINES {
        lines.push(format!("第 {}–{} 条，共 {count} 条（PageUp、PageDown 翻页）", first + 1, (first + LINES).min(count)));
    }
    lines.join("\n")
}

fn drawn(measured: &Measured<'_>) -> String {
    let [tiles, buildings, markers] = measured.picture.stats.counts();
    let drawn = format!("每帧 {:.0} 毫秒　瓦片 {tiles}　建筑 {buildings}　标记 {markers}", measured.frame_s * 1e3);
    let Some(follower) = measured.follower else { return drawn };
    let skews = follower.skews_ms();
    match (share(&skews, 0.5), share(&skews, 0.99)) {
        (Some(median), Some(p99)) => format!("{drawn}　落后主屏 {median:.1} 毫秒（99%：{p99:.1}）"),
        _ => format!("{drawn}　没有收到主屏"),
    }
}

fn connected(live: &LiveState, city: &City, server: &str, desk: &Desk) -> String {
    let version = city.document.as_ref().map_or_else(|| "没有应答".to_owned(), |d| format!("版本 {}", d.version));
    let line = match &live.link {
        Link::Up => live.revision.map_or_else(|| "等待快照".to_owned(), |revision| format!("修订 {revision}")),
        Link::Down { reason, .. } => format!("断开（{}）", cut(reason, 14.0)),
    };
    let (asked, failed) = desk.counts();
    let refused = if live.refused > 0 { format!("　未用消息 {}", live.refused) } else { String::new() };
    format!("{server}　{version}　实时线：{line}　查询 {asked}（失败 {failed}）{refused}")
}

/// F3 shows and hides the view; PageUp and PageDown go through it.
pub(super) fn keys(keys: Res<ButtonInput<KeyCode>>, mut diagnosed: ResMut<Diagnosed>, city: Res<City>) {
    if keys.just_pressed(KeyCode::F3) {
        *diagnosed = Diagnosed { shown: !diagnosed.shown, skipped: 0 };
    }
    if keys.just_pressed(KeyCode::PageDown) {
        diagnosed.skipped = (diagnosed.skipped + LINES).min(city.complaints.len().saturating_sub(1) / LINES * LINES);
    }
    if keys.just_pressed(KeyCode::PageUp) {
        diagnosed.skipped = diagnosed.skipped.saturating_sub(LINES);
    }
}

/// Keeps the complaints about the panels' queries to what fails now.
pub(super) fn queries(desk: Res<PanelDesk>, mut city: ResMut<City>) {
    let complaint = |(path, why): (String, String)| {
        let collection = path.split('/').nth(2).unwrap_or_default().split('?').next().unwrap_or_default();
        format!("“{collection}”查询失败：{why}")
    };
    let mut complaints: Vec<String> = desk.0.failures().into_iter().map(complaint).collect();
    complaints.dedup();
    city.complain_about("queries", complaints);
}
