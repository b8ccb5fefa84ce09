//! What each panel says, worked out from the live state and the answers of the server. Knows
//! nothing of the screen.

use super::{
    cameras::{Camera, cameras},
    sources::{EVERY, EVERY_PAST, Sources},
    terms::value_of,
    words::{LEVEL_GLYPHS, LEVEL_NAMES, collection_title, cut, grouped, when},
};
use crate::{
    live::{Followed, Incident},
    net::{AT, Answer, encode, items_path},
    render::Glyph,
    scene::{ClassColour, Group, PanelKind, SERIES, ScenePanel},
};
use citywall_wire::CollectionDocument;
use jiff::{SignedDuration, Timestamp};
use std::{collections::BTreeMap, time::Instant};

/// Rows of a panel that says nothing of its rows.
const ROWS_DEFAULT: usize = 8;
/// Characters of full width that fit into an incident's title.
const TITLE_CHARS: f32 = 13.5;

/// The colour of a mark beside a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tone {
    /// Of a level.
    Level(usize),
    /// Of a group.
    Series(usize),
    /// Of a thing.
    Thing,
    /// Of what moves.
    Moving,
    /// Of a class of buildings.
    Class(ClassColour),
}

/// A mark beside a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark {
    /// A character.
    Char(&'static str),
    /// A thing's glyph; hollow for what does not work.
    Glyph(Glyph, bool),
    /// What flows along a line of a style, one way or both.
    Flow(u8, bool),
    /// Density.
    Density,
}

/// A line of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What stands before it, and its colour.
    pub mark: Option<(Mark, Tone)>,
    /// What it is.
    pub label: String,
    /// More of it, below.
    pub meta: String,
    /// Its number.
    pub value: String,
    /// The number as a share of the largest, for a bar.
    pub share: Option<f32>,
    /// The incident that a click flies to.
    pub key: Option<(String, String)>,
}

/// A cell of a table; numbers stand at the right.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// True of a number.
    pub is_number: bool,
}

/// What a panel shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing, and why.
    Nothing(String),
    /// One number, its unit, a note, its course, its share of a whole.
    Figure { value: String, unit: String, note: String, share: Option<f32>, course: Vec<f64> },
    /// A number above lines.
    Total { value: String, unit: String, rows: Vec<Row> },
    /// Lines.
    Rows(Vec<Row>),
    /// Shares of a ring: label, number, share.
    Ring(Vec<(String, String, f32)>),
    /// A course by the hour, what its ends are called, and its greatest value.
    Course { values: Vec<f64>, ends: [String; 2], top: String, unit: String },
    /// Headings and cells, and how many rows more there are.
    Table { head: Vec<String>, rows: Vec<Vec<Cell>>, more: u64 },
    /// A text.
    Text(String),
    /// Cameras, and whether their pictures are generated.
    Cameras { cameras: Vec<Camera>, is_generated: bool },
    /// The whole city: incidents and the view's corners, metres on the city's plane.
    Inset { marks: Vec<([f32; 2], usize)>, view: Vec<[f32; 2]> },
}

/// Of when a panel's data is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Of {
    /// Of now, last heard of then.
    Now(Option<Instant>),
    /// Of an instant of the past.
    Past(Timestamp),
    /// Of now, although the past is shown: there is no other.
    NowInPast,
    /// It is nothing that changes with time.
    Always,
}

/// A panel's content.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// What it shows.
    pub body: Body,
    /// Of when its data is.
    pub of: Of,
    /// False if its data is older than it should be.
    pub is_current: bool,
    /// True while some of it is still asked for.
    pub is_awaited: bool,
    /// Where its data comes from.
    pub source: String,
}

/// What a panel says.
#[must_use]
pub fn content(panel: &ScenePanel, s: &Sources<'_>) -> Content {
    let (live, document) = (|body: Body| s.lived(body), |body: Body| s.documented(body));
    if let Some(id) = panel.collection.as_deref().filter(|id| s.city.document.is_some() && s.collection(id).is_none()) {
        return document(Body::Nothing(format!("城市中没有“{id}”数据")));
    }
    let mut content = match panel.kind {
        PanelKind::Levels => live(levels(panel, s)),
        PanelKind::Events => live(events(panel, s)),
        PanelKind::Ticker => live(ticker(panel, s)),
        PanelKind::Collections => document(collections(panel, s)),
        PanelKind::Legend => document(legend(s)),
        PanelKind::Text => Content { of: Of::Always, ..document(Body::Text(panel.text.clone().unwrap_or_default())) },
        PanelKind::Camera => document(cameras(s)),
        PanelKind::Inset => live(inset(s)),
        PanelKind::Figure => figure(panel, s),
        PanelKind::Trend => trend(panel, s),
        PanelKind::Ranking | PanelKind::Ring => groups(panel, s),
        PanelKind::Table => table(panel, s),
    };
    if let (true, Some(id)) = (content.source.is_empty(), &panel.collection) {
        content.source = s.source_of(id);
    }
    if content.of == Of::NowInPast && !content.source.is_empty() {
        content.source.push_str("，无当时版本");
    }
    content
}

fn row(label: impl Into<String>, value: impl Into<String>) -> Row {
    Row { mark: None, label: label.into(), meta: String::new(), value: value.into(), share: None, key: None }
}

fn levels(panel: &ScenePanel, s: &Sources<'_>) -> Body {
    let mut counts = [0u64; 5];
    s.incidents(panel).for_each(|i| counts[usize::from(i.level.min(4))] += 1);
    let known = |n: u64| if s.live.revision.is_some() { grouped(n) } else { "—".to_owned() };
    let rows = [1, 2, 3, 4, 0].into_iter().filter(|l| *l > 0 || counts[0] > 0);
    let rows =
        rows.map(|l| Row { mark: Some((Mark::Char(LEVEL_GLYPHS[l]), Tone::Level(l))), ..row(LEVEL_NAMES[l], known(counts[l])) }).collect();
    Body::Total { value: known(counts.iter().sum()), unit: "件".to_owned(), rows }
}

fn collections(panel: &ScenePanel, s: &Sources<'_>) -> Body {
    let Some(d) = &s.city.document else { return Body::Nothing("等待服务器".to_owned()) };
    // The largest first; the areas that the city is divided into, last.
    let is_area = |id: &str| d.area_levels.iter().any(|l| l.collection == id);
    let mut layers: Vec<_> = d.collections.iter().filter(|c| c.kind == "layer" && c.count > 0).collect();
    layers.sort_by_key(|c| (is_area(&c.id), std::cmp::Reverse(c.count)));
    let mut rows: Vec<Row> = layers.into_iter().take(panel.rows.unwrap_or(6)).map(|c| row(collection_title(c), grouped(c.count))).collect();
    if d.collections.iter().any(|c| c.generated) {
        rows.push(row("* 程序生成的数据", ""));
    }
    if rows.is_empty() { Body::Nothing("城市中还没有数据".to_owned()) } else { Body::Rows(rows) }
}

/// The gravest first, then the newest.
fn order(a: &Incident, b: &Incident) -> std::cmp::Ordering {
    let rank = |i: &Incident| if i.level == 0 { 5 } else { i.level };
    rank(a).cmp(&rank(b)).then(b.time.cmp(&a.time)).then(a.id.cmp(&b.id))
}

/// The newest first.
fn newest(a: &Incident, b: &Incident) -> std::cmp::Ordering {
    b.time.cmp(&a.time).then(a.id.cmp(&b.id))
}

fn event_row(i: &Incident, s: &Sources<'_>) -> Row {
    let level = usize::from(i.level.min(4));
    let name = LEVEL_NAMES[level].split(" · ").next().unwrap_or_default();
    let place = if i.place.is_none() { "　位置未知" } else { "" };
    let dispatched = if i.status == "dispatched" { "　处置中" } else { "" };
    Row {
        mark: Some((Mark::Char(LEVEL_GLYPHS[level]), Tone::Level(level))),
        meta: format!("{}　{name}{dispatched}{place}", when(&i.time, s.city.time_zone(), s.now.1)),
        key: Some((i.collection.clone(), i.id.clone())),
        ..row(cut(&i.title, TITLE_CHARS), "")
    }
}

fn events(panel: &ScenePanel, s: &Sources<'_>) -> Body {
    let rows = panel.rows.unwrap_or(9);
    let mut top: Vec<&Incident> = s.incidents(panel).collect();
    let hidden = top.len().saturating_sub(rows);
    let order = if panel.by.as_deref() == Some("time") { newest } else { order };
    if hidden > 0 {
        top.select_nth_unstable_by(rows, |a, b| order(a, b));
        top.truncate(rows);
    }
    top.sort_by(|a, b| order(a, b));
    if top.is_empty() {
        return Body::Nothing(if s.live.revision.is_some() { "没有未结事件" } else { "等待实时数据" }.to_owned());
    }
    let mut lines: Vec<Row> = top.into_iter().map(|i| event_row(i, s)).collect();
    if hidden > 0 {
        lines.push(row(format!("另有 {} 件未列出", grouped(hidden as u64)), ""));
    }
    Body::Rows(lines)
}

fn ticker(panel: &ScenePanel, s: &Sources<'_>) -> Body {
    let mut newest_few: Vec<&Incident> = s.incidents(panel).collect();
    newest_few.sort_by(|a, b| newest(a, b));
    newest_few.truncate(panel.rows.unwrap_or(5));
    match newest_few.len() {
        0 if s.live.revision.is_none() => Body::Nothing("等待实时数据".to_owned()),
        0 => Body::Nothing("没有新的事件".to_owned()),
        // One after the other, for six seconds each.
        n => Body::Rows(vec![event_row(newest_few[(s.now.1.as_second() / 6).rem_euclid(n as i64) as usize], s)]),
    }
}

/// A collection's title without the note that its data is generated, which its source has.
fn plain_title(c: &CollectionDocument) -> String {
    c.title.zh.trim_end_matches("（生成）").to_owned()
}

fn legend(s: &Sources<'_>) -> Body {
    let mut rows: Vec<Row> = Vec::new();
    if let Some(colouring) = s.colouring.filter(|c| !c.title.is_empty()) {
        let is_area = s.city.document.iter().flat_map(|d| &d.area_levels).any(|level| level.collection == colouring.collection);
        rows.push(row(format!("{}颜色：{}", if is_area { "区域" } else { "建筑" }, colouring.title), ""));
        let classes = colouring.classes.iter().filter(|c| !c.label.is_empty());
        rows.extend(classes.map(|class| Row { mark: Some((Mark::Char("■"), Tone::Class(class.colour))), ..row(class.label.clone(), "") }));
    }
    for things in &s.things.shown {
        let tone = if things.spec.glyph == Glyph::Arrow { Tone::Moving } else { Tone::Thing };
        let spec = &things.spec;
        let is_hollow = !spec.filter.is_empty() && spec.filter.iter().all(|(k, v)| spec.out_of_order.get(k) == Some(v));
        rows.push(Row {
            mark: Some((Mark::Glyph(spec.glyph, is_hollow), tone)),
            ..row(things.title.clone(), grouped(things.list.len() as u64))
        });
    }
    for (id, is) in s.live.followed().iter().filter(|(id, _)| s.scene.moving.includes(id) && !s.hidden.contains(id)) {
        let (count, tone, glyph) = match is {
            Followed::Moving => (s.live.tracks().count(id), Tone::Moving, Glyph::Arrow),
            Followed::Things => (s.live.tracks().count(id), Tone::Thing, Glyph::Sensor),
            Followed::Incidents => continue,
        };
        if let (Some(c), true) = (s.collection(id), count > 0) {
            rows.push(Row { mark: Some((Mark::Glyph(glyph, false), tone)), ..row(plain_title(c), grouped(count as u64)) });
        }
    }
    if s.scene.incidents.shown {
        rows.extend(
            (1..5).map(|l| Row {
                mark: Some((Mark::Char(LEVEL_GLYPHS[l]), Tone::Level(l))),
                ..row(format!("事件 · {}", LEVEL_NAMES[l]), "")
            }),
        );
    }
    for flow in s.scene.flows.iter().map(toml::Spanned::get_ref) {
        let Some(c) = s.collection(&flow.collection) else { continue };
        let label = flow.title.clone().unwrap_or_else(|| format!("{} · 流向", plain_title(c)));
        let mark = (Mark::Flow(flow.style(&c.geometry_type), flow.is_both_ways()), Tone::Thing);
        rows.push(Row { mark: Some(mark), meta: flow.note.clone(), ..row(label, "") });
    }
    if s.scene.incidents.heat > 0.0 {
        rows.push(Row { mark: Some((Mark::Density, Tone::Thing)), meta: "越亮越密集".to_owned(), ..row("事件密度", "") });
    }
    Body::Rows(rows)
}

fn inset(s: &Sources<'_>) -> Body {
    let Some(plane) = s.city.plane else { return Body::Nothing("城市中还没有数据".to_owned()) };
    let mut marks: Vec<([f32; 2], usize)> = s
        .live
        .incidents()
        .filter(|i| s.scene.incidents.shown && s.scene.incidents.includes(&i.class) && (1..=3).contains(&i.level))
        .filter_map(|i| i.place.map(|(lon, lat)| (plane.forward(lon, lat).as_vec2().to_array(), usize::from(i.level))))
        .collect();
    marks.sort_by(|a, b| b.1.cmp(&a.1).then(a.0[0].total_cmp(&b.0[0])).then(a.0[1].total_cmp(&b.0[1])));
    Body::Inset { marks, view: s.view.1.to_vec() }
}

/// The number of a panel's items; with it whether they are those of now although the past is shown.
fn number(panel: &ScenePanel, filter: &BTreeMap<String, String>, s: &Sources<'_>) -> (Option<u64>, Answer, bool) {
    let id = panel.collection.as_deref().unwrap_or_default();
    let moves = s.moves(id);
    if moves || s.happens(id) {
        let panel = ScenePanel { filter: filter.clone(), ..panel.clone() };
        let count = if moves { s.objects(id, filter) } else { s.incidents(&panel).count() as u64 };
        return (s.live.revision.map(|_| count), s.known(), false);
    }
    let (answer, is_of_now) = s.page(id, filter, 1, "");
    (answer.page.as_ref().map(|p| p.matched), answer, is_of_now)
}

fn figure(panel: &ScenePanel, s: &Sources<'_>) -> Content {
    let (value, answer, is_of_now) = number(panel, &panel.filter, s);
    let mut answers = vec![answer];
    let mut share = None;
    let mut note = String::new();
    if let Some(of) = &panel.of {
        let (whole, answer, _) = number(panel, of, s);
        answers.push(answer);
        if let (Some(value), Some(whole)) = (value, whole.filter(|w| *w > 0)) {
            share = Some((value as f64 / whole as f64) as f32);
            note = format!("占 {} 的 {:.1}%", grouped(whole), value as f64 / whole as f64 * 100.0);
        }
    }
    let course = panel.hours.map_or_else(Vec::new, |hours| {
        let (values, more) = by_hour(panel, hours, s);
        answers.extend(more);
        values
    });
    if let (true, [.., before, _]) = (note.is_empty(), &course[..]) {
        note = format!("上一小时新增 {}", grouped(*before as u64));
    }
    let is_refused = value.is_none() && answers[0].failure.as_ref().is_some_and(|why| !why.is_empty());
    if is_refused {
        return s.asked(Body::Nothing(waiting(&answers[..1])), &answers[..1], is_of_now);
    }
    let body = Body::Figure { value: value.map_or_else(|| "—".to_owned(), grouped), unit: panel.unit.clone(), note, share, course };
    // Hours that have passed are asked for less often.
    let is_awaited = answers.iter().any(Answer::is_awaited);
    Content { is_awaited, ..s.asked(body, &answers[..1], is_of_now) }
}

/// The classes of the scene as a filter in CQL2, if it has some and the panel counts incidents.
fn of_classes(panel: &ScenePanel, s: &Sources<'_>) -> Option<String> {
    let classes = &s.scene.incidents.classes;
    let is_counted = !classes.is_empty() && s.happens(panel.collection.as_deref().unwrap_or_default());
    let like = |code: &String| {
        let code = code.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_").replace('\'', "''");
        format!("class LIKE '%:{code}%' OR class LIKE '{code}%'")
    };
    is_counted.then(|| format!("({})", classes.iter().map(like).collect::<Vec<_>>().join(" OR ")))
}

/// New incidents by the hour, of the scene's classes; the last hour is the current one, in a replay up to its
/// instant.
fn by_hour(panel: &ScenePanel, hours: u32, s: &Sources<'_>) -> (Vec<f64>, Vec<Answer>) {
    let id = panel.collection.as_deref().unwrap_or_default();
    let start = s.now.1.as_second().div_euclid(3600) - i64::from(hours) + 1;
    let answers: Vec<Answer> = (0..i64::from(hours))
        .map(|h| {
            let from = Timestamp::from_second((start + h) * 3600).unwrap_or_default();
            let to = from.saturating_add(SignedDuration::from_secs(3599)).unwrap_or(from);
            let is_last = h + 1 == i64::from(hours);
            let path = |to: &str, more: &str| {
                let began = encode(&format!("time >= TIMESTAMP('{from}') AND time <= TIMESTAMP('"));
                format!("{}&filter={began}{to}{}", items_path(id, &panel.filter, 1), encode(&format!("'){more}")))
            };
            let more = of_classes(panel, s).map_or_else(String::new, |classes| format!(" AND {classes}"));
            match s.replay().filter(|_| is_last) {
                Some(replay) => s.ask_past(&path(AT, &more), replay),
                None => s.ask(&path(&encode(&to.to_string()), &more), if is_last { EVERY } else { EVERY_PAST }),
            }
        })
        .collect();
    (answers.iter().map(|a| a.page.as_ref().map_or(0.0, |p| p.matched as f64)).collect(), answers)
}

fn trend(panel: &ScenePanel, s: &Sources<'_>) -> Content {
    let hours = panel.hours.unwrap_or(24);
    let (values, answers) = by_hour(panel, hours, s);
    let body = if answers.iter().all(|a| a.page.is_some()) {
        let top = values.iter().copied().fold(0.0, f64::max);
        let end = |back: u32| {
            let hour = s.now.1.as_second().div_euclid(3600) - i64::from(back);
            when(&Timestamp::from_second(hour * 3600).unwrap_or_default().to_string(), s.city.time_zone(), s.now.1)
        };
        Body::Course {
            ends: [end(hours - 1), if s.replay().is_some() { at_clock(s) } else { "现在".to_owned() }],
            top: format!("最高 {}", grouped(top as u64)),
            values,
            unit: panel.unit.clone(),
        }
    } else {
        Body::Nothing(waiting(&answers))
    };
    let is_awaited = answers.iter().any(Answer::is_awaited);
    Content { is_awaited, ..s.asked(body, &answers[answers.len().saturating_sub(1)..], false) }
}

/// The instant that the wall shows, by the city's clock.
fn at_clock(s: &Sources<'_>) -> String {
    when(&s.now.1.to_string(), s.city.time_zone(), s.now.1)
}

fn waiting(answers: &[Answer]) -> String {
    answers.iter().find_map(|a| a.failure.clone()).map_or_else(
        || "正在统计 …".to_owned(),
        // The server's own reason is for who looks after the wall.
        |why| format!("无法统计：{}（详见 F3）", why.split('：').next().unwrap_or_default()),
    )
}

fn groups(panel: &ScenePanel, s: &Sources<'_>) -> Content {
    let id = panel.collection.as_deref().unwrap_or_default();
    let by = panel.by.as_deref().unwrap_or_default();
    let (mut answers, mut is_of_now) = (Vec::new(), false);
    let is_known = s.happens(id) || s.moves(id);
    let mut counted: Vec<(String, u64)> = if is_known {
        answers.push(s.known());
        if s.moves(id) { objects_by(panel, by, s) } else { occurring(panel, by, s) }
    } else {
        let count = |g: &Group| {
            let filter = panel.filter.clone().into_iter().chain([(by.to_owned(), g.value.clone())]).collect();
            let (answer, of_now) = s.page(id, &filter, 1, "");
            is_of_now |= of_now;
            let n = answer.page.as_ref().map(|p| p.matched);
            answers.push(answer);
            n.map(|n| (g.name().to_owned(), n))
        };
        panel.groups.iter().filter_map(count).collect()
    };
    let complete = is_known || counted.len() == panel.groups.len();
    if panel.kind == PanelKind::Ranking {
        counted.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    }
    let rows = panel.rows.unwrap_or(if panel.kind == PanelKind::Ring { SERIES } else { ROWS_DEFAULT });
    let sum: u64 = counted.iter().map(|c| c.1).sum();
    let top = counted.iter().map(|c| c.1).max().unwrap_or(0).max(1);
    counted.truncate(rows);
    let body = if !complete {
        Body::Nothing(waiting(&answers))
    } else if sum == 0 {
        Body::Nothing("目前没有数据".to_owned())
    } else if panel.kind == PanelKind::Ring {
        Body::Ring(counted.into_iter().map(|(label, n)| (label, grouped(n), (n as f64 / sum as f64) as f32)).collect())
    } else {
        let line = |(label, n): (String, u64)| Row { share: Some((n as f64 / top as f64) as f32), ..row(cut(&label, 11.0), grouped(n)) };
        Body::Rows(counted.into_iter().map(line).collect())
    };
    s.asked(body, &answers, is_of_now)
}

/// The groups of objects: those that the panel names, or all that occur.
fn objects_by(panel: &ScenePanel, by: &str, s: &Sources<'_>) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for track in s.live.tracks().of(panel.collection.as_deref().unwrap_or_default()).map(|known| &known.track) {
        if panel.filter.iter().all(|(k, v)| track.word(k) == Some(v)) {
            *counts.entry(track.word(by).unwrap_or("未知")).or_default() += 1;
        }
    }
    if panel.groups.is_empty() {
        return counts.into_iter().map(|(value, n)| (value.to_owned(), n)).collect();
    }
    panel.groups.iter().map(|g| (g.name().to_owned(), counts.get(g.value.as_str()).copied().unwrap_or(0))).collect()
}

/// The groups of incidents: those that the panel names, or all that occur.
fn occurring(panel: &ScenePanel, by: &str, s: &Sources<'_>) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for incident in s.incidents(panel) {
        let value = s.property(incident, by).unwrap_or_else(|| "位置未知".to_owned());
        if by == "class" {
            let name = names.get(&value).map_or_else(|| incident.title.clone(), |known| common_end(known, &incident.title));
            names.insert(value.clone(), name);
        }
        *counts.entry(value).or_default() += 1;
    }
    let title = |value: &str| match panel.groups.iter().find(|g| g.value == value) {
        Some(group) => group.name().to_owned(),
        None => names.get(value).filter(|n| !n.is_empty()).cloned().unwrap_or_else(|| value.to_owned()),
    };
    counts
        .into_iter()
        .filter(|(v, _)| panel.groups.is_empty() || panel.groups.iter().any(|g| g.value == *v))
        .map(|(v, n)| (title(&v), n))
        .collect()
}

/// What two titles of a class have in common at their end: its name, after the place's.
fn common_end(known: &str, title: &str) -> String {
    let same = known.chars().rev().zip(title.chars().rev()).take_while(|(a, b)| a == b).count();
    title.chars().skip(title.chars().count() - same).collect()
}

/// A number for the back of the room: whole ones by thousands, others with one decimal. What may
/// be a year or a code stays as it is.
fn figure_words(n: &serde_json::Number) -> String {
    match (n.as_u64(), n.as_f64()) {
        (Some(n), _) if n >= 10_000 => grouped(n),
        (None, Some(n)) if n.fract() != 0.0 => format!("{n:.1}"),
        _ => n.to_string(),
    }
}

fn table(panel: &ScenePanel, s: &Sources<'_>) -> Content {
    let id = panel.collection.as_deref().unwrap_or_default();
    let rows = panel.rows.unwrap_or(ROWS_DEFAULT);
    // Those with the most come first, if the panel says of what.
    let sort = panel.by.as_ref().map_or_else(String::new, |by| format!("&sortby={}", encode(by)));
    let (answer, is_of_now) = s.page(id, &panel.filter, rows, &sort);
    let head: Vec<String> = panel.columns.iter().map(|c| c.name().to_owned()).collect();
    let body = match &answer.page {
        None => Body::Nothing(waiting(std::slice::from_ref(&answer))),
        Some(page) if page.features.is_empty() => Body::Nothing("目前没有数据".to_owned()),
        Some(page) => {
            let cell = |f: &citywall_wire::Feature, c: &Group| match f.properties.get(&c.value) {
                Some(serde_json::Value::String(t)) => Cell { text: value_of(&c.value, t).to_owned(), is_number: false },
                Some(serde_json::Value::Null) | None => Cell { text: "—".to_owned(), is_number: false },
                Some(serde_json::Value::Number(n)) => Cell { text: figure_words(n), is_number: true },
                Some(other) => Cell { text: other.to_string(), is_number: false },
            };
            let cells = page.features.iter().map(|f| panel.columns.iter().map(|c| cell(f, c)).collect()).collect();
            Body::Table { head, rows: cells, more: page.matched.saturating_sub(page.features.len() as u64) }
        }
    };
    s.asked(body, std::slice::from_ref(&answer), is_of_now)
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
