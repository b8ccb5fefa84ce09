//! One subscriber's line: what it has been told, and what it is told next.

use super::{
    hub::{Pushed, layer_changed},
    message,
};
use crate::{app::App, limits};
use axum::body::Bytes;
use citywall_model::{CollectionId, LiveItem};
use citywall_query::City;
use citywall_wire::LiveMessage;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

/// What a subscriber asks for.
#[derive(Clone, Debug, Default)]
pub struct Subscription {
    /// The live collections; empty means all. Layers that change are told to everyone.
    pub collections: Vec<CollectionId>,
    /// Resume after this revision; `None` asks for a snapshot.
    pub after: Option<u64>,
}

/// A message and the revision that the subscriber has reached with it.
pub struct Told {
    /// The JSON text.
    pub text: Bytes,
    /// The revision, where the message moves it on.
    pub revision: Option<u64>,
}

/// Why a line ends.
#[derive(Debug)]
pub enum Ended {
    /// The reader did not keep up.
    TooSlow {
        /// How many commits it missed.
        missed: u64,
    },
    /// The server stops.
    Closing,
}

/// A line after its subscription: first what is due, then what comes.
pub struct Line {
    wanted: Vec<CollectionId>,
    ring: broadcast::Receiver<Arc<Pushed>>,
    due: VecDeque<Told>,
    /// The revision that the subscriber has reached.
    reached: u64,
}

impl Line {
    /// Starts a line: with a snapshot, with what was missed, or with the order to ask for a
    /// snapshot. Blocks while the state is read.
    ///
    /// # Errors
    /// A collection is unknown or a layer, or the journal cannot be read; in words for the client.
    pub fn start(app: &App, city: &City, subscription: &Subscription) -> Result<Self, String> {
        for id in &subscription.collections {
            let view = city.view(id).map_err(|error| error.to_string())?;
            if !view.is_live() {
                return Err(format!("“{id}” is a layer; its new versions are told to every subscriber"));
            }
        }
        let wanted = subscription.collections.clone();
        let Some(after) = subscription.after else {
            let (ring, revision, state) = city.at_rest(|revision| (app.hub.listen(), revision.0, open_state(city, &wanted)));
            let mut line = Self { wanted, ring, due: VecDeque::new(), reached: revision };
            line.due_snapshot(&state);
            return Ok(line);
        };
        // Listening starts before the history is read; what comes twice is passed over.
        let mut line = Self { wanted, ring: app.hub.listen(), due: VecDeque::new(), reached: after };
        match app.hub.since(city, after).map_err(|error| error.to_string())? {
            Some(missed) => line.due_commits(&missed),
            None => {
                line.reached = city.revision().0;
                let reason = format!("revision {after} is too old or not of this city; subscribe again without “after”");
                line.due.push_back(Told { text: message::other(&LiveMessage::Resync { reason }).into(), revision: None });
            }
        }
        Ok(line)
    }

    /// The next message, as soon as there is one.
    ///
    /// # Errors
    /// The line ends, with the reason.
    pub async fn next(&mut self) -> Result<Told, Ended> {
        loop {
            if let Some(told) = self.due.pop_front() {
                return Ok(told);
            }
            let mut commits = vec![match self.ring.recv().await {
                Ok(commit) => commit,
                Err(RecvError::Lagged(missed)) => return Err(Ended::TooSlow { missed }),
                Err(RecvError::Closed) => return Err(Ended::Closing),
            }];
            let mut changes = commits[0].changes.len();
            // A reader that is behind gets what waits in one message.
            while changes < limits::DELTA_CHANGES_MAX {
                match self.ring.try_recv() {
                    Ok(commit) => {
                        changes += commit.changes.len();
                        commits.push(commit);
                    }
                    Err(TryRecvError::Lagged(missed)) => return Err(Ended::TooSlow { missed }),
                    Err(_) => break,
                }
            }
            self.due_commits(&commits);
        }
    }

    fn due_snapshot(&mut self, state: &[(CollectionId, Vec<LiveItem>)]) {
        let revision = self.reached;
        for (at, (collection, items)) in state.iter().enumerate() {
            let parts: Vec<&[LiveItem]> =
                if items.is_empty() { vec![&[]] } else { items.chunks(limits::SNAPSHOT_PART_ITEMS_MAX).collect() };
            for (part_at, part) in parts.iter().enumerate() {
                let last = at + 1 == state.len() && part_at + 1 == parts.len();
                let text = message::snapshot(revision, collection, part, last).into();
                self.due.push_back(Told { text, revision: last.then_some(revision) });
            }
        }
        if state.is_empty() {
            // A city without live collections still has a revision to follow.
            let text = message::delta(revision, revision, std::iter::empty()).into();
            self.due.push_back(Told { text, revision: Some(revision) });
        }
    }

    fn due_commits(&mut self, commits: &[Arc<Pushed>]) {
        let mut waiting: Vec<&Arc<Pushed>> = Vec::new();
        let reached = self.reached;
        for commit in commits.iter().filter(|commit| commit.revision > reached) {
            match &commit.layer {
                Some(layer) => {
                    self.due_delta(&waiting);
                    waiting.clear();
                    let text = layer_changed(self.reached, commit.revision, layer).into();
                    self.reached = commit.revision;
                    self.due.push_back(Told { text, revision: Some(commit.revision) });
                }
                None => waiting.push(commit),
            }
        }
        self.due_delta(&waiting);
    }

    /// Makes deltas of commits: bounded ones, and none at all if nothing in them is wanted.
    fn due_delta(&mut self, commits: &[&Arc<Pushed>]) {
        if let [commit] = commits
            && self.wanted.is_empty()
            && commit.after == self.reached
            && commit.changes.len() <= limits::DELTA_CHANGES_MAX
        {
            self.reached = commit.revision;
            self.due.push_back(Told { text: commit.whole(), revision: Some(commit.revision) });
            return;
        }
        let changes = commits.iter().flat_map(|commit| &commit.changes).filter(|change| change.revision > self.reached);
        let changes: Vec<_> = changes.filter(|change| self.wanted.is_empty() || self.wanted.contains(&change.collection)).collect();
        for part in changes.chunks(limits::DELTA_CHANGES_MAX) {
            let revision = part.last().map_or(self.reached, |change| change.revision);
            let text = message::delta(self.reached, revision, part.iter().copied()).into();
            self.reached = revision;
            self.due.push_back(Told { text, revision: Some(revision) });
        }
    }
}

/// The open items of the wanted live collections. Called between two commits.
fn open_state(city: &City, wanted: &[CollectionId]) -> Vec<(CollectionId, Vec<LiveItem>)> {
    let views = city.collections().into_iter().filter(|view| view.is_live() && (wanted.is_empty() || wanted.contains(view.id())));
    views.map(|view| (view.id().clone(), view.open_items())).collect()
}

/// The heartbeat.
pub fn heartbeat(city: &City) -> Bytes {
    let time = jiff::Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_else(|_| jiff::Timestamp::now()).to_string();
    message::other(&LiveMessage::Heartbeat { revision: city.revision().0, time }).into()
}

/// The last message of a line that ends.
pub fn farewell(ended: &Ended) -> Bytes {
    let reason = match ended {
        Ended::TooSlow { missed } => format!("this reader fell behind by {missed} commits; connect again, with “after” or without"),
        Ended::Closing => "the server stops; connect again shortly".to_owned(),
    };
    error(reason)
}

/// A refusal.
pub fn error(reason: String) -> Bytes {
    message::other(&LiveMessage::Error { reason }).into()
}
