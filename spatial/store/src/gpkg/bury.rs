//! Removes tables that nothing refers to any more: discarded versions, replaced ones, and what a
//! killed import left.

use super::{Inner, catalog, schema, versions};
use crate::{StoreError, error::Doing};
use citywall_model::limits;
use rusqlite::Connection;

/// Tables of versions in the making.
pub(super) const STAGE: &str = "citywall_stage_";
/// Tables of versions that have been replaced.
pub(super) const OLD: &str = "citywall_old_";
/// Tables with solids, of any version.
pub(super) const SOLIDS: &str = "citywall_solids_";

/// Removes a table in bounded batches, so that events wait for one of them at most.
pub(super) fn bury(inner: &Inner, table: &str) -> Result<(), StoreError> {
    let deed = "removing a table";
    let name = schema::quoted(table);
    loop {
        let gone = inner.writer()?.lock().lazily(deed, |tx| {
            let rows = limits::IMPORT_BATCH_ROWS_MAX;
            let sql = format!("DELETE FROM {name} WHERE rowid IN (SELECT rowid FROM {name} ORDER BY rowid LIMIT {rows})");
            let deleted = tx.prepare_cached(&sql).and_then(|mut delete| delete.execute([])).doing(deed)?;
            let gone = deleted < rows;
            if gone {
                tx.execute_batch(&format!("DROP TABLE {name}")).doing(deed)?;
            }
            Ok(gone)
        })?;
        inner.wal_wait();
        if gone {
            return Ok(());
        }
    }
}

/// The tables that nothing refers to, as far as no import is under way.
pub(super) fn orphans(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let tables = schema::tables(conn)?;
    // The copy of a file that is being raised may be of a format that kept none.
    let kept = if tables.iter().any(|table| table == versions::NAME) { versions::all(conn)? } else { Vec::new() };
    let entries = catalog::entries(conn)?.into_iter().chain(kept.into_iter().map(|kept| kept.entry));
    let in_use: Vec<String> = entries.flat_map(|entry| [entry.aside, entry.solids_table]).flatten().collect();
    let tables = tables.into_iter();
    let left_over = |table: &String| [STAGE, OLD, SOLIDS].iter().any(|prefix| table.starts_with(prefix)) && !in_use.contains(table);
    Ok(tables.filter(left_over).collect())
}

/// Removes the orphans at once; for a file that nothing else uses yet.
pub(super) fn sweep(conn: &Connection) -> Result<usize, StoreError> {
    let orphans = orphans(conn)?;
    for table in &orphans {
        conn.execute_batch(&format!("DROP TABLE {}", schema::quoted(table))).doing("removing what an import left")?;
    }
    Ok(orphans.len())
}
