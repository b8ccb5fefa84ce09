//! The subscriptions of one reader, and the pace at which it is told.

use super::line::{Ended, Line, Said};
use crate::limits;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Between two messages of a subscription at least this long passes, if changes come without
/// end: many small commits then share one message.
const PACE: Duration = Duration::from_millis(limits::PUSH_PACE_MS);

/// The subscriptions of one reader by their ids.
#[derive(Default)]
pub struct Lines {
    lines: BTreeMap<Option<String>, Line>,
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
    pub fn insert(&mut self, id: Option<String>, line: Line) -> Result<(), String> {
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
