//! Moves the write-ahead log into the file, away from every commit.
//!
//! SQLite would do this within a commit, which then takes as long as the disk needs for some
//! megabytes. Here a thread does it, mostly without keeping the writer: it holds the writer only
//! for the last few pages, so that the log can start anew. An import that is faster than the disk
//! waits; an event never does.

use super::connection::{Writer, open_writer};
use crate::{StoreError, error::Doing};
use crossbeam_channel::{Sender, bounded};
use parking_lot::{Condvar, FairMutex, Mutex};
use rusqlite::Connection;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Pages in the log at which it is moved.
const MOVE_PAGES: i32 = 2_000;
/// Pages in the log at which an import waits until it has been moved.
const LONG_PAGES: i32 = 8_000;
/// Most pages that are moved while the writer is kept waiting.
const LAST_PAGES_MAX: i32 = 500;
/// Longest wait of an import for the log.
const IMPORT_WAIT: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Shared {
    /// Pages in the log, as of the last commit.
    pages: AtomicI32,
    ends: AtomicBool,
    rounds: Mutex<u64>,
    round_done: Condvar,
}

/// The thread that moves the log; it ends when this is dropped.
pub(super) struct WalKeeper {
    shared: Arc<Shared>,
    wake: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl WalKeeper {
    /// Starts the thread and makes the writer call it.
    pub(super) fn start(path: &Path, mut conn: Connection) -> Result<(Self, Arc<FairMutex<Writer>>), StoreError> {
        let shared = Arc::new(Shared::default());
        let (wake, called) = bounded(1);
        let mover = open_writer(path)?;
        conn.wal_hook(Some({
            let (shared, wake) = (Arc::clone(&shared), wake.clone());
            move |_: &mut rusqlite::hooks::Wal, pages: i32| {
                shared.pages.store(pages, Ordering::Relaxed);
                if pages >= MOVE_PAGES {
                    // Full means that the thread has been called already.
                    let _ = wake.try_send(());
                }
                Ok(())
            }
        }))
        .doing("watching the write-ahead log")?;
        let writer = Arc::new(FairMutex::new(Writer::new(conn)));
        let thread = std::thread::Builder::new()
            .name("citywall-wal".to_owned())
            .spawn({
                let (shared, writer) = (Arc::clone(&shared), Arc::clone(&writer));
                move || {
                    while called.recv().is_ok() && !shared.ends.load(Ordering::Relaxed) {
                        if let Err(e) = move_log(&mover, &writer) {
                            tracing::warn!("the write-ahead log stays long: {e}");
                        }
                        *shared.rounds.lock() += 1;
                        shared.round_done.notify_all();
                    }
                }
            })
            .map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
        Ok((Self { shared, wake, thread: Some(thread) }, writer))
    }

    /// Waits for a round of the thread if the log is long. Not to be called by what must be quick.
    pub(super) fn wait_if_long(&self) {
        if self.shared.pages.load(Ordering::Relaxed) < LONG_PAGES {
            return;
        }
        let mut rounds = self.shared.rounds.lock();
        let before = *rounds;
        let _ = self.wake.try_send(());
        // A reader that is at an old state may keep the log long; then one round must do.
        self.shared.round_done.wait_while_for(&mut rounds, |rounds| *rounds == before, IMPORT_WAIT);
    }
}

impl Drop for WalKeeper {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        // Full means that the thread is about to look anyway.
        let _ = self.wake.try_send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One round: without the writer until little is left, then the rest with it.
fn move_log(mover: &Connection, writer: &FairMutex<Writer>) -> rusqlite::Result<()> {
    let left = move_pages(mover)?;
    if left > 0 && left <= LAST_PAGES_MAX {
        let _kept_waiting = writer.lock();
        move_pages(mover)?;
    }
    Ok(())
}

/// Moves what no reader needs and returns how many pages are left.
fn move_pages(mover: &Connection) -> rusqlite::Result<i32> {
    mover.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok(row.get::<_, i32>(1)? - row.get::<_, i32>(2)?))
}
