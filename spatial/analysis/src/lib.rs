//! What an analyst asks of collections, over [`citywall_query::CollectionView`]:
//! [`nearest`](nearest::nearest), [`aggregate`](aggregate::aggregate), [`join`],
//! [`overlay`], and hot spots as [`density`](density::density), [`clusters`] and
//! [`getis_ord`]; of lines as a [`network`]; and
//! [`visibility`].
//!
//! Distances, lengths and areas are geodesic, on WGS 84, in metres and square metres (C. F. F.
//! Karney, “Algorithms for geodesics”, J. Geod. 87, 2013). Edges of lines and polygons are straight
//! in longitude and latitude, as GeoJSON (RFC 7946, 3.1.1) says. The same question to the same
//! items gives the same answer, to the last bit: nothing depends on threads, hashes or the clock.
//!
//! A [`Budget`] stops what would run away. This crate knows nothing of HTTP or async runtimes.

pub mod aggregate;
mod budget;
pub mod cells;
pub mod clusters;
pub mod density;
pub mod distance;
pub mod getis_ord;
pub mod join;
pub mod nearest;
pub mod network;
mod origin;
pub mod overlay;
pub mod points;
pub mod visibility;

pub use budget::{AnalysisError, Budget};
