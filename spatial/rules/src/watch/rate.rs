//! Many items that open in an area within a short time.

use super::{Finding, Phase, Seen, Watch, later};
use crate::document::RateWhen;
use citywall_model::{AREA_PROPERTIES, CollectionId, LiveItem};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Items that a finding names as its cause, at most.
const CAUSES_MAX: usize = 16;

/// The memory of a rate rule.
pub(crate) struct RateWatch {
    rule: RateWhen,
    collection: CollectionId,
    /// The level of areas, as their codes are numbered; `None` for the whole city.
    level: Option<usize>,
    /// Of each area what opened lately, by when it happened.
    opened: FxHashMap<String, BTreeMap<(Timestamp, u64), LiveItem>>,
    latest: Timestamp,
}

impl RateWatch {
    pub(crate) fn new(rule: &RateWhen, collection: &CollectionId) -> Self {
        let level = rule.per.as_ref().and_then(|per| AREA_PROPERTIES.iter().position(|name| name == per));
        Self { level, rule: rule.clone(), collection: collection.clone(), opened: FxHashMap::default(), latest: Timestamp::MIN }
    }

    /// The area of an item; `None` if it lies in none.
    fn area(&self, item: &LiveItem) -> Option<String> {
        match self.level {
            None => Some(String::new()),
            Some(level) => item.areas().code(level).map(str::to_owned),
        }
    }

    /// Adds an item and returns what lies in the window that ends with it, if that is enough.
    fn add(&mut self, item: &LiveItem) -> Option<(String, Vec<LiveItem>)> {
        let area = self.area(item)?;
        let at = item.time();
        self.latest = self.latest.max(at);
        let opened = self.opened.entry(area.clone()).or_default();
        opened.insert((at, item.fid()), item.clone());
        // What is older than the window before the latest cannot count any more.
        let horizon = later(self.latest, -self.rule.within_s);
        while opened.first_key_value().is_some_and(|((at, _), _)| *at <= horizon) && opened.len() > 1 {
            opened.pop_first();
        }
        let start = later(at, -self.rule.within_s);
        let window: Vec<&LiveItem> = opened.range((start, u64::MAX)..=(at, u64::MAX)).map(|(_, item)| item).collect();
        let enough = window.len() >= self.rule.count as usize;
        enough.then(|| (area, window.iter().rev().take(CAUSES_MAX).rev().map(|item| (*item).clone()).collect()))
    }
}

impl Watch for RateWatch {
    fn know(&mut self, seen: &Seen<'_>) {
        if seen.counts {
            self.add(seen.item);
        }
    }

    fn see(&mut self, seen: &Seen<'_>, findings: &mut Vec<Finding>) {
        if !(seen.is_new && seen.counts && (seen.is_on)(seen.item.time())) {
            return;
        }
        if let Some((key, items)) = self.add(seen.item) {
            let items = items.into_iter().map(|item| (self.collection.clone(), item)).collect();
            findings.push(Finding { key, phase: Phase::Once, at: seen.item.time(), items, fence: None, value: None });
        }
    }

    fn due(&mut self, now: Timestamp, _is_on: &dyn Fn(Timestamp) -> bool, _findings: &mut Vec<Finding>) {
        let horizon = later(now, -2.0 * self.rule.within_s);
        self.opened.retain(|_, opened| {
            while opened.first_key_value().is_some_and(|((at, _), _)| *at <= horizon) {
                opened.pop_first();
            }
            !opened.is_empty()
        });
    }
}
