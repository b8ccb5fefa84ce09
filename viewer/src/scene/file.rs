//! A scene: a TOML file that says what a wall shows.

use super::SchemeName;
use crate::tiles::Role;
use serde::Deserialize;
use std::path::Path;
use toml::Spanned;

/// What a wall shows. Every key has a default, so that an empty file is the overview.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scene {
    /// The title; the city's name and 一屏观全市 if absent.
    pub title: Option<String>,
    /// Its English line.
    pub title_en: Option<String>,
    /// Night or day.
    pub scheme: SchemeName,
    /// The layers to draw; what the city has, by its collections' names, if absent.
    pub layers: Option<Vec<SceneLayer>>,
    /// Where the camera starts; the city's home if absent.
    pub home: Option<Spanned<SceneView>>,
    /// Places to fly to with the keys 1 to 9.
    #[serde(rename = "bookmark")]
    pub bookmarks: Vec<Spanned<SceneView>>,
    /// The panels; the overview's if absent.
    pub panels: Option<Vec<ScenePanel>>,
}

/// A layer of a scene.
#[derive(Clone, Debug, Deserialize, PartialEq)]
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

/// A place for the camera.
#[derive(Clone, Debug, Deserialize, PartialEq)]
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

/// A panel of a scene.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ScenePanel {
    /// What it shows.
    pub kind: PanelKind,
    /// On which side.
    pub side: Side,
    /// Its heading; the kind's own if absent.
    pub title: Option<String>,
}

/// A side of the wall.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Left.
    Left,
    /// Right.
    Right,
}

/// What a panel shows.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum PanelKind {
    /// How many incidents are open, by level.
    Levels,
    /// How many items the city's collections have.
    Collections,
    /// The newest and gravest open incidents.
    Events,
}

/// Why a scene file cannot be used.
#[derive(Debug)]
pub struct SceneError(String);

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
        let at = |byte: usize| text[..byte.min(text.len())].matches('\n').count() + 1;
        let scene: Self = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |s| at(s.start));
            SceneError(format!("{name}:{line}: {}", e.message()))
        })?;
        for view in scene.home.iter().chain(&scene.bookmarks) {
            let v = view.get_ref();
            let broken = [
                (!(-180.0..=180.0).contains(&v.longitude), "longitude", "-180 to 180 degrees"),
                (!(-85.0..=85.0).contains(&v.latitude), "latitude", "-85 to 85 degrees"),
                (!(100.0..=1_000_000.0).contains(&v.distance), "distance", "100 to 1,000,000 metres"),
                (!(10.0..=90.0).contains(&v.pitch), "pitch", "10 to 90 degrees"),
                (!(-360.0..=360.0).contains(&v.bearing), "bearing", "-360 to 360 degrees"),
            ];
            if let Some((_, key, range)) = broken.iter().find(|b| b.0) {
                return Err(SceneError(format!("{name}:{}: {key} must be {range}", at(view.span().start))));
            }
        }
        if scene.bookmarks.len() > 9 {
            return Err(SceneError(format!("{name}:{}: at most nine bookmarks, one per key", at(scene.bookmarks[9].span().start))));
        }
        Ok(scene)
    }

    /// The panels of one side, in order.
    #[must_use]
    pub fn panels(&self, side: Side) -> Vec<ScenePanel> {
        let default = || {
            let panel = |kind, side| ScenePanel { kind, side, title: None };
            vec![panel(PanelKind::Levels, Side::Left), panel(PanelKind::Collections, Side::Left), panel(PanelKind::Events, Side::Right)]
        };
        self.panels.clone().unwrap_or_else(default).into_iter().filter(|p| p.side == side).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_scene_is_the_overview() {
        let scene = Scene::parse("", "empty.toml").unwrap();
        assert_eq!(scene.scheme, SchemeName::Night);
        assert_eq!(scene.panels(Side::Left).len(), 2);
    }

    #[test]
    fn the_shipped_scenes_are_good() {
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../scenes")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "toml") {
                Scene::read(&path).unwrap();
            }
        }
    }

    #[test]
    fn a_mistake_is_named_with_file_and_line() {
        let message = |text: &str| Scene::parse(text, "wall.toml").unwrap_err().to_string();
        assert!(message("scheme = \"night\"\ntitel = \"x\"\n").starts_with("wall.toml:2: unknown field `titel`"));
        assert!(message("\nscheme = \"dusk\"").starts_with("wall.toml:2: unknown variant `dusk`"));
        assert!(message("[home]\nlongitude = 1\nlatitude = 99.0\ndistance = 500.0").contains("latitude must be"));
        assert!(message("title = ").starts_with("wall.toml:1:"));
    }
}
