//! Records that were not taken, kept for review: in memory for a moment, then in the file, never
//! in the way of an acknowledgement.

use super::Inner;
use crate::{
    RefusedCount, StoreError,
    error::{Doing, instant},
};
use citywall_model::{CollectionId, RefusedRecord, limits};
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// The tables: the latest records, and how many there ever were.
pub(super) const TABLES: &str = "
CREATE TABLE citywall_refused (
  number INTEGER PRIMARY KEY NOT NULL,
  collection TEXT NOT NULL,
  actor TEXT NOT NULL,
  received INTEGER NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE TABLE citywall_refused_counts (
  collection TEXT NOT NULL,
  reason TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (collection, reason)
) WITHOUT ROWID;
";

/// The collection as which the rest is counted.
const REST: &str = "other";
const DEED: &str = "keeping refused records";
/// Records that wait in memory before they are written.
const WAITING_MAX: usize = 2_000;
/// How long a record waits in memory while others come.
const WAIT: Duration = Duration::from_secs(1);

/// Records on their way into the file.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    records: VecDeque<RefusedRecord>,
    /// All that were refused since the last write, also those that no longer wait.
    counts: BTreeMap<(CollectionId, String), u64>,
    /// Those of further collections, by reason.
    rest: BTreeMap<String, u64>,
    since: Option<Instant>,
}

impl Queue {
    /// Counts a record; past [`limits::REFUSED_COUNTS_MAX`] names that wait, as one of the rest.
    fn count(&mut self, record: &RefusedRecord) {
        let key = (record.collection.clone(), record.reason.clone());
        if self.counts.len() < limits::REFUSED_COUNTS_MAX || self.counts.contains_key(&key) {
            *self.counts.entry(key).or_default() += 1;
        } else {
            *self.rest.entry(key.1).or_default() += 1;
        }
    }
}

/// Takes records in; writes them once enough wait or the first has waited long enough.
pub(super) fn refuse(inner: &Inner, records: &[RefusedRecord]) -> Result<(), StoreError> {
    inner.writer()?;
    let due = {
        let mut queue = inner.refused.0.lock();
        for record in records {
            queue.count(record);
            let mut text = record.text.as_str();
            if text.len() > limits::REFUSED_TEXT_BYTES_MAX {
                text = &text[..text.floor_char_boundary(limits::REFUSED_TEXT_BYTES_MAX)];
            }
            queue.records.push_back(RefusedRecord { text: text.to_owned(), ..record.clone() });
        }
        let since = *queue.since.get_or_insert_with(Instant::now);
        let due = queue.records.len() >= WAITING_MAX || since.elapsed() >= WAIT;
        while queue.records.len() > limits::REFUSED_RECORDS_MAX {
            queue.records.pop_front();
        }
        due
    };
    if due { flush(inner) } else { Ok(()) }
}

/// Writes what waits, in bounded batches.
pub(super) fn flush(inner: &Inner) -> Result<(), StoreError> {
    loop {
        // Held until they are written, so that nobody reads in between.
        let mut queue = inner.refused.0.lock();
        if queue.counts.is_empty() && queue.rest.is_empty() && queue.records.is_empty() {
            queue.since = None;
            return Ok(());
        }
        let batch = queue.records.len().min(limits::IMPORT_BATCH_ROWS_MAX);
        inner.check_disk()?;
        inner.writer()?.lock().lazily(DEED, |tx| {
            for ((collection, reason), count) in &queue.counts {
                add(tx, collection.as_str(), reason, *count)?;
            }
            for (reason, count) in &queue.rest {
                add(tx, REST, reason, *count)?;
            }
            write(tx, queue.records.iter().take(batch))
        })?;
        queue.counts.clear();
        queue.rest.clear();
        queue.records.drain(..batch);
    }
}

/// Adds to a count. A sender may make up as many collections as it likes: past
/// [`limits::REFUSED_COUNTS_MAX`] a new one counts as [`REST`].
fn add(conn: &Connection, collection: &str, reason: &str, count: u64) -> Result<(), StoreError> {
    let most = i64::try_from(limits::REFUSED_COUNTS_MAX).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "INSERT INTO citywall_refused_counts
         SELECT iif(EXISTS (SELECT 1 FROM citywall_refused_counts WHERE collection = ?1 AND reason = ?2)
                    OR (SELECT count(*) FROM citywall_refused_counts) < ?4, ?1, ?5), ?2, ?3
         WHERE true ON CONFLICT (collection, reason) DO UPDATE SET count = count + excluded.count",
    )
    .and_then(|mut row| row.execute(params![collection, reason, count.cast_signed(), most, REST]))
    .doing(DEED)?;
    Ok(())
}

fn write<'r>(conn: &Connection, records: impl Iterator<Item = &'r RefusedRecord>) -> Result<(), StoreError> {
    // The newest always stays, so a number is never given twice.
    let mut insert = conn
        .prepare_cached("INSERT INTO citywall_refused (collection, actor, received, reason, detail, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .doing(DEED)?;
    for RefusedRecord { collection, actor, received, reason, detail, text, .. } in records {
        insert.execute(params![collection.as_str(), actor, received.as_microsecond(), reason, detail, text]).doing(DEED)?;
    }
    let kept = i64::try_from(limits::REFUSED_RECORDS_MAX).unwrap_or(i64::MAX);
    conn.execute("DELETE FROM citywall_refused WHERE number <= (SELECT max(number) FROM citywall_refused) - ?1", [kept]).doing(DEED)?;
    Ok(())
}

/// The kept records after a number, oldest first.
pub(super) fn records(inner: &Inner, collection: Option<&CollectionId>, after: u64, max: usize) -> Result<Vec<RefusedRecord>, StoreError> {
    if inner.writing.is_some() {
        flush(inner)?;
    }
    inner.readers.read(|conn| {
        let sql = "SELECT number, collection, actor, received, reason, detail, text FROM citywall_refused
                   WHERE number > ?1 AND (?2 IS NULL OR collection = ?2) ORDER BY number LIMIT ?3";
        let (after, max) = (i64::try_from(after).unwrap_or(i64::MAX), i64::try_from(max).unwrap_or(i64::MAX));
        let mut rows = conn.prepare_cached(sql).doing(DEED)?;
        let mut rows = rows.query(params![after, collection.map(CollectionId::as_str), max]).doing(DEED)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next().doing(DEED)? {
            let number: i64 = row.get(0).doing(DEED)?;
            let place = format!("citywall_refused, number {number}");
            let collection: String = row.get(1).doing(DEED)?;
            records.push(RefusedRecord {
                number: number.cast_unsigned(),
                collection: CollectionId::new(&collection).map_err(|e| StoreError::damaged(&*place, e))?,
                actor: row.get(2).doing(DEED)?,
                received: instant(row.get(3).doing(DEED)?, &place)?,
                reason: row.get(4).doing(DEED)?,
                detail: row.get(5).doing(DEED)?,
                text: row.get(6).doing(DEED)?,
            });
        }
        Ok(records)
    })
}

/// How many records were ever refused, by collection and reason.
pub(super) fn counts(inner: &Inner) -> Result<Vec<RefusedCount>, StoreError> {
    if inner.writing.is_some() {
        flush(inner)?;
    }
    inner.readers.read(|conn| {
        let mut rows =
            conn.prepare_cached("SELECT collection, reason, count FROM citywall_refused_counts ORDER BY collection, reason").doing(DEED)?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).doing(DEED)?;
        rows.map(|row| {
            let (collection, reason, count): (String, String, i64) = row.doing(DEED)?;
            let collection = CollectionId::new(&collection).map_err(|e| StoreError::damaged("citywall_refused_counts", e))?;
            Ok(RefusedCount { collection, reason, count: count.cast_unsigned() })
        })
        .collect()
    })
}
