//! Where an export is written to: chunks on their way to a client.

use crate::limits;
use axum::body::Bytes;
use futures::{Stream, StreamExt, stream};
use parking_lot::Mutex;
use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Handle, sync::mpsc, time::timeout};

/// Bytes of a chunk, and chunks that wait for a slow client.
const CHUNK_BYTES: usize = 128 << 10;
const CHUNKS: usize = 4;

type Chunk = Result<Bytes, io::Error>;

/// Gathers chunks and hands them on; waits while the client reads. Not for an async thread.
#[derive(Clone)]
pub struct Sink {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    buffer: Vec<u8>,
    chunks: mpsc::Sender<Chunk>,
    runtime: Handle,
}

impl Sink {
    /// A sink and what comes out of it.
    pub fn new() -> (Self, impl Stream<Item = Chunk> + use<>) {
        let (chunks, waiting) = mpsc::channel(CHUNKS);
        let inner = Inner { buffer: Vec::with_capacity(CHUNK_BYTES), chunks, runtime: Handle::current() };
        let chunks = stream::unfold(waiting, |mut waiting| async { waiting.recv().await.map(|chunk| (chunk, waiting)) });
        // Compression asks again after the end.
        (Self { inner: Arc::new(Mutex::new(inner)) }, chunks.fuse())
    }

    /// Breaks the answer off, so that the client does not take a part for the whole.
    pub fn fail(&mut self, error: io::Error) {
        let inner = self.inner.lock();
        // A client that has gone away hears nothing.
        drop(inner.runtime.block_on(inner.chunks.send(Err(error))));
    }

    /// Appends what `write` writes.
    pub fn with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut inner = self.inner.lock();
        write(&mut inner.buffer);
        if inner.buffer.len() >= CHUNK_BYTES { inner.send() } else { Ok(()) }
    }
}

impl Inner {
    fn send(&mut self) -> io::Result<()> {
        let chunk = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8)));
        let patience = Duration::from_secs(limits::SEND_SECONDS_MAX);
        match self.runtime.block_on(async { timeout(patience, self.chunks.send(Ok(chunk))).await }) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone away")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing for SEND_SECONDS_MAX")),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|buffer| buffer.extend_from_slice(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.lock().send()
    }
}
