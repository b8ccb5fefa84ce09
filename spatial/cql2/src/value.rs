//! Values while a filter is tested: read from an item, compared, calculated with.

use crate::{expr::Op, queryables::Reads, time::Instant};
use citywall_model::{FeatureRef, ValueRef};
use std::{borrow::Cow, cmp::Ordering};

/// A value of an item or of the filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Val<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(Cow<'a, str>),
    Instant(Instant),
    /// An array or object as JSON text.
    Json(Cow<'a, str>),
}

impl<'a> From<ValueRef<'a>> for Val<'a> {
    #[inline]
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Boolean(b) => Self::Boolean(b),
            ValueRef::Integer(n) => Self::Integer(n),
            ValueRef::Number(n) => Self::Number(n),
            ValueRef::Text(text) => Self::Text(Cow::Borrowed(text)),
            ValueRef::Json(text) => Self::Json(Cow::Borrowed(text)),
        }
    }
}

impl<'a> Val<'a> {
    /// Reads a property of an item. A column that the item's table does not have is null.
    #[inline]
    pub(crate) fn read(reads: &Reads, item: FeatureRef<'a>) -> Self {
        match (reads, item) {
            (Reads::Column(at), FeatureRef::Row(table, row)) if *at < table.schema().fields.len() => table.value(row, *at).into(),
            (Reads::Id, item) => Self::Text(item.id()),
            (Reads::Time, FeatureRef::Live(item)) => Self::Instant(Instant::at(item.time())),
            (Reads::Since, FeatureRef::Live(item)) => Self::Instant(Instant::at(item.since())),
            (Reads::Source, FeatureRef::Live(item)) => Self::Text(Cow::Borrowed(item.source())),
            (Reads::Area(level), FeatureRef::Live(item)) => {
                item.areas().code(*level).map_or(Self::Null, |code| Self::Text(Cow::Borrowed(code)))
            }
            (Reads::Named(name), FeatureRef::Live(item)) => item.property_json(name).map_or(Self::Null, Self::of_json),
            _ => Self::Null,
        }
    }

    /// The value that a JSON text has.
    fn of_json(raw: &'a str) -> Self {
        match raw.as_bytes().first() {
            Some(b'"') if !raw.contains('\\') => Self::Text(Cow::Borrowed(raw.trim_matches('"'))),
            Some(b'"') => serde_json::from_str(raw).map_or(Self::Null, |text: String| Self::Text(Cow::Owned(text))),
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'[' | b'{') => Self::Json(Cow::Borrowed(raw)),
            Some(b'-' | b'0'..=b'9') => match raw.parse() {
                Ok(n) => Self::Integer(n),
                Err(_) => raw.parse().map_or(Self::Null, Self::Number),
            },
            _ => Self::Null,
        }
    }

    /// The number that the value is, if it is one.
    #[inline]
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "compared as JSON compares numbers")]
            Self::Integer(n) => Some(*n as f64),
            Self::Number(n) => Some(*n),
            _ => None,
        }
    }

    /// The text that the value is, if it is one.
    #[inline]
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The order of two values of one type, texts by code points, false before true; `None` where
    /// one is null or they are of different types.
    #[inline]
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.as_ref().cmp(b.as_ref())),
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            (Self::Instant(a), Self::Instant(b)) => Some(a.compare(*b)),
            (a, b) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        }
    }

    /// The result of an arithmetic operator: null where an operand is null or no number, where a
    /// divisor is zero, or where the result is no finite number. Whole numbers stay whole but for
    /// `/` and `^`; `div` cuts the fraction off and `%` has the sign of its first operand.
    pub(crate) fn calculate(op: &Op, a: &Self, b: &Self) -> Val<'static> {
        if let (Self::Integer(a), Self::Integer(b)) = (a, b) {
            let whole = match op {
                Op::Add => a.checked_add(*b),
                Op::Sub => a.checked_sub(*b),
                Op::Mul => a.checked_mul(*b),
                Op::IntDiv => a.checked_div(*b),
                Op::Mod => a.checked_rem(*b),
                _ => None,
            };
            if let Some(n) = whole {
                return Val::Integer(n);
            }
        }
        let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else { return Val::Null };
        let number = match op {
            Op::Add => a + b,
            Op::Sub => a - b,
            Op::Mul => a * b,
            Op::Div => a / b,
            Op::IntDiv => (a / b).trunc(),
            Op::Mod => a % b,
            Op::Pow => a.powf(b),
            _ => f64::NAN,
        };
        if number.is_finite() { Val::Number(number) } else { Val::Null }
    }
}
