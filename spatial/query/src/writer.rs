//! The one writer of live changes: batches that wait together are flushed together.

use crate::{
    IngestError, Refused,
    areas::AreaIndex,
    city::{Kind, Shared},
    edit::Edit,
    live::{Live, LiveState, hash},
    merge::{Context, Late, Merged, merge, merge_late},
    prepared::{Prepared, opened, prepare},
    reaction::Reaction,
    states::{LateKey, States},
};
use citywall_model::{Change, CollectionId, EventDraft, LiveItem, LiveParts, Revision, limits};
use citywall_store::StoreError;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use hashbrown::{HashTable, hash_table::Entry};
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

/// What comes together.
pub(crate) enum Records {
    Drafts(Vec<EventDraft>),
    Edit(Box<Edit>),
}

/// What waits together.
enum Waiting {
    /// Records that were prepared with these areas.
    Records(Vec<Prepared>, Arc<AreaIndex>),
    Edit(Box<Edit>),
}

impl Waiting {
    fn len(&self) -> usize {
        match self {
            Self::Records(records, _) => records.len(),
            Self::Edit(_) => 1,
        }
    }
}

impl Records {
    fn len(&self) -> usize {
        match self {
            Self::Drafts(drafts) => drafts.len(),
            Self::Edit(_) => 1,
        }
    }
}

/// A batch on its way to the writer.
struct Batch {
    live: Arc<Live>,
    records: Waiting,
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
        self.submit(id, Records::Drafts(drafts), actor, Box::new(move |done| drop(reply.send(done))))?;
        outcome.recv().unwrap_or(Err(IngestError::Closed))
    }

    pub(crate) fn submit(&self, id: &CollectionId, batch: Records, actor: &str, reply: Reply) -> Result<(), IngestError> {
        let live = match self.shared.collection(id) {
            Some(Kind::Live(live)) => live,
            Some(Kind::Layer(_) | Kind::Raster(_)) => return Err(IngestError::NotLive(id.clone())),
            None => return Err(IngestError::NoCollection(id.clone())),
        };
        let records = batch.len();
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
        let batch = match batch {
            Records::Drafts(drafts) => {
                let areas = self.shared.areas.load_full();
                Waiting::Records(prepare(drafts, &live, &areas, actor), areas)
            }
            Records::Edit(edit) => Waiting::Edit(edit),
        };
        match queue.try_send(Batch { live, records: batch, actor: actor.into(), reply }) {
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
        // Whoever is ready to bring more may do so first: it shares the flush.
        std::thread::yield_now();
        let mut records = group.iter().map(|batch| batch.records.len()).sum();
        while records < limits::INGEST_BATCH_RECORDS_MAX
            && let Ok(batch) = batches.try_recv()
        {
            records += batch.records.len();
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
    let mut plan = Plan::new(shared, group.iter().map(|batch| batch.records.len()).sum());
    let mut outcomes = Vec::with_capacity(group.len());
    for Batch { live, records, actor, reply } in group {
        let results = match records {
            Waiting::Records(records, areas) => plan.batch(&live, records, &areas, &actor),
            Waiting::Edit(edit) => vec![plan.edit(&live, *edit, &actor)],
        };
        outcomes.push((reply, results));
    }
    let mut reaction = shared.reaction.lock();
    if let Some(reaction) = reaction.as_deref_mut()
        && (ticks || !plan.changes.is_empty())
    {
        plan.follow(reaction);
    }
    let Plan { changes, runs, revision, failed, .. } = plan;
    let changes: Arc<[Change]> = changes.into();
    let stored = match failed {
        Some(error) => Err(error),
        None if changes.is_empty() => Ok(()),
        None => shared.store.append(&changes),
    };
    match &stored {
        Ok(()) if !changes.is_empty() => {
            show(&changes, &runs);
            shared.announce(revision, changes, None);
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
fn show(changes: &[Change], runs: &[(Arc<Live>, usize)]) {
    let mut start = 0;
    for (live, end) in runs {
        let mut state = live.state.write();
        for change in &changes[start..*end] {
            state.revision = change.item.revision();
            if !change.late {
                state.apply(change.item.clone());
            }
        }
        start = *end;
    }
}

fn check_fid(fid: u64) -> Result<(), Refused> {
    if fid <= limits::LIVE_FID_MAX {
        return Ok(());
    }
    let reason = format!("the collection has given out LIVE_FID_MAX ({}) numbers", limits::LIVE_FID_MAX);
    Err(Refused::Invalid { member: "id", reason })
}

/// The changes of a group, before any of it is durable.
struct Plan<'s> {
    shared: &'s Shared,
    areas: Arc<AreaIndex>,
    now: Timestamp,
    revision: Revision,
    changes: Vec<Change>,
    /// The collections of the changes, each with where its run of them ends.
    runs: Vec<(Arc<Live>, usize)>,
    /// The items that the group has changed, by id: where their present state stands in `changes`.
    pending: HashTable<u32>,
    next_fid: FxHashMap<CollectionId, u64>,
    /// What late records are compared with: durable states, and those of this group.
    states: FxHashMap<CollectionId, States>,
    written: FxHashMap<(CollectionId, u64), Vec<LiveItem>>,
    written_to: usize,
    failed: Option<StoreError>,
}

impl<'s> Plan<'s> {
    fn new(shared: &'s Shared, records: usize) -> Self {
        Self {
            shared,
            areas: shared.areas.load_full(),
            now: Timestamp::now(),
            revision: shared.revision(),
            changes: Vec::with_capacity(records),
            runs: Vec::new(),
            pending: HashTable::with_capacity(records),
            next_fid: FxHashMap::default(),
            states: FxHashMap::default(),
            written: FxHashMap::default(),
            written_to: 0,
            failed: None,
        }
    }

    fn batch(
        &mut self,
        live: &Arc<Live>,
        records: Vec<Prepared>,
        areas: &Arc<AreaIndex>,
        actor: &Arc<str>,
    ) -> Vec<Result<Receipt, Refused>> {
        let mut results = Vec::with_capacity(records.len());
        let state = live.state.read();
        // What was prepared with other areas is placed anew.
        let is_current = Arc::ptr_eq(areas, &self.areas);
        let mut records = records.into_iter();
        while let Some(record) = records.next() {
            let rest = records.as_slice();
            results.push(match record {
                Prepared::Draft(draft) => self.record(live, &state, draft, rest, actor),
                Prepared::New(item) if is_current && self.known(live, &state, hash(item.id()), item.id()).is_none() => {
                    self.add(live, &state, item, actor)
                }
                Prepared::New(item) => self.record(live, &state, opened(&item), rest, actor),
                Prepared::Refused(refused) => Err(refused),
            });
        }
        results
    }

    /// Adds a new item that was packed without its numbers.
    fn add(&mut self, live: &Arc<Live>, state: &LiveState, item: LiveItem, actor: &Arc<str>) -> Result<Receipt, Refused> {
        let fid = self.new_fid(live, state);
        check_fid(fid)?;
        self.next_fid.insert(live.meta.id.clone(), fid + 1);
        self.revision = self.revision.next();
        let (id, revision) = (item.id().into(), self.revision);
        self.note(live, item.numbered(fid, revision), None, false, actor);
        Ok(Receipt { id, revision, effect: Effect::Created })
    }

    /// The number for a new item.
    fn new_fid(&mut self, live: &Live, state: &LiveState) -> u64 {
        *self.next_fid.entry(live.meta.id.clone()).or_insert_with(|| state.next_fid())
    }

    fn edit(&mut self, live: &Arc<Live>, edit: Edit, actor: &Arc<str>) -> Result<Receipt, Refused> {
        let state = live.state.read();
        let known = self.known(live, &state, hash(&edit.draft.id), &edit.draft.id);
        let draft = edit.record(known.as_ref())?;
        self.record(live, &state, draft, &[], actor)
    }

    /// An item as the group has left it so far, a removed one too.
    fn known(&self, live: &Live, state: &LiveState, hash: u64, id: &str) -> Option<LiveItem> {
        let same = |at: &u32| {
            let change = &self.changes[*at as usize];
            change.item.id() == id && change.collection == live.meta.id
        };
        self.pending.find(hash, same).map(|at| &self.changes[*at as usize].item).or_else(|| state.by_hash(hash, id)).cloned()
    }

    /// Adds what a reaction drafts.
    fn follow(&mut self, reaction: &mut dyn Reaction) {
        let actor: Arc<str> = "rules".into();
        for (id, draft) in reaction.react(&self.changes, self.now) {
            let Some(Kind::Live(live)) = self.shared.collection(&id) else {
                tracing::error!(collection = %id, "a reaction writes to what is no live collection");
                continue;
            };
            let state = live.state.read();
            if let Err(refused) = self.record(&live, &state, draft, &[], &actor) {
                tracing::error!(collection = %id, %refused, "what a reaction drafted was refused");
            }
        }
    }

    /// Plans what one record changes; `rest` are the records after it.
    fn record(
        &mut self,
        live: &Arc<Live>,
        state: &LiveState,
        draft: EventDraft,
        rest: &[Prepared],
        actor: &Arc<str>,
    ) -> Result<Receipt, Refused> {
        let collection = &live.meta.id;
        let id: Arc<str> = draft.id.as_str().into();
        let known = self.known(live, state, hash(&id), &id);
        let fid = match &known {
            Some(item) => item.fid(),
            None => self.new_fid(live, state),
        };
        check_fid(fid)?;
        let areas = self.areas.clone();
        let context = Context { kind: live.meta.kind, areas: &areas, actor, now: self.now, fid };
        let effect = match (merge(draft, known.as_ref(), &context)?, &known) {
            (Merged::Nothing, _) => Effect::Unchanged,
            (Merged::Now(item), Some(known)) => {
                self.push(live, item, Some(known.clone()), false, actor);
                Effect::Changed
            }
            (Merged::Now(item), None) => {
                self.next_fid.insert(collection.clone(), fid + 1);
                self.push(live, item, None, false, actor);
                Effect::Created
            }
            (Merged::Late(draft, since), Some(known)) => {
                let states = self.states_of(live, state, (fid, since), rest);
                match merge_late(draft, since, known, &states, &context)? {
                    None => Effect::Unchanged,
                    Some(Late { before, past, present }) => {
                        self.push(live, past, before, true, actor);
                        if let Some(present) = present {
                            self.push(live, present, Some(known.clone()), false, actor);
                        }
                        Effect::Changed
                    }
                }
            }
            // Only what is known has a record that comes late.
            (Merged::Late(..), None) => Effect::Unchanged,
        };
        let revision = match (&effect, &known) {
            (Effect::Unchanged, Some(known)) => known.revision(),
            _ => self.revision,
        };
        Ok(Receipt { id, revision, effect })
    }

    /// Adds a change under the next revision.
    fn push(&mut self, live: &Arc<Live>, mut item: LiveParts, before: Option<LiveItem>, late: bool, actor: &Arc<str>) {
        self.revision = self.revision.next();
        item.revision = self.revision;
        self.note(live, LiveItem::from(item), before, late, actor);
    }

    /// Adds a change that has its revision.
    fn note(&mut self, live: &Arc<Live>, item: LiveItem, before: Option<LiveItem>, late: bool, actor: &Arc<str>) {
        let at = u32::try_from(self.changes.len()).unwrap_or(u32::MAX);
        let collection = &live.meta.id;
        if !late {
            let changes = &self.changes;
            let same = |other: &u32| changes[*other as usize].item.id() == item.id() && changes[*other as usize].collection == *collection;
            match self.pending.entry(hash(item.id()), same, |at| hash(changes[*at as usize].item.id())) {
                Entry::Occupied(mut entry) => *entry.get_mut() = at,
                Entry::Vacant(entry) => drop(entry.insert(at)),
            }
        }
        self.changes.push(Change { collection: collection.clone(), item, before, late, actor: actor.clone() });
        match self.runs.last_mut() {
            Some((last, end)) if Arc::ptr_eq(last, live) => *end = self.changes.len(),
            _ => self.runs.push((live.clone(), self.changes.len())),
        }
    }

    /// The states of an item with a late record, durable and planned ones, in order.
    fn states_of(&mut self, live: &Arc<Live>, state: &LiveState, key: LateKey, rest: &[Prepared]) -> Vec<LiveItem> {
        let others = || {
            let late = |record: &Prepared| {
                let (id, time) = record.names()?;
                let item = state.by_hash(hash(id), id)?;
                (time < item.since()).then(|| (item.fid(), time))
            };
            rest.iter().filter_map(late).collect()
        };
        let durable = self.states.entry(live.meta.id.clone()).or_default();
        let mut states = match durable.of(&*self.shared.store, live, key, others) {
            Ok(states) => states,
            Err(error) => {
                self.failed = Some(error);
                Vec::new()
            }
        };
        for change in &self.changes[self.written_to..] {
            self.written.entry((change.collection.clone(), change.item.fid())).or_default().push(change.item.clone());
        }
        self.written_to = self.changes.len();
        states.extend(self.written.get(&(live.meta.id.clone(), key.0)).into_iter().flatten().cloned());
        states.retain(|state| !live.meta.kind.is_series() || state.since() == key.1);
        states.sort_by_key(|state| (state.since(), state.revision()));
        states
    }
}
