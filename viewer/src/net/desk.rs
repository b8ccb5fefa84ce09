//! The desk: panels leave their questions, a thread keeps the answers fresh.
//!
//! A question is a path of the server whose answer is a page of items, one item, or the groups of an aggregate. Questions that nobody has
//! repeated for a while are forgotten. An answer that could not be renewed stays, and is old.

use super::{HttpError, Server};
use citywall_wire::Feature;
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
/// Between two looks at what is due.
const PERIOD: Duration = Duration::from_millis(100);
/// Between two attempts at a question that failed.
const RETRY: Duration = Duration::from_secs(2);

/// A page of items.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Page {
    /// Items that the question fits.
    #[serde(rename = "numberMatched")]
    pub matched: u64,
    /// Some of them.
    #[serde(default)]
    pub features: Vec<Feature>,
}

/// What an answer may be.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Page(Page),
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
            Said::Item(feature) => Self { matched: 1, features: vec![feature] },
            // What lies in no area has no code, and no place on the wall.
            Said::Groups { groups } => {
                let feature = |group: Group| {
                    Some(Feature { kind: "Feature".to_owned(), id: group.code?, geometry: None, properties: group.measures })
                };
                let features: Vec<Feature> = groups.into_iter().filter_map(feature).collect();
                Self { matched: features.len() as u64, features }
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
    /// Why it could not be renewed, if so.
    pub failure: Option<String>,
}

struct Question {
    every: Duration,
    wanted: Instant,
    tried: Option<Instant>,
    answer: Answer,
}

impl Question {
    fn is_due(&self, now: Instant) -> bool {
        let pause = if self.answer.failure.is_some() { RETRY } else { self.every };
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
                    Some(path) => own.file(&path, server.get_json::<Said>(&path).map(Page::from)),
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
        let now = Instant::now();
        let mut questions = self.lock();
        if let Some(question) = questions.get_mut(path) {
            (question.every, question.wanted) = (every, now);
            return question.answer.clone();
        }
        if questions.len() < QUESTIONS_MAX {
            questions.insert(path.to_owned(), Question { every, wanted: now, tried: None, answer: Answer::default() });
        }
        Answer::default()
    }

    /// Questions without any answer yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().values().filter(|q| q.answer.page.is_none() && q.answer.failure.is_none()).count()
    }

    /// The next question to ask: one without an answer, then the one that waits longest.
    fn due(&self) -> Option<String> {
        let now = Instant::now();
        let mut questions = self.lock();
        questions.retain(|_, q| now.duration_since(q.wanted) < FORGET);
        let next = questions.iter().filter(|(_, q)| q.is_due(now)).min_by_key(|(path, q)| (q.tried, path.as_str()))?.0.clone();
        if let Some(question) = questions.get_mut(&next) {
            question.tried = Some(now);
        }
        Some(next)
    }

    pub(crate) fn file(&self, path: &str, result: Result<Page, HttpError>) {
        let mut questions = self.lock();
        let Some(question) = questions.get_mut(path) else { return };
        match result {
            Ok(page) => question.answer = Answer { page: Some(Arc::new(page)), at: Some(Instant::now()), failure: None },
            Err(error) => question.answer.failure = Some(error.to_string()),
        }
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
        assert_eq!(desk.due().as_deref(), Some("/a"));
        desk.file("/a", Ok(Page { matched: 7, features: Vec::new() }));
        desk.file("/a", Err(HttpError::Status(503)));
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
        assert_eq!(desk.due().as_deref(), Some("/new"));
    }

    #[test]
    fn properties_are_encoded_into_the_path() {
        let filter = BTreeMap::from([("state".to_owned(), "破 损&".to_owned())]);
        assert_eq!(items_path("components", &filter, 1), "/collections/components/items?limit=1&state=%E7%A0%B4%20%E6%8D%9F%26");
    }
}
