//! What is found while a rule is off.
//!
//! What happens then is dropped. A state of affairs that begins then, and still goes on when the
//! rule's hours begin, is found at that instant. A restart in between forgets of it what the present
//! does not show: an absence, and a number that passed its threshold and is on its way back.

use crate::{
    alarms::Ongoing,
    watch::{Finding, Phase},
};
use citywall_model::{CollectionId, LiveItem};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// States of affairs that wait for a rule's hours: by the instant at which those begin, and by key.
#[derive(Default)]
pub(crate) struct Postponed(BTreeMap<Timestamp, BTreeMap<String, Finding>>);

impl Postponed {
    /// Moves to `ready` what is to be told by now: what was found within the
    /// hours, and what waited for them. `next` is the first instant from one on at which the rule
    /// is on. O(n log n).
    pub(crate) fn sift(
        &mut self,
        found: &mut Vec<Finding>,
        now: Timestamp,
        next: impl Fn(Timestamp) -> Option<Timestamp>,
        ready: &mut Vec<Finding>,
    ) {
        for finding in found.drain(..) {
            match finding.phase {
                Phase::Ends => {
                    self.0.values_mut().for_each(|waiting| drop(waiting.remove(&finding.key)));
                    ready.push(finding);
                }
                Phase::Once if next(finding.at) == Some(finding.at) => ready.push(finding),
                Phase::Once => {}
                Phase::Begins => match next(finding.at) {
                    Some(at) if at == finding.at => ready.push(finding),
                    Some(at) => drop(self.0.entry(at).or_default().entry(finding.key.clone()).or_insert(Finding { at, ..finding })),
                    None => {}
                },
            }
        }
        while let Some(first) = self.0.first_entry().filter(|first| *first.key() <= now) {
            ready.extend(first.remove().into_values());
        }
    }

    /// Forgets what waits of an item that is there no more.
    pub(crate) fn forget(&mut self, collection: &CollectionId, item: &LiveItem) {
        let is_of = |finding: &Finding| finding.items.iter().any(|(of, cause)| of == collection && cause.fid() == item.fid());
        self.0.values_mut().for_each(|waiting| waiting.retain(|_, finding| !is_of(finding)));
    }

    /// Forgets what is over although nothing was found to end it.
    pub(crate) fn settle(&mut self, is_over: impl Fn(&[Ongoing]) -> Vec<bool>) {
        for waiting in self.0.values_mut() {
            let all: Vec<Ongoing> = waiting.values().map(Ongoing::of).collect();
            let over = all.iter().zip(is_over(&all)).filter(|(_, is_over)| *is_over);
            over.for_each(|(ongoing, _)| drop(waiting.remove(&ongoing.key)));
        }
    }
}
