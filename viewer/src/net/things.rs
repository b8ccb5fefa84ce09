//! Reads the things that a scene marks, page by page.

use super::{HttpError, Server, desk::encode};
use citywall_wire::Feature;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// Things of one kind that the wall holds, at most.
pub const THINGS_MAX: usize = 200_000;
/// Items per page: the most that the server gives.
const PAGE: usize = 10_000;
/// Kinds that may wait to be read.
const QUEUE_MAX: usize = 64;

/// Which things: a collection's version and the properties that they have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThingsKey {
    /// The collection.
    pub collection: String,
    /// Properties (equality).
    pub filter: BTreeMap<String, String>,
    /// The revision at which the collection last changed.
    pub revision: u64,
}

/// A thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Thing {
    /// Its id in its collection.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Longitude, latitude.
    pub place: (f64, f64),
    /// Degrees clockwise from north, if it has a direction.
    pub heading: f64,
    /// Where its picture is, if it is a camera that has one.
    pub snapshot: Option<String>,
    /// Its properties of few words, for what is drawn hollow.
    pub words: Vec<(String, String)>,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Things {
    /// Which.
    pub key: ThingsKey,
    /// They; or why not.
    pub list: Result<Arc<Vec<Thing>>, String>,
    /// How many there are altogether.
    pub matched: u64,
}

/// The thread that reads things.
pub struct ThingsReader {
    jobs: SyncSender<ThingsKey>,
    finished: Mutex<Receiver<Things>>,
}

impl ThingsReader {
    /// Starts it.
    #[must_use]
    pub fn start(server: Server) -> Self {
        let (jobs, inbox) = sync_channel::<ThingsKey>(QUEUE_MAX);
        let (outbox, finished) = sync_channel(QUEUE_MAX);
        let spawned = thread::Builder::new().name("things".to_owned()).spawn(move || {
            while let Ok(key) = inbox.recv() {
                let mut matched = 0;
                let list = read(&server, &key, &mut matched).map(Arc::new).map_err(|e| e.to_string());
                if outbox.send(Things { key, list, matched }).is_err() {
                    return;
                }
            }
        });
        if let Err(error) = spawned {
            bevy::log::error!("things have no thread: {error}");
        }
        Self { jobs, finished: Mutex::new(finished) }
    }

    /// Asks for things; false if the queue is full.
    #[must_use]
    pub fn ask(&self, key: &ThingsKey) -> bool {
        self.jobs.try_send(key.clone()).is_ok()
    }

    /// What has been read, if something has.
    pub fn finished(&self) -> Option<Things> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}

#[derive(Deserialize)]
struct Page {
    features: Vec<Feature>,
    #[serde(rename = "numberMatched")]
    matched: u64,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

fn read(server: &Server, key: &ThingsKey, matched: &mut u64) -> Result<Vec<Thing>, HttpError> {
    let base = super::desk::items_path(&key.collection, &key.filter, PAGE);
    let (mut path, mut things) = (base.clone(), Vec::new());
    loop {
        let page: Page = server.get_json(&path)?;
        *matched = page.matched;
        things.extend(page.features.into_iter().filter_map(thing));
        let next = page.links.iter().find(|l| l.rel == "next").and_then(|l| cursor(&l.href));
        match next {
            Some(cursor) if things.len() < THINGS_MAX => path = format!("{base}&cursor={}", encode(&cursor)),
            _ => break,
        }
    }
    things.truncate(THINGS_MAX);
    Ok(things)
}

/// The cursor of a page's address.
fn cursor(href: &str) -> Option<String> {
    let query = href.split_once('?')?.1;
    let value = query.split('&').find_map(|pair| pair.strip_prefix("cursor="))?;
    // Cursors are plain characters; anything else is left to the server to refuse.
    Some(value.to_owned())
}

fn thing(feature: Feature) -> Option<Thing> {
    /// Longest property that may say how a thing is, bytes.
    const WORD_MAX: usize = 32;
    /// Longest address of a picture, bytes.
    const ADDRESS_MAX: usize = 512;
    let place = crate::live::place_of(feature.geometry.as_ref()?)?;
    let text = |name: &str| feature.properties.get(name).and_then(|v| v.as_str()).filter(|t| !t.is_empty());
    let name = text("name").or_else(|| text("title")).unwrap_or(&feature.id).to_owned();
    let heading = feature.properties.get("heading").and_then(serde_json::Value::as_f64).unwrap_or(0.0);
    let snapshot = text("snapshot").filter(|address| address.len() <= ADDRESS_MAX).map(str::to_owned);
    let words = feature.properties.iter().filter_map(|(k, v)| {
        let word = v.as_str().filter(|w| w.len() <= WORD_MAX)?;
        ["status", "state", "kind", "type"].contains(&k.as_str()).then(|| (k.clone(), word.to_owned()))
    });
    Some(Thing { words: words.collect(), id: feature.id.clone(), name, place, heading, snapshot })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_next_page_is_found_in_the_links() {
        assert_eq!(cursor("http://x/collections/a/items?limit=5&cursor=12.7&f=json").as_deref(), Some("12.7"));
        assert_eq!(cursor("http://x/collections/a/items?limit=5"), None);
    }

    #[test]
    fn a_thing_without_a_place_is_left_out_and_one_without_a_name_has_its_id() {
        let feature = |geometry| Feature { kind: "Feature".into(), id: "c1".into(), geometry, properties: serde_json::Map::new() };
        assert!(thing(feature(None)).is_none());
        let thing = thing(feature(Some(json!({"type": "Point", "coordinates": [117.0, 39.0]})))).unwrap();
        assert_eq!((thing.name.as_str(), thing.place), ("c1", (117.0, 39.0)));
    }
}
