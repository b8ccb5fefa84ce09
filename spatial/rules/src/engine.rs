//! All rules of a city, and what changes of its live collections make of the alarms.

use crate::{
    alarms::{Book, Raiser},
    document::{RuleDocument, RuleError, When},
    postponed::Postponed,
    watch::{FenceWatch, Finding, NearWatch, RateWatch, Seen, SilenceWatch, ThresholdWatch, Watch, later},
};
use citywall_cql2::{Bound, Filter, Queryables};
use citywall_model::{Change, CollectionId, EventDraft, FeatureRef, LiveItem};
use citywall_query::{City, CollectionView};
use jiff::{Timestamp, tz::TimeZone};
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::sync::Arc;

/// Most rules of a city.
pub const RULES_MAX: usize = 1_000;

/// One rule at work.
struct Rule {
    id: Arc<str>,
    /// That of the rule's item; 0 where it is none.
    revision: u64,
    document: RuleDocument,
    filter: Option<Bound>,
    watch: Box<dyn Watch>,
    /// What was found while it was off.
    postponed: Postponed,
    /// The rule's clock: the time of the latest change that it saw, and when that was.
    latest: Option<(Timestamp, Timestamp)>,
}

/// All rules that are switched on. Its time is that of the changes: where they come long after
/// they happened, as in a trial or a file that is read in, the rules find what they would have
/// found then. Between changes it goes on with the writer's clock.
///
/// Not `Sync`: it belongs to the one writer.
pub struct Engine {
    zone: TimeZone,
    rules: Vec<Rule>,
    /// The rules that follow a collection's items.
    followers: FxHashMap<CollectionId, Vec<usize>>,
    /// The rules whose fences are a collection's items.
    fenced: FxHashMap<CollectionId, Vec<usize>>,
    book: Book,
    found: Vec<Finding>,
    ready: Vec<Finding>,
}

impl Engine {
    /// No rules yet; days and hours are those of a zone.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            rules: Vec::new(),
            followers: FxHashMap::default(),
            fenced: FxHashMap::default(),
            book: Book::default(),
            found: Vec::new(),
            ready: Vec::new(),
        }
    }

    /// Adds a rule, with the revision of its item. It knows nothing of the items yet; see [`Engine::know`].
    ///
    /// # Errors
    /// A collection is missing or of the wrong kind, or the filter cannot be bound to it.
    pub fn add(&mut self, id: &str, revision: u64, document: RuleDocument, city: &City) -> Result<(), RuleError> {
        if self.rules.len() >= RULES_MAX {
            return Err(RuleError::new("rules", format!("there are RULES_MAX ({RULES_MAX}) rules already")));
        }
        let (filter, watch) = prepare(&document, city, &self.zone)?;
        self.rules.push(Rule { id: id.into(), revision, document, filter, watch, postponed: Postponed::default(), latest: None });
        self.index();
        Ok(())
    }

    /// Takes a rule away; its alarms stay.
    pub fn remove(&mut self, id: &str) {
        self.rules.retain(|rule| &*rule.id != id);
        self.index();
    }

    /// The rules that are switched on.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// True if no rule is switched on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The collections whose items the rules follow.
    pub fn followed(&self) -> impl Iterator<Item = &CollectionId> {
        self.followers.keys()
    }

    /// The rules whose fences lie in a collection.
    #[must_use]
    pub fn fenced_by(&self, collection: &CollectionId) -> Vec<Arc<str>> {
        self.fenced.get(collection).into_iter().flatten().map(|at| self.rules[*at].id.clone()).collect()
    }

    /// From when on the rules must be shown the past to go on where they were; `None` if what is
    /// there now is enough.
    #[must_use]
    pub fn looks_back_to(&self, now: Timestamp) -> Option<Timestamp> {
        let seconds = self.rules.iter().map(|rule| rule.document.look_back_s()).fold(0.0, f64::max);
        (seconds > 0.0).then(|| later(now, -seconds))
    }

    fn index(&mut self) {
        self.followers.clear();
        self.fenced.clear();
        for (at, rule) in self.rules.iter().enumerate() {
            for collection in rule.watch.others().into_iter().chain([rule.document.collection.clone()]) {
                self.followers.entry(collection).or_default().push(at);
            }
            if let When::Fence(fence) = &rule.document.when {
                self.fenced.entry(fence.fences.clone()).or_default().push(at);
            }
        }
    }

    /// Shows an item of a collection as it is, to one rule or to all: nothing is found.
    pub fn know(&mut self, collection: &CollectionId, item: &LiveItem, only: Option<&str>) {
        for at in self.followers.get(collection).into_iter().flatten() {
            let rule = &mut self.rules[*at];
            if only.is_none_or(|only| &*rule.id == only) {
                let counts = rule.counts(collection, item);
                let Rule { document, watch, .. } = rule;
                let is_on = |at| next_on(document, &self.zone, at) == Some(at);
                watch.know(&Seen { collection, item, is_new: true, counts, is_on: &is_on });
            }
        }
    }

    /// Takes in an alarm as it is.
    pub fn know_alarm(&mut self, item: &LiveItem) {
        self.book.know(item);
    }

    /// Forgets all alarms: they are shown next.
    pub fn forget_alarms(&mut self) {
        self.book = Book::default();
    }

    /// Takes in a change and appends what it makes of the alarms. `now` is the writer's clock.
    pub fn see(&mut self, change: &Change, now: Timestamp, drafts: &mut Vec<EventDraft>) {
        // A late record tells of what was; the alarms are of what is.
        if change.late || self.rules.is_empty() {
            return;
        }
        let item = &change.item;
        let mut fence_has_gone = false;
        for at in self.fenced.get(&change.collection).into_iter().flatten() {
            let geometry = item.geometry().filter(|_| !item.is_cleared());
            fence_has_gone |= self.rules[*at].watch.fence(item.id(), geometry);
        }
        if fence_has_gone {
            self.settle(item.since(), drafts);
        }
        for at in self.followers.get(&change.collection).into_iter().flatten() {
            let rule = &mut self.rules[*at];
            let since = item.since();
            let latest = rule.latest.map_or(since, |(latest, _)| latest.max(since));
            rule.latest = Some((latest, now));
            let counts = rule.counts(&change.collection, item);
            let Rule { id, revision, document, watch, postponed, .. } = rule;
            let next = |at| next_on(document, &self.zone, at);
            watch.due(latest, &mut self.found);
            postponed.sift(&mut self.found, latest, next, &mut self.ready);
            if !counts {
                postponed.forget(&change.collection, item);
            }
            let is_on = |at| next(at) == Some(at);
            let seen = Seen { collection: &change.collection, item, is_new: change.before.is_none(), counts, is_on: &is_on };
            watch.see(&seen, &mut self.found);
            postponed.sift(&mut self.found, latest, next, &mut self.ready);
            let raiser = Raiser { id, revision: *revision, document };
            drafts.extend(self.ready.drain(..).filter_map(|finding| self.book.take(&raiser, &finding)));
        }
    }

    /// Ends what cannot go on: its rule is not on any more, its fence has gone or is another now.
    pub fn settle(&mut self, at: Timestamp, drafts: &mut Vec<EventDraft>) {
        for Rule { watch, postponed, .. } in &mut self.rules {
            postponed.settle(|ongoing| watch.is_over(ongoing));
        }
        for (id, ongoing) in self.book.ongoing() {
            let rule = self.rules.iter().find(|rule| rule.id == id);
            let is_over = rule.map_or_else(|| vec![true; ongoing.len()], |rule| rule.watch.is_over(&ongoing));
            let over = ongoing.iter().zip(is_over).filter(|(_, is_over)| *is_over);
            drafts.extend(over.filter_map(|(ongoing, _)| self.book.end(&id, ongoing, at)));
        }
    }

    /// Appends what follows from the passing of time. `now` is the writer's clock.
    pub fn tick(&mut self, now: Timestamp, drafts: &mut Vec<EventDraft>) {
        // Without a change so far a rule's clock is the writer's.
        let clock = |(latest, seen): (Timestamp, Timestamp)| latest.checked_add(seen.duration_until(now)).unwrap_or(now);
        self.due(|rule| rule.latest.map_or(now, clock), drafts);
    }

    /// Lets everything come due that waits for an instant: the end of a trial.
    pub fn finish(&mut self, at: Timestamp, drafts: &mut Vec<EventDraft>) {
        self.due(|_| at, drafts);
    }

    fn due(&mut self, clock: impl Fn(&Rule) -> Timestamp, drafts: &mut Vec<EventDraft>) {
        for rule in &mut self.rules {
            let at = clock(rule);
            let Rule { id, revision, document, watch, postponed, .. } = rule;
            watch.due(at, &mut self.found);
            postponed.sift(&mut self.found, at, |at| next_on(document, &self.zone, at), &mut self.ready);
            let raiser = Raiser { id, revision: *revision, document };
            drafts.extend(self.ready.drain(..).filter_map(|finding| self.book.take(&raiser, &finding)));
        }
    }
}

impl Rule {
    /// True if an item is there for the rule.
    fn counts(&self, collection: &CollectionId, item: &LiveItem) -> bool {
        let is_own = *collection == self.document.collection;
        !item.is_cleared() && (!is_own || self.filter.as_ref().is_none_or(|filter| filter.holds(FeatureRef::Live(item))))
    }
}

/// The first instant from one on at which a rule is on.
fn next_on(document: &RuleDocument, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    document.hours.as_ref().map_or(Some(at), |hours| hours.next(at, zone))
}

/// Checks a document against the city.
///
/// # Errors
/// A collection is missing or of the wrong kind, or the filter cannot be bound to it.
pub fn check(document: &RuleDocument, city: &City) -> Result<(), RuleError> {
    prepare(document, city, &TimeZone::UTC).map(|_| ())
}

fn view(city: &City, member: &str, collection: &CollectionId, live: bool) -> Result<CollectionView, RuleError> {
    let view = city.view(collection).map_err(|error| RuleError::new(member, error.to_string()))?;
    if live && !view.is_live() {
        return Err(RuleError::new(member, format!("“{collection}” is a layer, where a live collection is watched")));
    }
    Ok(view)
}

fn prepare(document: &RuleDocument, city: &City, zone: &TimeZone) -> Result<(Option<Bound>, Box<dyn Watch>), RuleError> {
    let collection = &document.collection;
    let own = view(city, "collection", collection, true)?;
    let filter = match &document.filter {
        None => None,
        Some(filter) => {
            let read = match filter {
                Value::String(text) => Filter::from_text(text),
                json => Filter::from_json_value(json),
            };
            let bound = read.and_then(|filter| filter.bind(&Queryables::of(&own.meta()).in_zone(zone.clone())));
            Some(bound.map_err(|error| RuleError::new("filter", error.to_string()))?)
        }
    };
    let watch: Box<dyn Watch> = match &document.when {
        When::Fence(when) => {
            let fences = view(city, "when.fences", &when.fences, false)?;
            if fences.is_raster() {
                return Err(RuleError::new("when.fences", format!("“{}” is a raster, where polygons are needed", when.fences)));
            }
            let mut polygons: Vec<(Arc<str>, Vec<u8>)> = Vec::new();
            each_item(&fences, |item| polygons.extend(item.geometry().map(|wkb| (item.id().as_ref().into(), wkb.to_vec()))));
            if let Some(missing) = when.ids.iter().find(|id| fences.item(id, |_| ()).is_none()) {
                return Err(RuleError::new("when.ids", format!("“{}” has no item “{missing}”", when.fences)));
            }
            Box::new(FenceWatch::new(when, collection, polygons.iter().map(|(id, wkb)| (id.clone(), wkb.as_slice()))))
        }
        When::Near(when) => {
            view(city, "when.to", &when.to, true)?;
            Box::new(NearWatch::new(when, collection))
        }
        When::Threshold(when) => Box::new(ThresholdWatch::new(when, collection)),
        When::Rate(when) => Box::new(RateWatch::new(when, collection)),
        When::Silence(when) => Box::new(SilenceWatch::new(when, collection)),
    };
    Ok((filter, watch))
}

/// Visits what is there: the rows of a layer, the open items of a live collection.
fn each_item(view: &CollectionView, mut visit: impl FnMut(FeatureRef<'_>)) {
    if view.is_live() {
        view.open_items().iter().for_each(|item| visit(FeatureRef::Live(item)));
    } else {
        view.each(&citywall_query::ItemsQuery::default(), |item| {
            visit(item);
            true
        });
    }
}
