//! The past of live collections as the changes that it was made of, in the order of their times.

use citywall_model::{Change, CollectionId, LiveItem};
use citywall_query::City;
use citywall_rules::Engine;
use citywall_store::{HistoryQuery, StoreError};
use jiff::Timestamp;
use rustc_hash::FxHashMap;

/// The changes of some collections in an interval, and the items as they were before it.
pub struct Past {
    before: Vec<(CollectionId, LiveItem)>,
    changes: Vec<Change>,
    /// True if there were more than were asked for: the latest are missing.
    pub is_cut: bool,
}

impl Past {
    /// Reads the past of some collections, at most so many changes.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn read(city: &City, collections: &[CollectionId], from: Timestamp, to: Timestamp, max: usize) -> Result<Self, StoreError> {
        let mut past = Self { before: Vec::new(), changes: Vec::new(), is_cut: false };
        for collection in collections {
            let mut seen = FxHashMap::default();
            for item in city.store().state_at(collection, from)? {
                seen.insert(item.fid(), item.clone());
                past.before.push((collection.clone(), item));
            }
            let query = HistoryQuery { collection: collection.clone(), from, to, fid: None };
            let (changes, is_cut) = (&mut past.changes, &mut past.is_cut);
            city.store().history(&query, &mut |mut change| {
                if changes.len() == max {
                    *is_cut = true;
                    return false;
                }
                // What began at the first instant is part of the state there.
                let before = seen.insert(change.item.fid(), change.item.clone());
                if before.as_ref().is_some_and(|before| before.revision() == change.item.revision()) {
                    return true;
                }
                // In the order of their times nothing comes late.
                (change.before, change.late) = (before, false);
                changes.push(change);
                true
            })?;
        }
        past.changes.sort_by_key(|change| (change.item.since(), change.item.revision()));
        Ok(past)
    }

    /// The number of changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Has rules go through it; what they find is appended.
    pub fn replay(&self, engine: &mut Engine, drafts: &mut Vec<citywall_model::EventDraft>) {
        for (collection, item) in &self.before {
            engine.know(collection, item, None);
        }
        for change in &self.changes {
            engine.see(change, change.item.since(), drafts);
        }
    }
}
