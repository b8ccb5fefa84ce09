//! What is on its way out: a queue on disk for each target, and the letters that came back.
//!
//! The file stands beside the city file and holds nothing that the city does not: letters are
//! made from committed changes. It is written lazily. After a power cut it may be as it was a
//! moment before; what [`Outbox::reached`] then says is of the same moment, so the changes after
//! it are made into letters again, with the same keys.

use crate::{StoreError, error::Doing};
use citywall_model::{Revision, limits};
use jiff::Timestamp;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::path::Path;

/// A letter that is to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLetter {
    /// The target that it is for.
    pub target: String,
    /// The change that it tells of: with the target, the letter's key.
    pub revision: Revision,
    /// What is sent.
    pub body: String,
}

/// A letter that waits or came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its number; ascending over all targets.
    pub number: u64,
    /// The change that it tells of.
    pub revision: Revision,
    /// When it was queued.
    pub queued: Timestamp,
    /// How often it was tried in vain.
    pub tries: u32,
    /// Why the last try failed.
    pub reason: Option<String>,
    /// What is sent.
    pub body: String,
}

/// How a target stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Letters that wait.
    pub waiting: u64,
    /// Letters that came back.
    pub dead: u64,
    /// When the oldest that waits was queued.
    pub oldest: Option<Timestamp>,
}

/// A queue on disk for each target. All methods may be called from any thread.
pub trait Outbox: Send + Sync {
    /// Every change up to this revision has been made into letters; `None` in a new outbox.
    ///
    /// # Errors
    /// The file cannot be read.
    fn reached(&self) -> Result<Option<Revision>, StoreError>;

    /// Queues letters, in order, and notes how far the changes have been read, in one
    /// transaction. A letter of a target and revision that is queued already is passed over.
    /// Returns how many did not fit into [`limits::OUTBOX_LETTERS_MAX`] and were not queued.
    ///
    /// # Errors
    /// The file cannot be written; nothing is queued.
    fn append(&self, letters: &[NewLetter], reached: Revision) -> Result<usize, StoreError>;

    /// The letters that wait for a target, the oldest first, at most `max`.
    ///
    /// # Errors
    /// The file cannot be read.
    fn waiting(&self, target: &str, max: usize) -> Result<Vec<Letter>, StoreError>;

    /// Takes letters out: they have arrived.
    ///
    /// # Errors
    /// The file cannot be written.
    fn delivered(&self, numbers: &[u64]) -> Result<(), StoreError>;

    /// Notes that a try was in vain; `dead` takes the letter out of the queue, to be looked at.
    ///
    /// # Errors
    /// The file cannot be written.
    fn failed(&self, number: u64, reason: &str, dead: bool) -> Result<(), StoreError>;

    /// A target's letters that came back, after a number, at most `max`.
    ///
    /// # Errors
    /// The file cannot be read.
    fn dead(&self, target: &str, after: u64, max: usize) -> Result<Vec<Letter>, StoreError>;

    /// Queues letters that came back again, one or all. Returns how many.
    ///
    /// # Errors
    /// The file cannot be written.
    fn resend(&self, target: &str, number: Option<u64>) -> Result<usize, StoreError>;

    /// How a target stands.
    ///
    /// # Errors
    /// The file cannot be read.
    fn counts(&self, target: &str) -> Result<OutboxCounts, StoreError>;

    /// Drops everything of a target that is no more.
    ///
    /// # Errors
    /// The file cannot be written.
    fn forget(&self, target: &str) -> Result<(), StoreError>;
}

/// An [`Outbox`] in an SQLite file.
pub struct OutboxFile(Mutex<Connection>);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS letter (
        number INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, revision INTEGER NOT NULL,
        queued_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0,
        reason TEXT, body TEXT NOT NULL, UNIQUE (target, revision));
    CREATE INDEX IF NOT EXISTS letter_of_target ON letter (target, dead, number);
    CREATE TABLE IF NOT EXISTS reached (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL);";

const COLUMNS: &str = "number, revision, queued_ms, tries, reason, body";

impl OutboxFile {
    /// Opens an outbox, a new one if there is none.
    ///
    /// # Errors
    /// The file cannot be opened or is something else.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let deed = "opening the outbox";
        let conn = Connection::open(path).doing(deed)?;
        conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;").doing(deed)?;
        conn.execute_batch(SCHEMA).doing(deed)?;
        Ok(Self(Mutex::new(conn)))
    }

    fn write<T>(&self, deed: &'static str, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut conn = self.0.lock();
        let transaction = conn.transaction().doing(deed)?;
        let done = work(&transaction).doing(deed)?;
        transaction.commit().doing(deed)?;
        Ok(done)
    }

    fn letters(&self, condition: &str, parameters: impl rusqlite::Params) -> Result<Vec<Letter>, StoreError> {
        let deed = "reading the outbox";
        let conn = self.0.lock();
        let sql = format!("SELECT {COLUMNS} FROM letter WHERE target = ?1 AND {condition} ORDER BY number LIMIT ?2");
        let mut statement = conn.prepare_cached(&sql).doing(deed)?;
        let letters = statement.query_map(parameters, letter).doing(deed)?;
        letters.collect::<rusqlite::Result<_>>().doing(deed)
    }
}

/// SQLite's whole numbers have a sign; revisions and row numbers stay far below 2^63.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn letter(row: &Row<'_>) -> rusqlite::Result<Letter> {
    Ok(Letter {
        number: unsigned(row, 0)?,
        revision: Revision(unsigned(row, 1)?),
        queued: Timestamp::from_millisecond(row.get(2)?).unwrap_or_default(),
        tries: row.get(3)?,
        reason: row.get(4)?,
        body: row.get(5)?,
    })
}

impl Outbox for OutboxFile {
    fn reached(&self) -> Result<Option<Revision>, StoreError> {
        let found = self.0.lock().query_row("SELECT revision FROM reached", [], |row| unsigned(row, 0)).optional();
        Ok(found.doing("reading the outbox")?.map(Revision))
    }

    fn append(&self, letters: &[NewLetter], reached: Revision) -> Result<usize, StoreError> {
        self.write("queueing letters", |transaction| {
            let mut left_out = 0;
            let mut room: Vec<(&str, usize)> = Vec::new();
            for letter in letters {
                let at = match room.iter().position(|(target, _)| *target == letter.target) {
                    Some(at) => at,
                    None => {
                        let count = "SELECT count(*) FROM letter WHERE target = ?1";
                        let count = transaction.query_row(count, [&letter.target], |row| unsigned(row, 0))?;
                        let room_left = limits::OUTBOX_LETTERS_MAX.saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
                        room.push((&letter.target, room_left));
                        room.len() - 1
                    }
                };
                if room[at].1 == 0 {
                    left_out += 1;
                    continue;
                }
                let insert = "INSERT OR IGNORE INTO letter (target, revision, queued_ms, body) VALUES (?1, ?2, ?3, ?4)";
                let now = Timestamp::now().as_millisecond();
                room[at].1 -=
                    transaction.prepare_cached(insert)?.execute(params![letter.target, signed(letter.revision.0), now, letter.body])?;
            }
            transaction.execute("INSERT OR REPLACE INTO reached (one, revision) VALUES (1, ?1)", [signed(reached.0)])?;
            Ok(left_out)
        })
    }

    fn waiting(&self, target: &str, max: usize) -> Result<Vec<Letter>, StoreError> {
        self.letters("dead = 0", params![target, signed(max as u64)])
    }

    fn delivered(&self, numbers: &[u64]) -> Result<(), StoreError> {
        self.write("taking letters out", |transaction| {
            let mut delete = transaction.prepare_cached("DELETE FROM letter WHERE number = ?1")?;
            numbers.iter().try_for_each(|number| delete.execute([signed(*number)]).map(drop))
        })
    }

    fn failed(&self, number: u64, reason: &str, dead: bool) -> Result<(), StoreError> {
        let update = "UPDATE letter SET tries = tries + 1, reason = ?2, dead = ?3 WHERE number = ?1";
        self.write("noting a try", |transaction| transaction.execute(update, params![signed(number), reason, dead]).map(drop))
    }

    fn dead(&self, target: &str, after: u64, max: usize) -> Result<Vec<Letter>, StoreError> {
        self.letters("dead = 1 AND number > ?3", params![target, signed(max as u64), signed(after)])
    }

    fn resend(&self, target: &str, number: Option<u64>) -> Result<usize, StoreError> {
        let now = Timestamp::now().as_millisecond();
        let update = "UPDATE letter SET dead = 0, tries = 0, queued_ms = ?3 WHERE target = ?1 AND dead = 1 AND (?2 IS NULL OR number = ?2)";
        self.write("queueing letters again", |transaction| transaction.execute(update, params![target, number.map(signed), now]))
    }

    fn counts(&self, target: &str) -> Result<OutboxCounts, StoreError> {
        let deed = "counting letters";
        let conn = self.0.lock();
        let select = "SELECT count(*), min(queued_ms) FROM letter WHERE target = ?1 AND dead = ?2";
        let mut statement = conn.prepare_cached(select).doing(deed)?;
        let mut of = |dead: bool| {
            statement.query_row(params![target, dead], |row| Ok((unsigned(row, 0)?, row.get::<_, Option<i64>>(1)?))).doing(deed)
        };
        let ((waiting, oldest), (dead, _)) = (of(false)?, of(true)?);
        Ok(OutboxCounts { waiting, dead, oldest: oldest.and_then(|ms| Timestamp::from_millisecond(ms).ok()) })
    }

    fn forget(&self, target: &str) -> Result<(), StoreError> {
        self.write("dropping letters", |transaction| transaction.execute("DELETE FROM letter WHERE target = ?1", [target]).map(drop))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn letters(target: &str, revisions: std::ops::Range<u64>) -> Vec<NewLetter> {
        revisions.map(|at| NewLetter { target: target.into(), revision: Revision(at), body: format!("{{\"at\":{at}}}") }).collect()
    }

    #[test]
    fn letters_keep_their_order_over_a_reopening_and_come_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox");
        let outbox = OutboxFile::open(&path).unwrap();
        assert_eq!(outbox.reached().unwrap(), None);
        outbox.append(&[letters("a", 1..4), letters("b", 2..3)].concat(), Revision(5)).unwrap();
        drop(outbox);
        let outbox = OutboxFile::open(&path).unwrap();
        assert_eq!(outbox.reached().unwrap(), Some(Revision(5)));
        // What is read again from the journal is queued already.
        outbox.append(&letters("a", 2..6), Revision(6)).unwrap();
        let waiting = outbox.waiting("a", 100).unwrap();
        assert_eq!(waiting.iter().map(|letter| letter.revision.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        outbox.delivered(&[waiting[0].number, waiting[1].number]).unwrap();
        outbox.failed(waiting[2].number, "refused", false).unwrap();
        let next = &outbox.waiting("a", 1).unwrap()[0];
        assert_eq!((next.revision.0, next.tries, next.reason.as_deref()), (3, 1, Some("refused")));
        assert_eq!(outbox.counts("b").unwrap().waiting, 1);
    }

    #[test]
    fn a_dead_letter_is_listed_and_sent_again() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = OutboxFile::open(&folder.path().join("outbox")).unwrap();
        outbox.append(&letters("a", 1..4), Revision(3)).unwrap();
        let first = outbox.waiting("a", 1).unwrap().remove(0);
        outbox.failed(first.number, "410", true).unwrap();
        assert_eq!(outbox.dead("a", 0, 10).unwrap()[0].reason.as_deref(), Some("410"));
        assert_eq!(outbox.dead("a", first.number, 10).unwrap(), []);
        assert_eq!((outbox.counts("a").unwrap().waiting, outbox.counts("a").unwrap().dead), (2, 1));
        assert_eq!(outbox.resend("a", Some(first.number)).unwrap(), 1);
        assert_eq!(outbox.waiting("a", 10).unwrap()[0].number, first.number);
        outbox.forget("a").unwrap();
        assert_eq!(outbox.counts("a").unwrap(), OutboxCounts::default());
    }

    #[test]
    fn a_full_outbox_says_what_it_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = OutboxFile::open(&folder.path().join("outbox")).unwrap();
        let max = limits::OUTBOX_LETTERS_MAX as u64;
        assert_eq!(outbox.append(&letters("a", 0..max - 1), Revision(1)).unwrap(), 0);
        assert_eq!(outbox.append(&letters("a", max..max + 3), Revision(2)).unwrap(), 2);
        assert_eq!(outbox.append(&letters("b", 0..3), Revision(3)).unwrap(), 0);
    }
}
