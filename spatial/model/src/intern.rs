//! Texts that many items share are kept once.

use crate::limits::INTERNED_MAX;
use rustc_hash::FxHashSet;
use std::{
    borrow::Borrow,
    fmt,
    ops::Deref,
    sync::{LazyLock, PoisonError, RwLock},
};

/// A text that many items share: a pointer of one word, since every item has two of them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SharedText(triomphe::Arc<Box<str>>);

impl Deref for SharedText {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for SharedText {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Debug for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: AsRef<str>> From<T> for SharedText {
    /// The copy that is known already; see [`intern`].
    fn from(text: T) -> Self {
        intern(text.as_ref())
    }
}

static KNOWN: LazyLock<RwLock<FxHashSet<SharedText>>> = LazyLock::new(RwLock::default);

/// The shared copy of a text. Past [`INTERNED_MAX`] different ones, a new text gets a copy of its own.
pub fn intern(text: &str) -> SharedText {
    if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(text) {
        return known.clone();
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let own = SharedText(triomphe::Arc::new(text.into()));
    if known.len() < INTERNED_MAX {
        known.insert(own.clone());
    }
    own
}
