//! Filters in the Common Query Language (CQL2, OGC 21-065r2), Text and JSON.
//!
//! A [`Filter`] is what was written; [`Filter::bind`] checks it against a collection's
//! [`Queryables`] and makes a [`Bound`], which tests items and says what an index can answer of it.
//!
//! ```
//! use citywall_cql2::Filter;
//!
//! let filter = Filter::from_text("floors > 5 AND S_INTERSECTS(geometry, BBOX(117, 39, 117.5, 39.5))")?;
//! assert_eq!(filter, Filter::from_json(&filter.to_json().to_string())?);
//! let error = Filter::from_text("floors > ").unwrap_err();
//! assert_eq!(error.to_string(), "character 10: expected a property, a literal, a function or “(”, found the end of the filter");
//! # Ok::<(), citywall_cql2::FilterError>(())
//! ```
//!
//! All conformance classes are here. Where the standard leaves a choice:
//! - Logic is SQL's: a comparison with null is unknown, and only what is true matches.
//! - Types are checked when a filter is bound. A text beside a date or timestamp is read as one; any
//!   other mixture is an error, or unknown where a live item's property turns out to be of another type.
//! - Beside a timestamp a date is its whole day in the collection's time zone.
//! - Texts compare by code points.
//! - Coordinates are longitude and latitude in degrees; [`Filter::map_coordinates`] takes a filter
//!   there from another CRS. Geometries are planar, as in PostGIS' `geometry`; heights are kept but
//!   not compared.
//! - Arithmetic on null, division by zero and overflow give null.
//!
//! This crate knows nothing of indexes, storage, HTTP or coordinate systems.

mod array;
mod bind;
mod error;
mod eval;
mod expr;
mod fold;
mod functions;
mod json;
mod lex;
mod like;
mod need;
mod plan;
mod queryables;
mod shape;
mod show;
mod space;
mod text;
mod time;
mod value;

pub use error::{FilterError, Place};
pub use expr::{ArrayOp, Expr, Node, Op, Spatial, Temporal};
pub use functions::{FUNCTIONS, Function};
pub use need::{Need, Range, first_moment};
pub use queryables::{Queryable, QueryableKind, Queryables};
pub use shape::{Coordinates, Shape, ShapeKind};

use citywall_model::{Area, Bbox, FeatureRef, TimeFilter};
use std::{fmt, sync::Arc};

/// A filter as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    expr: Arc<Expr>,
}

impl Filter {
    fn of(expr: Expr) -> Self {
        Self { expr: Arc::new(expr) }
    }

    /// Reads CQL2 Text. O(bytes).
    ///
    /// # Errors
    /// The text is no CQL2, or passes a limit (`FILTER_BYTES_MAX`, `FILTER_DEPTH_MAX`).
    pub fn from_text(text: &str) -> Result<Self, FilterError> {
        text::parse(text).map(Self::of)
    }

    /// Reads CQL2 JSON. O(bytes).
    ///
    /// # Errors
    /// The text is no CQL2 JSON, or passes a limit (`FILTER_BYTES_MAX`, `FILTER_DEPTH_MAX`).
    pub fn from_json(text: &str) -> Result<Self, FilterError> {
        json::parse(text).map(Self::of)
    }

    /// Reads CQL2 JSON that is part of a document.
    ///
    /// # Errors
    /// The value is no CQL2 JSON, or passes `FILTER_DEPTH_MAX`.
    pub fn from_json_value(value: &serde_json::Value) -> Result<Self, FilterError> {
        json::parse_value(value).map(Self::of)
    }

    /// The filter as CQL2 Text.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.expr.to_string()
    }

    /// The filter as CQL2 JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        json::write(&self.expr)
    }

    /// What the filter says.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Turns every position of the filter's geometries, given in its CRS as x and y, into
    /// longitude and latitude. A box becomes the polygon around it, with positions along its edges.
    ///
    /// # Errors
    /// What `turn` refuses; the position of the geometry is named.
    pub fn map_coordinates(&mut self, mut turn: impl FnMut(&mut [[f64; 2]]) -> Result<(), String>) -> Result<(), FilterError> {
        Arc::make_mut(&mut self.expr).each_shape(&mut |place, shape| {
            let mut positions = Vec::new();
            shape.each(true, &mut |x, y| positions.push([*x, *y]));
            turn(&mut positions).map_err(|reason| FilterError::new(place, "coordinates of the filter’s CRS", reason))?;
            let mut turned = positions.into_iter();
            shape.each(false, &mut |x, y| {
                if let Some(position) = turned.next() {
                    [*x, *y] = position;
                }
            });
            Ok(())
        })
    }

    /// Checks the filter against a collection's properties and makes it ready to test items.
    ///
    /// # Errors
    /// A property or function is unknown, a value is of the wrong type, or a position is not on
    /// the globe.
    pub fn bind(&self, queryables: &Queryables) -> Result<Bound, FilterError> {
        self.bind_at(queryables, jiff::Timestamp::now())
    }

    /// As [`Filter::bind`], with the instant that `now()` stands for: several filters of one
    /// question mean the same one.
    ///
    /// # Errors
    /// As [`Filter::bind`].
    pub fn bind_at(&self, queryables: &Queryables, now: jiff::Timestamp) -> Result<Bound, FilterError> {
        let test = bind::Binder { queryables, now }.test(&self.expr)?;
        Ok(Bound { windows: plan::windows(&test), time: plan::time(&test), need: need::of(&test), test, filter: self.clone() })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

/// A filter that is bound to one version of a collection. Cheap to share between threads.
#[derive(Debug)]
pub struct Bound {
    test: eval::Test,
    windows: Option<Vec<Bbox>>,
    time: Option<TimeFilter>,
    need: Option<Need>,
    filter: Filter,
}

impl Bound {
    /// True if the filter is true of the item; false and unknown are both false here. The item must
    /// be of the collection and version that the filter was bound to.
    #[must_use]
    pub fn holds(&self, item: FeatureRef<'_>) -> bool {
        self.test.holds(item) == Some(true)
    }

    /// The windows outside of which no item can match, by its envelope; none at all if nothing can
    /// match. `None` if an index cannot help.
    #[must_use]
    pub fn windows(&self) -> Option<&[Bbox]> {
        self.windows.as_deref()
    }

    /// The area that an item matches if it meets it, if the filter asks for nothing else.
    #[must_use]
    pub fn area(&self) -> Option<&Area> {
        match &self.test {
            eval::Test::Space(Spatial::Intersects, region) => region.area.as_ref(),
            _ => None,
        }
    }

    /// The interval outside of which no live item can match, by its `time`.
    #[must_use]
    pub fn time(&self) -> Option<TimeFilter> {
        self.time
    }

    /// What the columns of an item of a layer must have; `None` if an order of their values cannot help.
    #[must_use]
    pub fn need(&self) -> Option<&Need> {
        self.need.as_ref()
    }

    /// The filter as CQL2 Text.
    #[must_use]
    pub fn text(&self) -> String {
        self.filter.to_text()
    }

    /// How the filter is answered, line by line, for EXPLAIN.
    #[must_use]
    pub fn explain(&self) -> String {
        let index = match self.windows() {
            None => "every item is tested".to_owned(),
            Some([]) => "no item can match".to_owned(),
            Some(windows) => {
                let windows: Vec<String> =
                    windows.iter().map(|w| format!("[{}, {}, {}, {}]", w.x_min, w.y_min, w.x_max, w.y_max)).collect();
                format!("the tree is asked for {}", windows.join(" and "))
            }
        };
        let side = |at: Option<jiff::Timestamp>| at.map_or_else(|| "..".to_owned(), |at| at.to_string());
        let time = self.time.map(|time| format!("\ntime: {}/{}", side(time.start), side(time.end))).unwrap_or_default();
        format!("index: {index}{time}\ntest: {}", self.text())
    }
}
