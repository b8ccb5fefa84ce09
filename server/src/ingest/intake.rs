//! The one way in: what comes from any source is checked, sent to the city, counted and, where it
//! was refused, kept for review.

use super::{
    Refusal,
    contract::Contract,
    refusal::Reason,
    registry::{Registry, Tally},
    review::Review,
    source::{Delivery, Record, Taken},
};
use crate::{config::LiveConfig, http::Problem, rules};
use axum::body::Bytes;
use citywall_model::{CollectionId, EventDraft, FeatureRef, LiveItem};
use citywall_query::{City, CollectionView, Deed, Edit, Effect, Expected, IngestError, Receipt};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::oneshot;

/// Records that are prepared at once; more would keep other requests waiting.
const AT_ONCE: usize = 256;

/// Records by what became of them.
#[derive(Default)]
pub struct Counters {
    /// New and changed ones.
    pub stored: AtomicU64,
    /// Those that changed nothing: repeated deliveries.
    pub unchanged: AtomicU64,
    /// Those that were refused.
    pub refused: AtomicU64,
    /// Deliveries that were told to come back later.
    pub busy: AtomicU64,
    /// Messages of sources that promise nothing (MQTT, QoS 0) that found no room.
    pub dropped: AtomicU64,
}

/// The one way in.
pub struct Intake {
    contracts: FxHashMap<CollectionId, Contract>,
    /// What became of the records.
    pub counters: Counters,
    /// What was refused.
    pub review: Arc<Review>,
    /// Who sends.
    pub registry: Registry,
}

impl Intake {
    /// The way in under these contracts.
    pub fn new(live: &[LiveConfig]) -> Self {
        Self {
            contracts: live.iter().map(|live| (live.id.clone(), Contract::new(live))).collect(),
            counters: Counters::default(),
            review: Arc::default(),
            registry: Registry::default(),
        }
    }

    /// Takes a delivery: one result per record, in order, once all that is good of it is durable.
    ///
    /// # Errors
    /// Nothing of it was kept: there is no such collection, the queue or the disk is full.
    pub async fn take(&self, city: &City, delivery: Delivery) -> Taken {
        let Delivery { collection, actor, records } = delivery;
        let (mut drafts, mut tally) = (Vec::with_capacity(records.len()), Tally::default());
        let (checked, texts): (Vec<Result<(), Refusal>>, Vec<Bytes>) = {
            let mut check = self.checker(city, &collection, &actor);
            let place = |record: Record| {
                tally.add(record.draft.as_ref().ok().and_then(|draft| draft.source.as_deref()));
                let checked = record.draft.and_then(|mut draft| check(&mut draft).map(|()| drafts.push(draft)));
                (checked, record.text)
            };
            records.into_iter().map(place).unzip()
        };
        let receipts = match self.store(city, &collection, drafts, &actor).await {
            Err(IngestError::NoCollection(_) | IngestError::NotLive(_)) => {
                let refusal = Refusal::new(Reason::UnknownCollection, format!("there is no live collection “{collection}”"));
                texts.into_iter().for_each(|text| self.refuse(&collection, &actor, &refusal, text));
                return Err(IngestError::NoCollection(collection));
            }
            receipts => receipts?,
        };
        let mut receipts = receipts.into_iter();
        let results: Vec<_> =
            checked.into_iter().map(|checked| checked.and_then(|()| receipts.next().unwrap_or(Err(unanswered())))).collect();
        self.count(&results);
        self.registry.note(tally.sent(results.iter().map(Result::is_ok)));
        let refused = results.iter().zip(texts).filter_map(|(result, text)| Some((result.as_ref().err()?, text)));
        self.review.keep(&collection, &actor, refused);
        self.review.relieve(city.store()).await;
        Ok(results)
    }

    /// Takes an edit of one item and answers once it is durable.
    ///
    /// # Errors
    /// The item is not as the edit expects (404, 412), the edit is not what the collection asks
    /// (400, 409, 413), or it could not be stored.
    pub async fn edit(&self, city: &City, collection: &CollectionId, mut edit: Edit, actor: &str) -> Result<Receipt, Problem> {
        if edit.deed != Deed::Remove
            && let Ok(view) = city.view(collection)
            && rules::concern(view.kind())
        {
            let before = known(&view, &edit.draft.id).filter(|_| edit.deed == Deed::Patch);
            rules::check(city, view.kind(), &mut edit.draft, before.as_ref(), actor)?;
        }
        if edit.deed != Deed::Remove
            && let Some(contract) = self.contracts.get(collection)
        {
            contract.check(&edit.draft, || edit.deed == Deed::Patch && edit.expected != Expected::Absent)?;
        }
        let (reply, outcome) = oneshot::channel();
        // A sender that has gone away needs no answer.
        city.submit_edit(collection, edit, actor, move |outcome| drop(reply.send(outcome)))?;
        let receipt = outcome.await.unwrap_or(Err(IngestError::Closed))?.pop();
        let receipt = receipt.ok_or_else(|| Problem::from(unanswered()))??;
        self.count(&[Ok(receipt.clone())]);
        Ok(receipt)
    }

    /// Refuses a record that belongs nowhere.
    pub fn refuse(&self, collection: &CollectionId, actor: &str, refusal: &Refusal, text: Bytes) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        self.review.keep(collection, actor, [(refusal, text)].into_iter());
    }

    /// Sends drafts to the city and waits for what became of them, holding no thread.
    async fn store(
        &self,
        city: &City,
        collection: &CollectionId,
        drafts: Vec<EventDraft>,
        actor: &str,
    ) -> Result<Vec<Result<Receipt, Refusal>>, IngestError> {
        if drafts.is_empty() {
            return city.view(collection).map(|_| Vec::new()).map_err(|_| IngestError::NoCollection(collection.clone()));
        }
        let (reply, outcome) = oneshot::channel();
        // A sender that has gone away needs no answer.
        let is_large = drafts.len() > AT_ONCE;
        let submit = || city.submit(collection, drafts, actor, move |outcome| drop(reply.send(outcome)));
        let submitted = if is_large { tokio::task::block_in_place(submit) } else { submit() };
        if matches!(submitted, Err(IngestError::Busy { .. })) {
            self.counters.busy.fetch_add(1, Ordering::Relaxed);
        }
        submitted?;
        let receipts = outcome.await.unwrap_or(Err(IngestError::Closed))?;
        Ok(receipts.into_iter().map(|receipt| receipt.map_err(Refusal::from)).collect())
    }

    /// The counters as Prometheus text.
    pub fn metrics(&self) -> String {
        let counters = &self.counters;
        let simple = |name, help, counter: &AtomicU64| {
            let count = counter.load(Ordering::Relaxed);
            format!(
                "# HELP citywall_ingest_{name}_total {help}\n# TYPE citywall_ingest_{name}_total counter\ncitywall_ingest_{name}_total {count}\n"
            )
        };
        [
            simple("records_stored", "Records that were stored.", &counters.stored),
            simple("records_unchanged", "Records that changed nothing: repeated deliveries.", &counters.unchanged),
            simple("records_refused", "Records that were refused.", &counters.refused),
            simple("busy", "Batches that were told to come back later.", &counters.busy),
            simple("messages_dropped", "MQTT messages of QoS 0 that found no room.", &counters.dropped),
            self.review.metrics(),
        ]
        .concat()
    }

    /// Checks the records of one delivery in order: what an earlier one makes is known to a later one.
    pub fn checker<'a>(
        &'a self,
        city: &'a City,
        collection: &CollectionId,
        actor: &'a str,
    ) -> impl FnMut(&mut EventDraft) -> Result<(), Refusal> + use<'a> {
        let contract = self.contracts.get(collection);
        let view = city.view(collection).ok();
        let kind = view.as_ref().map(CollectionView::kind).filter(|kind| rules::concern(*kind));
        let mut made: FxHashSet<String> = FxHashSet::default();
        move |draft| {
            if let (Some(kind), Some(view)) = (kind, &view) {
                rules::check(city, kind, draft, known(view, &draft.id).as_ref(), actor)?;
            }
            let Some(contract) = contract else { return Ok(()) };
            let is_known = || made.contains(&draft.id) || view.as_ref().is_some_and(|view| view.item(&draft.id, |_| ()).is_some());
            contract.check(draft, is_known)?;
            made.insert(draft.id.clone());
            Ok(())
        }
    }

    fn count(&self, results: &[Result<Receipt, Refusal>]) {
        let (mut stored, mut unchanged, mut refused) = (0, 0, 0);
        for result in results {
            match result {
                Ok(receipt) if receipt.effect == Effect::Unchanged => unchanged += 1,
                Ok(_) => stored += 1,
                Err(_) => refused += 1,
            }
        }
        self.counters.stored.fetch_add(stored, Ordering::Relaxed);
        self.counters.unchanged.fetch_add(unchanged, Ordering::Relaxed);
        self.counters.refused.fetch_add(refused, Ordering::Relaxed);
    }
}

/// An item of a live collection as it is.
fn known(view: &CollectionView, id: &str) -> Option<LiveItem> {
    let live = |item: FeatureRef<'_>| match item {
        FeatureRef::Live(item) => Some(item.clone()),
        FeatureRef::Row(..) => None,
    };
    view.item(id, live).flatten()
}

/// The city answers every record; should it ever not, the record counts as not taken.
fn unanswered() -> Refusal {
    Refusal::new(Reason::Invalid, "the city left the record without an answer")
}
