//! The register of sources: who sends, how much, and who has fallen silent. Every source has an
//! item in the collection `sources`, whose id is the source's name.
//!
//! Silence is told by the process' own clock, which no change of the wall clock moves.

use crate::{config::SourceConfig, limits};
use citywall_model::{CollectionId, EventDraft, Properties};
use citywall_query::City;
use jiff::Timestamp;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Who writes the items of the register.
pub const REGISTRAR: &str = "citywall";

/// What a source has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Records that were taken.
    pub taken: u64,
    /// Records that were refused.
    pub refused: u64,
}

/// What is known of a source since the start.
struct Heard {
    sent: Sent,
    at: Instant,
    last: Timestamp,
    /// What the item says, so that only what is new is written.
    written: Option<Written>,
}

#[derive(Clone, Copy)]
struct Written {
    sent: Sent,
    online: bool,
    at: Instant,
}

/// Who sends.
#[derive(Default)]
pub struct Registry {
    heard: Mutex<FxHashMap<Arc<str>, Heard>>,
}

impl Registry {
    /// Notes what sources have sent.
    pub fn note(&self, sent: impl IntoIterator<Item = (Arc<str>, Sent)>) {
        let (at, last) = (Instant::now(), Timestamp::now());
        let mut heard = self.heard.lock();
        for (name, sent) in sent {
            if !heard.contains_key(&name) && heard.len() >= limits::SOURCES_MAX {
                continue;
            }
            let known = heard.entry(name).or_insert_with(|| Heard { sent: Sent::default(), at, last, written: None });
            known.sent.taken += sent.taken;
            known.sent.refused += sent.refused;
            (known.at, known.last) = (at, last);
        }
    }

    /// Puts the configured sources into the register, and takes up what an earlier run wrote:
    /// each source has one heartbeat from now to be heard.
    pub fn start(&self, city: &City, sources: &CollectionId, configured: &[SourceConfig]) -> Vec<EventDraft> {
        let (at, last) = (Instant::now(), Timestamp::now());
        let mut heard = self.heard.lock();
        for item in city.view(sources).map(|view| view.open_items()).unwrap_or_default() {
            let number = |name: &str| item.property(name).as_u64().unwrap_or_default();
            let sent = Sent { taken: number("count"), refused: number("refused") };
            let Some(online) = item.property("online").as_bool() else { continue };
            let last = item.property("last_seen").as_str().and_then(|text| text.parse().ok()).unwrap_or(last);
            heard.insert(item.id().into(), Heard { sent, at, last, written: Some(Written { sent, online, at }) });
        }
        configured.iter().map(|source| draft(&source.name, source.properties(), is_known(city, sources, &source.name))).collect()
    }

    /// What there is to write now: sources that are new, that fell silent or came back, and, now
    /// and then, counts.
    pub fn due(&self, city: &City, sources: &CollectionId) -> Vec<EventDraft> {
        let now = Instant::now();
        let view = city.view(sources).ok();
        let heartbeat = |name: &str| {
            let seconds = view.as_ref()?.item(name, |item| item.number("heartbeat_s"))??;
            Some(Duration::try_from_secs_f64(seconds).unwrap_or_default().max(Duration::from_secs(1)))
        };
        let mut heard = self.heard.lock();
        let mut due = Vec::new();
        for (name, source) in &mut *heard {
            let silent = || heartbeat(name).is_some_and(|heartbeat| now.duration_since(source.at) > heartbeat);
            let is_due = match source.written {
                None => Some(true),
                Some(written) => {
                    let online = (source.at > written.at || written.online) && !silent();
                    let turned = online != written.online;
                    let counts =
                        source.sent != written.sent && now.duration_since(written.at) >= Duration::from_secs(limits::SOURCES_SECONDS);
                    (turned || counts).then_some(online)
                }
            };
            let Some(online) = is_due else { continue };
            source.written = Some(Written { sent: source.sent, online, at: now });
            let members =
                json!({"online": online, "last_seen": source.last.to_string(), "count": source.sent.taken, "refused": source.sent.refused});
            due.push(draft(name, members, is_known(city, sources, name)));
        }
        due
    }
}

/// True if the register has the source.
pub fn is_known(city: &City, sources: &CollectionId, name: &str) -> bool {
    city.view(sources).is_ok_and(|view| view.item(name, |_| ()).is_some())
}

/// Members of an item of the register, which belongs to whoever wrote it first.
pub fn draft(id: &str, members: Value, is_known: bool) -> EventDraft {
    let properties: Properties = members.as_object().cloned().unwrap_or_default();
    let source = (!is_known).then(|| REGISTRAR.to_owned());
    EventDraft { id: id.to_owned(), source, time: Some(Timestamp::now()), geometry: None, properties }
}

/// Counts the records of a delivery by source.
#[derive(Default)]
pub struct Tally {
    names: Vec<(Arc<str>, Sent)>,
    /// Which of the names each record has.
    of: Vec<Option<usize>>,
}

impl Tally {
    /// Notes the source of the next record.
    pub fn add(&mut self, source: Option<&str>) {
        let last = self.of.last().copied().flatten();
        let place = source.map(|source| match last.filter(|last| &*self.names[*last].0 == source) {
            Some(last) => last,
            None => self.place(source),
        });
        self.of.push(place);
    }

    fn place(&mut self, source: &str) -> usize {
        if let Some(at) = self.names.iter().position(|(name, _)| &**name == source) {
            return at;
        }
        self.names.push((source.into(), Sent::default()));
        self.names.len() - 1
    }

    /// What each source sent, by what became of each record.
    pub fn sent(mut self, taken: impl IntoIterator<Item = bool>) -> Vec<(Arc<str>, Sent)> {
        for (name, taken) in self.of.iter().zip(taken) {
            if let Some((_, sent)) = name.and_then(|at| self.names.get_mut(at)) {
                if taken { sent.taken += 1 } else { sent.refused += 1 }
            }
        }
        // A name that no item may have is no source.
        self.names.retain(|(name, _)| !name.is_empty() && name.len() <= citywall_model::limits::ITEM_ID_BYTES_MAX);
        self.names
    }
}
