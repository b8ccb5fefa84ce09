//! The wall's vector tiles, read from their own sources.
#![allow(dead_code, reason = "they are read and not drawn")]

#[path = "../../../viewer/src/tiles/mvt.rs"]
mod mvt;
#[path = "../../../viewer/src/tiles/style.rs"]
mod style;
#[path = "../../../viewer/src/tiles/table.rs"]
mod table;

pub use style::{ROLE_STYLES, Role};
pub use table::Value;

/// A vector tile: every path and attribute of it.
pub fn feed(data: &[u8]) {
    let Ok(layers) = mvt::layers(data) else { return };
    let mut paths = mvt::Paths::default();
    for layer in &layers {
        let key = layer.key("height");
        for feature in layer.features().map_while(Result::ok) {
            let _ = feature.attribute(key);
            if feature.paths(&mut paths).is_ok() {
                paths.simplify(4);
                let _ = paths.iter().count();
            }
        }
    }
}
