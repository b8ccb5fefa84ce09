//! Buildings as solids, from 3D Tiles 1.1 (OGC 22-025r4): which tiles there are, and the buildings in one.
//!
//! The wall reads glTF itself, since Bevy's loader refuses the extensions that the server writes with
//! (EXT_meshopt_compression, KHR_mesh_quantization, EXT_mesh_features, EXT_structural_metadata). Corrupt bytes are
//! an error, never a panic; what a tile may hold is bounded.

mod gltf;
mod quadtree;

pub use gltf::{Solid, Solids};
pub use quadtree::{Node, Quadtree, Subtree};

/// What of a tileset is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolidsError(String);

impl SolidsError {
    fn of(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl std::fmt::Display for SolidsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SolidsError {}

/// A little-endian number of 32 bits at a place.
fn word(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

#[cfg(test)]
mod tests;
