//! One subscription: what it has been told, and what it is told next.

use super::{
    hub::{Hub, Pushed, Subscribed, layer_changed},
    interest::{Interest, Told},
    mailbox::{Cut, Entry, Mailbox, coalesce},
    message::{self, PushedChange},
};
use crate::limits;
use axum::body::Bytes;
use citywall_model::{CollectionId, LiveItem, limits as engine};
use citywall_query::City;
use citywall_wire::LiveMessage;
use rustc_hash::FxHashSet;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::Notify;

/// A message and the revision that the subscriber has reached with it.
pub struct Said {
    /// The JSON text.
    pub text: Bytes,
    /// The revision, where the message moves it on.
    pub revision: Option<u64>,
}

/// Why a line ends.
#[derive(Debug)]
pub enum Ended {
    /// The reader did not keep up.
    TooSlow,
    /// The server stops.
    Closing,
}

/// Something that is due to be told; its text is made when it is told.
enum Due {
    Part { collection: CollectionId, items: Vec<LiveItem>, last: bool },
    Entries(VecDeque<Entry>),
    Said(Said),
}

/// A subscription: first what is due, then what comes.
pub struct Line {
    id: Option<String>,
    interest: Arc<Interest>,
    subscribed: Subscribed,
    due: VecDeque<Due>,
    /// The revision that the subscriber has reached.
    reached: u64,
    /// What the mailbox has up to here was told otherwise.
    floor: u64,
    /// True if the chain is broken and nothing more is told.
    broken: bool,
}

impl Line {
    /// Starts a subscription: with a snapshot, with what was missed, or with the order to ask for
    /// a snapshot. Blocks while the state is read.
    ///
    /// # Errors
    /// The journal cannot be read; in words for the client.
    pub fn start(
        hub: &Arc<Hub>,
        city: &City,
        id: Option<String>,
        interest: Interest,
        after: Option<u64>,
        bell: Arc<Notify>,
    ) -> Result<Self, String> {
        let interest = Arc::new(interest);
        // The mailbox fills from here on; what is read below is at least as new as what it lacks.
        let subscribed = hub.subscribe(interest.clone(), Arc::new(Mailbox::new(bell)));
        let mut line = Self { id, interest, subscribed, due: VecDeque::new(), reached: 0, floor: 0, broken: false };
        match after {
            None => line.begin(city),
            Some(after) => line.resume(hub, city, after)?,
        }
        Ok(line)
    }

    fn begin(&mut self, city: &City) {
        let (revision, state) = city.at_rest(|revision| {
            let views = self.interest.views(city);
            (revision.0, views.iter().map(|view| (view.id().clone(), self.interest.open_items(view))).collect::<Vec<_>>())
        });
        (self.reached, self.floor) = (revision, revision);
        let collections = state.len();
        for (at, (collection, items)) in state.into_iter().enumerate() {
            let items: Vec<LiveItem> = items.into_iter().filter(|item| self.interest.holds(item)).collect();
            let parts = items.chunks(limits::SNAPSHOT_PART_ITEMS_MAX).map(<[_]>::to_vec).collect::<Vec<_>>();
            let parts = if parts.is_empty() { vec![Vec::new()] } else { parts };
            let count = parts.len();
            for (part, items) in parts.into_iter().enumerate() {
                let last = at + 1 == collections && part + 1 == count;
                self.due.push_back(Due::Part { collection: collection.clone(), items, last });
            }
        }
        if collections == 0 {
            // A city without live collections still has a revision to follow.
            let text = message::delta(self.id(), (revision, revision), std::iter::empty(), std::iter::empty()).into();
            self.due.push_back(Due::Said(Said { text, revision: Some(revision) }));
        }
    }

    fn resume(&mut self, hub: &Hub, city: &City, after: u64) -> Result<(), String> {
        self.reached = after;
        match hub.since(city, after).map_err(|error| error.to_string())? {
            Some(missed) => {
                self.floor = missed.last().map_or(after, |commit| commit.revision);
                self.due_missed(missed);
            }
            None => {
                let reason = format!("revision {after} is too old or not of this city; subscribe again without “after”");
                self.resync(reason);
            }
        }
        Ok(())
    }

    fn due_missed(&mut self, missed: Vec<Arc<Pushed>>) {
        let end = self.floor;
        let mut told: VecDeque<Entry> = missed.into_iter().flat_map(|commit| self.entries_of(commit)).collect();
        if told.len() > limits::DELTA_CHANGES_MAX {
            told = coalesce(told);
        }
        told.push_back(Entry::Reached(end));
        self.due.push_back(Due::Entries(told));
    }

    /// What a commit has for this subscriber.
    fn entries_of(&self, commit: Arc<Pushed>) -> Vec<Entry> {
        if let Some(collection) = &commit.layer {
            return vec![Entry::Layer { revision: commit.revision, collection: collection.clone() }];
        }
        if self.interest.is_everything() && commit.after >= self.reached {
            return vec![Entry::Commit(commit)];
        }
        let news = commit.changes().iter().filter(|change| change.revision > self.reached);
        news.filter_map(|change| Some(Entry::Change(change.clone(), self.interest.told(change)?))).collect()
    }

    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn resync(&mut self, reason: String) {
        self.broken = true;
        self.due.clear();
        let text = message::other(&LiveMessage::Resync { id: self.id.clone(), reason }).into();
        self.due.push_back(Due::Said(Said { text, revision: None }));
    }

    /// The next message, if there is one now.
    ///
    /// # Errors
    /// The reader did not keep up.
    pub fn poll(&mut self) -> Result<Option<Said>, Ended> {
        loop {
            if let Some(due) = self.due.pop_front() {
                if let Some(said) = self.say(due) {
                    return Ok(Some(said));
                }
                continue;
            }
            if self.broken {
                return Ok(None);
            }
            match self.subscribed.mailbox.take(limits::DELTA_CHANGES_MAX) {
                Ok(entries) if entries.is_empty() => return Ok(None),
                Ok(mut entries) => {
                    entries.retain(|entry| entry.revision() > self.floor);
                    self.due.push_back(Due::Entries(entries));
                }
                Err(Cut::Slow) => return Err(Ended::TooSlow),
                Err(Cut::Overrun) => self.resync("the server passed over changes; subscribe again without “after”".to_owned()),
            }
        }
    }

    /// An empty delta that moves the subscriber on over what does not concern it, if there is
    /// such: up to `delivered`, which was asked of the hub before.
    pub fn catch_up(&mut self, delivered: u64) -> Option<Said> {
        let has_all = self.due.is_empty() && self.subscribed.mailbox.is_empty();
        if self.broken || !has_all || delivered <= self.reached.max(self.floor) {
            return None;
        }
        Some(self.delta(delivered, &[], &[]))
    }

    /// Makes the text of what is due; what does not fit into one message stays due.
    fn say(&mut self, due: Due) -> Option<Said> {
        match due {
            Due::Said(said) => Some(said),
            Due::Part { collection, items, last } => {
                let text = message::snapshot(self.id(), self.reached, &collection, &items, last, None).into();
                Some(Said { text, revision: last.then_some(self.reached) })
            }
            Due::Entries(entries) => self.say_entries(entries),
        }
    }

    fn say_entries(&mut self, mut entries: VecDeque<Entry>) -> Option<Said> {
        if let (1, Some(Entry::Commit(commit))) = (entries.len(), entries.front())
            && commit.after == self.reached
            && self.id.is_none()
            && commit.weight() <= limits::DELTA_CHANGES_MAX
            && let Some(text) = commit.whole()
        {
            self.reached = commit.revision;
            return Some(Said { text, revision: Some(self.reached) });
        }
        let mut part = Part::default();
        while let Some(entry) = entries.pop_front() {
            match entry {
                Entry::Commit(commit) => {
                    // What was missed lies below the floor; what the reader has does not count again.
                    let reached = self.reached;
                    let of_commit = commit.changes().iter().filter(|change| change.revision > reached && !change.late);
                    let mut told: Vec<Entry> = of_commit.map(|change| Entry::Change(change.clone(), change.told_to_all())).collect();
                    told.push(match &commit.layer {
                        Some(layer) => Entry::Layer { revision: commit.revision, collection: layer.clone() },
                        None => Entry::Reached(commit.revision),
                    });
                    told.into_iter().rev().for_each(|entry| entries.push_front(entry));
                }
                Entry::Reached(revision) => part.revision = part.revision.max(revision),
                Entry::Layer { revision, collection } => {
                    if !part.is_empty() {
                        entries.push_front(Entry::Layer { revision, collection });
                        break;
                    }
                    let text = layer_changed(self.id(), self.reached, revision, &collection).into();
                    self.reached = revision;
                    self.keep(entries);
                    return Some(Said { text, revision: Some(revision) });
                }
                Entry::Change(change, told) => {
                    if !part.takes(&change, told) {
                        entries.push_front(Entry::Change(change, told));
                        break;
                    }
                }
            }
        }
        self.keep(entries);
        (part.revision > self.reached).then(|| self.delta(part.revision, &part.changes, &part.gone))
    }

    /// What did not fit comes next.
    fn keep(&mut self, entries: VecDeque<Entry>) {
        if !entries.is_empty() {
            self.due.push_front(Due::Entries(entries));
        }
    }

    fn delta(&mut self, revision: u64, changes: &[Arc<PushedChange>], gone: &[Arc<PushedChange>]) -> Said {
        let (changes, gone) = (changes.iter().map(|change| &**change), gone.iter().map(|change| &**change));
        let text = message::delta(self.id.as_deref(), (self.reached, revision), changes, gone).into();
        self.reached = revision;
        Said { text, revision: Some(revision) }
    }
}

/// One delta in the making: bounded, and no item both in `changes` and in `gone`.
#[derive(Default)]
pub(super) struct Part {
    pub(super) revision: u64,
    pub(super) changes: Vec<Arc<PushedChange>>,
    pub(super) gone: Vec<Arc<PushedChange>>,
    /// The items of `gone`; while there are any, those of `changes` too.
    items: FxHashSet<(CollectionId, u64, bool)>,
}

impl Part {
    fn is_empty(&self) -> bool {
        self.revision == 0
    }

    /// False if it has to go into the next one.
    pub(super) fn takes(&mut self, change: &Arc<PushedChange>, told: Told) -> bool {
        if self.changes.len() + self.gone.len() >= limits::DELTA_CHANGES_MAX {
            return false;
        }
        let is_gone = told == Told::Gone;
        if is_gone && self.gone.is_empty() {
            self.items = self.changes.iter().map(|change| (change.collection.clone(), change.item.fid(), false)).collect();
        }
        if is_gone || !self.gone.is_empty() {
            let key = |gone| (change.collection.clone(), change.item.fid(), gone);
            if self.items.contains(&key(!is_gone)) {
                return false;
            }
            self.items.insert(key(is_gone));
        }
        self.revision = change.revision;
        if is_gone { &mut self.gone } else { &mut self.changes }.push(change.clone());
        true
    }
}

/// The heartbeat.
pub fn heartbeat(city: &City) -> Bytes {
    let time = jiff::Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_else(|_| jiff::Timestamp::now()).to_string();
    message::other(&LiveMessage::Heartbeat { id: None, revision: city.revision().0, time, replay: false, ended: false }).into()
}

/// That a style was put or removed.
pub fn styles_changed(style: String) -> Bytes {
    message::other(&LiveMessage::StylesChanged { style }).into()
}

/// The last message of a line that ends.
pub fn farewell(ended: &Ended) -> Bytes {
    let reason = match ended {
        Ended::TooSlow => format!(
            "this reader fell behind by more than SUBSCRIBER_QUEUE_MAX ({}) changes that cannot be coalesced; connect again, with “after” or without",
            engine::SUBSCRIBER_QUEUE_MAX
        ),
        Ended::Closing => "the server stops; connect again shortly".to_owned(),
    };
    error(None, reason)
}

/// A refusal.
pub fn error(id: Option<String>, reason: String) -> Bytes {
    message::other(&LiveMessage::Error { id, reason }).into()
}
