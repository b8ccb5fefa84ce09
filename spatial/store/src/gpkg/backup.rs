//! Copies of the whole city, taken at one instant while it is in use.

use super::{bury, connection, lock};
use crate::{
    StoreError,
    error::{At, Doing},
};
use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};
use std::{fs::File, path::Path, time::Duration};

/// Pages that are copied between two reports of progress.
const STEP_PAGES: i32 = 1_000;
/// Pause where a foreign program keeps the file busy.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Copies the city to a new file. The copy has no log, and nothing of an unfinished import.
///
/// The source's transaction keeps it at one state, so that writers in other connections neither
/// wait nor make the copy start over.
pub(super) fn copy(from: &Connection, to: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
    check_free(to)?;
    // Under its name there is never less than a whole city.
    let partial = lock::beside(to, ".partial");
    let written = write_copy(from, &partial, progress).and_then(|()| put_in_place(&partial, to));
    if written.is_err() {
        remove(&partial);
    }
    written
}

fn write_copy(from: &Connection, partial: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
    let deed = "copying the city";
    remove(partial);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(partial, flags).doing(deed)?;
    {
        let backup = Backup::new(from, &mut copy).doing(deed)?;
        loop {
            let step = backup.step(STEP_PAGES).doing(deed)?;
            let pages = |n: i32| u64::try_from(n).unwrap_or(0);
            let state = backup.progress();
            progress(pages(state.pagecount - state.remaining), pages(state.pagecount));
            match step {
                StepResult::Done => break,
                StepResult::Busy | StepResult::Locked => std::thread::sleep(BUSY_PAUSE),
                _ => {}
            }
        }
    }
    bury::sweep(&copy)?;
    copy.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).doing(deed)?;
    copy.close().map_err(|(_, source)| StoreError::Sqlite { doing: deed, source })?;
    File::open(partial).and_then(|file| file.sync_all()).at(partial)
}

/// Gives the file its name, unless that has been taken meanwhile.
fn put_in_place(partial: &Path, to: &Path) -> Result<(), StoreError> {
    match std::fs::hard_link(partial, to) {
        Ok(()) => remove(partial),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Err(StoreError::Exists(to.to_owned())),
        // A file system without hard links.
        Err(_) => std::fs::rename(partial, to).at(to)?,
    }
    sync_folder_of(to)
}

/// Fails if there is a file of that name, or the log of one that is gone: SQLite would take the
/// log for the new file's own.
pub(super) fn check_free(path: &Path) -> Result<(), StoreError> {
    match ["", "-wal", "-journal"].map(|suffix| lock::beside(path, suffix)).into_iter().find(|taken| taken.exists()) {
        Some(taken) => Err(StoreError::Exists(taken)),
        None => Ok(()),
    }
}

/// Makes a new name in a folder durable.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    let folder = folder_of(path);
    File::open(folder).and_then(|folder| folder.sync_all()).at(folder)
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn remove(partial: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        // What is not there need not be removed.
        let _ = std::fs::remove_file(lock::beside(partial, suffix));
    }
}

/// Copies a file that has been checked to a new place.
pub(super) fn restore(from: &Path, to: &Path) -> Result<(), StoreError> {
    let conn = connection::open_reader(from)?;
    let snapshot = conn.unchecked_transaction().doing("reading the copy")?;
    copy(&snapshot, to, &mut |_, _| {})
}
