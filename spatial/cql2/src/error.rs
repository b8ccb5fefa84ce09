//! What is wrong with a filter, and where.

use std::fmt;

/// A filter that cannot be read, or that does not fit the collection it is asked of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}, found {found}")]
pub struct FilterError {
    /// Where in the filter.
    pub place: Place,
    /// What would have been right there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl FilterError {
    pub(crate) fn new(place: &Place, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { place: place.clone(), expected: expected.into(), found: short(found.into()) }
    }
}

/// A place in a filter. Two places are always equal: what is compared is what two filters say,
/// not where they say it.
#[derive(Clone, Debug)]
pub enum Place {
    /// A character of CQL2 Text, counted from 1.
    Character(usize),
    /// A value of CQL2 JSON, as a JSON pointer (RFC 6901).
    Pointer(String),
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(at) => write!(f, "character {at}"),
            Self::Pointer(path) if path.is_empty() => f.write_str("the whole filter"),
            Self::Pointer(path) => f.write_str(path),
        }
    }
}

/// A text that an error quotes, cut where it gets long.
fn short(text: String) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
