//! All fences of one kind, ready for points.

use super::{
    Presence,
    area::{Area, Meeting},
    edges::{EdgeTree, Met, Step},
};
use citywall_index::{LiveIndex, WindowIndex};
use citywall_model::{Bbox, geometry};
use geo::Coord;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// The number that stands for a fence in its [`FenceIndex`]; used again once the fence is gone.
pub type FenceKey = u32;

/// So many changes of fences are remembered; objects that saw fewer are located anew.
const CHANGES_MAX: usize = 64;

/// Why a geometry is no fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FenceError {
    /// It has no area.
    #[error("a fence needs a polygon with at least three corners")]
    NoArea,
    /// It is no WKB.
    #[error("the fence's geometry cannot be read")]
    Unreadable,
}

/// What a move does to an object and one fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transition {
    /// The fence holds the new place and not the old one.
    Enter,
    /// The fence holds the old place and not the new one.
    Exit,
    /// The fence holds neither place, but the straight way between them meets it.
    Cross,
}

/// Fences that come and go, and what moves do to them. Places are longitude, latitude in
/// degrees; borders are straight in the plane of degrees, and decided exactly.
///
/// A move is compared with the edges along its way and with nothing else: who crosses a border an
/// odd number of times is on its other side then. The signs of the crossings are exact (J. R.
/// Shewchuk, “Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates”,
/// 1997); where a way begins, ends or turns on a border, the whole fence is asked.
///
/// ```
/// use citywall_rules::fence::{FenceIndex, Presence, Transition};
/// use citywall_model::Wkb;
/// use geo::{Geometry, Rect, coord};
///
/// let square = Rect::new(coord! { x: 117.0, y: 39.0 }, coord! { x: 117.1, y: 39.1 }).to_polygon();
/// let mut fences = FenceIndex::default();
/// let key = fences.insert(Wkb::from_geo(&Geometry::Polygon(square)).unwrap().bytes()).unwrap();
/// let (mut car, mut changes) = (Presence::default(), Vec::new());
/// fences.moved(&mut car, (116.9, 39.05), &mut changes);
/// fences.moved(&mut car, (117.2, 39.05), &mut changes);
/// fences.moved(&mut car, (117.05, 39.05), &mut changes);
/// assert_eq!(changes, [(key, Transition::Cross), (key, Transition::Enter)]);
/// assert_eq!(car.inside(), [key]);
/// ```
#[derive(Debug, Default)]
pub struct FenceIndex {
    areas: Vec<Option<Area>>,
    free: Vec<FenceKey>,
    /// The fences by their envelopes.
    tree: LiveIndex,
    edges: EdgeTree,
    /// How many fences came or went so far.
    changes: u64,
    /// Where the last of them were.
    recent: VecDeque<Bbox>,
}

impl FenceIndex {
    /// Loads many fences at once, each from checked WKB. The keys are 0, 1, … in order; what is
    /// no fence uses its key up, and is reported. O(vertices log vertices).
    pub fn bulk<'a>(geometries: impl IntoIterator<Item = &'a [u8]>) -> (Self, Vec<(FenceKey, FenceError)>) {
        let (mut areas, mut errors) = (Vec::new(), Vec::new());
        for (key, wkb) in (0..).zip(geometries) {
            areas.push(read(wkb).inspect_err(|error| errors.push((key, *error))).ok());
        }
        let bounds = areas.iter().enumerate().filter_map(|(key, area)| Some((key as u64, area.as_ref()?.bounds)));
        let tree = LiveIndex::bulk(bounds);
        let mut edges = EdgeTree::default();
        edges.insert((0..).zip(&areas).filter(|(_, area)| area.is_some()).map(|(key, _)| key), &areas);
        (Self { tree, edges, areas, changes: 1, ..Self::default() }, errors)
    }

    /// The number of fences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// True if there are no fences.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Adds a fence from checked WKB: a polygon, several, or a collection with some.
    /// O(vertices log vertices).
    ///
    /// # Errors
    /// The geometry has no area; see [`FenceError`].
    pub fn insert(&mut self, wkb: &[u8]) -> Result<FenceKey, FenceError> {
        let area = read(wkb)?;
        let bounds = area.bounds;
        let key = self.free.pop().unwrap_or_else(|| {
            self.areas.push(None);
            // Keys are as many as areas in memory, far below 2^32.
            FenceKey::try_from(self.areas.len() - 1).unwrap_or(FenceKey::MAX)
        });
        self.areas[key as usize] = Some(area);
        self.edges.insert(std::iter::once(key), &self.areas);
        self.tree.update(u64::from(key), None, Some(bounds));
        self.note(bounds);
        Ok(key)
    }

    /// Takes a fence away; false if there is none. O(its cells).
    pub fn remove(&mut self, key: FenceKey) -> bool {
        let Some(area) = self.areas.get_mut(key as usize).and_then(Option::take) else {
            return false;
        };
        self.free.push(key);
        self.edges.remove(key, &area);
        self.tree.update(u64::from(key), Some(area.bounds), None);
        self.note(area.bounds);
        true
    }

    /// Visits the fences that hold a point, border included, in no particular order.
    /// O(log n + the edges of fences around it at its latitude).
    pub fn containing(&self, (x, y): (f64, f64), mut visit: impl FnMut(FenceKey)) {
        self.around(&Bbox::new(x, y, x, y), |key, area| {
            if area.holds(Coord { x, y }) {
                visit(key);
            }
        });
    }

    /// Moves an object and appends what that changes, ascending by fence. An object that was
    /// nowhere enters what holds its first place. The fences that hold it now are
    /// [`Presence::inside`]. O(1) while no border is near, else O(log n + the
    /// edges near its way).
    pub fn moved(&self, object: &mut Presence, (x, y): (f64, f64), changes: &mut Vec<(FenceKey, Transition)>) {
        let to = Coord { x, y };
        let Some(from) = self.depart(object, to, changes) else { return };
        let mut met = Met::new();
        object.clear = self.edges.along(from, to, &self.areas, &mut met);
        object.at = Some(to);
        object.seen = self.changes;
        for edges in met.chunk_by(|(a, ..), (b, ..)| a == b) {
            let key = edges[0].0;
            let Some(Some(area)) = self.areas.get(key as usize) else { continue };
            let at = object.inside.binary_search(&key);
            let crosses = area.is_one_part() && edges.iter().all(|(_, _, how)| *how == Meeting::Crosses);
            let is = if crosses { at.is_ok() ^ (edges.len() % 2 == 1) } else { area.holds(to) };
            match (at, is) {
                (Err(at), true) => {
                    object.inside.insert(at, key);
                    changes.push((key, Transition::Enter));
                }
                (Ok(at), false) => {
                    object.inside.remove(at);
                    changes.push((key, Transition::Exit));
                }
                (Err(_), false) => changes.push((key, Transition::Cross)),
                (Ok(_), true) => {}
            }
        }
    }

    /// Like [`FenceIndex::moved`] for an object whose way does not count, only its two ends: it
    /// crosses nothing. However far it goes, O(1) while no border is near, else O(log n + the
    /// edges at its latitude of fences around it).
    pub fn jumped(&self, object: &mut Presence, (x, y): (f64, f64), changes: &mut Vec<(FenceKey, Transition)>) {
        if self.depart(object, Coord { x, y }, changes).is_none() {
            return;
        }
        let before = std::mem::take(&mut object.inside);
        self.place(object, (x, y));
        let first = changes.len();
        changes.extend(before.iter().filter(|key| !object.inside.contains(key)).map(|key| (*key, Transition::Exit)));
        changes.extend(object.inside.iter().filter(|key| !before.contains(key)).map(|key| (*key, Transition::Enter)));
        changes[first..].sort_unstable();
    }

    /// Where an object that is to move stands, with the fences as they are now; `None` if the move
    /// is done already: the object was nowhere, or no border is near.
    fn depart(&self, object: &mut Presence, to: Coord, changes: &mut Vec<(FenceKey, Transition)>) -> Option<Coord> {
        let Some(from) = object.at else {
            self.place(object, (to.x, to.y));
            changes.extend(object.inside.iter().map(|key| (*key, Transition::Enter)));
            return None;
        };
        if object.seen == self.changes && object.clear.is_some_and(|clear| clear.has(Step::of(to))) {
            object.at = Some(to);
            return None;
        }
        if !self.knows(object, from) {
            self.place(object, (from.x, from.y));
        }
        Some(from)
    }

    /// Puts an object somewhere without asking where it was: nothing is entered or left.
    /// O(log n + the edges at its latitude of fences around it).
    pub fn place(&self, object: &mut Presence, (x, y): (f64, f64)) {
        let at = Coord { x, y };
        let mut inside = SmallVec::new();
        self.containing((x, y), |key| inside.push(key));
        inside.sort_unstable();
        let clear = self.edges.along(at, at, &self.areas, &mut Met::new());
        *object = Presence { at: Some(at), clear, seen: self.changes, inside };
    }

    /// Takes an object away and appends the fences that it leaves, ascending.
    pub fn gone(&self, object: &mut Presence, changes: &mut Vec<(FenceKey, Transition)>) {
        if let Some(at) = object.at
            && !self.knows(object, at)
        {
            self.place(object, (at.x, at.y));
        }
        changes.extend(object.inside.iter().map(|key| (*key, Transition::Exit)));
        *object = Presence::default();
    }

    /// True if no fence came or went where the object is since it was last located.
    fn knows(&self, object: &Presence, at: Coord) -> bool {
        let missed = usize::try_from(self.changes - object.seen).unwrap_or(usize::MAX);
        let place = Bbox::new(at.x, at.y, at.x, at.y);
        missed == 0 || (missed <= self.recent.len() && self.recent.iter().rev().take(missed).all(|bounds| !bounds.intersects(&place)))
    }

    fn note(&mut self, bounds: Bbox) {
        self.changes += 1;
        if self.recent.len() == CHANGES_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(bounds);
    }

    fn around(&self, window: &Bbox, mut visit: impl FnMut(FenceKey, &Area)) {
        self.tree.search(window, |key, _| {
            // What the tree holds has a key of 32 bits.
            let key = FenceKey::try_from(key).unwrap_or(FenceKey::MAX);
            if let Some(Some(area)) = self.areas.get(key as usize) {
                visit(key, area);
            }
        });
    }
}

fn read(wkb: &[u8]) -> Result<Area, FenceError> {
    Area::new(&geometry::to_geo(wkb).ok_or(FenceError::Unreadable)?).ok_or(FenceError::NoArea)
}
