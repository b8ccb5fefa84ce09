//! A layer ready to be asked.

use crate::order::Orders;
use citywall_index::{Inside, NearestIndex, PackedIndex, Vantage, WindowIndex};
use citywall_model::{Bbox, CollectionMeta, FeatureTable, geometry};

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

    /// Visits rows about the nearest first; see [`NearestIndex`].
    pub(crate) fn nearest(&self, from: &Vantage, farthest: f64, mut visit: impl FnMut(u32) -> f64) {
        self.index.nearest(from, farthest, |row| visit(u32::try_from(row).unwrap_or(u32::MAX)));
    }
}
