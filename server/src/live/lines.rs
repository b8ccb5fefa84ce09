//! The subscriptions of one reader, and the pace at which it is told.

use super::{
    line::{Ended, Line, Said},
    replay::Player,
};
use crate::limits;
use citywall_wire::ReplayControl;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Between two messages of a subscription at least this long passes, if changes come without
/// end: many small commits then share one message.
const PACE: Duration = Duration::from_millis(limits::PUSH_PACE_MS);

/// One subscription: to the present, or to a past window that is played again.
pub enum Subscription {
    /// What happens.
    Present(Box<Line>),
    /// What happened.
    Replay(Player),
}

impl Subscription {
    fn poll(&mut self) -> Result<Option<Said>, Ended> {
        match self {
            Self::Present(line) => line.poll(),
            Self::Replay(player) => Ok(player.poll()),
        }
    }

    fn catch_up(&mut self, delivered: u64) -> Option<Said> {
        match self {
            Self::Present(line) => line.catch_up(delivered),
            Self::Replay(_) => None,
        }
    }
}

/// The subscriptions of one reader by their ids.
#[derive(Default)]
pub struct Lines {
    lines: BTreeMap<Option<String>, Subscription>,
    bell: Arc<Notify>,
    /// When the mailboxes were last emptied.
    emptied: Option<Instant>,
    /// The subscription that spoke last, so that they take turns.
    spoke: Option<Option<String>>,
}

impl Lines {
    /// What rings when something comes for one of the subscriptions.
    pub fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    /// Adds a subscription, or puts it in the place of the one with its id.
    ///
    /// # Errors
    /// There are too many.
    pub fn insert(&mut self, id: Option<String>, line: Subscription) -> Result<(), String> {
        if self.lines.len() >= limits::LINE_SUBSCRIPTIONS_MAX && !self.lines.contains_key(&id) {
            return Err(format!("a line has at most LINE_SUBSCRIPTIONS_MAX ({}) subscriptions", limits::LINE_SUBSCRIPTIONS_MAX));
        }
        self.lines.insert(id, line);
        self.bell.notify_one();
        Ok(())
    }

    /// Ends a subscription; false if there is none of this id.
    pub fn remove(&mut self, id: &Option<String>) -> bool {
        self.lines.remove(id).is_some()
    }

    /// Steers a replay.
    ///
    /// # Errors
    /// There is none of this id, or it cannot do that.
    pub fn steer(&self, control: &ReplayControl) -> Result<(), String> {
        match self.lines.get(&control.id) {
            Some(Subscription::Replay(player)) => player.steer(control),
            Some(Subscription::Present(_)) => Err("the subscription of this id tells the present; nothing of it can be steered".to_owned()),
            None => Err("there is no replay of this id".to_owned()),
        }
    }

    /// True if the reader is to hear of the present: a replay without an id, or nothing but
    /// replays, have heartbeats of their own.
    pub fn is_of_the_present(&self) -> bool {
        let is_replay = |line: &Subscription| matches!(line, Subscription::Replay(_));
        !self.lines.get(&None).is_some_and(is_replay) && (self.lines.is_empty() || !self.lines.values().all(is_replay))
    }

    /// The next message, as soon as there is one. May be dropped and called again.
    ///
    /// # Errors
    /// The line ends, with the reason.
    pub async fn next(&mut self) -> Result<Said, Ended> {
        loop {
            if let Some(emptied) = self.emptied {
                sleep_until(emptied + PACE).await;
                self.emptied = None;
            }
            if let Some(said) = self.poll()? {
                return Ok(said);
            }
            self.bell.notified().await;
        }
    }

    /// The next message, if there is one now. Subscriptions take turns.
    fn poll(&mut self) -> Result<Option<Said>, Ended> {
        let after = self.spoke.take();
        let order = |id: &Option<String>| after.as_ref().is_some_and(|after| id <= after);
        let mut ids: Vec<Option<String>> = self.lines.keys().cloned().collect();
        ids.sort_by_key(order);
        for id in ids {
            if let Some(line) = self.lines.get_mut(&id)
                && let Some(said) = line.poll()?
            {
                self.spoke = Some(id);
                return Ok(Some(said));
            }
        }
        self.emptied = Some(Instant::now());
        Ok(None)
    }

    /// What the subscriptions are told at a heartbeat: how far they are, where nothing that
    /// concerns them has happened up to `delivered`.
    pub fn catch_up(&mut self, delivered: u64) -> Vec<Said> {
        self.lines.values_mut().filter_map(|line| line.catch_up(delivered)).collect()
    }
}
