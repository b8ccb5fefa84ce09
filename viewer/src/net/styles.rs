//! Reads the styles of layers, which the server keeps: the style that bears a collection's own id.

use super::{HttpError, Server, encode};
use std::{
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// Styles that may wait to be read.
const QUEUE_MAX: usize = 16;

/// A collection's style as it was found.
pub struct Style {
    /// The collection.
    pub collection: String,
    /// A MapLibre style; `None` if the collection has none of its own.
    pub document: Result<Option<serde_json::Value>, HttpError>,
}

/// The thread that reads styles.
pub struct StyleReader {
    jobs: SyncSender<String>,
    finished: Mutex<Receiver<Style>>,
}

impl StyleReader {
    /// Starts it.
    #[must_use]
    pub fn start(server: Server) -> Self {
        let (jobs, inbox) = sync_channel::<String>(QUEUE_MAX);
        let (outbox, finished) = sync_channel(QUEUE_MAX);
        let spawned = thread::Builder::new().name("styles".to_owned()).spawn(move || {
            while let Ok(collection) = inbox.recv() {
                let document = match server.get_json(&format!("/styles/{}", encode(&collection))) {
                    Ok(document) => Ok(Some(document)),
                    Err(HttpError::Status(404)) => Ok(None),
                    Err(error) => Err(error),
                };
                if outbox.send(Style { collection, document }).is_err() {
                    return;
                }
            }
        });
        if let Err(error) = spawned {
            bevy::log::error!("styles have no thread: {error}");
        }
        Self { jobs, finished: Mutex::new(finished) }
    }

    /// Asks for a collection's style; false if the queue is full.
    #[must_use]
    pub fn ask(&self, collection: &str) -> bool {
        self.jobs.try_send(collection.to_owned()).is_ok()
    }

    /// What has been read, if something has.
    pub fn finished(&self) -> Option<Style> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}
