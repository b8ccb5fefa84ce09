//! A grid of heights: what an elevation raster is in the city.

use crate::Bbox;

/// Heights over a regular grid of longitude and latitude. Row 0 is the northern one, column 0
/// the western one; a value stands for the centre of its cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// The outer edges of the outer cells, degrees.
    pub extent: Bbox,
    /// Cells from west to east.
    pub columns: u32,
    /// Cells from north to south.
    pub rows: u32,
    /// Heights in metres, row by row; NaN where nothing is known.
    pub heights_m: Vec<f32>,
}

impl Grid {
    /// The size of a cell in degrees: along longitude, along latitude.
    #[must_use]
    pub fn cell(&self) -> (f64, f64) {
        let Bbox { x_min, y_min, x_max, y_max } = self.extent;
        ((x_max - x_min) / f64::from(self.columns), (y_max - y_min) / f64::from(self.rows))
    }

    /// The height of a cell; NaN outside of the grid or where nothing is known.
    #[must_use]
    pub fn at(&self, column: i64, row: i64) -> f32 {
        if !(0..i64::from(self.columns)).contains(&column) || !(0..i64::from(self.rows)).contains(&row) {
            return f32::NAN;
        }
        let at = row * i64::from(self.columns) + column;
        usize::try_from(at).ok().and_then(|at| self.heights_m.get(at).copied()).unwrap_or(f32::NAN)
    }

    /// The height at a place, bilinear between the centres of the four cells around it; where
    /// one of them is unknown, that of the cell itself. `None` where nothing is known.
    #[must_use]
    pub fn height_m(&self, longitude: f64, latitude: f64) -> Option<f64> {
        let (width, height) = self.cell();
        let (x, y) = ((longitude - self.extent.x_min) / width, (self.extent.y_max - latitude) / height);
        if !(0.0..=f64::from(self.columns)).contains(&x) || !(0.0..=f64::from(self.rows)).contains(&y) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "both lie within the grid")]
        let cell = |v: f64, count: u32| (v.floor() as i64).clamp(0, i64::from(count) - 1);
        let here = f64::from(self.at(cell(x, self.columns), cell(y, self.rows)));
        // Centres, kept inside so that the outer half cells take the edge's value.
        let cx = (x - 0.5).clamp(0.0, f64::from(self.columns) - 1.0);
        let cy = (y - 0.5).clamp(0.0, f64::from(self.rows) - 1.0);
        let (column, row) = (cell(cx, self.columns), cell(cy, self.rows));
        let (fx, fy) = (cx.fract(), cy.fract());
        let corners = [
            (column, row, (1.0 - fx) * (1.0 - fy)),
            (column + 1, row, fx * (1.0 - fy)),
            (column, row + 1, (1.0 - fx) * fy),
            (column + 1, row + 1, fx * fy),
        ];
        // An unknown corner without weight must not make the sum unknown.
        let blended: f64 = corners.iter().filter(|c| c.2 > 0.0).map(|(c, r, weight)| f64::from(self.at(*c, *r)) * weight).sum();
        Some(if blended.is_nan() { here } else { blended }).filter(|h| !h.is_nan())
    }

    /// The lowest and the highest known height; `None` if nothing is known.
    #[must_use]
    pub fn range_m(&self) -> Option<(f32, f32)> {
        let known = self.heights_m.iter().copied().filter(|h| !h.is_nan());
        known.fold(None, |range: Option<(f32, f32)>, h| Some(range.map_or((h, h), |(low, high)| (low.min(h), high.max(h)))))
    }
}

/// The levels of WebMercatorQuad at which imagery is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageryLevels {
    /// The coarsest.
    pub first: u32,
    /// The finest.
    pub last: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_blend_between_centres_and_hold_at_the_edges() {
        let grid = Grid { extent: Bbox::new(0.0, 0.0, 2.0, 2.0), columns: 2, rows: 2, heights_m: vec![10.0, 20.0, 30.0, f32::NAN] };
        assert_eq!(grid.height_m(0.5, 1.5), Some(10.0));
        assert_eq!(grid.height_m(1.0, 2.0), Some(15.0));
        assert_eq!(grid.height_m(0.0, 2.0), Some(10.0));
        assert_eq!(grid.height_m(0.9, 0.9), Some(30.0), "next to an unknown cell the cell's own value holds");
        assert_eq!(grid.height_m(1.6, 0.4), None);
        assert_eq!(grid.height_m(2.1, 0.4), None);
        assert_eq!(grid.range_m(), Some((10.0, 30.0)));
    }
}
