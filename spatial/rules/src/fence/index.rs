//! All fences of one kind, ready for points.

use super::{Presence, area::Area};
use citywall_index::{LiveIndex, WindowIndex};
use citywall_model::{Bbox, geometry};
use geo::Coord;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// The number that stands for a fence in its [`FenceIndex`]; used again once the fence is gone.
pub type FenceKey = u32;

/// Borders are looked for so many times as far away as an object's last step was long.
const REACH_STEPS: f64 = 8.0;
/// Borders are looked for at least so far away, degrees: about a metre.
const REACH_MIN: f64 = 1e-5;
/// Borders are looked for at most so far away, degrees: about 2 km.
const REACH_MAX: f64 = 0.02;
/// What rounding may add to a distance between places on the globe, degrees; ten micrometres.
const ROUNDING: f64 = 1e-10;
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
    tree: LiveIndex,
    /// How many fences came or went so far.
    changes: u64,
    /// Where the last of them were.
    recent: VecDeque<Bbox>,
}

impl FenceIndex {
    /// Loads many fences at once, each from checked WKB. The keys are 0, 1, … in order; what is
    /// no fence uses its key up, and is reported. O(n log n).
    pub fn bulk<'a>(geometries: impl IntoIterator<Item = &'a [u8]>) -> (Self, Vec<(FenceKey, FenceError)>) {
        let (mut areas, mut errors) = (Vec::new(), Vec::new());
        for (key, wkb) in (0..).zip(geometries) {
            areas.push(read(wkb).inspect_err(|error| errors.push((key, *error))).ok());
        }
        let bounds = areas.iter().enumerate().filter_map(|(key, area)| Some((key as u64, area.as_ref()?.bounds)));
        let tree = LiveIndex::bulk(bounds);
        (Self { tree, areas, changes: 1, ..Self::default() }, errors)
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
    /// O(log n + vertices).
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
        self.tree.update(u64::from(key), None, Some(bounds));
        self.note(bounds);
        Ok(key)
    }

    /// Takes a fence away; false if there is none. O(log n).
    pub fn remove(&mut self, key: FenceKey) -> bool {
        let Some(area) = self.areas.get_mut(key as usize).and_then(Option::take) else {
            return false;
        };
        self.free.push(key);
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
    /// [`Presence::inside`]. O(1) while it stays clear of all borders, else as
    /// [`FenceIndex::containing`] for the fences around its way.
    pub fn moved(&self, object: &mut Presence, (x, y): (f64, f64), changes: &mut Vec<(FenceKey, Transition)>) {
        let to = Coord { x, y };
        let Some(from) = object.at else {
            self.place(object, (x, y));
            changes.extend(object.inside.iter().map(|key| (*key, Transition::Enter)));
            return;
        };
        if self.knows(object) {
            if square(to - object.centre) < object.clear2 {
                object.at = Some(to);
                return;
            }
        } else {
            self.place(object, (from.x, from.y));
        }
        let step = square(to - from).sqrt();
        let reach = (step * REACH_STEPS).clamp(REACH_MIN, REACH_MAX);
        let near = grown(to, reach);
        let way = Bbox::EMPTY.with(from.x, from.y).with(to.x, to.y);
        let mut inside = SmallVec::new();
        let mut clear2 = reach * reach;
        let first = changes.len();
        self.around(&near.union(way), |key, area| {
            let was = object.inside.binary_search(&key).is_ok();
            let mut is = false;
            if area.bounds.intersects(&near) {
                let located = area.locate(to, reach);
                clear2 = clear2.min(located.clear2);
                is = located.inside;
            }
            if is {
                inside.push(key);
            }
            match (was, is) {
                (false, true) => changes.push((key, Transition::Enter)),
                (true, false) => changes.push((key, Transition::Exit)),
                (false, false) if area.bounds.intersects(&way) && area.meets(from, to) => changes.push((key, Transition::Cross)),
                _ => {}
            }
        });
        changes[first..].sort_unstable();
        self.settle(object, to, inside, clear2, reach);
    }

    /// Puts an object somewhere without asking where it was: nothing is entered or left.
    /// O(log n + the edges of fences around it).
    pub fn place(&self, object: &mut Presence, (x, y): (f64, f64)) {
        let at = Coord { x, y };
        let reach = if object.reach > 0.0 { object.reach } else { REACH_MIN };
        let mut inside = SmallVec::new();
        let mut clear2 = reach * reach;
        self.around(&grown(at, reach), |key, area| {
            let located = area.locate(at, reach);
            clear2 = clear2.min(located.clear2);
            if located.inside {
                inside.push(key);
            }
        });
        self.settle(object, at, inside, clear2, reach);
    }

    /// Takes an object away and appends the fences that it leaves, ascending.
    pub fn gone(&self, object: &mut Presence, changes: &mut Vec<(FenceKey, Transition)>) {
        if let Some(at) = object.at
            && !self.knows(object)
        {
            self.place(object, (at.x, at.y));
        }
        changes.extend(object.inside.iter().map(|key| (*key, Transition::Exit)));
        *object = Presence::default();
    }

    fn settle(&self, object: &mut Presence, at: Coord, mut inside: SmallVec<[FenceKey; 2]>, clear2: f64, reach: f64) {
        inside.sort_unstable();
        let clear = clear2.sqrt() - ROUNDING;
        let clear2 = if clear > 0.0 { clear * clear } else { 0.0 };
        *object = Presence { at: Some(at), centre: at, clear2, reach, seen: self.changes, inside };
    }

    /// True if no fence came or went around the object since it was last located.
    fn knows(&self, object: &Presence) -> bool {
        let missed = usize::try_from(self.changes - object.seen).unwrap_or(usize::MAX);
        let circle = grown(object.centre, object.clear2.sqrt());
        missed == 0 || (missed <= self.recent.len() && self.recent.iter().rev().take(missed).all(|bounds| !bounds.intersects(&circle)))
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

fn square(d: Coord) -> f64 {
    d.x * d.x + d.y * d.y
}

fn grown(p: Coord, reach: f64) -> Bbox {
    Bbox::new(p.x - reach, p.y - reach, p.x + reach, p.y + reach)
}
