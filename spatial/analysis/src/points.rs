//! Items as points with a weight.

use crate::{AnalysisError, Budget};
use citywall_model::{geometry, limits};
use citywall_query::{CollectionView, ItemsQuery};
use geo::{InteriorPoint, Point};

/// An item as a point.
#[derive(Clone, Debug, PartialEq)]
pub struct PointItem {
    /// Its number.
    pub fid: u64,
    /// Its id.
    pub id: String,
    /// Its own point, or a point inside of it: longitude, latitude.
    pub place: Point,
    /// The number of the property that was asked for; 1 without one.
    pub weight: f64,
}

/// The place that stands for a geometry as WKB: a point itself, else a point inside of it.
#[must_use]
pub fn place_of(wkb: &[u8]) -> Option<Point> {
    geometry::as_point(wkb).map(Point::from).or_else(|| geometry::to_geo(wkb)?.interior_point())
}

/// The matching items in the order of the fid, each as a point; what has no geometry, or no number
/// in the property `weight`, is left out. O(n).
///
/// # Errors
/// A limit is passed ([`limits::ANALYSIS_POINTS_MAX`] or the budget's).
pub fn read(view: &CollectionView, query: &ItemsQuery, weight: Option<&str>, budget: &mut Budget) -> Result<Vec<PointItem>, AnalysisError> {
    let (mut points, mut stopped) = (Vec::new(), None);
    view.each(query, |item| {
        stopped = budget.rows(1).err();
        let weight = weight.map_or(Some(1.0), |name| item.number(name).filter(|number| number.is_finite()));
        if let (Some(place), Some(weight)) = (item.geometry().and_then(place_of), weight) {
            points.push(PointItem { fid: item.fid(), id: item.id().into_owned(), place, weight });
        }
        if points.len() > limits::ANALYSIS_POINTS_MAX {
            stopped =
                Some(AnalysisError::limit("ANALYSIS_POINTS_MAX", limits::ANALYSIS_POINTS_MAX, "narrow the filter, or ask area by area"));
        }
        stopped.is_none()
    });
    stopped.map_or(Ok(points), Err)
}
