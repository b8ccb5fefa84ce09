//! Refused records: counted by collection and reason, and kept in the city for review.

use super::refusal::{Reason, Refusal};
use crate::limits;
use axum::body::Bytes;
use citywall_model::{CollectionId, RefusedRecord, limits as engine};
use citywall_store::{CityStore, StoreError};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::{collections::BTreeMap, fmt::Write, sync::Arc};

/// What was refused, and how much in all.
#[derive(Default)]
pub struct Review {
    /// Records on their way into the city.
    waiting: Mutex<Vec<RefusedRecord>>,
    /// Held while they are written, so that they keep their order.
    writing: Mutex<()>,
    /// Since the start, for the metrics. A name that is no collection's is the sender's: it makes
    /// no series of its own.
    counts: Mutex<BTreeMap<(Option<CollectionId>, Reason), u64>>,
}

impl Review {
    /// Counts refused records and has them kept.
    pub fn keep<'a>(&self, collection: &CollectionId, actor: &str, refused: impl Iterator<Item = (&'a Refusal, Bytes)>) {
        let mut refused = refused.peekable();
        if refused.peek().is_none() {
            return;
        }
        let received = Timestamp::now();
        let (mut counts, mut waiting) = (self.counts.lock(), self.waiting.lock());
        for (refusal, text) in refused {
            let known = (refusal.reason != Reason::UnknownCollection).then(|| collection.clone());
            *counts.entry((known, refusal.reason)).or_default() += 1;
            waiting.push(RefusedRecord {
                // The city gives it.
                number: 0,
                collection: collection.clone(),
                actor: actor.to_owned(),
                received,
                reason: refusal.reason.word().to_owned(),
                detail: refusal.detail.clone(),
                text: cut(&text),
            });
        }
    }

    /// Waits until there is room for more, if so many wait that they should be written first.
    pub async fn relieve(self: &Arc<Self>, store: &Arc<dyn CityStore>) {
        if self.waiting.lock().len() < limits::REFUSED_WAITING_MAX {
            return;
        }
        let (this, store) = (self.clone(), store.clone());
        let _ = tokio::task::spawn_blocking(move || this.write(&*store)).await;
    }

    /// Writes what waits. What cannot be written waits on, the latest
    /// [`limits::REFUSED_WAITING_MAX`] of it.
    pub fn write(&self, store: &dyn CityStore) {
        if let Err(error) = self.try_write(store) {
            tracing::warn!(%error, "refused records were not kept yet");
        }
    }

    fn try_write(&self, store: &dyn CityStore) -> Result<(), StoreError> {
        let _in_order = self.writing.lock();
        let records = std::mem::take(&mut *self.waiting.lock());
        if records.is_empty() {
            return Ok(());
        }
        store.refuse(&records).inspect_err(|_| {
            let mut waiting = self.waiting.lock();
            let kept = records.len() + waiting.len();
            let over = kept.saturating_sub(limits::REFUSED_WAITING_MAX).min(records.len());
            waiting.splice(0..0, records[over..].iter().cloned());
        })
    }

    /// The counts as Prometheus text.
    pub fn metrics(&self) -> String {
        let name = "citywall_ingest_records_refused_by_reason_total";
        let mut out = format!("# HELP {name} Refused records by collection and reason, since the start.\n# TYPE {name} counter\n");
        for ((collection, reason), count) in &*self.counts.lock() {
            let collection = collection.as_ref().map_or("", CollectionId::as_str);
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
