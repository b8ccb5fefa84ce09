//! Points that would lie on each other, as one with their count.
//!
//! Below the zoom level from which everything is shown, the points of a layer that fall into one
//! cell of a tile's grid become one feature at their mean place. A cell belongs to one tile, so
//! that a cluster is drawn once, and its points are counted once on each level.

use crate::tile::EXTENT;
use rustc_hash::FxHashMap;

/// The side of a cell in units: 16 pixels at 512 pixels per tile, about a marker's width.
pub(crate) const CELL: i32 = 128;

/// The attribute that says how many points a feature stands for, named as MapLibre's own clusters are.
pub const COUNT_FIELD: &str = "point_count";

/// From here on a feature's number is no item's: a cluster's, with its cell.
pub(crate) const CLUSTER_FID: u64 = 1 << 52;

/// The cells of one tile: the first point of each is kept as `P`.
#[derive(Debug)]
pub(crate) struct Clusters<P> {
    cells: FxHashMap<u32, Cluster<P>>,
}

/// What fell into a cell.
#[derive(Debug)]
pub(crate) struct Cluster<P> {
    pub(crate) count: u64,
    sum: [i64; 2],
    /// The most severe alarm level among the points, 1 to 4; 0 without any.
    pub(crate) level: u8,
    pub(crate) first: P,
}

impl<P> Cluster<P> {
    /// The mean of the points, in units.
    pub(crate) fn place(&self) -> [i64; 2] {
        let count = i64::try_from(self.count).unwrap_or(i64::MAX).max(1);
        self.sum.map(|sum| (sum + count / 2).div_euclid(count))
    }
}

impl<P> Default for Clusters<P> {
    fn default() -> Self {
        Self { cells: FxHashMap::default() }
    }
}

/// The cell of a point; `None` outside the tile itself.
pub(crate) fn cell([x, y]: [i32; 2]) -> Option<u32> {
    let inside = 0..EXTENT.cast_signed();
    let cell = |at: i32| (at / CELL).cast_unsigned();
    (inside.contains(&x) && inside.contains(&y)).then(|| cell(y) * (EXTENT / CELL.cast_unsigned()) + cell(x))
}

impl<P> Clusters<P> {
    /// Adds a point to a cell that has one already; false if it is the first.
    pub(crate) fn join(&mut self, cell: u32, [x, y]: [i32; 2], level: u8) -> bool {
        let Some(cluster) = self.cells.get_mut(&cell) else { return false };
        cluster.count += 1;
        cluster.sum = [cluster.sum[0] + i64::from(x), cluster.sum[1] + i64::from(y)];
        cluster.level = match (cluster.level, level) {
            (0, level) | (level, 0) => level,
            (a, b) => a.min(b),
        };
        true
    }

    /// Starts a cell.
    pub(crate) fn start(&mut self, cell: u32, [x, y]: [i32; 2], level: u8, first: P) {
        self.cells.insert(cell, Cluster { count: 1, sum: [i64::from(x), i64::from(y)], level, first });
    }

    /// Takes all cells out, in order.
    pub(crate) fn take(&mut self) -> Vec<(u32, Cluster<P>)> {
        let mut cells: Vec<_> = self.cells.drain().collect();
        cells.sort_unstable_by_key(|(cell, _)| *cell);
        cells
    }
}
