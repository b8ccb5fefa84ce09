//! Keeps the disk from filling up: a write is refused while it can still be refused cleanly.

use crate::{StoreError, error::At};
use parking_lot::Mutex;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long a measurement holds.
const FRESH: Duration = Duration::from_secs(1);

/// Watches the disk that a file is on.
#[derive(Debug)]
pub(super) struct DiskWatch {
    path: PathBuf,
    min_bytes: u64,
    last: Mutex<Option<(Instant, u64)>>,
}

impl DiskWatch {
    /// Watches the disk of `path`, keeping `min_bytes` of it free.
    pub(super) fn new(path: &Path, min_bytes: u64) -> Self {
        Self { path: path.to_owned(), min_bytes, last: Mutex::new(None) }
    }

    /// Fails if the disk is nearly full.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let free_bytes = self.free_bytes()?;
        if free_bytes < self.min_bytes {
            return Err(StoreError::DiskFull { path: self.path.clone(), free_bytes, min_bytes: self.min_bytes });
        }
        Ok(())
    }

    fn free_bytes(&self) -> Result<u64, StoreError> {
        let mut last = self.last.lock();
        match *last {
            Some((at, free)) if at.elapsed() < FRESH => Ok(free),
            _ => {
                let disk = rustix::fs::statvfs(&self.path).map_err(std::io::Error::from).at(&self.path)?;
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                *last = Some((Instant::now(), free));
                Ok(free)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nearly_full_disk_is_named_with_what_is_left() {
        let here = tempfile::tempdir().unwrap();
        assert!(DiskWatch::new(here.path(), 0).check().is_ok());
        let error = DiskWatch::new(here.path(), u64::MAX).check().unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { free_bytes, .. } if free_bytes > 0));
    }
}
