//! The k nearest items of a place.

use crate::{AnalysisError, Budget, distance, origin::Origin};
use citywall_model::limits;
use citywall_query::{CollectionView, ItemsQuery, Measure, Vantage};
use geo::Point;
use rustc_hash::FxHashSet;
use std::cell::Cell;

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
/// The tree is walked best first: no item is measured that is farther away than the last one
/// found, going by its envelope. O(log n + k) for items spread evenly; where a filter leaves few,
/// it is tried on four times as many items each time until there are enough.
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
    let geodesic = Geodesic { origin: Origin::new(place), from: Vantage::new(place.x(), place.y()), budget, looked: Cell::new(0) };
    let mut best: Vec<Neighbour> = Vec::new();
    for (collection, (view, query)) in collections.iter().enumerate() {
        let last = best.last().filter(|_| best.len() == count).map(|last| last.distance_m);
        let farthest = last.or(within_m).unwrap_or(f64::INFINITY);
        let mut asked = count;
        loop {
            let (mut found, mut looked) = (Vec::new(), 0);
            view.nearest(&geodesic, asked, farthest, |item, distance_m| {
                looked += 1;
                if found.len() < count && query.holds(item) {
                    found.push(Neighbour { collection, fid: item.fid(), id: item.id().into_owned(), distance_m });
                }
            });
            budget.rows(looked as u64)?;
            if !geodesic.goes_on() {
                budget.time()?;
            }
            if found.len() == count || looked < asked {
                best.append(&mut found);
                break;
            }
            asked *= 4;
        }
        best.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then(a.collection.cmp(&b.collection)).then(a.fid.cmp(&b.fid)));
        best.truncate(count);
    }
    Ok(best)
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
    let origin = Origin::new(place);
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
            let distance = item.geometry().and_then(|wkb| origin.to_wkb_m(wkb)).filter(|distance| *distance <= radius_m);
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

/// Items that are measured between two looks at the clock.
const LOOK: u32 = 256;

/// Metres on WGS 84 from a place, as long as there is time.
struct Geodesic<'b> {
    origin: Origin,
    from: Vantage,
    budget: &'b Budget,
    looked: Cell<u32>,
}

impl Measure for Geodesic<'_> {
    fn goes_on(&self) -> bool {
        let looked = self.looked.get() + 1;
        // Once the time is over, it stays so.
        let is_over = looked == LOOK && self.budget.time().is_err();
        self.looked.set(if is_over { looked - 1 } else { looked % LOOK });
        !is_over
    }

    fn from(&self) -> &Vantage {
        &self.from
    }

    /// A way on the ellipsoid is nowhere shorter than on the sphere that its smallest radius of
    /// curvature makes of longitude and latitude.
    fn radian_m(&self) -> f64 {
        distance::RADIUS_MIN_M
    }

    fn to(&self, wkb: &[u8], farthest: f64) -> Option<f64> {
        self.origin.to_wkb_within_m(wkb, farthest)
    }
}
