//! A filter that is bound to a collection, tested against an item.
//!
//! Logic has three values, as in SQL: `None` is unknown, which comes from null.

use crate::{
    array::{Element, elements},
    expr::{ArrayOp, Op, Spatial, Temporal},
    fold,
    functions::Plain,
    like::Pattern,
    queryables::Reads,
    space::Region,
    time::{Instant, Interval},
    value::Val,
};
use citywall_model::{FeatureRef, geometry};
use jiff::tz::TimeZone;
use std::{borrow::Cow, cmp::Ordering, collections::HashSet};

/// Something that is true, false or unknown of an item.
#[derive(Debug)]
pub(crate) enum Test {
    Known(Option<bool>),
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    Compare(Op, Scalar, Scalar),
    Between(Box<[Scalar; 3]>),
    In(Scalar, Vec<Scalar>),
    InTexts(Scalar, HashSet<String>),
    Like(Scalar, Pattern),
    IsNull(Scalar),
    HasNoGeometry,
    Space(Spatial, Region),
    /// A spatial predicate of the item's geometry and itself.
    Itself(Spatial),
    Time(Temporal, When, When),
    Array(ArrayOp, Elements, Elements, TimeZone),
    /// A boolean value on its own.
    Value(Scalar),
}

/// Something that an item has one value for.
#[derive(Debug)]
pub(crate) enum Scalar {
    Known(Val<'static>),
    Property(Reads),
    Calculate(Op, Box<[Scalar; 2]>),
    Case(Box<Scalar>),
    Accents(Box<Scalar>),
    Plain(Plain, Box<Scalar>),
    /// The instant that a text names, days in a time zone.
    Instant(Box<Scalar>, TimeZone),
    Test(Box<Test>),
    /// Metres from the item to the region.
    Distance(Box<Region>),
}

/// An instant or an interval of an item.
#[derive(Debug)]
pub(crate) enum When {
    Known(Interval),
    Instant(Scalar),
    Between(Scalar, Scalar),
}

/// An array of an item.
#[derive(Debug)]
pub(crate) enum Elements {
    Known(Vec<Element>),
    Property(Scalar),
    List(Vec<Elements>),
    One(Scalar),
}

impl Test {
    pub(crate) fn holds(&self, item: FeatureRef<'_>) -> Option<bool> {
        match self {
            Self::Known(known) => *known,
            Self::And(all) => {
                let mut result = Some(true);
                for one in all {
                    match one.holds(item) {
                        Some(false) => return Some(false),
                        None => result = None,
                        Some(true) => {}
                    }
                }
                result
            }
            Self::Or(all) => {
                let mut result = Some(false);
                for one in all {
                    match one.holds(item) {
                        Some(true) => return Some(true),
                        None => result = None,
                        Some(false) => {}
                    }
                }
                result
            }
            Self::Not(one) => one.holds(item).map(|holds| !holds),
            Self::Compare(op, left, right) => Some(meets(op, left.of(item).compare(&right.of(item))?)),
            Self::Between(all) => {
                let [value, low, high] = &**all;
                let value = value.of(item);
                let above = value.compare(&low.of(item)).map(Ordering::is_ge);
                let below = value.compare(&high.of(item)).map(Ordering::is_le);
                match (above, below) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                }
            }
            Self::In(value, list) => {
                let value = value.of(item);
                let mut result = Some(false);
                for one in list {
                    match value.compare(&one.of(item)) {
                        Some(Ordering::Equal) => return Some(true),
                        None => result = None,
                        Some(_) => {}
                    }
                }
                result
            }
            Self::InTexts(value, texts) => Some(texts.contains(value.of(item).as_str()?)),
            Self::Like(text, pattern) => Some(pattern.matches(text.of(item).as_str()?)),
            Self::IsNull(value) => Some(matches!(value.of(item), Val::Null)),
            Self::HasNoGeometry => Some(item.geometry().is_none()),
            Self::Space(op, region) => Some(region.holds(*op, item.geometry()?)),
            Self::Itself(op) => {
                let own = geometry::to_geo(item.geometry()?)?;
                Some(op.holds(&own, &own))
            }
            Self::Time(op, left, right) => Some(op.holds(left.of(item)?, right.of(item)?)),
            Self::Array(op, left, right, zone) => Some(op.holds(&left.of(item)?, &right.of(item)?, zone)),
            Self::Value(value) => match value.of(item) {
                Val::Boolean(b) => Some(b),
                _ => None,
            },
        }
    }
}

fn meets(op: &Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Lt => order.is_lt(),
        Op::Gt => order.is_gt(),
        Op::Le => order.is_le(),
        Op::Ge => order.is_ge(),
        _ => false,
    }
}

impl Scalar {
    pub(crate) fn of<'a>(&'a self, item: FeatureRef<'a>) -> Val<'a> {
        match self {
            Self::Known(value) => match value {
                Val::Text(text) => Val::Text(Cow::Borrowed(text)),
                other => other.clone(),
            },
            Self::Property(reads) => Val::read(reads, item),
            Self::Calculate(op, both) => Val::calculate(op, &both[0].of(item), &both[1].of(item)),
            Self::Case(text) => fold_case(text.of(item)),
            Self::Accents(text) => fold_accents(text.of(item)),
            Self::Plain(function, value) => function.apply(&value.of(item)),
            Self::Instant(value, zone) => as_instant(value.of(item), zone),
            Self::Test(test) => test.holds(item).map_or(Val::Null, Val::Boolean),
            Self::Distance(region) => item.geometry().and_then(|wkb| region.distance(wkb)).map_or(Val::Null, Val::Number),
        }
    }
}

/// A text with its case folded away; null for anything else.
pub(crate) fn fold_case(value: Val<'_>) -> Val<'_> {
    match value {
        Val::Text(Cow::Borrowed(text)) => Val::Text(fold::case(text)),
        Val::Text(Cow::Owned(text)) => Val::Text(Cow::Owned(fold::case(&text).into_owned())),
        _ => Val::Null,
    }
}

/// A text without accents; null for anything else.
pub(crate) fn fold_accents(value: Val<'_>) -> Val<'_> {
    match value {
        Val::Text(Cow::Borrowed(text)) => Val::Text(fold::accents(text)),
        Val::Text(Cow::Owned(text)) => Val::Text(Cow::Owned(fold::accents(&text).into_owned())),
        _ => Val::Null,
    }
}

/// The instant that a text names; null for anything else.
pub(crate) fn as_instant<'a>(value: Val<'a>, zone: &TimeZone) -> Val<'a> {
    match value {
        Val::Instant(_) => value,
        Val::Text(text) => Instant::of_text(&text, zone).map_or(Val::Null, Val::Instant),
        _ => Val::Null,
    }
}

impl When {
    pub(crate) fn of(&self, item: FeatureRef<'_>) -> Option<Interval> {
        let instant = |scalar: &Scalar| match scalar.of(item) {
            Val::Instant(at) => Some(at),
            _ => None,
        };
        match self {
            Self::Known(interval) => Some(*interval),
            Self::Instant(scalar) => instant(scalar).map(|at| Interval { start: at, end: at }),
            Self::Between(start, end) => Some(Interval { start: instant(start)?, end: instant(end)? }),
        }
    }
}

impl Elements {
    /// The elements; `None` where a property is null or no array.
    fn of(&self, item: FeatureRef<'_>) -> Option<Cow<'_, [Element]>> {
        match self {
            Self::Known(elements) => Some(Cow::Borrowed(elements)),
            Self::Property(scalar) => match scalar.of(item) {
                Val::Json(json) => elements(&json).map(Cow::Owned),
                _ => None,
            },
            Self::List(all) => Some(Cow::Owned(all.iter().map(|one| one.element(item)).collect())),
            Self::One(_) => None,
        }
    }

    fn element(&self, item: FeatureRef<'_>) -> Element {
        match self {
            Self::One(scalar) => Element::of(&scalar.of(item)),
            all => all.of(item).map_or(Element::Null, |elements| Element::Array(elements.into_owned())),
        }
    }
}
