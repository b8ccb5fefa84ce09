//! The order of items, and a page of it.

use citywall_cql2::Queryable;
use citywall_model::{FeatureRef, Value};
use std::{cmp::Ordering, collections::BinaryHeap, fmt, str::FromStr};

/// A property by which items are put in order.
#[derive(Clone, Debug)]
pub struct SortKey {
    /// The property.
    pub property: Queryable,
    /// True if the greatest comes first; what has no value comes last either way.
    pub descending: bool,
}

/// The place of an item in an order: its sort keys, then its fid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// One value per sort key.
    pub keys: Vec<Value>,
    /// The item's fid.
    pub fid: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fid)?;
        if self.keys.is_empty() {
            return Ok(());
        }
        let keys = self.keys.iter().map(|key| match key {
            Value::Boolean(b) => (*b).into(),
            Value::Integer(n) => (*n).into(),
            Value::Number(n) => (*n).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Null | Value::Json(_) => serde_json::Value::Null,
        });
        write!(f, ".{}", serde_json::Value::Array(keys.collect()))
    }
}

/// A text that is no place.
#[derive(Debug)]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (fid, keys) = text.split_once('.').unwrap_or((text, "[]"));
        let keys: Vec<serde_json::Value> = serde_json::from_str(keys).map_err(|_| NoPlace)?;
        Ok(Self { keys: keys.iter().map(Value::from).collect(), fid: fid.parse().map_err(|_| NoPlace)? })
    }
}

/// Keeps the first items of an order: those of one page.
pub(crate) struct Sorter<'q, 'i> {
    sort: &'q [SortKey],
    after: Option<&'q Place>,
    limit: usize,
    heap: BinaryHeap<Entry<'q, 'i>>,
    is_cut: bool,
}

struct Entry<'q, 'i> {
    sort: &'q [SortKey],
    place: Place,
    item: FeatureRef<'i>,
}

impl<'q, 'i> Sorter<'q, 'i> {
    pub(crate) fn new(sort: &'q [SortKey], after: Option<&'q Place>, limit: usize) -> Self {
        Self { sort, after, limit, heap: BinaryHeap::new(), is_cut: false }
    }

    /// Takes an item in, if it comes after the page before. O(log limit).
    pub(crate) fn take(&mut self, item: FeatureRef<'i>) {
        let place = Place { keys: self.sort.iter().map(|key| key.property.rank(item)).collect(), fid: item.fid() };
        if self.after.is_some_and(|after| order(self.sort, &place, after).is_le()) {
            return;
        }
        self.heap.push(Entry { sort: self.sort, place, item });
        if self.heap.len() > self.limit {
            self.heap.pop();
            self.is_cut = true;
        }
    }

    /// True if more items follow.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The page's items in order.
    pub(crate) fn finish(self) -> impl Iterator<Item = (FeatureRef<'i>, Place)> {
        self.heap.into_sorted_vec().into_iter().map(|entry| (entry.item, entry.place))
    }
}

impl Ord for Entry<'_, '_> {
    fn cmp(&self, other: &Self) -> Ordering {
        order(self.sort, &self.place, &other.place)
    }
}

impl PartialOrd for Entry<'_, '_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry<'_, '_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry<'_, '_> {}

fn order(sort: &[SortKey], a: &Place, b: &Place) -> Ordering {
    let by_keys = sort.iter().zip(a.keys.iter().zip(&b.keys)).map(|(key, (a, b))| match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (a, b) if key.descending => compare(b, a),
        (a, b) => compare(a, b),
    });
    by_keys.fold(Ordering::Equal, Ordering::then).then(a.fid.cmp(&b.fid))
}

/// Values of one type by their size, texts by code points; of different types booleans first, then
/// numbers, then texts.
fn compare(a: &Value, b: &Value) -> Ordering {
    let kind = |value: &Value| match value {
        Value::Boolean(_) => 0,
        Value::Integer(_) | Value::Number(_) => 1,
        _ => 2,
    };
    match (a, b) {
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (a, b) => match (a.as_ref().as_f64(), b.as_ref().as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => kind(a).cmp(&kind(b)),
        },
    }
}
