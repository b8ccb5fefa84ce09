//! A Feature per line.

use super::{Encoder, Sink, Turn};
use crate::geojson::write::FeatureWriter;
use citywall_model::FeatureRef;
use std::io::{self, Write};

/// Newline-delimited GeoJSON.
pub struct Lines {
    sink: Sink,
    writer: FeatureWriter,
}

impl Lines {
    /// A document of these properties, or of all.
    pub fn new(sink: Sink, properties: Option<Vec<String>>, turn: Option<Turn>) -> Self {
        Self { sink, writer: FeatureWriter::new(properties, turn) }
    }
}

impl Encoder for Lines {
    fn item(&mut self, item: FeatureRef<'_>) -> io::Result<()> {
        self.sink.with(|out| {
            self.writer.feature(out, item);
            out.push(b'\n');
        })
    }

    fn end(&mut self) -> io::Result<()> {
        std::mem::take(&mut self.writer).finish().map_err(|problem| io::Error::other(problem.to_string()))?;
        self.sink.flush()
    }
}
