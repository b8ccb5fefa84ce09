//! What waits for one subscriber: bounded, coalesced under pressure, then closed with the reason.

use super::{hub::Pushed, interest::Told, message::PushedChange};
use citywall_model::{CollectionId, limits};
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::Notify;

/// Something that waits for a subscriber.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A whole commit, for who wants everything.
    Commit(Arc<Pushed>),
    /// One change that concerns the subscriber.
    Change(Arc<PushedChange>, Told),
    /// A layer has a new version.
    Layer {
        /// The revision of it.
        revision: u64,
        /// The layer.
        collection: CollectionId,
    },
    /// Nothing more concerns the subscriber up to this revision.
    Reached(u64),
}

impl Entry {
    /// The revision that a subscriber has reached with it.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Commit(commit) => commit.revision,
            Self::Change(change, _) => change.revision,
            Self::Layer { revision, .. } | Self::Reached(revision) => *revision,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Commit(commit) => commit.weight(),
            _ => 1,
        }
    }
}

/// Why a subscriber hears no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Its reader did not keep up.
    Slow,
    /// The server itself did not keep up: commits were passed over.
    Overrun,
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<Entry>,
    /// Changes in all entries.
    changes: usize,
    /// `changes` after the last coalescing.
    coalesced_to: usize,
    cut: Option<Cut>,
}

/// One subscriber's mailbox.
pub struct Mailbox {
    waiting: Mutex<Waiting>,
    /// Told when something comes; several mailboxes of one reader share it.
    bell: Arc<Notify>,
}

impl Mailbox {
    pub fn new(bell: Arc<Notify>) -> Self {
        Self { waiting: Mutex::default(), bell }
    }

    /// Puts entries in, in order of revision. Returns how many changes were coalesced away, or
    /// that the mailbox is closed.
    ///
    /// # Errors
    /// The reader is cut off; nothing more need be put in.
    pub fn put(&self, entries: impl IntoIterator<Item = Entry>) -> Result<usize, Cut> {
        let mut waiting = self.waiting.lock();
        let mut coalesced = 0;
        // A reader that has read all so far takes a batch of any size.
        if waiting.changes > limits::SUBSCRIBER_QUEUE_MAX && waiting.changes > waiting.coalesced_to + limits::SUBSCRIBER_QUEUE_MAX / 4 {
            coalesced = waiting.coalesce();
            if waiting.changes > limits::SUBSCRIBER_QUEUE_MAX {
                *waiting = Waiting { cut: Some(Cut::Slow), ..Waiting::default() };
            }
        }
        if let Some(cut) = waiting.cut {
            self.bell.notify_one();
            return Err(cut);
        }
        for entry in entries {
            waiting.changes += entry.weight();
            waiting.entries.push_back(entry);
        }
        drop(waiting);
        self.bell.notify_one();
        Ok(coalesced)
    }

    /// Closes it for a reason that is not the reader's.
    pub fn close(&self, cut: Cut) {
        *self.waiting.lock() = Waiting { cut: Some(cut), ..Waiting::default() };
        self.bell.notify_one();
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.lock().entries.is_empty()
    }

    /// Takes entries out until `max` changes are reached; the last entry may pass it.
    ///
    /// # Errors
    /// The reader was cut off.
    pub fn take(&self, max: usize) -> Result<VecDeque<Entry>, Cut> {
        let mut waiting = self.waiting.lock();
        if let Some(cut) = waiting.cut {
            return Err(cut);
        }
        let mut taken = VecDeque::new();
        let mut changes = 0;
        while changes < max
            && let Some(entry) = waiting.entries.pop_front()
        {
            changes += entry.weight();
            taken.push_back(entry);
        }
        waiting.changes -= changes;
        waiting.coalesced_to = waiting.coalesced_to.min(waiting.changes);
        Ok(taken)
    }
}

impl Waiting {
    fn coalesce(&mut self) -> usize {
        let before = self.changes;
        self.entries = coalesce(std::mem::take(&mut self.entries));
        self.changes = self.entries.len();
        self.coalesced_to = self.changes;
        before.saturating_sub(self.changes)
    }
}

/// Leaves of every moving object and datastream only the last change. O(changes).
pub fn coalesce(mut entries: VecDeque<Entry>) -> VecDeque<Entry> {
    let mut seen: FxHashSet<(CollectionId, u64)> = FxHashSet::default();
    let mut kept = VecDeque::with_capacity(entries.len());
    let mut keep = |change: Arc<PushedChange>, told: Told, kept: &mut VecDeque<Entry>| {
        if !change.is_series || seen.insert((change.collection.clone(), change.item.fid())) {
            kept.push_front(Entry::Change(change, told));
        }
    };
    while let Some(entry) = entries.pop_back() {
        match entry {
            Entry::Commit(commit) => {
                match &commit.layer {
                    Some(layer) => kept.push_front(Entry::Layer { revision: commit.revision, collection: layer.clone() }),
                    // What comes later leads further.
                    None if kept.is_empty() => kept.push_front(Entry::Reached(commit.revision)),
                    None => {}
                }
                for change in commit.changes().iter().rev().filter(|change| !change.late) {
                    keep(change.clone(), change.told_to_all(), &mut kept);
                }
            }
            Entry::Change(change, told) => keep(change, told, &mut kept),
            Entry::Layer { .. } | Entry::Reached(_) => kept.push_front(entry),
        }
    }
    kept
}
