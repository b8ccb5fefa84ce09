//! The ring of commits, and the thread that reads it for the subscribers.

use super::{
    index::{Index, Slot},
    interest::Interest,
    mailbox::{Cut, Mailbox},
    message::{self, PushedChange},
};
use axum::body::Bytes;
use citywall_model::{Change, CollectionId, Revision, limits};
use citywall_query::{City, Commit};
use citywall_store::StoreError;
use citywall_wire::LiveMessage;
use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashSet;
use std::{
    collections::VecDeque,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Changes that are read from the journal at a time.
const JOURNAL_PAGE: usize = 4_096;

/// One commit on its way to the subscribers.
#[derive(Debug)]
pub struct Pushed {
    /// The revision before.
    pub after: u64,
    /// The revision now.
    pub revision: u64,
    /// The layer that has a new version.
    pub layer: Option<CollectionId>,
    commit: Option<Commit>,
    series: Arc<FxHashSet<CollectionId>>,
    changes: OnceLock<Vec<Arc<PushedChange>>>,
    /// The whole commit as one message, made for the first who needs it.
    whole: OnceLock<Bytes>,
}

impl Pushed {
    fn new(commit: &Commit, series: Arc<FxHashSet<CollectionId>>) -> Self {
        Self {
            after: commit.after.0,
            revision: commit.revision.0,
            layer: commit.layer.clone(),
            commit: Some(commit.clone()),
            series,
            changes: OnceLock::new(),
            whole: OnceLock::new(),
        }
    }

    fn read(after: u64, revision: u64, layer: Option<CollectionId>, change: Option<PushedChange>) -> Self {
        Self {
            after,
            revision,
            layer,
            commit: None,
            series: Arc::default(),
            changes: OnceLock::from(change.into_iter().map(Arc::new).collect::<Vec<_>>()),
            whole: OnceLock::new(),
        }
    }

    /// Its changes, in order.
    pub fn changes(&self) -> &[Arc<PushedChange>] {
        self.changes.get_or_init(|| {
            let changes = self.commit.iter().flat_map(|commit| commit.changes.iter());
            changes.map(|change| Arc::new(PushedChange::new(change, self.series.contains(&change.collection)))).collect()
        })
    }

    /// True if it has a change in a collection that is asked for.
    pub fn any(&self, wanted: impl Fn(&CollectionId) -> bool) -> bool {
        match &self.commit {
            // Neighbours are mostly of one collection.
            Some(commit) => commit.changes.chunk_by(|a, b| a.collection == b.collection).any(|changes| wanted(&changes[0].collection)),
            None => self.changes().iter().any(|change| wanted(&change.collection)),
        }
    }

    /// How much room it takes where commits wait: its changes, or one for a layer.
    pub fn weight(&self) -> usize {
        self.commit.as_ref().map_or_else(|| self.changes().len(), |commit| commit.changes.len()).max(1)
    }

    /// The commit for a subscriber of everything who has all that came before it; `None` if it
    /// cannot be told by one message that is only changes.
    pub fn whole(&self) -> Option<Bytes> {
        if let Some(layer) = &self.layer {
            return Some(self.whole.get_or_init(|| layer_changed(None, self.after, self.revision, layer).into()).clone());
        }
        let plain = self.changes().iter().all(|change| !change.late && !change.removed);
        plain.then(|| {
            let changes = self.changes().iter().map(|change| &**change);
            self.whole.get_or_init(|| message::delta(None, (self.after, self.revision), changes, std::iter::empty()).into()).clone()
        })
    }
}

/// The message that a layer has a new version.
pub fn layer_changed(id: Option<&str>, after: u64, revision: u64, layer: &CollectionId) -> String {
    message::other(&LiveMessage::LayerChanged { id: id.map(str::to_owned), after, revision, collection: layer.to_string() })
}

/// Where commits go in and subscribers listen.
#[derive(Default)]
pub struct Hub {
    history: Mutex<History>,
    came: Condvar,
    index: Mutex<Index>,
    /// Every commit up to this revision is in the mailboxes that it concerns.
    delivered: AtomicU64,
    /// Changes that slow readers did not get because a later one of the same item waited.
    pub coalesced: AtomicU64,
}

/// The last commits, for the thread that delivers them and for who comes back after a break.
#[derive(Default)]
struct History {
    commits: VecDeque<Arc<Pushed>>,
    changes: usize,
    /// The collections of which the last state of an item says it all.
    series: Arc<FxHashSet<CollectionId>>,
    known: FxHashSet<CollectionId>,
    closed: bool,
}

/// A subscription that ends when this is dropped.
pub struct Subscribed {
    hub: Arc<Hub>,
    slot: Slot,
    /// Where its changes come in.
    pub mailbox: Arc<Mailbox>,
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.hub.index.lock().release(self.slot, &self.mailbox);
    }
}

impl Hub {
    /// Starts the delivery of a city's commits, on a thread of its own.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn follow(self: &Arc<Self>, city: &Arc<City>) -> std::io::Result<()> {
        self.delivered.store(city.revision().0, Ordering::Release);
        let (hub, from) = (self.clone(), city.revision().0);
        std::thread::Builder::new().name("city-push".to_owned()).spawn(move || hub.run(from))?;
        let (hub, of) = (Arc::downgrade(self), Arc::downgrade(city));
        city.on_commit(move |commit| {
            if let (Some(hub), Some(city)) = (hub.upgrade(), of.upgrade()) {
                hub.push(&city, commit);
            }
        });
        Ok(())
    }

    /// Ends the delivery.
    pub fn close(&self) {
        self.history.lock().closed = true;
        self.came.notify_all();
    }

    /// Takes a commit. Called on the writer's thread, in order; never blocks.
    fn push(&self, city: &City, commit: &Commit) {
        let mut history = self.history.lock();
        history.learn(city, commit);
        let pushed = Arc::new(Pushed::new(commit, history.series.clone()));
        history.changes += pushed.weight();
        history.commits.push_back(pushed);
        while history.changes > limits::PUSH_HISTORY_MAX && history.commits.len() > 1 {
            if let Some(oldest) = history.commits.pop_front() {
                history.changes -= oldest.weight();
            }
        }
        drop(history);
        self.came.notify_all();
    }

    /// Delivers what comes, until the hub is closed.
    fn run(&self, mut reached: u64) {
        while let Some(commits) = self.wait_after(reached) {
            let mut index = self.index.lock();
            for commit in commits {
                if commit.after > reached {
                    // The ring has overtaken this thread.
                    index.close_all(Cut::Overrun);
                }
                reached = commit.revision;
                if !index.is_empty() {
                    let coalesced = index.deliver(&commit);
                    self.coalesced.fetch_add(coalesced as u64, Ordering::Relaxed);
                }
                self.delivered.store(reached, Ordering::Release);
            }
        }
    }

    /// The commits after a revision, as soon as there are any; `None` once the hub is closed.
    fn wait_after(&self, revision: u64) -> Option<Vec<Arc<Pushed>>> {
        let mut history = self.history.lock();
        loop {
            if history.closed {
                return None;
            }
            let commits = history.after(revision);
            if !commits.is_empty() {
                return Some(commits);
            }
            self.came.wait(&mut history);
        }
    }

    /// The commits after a revision, from memory or else from the journal, a bounded number at a
    /// time; waits for the next one if there is none. Empty if none came in time.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn next(&self, city: &City, revision: u64, wait: Duration) -> Result<Vec<Arc<Pushed>>, StoreError> {
        let mut history = self.history.lock();
        let mut commits = history.after(revision);
        if commits.is_empty() {
            self.came.wait_for(&mut history, wait);
            commits = history.after(revision);
        }
        drop(history);
        let has_gap = commits.first().map_or(city.revision().0 > revision, |next| next.after > revision);
        if has_gap {
            let changes = city.store().changes_after(Revision(revision), JOURNAL_PAGE)?;
            // What lies between is told by layers alone if there are no changes.
            if !changes.is_empty() {
                return Ok(pushed(city, revision, &changes, Vec::new()));
            }
        }
        Ok(commits)
    }

    /// Every commit up to this revision is in the mailboxes that it concerns.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Acquire)
    }

    /// Has the changes of every later commit put into a mailbox.
    pub fn subscribe(self: &Arc<Self>, interest: Arc<Interest>, mailbox: Arc<Mailbox>) -> Subscribed {
        let slot = self.index.lock().insert(interest, mailbox.clone());
        Subscribed { hub: self.clone(), slot, mailbox }
    }

    /// The commits after a revision: from memory, or else from the journal; `None` if that is
    /// too long ago or has not happened. Blocks while the journal is read.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn since(&self, city: &City, revision: u64) -> Result<Option<Vec<Arc<Pushed>>>, StoreError> {
        let now = city.revision().0;
        if revision == now {
            return Ok(Some(Vec::new()));
        }
        if revision > now {
            return Ok(None);
        }
        let history = self.history.lock();
        if history.commits.front().is_some_and(|oldest| oldest.after <= revision) {
            return Ok(Some(history.after(revision)));
        }
        drop(history);
        journal(city, revision)
    }
}

impl History {
    /// The commits that end after a revision. O(log n + k).
    fn after(&self, revision: u64) -> Vec<Arc<Pushed>> {
        let start = self.commits.partition_point(|commit| commit.revision <= revision);
        self.commits.range(start..).cloned().collect()
    }

    /// Notes the kinds of collections that are seen for the first time.
    fn learn(&mut self, city: &City, commit: &Commit) {
        for change in commit.changes.iter() {
            if self.known.contains(&change.collection) {
                continue;
            }
            self.known.insert(change.collection.clone());
            if is_series(city, &change.collection) {
                Arc::make_mut(&mut self.series).insert(change.collection.clone());
            }
        }
    }
}

fn is_series(city: &City, collection: &CollectionId) -> bool {
    city.view(collection).is_ok_and(|view| view.kind().is_series())
}

/// The commits after a revision, told from the journal and the layers' own revisions.
fn journal(city: &City, revision: u64) -> Result<Option<Vec<Arc<Pushed>>>, StoreError> {
    let changes = city.store().changes_after(Revision(revision), limits::PUSH_HISTORY_MAX + 1)?;
    if changes.len() > limits::PUSH_HISTORY_MAX {
        return Ok(None);
    }
    let layers = city.collections().into_iter().filter(|view| !view.is_live());
    let layers = layers.map(|view| (view.changed().0, view.id().clone())).filter(|(at, _)| *at > revision).collect();
    Ok(Some(pushed(city, revision, &changes, layers)))
}

/// Changes and layers that were read, as commits of one revision each.
fn pushed(city: &City, mut after: u64, changes: &[Change], layers: Vec<(u64, CollectionId)>) -> Vec<Arc<Pushed>> {
    let live = changes.iter().map(|change| {
        let read = PushedChange::read(change, is_series(city, &change.collection));
        (change.item.revision().0, None, Some(read))
    });
    let mut all: Vec<_> = layers.into_iter().map(|(at, layer)| (at, Some(layer), None)).chain(live).collect();
    all.sort_by_key(|(at, ..)| *at);
    let commits = all.into_iter().map(|(at, layer, change)| {
        let pushed = Pushed::read(after, at, layer, change);
        after = at;
        Arc::new(pushed)
    });
    commits.collect()
}
