//! Versions of a layer that have been replaced and are kept: each a table of its own that no list
//! names, and a row of `citywall_versions` that says what it was.

use super::{Inner, bury, catalog, digest, load};
use crate::{LayerVersion, StoreError, error::Doing};
use citywall_model::{CollectionId, FeatureTable, Revision, limits};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

/// The table of what is kept.
pub(super) const NAME: &str = "citywall_versions";
/// Makes it.
pub(super) const TABLE: &str = "
CREATE TABLE citywall_versions (
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  kept TEXT NOT NULL,
  digest INTEGER NOT NULL,
  PRIMARY KEY (id, version)
);
";

/// What the key of the number of versions that a layer keeps begins with; its id follows.
const KEEP: &str = "keep:";

/// A replaced version.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) entry: catalog::Entry,
    published: Timestamp,
    /// The revision at which it was replaced.
    until: Revision,
}

/// Keeps a version that has been set aside.
pub(super) fn put(conn: &Connection, entry: catalog::Entry, published: Timestamp, until: Revision) -> Result<(), StoreError> {
    let (id, version) = (entry.meta.id.to_string(), entry.meta.version);
    let kept = serde_json::json!(Kept { entry, published, until }).to_string();
    let digest = digest::of_parts([id.as_bytes(), &version.to_le_bytes(), kept.as_bytes()]);
    conn.execute("INSERT INTO citywall_versions (id, version, kept, digest) VALUES (?1, ?2, ?3, ?4)", params![id, version, kept, digest])
        .doing("keeping a version")?;
    Ok(())
}

/// Forgets the oldest versions of a layer, past as many as it keeps, and returns their tables.
pub(super) fn thin(conn: &Connection, id: &CollectionId) -> Result<Vec<String>, StoreError> {
    let mut kept = of(conn, id)?;
    kept.truncate(kept.len().saturating_sub(number(conn, id)? as usize));
    forget(conn, &kept)
}

/// Sets how many versions a layer keeps, and forgets those that are too many.
pub(super) fn keep(inner: &Inner, id: &CollectionId, versions: u32) -> Result<(), StoreError> {
    let max = limits::VERSIONS_KEPT_MAX;
    if versions > max {
        let what = format!("keeping {versions} versions of “{id}”");
        return Err(StoreError::Limit { what, name: "VERSIONS_KEPT_MAX", max: max as usize });
    }
    inner.check_disk()?;
    let tables = inner.writer()?.lock().durably("saving how many versions are kept", |tx| {
        catalog::set(tx, &format!("{KEEP}{id}"), versions)?;
        thin(tx, id)
    })?;
    bury_all(inner, tables);
    Ok(())
}

/// Removes one kept version; false if there is none.
pub(super) fn remove(inner: &Inner, id: &CollectionId, version: u32) -> Result<bool, StoreError> {
    let tables = inner.writer()?.lock().durably("removing a version", |tx| {
        let mut kept = of(tx, id)?;
        kept.retain(|kept| kept.entry.meta.version == version);
        forget(tx, &kept)
    })?;
    let is_gone = !tables.is_empty();
    bury_all(inner, tables);
    Ok(is_gone)
}

/// Removes tables; what cannot be removed now is swept at the next start.
pub(super) fn bury_all(inner: &Inner, tables: Vec<String>) {
    for table in tables {
        if let Err(error) = bury::bury(inner, &table) {
            tracing::warn!("{table} is left until the next start: {error}");
        }
    }
}

/// Every version of a layer, the oldest first and the current one last.
pub(super) fn list(conn: &Connection, id: &CollectionId) -> Result<Vec<LayerVersion>, StoreError> {
    let current = load::layer_entry(conn, id)?;
    let kept =
        of(conn, id)?.into_iter().map(|kept| LayerVersion { meta: kept.entry.meta, published: kept.published, until: Some(kept.until) });
    let published = published(conn, current.table())?;
    Ok(kept.chain([LayerVersion { meta: current.meta, published, until: None }]).collect())
}

/// Reads a kept version.
pub(super) fn load(conn: &Connection, id: &CollectionId, version: u32) -> Result<FeatureTable, StoreError> {
    let kept = of(conn, id)?.into_iter().find(|kept| kept.entry.meta.version == version);
    let Kept { entry, .. } = kept.ok_or_else(|| StoreError::NoVersion { id: id.clone(), version })?;
    load::table(conn, &load::Source::from(&entry), entry.meta.id_field.as_deref())
}

/// Every kept version of every layer.
pub(super) fn all(conn: &Connection) -> Result<Vec<Kept>, StoreError> {
    select(conn, "SELECT id, version, kept, digest FROM citywall_versions WHERE ?1 = '' ORDER BY id, version", "")
}

/// When a listed table was published: GeoPackage keeps it.
pub(super) fn published(conn: &Connection, table: &str) -> Result<Timestamp, StoreError> {
    let text: String = conn
        .query_row("SELECT last_change FROM gpkg_contents WHERE table_name = ?1", [table], |row| row.get(0))
        .doing("reading when a layer was published")?;
    text.parse().map_err(|_| StoreError::damaged("gpkg_contents", format!("“{text}” of {table} is no instant")))
}

/// The kept versions of a layer, the oldest first.
fn of(conn: &Connection, id: &CollectionId) -> Result<Vec<Kept>, StoreError> {
    select(conn, "SELECT id, version, kept, digest FROM citywall_versions WHERE id = ?1 ORDER BY version", id.as_str())
}

fn select(conn: &Connection, sql: &str, id: &str) -> Result<Vec<Kept>, StoreError> {
    let deed = "reading the kept versions";
    let mut rows = conn.prepare_cached(sql).doing(deed)?;
    let mut rows = rows.query([id]).doing(deed)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().doing(deed)? {
        let (id, version): (String, u32) = (row.get(0).doing(deed)?, row.get(1).doing(deed)?);
        let (kept, digest): (String, u32) = (row.get(2).doing(deed)?, row.get(3).doing(deed)?);
        let damaged =
            |reason: &dyn ToString| StoreError::damaged(format!("citywall_versions, {id}, version {version}"), reason.to_string());
        if digest != digest::of_parts([id.as_bytes(), &version.to_le_bytes(), kept.as_bytes()]) {
            return Err(damaged(&"it is not what was written (its digest does not match)"));
        }
        all.push(serde_json::from_str(&kept).map_err(|error| damaged(&error))?);
    }
    Ok(all)
}

/// How many replaced versions a layer keeps.
fn number(conn: &Connection, id: &CollectionId) -> Result<u32, StoreError> {
    let key = format!("{KEEP}{id}");
    let Some(text) = catalog::find(conn, &key)? else { return Ok(0) };
    text.parse().map_err(|_| StoreError::damaged("citywall_meta", format!("“{key}” is “{text}”, no number")))
}

/// Takes versions off the list and returns their tables.
fn forget(conn: &Connection, versions: &[Kept]) -> Result<Vec<String>, StoreError> {
    let mut tables = Vec::new();
    for Kept { entry, .. } in versions {
        conn.execute("DELETE FROM citywall_versions WHERE id = ?1 AND version = ?2", params![entry.meta.id.as_str(), entry.meta.version])
            .doing("forgetting a version")?;
        tables.push(entry.table().to_owned());
        tables.extend(entry.solids_table.clone());
    }
    Ok(tables)
}
