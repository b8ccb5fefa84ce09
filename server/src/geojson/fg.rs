//! JSON-FG (OGC 21-045r1, version 0.3): GeoJSON with the feature's time, and with its place in
//! other reference systems beside the longitude and latitude that GeoJSON knows.

use super::write;
use crate::{
    api::features::crs::Turn,
    http::{Params, Problem},
};
use axum::http::{HeaderMap, header};
use citywall_model::FeatureRef;

/// The media type of JSON-FG.
pub const MEDIA: &str = "application/vnd.ogc.fg+json";

/// What a document conforms to.
const CONFORMS: &str = "\"conformsTo\":[\"http://www.opengis.net/spec/json-fg-1/0.3/conf/core\"]";

/// True if `f`, or without it the header `Accept`, asks for JSON-FG.
pub fn is_asked(params: &Params, headers: &HeaderMap) -> bool {
    match params.get("f") {
        Some(f) => f == "jsonfg",
        None => headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.starts_with(MEDIA)),
    }
}

/// The members of a collection before its features. `crs` is the address of the CRS of its places.
pub fn head(collection: &str, crs: Option<&str>) -> String {
    let crs = crs.map_or_else(String::new, |crs| format!(",\"coordRefSys\":\"{crs}\""));
    format!("{CONFORMS},\"featureType\":\"{collection}\"{crs},")
}

/// Writes features with their times and places.
pub struct FgWriter {
    writer: write::FeatureWriter,
    turn: Option<Turn>,
    lost: Option<String>,
}

impl FgWriter {
    /// A writer of these properties, or of all, with places in a CRS, if it is another than longitude and latitude.
    pub fn new(properties: Option<Vec<String>>, turn: Option<Turn>) -> Self {
        Self { writer: write::FeatureWriter::new(properties, None), turn, lost: None }
    }

    /// Appends an item.
    pub fn feature(&mut self, out: &mut Vec<u8>, item: FeatureRef<'_>) {
        let mut members = Vec::new();
        match item.time() {
            Some(time) => members.extend_from_slice(format!("\"time\":{{\"timestamp\":\"{time}\"}}").as_bytes()),
            None => members.extend_from_slice(b"\"time\":null"),
        }
        members.extend_from_slice(b",\"place\":");
        match item.geometry().zip(self.turn.as_ref()).map(|(wkb, turn)| turn.wkb(wkb)) {
            // A place in longitude and latitude stands in “geometry” alone.
            None => members.extend_from_slice(b"null"),
            Some(Ok(wkb)) => write::geometry(&mut members, &wkb),
            Some(Err(reason)) => {
                members.extend_from_slice(b"null");
                self.lost.get_or_insert(reason);
            }
        }
        self.writer.feature_with(out, item, &String::from_utf8_lossy(&members));
    }

    /// Says whether every place has been written.
    ///
    /// # Errors
    /// One had no place in the CRS.
    pub fn finish(self) -> Result<(), Problem> {
        match self.lost {
            None => self.writer.finish(),
            Some(reason) => Err(Problem::parameter("crs", format!("an item has no place in it: {reason}"))),
        }
    }
}
