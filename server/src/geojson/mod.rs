//! GeoJSON (RFC 7946): items out, straight from their columns; records in.

pub mod fg;
pub mod point;
pub mod read;
pub mod write;
