//! One item of any collection, as a reader sees it.

use crate::{FeatureTable, Properties, Revision, ValueRef, Wkb};
use jiff::Timestamp;
use std::{borrow::Cow, sync::Arc};

/// An item of a live collection as it was at one revision.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveItem {
    /// The number that stands for the id in tiles; given once, never reused.
    pub fid: u64,
    /// The client's own id.
    pub id: Arc<str>,
    /// Who reported it.
    pub source: Arc<str>,
    /// When it happened.
    pub time: Timestamp,
    /// The change that made the item what it is here.
    pub revision: Revision,
    /// Where it is, if that is known.
    pub geometry: Option<Wkb>,
    /// Everything else, `class`, `title`, `level` and `status` among it; `source` and `time`
    /// stand in their own fields and not here.
    pub properties: Properties,
}

impl LiveItem {
    /// True once the item's `status` says that it is over.
    #[must_use]
    pub fn is_cleared(&self) -> bool {
        self.properties.get("status").and_then(|s| s.as_str()) == Some("cleared")
    }
}

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
    pub fn fid(self) -> u64 {
        match self {
            Self::Row(table, row) => table.fid(row),
            Self::Live(item) => item.fid,
        }
    }

    /// The id, unique in the collection.
    #[must_use]
    pub fn id(self) -> Cow<'a, str> {
        match self {
            Self::Row(table, row) => table.id(row),
            Self::Live(item) => Cow::Borrowed(&item.id),
        }
    }

    /// The geometry as WKB, if the item has one.
    #[must_use]
    pub fn geometry(self) -> Option<&'a [u8]> {
        match self {
            Self::Row(table, row) => table.geometry(row),
            Self::Live(item) => item.geometry.as_ref().map(Wkb::bytes),
        }
    }

    /// When a live item happened; `None` for a layer's row.
    #[must_use]
    pub fn time(self) -> Option<Timestamp> {
        match self {
            Self::Row(..) => None,
            Self::Live(item) => Some(item.time),
        }
    }

    /// Visits the properties in order: a row's with its nulls, a live item's `source` and `time`
    /// (RFC 3339, UTC) first.
    pub fn each_property(self, mut visit: impl FnMut(&str, ValueRef<'_>)) {
        match self {
            Self::Row(table, row) => {
                for (at, field) in table.schema().fields.iter().enumerate() {
                    visit(&field.name, table.value(row, at));
                }
            }
            Self::Live(item) => {
                visit("source", ValueRef::Text(&item.source));
                visit("time", ValueRef::Text(&item.time.to_string()));
                for (name, json) in &item.properties {
                    match ValueRef::from_json(json) {
                        Some(value) => visit(name, value),
                        None => visit(name, ValueRef::Json(&json.to_string())),
                    }
                }
            }
        }
    }

    /// The number that a property is, if it is one: heights, levels.
    #[must_use]
    pub fn number(self, name: &str) -> Option<f64> {
        match self {
            Self::Row(table, row) => table.value(row, table.schema().position(name)?).as_f64(),
            Self::Live(item) => item.properties.get(name)?.as_f64(),
        }
    }
}
