//! Where points crowd: DBSCAN.

use crate::{
    AnalysisError, Budget,
    distance::{are_points_within, windows_within},
};
use citywall_index::{PackedIndex, WindowIndex};
use citywall_model::Bbox;
use geo::Point;
use rayon::prelude::*;

/// Which cluster each point belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusters {
    /// Of each point its cluster, counted from 0; `None` for noise.
    pub labels: Vec<Option<u32>>,
    /// True for each point that has enough neighbours.
    pub core: Vec<bool>,
    /// How many clusters there are.
    pub count: u32,
}

/// Clusters of points (longitude, latitude) by density: a point with at least `minimum` points
/// within `radius_m` metres of it, itself included, is a core point; core points within the radius
/// of each other share a cluster, and what is within the radius of a core point belongs to its
/// cluster (M. Ester, H.-P. Kriegel, J. Sander, X. Xu, “A density-based algorithm for discovering
/// clusters”, KDD-96). Clusters are numbered by their first core point; a border point of several
/// belongs to the first of them. Distances are geodesic.
///
/// O(n log n + pairs within the radius) for points spread evenly.
///
/// # Errors
/// The radius is not positive, or the time is over.
pub fn dbscan(places: &[Point], radius_m: f64, minimum: usize, budget: &Budget) -> Result<Clusters, AnalysisError> {
    if radius_m.is_nan() || radius_m <= 0.0 {
        return Err(AnalysisError::bad("radius", format!("{radius_m} is no distance in metres greater than 0")));
    }
    let index = index(places);
    let core: Vec<bool> = (0..places.len())
        .into_par_iter()
        .map(|at| {
            budget.time()?;
            let mut near = 0;
            each_within(&index, places, places[at], radius_m, |_| near += 1);
            Ok(near >= minimum)
        })
        .collect::<Result<_, AnalysisError>>()?;
    let mut labels = vec![None; places.len()];
    let mut count = 0;
    let mut reached = Vec::new();
    for first in 0..places.len() {
        if !core[first] || labels[first].is_some() {
            continue;
        }
        labels[first] = Some(count);
        reached.push(first);
        while let Some(at) = reached.pop() {
            budget.time()?;
            each_within(&index, places, places[at], radius_m, |other| {
                if labels[other].is_none() {
                    labels[other] = Some(count);
                    if core[other] {
                        reached.push(other);
                    }
                }
            });
        }
        count += 1;
    }
    Ok(Clusters { labels, core, count })
}

/// A tree over points.
pub(crate) fn index(places: &[Point]) -> PackedIndex {
    PackedIndex::new(places.iter().map(|place| Bbox::new(place.x(), place.y(), place.x(), place.y())))
}

/// Visits the positions of all points within `radius_m` metres of a place, the place's own included.
pub(crate) fn each_within(index: &PackedIndex, places: &[Point], place: Point, radius_m: f64, mut visit: impl FnMut(usize)) {
    for window in windows_within(place, radius_m) {
        index.search(&window, |at, _| {
            let at = at as usize;
            // On the antimeridian a point may be in both windows; it is written as the one or the other.
            if are_points_within(place, places[at], radius_m) {
                visit(at);
            }
        });
    }
}
