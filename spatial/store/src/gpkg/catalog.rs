//! What the file knows of itself: the settings in `citywall_meta` and the current collections in
//! `citywall_collections`.

use super::digest;
use crate::{Horizon, StoreError, error::Doing};
use citywall_model::{CityProfile, CollectionId, CollectionMeta, Revision};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

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

/// What the key of a style begins with; its id follows.
const STYLE: &str = "style:";

/// A collection as the file keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) meta: CollectionMeta,
    /// The column of each field of the schema.
    pub(super) columns: Vec<String>,
    /// The table with its CityJSON solids.
    pub(super) solids_table: Option<String>,
    /// The sum of the rows' digests; 0 for a live collection, whose journal has them.
    pub(super) digest: u64,
    /// The table of a version that was replaced and is kept; `None` for what is current.
    pub(super) aside: Option<String>,
}

impl Entry {
    /// The collection's feature table.
    pub(super) fn table(&self) -> &str {
        self.aside.as_deref().unwrap_or(self.meta.id.as_str())
    }
}

/// A setting as text.
pub(super) fn setting(conn: &Connection, key: &str) -> Result<String, StoreError> {
    find(conn, key)?.ok_or_else(|| StoreError::damaged("citywall_meta", format!("“{key}” is missing")))
}

/// A setting as text; `None` where there is none yet.
pub(super) fn find(conn: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    let found: Option<(String, u32)> = conn
        .prepare_cached("SELECT value, digest FROM citywall_meta WHERE key = ?1")
        .and_then(|mut row| row.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .doing("reading a setting")?;
    match found {
        Some((value, digest)) if digest != digest_of([key, &value]) => {
            Err(StoreError::damaged("citywall_meta", format!("“{key}” is not what was written (its digest does not match)")))
        }
        found => Ok(found.map(|(value, _)| value)),
    }
}

/// A setting as a number.
pub(super) fn number(conn: &Connection, key: &str) -> Result<u64, StoreError> {
    parsed(key, &setting(conn, key)?)
}

fn parsed(key: &str, text: &str) -> Result<u64, StoreError> {
    text.parse().map_err(|_| StoreError::damaged("citywall_meta", format!("“{key}” is “{text}”, no number")))
}

/// Writes a setting.
pub(super) fn set(conn: &Connection, key: &str, value: impl ToString) -> Result<(), StoreError> {
    let value = value.to_string();
    conn.prepare_cached(
        "INSERT INTO citywall_meta (key, value, digest) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, digest = excluded.digest",
    )
    .and_then(|mut row| row.execute(params![key, value, digest_of([key, &value])]))
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

/// Every style by id, in order of id.
pub(super) fn styles(conn: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let deed = "reading the styles";
    let mut rows = conn.prepare_cached("SELECT key FROM citywall_meta WHERE key LIKE 'style:%' ORDER BY key").doing(deed)?;
    let keys: Vec<String> = rows.query_map([], |row| row.get(0)).and_then(Iterator::collect).doing(deed)?;
    keys.into_iter().map(|key| Ok((key[STYLE.len()..].to_owned(), setting(conn, &key)?))).collect()
}

/// Puts a style or removes it; true if there was one before.
pub(super) fn set_style(conn: &Connection, id: &str, document: Option<&str>) -> Result<bool, StoreError> {
    let key = format!("{STYLE}{id}");
    let was_there = find(conn, &key)?.is_some();
    match document {
        Some(document) => set(conn, &key, document)?,
        None => {
            conn.execute("DELETE FROM citywall_meta WHERE key = ?1", [&key]).doing("removing a style")?;
        }
    }
    Ok(was_there)
}

/// What the key of a collection's horizon begins with; its id follows.
const HORIZON: &str = "horizon:";

/// Where the kept past of a live collection begins.
pub(super) fn horizon(conn: &Connection, id: &CollectionId) -> Result<Horizon, StoreError> {
    let key = format!("{HORIZON}{id}");
    let Some(text) = find(conn, &key)? else { return Ok(Horizon::default()) };
    let parts = text.split_once(' ').and_then(|(instant, revision)| Some((instant.parse().ok()?, revision.parse().ok()?)));
    let (instant, revision) = parts.ok_or_else(|| StoreError::damaged("citywall_meta", format!("“{key}” is “{text}”, no horizon")))?;
    Ok(Horizon { instant: Some(instant), revision: Revision(revision) })
}

/// Moves the horizon of a live collection on; it never goes back.
pub(super) fn move_horizon(conn: &Connection, id: &CollectionId, instant: Timestamp, revision: Revision) -> Result<(), StoreError> {
    let known = horizon(conn, id)?;
    let instant = known.instant.map_or(instant, |known| known.max(instant));
    set(conn, &format!("{HORIZON}{id}"), format!("{instant} {}", revision.max(known.revision)))
}

/// A number that no table of this file has had in its name.
pub(super) fn next_table(conn: &Connection) -> Result<u64, StoreError> {
    let next = number(conn, NEXT_TABLE)?;
    set(conn, NEXT_TABLE, next + 1)?;
    Ok(next)
}

/// The columns of a collection, in the order that [`parse`] reads them.
const COLUMNS: &str = "id, meta, columns, solids_table, rows_digest, digest";

/// One collection; `None` if there is none of that id.
pub(super) fn entry(conn: &Connection, id: &CollectionId) -> Result<Option<Entry>, StoreError> {
    let deed = "reading a collection";
    let mut rows = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM citywall_collections WHERE id = ?1")).doing(deed)?;
    let mut rows = rows.query([id.as_str()]).doing(deed)?;
    rows.next().doing(deed)?.map(parse).transpose()
}

/// Every collection, in order of id.
pub(super) fn entries(conn: &Connection) -> Result<Vec<Entry>, StoreError> {
    let deed = "reading the collections";
    let mut rows = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM citywall_collections ORDER BY id")).doing(deed)?;
    let mut rows = rows.query([]).doing(deed)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().doing(deed)? {
        entries.push(parse(row)?);
    }
    Ok(entries)
}

/// Adds a collection or replaces it.
pub(super) fn put(conn: &Connection, entry: &Entry) -> Result<(), StoreError> {
    let (id, meta, columns) = (entry.meta.id.as_str(), json(&entry.meta), json(&entry.columns));
    let solids_table = entry.solids_table.as_deref();
    let digest = digest_of([id, &meta, &columns, solids_table.unwrap_or_default()]);
    conn.prepare_cached(&format!("INSERT OR REPLACE INTO citywall_collections ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"))
        .and_then(|mut row| row.execute(params![id, meta, columns, solids_table, entry.digest.cast_signed(), digest]))
        .doing("saving a collection")?;
    Ok(())
}

fn parse(row: &Row<'_>) -> Result<Entry, StoreError> {
    let deed = "reading a collection";
    let id: String = row.get(0).doing(deed)?;
    let damaged = |reason: String| StoreError::damaged(format!("citywall_collections, {id}"), reason);
    let (meta, columns): (String, String) = (row.get(1).doing(deed)?, row.get(2).doing(deed)?);
    let solids_table: Option<String> = row.get(3).doing(deed)?;
    let (rows_digest, digest): (i64, u32) = (row.get(4).doing(deed)?, row.get(5).doing(deed)?);
    if digest != digest_of([&id, &meta, &columns, solids_table.as_deref().unwrap_or_default()]) {
        return Err(damaged("it is not what was written (its digest does not match)".to_owned()));
    }
    let entry = Entry {
        meta: serde_json::from_str(&meta).map_err(|e| damaged(e.to_string()))?,
        columns: serde_json::from_str(&columns).map_err(|e| damaged(e.to_string()))?,
        solids_table,
        digest: rows_digest.cast_unsigned(),
        aside: None,
    };
    if entry.columns.len() != entry.meta.schema.fields.len() || entry.meta.id.as_str() != id {
        return Err(damaged("its columns and its schema differ".to_owned()));
    }
    Ok(entry)
}

fn digest_of<const N: usize>(texts: [&str; N]) -> u32 {
    digest::of_parts(texts.map(str::as_bytes))
}

fn json(value: &impl Serialize) -> String {
    serde_json::json!(value).to_string()
}
