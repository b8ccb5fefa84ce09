//! Why a record was not taken, in a form that can be counted.

use crate::http::Problem;
use axum::http::StatusCode;
use citywall_query::Refused;
use std::fmt;

/// A countable reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It cannot be read as a record at all.
    Malformed,
    /// It passes a named limit.
    Oversized,
    /// It claims to happen too far in the future.
    Future,
    /// Its class is not one of the collection's.
    UnknownClass,
    /// A property is missing or is not what the collection says.
    Property,
    /// The item belongs to another source.
    OtherSource,
    /// There is no such live collection.
    UnknownCollection,
    /// A member that every collection has is missing or wrong.
    Invalid,
}

impl Reason {
    /// The reason as a word for metrics and lists.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversized => "oversized",
            Self::Future => "future",
            Self::UnknownClass => "unknown_class",
            Self::Property => "property",
            Self::OtherSource => "other_source",
            Self::UnknownCollection => "unknown_collection",
            Self::Invalid => "invalid",
        }
    }
}

/// Why a record was not taken.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The countable reason.
    pub reason: Reason,
    /// What is wrong and what was expected.
    pub detail: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// It cannot be read as a record.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Reason::Malformed, detail)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let reason = match refused {
            Refused::OtherSource { .. } => Reason::OtherSource,
            Refused::Future { .. } => Reason::Future,
            Refused::TooLarge { .. } => Reason::Oversized,
            _ => Reason::Invalid,
        };
        Self::new(reason, refused.to_string())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.reason {
            Reason::Oversized => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::OtherSource => StatusCode::CONFLICT,
            Reason::UnknownCollection => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, refusal.detail)
    }
}
