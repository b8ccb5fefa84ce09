//! Texts that many items share are kept once.

use crate::limits::INTERNED_MAX;
use rustc_hash::FxHashSet;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

static KNOWN: LazyLock<RwLock<FxHashSet<Arc<str>>>> = LazyLock::new(RwLock::default);

/// The shared copy of a text. Past [`INTERNED_MAX`] different ones, a new text gets a copy of its own.
pub fn intern(text: &str) -> Arc<str> {
    if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(text) {
        return known.clone();
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let own: Arc<str> = text.into();
    if known.len() < INTERNED_MAX {
        known.insert(own.clone());
    }
    own
}
