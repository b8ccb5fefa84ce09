//! The packed Hilbert R-tree of a layer.

use crate::{Inside, NearestIndex, Vantage, WindowIndex};
use citywall_model::{Area, Bbox};
use geo_index::rtree::{RTree, RTreeBuilder, RTreeIndex, sort::HilbertSort};
use std::{cmp::Reverse, collections::BinaryHeap, ops::Range};

/// The most children of a node, and the bits that number them.
const CHILDREN: usize = 16;
const CHILD: u64 = CHILDREN as u64 - 1;

/// A packed Hilbert R-tree over the rows of a layer that have a geometry. Immutable.
///
/// The `geo-index` crate sorts and packs it; the search is ours, since it can stop at a node
/// that lies wholly in what is searched: the rows below such a node are neighbours in the leaf level.
#[derive(Debug)]
pub struct PackedIndex {
    tree: RTree<f64>,
    /// The rows in the order of the leaf level.
    rows: Vec<u32>,
}

impl PackedIndex {
    /// Builds the index from each row's envelope; rows with an empty one are left out.
    /// O(n log n).
    pub fn new(envelopes: impl Iterator<Item = Bbox> + Clone) -> Self {
        let with_geometry = || (0u32..).zip(envelopes.clone()).filter(|(_, b)| !b.is_empty());
        let count = u32::try_from(with_geometry().count()).unwrap_or(u32::MAX);
        let mut builder = RTreeBuilder::new_with_node_size(count, CHILDREN as u16);
        let mut entries = Vec::new();
        for (row, envelope) in with_geometry() {
            builder.add(envelope.x_min, envelope.y_min, envelope.x_max, envelope.y_max);
            entries.push(row);
        }
        let tree = builder.finish::<HilbertSort>();
        let indices = tree.indices();
        let rows = (0..entries.len()).map(|leaf| entries[indices.get(leaf)]).collect();
        Self { tree, rows }
    }

    /// The number of indexed rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if no row has a geometry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Visits the rows whose envelope does not lie outside of an area, as [`WindowIndex::search`] those
    /// of a window. O((log n + hits near the border) × edges at their height).
    pub fn search_area(&self, area: &Area, mut visit: impl FnMut(u32, Inside)) {
        self.runs(|envelope| area.has(envelope), |leaves, inside| self.rows[leaves].iter().for_each(|row| visit(*row, inside)));
    }

    /// Counts the rows whose envelope `has` puts inside (`Some(true)`), and of those that it puts neither
    /// there nor outside (`Some(false)`) the ones that `holds` tells of. The first are not looked at one by
    /// one. O((log n + hits near the border) × cost of `has`).
    pub fn count(&self, has: impl Fn(&Bbox) -> Option<bool>, holds: impl Fn(u32, &Bbox) -> bool) -> usize {
        let mut count = 0;
        self.runs(has, |leaves, inside| {
            count += match inside {
                Inside::Whole => leaves.len(),
                Inside::Maybe(envelope) => self.rows[leaves].iter().filter(|row| holds(**row, &envelope)).count(),
            }
        });
        count
    }

    /// Visits runs of leaves that `has` does not put outside (`Some(false)`), with whether it puts their
    /// envelope inside (`Some(true)`).
    #[inline]
    fn runs(&self, has: impl Fn(&Bbox) -> Option<bool>, mut visit: impl FnMut(Range<usize>, Inside)) {
        let boxes = self.tree.boxes();
        if self.is_empty() {
            return;
        }
        let indices = self.tree.indices();
        let levels = self.tree.level_bounds();
        let node_floats = self.tree.node_size() as usize * 4;
        let leaf_end = self.len() * 4;
        // (offset of a node's first child, level of the children); the root's box stands last.
        let mut stack = vec![(boxes.len() - 4, levels.len() - 1)];
        while let Some((start, level)) = stack.pop() {
            let end = (start + node_floats).min(levels[level]);
            for (at, child) in (start..end).step_by(4).zip(boxes[start..end].as_chunks::<4>().0) {
                let [x_min, y_min, x_max, y_max] = *child;
                let envelope = Bbox::new(x_min, y_min, x_max, y_max);
                let inside = match has(&envelope) {
                    Some(false) => continue,
                    Some(true) => Inside::Whole,
                    None => Inside::Maybe(envelope),
                };
                if at < leaf_end {
                    visit(at / 4..at / 4 + 1, inside);
                } else if inside == Inside::Whole {
                    visit(leaves(&self.tree, at, level), inside);
                } else {
                    stack.push((indices.get(at / 4), level - 1));
                }
            }
        }
    }
}

impl WindowIndex for PackedIndex {
    /// O(log n + hits).
    fn search(&self, window: &Bbox, mut visit: impl FnMut(u64, Inside)) {
        if window.is_empty() {
            return;
        }
        let has = |envelope: &Bbox| {
            let is_inside = || if window.contains(envelope) { Some(true) } else { None };
            if window.intersects(envelope) { is_inside() } else { Some(false) }
        };
        self.runs(has, |leaves, inside| self.rows[leaves].iter().for_each(|row| visit(u64::from(*row), inside)));
    }
}

/// A node that is open.
struct Open {
    /// The level of its children; 0 is that of the leaves.
    level: usize,
    /// Of each child a row, or where its own first child stands.
    children: [u32; CHILDREN],
    /// How far away each child is that is still to be looked at: the bits of an angle in radians, the
    /// last ones of which say which child it is. Numbers that are not negative are in the order of
    /// their bits, so that the least one is found without a branch. [`u64::MAX`] where there is none.
    keys: [u64; CHILDREN],
}

impl Open {
    /// The key of the nearest child that is left.
    #[inline]
    fn nearest(&self) -> u64 {
        let mut least = self.keys;
        for half in [8, 4, 2, 1] {
            for at in 0..half {
                least[at] = least[at].min(least[at + half]);
            }
        }
        least[0]
    }
}

impl PackedIndex {
    /// Opens the node whose first child's box has this number.
    #[inline]
    fn open(&self, first: usize, level: usize, from: &Vantage) -> Open {
        let end = (first + CHILDREN).min(self.tree.level_bounds()[level] / 4);
        let indices = self.tree.indices();
        let mut open = Open { level, children: [0; CHILDREN], keys: [u64::MAX; CHILDREN] };
        for (child, at) in open.children.iter_mut().zip(first..end) {
            *child = if level == 0 { self.rows[at] } else { (indices.get(at) / 4) as u32 };
        }
        let mut angles = [0.0; CHILDREN];
        from.all_at_least(&self.tree.boxes().as_chunks::<4>().0[first..end], &mut angles);
        for ((key, angle), child) in open.keys.iter_mut().zip(angles).zip(0..(end - first) as u64) {
            *key = angle.to_bits() & !CHILD | child;
        }
        open
    }
}

impl NearestIndex for PackedIndex {
    /// What waits in the queue is no child but an open node, with the nearest of its children: far fewer.
    fn nearest(&self, from: &Vantage, mut farthest: f64, mut visit: impl FnMut(u64) -> f64) {
        if self.is_empty() {
            return;
        }
        let root = self.open(self.tree.boxes().len() / 4 - 1, self.tree.level_bounds().len() - 1, from);
        // About what the first few rows take.
        let (mut queue, mut nodes) = (BinaryHeap::with_capacity(CHILDREN), Vec::with_capacity(CHILDREN));
        queue.push(Reverse((root.nearest(), 0)));
        nodes.push(root);
        loop {
            let Some(mut next) = queue.peek_mut() else { return };
            let Reverse((key, node)) = *next;
            if f64::from_bits(key & !CHILD) > farthest || key == u64::MAX {
                return;
            }
            let child = (key & CHILD) as usize;
            let open = &mut nodes[node];
            open.keys[child] = u64::MAX;
            *next = Reverse((open.nearest(), node));
            drop(next);
            let (child, level) = (open.children[child], open.level);
            if level == 0 {
                farthest = visit(u64::from(child));
            } else {
                let open = self.open(child as usize, level - 1, from);
                queue.push(Reverse((open.nearest(), nodes.len())));
                nodes.push(open);
            }
        }
    }
}

/// The leaf positions under the node whose box is at float offset `at` on `level`.
fn leaves(tree: &RTree<f64>, at: usize, level: usize) -> Range<usize> {
    let levels = tree.level_bounds();
    let level_start = levels[level - 1];
    // Nodes are filled from the left, so a node's place on its level says which leaves it holds.
    let span = (tree.node_size() as usize).pow(u32::try_from(level).unwrap_or(u32::MAX));
    let first = (at - level_start) / 4 * span;
    first..(first + span).min(tree.num_items() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brute(envelopes: &[Bbox], window: &Bbox) -> Vec<(u64, bool)> {
        (0u64..).zip(envelopes).filter(|(_, e)| !e.is_empty() && e.intersects(window)).map(|(row, e)| (row, window.contains(e))).collect()
    }

    fn arb_bbox() -> impl Strategy<Value = Bbox> {
        (0u16..200, 0u16..200, 0u16..20, 0u16..20, 0u8..20).prop_map(|(x, y, w, h, gone)| {
            if gone == 0 {
                return Bbox::EMPTY;
            }
            let (x, y) = (f64::from(x), f64::from(y));
            Bbox::new(x, y, x + f64::from(w), y + f64::from(h))
        })
    }

    proptest! {
        #[test]
        fn a_window_finds_what_brute_force_finds(
            envelopes in prop::collection::vec(arb_bbox(), 0..900),
            windows in prop::collection::vec((0u16..200, 0u16..200, 0u16..150, 0u16..150), 1..8),
        ) {
            let index = PackedIndex::new(envelopes.iter().copied());
            for (x, y, w, h) in windows {
                let window = Bbox::new(f64::from(x), f64::from(y), f64::from(x) + f64::from(w), f64::from(y) + f64::from(h));
                let mut found = Vec::new();
                index.search(&window, |row, inside| found.push((row, inside == Inside::Whole)));
                found.sort_unstable();
                prop_assert_eq!(found, brute(&envelopes, &window));
            }
        }
    }

    #[test]
    fn a_large_tree_agrees_with_brute_force() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 40).unwrap()) / f64::from(1 << 24)
        };
        let envelopes: Vec<Bbox> = (0..50_000)
            .map(|_| {
                let (x, y) = (next(), next());
                Bbox::new(x, y, x + next() * 0.01, y + next() * 0.01)
            })
            .collect();
        let index = PackedIndex::new(envelopes.iter().copied());
        for _ in 0..200 {
            let (x, y, size) = (next(), next(), next());
            let window = Bbox::new(x, y, x + size, y + size);
            let mut found = Vec::new();
            index.search(&window, |row, inside| found.push((row, inside == Inside::Whole)));
            found.sort_unstable();
            assert_eq!(found, brute(&envelopes, &window));
        }
    }
}
