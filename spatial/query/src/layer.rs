//! A layer ready to be asked.

use crate::order::Orders;
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

    /// How many rows' geometries meet an area, of those for which `holds`, or of all.
    pub(crate) fn count_in_area(&self, area: &Area, holds: Option<impl Fn(u32) -> bool>) -> usize {
        match holds {
            None => self.index.count_area(area, |row, envelope| self.meets(area, row, envelope)),
            Some(holds) => self.in_area(area).into_iter().filter(|row| holds(*row)).count(),
        }
    }

    fn meets(&self, area: &Area, row: u32, envelope: &Bbox) -> bool {
        self.table.geometry(row).is_some_and(|wkb| area.meets(wkb, envelope))
    }

    /// Visits rows about the nearest first; see [`NearestIndex`].
    pub(crate) fn nearest(&self, from: &Vantage, farthest: f64, mut visit: impl FnMut(u32) -> f64) {
        self.index.nearest(from, farthest, |row| visit(u32::try_from(row).unwrap_or(u32::MAX)));
    }
}
