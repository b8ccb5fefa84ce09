//! The one path of item queries: filter → order by fid → page.

use crate::{
    QueryError,
    city::{CollectionView, Kind},
    layer::Layer,
    live::LiveState,
};
use citywall_index::Inside;
use citywall_model::{Bbox, FeatureRef, LiveItem, Revision, TimeFilter, ValueRef, geometry, limits};
use geo::{Intersects, Rect, coord};
use std::{fmt, str::FromStr};

/// A question for the items of a collection. All conditions hold at once.
#[derive(Clone, Debug)]
pub struct ItemsQuery {
    /// Windows of which the geometry itself meets at least one: none, one, or the two halves of
    /// one across the antimeridian.
    pub windows: Vec<Bbox>,
    /// When live items happened; items without time match, as OGC API – Features asks.
    pub time: Option<TimeFilter>,
    /// Properties with an exact value.
    pub equals: Vec<Equals>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// The most items to return, at most [`limits::ITEMS_LIMIT_MAX`].
    pub limit: usize,
}

impl Default for ItemsQuery {
    fn default() -> Self {
        Self { windows: Vec::new(), time: None, equals: Vec::new(), after: None, limit: limits::ITEMS_LIMIT_DEFAULT }
    }
}

/// A property and the value it must have, both as text: `status=open`, `floors=6`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equals {
    /// The property's exact name.
    pub property: String,
    /// The value's text.
    pub value: String,
}

impl Equals {
    fn holds(&self, feature: FeatureRef<'_>) -> bool {
        let same = |value: ValueRef<'_>| match value {
            ValueRef::Null => false,
            ValueRef::Boolean(b) => self.value == if b { "true" } else { "false" },
            ValueRef::Integer(_) | ValueRef::Number(_) => value.as_f64().is_some_and(|n| self.value.parse() == Ok(n)),
            ValueRef::Text(text) | ValueRef::Json(text) => text == self.value,
        };
        match feature {
            FeatureRef::Row(table, row) => table.schema().position(&self.property).is_some_and(|at| same(table.value(row, at))),
            FeatureRef::Live(item) => match self.property.as_str() {
                "source" => **item.source() == *self.value,
                name => match item.areas().named().find(|(area, _)| *area == name) {
                    Some((_, code)) => *code == *self.value,
                    None => ValueRef::from_json(&item.property(name)).is_some_and(same),
                },
            },
        }
    }
}

/// Where a page ended: pages follow the fid, which never changes and never comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The last fid of the page before.
    pub fid: u64,
    /// The revision of the layer's version, 0 for a live collection: a new version has new fids.
    pub version: Revision,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version, self.fid)
    }
}

impl FromStr for Cursor {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').and_then(|(version, fid)| Some((version.parse().ok()?, fid.parse().ok()?)));
        let (version, fid) = parts.ok_or_else(|| bad("cursor", "not a cursor of this server; follow the “next” link"))?;
        Ok(Self { fid, version: Revision(version) })
    }
}

/// What came of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemsPage {
    /// How many items match in all.
    pub matched: usize,
    /// How many were visited.
    pub returned: usize,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<Cursor>,
    /// The revision of the answer.
    pub revision: Revision,
}

fn bad(parameter: &'static str, reason: impl Into<String>) -> QueryError {
    QueryError::BadParameter { parameter, reason: reason.into() }
}

impl CollectionView {
    /// Visits a page of the matching items in ascending order of fid.
    ///
    /// O(log n + k) for k items whose envelope meets the windows; O(n) without a window.
    ///
    /// # Errors
    /// The limit is out of range, or the cursor is of another version of the layer.
    pub fn items(&self, query: &ItemsQuery, mut visit: impl FnMut(FeatureRef<'_>)) -> Result<ItemsPage, QueryError> {
        if !(1..=limits::ITEMS_LIMIT_MAX).contains(&query.limit) {
            return Err(bad("limit", format!("{} is not between 1 and {}", query.limit, limits::ITEMS_LIMIT_MAX)));
        }
        let version = self.version();
        if query.after.is_some_and(|cursor| cursor.version != version) {
            return Err(bad("cursor", "the layer has a new version since; start again from the first page"));
        }
        let after = query.after.map_or(0, |cursor| cursor.fid);
        let mut page = ItemsPage { matched: 0, returned: 0, next: None, revision: self.revision() };
        let mut last = 0;
        let mut take = |feature: FeatureRef<'_>| {
            page.matched += 1;
            if feature.fid() > after {
                if page.returned < query.limit {
                    page.returned += 1;
                    last = feature.fid();
                    visit(feature);
                } else if page.next.is_none() {
                    page.next = Some(Cursor { fid: last, version });
                }
            }
        };
        match &self.kind {
            Kind::Elevation(_) => {}
            Kind::Layer(layer) => {
                let test = |row: u32| query.equals.iter().all(|e| e.holds(FeatureRef::Row(&layer.table, row)));
                if query.windows.is_empty() {
                    let rows = 0..u32::try_from(layer.table.len()).unwrap_or(u32::MAX);
                    rows.filter(|row| test(*row)).for_each(|row| take(FeatureRef::Row(&layer.table, row)));
                } else {
                    let rows = layer.rows_in(&query.windows);
                    rows.into_iter().filter(|row| test(*row)).for_each(|row| take(FeatureRef::Row(&layer.table, row)));
                }
            }
            Kind::Live(live) => {
                let state = live.state.read();
                let test = |item: &LiveItem| {
                    query.time.is_none_or(|t| t.contains(item.time())) && query.equals.iter().all(|e| e.holds(FeatureRef::Live(item)))
                };
                // The page's items are taken out of the lock, so that a slow reader holds up no writer.
                let hits: Vec<LiveItem> = if query.windows.is_empty() {
                    state.items.values().filter(|item| test(item)).cloned().collect()
                } else {
                    state.items_in(&query.windows).into_iter().filter(|item| test(item)).cloned().collect()
                };
                drop(state);
                hits.iter().for_each(|item| take(FeatureRef::Live(item)));
            }
        }
        Ok(page)
    }

    /// Visits every item whose envelope meets the window, in no particular order; of a live
    /// collection only what is not cleared. This is what a map draws.
    pub fn window(&self, window: &Bbox, mut visit: impl FnMut(FeatureRef<'_>)) {
        match &self.kind {
            Kind::Elevation(_) => {}
            Kind::Layer(layer) => layer.search(window, |row, _| visit(FeatureRef::Row(&layer.table, row))),
            Kind::Live(live) => {
                let mut hits = Vec::new();
                live.state.read().search(window, |item, _| {
                    if !item.is_cleared() {
                        hits.push(item.clone());
                    }
                });
                hits.iter().for_each(|item| visit(FeatureRef::Live(item)));
            }
        }
    }

    /// The fids of the items whose envelope meets the window, appended to `fids`, in no
    /// particular order.
    pub fn window_fids(&self, window: &Bbox, fids: &mut Vec<u64>) {
        match &self.kind {
            Kind::Elevation(_) => {}
            Kind::Layer(layer) => layer.search(window, |row, _| fids.push(layer.table.fid(row))),
            Kind::Live(live) => live.state.read().search(window, |item, _| fids.push(item.fid())),
        }
    }
}

impl Layer {
    /// The rows whose geometry meets one of the windows, ascending.
    fn rows_in(&self, windows: &[Bbox]) -> Vec<u32> {
        let mut rows = Vec::new();
        for window in windows {
            let area = rectangle(window);
            self.search(window, |row, inside| {
                if inside == Inside::Whole || self.table.geometry(row).is_some_and(|wkb| meets(wkb, &area)) {
                    rows.push(row);
                }
            });
        }
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

impl LiveState {
    /// The items whose geometry meets one of the windows, in order of fid.
    fn items_in(&self, windows: &[Bbox]) -> Vec<&LiveItem> {
        let mut items: Vec<&LiveItem> = Vec::new();
        for window in windows {
            let area = rectangle(window);
            self.search(window, |item, inside| {
                if inside == Inside::Whole || item.geometry().is_some_and(|wkb| meets(wkb, &area)) {
                    items.push(item);
                }
            });
        }
        items.sort_unstable_by_key(|item| item.fid());
        items.dedup_by_key(|item| item.fid());
        items
    }
}

fn rectangle(window: &Bbox) -> Rect {
    Rect::new(coord! { x: window.x_min, y: window.y_min }, coord! { x: window.x_max, y: window.y_max })
}

/// True if the geometry shares a point with the rectangle, edges included.
fn meets(wkb: &[u8], area: &Rect) -> bool {
    geometry::to_geo(wkb).is_some_and(|shape| shape.intersects(area))
}
