//! The one writer of live changes: batches that wait together are flushed together.

use crate::{
    IngestError, Refused,
    city::{Kind, Shared},
    live::Live,
    merge::{Merged, merge},
    reaction::Reaction,
};
use citywall_model::{Change, CollectionId, EventDraft, LiveItem, Revision, limits};
use citywall_store::StoreError;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
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

/// One result per record of a batch, in order, or why nothing of it was kept.
pub type Outcome = Result<Vec<Result<Receipt, Refused>>, IngestError>;

type Reply = Box<dyn FnOnce(Outcome) + Send>;

/// A batch on its way to the writer.
struct Batch {
    live: Arc<Live>,
    drafts: Vec<EventDraft>,
    actor: Arc<str>,
    reply: Reply,
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
        let (reply, outcome) = bounded(1);
        // A caller that has gone away needs no answer.
        self.submit(id, drafts, actor, Box::new(move |done| drop(reply.send(done))))?;
        outcome.recv().unwrap_or(Err(IngestError::Closed))
    }

    pub(crate) fn submit(&self, id: &CollectionId, drafts: Vec<EventDraft>, actor: &str, reply: Reply) -> Result<(), IngestError> {
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
        match queue.try_send(Batch { live, drafts, actor: actor.into(), reply }) {
            Ok(()) => Ok(()),
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

/// How often the reaction is asked what follows from time alone.
const TICK: Duration = Duration::from_secs(1);

fn run(shared: &Shared, batches: &Receiver<Batch>, waiting: &AtomicUsize) {
    let mut next_tick = Instant::now() + TICK;
    loop {
        let mut group = match batches.recv_deadline(next_tick) {
            Ok(first) => vec![first],
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut records = group.iter().map(|batch| batch.drafts.len()).sum();
        while records < limits::INGEST_BATCH_RECORDS_MAX
            && let Ok(batch) = batches.try_recv()
        {
            records += batch.drafts.len();
            group.push(batch);
        }
        let ticks = Instant::now() >= next_tick;
        if ticks {
            next_tick = Instant::now() + TICK;
        }
        commit(shared, group, ticks);
        waiting.fetch_sub(records, Ordering::Relaxed);
    }
}

/// Merges, flushes, shows and answers a group of batches, with what follows from it.
fn commit(shared: &Shared, group: Vec<Batch>, ticks: bool) {
    let in_order = shared.commit_lock.lock();
    let mut plan = Plan { revision: shared.revision(), changes: Vec::new(), pending: FxHashMap::default(), next_fid: FxHashMap::default() };
    let now = Timestamp::now();
    let outcomes: Vec<_> = group.into_iter().map(|batch| plan.batch(batch, now)).collect();
    let mut reaction = shared.reaction.lock();
    let seen = plan.changes.len();
    if let Some(reaction) = reaction.as_deref_mut()
        && (seen > 0 || ticks)
    {
        plan.follow(shared, reaction, now);
    }
    let changes: Arc<[Change]> = plan.changes.iter().map(|(_, change)| change.clone()).collect();
    let stored = if changes.is_empty() { Ok(()) } else { shared.store.append(&changes) };
    match &stored {
        Ok(()) if !changes.is_empty() => {
            show(plan.changes);
            shared.announce(plan.revision, changes, None);
        }
        Ok(()) => {}
        Err(_) => {
            if let Some(reaction) = reaction.as_deref_mut() {
                reaction.undo();
            }
        }
    }
    drop((reaction, in_order));
    let stored: Result<(), Arc<StoreError>> = stored.map_err(Arc::new);
    for (reply, results) in outcomes {
        reply(stored.clone().map(|()| results).map_err(IngestError::Store));
    }
}

/// Applies changes to the trees, one lock per run of changes to the same collection.
fn show(changes: Vec<(Arc<Live>, Change)>) {
    for run in changes.chunk_by(|(a, _), (b, _)| Arc::ptr_eq(a, b)) {
        let mut state = run[0].0.state.write();
        for (_, change) in run.iter().filter(|(_, change)| !change.late) {
            state.apply(change.item.clone());
        }
    }
}

/// The changes of a group, before any of it is durable.
struct Plan {
    revision: Revision,
    changes: Vec<(Arc<Live>, Change)>,
    /// Items that an earlier record of the group changed.
    pending: FxHashMap<(CollectionId, Arc<str>), LiveItem>,
    next_fid: FxHashMap<CollectionId, u64>,
}

impl Plan {
    fn batch(&mut self, batch: Batch, now: Timestamp) -> (Reply, Vec<Result<Receipt, Refused>>) {
        let Batch { live, drafts, actor, reply } = batch;
        let results = drafts.into_iter().map(|draft| self.record(&live, draft, &actor, now)).collect();
        (reply, results)
    }

    /// Adds what a reaction drafts.
    fn follow(&mut self, shared: &Shared, reaction: &mut dyn Reaction, now: Timestamp) {
        let changes: Vec<Change> = self.changes.iter().map(|(_, change)| change.clone()).collect();
        let actor: Arc<str> = "rules".into();
        for (id, draft) in reaction.react(&changes, now) {
            let Some(Kind::Live(live)) = shared.collection(&id) else {
                tracing::error!(collection = %id, "a reaction writes to what is no live collection");
                continue;
            };
            if let Err(refused) = self.record(&live, draft, &actor, now) {
                tracing::error!(collection = %id, %refused, "what a reaction drafted was refused");
            }
        }
    }

    fn record(&mut self, live: &Arc<Live>, draft: EventDraft, actor: &Arc<str>, now: Timestamp) -> Result<Receipt, Refused> {
        let collection = &live.meta.id;
        let id: Arc<str> = draft.id.as_str().into();
        let state = live.state.read();
        let key = (collection.clone(), id.clone());
        let known = self.pending.get(&key).or_else(|| state.by_id(&id)).cloned();
        let fid = match &known {
            Some(item) => item.fid(),
            None => *self.next_fid.entry(collection.clone()).or_insert_with(|| state.next_fid()),
        };
        drop(state);
        let merged = merge(draft, live.meta.kind, known.as_ref(), fid, self.revision.next(), now)?;
        let Some(Merged { item, late }) = merged else {
            let revision = known.map_or(self.revision, |item| item.revision());
            return Ok(Receipt { id, revision, effect: Effect::Unchanged });
        };
        if known.is_none() {
            self.next_fid.insert(collection.clone(), fid + 1);
        }
        self.revision = item.revision;
        let receipt = Receipt { id, revision: item.revision, effect: if known.is_some() { Effect::Changed } else { Effect::Created } };
        let item = LiveItem::from(item);
        if !late {
            self.pending.insert(key, item.clone());
        }
        let change = Change { collection: collection.clone(), item, before: known, late, actor: actor.clone() };
        self.changes.push((live.clone(), change));
        Ok(receipt)
    }
}
