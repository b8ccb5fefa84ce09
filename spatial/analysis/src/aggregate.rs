//! Counts, sums and other measures of items by area, cell and time.

use crate::{AnalysisError, Budget, budget::Seen, cells::Cells, points::place_of};
use citywall_model::{Areas, FeatureRef, ValueRef, limits};
use citywall_query::{CollectionView, Counts, ItemsQuery};
use geo::Polygon;
use jiff::{ToSpan, Unit, Zoned, ZonedRound, civil::Weekday, tz::TimeZone};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
};

mod sum;

pub use sum::ExactSum;

/// By which places items are put together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Places {
    /// By none: all are one group.
    All,
    /// By the area of a level, counted from the largest.
    Area(usize),
    /// By cells.
    Cells(Cells),
}

/// By which span of time items are put together; it starts where the city's calendar starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week from Monday (ISO 8601).
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// What is said of each group.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// How many items there are.
    Count,
    /// How many of them are open: live items that are not cleared.
    Open,
    /// The sum of a property's numbers, rounded once.
    Sum(String),
    /// Their mean.
    Mean(String),
    /// The least.
    Min(String),
    /// The largest.
    Max(String),
    /// A percentile, 0 to 100, between neighbours in proportion, as SQL's `percentile_cont`.
    Percentile(f64, String),
    /// How many different values a property has; null is none.
    Distinct(String),
}

impl Measure {
    fn property(&self) -> Option<&str> {
        match self {
            Self::Count | Self::Open => None,
            Self::Sum(name) | Self::Mean(name) | Self::Min(name) | Self::Max(name) | Self::Percentile(_, name) | Self::Distinct(name) => {
                Some(name)
            }
        }
    }
}

/// Which groups, and what of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// By which places.
    pub places: Places,
    /// By which spans of time; only live items have a time.
    pub span: Option<Span>,
    /// The zone in which a day begins.
    pub zone: TimeZone,
    /// What is said of each group.
    pub measures: Vec<Measure>,
}

/// Items that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The code of the area or cell; `None` for what lies in none, or where there is only one group.
    pub code: Option<String>,
    /// The areas of the code's area, from the largest down.
    pub areas: Areas,
    /// When the span starts; `None` without spans.
    pub start: Option<Zoned>,
    /// The cell's outline.
    pub outline: Option<Polygon>,
    /// How many items there are.
    pub count: u64,
    /// The measures as they were asked for; `None` where no item has a number.
    pub values: Vec<Option<f64>>,
}

/// Puts matching items together and measures each group; the groups come in the order of their
/// code and time. `areas_at` says which areas a place lies in; a live item knows its own.
///
/// Each item belongs to one group, by its time and by its point or a point inside of it, so counts
/// of areas add up to those of the areas above. Sums are exact before they are rounded, so they do
/// not depend on the order. O(n) on every core; counts of a whole live collection by area are kept up to
/// date, and take O(areas).
///
/// # Errors
/// A limit is passed ([`limits::ANALYSIS_GROUPS_MAX`] or the budget's).
pub fn aggregate(
    view: &CollectionView,
    query: &ItemsQuery,
    question: &Question,
    areas_at: impl Fn(f64, f64) -> Areas + Sync,
    budget: &Budget,
) -> Result<Vec<Group>, AnalysisError> {
    if let Some(groups) = kept(view, query, question) {
        return Ok(groups);
    }
    let parts = view.in_parts(query, Gathered::default, |part, item| part.take(item, question, &areas_at, budget))?;
    let mut groups: BTreeMap<(Option<String>, Option<jiff::Timestamp>), Building> = BTreeMap::new();
    for part in parts {
        part.seen.end(budget)?;
        for ((place, time), group) in part.groups {
            match groups.entry((part.places[place].0.clone(), time)) {
                Entry::Vacant(entry) => drop(entry.insert(group)),
                Entry::Occupied(mut entry) => entry.get_mut().add(group),
            }
        }
        check(groups.len())?;
    }
    let finish = |((code, _), group): ((Option<String>, _), Building)| Group {
        code,
        areas: group.areas,
        start: group.start,
        outline: group.outline,
        count: group.count,
        values: question.measures.iter().zip(group.parts).map(|(measure, part)| part.finish(measure, group.count)).collect(),
    };
    Ok(groups.into_iter().map(finish).collect())
}

/// Refuses more groups than there may be.
fn check(groups: usize) -> Result<(), AnalysisError> {
    let advice = "ask for larger cells, a longer span, or a narrower filter";
    if groups > limits::ANALYSIS_GROUPS_MAX {
        return Err(AnalysisError::limit("ANALYSIS_GROUPS_MAX", limits::ANALYSIS_GROUPS_MAX, advice));
    }
    Ok(())
}

/// The groups of the items that one core has seen.
#[derive(Default)]
struct Gathered {
    /// The groups by where and when.
    groups: FxHashMap<(usize, Option<jiff::Timestamp>), Building>,
    /// The code of each place, and the areas down to it.
    places: Vec<(Option<String>, Areas)>,
    /// Which place a code is, and which one areas are.
    codes: FxHashMap<Option<String>, usize>,
    known: FxHashMap<Areas, usize>,
    seen: Seen,
}

impl Gathered {
    fn take(
        &mut self,
        item: FeatureRef<'_>,
        question: &Question,
        areas_at: impl Fn(f64, f64) -> Areas,
        budget: &Budget,
    ) -> Result<(), AnalysisError> {
        self.seen.one(budget)?;
        let (place, at) = self.place(item, question.places, areas_at);
        let start = question.span.zip(item.time()).and_then(|(span, time)| start(span, time.to_zoned(question.zone.clone())));
        let key = (place, start.as_ref().map(Zoned::timestamp));
        if !self.groups.contains_key(&key) {
            check(self.groups.len() + 1)?;
        }
        let group = self.groups.entry(key).or_insert_with(|| Building {
            areas: self.places[place].1.clone(),
            start,
            outline: match (question.places, at) {
                (Places::Cells(cells), Some((lon, lat))) => cells.outline(lon, lat),
                _ => None,
            },
            count: 0,
            parts: question.measures.iter().map(Part::new).collect(),
        });
        group.count += 1;
        for (measure, part) in question.measures.iter().zip(&mut group.parts) {
            match (measure.property(), &mut *part) {
                (Some(property), part) => part.take(item, property),
                (None, Part::Open(open)) => *open += u64::from(is_open(item)),
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// Which place an item belongs to, and where it is, if cells are asked for.
    fn place(&mut self, item: FeatureRef<'_>, places: Places, areas_at: impl Fn(f64, f64) -> Areas) -> (usize, Option<(f64, f64)>) {
        let point = || item.geometry().and_then(place_of).map(|place| place.x_y());
        match places {
            Places::All => (self.number(None, Areas::default()), None),
            Places::Area(level) => {
                let own = match item {
                    FeatureRef::Live(item) => Cow::Borrowed(item.areas()),
                    FeatureRef::Row(..) => Cow::Owned(point().map(|(lon, lat)| areas_at(lon, lat)).unwrap_or_default()),
                };
                if let Some(known) = self.known.get(&*own) {
                    return (*known, None);
                }
                let (code, areas) = on_level(&own, level);
                let number = self.number(code, areas);
                self.known.insert(own.into_owned(), number);
                (number, None)
            }
            Places::Cells(cells) => {
                let at = point();
                (self.number(at.and_then(|(lon, lat)| cells.code(lon, lat)), Areas::default()), at)
            }
        }
    }

    fn number(&mut self, code: Option<String>, areas: Areas) -> usize {
        let Self { codes, places, .. } = self;
        *codes.entry(code).or_insert_with_key(|code| {
            places.push((code.clone(), areas));
            places.len() - 1
        })
    }
}

/// The groups of a whole live collection from the counts that it keeps; `None` where these do not
/// answer the question.
fn kept(view: &CollectionView, query: &ItemsQuery, question: &Question) -> Option<Vec<Group>> {
    let ItemsQuery { windows, equals, filter, search, after, .. } = query;
    let is_whole = windows.is_empty() && equals.is_empty() && filter.is_none() && search.is_none() && after.is_none();
    let are_counts = question.measures.iter().all(|measure| matches!(measure, Measure::Count | Measure::Open));
    if !view.is_live() || !is_whole || !are_counts || question.span.is_some() || matches!(question.places, Places::Cells(_)) {
        return None;
    }
    let mut groups: BTreeMap<Option<String>, (Areas, Counts)> = BTreeMap::new();
    for (areas, counts) in view.counts_of_areas() {
        let (code, areas) = match question.places {
            Places::Area(level) => on_level(&areas, level),
            _ => (None, Areas::default()),
        };
        groups.entry(code).or_insert_with(|| (areas, Counts::default())).1.add(&counts);
    }
    let measured = |counts: &Counts, measure: &Measure| Some(if *measure == Measure::Open { counts.open } else { counts.total } as f64);
    let group = |(code, (areas, counts)): (_, (Areas, Counts))| Group {
        code,
        areas,
        start: None,
        outline: None,
        count: counts.total,
        values: question.measures.iter().map(|measure| measured(&counts, measure)).collect(),
    };
    (groups.len() <= limits::ANALYSIS_GROUPS_MAX).then(|| groups.into_iter().map(group).collect())
}

fn is_open(item: FeatureRef<'_>) -> bool {
    matches!(item, FeatureRef::Live(item) if !item.is_cleared())
}

/// The code of an item's area on a level, and the areas down to it: those below are not the group's.
fn on_level(areas: &Areas, level: usize) -> (Option<String>, Areas) {
    let areas = Areas::new((0..=level).map(|level| areas.code(level).unwrap_or_default()));
    (areas.code(level).filter(|code| !code.is_empty()).map(str::to_owned), areas)
}

/// When the span that holds an instant starts; `None` beyond the calendar.
fn start(span: Span, at: Zoned) -> Option<Zoned> {
    let day = |at: &Zoned| at.start_of_day().ok();
    match span {
        Span::Hour => at.round(ZonedRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Trunc)).ok(),
        Span::Day => day(&at),
        Span::Week => day(&at.checked_sub(i64::from(at.weekday().since(Weekday::Monday)).days()).ok()?),
        Span::Month => day(&at.first_of_month().ok()?),
        Span::Year => day(&at.first_of_year().ok()?),
    }
}

/// A group in the making.
struct Building {
    areas: Areas,
    start: Option<Zoned>,
    outline: Option<Polygon>,
    count: u64,
    parts: Vec<Part>,
}

impl Building {
    /// Adds items that came later.
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.parts.iter_mut().zip(other.parts).for_each(|(part, other)| part.add(other));
    }
}

/// A measure in the making.
enum Part {
    Count,
    Open(u64),
    Sum(ExactSum, u64),
    Least(Option<f64>),
    Largest(Option<f64>),
    All(Vec<f64>),
    Distinct(FxHashSet<String>),
}

impl Part {
    fn new(measure: &Measure) -> Self {
        match measure {
            Measure::Count => Self::Count,
            Measure::Open => Self::Open(0),
            Measure::Sum(_) | Measure::Mean(_) => Self::Sum(ExactSum::default(), 0),
            Measure::Min(_) => Self::Least(None),
            Measure::Max(_) => Self::Largest(None),
            Measure::Percentile(..) => Self::All(Vec::new()),
            Measure::Distinct(_) => Self::Distinct(FxHashSet::default()),
        }
    }

    fn take(&mut self, item: FeatureRef<'_>, property: &str) {
        if let Self::Distinct(seen) = self {
            if let Some(text) = text(item, property)
                && !seen.contains(&text)
            {
                seen.insert(text);
            }
            return;
        }
        let Some(number) = item.number(property).filter(|number| number.is_finite()) else { return };
        match self {
            Self::Sum(sum, count) => {
                sum.add(number);
                *count += 1;
            }
            Self::Least(least) => *least = Some(least.map_or(number, |known| known.min(number))),
            Self::Largest(largest) => *largest = Some(largest.map_or(number, |known| known.max(number))),
            Self::All(numbers) => numbers.push(number),
            Self::Count | Self::Open(_) | Self::Distinct(_) => {}
        }
    }

    /// Adds the same measure of other items.
    fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::Open(open), Self::Open(more)) => *open += more,
            (Self::Sum(sum, count), Self::Sum(more, other)) => {
                sum.add_all(&more);
                *count += other;
            }
            (Self::Least(least), Self::Least(Some(other))) => *least = Some(least.map_or(other, |known| known.min(other))),
            (Self::Largest(largest), Self::Largest(Some(other))) => *largest = Some(largest.map_or(other, |known| known.max(other))),
            (Self::All(numbers), Self::All(more)) => numbers.extend(more),
            (Self::Distinct(seen), Self::Distinct(more)) => seen.extend(more),
            // What is counted, and what has no number.
            _ => {}
        }
    }

    fn finish(self, measure: &Measure, count: u64) -> Option<f64> {
        match (self, measure) {
            (Self::Count, _) => Some(count as f64),
            (Self::Open(open), _) => Some(open as f64),
            (Self::Sum(_, 0), _) => None,
            (Self::Sum(sum, n), Measure::Mean(_)) => Some(sum.total() / n as f64),
            (Self::Sum(sum, _), _) => Some(sum.total()),
            (Self::Least(number) | Self::Largest(number), _) => number,
            (Self::All(numbers), Measure::Percentile(percent, _)) => percentile(numbers, *percent),
            (Self::All(_), _) => None,
            (Self::Distinct(seen), _) => Some(seen.len() as f64),
        }
    }
}

fn percentile(mut numbers: Vec<f64>, percent: f64) -> Option<f64> {
    let last = numbers.len().checked_sub(1)?;
    numbers.sort_unstable_by(f64::total_cmp);
    let at = percent / 100.0 * last as f64;
    let (below, above) = (numbers[at.floor() as usize], numbers[(at.ceil() as usize).min(last)]);
    Some(below + (above - below) * at.fract())
}

/// A value as text that differs where values do; `None` for null.
fn text(item: FeatureRef<'_>, property: &str) -> Option<String> {
    let show = |value: ValueRef<'_>| match value {
        ValueRef::Null => None,
        ValueRef::Boolean(value) => Some(value.to_string()),
        ValueRef::Integer(_) | ValueRef::Number(_) => value.as_f64().map(|number| number.to_string()),
        ValueRef::Text(text) | ValueRef::Json(text) => Some(format!("\"{text}")),
    };
    match item {
        FeatureRef::Row(table, row) => show(table.value(row, table.schema().position(property)?)),
        FeatureRef::Live(item) => match property {
            "source" => Some(item.source().to_string()),
            name => match item.areas().named().find(|(area, _)| *area == name) {
                Some((_, code)) => Some(code.to_owned()),
                None => {
                    let json = item.property(name);
                    match ValueRef::from_json(&json) {
                        Some(value) => show(value),
                        None => Some(json.to_string()),
                    }
                }
            },
        },
    }
}
