//! A layer ready to be asked.

use crate::{items::meets_window, order::Orders};
use citywall_index::{Inside, NearestIndex, PackedIndex, Vantage, WindowIndex};
use citywall_model::{Area, Bbox, CollectionMeta, FeatureTable, geometry};

/// One version of a layer: its table and the tree over it. Immutable.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) meta: CollectionMeta,
    pub(crate) table: FeatureTable,
    pub(crate) orders: Orders,
    index: PackedIndex,
}

impl Layer {
    /// Indexes a table. O(n log n).
    pub(crate) fn new(meta: CollectionMeta, table: FeatureTable) -> Self {
        let rows = 0..u32::try_from(table.len()).unwrap_or(u32::MAX);
        let envelopes: Vec<Bbox> = rows.map(|row| table.geometry(row).map_or(Bbox::EMPTY, geometry::bounds)).collect();
        let index = PackedIndex::new(envelopes.into_iter());
        Self { meta, orders: Orders::new(&table), table, index }
    }

    /// The rows whose envelope meets the window, in no particular order.
    pub(crate) fn search(&self, window: &Bbox, mut visit: impl FnMut(u32, Inside)) {
        // Rows are numbered in 32 bits when the table is built.
        self.index.search(window, |row, inside| visit(u32::try_from(row).unwrap_or(u32::MAX), inside));
    }

    /// The rows whose geometry meets an area, in no particular order.
    pub(crate) fn in_area(&self, area: &Area) -> Vec<u32> {
        let mut rows = Vec::new();
        self.index.search_area(area, |row, inside| {
            let meets = match inside {
                Inside::Whole => true,
                Inside::Maybe(envelope) => self.meets(area, row, &envelope),
            };
            if meets {
                rows.push(row);
            }
        });
        rows
    }

    /// How many rows' geometries meet an area, and one of the windows if there are any.
    pub(crate) fn count_in(&self, area: &Area, windows: &[Bbox]) -> usize {
        let of_windows = |envelope: &Bbox| {
            if windows.is_empty() || windows.iter().any(|window| window.contains(envelope)) {
                return Some(true);
            }
            if windows.iter().any(|window| window.intersects(envelope)) { None } else { Some(false) }
        };
        let has = |envelope: &Bbox| match area.has(envelope) {
            Some(false) => Some(false),
            inside => of_windows(envelope).and_then(|is_inside| if is_inside { inside } else { Some(false) }),
        };
        let meets_a_window = |row: u32, envelope: &Bbox| {
            let meets = |wkb: &[u8]| windows.iter().any(|window| meets_window(wkb, envelope, window));
            windows.is_empty() || self.table.geometry(row).is_some_and(meets)
        };
        self.index.count(has, |row, envelope| self.meets(area, row, envelope) && meets_a_window(row, envelope))
    }

    fn meets(&self, area: &Area, row: u32, envelope: &Bbox) -> bool {
        let look = || self.table.geometry(row).is_some_and(|wkb| area.meets(wkb, envelope));
        area.meets_what_fills(envelope).unwrap_or_else(look)
    }

    /// Visits rows about the nearest first; see [`NearestIndex`].
    pub(crate) fn nearest(&self, from: &Vantage, farthest: f64, mut visit: impl FnMut(u32) -> f64) {
        self.index.nearest(from, farthest, |row| visit(u32::try_from(row).unwrap_or(u32::MAX)));
    }
}
