//! The queues of [`Outbox`] as one table: what waits, and what was given up.

use super::{GeoPackage, catalog, digest};
use crate::{
    DeadLetter, Outbox, OutboxDepth, OutboxMessage, StoreError,
    error::{Doing, instant},
};
use citywall_model::limits;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The table: `died` and `reason` are null as long as a message waits.
pub(super) const TABLES: &str = "
CREATE TABLE citywall_outbox (
  position INTEGER PRIMARY KEY NOT NULL,
  target TEXT NOT NULL,
  key TEXT NOT NULL,
  queued INTEGER NOT NULL,
  body BLOB NOT NULL,
  died INTEGER,
  reason TEXT,
  digest INTEGER NOT NULL,
  UNIQUE (target, key)
);
CREATE INDEX citywall_outbox_waiting ON citywall_outbox (target, position) WHERE died IS NULL;
CREATE INDEX citywall_outbox_dead ON citywall_outbox (target, position) WHERE died IS NOT NULL;
";

const DEED: &str = "keeping the queues to targets";
/// The columns, in the order in which [`letter`] reads them.
const COLUMNS: &str = "position, target, key, queued, body, died, reason, digest";

impl Outbox for GeoPackage {
    fn enqueue(&self, messages: &[(&str, &str, &[u8])]) -> Result<(), StoreError> {
        if messages.is_empty() {
            return Ok(());
        }
        self.inner.check_disk()?;
        let now = Timestamp::now().as_microsecond();
        self.inner.writer()?.lock().durably(DEED, |tx| {
            let mut room = Room::default();
            for (target, key, body) in messages {
                if !known(tx, target, key)? {
                    room.take(tx, target)?;
                    let position = next_position(tx)?;
                    insert(tx, position, target, key, now, body)?;
                }
            }
            Ok(())
        })
    }

    fn peek(&self, target: &str, after: u64, max: usize) -> Result<Vec<OutboxMessage>, StoreError> {
        Ok(self.letters("died IS NULL", target, after, max)?.into_iter().map(|letter| letter.message).collect())
    }

    fn acknowledge(&self, target: &str, up_to: u64) -> Result<(), StoreError> {
        self.inner.writer()?.lock().lazily(DEED, |tx| {
            tx.prepare_cached("DELETE FROM citywall_outbox WHERE target = ?1 AND position <= ?2 AND died IS NULL")
                .and_then(|mut delete| delete.execute(params![target, up_to.cast_signed()]))
                .doing(DEED)?;
            Ok(())
        })
    }

    fn give_up(&self, target: &str, position: u64, reason: &str) -> Result<(), StoreError> {
        let now = Timestamp::now().as_microsecond();
        self.inner.writer()?.lock().durably(DEED, |tx| {
            tx.execute(
                "UPDATE citywall_outbox SET died = ?3, reason = ?4 WHERE target = ?1 AND position = ?2 AND died IS NULL",
                params![target, position.cast_signed(), now, reason],
            )
            .doing(DEED)?;
            let kept = i64::try_from(limits::DEAD_LETTERS_MAX).unwrap_or(i64::MAX);
            tx.execute(
                "DELETE FROM citywall_outbox WHERE position IN (SELECT position FROM citywall_outbox
                   WHERE target = ?1 AND died IS NOT NULL ORDER BY position DESC LIMIT -1 OFFSET ?2)",
                params![target, kept],
            )
            .doing(DEED)?;
            Ok(())
        })
    }

    fn dead_letters(&self, target: &str, after: u64, max: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.letters("died IS NOT NULL", target, after, max)
    }

    fn revive(&self, target: &str, position: u64) -> Result<bool, StoreError> {
        self.inner.check_disk()?;
        let now = Timestamp::now().as_microsecond();
        self.inner.writer()?.lock().durably(DEED, |tx| {
            let sql = format!("SELECT {COLUMNS} FROM citywall_outbox WHERE target = ?1 AND position = ?2 AND died IS NOT NULL");
            let mut found = tx.prepare_cached(&sql).doing(DEED)?;
            let mut found = found.query(params![target, position.cast_signed()]).doing(DEED)?;
            let Some(row) = found.next().doing(DEED)? else { return Ok(false) };
            let OutboxMessage { key, body, .. } = letter(row)?.message;
            Room::default().take(tx, target)?;
            tx.execute("DELETE FROM citywall_outbox WHERE position = ?1", [position.cast_signed()]).doing(DEED)?;
            insert(tx, next_position(tx)?, target, &key, now, &body)?;
            Ok(true)
        })
    }

    fn forget(&self, target: &str) -> Result<(), StoreError> {
        self.inner.writer()?.lock().durably(DEED, |tx| {
            tx.execute("DELETE FROM citywall_outbox WHERE target = ?1", [target]).doing(DEED)?;
            Ok(())
        })
    }

    fn depths(&self) -> Result<Vec<OutboxDepth>, StoreError> {
        self.inner.readers.read(|conn| {
            let sql = "SELECT target, count(*) FILTER (WHERE died IS NULL), min(queued) FILTER (WHERE died IS NULL), count(died)
                       FROM citywall_outbox GROUP BY target ORDER BY target";
            let mut rows = conn.prepare_cached(sql).doing(DEED)?;
            let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?, row.get(3)?))).doing(DEED)?;
            rows.map(|row| {
                let (target, waiting, oldest, dead): (String, i64, Option<i64>, i64) = row.doing(DEED)?;
                let oldest = oldest.map(|micros| instant(micros, "citywall_outbox")).transpose()?;
                Ok(OutboxDepth { target, waiting: waiting.cast_unsigned(), oldest, dead: dead.cast_unsigned() })
            })
            .collect()
        })
    }
}

impl GeoPackage {
    fn letters(&self, state: &str, target: &str, after: u64, max: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM citywall_outbox WHERE target = ?1 AND position > ?2 AND {state} ORDER BY position LIMIT ?3");
        self.inner.readers.read(|conn| {
            let mut rows = conn.prepare_cached(&sql).doing(DEED)?;
            let max = i64::try_from(max).unwrap_or(i64::MAX);
            let mut rows = rows.query(params![target, i64::try_from(after).unwrap_or(i64::MAX), max]).doing(DEED)?;
            let mut letters = Vec::new();
            while let Some(row) = rows.next().doing(DEED)? {
                letters.push(letter(row)?);
            }
            Ok(letters)
        })
    }
}

/// How much room is left in the queues that a transaction fills.
#[derive(Default)]
struct Room(std::collections::BTreeMap<String, usize>);

impl Room {
    fn take(&mut self, conn: &Connection, target: &str) -> Result<(), StoreError> {
        if !self.0.contains_key(target) {
            let waiting: i64 = conn
                .query_row("SELECT count(*) FROM citywall_outbox WHERE target = ?1 AND died IS NULL", [target], |row| row.get(0))
                .doing(DEED)?;
            self.0.insert(target.to_owned(), usize::try_from(waiting).unwrap_or(usize::MAX));
        }
        let waiting = self.0.entry(target.to_owned()).or_default();
        *waiting = waiting.saturating_add(1);
        if *waiting > limits::OUTBOX_MESSAGES_MAX {
            let what = format!("the queue to “{target}”");
            return Err(StoreError::Limit { what, name: "OUTBOX_MESSAGES_MAX", max: limits::OUTBOX_MESSAGES_MAX });
        }
        Ok(())
    }
}

fn known(conn: &Connection, target: &str, key: &str) -> Result<bool, StoreError> {
    conn.prepare_cached("SELECT 1 FROM citywall_outbox WHERE target = ?1 AND key = ?2")
        .and_then(|mut row| row.query_row([target, key], |_| Ok(())).optional())
        .doing(DEED)
        .map(|found| found.is_some())
}

fn next_position(conn: &Connection) -> Result<u64, StoreError> {
    let next = catalog::number_or(conn, catalog::NEXT_POSITION, 1)?;
    catalog::set(conn, catalog::NEXT_POSITION, next + 1)?;
    Ok(next)
}

fn insert(conn: &Connection, position: u64, target: &str, key: &str, queued: i64, body: &[u8]) -> Result<(), StoreError> {
    conn.prepare_cached(&format!("INSERT INTO citywall_outbox ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL, ?6)"))
        .and_then(|mut row| {
            row.execute(params![position.cast_signed(), target, key, queued, body, digest_of(position, target, key, queued, body)])
        })
        .doing(DEED)?;
    Ok(())
}

/// The digest of what stays the same while a message waits and after it was given up.
fn digest_of(position: u64, target: &str, key: &str, queued: i64, body: &[u8]) -> u32 {
    digest::of_parts([&position.to_le_bytes()[..], target.as_bytes(), key.as_bytes(), &queued.to_le_bytes(), body])
}

fn letter(row: &Row<'_>) -> Result<DeadLetter, StoreError> {
    let position: i64 = row.get(0).doing(DEED)?;
    let place = format!("citywall_outbox, position {position}");
    let damaged = |e: rusqlite::Error| StoreError::damaged(&*place, e);
    let (target, key): (String, String) = (row.get(1).map_err(damaged)?, row.get(2).map_err(damaged)?);
    let (queued, body): (i64, Vec<u8>) = (row.get(3).map_err(damaged)?, row.get(4).map_err(damaged)?);
    let (died, reason): (Option<i64>, Option<String>) = (row.get(5).map_err(damaged)?, row.get(6).map_err(damaged)?);
    let digest: u32 = row.get(7).map_err(damaged)?;
    let position = position.cast_unsigned();
    if digest != digest_of(position, &target, &key, queued, &body) {
        return Err(StoreError::damaged(place, "it is not what was written (its digest does not match)"));
    }
    let message = OutboxMessage { position, key, queued: instant(queued, &place)?, body };
    Ok(DeadLetter { message, died: instant(died.unwrap_or(queued), &place)?, reason: reason.unwrap_or_default() })
}

/// One line per message that is not what was written.
pub(super) fn verify(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let mut rows = conn.prepare(&format!("SELECT {COLUMNS} FROM citywall_outbox")).doing(DEED)?;
    let mut rows = rows.query([]).doing(DEED)?;
    let mut faults = Vec::new();
    while let Some(row) = rows.next().doing(DEED)? {
        if let Err(fault) = letter(row) {
            faults.push(fault.to_string());
        }
    }
    Ok(faults)
}
