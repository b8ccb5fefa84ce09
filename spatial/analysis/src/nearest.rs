//! The k nearest items of a place.

use crate::{AnalysisError, Budget, distance};
use citywall_model::limits;
use citywall_query::{CollectionView, ItemsQuery};
use geo::Point;
use rustc_hash::FxHashSet;

/// An item and how far away it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// Which of the collections, as they were given.
    pub collection: usize,
    /// The item's number.
    pub fid: u64,
    /// Its id.
    pub id: String,
    /// Metres, geodesic; 0 if the place lies in the item.
    pub distance_m: f64,
}

/// The `count` items that are nearest to a place (longitude, latitude), of all the collections
/// together, the nearest first; equally near ones in the order of the collections and of the fid.
/// Items without a geometry are nowhere. Fewer come if there are no more, or none nearer than
/// `within_m` metres.
///
/// The tree is asked for windows that hold a disk, which grows until it has enough: what lies
/// outside of it is further away than its radius. O(log n + k) for items spread evenly.
///
/// # Errors
/// A limit is passed ([`limits::ANALYSIS_NEAREST_MAX`] or the budget's).
pub fn nearest(
    collections: &[(CollectionView, ItemsQuery)],
    place: Point,
    count: usize,
    within_m: Option<f64>,
    budget: &mut Budget,
) -> Result<Vec<Neighbour>, AnalysisError> {
    if !(1..=limits::ANALYSIS_NEAREST_MAX).contains(&count) {
        return Err(AnalysisError::bad(
            "count",
            format!("{count} is not between 1 and ANALYSIS_NEAREST_MAX ({})", limits::ANALYSIS_NEAREST_MAX),
        ));
    }
    let farthest = within_m.unwrap_or(distance::DISTANCE_MAX_M).min(distance::DISTANCE_MAX_M);
    let mut radius = first_radius(collections, count).min(farthest);
    loop {
        let mut found = within(collections, place, radius, budget)?;
        if found.len() >= count || radius >= farthest {
            found.truncate(count);
            return Ok(found);
        }
        radius = (radius * if found.is_empty() { 8.0 } else { 2.0 }).min(farthest);
    }
}

/// Every item within `radius_m` metres of a place, in the order of [`nearest`].
///
/// # Errors
/// The budget's limits are passed.
pub fn within(
    collections: &[(CollectionView, ItemsQuery)],
    place: Point,
    radius_m: f64,
    budget: &mut Budget,
) -> Result<Vec<Neighbour>, AnalysisError> {
    let mut found = Vec::new();
    let windows = distance::windows_within(place, radius_m);
    for (collection, (view, query)) in collections.iter().enumerate() {
        let mut stopped = None;
        // What meets both halves of a window across the antimeridian comes twice.
        let mut seen = FxHashSet::default();
        let query = ItemsQuery { windows: windows.clone(), ..query.clone() };
        view.each(&query, |item| {
            if let Err(error) = budget.rows(1) {
                stopped = Some(error);
                return false;
            }
            let distance = item.geometry().and_then(|wkb| distance::to_wkb_m(place, wkb)).filter(|distance| *distance <= radius_m);
            if let Some(distance_m) = distance
                && seen.insert(item.fid())
            {
                found.push(Neighbour { collection, fid: item.fid(), id: item.id().into_owned(), distance_m });
            }
            true
        });
        if let Some(error) = stopped {
            return Err(error);
        }
    }
    found.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then(a.collection.cmp(&b.collection)).then(a.fid.cmp(&b.fid)));
    Ok(found)
}

/// The radius in metres that would hold enough items if they were spread evenly.
fn first_radius(collections: &[(CollectionView, ItemsQuery)], count: usize) -> f64 {
    let radius = collections.iter().filter_map(|(view, _)| {
        let meta = view.meta();
        let extent = meta.extent?;
        let metres = 111_195.0;
        let area = (extent.x_max - extent.x_min) * metres * extent.center().1.to_radians().cos() * (extent.y_max - extent.y_min) * metres;
        Some((area * (count as f64 + 1.0) / (std::f64::consts::PI * view.counts().total.max(1) as f64)).sqrt())
    });
    radius.min_by(f64::total_cmp).unwrap_or(1_000.0).clamp(20.0, distance::DISTANCE_MAX_M)
}
