//! Makes letters of the changes, and has them carried.

use super::{
    address::Allowed,
    carrier::{Carrier, Counters, key},
    document::TargetDocument,
};
use crate::{
    limits,
    live::{Hub, Interest, PushedChange, Told},
    redis::Hooks,
};
use citywall_model::{CollectionId, EventDraft, LifeState, LiveItem, Properties, Revision};
use citywall_query::City;
use citywall_store::{NewLetter, Outbox, OutboxCounts, StoreError};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// The name under which the journal knows what is written into the targets' items.
const ACTOR: &str = "targets";
/// How often the targets' items say how they stand.
const REPORT: Duration = Duration::from_secs(limits::TARGET_REPORT_SECONDS);

/// How a target stands.
pub struct Standing {
    /// Letters that arrived since the server started.
    pub delivered: u64,
    /// Tries in vain since the server started.
    pub failed: u64,
    /// What waits and what came back.
    pub counts: OutboxCounts,
}

/// The collection of the targets.
const TARGETS: &str = "targets";

/// All targets at work.
pub struct PostOffice {
    /// The queues.
    pub outbox: Arc<dyn Outbox>,
    hub: Arc<Hub>,
    city: Arc<City>,
    allowed: Allowed,
    targets: Mutex<BTreeMap<String, Target>>,
    hooks: Mutex<Hooks>,
    ends: AtomicBool,
}

/// One item of `targets`.
struct Target {
    /// Its document, or what is wrong with it.
    document: Result<TargetDocument, String>,
    interest: Option<Interest>,
    carrier: Option<Carrier>,
    counters: Arc<Counters>,
    /// What its item last said of it.
    said: Properties,
    /// Delivered and failed before the server started.
    before: (u64, u64),
}

impl PostOffice {
    /// Starts the work on a thread of its own.
    ///
    /// # Errors
    /// The outbox cannot be read, or there is no thread.
    pub fn start(hub: Arc<Hub>, city: Arc<City>, outbox: Arc<dyn Outbox>, allowed: Allowed) -> anyhow::Result<Arc<Self>> {
        let reached = outbox.reached()?.unwrap_or(city.revision());
        let office =
            Arc::new(Self { outbox, hub, city, allowed, targets: Mutex::default(), hooks: Mutex::default(), ends: AtomicBool::new(false) });
        let known = CollectionId::new(TARGETS).ok().and_then(|id| office.city.view(&id).ok());
        for item in known.iter().flat_map(citywall_query::CollectionView::open_items) {
            office.follow(&item)?;
        }
        let run = office.clone();
        std::thread::Builder::new().name("post-office".to_owned()).spawn(move || run.run(reached.0))?;
        Ok(office)
    }

    /// Ends the work; letters that wait stay in the outbox.
    pub fn close(&self) {
        self.ends.store(true, Ordering::Relaxed);
        self.targets.lock().clear();
    }

    fn run(&self, mut reached: u64) {
        let mut reported = Instant::now();
        let mut kept = reached;
        while !self.ends.load(Ordering::Relaxed) {
            let done = self.hub.next(&self.city, reached, Duration::from_millis(500)).and_then(|commits| {
                let mut letters = Vec::new();
                for commit in commits {
                    if commit.any(|collection| self.wants(collection)) {
                        commit.changes().iter().try_for_each(|change| self.sort(change, &mut letters))?;
                    }
                    reached = reached.max(commit.revision);
                }
                let due = reported.elapsed() >= REPORT;
                if !letters.is_empty() || due && kept < reached {
                    self.queue(&letters, reached)?;
                    kept = reached;
                }
                if due {
                    self.report();
                    reported = Instant::now();
                }
                Ok(())
            });
            if let Err(error) = done {
                tracing::error!(%error, "letters could not be queued; it is tried again");
                reached = kept;
                std::thread::sleep(REPORT);
            }
        }
    }

    /// True if changes of a collection may be told.
    fn wants(&self, collection: &CollectionId) -> bool {
        let is_told = |target: &Target| target.interest.as_ref().is_some_and(|interest| interest.has_collection(collection));
        collection.as_str() == TARGETS || self.hooks.lock().watches(collection) || self.targets.lock().values().any(is_told)
    }

    /// Makes letters of a change; a change of a target itself changes its work.
    fn sort(&self, change: &PushedChange, letters: &mut Vec<NewLetter>) -> Result<(), StoreError> {
        if change.collection.as_str() == TARGETS {
            if let Err(error) = self.follow(&change.item) {
                tracing::error!(%error, target = change.item.id(), "a target has no thread");
            }
            return Ok(());
        }
        let revision = Revision(change.revision);
        for (name, target) in &*self.targets.lock() {
            let (Some(interest), Ok(document)) = (&target.interest, &target.document) else { continue };
            if interest.told(change) == Some(Told::Change) && document.wants_level(&change.item) {
                letters.push(NewLetter { target: name.clone(), revision, body: body(name, revision, change) });
            }
        }
        self.ask_hooks(change, letters)
    }

    /// Makes letters of what the hooks' fences tell of a change: one for each hook, with a message
    /// on each line.
    fn ask_hooks(&self, change: &PushedChange, letters: &mut Vec<NewLetter>) -> Result<(), StoreError> {
        let mut hooks = self.hooks.lock();
        if change.late || !hooks.watches(&change.collection) {
            return Ok(());
        }
        let (collection, item, revision) = (&change.collection, &change.item, Revision(change.revision));
        let before = match &change.before {
            // The journal does not say what was before.
            None if !change.is_new => self.city.store().state_before(collection, item.fid(), revision)?,
            before => before.clone(),
        };
        hooks.see(collection, item, before.as_ref(), |name, message| {
            match letters.iter_mut().rev().take_while(|letter| letter.revision == revision).find(|letter| letter.target == name) {
                Some(letter) => letter.body = format!("{}\n{message}", letter.body),
                None => letters.push(NewLetter { target: name.to_owned(), revision, body: message }),
            }
        });
        Ok(())
    }

    fn queue(&self, letters: &[NewLetter], reached: u64) -> Result<(), StoreError> {
        let left_out = self.outbox.append(letters, Revision(reached))?;
        if left_out > 0 {
            tracing::error!(left_out, "a target's queue has OUTBOX_LETTERS_MAX letters; later ones are not sent to it");
        }
        let targets = self.targets.lock();
        for letter in letters {
            if let Some(carrier) = targets.get(&letter.target).and_then(|target| target.carrier.as_ref()) {
                carrier.ring();
            }
        }
        Ok(())
    }

    /// Takes over what an item of `targets` says.
    fn follow(&self, item: &LiveItem) -> std::io::Result<()> {
        let mut targets = self.targets.lock();
        let name = item.id();
        if item.state() != LifeState::Open {
            targets.remove(name);
            self.hooks.lock().remove(name);
            if item.state() == LifeState::Removed
                && let Err(error) = self.outbox.forget(name)
            {
                tracing::error!(%error, target = name, "the letters of a removed target are still there");
            }
            return Ok(());
        }
        let properties = item.properties();
        let mut document = TargetDocument::read(&properties);
        if targets.get(name).is_some_and(|known| known.document == document) {
            return Ok(());
        }
        if targets.len() >= limits::TARGETS_MAX && !targets.contains_key(name) {
            document = Err(format!("there are TARGETS_MAX ({}) targets already", limits::TARGETS_MAX));
        }
        self.hooks.lock().remove(name);
        let interest = match document.as_ref().map(|document| self.listen(name, document)) {
            Ok(Ok(interest)) => interest,
            Ok(Err(reason)) => {
                document = Err(reason);
                None
            }
            Err(_) => None,
        };
        let count = |name: &str| properties.get(name).and_then(Value::as_u64).unwrap_or(0);
        let known = targets.remove(name);
        let (counters, before) =
            known.map_or_else(|| (Arc::default(), (count("delivered"), count("failed"))), |known| (known.counters, known.before));
        let enabled = document.as_ref().ok().filter(|document| document.enabled);
        let carrier =
            enabled.map(|document| Carrier::start(name, document, self.allowed.clone(), self.outbox.clone(), Arc::clone(&counters)));
        let interest = interest.filter(|_| enabled.is_some());
        let carrier = carrier.transpose()?;
        targets.insert(name.to_owned(), Target { document, interest, carrier, counters, said: Properties::new(), before });
        Ok(())
    }

    /// Has a target told of what it wants to hear of: by its interest, or as a hook by its fence.
    fn listen(&self, name: &str, document: &TargetDocument) -> Result<Option<Interest>, String> {
        match &document.fence {
            None => document.interest(&self.city).map(Some),
            Some(fence) if document.enabled => self.hooks.lock().set(name, &fence.words, &fence.meta, &self.city).map(|()| None),
            Some(_) => Ok(None),
        }
    }

    /// Writes into each target's item how it stands, where that has changed.
    fn report(&self) {
        let drafts: Vec<EventDraft> = {
            let mut targets = self.targets.lock();
            let news = targets.iter_mut().filter_map(|(name, target)| {
                let counts = self.outbox.counts(name).ok()?;
                let properties = target.report(&counts);
                if properties == target.said {
                    return None;
                }
                target.said = properties.clone();
                Some(EventDraft { id: name.clone(), source: None, time: None, geometry: None, properties })
            });
            news.collect()
        };
        let Ok(id) = CollectionId::new(TARGETS) else { return };
        if !drafts.is_empty() {
            // A city that is full or closing says so elsewhere; the next report comes soon.
            let _ = self.city.submit(&id, drafts, ACTOR, |_| {});
        }
    }

    /// How each target stands.
    pub fn standings(&self) -> Vec<(String, Standing)> {
        let targets = self.targets.lock();
        let standing = |name: &String, target: &Target| Standing {
            delivered: target.counters.delivered.load(Ordering::Relaxed),
            failed: target.counters.failed.load(Ordering::Relaxed),
            counts: self.outbox.counts(name).unwrap_or_default(),
        };
        targets.iter().map(|(name, target)| (name.clone(), standing(name, target))).collect()
    }

    /// True if there is a target of this name.
    pub fn has(&self, target: &str) -> bool {
        self.targets.lock().contains_key(target)
    }

    /// Sends letters that came back again, one or all. Returns how many.
    ///
    /// # Errors
    /// The outbox cannot be written.
    pub fn resend(&self, target: &str, number: Option<u64>) -> Result<usize, StoreError> {
        let again = self.outbox.resend(target, number)?;
        if let Some(carrier) = self.targets.lock().get(target).and_then(|target| target.carrier.as_ref()) {
            carrier.ring();
        }
        Ok(again)
    }
}

impl Target {
    fn report(&self, counts: &OutboxCounts) -> Properties {
        let of = |counter: &std::sync::atomic::AtomicU64, before: u64| before + counter.load(Ordering::Relaxed);
        let problem = match &self.document {
            Err(reason) => Some(reason.clone()),
            Ok(_) => self.counters.problem.lock().clone(),
        };
        let state = match &self.document {
            Err(_) => "invalid",
            Ok(document) if !document.enabled => "disabled",
            Ok(_) if problem.is_some() => "retrying",
            Ok(_) => "ok",
        };
        let report = json!({
            "state": state, "problem": problem, "delivered": of(&self.counters.delivered, self.before.0), "failed": of(&self.counters.failed, self.before.1),
            "waiting": counts.waiting, "dead": counts.dead, "oldest": counts.oldest.map(|oldest| oldest.to_string()),
        });
        report.as_object().cloned().unwrap_or_default()
    }
}

/// What is sent: the key, the target, and the change as `/live` tells it.
fn body(target: &str, revision: Revision, change: &PushedChange) -> String {
    let start = json!({"key": key(target, revision), "target": target}).to_string();
    let change = String::from_utf8_lossy(change.json());
    format!("{},{}", start.trim_end_matches('}'), change.trim_start_matches('{'))
}
