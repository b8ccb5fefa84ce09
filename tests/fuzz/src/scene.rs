//! The wall's scene files, read from their own sources.
#![allow(dead_code, unused_imports, reason = "they are read and not shown")]

#[path = "../../../viewer/src/scene/alarm.rs"]
mod alarm;
#[path = "../../../viewer/src/scene/colour.rs"]
mod colour;
#[path = "../../../viewer/src/scene/file.rs"]
mod file;
#[path = "../../../viewer/src/scene/panel.rs"]
mod panel;
#[path = "../../../viewer/src/scene/scheme.rs"]
mod scheme;

pub use alarm::{SceneAlarm, SceneQuery};
pub use colour::{CLASSES_MAX, ClassColour, Colouring, SceneColour};
pub use file::{Mode, SERIES, Scene, SceneError, SceneIncidents, SceneMarkers, SceneMoving, SceneView};
pub use panel::{Group, PanelKind, ScenePanel, Side};
pub use scheme::{Scheme, SchemeName};

/// A scene file.
pub fn feed(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(scene) = Scene::parse(text, "a.toml")
    {
        let _ = (scene.panels(Side::Left), scene.panels(Side::Right));
    }
}
