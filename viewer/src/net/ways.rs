//! How long it takes along the roads: asked of `/query/within-reach` on a thread of its own, since the first
//! question makes the network.

use super::{HttpError, Server};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Questions that may wait to be asked.
const QUEUE_MAX: usize = 16;
/// A question that nobody repeats is forgotten after this long.
const FORGET: Duration = Duration::from_secs(90);

/// An item, and how long it is on its way.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Way {
    /// Its id.
    pub id: String,
    /// GeoJSON geometry or null.
    pub geometry: Option<serde_json::Value>,
    /// Its properties.
    #[serde(default)]
    pub properties: serde_json::Map<String, serde_json::Value>,
    /// Seconds along the roads.
    pub duration: f64,
}

#[derive(Deserialize)]
struct Found {
    features: Vec<Way>,
}

/// What is known of a question: `None` until it is answered, then the ways, the shortest first, or why there are
/// none.
pub type Answered = Option<Result<Arc<Vec<Way>>, String>>;

struct Known {
    wanted: Instant,
    asked: Option<Instant>,
    answer: Answered,
}

/// Where questions are left. Cloning shares them.
#[derive(Clone)]
pub struct Ways {
    known: Arc<Mutex<BTreeMap<String, Known>>>,
    jobs: SyncSender<String>,
}

impl Ways {
    /// Starts the thread that asks.
    #[must_use]
    pub fn start(server: Server) -> Self {
        let (jobs, inbox) = sync_channel::<String>(QUEUE_MAX);
        let known = Arc::<Mutex<BTreeMap<String, Known>>>::default();
        let own = Arc::clone(&known);
        let spawned = thread::Builder::new().name("ways".to_owned()).spawn(move || {
            while let Ok(path) = inbox.recv() {
                let found: Result<Found, HttpError> = server.get_json(&path);
                if let Some(known) = lock(&own).get_mut(&path) {
                    match found {
                        Ok(found) => known.answer = Some(Ok(Arc::new(found.features))),
                        // What was found before stays.
                        Err(error) if !matches!(known.answer, Some(Ok(_))) => known.answer = Some(Err(error.to_string())),
                        Err(_) => {}
                    }
                }
            }
        });
        if let Err(error) = spawned {
            bevy::log::error!("ways have no thread: {error}");
        }
        Self { known, jobs }
    }

    /// The answer as it is known now; the question is asked again when it was asked longer than `every` ago.
    pub fn ask(&self, path: &str, every: Duration) -> Answered {
        let now = Instant::now();
        let mut all = lock(&self.known);
        all.retain(|_, known| now.duration_since(known.wanted) < FORGET);
        let known = all.entry(path.to_owned()).or_insert(Known { wanted: now, asked: None, answer: None });
        known.wanted = now;
        if known.asked.is_none_or(|at| now.duration_since(at) >= every) && self.jobs.try_send(path.to_owned()).is_ok() {
            known.asked = Some(now);
        }
        known.answer.clone()
    }
}

fn lock(known: &Mutex<BTreeMap<String, Known>>) -> MutexGuard<'_, BTreeMap<String, Known>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}
