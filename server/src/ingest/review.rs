//! Refused records: counted by collection and reason, and kept for review.

use super::refusal::{Reason, Refusal};
use crate::limits;
use axum::body::Bytes;
use citywall_model::{CollectionId, RefusedRecord, limits as engine};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write,
};

#[derive(Default)]
struct Kept {
    last: u64,
    records: VecDeque<RefusedRecord>,
}

/// What was refused, and how much in all.
#[derive(Default)]
pub struct Review {
    kept: Mutex<Kept>,
    counts: Mutex<BTreeMap<(CollectionId, Reason), u64>>,
}

impl Review {
    /// Counts refused records and keeps the latest of them.
    pub fn keep<'a>(&self, collection: &CollectionId, actor: &str, refused: impl Iterator<Item = (&'a Refusal, Bytes)>) {
        let mut refused = refused.peekable();
        if refused.peek().is_none() {
            return;
        }
        let received = Timestamp::now();
        let (mut counts, mut kept) = (self.counts.lock(), self.kept.lock());
        for (refusal, text) in refused {
            *counts.entry((collection.clone(), refusal.reason)).or_default() += 1;
            kept.last += 1;
            let record = RefusedRecord {
                number: kept.last,
                collection: collection.clone(),
                actor: actor.to_owned(),
                received,
                reason: refusal.reason.word().to_owned(),
                detail: refusal.detail.clone(),
                text: cut(&text),
            };
            if kept.records.len() >= limits::REFUSED_WAITING_MAX {
                kept.records.pop_front();
            }
            kept.records.push_back(record);
        }
    }

    /// The refused records after a number, oldest first, at most `max` of them.
    pub fn list(&self, collection: Option<&CollectionId>, after: u64, max: usize) -> Vec<RefusedRecord> {
        let records = self.kept.lock();
        let wanted =
            |record: &&RefusedRecord| record.number > after && collection.is_none_or(|collection| record.collection == *collection);
        records.records.iter().filter(wanted).take(max).cloned().collect()
    }

    /// How many records were refused since the start, by collection and reason.
    pub fn counts(&self) -> Vec<(CollectionId, Reason, u64)> {
        self.counts.lock().iter().map(|((collection, reason), count)| (collection.clone(), *reason, *count)).collect()
    }

    /// The counts as Prometheus text.
    pub fn metrics(&self) -> String {
        let name = "citywall_ingest_records_refused_by_reason_total";
        let mut out = format!("# HELP {name} Refused records by collection and reason, since the start.\n# TYPE {name} counter\n");
        for ((collection, reason), count) in &*self.counts.lock() {
            // A name that is no collection's is the sender's: it makes no series of its own.
            let collection = if *reason == Reason::UnknownCollection { "" } else { collection.as_str() };
            let _ = writeln!(out, "{name}{{collection=\"{collection}\",reason=\"{}\"}} {count}", reason.word());
        }
        out
    }
}

/// The beginning of a record as text.
fn cut(text: &[u8]) -> String {
    let end = text.len().min(engine::REFUSED_TEXT_BYTES_MAX);
    let mut cut = String::from_utf8_lossy(&text[..end]).into_owned();
    while cut.len() > engine::REFUSED_TEXT_BYTES_MAX {
        cut.pop();
    }
    cut
}
