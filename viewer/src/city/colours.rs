//! Colours the buildings: as the scene says, or else as the layer's style on the server does.

use crate::{
    city::{City, CityFeed, CurrentScheme, Tiles},
    net::{Style, StyleReader},
    render::Picture,
    scene::{Colouring, Scenes},
};
use bevy::prelude::*;
use rustc_hash::FxHashMap;

/// How buildings are coloured.
#[derive(Resource)]
pub struct Colours {
    reader: StyleReader,
    /// The styles of collections, as far as they have been read.
    styles: FxHashMap<String, Option<serde_json::Value>>,
    waiting: Vec<String>,
    /// What is shown now.
    pub shown: Option<Colouring>,
    seen: Option<(u32, Option<String>, u32)>,
    /// Goes up with every style that is read.
    version: u32,
}

impl Colours {
    /// None yet.
    #[must_use]
    pub fn new(reader: StyleReader) -> Self {
        Self { reader, styles: FxHashMap::default(), waiting: Vec::new(), shown: None, seen: None, version: 0 }
    }

    /// True while a style is being read.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
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
    let seen = Some((scenes.version, buildings.clone(), colours.version));
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
    let shown = scenes.current().colour.as_ref().map(|colour| colour.get_ref().colouring()).or_else(of_style);
    let classes = shown.iter().flat_map(|s| &s.classes).map(|class| scheme.0.class(class.colour)).collect();
    if picture.classes != classes {
        picture.classes = classes;
    }
    if colours.shown != shown {
        tiles.colour(shown.clone(), &mut picture);
        colours.shown = shown;
    }
}
