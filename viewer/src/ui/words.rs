//! Numbers, times and titles in words.

use citywall_wire::CollectionDocument;
use jiff::{Timestamp, tz::TimeZone};
use std::time::Duration;

/// The shapes of the levels, as their markers have them.
pub const LEVEL_GLYPHS: [&str; 5] = ["○", "◆", "▲", "■", "●"];
/// The levels' names.
pub const LEVEL_NAMES: [&str; 5] = ["未分级", "一级 · 红色", "二级 · 橙色", "三级 · 黄色", "四级 · 蓝色"];

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
#[must_use]
pub fn span(d: Duration) -> String {
    match d.as_secs() {
        s @ 0..60 => format!("{s} 秒"),
        s @ 60..3600 => format!("{} 分 {:02} 秒", s / 60, s % 60),
        s => format!("{} 小时 {:02} 分", s / 3600, s / 60 % 60),
    }
}

/// A moment (RFC 3339) by the clock of a zone; with its date if that is not today's.
#[must_use]
pub fn when(moment: &str, zone: &str, today: Timestamp) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let Ok(at) = moment.parse::<Timestamp>() else { return String::new() };
    let local = at.to_zoned(zone.clone());
    let format = if today.to_zoned(zone).date() == local.date() { "%H:%M" } else { "%m-%d %H:%M" };
    local.strftime(format).to_string()
}

/// A collection's title, with a star if its data is generated.
#[must_use]
pub fn collection_title(c: &CollectionDocument) -> String {
    let title = if c.title.zh.is_empty() { &c.title.en } else { &c.title.zh };
    if c.generated { format!("{} *", title.trim_end_matches("（生成）")) } else { title.clone() }
}

/// How wide a text is, in characters of full width.
#[must_use]
pub fn width(text: &str) -> f32 {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> f32 {
    if c.is_ascii() { 0.56 } else { 1.0 }
}

/// A text cut to a width in characters of full width, with an ellipsis.
#[must_use]
pub fn cut(text: &str, width: f32) -> String {
    if self::width(text) <= width {
        return text.to_owned();
    }
    let mut left = width - 1.0;
    text.chars()
        .take_while(|c| {
            left -= char_width(*c);
            left >= 0.0
        })
        .chain(['…'])
        .collect()
}

/// A text in at most so many lines of a width in characters of full width; the last has an ellipsis if something
/// is left.
#[must_use]
pub fn lines(text: &str, width: f32, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && lines.len() < most {
        let first = cut(rest, width);
        if lines.len() + 1 == most || !first.ends_with('…') {
            lines.push(first);
            break;
        }
        // A line that is not the last has room for what the ellipsis would take.
        let count = first.chars().count();
        let end = rest.char_indices().nth(count).map_or(rest.len(), |(at, _)| at);
        let line = &rest[..end];
        lines.push(line.trim_end().to_owned());
        rest = rest[line.len()..].trim_start();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_title_is_cut_with_an_ellipsis() {
        assert_eq!(cut("占道经营", 13.5), "占道经营");
        assert_eq!(cut("竹影景街道乱倒乱排污水、废水", 13.5), "竹影景街道乱倒乱排污水、…");
    }

    #[test]
    fn a_long_title_takes_two_lines_and_nothing_of_it_is_lost_before_the_ellipsis() {
        assert_eq!(lines("占道经营", 8.0, 2), ["占道经营"]);
        assert_eq!(lines("化工园区储罐泄漏并起火", 8.0, 2), ["化工园区储罐泄漏", "并起火"]);
        assert_eq!(lines("化工园区储罐泄漏并起火周边人员立即疏散", 8.0, 2), ["化工园区储罐泄漏", "并起火周边人员…"]);
    }

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1000, 1_234_567].map(grouped).each_ref().map(String::as_str));
    }

    #[test]
    fn a_moment_of_another_day_has_its_date() {
        let today = "2026-01-01T04:00:00Z".parse().unwrap();
        assert_eq!(when("2026-01-01T00:16:00Z", "Asia/Shanghai", today), "08:16");
        assert_eq!(when("2025-12-30T00:16:00Z", "Asia/Shanghai", today), "12-30 08:16");
        assert_eq!(when("yesterday", "Asia/Shanghai", today), "");
    }
}
