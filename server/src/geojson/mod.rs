//! GeoJSON (RFC 7946): items out, straight from their columns; records in.

pub mod fg;
pub mod point;
pub mod read;
pub mod write;

use crate::{api::features::crs::Turn, http::Problem};
use citywall_model::FeatureRef;

/// Writes features in one of the two JSON forms.
pub enum Writer {
    /// As GeoJSON alone has them.
    GeoJson(Box<write::FeatureWriter>),
    /// With their times and places.
    JsonFg(Box<fg::FgWriter>),
}

impl Default for Writer {
    fn default() -> Self {
        Self::new(false, None, None)
    }
}

impl Writer {
    /// A writer of these properties, or of all, in a CRS, or in longitude and latitude.
    pub fn new(is_fg: bool, properties: Option<Vec<String>>, turn: Option<Turn>) -> Self {
        if is_fg {
            Self::JsonFg(Box::new(fg::FgWriter::new(properties, turn)))
        } else {
            Self::GeoJson(Box::new(write::FeatureWriter::new(properties, turn)))
        }
    }

    /// Appends an item.
    pub fn feature(&mut self, out: &mut Vec<u8>, item: FeatureRef<'_>) {
        match self {
            Self::GeoJson(writer) => writer.feature(out, item),
            Self::JsonFg(writer) => writer.feature(out, item),
        }
    }

    /// Says whether every item had a place in the CRS.
    ///
    /// # Errors
    /// One had none.
    pub fn finish(self) -> Result<(), Problem> {
        match self {
            Self::GeoJson(writer) => writer.finish(),
            Self::JsonFg(writer) => writer.finish(),
        }
    }
}
