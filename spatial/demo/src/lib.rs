//! The demo city: Tianjin's 16 real district outlines and, below them, a generated city.
//!
//! The city is planned on a plane in metres ([`plane`], [`plan`]), divided into streets,
//! communities and unit grids without gaps ([`mesh`], [`areas`]), divided further into parcels
//! ([`parcels`]) that are filled with buildings ([`buildings`]), and handed to a store layer by
//! layer ([`generate`]). Same seed, same content: every layer draws from random streams of its
//! own and has a digest. [`Feed`] adds the events of a day, [`demo_rules`] what to be alarmed by.
//!
//! This crate knows nothing of files, indexes or HTTP; everything below the districts is
//! synthetic and says so.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod areas;
mod atlas;
mod buildings;
mod digest;
mod districts;
mod feed;
mod fleet;
mod generate;
mod layers;
mod mesh;
mod names;
mod nature;
mod obstacles;
mod parcels;
mod pipes;
mod plan;
mod plane;
#[cfg(test)]
mod proofs;
mod roads;
mod rules;
mod snapshot;
mod terrain;
mod things;

pub use digest::LayerDigest;
pub use feed::{FEED_BURST_MAX, FEED_SOURCE, Feed};
pub use fleet::Fleet;
pub use generate::{Scale, generate};
pub use rules::{demo_fences, demo_rules};
pub use snapshot::{SNAPSHOT_SIZE, snapshot};
pub use terrain::terrain_height;

/// The seed that `citywall demo` uses if none is given.
pub const DEFAULT_SEED: u64 = 1;

/// The scheme of component and event classes: their codes differ from generation to generation.
pub const CLASS_SCHEME: &str = "GB/T 30428.2-2013";

/// Why the demo city could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The embedded inputs cannot be read.
    #[error("the demo city's inputs are broken: {0}")]
    Inputs(String),
    /// An area could not be divided.
    #[error("the area around {place:?} could not be divided into {parts}")]
    Cut {
        /// Longitude, latitude.
        place: (f64, f64),
        /// Into how many areas.
        parts: usize,
    },
    /// There was not enough room.
    #[error("there was no room for the last {buildings} buildings")]
    Room {
        /// How many are missing.
        buildings: usize,
    },
    /// A shape is no geometry of a city.
    #[error(transparent)]
    Geometry(#[from] citywall_model::GeometryError),
    /// The store refused an item.
    #[error("the store refused an item of {layer}: {reason}")]
    Refused {
        /// The layer.
        layer: String,
        /// Why.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] citywall_store::StoreError),
}
