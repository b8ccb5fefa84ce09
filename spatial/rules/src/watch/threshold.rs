//! A number that passes a threshold, with hysteresis and a time for which it must hold.

use super::{Finding, Phase, Seen, Watch, later};
use crate::document::ThresholdWhen;
use citywall_model::{CollectionId, LiveItem};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// An item that is on its way, or over the threshold.
struct Passing {
    item: LiveItem,
    value: f64,
    /// When the time is over for which it must hold; `None` once it was.
    due: Option<Timestamp>,
}

/// The memory of a threshold rule.
pub(crate) struct ThresholdWatch {
    rule: ThresholdWhen,
    collection: CollectionId,
    passing: FxHashMap<u64, Passing>,
    waits: BTreeSet<(Timestamp, u64)>,
}

impl ThresholdWatch {
    pub(crate) fn new(rule: &ThresholdWhen, collection: &CollectionId) -> Self {
        Self { rule: rule.clone(), collection: collection.clone(), passing: FxHashMap::default(), waits: BTreeSet::new() }
    }

    /// True beyond the threshold.
    fn passes(&self, value: f64) -> bool {
        self.rule.above.is_some_and(|above| value > above) || self.rule.below.is_some_and(|below| value < below)
    }

    /// True where an alarm is over.
    fn is_back(&self, value: f64) -> bool {
        match (self.rule.above, self.rule.below, self.rule.ends_at) {
            (Some(_), _, Some(ends_at)) => value <= ends_at,
            (_, Some(_), Some(ends_at)) => value >= ends_at,
            _ => !self.passes(value),
        }
    }

    fn forget(&mut self, fid: u64) -> Option<Passing> {
        let passing = self.passing.remove(&fid)?;
        if let Some(due) = passing.due {
            self.waits.remove(&(due, fid));
        }
        Some(passing)
    }

    fn finding(&self, phase: Phase, at: Timestamp, item: &LiveItem, value: f64) -> Finding {
        let items = vec![(self.collection.clone(), item.clone())];
        Finding { key: item.id().to_owned(), phase, at, items, fence: None, value: Some(value) }
    }

    fn take(&mut self, seen: &Seen<'_>) -> Option<Finding> {
        let (item, fid, at) = (seen.item, seen.item.fid(), seen.item.since());
        let value = item.property(&self.rule.property).as_f64().filter(|_| seen.counts);
        let Some(value) = value else {
            // What is gone, or says nothing, is over; also what began before a restart.
            let was = self.forget(fid).map(|was| was.value);
            return Some(Finding { value: was, ..self.finding(Phase::Ends, at, item, 0.0) });
        };
        let due = later(at, self.rule.hold_s);
        let (passes, is_back) = (self.passes(value), self.is_back(value));
        let end = is_back.then(|| self.finding(Phase::Ends, at, item, value));
        let Some(passing) = self.passing.get_mut(&fid) else {
            if !passes {
                return end;
            }
            let holds = self.rule.hold_s == 0.0;
            self.passing.insert(fid, Passing { item: item.clone(), value, due: (!holds).then_some(due) });
            if !holds {
                self.waits.insert((due, fid));
            }
            return holds.then(|| self.finding(Phase::Begins, at, item, value));
        };
        // While it has to hold, only the threshold counts; afterwards only the way back.
        let is_over = if passing.due.is_some() { !passes } else { is_back };
        (passing.item, passing.value) = (item.clone(), value);
        if is_over {
            self.forget(fid);
        }
        end
    }
}

impl Watch for ThresholdWatch {
    fn know(&mut self, seen: &Seen<'_>) {
        let finding = self.take(seen);
        if let Some(Finding { phase: Phase::Begins, at, .. }) = finding
            && let Some(passing) = self.passing.get_mut(&seen.item.fid())
        {
            passing.due = Some(at);
            self.waits.insert((at, seen.item.fid()));
        }
    }

    fn see(&mut self, seen: &Seen<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.take(seen));
    }

    fn due(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        while let Some((due, fid)) = self.waits.first().copied().filter(|(due, _)| *due <= now) {
            self.waits.remove(&(due, fid));
            let Some(passing) = self.passing.get_mut(&fid) else { continue };
            passing.due = None;
            let (item, value) = (passing.item.clone(), passing.value);
            findings.push(self.finding(Phase::Begins, due, &item, value));
        }
    }
}
