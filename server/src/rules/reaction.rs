//! The rules at work: they take part in every commit.

use super::{past::Past, zone};
use citywall_model::{Change, CollectionId, CollectionKind, EventDraft, FeatureRef, LiveItem, limits};
use citywall_query::{City, ItemsQuery, Reaction};
use citywall_rules::{Engine, RuleDocument};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Changes of the past that are read so that rules go on after a start.
const LOOK_BACK_CHANGES_MAX: usize = 1_000_000;

/// Applies the rules of a city from now on.
///
/// # Errors
/// `alarms` is no collection id.
pub fn start(city: &Arc<City>) -> anyhow::Result<()> {
    let renewed: Arc<Mutex<Vec<CollectionId>>> = Arc::default();
    let listener = renewed.clone();
    city.on_commit(move |commit| listener.lock().extend(commit.layer.clone()));
    let mut rules = Rules {
        city: Arc::downgrade(city),
        alarms: CollectionId::new("alarms")?,
        engine: Engine::new(zone(city)),
        renewed,
        is_stale: false,
        found: Vec::new(),
    };
    rules.load(city, Timestamp::now());
    tracing::info!(rules = rules.engine.len(), "rules are on");
    city.set_reaction(Box::new(rules));
    Ok(())
}

struct Rules {
    city: Weak<City>,
    /// Where alarms are raised.
    alarms: CollectionId,
    engine: Engine,
    /// Layers that have a new version since the last commit.
    renewed: Arc<Mutex<Vec<CollectionId>>>,
    /// True if the rules have seen what did not happen.
    is_stale: bool,
    /// What a load found to be over, for the next commit.
    found: Vec<EventDraft>,
}

impl Rules {
    /// Begins anew with what is stored: the rules, the items, the past as far as the rules look
    /// back, and the alarms that live.
    fn load(&mut self, city: &City, now: Timestamp) {
        self.engine = Engine::new(zone(city));
        let of_kind = |kind| city.collections().into_iter().filter(move |view| view.kind() == kind);
        for item in of_kind(CollectionKind::Rules).flat_map(|view| view.open_items()) {
            self.add(city, &item);
        }
        let followed: Vec<CollectionId> = self.engine.followed().cloned().collect();
        let past = self.engine.looks_back_to(now).and_then(|from| {
            // What clocks that go ahead have said is part of it.
            let ahead = now + SignedDuration::from_secs(limits::EVENT_FUTURE_SECONDS_MAX);
            let past = Past::read(city, &followed, from, ahead, LOOK_BACK_CHANGES_MAX);
            past.inspect_err(|error| tracing::error!(%error, "rules start without the past")).ok()
        });
        if let Some(past) = &past {
            past.replay(&mut self.engine, &mut Vec::new());
        }
        match past {
            Some(past) if !past.is_cut => {}
            _ => followed.iter().for_each(|collection| self.show(city, collection, None)),
        }
        // What the past led to is among the alarms already.
        self.engine.forget_alarms();
        // Closed ones too: what they tell of may go on.
        for view in of_kind(CollectionKind::Alarms) {
            view.each(&ItemsQuery::default(), |item| {
                if let FeatureRef::Live(alarm) = item {
                    self.engine.know_alarm(alarm);
                }
                true
            });
        }
        self.found.clear();
        self.engine.settle(now, &mut self.found);
        self.is_stale = false;
    }

    /// Shows the items of a collection as they are.
    fn show(&mut self, city: &City, collection: &CollectionId, rule: Option<&str>) {
        if let Ok(view) = city.view(collection) {
            view.open_items().iter().for_each(|item| self.engine.know(collection, item, rule));
        }
    }

    /// Switches a rule on, if it is to be. It was checked when it was stored; a collection that
    /// has gone since then leaves it without effect.
    fn add(&mut self, city: &City, item: &LiveItem) {
        let added = RuleDocument::read(&item.properties())
            .and_then(|document| if document.enabled { self.engine.add(item.id(), item.revision().0, document, city) } else { Ok(()) });
        if let Err(error) = added {
            tracing::warn!(rule = item.id(), %error, "a rule has no effect");
        }
    }

    /// A rule was written, changed or removed.
    fn renew(&mut self, city: &City, item: &LiveItem, now: Timestamp, drafts: &mut Vec<EventDraft>) {
        self.engine.remove(item.id());
        if !item.is_cleared() {
            self.add(city, item);
            let followed: Vec<CollectionId> = self.engine.followed().cloned().collect();
            followed.iter().for_each(|collection| self.show(city, collection, Some(item.id())));
        }
        self.engine.settle(now, drafts);
    }
}

impl Reaction for Rules {
    fn react(&mut self, changes: &[Change], now: Timestamp) -> Vec<(CollectionId, EventDraft)> {
        let Some(city) = self.city.upgrade() else { return Vec::new() };
        let renewed = std::mem::take(&mut *self.renewed.lock());
        if self.is_stale || renewed.iter().any(|layer| !self.engine.fenced_by(layer).is_empty()) {
            self.load(&city, now);
        }
        let mut drafts = std::mem::take(&mut self.found);
        let mut kind: Option<(&CollectionId, CollectionKind)> = None;
        for change in changes {
            let kind = match kind {
                Some((collection, kind)) if *collection == change.collection => kind,
                _ => {
                    let found = city.view(&change.collection).map_or(CollectionKind::Incidents, |view| view.kind());
                    kind = Some((&change.collection, found));
                    found
                }
            };
            match kind {
                CollectionKind::Rules if !change.late => self.renew(&city, &change.item, now, &mut drafts),
                CollectionKind::Alarms if !change.late => self.engine.know_alarm(&change.item),
                _ => self.engine.see(change, now, &mut drafts),
            }
        }
        self.engine.tick(now, &mut drafts);
        drafts.into_iter().map(|draft| (self.alarms.clone(), draft)).collect()
    }

    fn undo(&mut self) {
        self.is_stale = true;
    }
}
