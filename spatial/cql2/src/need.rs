//! What an order of a column's values can answer of a filter.

use crate::{
    eval::{Scalar, Test, When},
    expr::{Op, Temporal},
    like::Pattern,
    queryables::Reads,
    time::Instant,
    value::Val,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// No day of any time zone is longer.
const DAY_MAX: SignedDuration = SignedDuration::from_hours(48);

/// What an item of a layer has wherever a filter is true of it. Other items may have it too.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// A value within one of the ranges, by the column's position in the schema.
    Column(usize, Vec<Range>),
    /// All of these.
    All(Vec<Need>),
    /// At least one of these; no item has one of none.
    Any(Vec<Need>),
}

/// Values between two ends, both included.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// Numbers as 64-bit floats; false is 0 and true is 1.
    Numbers(f64, f64),
    /// Texts in order of their code points.
    Texts(Option<String>, Option<String>),
    /// Texts that begin with one.
    Prefix(String),
    /// Texts that are dates or timestamps, by their first moment; days are those of the time zone.
    Instants(Timestamp, Timestamp, TimeZone),
}

/// The first moment of the date or timestamp that a text is.
#[must_use]
pub fn first_moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    Instant::of_text(text, zone).map(|instant| instant.first)
}

/// What items need; `None` if any item may match.
pub(crate) fn of(test: &Test) -> Option<Need> {
    match test {
        Test::Known(Some(true)) => None,
        Test::Known(_) => Some(Need::Any(Vec::new())),
        Test::And(all) => {
            let all: Vec<Need> = all.iter().filter_map(of).collect();
            (!all.is_empty()).then_some(Need::All(all))
        }
        Test::Or(all) => all.iter().map(of).collect::<Option<_>>().map(Need::Any),
        Test::Compare(op, value, Scalar::Known(known)) => column(value, |zone| vec![range(op, known, zone)]),
        Test::Compare(op, Scalar::Known(known), value) => column(value, |zone| vec![range(&exchanged(op), known, zone)]),
        Test::Between(all) => match &**all {
            [value, Scalar::Known(low), Scalar::Known(high)] => column(value, |zone| vec![between(low, high, zone)]),
            _ => None,
        },
        Test::In(value, list) => column(value, |zone| {
            list.iter().map(|one| if let Scalar::Known(known) = one { range(&Op::Eq, known, zone) } else { None }).collect()
        }),
        Test::InTexts(value, texts) => {
            column(value, |_| texts.iter().map(|text| Some(Range::Texts(Some(text.clone()), Some(text.clone())))).collect())
        }
        Test::Like(value, Pattern::Exact(text)) => column(value, |_| vec![Some(Range::Texts(Some(text.clone()), Some(text.clone())))]),
        Test::Like(value, pattern) => column(value, |_| vec![pattern.beginning().map(Range::Prefix)]),
        Test::Time(op, When::Instant(value), When::Known(known)) => {
            column(value, |zone| vec![during(*op, known.start.first, known.end.last, zone)])
        }
        Test::Time(op, When::Known(known), When::Instant(value)) => {
            column(value, |zone| vec![during(op.exchanged(), known.start.first, known.end.last, zone)])
        }
        _ => None,
    }
}

/// The ranges of a column, if all are known.
fn column(value: &Scalar, ranges: impl FnOnce(Option<&TimeZone>) -> Vec<Option<Range>>) -> Option<Need> {
    let (at, zone) = match value {
        Scalar::Property(Reads::Column(at)) => (*at, None),
        Scalar::Instant(value, zone) => match &**value {
            Scalar::Property(Reads::Column(at)) => (*at, Some(zone)),
            _ => return None,
        },
        _ => return None,
    };
    ranges(zone).into_iter().collect::<Option<_>>().map(|ranges| Need::Column(at, ranges))
}

fn range(op: &Op, known: &Val<'_>, zone: Option<&TimeZone>) -> Option<Range> {
    match op {
        Op::Eq => between(known, known, zone),
        Op::Lt | Op::Le => ends(None, Some(known), zone),
        Op::Gt | Op::Ge => ends(Some(known), None, zone),
        _ => None,
    }
}

fn between(low: &Val<'_>, high: &Val<'_>, zone: Option<&TimeZone>) -> Option<Range> {
    ends(Some(low), Some(high), zone)
}

/// The range between two values of one type, of which one may be left out.
fn ends(low: Option<&Val<'_>>, high: Option<&Val<'_>>, zone: Option<&TimeZone>) -> Option<Range> {
    let text = |end: Option<&Val<'_>>| end.and_then(|end| end.as_str().map(str::to_owned));
    match low.or(high)? {
        Val::Text(_) => {
            let (first, last) = (text(low), text(high));
            (first.is_some() == low.is_some() && last.is_some() == high.is_some()).then_some(Range::Texts(first, last))
        }
        Val::Instant(_) => {
            let instant = |end: Option<&Val<'_>>| match end {
                Some(Val::Instant(at)) => Some(*at),
                _ => None,
            };
            let first = low.map_or(Some(Timestamp::MIN), |_| instant(low).map(|at| earlier(at.first)))?;
            let last = high.map_or(Some(Timestamp::MAX), |_| instant(high).map(|at| at.last))?;
            zone.map(|zone| Range::Instants(first, last, zone.clone()))
        }
        _ => {
            let number = |end: &Val<'_>| match end {
                Val::Boolean(value) => Some(f64::from(u8::from(*value))),
                other => other.as_f64(),
            };
            let first = low.map_or(Some(f64::NEG_INFINITY), number)?;
            let last = high.map_or(Some(f64::INFINITY), number)?;
            Some(Range::Numbers(first, last))
        }
    }
}

/// A day that ends at a moment or later began at most this much earlier.
fn earlier(moment: Timestamp) -> Timestamp {
    moment.checked_sub(DAY_MAX).unwrap_or(Timestamp::MIN)
}

/// The instants for which a temporal function may be true of an interval.
fn during(op: Temporal, start: Timestamp, end: Timestamp, zone: Option<&TimeZone>) -> Option<Range> {
    let (first, last) = match op {
        Temporal::Before => (Timestamp::MIN, start),
        Temporal::After => (earlier(end), Timestamp::MAX),
        Temporal::Equals | Temporal::Intersects => (earlier(start), end),
        _ => return None,
    };
    zone.map(|zone| Range::Instants(first, last, zone.clone()))
}

/// The operator that says the same with its operands exchanged.
fn exchanged(op: &Op) -> Op {
    match op {
        Op::Lt => Op::Gt,
        Op::Gt => Op::Lt,
        Op::Le => Op::Ge,
        Op::Ge => Op::Le,
        same => same.clone(),
    }
}
