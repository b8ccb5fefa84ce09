//! The journal: every committed live change, in order of revision, kept for good.

use super::{Inner, blob, catalog, digest};
use crate::{StoreError, error::Doing};
use citywall_model::{Areas, Change, CollectionId, LiveItem, LiveParts, Revision, Wkb, geometry};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::{str::FromStr, sync::Arc};

/// The CRS of live geometry, WGS 84.
pub(super) const LIVE_CRS: u32 = 4326;

/// The columns of a change, in the order that [`Entry::read`] reads them.
const COLUMNS: &str = "revision, collection, fid, id, source, time, actor, recorded_at, geom, properties, digest, since, areas, late";

/// Appends changes in one flushed transaction.
pub(super) fn append(inner: &Inner, changes: &[Change]) -> Result<(), StoreError> {
    let Some(newest) = changes.last() else { return Ok(()) };
    inner.check_disk()?;
    let mut writer = inner.writer()?.lock();
    let mut last = inner.last_revision();
    for change in changes {
        if change.item.revision() != last.next() {
            return Err(StoreError::OutOfOrder { last, found: change.item.revision() });
        }
        last = last.next();
    }
    let recorded_at = Timestamp::now().to_string();
    writer.durably("appending to the journal", |tx| {
        let mut known = None;
        for change in changes {
            if known != Some(&change.collection) {
                check_live(tx, &change.collection)?;
                known = Some(&change.collection);
            }
            insert(tx, change, &recorded_at)?;
        }
        catalog::set(tx, catalog::REVISION, last)
    })?;
    inner.set_last_revision(newest.item.revision());
    Ok(())
}

/// Changes after a revision, oldest first, at most `max` of them.
pub(super) fn changes_after(conn: &Connection, revision: Revision, max: usize) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    each_after(conn, revision, max, |change| {
        changes.push(change);
        Ok(())
    })?;
    Ok(changes)
}

/// Visits the changes after a revision, oldest first, at most `max` of them.
pub(super) fn each_after(
    conn: &Connection,
    revision: Revision,
    max: usize,
    mut visit: impl FnMut(Change) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let deed = "reading the journal";
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let mut rows = conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM citywall_journal WHERE revision > ?1 ORDER BY revision LIMIT ?2"))
        .doing(deed)?;
    let mut rows = rows.query(params![to_key(revision.0)?, max]).doing(deed)?;
    let mut names = Names::default();
    while let Some(row) = rows.next().doing(deed)? {
        visit(read(row, &mut names)?)?;
    }
    Ok(())
}

/// Visits the changes of a collection, or of one item of it, oldest first.
pub(super) fn each_of(
    conn: &Connection,
    id: &CollectionId,
    fid: Option<u64>,
    mut visit: impl FnMut(Change) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let deed = "reading the journal";
    let of_item = if fid.is_some() { "AND fid = ?2" } else { "AND ?2 IS NULL" };
    let mut rows = conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM citywall_journal WHERE collection = ?1 {of_item} ORDER BY revision"))
        .doing(deed)?;
    let mut rows = rows.query(params![id.as_str(), fid.map(to_key).transpose()?]).doing(deed)?;
    let mut names = Names::default();
    while let Some(row) = rows.next().doing(deed)? {
        visit(read(row, &mut names)?)?;
    }
    Ok(())
}

/// The changes of one item after a revision, oldest first, at most `max` of them.
pub(super) fn changes_of(conn: &Connection, id: &CollectionId, fid: u64, after: Revision, max: usize) -> Result<Vec<Change>, StoreError> {
    let deed = "reading the journal";
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let mut rows = conn
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM citywall_journal WHERE collection = ?1 AND fid = ?2 AND revision > ?3 ORDER BY revision LIMIT ?4"
        ))
        .doing(deed)?;
    let mut rows = rows.query(params![id.as_str(), to_key(fid)?, to_key(after.0)?, max]).doing(deed)?;
    let (mut names, mut changes) = (Names::default(), Vec::new());
    while let Some(row) = rows.next().doing(deed)? {
        changes.push(read(row, &mut names)?);
    }
    Ok(changes)
}

/// The item of a collection that has changes and the next number after this one.
pub(super) fn next_item(conn: &Connection, id: &CollectionId, after: u64) -> Result<Option<u64>, StoreError> {
    let found: Option<i64> = conn
        .prepare_cached("SELECT fid FROM citywall_journal WHERE collection = ?1 AND fid > ?2 ORDER BY fid LIMIT 1")
        .and_then(|mut row| row.query_row(params![id.as_str(), after.cast_signed()], |row| row.get(0)).optional())
        .doing("reading the journal")?;
    Ok(found.map(i64::cast_unsigned))
}

/// Removes changes.
pub(super) fn remove(conn: &Connection, changes: &[Change]) -> Result<(), StoreError> {
    let mut delete = conn.prepare_cached("DELETE FROM citywall_journal WHERE revision = ?1").doing("removing what aged out")?;
    for change in changes {
        delete.execute([change.item.revision().0.cast_signed()]).doing("removing what aged out")?;
    }
    Ok(())
}

/// Names that repeat from change to change, each kept once.
#[derive(Default)]
struct Names {
    collection: Option<CollectionId>,
    actor: Option<Arc<str>>,
    source: Option<Arc<str>>,
}

pub(super) fn check_live(conn: &Connection, id: &CollectionId) -> Result<(), StoreError> {
    match catalog::entry(conn, id)? {
        None => Err(StoreError::NoCollection(id.clone())),
        Some(entry) if entry.meta.kind.is_live() => Ok(()),
        Some(_) => Err(StoreError::WrongKind { id: id.clone(), is: "a layer", wanted: "a live collection" }),
    }
}

fn insert(conn: &Connection, change: &Change, recorded_at: &str) -> Result<(), StoreError> {
    let item = &change.item;
    let geom = geometry_blob(item);
    let time = item.time().to_string();
    let since = item.since().to_string();
    let properties = item.properties_json();
    let digest = digest_of(
        item.revision(),
        item.fid(),
        [change.collection.as_str(), item.id(), item.source(), &time, &change.actor, recorded_at, properties],
        geom.as_deref(),
        Some((&since, item.areas().to_text(), change.late)),
    );
    conn.prepare_cached(&format!(
        "INSERT INTO citywall_journal ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    ))
    .and_then(|mut row| {
        row.execute(params![
            item.revision().0.cast_signed(),
            change.collection.as_str(),
            item.fid().cast_signed(),
            item.id(),
            item.source(),
            time,
            change.actor,
            recorded_at,
            geom,
            properties,
            digest,
            since,
            item.areas().to_text(),
            change.late
        ])
    })
    .doing("appending to the journal")?;
    Ok(())
}

/// The digest of a change; `tail` is its `since`, areas and lateness, which format 1 did not have.
fn digest_of(revision: Revision, fid: u64, texts: [&str; 7], geom: Option<&[u8]>, tail: Option<(&str, &str, bool)>) -> u32 {
    let (revision, fid) = (revision.0.to_le_bytes(), fid.to_le_bytes());
    let tail = tail.into_iter().flat_map(|(since, areas, late)| [since.as_bytes(), areas.as_bytes(), if late { &[1] } else { &[0] }]);
    digest::of_parts([&revision[..], &fid[..]].into_iter().chain(texts.map(str::as_bytes)).chain(geom).chain(tail))
}

/// The geometry of a live item as a GeoPackage blob.
pub(super) fn geometry_blob(item: &LiveItem) -> Option<Vec<u8>> {
    item.geometry().map(|wkb| {
        let mut blob = Vec::new();
        blob::write(&mut blob, LIVE_CRS, wkb, &geometry::bounds(wkb));
        blob
    })
}

/// Reads a change and checks that it is what was appended.
fn read(row: &Row<'_>, names: &mut Names) -> Result<Change, StoreError> {
    let revision: i64 = row.get(0).doing("reading the journal")?;
    let damaged = |reason: String| StoreError::damaged(format!("citywall_journal, revision {revision}"), reason);
    let text = |at: usize| row.get_ref(at).ok().and_then(|v| v.as_str().ok()).ok_or_else(|| damaged(format!("column {at} is no text")));
    let fid: i64 = row.get(2).map_err(|e| damaged(e.to_string()))?;
    let geom = row.get_ref(8).ok().and_then(|v| v.as_blob_or_null().ok()).ok_or_else(|| damaged("the geometry is no blob".to_owned()))?;
    let digest: u32 = row.get(10).map_err(|e| damaged(e.to_string()))?;
    let texts = [text(1)?, text(3)?, text(4)?, text(5)?, text(6)?, text(7)?, text(9)?];
    let has_tail = row.get_ref(11).is_ok_and(|since| since != rusqlite::types::ValueRef::Null);
    let tail = if has_tail { Some((text(11)?, text(12)?, row.get(13).map_err(|e| damaged(e.to_string()))?)) } else { None };
    if digest != digest_of(Revision(revision.cast_unsigned()), fid.cast_unsigned(), texts, geom, tail) {
        return Err(damaged("it is not what was written (its digest does not match)".to_owned()));
    }
    let [collection, id, source, time, actor, _recorded_at, properties] = texts;
    if names.collection.as_ref().is_none_or(|known| known.as_str() != collection) {
        names.collection = Some(CollectionId::new(collection).map_err(|e| damaged(e.to_string()))?);
    }
    let time = Timestamp::from_str(time).map_err(|e| damaged(e.to_string()))?;
    let item = LiveParts {
        fid: fid.cast_unsigned(),
        id: id.into(),
        source: kept(&mut names.source, source),
        time,
        since: tail.map_or(Ok(time), |(since, ..)| Timestamp::from_str(since)).map_err(|e| damaged(e.to_string()))?,
        revision: Revision(revision.cast_unsigned()),
        areas: tail.map(|(_, areas, _)| Areas::from_text(areas)).unwrap_or_default(),
        geometry: geom.map(from_blob).transpose().map_err(damaged)?,
        properties: serde_json::from_str(properties).map_err(|e| damaged(e.to_string()))?,
    };
    let collection = names.collection.clone().ok_or_else(|| damaged("it has no collection".to_owned()))?;
    Ok(Change {
        collection,
        item: item.into(),
        before: None,
        late: tail.is_some_and(|(.., late)| late),
        actor: kept(&mut names.actor, actor),
    })
}

/// The geometry of a blob, checked; or why there is none.
pub(super) fn from_blob(blob: &[u8]) -> Result<Wkb, String> {
    Wkb::new(blob::wkb(blob)?).map_err(|e| e.to_string())
}

fn kept(last: &mut Option<Arc<str>>, text: &str) -> Arc<str> {
    match last {
        Some(last) if **last == *text => Arc::clone(last),
        _ => Arc::clone(last.insert(text.into())),
    }
}

fn to_key(n: u64) -> Result<i64, StoreError> {
    i64::try_from(n).map_err(|_| StoreError::Limit { what: format!("the number {n}"), name: "i64::MAX", max: i64::MAX as usize })
}
