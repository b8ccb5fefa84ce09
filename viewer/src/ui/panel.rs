//! Puts the panels' contents on the screen. A panel is built anew only when what it shows has
//! changed; its time is written in place.

use super::{
    cameras::Camera,
    chart,
    content::{self, Body, Cell, Content, Mark, Of, Row},
    kit::Kit,
    layout::SIDES_PX,
    sources::Sources,
    style::{FontFaces, ink},
    words::{cut, grouped},
};
use crate::{
    camera::Rig,
    city::{Chosen, City, CityFeed, Colours, CurrentScheme, PictureSize, ThingBook, WallClock},
    net::{Desk, Snapshots},
    scene::{Mode, ScenePanel, Scenes, Side},
};
use bevy::prelude::*;
use std::time::{Duration, Instant};

/// The desk as a resource.
#[derive(Resource, Clone)]
pub struct PanelDesk(pub Desk);

/// Where panels ask for the pictures of cameras.
#[derive(Resource, Clone)]
pub struct CameraDesk(pub Snapshots);

/// Between two looks at the contents.
const PERIOD: Duration = Duration::from_millis(400);
/// Room inside a panel, pixels at 1080 lines.
const PADDING_PX: Vec2 = Vec2::new(20.0, 12.0);

/// The letters of a table's cells, and the room between two columns, pixels at 1080 lines.
const CELL_PX: f32 = 20.0;
const GAP_PX: f32 = 8.0;

/// A panel: its description and what it shows now.
#[derive(Component)]
pub struct Panel {
    spec: ScenePanel,
    shown: Option<Content>,
    chosen: Option<(String, String)>,
}

/// Where a panel's time stands.
#[derive(Component)]
pub struct PanelTime;

/// Where a panel's content stands.
#[derive(Component)]
pub struct PanelBody;

/// A row that flies to an incident.
#[derive(Component)]
pub struct EventRow(pub (String, String));

/// True once every panel has something to show.
#[derive(Resource, Default)]
pub struct PanelsReady(pub bool);

/// A panel's frame; its content comes with the next look.
pub fn spawn(parent: &mut ChildSpawnerCommands<'_>, kit: &Kit<'_>, spec: ScenePanel) {
    let heading = spec.heading().to_owned();
    parent
        .spawn((
            Node {
                flex_direction: FlexDirection::Column,
                padding: UiRect::axes(px(PADDING_PX.x), px(PADDING_PX.y)),
                border: UiRect::all(px(1)),
                border_radius: BorderRadius::all(px(6)),
                ..default()
            },
            kit.plate(),
            Panel { spec, shown: None, chosen: None },
        ))
        .with_children(|plate| {
            let head = Node {
                justify_content: JustifyContent::SpaceBetween,
                align_items: AlignItems::Center,
                margin: UiRect::bottom(px(4)),
                ..default()
            };
            plate.spawn(head).with_children(|head| {
                head.spawn(kit.text(&heading, 24.0, true, kit.ink()));
                let tag = Node { padding: UiRect::axes(px(8), px(1)), border_radius: BorderRadius::all(px(4)), ..default() };
                head.spawn((tag, BackgroundColor(Color::NONE))).with_child((kit.text("", 20.0, false, kit.soft()), PanelTime));
            });
            plate.spawn((Node { flex_direction: FlexDirection::Column, ..default() }, PanelBody));
        });
}

/// What panels are filled from.
type Read<'w> =
    (Res<'w, CityFeed>, Res<'w, City>, (Res<'w, PanelDesk>, Res<'w, CameraDesk>), Res<'w, Scenes>, Res<'w, ThingBook>, Res<'w, Colours>);

/// Works the contents out, and builds those anew that have changed.
#[expect(clippy::too_many_arguments, reason = "a panel may show anything that the wall knows")]
pub(super) fn update(
    mut commands: Commands,
    mut panels: Query<(&mut Panel, &Children)>,
    children: Query<&Children>,
    is_body: Query<(), With<PanelBody>>,
    mut times: Query<(&mut Text, &mut TextColor, &ChildOf), With<PanelTime>>,
    mut tags: Query<&mut BackgroundColor>,
    mut images: ResMut<Assets<Image>>,
    (feed, city, (desk, snapshots), scenes, things, colours): Read<'_>,
    (clock, rig, size, chosen): (Res<WallClock>, Res<Rig>, Res<PictureSize>, Res<Chosen>),
    (faces, scheme, mut ready): (Res<FontFaces>, Res<CurrentScheme>, ResMut<PanelsReady>),
    mut looked: Local<Option<(Instant, u32)>>,
) {
    let now = clock.moment();
    if !clock.is_fixed() && looked.is_some_and(|(at, version)| version == scenes.version && now.duration_since(at) < PERIOD) {
        return;
    }
    *looked = Some((now, scenes.version));
    let kit = Kit { faces: &faces, scheme: &scheme.0 };
    let eye = rig.eye(size.0);
    let corner = |x: f32, y: f32| eye.ground(Vec2::new(x * size.0.x as f32, y * size.0.y as f32)).map(|g| g.as_vec2().to_array());
    let view: Vec<[f32; 2]> = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].into_iter().filter_map(|(x, y)| corner(x, y)).collect();
    let live = feed.live.state();
    let sources = Sources {
        live: &live,
        city: &city,
        desk: &desk.0,
        snapshots: &snapshots.0,
        scene: scenes.current(),
        things: &things,
        hidden: scenes.hidden(),
        colouring: colours.shown.as_ref(),
        now: (now, clock.time()),
        view: (rig.orbit.target.to_array(), &view),
        haste: if scenes.mode() == Mode::Ordinary { 1 } else { 3 },
    };
    let mut all = true;
    for (mut panel, parts) in &mut panels {
        let content = content::content(&panel.spec, &sources);
        // A camera's picture is waited for as well.
        let is_seen = |camera: &Camera| camera.still.is_some() || !camera.note.ends_with('…');
        all &= !content.is_awaited && !matches!(&content.body, Body::Cameras { cameras, .. } if !cameras.iter().all(is_seen));
        let Some(body) = parts.iter().find(|c| is_body.contains(*c)) else { continue };
        for (mut text, mut colour, tag) in &mut times {
            if !parts.iter().any(|head| children.get(head).is_ok_and(|c| c.contains(&tag.parent()))) {
                continue;
            }
            text.set_if_neq(Text(time_of(content.of, &clock, city.time_zone())));
            // Old data is said in reverse: dark on light by night. Colour is for alarms. So is data of now in a replay.
            let is_plain = (content.is_current || content.is_awaited) && content.of != Of::NowInPast;
            let paper = ink([kit.scheme.plate[0], kit.scheme.plate[1], kit.scheme.plate[2]]);
            colour.set_if_neq(TextColor(if is_plain { kit.soft() } else { paper }));
            if let Ok(mut tag) = tags.get_mut(tag.parent()) {
                tag.set_if_neq(BackgroundColor(if is_plain { Color::NONE } else { kit.ink() }));
            }
        }
        if panel.shown.as_ref().is_some_and(|shown| shown.body == content.body && shown.source == content.source)
            && panel.chosen == chosen.0
        {
            continue;
        }
        let width = (if panel.spec.side == Side::Left { SIDES_PX.0 } else { SIDES_PX.1 }) - PADDING_PX.x * 2.0 - 2.0;
        let mut draft =
            Draft { kit: &kit, images: &mut images, width, scale: size.0.y as f32 / 1080.0, chosen: chosen.0.as_ref(), city: &city };
        commands.entity(body).despawn_related::<Children>().with_children(|parent| draft.body(parent, &content));
        panel.chosen.clone_from(&chosen.0);
        panel.shown = Some(content);
    }
    ready.0 = all;
}

/// Of when a panel's data is, in words.
fn time_of(of: Of, clock: &WallClock, zone: &str) -> String {
    let words = |at: jiff::Zoned| at.strftime("%H:%M:%S").to_string();
    match of {
        Of::Always => String::new(),
        Of::NowInPast => "现在的数据".to_owned(),
        Of::Past(at) => words(at.to_zoned(jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC))),
        Of::Now(None) => "——".to_owned(),
        Of::Now(Some(at)) => {
            // A stopped clock stops the ages as well, so that two pictures are the same.
            let age = if clock.is_fixed() { Duration::ZERO } else { clock.moment().saturating_duration_since(at) };
            let moment = clock.local(zone).checked_sub(jiff::SignedDuration::try_from(age).unwrap_or_default());
            moment.map_or_else(|_| "——".to_owned(), words)
        }
    }
}

/// Builds a body.
struct Draft<'a> {
    kit: &'a Kit<'a>,
    images: &'a mut Assets<Image>,
    width: f32,
    scale: f32,
    chosen: Option<&'a (String, String)>,
    city: &'a City,
}

impl Draft<'_> {
    fn body(&mut self, parent: &mut ChildSpawnerCommands<'_>, content: &Content) {
        let kit = self.kit;
        match &content.body {
            Body::Nothing(why) => {
                let width = Node { max_width: px(self.width), margin: UiRect::vertical(px(10)), ..default() };
                // A reason may take more than a line.
                parent.spawn((kit.text(why, 22.0, false, kit.faint()), width)).insert(TextLayout::default());
            }
            Body::Figure { value, unit, note, share, course } => self.figure(parent, (value, unit, note), *share, course),
            Body::Total { value, unit, rows } => {
                self.number(parent, value, unit, 64.0);
                rows.iter().for_each(|r| self.row(parent, r, true));
            }
            Body::Rows(rows) => rows.iter().for_each(|r| self.row(parent, r, false)),
            Body::Ring(groups) => self.ring(parent, groups),
            Body::Course { values, ends, top, unit } => {
                parent.spawn(kit.text(&format!("{top} {unit}"), 20.0, false, kit.soft()));
                self.image(parent, chart::course(values, self.width, 110.0, kit.scheme, self.scale), [self.width, 110.0]);
                parent.spawn(Node { justify_content: JustifyContent::SpaceBetween, ..default() }).with_children(|line| {
                    for end in ends {
                        line.spawn(kit.text(end, 20.0, false, kit.faint()));
                    }
                });
            }
            Body::Table { head, rows, more } => self.table(parent, head, rows, *more),
            Body::Text(text) => {
                let width = Node { max_width: px(self.width), ..default() };
                // A bundle has a component once: the layout is put in the place of the kit's.
                parent.spawn((kit.text(text, 22.0, false, kit.soft()), width)).insert(TextLayout::default());
            }
            Body::Cameras { cameras, is_generated } => {
                cameras.iter().for_each(|camera| self.camera(parent, camera));
                if *is_generated && cameras.iter().any(|camera| camera.still.is_some()) {
                    parent.spawn(kit.text("程序生成的画面，不是实拍", 20.0, false, kit.faint()));
                }
            }
            Body::Inset { marks, view } => {
                let size = [self.width, 250.0];
                let plane = self.city.plane;
                let ring = |r: &geo_types::LineString| -> Vec<[f32; 2]> {
                    plane.map_or_else(Vec::new, |p| r.coords().map(|c| p.forward(c.x, c.y).as_vec2().to_array()).collect())
                };
                let areas: Vec<Vec<[f32; 2]>> = self.city.labels.iter().flat_map(|l| l.shape.iter().map(|p| ring(p.exterior()))).collect();
                self.image(parent, chart::inset(&areas, marks, view, size, kit.scheme, self.scale), size);
            }
        }
        if !content.source.is_empty() {
            let node = Node { margin: UiRect::top(px(4)), max_width: px(self.width), overflow: Overflow::clip(), ..default() };
            parent.spawn(node).with_child(kit.text(&format!("数据：{}", content.source), 20.0, false, kit.faint()));
        }
    }

    /// A camera's picture with what it is called below; or, in its place, why there is none.
    fn camera(&mut self, parent: &mut ChildSpawnerCommands<'_>, camera: &Camera) {
        let kit = self.kit;
        match &camera.still {
            Some(still) => {
                let (width, height) = still.pixels.dimensions();
                let size = [self.width, (self.width * height as f32 / width.max(1) as f32).clamp(self.width * 0.3, self.width * 0.6)];
                self.image(parent, Some(chart::still(&still.pixels)), size);
            }
            None => {
                let place = Node {
                    width: px(self.width),
                    height: px((self.width * 0.3).round()),
                    margin: UiRect::vertical(px(4)),
                    border: UiRect::all(px(1)),
                    align_items: AlignItems::Center,
                    justify_content: JustifyContent::Center,
                    ..default()
                };
                parent.spawn((place, BorderColor::all(kit.rule()))).with_child(kit.text(&camera.note, 22.0, false, kit.faint()));
            }
        }
        let line = Node { margin: UiRect::bottom(px(4)), column_gap: px(10), ..default() };
        parent.spawn(line).with_children(|line| {
            line.spawn(kit.text(&format!("{}　朝向 {:.0}°", camera.name, camera.heading), 20.0, false, kit.soft()));
            if camera.still.is_some() && !camera.note.is_empty() {
                // Old data is said in reverse, as in the panel's head.
                let paper = ink([kit.scheme.plate[0], kit.scheme.plate[1], kit.scheme.plate[2]]);
                line.spawn((Node { padding: UiRect::axes(px(6), px(0)), ..default() }, BackgroundColor(kit.ink()))).with_child(kit.text(
                    &camera.note,
                    20.0,
                    false,
                    paper,
                ));
            }
        });
    }

    fn image(&mut self, parent: &mut ChildSpawnerCommands<'_>, image: Option<Image>, size: [f32; 2]) {
        let Some(image) = image else { return };
        parent.spawn((
            ImageNode::new(self.images.add(image)),
            Node { width: px(size[0]), height: px(size[1]), margin: UiRect::vertical(px(4)), ..default() },
        ));
    }

    fn number(&self, parent: &mut ChildSpawnerCommands<'_>, value: &str, unit: &str, size: f32) {
        let kit = self.kit;
        parent.spawn(Node { align_items: AlignItems::Baseline, column_gap: px(10), ..default() }).with_children(|line| {
            line.spawn(kit.text(value, size, true, kit.ink()));
            line.spawn(kit.text(unit, 24.0, false, kit.soft()));
        });
    }

    fn figure(
        &mut self,
        parent: &mut ChildSpawnerCommands<'_>,
        (value, unit, note): (&str, &str, &str),
        share: Option<f32>,
        course: &[f64],
    ) {
        let kit = self.kit;
        let line = Node { justify_content: JustifyContent::SpaceBetween, align_items: AlignItems::Center, ..default() };
        parent.spawn(line).with_children(|line| {
            self.number(line, value, unit, 56.0);
            let size = [150.0, 56.0];
            self.image(line, chart::course(course, size[0], size[1], kit.scheme, self.scale), size);
        });
        if let Some(share) = share {
            self.bar(parent, share);
        }
        if !note.is_empty() {
            parent.spawn(kit.text(note, 20.0, false, kit.soft()));
        }
    }

    fn bar(&self, parent: &mut ChildSpawnerCommands<'_>, share: f32) {
        let kit = self.kit;
        let node = Node {
            width: percent(100),
            height: px(6),
            margin: UiRect::vertical(px(4)),
            border_radius: BorderRadius::all(px(3)),
            ..default()
        };
        parent.spawn((node, BackgroundColor(kit.rule()))).with_child((
            Node {
                width: percent(share.clamp(0.0, 1.0) * 100.0),
                height: percent(100),
                border_radius: BorderRadius::all(px(3)),
                ..default()
            },
            BackgroundColor(ink(kit.scheme.series[0])),
        ));
    }

    fn row(&mut self, parent: &mut ChildSpawnerCommands<'_>, row: &Row, large: bool) {
        let kit = self.kit;
        let is_chosen = row.key.is_some() && row.key.as_ref() == self.chosen;
        let node = Node {
            flex_direction: FlexDirection::Column,
            padding: UiRect::vertical(px(if large { 0 } else { 3 })),
            border: UiRect::top(px(1)),
            ..default()
        };
        let ground = if is_chosen { kit.rule() } else { Color::NONE };
        let mut entity = parent.spawn((node, BorderColor::all(kit.rule()), BackgroundColor(ground)));
        if let Some(key) = &row.key {
            entity.insert((Button, EventRow(key.clone())));
        }
        entity.with_children(|lines| {
            lines
                .spawn(Node { justify_content: JustifyContent::SpaceBetween, align_items: AlignItems::Center, ..default() })
                .with_children(|line| {
                    line.spawn(Node { align_items: AlignItems::Center, column_gap: px(12), ..default() }).with_children(|name| {
                        if let Some((mark, tone)) = row.mark {
                            let node = Node { width: px(28), justify_content: JustifyContent::Center, ..default() };
                            match mark {
                                Mark::Char(mark) => drop(name.spawn(node).with_child(kit.text(mark, 26.0, true, kit.tone(tone)))),
                                mark => {
                                    if let Some(image) = self.sign(mark, tone) {
                                        let size = Node { width: px(chart::GLYPH_PX), height: px(chart::GLYPH_PX), ..default() };
                                        let image = ImageNode::new(self.images.add(image));
                                        name.spawn(node).with_child((image, size));
                                    }
                                }
                            }
                        }
                        name.spawn(Node { flex_direction: FlexDirection::Column, ..default() }).with_children(|texts| {
                            let (size, colour) = if row.key.is_some() { (24.0, kit.ink()) } else { (22.0, kit.soft()) };
                            texts.spawn(kit.text(&row.label, size, false, colour));
                            if !row.meta.is_empty() {
                                texts.spawn(kit.text(&row.meta, 20.0, false, kit.faint()));
                            }
                        });
                    });
                    let size = if large { 38.0 } else { 28.0 };
                    line.spawn(kit.text(&row.value, size, true, kit.ink()));
                });
            if let Some(share) = row.share {
                self.bar(lines, share);
            }
        });
    }

    /// What stands before a row, drawn.
    fn sign(&self, mark: Mark, tone: content::Tone) -> Option<Image> {
        let scheme = self.kit.scheme;
        match mark {
            Mark::Char(_) => None,
            Mark::Glyph(glyph, is_hollow) => {
                let colour = if tone == content::Tone::Moving { scheme.moving } else { scheme.things };
                chart::glyph(glyph, is_hollow, colour, self.scale)
            }
            Mark::Flow(style, is_both_ways) => chart::flow(is_both_ways, scheme.styles[usize::from(style)].colour, scheme, self.scale),
            Mark::Density => chart::density(scheme, self.scale),
        }
    }

    fn ring(&mut self, parent: &mut ChildSpawnerCommands<'_>, groups: &[(String, String, f32)]) {
        let kit = self.kit;
        let shares: Vec<f32> = groups.iter().map(|g| g.2).collect();
        parent.spawn(Node { align_items: AlignItems::Center, column_gap: px(18), ..default() }).with_children(|line| {
            self.image(line, chart::ring(&shares, kit.scheme, self.scale), [chart::RING_PX; 2]);
            line.spawn(Node { flex_direction: FlexDirection::Column, flex_grow: 1.0, ..default() }).with_children(|list| {
                for (i, (label, value, _)) in groups.iter().enumerate() {
                    let node = Node { justify_content: JustifyContent::SpaceBetween, column_gap: px(8), ..default() };
                    list.spawn(node).with_children(|row| {
                        row.spawn(Node { column_gap: px(8), ..default() }).with_children(|name| {
                            name.spawn(kit.text("■", 20.0, true, kit.tone(content::Tone::Series(i))));
                            name.spawn(kit.text(label, 20.0, false, kit.soft()));
                        });
                        row.spawn(kit.text(value, 20.0, true, kit.ink()));
                    });
                }
            });
        });
    }

    fn table(&self, parent: &mut ChildSpawnerCommands<'_>, head: &[String], rows: &[Vec<Cell>], more: u64) {
        let kit = self.kit;
        let is_number: Vec<bool> = (0..head.len()).map(|i| rows.iter().any(|r| r.get(i).is_some_and(|c| c.is_number))).collect();
        // A number needs less room than a text.
        let weight = |is_number: bool| if is_number { 0.62 } else { 1.0 };
        let whole: f32 = is_number.iter().map(|n| weight(*n)).sum::<f32>().max(1.0);
        let room = self.width - GAP_PX * head.len().saturating_sub(1) as f32;
        let line = |parent: &mut ChildSpawnerCommands<'_>, cells: Vec<&str>, is_head: bool| {
            let node = Node {
                padding: UiRect::vertical(px(3)),
                border: UiRect::top(px(u32::from(!is_head))),
                column_gap: px(GAP_PX),
                ..default()
            };
            parent.spawn((node, BorderColor::all(kit.rule()))).with_children(|line| {
                for (cell, is_number) in cells.into_iter().zip(&is_number) {
                    let width = room * weight(*is_number) / whole;
                    let justify_content = if *is_number { JustifyContent::End } else { JustifyContent::Start };
                    let node = Node { width: px(width), justify_content, overflow: Overflow::clip(), ..default() };
                    let colour = if is_head { kit.faint() } else { kit.ink() };
                    line.spawn(node).with_child(kit.text(&cut(cell, width / CELL_PX), CELL_PX, false, colour));
                }
            });
        };
        line(parent, head.iter().map(String::as_str).collect(), true);
        rows.iter().for_each(|row| line(parent, row.iter().map(|cell| cell.text.as_str()).collect(), false));
        if more > 0 {
            parent.spawn(kit.text(&format!("另有 {} 行未列出", grouped(more)), 20.0, false, kit.soft()));
        }
    }
}
