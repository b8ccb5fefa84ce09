//! Colours buildings and areas: as the scene says, or else as the layer's style on the server does.

use crate::{
    city::{City, CityFeed, CurrentScheme, Tiles},
    net::{Answer, Desk, Style, StyleReader},
    render::Picture,
    scene::{Colouring, SceneColour, Scenes},
};
use bevy::prelude::*;
use rustc_hash::FxHashMap;
use std::time::{Duration, Instant};

/// Between two questions of what is measured.
const EVERY: Duration = Duration::from_secs(5);

/// What colours follow from: the scene, the layer of buildings, the styles, whether the scene colours, and when what
/// it measures was answered.
type Seen = (u32, Option<String>, u32, bool, Option<Instant>);

/// How buildings and areas are coloured.
#[derive(Resource)]
pub struct Colours {
    reader: StyleReader,
    desk: Desk,
    /// True while what the scene measures was never answered.
    measuring: bool,
    /// The styles of collections, as far as they have been read.
    styles: FxHashMap<String, Option<serde_json::Value>>,
    waiting: Vec<String>,
    /// What is shown now.
    pub shown: Option<Colouring>,
    seen: Option<Seen>,
    /// Goes up with every style that is read.
    version: u32,
}

impl Colours {
    /// None yet.
    #[must_use]
    pub fn new(reader: StyleReader, desk: Desk) -> Self {
        Self { reader, desk, measuring: false, styles: FxHashMap::default(), waiting: Vec::new(), shown: None, seen: None, version: 0 }
    }

    /// True while a style, or what is measured, is being read.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.measuring || !self.waiting.is_empty()
    }

    /// What the scene measures, as it is known now; `None` if it measures nothing.
    fn measured(&mut self, colour: Option<&SceneColour>, city: &mut City) -> Option<Answer> {
        let measure = colour.and_then(|colour| colour.measure.as_ref());
        let answer = measure.map(|measure| self.desk.ask(&measure.path(), EVERY));
        self.measuring = answer.as_ref().is_some_and(|answer| answer.page.is_none() && answer.failure.is_none());
        if let (Some(measure), Some(why)) = (measure, answer.as_ref().and_then(|answer| answer.failure.as_ref())) {
            city.complain(format!("着色所用的“{}”统计读取失败：{why}", measure.of));
        }
        answer
    }
}

pub(super) fn follow(
    mut colours: ResMut<Colours>,
    feed: Res<CityFeed>,
    scenes: Res<Scenes>,
    scheme: Res<CurrentScheme>,
    (mut city, mut tiles, mut picture): (ResMut<City>, ResMut<Tiles>, ResMut<Picture>),
) {
    let colours = &mut *colours;
    while let Some(Style { collection, document }) = colours.reader.finished() {
        colours.waiting.retain(|waiting| *waiting != collection);
        match document {
            Ok(document) => drop(colours.styles.insert(collection, document)),
            // What was known stays; it is asked again with the next change.
            Err(error) => {
                city.complain(format!("“{collection}”的样式读取失败：{error}"));
                colours.styles.entry(collection).or_default();
            }
        }
        colours.version += 1;
    }
    let buildings = tiles.buildings();
    let is_changed = feed.live.take_changed_styles();
    if let Some(buildings) = buildings.as_ref().filter(|b| is_changed || !colours.styles.contains_key(*b))
        && !colours.waiting.contains(buildings)
        && colours.reader.ask(buildings)
    {
        colours.waiting.push(buildings.clone());
    }
    let colour = scenes.current().colour.as_ref().map(|colour| colour.get_ref());
    // Measures are of now: in the past they would be wrong.
    let colour = colour.filter(|colour| colour.measure.is_none() || feed.live.state().replay.is_none());
    let measured = colours.measured(colour, &mut city);
    let seen = Some((scenes.version, buildings.clone(), colours.version, colour.is_some(), measured.as_ref().and_then(|answer| answer.at)));
    if colours.seen == seen && !scheme.is_changed() {
        return;
    }
    colours.seen = seen;
    let of_style = || {
        let buildings = buildings?;
        let style = colours.styles.get(&buildings)?.as_ref()?;
        Colouring::of_style(style, &buildings, &scheme.0).unwrap_or_else(|why| {
            city.complain(format!("“{buildings}”的样式无法用于大屏：{why}"));
            None
        })
    };
    let of_scene = |colour: &SceneColour| match &colour.measure {
        None => Some(colour.colouring()),
        Some(measure) => {
            let numbers = measure.numbers(&measured.as_ref()?.page.as_ref()?.features);
            Some(colour.colouring().by_numbers(numbers))
        }
    };
    let shown = match colour {
        Some(colour) => of_scene(colour),
        None => of_style(),
    };
    let classes = shown.iter().flat_map(|s| &s.classes).map(|class| scheme.0.class(class.colour)).collect();
    if picture.classes != classes {
        picture.classes = classes;
    }
    if colours.shown != shown {
        tiles.colour(shown.clone(), &mut picture);
        colours.shown = shown;
    }
}
