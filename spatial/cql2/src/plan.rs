//! What an index can answer of a filter.

use crate::{
    eval::{Scalar, Test, When},
    expr::{Op, Spatial, Temporal},
    queryables::Reads,
    value::Val,
};
use citywall_model::{Bbox, TimeFilter};

/// Windows from which on one around them all is asked for.
const WINDOWS_MAX: usize = 16;

/// The windows outside of which no item can match; `None` if items may match anywhere.
pub(crate) fn windows(test: &Test) -> Option<Vec<Bbox>> {
    match test {
        Test::Known(Some(true)) => None,
        Test::Known(_) => Some(Vec::new()),
        Test::And(all) => all.iter().filter_map(windows).reduce(|a, b| few(meet(&a, &b))),
        Test::Or(all) => all.iter().map(windows).collect::<Option<Vec<_>>>().map(|all| few(all.concat())),
        Test::Space(Spatial::Disjoint, _) => None,
        Test::Space(_, region) => Some(region.windows()),
        Test::Compare(Op::Lt | Op::Le | Op::Eq, Scalar::Distance(region), Scalar::Known(most))
        | Test::Compare(Op::Gt | Op::Ge | Op::Eq, Scalar::Known(most), Scalar::Distance(region)) => region.within_reach(most.as_f64()?),
        _ => None,
    }
}

/// What both lists of windows have in common.
fn meet(a: &[Bbox], b: &[Bbox]) -> Vec<Bbox> {
    let both = a
        .iter()
        .flat_map(|a| b.iter().map(|b| Bbox::new(a.x_min.max(b.x_min), a.y_min.max(b.y_min), a.x_max.min(b.x_max), a.y_max.min(b.y_max))));
    both.filter(|window| !window.is_empty()).collect()
}

fn few(windows: Vec<Bbox>) -> Vec<Bbox> {
    if windows.len() <= WINDOWS_MAX { windows } else { vec![windows.iter().fold(Bbox::EMPTY, |all, one| all.union(*one))] }
}

/// The interval outside of which no item can match, by the `time` of live items; `None` if items
/// of any time may match.
pub(crate) fn time(test: &Test) -> Option<TimeFilter> {
    match test {
        Test::And(all) => all.iter().filter_map(time).reduce(|a, b| TimeFilter {
            start: a.start.max(b.start),
            end: match (a.end, b.end) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }),
        Test::Or(all) => {
            all.iter().map(time).collect::<Option<Vec<_>>>()?.into_iter().reduce(|a, b| TimeFilter {
                start: a.start.zip(b.start).map(|(a, b)| a.min(b)),
                end: a.end.zip(b.end).map(|(a, b)| a.max(b)),
            })
        }
        Test::Time(op, When::Instant(Scalar::Property(Reads::Time)), When::Known(known)) => from_function(*op, known),
        Test::Time(op, When::Known(known), When::Instant(Scalar::Property(Reads::Time))) => from_function(op.exchanged(), known),
        Test::Compare(op, Scalar::Property(Reads::Time), Scalar::Known(Val::Instant(at))) => match op {
            Op::Eq => Some(TimeFilter { start: Some(at.first), end: Some(at.last) }),
            Op::Lt | Op::Le => Some(TimeFilter { start: None, end: Some(at.last) }),
            Op::Gt | Op::Ge => Some(TimeFilter { start: Some(at.first), end: None }),
            _ => None,
        },
        Test::Between(all) => match &**all {
            [Scalar::Property(Reads::Time), Scalar::Known(Val::Instant(low)), Scalar::Known(Val::Instant(high))] => {
                Some(TimeFilter { start: Some(low.first), end: Some(high.last) })
            }
            _ => None,
        },
        _ => None,
    }
}

fn from_function(op: Temporal, known: &crate::time::Interval) -> Option<TimeFilter> {
    let (start, end) = (known.start.first, known.end.last);
    match op {
        Temporal::Before => Some(TimeFilter { start: None, end: Some(start) }),
        Temporal::After => Some(TimeFilter { start: Some(end), end: None }),
        Temporal::Equals | Temporal::Intersects => Some(TimeFilter { start: Some(start), end: Some(end) }),
        _ => None,
    }
}
