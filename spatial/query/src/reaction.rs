//! What follows from a commit within the same commit: fences and rules raise their alarms here.

use citywall_model::{Change, CollectionId, EventDraft};
use jiff::Timestamp;

/// Sees every change of live collections before it is durable and adds drafts to it, which are
/// committed in the same transaction: an alarm is durable with the event that caused it, or
/// neither is. Drafts may be for any live collection; their own changes are not shown to it.
///
/// All methods run on the writer's thread: everything waits for them.
pub trait Reaction: Send {
    /// Drafts that follow from changes, at most [`citywall_model::limits::REACTION_DRAFTS_MAX`].
    /// `now` is the writer's clock. Called with no changes once a second, for what follows from
    /// time alone: a dwell that is long enough, a source that is silent.
    fn react(&mut self, changes: &[Change], now: Timestamp) -> Vec<(CollectionId, EventDraft)>;

    /// The commit that the last call of [`Reaction::react`] was for has failed: none of its
    /// changes happened, and the reaction forgets them.
    fn undo(&mut self);
}
