//! The desk: panels leave their questions, a thread keeps the answers fresh.
//!
//! A question is a path of the server whose answer is a page of items, one item, or the groups of an aggregate. Questions that nobody has
//! repeated for a while are forgotten. An answer that could not be renewed stays, and is old.
//!
//! A question about the past has the place `{at}` in its path, where the desk puts the instant that is shown when it
//! asks: so a replay asks the same question again and again, and each answer says of which instant it is.

use super::{HttpError, Server};
use citywall_wire::Feature;
use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Questions that are kept, at most; further ones wait until others are forgotten.
const QUESTIONS_MAX: usize = 512;
/// A question that nobody repeats is forgotten after this long.
const FORGET: Duration = Duration::from_secs(90);
/// A question that nobody has repeated for this long is of a panel that is no longer shown.
const LEFT: Duration = Duration::from_secs(2);
/// Between two looks at what is due.
const PERIOD: Duration = Duration::from_millis(100);
/// Between two attempts at a question whose instant has moved far away.
const HASTE: Duration = Duration::from_millis(500);
/// Between two attempts at a question that failed.
const RETRY: Duration = Duration::from_secs(2);

/// Where the instant stands in the path of a question about the past.
pub const AT: &str = "{at}";

/// A page of items.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Page {
    /// Items that the question fits.
    #[serde(rename = "numberMatched")]
    pub matched: u64,
    /// Some of them.
    #[serde(default)]
    pub features: Vec<Feature>,
    /// Of a question about a layer's versions: these.
    #[serde(default)]
    pub versions: Vec<Version>,
}

/// A version of a layer that the server keeps.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Version {
    /// The revision at which it became current.
    pub revision: u64,
    /// The one until which it was; `None` of the current one.
    pub until: Option<u64>,
    /// When it was published, RFC 3339.
    pub published: Option<String>,
}

/// What an answer may be.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Page(Page),
    // The states of an item: all of them, so that nobody counts them.
    History { features: Vec<Feature> },
    Versions { versions: Vec<Version> },
    Item(Feature),
    Groups { groups: Vec<Group> },
}

/// A group of an aggregate: its code, and what was measured.
#[derive(Deserialize)]
struct Group {
    code: Option<String>,
    #[serde(flatten)]
    measures: serde_json::Map<String, serde_json::Value>,
}

impl From<Said> for Page {
    fn from(said: Said) -> Self {
        match said {
            Said::Page(page) => page,
            // An item by itself is a page of one.
            Said::Item(feature) => Self { matched: 1, features: vec![feature], ..Self::default() },
            Said::History { features } => Self { matched: features.len() as u64, features, ..Self::default() },
            Said::Versions { versions } => Self { versions, ..Self::default() },
            // What lies in no area has no code, and no place on the wall.
            Said::Groups { groups } => {
                let feature = |group: Group| {
                    Some(Feature { kind: "Feature".to_owned(), id: group.code?, geometry: None, properties: group.measures })
                };
                let features: Vec<Feature> = groups.into_iter().filter_map(feature).collect();
                Self { matched: features.len() as u64, features, ..Self::default() }
            }
        }
    }
}

/// What is known of a question.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The page that came last.
    pub page: Option<Arc<Page>>,
    /// When it came.
    pub at: Option<Instant>,
    /// The instant of the past that it is of.
    pub of: Option<Timestamp>,
    /// Why it could not be renewed, if so.
    pub failure: Option<String>,
}

impl Answer {
    /// True while nobody has said anything to it.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.at.is_none() && self.failure.is_none()
    }
}

/// An instant of the past, and how far an answer may be from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// The instant.
    pub at: Timestamp,
    /// An answer that is farther away is asked for again before its time.
    pub tolerance: SignedDuration,
}

struct Question {
    every: Duration,
    wanted: Instant,
    past: Option<Past>,
    tried: Option<Instant>,
    answer: Answer,
}

impl Question {
    fn new(every: Duration, wanted: Instant, past: Option<Past>) -> Self {
        Self { every, wanted, past, tried: None, answer: Answer::default() }
    }

    fn is_due(&self, now: Instant) -> bool {
        let is_elsewhere = self.past.zip(self.answer.of).is_some_and(|(past, of)| past.at.duration_since(of).abs() > past.tolerance);
        let pause = match self.answer.failure {
            Some(_) => RETRY,
            None if is_elsewhere => HASTE,
            None if self.past.is_some_and(|past| self.answer.of == Some(past.at)) => return false,
            None => self.every,
        };
        self.tried.is_none_or(|t| now.duration_since(t) >= pause)
    }
}

/// Where questions are left. Cloning shares the desk.
#[derive(Clone, Default)]
pub struct Desk(Arc<Mutex<FxHashMap<String, Question>>>);

impl Desk {
    /// Starts the thread that asks.
    #[must_use]
    pub fn start(server: Server) -> Self {
        let desk = Self::default();
        let own = desk.clone();
        let spawned = thread::Builder::new().name("desk".to_owned()).spawn(move || {
            loop {
                match own.due() {
                    Some((path, at)) => {
                        let asked = at.map_or_else(|| path.clone(), |at| path.replace(AT, &encode(&at.to_string())));
                        own.file_of(&path, at, server.get_json::<Said>(&asked).map(Page::from));
                    }
                    None => thread::sleep(PERIOD),
                }
            }
        });
        if let Err(error) = spawned {
            bevy::log::error!("panels have no thread: {error}");
        }
        desk
    }

    /// The answer as it is known now; the question is asked again when the answer is older than
    /// `every`.
    pub fn ask(&self, path: &str, every: Duration) -> Answer {
        self.ask_of(path, every, None)
    }

    /// The answer to a question about an instant of the past, whose place in the path is [`AT`].
    pub fn ask_of(&self, path: &str, every: Duration, past: Option<Past>) -> Answer {
        let now = Instant::now();
        let mut questions = self.lock();
        if let Some(question) = questions.get_mut(path) {
            (question.every, question.wanted, question.past) = (every, now, past);
            return question.answer.clone();
        }
        if questions.len() < QUESTIONS_MAX {
            questions.insert(path.to_owned(), Question::new(every, now, past));
        }
        Answer::default()
    }

    /// The questions that are asked now and could not be answered, with the reasons.
    #[must_use]
    pub fn failures(&self) -> Vec<(String, String)> {
        let now = Instant::now();
        let questions = self.lock();
        let asked = questions.iter().filter(|(_, q)| now.duration_since(q.wanted) < LEFT);
        let mut failures: Vec<_> = asked.filter_map(|(path, q)| Some((path.clone(), q.answer.failure.clone()?))).collect();
        failures.sort_unstable();
        failures
    }

    /// How many questions are kept, and how many of them could not be answered last.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let questions = self.lock();
        (questions.len(), questions.values().filter(|q| q.answer.failure.is_some()).count())
    }

    /// Questions without any answer yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().values().filter(|q| q.answer.page.is_none() && q.answer.failure.is_none()).count()
    }

    /// The next question to ask: one without an answer, then the one that waits longest.
    fn due(&self) -> Option<(String, Option<Timestamp>)> {
        let now = Instant::now();
        let mut questions = self.lock();
        questions.retain(|_, q| now.duration_since(q.wanted) < FORGET);
        let next = questions.iter().filter(|(_, q)| q.is_due(now)).min_by_key(|(path, q)| (q.tried, path.as_str()))?.0.clone();
        let question = questions.get_mut(&next)?;
        question.tried = Some(now);
        let at = question.past.map(|past| past.at);
        Some((next, at))
    }

    fn file_of(&self, path: &str, of: Option<Timestamp>, result: Result<Page, HttpError>) {
        let mut questions = self.lock();
        let Some(question) = questions.get_mut(path) else { return };
        match result {
            Ok(page) => question.answer = Answer { page: Some(Arc::new(page)), at: Some(Instant::now()), of, failure: None },
            Err(error) => {
                if question.answer.failure.is_none() {
                    bevy::log::warn!("{path}: {error}");
                }
                question.answer.failure = Some(error.words());
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn file(&self, path: &str, result: Result<Page, HttpError>) {
        self.file_of(path, None, result);
    }

    /// Every question.
    #[cfg(test)]
    pub(crate) fn questions(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<String, Question>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of a page of a collection's items that have some properties.
#[must_use]
pub fn items_path(collection: &str, filter: &BTreeMap<String, String>, limit: usize) -> String {
    let mut path = format!("/collections/{}/items?limit={limit}", encode(collection));
    for (key, value) in filter {
        // Writing to a string cannot fail.
        let _ = write!(path, "&{}={}", encode(key), encode(value));
    }
    path
}

/// Percent-encoding (RFC 3986, section 2.1).
#[must_use]
pub fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_outlives_a_failure_and_says_so() {
        let desk = Desk::default();
        assert!(desk.ask("/a", Duration::ZERO).page.is_none());
        assert_eq!(desk.due(), Some(("/a".to_owned(), None)));
        desk.file("/a", Ok(Page { matched: 7, ..Page::default() }));
        desk.file("/a", Err(HttpError::Unreachable("reset".to_owned())));
        assert_eq!(desk.failures().len(), 1);
        let answer = desk.ask("/a", Duration::ZERO);
        assert_eq!((answer.page.unwrap().matched, answer.failure.is_some()), (7, true));
        assert_eq!(desk.due(), None, "a question that failed waits before it is asked again");
    }

    #[test]
    fn what_was_never_answered_comes_first() {
        let desk = Desk::default();
        desk.ask("/old", Duration::ZERO);
        desk.due();
        desk.file("/old", Ok(Page::default()));
        desk.ask("/new", Duration::from_secs(60));
        assert_eq!(desk.due(), Some(("/new".to_owned(), None)));
    }

    #[test]
    fn the_past_is_asked_for_where_the_replay_is_and_once_while_it_stands() {
        let desk = Desk::default();
        let past = |second: i64| Some(Past { at: Timestamp::from_second(second).unwrap(), tolerance: SignedDuration::from_secs(60) });
        let ask = |second| desk.ask_of("/a?datetime={at}", Duration::ZERO, past(second));
        ask(1_000);
        let (path, at) = desk.due().unwrap();
        assert_eq!((path.as_str(), at.unwrap().as_second()), ("/a?datetime={at}", 1_000));
        desk.file_of(&path, at, Ok(Page::default()));
        assert_eq!(ask(1_000).of.unwrap().as_second(), 1_000);
        assert_eq!(desk.due(), None, "a replay that stands still needs no other answer");
        ask(1_010);
        assert_eq!(desk.due().unwrap().1.unwrap().as_second(), 1_010);
    }

    #[test]
    fn a_page_an_item_its_history_and_versions_are_read() {
        let read = |text: &str| Page::from(serde_json::from_str::<Said>(text).unwrap());
        let item = r#"{"type": "Feature", "id": "7", "geometry": null, "properties": {}}"#;
        assert_eq!(read(&format!(r#"{{"numberMatched": 9, "features": [{item}]}}"#)).matched, 9);
        assert_eq!(read(item).features.len(), 1);
        // As /history answers: it does not count.
        assert_eq!(
            read(&format!(r#"{{"type": "FeatureCollection", "features": [{item}, {item}], "numberReturned": 2}}"#)).features.len(),
            2
        );
        let versions = read(r#"{"versions": [{"version": 1, "revision": 12, "until": null, "published": "2026-03-01T00:00:00Z"}]}"#);
        assert_eq!((versions.versions[0].revision, versions.versions[0].until), (12, None));
    }

    #[test]
    fn properties_are_encoded_into_the_path() {
        let filter = BTreeMap::from([("state".to_owned(), "破 损&".to_owned())]);
        assert_eq!(items_path("components", &filter, 1), "/collections/components/items?limit=1&state=%E7%A0%B4%20%E6%8D%9F%26");
    }
}
