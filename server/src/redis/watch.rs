//! Which fences a change concerns: all fences of a key stand in a [`FenceIndex`].
//!
//! Those that tell of crossings look along the way of each move; the others, which are most, look
//! only at its two ends. An object counts where it is a point, or else by the centre of its
//! envelope.

use super::{
    arguments::Fault,
    fence::{Fence, Told},
    filter, keys, object,
};
use crate::limits;
use citywall_model::{CollectionId, LifeState, LiveItem};
use citywall_rules::fence::{FenceIndex, FenceKey, Presence, Transition};
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, sync::Arc};

/// Fences by their names.
#[derive(Default)]
pub struct FenceSet {
    names: BTreeMap<Arc<str>, (CollectionId, Place)>,
    watches: FxHashMap<CollectionId, Watch>,
}

/// Where a fence stands in a [`Watch`].
#[derive(Clone, Copy)]
struct Place {
    crosses: bool,
    key: FenceKey,
}

/// The fences of one collection.
#[derive(Default)]
struct Watch {
    /// Those that tell of crossings.
    crossed: Layer,
    /// The others.
    plain: Layer,
}

/// Fences that look at a move in the same way.
#[derive(Default)]
struct Layer {
    index: FenceIndex,
    fences: FxHashMap<FenceKey, Arc<Fence>>,
    /// Those that tell of what is outside too.
    outside: Vec<FenceKey>,
    objects: FxHashMap<u64, Presence>,
}

impl FenceSet {
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// True if there is a fence for objects of this collection.
    pub fn watches(&self, collection: &CollectionId) -> bool {
        self.watches.contains_key(collection)
    }

    /// The fence of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<Fence>> {
        let (collection, place) = self.names.get(name)?;
        self.watches.get(collection)?.layer(*place).fences.get(&place.key)
    }

    /// The fences whose names a pattern fits, by name.
    pub fn matching(&self, pattern: &str) -> Vec<Arc<Fence>> {
        let named = self.names.keys().filter(|name| filter::matches(pattern, name));
        named.filter_map(|name| self.get(name).cloned()).collect()
    }

    /// Sets a fence; one of the same name is replaced. False if it was there just so.
    ///
    /// # Errors
    /// Its area has no inside, or there are too many.
    pub fn set(&mut self, fence: Fence) -> Result<bool, Fault> {
        let wkb = fence.area().and_then(|area| area.polygon()).ok_or_else(|| Fault::new("the fence's area has no inside"))?;
        if self.get(&fence.name).is_some_and(|known| known.is_same(&fence)) {
            return Ok(false);
        }
        if self.names.len() >= limits::REDIS_CHANNELS_MAX && !self.names.contains_key(&fence.name) {
            return Err(Fault::new(format!("there are REDIS_CHANNELS_MAX ({}) channels", limits::REDIS_CHANNELS_MAX)));
        }
        let (name, collection, crosses) = (fence.name.clone(), keys::collection(fence.key()), fence.detects("cross"));
        let watch = self.watches.entry(collection.clone()).or_default();
        let layer = if crosses { &mut watch.crossed } else { &mut watch.plain };
        let key = layer.index.insert(wkb.bytes()).map_err(|error| Fault::new(error.to_string()))?;
        if fence.detects("outside") {
            layer.outside.push(key);
        }
        layer.fences.insert(key, Arc::new(fence));
        if let Some((old, place)) = self.names.insert(name, (collection, Place { crosses, key })) {
            self.forget(&old, place);
        }
        Ok(true)
    }

    /// Takes a fence away; false if there is none.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some((collection, place)) = self.names.remove(name) else { return false };
        self.forget(&collection, place);
        true
    }

    /// Finds what a change means to the fences of its collection, and tells each of them.
    /// O(fences near both ends of the move), and for those that tell of crossings O(borders along
    /// the way); those that tell of what is outside are told of everything.
    pub fn see(&mut self, collection: &CollectionId, item: &LiveItem, before: Option<&LiveItem>, mut tell: impl FnMut(&Arc<Fence>, Told)) {
        let Some(watch) = self.watches.get_mut(collection) else { return };
        watch.crossed.see(item, before, FenceIndex::moved, &mut tell);
        watch.plain.see(item, before, FenceIndex::jumped, &mut tell);
    }

    fn forget(&mut self, collection: &CollectionId, place: Place) {
        let Some(watch) = self.watches.get_mut(collection) else { return };
        let layer = if place.crosses { &mut watch.crossed } else { &mut watch.plain };
        layer.index.remove(place.key);
        layer.fences.remove(&place.key);
        layer.outside.retain(|other| *other != place.key);
        if layer.fences.is_empty() {
            *layer = Layer::default();
        }
        if watch.crossed.fences.is_empty() && watch.plain.fences.is_empty() {
            self.watches.remove(collection);
        }
    }
}

impl Watch {
    fn layer(&self, place: Place) -> &Layer {
        if place.crosses { &self.crossed } else { &self.plain }
    }
}

/// How a [`FenceIndex`] takes a move.
type Step = fn(&FenceIndex, &mut Presence, (f64, f64), &mut Vec<(FenceKey, Transition)>);

impl Layer {
    fn see(&mut self, item: &LiveItem, before: Option<&LiveItem>, step: Step, tell: &mut impl FnMut(&Arc<Fence>, Told)) {
        let Self { index, fences, outside, objects } = self;
        if fences.is_empty() {
            return;
        }
        let mut moves = Vec::new();
        let to = object::place(item).filter(|_| item.state() != LifeState::Removed);
        let before = before.filter(|before| before.state() != LifeState::Removed);
        let object = objects.entry(item.fid()).or_insert_with(|| {
            let mut object = Presence::default();
            if let Some(place) = before.and_then(object::place) {
                index.place(&mut object, place);
            }
            object
        });
        let Some(to) = to else {
            index.gone(object, &mut moves);
            objects.remove(&item.fid());
            let others = outside.iter().filter(|key| !has(&moves, **key));
            let told = moves.iter().map(|(key, _)| key).chain(others);
            told.filter_map(|key| fences.get(key)).for_each(|fence| tell(fence, Told::Gone));
            return;
        };
        step(index, object, to, &mut moves);
        for (key, transition) in &moves {
            let Some(fence) = fences.get(key) else { continue };
            let was = *transition == Transition::Exit && before.is_some_and(|before| fence.counts(before));
            let is = *transition == Transition::Enter && fence.counts(item);
            let crosses = *transition == Transition::Cross && fence.counts(item);
            transitions(fence, was, is, crosses, fence.counts(item), tell);
        }
        for key in object.inside().iter().filter(|key| !has(&moves, **key)) {
            let Some(fence) = fences.get(key) else { continue };
            let was = before.is_some_and(|before| fence.counts(before));
            transitions(fence, was, fence.counts(item), false, false, tell);
        }
        for key in outside.iter().filter(|key| !object.inside().contains(key) && !has(&moves, **key)) {
            if let Some(fence) = fences.get(key).filter(|fence| fence.counts(item)) {
                tell(fence, Told::Detect("outside"));
            }
        }
    }
}

/// True if a fence is among those that a move concerns, which are in order.
fn has(moves: &[(FenceKey, Transition)], key: FenceKey) -> bool {
    moves.binary_search_by_key(&key, |(moved, _)| *moved).is_ok()
}

/// Tells what Tile38 tells: with an entry also that it is inside, with an exit and a crossing also
/// that it is outside.
fn transitions(fence: &Arc<Fence>, was: bool, is: bool, crosses: bool, counts: bool, tell: &mut impl FnMut(&Arc<Fence>, Told)) {
    let steps: &[&'static str] = match (was, is) {
        (true, true) => &["inside"],
        (true, false) => &["exit", "outside"],
        (false, true) => &["enter", "inside"],
        (false, false) if crosses => &["cross", "outside"],
        (false, false) if counts => &["outside"],
        (false, false) => &[],
    };
    for step in steps.iter().filter(|step| fence.detects(step)) {
        tell(fence, Told::Detect(step));
    }
}
