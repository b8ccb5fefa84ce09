//! Arrow IPC, the streaming format: a schema, then one record batch after the other.

use super::{Encoder, Sink, batches::Batches};
use arrow_ipc::writer::StreamWriter;
use citywall_model::FeatureRef;
use std::io::{self, Write};

/// A stream of record batches.
pub struct Arrow {
    batches: Batches,
    writer: StreamWriter<Sink>,
}

impl Arrow {
    /// Writes the schema.
    ///
    /// # Errors
    /// The client has gone away.
    pub(super) fn new(sink: Sink, batches: Batches) -> io::Result<Self> {
        let writer = StreamWriter::try_new(sink, &batches.schema()).map_err(io::Error::other)?;
        Ok(Self { batches, writer })
    }
}

impl Encoder for Arrow {
    fn item(&mut self, item: FeatureRef<'_>) -> io::Result<()> {
        match self.batches.push(item)? {
            Some(batch) => self.writer.write(&batch).map_err(io::Error::other),
            None => Ok(()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if let Some(batch) = self.batches.take()? {
            self.writer.write(&batch).map_err(io::Error::other)?;
        }
        self.writer.finish().map_err(io::Error::other)?;
        self.writer.get_mut().flush()
    }
}
