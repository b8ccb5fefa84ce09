//! The R*-tree of a live collection.

use crate::{Inside, WindowIndex};
use citywall_model::Bbox;
use rstar::{AABB, RTree, RTreeObject};

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    envelope: Bbox,
    fid: u64,
}

impl RTreeObject for Entry {
    type Envelope = AABB<[f64; 2]>;
    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners([self.envelope.x_min, self.envelope.y_min], [self.envelope.x_max, self.envelope.y_max])
    }
}

/// An R*-tree of items by fid that come, move and go.
#[derive(Debug, Default)]
pub struct LiveIndex {
    tree: RTree<Entry>,
}

impl LiveIndex {
    /// Loads many entries at once; those with an empty envelope are left out. O(n log n).
    pub fn bulk(entries: impl IntoIterator<Item = (u64, Bbox)>) -> Self {
        let entries = entries.into_iter().filter(|(_, b)| !b.is_empty()).map(|(fid, envelope)| Entry { envelope, fid });
        Self { tree: RTree::bulk_load(entries.collect()) }
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tree.size()
    }

    /// True if there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves an entry: `None` or an empty envelope stands for “nowhere”. O(log n).
    pub fn update(&mut self, fid: u64, from: Option<Bbox>, to: Option<Bbox>) {
        if from == to {
            return;
        }
        if let Some(envelope) = from.filter(|b| !b.is_empty()) {
            self.tree.remove(&Entry { envelope, fid });
        }
        if let Some(envelope) = to.filter(|b| !b.is_empty()) {
            self.tree.insert(Entry { envelope, fid });
        }
    }
}

impl WindowIndex for LiveIndex {
    /// O(log n + hits).
    fn search(&self, window: &Bbox, mut visit: impl FnMut(u64, Inside)) {
        if window.is_empty() {
            return;
        }
        let area = AABB::from_corners([window.x_min, window.y_min], [window.x_max, window.y_max]);
        for entry in self.tree.locate_in_envelope_intersecting(area) {
            visit(entry.fid, if window.contains(&entry.envelope) { Inside::Whole } else { Inside::Maybe });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn after_any_moves_a_window_finds_what_brute_force_finds(
            moves in prop::collection::vec((0u64..60, prop::option::of((0u8..100, 0u8..100, 0u8..10))), 1..400),
            window in (0u8..100, 0u8..100, 0u8..60),
        ) {
            let mut index = LiveIndex::default();
            let mut places: BTreeMap<u64, Bbox> = BTreeMap::new();
            for (fid, to) in moves {
                let to = to.map(|(x, y, s)| Bbox::new(x.into(), y.into(), f64::from(x) + f64::from(s), y.into()));
                index.update(fid, places.get(&fid).copied(), to);
                match to {
                    Some(place) => places.insert(fid, place),
                    None => places.remove(&fid),
                };
            }
            let (x, y, size) = window;
            let window = Bbox::new(x.into(), y.into(), f64::from(x) + f64::from(size), f64::from(y) + f64::from(size));
            let mut found = Vec::new();
            index.search(&window, |fid, _| found.push(fid));
            found.sort_unstable();
            let expected: Vec<u64> = places.iter().filter(|(_, b)| b.intersects(&window)).map(|(fid, _)| *fid).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(index.len(), places.len());
        }
    }
}
