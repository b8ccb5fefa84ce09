//! The wall's marker, from its own file.
#![allow(dead_code, reason = "only what a scene names is used")]

#[path = "../../../viewer/src/render/marker.rs"]
mod marker;

pub use marker::Glyph;
