//! The write lock of a city file: one process writes it, and says who it is.
//!
//! The lock is the operating system's, on a file beside the city, so a crash leaves none behind.
//! The city file itself cannot be locked this way: SQLite's own locks are on it.

use crate::{StoreError, error::At};
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    file: parking_lot::Mutex<File>,
    path: PathBuf,
}

/// Who holds the lock.
#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    address: Option<String>,
}

impl FileLock {
    /// Takes the lock of a city file.
    pub(super) fn take(city: &Path) -> Result<Self, StoreError> {
        let path = beside(city, "-citywall.lock");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).at(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // The holder may not have written its name yet; it is in use all the same.
                let _ = file.read_to_string(&mut text);
                let holder = serde_json::from_str(&text).unwrap_or(Holder { pid: 0, address: None });
                return Err(StoreError::Locked { path: city.to_owned(), pid: holder.pid, address: holder.address });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { path, source }),
        }
        let lock = Self { file: file.into(), path };
        lock.write(&Holder { pid: std::process::id(), address: None })?;
        Ok(lock)
    }

    /// Says where this process serves the city.
    pub(super) fn set_address(&self, url: &str) -> Result<(), StoreError> {
        self.write(&Holder { pid: std::process::id(), address: Some(url.to_owned()) })
    }

    /// Takes the lock away again with its file, where there turned out to be no city.
    pub(super) fn discard(self) {
        // A lock file that stays is harmless.
        let _ = std::fs::remove_file(&self.path);
    }

    fn write(&self, holder: &Holder) -> Result<(), StoreError> {
        let text = serde_json::json!(holder).to_string();
        let mut file = self.file.lock();
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes())).at(&self.path)
    }
}

impl Drop for FileLock {
    /// Unlocks at once. Closing alone would not do: a child process that another thread is just
    /// starting has a copy of the open file until it runs its own program.
    fn drop(&mut self) {
        if let Err(error) = self.file.lock().unlock() {
            tracing::warn!(%error, "{} stays locked until this process ends", self.path.display());
        }
    }
}

/// The path of a file that belongs to another one.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
