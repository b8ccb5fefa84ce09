//! What the wall shows: a scene file, and the scheme that colours it.

mod alarm;
mod colour;
mod file;
mod library;
mod panel;
mod scheme;

pub use alarm::{SceneAlarm, SceneQuery};
pub use colour::{CLASSES_MAX, ClassColour, Colouring, SceneColour};
pub use file::{Mode, SERIES, Scene, SceneError, SceneIncidents, SceneMarkers, SceneMoving, SceneView};
pub use library::{Named, Scenes, schema};
pub use panel::{EVENT_ROWS, Group, PanelKind, ScenePanel, Side};
pub use scheme::{Scheme, SchemeName};
