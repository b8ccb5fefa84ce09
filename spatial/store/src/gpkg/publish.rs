//! Makes a staged version current.

use super::{blob::GeometryKinds, bury, catalog, schema, stage::Stage, versions};
use crate::{LayerStage, StoreError, error::Doing};
use citywall_model::{CollectionKind, CollectionMeta};
use rusqlite::Connection;

/// Publishes by one short, flushed transaction at the next revision, then removes, in batches, what
/// the layer does not keep of the versions before.
pub(super) fn publish(stage: &mut Stage) -> Result<CollectionMeta, StoreError> {
    stage.columns.settle();
    stage.declare(false)?;
    let id = stage.draft.id.clone();
    let inner = stage.inner.clone();
    inner.check_disk()?;

    let mut writer = inner.writer()?.lock();
    // Nothing else is published while the writer is held, so version and revision stand.
    let meta = stage.meta();
    let entry = catalog::Entry {
        meta,
        columns: stage.columns.list().iter().map(|column| column.column.clone()).collect(),
        solids_table: stage.solids_table.clone(),
        digest: stage.digest.wrapping_add(stage.solids_digest),
        aside: None,
    };
    let unneeded = writer.durably("publishing a layer version", |tx| {
        let before = catalog::entry(tx, &id)?;
        if let Some(mut before) = before {
            check_layer(&before.meta)?;
            let published = versions::published(tx, before.table())?;
            before.aside = Some(set_aside(tx, before.table())?);
            versions::put(tx, before, published, entry.meta.revision)?;
        }
        declare_geometry(tx, &stage.table, &entry.meta.geometry_type)?;
        schema::rename(tx, &stage.table, entry.table())?;
        list(tx, &entry, stage.geometry_kinds)?;
        catalog::put(tx, &entry)?;
        catalog::set(tx, catalog::REVISION, entry.meta.revision)?;
        versions::thin(tx, &id)
    })?;
    inner.set_last_revision(entry.meta.revision);
    drop(writer);

    stage.published = true;
    versions::bury_all(&inner, unneeded);
    Ok(entry.meta)
}

/// Refuses what is no layer.
pub(super) fn check_layer(meta: &CollectionMeta) -> Result<(), StoreError> {
    let is = match meta.kind {
        CollectionKind::Layer => return Ok(()),
        CollectionKind::Elevation => "an elevation grid",
        CollectionKind::Imagery => "imagery",
        _ => "a live collection",
    };
    Err(StoreError::WrongKind { id: meta.id.clone(), is, wanted: "a layer" })
}

/// Takes the version before off the list and out of the way.
fn set_aside(conn: &Connection, table: &str) -> Result<String, StoreError> {
    let aside = format!("{}{}", bury::OLD, catalog::next_table(conn)?);
    schema::unlist(conn, table)?;
    schema::rename(conn, table, &aside)?;
    Ok(aside)
}

/// Declares the geometry's type, which is known only now. A declared type is nothing but a word
/// in SQLite's schema, so no row changes.
fn declare_geometry(conn: &Connection, table: &str, geometry_type: &str) -> Result<(), StoreError> {
    let deed = "declaring the geometry's type";
    let sql: String =
        conn.query_row("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1", [table], |row| row.get(0)).doing(deed)?;
    // The geometry is the second column, so the first place is the right one.
    let sql = sql.replacen(schema::GEOMETRY_COLUMN, &format!("geom {geometry_type}"), 1);
    conn.execute_batch("PRAGMA writable_schema = ON").doing(deed)?;
    let changed = conn.execute("UPDATE sqlite_schema SET sql = ?1 WHERE type = 'table' AND name = ?2", [&sql, table]);
    conn.execute_batch("PRAGMA writable_schema = OFF").doing(deed)?;
    changed.doing(deed)?;
    Ok(())
}

fn list(conn: &Connection, entry: &catalog::Entry, geometry_kinds: GeometryKinds) -> Result<(), StoreError> {
    schema::list(
        conn,
        &schema::Listing {
            table: entry.table(),
            description: &schema::description(&entry.meta),
            geometry_type: &entry.meta.geometry_type,
            z: geometry_kinds.z(),
            srs_id: entry.meta.storage_crs,
            extent: entry.meta.extent,
        },
    )
}
