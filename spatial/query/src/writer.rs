//! The one writer of live changes: batches that wait together are flushed together.

use crate::{
    IngestError, Refused,
    city::{Kind, Shared},
    live::Live,
    merge::merge,
};
use citywall_model::{Change, CollectionId, EventDraft, LiveItem, Revision, limits};
use citywall_store::StoreError;
use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The item's id.
    pub id: Arc<str>,
    /// The item's revision now.
    pub revision: Revision,
    /// What the record did.
    pub effect: Effect,
}

/// What a record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The item is new.
    Created,
    /// The item changed.
    Changed,
    /// The item was already so; nothing was written.
    Unchanged,
}

type Outcome = Result<Vec<Result<Receipt, Refused>>, IngestError>;

/// A batch on its way to the writer.
struct Batch {
    live: Arc<Live>,
    drafts: Vec<EventDraft>,
    actor: Arc<str>,
    reply: Sender<Outcome>,
}

/// The queue to the writer's thread. Dropping it lets the thread finish what waits, and waits for it.
pub(crate) struct Writer {
    queue: Option<Sender<Batch>>,
    waiting: Arc<AtomicUsize>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(shared: Arc<Shared>) -> Self {
        let (queue, batches) = bounded(limits::INGEST_QUEUE_MAX);
        let waiting = Arc::new(AtomicUsize::new(0));
        let thread = {
            let (shared, waiting) = (shared.clone(), waiting.clone());
            std::thread::Builder::new().name("city-writer".to_owned()).spawn(move || run(&shared, &batches, &waiting))
        };
        // Without its thread the queue is disconnected and every batch is answered with Closed.
        let thread = thread.inspect_err(|error| tracing::error!(%error, "the writer's thread did not start")).ok();
        Self { queue: Some(queue), waiting, shared, thread }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn ingest(&self, id: &CollectionId, drafts: Vec<EventDraft>, actor: &str) -> Outcome {
        let live = match self.shared.collection(id) {
            Some(Kind::Live(live)) => live,
            Some(Kind::Layer(_) | Kind::Elevation(_)) => return Err(IngestError::NotLive(id.clone())),
            None => return Err(IngestError::NoCollection(id.clone())),
        };
        let records = drafts.len();
        if records > limits::INGEST_BATCH_RECORDS_MAX {
            return Err(IngestError::TooLarge { found: records, max: limits::INGEST_BATCH_RECORDS_MAX });
        }
        let queue = self.queue.as_ref().ok_or(IngestError::Closed)?;
        let before = self.waiting.fetch_add(records, Ordering::Relaxed);
        let give_back = |error| {
            self.waiting.fetch_sub(records, Ordering::Relaxed);
            Err(error)
        };
        if before > 0 && before + records > limits::INGEST_QUEUE_RECORDS_MAX {
            return give_back(IngestError::Busy { waiting: before });
        }
        let (reply, outcome) = bounded(1);
        match queue.try_send(Batch { live, drafts, actor: actor.into(), reply }) {
            Ok(()) => outcome.recv().unwrap_or(Err(IngestError::Closed)),
            Err(error) if error.is_full() => give_back(IngestError::Busy { waiting: before }),
            Err(_) => give_back(IngestError::Closed),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread ended early");
        }
    }
}

fn run(shared: &Shared, batches: &Receiver<Batch>, waiting: &AtomicUsize) {
    while let Ok(first) = batches.recv() {
        let mut group = vec![first];
        let mut records = group[0].drafts.len();
        while records < limits::INGEST_BATCH_RECORDS_MAX
            && let Ok(batch) = batches.try_recv()
        {
            records += batch.drafts.len();
            group.push(batch);
        }
        commit(shared, group);
        waiting.fetch_sub(records, Ordering::Relaxed);
    }
}

/// Merges, flushes, shows and answers a group of batches.
fn commit(shared: &Shared, group: Vec<Batch>) {
    let in_order = shared.commit_lock.lock();
    let mut plan = Plan { revision: shared.revision(), changes: Vec::new(), pending: FxHashMap::default(), next_fid: FxHashMap::default() };
    let now = Timestamp::now();
    let outcomes: Vec<_> = group.into_iter().map(|batch| plan.batch(batch, now)).collect();
    let changes: Arc<[Change]> = plan.changes.iter().map(|(_, change)| change.clone()).collect();
    let stored = if changes.is_empty() { Ok(()) } else { shared.store.append(&changes) };
    if stored.is_ok() && !changes.is_empty() {
        show(plan.changes);
        shared.announce(plan.revision, changes, None);
    }
    drop(in_order);
    let stored: Result<(), Arc<StoreError>> = stored.map_err(Arc::new);
    for (reply, results) in outcomes {
        // A caller that has gone away needs no answer.
        let _ = reply.send(stored.clone().map(|()| results).map_err(IngestError::Store));
    }
}

/// Applies changes to the trees, one lock per run of changes to the same collection.
fn show(changes: Vec<(Arc<Live>, Change)>) {
    for run in changes.chunk_by(|(a, _), (b, _)| Arc::ptr_eq(a, b)) {
        let mut state = run[0].0.state.write();
        for (_, change) in run {
            state.apply(change.item.clone());
        }
    }
}

/// The changes of a group, before any of it is durable.
struct Plan {
    revision: Revision,
    changes: Vec<(Arc<Live>, Change)>,
    /// Items that an earlier record of the group changed.
    pending: FxHashMap<(CollectionId, Arc<str>), Arc<LiveItem>>,
    next_fid: FxHashMap<CollectionId, u64>,
}

impl Plan {
    fn batch(&mut self, batch: Batch, now: Timestamp) -> (Sender<Outcome>, Vec<Result<Receipt, Refused>>) {
        let Batch { live, drafts, actor, reply } = batch;
        let results = drafts.into_iter().map(|draft| self.record(&live, draft, &actor, now)).collect();
        (reply, results)
    }

    fn record(&mut self, live: &Arc<Live>, draft: EventDraft, actor: &Arc<str>, now: Timestamp) -> Result<Receipt, Refused> {
        let collection = &live.meta.id;
        let id: Arc<str> = draft.id.as_str().into();
        let state = live.state.read();
        let key = (collection.clone(), id.clone());
        let known = self.pending.get(&key).or_else(|| state.by_id(&id)).cloned();
        let fid = match &known {
            Some(item) => item.fid,
            None => *self.next_fid.entry(collection.clone()).or_insert_with(|| state.next_fid()),
        };
        drop(state);
        let Some(item) = merge(draft, known.as_deref(), fid, self.revision.next(), now)? else {
            let revision = known.map_or(self.revision, |item| item.revision);
            return Ok(Receipt { id, revision, effect: Effect::Unchanged });
        };
        if known.is_none() {
            self.next_fid.insert(collection.clone(), fid + 1);
        }
        self.revision = item.revision;
        let receipt = Receipt { id, revision: item.revision, effect: if known.is_some() { Effect::Changed } else { Effect::Created } };
        let item = Arc::new(item);
        self.pending.insert(key, item.clone());
        self.changes.push((live.clone(), Change { collection: collection.clone(), item, actor: actor.clone() }));
        Ok(receipt)
    }
}
