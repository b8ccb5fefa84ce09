//! Where values are high or low together: the local statistic of Getis and Ord.

use crate::{
    AnalysisError, Budget,
    clusters::{each_within, index},
};
use geo::Point;
use rayon::prelude::*;

/// How far the values around a place are from what chance would give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Standard deviations from the mean: above 0 a hot spot, below it a cold one.
    pub z: f64,
    /// How likely a `z` as far from 0 is by chance under the normal distribution, on either side.
    pub p: f64,
    /// Places within the radius, the place itself included.
    pub neighbours: usize,
}

/// Gi* of each place with binary weights: those within `radius_m` metres of it, geodesic, itself
/// included (J. K. Ord and A. Getis, “Local spatial autocorrelation statistics: distributional
/// issues and an application”, Geographical Analysis 27, 1995, eq. 14). `None` for all if the values
/// do not differ, and for a place whose neighbours are all places. p is not corrected for the number
/// of places. O(n log n + pairs within the radius).
///
/// # Errors
/// The radius is not positive, or the time is over.
pub fn gi_star(places: &[Point], values: &[f64], radius_m: f64, budget: &Budget) -> Result<Vec<Option<Score>>, AnalysisError> {
    if radius_m.is_nan() || radius_m <= 0.0 {
        return Err(AnalysisError::bad("radius", format!("{radius_m} is no distance in metres greater than 0")));
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let spread = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    let tree = index(places);
    let score = |place: &Point| {
        budget.time()?;
        let mut near = Vec::new();
        each_within(&tree, places, *place, radius_m, |at| near.push(at));
        // The order of the tree is not that of the places; a sum depends on it.
        near.sort_unstable();
        let weight = near.len() as f64;
        let above: f64 = near.iter().map(|at| values[*at] - mean).sum();
        let scale = spread * ((n * weight - weight * weight) / (n - 1.0)).sqrt();
        let z = above / scale;
        Ok((scale > 0.0).then(|| Score { z, p: libm::erfc(z.abs() / std::f64::consts::SQRT_2), neighbours: near.len() }))
    };
    places.par_iter().map(score).collect()
}
