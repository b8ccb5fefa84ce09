//! How the items that may match a query are found: by the tree, by the order of a column, or one by one.

use crate::{
    city::{CollectionView, Kind},
    items::{Equals, ItemsQuery, meets_window},
    layer::Layer,
    order::Picks,
};
use citywall_cql2::{Need, Range};
use citywall_index::Inside;
use citywall_model::{Area, Bbox, FieldType, geometry};

/// An order is asked only for at most one of so many rows: looking at them one by one costs less
/// than putting most of them in order again.
const ROWS_PER_PICK: usize = 2;

/// As many bytes of geometry are looked at in some ten microseconds: to hand a question to another
/// thread and back takes as long.
const QUICK_BYTES: usize = 64 * 1024;

/// How the items that may match are found. Which of them do is tested in any case.
#[derive(Clone, Debug, PartialEq)]
pub enum Access {
    /// Every item is looked at.
    All,
    /// Those whose envelope meets the windows of the query, or of its filter.
    Tree,
    /// Those with certain values.
    Order {
        /// The properties whose order gives them.
        properties: Vec<String>,
        /// How many there are.
        rows: usize,
    },
}

impl CollectionView {
    /// How the items that may match are found.
    #[must_use]
    pub fn access(&self, query: &ItemsQuery) -> Access {
        let tree = || if query.asked().is_some() { Access::Tree } else { Access::All };
        match &self.kind {
            Kind::Layer(layer) => layer.picks(query).map_or_else(tree, |picks| {
                let name = |field: &usize| layer.table.schema().fields[*field].name.to_string();
                let mut properties: Vec<String> = picks.fields.iter().map(name).collect();
                properties.dedup();
                Access::Order { properties, rows: picks.len() }
            }),
            _ => tree(),
        }
    }
}

impl CollectionView {
    /// True if so many items are looked at in no longer than it takes to hand a question to another
    /// thread, if they are like the others. Never true of a live collection, which may wait for its
    /// writer.
    #[must_use]
    pub fn is_quick(&self, items: usize) -> bool {
        let Kind::Layer(layer) = &self.kind else { return false };
        let table = &layer.table;
        items.saturating_mul(table.geometry_bytes() / table.len().max(1)) <= QUICK_BYTES
    }

    /// How many of the items that a query asks for meet an area. `None` where they are rather looked at
    /// one by one: in a live collection, or with more conditions than windows.
    ///
    /// O((log n + items near the borders) × (edges at their height + windows)).
    #[must_use]
    pub fn count_in(&self, query: &ItemsQuery, area: &Area) -> Option<usize> {
        let Kind::Layer(layer) = &self.kind else { return None };
        let ItemsQuery { windows, equals, filter, search, .. } = query;
        if !(equals.is_empty() && filter.is_none() && search.is_none()) {
            return None;
        }
        // What meets an area in a window meets the window.
        let is_held = windows.iter().any(|window| window.contains(area.bounds()));
        Some(layer.count_in(area, if is_held { &[] } else { windows }))
    }

    /// True if a place (longitude, latitude) lies in the extent of a layer, or so many degrees around it.
    #[must_use]
    pub fn is_around(&self, x: f64, y: f64, degrees: f64) -> bool {
        let Kind::Layer(layer) = &self.kind else { return false };
        let around = Bbox::new(x - degrees, y - degrees, x + degrees, y + degrees);
        layer.meta.extent.is_some_and(|extent| extent.intersects(&around))
    }

    /// As [`CollectionView::is_quick`], of the items that a query finds, if it has nothing but windows
    /// and all are spread evenly.
    #[must_use]
    pub fn is_quick_query(&self, query: &ItemsQuery) -> bool {
        let Kind::Layer(layer) = &self.kind else { return false };
        let ItemsQuery { windows, equals, filter, search, sort, .. } = query;
        let has_windows_alone = !windows.is_empty() && equals.is_empty() && filter.is_none() && search.is_none() && sort.is_empty();
        has_windows_alone && self.is_quick(layer.expected(windows))
    }
}

impl ItemsQuery {
    /// The area that items have to meet, if the query asks for nothing else.
    pub(crate) fn area(&self) -> Option<&Area> {
        let is_filter_alone = self.windows.is_empty() && self.equals.is_empty() && self.search.is_none();
        self.filter.as_ref().filter(|_| is_filter_alone)?.area()
    }

    /// The windows to ask the tree for, and whether the geometry itself must meet them; the
    /// filter's are only where its items' envelopes are.
    pub(crate) fn asked(&self) -> Option<(&[Bbox], bool)> {
        match self.windows.as_slice() {
            [] => Some((self.filter.as_ref()?.windows()?, false)),
            windows => Some((windows, true)),
        }
    }
}

impl Layer {
    /// The rows that an index finds, ascending; `None` if all have to be looked at.
    pub(crate) fn candidates(&self, query: &ItemsQuery) -> Option<Vec<u32>> {
        if let Some(area) = query.area() {
            let mut rows = self.in_area(area);
            rows.sort_unstable();
            return Some(rows);
        }
        if let Some(picks) = self.picks(query) {
            let mut rows = picks.rows();
            if !query.windows.is_empty() {
                let meets = |wkb: &[u8]| query.windows.iter().any(|window| meets_window(wkb, &geometry::bounds(wkb), window));
                rows.retain(|row| self.table.geometry(*row).is_some_and(meets));
            }
            return Some(rows);
        }
        let (windows, exact) = query.asked()?;
        let mut rows = Vec::new();
        for window in windows {
            self.search(window, |row, inside| {
                let meets = match inside {
                    Inside::Maybe(envelope) if exact => self.table.geometry(row).is_some_and(|wkb| meets_window(wkb, &envelope, window)),
                    _ => true,
                };
                if meets {
                    rows.push(row);
                }
            });
        }
        rows.sort_unstable();
        rows.dedup();
        Some(rows)
    }

    /// The rows that the order of a column gives, if they are fewer than the tree would.
    fn picks(&self, query: &ItemsQuery) -> Option<Picks<'_>> {
        let equal = query.equals.iter().filter_map(|equals| self.need(equals));
        let all: Vec<Need> = equal.chain(query.filter.as_ref().and_then(|filter| filter.need().cloned())).collect();
        if all.is_empty() {
            return None;
        }
        let rows = query.asked().map_or(self.table.len(), |(windows, _)| self.expected(windows));
        self.orders.picks(&self.table, &Need::All(all)).filter(|picks| picks.len() * ROWS_PER_PICK <= rows)
    }

    /// What a row with a property's exact value needs.
    fn need(&self, equals: &Equals) -> Option<Need> {
        let field = self.table.schema().position(&equals.property)?;
        let range = match self.table.schema().fields[field].kind {
            FieldType::Text => Range::Texts(Some(equals.value.clone()), Some(equals.value.clone())),
            FieldType::Integer | FieldType::Number => equals.value.parse().ok().map(|n: f64| Range::Numbers(n, n))?,
            FieldType::Boolean | FieldType::Json => return None,
        };
        Some(Need::Column(field, vec![range]))
    }

    /// How many rows the windows would have if all were spread evenly.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a guess")]
    fn expected(&self, windows: &[Bbox]) -> usize {
        let Some(extent) = self.meta.extent else { return self.table.len() };
        let area = |b: &Bbox| (b.x_max - b.x_min).max(0.0) * (b.y_max - b.y_min).max(0.0);
        let common = |b: &Bbox| {
            Bbox::new(b.x_min.max(extent.x_min), b.y_min.max(extent.y_min), b.x_max.min(extent.x_max), b.y_max.min(extent.y_max))
        };
        let share = windows.iter().map(|window| area(&common(window))).sum::<f64>() / area(&extent);
        // A point or a line has no area: all of it may be in the window.
        if share.is_nan() { self.table.len() } else { (share.min(1.0) * self.table.len() as f64) as usize }
    }
}
