//! How an import tells how far it is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What an import is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Looking at what the source is.
    Plan,
    /// Reading and writing.
    Read,
    /// All layers are staged.
    Done,
}

/// How far an import is.
#[derive(Clone, Debug)]
pub struct State<'a> {
    /// What it is doing.
    pub phase: Phase,
    /// The collection that it is writing.
    pub collection: &'a str,
    /// Which of the source's layers that is, counted from 1.
    pub layer: usize,
    /// How many layers there are.
    pub layers: usize,
    /// Units done, of [`State::total`].
    pub done: u64,
    /// Units in all: bytes of the source, or features where a format counts those; `None` if
    /// nobody knows before the end.
    pub total: Option<u64>,
    /// Items stored so far in this layer.
    pub stored: u64,
}

/// Receives progress, after every batch, on the thread that called for the import.
pub trait Progress {
    /// The import has got this far.
    fn update(&self, state: &State<'_>);

    /// True asks the import to stop; it does within a batch, and nothing is published.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn update(&self, _: &State<'_>) {}
}

/// What reader and writer share.
#[derive(Debug, Default)]
pub(crate) struct Control {
    done: AtomicU64,
    total: AtomicU64,
    stop: AtomicBool,
}

impl Control {
    pub(crate) fn set_done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    pub(crate) fn add_done(&self, more: u64) {
        self.done.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn set_total(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    pub(crate) fn total(&self) -> Option<u64> {
        Some(self.total.load(Ordering::Relaxed)).filter(|t| *t > 0)
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
