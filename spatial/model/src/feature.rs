//! One item of any collection, as a reader sees it.

use crate::{FeatureTable, LiveItem, ValueRef};
use jiff::Timestamp;
use std::borrow::Cow;

/// One item of any collection. Copying it copies a pointer.
#[derive(Clone, Copy, Debug)]
pub enum FeatureRef<'a> {
    /// A row of a layer.
    Row(&'a FeatureTable, u32),
    /// An item of a live collection.
    Live(&'a LiveItem),
}

impl<'a> FeatureRef<'a> {
    /// The number that stands for the id in tiles.
    #[must_use]
    #[inline]
    pub fn fid(self) -> u64 {
        match self {
            Self::Row(table, row) => table.fid(row),
            Self::Live(item) => item.fid(),
        }
    }

    /// The id, unique in the collection.
    #[must_use]
    pub fn id(self) -> Cow<'a, str> {
        match self {
            Self::Row(table, row) => table.id(row),
            Self::Live(item) => Cow::Borrowed(item.id()),
        }
    }

    /// The geometry as WKB, if the item has one.
    #[must_use]
    #[inline]
    pub fn geometry(self) -> Option<&'a [u8]> {
        match self {
            Self::Row(table, row) => table.geometry(row),
            Self::Live(item) => item.geometry(),
        }
    }

    /// When a live item happened; `None` for a layer's row.
    #[must_use]
    pub fn time(self) -> Option<Timestamp> {
        match self {
            Self::Row(..) => None,
            Self::Live(item) => Some(item.time()),
        }
    }

    /// Visits the properties in order: a row's with its nulls; of a live item first `source`,
    /// `time` and `since` (RFC 3339, UTC), then its areas' codes.
    pub fn each_property(self, mut visit: impl FnMut(&str, ValueRef<'_>)) {
        match self {
            Self::Row(table, row) => {
                for (at, field) in table.schema().fields.iter().enumerate() {
                    visit(&field.name, table.value(row, at));
                }
            }
            Self::Live(item) => {
                visit("source", ValueRef::Text(item.source()));
                visit("time", ValueRef::Text(&item.time().to_string()));
                visit("since", ValueRef::Text(&item.since().to_string()));
                item.areas().named().for_each(|(name, code)| visit(name, ValueRef::Text(code)));
                for (name, json) in &item.properties() {
                    match ValueRef::from_json(json) {
                        Some(value) => visit(name, value),
                        None => visit(name, ValueRef::Json(&json.to_string())),
                    }
                }
            }
        }
    }

    /// A property as text, whole numbers without a point; `None` for null.
    #[must_use]
    pub fn text(self, name: &str) -> Option<String> {
        let mut found = None;
        self.each_property(|own, value| {
            if own == name {
                found = match value {
                    ValueRef::Null => None,
                    ValueRef::Boolean(value) => Some(value.to_string()),
                    ValueRef::Integer(value) => Some(value.to_string()),
                    ValueRef::Number(value) => Some(value.to_string()),
                    ValueRef::Text(text) | ValueRef::Json(text) => Some(text.to_owned()),
                };
            }
        });
        found
    }

    /// The number that a property is, if it is one: heights, levels.
    #[must_use]
    pub fn number(self, name: &str) -> Option<f64> {
        match self {
            Self::Row(table, row) => table.value(row, table.schema().position(name)?).as_f64(),
            Self::Live(item) => item.property(name).as_f64(),
        }
    }
}
