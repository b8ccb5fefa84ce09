//! Folds the journal's tail into the tables of the live collections and the index by item.

use super::{Inner, catalog, journal, schema, tail::Folded};
use crate::{StoreError, error::Doing};
use citywall_model::{Bbox, LiveItem};
use rusqlite::{Connection, Statement, params};
use serde::Deserialize;
use serde_json::Value;

/// Items that are written in one transaction, so that events are never kept waiting long.
const FOLD_ITEMS: usize = if cfg!(test) { 3 } else { 1_000 };

/// Folds all that has come before the call. The mark that tells how far the tables are moves at the
/// end: what is cut off before is folded again, which makes no difference.
pub(super) fn checkpoint(inner: &Inner) -> Result<(), StoreError> {
    inner.check_disk()?;
    let _alone = inner.folding.lock();
    let last = inner.last_revision();
    while let Some(run) = inner.tail.begin() {
        for items in run.items().chunks(FOLD_ITEMS) {
            inner.writer()?.lock().lazily("folding the journal", |tx| {
                items.chunk_by(|one, next| one.collection == next.collection).try_for_each(|items| fold(tx, items))
            })?;
            inner.wal_wait();
        }
        let newest = run.newest();
        inner.writer()?.lock().lazily("folding the journal", |tx| catalog::set(tx, catalog::FOLDED, newest))?;
        inner.tail.is_folded();
        if newest >= last {
            break;
        }
    }
    Ok(())
}

/// Folds items of one collection.
fn fold(conn: &Connection, items: &[Folded<'_>]) -> Result<(), StoreError> {
    let deed = "folding the journal";
    let Some(Folded { collection, .. }) = items.first() else { return Ok(()) };
    let mut entry = catalog::entry(conn, collection)?.ok_or_else(|| StoreError::NoCollection((*collection).clone()))?;
    let mut extent = entry.meta.extent.unwrap_or(Bbox::EMPTY);
    let table = schema::quoted(collection.as_str());
    let mut known = conn.prepare_cached(&format!("SELECT 1 FROM {table} WHERE fid = ?1")).doing(deed)?;
    let mut row = conn
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO {table} (fid, geom, id, source, time, class, title, level, status, revision, properties, time_exact,
               since, areas)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        ))
        .doing(deed)?;
    let mut index = journal::ItemIndex::new(conn)?;
    for Folded { fid, item, marks, .. } in items {
        for mark in marks {
            index.put(collection, *fid, mark)?;
        }
        if let Some(item) = item {
            entry.meta.count += u64::from(!known.exists([fid.cast_signed()]).doing(deed)?);
            extent = item.bounds().map_or(extent, |b| extent.union(b));
            put(&mut row, item)?;
        }
    }
    if !extent.is_empty() && entry.meta.extent != Some(extent) {
        entry.meta.extent = Some(extent);
        schema::set_extent(conn, collection.as_str(), extent)?;
    }
    catalog::put(conn, &entry)
}

/// The properties that have columns of their own.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Shown {
    class: Value,
    title: Value,
    level: Value,
    status: Value,
}

fn put(row: &mut Statement<'_>, item: &LiveItem) -> Result<(), StoreError> {
    let Shown { class, title, level, status } = serde_json::from_str(item.properties_json())
        .map_err(|reason| StoreError::damaged(format!("the properties of “{}”", item.id()), reason))?;
    // GeoPackage's DATETIME has milliseconds.
    let time = format!("{:.3}", item.time());
    let time_exact = (item.time().subsec_nanosecond() % 1_000_000 != 0).then(|| item.time().to_string());
    row.execute(params![
        item.fid().cast_signed(),
        journal::geometry_blob(item),
        item.id(),
        item.source(),
        time,
        class.as_str(),
        title.as_str(),
        level.as_i64(),
        status.as_str(),
        item.revision().0.cast_signed(),
        item.properties_json(),
        time_exact,
        item.since().to_string(),
        item.areas().to_text(),
    ])
    .doing("folding the journal")?;
    Ok(())
}
