//! What the file knows of itself: the settings in `citywall_meta` and the current collections in
//! `citywall_collections`.

use crate::{StoreError, error::Doing};
use citywall_model::{CityProfile, CollectionId, CollectionMeta, Revision};
use rusqlite::{Connection, OptionalExtension, params, types::FromSql};
use serde::Serialize;

/// The file's format.
pub(super) const FORMAT: &str = "format";
/// The city's profile as JSON.
pub(super) const PROFILE: &str = "profile";
/// The last committed revision.
pub(super) const REVISION: &str = "revision";
/// The last revision that the live collections' tables hold.
pub(super) const FOLDED: &str = "folded";
/// The number for the next table of a staged version.
pub(super) const NEXT_TABLE: &str = "next_table";

/// A collection as the file keeps it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) meta: CollectionMeta,
    /// The column of each field of the schema.
    pub(super) columns: Vec<String>,
    /// The table with its CityJSON solids.
    pub(super) solids_table: Option<String>,
    /// The sum of the rows' digests; 0 for a live collection, whose journal has them.
    pub(super) digest: u64,
}

impl Entry {
    /// The collection's feature table.
    pub(super) fn table(&self) -> &str {
        self.meta.id.as_str()
    }
}

/// A setting as text.
pub(super) fn setting(conn: &Connection, key: &str) -> Result<String, StoreError> {
    conn.prepare_cached("SELECT value FROM citywall_meta WHERE key = ?1")
        .and_then(|mut row| row.query_row([key], |row| row.get(0)).optional())
        .doing("reading a setting")?
        .ok_or_else(|| StoreError::damaged("citywall_meta", format!("“{key}” is missing")))
}

/// A setting as a number.
pub(super) fn number(conn: &Connection, key: &str) -> Result<u64, StoreError> {
    let text = setting(conn, key)?;
    text.parse().map_err(|_| StoreError::damaged("citywall_meta", format!("“{key}” is “{text}”, no number")))
}

/// Writes a setting.
pub(super) fn set(conn: &Connection, key: &str, value: impl ToString) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO citywall_meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .and_then(|mut row| row.execute([key, &value.to_string()]))
        .doing("saving a setting")?;
    Ok(())
}

/// The last committed revision.
pub(super) fn revision(conn: &Connection) -> Result<Revision, StoreError> {
    number(conn, REVISION).map(Revision)
}

/// The city's profile.
pub(super) fn profile(conn: &Connection) -> Result<CityProfile, StoreError> {
    serde_json::from_str(&setting(conn, PROFILE)?).map_err(|e| StoreError::damaged("citywall_meta, profile", e))
}

/// Replaces the city's profile.
pub(super) fn set_profile(conn: &Connection, profile: &CityProfile) -> Result<(), StoreError> {
    set(conn, PROFILE, json(profile))
}

/// A number that no table of this file has had in its name.
pub(super) fn next_table(conn: &Connection) -> Result<u64, StoreError> {
    let next = number(conn, NEXT_TABLE)?;
    set(conn, NEXT_TABLE, next + 1)?;
    Ok(next)
}

/// One collection; `None` if there is none of that id.
pub(super) fn entry(conn: &Connection, id: &CollectionId) -> Result<Option<Entry>, StoreError> {
    let row = conn
        .prepare_cached("SELECT meta, columns, solids_table, digest FROM citywall_collections WHERE id = ?1")
        .and_then(|mut row| row.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).optional())
        .doing("reading a collection")?;
    row.map(|(meta, columns, solids_table, digest)| parse(id.as_str(), meta, columns, solids_table, digest)).transpose()
}

/// Every collection, in order of id.
pub(super) fn entries(conn: &Connection) -> Result<Vec<Entry>, StoreError> {
    let deed = "reading the collections";
    let mut rows =
        conn.prepare_cached("SELECT id, meta, columns, solids_table, digest FROM citywall_collections ORDER BY id").doing(deed)?;
    let mut rows = rows.query([]).doing(deed)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().doing(deed)? {
        let id: String = get(row, 0, deed)?;
        entries.push(parse(&id, get(row, 1, deed)?, get(row, 2, deed)?, get(row, 3, deed)?, get(row, 4, deed)?)?);
    }
    Ok(entries)
}

/// Adds a collection or replaces it.
pub(super) fn put(conn: &Connection, entry: &Entry) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO citywall_collections (id, meta, columns, solids_table, digest) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET meta = excluded.meta, columns = excluded.columns, solids_table = excluded.solids_table,
           digest = excluded.digest",
    )
    .and_then(|mut row| {
        row.execute(params![
            entry.meta.id.as_str(),
            json(&entry.meta),
            json(&entry.columns),
            entry.solids_table,
            entry.digest.cast_signed()
        ])
    })
    .doing("saving a collection")?;
    Ok(())
}

fn parse(id: &str, meta: String, columns: String, solids_table: Option<String>, digest: i64) -> Result<Entry, StoreError> {
    let damaged = |e: serde_json::Error| StoreError::damaged(format!("citywall_collections, {id}"), e);
    let entry = Entry {
        meta: serde_json::from_str(&meta).map_err(damaged)?,
        columns: serde_json::from_str(&columns).map_err(damaged)?,
        solids_table,
        digest: digest.cast_unsigned(),
    };
    if entry.columns.len() != entry.meta.schema.fields.len() || entry.meta.id.as_str() != id {
        return Err(StoreError::damaged(format!("citywall_collections, {id}"), "its columns and its schema differ"));
    }
    Ok(entry)
}

fn get<T: FromSql>(row: &rusqlite::Row<'_>, at: usize, deed: &'static str) -> Result<T, StoreError> {
    row.get(at).doing(deed)
}

fn json(value: &impl Serialize) -> String {
    serde_json::json!(value).to_string()
}
