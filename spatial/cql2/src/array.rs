//! Arrays as sets.

use crate::{
    expr::ArrayOp,
    shape::Shape,
    time::{Instant, Interval},
    value::Val,
};
use jiff::tz::TimeZone;

/// An element of an array.
#[derive(Clone, Debug)]
pub(crate) enum Element {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    Instant(Instant),
    Interval(Interval),
    Shape(Shape),
    Array(Vec<Element>),
}

impl Element {
    pub(crate) fn of(value: &Val<'_>) -> Self {
        match value {
            Val::Null => Self::Null,
            Val::Boolean(b) => Self::Boolean(*b),
            Val::Integer(_) | Val::Number(_) => value.as_f64().map_or(Self::Null, Self::Number),
            Val::Text(text) => Self::Text(text.to_string()),
            Val::Instant(at) => Self::Instant(*at),
            Val::Json(text) => elements(text).map_or(Self::Null, Self::Array),
        }
    }

    fn of_json(value: serde_json::Value) -> Self {
        use serde_json::Value as J;
        match value {
            J::Null | J::Object(_) => Self::Null,
            J::Bool(b) => Self::Boolean(b),
            J::Number(n) => n.as_f64().map_or(Self::Null, Self::Number),
            J::String(text) => Self::Text(text),
            J::Array(items) => Self::Array(items.into_iter().map(Self::of_json).collect()),
        }
    }

    /// True if both are the same value; null is the same as nothing.
    fn same(&self, other: &Self, zone: &TimeZone) -> bool {
        match (self, other) {
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Instant(a), Self::Instant(b)) => a.compare(*b).is_eq(),
            (Self::Instant(a), Self::Text(b)) | (Self::Text(b), Self::Instant(a)) => {
                Instant::of_text(b, zone).is_some_and(|b| a.compare(b).is_eq())
            }
            (Self::Interval(a), Self::Interval(b)) => a == b,
            (Self::Shape(a), Self::Shape(b)) => a.to_geo() == b.to_geo(),
            (Self::Array(a), Self::Array(b)) => ArrayOp::Equals.holds(a, b, zone),
            _ => false,
        }
    }
}

/// The elements of a JSON array; `None` for anything else.
pub(crate) fn elements(json: &str) -> Option<Vec<Element>> {
    match serde_json::from_str(json).ok()? {
        serde_json::Value::Array(items) => Some(items.into_iter().map(Element::of_json).collect()),
        _ => None,
    }
}

impl ArrayOp {
    /// The predicate on two sets. O(a × b).
    pub(crate) fn holds(self, a: &[Element], b: &[Element], zone: &TimeZone) -> bool {
        let has = |all: &[Element], one: &Element| all.iter().any(|other| other.same(one, zone));
        match self {
            Self::Contains => b.iter().all(|one| has(a, one)),
            Self::ContainedBy => a.iter().all(|one| has(b, one)),
            Self::Equals => Self::Contains.holds(a, b, zone) && Self::ContainedBy.holds(a, b, zone),
            Self::Overlaps => b.iter().any(|one| has(a, one)),
        }
    }
}
