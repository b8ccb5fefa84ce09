//! A whole FeatureCollection, as GeoJSON or JSON-FG: what a page of items is, without an end to the page.

use super::{Encoder, Sink};
use crate::geojson::Writer;
use citywall_model::{FeatureRef, Revision};
use std::io;

/// A document of features.
pub struct Document {
    sink: Sink,
    writer: Writer,
    items: u64,
    revision: Revision,
}

impl Document {
    /// Writes what comes before the features: `head` has the members of the form, each with its comma.
    ///
    /// # Errors
    /// The client has gone away.
    pub fn new(mut sink: Sink, writer: Writer, head: &str, revision: Revision) -> io::Result<Self> {
        sink.with(|out| {
            out.extend_from_slice(b"{\"type\":\"FeatureCollection\",");
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(b"\"features\":[");
        })?;
        Ok(Self { sink, writer, items: 0, revision })
    }
}

impl Encoder for Document {
    fn item(&mut self, item: FeatureRef<'_>) -> io::Result<()> {
        self.items += 1;
        let (writer, is_first) = (&mut self.writer, self.items == 1);
        self.sink.with(|out| {
            out.extend_from_slice(if is_first { b"\n" } else { b",\n" });
            writer.feature(out, item);
        })
    }

    fn end(&mut self) -> io::Result<()> {
        std::mem::take(&mut self.writer).finish().map_err(|problem| io::Error::other(problem.to_string()))?;
        let time = jiff::Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_default();
        let tail = format!("\n],\"numberReturned\":{},\"timeStamp\":\"{time}\",\"revision\":{}}}\n", self.items, self.revision);
        io::Write::write_all(&mut self.sink, tail.as_bytes())?;
        io::Write::flush(&mut self.sink)
    }
}
