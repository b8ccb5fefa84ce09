//! Tables of tiles (OGC 12-128r19, clause 2.2): how elevation grids and imagery become current.

use super::{Inner, bury, catalog, coverage, schema};
use crate::{LayerDraft, StoreError, error::Doing};
use citywall_model::{Bbox, CollectionId, CollectionKind, CollectionMeta};
use rusqlite::Connection;
use std::sync::Arc;

/// What the standard prescribes.
const PRESCRIBED: &str = r#"
CREATE TABLE IF NOT EXISTS gpkg_tile_matrix_set (
  table_name TEXT NOT NULL PRIMARY KEY, srs_id INTEGER NOT NULL,
  min_x DOUBLE NOT NULL, min_y DOUBLE NOT NULL, max_x DOUBLE NOT NULL, max_y DOUBLE NOT NULL,
  CONSTRAINT fk_gtms_table_name FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gtms_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id)
);
CREATE TABLE IF NOT EXISTS gpkg_tile_matrix (
  table_name TEXT NOT NULL, zoom_level INTEGER NOT NULL, matrix_width INTEGER NOT NULL, matrix_height INTEGER NOT NULL,
  tile_width INTEGER NOT NULL, tile_height INTEGER NOT NULL, pixel_x_size DOUBLE NOT NULL, pixel_y_size DOUBLE NOT NULL,
  CONSTRAINT pk_ttm PRIMARY KEY (table_name, zoom_level),
  CONSTRAINT fk_tmm_table_name FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name)
);
"#;

/// Makes an empty table of tiles that no reader sees, and what its extension prescribes.
pub(super) fn create(inner: &Arc<Inner>, prescribed: &str) -> Result<String, StoreError> {
    let deed = "starting a table of tiles";
    inner.writer()?.lock().lazily(deed, |tx| {
        tx.execute_batch(PRESCRIBED).doing(deed)?;
        tx.execute_batch(prescribed).doing(deed)?;
        let table = format!("{}{}", bury::STAGE, catalog::next_table(tx)?);
        tx.execute_batch(&format!(
            "CREATE TABLE {} (id INTEGER PRIMARY KEY AUTOINCREMENT, zoom_level INTEGER NOT NULL, tile_column INTEGER NOT NULL,
               tile_row INTEGER NOT NULL, tile_data BLOB NOT NULL, UNIQUE (zoom_level, tile_column, tile_row))",
            schema::quoted(&table)
        ))
        .doing(deed)?;
        Ok(table)
    })
}

/// Makes a written table current as a collection's new version, by one short transaction, and
/// removes the version before it. `list` lists the table for GeoPackage readers.
pub(super) fn publish(
    inner: &Arc<Inner>,
    draft: LayerDraft,
    kind: CollectionKind,
    extent: Bbox,
    table: &str,
    list: impl FnOnce(&Connection, &CollectionMeta) -> Result<(), StoreError>,
) -> Result<CollectionMeta, StoreError> {
    let id = draft.id.clone();
    let mut writer = inner.writer()?.lock();
    let (meta, old) = writer.durably("publishing tiles", |tx| {
        let before = catalog::entry(tx, &id)?;
        if let Some(before) = &before {
            check_kind(&before.meta, kind)?;
        }
        let mut old = None;
        if before.is_some() {
            unlist(tx, &id, kind)?;
            let aside = format!("{}{}", bury::OLD, catalog::next_table(tx)?);
            schema::rename(tx, id.as_str(), &aside)?;
            old = Some(aside);
        }
        schema::rename(tx, table, id.as_str())?;
        let revision = catalog::revision(tx)?.next();
        catalog::set(tx, catalog::REVISION, revision)?;
        let version = before.map_or(0, |entry| entry.meta.version) + 1;
        // Tiles have no items to be named by a property.
        let draft = LayerDraft { id_field: None, ..draft };
        let meta = CollectionMeta { extent: Some(extent), ..draft.meta(kind, version, revision) };
        list(tx, &meta)?;
        catalog::put(tx, &catalog::Entry { meta: meta.clone(), columns: Vec::new(), solids_table: None, digest: 0, aside: None })?;
        Ok((meta, old))
    })?;
    inner.set_last_revision(meta.revision);
    drop(writer);
    if let Some(old) = old
        && let Err(error) = bury::bury(inner, &old)
    {
        tracing::warn!("{old} is left until the next start: {error}");
    }
    Ok(meta)
}

/// Refuses what is not of a kind.
pub(super) fn check_kind(meta: &CollectionMeta, wanted: CollectionKind) -> Result<(), StoreError> {
    let name = |kind| match kind {
        CollectionKind::Elevation => "an elevation grid",
        CollectionKind::Imagery => "imagery",
        _ => "a collection of items",
    };
    if meta.kind == wanted {
        return Ok(());
    }
    Err(StoreError::WrongKind { id: meta.id.clone(), is: name(meta.kind), wanted: name(wanted) })
}

/// Removes the table of a version that failed to become current.
pub(super) fn discard_failed<T>(inner: &Arc<Inner>, table: &str, written: Result<T, StoreError>) -> Result<T, StoreError> {
    if written.is_err()
        && let Err(error) = bury::bury(inner, table)
    {
        tracing::warn!("{table} is left until the next start: {error}");
    }
    written
}

fn unlist(conn: &Connection, id: &CollectionId, kind: CollectionKind) -> Result<(), StoreError> {
    if kind == CollectionKind::Elevation {
        coverage::unlist(conn, id.as_str())?;
    }
    for list in ["gpkg_tile_matrix", "gpkg_tile_matrix_set", "gpkg_extensions", "gpkg_contents"] {
        conn.execute(&format!("DELETE FROM {list} WHERE table_name = ?1"), [id.as_str()]).doing("unlisting a table of tiles")?;
    }
    Ok(())
}
