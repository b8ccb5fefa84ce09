//! What the wall shows: a scene file, and the scheme that colours it.

mod file;
mod scheme;

pub use file::{PanelKind, Scene, ScenePanel, SceneView, Side};
pub use scheme::{Scheme, SchemeName};
