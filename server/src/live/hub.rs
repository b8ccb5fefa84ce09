//! The ring of commits.

use super::message::{self, PushedChange};
use axum::body::Bytes;
use citywall_model::{CollectionId, Revision, limits};
use citywall_query::{City, Commit};
use citywall_store::StoreError;
use citywall_wire::LiveMessage;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};
use tokio::sync::broadcast;

/// One commit on its way to the subscribers.
#[derive(Debug)]
pub struct Pushed {
    /// The revision before.
    pub after: u64,
    /// The revision now.
    pub revision: u64,
    /// Its changes, in order.
    pub changes: Vec<PushedChange>,
    /// The layer that has a new version.
    pub layer: Option<CollectionId>,
    /// The whole commit as one message, made for the first who needs it.
    whole: OnceLock<Bytes>,
}

impl Pushed {
    fn new(commit: &Commit) -> Self {
        Self {
            after: commit.after.0,
            revision: commit.revision.0,
            changes: commit.changes.iter().map(PushedChange::new).collect(),
            layer: commit.layer.clone(),
            whole: OnceLock::new(),
        }
    }

    /// The commit for a subscriber of everything who has all that came before it.
    pub fn whole(&self) -> Bytes {
        let write = || match &self.layer {
            Some(layer) => layer_changed(self.after, self.revision, layer),
            None => message::delta(self.after, self.revision, self.changes.iter()),
        };
        self.whole.get_or_init(|| Bytes::from(write())).clone()
    }
}

/// The message that a layer has a new version.
pub fn layer_changed(after: u64, revision: u64, layer: &CollectionId) -> String {
    message::other(&LiveMessage::LayerChanged { after, revision, collection: layer.to_string() })
}

/// Where commits go in and subscribers listen.
pub struct Hub {
    ring: broadcast::Sender<Arc<Pushed>>,
    history: Mutex<History>,
}

/// The last commits, for who comes back after a break.
#[derive(Default)]
struct History {
    commits: VecDeque<Arc<Pushed>>,
    changes: usize,
}

impl Hub {
    /// An empty ring.
    pub fn new() -> Self {
        Self { ring: broadcast::Sender::new(limits::SUBSCRIBER_QUEUE_MAX), history: Mutex::default() }
    }

    /// Takes a commit. Called on the writer's thread, in order; never blocks.
    pub fn push(&self, commit: &Commit) {
        let pushed = Arc::new(Pushed::new(commit));
        let mut history = self.history.lock();
        history.changes += pushed.changes.len().max(1);
        history.commits.push_back(pushed.clone());
        while history.changes > limits::PUSH_HISTORY_MAX && history.commits.len() > 1 {
            if let Some(oldest) = history.commits.pop_front() {
                history.changes -= oldest.changes.len().max(1);
            }
        }
        drop(history);
        // Nobody listening is no error.
        let _ = self.ring.send(pushed);
    }

    /// Listens to every later commit.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Pushed>> {
        self.ring.subscribe()
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
            return Ok(Some(history.commits.iter().filter(|commit| commit.revision > revision).cloned().collect()));
        }
        drop(history);
        journal(city, revision)
    }
}

/// The commits after a revision, told from the journal and the layers' own revisions.
fn journal(city: &City, revision: u64) -> Result<Option<Vec<Arc<Pushed>>>, StoreError> {
    let changes = city.store().changes_after(Revision(revision), limits::PUSH_HISTORY_MAX + 1)?;
    if changes.len() > limits::PUSH_HISTORY_MAX {
        return Ok(None);
    }
    let layers =
        city.collections().into_iter().filter(|view| !view.is_live()).map(|view| (view.changed().0, Some(view.id().clone()), None));
    let live = changes.iter().map(|change| (change.item.revision().0, None, Some(PushedChange::new(change))));
    let mut all: Vec<_> = layers.filter(|(at, ..)| *at > revision).chain(live).collect();
    all.sort_by_key(|(at, ..)| *at);
    let mut after = revision;
    let commits = all.into_iter().map(|(at, layer, change)| {
        let pushed = Pushed { after, revision: at, changes: change.into_iter().collect(), layer, whole: OnceLock::new() };
        after = at;
        Arc::new(pushed)
    });
    Ok(Some(commits.collect()))
}
