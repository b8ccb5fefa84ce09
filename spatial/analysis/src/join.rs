//! Two collections joined by where their items are.

use crate::{AnalysisError, Budget, budget::Seen, distance};
use citywall_index::{PackedIndex, PointLocator, WindowIndex};
use citywall_model::{Area, Bbox, FeatureRef, geometry, limits};
use citywall_query::{CollectionView, ItemsQuery};
use geo::{Contains, CoordsIter, Geometry, Intersects, MultiPolygon, Point, Relate};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// When an item of the left joins one of the right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Relation {
    /// The two share a point, borders included.
    Intersects,
    /// The left lies in the right, and not on its border alone (OGC 06-103r4, within).
    Within,
    /// The two are at most so many metres apart, geodesic.
    Near(f64),
}

/// An item of a join.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// Its number.
    pub fid: u64,
    /// Its id.
    pub id: String,
    /// The properties that were asked for, as text of JSON.
    pub properties: Vec<(String, citywall_model::Value)>,
    shape: Option<Geometry>,
}

/// One side of a join.
pub struct Side<'a> {
    /// The collection.
    pub view: &'a CollectionView,
    /// Which of its items.
    pub query: &'a ItemsQuery,
    /// The properties to carry over.
    pub properties: &'a [String],
}

/// Reads a side: each item with its shape, in the order of the fid.
///
/// # Errors
/// A limit is passed ([`limits::ANALYSIS_VERTICES_MAX`] or the budget's).
pub fn read(side: &Side<'_>, budget: &mut Budget) -> Result<Vec<Joined>, AnalysisError> {
    let (mut items, mut vertices, mut stopped) = (Vec::new(), 0, None);
    side.view.each(side.query, |item| {
        let shape = item.geometry().and_then(geometry::to_geo);
        // Points are counted as rows.
        if !matches!(shape, Some(Geometry::Point(_))) {
            vertices += shape.as_ref().map_or(0, CoordsIter::coords_count);
        }
        stopped = budget.rows(1).err().or_else(|| {
            (vertices > limits::ANALYSIS_VERTICES_MAX).then_some(AnalysisError::Limit {
                name: "ANALYSIS_VERTICES_MAX",
                max: limits::ANALYSIS_VERTICES_MAX as u64,
                advice: "narrow the filter, or ask area by area",
            })
        });
        items.push(Joined { fid: item.fid(), id: item.id().into_owned(), properties: carried(item, side.properties), shape });
        stopped.is_none()
    });
    stopped.map_or(Ok(items), Err)
}

fn carried(item: FeatureRef<'_>, names: &[String]) -> Vec<(String, citywall_model::Value)> {
    let mut values = Vec::with_capacity(names.len());
    if !names.is_empty() {
        item.each_property(|name, value| {
            if names.iter().any(|wanted| wanted == name) {
                values.push((name.to_owned(), value.to_owned()));
            }
        });
    }
    values
}

/// Items of the left that one core joins at a time.
const CHUNK: usize = 256;

/// The pairs (position in `left`, position in `right`) that hold, in the order of the left and then
/// of the right. O((l + r) log r + candidates × vertices), on every core.
///
/// # Errors
/// The pairs are more than [`limits::ANALYSIS_PAIRS_MAX`], or the time is over.
pub fn pairs(left: &[Joined], right: &[Joined], relation: Relation, budget: &Budget) -> Result<Vec<(u32, u32)>, AnalysisError> {
    let finder = Finder::new(right, relation);
    // Over all chunks, so that a question that asks for too much ends soon.
    let total = AtomicUsize::new(0);
    let found: Vec<Vec<(u32, u32)>> = left
        .par_chunks(CHUNK)
        .enumerate()
        .map(|(chunk, items)| {
            let mut pairs = Vec::new();
            for (at, item) in items.iter().enumerate() {
                budget.time()?;
                let first = pairs.len();
                item.shape.iter().for_each(|shape| finder.each(shape, |other| pairs.push(((chunk * CHUNK + at) as u32, other))));
                pairs[first..].sort_unstable();
                let more = pairs.len() - first;
                if total.fetch_add(more, Ordering::Relaxed) + more > limits::ANALYSIS_PAIRS_MAX {
                    return Err(too_many_pairs());
                }
            }
            Ok(pairs)
        })
        .collect::<Result<_, _>>()?;
    Ok(found.concat())
}

fn too_many_pairs() -> AnalysisError {
    AnalysisError::Limit {
        name: "ANALYSIS_PAIRS_MAX",
        max: limits::ANALYSIS_PAIRS_MAX as u64,
        advice: "ask for counts instead of pairs, or narrow a filter",
    }
}

/// How many items of the left join each of the right, in the order of the right. As [`pairs`],
/// without their limit, and without keeping the left. Of a layer that areas of the right meet, only
/// the items near their borders are looked at.
///
/// # Errors
/// A limit of the budget is passed.
pub fn counts(left: &Side<'_>, right: &[Joined], relation: Relation, budget: &Budget) -> Result<Vec<u64>, AnalysisError> {
    match counts_in_areas(left, right, relation, budget)? {
        Some(counts) => Ok(counts),
        None => counts_of_each(left, right, relation, budget),
    }
}

/// Asks the left for what meets each area of the right; `None` where the left has no such answer, or
/// the right has something else than areas.
fn counts_in_areas(left: &Side<'_>, right: &[Joined], relation: Relation, budget: &Budget) -> Result<Option<Vec<u64>>, AnalysisError> {
    if relation != Relation::Intersects {
        return Ok(None);
    }
    let count = |item: &Joined| {
        let Some(shape) = &item.shape else { return Ok(Some(0)) };
        budget.time()?;
        Ok(Area::new(shape).and_then(|area| left.view.count_in(left.query, &area)).map(|count| count as u64))
    };
    right.par_iter().map(count).collect()
}

fn counts_of_each(left: &Side<'_>, right: &[Joined], relation: Relation, budget: &Budget) -> Result<Vec<u64>, AnalysisError> {
    let finder = Finder::new(right, relation);
    let none = || (vec![0u64; right.len()], Seen::default());
    let parts = left.view.in_parts(left.query, none, |(counts, seen), item| {
        seen.one(budget)?;
        if let Some(wkb) = item.geometry() {
            finder.each_of(wkb, |other| counts[other as usize] += 1);
        }
        Ok(())
    })?;
    let mut sums = vec![0; right.len()];
    for (counts, seen) in parts {
        seen.end(budget)?;
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    Ok(sums)
}

/// For each item of the left that is a point the nearest of the right, with the metres between
/// them; `None` where the right is empty. Of equally near ones the first. O(l log r) for items
/// spread evenly.
///
/// # Errors
/// An item of the left is no point, or the time is over.
pub fn nearest(left: &[Joined], right: &[Joined], budget: &Budget) -> Result<Vec<Option<(u32, f64)>>, AnalysisError> {
    let index = index(right);
    let one = |item: &Joined| {
        let Some(Geometry::Point(place)) = item.shape else {
            return Err(AnalysisError::bad(
                "relation",
                format!("nearest joins points to anything, and “{}” on the left is no point", item.id),
            ));
        };
        budget.time()?;
        let mut radius = 50.0f64;
        loop {
            let mut best: Option<(f64, u32)> = None;
            for window in distance::windows_within(place, radius) {
                index.search(&window, |at, _| {
                    let at = at as u32;
                    let distance = right[at as usize].shape.as_ref().and_then(|shape| distance::to_geometry_m(place, shape));
                    if let Some(distance) = distance.filter(|distance| *distance <= radius)
                        && best.is_none_or(|known| (distance, at) < known)
                    {
                        best = Some((distance, at));
                    }
                });
            }
            if best.is_some() || radius >= distance::DISTANCE_MAX_M {
                return Ok(best.map(|(distance, at)| (at, distance)));
            }
            radius = (radius * 4.0).min(distance::DISTANCE_MAX_M);
        }
    };
    left.par_iter().map(one).collect()
}

fn index(items: &[Joined]) -> PackedIndex {
    PackedIndex::new(items.iter().map(|item| item.shape.as_ref().map_or(Bbox::EMPTY, bounds)))
}

fn bounds(shape: &Geometry) -> Bbox {
    shape.coords_iter().fold(Bbox::EMPTY, |bounds, c| bounds.with(c.x, c.y))
}

/// Finds what of the right an item of the left joins.
struct Finder<'a> {
    right: &'a [Joined],
    relation: Relation,
    index: PackedIndex,
    /// The right's polygons, where they are all that there is.
    locator: Option<PointLocator>,
}

impl<'a> Finder<'a> {
    fn new(right: &'a [Joined], relation: Relation) -> Self {
        let polygons: Option<Vec<MultiPolygon>> = right
            .iter()
            .map(|item| match &item.shape {
                Some(Geometry::Polygon(polygon)) => Some(MultiPolygon(vec![polygon.clone()])),
                Some(Geometry::MultiPolygon(polygons)) => Some(polygons.clone()),
                None => Some(MultiPolygon(Vec::new())),
                Some(_) => None,
            })
            .collect();
        // A raster of cells pays where points meet polygons, and its answers include borders.
        let locator = polygons.filter(|_| relation == Relation::Intersects).map(|polygons| PointLocator::new(&polygons));
        Self { right, relation, index: index(right), locator }
    }

    /// Finds what a geometry as WKB joins. What needs no copy of it has none.
    fn each_of(&self, wkb: &[u8], mut found: impl FnMut(u32)) {
        let Some(locator) = &self.locator else {
            return geometry::to_geo(wkb).iter().for_each(|shape| self.each(shape, &mut found));
        };
        if let Some((x, y)) = geometry::as_point(wkb) {
            return locator.each(x, y, found);
        }
        // An area that holds a vertex is met; only those that hold another part are looked at.
        let mut vertex = None;
        geometry::each_edge(wkb, |_, a, _| vertex = vertex.or(Some(a)));
        let Some([x, y]) = vertex else { return };
        let mut sure = Vec::new();
        locator.each(x, y, |at| sure.push(at));
        let mut maybe = Vec::new();
        self.index.search(&geometry::bounds(wkb), |at, _| {
            let at = at as u32;
            if !sure.contains(&at) {
                maybe.push(at);
            }
        });
        sure.into_iter().for_each(&mut found);
        if !maybe.is_empty() {
            let shape = geometry::to_geo(wkb);
            let meets = |at: &u32| shape.as_ref().zip(self.right[*at as usize].shape.as_ref()).is_some_and(|(a, b)| a.intersects(b));
            maybe.into_iter().filter(meets).for_each(found);
        }
    }

    fn each(&self, shape: &Geometry, mut found: impl FnMut(u32)) {
        if let (Some(locator), Geometry::Point(point)) = (&self.locator, shape) {
            return locator.each(point.x(), point.y(), found);
        }
        let windows = match (self.relation, shape) {
            (Relation::Near(metres), shape) => windows_around(shape, metres),
            (_, shape) => vec![bounds(shape)],
        };
        let mut seen = Vec::new();
        for window in windows {
            self.index.search(&window, |at, _| seen.push(at as u32));
        }
        seen.sort_unstable();
        seen.dedup();
        for at in seen {
            let Some(other) = &self.right[at as usize].shape else { continue };
            let holds = match (self.relation, shape) {
                (Relation::Intersects, _) => shape.intersects(other),
                (Relation::Within, Geometry::Point(point)) => other.contains(point),
                (Relation::Within, _) => shape.relate(other).is_within(),
                (Relation::Near(metres), _) => distance::are_within(shape, other, metres),
            };
            if holds {
                found(at);
            }
        }
    }
}

/// Windows that hold all that lies within so many metres of a shape.
fn windows_around(shape: &Geometry, metres: f64) -> Vec<Bbox> {
    if let Geometry::Point(point) = shape {
        return distance::windows_within(*point, metres);
    }
    let own = bounds(shape);
    if own.is_empty() {
        return Vec::new();
    }
    // The corners' disks, and the strip between them: the widest is at the latitude nearest to a pole.
    let corners = [(own.x_min, own.y_min), (own.x_min, own.y_max), (own.x_max, own.y_min), (own.x_max, own.y_max)];
    let mut windows: Vec<Bbox> = corners.into_iter().flat_map(|corner| distance::windows_within(Point::from(corner), metres)).collect();
    let (south, north) = windows.iter().fold((own.y_min, own.y_max), |(s, n), w| (s.min(w.y_min), n.max(w.y_max)));
    windows.iter_mut().for_each(|window| (window.y_min, window.y_max) = (south, north));
    windows.push(Bbox::new(own.x_min, south, own.x_max, north));
    windows
}
