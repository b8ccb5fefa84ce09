//! Many items that open in an area within a short time.

use super::{Finding, Phase, Seen, Watch, later};
use crate::document::RateWhen;
use citywall_model::{AREA_PROPERTIES, CollectionId, LiveItem};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, hash_map::Entry};

/// Items that a finding names as its cause, at most.
const CAUSES_MAX: usize = 16;

/// Windows of time that are remembered, so that what comes late still counts.
pub(crate) const WINDOWS_KEPT: f64 = 2.0;

/// When an item happened, and its number.
type Moment = (Timestamp, u64);

/// The memory of a rate rule. An item counts once, in the area in which it is when first it
/// counts. One that comes later than a whole window after the latest one finds nothing itself, but
/// counts for what comes after it, so that what is remembered is the same in whatever order items come.
pub(crate) struct RateWatch {
    rule: RateWhen,
    collection: CollectionId,
    /// The level of areas, as their codes are numbered; `None` for the whole city.
    level: Option<usize>,
    /// Of each area what opened lately, by when it happened.
    opened: FxHashMap<String, BTreeMap<Moment, LiveItem>>,
    /// The area of each.
    areas: BTreeMap<Moment, String>,
    latest: Timestamp,
}

impl RateWatch {
    pub(crate) fn new(rule: &RateWhen, collection: &CollectionId) -> Self {
        let level = rule.per.as_ref().and_then(|per| AREA_PROPERTIES.iter().position(|name| name == per));
        Self {
            level,
            rule: rule.clone(),
            collection: collection.clone(),
            opened: FxHashMap::default(),
            areas: BTreeMap::new(),
            latest: Timestamp::MIN,
        }
    }

    /// The area of an item; `None` if it lies in none.
    fn area(&self, item: &LiveItem) -> Option<String> {
        match self.level {
            None => Some(String::new()),
            Some(level) => item.areas().code(level).map(str::to_owned),
        }
    }

    /// Counts an item and returns the first window with enough that it lies in. O(count + log n).
    fn add(&mut self, item: &LiveItem) -> Option<(String, Vec<LiveItem>)> {
        let area = self.area(item)?;
        let moment = (item.time(), item.fid());
        self.latest = self.latest.max(item.time());
        let horizon = later(self.latest, -WINDOWS_KEPT * self.rule.within_s);
        self.forget(horizon);
        if item.time() <= horizon {
            return None;
        }
        self.areas.insert(moment, area.clone());
        let opened = self.opened.entry(area.clone()).or_default();
        opened.insert(moment, item.clone());
        if later(item.time(), self.rule.within_s) <= self.latest {
            return None;
        }
        let count = self.rule.count as usize;
        let mut around: Vec<_> = opened.range(..moment).rev().take(count - 1).collect();
        around.reverse();
        around.extend(opened.range(moment..).take(count));
        let is_full = |window: &&[(&Moment, &LiveItem)]| window[count - 1].0.0 < later(window[0].0.0, self.rule.within_s);
        let window = around.windows(count).find(is_full)?;
        let mut causes: Vec<LiveItem> = window[count.saturating_sub(CAUSES_MAX)..].iter().map(|(_, item)| (*item).clone()).collect();
        // The one that made it enough is always among them.
        if causes.iter().all(|cause| cause.fid() != item.fid()) {
            causes[0] = item.clone();
        }
        Some((area, causes))
    }

    /// Forgets what cannot lie in a window any more.
    fn forget(&mut self, horizon: Timestamp) {
        while let Some(first) = self.areas.first_entry().filter(|first| first.key().0 <= horizon) {
            let (moment, area) = first.remove_entry();
            if let Entry::Occupied(mut opened) = self.opened.entry(area) {
                opened.get_mut().remove(&moment);
                if opened.get().is_empty() {
                    opened.remove();
                }
            }
        }
    }

    /// True if a change shows an item that has not counted yet: a new one, or one that happened
    /// before and got its place, or what else the filter asks for, only now.
    fn is_uncounted(&self, seen: &Seen<'_>) -> bool {
        let item = seen.item;
        seen.is_new || (item.time() < item.since() && !self.areas.contains_key(&(item.time(), item.fid())))
    }
}

impl Watch for RateWatch {
    fn know(&mut self, seen: &Seen<'_>) {
        if seen.counts && (seen.is_on)(seen.item.time()) {
            self.add(seen.item);
        }
    }

    fn see(&mut self, seen: &Seen<'_>, findings: &mut Vec<Finding>) {
        if !(seen.counts && self.is_uncounted(seen) && (seen.is_on)(seen.item.time())) {
            return;
        }
        if let Some((key, items)) = self.add(seen.item) {
            let at = items.last().map_or(seen.item.time(), LiveItem::time);
            let items = items.into_iter().map(|item| (self.collection.clone(), item)).collect();
            findings.push(Finding { key, phase: Phase::Once, at, items, fence: None, value: None });
        }
    }

    fn due(&mut self, _now: Timestamp, _findings: &mut Vec<Finding>) {}
}
