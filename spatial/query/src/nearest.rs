//! The nearest items of a place, by any measure.

use crate::city::{CollectionView, Kind};
use citywall_index::Vantage;
use citywall_model::{FeatureRef, LiveItem};
use std::{cmp::Ordering, collections::BinaryHeap};

/// How far away something is, in metres.
pub trait Measure {
    /// From where it is measured.
    fn from(&self) -> &Vantage;
    /// Metres that a radian of longitude and latitude, taken as those of a sphere, has at least.
    fn radian_m(&self) -> f64;
    /// How far away a geometry as WKB is; `None` if it is nowhere, and
    /// perhaps if it is farther away than `farthest`, where that is told sooner.
    fn to(&self, wkb: &[u8], farthest: f64) -> Option<f64>;
    /// False if nothing more is wanted: what was found until then comes.
    fn goes_on(&self) -> bool {
        true
    }
}

/// An item, by its distance and then its fid.
struct Near<T> {
    distance: f64,
    fid: u64,
    item: T,
}

impl<T> PartialEq for Near<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Near<T> {}

impl<T> PartialOrd for Near<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Near<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.fid.cmp(&other.fid))
    }
}

/// Room is made for so many items at once.
const FEW: usize = 64;

/// The nearest so far.
struct Best<'m, M, T> {
    measure: &'m M,
    count: usize,
    farthest: f64,
    found: BinaryHeap<Near<T>>,
    /// The geometry that was measured last, and what came of it: many things stand on one spot, and
    /// what was too far away then is so still.
    last: (&'m [u8], Option<f64>),
}

impl<'m, M: Measure, T> Best<'m, M, T> {
    fn new(measure: &'m M, count: usize, farthest: f64) -> Self {
        Self { measure, count, farthest, found: BinaryHeap::with_capacity(count.min(FEW)), last: (&[], None) }
    }

    /// The angle beyond which nothing is near enough.
    fn reach(&self) -> f64 {
        if self.measure.goes_on() { self.farthest / self.measure.radian_m() } else { f64::NEG_INFINITY }
    }

    /// Takes an item if it is among the nearest, and answers the angle that is near enough from then on.
    fn take(&mut self, fid: u64, wkb: Option<&'m [u8]>, item: impl FnOnce() -> T) -> f64 {
        let Some(distance) = wkb.and_then(|wkb| self.distance(wkb)).filter(|distance| *distance <= self.farthest) else {
            return self.reach();
        };
        let worst = self.found.peek().filter(|_| self.found.len() >= self.count);
        if worst.is_some_and(|worst| worst.distance.total_cmp(&distance).then(worst.fid.cmp(&fid)).is_lt()) {
            return self.reach();
        }
        if worst.is_some() {
            self.found.pop();
        }
        self.found.push(Near { distance, fid, item: item() });
        if self.found.len() >= self.count {
            self.farthest = self.found.peek().map_or(self.farthest, |worst| worst.distance);
        }
        self.reach()
    }

    fn distance(&mut self, wkb: &'m [u8]) -> Option<f64> {
        if self.last.0 != wkb {
            self.last = (wkb, self.measure.to(wkb, self.farthest));
        }
        self.last.1
    }

    fn sorted(self) -> Vec<Near<T>> {
        self.found.into_sorted_vec()
    }
}

impl CollectionView {
    /// Visits the `count` nearest items that are at most `farthest` away, the nearest first,
    /// equally near ones in order of fid. What has no geometry is nowhere.
    ///
    /// O(log n + count) for items spread evenly; items as near as the last one are all looked at.
    pub fn nearest(&self, measure: &impl Measure, count: usize, farthest: f64, mut visit: impl FnMut(FeatureRef<'_>, f64)) {
        match &self.kind {
            Kind::Raster(_) => {}
            Kind::Layer(layer) => {
                let mut best = Best::new(measure, count, farthest);
                let take = |row| best.take(layer.table.fid(row), layer.table.geometry(row), || row);
                layer.nearest(measure.from(), farthest / measure.radian_m(), take);
                best.sorted().iter().for_each(|near| visit(FeatureRef::Row(&layer.table, near.item), near.distance));
            }
            Kind::Live(_) => {
                self.live_nearest(measure, count, farthest, true)
                    .iter()
                    .for_each(|(item, distance)| visit(FeatureRef::Live(item), *distance));
            }
        }
    }

    /// As [`CollectionView::nearest`], the items of a live collection that are not cleared; none of a layer.
    #[must_use]
    pub fn open_items_near(&self, measure: &impl Measure, count: usize, farthest: f64) -> Vec<(LiveItem, f64)> {
        self.live_nearest(measure, count, farthest, false)
    }

    /// Items are taken out of the lock, so that no slow reader holds up the writer.
    fn live_nearest(&self, measure: &impl Measure, count: usize, farthest: f64, cleared_too: bool) -> Vec<(LiveItem, f64)> {
        let Kind::Live(live) = &self.kind else { return Vec::new() };
        let mut best = Best::new(measure, count, farthest);
        let state = live.state.read();
        state.nearest(measure.from(), farthest / measure.radian_m(), |item| match item.filter(|item| cleared_too || !item.is_cleared()) {
            Some(item) => best.take(item.fid(), item.geometry(), || item.clone()),
            None => best.reach(),
        });
        best.sorted().into_iter().map(|near| (near.item, near.distance)).collect()
    }
}
