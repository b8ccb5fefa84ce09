//! A scene: a TOML file that says what a wall shows.

use super::{PanelKind, SceneAlarm, SceneColour, ScenePanel, SchemeName, Side};
use crate::{
    render::Glyph,
    tiles::{Flow, Role},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};
use toml::Spanned;

/// What a wall shows. Every key has a default, so that an empty file is the overview.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scene {
    /// The title; the city's name and 一屏观全市 if absent.
    pub title: Option<String>,
    /// Its English line.
    pub title_en: Option<String>,
    /// What it is called in the menu; the title if absent.
    pub menu: Option<String>,
    /// Night or day.
    pub scheme: SchemeName,
    /// Ordinary, emergency or drill.
    pub mode: Mode,
    /// The layers to draw; what the city has, by its collections' names, if absent.
    pub layers: Option<Vec<SceneLayer>>,
    /// Buildings in the colours of one of their attributes; those of the layer's style on the server if absent.
    #[schemars(with = "Option<SceneColour>")]
    pub colour: Option<Spanned<SceneColour>>,
    /// Things that are marked where they are.
    #[schemars(with = "Vec<SceneMarkers>")]
    pub markers: Vec<Spanned<SceneMarkers>>,
    /// What flows along the lines of layers.
    #[serde(rename = "flow")]
    #[schemars(with = "Vec<Flow>")]
    pub flows: Vec<Spanned<Flow>>,
    /// Which incidents are shown.
    pub incidents: SceneIncidents,
    /// Which vehicles and devices of the live collections are shown.
    pub moving: SceneMoving,
    /// Where the camera starts; the city's home if absent.
    #[schemars(with = "Option<SceneView>")]
    pub home: Option<Spanned<SceneView>>,
    /// What is shown around an alarm.
    pub alarm: SceneAlarm,
    /// Seconds for which a tour stays at each bookmark; 20 if absent.
    pub tour: Option<f64>,
    /// Places to fly to with the keys 1 to 9, and the stations of the tour.
    #[serde(rename = "bookmark")]
    #[schemars(with = "Vec<SceneView>")]
    pub bookmarks: Vec<Spanned<SceneView>>,
    /// The panels; the overview's if absent.
    #[schemars(with = "Option<Vec<ScenePanel>>")]
    pub panels: Option<Vec<Spanned<ScenePanel>>>,
}

/// What the city is doing.
#[derive(Clone, Copy, Debug, Default, Deserialize, serde::Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// 平时: an ordinary day.
    #[default]
    Ordinary,
    /// 战时: an emergency.
    Emergency,
    /// 演练: a drill.
    Drill,
}

/// A layer of a scene.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SceneLayer {
    /// The collection.
    pub collection: String,
    /// What it is on the wall; guessed from its name if absent.
    pub role: Option<Role>,
    /// The first tile level at which it is drawn.
    #[serde(default)]
    pub level_min: u8,
}

/// Things of a layer that are marked where they are.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SceneMarkers {
    /// The collection; its items are points, or are marked in their middle.
    pub collection: String,
    /// What they are called in the legend; the collection's title if absent.
    pub title: Option<String>,
    /// Only items with these properties (equality).
    #[serde(default, rename = "where")]
    pub filter: BTreeMap<String, String>,
    /// Their shape.
    #[serde(default)]
    pub glyph: Glyph,
    /// Items with one of these properties do not work and are drawn hollow.
    #[serde(default)]
    pub out_of_order: BTreeMap<String, String>,
}

/// Which incidents a scene shows, and how.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct SceneIncidents {
    /// False leaves them off the wall; their panels go on counting.
    pub shown: bool,
    /// Only classes whose code begins with one of these; empty means all.
    pub classes: Vec<String>,
    /// How strongly their density is shown, 0 to 1.
    pub heat: f32,
}

impl Default for SceneIncidents {
    fn default() -> Self {
        Self { shown: true, classes: Vec::new(), heat: 0.0 }
    }
}

impl SceneIncidents {
    /// True if a class (`scheme:code`) belongs to the scene.
    #[must_use]
    pub fn includes(&self, class: &str) -> bool {
        let code = class.rsplit(':').next().unwrap_or_default();
        self.classes.is_empty() || self.classes.iter().any(|c| code.starts_with(c.as_str()))
    }
}

/// Which objects of the live collections a scene shows: moving objects and things.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct SceneMoving {
    /// False leaves them off the wall; their panels go on counting.
    pub shown: bool,
    /// Only these collections; empty means all.
    pub collections: Vec<String>,
}

impl Default for SceneMoving {
    fn default() -> Self {
        Self { shown: true, collections: Vec::new() }
    }
}

impl SceneMoving {
    /// True if the objects of a collection are shown.
    #[must_use]
    pub fn includes(&self, collection: &str) -> bool {
        self.shown && (self.collections.is_empty() || self.collections.iter().any(|c| c == collection))
    }
}

/// A place for the camera.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SceneView {
    /// What it is called.
    pub title: Option<String>,
    /// Degrees.
    pub longitude: f64,
    /// Degrees.
    pub latitude: f64,
    /// Metres from the place to the eye.
    pub distance: f64,
    /// Degrees clockwise from north.
    #[serde(default)]
    pub bearing: f64,
    /// Degrees above the horizon.
    #[serde(default = "pitch_default")]
    pub pitch: f64,
}

fn pitch_default() -> f64 {
    48.0
}

/// Why a scene file cannot be used.
#[derive(Debug)]
pub struct SceneError(String);

impl SceneError {
    pub(super) fn new(what: String) -> Self {
        Self(what)
    }
}

impl std::fmt::Display for SceneError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SceneError {}

impl Scene {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// The file cannot be read, or breaks a rule; the message has its name and the line.
    pub fn read(path: &Path) -> Result<Self, SceneError> {
        let text = std::fs::read_to_string(path).map_err(|e| SceneError(format!("{}: {e}", path.display())))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads and checks a scene's text; `name` is for messages.
    ///
    /// # Errors
    /// The text breaks a rule.
    pub fn parse(text: &str, name: &str) -> Result<Self, SceneError> {
        let line = |byte: usize| text[..byte.min(text.len())].matches('\n').count() + 1;
        let fault = |byte: usize, what: &str| SceneError(format!("{name}:{}: {what}", line(byte)));
        let scene: Self = toml::from_str(text).map_err(|e| fault(e.span().map_or(0, |s| s.start), e.message()))?;
        for view in scene.home.iter().chain(&scene.bookmarks) {
            if let Some(what) = view.get_ref().fault() {
                return Err(fault(view.span().start, &what));
            }
        }
        if scene.bookmarks.len() > 9 {
            return Err(fault(scene.bookmarks[9].span().start, "at most nine bookmarks, one per key"));
        }
        if let Some(colour) = &scene.colour
            && let Some(what) = colour.get_ref().fault()
        {
            return Err(fault(colour.span().start, &what));
        }
        for flow in &scene.flows {
            if let Some(what) = flow.get_ref().fault() {
                return Err(fault(flow.span().start, &what));
            }
        }
        for panel in scene.panels.iter().flatten() {
            if let Some(what) = panel.get_ref().fault() {
                return Err(fault(panel.span().start, &what));
            }
        }
        if let Some(what) = scene.alarm.fault() {
            return Err(SceneError(format!("{name}: {what}")));
        }
        if scene.tour.is_some_and(|s| !(3.0..=3600.0).contains(&s)) {
            return Err(SceneError(format!("{name}: tour must be 3 to 3600 seconds")));
        }
        if !(0.0..=1.0).contains(&scene.incidents.heat) {
            return Err(SceneError(format!("{name}: incidents.heat must be 0 to 1")));
        }
        Ok(scene)
    }

    /// The panels of one side in a mode, in order. In an emergency every scene has a list of events.
    #[must_use]
    pub fn panels(&self, side: Side, mode: Mode) -> Vec<ScenePanel> {
        let default = || {
            let panel = ScenePanel::plain;
            vec![panel(PanelKind::Levels, Side::Left), panel(PanelKind::Collections, Side::Left), panel(PanelKind::Events, Side::Right)]
        };
        let panels: Vec<_> = self.panels.as_ref().map_or_else(default, |panels| panels.iter().map(|p| p.get_ref().clone()).collect());
        let mut panels: Vec<_> = panels.into_iter().filter_map(|panel| panel.in_mode(mode)).collect();
        if mode == Mode::Emergency && !panels.iter().any(|p| p.kind == PanelKind::Events) {
            panels.insert(0, ScenePanel::plain(PanelKind::Events, Side::Right));
        }
        panels.retain(|p| p.side == side);
        panels
    }
}

/// Colours that are not those of a state, as every scheme has them.
pub const SERIES: usize = 6;

impl SceneView {
    fn fault(&self) -> Option<String> {
        let broken = [
            (!(-180.0..=180.0).contains(&self.longitude), "longitude", "-180 to 180 degrees"),
            (!(-85.0..=85.0).contains(&self.latitude), "latitude", "-85 to 85 degrees"),
            (!(100.0..=1_000_000.0).contains(&self.distance), "distance", "100 to 1,000,000 metres"),
            (!(10.0..=90.0).contains(&self.pitch), "pitch", "10 to 90 degrees"),
            (!(-360.0..=360.0).contains(&self.bearing), "bearing", "-360 to 360 degrees"),
        ];
        broken.iter().find(|b| b.0).map(|(_, key, range)| format!("{key} must be {range}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_scene_is_the_overview() {
        let scene = Scene::parse("", "empty.toml").unwrap();
        assert_eq!(scene.scheme, SchemeName::Night);
        assert_eq!(scene.panels(Side::Left, Mode::Ordinary).len(), 2);
    }

    #[test]
    fn an_emergency_leaves_what_tells_of_events_and_gives_it_room() {
        let text = "[[panels]]\nkind = \"figure\"\nside = \"left\"\ncollection = \"x\"\n[[panels]]\nkind = \"levels\"\nside = \"left\"\n";
        let scene = Scene::parse(text, "wall.toml").unwrap();
        let kinds = |side, mode| scene.panels(side, mode).into_iter().map(|p| p.kind).collect::<Vec<_>>();
        assert_eq!(kinds(Side::Left, Mode::Drill), [PanelKind::Figure, PanelKind::Levels]);
        assert_eq!(kinds(Side::Left, Mode::Emergency), [PanelKind::Levels]);
        assert_eq!((kinds(Side::Right, Mode::Ordinary).len(), kinds(Side::Right, Mode::Emergency)), (0, vec![PanelKind::Events]));
        let overview = Scene::parse("[[panels]]\nkind = \"events\"\nside = \"right\"\nrows = 6", "wall.toml").unwrap();
        assert_eq!(overview.panels(Side::Right, Mode::Emergency)[0].rows, Some(8));
    }

    #[test]
    fn a_mistake_is_named_with_file_and_line() {
        let message = |text: &str| Scene::parse(text, "wall.toml").unwrap_err().to_string();
        assert!(message("scheme = \"night\"\ntitel = \"x\"\n").starts_with("wall.toml:2: unknown field `titel`"));
        assert!(message("\nscheme = \"dusk\"").starts_with("wall.toml:2: unknown variant `dusk`"));
        assert!(message("[home]\nlongitude = 1\nlatitude = 99.0\ndistance = 500.0").contains("latitude must be"));
        assert!(message("title = ").starts_with("wall.toml:1:"));
        let panel = message("title = \"x\"\n\n[[panels]]\nkind = \"figure\"\nside = \"left\"\n");
        assert_eq!(panel, "wall.toml:3: a figure panel needs `collection`");
        assert!(message("[[panels]]\nkind = \"ring\"\nside = \"left\"\ncollection = \"x\"").contains("needs `by`"));
    }

    #[test]
    fn a_scene_shows_the_classes_that_it_names() {
        let incidents = SceneIncidents { classes: vec!["05".into(), "0410".into()], ..Default::default() };
        assert!(incidents.includes("GB/T 30428.2-2013:0505") && incidents.includes("x:0410"));
        assert!(!incidents.includes("GB/T 30428.2-2013:0411") && !incidents.includes(""));
        assert!(SceneIncidents::default().includes(""));
    }
}
