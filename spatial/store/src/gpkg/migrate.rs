//! The file's format: told before anything is written, and raised step by step.

use super::{catalog, lock, schema};
use crate::{
    StoreError,
    error::{At, Doing},
};
use rusqlite::{Connection, OptionalExtension};
use std::{fs::File, io::Read, path::Path};

/// Raises a file from one format to the next; the number is set by the caller.
pub(super) type Step = fn(&Connection) -> Result<(), StoreError>;

/// The steps, the first from format 1 to 2. To change the format: raise [`schema::FORMAT`],
/// change what [`schema::create`] makes, and add the step that leads there.
pub(super) const STEPS: &[Step] = &[
    |conn| {
        conn.execute_batch(super::refused::TABLES).doing("raising the file's format")?;
        super::live::add_since(conn)
    },
    super::journal::index_by_time,
    |conn| {
        conn.execute_batch(super::versions::TABLE).doing("raising the file's format")?;
        super::journal::index_by_item(conn)
    },
];

const _: () = assert!(STEPS.len() + 1 == schema::FORMAT as usize, "every format but the first has a step that leads to it");

/// Checks, without SQLite and without touching anything, that a file can be a city.
pub(super) fn check_header(path: &Path) -> Result<(), StoreError> {
    let foreign = |reason: &str| StoreError::Foreign { path: path.to_owned(), reason: reason.to_owned() };
    let mut file = File::open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => StoreError::Missing(path.to_owned()),
        _ => StoreError::Io { path: path.to_owned(), source },
    })?;
    let status = file.metadata().at(path)?;
    if !status.is_file() {
        return Err(foreign("it is no file"));
    }
    let mut header = [0; 100];
    if file.read_exact(&mut header).is_err() || &header[..16] != b"SQLite format 3\0" {
        return Err(foreign("it is no SQLite file"));
    }
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if number(68) != schema::APPLICATION_ID {
        return Err(foreign("it is no GeoPackage"));
    }
    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    // With a log beside it, the file may rightly be shorter than it says.
    let log_bytes = std::fs::metadata(lock::beside(path, "-wal")).map_or(0, |log| log.len());
    let (wanted, there) = (u64::from(number(28)) * page_bytes, status.len());
    if log_bytes == 0 && there < wanted {
        return Err(StoreError::damaged(path.display().to_string(), format!("it is cut off: {there} of {wanted} bytes are there")));
    }
    Ok(())
}

/// The format of a GeoPackage that is a city.
pub(super) fn format_of(conn: &Connection, path: &Path) -> Result<u32, StoreError> {
    let has_meta = conn
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'citywall_meta'", [], |_| Ok(()))
        .optional()
        .map_err(|e| StoreError::damaged(path.display().to_string(), e))?;
    if has_meta.is_none() {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
            reason: "it is a GeoPackage without a city; import it into one".to_owned(),
        });
    }
    let format = catalog::number(conn, catalog::FORMAT)?;
    u32::try_from(format).map_err(|_| StoreError::damaged("citywall_meta", format!("the format {format} does not exist")))
}

/// Fails if this version cannot read the format.
pub(super) fn check_not_newer(path: &Path, found: u32, steps: &[Step]) -> Result<(), StoreError> {
    let known = newest(steps);
    if found > known { Err(StoreError::TooNew { path: path.to_owned(), found, known }) } else { Ok(()) }
}

/// Raises a file to the newest format, after a copy of it has been made beside it. All steps
/// are one transaction.
pub(super) fn migrate(conn: &mut Connection, path: &Path, steps: &[Step]) -> Result<(), StoreError> {
    let found = format_of(conn, path)?;
    check_not_newer(path, found, steps)?;
    if found == newest(steps) {
        return Ok(());
    }
    let Some(first) = found.checked_sub(1) else {
        return Err(StoreError::damaged("citywall_meta", "there never was a format 0"));
    };
    let kept = lock::beside(path, &format!(".format-{found}.bak"));
    super::backup::copy(conn, &kept, &mut |_, _| {})?;
    tracing::info!("{} is raised from format {found} to {}; as it was, it is kept as {}", path.display(), newest(steps), kept.display());
    let deed = "raising the file's format";
    let transaction = conn.transaction().doing(deed)?;
    for step in steps.iter().skip(first as usize) {
        step(&transaction)?;
    }
    catalog::set(&transaction, catalog::FORMAT, newest(steps))?;
    transaction.commit().doing(deed)
}

fn newest(steps: &[Step]) -> u32 {
    u32::try_from(steps.len() + 1).unwrap_or(u32::MAX)
}

/// Checks that the tables of the newest format are there.
pub(super) fn check_tables(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let tables = schema::tables(conn)?;
    match schema::REQUIRED.iter().find(|required| !tables.iter().any(|table| table == *required)) {
        Some(missing) => Err(StoreError::damaged(path.display().to_string(), format!("the table {missing} is missing"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CityStore, GeoPackage};
    use citywall_model::CityProfile;

    const LATER: &[Step] = &[
        STEPS[0],
        STEPS[1],
        STEPS[2],
        |conn| conn.execute_batch("CREATE TABLE citywall_second (x)").doing("step 5"),
        |conn| conn.execute_batch("ALTER TABLE citywall_second ADD COLUMN y").doing("step 6"),
    ];

    fn older_file() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.gpkg");
        drop(GeoPackage::create(&path, &CityProfile::named("Old")).unwrap());
        (folder, path)
    }

    fn format_and_columns(path: &Path) -> (u32, u32) {
        let conn = super::super::connection::open_reader(path).unwrap();
        let columns = conn.query_row("SELECT count(*) FROM pragma_table_info('citywall_second')", [], |row| row.get(0)).unwrap();
        (format_of(&conn, path).unwrap(), columns)
    }

    #[test]
    fn an_older_file_is_copied_and_then_raised_step_by_step() {
        let (_folder, path) = older_file();
        let store = GeoPackage::open_with(&path, LATER).unwrap();
        assert_eq!(store.profile().unwrap(), CityProfile::named("Old"));
        drop(store);
        assert_eq!(format_and_columns(&path), (6, 2));
        let kept = lock::beside(&path, ".format-4.bak");
        assert_eq!(format_and_columns(&kept), (4, 0));
        assert_eq!(GeoPackage::open_read_only(&kept).unwrap().verify().unwrap(), Vec::<String>::new());
        // A file of the newest format is left alone.
        drop(GeoPackage::open_with(&path, LATER).unwrap());
        assert!(matches!(GeoPackage::open(&path).map(drop), Err(StoreError::TooNew { found: 6, known: 4, .. })));
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let (_folder, path) = older_file();
        let failing: &[Step] = &[LATER[0], LATER[1], LATER[2], LATER[3], |_| Err(StoreError::damaged("a test", "it fails"))];
        assert!(GeoPackage::open_with(&path, failing).is_err());
        assert_eq!(format_and_columns(&path), (4, 0));
        assert!(GeoPackage::open(&path).is_ok());
    }

    #[test]
    fn an_earlier_copy_is_not_overwritten() {
        let (_folder, path) = older_file();
        std::fs::write(lock::beside(&path, ".format-4.bak"), "an earlier copy").unwrap();
        assert!(matches!(GeoPackage::open_with(&path, LATER).map(drop), Err(StoreError::Exists(_))));
        assert_eq!(format_and_columns(&path), (4, 0));
    }
}
