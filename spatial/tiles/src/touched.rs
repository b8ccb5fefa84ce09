//! Where the city changed lately: what decides whether a tile is still what it shows.

use citywall_model::{Bbox, Change, CollectionId, LiveItem, Revision, geometry, limits};
use citywall_query::Commit;
use geo::{Intersects, Rect, coord};
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
};

/// A change of what a map draws.
#[derive(Debug)]
pub(crate) struct Touch {
    revision: Revision,
    /// Holds both shapes.
    envelope: Bbox,
    pub(crate) before: Option<LiveItem>,
    pub(crate) after: Option<LiveItem>,
}

impl Touch {
    /// `None` if nothing that a map draws has changed.
    fn of(change: &Change) -> Option<Self> {
        let drawn = |item: &LiveItem| !item.is_cleared() && item.geometry().is_some();
        if change.late {
            return None;
        }
        let before = change.before.clone().filter(drawn);
        let after = Some(change.item.clone()).filter(drawn);
        let envelope = [&before, &after].into_iter().flatten().filter_map(LiveItem::bounds).fold(Bbox::EMPTY, Bbox::union);
        (!envelope.is_empty()).then_some(Self { revision: change.item.revision(), envelope, before, after })
    }

    fn meets(&self, window: &Bbox) -> bool {
        let shapes = || [&self.before, &self.after].into_iter().flatten();
        self.envelope.intersects(window) && shapes().any(|item| Self::shape_meets(item, window))
    }

    /// True if an item's shape shares a point with a window.
    pub(crate) fn shape_meets(item: &LiveItem, window: &Bbox) -> bool {
        let area = || Rect::new(coord! { x: window.x_min, y: window.y_min }, coord! { x: window.x_max, y: window.y_max });
        item.bounds().is_some_and(|bounds| {
            window.contains(&bounds)
                || bounds.intersects(window) && item.geometry().and_then(geometry::to_geo).is_some_and(|shape| shape.intersects(&area()))
        })
    }
}

/// The changes of one collection, oldest first.
#[derive(Debug)]
struct Log {
    /// Every change after this revision is here.
    complete_after: Revision,
    touches: VecDeque<Touch>,
}

/// What happened in a window since a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// Nothing.
    No,
    /// The last change there was at this revision.
    At(Revision),
    /// The log does not reach back so far.
    Unknown,
}

/// The last changes of every collection, at most [`limits::TOUCHES_MAX`] of each.
#[derive(Debug)]
pub struct TouchLog {
    started: Revision,
    noted: AtomicU64,
    logs: RwLock<FxHashMap<CollectionId, Log>>,
}

impl TouchLog {
    /// A log of what comes after a revision.
    #[must_use]
    pub fn new(started: Revision) -> Self {
        Self { started, noted: AtomicU64::new(started.0), logs: RwLock::default() }
    }

    /// Takes a commit; they come in order. A layer's new version touches everything.
    pub fn note(&self, commit: &Commit) {
        let mut logs = self.logs.write();
        if let Some(layer) = &commit.layer {
            logs.insert(layer.clone(), Log { complete_after: commit.revision, touches: VecDeque::new() });
        }
        for change in commit.changes.iter() {
            let Some(touch) = Touch::of(change) else { continue };
            if !logs.contains_key(&change.collection) {
                logs.insert(change.collection.clone(), Log { complete_after: self.started, touches: VecDeque::new() });
            }
            let Some(log) = logs.get_mut(&change.collection) else { continue };
            if log.touches.len() == limits::TOUCHES_MAX
                && let Some(oldest) = log.touches.pop_front()
            {
                log.complete_after = oldest.revision;
            }
            log.touches.push_back(touch);
        }
        drop(logs);
        self.noted.store(commit.revision.0, Ordering::Release);
    }

    /// The last commit in the log.
    #[must_use]
    pub fn noted(&self) -> Revision {
        Revision(self.noted.load(Ordering::Acquire))
    }

    /// What happened in a window of a collection after a revision. O(changes since).
    #[must_use]
    pub fn since(&self, id: &CollectionId, after: Revision, window: &Bbox) -> Touched {
        let logs = self.logs.read();
        let Some(log) = logs.get(id) else { return if after >= self.started { Touched::No } else { Touched::Unknown } };
        if after < log.complete_after {
            return Touched::Unknown;
        }
        let mut later = log.touches.iter().rev().take_while(|touch| touch.revision > after);
        later.find(|touch| touch.meets(window)).map_or(Touched::No, |touch| Touched::At(touch.revision))
    }

    /// Visits a collection's changes after a revision, the last first, until `visit` returns
    /// false. False if not all were visited, or not all are known.
    ///
    /// # Errors
    /// What `visit` fails with.
    pub(crate) fn each_since<E>(
        &self,
        id: &CollectionId,
        after: Revision,
        mut visit: impl FnMut(&Touch) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let logs = self.logs.read();
        let Some(log) = logs.get(id) else { return Ok(after >= self.started) };
        if after < log.complete_after {
            return Ok(false);
        }
        for touch in log.touches.iter().rev().take_while(|touch| touch.revision > after) {
            if !visit(touch)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The revision since which every change of a collection is known.
    #[must_use]
    pub fn complete_after(&self, id: &CollectionId) -> Revision {
        self.logs.read().get(id).map_or(self.started, |log| log.complete_after)
    }
}
