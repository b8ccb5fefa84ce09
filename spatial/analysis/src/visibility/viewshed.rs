//! All that can be seen from a spot, on a raster around it.

use super::{Air, Block, Ground, Spot};
use crate::{AnalysisError, Budget};
use citywall_model::limits;
use geo::{Bearing, Coord, Destination, Distance, Geodesic, LinesIter, MapCoords, MultiPolygon, Point, Polygon, Rect, unary_union};
use rayon::prelude::*;

/// A raster around an eye, in the azimuthal equidistant plane of the eye: x to the east, y to the
/// north, metres. The eye is at the middle of the middle cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Viewshed {
    /// Where the eye is.
    pub eye: Point,
    /// The side of a cell in metres.
    pub cell_m: f64,
    /// Cells from the middle cell to each edge.
    pub reach: usize,
    /// Row by row from the north, each from the west: true where the surface is seen; `None` beyond the radius.
    pub seen: Vec<Option<bool>>,
}

/// Which cells within `radius_m` metres are seen from the eye, `above_m` metres above their surface:
/// the ground, or the top of the block that holds the middle of the cell. The line to the middle of
/// each cell is followed from column to column, or from row to row if it is steeper, with heights in
/// proportion between the two cells it passes between (W. R. Franklin and C. K. Ray, “Higher isn't
/// necessarily better”, 1994: R3). O(cells × cells of a radius), on every core.
///
/// # Errors
/// The cells are more than [`limits::VIEWSHED_CELLS_MAX`], or the time is over.
#[expect(clippy::too_many_arguments, reason = "each is a measure of its own")]
pub fn viewshed(
    eye: Spot,
    radius_m: f64,
    cell_m: f64,
    above_m: f64,
    blocks: &[Block],
    ground: Ground<'_>,
    air: Air,
    budget: &Budget,
) -> Result<Viewshed, AnalysisError> {
    let reach = (radius_m / cell_m).floor();
    if (2.0 * reach + 1.0).powi(2) > limits::VIEWSHED_CELLS_MAX as f64 {
        let advice = "ask for larger cells or a smaller radius";
        return Err(AnalysisError::limit("VIEWSHED_CELLS_MAX", limits::VIEWSHED_CELLS_MAX, advice));
    }
    let reach = reach as usize;
    let mut made = Viewshed { eye: eye.place, cell_m, reach, seen: Vec::new() };
    let surface = made.surface(blocks, ground, budget)?;
    let side = made.side();
    let rows = (0..side).into_par_iter().map(|row| {
        budget.time()?;
        let see = |column: usize| {
            let (east, north) = made.offset(row, column);
            let away_m = east.hypot(north) * cell_m;
            (away_m <= radius_m).then(|| sees(&surface, reach, (east, north), cell_m, eye.height_m, above_m, air))
        };
        Ok((0..side).map(see).collect::<Vec<_>>())
    });
    made.seen = rows.collect::<Result<Vec<_>, AnalysisError>>()?.concat();
    Ok(made)
}

/// True if the line to the cell so many cells to the east and north passes over all between.
fn sees(surface: &[f64], reach: usize, (east, north): (f64, f64), cell_m: f64, eye_m: f64, above_m: f64, air: Air) -> bool {
    let side = (2 * reach + 1) as f64;
    let middle = reach as f64;
    let at = |east: f64, north: f64| surface[((middle - north) * side + middle + east) as usize];
    let slope = |height_m: f64, away_m: f64| (height_m - air.drop_m(away_m) - eye_m) / away_m;
    let steps = east.abs().max(north.abs());
    if steps == 0.0 {
        return eye_m >= at(0.0, 0.0);
    }
    let step_m = east.hypot(north) / steps * cell_m;
    let mut steepest = if eye_m < at(0.0, 0.0) { f64::INFINITY } else { f64::NEG_INFINITY };
    for step in 1..steps as u32 {
        let t = f64::from(step) / steps;
        let (x, y) = (east * t, north * t);
        // The one of the two is whole.
        let height_m = if east.abs() >= north.abs() {
            between(at(x.round(), y.floor()), at(x.round(), y.ceil()), y - y.floor())
        } else {
            between(at(x.floor(), y.round()), at(x.ceil(), y.round()), x - x.floor())
        };
        steepest = steepest.max(slope(height_m, f64::from(step) * step_m));
    }
    slope(at(east, north) + above_m, steps * step_m) >= steepest
}

fn between(a: f64, b: f64, t: f64) -> f64 {
    a + (b - a) * t
}

impl Viewshed {
    /// Cells from edge to edge.
    #[must_use]
    pub fn side(&self) -> usize {
        2 * self.reach + 1
    }

    /// The area that is seen, in square metres of the plane.
    #[must_use]
    pub fn seen_m2(&self) -> f64 {
        self.seen.iter().filter(|cell| **cell == Some(true)).count() as f64 * self.cell_m * self.cell_m
    }

    /// The cells that are seen, as polygons.
    #[must_use]
    pub fn polygons(&self) -> MultiPolygon {
        let mut runs: Vec<Polygon> = Vec::new();
        for (row, cells) in self.seen.chunks(self.side()).enumerate() {
            let mut column = 0;
            for run in cells.chunk_by(|a, b| a == b) {
                if run[0] == Some(true) {
                    let (west, north) = self.offset(row, column);
                    let corner = |east: f64, up: f64| Coord { x: (west - 0.5 + east) * self.cell_m, y: (north - 0.5 + up) * self.cell_m };
                    runs.push(Rect::new(corner(0.0, 0.0), corner(run.len() as f64, 1.0)).to_polygon());
                }
                column += run.len();
            }
        }
        unary_union(&runs).map_coords(|c| self.place(c).0)
    }

    /// How many cells to the east and north of the eye a cell is.
    fn offset(&self, row: usize, column: usize) -> (f64, f64) {
        (column as f64 - self.reach as f64, self.reach as f64 - row as f64)
    }

    /// A place of the plane: longitude, latitude.
    fn place(&self, at: Coord) -> Point {
        Geodesic.destination(self.eye, at.x.atan2(at.y).to_degrees(), at.x.hypot(at.y))
    }

    /// The height of each cell: the ground's at its middle, or that of the highest block there.
    fn surface(&self, blocks: &[Block], ground: Ground<'_>, budget: &Budget) -> Result<Vec<f64>, AnalysisError> {
        let side = self.side();
        let rows = (0..side).into_par_iter().map(|row| {
            budget.time()?;
            let height = |column: usize| {
                let (east, north) = self.offset(row, column);
                let place = self.place(Coord { x: east * self.cell_m, y: north * self.cell_m });
                ground(place.x(), place.y())
            };
            Ok((0..side).map(height).collect::<Vec<_>>())
        });
        let mut surface = rows.collect::<Result<Vec<_>, AnalysisError>>()?.concat();
        let middle = self.reach as f64;
        for block in blocks {
            let plane = block.shape.map_coords(|c| {
                let (away_m, bearing) = (Geodesic.distance(self.eye, Point(c)), Geodesic.bearing(self.eye, Point(c)).to_radians());
                Coord { x: away_m * bearing.sin() / self.cell_m, y: away_m * bearing.cos() / self.cell_m }
            });
            let span =
                plane.lines_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(s, n), line| (s.min(line.start.y), n.max(line.start.y)));
            let (south, north) = (span.0.ceil().max(-middle), span.1.floor().min(middle));
            let mut row = south;
            while row <= north {
                // Where the row's middle line crosses the outline: inside between the first and the second, and so on.
                let mut crossings: Vec<f64> = plane
                    .lines_iter()
                    .filter(|line| (line.start.y <= row) != (line.end.y <= row))
                    .map(|line| line.start.x + (row - line.start.y) / line.dy() * line.dx())
                    .collect();
                crossings.sort_by(f64::total_cmp);
                for [west, east] in crossings.as_chunks::<2>().0 {
                    let mut column = west.ceil().max(-middle);
                    while column <= east.min(middle) {
                        let at = ((middle - row) * side as f64 + middle + column) as usize;
                        surface[at] = surface[at].max(block.top_m);
                        column += 1.0;
                    }
                }
                row += 1.0;
            }
        }
        Ok(surface)
    }
}
