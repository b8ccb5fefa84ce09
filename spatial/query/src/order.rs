//! The rows of a layer in order of a column's values: the index that answers filters on attributes.
//!
//! An order is made when a query first asks for it, and costs four bytes a row: the values stay
//! in the table, which is looked at log₂ n times to find the ends of a range.

use citywall_cql2::{Need, Range, first_moment};
use citywall_model::{FeatureTable, FieldType, ValueRef, limits};
use jiff::{Timestamp, tz::TimeZone};
use rayon::prelude::*;
use std::{
    cmp::Ordering,
    sync::{
        OnceLock,
        atomic::{self, AtomicUsize},
    },
};

/// The orders of a layer's columns, as far as they have been asked for.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    columns: Vec<Column>,
}

#[derive(Debug, Default)]
struct Column {
    by_value: OnceLock<Order>,
    /// Of texts that are read as instants.
    by_time: OnceLock<(TimeZone, Order)>,
}

/// The rows that have a value, in ascending order of it.
#[derive(Debug)]
struct Order {
    rows: Vec<u32>,
    _room: Room,
}

/// Rows that may match, in parts that may have rows in common.
#[derive(Debug, Default)]
pub(crate) struct Picks<'o> {
    pub(crate) fields: Vec<usize>,
    parts: Vec<&'o [u32]>,
}

impl Picks<'_> {
    /// How many rows there are, some of them perhaps more than once.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// The rows, ascending.
    pub(crate) fn rows(&self) -> Vec<u32> {
        let mut rows = self.parts.concat();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

impl Orders {
    pub(crate) fn new(table: &FeatureTable) -> Self {
        Self { columns: table.schema().fields.iter().map(|_| Column::default()).collect() }
    }

    /// The rows that have what is needed; `None` if no order says. O(log n) for each range, and
    /// O(n log n) where an order is asked for the first time.
    pub(crate) fn picks(&self, table: &FeatureTable, need: &Need) -> Option<Picks<'_>> {
        match need {
            Need::Column(field, ranges) => {
                let parts = ranges.iter().map(|range| self.find(table, *field, range)).collect::<Option<_>>()?;
                Some(Picks { fields: vec![*field], parts })
            }
            Need::All(all) => all.iter().filter_map(|one| self.picks(table, one)).min_by_key(Picks::len),
            Need::Any(all) => all.iter().map(|one| self.picks(table, one)).try_fold(Picks::default(), |mut all, one| {
                let one = one?;
                all.fields.extend(one.fields);
                all.parts.extend(one.parts);
                Some(all)
            }),
        }
    }

    /// The rows whose value lies in the range.
    fn find(&self, table: &FeatureTable, field: usize, range: &Range) -> Option<&[u32]> {
        let column = self.columns.get(field)?;
        let kind = table.schema().fields[field].kind;
        let is_number = matches!(kind, FieldType::Boolean | FieldType::Integer | FieldType::Number);
        match range {
            Range::Numbers(low, high) if is_number => {
                let key = |row: u32| number(table.value(row, field));
                let order = column.by_value(table, field)?;
                Some(order.between(|row| key(row).total_cmp(&(low + 0.0)), |row| key(row).total_cmp(&(high + 0.0))))
            }
            Range::Texts(low, high) if kind == FieldType::Text => {
                let key = |row: u32| text(table, row, field);
                let from = |row: u32| low.as_deref().map_or(Ordering::Greater, |low| key(row).cmp(low));
                let to = |row: u32| high.as_deref().map_or(Ordering::Less, |high| key(row).cmp(high));
                Some(column.by_value(table, field)?.between(from, to))
            }
            Range::Prefix(prefix) if kind == FieldType::Text => {
                let key = |row: u32| text(table, row, field);
                let to = |row: u32| if key(row).starts_with(prefix.as_str()) { Ordering::Equal } else { key(row).cmp(prefix) };
                Some(column.by_value(table, field)?.between(|row| key(row).cmp(prefix), to))
            }
            Range::Instants(first, last, zone) if kind == FieldType::Text => {
                let key = |row: u32| first_moment(text(table, row, field), zone).unwrap_or(Timestamp::MAX);
                Some(column.by_time(table, field, zone)?.between(|row| key(row).cmp(first), |row| key(row).cmp(last)))
            }
            _ => None,
        }
    }
}

impl Column {
    /// The order of the values; `None` if there is no room for it.
    fn by_value(&self, table: &FeatureTable, field: usize) -> Option<&Order> {
        if let Some(order) = self.by_value.get() {
            return Some(order);
        }
        let room = Room::for_rows(table.len())?;
        Some(self.by_value.get_or_init(|| {
            let rows = match table.schema().fields[field].kind {
                FieldType::Text => by_text(table, field),
                _ => by_number(table, field),
            };
            Order { rows, _room: room }
        }))
    }

    /// The order of the instants that the texts are; `None` if there is no room for it, or it is of
    /// another time zone.
    fn by_time(&self, table: &FeatureTable, field: usize, zone: &TimeZone) -> Option<&Order> {
        if self.by_time.get().is_none() {
            let room = Room::for_rows(table.len())?;
            self.by_time.get_or_init(|| {
                let mut keyed: Vec<(Timestamp, u32)> =
                    filled(table, field).filter_map(|row| Some((first_moment(text(table, row, field), zone)?, row))).collect();
                keyed.par_sort_unstable();
                (zone.clone(), Order { rows: keyed.into_iter().map(|(_, row)| row).collect(), _room: room })
            });
        }
        self.by_time.get().filter(|(own, _)| own == zone).map(|(_, order)| order)
    }
}

impl Order {
    /// The rows from the first that `from` does not find less to the last that `to` does not find greater.
    fn between(&self, from: impl Fn(u32) -> Ordering, to: impl Fn(u32) -> Ordering) -> &[u32] {
        let start = self.rows.partition_point(|row| from(*row).is_lt());
        let end = self.rows.partition_point(|row| to(*row).is_le());
        self.rows.get(start..end).unwrap_or_default()
    }
}

/// The rows that have a value.
fn filled(table: &FeatureTable, field: usize) -> impl Iterator<Item = u32> {
    let rows = 0..u32::try_from(table.len()).unwrap_or(u32::MAX);
    rows.filter(move |row| table.token(*row, field).is_some())
}

fn by_number(table: &FeatureTable, field: usize) -> Vec<u32> {
    let mut keyed: Vec<(f64, u32)> = filled(table, field).map(|row| (number(table.value(row, field)), row)).collect();
    keyed.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    keyed.into_iter().map(|(_, row)| row).collect()
}

/// Texts repeat, so that each is compared once: the rows are counted into the places of their text.
fn by_text(table: &FeatureTable, field: usize) -> Vec<u32> {
    let token = |row: u32| table.token(row, field).and_then(|token| usize::try_from(token).ok()).unwrap_or_default();
    let mut places = vec![0; table.len()];
    let mut texts: Vec<(&str, usize)> = Vec::new();
    for row in filled(table, field) {
        let token = token(row);
        if places[token] == 0 {
            texts.push((text(table, row, field), token));
        }
        places[token] += 1;
    }
    texts.par_sort_unstable();
    let mut end = 0;
    for (_, token) in texts {
        end += std::mem::replace(&mut places[token], end);
    }
    let mut rows = vec![0; end];
    for row in filled(table, field) {
        let place = &mut places[token(row)];
        rows[*place] = row;
        *place += 1;
    }
    rows
}

fn text(table: &FeatureTable, row: u32, field: usize) -> &str {
    match table.value(row, field) {
        ValueRef::Text(text) => text,
        _ => "",
    }
}

/// The number by which a value is put in order.
fn number(value: ValueRef<'_>) -> f64 {
    let number = match value {
        ValueRef::Boolean(value) => f64::from(u8::from(value)),
        value => value.as_f64().unwrap_or(f64::NAN),
    };
    // Minus zero is zero, which a total order tells apart.
    number + 0.0
}

/// Bytes that all orders of the process take.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// The room that an order takes; it is given back with it.
#[derive(Debug)]
struct Room(usize);

impl Room {
    /// Room for an order, if [`limits::ORDERS_BYTES_MAX`] leaves some.
    fn for_rows(rows: usize) -> Option<Self> {
        let bytes = rows * size_of::<u32>();
        let more = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= limits::ORDERS_BYTES_MAX);
        TAKEN.fetch_update(atomic::Ordering::Relaxed, atomic::Ordering::Relaxed, more).ok().map(|_| Self(bytes))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        TAKEN.fetch_sub(self.0, atomic::Ordering::Relaxed);
    }
}
