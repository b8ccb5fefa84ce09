//! GeoJSON (RFC 7946 and its predecessor with `crs`) and newline-delimited GeoJSON (also as
//! RFC 8142 text sequences), each plain or gzip, read feature by feature.
//!
//! A record's text goes straight into vertices and values; no tree of the whole is ever built.
//! What is between records (line ends, the commas of `features`) is looked at by [`scan`] and
//! [`crate::bytes::Lines`]; what is in one is looked at by [`feature`], so that a bad record is
//! refused and the next one read.

mod coords;
mod document;
mod feature;
mod lines;
pub(crate) mod scan;

pub(crate) use document::{declared_crs, read_document};
pub(crate) use feature::{Names, read_properties, words};
pub(crate) use lines::read_lines;

/// The byte that starts a record of a JSON text sequence (RFC 8142).
pub(crate) const RECORD_SEPARATOR: u8 = 0x1e;
