//! Items that are not heard of.

use super::{Finding, Phase, Seen, Watch, later};
use crate::document::SilenceWhen;
use citywall_model::{CollectionId, LiveItem};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// The memory of a silence rule.
pub(crate) struct SilenceWatch {
    after_s: f64,
    collection: CollectionId,
    /// Of each item its last word and when that is too long ago; `None` once it was said.
    heard: FxHashMap<u64, (LiveItem, Option<Timestamp>)>,
    waits: BTreeSet<(Timestamp, u64)>,
}

impl SilenceWatch {
    pub(crate) fn new(rule: &SilenceWhen, collection: &CollectionId) -> Self {
        Self { after_s: rule.after_s, collection: collection.clone(), heard: FxHashMap::default(), waits: BTreeSet::new() }
    }

    /// True if the item had been found silent.
    fn hear(&mut self, seen: &Seen<'_>) -> bool {
        let fid = seen.item.fid();
        let before = self.heard.remove(&fid);
        if let Some((_, Some(due))) = &before {
            self.waits.remove(&(*due, fid));
        }
        if seen.counts {
            let due = later(seen.item.since(), self.after_s);
            self.waits.insert((due, fid));
            self.heard.insert(fid, (seen.item.clone(), Some(due)));
        }
        before.is_some_and(|(_, due)| due.is_none())
    }

    fn finding(&self, phase: Phase, at: Timestamp, item: &LiveItem) -> Finding {
        let items = vec![(self.collection.clone(), item.clone())];
        Finding { key: item.id().to_owned(), phase, at, items, fence: None, value: None }
    }
}

impl Watch for SilenceWatch {
    fn know(&mut self, seen: &Seen<'_>) {
        self.hear(seen);
    }

    fn see(&mut self, seen: &Seen<'_>, findings: &mut Vec<Finding>) {
        self.hear(seen);
        // Also for a silence that was found before a restart.
        findings.push(self.finding(Phase::Ends, seen.item.since(), seen.item));
    }

    fn due(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        while let Some((due, fid)) = self.waits.first().copied().filter(|(due, _)| *due <= now) {
            self.waits.remove(&(due, fid));
            let Some((item, waits)) = self.heard.get_mut(&fid) else { continue };
            *waits = None;
            let item = item.clone();
            findings.push(self.finding(Phase::Begins, due, &item));
        }
    }
}
