//! Connections to the file: one that writes, some that read.

use crate::{StoreError, error::Doing};
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, config::DbConfig};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How long to wait for a foreign program that writes the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// Page cache of the writer, in KiB.
const WRITER_CACHE_KIB: i64 = 32 << 10;
/// Page cache of a reader, in KiB; a layer is read from end to end once.
const READER_CACHE_KIB: i64 = 4 << 10;
/// Readers that are kept open for the next question.
const READERS_IDLE_MAX: usize = 4;
/// The WAL is cut back to this once it is done with, in bytes.
const WAL_KEPT_BYTES: i64 = 16 << 20;
/// Statements that a connection keeps prepared.
const STATEMENTS_MAX: usize = 64;

/// Opens the file with the settings of every connection.
fn open(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let deed = "opening the city file";
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).doing(deed)?;
    conn.busy_timeout(BUSY_WAIT).doing(deed)?;
    // A column that is missing is an error, not a text of that name.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false).doing(deed)?;
    // The file may come from anywhere: nothing in its schema is run as code.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).doing(deed)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(conn)
}

/// Opens the file for writing.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let wal: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).doing("switching to a write-ahead log")?;
    if wal != "wal" {
        return Err(StoreError::damaged(
            path.display().to_string(),
            format!("SQLite keeps its journal as “{wal}”, not as a write-ahead log"),
        ));
    }
    // The write-ahead log is moved into the file by a thread of its own (`wal`), so that no commit waits for it.
    conn.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -{WRITER_CACHE_KIB}; PRAGMA journal_size_limit = {WAL_KEPT_BYTES};"
    ))
    .doing("setting up the city file")?;
    Ok(conn)
}

/// Opens the file for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    conn.execute_batch(&format!("PRAGMA cache_size = -{READER_CACHE_KIB};")).doing("opening the city file")?;
    Ok(conn)
}

/// The one connection that writes.
pub(super) struct Writer {
    conn: Connection,
    flushes: bool,
}

impl Writer {
    /// A writer over a connection of [`open_writer`].
    pub(super) fn new(conn: Connection) -> Self {
        Self { conn, flushes: true }
    }

    /// Runs one transaction that is on the disk when this returns.
    pub(super) fn durably<T>(
        &mut self,
        deed: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transaction(true, deed, work)
    }

    /// Runs one transaction that is atomic, but that a power cut may take back. It is on the
    /// disk once a later one is.
    pub(super) fn lazily<T>(
        &mut self,
        deed: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transaction(false, deed, work)
    }

    fn transaction<T>(
        &mut self,
        flush: bool,
        deed: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.flushes != flush {
            self.conn.execute_batch(if flush { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" }).doing(deed)?;
            self.flushes = flush;
        }
        // Dropped without a commit, it rolls back.
        let transaction = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).doing(deed)?;
        let done = work(&transaction)?;
        transaction.commit().doing(deed)?;
        Ok(done)
    }
}

/// The connections that read, each at one consistent state of the file.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Readers of a file.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::default() }
    }

    /// Reads within one transaction, so that everything seen is of one state.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let conn = idle.map_or_else(|| open_reader(&self.path), Ok)?;
        let done = {
            let snapshot = conn.unchecked_transaction().doing("reading the city file")?;
            work(&snapshot)?
        };
        let mut idle = self.idle.lock();
        if idle.len() < READERS_IDLE_MAX {
            idle.push(conn);
        }
        Ok(done)
    }
}
