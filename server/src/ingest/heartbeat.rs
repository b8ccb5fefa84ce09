//! Which things and datastreams are online: one that is not heard of within its heartbeat gets
//! the property `online: false`, and `true` again once it is heard of.
//!
//! Silence is told by the process' own clock; after a start each has one heartbeat to be heard.

use crate::config::LiveConfig;
use citywall_model::{CollectionId, CollectionKind, EventDraft, LiveItem, Properties};
use citywall_query::{City, Commit};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// An item with a heartbeat.
struct Watched {
    heartbeat: Duration,
    heard: Instant,
    /// What its `online` says.
    online: Option<bool>,
}

#[derive(Default)]
struct Watch {
    /// The collections whose items have heartbeats.
    kinds: FxHashMap<CollectionId, CollectionKind>,
    items: FxHashMap<CollectionId, FxHashMap<Arc<str>, Watched>>,
}

/// The heartbeats of things and datastreams.
pub struct Heartbeats {
    default_s: FxHashMap<CollectionId, u32>,
    watch: Mutex<Watch>,
}

impl Heartbeats {
    /// Watches the things and datastreams of a city from now on.
    pub fn start(city: &City, configured: &[LiveConfig]) -> Arc<Self> {
        let this = Arc::new(Self {
            default_s: configured.iter().filter_map(|live| Some((live.id.clone(), live.heartbeat_s?))).collect(),
            watch: Mutex::default(),
        });
        let mut watch = this.watch.lock();
        this.look_around(&mut watch, city);
        drop(watch);
        let listener = this.clone();
        city.on_commit(move |commit| listener.commit(commit));
        this
    }

    /// Takes up collections that are new.
    fn look_around(&self, watch: &mut Watch, city: &City) {
        for view in city.collections() {
            let kind = view.meta().kind;
            if matches!(kind, CollectionKind::Things | CollectionKind::Datastreams) && !watch.kinds.contains_key(view.id()) {
                watch.kinds.insert(view.id().clone(), kind);
                view.open_items().iter().for_each(|item| self.hear(watch, view.id(), item));
            }
        }
    }

    /// Notes who is heard of. Called on the writer's thread.
    fn commit(&self, commit: &Commit) {
        let mut watch = self.watch.lock();
        for change in commit.changes.iter() {
            // What the watch itself says is no word of the item's.
            if watch.kinds.contains_key(&change.collection) && &*change.actor != ACTOR {
                self.hear(&mut watch, &change.collection, &change.item);
            }
        }
    }

    fn hear(&self, watch: &mut Watch, collection: &CollectionId, item: &LiveItem) {
        if watch.kinds.get(collection) == Some(&CollectionKind::Datastreams)
            && let Value::String(thing) = item.property("thing")
        {
            // An observation is a word of its thing as well.
            let Watch { kinds, items } = watch;
            for (things, _) in kinds.iter().filter(|(_, kind)| **kind == CollectionKind::Things) {
                if let Some(thing) = items.get_mut(things).and_then(|items| items.get_mut(thing.as_str())) {
                    thing.heard = Instant::now();
                }
            }
        }
        let own = item.property("heartbeat_s").as_f64().filter(|seconds| *seconds > 0.0);
        let seconds = own.or_else(|| self.default_s.get(collection).copied().map(f64::from));
        let items = watch.items.entry(collection.clone()).or_default();
        match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).filter(|_| !item.is_cleared()) {
            Some(heartbeat) => {
                let online = item.property("online").as_bool();
                items.insert(item.id().into(), Watched { heartbeat, heard: Instant::now(), online });
            }
            None => drop(items.remove(item.id())),
        }
    }

    /// What there is to write now, by collection.
    pub fn due(&self, city: &City) -> Vec<(CollectionId, Vec<EventDraft>)> {
        let now = Instant::now();
        let mut due = Vec::new();
        let mut watch = self.watch.lock();
        self.look_around(&mut watch, city);
        for (collection, items) in &mut watch.items {
            let Ok(view) = city.view(collection) else { continue };
            let mut drafts = Vec::new();
            for (id, watched) in items {
                let online = now.duration_since(watched.heard) <= watched.heartbeat;
                // Who has never been offline needs no word of being online.
                if watched.online.unwrap_or(true) == online {
                    continue;
                }
                watched.online = Some(online);
                // At the present state's own time: being offline is no observation.
                let since = view.item(id, |item| match item {
                    citywall_model::FeatureRef::Live(item) => Some(item.since()),
                    citywall_model::FeatureRef::Row(..) => None,
                });
                let mut properties = Properties::new();
                properties.insert("online".to_owned(), online.into());
                drafts.push(EventDraft { id: id.to_string(), source: None, time: since.flatten(), geometry: None, properties });
            }
            if !drafts.is_empty() {
                due.push((collection.clone(), drafts));
            }
        }
        due
    }
}

/// Who writes `online`.
pub const ACTOR: &str = "heartbeat";
