//! Live collections: a feature table with the state as of the last checkpoint, and the journal's
//! tail since.
//!
//! The table repeats `class`, `title`, `level` and `status` as columns for GIS programs; all
//! properties are in `properties`, from which the item is read.

use super::{Inner, blob::GeometryKinds, catalog, journal, schema};
use crate::{LiveLoad, StoreError, error::Doing};
use citywall_model::{
    Areas, CimCategory, CollectionId, CollectionKind, CollectionMeta, LifeState, LiveItem, LiveRecord, LocalText, Revision, Schema, Wkb,
};
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use std::{collections::BTreeMap, str::FromStr};

/// The columns of a live collection beside `fid` and `geom`, with their declared types.
const COLUMNS: [(&str, &str); 12] = [
    ("id", "TEXT"),
    ("source", "TEXT"),
    ("time", "DATETIME"),
    ("class", "TEXT"),
    ("title", "TEXT"),
    ("level", "INTEGER"),
    ("status", "TEXT"),
    ("revision", "INTEGER"),
    ("properties", "TEXT"),
    // GeoPackage's DATETIME ends at the millisecond; a finer time stands here.
    ("time_exact", "TEXT"),
    ("since", "TEXT"),
    ("areas", "TEXT"),
];

/// Makes a live collection if there is none of that id.
pub(super) fn create(
    inner: &Inner,
    id: &CollectionId,
    kind: CollectionKind,
    title: &LocalText,
    category: CimCategory,
    generated: bool,
) -> Result<(), StoreError> {
    if !kind.is_live() {
        return Err(StoreError::WrongKind { id: id.clone(), is: "a layer", wanted: "a live collection" });
    }
    schema::check_name(id)?;
    inner.check_disk()?;
    let mut writer = inner.writer()?.lock();
    writer.durably("making a live collection", |tx| {
        if let Some(entry) = catalog::entry(tx, id)? {
            let is_live = entry.meta.kind.is_live();
            return if is_live {
                Ok(())
            } else {
                Err(StoreError::WrongKind { id: id.clone(), is: "a layer", wanted: "a live collection" })
            };
        }
        let meta = CollectionMeta {
            id: id.clone(),
            kind,
            title: title.clone(),
            category,
            source: String::new(),
            source_crs: format!("EPSG:{}", journal::LIVE_CRS),
            storage_crs: journal::LIVE_CRS,
            generated,
            version: 0,
            revision: inner.last_revision(),
            schema: Schema::default(),
            id_field: None,
            geometry_type: GeometryKinds::default().type_name().to_owned(),
            extent: None,
            count: 0,
            solids: 0,
        };
        tx.execute_batch(&schema::features_sql(id.as_str(), COLUMNS)).doing("making a live collection")?;
        schema::list(
            tx,
            &schema::Listing {
                table: id.as_str(),
                description: &schema::description(&meta),
                geometry_type: &meta.geometry_type,
                z: 2,
                srs_id: meta.storage_crs,
                extent: None,
            },
        )?;
        catalog::put(tx, &catalog::Entry { meta, columns: Vec::new(), solids_table: None, digest: 0, aside: None })
    })
}

/// From format 1 to 2: items and changes know since when they are so, and in which areas.
pub(super) fn add_since(conn: &Connection) -> Result<(), StoreError> {
    let deed = "raising the file's format";
    conn.execute_batch(
        "ALTER TABLE citywall_journal ADD COLUMN since TEXT; ALTER TABLE citywall_journal ADD COLUMN areas TEXT;
         ALTER TABLE citywall_journal ADD COLUMN late INTEGER;
         CREATE INDEX citywall_journal_item ON citywall_journal (collection, fid);",
    )
    .doing(deed)?;
    for entry in catalog::entries(conn)?.iter().filter(|entry| entry.meta.kind.is_live()) {
        let table = schema::quoted(entry.meta.id.as_str());
        conn.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN since TEXT; ALTER TABLE {table} ADD COLUMN areas TEXT;"))
            .doing(deed)?;
    }
    Ok(())
}

/// Rows of a table from which on it is read by as many threads as there are cores.
const PARALLEL_ROWS_MIN: i64 = if cfg!(test) { 4 } else { 100_000 };

/// The state of a live collection: its table, with the journal's later changes on it. O(rows), on
/// all cores where there are many.
pub(super) fn load(inner: &Inner, id: &CollectionId) -> Result<LiveLoad, StoreError> {
    let (mut later, items) = inner.readers.read(|conn| {
        let entry = catalog::entry(conn, id)?.ok_or_else(|| StoreError::NoCollection(id.clone()))?;
        if !entry.meta.kind.is_live() {
            return Err(StoreError::WrongKind { id: id.clone(), is: "a layer", wanted: "a live collection" });
        }
        let mut later = BTreeMap::new();
        journal::each_after(conn, Revision(catalog::number(conn, catalog::FOLDED)?), usize::MAX, |change| {
            if change.collection == *id && !change.late {
                later.insert(change.item.fid(), change.item);
            }
            Ok(())
        })?;
        let last = last_fid(conn, id)?;
        // Several readers may see several states of the file, unless this process alone writes it.
        let in_parallel = inner.writing.is_some() && last >= PARALLEL_ROWS_MIN;
        let items = if in_parallel { in_parts(inner, id, last)? } else { part(conn, id, 0, i64::MAX)? };
        Ok((later, items))
    })?;
    let mut items: Vec<LiveItem> = items;
    for item in &mut items {
        // What was folded since the journal was read is newer still.
        if let Some(later) = later.remove(&item.fid()).filter(|later| later.revision() > item.revision()) {
            *item = later;
        }
    }
    items.extend(later.into_values());
    // New items have larger numbers than known ones, so that this has little to do.
    items.sort_by_key(LiveItem::fid);
    Ok(LiveLoad { items })
}

fn last_fid(conn: &Connection, id: &CollectionId) -> Result<i64, StoreError> {
    let sql = format!("SELECT coalesce(max(fid), 0) FROM {}", schema::quoted(id.as_str()));
    conn.query_row(&sql, [], |row| row.get(0)).doing("reading a live collection")
}

/// The items of a table, each range of numbers read by a thread of its own.
fn in_parts(inner: &Inner, id: &CollectionId, last: i64) -> Result<Vec<LiveItem>, StoreError> {
    let threads = std::thread::available_parallelism().map_or(1, |n| i64::try_from(n.get()).unwrap_or(1));
    let size = last / threads + 1;
    std::thread::scope(|scope| {
        let read = |from| move || inner.readers.read(|conn| part(conn, id, from, from + size));
        let parts: Vec<_> = (0..threads).map(|nth| scope.spawn(read(nth * size))).collect();
        let mut items = Vec::new();
        for part in parts {
            let mut part = part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            items.append(&mut part);
        }
        Ok(items)
    })
}

fn part(conn: &Connection, id: &CollectionId, from: i64, to: i64) -> Result<Vec<LiveItem>, StoreError> {
    let mut items = Vec::new();
    each_item(conn, id, from, to, |item| {
        items.push(item);
        Ok(())
    })?;
    Ok(items)
}

/// Visits the items of a live collection's table from a fid on and before another, in order.
pub(super) fn each_item(
    conn: &Connection,
    id: &CollectionId,
    from: i64,
    to: i64,
    mut visit: impl FnMut(LiveItem) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let deed = "reading a live collection";
    let sql = format!(
        "SELECT fid, geom, id, source, time, time_exact, revision, properties, since, areas FROM {}
         WHERE fid >= ?1 AND fid < ?2 ORDER BY fid",
        schema::quoted(id.as_str())
    );
    let mut rows = conn.prepare(&sql).doing(deed)?;
    let mut rows = rows.query([from, to]).doing(deed)?;
    while let Some(row) = rows.next().doing(deed)? {
        let fid: i64 = row.get(0).doing(deed)?;
        visit(read(row, fid).map_err(|reason| StoreError::damaged(format!("{id}, fid {fid}"), reason))?)?;
    }
    Ok(())
}

fn read(row: &Row<'_>, fid: i64) -> Result<LiveItem, String> {
    let text = |at: usize| row.get_ref(at).ok().and_then(|v| v.as_str().ok()).ok_or_else(|| format!("column {at} is no text"));
    let geom = row.get_ref(1).ok().and_then(|v| v.as_blob_or_null().ok()).ok_or("the geometry is no blob")?;
    let revision: i64 = row.get(6).map_err(|e| e.to_string())?;
    let time = Timestamp::from_str(text(5).or_else(|_| text(4))?).map_err(|e| e.to_string())?;
    let properties = text(7)?;
    let (state, level) = LifeState::of_properties(properties).map_err(|e| e.to_string())?;
    Ok(LiveItem::from_record(&LiveRecord {
        fid: fid.cast_unsigned(),
        id: text(2)?,
        source: text(3)?,
        time,
        since: text(8).map_or(Ok(time), Timestamp::from_str).map_err(|e| e.to_string())?,
        revision: Revision(revision.cast_unsigned()),
        areas: &text(9).map(Areas::from_text).unwrap_or_default(),
        state,
        level,
        geometry: geom.map(journal::from_blob).transpose()?.as_ref().map_or(&[], Wkb::bytes),
        properties,
    }))
}

/// Takes items off a table, each if it is not younger than its revision.
pub(super) fn remove(conn: &Connection, id: &CollectionId, items: &[(u64, Revision)]) -> Result<(), StoreError> {
    let deed = "removing what aged out";
    let mut entry = catalog::entry(conn, id)?.ok_or_else(|| StoreError::NoCollection(id.clone()))?;
    let sql = format!("DELETE FROM {} WHERE fid = ?1 AND revision <= ?2", schema::quoted(id.as_str()));
    let mut delete = conn.prepare_cached(&sql).doing(deed)?;
    for (fid, revision) in items {
        let removed = delete.execute([fid.cast_signed(), revision.0.cast_signed()]).doing(deed)?;
        entry.meta.count = entry.meta.count.saturating_sub(removed as u64);
    }
    if items.is_empty() { Ok(()) } else { catalog::put(conn, &entry) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::PARALLEL_ROWS_MIN;
    use crate::{CityStore, GeoPackage};
    use citywall_model::{
        Areas, Change, CimCategory, CityProfile, CollectionId, CollectionKind, LiveParts, LocalText, Properties, Revision,
    };
    use std::collections::BTreeMap;

    #[test]
    fn a_table_that_several_threads_read_comes_whole_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = GeoPackage::create(&folder.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap();
        let id = CollectionId::new("events").unwrap();
        store.create_live(&id, CollectionKind::Incidents, &LocalText::new("事件", "Events"), CimCategory::PublicThemes, true).unwrap();
        let change = |revision: u64, fid: u64| {
            let item = LiveParts {
                fid,
                id: format!("E-{fid}").into(),
                source: "s".into(),
                time: jiff::Timestamp::UNIX_EPOCH,
                since: jiff::Timestamp::UNIX_EPOCH,
                areas: Areas::default(),
                revision: Revision(revision),
                geometry: None,
                properties: Properties::new(),
            };
            Change { collection: id.clone(), item: item.into(), before: None, late: false, actor: "t".into() }
        };
        let mut expected = BTreeMap::new();
        // Some are changed in the journal's tail, and some are new there.
        for (revision, fid) in (1..).zip([3, 1, 4, 15, 9, 2, 6, 5, 35, 8, 9, 7, 93, 23, 84, 6, 26]) {
            store.append(&[change(revision, fid)]).unwrap();
            expected.insert(fid, change(revision, fid).item);
            if revision == 12 {
                store.checkpoint().unwrap();
            }
        }
        const { assert!(35 >= PARALLEL_ROWS_MIN) }
        assert_eq!(store.load_live(&id).unwrap().items, expected.into_values().collect::<Vec<_>>());
    }
}
