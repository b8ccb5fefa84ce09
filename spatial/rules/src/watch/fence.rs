//! What items do to polygons.

use super::{Finding, Phase, Seen, Watch, later, place};
use crate::{
    alarms::Ongoing,
    document::{FenceEvent, FenceWhen},
    fence::{FenceIndex, FenceKey, Presence, Transition},
};
use citywall_model::{CollectionId, LiveItem};
use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// An item that is followed.
struct Tracked {
    presence: Presence,
    /// The fences that hold it, altitude and filter considered; ascending.
    inside: SmallVec<[FenceKey; 2]>,
    /// True if altitude and filter let it count at its last place.
    counted: bool,
    item: LiveItem,
}

/// What an item waits for at a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Wait {
    /// For nothing: it is in since before the rule was there.
    Inside,
    Dwell,
    Absent,
}

/// The memory of a fence rule.
pub(crate) struct FenceWatch {
    rule: FenceWhen,
    collection: CollectionId,
    index: FenceIndex,
    ids: FxHashMap<FenceKey, Arc<str>>,
    keys: FxHashMap<Arc<str>, FenceKey>,
    tracked: FxHashMap<u64, Tracked>,
    waits: BTreeSet<(Timestamp, u64, FenceKey, Wait)>,
    due_of: BTreeMap<(u64, FenceKey, Wait), Timestamp>,
    moves: Vec<(FenceKey, Transition)>,
}

impl FenceWatch {
    /// A watch over the fences of these ids and geometries; what has no area is left out.
    pub(crate) fn new<'a>(rule: &FenceWhen, collection: &CollectionId, fences: impl Iterator<Item = (Arc<str>, &'a [u8])>) -> Self {
        let (ids, geometries): (Vec<Arc<str>>, Vec<&[u8]>) = fences.filter(|(id, _)| is_named(rule, id)).unzip();
        let (index, refused) = FenceIndex::bulk(geometries);
        let mut ids: FxHashMap<FenceKey, Arc<str>> = (0..).zip(ids).collect();
        for (key, _) in refused {
            ids.remove(&key);
        }
        Self {
            rule: rule.clone(),
            collection: collection.clone(),
            keys: ids.iter().map(|(key, id)| (id.clone(), *key)).collect(),
            index,
            ids,
            tracked: FxHashMap::default(),
            waits: BTreeSet::new(),
            due_of: BTreeMap::new(),
            moves: Vec::new(),
        }
    }

    fn listens(&self, event: FenceEvent) -> bool {
        self.rule.on.contains(&event)
    }

    /// True if altitude lets an item count.
    fn is_in_band(&self, item: &LiveItem) -> bool {
        let Some([low, high]) = self.rule.altitude_m else { return true };
        item.property("altitude").as_f64().is_some_and(|altitude| (low..=high).contains(&altitude))
    }

    fn finding(&self, event: FenceEvent, phase: Phase, at: Timestamp, key: FenceKey, item: &LiveItem) -> Option<Finding> {
        let fence = self.ids.get(&key)?;
        Some(Finding {
            key: format!("{}|{}|{fence}", word(event), item.id()),
            phase,
            at,
            items: vec![(self.collection.clone(), item.clone())],
            fence: Some(fence.to_string()),
            value: None,
        })
    }

    fn wait(&mut self, wait: Wait, from: Timestamp, fid: u64, key: FenceKey) {
        self.stop_waiting(wait, fid, key);
        let due = if wait == Wait::Inside { from } else { later(from, self.rule.after_s.unwrap_or(0.0)) };
        self.waits.insert((due, fid, key, wait));
        self.due_of.insert((fid, key, wait), due);
    }

    fn stop_waiting(&mut self, wait: Wait, fid: u64, key: FenceKey) {
        if let Some(due) = self.due_of.remove(&(fid, key, wait)) {
            self.waits.remove(&(due, fid, key, wait));
        }
    }

    /// What was cleared is not expected back, and stays nowhere.
    fn stop_waiting_at_all(&mut self, fid: u64) {
        let of_item = (fid, FenceKey::MIN, Wait::Inside)..=(fid, FenceKey::MAX, Wait::Absent);
        let all: SmallVec<[(FenceKey, Wait); 4]> = self.due_of.range(of_item).map(|((_, key, wait), _)| (*key, *wait)).collect();
        for (key, wait) in all {
            self.stop_waiting(wait, fid, key);
        }
    }

    /// Forgets a fence: nobody is in it, nobody waits at it.
    fn forget(&mut self, key: FenceKey) {
        for (fid, tracked) in &mut self.tracked {
            tracked.inside.retain(|inside| *inside != key);
            for wait in [Wait::Inside, Wait::Dwell, Wait::Absent] {
                if let Some(due) = self.due_of.remove(&(*fid, key, wait)) {
                    self.waits.remove(&(due, *fid, key, wait));
                }
            }
        }
    }

    /// Moves the item and returns what it came into, went out of and passed through.
    fn advance(&mut self, seen: &Seen<'_>) -> [SmallVec<[FenceKey; 2]>; 3] {
        let fid = seen.item.fid();
        let at = if seen.counts { place(seen.item) } else { None };
        let in_band = self.is_in_band(seen.item);
        let mut tracked = self.tracked.remove(&fid).unwrap_or_else(|| Tracked {
            presence: Presence::default(),
            inside: SmallVec::new(),
            counted: false,
            item: seen.item.clone(),
        });
        self.moves.clear();
        match at {
            Some(at) => self.index.moved(&mut tracked.presence, at, &mut self.moves),
            None => self.index.gone(&mut tracked.presence, &mut self.moves),
        }
        let counted = at.is_some() && in_band;
        let inside: SmallVec<[FenceKey; 2]> = if counted { tracked.presence.inside().into() } else { SmallVec::new() };
        let entered = inside.iter().filter(|key| !tracked.inside.contains(key)).copied().collect();
        let left = tracked.inside.iter().filter(|key| !inside.contains(key)).copied().collect();
        let passed = self.moves.iter().filter(|(_, what)| *what == Transition::Cross && counted && tracked.counted);
        let crossed = passed.map(|(key, _)| *key).collect();
        if at.is_none() {
            self.stop_waiting_at_all(fid);
        } else {
            self.tracked.insert(fid, Tracked { inside, counted, item: seen.item.clone(), ..tracked });
        }
        [entered, left, crossed]
    }
}

impl Watch for FenceWatch {
    fn know(&mut self, seen: &Seen<'_>) {
        let [entered, left, _] = self.advance(seen);
        let (fid, at) = (seen.item.fid(), seen.item.since());
        for key in left {
            self.stop_waiting(Wait::Dwell, fid, key);
            self.stop_waiting(Wait::Inside, fid, key);
        }
        for key in entered {
            if self.listens(FenceEvent::Dwell) {
                self.wait(Wait::Dwell, at, fid, key);
            }
            if self.listens(FenceEvent::Inside) {
                self.wait(Wait::Inside, at, fid, key);
            }
        }
    }

    fn see(&mut self, seen: &Seen<'_>, findings: &mut Vec<Finding>) {
        let (item, fid, at) = (seen.item, seen.item.fid(), seen.item.since());
        let [entered, left, crossed] = self.advance(seen);
        for key in left {
            self.stop_waiting(Wait::Dwell, fid, key);
            self.stop_waiting(Wait::Inside, fid, key);
            findings.extend(self.finding(FenceEvent::Dwell, Phase::Ends, at, key, item).filter(|_| self.listens(FenceEvent::Dwell)));
            findings.extend(self.finding(FenceEvent::Inside, Phase::Ends, at, key, item).filter(|_| self.listens(FenceEvent::Inside)));
            findings.extend(self.finding(FenceEvent::Exit, Phase::Once, at, key, item).filter(|_| self.listens(FenceEvent::Exit)));
            if self.tracked.contains_key(&fid) && self.listens(FenceEvent::Absent) {
                self.wait(Wait::Absent, at, fid, key);
            }
        }
        for key in entered {
            self.stop_waiting(Wait::Absent, fid, key);
            findings.extend(self.finding(FenceEvent::Absent, Phase::Ends, at, key, item).filter(|_| self.listens(FenceEvent::Absent)));
            findings.extend(self.finding(FenceEvent::Enter, Phase::Once, at, key, item).filter(|_| self.listens(FenceEvent::Enter)));
            findings.extend(self.finding(FenceEvent::Inside, Phase::Begins, at, key, item).filter(|_| self.listens(FenceEvent::Inside)));
            if self.listens(FenceEvent::Dwell) {
                self.wait(Wait::Dwell, at, fid, key);
            }
        }
        if self.listens(FenceEvent::Cross) {
            for key in crossed {
                findings.extend(self.finding(FenceEvent::Cross, Phase::Once, at, key, item));
            }
        }
    }

    fn due(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        while let Some((due, fid, key, wait)) = self.waits.first().copied().filter(|(due, ..)| *due <= now) {
            self.stop_waiting(wait, fid, key);
            let event = match wait {
                Wait::Inside => FenceEvent::Inside,
                Wait::Dwell => FenceEvent::Dwell,
                Wait::Absent => FenceEvent::Absent,
            };
            if let Some(tracked) = self.tracked.get(&fid) {
                findings.extend(self.finding(event, Phase::Begins, due, key, &tracked.item));
            }
        }
    }

    fn fence(&mut self, id: &str, geometry: Option<&[u8]>) -> bool {
        if !is_named(&self.rule, id) {
            return false;
        }
        let before = self.keys.remove(id);
        if let Some(key) = before {
            self.index.remove(key);
            self.ids.remove(&key);
        }
        // What has no area holds nothing. A fence that changes gets the key back that it had: who
        // is in it, and waits at it, is so until the next word of him.
        let after = geometry.and_then(|wkb| self.index.insert(wkb).ok());
        if let Some(key) = after {
            let id: Arc<str> = id.into();
            self.ids.insert(key, id.clone());
            self.keys.insert(id, key);
        }
        let gone = before.filter(|before| after != Some(*before));
        if let Some(key) = gone {
            self.forget(key);
        }
        gone.is_some()
    }

    fn is_over(&self, ongoing: &[Ongoing]) -> Vec<bool> {
        let named: FxHashSet<&str> = ongoing.iter().map(|ongoing| ongoing.item.as_str()).collect();
        let tracked = self.tracked.values().filter(|tracked| named.contains(tracked.item.id()));
        let inside: FxHashMap<&str, &[FenceKey]> = tracked.map(|tracked| (tracked.item.id(), tracked.inside.as_slice())).collect();
        let is_over = |ongoing: &Ongoing| {
            let Some(key) = ongoing.fence.as_deref().and_then(|fence| self.keys.get(fence)) else { return true };
            let is_in = inside.get(ongoing.item.as_str()).is_some_and(|inside| inside.contains(key));
            let is_absence = ongoing.key.starts_with(&format!("{}|", word(FenceEvent::Absent)));
            is_in == is_absence
        };
        ongoing.iter().map(is_over).collect()
    }
}

fn is_named(rule: &FenceWhen, id: &str) -> bool {
    rule.ids.is_empty() || rule.ids.iter().any(|named| named == id)
}

fn word(event: FenceEvent) -> &'static str {
    match event {
        FenceEvent::Enter => "enter",
        FenceEvent::Exit => "exit",
        FenceEvent::Cross => "cross",
        FenceEvent::Inside => "inside",
        FenceEvent::Dwell => "dwell",
        FenceEvent::Absent => "absent",
    }
}
