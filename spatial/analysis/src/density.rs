//! How dense points lie: a kernel density over squares.

use crate::{
    AnalysisError, Budget,
    cells::Squares,
    distance::{near_m, windows_within},
    points::PointItem,
};
use citywall_model::limits;
use rustc_hash::FxHashMap;
use std::f64::consts::PI;

/// How much a point counts at a distance from it. Each kernel holds one over the whole plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// 3 / (π r²) · (1 − d² / r²)² within the radius r, and 0 beyond it (B. W. Silverman, “Density
    /// Estimation for Statistics and Data Analysis”, 1986, eq. 4.5): what GIS call a heat map.
    Quartic,
    /// 1 / (2π r²) · exp(−d² / 2r²): the radius is the standard deviation. Beyond
    /// [`GAUSSIAN_REACH`] radii it is taken as 0, where it is below 4e-6 of its peak.
    Gaussian,
}

/// The density at the middle of a square.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dense {
    /// The square's row and column.
    pub square: (u64, u64),
    /// Weights per square metre.
    pub per_m2: f64,
}

/// Where the Gaussian kernel is cut off, in radii.
pub const GAUSSIAN_REACH: f64 = 5.0;
/// The least and the greatest radius, in metres.
pub const RADIUS_M: (f64, f64) = (1.0, 10_000.0);
/// Pairs of a point and a square between two looks at the clock.
const LOOK: u64 = 1 << 16;

impl Kernel {
    /// How many radii a point reaches.
    fn reach(self) -> f64 {
        match self {
            Self::Quartic => 1.0,
            Self::Gaussian => GAUSSIAN_REACH,
        }
    }

    /// The density per square metre at `away_m` metres.
    fn at(self, away_m: f64, radius_m: f64) -> f64 {
        let squared = (away_m / radius_m).powi(2);
        match self {
            Self::Quartic if squared < 1.0 => 3.0 / (PI * radius_m * radius_m) * (1.0 - squared).powi(2),
            Self::Gaussian if squared < GAUSSIAN_REACH * GAUSSIAN_REACH => (-squared / 2.0).exp() / (2.0 * PI * radius_m * radius_m),
            _ => 0.0,
        }
    }
}

/// The density at the middle of each square that a point reaches, by row and column. O(points × squares within the radius).
///
/// # Errors
/// The radius is out of [`RADIUS_M`], the squares are more than [`limits::ANALYSIS_GROUPS_MAX`], or
/// the time is over.
pub fn density(
    points: &[PointItem],
    squares: Squares,
    kernel: Kernel,
    radius_m: f64,
    budget: &Budget,
) -> Result<Vec<Dense>, AnalysisError> {
    if !(RADIUS_M.0..=RADIUS_M.1).contains(&radius_m) {
        return Err(AnalysisError::bad("radius", format!("{radius_m} is not between {} and {} metres", RADIUS_M.0, RADIUS_M.1)));
    }
    let mut sums: FxHashMap<(u64, u64), f64> = FxHashMap::default();
    let mut looked = 0;
    // Point after point, so that each square adds them in the same order every time.
    for point in points {
        for window in windows_within(point.place, radius_m * kernel.reach()) {
            for row in squares.rows(window.y_min, window.y_max) {
                for column in squares.columns(row, window.x_min, window.x_max) {
                    looked += 1;
                    if looked % LOOK == 0 {
                        budget.time()?;
                    }
                    let share = kernel.at(near_m(point.place, squares.centre((row, column))), radius_m);
                    if share > 0.0 {
                        *sums.entry((row, column)).or_default() += share * point.weight;
                    }
                }
                if sums.len() > limits::ANALYSIS_GROUPS_MAX {
                    let advice = "ask for larger cells, a smaller radius, or a narrower filter";
                    return Err(AnalysisError::limit("ANALYSIS_GROUPS_MAX", limits::ANALYSIS_GROUPS_MAX, advice));
                }
            }
        }
    }
    let mut cells: Vec<_> = sums.into_iter().map(|(square, per_m2)| Dense { square, per_m2 }).collect();
    cells.sort_unstable_by_key(|cell| cell.square);
    Ok(cells)
}
