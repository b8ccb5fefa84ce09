//! The ground of a tile: a grid of heights, as fine as the eye can tell.
//!
//! The grid divides the tile's side into a power of two of cells, each cut by the diagonal from its
//! north-western to its south-eastern corner. It is the coarsest that is nowhere farther from the known
//! heights than [`TOLERANCE_SHARE`] of the tile's width: about a pixel where the tile is drawn, so that a plain
//! takes two triangles and only hills take many. What lies on the ground is cut along the same lines
//! ([`super::drape`]).

use super::geometry::{Record, pack};
use bevy::math::DVec3;

/// Cells along a tile's side, at most.
const RELIEF_CELLS_MAX: u32 = 64;
/// How far the drawn ground may be from the known one, as a share of the tile's width.
const TOLERANCE_SHARE: f64 = 1.0 / 1500.0;
/// How far the border is drawn downwards, so that no gap shows where a coarser tile begins, in tolerances: a
/// neighbour is at most two levels coarser.
const SKIRT_TOLERANCES: f64 = 8.0;
/// Known heights at the corners of a grid of 64 × 64 cells over a tile, and one corner beyond.
#[derive(Clone, Debug)]
pub struct Samples(Vec<f32>);

impl Samples {
    /// Pixels beyond the tile that [`Self::of_pixels`] wants on every side.
    pub const MARGIN: i64 = 2;
    const CORNERS: usize = RELIEF_CELLS_MAX as usize + 3;

    /// From the heights of pixels, row by row from the north-western one: a corner is the mean of the four
    /// pixels around it.
    #[must_use]
    pub fn of_pixels(pixels: &[f32], across: usize) -> Self {
        let corner = |at: usize| {
            let from = at / Self::CORNERS * across + at % Self::CORNERS;
            (pixels[from] + pixels[from + 1] + pixels[from + across] + pixels[from + across + 1]) / 4.0
        };
        Self((0..Self::CORNERS * Self::CORNERS).map(corner).collect())
    }

    /// The height of a corner, counted from the tile's north-western one, -1 to 65.
    fn at(&self, column: i32, row: i32) -> f64 {
        let index = |k: i32| (k + 1) as usize;
        f64::from(self.0[index(row) * Self::CORNERS + index(column)])
    }

    /// The way that the ground at a corner faces, one long: east, north, up; `cell_m` is the side of a cell.
    fn facing(&self, column: i32, row: i32, cell_m: f64) -> DVec3 {
        let east = (self.at(column + 1, row) - self.at(column - 1, row)) / (2.0 * cell_m);
        let north = (self.at(column, row - 1) - self.at(column, row + 1)) / (2.0 * cell_m);
        DVec3::new(-east, -north, 1.0).normalize()
    }
}

/// A corner of the grid as the shaders read it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// Where it is, in the tile's 16-bit units.
    pub place: u32,
    /// Metres above the tile's floor.
    pub height_m: f32,
    /// The way that it faces: the eastern and the northern part of a vector one long, in 1/32,767.
    pub facing: [i16; 2],
}

impl Node {
    /// Bytes of a node on the GPU.
    pub const BYTES: usize = 12;

    /// As the shader reads it.
    #[must_use]
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip([self.place, self.height_m.to_bits(), pack(self.facing)]) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// The ground of a tile.
#[derive(Clone, Debug, PartialEq)]
pub struct Relief {
    /// Cells along a side.
    pub cells: u32,
    /// The lowest corner, metres above the city's datum.
    pub floor_m: f64,
    /// The highest corner.
    pub top_m: f64,
    /// The corners, row by row from the north-western one.
    pub nodes: Vec<Node>,
    /// From units to cells, counted from the tile's middle: the east-west coordinate of a cell, then the
    /// north-south one.
    pub into: [f64; 4],
    /// How far the border is drawn downwards, metres.
    pub skirt_m: f64,
}

impl Relief {
    /// The relief of known heights over a tile `width_m` wide; `place` says where a place of the tile is, in
    /// the tile's units: (0, 0) is its north-western corner and (1, 1) the south-eastern one.
    #[must_use]
    pub fn of(samples: &Samples, width_m: f64, place: impl Fn(f64, f64) -> [i16; 2]) -> Self {
        let tolerance = width_m * TOLERANCE_SHARE;
        let mut cells = 1;
        while cells < RELIEF_CELLS_MAX && !is_near(samples, cells, tolerance) {
            cells *= 2;
        }
        let step = (RELIEF_CELLS_MAX / cells) as i32;
        let corners = || (0..=cells as i32).flat_map(|row| (0..=cells as i32).map(move |column| (column * step, row * step)));
        let heights = || corners().map(|(column, row)| samples.at(column, row));
        let (floor_m, top_m) = heights().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), h| (low.min(h), high.max(h)));
        let cell_m = width_m / f64::from(RELIEF_CELLS_MAX);
        let node = |(column, row): (i32, i32)| {
            let share = |k: i32| f64::from(k) / f64::from(RELIEF_CELLS_MAX);
            Node {
                place: pack(place(share(column), share(row))),
                height_m: (samples.at(column, row) - floor_m) as f32,
                facing: (samples.facing(column, row, cell_m).truncate() * f64::from(i16::MAX)).to_array().map(|v| v.round() as i16),
            }
        };
        let at = |fx, fy| place(fx, fy).map(f64::from);
        let ([w0, w1], [e0, e1], [n0, n1], [s0, s1]) = (at(0.0, 0.5), at(1.0, 0.5), at(0.5, 0.0), at(0.5, 1.0));
        let (across, down) = ([e0 - w0, e1 - w1], [s0 - n0, s1 - n1]);
        let scale = f64::from(cells) / (across[0] * down[1] - across[1] * down[0]);
        Self {
            cells,
            floor_m,
            top_m,
            nodes: corners().map(node).collect(),
            into: [down[1] * scale, -down[0] * scale, -across[1] * scale, across[0] * scale],
            skirt_m: tolerance * SKIRT_TOLERANCES,
        }
    }

    /// The cell coordinates of a place in the tile's units.
    #[must_use]
    pub fn cell_of(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let (m, half) = (&self.into, f64::from(self.cells) / 2.0);
        [m[0] * x + m[1] * y + half, m[2] * x + m[3] * y + half]
    }

    /// The height of the drawn ground at cell coordinates, metres above the floor. O(1).
    #[must_use]
    pub fn above_floor_m(&self, at: [f64; 2]) -> f64 {
        let cell = |v: f64| {
            let v = v.clamp(0.0, f64::from(self.cells));
            let whole = v.floor().min(f64::from(self.cells - 1));
            (whole as usize, v - whole)
        };
        let ((column, x), (row, y)) = (cell(at[0]), cell(at[1]));
        let width = self.cells as usize + 1;
        let height = |dx: usize, dy: usize| f64::from(self.nodes[(row + dy) * width + column + dx].height_m);
        on_triangle(height, x, y)
    }

    /// The height of the drawn ground at a place of the tile, (0, 0) to (1, 1), metres above the city's datum.
    #[must_use]
    pub fn height_m(&self, fx: f64, fy: f64) -> f64 {
        let cells = f64::from(self.cells);
        self.floor_m + self.above_floor_m([fx * cells, fy * cells])
    }

    /// What it takes on the GPU.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.nodes.len() * Node::BYTES
    }

    /// The ground's quads: its cells, then the four borders.
    #[must_use]
    pub fn quads(&self) -> u32 {
        self.cells * self.cells + 4 * self.cells
    }
}

/// The height at a place of a cell, (0, 0) to (1, 1), on the triangle that it lies in.
fn on_triangle(height: impl Fn(usize, usize) -> f64, x: f64, y: f64) -> f64 {
    let (first, last) = (height(0, 0), height(1, 1));
    if x >= y {
        let side = height(1, 0);
        first + x * (side - first) + y * (last - side)
    } else {
        let side = height(0, 1);
        first + y * (side - first) + x * (last - side)
    }
}

/// True if a grid of so many cells is nowhere farther from the known heights than the tolerance.
fn is_near(samples: &Samples, cells: u32, tolerance: f64) -> bool {
    let (step, side) = ((RELIEF_CELLS_MAX / cells) as i32, 0..=RELIEF_CELLS_MAX as i32);
    let last = cells as i32 - 1;
    side.clone().all(|row| {
        side.clone().all(|column| {
            let (i, j) = ((column / step).min(last), (row / step).min(last));
            let corner = |dx: usize, dy: usize| samples.at((i + dx as i32) * step, (j + dy as i32) * step);
            let share = |k: i32, from: i32| f64::from(k - from * step) / f64::from(step);
            (on_triangle(corner, share(column, i), share(row, j)) - samples.at(column, row)).abs() <= tolerance
        })
    })
}

/// A record's corner in the tile's units.
pub(super) fn corner(word: u32) -> [f64; 2] {
    [f64::from(word as u16 as i16), f64::from((word >> 16) as u16 as i16)]
}

/// The word of a place in the tile's units.
pub(super) fn word(place: [f64; 2]) -> u32 {
    pack(place.map(|v| v.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16))
}

/// The area of a triangle's record, in square units; positive counter-clockwise.
pub(super) fn area(record: &Record) -> f64 {
    let [a, b, c] = [corner(record[0]), corner(record[1]), corner(record[2])];
    ((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) / 2.0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tile's side in units.
    const SIDE: f64 = 40_000.0;

    /// Heights that a function gives, over a tile 1,000 m wide; (0, 0) to (1, 1).
    pub fn relief(height: impl Fn(f64, f64) -> f64) -> Relief {
        let across = RELIEF_CELLS_MAX as usize + 2 * Samples::MARGIN as usize;
        let middle = |k: usize| (k as f64 + 0.5 - Samples::MARGIN as f64) / f64::from(RELIEF_CELLS_MAX);
        let pixels: Vec<f32> = (0..across * across).map(|at| height(middle(at % across), middle(at / across)) as f32).collect();
        Relief::of(&Samples::of_pixels(&pixels, across), 1000.0, |fx, fy| [(fx - 0.5) * SIDE, (0.5 - fy) * SIDE].map(|v| v as i16))
    }

    #[test]
    fn a_plain_takes_two_triangles_and_hills_take_what_the_eye_can_tell() {
        let plain = relief(|x, y| 3.0 + x - 2.0 * y);
        assert_eq!((plain.cells, plain.nodes.len(), plain.quads()), (1, 4, 5));
        let hill = |x: f64, y: f64| 120.0 * (-((x - 0.4).powi(2) + (y - 0.5).powi(2)) * 12.0).exp() + 800.0;
        let hills = relief(hill);
        assert!((8..=64).contains(&hills.cells), "{}", hills.cells);
        let mut worst = 0.0f64;
        for i in 0..200 {
            for j in 0..200 {
                let (x, y) = (f64::from(i) / 199.0, f64::from(j) / 199.0);
                worst = worst.max((hills.height_m(x, y) - hill(x, y)).abs());
            }
        }
        // The tolerance is 0.67 m of a tile 1,000 m wide; between the known heights a little more.
        assert!(worst < 0.9, "{worst} m");
        assert!((hills.floor_m..=hills.top_m).contains(&900.0) && hills.floor_m >= 800.0);
    }

    #[test]
    fn a_place_has_the_same_height_by_its_units_as_by_its_share_of_the_tile() {
        let relief = relief(|x, y| 50.0 * (x * 9.0).sin() * (y * 7.0).cos());
        for (fx, fy) in [(0.1, 0.9), (0.5, 0.5), (0.97, 0.03), (0.333, 0.75)] {
            let units = [(fx - 0.5) * SIDE, (0.5 - fy) * SIDE];
            let found = relief.floor_m + relief.above_floor_m(relief.cell_of(units));
            assert!((found - relief.height_m(fx, fy)).abs() < 1e-6);
        }
    }

    #[test]
    fn the_ground_faces_away_from_where_it_rises() {
        let facing = |height: fn(f64, f64) -> f64| relief(height).nodes[0].facing.map(|v| f64::from(v) / 32_767.0);
        assert_eq!(facing(|_, _| 7.0), [0.0, 0.0]);
        // It rises by 20 cm a metre to the east and by 10 to the north (y counts southwards), over 1,000 m.
        let [east, north] = facing(|x, y| 200.0 * x - 100.0 * y);
        let length = (1.0f64 + 0.04 + 0.01).sqrt();
        assert!((east + 0.2 / length).abs() < 1e-3 && (north + 0.1 / length).abs() < 1e-3, "{east} {north}");
    }
}
