//! The one path of item queries: filter → order by fid → page.

use crate::{
    QueryError,
    city::{CollectionView, Kind},
    live::LiveState,
    search::Search,
    sort::{Place, SortKey, Sorter},
};
use citywall_cql2::Bound;
use citywall_index::Inside;
use citywall_model::{Bbox, FeatureRef, FeatureTable, LiveItem, Revision, ValueRef, geometry, limits};
use geo::{Intersects, Rect, coord};
use rayon::prelude::*;
use std::{fmt, str::FromStr, sync::Arc};

/// A question for the items of a collection. All conditions hold at once.
#[derive(Clone, Debug)]
pub struct ItemsQuery {
    /// Windows of which the geometry itself meets at least one: none, one, or the two halves of
    /// one across the antimeridian.
    pub windows: Vec<Bbox>,
    /// Properties with an exact value.
    pub equals: Vec<Equals>,
    /// A CQL2 filter that is bound to this version of the collection.
    pub filter: Option<Arc<Bound>>,
    /// Words that the item's texts must have.
    pub search: Option<Search>,
    /// The order of the items; equal ones, and all without a key, follow their fid.
    pub sort: Vec<SortKey>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// The most items to return, at most [`limits::ITEMS_LIMIT_MAX`].
    pub limit: usize,
}

impl Default for ItemsQuery {
    fn default() -> Self {
        Self {
            windows: Vec::new(),
            equals: Vec::new(),
            filter: None,
            search: None,
            sort: Vec::new(),
            after: None,
            limit: limits::ITEMS_LIMIT_DEFAULT,
        }
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
                "source" => *item.source() == *self.value,
                name => match item.areas().named().find(|(area, _)| *area == name) {
                    Some((_, code)) => *code == *self.value,
                    None => ValueRef::from_json(&item.property(name)).is_some_and(same),
                },
            },
        }
    }
}

/// Where a page ended. Pages follow the sort keys and then the fid, which never changes and never
/// comes again: no item comes twice or is left out while others change.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// The last item of the page before.
    pub place: Place,
    /// The revision of the layer's version, 0 for a live collection: a new version has new fids.
    pub version: Revision,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version, self.place)
    }
}

impl FromStr for Cursor {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').and_then(|(version, place)| Some((version.parse().ok()?, place.parse().ok()?)));
        let (version, place) = parts.ok_or_else(|| bad("cursor", "not a cursor of this server; follow the “next” link"))?;
        Ok(Self { place, version: Revision(version) })
    }
}

/// What came of a query.
#[derive(Clone, Debug, PartialEq)]
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
    /// Visits a page of the matching items in the order of the sort keys and then of the fid.
    ///
    /// O(log n + k) for k items whose envelope meets the windows of the query or of its filter, or
    /// that have the values that its filter names, whichever are fewer; O(n) where neither helps.
    /// [`CollectionView::access`] says which it is. Sorting costs O(k log limit).
    ///
    /// # Errors
    /// The limit is out of range, or the cursor is of another version of the layer or of another order.
    pub fn items(&self, query: &ItemsQuery, mut visit: impl FnMut(FeatureRef<'_>)) -> Result<ItemsPage, QueryError> {
        if !(1..=limits::ITEMS_LIMIT_MAX).contains(&query.limit) {
            return Err(bad("limit", format!("{} is not between 1 and {}", query.limit, limits::ITEMS_LIMIT_MAX)));
        }
        let version = self.version();
        if let Some(cursor) = &query.after {
            if cursor.version != version {
                return Err(bad("cursor", "the layer has a new version since; start again from the first page"));
            }
            if cursor.place.keys.len() != query.sort.len() {
                return Err(bad("cursor", "the order is another one than on the page before"));
            }
        }
        let after = query.after.as_ref().map(|cursor| &cursor.place);
        let mut page = ItemsPage { matched: 0, returned: 0, next: None, revision: self.revision() };
        let mut last = Place::default();
        let (candidates, holds) = (self.candidates(query), self.rest(query));
        if query.sort.is_empty() {
            let after = after.map_or(0, |place| place.fid);
            candidates.each(|item| {
                if !holds(item) {
                    return;
                }
                page.matched += 1;
                if item.fid() > after {
                    if page.returned < query.limit {
                        page.returned += 1;
                        last.fid = item.fid();
                        visit(item);
                    } else if page.next.is_none() {
                        page.next = Some(Cursor { place: last.clone(), version });
                    }
                }
            });
            return Ok(page);
        }
        let mut sorter = Sorter::new(&query.sort, after, query.limit);
        candidates.each(|item| {
            if holds(item) {
                page.matched += 1;
                sorter.take(item);
            }
        });
        let more = sorter.is_cut();
        for (item, place) in sorter.finish() {
            page.returned += 1;
            last = place;
            visit(item);
        }
        page.next = more.then_some(Cursor { place: last, version });
        Ok(page)
    }

    /// Visits every matching item in the order of the fid, whatever the page; the limit, the cursor
    /// and the sort keys are passed over. Returns at once where `visit` says `false`.
    pub fn each(&self, query: &ItemsQuery, mut visit: impl FnMut(FeatureRef<'_>) -> bool) {
        let (mut goes_on, holds) = (true, self.rest(query));
        self.candidates(query).each(|item| {
            if goes_on && holds(item) {
                goes_on = visit(item);
            }
        });
    }

    /// Takes in the matching items on every core, in parts of items that follow each other: each part
    /// starts as `new` says, and the parts come in the order of their items.
    ///
    /// # Errors
    /// One of `take`.
    pub fn in_parts<T: Send, E: Send>(
        &self,
        query: &ItemsQuery,
        new: impl Fn() -> T + Sync + Send,
        take: impl Fn(&mut T, FeatureRef<'_>) -> Result<(), E> + Sync + Send,
    ) -> Result<Vec<T>, E> {
        let (candidates, holds) = (self.candidates(query), self.rest(query));
        let size = candidates.len().div_ceil(rayon::current_num_threads() * PARTS_PER_CORE).max(PART_MIN);
        let part = |at: usize| {
            let mut part = new();
            let end = ((at + 1) * size).min(candidates.len());
            let mut items = (at * size..end).map(|at| candidates.get(at)).filter(|item| holds(*item));
            items.try_for_each(|item| take(&mut part, item)).map(|()| part)
        };
        (0..candidates.len().div_ceil(size)).into_par_iter().map(part).collect()
    }

    /// What an index finds for a query.
    fn candidates(&self, query: &ItemsQuery) -> Candidates<'_> {
        match &self.kind {
            Kind::Raster(_) => Candidates::Items(Vec::new()),
            Kind::Layer(layer) => Candidates::Rows(&layer.table, layer.candidates(query)),
            // Items are taken out of the lock, so that neither a slow reader nor a slow filter
            // holds up the writer; copying one copies a pointer.
            Kind::Live(live) => Candidates::Items(live.state.read().candidates(query)),
        }
    }

    /// What is left to test of the items that an index found.
    fn rest<'q>(&self, query: &'q ItemsQuery) -> impl Fn(FeatureRef<'_>) -> bool + 'q {
        let is_answered = matches!(self.kind, Kind::Layer(_)) && query.area().is_some();
        move |item| is_answered || query.holds(item)
    }

    /// Visits every item whose envelope meets the window, in an order that the version alone
    /// decides; of a live collection in order of fid, and only what is not cleared. This is what a map draws.
    pub fn window(&self, window: &Bbox, mut visit: impl FnMut(FeatureRef<'_>)) {
        match &self.kind {
            Kind::Raster(_) => {}
            Kind::Layer(layer) => layer.search(window, |row, _| visit(FeatureRef::Row(&layer.table, row))),
            Kind::Live(live) => {
                let mut hits = Vec::new();
                live.state.read().search(window, |item, _| {
                    if !item.is_cleared() {
                        hits.push(item.clone());
                    }
                });
                // The tree's own order depends on its past; the same city gives the same answer.
                hits.sort_unstable_by_key(LiveItem::fid);
                hits.iter().for_each(|item| visit(FeatureRef::Live(item)));
            }
        }
    }

    /// The open items of a live collection whose geometry meets one of the windows, in order of
    /// fid; none of a layer. O(log n + k) for k items whose envelope meets them.
    #[must_use]
    pub fn open_items_in(&self, windows: &[Bbox]) -> Vec<LiveItem> {
        match &self.kind {
            Kind::Layer(_) | Kind::Raster(_) => Vec::new(),
            Kind::Live(live) => {
                let query = ItemsQuery { windows: windows.to_vec(), ..ItemsQuery::default() };
                let mut items = live.state.read().candidates(&query);
                items.retain(|item| !item.is_cleared());
                items
            }
        }
    }

    /// Counts the open items of a live collection in windows that share no point: points by their
    /// longitude and latitude alone, so that no item is looked at, and what is no point by `holds`.
    /// 0 of a layer. O(log n + k) for k items whose envelopes meet the windows.
    #[must_use]
    pub fn count_open_in(&self, windows: &[Bbox], holds_point: impl Fn(f64, f64) -> bool, holds: impl Fn(&LiveItem) -> bool) -> usize {
        let Kind::Live(live) = &self.kind else { return 0 };
        let (points, shapes) = live.state.read().count_points(windows, holds_point);
        points + shapes.iter().filter(|item| holds(item)).count()
    }

    /// The fids of the items whose envelope meets the window, appended to `fids`, in no
    /// particular order.
    pub fn window_fids(&self, window: &Bbox, fids: &mut Vec<u64>) {
        match &self.kind {
            Kind::Raster(_) => {}
            Kind::Layer(layer) => layer.search(window, |row, _| fids.push(layer.table.fid(row))),
            Kind::Live(live) => live.state.read().search(window, |item, _| fids.push(item.fid())),
        }
    }
}

/// Items that may match, in the order of their fid.
enum Candidates<'v> {
    /// Rows of a layer; all of them without a list.
    Rows(&'v FeatureTable, Option<Vec<u32>>),
    /// Items of a live collection.
    Items(Vec<LiveItem>),
}

/// Parts in which a core takes items in: some, so that none waits long for the other ones.
const PARTS_PER_CORE: usize = 4;
/// Fewer items than these are one part.
const PART_MIN: usize = 1024;

impl Candidates<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Rows(table, rows) => rows.as_ref().map_or(table.len(), Vec::len),
            Self::Items(items) => items.len(),
        }
    }

    fn get(&self, at: usize) -> FeatureRef<'_> {
        match self {
            Self::Rows(table, Some(rows)) => FeatureRef::Row(table, rows[at]),
            // Rows are numbered in 32 bits when the table is built.
            Self::Rows(table, None) => FeatureRef::Row(table, u32::try_from(at).unwrap_or(u32::MAX)),
            Self::Items(items) => FeatureRef::Live(&items[at]),
        }
    }

    fn each<'c>(&'c self, visit: impl FnMut(FeatureRef<'c>)) {
        match self {
            Self::Rows(table, Some(rows)) => rows.iter().map(|row| FeatureRef::Row(table, *row)).for_each(visit),
            Self::Rows(table, None) => {
                (0..u32::try_from(table.len()).unwrap_or(u32::MAX)).map(|row| FeatureRef::Row(table, row)).for_each(visit);
            }
            Self::Items(items) => items.iter().map(FeatureRef::Live).for_each(visit),
        }
    }
}

impl ItemsQuery {
    /// True if properties, filter and words hold of an item: all that is no window.
    #[must_use]
    pub fn holds(&self, item: FeatureRef<'_>) -> bool {
        self.equals.iter().all(|equals| equals.holds(item))
            && self.filter.as_ref().is_none_or(|filter| filter.holds(item))
            && self.search.as_ref().is_none_or(|search| search.holds(item))
    }
}

impl LiveState {
    /// The items that the tree finds, at their time, in order of fid.
    fn candidates(&self, query: &ItemsQuery) -> Vec<LiveItem> {
        let time = query.filter.as_ref().and_then(|filter| filter.time());
        let timely = |item: &LiveItem| time.is_none_or(|time| time.contains(item.time()));
        let Some((windows, exact)) = query.asked() else {
            return self.items().filter(|item| timely(item)).cloned().collect();
        };
        let mut items: Vec<LiveItem> = Vec::new();
        for window in windows {
            self.search(window, |item, inside| {
                let met = match inside {
                    Inside::Maybe(envelope) if exact => item.geometry().is_some_and(|wkb| meets_window(wkb, &envelope, window)),
                    _ => true,
                };
                if met && timely(item) {
                    items.push(item.clone());
                }
            });
        }
        items.sort_unstable_by_key(LiveItem::fid);
        items.dedup_by_key(|item| item.fid());
        items
    }
}

/// True if the geometry shares a point with the window, edges included.
#[must_use]
pub fn meets_window(wkb: &[u8], bounds: &Bbox, window: &Bbox) -> bool {
    window.meets_what_fills(bounds).unwrap_or_else(|| meets(wkb, &rectangle(window)))
}

fn rectangle(window: &Bbox) -> Rect {
    Rect::new(coord! { x: window.x_min, y: window.y_min }, coord! { x: window.x_max, y: window.y_max })
}

/// True if the geometry shares a point with the rectangle, edges included.
fn meets(wkb: &[u8], area: &Rect) -> bool {
    geometry::to_geo(wkb).is_some_and(|shape| shape.intersects(area))
}
