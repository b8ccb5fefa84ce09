//! Fences: channels and live searches that are told when an object enters or leaves an area.
//!
//! All fences of a key stand in one [`FenceIndex`]; what a move does to them is found there, on
//! the writer's thread, after the move is durable. An object counts where it is a point, or else
//! by the centre of its envelope.

use super::{
    area::{Area, From},
    arguments::{Arguments, Fault},
    keys,
    object::{self, Form, Object, quoted},
    pubsub::Pubsub,
    search::{Search, Target, Verb},
};
use crate::limits;
use citywall_model::{Change, CollectionId, LifeState, LiveItem};
use citywall_query::{City, Commit, Measure};
use citywall_rules::fence::{FenceIndex, FenceKey, Presence, Transition};
use jiff::Timestamp;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::{collections::BTreeMap, sync::Arc};

/// A fence.
#[derive(Debug)]
pub struct Fence {
    /// The channel that it tells.
    pub name: Arc<str>,
    /// The channel's META, by name.
    pub meta: BTreeMap<String, String>,
    /// The words that made it, from the command on.
    pub words: Vec<String>,
    /// True for a channel; false for a live search, which nobody lists.
    pub is_channel: bool,
    search: Search,
}

impl Fence {
    /// Reads a fence from `NEARBY fleet FENCE …` on.
    ///
    /// # Errors
    /// Something is missing or makes no sense, or FENCE is.
    pub fn read(name: &str, meta: BTreeMap<String, String>, arguments: &mut Arguments<'_>, city: &City) -> Result<Self, Fault> {
        let words = arguments.rest().iter().map(|word| (*word).to_owned()).collect();
        let command = arguments.word()?;
        let verb = super::verb(command).filter(|verb| *verb != Verb::Scan).ok_or_else(|| Fault::argument(command))?;
        let search = Search::read(verb, arguments, city)?;
        Self::new(name, meta, words, search, true)
    }

    /// A fence of a search.
    ///
    /// # Errors
    /// The search has no FENCE, or its area has no inside.
    pub fn new(name: &str, meta: BTreeMap<String, String>, words: Vec<String>, search: Search, is_channel: bool) -> Result<Self, Fault> {
        if !search.fence.is_fence {
            return Err(Fault::new("missing FENCE argument"));
        }
        Ok(Self { name: name.into(), meta, words, is_channel, search })
    }

    /// The key that it watches.
    pub fn key(&self) -> &str {
        &self.search.key
    }

    fn area(&self) -> Option<Area> {
        match &self.search.target {
            Target::In(area, _) => Some(area.clone()),
            Target::Near(place, Some(metres)) => Some(Area::circle(*place, *metres)),
            Target::Near(_, None) | Target::All(_) => None,
        }
    }

    fn detects(&self, what: &str) -> bool {
        self.search.fence.detect.as_ref().is_none_or(|detect| detect.contains(what))
    }

    fn tells_of(&self, command: &str) -> bool {
        self.search.fence.commands.as_ref().is_none_or(|commands| commands.contains(command))
    }
}

/// The fences of one collection.
#[derive(Default)]
struct Watch {
    index: FenceIndex,
    fences: FxHashMap<FenceKey, Arc<Fence>>,
    /// Those that tell of what is outside too.
    outside: Vec<FenceKey>,
    objects: FxHashMap<u64, Presence>,
}

#[derive(Default)]
struct State {
    channels: BTreeMap<Arc<str>, (CollectionId, FenceKey)>,
    watches: FxHashMap<CollectionId, Watch>,
}

/// All fences.
#[derive(Default)]
pub struct Fences {
    state: Mutex<State>,
    /// Who is told.
    pub pubsub: Pubsub,
}

impl Fences {
    /// Sets a fence; one of the same name is replaced. False if it was there just so.
    ///
    /// # Errors
    /// Its area has no inside, or there are too many.
    pub fn set(&self, fence: Fence) -> Result<bool, Fault> {
        let wkb = fence.area().and_then(|area| area.polygon()).ok_or_else(|| Fault::new("the fence's area has no inside"))?;
        let collection = keys::collection(fence.key());
        let mut state = self.state.lock();
        if state.channels.len() >= limits::REDIS_CHANNELS_MAX {
            return Err(Fault::new(format!("there are REDIS_CHANNELS_MAX ({}) channels", limits::REDIS_CHANNELS_MAX)));
        }
        let same = state.channels.get(&fence.name).and_then(|(id, key)| state.watches.get(id)?.fences.get(key));
        if same.is_some_and(|known| known.words == fence.words && known.meta == fence.meta) {
            return Ok(false);
        }
        let watch = state.watches.entry(collection.clone()).or_default();
        let key = watch.index.insert(wkb.bytes()).map_err(|error| Fault::new(error.to_string()))?;
        if fence.detects("outside") {
            watch.outside.push(key);
        }
        let name = fence.name.clone();
        watch.fences.insert(key, Arc::new(fence));
        if let Some((old, key)) = state.channels.insert(name, (collection, key)) {
            state.forget(&old, key);
        }
        Ok(true)
    }

    /// Takes fences away whose names a pattern fits, or the one of this name, and gives back their names.
    pub fn delete(&self, name: &str, is_pattern: bool) -> Vec<Arc<str>> {
        let mut state = self.state.lock();
        let names: Vec<Arc<str>> = if is_pattern {
            state.channels.keys().filter(|channel| super::filter::matches(name, channel)).cloned().collect()
        } else {
            state.channels.get_key_value(name).map(|(name, _)| name.clone()).into_iter().collect()
        };
        for name in &names {
            if let Some((collection, key)) = state.channels.remove(name) {
                state.forget(&collection, key);
            }
        }
        names
    }

    /// The channels whose names a pattern fits, by name.
    pub fn channels(&self, pattern: &str) -> Vec<Arc<Fence>> {
        let state = self.state.lock();
        let fence = |(collection, key): &(CollectionId, FenceKey)| state.watches.get(collection)?.fences.get(key).cloned();
        let named = state.channels.iter().filter(|(name, _)| super::filter::matches(pattern, name));
        named.filter_map(|(_, at)| fence(at)).filter(|fence| fence.is_channel).collect()
    }

    /// Tells of what a commit did. Runs on the writer's thread.
    pub fn see(&self, commit: &Commit) {
        let mut state = self.state.lock();
        if state.watches.is_empty() {
            return;
        }
        let mut told = Vec::new();
        for change in commit.changes.iter().filter(|change| !change.late) {
            if let Some(watch) = state.watches.get_mut(&change.collection) {
                watch.see(change, &self.pubsub, &mut told);
            }
        }
        drop(state);
        for (channel, text) in told {
            self.pubsub.publish(&channel, &text);
        }
    }
}

impl State {
    fn forget(&mut self, collection: &CollectionId, key: FenceKey) {
        if let Some(watch) = self.watches.get_mut(collection) {
            watch.index.remove(key);
            watch.fences.remove(&key);
            watch.outside.retain(|other| *other != key);
            if watch.fences.is_empty() {
                self.watches.remove(collection);
            }
        }
    }
}

impl Watch {
    fn see(&mut self, change: &Change, pubsub: &Pubsub, told: &mut Vec<(Arc<str>, String)>) {
        let Self { index, fences, outside, objects } = self;
        let item = &change.item;
        let fid = item.fid();
        let mut moves = Vec::new();
        let to = object::place(item).filter(|_| item.state() != LifeState::Removed);
        let before = change.before.as_ref().filter(|before| before.state() != LifeState::Removed);
        let object = objects.entry(fid).or_insert_with(|| {
            let mut object = Presence::default();
            if let Some(place) = before.and_then(object::place) {
                index.place(&mut object, place);
            }
            object
        });
        let mut tell = |fence: &Arc<Fence>, command: &str, detect: &str| {
            if fence.tells_of(command) && pubsub.has(&fence.name) {
                told.push((fence.name.clone(), message(fence, command, detect, item)));
            }
        };
        let Some(to) = to else {
            index.gone(object, &mut moves);
            objects.remove(&fid);
            let left = moves.iter().map(|(key, _)| key);
            for fence in
                left.chain(outside.iter().filter(|key| !moves.iter().any(|(left, _)| left == *key))).filter_map(|key| fences.get(key))
            {
                tell(fence, "del", "");
            }
            return;
        };
        index.moved(object, to, &mut moves);
        for (key, transition) in &moves {
            let Some(fence) = fences.get(key) else { continue };
            let filter = &fence.search.filter;
            let was = *transition == Transition::Exit && before.is_some_and(|before| filter.holds(before));
            let is = *transition == Transition::Enter && filter.holds(item);
            let crosses = *transition == Transition::Cross && filter.holds(item);
            transitions(fence, was, is, crosses, filter.holds(item), &mut tell);
        }
        for key in object.inside().iter().filter(|key| !moves.iter().any(|(moved, _)| moved == *key)) {
            let Some(fence) = fences.get(key) else { continue };
            let filter = &fence.search.filter;
            let was = before.is_some_and(|before| filter.holds(before));
            transitions(fence, was, filter.holds(item), false, false, &mut tell);
        }
        for key in outside.iter().filter(|key| !object.inside().contains(key) && !moves.iter().any(|(moved, _)| moved == *key)) {
            if let Some(fence) = fences.get(key)
                && fence.search.filter.holds(item)
            {
                tell(fence, "set", "outside");
            }
        }
    }
}

/// Tells what Tile38 tells: with an entry also that it is inside, with an exit and a crossing also
/// that it is outside.
fn transitions(fence: &Arc<Fence>, was: bool, is: bool, crosses: bool, counts: bool, tell: &mut impl FnMut(&Arc<Fence>, &str, &str)) {
    let steps: &[&str] = match (was, is) {
        (true, true) => &["inside"],
        (true, false) => &["exit", "outside"],
        (false, true) => &["enter", "inside"],
        (false, false) if crosses => &["cross", "outside"],
        (false, false) if counts => &["outside"],
        (false, false) => &[],
    };
    for step in steps.iter().filter(|step| fence.detects(step)) {
        tell(fence, "set", step);
    }
}

/// The message of Tile38: who, which fence, and what happened.
fn message(fence: &Fence, command: &str, detect: &str, item: &LiveItem) -> String {
    let Search { key, form, no_fields, .. } = &fence.search;
    let mut hook = if fence.is_channel { format!(",\"hook\":{}", quoted(&fence.name)) } else { String::new() };
    if !fence.meta.is_empty() {
        let meta: Vec<String> = fence.meta.iter().map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
        hook += &format!(",\"meta\":{{{}}}", meta.join(","));
    }
    let (key, id, time) = (quoted(key), quoted(item.id()), item.since().min(Timestamp::now()));
    if command == "del" {
        return format!("{{\"command\":\"del\"{hook},\"key\":{key},\"id\":{id},\"time\":\"{time}\"}}");
    }
    let object = Object::new(item);
    let shown = match form {
        Form::Ids | Form::Count => String::new(),
        form => format!(",{}", object.json(*form)),
    };
    let fields = object.fields_json().filter(|_| !no_fields && !matches!(form, Form::Ids | Form::Count));
    let fields = fields.map_or(String::new(), |fields| format!(",{fields}"));
    let distance = match &fence.search.target {
        Target::Near(place, _) if fence.search.distance => {
            let metres = item.geometry().and_then(|wkb| From::new(*place).to(wkb));
            metres.map_or(String::new(), |metres| format!(",\"distance\":{metres}"))
        }
        _ => String::new(),
    };
    // One visit of one object to one fence is a group.
    let group =
        format!("{:016x}{:08x}", item.fid(), fence.name.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));
    format!(
        "{{\"command\":\"{command}\",\"group\":\"{group}\",\"detect\":\"{detect}\"{hook},\"key\":{key},\"time\":\"{time}\",\"id\":{id}{shown}{fields}{distance}}}"
    )
}
