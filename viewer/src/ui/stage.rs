//! An alarm on the stage: its banner, what waits behind it, the rings' distances, and who is near.

use super::{
    kit::Kit,
    labels::Placed,
    layout::{BAR_PX, middle},
    panel::PanelDesk,
    room::{Room, width_of},
    style::{FontFaces, ink},
    words::{LEVEL_GLYPHS, LEVEL_NAMES, cut, grouped, when},
};
use crate::{
    camera::{Eye, Rig},
    city::{City, CurrentScheme, Ground, PictureSize, Stage, StageAlarm, WallClock},
    displays::Displays,
    geo::CityPlane,
    net::{Desk, encode, items_path},
    scene::{SceneAlarm, SceneQuery, Scenes},
};
use bevy::{
    math::{DVec2, Rot2},
    prelude::*,
    ui::UiTransform,
};
use std::time::Duration;

/// How often it is asked who is near.
const EVERY: Duration = Duration::from_secs(60);
/// Half the sides of the windows in which the nearest is looked for, metres, one after the other.
const SEARCH_M: [f64; 4] = [1_000.0, 4_000.0, 16_000.0, 64_000.0];
/// Items of a window that are compared.
const SEARCH_MAX: usize = 1_000;
/// Corners of the ring in which things are counted.
const RING_CORNERS: u32 = 64;
/// Alarms that wait and are named beside the one on the stage.
const NAMED_MAX: usize = 3;
/// The box of a name at the end of a line, and the size of its letters, pixels at 1080 lines.
const NAME_PX: Vec2 = Vec2::new(360.0, 30.0);
const LETTERS_PX: f32 = 22.0;
/// Characters of full width of such a name.
const NAME_CHARS: f32 = 10.0;
/// Where the banner begins, and how high it is; what waits below it; pixels at 1080 lines.
const BANNER_PX: (f32, f32) = (BAR_PX + 20.0, 124.0);
const WAITING_PX: Vec2 = Vec2::new(720.0, 52.0);
/// Characters of full width of the banner's title, the size of its letters, and the room beside them.
const TITLE: (f32, f32, f32) = (20.0, 40.0, 150.0);
/// The line under the title is not longer than this.
const TITLE_PX_MIN: f32 = 540.0;
/// The facts at the foot: width, height and distance from the lower edge.
const FACTS_PX: (f32, f32, f32) = (720.0, 190.0, 108.0);

/// The banner of the alarm.
#[derive(Component)]
pub struct StageRoot;

/// What is drawn over the ground: lines and names.
#[derive(Component)]
pub struct StageMark;

/// What is near the alarm.
#[derive(Clone, Debug, Default, PartialEq)]
struct Around {
    /// What it is, its name, where, and how many metres away.
    nearest: Vec<(String, String, DVec2, f64)>,
    /// What it is, and how many.
    inside: Vec<(String, u64)>,
    /// Questions without an answer.
    waiting: usize,
}

/// What was built, so that it is built anew only when it differs.
#[derive(Default, PartialEq)]
pub(super) struct Built {
    alarm: Option<StageAlarm>,
    waiting: Vec<StageAlarm>,
    around: Around,
    version: u32,
}

#[expect(clippy::too_many_arguments, reason = "what a system asks the world for")]
pub(super) fn update(
    mut commands: Commands,
    (stage, city, scenes, desk): (Res<Stage>, Res<City>, Res<Scenes>, Res<PanelDesk>),
    (faces, scheme, clock): (Res<FontFaces>, Res<CurrentScheme>, Res<WallClock>),
    (rig, size, scale, windows): (Res<Rig>, Res<PictureSize>, Res<UiScale>, Query<&Window>),
    (displays, ground, mut placed): (Res<Displays>, Res<Ground>, ResMut<Placed>),
    roots: Query<Entity, With<StageRoot>>,
    marks: Query<Entity, With<StageMark>>,
    mut built: Local<Built>,
    mut drawn: Local<Option<(crate::camera::Orbit, f64, UVec2)>>,
) {
    let kit = Kit { faces: &faces, scheme: &scheme.0 };
    let spec = &scenes.current().alarm;
    let place = stage.on().and_then(|a| a.place).filter(|_| stage.on().is_some_and(|a| (1..=2).contains(&a.level)));
    let around = match (place, city.plane) {
        (Some(place), Some(plane)) => around(place, plane, spec, &city, &desk.0),
        _ => Around::default(),
    };
    let next = Built { alarm: stage.on().cloned(), waiting: stage.waiting().to_vec(), around, version: scenes.version };
    let is_new = *built != next;
    if is_new {
        roots.iter().for_each(|root| commands.entity(root).despawn());
        if let Some(alarm) = &next.alarm {
            let across = middle(&displays);
            banner(&mut commands, &kit, across.clone(), alarm, &next.waiting, &when(&alarm.time, city.time_zone(), clock.time()));
            if place.is_some() {
                facts(&mut commands, &kit, across, &next.around, spec.ring);
            }
        }
        *built = next;
    }
    let seen = Some((rig.orbit, rig.ground_m, size.0));
    if is_new || *drawn != seen {
        *drawn = seen;
        marks.iter().for_each(|mark| commands.entity(mark).despawn());
        let factor = (scale.0 * windows.iter().next().map_or(1.0, Window::scale_factor)).max(1e-3);
        let mut taken = stage.on().map_or_else(Vec::new, |alarm| own_places(&displays, factor, alarm, &stage, place.is_some()));
        let mut names = Vec::new();
        if let (Some(place), Some(plane)) = (place, city.plane) {
            let eye = rig.eye(size.0);
            let mut room = Room::beside_panels(&displays, factor, &taken);
            names =
                draw(&mut commands, &kit, (&eye, &ground), plane.forward(place.0, place.1), spec.ring, &built.around, factor, &mut room);
        }
        placed.around_alarm = names.len();
        taken.append(&mut names);
        placed.taken = taken;
    }
}

/// Who is nearest, and who is inside the inner ring.
fn around(place: (f64, f64), plane: CityPlane, spec: &SceneAlarm, city: &City, desk: &Desk) -> Around {
    let here = plane.forward(place.0, place.1);
    let is_there = |q: &&SceneQuery| city.document.as_ref().is_some_and(|d| d.collections.iter().any(|c| c.id == q.collection));
    let mut around = Around::default();
    for query in spec.nearest.iter().filter(is_there) {
        match nearest(query, here, plane, desk) {
            Some(Some((name, at))) => around.nearest.push((query.title.clone(), name, at, at.distance(here))),
            Some(None) => {}
            None => around.waiting += 1,
        }
    }
    around.nearest.sort_by(|a, b| a.3.total_cmp(&b.3));
    let ring = ring(here, spec.ring, plane);
    for query in spec.inside.iter().filter(is_there) {
        let path = format!("{}&filter={}", items_path(&query.collection, &query.filter, 1), encode(&ring));
        match desk.ask(&path, EVERY).page {
            Some(page) => around.inside.push((query.title.clone(), page.matched)),
            None => around.waiting += 1,
        }
    }
    around
}

/// The nearest item and where it is; `Some(None)` if there is none, `None` while it is looked for.
fn nearest(query: &SceneQuery, here: DVec2, plane: CityPlane, desk: &Desk) -> Option<Option<(String, DVec2)>> {
    for reach in SEARCH_M {
        let (sw, ne) = (plane.inverse(here - DVec2::splat(reach)), plane.inverse(here + DVec2::splat(reach)));
        let window = format!("&bbox={:.6},{:.6},{:.6},{:.6}", sw.0, sw.1, ne.0, ne.1);
        let page = desk.ask(&format!("{}{window}", items_path(&query.collection, &query.filter, SEARCH_MAX)), EVERY).page?;
        let places = page.features.iter().filter_map(|f| {
            let (lon, lat) = crate::live::place_of(f.geometry.as_ref()?)?;
            Some((f, plane.forward(lon, lat)))
        });
        let best = places.min_by(|a, b| a.1.distance(here).total_cmp(&b.1.distance(here)));
        // Beyond the window's half side there may be a nearer one outside it.
        if let Some((feature, at)) = best.filter(|b| b.1.distance(here) <= reach) {
            let name = feature.properties.get("name").and_then(|n| n.as_str()).unwrap_or(&feature.id);
            return Some(Some((name.to_owned(), at)));
        }
    }
    Some(None)
}

/// A filter that is true inside a ring.
fn ring(here: DVec2, radius: f64, plane: CityPlane) -> String {
    let corner = |k: u32| {
        let (sin, cos) = (f64::from(k % RING_CORNERS) / f64::from(RING_CORNERS) * std::f64::consts::TAU).sin_cos();
        let (lon, lat) = plane.inverse(here + DVec2::new(cos, sin) * radius);
        format!("{lon:.7} {lat:.7}")
    };
    let corners: Vec<String> = (0..=RING_CORNERS).map(corner).collect();
    format!("S_INTERSECTS(geometry,POLYGON(({})))", corners.join(","))
}

fn metres(m: f64) -> String {
    if m < 1000.0 { format!("{m:.0} 米") } else { format!("{:.1} 公里", m / 1000.0) }
}

/// Where the banner, what waits and the facts are.
fn own_places(displays: &Displays, factor: f32, alarm: &StageAlarm, stage: &Stage, has_facts: bool) -> Vec<Rect> {
    let display = displays.middle().as_rect();
    let (middle, height) = (display.center().x / factor, displays.whole().y as f32 / factor);
    let at = |width: f32, tall: f32, top: f32| Rect::new(middle - width / 2.0, top, middle + width / 2.0, top + tall);
    let title = width_of(&cut(in_chinese(&alarm.title), TITLE.0), TITLE.1) + TITLE.2;
    let banner = at(title.max(TITLE_PX_MIN), BANNER_PX.1, BANNER_PX.0);
    let waiting = (!stage.waiting().is_empty()).then(|| at(WAITING_PX.x, WAITING_PX.y, banner.max.y));
    let facts = has_facts.then(|| at(FACTS_PX.0, FACTS_PX.1, height - FACTS_PX.2 - FACTS_PX.1));
    [Some(banner), waiting, facts].into_iter().flatten().collect()
}

/// In the middle under the bar: what has happened, and how many wait.
fn banner(commands: &mut Commands, kit: &Kit<'_>, across: Node, alarm: &StageAlarm, waiting: &[StageAlarm], time: &str) {
    let level = usize::from(alarm.level.min(4));
    let colour = ink(kit.scheme.levels[level]);
    let line = Node {
        top: px(BANNER_PX.0),
        flex_direction: FlexDirection::Column,
        align_items: AlignItems::Center,
        row_gap: px(8),
        justify_content: JustifyContent::Start,
        ..across
    };
    commands.spawn((line, GlobalZIndex(10), StageRoot)).with_children(|middle| {
        let plate = Node {
            padding: UiRect::axes(px(26), px(12)),
            column_gap: px(22),
            align_items: AlignItems::Center,
            border: UiRect::all(px(4)),
            border_radius: BorderRadius::all(px(8)),
            ..default()
        };
        // A bundle has a component once: the level's colour is put in the place of the plate's.
        middle.spawn((plate, kit.plate())).insert(BorderColor::all(colour)).with_children(|plate| {
            plate.spawn(kit.text(LEVEL_GLYPHS[level], 54.0, true, colour));
            plate.spawn(Node { flex_direction: FlexDirection::Column, ..default() }).with_children(|text| {
                text.spawn(kit.text(&cut(in_chinese(&alarm.title), TITLE.0), TITLE.1, true, kit.ink()));
                let place = if alarm.place.is_none() { "　位置未知" } else { "" };
                text.spawn(kit.text(&format!("告警　{}　{time}　待确认{place}", LEVEL_NAMES[level]), 24.0, false, kit.soft()));
            });
        });
        if waiting.is_empty() {
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
            row.spawn(kit.text(&format!("还有 {} 条待确认", waiting.len()), 22.0, true, kit.ink()));
            for next in waiting.iter().take(NAMED_MAX) {
                let level = usize::from(next.level.min(4));
                row.spawn(Node { column_gap: px(6), ..default() }).with_children(|one| {
                    one.spawn(kit.text(LEVEL_GLYPHS[level], 22.0, true, ink(kit.scheme.levels[level])));
                    one.spawn(kit.text(&cut(in_chinese(&next.title), 8.0), 22.0, false, kit.soft()));
                });
            }
        });
    });
}

/// The first of the languages of a title that is written in two: `火情 / Fire`.
fn in_chinese(title: &str) -> &str {
    title.split_once(" / ").map_or(title, |(zh, _)| zh)
}

/// At the foot: who is nearest, and who is inside the inner ring.
fn facts(commands: &mut Commands, kit: &Kit<'_>, across: Node, around: &Around, ring_m: f64) {
    let line = Node { bottom: px(FACTS_PX.2), align_items: AlignItems::End, column_gap: px(16), ..across };
    let plate = || Node {
        flex_direction: FlexDirection::Column,
        padding: UiRect::axes(px(20), px(10)),
        border: UiRect::all(px(1)),
        border_radius: BorderRadius::all(px(6)),
        min_width: px(260),
        ..default()
    };
    let row = |parent: &mut ChildSpawnerCommands<'_>, label: &str, value: &str| {
        parent.spawn(Node { justify_content: JustifyContent::SpaceBetween, column_gap: px(24), ..default() }).with_children(|line| {
            line.spawn(kit.text(label, 22.0, false, kit.soft()));
            line.spawn(kit.text(value, 24.0, true, kit.ink()));
        });
    };
    commands.spawn((line, GlobalZIndex(10), StageRoot)).with_children(|line| {
        line.spawn((plate(), kit.plate())).with_children(|plate| {
            plate.spawn(kit.text("最近（直线距离）", 20.0, false, kit.faint()));
            for (title, name, _, away) in &around.nearest {
                row(plate, &cut(&format!("{title}　{name}"), 14.0), &metres(*away));
            }
            if around.nearest.is_empty() {
                plate.spawn(kit.text(if around.waiting > 0 { "正在查询 …" } else { "没有" }, 22.0, false, kit.faint()));
            }
        });
        if !around.inside.is_empty() {
            line.spawn((plate(), kit.plate())).with_children(|plate| {
                plate.spawn(kit.text(&format!("{}以内", metres(ring_m)), 20.0, false, kit.faint()));
                around.inside.iter().for_each(|(title, n)| row(plate, title, &grouped(*n)));
            });
        }
    });
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
    // The alarm's own marker, from its ring on the ground to its head.
    room.keep(Rect::new(start.x - 44.0, start.y - 150.0, start.x + 44.0, start.y + 26.0));
    let mut names = Vec::new();
    let mut name = |commands: &mut Commands, at: &[Vec2], text: &str, colour: Color| {
        let size = Vec2::new(width_of(text, LETTERS_PX), NAME_PX.y);
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
        let shadow = TextShadow { offset: Vec2::new(0.0, 2.0), color: ink(kit.scheme.ground) };
        commands.spawn((node, GlobalZIndex(5), StageMark)).with_child((kit.text(text, LETTERS_PX, true, colour), shadow));
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
    for (title, item, at, away) in &around.nearest {
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
        let text = format!("{} {}", cut(if item.is_empty() { title } else { item }, NAME_CHARS), metres(*away));
        // At the end of the line, then beside it, then nearer and nearer along the line.
        let aside = width_of(&text, LETTERS_PX) / 2.0 + 14.0;
        let along = [0.85, 0.7, 0.55, 0.4].map(|share| start + span * share + Vec2::Y * 24.0);
        let beside = [Vec2::Y * 24.0, Vec2::Y * -24.0, Vec2::X * aside, Vec2::X * -aside].map(|step| end + step);
        let places: Vec<Vec2> = beside.into_iter().chain(along).collect();
        name(commands, &places, &text, kit.ink());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Page;
    use citywall_wire::Feature;
    use serde_json::json;

    fn page(items: &[(&str, f64, f64)]) -> Page {
        let feature = |(name, lon, lat): &(&str, f64, f64)| Feature {
            kind: "Feature".into(),
            id: (*name).into(),
            geometry: Some(json!({"type": "Point", "coordinates": [lon, lat]})),
            properties: serde_json::from_value(json!({ "name": name })).unwrap(),
        };
        Page { matched: items.len() as u64, features: items.iter().map(feature).collect() }
    }

    #[test]
    fn a_nearer_one_outside_the_window_is_not_overlooked() {
        let plane = CityPlane::around(117.2, 39.1);
        let here = plane.forward(117.2, 39.1);
        let query = SceneQuery { title: "医院".into(), collection: "institutions".into(), filter: Default::default() };
        let desk = Desk::default();
        assert_eq!(nearest(&query, here, plane, &desk), None, "it is still looked for");
        // A corner of the first window is farther away than its half side.
        let corner = plane.inverse(here + DVec2::splat(990.0));
        let side = plane.inverse(here + DVec2::new(1100.0, 0.0));
        let first = desk.questions().into_iter().next().unwrap();
        desk.file(&first, Ok(page(&[("corner", corner.0, corner.1)])));
        nearest(&query, here, plane, &desk);
        let second = desk.questions().into_iter().find(|q| *q != first).unwrap();
        desk.file(&second, Ok(page(&[("corner", corner.0, corner.1), ("side", side.0, side.1)])));
        assert_eq!(nearest(&query, here, plane, &desk).unwrap().unwrap().0, "side");
    }

    #[test]
    fn the_ring_of_the_filter_is_a_closed_circle_of_that_radius() {
        let plane = CityPlane::around(117.2, 39.1);
        let here = plane.forward(117.25, 39.15);
        let text = ring(here, 500.0, plane);
        let corners: Vec<(f64, f64)> = text
            .trim_start_matches("S_INTERSECTS(geometry,POLYGON((")
            .trim_end_matches(")))")
            .split(',')
            .map(|p| p.split_once(' ').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap())
            .collect();
        assert_eq!(corners.first(), corners.last());
        assert!(corners.iter().all(|c| (plane.forward(c.0, c.1).distance(here) - 500.0).abs() < 0.05));
    }
}
