//! Fences: searches that are told when an object enters or leaves their area.
//!
//! A channel (SETCHAN) and a live search are told to who listens, on the writer's thread, after
//! the move is durable. A hook (SETHOOK) is a target of the city: its messages are letters, made
//! by the post office of the committed changes, in the same order.

use super::{
    area::{Area, From},
    arguments::{Arguments, Fault},
    object::{Form, Object, quoted},
    pubsub::Pubsub,
    search::{Search, Target, Verb},
    watch::FenceSet,
};
use citywall_model::{CollectionId, LiveItem};
use citywall_query::{City, Commit, Measure};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// A fence.
#[derive(Debug)]
pub struct Fence {
    /// The channel or the hook that it tells.
    pub name: Arc<str>,
    /// META, by name.
    pub meta: BTreeMap<String, String>,
    /// The words that made it, from the command on.
    pub words: Vec<String>,
    /// False for a live search, which nobody lists.
    pub is_named: bool,
    search: Search,
}

/// What a fence is told of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was set, and this was detected.
    Detect(&'static str),
    /// It is no more.
    Gone,
}

impl Told {
    fn command(self) -> &'static str {
        match self {
            Self::Detect(_) => "set",
            Self::Gone => "del",
        }
    }
}

impl Fence {
    /// Reads a fence from `NEARBY fleet FENCE …` on; as in Tile38, it is one without FENCE too.
    ///
    /// # Errors
    /// Something is missing or makes no sense.
    pub fn read(name: &str, meta: BTreeMap<String, String>, arguments: &mut Arguments<'_>, city: &City) -> Result<Self, Fault> {
        let words = arguments.rest().iter().map(|word| (*word).to_owned()).collect();
        let command = arguments.word()?;
        let verb = super::verb(command).filter(|verb| *verb != Verb::Scan).ok_or_else(|| Fault::argument(command))?;
        let mut search = Search::read(verb, arguments, city)?;
        search.fence.is_fence = true;
        Self::new(name, meta, words, search, true)
    }

    /// A fence from the words that made it once.
    ///
    /// # Errors
    /// As for [`Fence::read`].
    pub fn again(name: &str, meta: BTreeMap<String, String>, words: &[String], city: &City) -> Result<Self, Fault> {
        Self::read(name, meta, &mut Arguments::of(words.iter().map(String::as_str).collect()), city)
    }

    /// A fence of a search.
    ///
    /// # Errors
    /// The search has no FENCE, or its area has no inside.
    pub fn new(name: &str, meta: BTreeMap<String, String>, words: Vec<String>, search: Search, is_named: bool) -> Result<Self, Fault> {
        if !search.fence.is_fence {
            return Err(Fault::new("missing FENCE argument"));
        }
        Ok(Self { name: name.into(), meta, words, is_named, search })
    }

    /// The key that it watches.
    pub fn key(&self) -> &str {
        &self.search.key
    }

    /// Its area; `None` for a search that has none.
    pub fn area(&self) -> Option<Area> {
        match &self.search.target {
            Target::In(area, _) => Some(area.clone()),
            Target::Near(place, Some(metres)) => Some(Area::circle(*place, *metres)),
            Target::Near(_, None) | Target::All(_) => None,
        }
    }

    /// True if it tells of what is detected so.
    pub fn detects(&self, what: &str) -> bool {
        self.search.fence.detect.as_ref().is_none_or(|detect| detect.contains(what))
    }

    /// True if it tells of what a command did.
    pub fn tells(&self, told: Told) -> bool {
        self.search.fence.commands.as_ref().is_none_or(|commands| commands.contains(told.command()))
    }

    /// True if an object is one of those that it looks for.
    pub fn counts(&self, item: &LiveItem) -> bool {
        self.search.filter.holds(item)
    }

    /// True if the other one was made by the same words.
    pub fn is_same(&self, other: &Self) -> bool {
        self.words == other.words && self.meta == other.meta
    }

    /// The message of Tile38: who, which fence, and what happened.
    pub fn message(&self, told: Told, item: &LiveItem) -> String {
        let Search { key, form, no_fields, .. } = &self.search;
        let mut hook = if self.is_named { format!(",\"hook\":{}", quoted(&self.name)) } else { String::new() };
        if !self.meta.is_empty() {
            let meta: Vec<String> = self.meta.iter().map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
            hook += &format!(",\"meta\":{{{}}}", meta.join(","));
        }
        let (key, id, time) = (quoted(key), quoted(item.id()), item.since().min(Timestamp::now()));
        let command = told.command();
        let Told::Detect(detect) = told else {
            return format!("{{\"command\":\"{command}\"{hook},\"key\":{key},\"id\":{id},\"time\":\"{time}\"}}");
        };
        let object = Object::new(item);
        let shown = match form {
            Form::Ids | Form::Count => String::new(),
            form => format!(",{}", object.json(*form)),
        };
        let fields = object.fields_json().filter(|_| !no_fields && !matches!(form, Form::Ids | Form::Count));
        let fields = fields.map_or(String::new(), |fields| format!(",{fields}"));
        let distance = match &self.search.target {
            Target::Near(place, _) if self.search.distance => {
                let metres = item.geometry().and_then(|wkb| From::new(*place).to(wkb, f64::INFINITY));
                metres.map_or(String::new(), |metres| format!(",\"distance\":{metres}"))
            }
            _ => String::new(),
        };
        // What one object does to one fence is a group.
        let group =
            format!("{:016x}{:08x}", item.fid(), self.name.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));
        format!(
            "{{\"command\":\"{command}\",\"group\":\"{group}\",\"detect\":\"{detect}\"{hook},\"key\":{key},\"time\":\"{time}\",\"id\":{id}{shown}{fields}{distance}}}"
        )
    }
}

/// The fences of channels and live searches, and who is told.
#[derive(Default)]
pub struct Fences {
    set: Mutex<FenceSet>,
    /// Who is told.
    pub pubsub: Pubsub,
}

impl Fences {
    /// Sets a fence; one of the same name is replaced. False if it was there just so.
    ///
    /// # Errors
    /// Its area has no inside, or there are too many.
    pub fn set(&self, fence: Fence) -> Result<bool, Fault> {
        self.set.lock().set(fence)
    }

    /// Takes fences away whose names a pattern fits, or the one of this name, and gives back their names.
    pub fn delete(&self, name: &str, is_pattern: bool) -> Vec<Arc<str>> {
        let mut set = self.set.lock();
        let mut names = if is_pattern { named(&set, name) } else { vec![name.into()] };
        names.retain(|name| set.remove(name));
        names
    }

    /// True if there is a channel of this name.
    pub fn has(&self, name: &str) -> bool {
        self.set.lock().get(name).is_some()
    }

    /// The channels whose names a pattern fits, by name.
    pub fn channels(&self, pattern: &str) -> Vec<Arc<Fence>> {
        let mut fences = self.set.lock().matching(pattern);
        fences.retain(|fence| fence.is_named);
        fences
    }

    /// Tells of what a commit did. Runs on the writer's thread.
    pub fn see(&self, commit: &Commit) {
        let mut set = self.set.lock();
        if set.is_empty() {
            return;
        }
        let mut messages = Vec::new();
        for change in commit.changes.iter().filter(|change| !change.late) {
            set.see(&change.collection, &change.item, change.before.as_ref(), |fence, told| {
                if fence.tells(told) && self.pubsub.has(&fence.name) {
                    messages.push((fence.name.clone(), fence.message(told, &change.item)));
                }
            });
        }
        drop(set);
        for (channel, text) in messages {
            self.pubsub.publish(&channel, &text);
        }
    }
}

fn named(set: &FenceSet, pattern: &str) -> Vec<Arc<str>> {
    set.matching(pattern).iter().filter(|fence| fence.is_named).map(|fence| fence.name.clone()).collect()
}

/// The fences of the hooks. Not bound to the door: a hook goes on while the door is shut.
#[derive(Default)]
pub struct Hooks(FenceSet);

impl Hooks {
    /// Sets the fence of a hook, as the words of its command say.
    ///
    /// # Errors
    /// Why it cannot be set; then the hook has none.
    pub fn set(&mut self, name: &str, words: &[String], meta: &BTreeMap<String, String>, city: &City) -> Result<(), String> {
        let set = Fence::again(name, meta.clone(), words, city).and_then(|fence| self.0.set(fence));
        set.map(drop).map_err(|fault| {
            self.0.remove(name);
            fault.0.into_owned()
        })
    }

    /// Takes the fence of a hook away.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// True if there is a hook for objects of this collection.
    pub fn watches(&self, collection: &CollectionId) -> bool {
        self.0.watches(collection)
    }

    /// Gives the name and the message of every hook that is told of a change, one after the other.
    /// `before` is the item before, where there was one.
    pub fn see(&mut self, collection: &CollectionId, item: &LiveItem, before: Option<&LiveItem>, mut tell: impl FnMut(&str, String)) {
        self.0.see(collection, item, before, |fence, told| {
            if fence.tells(told) {
                tell(&fence.name, fence.message(told, item));
            }
        });
    }
}
