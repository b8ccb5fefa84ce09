//! 3D Tiles 1.1 (OGC 22-025r4) of any layer with heights or solids.
//!
//! A tileset has two storeys. Its root shows the whole layer as block masses, one glTF; it is
//! replaced by an implicit quadtree whose tiles add single buildings, the most significant first:
//! a building stands in the topmost node that holds it whole and still has room. What a tile holds
//! is planned once per version ([`Plan`]); a tile itself is made when it is asked for.
//!
//! - Content is glTF 2.0 with EXT_mesh_features, EXT_structural_metadata, KHR_mesh_quantization and
//!   EXT_meshopt_compression. A feature's `id` is the item's id in `/items`.
//! - Heights on the wire are ellipsoidal metres: the stored height and the profile's geoid offset.
//! - Coordinates in content are east, north, up in metres around the tile's middle, quantized; a
//!   node's matrix takes them to ECEF (EPSG:4978), y up as glTF asks.
//!
//! This crate knows nothing of HTTP.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod blocks;
mod geodesy;
mod glb;
mod mesh;
mod plan;
mod plans;
mod tileset;

pub use geodesy::Frame;
pub use plan::{Node, Plan};
pub use plans::Plans;
pub use tileset::{SUBTREE_LEVELS, subtree, tileset};

use citywall_query::CollectionView;
use citywall_store::{CityStore, StoreError};
use mesh::Mesh;

/// What stands around a layer: how its heights become ellipsoidal ones and where the ground is.
pub struct Setting<'a> {
    /// What to add to a stored height to get an ellipsoidal one, metres.
    pub geoid_offset_m: f64,
    /// The stored height of the ground at a longitude and latitude; `None` where it is unknown.
    pub ground_m: &'a (dyn Fn(f64, f64) -> Option<f64> + Sync),
}

/// Why a tile cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Tile3dError {
    /// The solids cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mesh cannot be compressed.
    #[error("the mesh cannot be compressed: {0}")]
    Compression(String),
}

/// The glTF of a node's buildings; `None` if the plan has no such node.
///
/// # Errors
/// See [`Tile3dError`].
pub fn content(
    plan: &Plan,
    view: &CollectionView,
    store: &dyn CityStore,
    setting: &Setting<'_>,
    node: Node,
) -> Result<Option<Vec<u8>>, Tile3dError> {
    let Some(fids) = plan.members(node) else { return Ok(None) };
    let (longitude, latitude) = plan.region(node).center();
    let mut mesh = Mesh::new(Frame::at(longitude, latitude, setting.geoid_offset_m));
    let has_solids = view.meta().solids > 0;
    for fid in fids {
        let solids = if has_solids { store.solids(view.id(), *fid)? } else { Vec::new() };
        view.item_by_fid(*fid, |item| mesh.add(item, &solids, setting));
    }
    glb::write(&mesh, view.id().as_str()).map(Some)
}

/// The glTF of the whole layer as block masses.
///
/// # Errors
/// See [`Tile3dError`].
pub fn overview(plan: &Plan, view: &CollectionView, setting: &Setting<'_>) -> Result<Vec<u8>, Tile3dError> {
    let (longitude, latitude) = plan.extent().center();
    let mut mesh = Mesh::new(Frame::at(longitude, latitude, setting.geoid_offset_m));
    blocks::add(&mut mesh, view, plan.extent(), setting);
    glb::write(&mesh, view.id().as_str())
}
