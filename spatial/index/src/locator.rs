//! Which polygon a point lies in.

use citywall_model::Bbox;
use geo_types::{MultiPolygon, Polygon};
use robust::{Coord, orient2d};

/// Cells for each polygon, and at most in all: finer cells make fewer of them lie on a border.
const CELLS_PER_POLYGON: usize = 128;
const CELLS_MAX: usize = 1 << 22;
/// Set in a cell that lies on a border; the other bits are then the number of its list.
const ON_BORDER: u32 = 1 << 31;

/// An edge with its lower end first.
type Edge = [f64; 4];

/// A polygon that a cell meets.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    polygon: u32,
    /// The polygon's edges at the height of the cell; none if the whole cell lies in the polygon.
    edges: (u32, u32),
}

/// Finds the polygons that a point lies in, borders included, through a raster: most cells lie
/// wholly in one polygon, and in the others only the edges at the cell's height are tested.
///
/// A point on a common border lies in both polygons; [`PointLocator::first`] gives the one that
/// came first. Tests are exact for the coordinates as given (J. R. Shewchuk, “Adaptive Precision
/// Floating-Point Arithmetic and Fast Robust Geometric Predicates”, 1997). Coordinates are planar.
#[derive(Debug, Default)]
pub struct PointLocator {
    extent: Bbox,
    columns: usize,
    rows: usize,
    /// Cells per degree.
    scale: (f64, f64),
    /// Row by row: 0 for nothing, one more than the polygon's number, or a list.
    cells: Vec<u32>,
    /// The candidates of list `n` end where those of `n + 1` begin.
    lists: Vec<u32>,
    candidates: Vec<Candidate>,
    edges: Vec<Edge>,
}

impl PointLocator {
    /// Indexes polygons; each goes by its position. O(edges + cells).
    #[must_use]
    pub fn new(polygons: &[MultiPolygon<f64>]) -> Self {
        let extent = polygons.iter().flat_map(edges_of).fold(Bbox::EMPTY, |b, [ax, ay, bx, by]| b.with(ax, ay).with(bx, by));
        let (width, height) = (extent.x_max - extent.x_min, extent.y_max - extent.y_min);
        let mut locator = Self { extent, lists: vec![0], ..Self::default() };
        if extent.is_empty() || width <= 0.0 || height <= 0.0 {
            return locator;
        }
        let wanted = (polygons.len() * CELLS_PER_POLYGON).clamp(256, CELLS_MAX) as f64;
        // Cells are about square; a thin extent still has a row.
        locator.columns = ((wanted * width / height).sqrt().ceil()).clamp(1.0, wanted) as usize;
        locator.rows = ((wanted / locator.columns as f64).ceil()) as usize;
        locator.scale = (locator.columns as f64 / width, locator.rows as f64 / height);
        let mut met = Vec::new();
        for (number, polygon) in (0u32..).zip(polygons) {
            locator.rasterise(number, polygon, &mut met);
        }
        locator.fill(met);
        locator
    }

    /// The first polygon that the point lies in. Well under a microsecond, for any number of polygons.
    #[must_use]
    #[inline]
    pub fn first(&self, x: f64, y: f64) -> Option<u32> {
        let cell = self.cell(x, y)?;
        if cell & ON_BORDER == 0 {
            return cell.checked_sub(1);
        }
        self.list(cell).iter().find(|candidate| self.holds(candidate, x, y)).map(|candidate| candidate.polygon)
    }

    /// Visits every polygon that the point lies in, in order.
    #[inline]
    pub fn each(&self, x: f64, y: f64, mut visit: impl FnMut(u32)) {
        match self.cell(x, y) {
            None | Some(0) => {}
            Some(cell) if cell & ON_BORDER == 0 => visit(cell - 1),
            Some(cell) => self.list(cell).iter().filter(|c| self.holds(c, x, y)).for_each(|c| visit(c.polygon)),
        }
    }

    #[inline]
    fn cell(&self, x: f64, y: f64) -> Option<u32> {
        let inside = !self.cells.is_empty() && self.extent.contains(&Bbox::new(x, y, x, y));
        inside.then(|| self.cells[self.row(y) * self.columns + self.column(x)])
    }

    fn list(&self, cell: u32) -> &[Candidate] {
        let number = (cell & !ON_BORDER) as usize;
        &self.candidates[self.lists[number] as usize..self.lists[number + 1] as usize]
    }

    fn holds(&self, candidate: &Candidate, x: f64, y: f64) -> bool {
        let (first, end) = candidate.edges;
        first == end || holds(&self.edges[first as usize..end as usize], x, y)
    }

    #[inline]
    fn column(&self, x: f64) -> usize {
        (((x - self.extent.x_min) * self.scale.0) as usize).min(self.columns - 1)
    }

    #[inline]
    fn row(&self, y: f64) -> usize {
        (((y - self.extent.y_min) * self.scale.1) as usize).min(self.rows - 1)
    }

    /// Adds a polygon's edges row by row, and to `met` the cells that it meets.
    fn rasterise(&mut self, number: u32, polygon: &MultiPolygon<f64>, met: &mut Vec<(u32, Candidate)>) {
        let mut by_row: Vec<(usize, Edge)> = Vec::new();
        for edge in edges_of(polygon) {
            by_row.extend((self.row(edge[1])..=self.row(edge[3])).map(|row| (row, edge)));
        }
        by_row.sort_by_key(|(row, _)| *row);
        for run in by_row.chunk_by(|(a, _), (b, _)| a == b) {
            let row = run[0].0;
            let first = self.edges.len() as u32;
            self.edges.extend(run.iter().map(|(_, edge)| edge));
            let end = self.edges.len() as u32;
            let mut borders: Vec<(usize, usize)> = run.iter().map(|(_, edge)| self.columns_of(edge, row)).collect();
            borders.sort_unstable();
            let mut next = borders[0].0;
            let cell = |column: usize| (row * self.columns + column) as u32;
            for (from, to) in borders {
                // No edge passes between two runs of border cells, so one point tells for all.
                if next < from && holds(&self.edges[first as usize..end as usize], self.middle(next, row).0, self.middle(next, row).1) {
                    met.extend((next..from).map(|column| (cell(column), Candidate { polygon: number, edges: (0, 0) })));
                }
                met.extend((from.max(next)..=to).map(|column| (cell(column), Candidate { polygon: number, edges: (first, end) })));
                next = next.max(to + 1);
            }
        }
    }

    /// The columns that an edge may pass through in a row, generously.
    fn columns_of(&self, &[ax, ay, bx, by]: &Edge, row: usize) -> (usize, usize) {
        let slack_y = (self.extent.y_max - self.extent.y_min) * 1e-9;
        let slack_x = (self.extent.x_max - self.extent.x_min) * 1e-9;
        let bottom = self.extent.y_min + row as f64 / self.scale.1 - slack_y;
        let top = self.extent.y_min + (row + 1) as f64 / self.scale.1 + slack_y;
        let x_at = |y: f64| if by > ay { ax + (bx - ax) * ((y.clamp(ay, by) - ay) / (by - ay)) } else { ax };
        let (mut left, mut right) = (x_at(bottom).min(x_at(top)), x_at(bottom).max(x_at(top)));
        if by <= ay {
            (left, right) = (ax.min(bx), ax.max(bx));
        }
        (self.column(left - slack_x), self.column(right + slack_x))
    }

    fn middle(&self, column: usize, row: usize) -> (f64, f64) {
        (self.extent.x_min + (column as f64 + 0.5) / self.scale.0, self.extent.y_min + (row as f64 + 0.5) / self.scale.1)
    }

    /// Makes the raster of what each cell meets.
    fn fill(&mut self, mut met: Vec<(u32, Candidate)>) {
        self.cells = vec![0; self.columns * self.rows];
        met.sort_unstable_by_key(|(cell, candidate)| (*cell, candidate.polygon));
        for run in met.chunk_by(|(a, _), (b, _)| a == b) {
            let (cell, first) = run[0];
            self.cells[cell as usize] = if run.len() == 1 && first.edges == (0, 0) {
                first.polygon + 1
            } else {
                self.candidates.extend(run.iter().map(|(_, candidate)| candidate));
                self.lists.push(self.candidates.len() as u32);
                (self.lists.len() - 2) as u32 | ON_BORDER
            };
        }
    }
}

/// The edges of all rings, each with its lower end first.
fn edges_of(polygon: &MultiPolygon<f64>) -> impl Iterator<Item = Edge> {
    let rings = polygon.iter().flat_map(|p: &Polygon<f64>| std::iter::once(p.exterior()).chain(p.interiors()));
    rings.flat_map(|ring| ring.lines()).map(|line| {
        let (a, b) = if line.start.y <= line.end.y { (line.start, line.end) } else { (line.end, line.start) };
        [a.x, a.y, b.x, b.y]
    })
}

/// True if the point lies inside of the edges by the even-odd rule, or on one of them.
fn holds(edges: &[Edge], x: f64, y: f64) -> bool {
    let mut inside = false;
    for &[ax, ay, bx, by] in edges {
        if y < ay || y > by {
            continue;
        }
        if ay == by {
            if ax.min(bx) <= x && x <= ax.max(bx) {
                return true;
            }
            continue;
        }
        if x > ax.max(bx) {
            continue;
        }
        let side = orient2d(Coord { x: ax, y: ay }, Coord { x: bx, y: by }, Coord { x, y });
        if side == 0.0 {
            return true;
        }
        inside ^= y < by && side > 0.0;
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::Intersects;
    use geo_types::{Coord as At, LineString, Point};
    use proptest::prelude::*;

    fn brute(polygons: &[MultiPolygon<f64>], x: f64, y: f64) -> Vec<u32> {
        (0u32..).zip(polygons).filter(|(_, p)| p.intersects(&Point::new(x, y))).map(|(n, _)| n).collect()
    }

    fn each(locator: &PointLocator, x: f64, y: f64) -> Vec<u32> {
        let mut found = Vec::new();
        locator.each(x, y, |n| found.push(n));
        found
    }

    /// A star around a centre, with a hole: simple rings, many directions of edges.
    fn star(x: f64, y: f64, radii: &[u8]) -> MultiPolygon<f64> {
        let ring = |scale: f64| {
            let corner = |(n, r): (usize, &u8)| {
                let angle = n as f64 / radii.len() as f64 * std::f64::consts::TAU;
                At { x: x + angle.cos() * f64::from(*r) * scale, y: y + angle.sin() * f64::from(*r) * scale }
            };
            let mut corners: Vec<At> = radii.iter().enumerate().map(corner).collect();
            corners.push(corners[0]);
            LineString::new(corners)
        };
        MultiPolygon(vec![Polygon::new(ring(1.0), vec![ring(0.4)])])
    }

    proptest! {
        #[test]
        fn a_point_lies_in_the_polygons_that_brute_force_finds(
            stars in prop::collection::vec((0u8..100, 0u8..100, prop::collection::vec(5u8..40, 3..12)), 1..40),
            points in prop::collection::vec((-20i16..140, -20i16..140), 1..200),
        ) {
            let polygons: Vec<_> = stars.iter().map(|(x, y, radii)| star(f64::from(*x), f64::from(*y), radii)).collect();
            let locator = PointLocator::new(&polygons);
            let corners = polygons.iter().flat_map(edges_of).map(|[x, y, ..]| (x, y));
            for (x, y) in points.into_iter().map(|(x, y)| (f64::from(x), f64::from(y))).chain(corners) {
                let expected = brute(&polygons, x, y);
                prop_assert_eq!(locator.first(x, y), expected.first().copied());
                prop_assert_eq!(each(&locator, x, y), expected);
            }
        }
    }

    #[test]
    fn a_point_on_a_common_border_has_one_first_area() {
        let square = |x: f64, y: f64| {
            let ring = [(x, y), (x + 1.0, y), (x + 1.0, y + 1.0), (x, y + 1.0), (x, y)];
            MultiPolygon(vec![Polygon::new(LineString::from(ring.to_vec()), Vec::new())])
        };
        let squares: Vec<_> = (0..9u8).map(|n| square(f64::from(n % 3), f64::from(n / 3))).collect();
        let locator = PointLocator::new(&squares);
        for x in 0..=12u8 {
            for y in 0..=12u8 {
                let (x, y) = (f64::from(x) / 4.0, f64::from(y) / 4.0);
                let expected = brute(&squares, x, y);
                assert!(!expected.is_empty());
                assert_eq!((locator.first(x, y), each(&locator, x, y)), (expected.first().copied(), expected));
            }
        }
        assert_eq!(locator.first(3.000_000_001, 1.0), None);
        assert_eq!(PointLocator::new(&[]).first(0.0, 0.0), None);
    }
}
