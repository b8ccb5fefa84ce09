//! The journal: every committed live change, in order of revision, kept for good.

use super::{Inner, blob, catalog, digest, fold, tail::Mark};
use crate::{StoreError, error::Doing};
use citywall_model::{Areas, Change, CollectionId, LifeState, LiveItem, LiveRecord, Revision, Wkb, geometry};
use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Statement, params};
use std::{borrow::Cow, str::FromStr, sync::Arc};

/// The CRS of live geometry, WGS 84.
pub(super) const LIVE_CRS: u32 = 4326;

/// The columns of a change, in the order that [`Entry::read`] reads them.
const COLUMNS: &str =
    "revision, collection, fid, id, source, time, actor, recorded_at, geom, properties, digest, since, areas, late, since_second";

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
        let sql =
            format!("INSERT INTO citywall_journal ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)");
        let mut row = tx.prepare_cached(&sql).doing("appending to the journal")?;
        let mut known = None;
        for change in changes {
            if known != Some(&change.collection) {
                check_live(tx, &change.collection)?;
                known = Some(&change.collection);
            }
            insert(&mut row, change, &recorded_at)?;
        }
        catalog::set(tx, catalog::REVISION, last)
    })?;
    // First the tail, so that who knows of the revision finds its changes there.
    let is_full = inner.tail.note(changes);
    inner.set_last_revision(newest.item.revision());
    drop(writer);
    inner.snapshots.note(changes);
    // The changes are durable, whatever becomes of this.
    if is_full && let Err(error) = fold::checkpoint(inner) {
        tracing::error!(%error, "the journal's tail is long, and cannot be folded");
    }
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

/// Which changes [`within`] reads: those of a collection, or of one item of it, whose states
/// began between two seconds, up to a revision.
pub(super) struct Within<'q> {
    pub(super) collection: &'q CollectionId,
    pub(super) fid: Option<u64>,
    /// The last second.
    pub(super) to: i64,
    pub(super) up_to: Revision,
}

/// The folded changes of one item after a revision, oldest first, at most `max` of them.
pub(super) fn folded_of(conn: &Connection, id: &CollectionId, fid: u64, after: Revision, max: usize) -> Result<Vec<Change>, StoreError> {
    let folded = catalog::number(conn, catalog::FOLDED)?;
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let sql = "SELECT revision FROM citywall_journal_items WHERE collection = ?1 AND fid = ?2 AND revision > ?3 AND revision <= ?4
               ORDER BY revision LIMIT ?5";
    let revisions: Vec<Revision> = conn
        .prepare_cached(sql)
        .and_then(|mut rows| {
            let found = rows.query_map(params![id.as_str(), fid.cast_signed(), to_sql(after.0), to_sql(folded), max], |row| row.get(0))?;
            found.map(|revision: rusqlite::Result<i64>| revision.map(|n| Revision(n.cast_unsigned()))).collect()
        })
        .doing("reading the journal's index")?;
    of_revisions(conn, &revisions)
}

/// What an item was before a revision: what its last change until then made of it, late ones
/// aside. `tail` are its changes that may not be folded yet.
pub(super) fn state_before(
    conn: &Connection,
    id: &CollectionId,
    fid: u64,
    revision: Revision,
    tail: &[Mark],
) -> Result<Option<LiveItem>, StoreError> {
    let folded = Revision(catalog::number(conn, catalog::FOLDED)?);
    let last_folded = conn
        .prepare_cached(
            "SELECT since_second, revision, late FROM citywall_journal_items
             WHERE collection = ?1 AND fid = ?2 AND revision < ?3 AND revision <= ?4 AND NOT late
             ORDER BY since_second DESC, revision DESC LIMIT 1",
        )
        .and_then(|mut row| row.query_row(params![id.as_str(), fid.cast_signed(), to_sql(revision.0), to_sql(folded.0)], mark).optional())
        .doing("reading the journal's index")?;
    let unfolded = tail.iter().filter(|mark| mark.revision > folded && mark.revision < revision && !mark.late);
    let last = unfolded.copied().chain(last_folded).max();
    let states = of_revisions(conn, &last.map(|mark| mark.revision).into_iter().collect::<Vec<_>>())?;
    Ok(states.into_iter().next().map(|change| change.item))
}

/// The changes that follow a second and a revision, in that order, at most `max` of them; `tail`
/// are those of the item that may not be folded yet. An index finds them: O(log n + those of that
/// second + those found).
pub(super) fn within(
    conn: &Connection,
    query: &Within<'_>,
    after: (i64, Revision),
    max: usize,
    tail: &[Mark],
) -> Result<Vec<Change>, StoreError> {
    check_live(conn, query.collection)?;
    let Some(fid) = query.fid else { return all_within(conn, query, after, max) };
    let folded = Revision(catalog::number(conn, catalog::FOLDED)?);
    let (second, revision) = after;
    let rows = i64::try_from(max).unwrap_or(i64::MAX);
    let mut marks: Vec<Mark> = conn
        .prepare_cached(
            "SELECT since_second, revision, late FROM citywall_journal_items
             WHERE collection = ?1 AND fid = ?2 AND since_second BETWEEN ?3 AND ?4 AND (since_second > ?3 OR revision > ?5) AND revision <= ?6
             ORDER BY since_second, revision LIMIT ?7",
        )
        .and_then(|mut found| {
            let up_to = to_sql(query.up_to.0.min(folded.0));
            let keys = params![query.collection.as_str(), fid.cast_signed(), second, query.to, to_sql(revision.0), up_to, rows];
            found.query_map(keys, mark)?.collect()
        })
        .doing("reading the journal's index")?;
    let wanted = |mark: &&Mark| {
        let follows = (mark.second, mark.revision) > (second, revision);
        follows && mark.second <= query.to && mark.revision > folded && mark.revision <= query.up_to
    };
    marks.extend(tail.iter().filter(wanted));
    marks.sort_unstable();
    marks.truncate(max);
    of_revisions(conn, &marks.iter().map(|mark| mark.revision).collect::<Vec<_>>())
}

/// The changes of all items that follow a second and a revision.
fn all_within(conn: &Connection, query: &Within<'_>, after: (i64, Revision), max: usize) -> Result<Vec<Change>, StoreError> {
    let deed = "reading the journal";
    // An index that could not be used would be an error.
    let mut rows = conn
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM citywall_journal INDEXED BY citywall_journal_time
             WHERE collection = ?1 AND since_second BETWEEN ?2 AND ?3 AND (since_second > ?2 OR revision > ?4) AND revision <= ?5
             ORDER BY since_second, revision LIMIT ?6"
        ))
        .doing(deed)?;
    let (second, revision) = after;
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let keys = params![query.collection.as_str(), second, query.to, to_key(revision.0)?, to_key(query.up_to.0)?, max];
    let mut rows = rows.query(keys).doing(deed)?;
    let (mut names, mut changes) = (Names::default(), Vec::new());
    while let Some(row) = rows.next().doing(deed)? {
        changes.push(read(row, &mut names)?);
    }
    Ok(changes)
}

/// The states that these changes made; `None` if one of them is no longer kept.
pub(super) fn states(conn: &Connection, revisions: &[Revision]) -> Result<Option<Vec<LiveItem>>, StoreError> {
    let states: Vec<LiveItem> = of_revisions(conn, revisions)?.into_iter().map(|change| change.item).collect();
    Ok(Some(states).filter(|states| states.len() == revisions.len()))
}

/// The changes of these numbers, in this order, without those that are no longer kept.
fn of_revisions(conn: &Connection, revisions: &[Revision]) -> Result<Vec<Change>, StoreError> {
    let deed = "reading the journal";
    let mut row = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM citywall_journal WHERE revision = ?1")).doing(deed)?;
    let (mut names, mut changes) = (Names::default(), Vec::with_capacity(revisions.len()));
    for revision in revisions {
        let mut rows = row.query([to_key(revision.0)?]).doing(deed)?;
        if let Some(row) = rows.next().doing(deed)? {
            changes.push(read(row, &mut names)?);
        }
    }
    Ok(changes)
}

/// The item of a collection that has folded changes and the next number after this one.
pub(super) fn next_item(conn: &Connection, id: &CollectionId, after: u64) -> Result<Option<u64>, StoreError> {
    let found: Option<i64> = conn
        .prepare_cached("SELECT fid FROM citywall_journal_items WHERE collection = ?1 AND fid > ?2 ORDER BY fid LIMIT 1")
        .and_then(|mut row| row.query_row(params![id.as_str(), after.cast_signed()], |row| row.get(0)).optional())
        .doing("reading the journal's index")?;
    Ok(found.map(i64::cast_unsigned))
}

/// Removes folded changes.
pub(super) fn remove(conn: &Connection, changes: &[Change]) -> Result<(), StoreError> {
    let deed = "removing what aged out";
    let mut delete = conn.prepare_cached("DELETE FROM citywall_journal WHERE revision = ?1").doing(deed)?;
    let mut forget = conn
        .prepare_cached("DELETE FROM citywall_journal_items WHERE collection = ?1 AND fid = ?2 AND since_second = ?3 AND revision = ?4")
        .doing(deed)?;
    for Change { collection, item, .. } in changes {
        let revision = item.revision().0.cast_signed();
        delete.execute([revision]).doing(deed)?;
        forget.execute(params![collection.as_str(), item.fid().cast_signed(), item.since().as_second(), revision]).doing(deed)?;
    }
    Ok(())
}

/// Writes the index by item.
pub(super) struct ItemIndex<'c>(CachedStatement<'c>);

impl<'c> ItemIndex<'c> {
    pub(super) fn new(conn: &'c Connection) -> Result<Self, StoreError> {
        let sql =
            "INSERT OR IGNORE INTO citywall_journal_items (collection, fid, since_second, revision, late) VALUES (?1, ?2, ?3, ?4, ?5)";
        Ok(Self(conn.prepare_cached(sql).doing("folding the journal")?))
    }

    pub(super) fn put(&mut self, id: &CollectionId, fid: u64, mark: &Mark) -> Result<(), StoreError> {
        let keys = params![id.as_str(), fid.cast_signed(), mark.second, mark.revision.0.cast_signed(), mark.late];
        self.0.execute(keys).doing("folding the journal")?;
        Ok(())
    }
}

/// Visits the index by item up to a revision: collection, fid and mark, in order.
pub(super) fn each_indexed(conn: &Connection, up_to: Revision, mut visit: impl FnMut(&str, u64, Mark)) -> Result<(), StoreError> {
    let deed = "reading the journal's index";
    let mut rows = conn
        .prepare("SELECT since_second, revision, late, collection, fid FROM citywall_journal_items WHERE revision <= ?1")
        .doing(deed)?;
    let mut rows = rows.query([to_sql(up_to.0)]).doing(deed)?;
    while let Some(row) = rows.next().doing(deed)? {
        let collection: String = row.get(3).doing(deed)?;
        let fid: i64 = row.get(4).doing(deed)?;
        visit(&collection, fid.cast_unsigned(), mark(row).doing(deed)?);
    }
    Ok(())
}

fn mark(row: &Row<'_>) -> rusqlite::Result<Mark> {
    let revision: i64 = row.get(1)?;
    Ok(Mark { second: row.get(0)?, revision: Revision(revision.cast_unsigned()), late: row.get(2)? })
}

/// From format 3 to 4: the index by item is a table of its own, which the fold writes.
pub(super) fn index_by_item(conn: &Connection) -> Result<(), StoreError> {
    // The index that was gives the rows in their new order.
    conn.execute_batch(&format!(
        "{ITEMS_TABLE}
         INSERT INTO citywall_journal_items (collection, fid, since_second, revision, late)
           SELECT collection, fid, since_second, revision, coalesce(late, 0) FROM citywall_journal INDEXED BY citywall_journal_item
           ORDER BY collection, fid, since_second, revision;
         DROP INDEX citywall_journal_item;"
    ))
    .doing("raising the file's format")
}

/// The index by item. What is not folded yet is not in it, or not all of it.
pub(super) const ITEMS_TABLE: &str = "CREATE TABLE citywall_journal_items (
  collection TEXT NOT NULL,
  fid INTEGER NOT NULL,
  since_second INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  late INTEGER NOT NULL,
  PRIMARY KEY (collection, fid, since_second, revision)
) WITHOUT ROWID;";

/// From format 2 to 3: changes are found by the time since when they are so.
pub(super) fn index_by_time(conn: &Connection) -> Result<(), StoreError> {
    let deed = "raising the file's format";
    conn.execute_batch("ALTER TABLE citywall_journal ADD COLUMN since_second INTEGER").doing(deed)?;
    {
        let mut page = conn
            .prepare("SELECT revision, coalesce(since, time) FROM citywall_journal WHERE revision > ?1 ORDER BY revision LIMIT ?2")
            .doing(deed)?;
        let mut set = conn.prepare("UPDATE citywall_journal SET since_second = ?2 WHERE revision = ?1").doing(deed)?;
        let mut last = 0;
        loop {
            let rows = page.query_map([last, MIGRATION_ROWS], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).doing(deed)?;
            let rows: Vec<(i64, String)> = rows.collect::<Result<_, _>>().doing(deed)?;
            let Some((newest, _)) = rows.last() else { break };
            last = *newest;
            for (revision, since) in rows {
                let damaged = |e: jiff::Error| StoreError::damaged(format!("citywall_journal, revision {revision}"), e.to_string());
                set.execute([revision, Timestamp::from_str(&since).map_err(damaged)?.as_second()]).doing(deed)?;
            }
        }
    }
    conn.execute_batch(
        "DROP INDEX citywall_journal_item;
         CREATE INDEX citywall_journal_item ON citywall_journal (collection, fid, since_second);
         CREATE INDEX citywall_journal_time ON citywall_journal (collection, since_second);",
    )
    .doing(deed)
}

/// Changes that are held in memory at once while a file's format is raised.
const MIGRATION_ROWS: i64 = 10_000;

/// Names that repeat from change to change, each kept once.
#[derive(Default)]
struct Names {
    collection: Option<CollectionId>,
    actor: Option<Arc<str>>,
}

pub(super) fn check_live(conn: &Connection, id: &CollectionId) -> Result<(), StoreError> {
    match catalog::entry(conn, id)? {
        None => Err(StoreError::NoCollection(id.clone())),
        Some(entry) if entry.meta.kind.is_live() => Ok(()),
        Some(_) => Err(StoreError::WrongKind { id: id.clone(), is: "a layer", wanted: "a live collection" }),
    }
}

fn insert(row: &mut Statement<'_>, change: &Change, recorded_at: &str) -> Result<(), StoreError> {
    let item = &change.item;
    let geom = geometry_blob(item);
    let time = item.time().to_string();
    let since: Cow<'_, str> = if item.since() == item.time() { Cow::Borrowed(&time) } else { item.since().to_string().into() };
    let properties = item.properties_json();
    let digest = digest_of(
        item.revision(),
        item.fid(),
        [change.collection.as_str(), item.id(), item.source(), &time, &change.actor, recorded_at, properties],
        geom.as_deref(),
        Some((&since, item.areas().to_text(), change.late)),
    );
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
        change.late,
        item.since().as_second()
    ])
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
    // Most often the two are one.
    let other = tail.map(|(since, ..)| since).filter(|since| *since != texts[3]);
    let since = other.map_or(Ok(time), Timestamp::from_str).map_err(|e| damaged(e.to_string()))?;
    let since_second: i64 = row.get(14).map_err(|e| damaged(e.to_string()))?;
    if since_second != since.as_second() {
        return Err(damaged("it is indexed at another time than its own".to_owned()));
    }
    let (state, level) = LifeState::of_properties(properties).map_err(|e| damaged(e.to_string()))?;
    let item = LiveItem::from_record(&LiveRecord {
        fid: fid.cast_unsigned(),
        id,
        source,
        time,
        since,
        revision: Revision(revision.cast_unsigned()),
        areas: &tail.map(|(_, areas, _)| Areas::from_text(areas)).unwrap_or_default(),
        state,
        level,
        geometry: geom.map(from_blob).transpose().map_err(damaged)?.as_ref().map_or(&[], Wkb::bytes),
        properties,
    });
    let collection = names.collection.clone().ok_or_else(|| damaged("it has no collection".to_owned()))?;
    Ok(Change { collection, item, before: None, late: tail.is_some_and(|(.., late)| late), actor: kept(&mut names.actor, actor) })
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

/// A number as SQLite has it; what is larger than all that it has is the largest.
fn to_sql(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn to_key(n: u64) -> Result<i64, StoreError> {
    i64::try_from(n).map_err(|_| StoreError::Limit { what: format!("the number {n}"), name: "i64::MAX", max: i64::MAX as usize })
}
