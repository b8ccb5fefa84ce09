//! A queue on disk for what is sent elsewhere: alarms and events on their way to a target.

use crate::StoreError;
use jiff::Timestamp;

/// A message of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// Its place in the queue of its target: ascending, given once.
    pub position: u64,
    /// What tells a repeated delivery from a new message.
    pub key: String,
    /// When it was queued.
    pub queued: Timestamp,
    /// What is to be sent.
    pub body: Vec<u8>,
}

/// A message that could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message.
    pub message: OutboxMessage,
    /// When it was given up.
    pub died: Timestamp,
    /// Why, in words.
    pub reason: String,
}

/// How much waits in one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxDepth {
    /// The target.
    pub target: String,
    /// Messages that wait.
    pub waiting: u64,
    /// When the oldest of them was queued.
    pub oldest: Option<Timestamp>,
    /// Messages that were given up and are kept for review.
    pub dead: u64,
}

/// One queue per target, each at most [`citywall_model::limits::OUTBOX_MESSAGES_MAX`] long. What
/// is queued stays until it is acknowledged or given up, over any restart.
pub trait Outbox: Send + Sync {
    /// Queues messages for targets, each as target, key and body, in one flushed transaction. A
    /// message whose key is in its target's queue, or among its dead letters, is queued already.
    ///
    /// # Errors
    /// The file cannot be written, or a queue is full; then none is queued.
    fn enqueue(&self, messages: &[(&str, &str, &[u8])]) -> Result<(), StoreError>;

    /// The messages of a target after a position, oldest first, at most `max` of them.
    ///
    /// # Errors
    /// The file cannot be read.
    fn peek(&self, target: &str, after: u64, max: usize) -> Result<Vec<OutboxMessage>, StoreError>;

    /// Takes delivered messages out of a target's queue: all up to a position. A power cut may
    /// take this back; then they are delivered again, with the same keys.
    ///
    /// # Errors
    /// The file cannot be written.
    fn acknowledge(&self, target: &str, up_to: u64) -> Result<(), StoreError>;

    /// Gives one message up and keeps it as a dead letter; of those, the oldest go beyond
    /// [`citywall_model::limits::DEAD_LETTERS_MAX`].
    ///
    /// # Errors
    /// The file cannot be written.
    fn give_up(&self, target: &str, position: u64, reason: &str) -> Result<(), StoreError>;

    /// The dead letters of a target after a position, oldest first, at most `max` of them.
    ///
    /// # Errors
    /// The file cannot be read.
    fn dead_letters(&self, target: &str, after: u64, max: usize) -> Result<Vec<DeadLetter>, StoreError>;

    /// Queues a dead letter anew, at the end and with its own key; false if there is none at the
    /// position.
    ///
    /// # Errors
    /// The file cannot be written, or the queue is full.
    fn revive(&self, target: &str, position: u64) -> Result<bool, StoreError>;

    /// Removes a target's queue and its dead letters.
    ///
    /// # Errors
    /// The file cannot be written.
    fn forget(&self, target: &str) -> Result<(), StoreError>;

    /// What waits, per target that has messages or dead letters, in order of target.
    ///
    /// # Errors
    /// The file cannot be read.
    fn depths(&self) -> Result<Vec<OutboxDepth>, StoreError>;
}
