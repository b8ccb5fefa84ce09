//! How far an export is, for the client that asked to be told: whoever saves a link as a file sees
//! its bytes, but neither how many items are in them nor that it broke off.

use crate::limits;
use parking_lot::Mutex;
use serde::Serialize;
use std::{collections::VecDeque, sync::Arc};

/// An export as its client sees it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Progress {
    /// Items that were written.
    pub items: u64,
    /// `running`, `done` or `failed`.
    pub state: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A running export's own entry.
pub type Told = Arc<Mutex<Progress>>;

/// The last exports of which somebody wants to know, by the name that the client gave.
#[derive(Debug, Default)]
pub struct Exports(Mutex<VecDeque<(String, Told)>>);

impl Exports {
    /// Begins to tell of an export; the oldest of EXPORTS_TOLD_MAX is forgotten.
    pub fn tell(&self, name: &str) -> Told {
        let told = Told::new(Mutex::new(Progress { state: "running", ..Progress::default() }));
        let mut all = self.0.lock();
        all.retain(|(known, _)| known != name);
        if all.len() >= limits::EXPORTS_TOLD_MAX {
            all.pop_front();
        }
        all.push_back((name.to_owned(), told.clone()));
        told
    }

    /// How an export stands; `None` if it is not known.
    pub fn get(&self, name: &str) -> Option<Progress> {
        self.0.lock().iter().find(|(known, _)| known == name).map(|(_, told)| told.lock().clone())
    }
}
