//! The server, as the wall sees it: one document, tiles, and the live line.
//!
//! Everything here runs on threads of its own and speaks to the wall through bounded channels;
//! nothing here knows of the GPU.

mod city;
mod desk;
mod heights;
mod http;
mod lead;
mod live;
mod loader;
mod snapshots;
mod solids;
mod styles;
mod things;
mod ways;

pub use city::{CityUpdate, Label, spawn_city_watch};
pub use desk::{AT, Answer, Desk, Page, Past, encode, items_path};
pub use heights::ElevationPlan;
pub use http::{HttpError, Server};
pub use lead::{Follower, LeadFrame, Leader};
pub use live::{LiveUpdate, spawn_live};
pub use loader::{LayerPlan, TileLoader, TilePlan};
pub use snapshots::{SNAPSHOT_OLD, Snapshots, Still};
pub use styles::{Style, StyleReader};
pub use things::{THINGS_MAX, Thing, Things, ThingsKey, ThingsReader};
pub use ways::Ways;
