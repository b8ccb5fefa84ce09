//! An alarm on the stage: its banner, what waits behind it, the rings' distances, and who is near.

use super::{
    around::{Around, Asker, Near},
    kit::Kit,
    labels::Placed,
    mode,
    panel::PanelDesk,
    room::{Room, StageRoom, width_of},
    style::{FontFaces, ink},
    words::{LEVEL_GLYPHS, LEVEL_NAMES, cut, grouped, lines, when},
};
use crate::{
    camera::{Eye, Rig},
    city::{City, CityFeed, CurrentScheme, Ground, PictureSize, Stage, StageAlarm, WallClock},
    displays::Displays,
    net::Ways,
    scene::{SceneAlarm, Scenes},
};
use bevy::{
    math::{DVec2, Rot2},
    prelude::*,
    ui::UiTransform,
};
use std::time::{Duration, Instant};

/// The levels whose surroundings are shown.
const GRAVE: std::ops::RangeInclusive<u8> = 1..=2;
/// Between two looks at what is around.
const LOOK: Duration = Duration::from_millis(300);
/// Alarms that wait and are named beside the one on the stage.
const NAMED_MAX: usize = 3;
/// The box of a name at the end of a line, and the size of its letters, pixels at 1080 lines.
const NAME_PX: Vec2 = Vec2::new(420.0, 34.0);
const LETTERS_PX: f32 = 22.0;
/// Characters of full width of such a name.
const NAME_CHARS: f32 = 10.0;
/// The banner of a grave alarm and of another: its title's letters, its glyph, its border; pixels at 1080 lines.
const BANNER_PX: [[f32; 3]; 2] = [[40.0, 54.0, 4.0], [28.0, 34.0, 2.0]];
/// The letters of a title where there is little room.
const NARROW_PX: f32 = 30.0;
/// What the banner has beside its title, and above and below its lines; the letters of its second line.
const BESIDE_PX: f32 = 150.0;
const PADDING_PX: f32 = 10.0;
const SMALL_PX: f32 = 24.0;
/// A line of what waits: its height with the gap below it, and its width without names and for each of them.
const WAITING_PX: (f32, f32, f32) = (48.0, 360.0, 225.0);
/// A banner is not narrower than this.
const BANNER_PX_MIN: f32 = 540.0;
/// A line of text, in sizes of its letters.
const LINE: f32 = 1.35;
/// The facts: a row, what surrounds the rows, and the widths of the two plates.
const FACTS_PX: (f32, f32, [f32; 2]) = (34.0, 50.0, [560.0, 330.0]);

/// Answers how long help takes along the roads.
#[derive(Resource, Clone)]
pub struct StageWays(pub Ways);

/// The banner of the alarm.
#[derive(Component)]
pub struct StageRoot;

/// What is drawn over the ground: lines and names.
#[derive(Component)]
pub struct StageMark;

/// How much higher the foot is while the past is shown.
const PAST_PX: f32 = 64.0;

/// What was built, so that it is built anew only when it differs.
#[derive(Default, PartialEq)]
pub(super) struct Built {
    alarm: Option<StageAlarm>,
    waiting: Vec<StageAlarm>,
    known: Vec<StageAlarm>,
    around: Around,
    version: u32,
    room: Option<StageRoom>,
}

#[expect(clippy::too_many_arguments, reason = "what a system asks the world for")]
pub(super) fn update(
    mut commands: Commands,
    (stage, city, scenes, feed): (Res<Stage>, Res<City>, Res<Scenes>, Res<CityFeed>),
    (desk, ways): (Res<PanelDesk>, Res<StageWays>),
    (faces, scheme, clock): (Res<FontFaces>, Res<CurrentScheme>, Res<WallClock>),
    (rig, size, scale, windows): (Res<Rig>, Res<PictureSize>, Res<UiScale>, Query<&Window>),
    (displays, ground, mut placed): (Res<Displays>, Res<Ground>, ResMut<Placed>),
    roots: Query<Entity, With<StageRoot>>,
    marks: Query<Entity, With<StageMark>>,
    (mut built, mut looked): (Local<Built>, Local<Option<Instant>>),
    mut drawn: Local<Option<(crate::camera::Orbit, f64, UVec2)>>,
) {
    let kit = Kit { faces: &faces, scheme: &scheme.0 };
    let spec = &scenes.current().alarm;
    let place = stage.on().and_then(|a| a.place);
    let is_grave = stage.on().is_some_and(|a| GRAVE.contains(&a.level));
    let is_known = built.alarm.as_ref() == stage.on() && built.version == scenes.version;
    let around = match (place, city.plane) {
        // What is shown stays until it is time for another look.
        (Some(_), Some(_)) if is_known && looked.is_some_and(|at| at.elapsed() < LOOK) => built.around.clone(),
        (Some(place), Some(plane)) => {
            *looked = Some(Instant::now());
            let now = clock.time();
            let asker = Asker { city: &city, desk: &desk.0, ways: Some(&ways.0), spec, plane, place, now };
            if is_grave { asker.ask() } else { asker.where_it_is() }
        }
        _ => Around::default(),
    };
    placed.is_waiting = around.waiting > 0;
    let is_past = feed.live.state().replay.is_some();
    let foot_px = mode::foot_px(scenes.mode()) + if is_past { PAST_PX } else { 0.0 };
    let room = StageRoom::of(&displays).above(foot_px);
    // Of those that are known only the grave ones are named again.
    let known = stage.known().iter().filter(|a| GRAVE.contains(&a.level)).cloned().collect();
    let waiting = stage.waiting().to_vec();
    let next = Built { alarm: stage.on().cloned(), waiting, known, around, version: scenes.version, room: Some(room) };
    let is_new = *built != next;
    if is_new {
        roots.iter().for_each(|root| commands.entity(root).despawn());
        if next.alarm.is_some() || !next.known.is_empty() {
            banner(&mut commands, &kit, &room, &next, |a| when(&a.time, city.time_zone(), clock.time()));
        }
        if place.is_some() && is_grave {
            facts(&mut commands, &kit, &room, &next.around, spec);
        }
        *built = next;
    }
    let seen = Some((rig.orbit, rig.ground_m, size.0));
    if is_new || *drawn != seen {
        *drawn = seen;
        marks.iter().for_each(|mark| commands.entity(mark).despawn());
        let factor = (scale.0 * windows.iter().next().map_or(1.0, Window::scale_factor)).max(1e-3);
        let own = own_places(&room, &built, place.is_some() && is_grave);
        let mut taken: Vec<Rect> = own.iter().map(|rect| rect.inflate(8.0)).collect();
        let mut names = Vec::new();
        if let (Some(place), Some(plane), true) = (place, city.plane, is_grave) {
            let eye = rig.eye(size.0);
            let mut room = Room::beside_panels(&displays, factor, &taken).above(foot_px);
            names =
                draw(&mut commands, &kit, (&eye, &ground), plane.forward(place.0, place.1), spec.ring, &built.around, factor, &mut room);
        }
        placed.around_alarm = names.len();
        taken.append(&mut names);
        (placed.taken, placed.foot_px) = (taken, foot_px);
        placed.announced_px = own_places(&room, &built, false).iter().map(|rect| rect.max.y).fold(0.0, f32::max);
        placed.facts = built.around.clone();
    }
}

fn metres(m: f64) -> String {
    if m < 1000.0 { format!("{m:.0} 米") } else { format!("{:.1} 公里", m / 1000.0) }
}

/// A drive in whole minutes, rounded up.
fn minutes(seconds: f64) -> String {
    format!("{:.0} 分钟", (seconds / 60.0).ceil().max(1.0))
}

/// The lines of the banner's title, and its sizes.
fn title(alarm: &StageAlarm, room: &StageRoom) -> (Vec<String>, [f32; 3]) {
    let mut sizes = BANNER_PX[usize::from(!GRAVE.contains(&alarm.level))];
    if room.is_narrow() {
        sizes[0] = sizes[0].min(NARROW_PX);
    }
    (lines(in_chinese(&alarm.title), (room.upper.width() - BESIDE_PX) / sizes[0], 2), sizes)
}

/// Where the banner, what waits and the facts are.
fn own_places(room: &StageRoom, built: &Built, has_facts: bool) -> Vec<Rect> {
    let upper = room.upper;
    let at = |width: f32, top: f32, tall: f32| {
        let half = width.min(upper.width()) / 2.0;
        Rect::new(upper.center().x - half, top, upper.center().x + half, top + tall)
    };
    let mut places = Vec::new();
    let mut top = upper.min.y;
    if let Some(alarm) = &built.alarm {
        let (lines, sizes) = title(alarm, room);
        let width = lines.iter().map(|line| width_of(line, sizes[0])).fold(0.0, f32::max) + BESIDE_PX;
        let tall = (lines.len() as f32 * sizes[0] + 2.0 * SMALL_PX) * LINE + 2.0 * (PADDING_PX + sizes[2]);
        places.push(at(width.max(BANNER_PX_MIN), top, tall));
        top += tall + 8.0;
    }
    let lists = [&built.waiting, &built.known].into_iter().filter(|list| !list.is_empty());
    for list in lists.take(if room.is_narrow() { 1 } else { 2 }) {
        places.push(at(WAITING_PX.1 + WAITING_PX.2 * list.len().min(NAMED_MAX) as f32, top, WAITING_PX.0));
        top += WAITING_PX.0;
    }
    if has_facts {
        let tall = |plate: usize| FACTS_PX.1 + FACTS_PX.0 * rows_of(&built.around)[plate] as f32;
        places.extend(plates(room, [tall(0), tall(1)]));
    }
    places
}

/// Rows of the two plates of facts.
fn rows_of(around: &Around) -> [usize; 2] {
    [around.nearest.len().max(1), around.inside.len() + 2 * usize::from(around.people.is_some())]
}

/// Where the two plates of facts are, which are so tall: side by side, in two columns of displays, or one above
/// the other.
fn plates(room: &StageRoom, tall: [f32; 2]) -> [Rect; 2] {
    let ([first, second], gap) = (FACTS_PX.2, 16.0);
    let standing = |middle: f32, foot: f32, width: f32, tall: f32| Rect::new(middle - width / 2.0, foot - tall, middle + width / 2.0, foot);
    let lower = room.lower;
    let (middle, foot) = (lower.center().x, lower.max.y);
    if first + gap + second <= lower.width() {
        let left = middle - (first + gap + second) / 2.0;
        return [standing(left + first / 2.0, foot, first, tall[0]), standing(left + first + gap + second / 2.0, foot, second, tall[1])];
    }
    let first = first.min(lower.width());
    match room.beside {
        Some(beside) => {
            let second = second.min(beside.width());
            [standing(middle, foot, first, tall[0]), standing(beside.min.x + second / 2.0, beside.max.y, second, tall[1])]
        }
        None => [standing(middle, foot - tall[1] - gap, first, tall[0]), standing(middle, foot, first, tall[1])],
    }
}

/// Under the bar: what has happened and where, how many wait, and which are known and not over.
fn banner(commands: &mut Commands, kit: &Kit<'_>, room: &StageRoom, built: &Built, time: impl Fn(&StageAlarm) -> String) {
    let line = Node {
        position_type: PositionType::Absolute,
        left: px(room.upper.min.x),
        width: px(room.upper.width()),
        top: px(room.upper.min.y),
        flex_direction: FlexDirection::Column,
        align_items: AlignItems::Center,
        row_gap: px(8),
        ..default()
    };
    commands.spawn((line, GlobalZIndex(10), StageRoot)).with_children(|middle| {
        if let Some(alarm) = &built.alarm {
            let (lines, [letters, glyph, border]) = title(alarm, room);
            let level = usize::from(alarm.level.min(4));
            let colour = ink(kit.scheme.levels[level]);
            let plate = Node {
                padding: UiRect::axes(px(26), px(PADDING_PX)),
                column_gap: px(22),
                align_items: AlignItems::Center,
                border: UiRect::all(px(border)),
                border_radius: BorderRadius::all(px(8)),
                ..default()
            };
            // A bundle has a component once: the level's colour is put in the place of the plate's.
            middle.spawn((plate, kit.plate())).insert(BorderColor::all(colour)).with_children(|plate| {
                plate.spawn(kit.text(LEVEL_GLYPHS[level], glyph, true, colour));
                plate.spawn(Node { flex_direction: FlexDirection::Column, ..default() }).with_children(|text| {
                    for line in &lines {
                        text.spawn(kit.text(line, letters, true, kit.ink()));
                    }
                    text.spawn(kit.text(&format!("告警　{}　{}　待确认", LEVEL_NAMES[level], time(alarm)), SMALL_PX, false, kit.soft()));
                    let place = match (alarm.place, built.around.place.is_empty()) {
                        (None, _) => "位置未知".to_owned(),
                        (Some((longitude, latitude)), true) => format!("{longitude:.4}°, {latitude:.4}°"),
                        (Some(_), false) => built.around.place.join(" · "),
                    };
                    let room = (room.upper.width() - BESIDE_PX) / SMALL_PX;
                    text.spawn(kit.text(&cut(&place, room), SMALL_PX, false, kit.soft()));
                });
            });
        }
        let named = |middle: &mut ChildSpawnerCommands<'_>, words: &str, list: &[StageAlarm]| {
            if list.is_empty() {
                return;
            }
            let row = Node {
                padding: UiRect::axes(px(16), px(4)),
                column_gap: px(18),
                border: UiRect::all(px(1)),
                border_radius: BorderRadius::all(px(6)),
                ..default()
            };
            middle.spawn((row, kit.plate())).with_children(|row| {
                row.spawn(kit.text(&format!("{words} {} 条", list.len()), 22.0, true, kit.ink()));
                for next in list.iter().take(NAMED_MAX) {
                    let level = usize::from(next.level.min(4));
                    row.spawn(Node { column_gap: px(6), ..default() }).with_children(|one| {
                        one.spawn(kit.text(LEVEL_GLYPHS[level], 22.0, true, ink(kit.scheme.levels[level])));
                        one.spawn(kit.text(&cut(in_chinese(&next.title), 8.0), 22.0, false, kit.soft()));
                    });
                }
            });
        };
        if room.is_narrow() {
            // Where there is little room, numbers alone, in one line.
            let word = |words: &str, list: &[StageAlarm]| (!list.is_empty()).then(|| format!("{words} {} 条", list.len()));
            let words = [word("还有待确认", &built.waiting), word("已确认未解除", &built.known)];
            let row = Node {
                padding: UiRect::axes(px(16), px(4)),
                border: UiRect::all(px(1)),
                border_radius: BorderRadius::all(px(6)),
                ..default()
            };
            let words = words.into_iter().flatten().collect::<Vec<_>>().join("　");
            if !words.is_empty() {
                middle.spawn((row, kit.plate())).with_child(kit.text(&words, 22.0, true, kit.ink()));
            }
            return;
        }
        named(middle, "还有待确认", &built.waiting);
        named(middle, "红橙告警已确认、未解除", &built.known);
    });
}

/// The first of the languages of a title that is written in two: `火情 / Fire`.
fn in_chinese(title: &str) -> &str {
    title.split_once(" / ").map_or(title, |(zh, _)| zh)
}

/// At the foot: who is nearest, and who is inside the inner ring.
fn facts(commands: &mut Commands, kit: &Kit<'_>, room: &StageRoom, around: &Around, spec: &SceneAlarm) {
    let tall = rows_of(around).map(|rows| FACTS_PX.1 + FACTS_PX.0 * rows as f32);
    let plate = |at: Rect| Node {
        position_type: PositionType::Absolute,
        left: px(at.min.x),
        top: px(at.min.y),
        width: px(at.width()),
        height: px(at.height()),
        flex_direction: FlexDirection::Column,
        padding: UiRect::axes(px(20), px(10)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let [nearest, inside] = plates(room, tall);
    let row = |parent: &mut ChildSpawnerCommands<'_>, label: &str, values: &[String]| {
        parent.spawn(Node { height: px(FACTS_PX.0), align_items: AlignItems::Center, column_gap: px(12), ..default() }).with_children(
            |line| {
                line.spawn(Node { flex_grow: 1.0, ..default() }).with_child(kit.text(label, 22.0, false, kit.soft()));
                for value in values {
                    let node = Node { min_width: px(104), justify_content: JustifyContent::End, ..default() };
                    line.spawn(node).with_child(kit.text(value, 24.0, true, kit.ink()));
                }
            },
        );
    };
    commands.spawn((plate(nearest), kit.plate(), GlobalZIndex(10), StageRoot)).with_children(|plate| {
        plate.spawn(kit.text(&how(around, spec), 20.0, false, kit.faint()));
        let room = (nearest.width() - 40.0 - 232.0) / 22.0;
        for Near { title, name, away_m, drive, .. } in &around.nearest {
            let time = drive.map_or_else(String::new, |drive| minutes(drive.seconds) + if drive.by_road { "" } else { "*" });
            row(plate, &cut(&format!("{title}　{name}"), room), &[metres(*away_m), time]);
        }
        if around.nearest.is_empty() {
            plate.spawn(kit.text(if around.waiting > 0 { "正在查询 …" } else { "没有" }, 22.0, false, kit.faint()));
        }
    });
    if around.inside.is_empty() && around.people.is_none() {
        return;
    }
    commands.spawn((plate(inside), kit.plate(), GlobalZIndex(10), StageRoot)).with_children(|plate| {
        plate.spawn(kit.text(&format!("{}以内", metres(spec.ring)), 20.0, false, kit.faint()));
        if let Some((people, _)) = &around.people {
            row(plate, "人口（估算）", &[format!("约 {}", grouped(in_two_figures(*people)))]);
        }
        around.inside.iter().for_each(|(title, n)| row(plate, title, &[grouped(*n)]));
        if let Some((_, source)) = &around.people {
            plate.spawn(kit.text(&cut(&format!("人口按面积占比，据{source}"), 14.5), 20.0, false, kit.faint()));
        }
    });
}

/// How the distances and times were come by.
fn how(around: &Around, spec: &SceneAlarm) -> String {
    let drives = || around.nearest.iter().filter_map(|near| near.drive);
    let speed = spec.speed;
    match (drives().any(|d| d.by_road), drives().any(|d| !d.by_road)) {
        (false, false) => "最近（直线距离）".to_owned(),
        (true, false) => format!("直线距离　沿路网行驶时间，{speed:.0} 公里/时"),
        (true, true) => format!("直线距离　行驶 {speed:.0} 公里/时：沿路网，* 为直线"),
        (false, true) => format!("直线距离　* 按直线、{speed:.0} 公里/时估算"),
    }
}

/// An estimate has no more figures than it is worth.
fn in_two_figures(n: u64) -> u64 {
    let unit = 10_u64.pow(n.checked_ilog10().unwrap_or(0).saturating_sub(1));
    (n + unit / 2) / unit * unit
}

/// Lines from the alarm to the nearest, their names, and the rings' radii; returns where names are.
#[expect(clippy::too_many_arguments, reason = "what is drawn, on what, and where there is room")]
fn draw(
    commands: &mut Commands,
    kit: &Kit<'_>,
    (eye, ground): (&Eye, &Ground),
    here: DVec2,
    ring_m: f64,
    around: &Around,
    factor: f32,
    room: &mut Room,
) -> Vec<Rect> {
    let on_screen = |at: DVec2| eye.project(ground.place(at)).map(|(px, _)| px / factor);
    let Some(start) = on_screen(here) else { return Vec::new() };
    let screen = eye.size.as_vec2() / factor;
    // The alarm's own marker: its ring on the ground, its column, its head.
    let own = [(44.0, -26.0, 26.0), (4.0, -90.0, -26.0), (26.0, -150.0, -90.0)];
    own.iter().for_each(|(half, top, foot)| room.keep(Rect::new(start.x - half, start.y + top, start.x + half, start.y + foot)));
    let mut names = Vec::new();
    let mut name = |commands: &mut Commands, at: &[Vec2], text: &str, colour: Color| {
        let size = Vec2::new(width_of(text, LETTERS_PX) + 16.0, NAME_PX.y);
        let Some(rect) = room.take(at.iter().map(|at| Rect::from_center_size(*at, size))) else { return };
        names.push(rect);
        let node = Node {
            position_type: PositionType::Absolute,
            left: px(rect.center().x - NAME_PX.x / 2.0),
            top: px(rect.center().y - NAME_PX.y / 2.0),
            width: px(NAME_PX.x),
            justify_content: JustifyContent::Center,
            ..default()
        };
        // A plate, so that neither rings nor lines strike it through.
        let plate = Node { padding: UiRect::axes(px(8), px(1)), border_radius: BorderRadius::all(px(4)), ..default() };
        let ground = BackgroundColor(super::style::ink_alpha(kit.scheme.plate));
        commands.spawn((node, GlobalZIndex(5), StageMark)).with_children(|line| {
            line.spawn((plate, ground)).with_child(kit.text(text, LETTERS_PX, true, colour));
        });
    };
    // The rings first: each has one name, and there is room for it somewhere along the ring.
    let ahead = eye.forward.truncate().normalize_or(DVec2::Y);
    for k in [1.0, 2.0, 4.0] {
        // From where the ring is nearest to the eye, so that nothing of the city covers it, to the far side.
        const STEPS: u32 = 72;
        let turn = |i: u32| {
            let side = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
            f64::from(i.div_ceil(2)) / f64::from(STEPS) * std::f64::consts::TAU * side
        };
        let places: Vec<Vec2> =
            (0..STEPS).filter_map(|i| on_screen(here - DVec2::from_angle(turn(i)).rotate(ahead) * ring_m * k)).collect();
        name(commands, &places, &metres(ring_m * k), kit.soft());
    }
    for Near { title, name: item, at, away_m, drive } in &around.nearest {
        let Some(end) = on_screen(*at) else { continue };
        let span = end - start;
        let length = span.length();
        if !length.is_finite() || length < 4.0 || length > 8.0 * screen.x {
            continue;
        }
        let line = (start + end) / 2.0;
        commands.spawn((
            Node { position_type: PositionType::Absolute, width: px(length), height: px(2), ..default() },
            UiTransform {
                translation: Val2::px(line.x - length / 2.0, line.y - 1.0),
                rotation: Rot2::radians(span.y.atan2(span.x)),
                ..default()
            },
            BackgroundColor(kit.soft()),
            // Under the panels, over the ground.
            GlobalZIndex(-1),
            StageMark,
        ));
        let how_far = drive.map_or_else(|| metres(*away_m), |drive| minutes(drive.seconds));
        let text = format!("{} {how_far}", cut(if item.is_empty() { title } else { item }, NAME_CHARS));
        // At the end of the line, then nearer and nearer to the alarm: below, above, right, left of it.
        let aside = width_of(&text, LETTERS_PX) / 2.0 + 22.0;
        let sides = [Vec2::Y * 26.0, Vec2::Y * -26.0, Vec2::X * aside, Vec2::X * -aside];
        let places: Vec<Vec2> =
            [1.0, 0.85, 0.7, 0.55, 0.4].iter().flat_map(|share| sides.map(|side| start + span * *share + side)).collect();
        name(commands, &places, &text, kit.ink());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_has_two_figures_and_minutes_are_rounded_up() {
        assert_eq!([0, 7, 42, 4_449, 4_450, 98_765].map(in_two_figures), [0, 7, 42, 4_400, 4_500, 99_000]);
        assert_eq!((minutes(20.0), minutes(61.0)), ("1 分钟".to_owned(), "2 分钟".to_owned()));
    }

    #[test]
    fn banner_and_facts_are_beside_the_panels_and_off_the_seams_on_any_wall() {
        let alarm = StageAlarm {
            key: (String::new(), String::new()),
            title: "化工园区储罐泄漏并起火，周边一公里内人员需要立即疏散".to_owned(),
            level: 1,
            time: String::new(),
            place: Some((117.2, 39.1)),
        };
        let near = Near { title: "医院".into(), name: "镜水兴医院".into(), at: DVec2::ZERO, away_m: 900.0, drive: None };
        let inside = vec![("建筑".to_owned(), 12); 4];
        let around = Around { nearest: vec![near; 5], inside, people: Some((12_000, "网格".into())), ..Default::default() };
        let built = Built { alarm: Some(alarm.clone()), waiting: vec![alarm.clone()], around, ..Default::default() };
        for (size, grid) in
            [((1920, 1080), (1, 1)), ((1920, 1080), (2, 2)), ((1920, 1080), (4, 2)), ((1920, 1080), (3, 1)), ((1080, 1920), (1, 1))]
        {
            let (size, grid) = (UVec2::from(size), UVec2::from(grid));
            let wall = Displays { size, grid, gap: (grid - UVec2::ONE) * 12, shown: None };
            let mut room = Room::beside_panels(&wall, super::super::style::fit(wall.whole()), &[]);
            for place in own_places(&StageRoom::of(&wall), &built, true) {
                assert_eq!(room.take([place]), Some(place), "{grid} of {size}");
            }
        }
    }
}
