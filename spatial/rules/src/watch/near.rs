//! Items that come near one that moves: a circle around it is a fence.

use super::{Finding, Phase, Seen, Watch, place};
use crate::{alarms::Ongoing, document::NearWhen};
use citywall_index::{LiveIndex, WindowIndex};
use citywall_model::{Bbox, CollectionId, LiveItem};
use geo::{Distance, Haversine, Point};
use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

/// Metres of a degree of latitude, a little less than the least there is.
const METRES_PER_DEGREE: f64 = 110_500.0;

/// Where the items of one collection are.
#[derive(Default)]
struct Places {
    tree: LiveIndex,
    items: FxHashMap<u64, (LiveItem, Point)>,
}

impl Places {
    fn put(&mut self, item: &LiveItem, at: Option<(f64, f64)>) {
        let fid = item.fid();
        let spot = |point: &Point| Bbox::new(point.x(), point.y(), point.x(), point.y());
        let before = self.items.remove(&fid).map(|(_, point)| spot(&point));
        let after = at.map(Point::from);
        self.tree.update(fid, before, after.as_ref().map(spot));
        if let Some(point) = after {
            self.items.insert(fid, (item.clone(), point));
        }
    }

    /// The items within some metres of a point.
    fn within(&self, point: Point, metres: f64) -> FxHashSet<u64> {
        let high = metres / METRES_PER_DEGREE;
        let wide = high / point.y().to_radians().cos().abs().max(1e-3);
        let window = Bbox::new(point.x() - wide, point.y() - high, point.x() + wide, point.y() + high);
        let mut found = FxHashSet::default();
        self.tree.search(&window, |fid, _| {
            if self.items.get(&fid).is_some_and(|(_, other)| Haversine.distance(point, *other) <= metres) {
                found.insert(fid);
            }
        });
        found
    }
}

/// The memory of a rule of nearness.
pub(crate) struct NearWatch {
    rule: NearWhen,
    collection: CollectionId,
    own: Places,
    /// Empty where the others are of the same collection.
    others: Places,
    /// Pairs that are near: an own item and another.
    pairs: FxHashMap<u64, FxHashSet<u64>>,
    /// Pairs that were near when they were first shown.
    known: Vec<Finding>,
}

impl NearWatch {
    pub(crate) fn new(rule: &NearWhen, collection: &CollectionId) -> Self {
        Self {
            rule: rule.clone(),
            collection: collection.clone(),
            own: Places::default(),
            others: Places::default(),
            pairs: FxHashMap::default(),
            known: Vec::new(),
        }
    }

    fn is_one_collection(&self) -> bool {
        self.rule.to == self.collection
    }

    fn finding(&self, phase: Phase, at: Timestamp, own: &LiveItem, other: &LiveItem) -> Finding {
        let (mut first, mut second) = ((self.collection.clone(), own.clone()), (self.rule.to.clone(), other.clone()));
        if self.is_one_collection() && second.1.id() < first.1.id() {
            std::mem::swap(&mut first, &mut second);
        }
        let key = format!("{}|{}", first.1.id(), second.1.id());
        Finding { key, phase, at, items: vec![first, second], fence: None, value: None }
    }

    /// What the new place of an item makes of the pairs that it is in.
    fn take(&mut self, seen: &Seen<'_>) -> Vec<Finding> {
        let (item, fid, at) = (seen.item, seen.item.fid(), seen.item.since());
        let spot = if seen.counts { place(item) } else { None };
        let is_own = *seen.collection == self.collection;
        let same = self.is_one_collection();
        if is_own { &mut self.own } else { &mut self.others }.put(item, spot);
        let there = if same || !is_own { &self.own } else { &self.others };
        let mut near = spot.map(|spot| there.within(spot.into(), self.rule.within_m)).unwrap_or_default();
        near.remove(&if same { fid } else { u64::MAX });
        let was: FxHashSet<u64> = if is_own {
            self.pairs.get(&fid).cloned().unwrap_or_default()
        } else {
            self.pairs.iter().filter(|(_, others)| others.contains(&fid)).map(|(own, _)| *own).collect()
        };
        let mut findings = Vec::new();
        for (other, phase) in
            near.difference(&was).map(|fid| (*fid, Phase::Begins)).chain(was.difference(&near).map(|fid| (*fid, Phase::Ends)))
        {
            let mut pair = |own: u64, other: u64| {
                let others = self.pairs.entry(own).or_default();
                if phase == Phase::Begins {
                    others.insert(other)
                } else {
                    others.remove(&other)
                };
                if others.is_empty() {
                    self.pairs.remove(&own);
                }
            };
            if is_own {
                pair(fid, other);
            } else {
                pair(other, fid);
            }
            if same {
                pair(other, fid);
            }
            let side = if same || !is_own { &self.own } else { &self.others };
            if let Some((there, _)) = side.items.get(&other) {
                let (own, other) = if is_own { (item, there) } else { (there, item) };
                findings.push(self.finding(phase, at, own, other));
            }
        }
        findings.sort_by(|a, b| a.key.cmp(&b.key));
        findings
    }
}

impl Watch for NearWatch {
    fn others(&self) -> Vec<CollectionId> {
        if self.is_one_collection() { Vec::new() } else { vec![self.rule.to.clone()] }
    }

    fn know(&mut self, seen: &Seen<'_>) {
        let known = self.take(seen).into_iter().filter(|finding| finding.phase == Phase::Begins);
        // They are shown in any order; near they are since the later word of the two.
        let since = |finding: &Finding| finding.items.iter().map(|(_, item)| item.since()).max().unwrap_or(finding.at);
        self.known.extend(known.map(|finding| Finding { at: since(&finding), ..finding }));
    }

    fn see(&mut self, seen: &Seen<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.take(seen));
    }

    fn due(&mut self, _now: Timestamp, findings: &mut Vec<Finding>) {
        findings.append(&mut self.known);
    }

    fn is_over(&self, ongoing: &[Ongoing]) -> Vec<bool> {
        let others = if self.is_one_collection() { &self.own } else { &self.others };
        let key = |own: &u64, other: &u64| {
            let ((own, _), (other, _)) = (self.own.items.get(own)?, others.items.get(other)?);
            Some(self.finding(Phase::Ends, own.since(), own, other).key)
        };
        let near = self.pairs.iter().flat_map(|(own, others)| others.iter().filter_map(move |other| key(own, other)));
        let near: FxHashSet<String> = near.collect();
        ongoing.iter().map(|ongoing| !near.contains(&ongoing.key)).collect()
    }
}
