//! Where the edges of all fences are: a tree of cells, which are small where edges are many.

use super::{
    FenceKey,
    area::{Area, Meeting, meeting},
};
use geo::Coord;
use smallvec::{SmallVec, smallvec};

/// A leaf with more edges than this is split.
const EDGES_PER_LEAF: usize = 12;
/// A leaf with at most so many edges is also split where that only leaves half of it without any.
const EDGES_TO_CLEAR: usize = 32;
/// The size of the smallest cells is two to this power, in steps of the grid: about 2 m.
const SHIFT_MIN: u32 = 8;
/// Steps of the grid in a degree: 2^32 go round the globe, so that one is 9 mm.
const PER_DEGREE: f64 = 4_294_967_296.0 / 360.0;
/// Cells in a row of a node.
const SIDE: u32 = 4;

/// Neighbouring edges of one ring, by the positions of their first vertices.
#[derive(Clone, Copy, Debug)]
struct Run {
    fence: FenceKey,
    start: u32,
    end: u32,
    /// All of them lie between these two: most runs are passed over without a look at their fence.
    low: Step,
    high: Step,
}

impl Run {
    fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// True if no edge of it meets what lies between two places.
    #[inline]
    fn is_apart(&self, low: Step, high: Step) -> bool {
        high.x < self.low.x || self.high.x < low.x || high.y < self.low.y || self.high.y < low.y
    }
}

/// A place in whole steps of the grid. What is not on the globe stands at its edge: a place that
/// lies between two others is never outside of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    x: u32,
    y: u32,
}

impl Step {
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float too large or too small saturates")]
    pub(super) fn of(p: Coord) -> Self {
        Self { x: in_steps(p.x) as u32, y: in_steps(p.y) as u32 }
    }

    #[inline]
    fn min(self, other: Self) -> Self {
        Self { x: self.x.min(other.x), y: self.y.min(other.y) }
    }

    #[inline]
    fn max(self, other: Self) -> Self {
        Self { x: self.x.max(other.x), y: self.y.max(other.y) }
    }
}

#[inline]
fn in_steps(degrees: f64) -> f64 {
    (degrees + 180.0) * PER_DEGREE
}

/// A rectangle of the grid without any border.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clear {
    low: Step,
    high: Step,
}

impl Clear {
    #[inline]
    pub(super) fn has(&self, at: Step) -> bool {
        self.low.x <= at.x && at.x <= self.high.x && self.low.y <= at.y && at.y <= self.high.y
    }

    /// Leaves out what lies between two places, so that the most is left around a third one.
    /// False if that one lies there too.
    fn cut(&mut self, at: Step, low: Step, high: Step) -> bool {
        if high.x < self.low.x || self.high.x < low.x || high.y < self.low.y || self.high.y < low.y {
            return true;
        }
        let cuts = [
            (high.x < at.x).then(|| Self { low: Step { x: high.x + 1, ..self.low }, ..*self }),
            (at.x < low.x).then(|| Self { high: Step { x: low.x - 1, ..self.high }, ..*self }),
            (high.y < at.y).then(|| Self { low: Step { y: high.y + 1, ..self.low }, ..*self }),
            (at.y < low.y).then(|| Self { high: Step { y: low.y - 1, ..self.high }, ..*self }),
        ];
        let best = cuts.into_iter().flatten().max_by_key(Self::size);
        *self = best.unwrap_or(*self);
        best.is_some()
    }

    fn size(&self) -> u64 {
        u64::from(self.high.x - self.low.x) * u64::from(self.high.y - self.low.y)
    }
}

/// A square of the grid.
#[derive(Clone, Copy, Debug)]
struct Cell {
    x: u32,
    y: u32,
    /// Its size is two to this power.
    shift: u32,
}

impl Cell {
    const WORLD: Self = Self { x: 0, y: 0, shift: 32 };

    #[inline]
    fn has(&self, at: Step) -> bool {
        u64::from((self.x ^ at.x) | (self.y ^ at.y)) >> self.shift == 0
    }

    fn whole(&self) -> Clear {
        let last = u32::try_from((1u64 << self.shift) - 1).unwrap_or(u32::MAX);
        Clear { low: Step { x: self.x, y: self.y }, high: Step { x: self.x | last, y: self.y | last } }
    }

    /// The cell of this size that has a place.
    #[inline]
    fn around(at: Step, shift: u32) -> Self {
        let whole = |steps: u32| u32::try_from(u64::from(steps) >> shift << shift).unwrap_or_default();
        Self { x: whole(at.x), y: whole(at.y), shift }
    }

    #[inline]
    fn child(&self, n: u32) -> Self {
        let shift = self.shift - 2;
        Self { x: self.x | ((n % SIDE) << shift), y: self.y | ((n / SIDE) << shift), shift }
    }

    /// Visits the numbers of the children that a segment of this cell may meet.
    #[inline]
    fn met(&self, segment: &Segment, mut visit: impl FnMut(u32)) {
        let shift = self.shift - 2;
        let last = u32::try_from((1u64 << self.shift) - 1).unwrap_or(u32::MAX);
        let span = |low: u32, high: u32, start: u32| (low.max(start) - start) >> shift..=(high.min(start + last) - start) >> shift;
        let (columns, rows) = (span(segment.low.x, segment.high.x, self.x), span(segment.low.y, segment.high.y, self.y));
        let is_straight = columns.start() == columns.end() || rows.start() == rows.end();
        for row in rows {
            for column in columns.clone() {
                let n = row * SIDE + column;
                if is_straight || segment.may_meet(&self.child(n)) {
                    visit(n);
                }
            }
        }
    }
}

/// A segment on the grid.
struct Segment {
    low: Step,
    high: Step,
    from: (f64, f64),
    by: (f64, f64),
    /// Outside of the globe the grid is not even.
    is_on_globe: bool,
}

impl Segment {
    fn new(a: Coord, b: Coord) -> Self {
        let (s, t) = (Step::of(a), Step::of(b));
        let from = (in_steps(a.x), in_steps(a.y));
        Self {
            low: s.min(t),
            high: s.max(t),
            from,
            by: (in_steps(b.x) - from.0, in_steps(b.y) - from.1),
            is_on_globe: [a.x, a.y, b.x, b.y].iter().all(|degrees| degrees.abs() < 180.0),
        }
    }

    /// False if the line through the segment surely passes a cell. The cell is taken a step
    /// larger on every side, many times more than rounding can do.
    fn may_meet(&self, cell: &Cell) -> bool {
        let half = (1u64 << cell.shift) as f64 / 2.0;
        let middle = (f64::from(cell.x) + half, f64::from(cell.y) + half);
        let off = self.by.0 * (middle.1 - self.from.1) - self.by.1 * (middle.0 - self.from.0);
        !self.is_on_globe || off.abs() <= (half + 1.0) * (self.by.0.abs() + self.by.1.abs())
    }
}

/// What stands in a cell: nothing, a list of runs, or a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot(u32);

const LEAF: u32 = 1 << 31;

enum Content {
    Nothing,
    Leaf(usize),
    Node(usize),
}

impl Slot {
    const NOTHING: Self = Self(0);

    #[inline]
    fn content(self) -> Content {
        match self.0 {
            0 => Content::Nothing,
            leaf if leaf & LEAF != 0 => Content::Leaf((leaf & !LEAF) as usize),
            node => Content::Node(node as usize - 1),
        }
    }

    // There are far fewer than 2^31 leaves and nodes in memory.
    fn leaf(at: usize) -> Self {
        Self(u32::try_from(at).unwrap_or(u32::MAX) | LEAF)
    }

    fn node(at: usize) -> Self {
        Self(u32::try_from(at + 1).unwrap_or(LEAF - 1))
    }
}

/// The fences by their keys.
pub(super) type Areas = [Option<Area>];

/// What a way meets: a fence, one of its edges by the position of the first vertex, and how.
pub(super) type Met = SmallVec<[(FenceKey, u32, Meeting); 8]>;

/// The runs of edges by cell. Every place belongs to one leaf, and every edge stands in every
/// leaf to which one of its places belongs: two segments that meet have a leaf in common.
#[derive(Debug, Default)]
pub(super) struct EdgeTree {
    root: Slot,
    nodes: Vec<[Slot; (SIDE * SIDE) as usize]>,
    leaves: Vec<SmallVec<[Run; 2]>>,
    free_nodes: Vec<usize>,
    free_leaves: Vec<usize>,
}

type Children = [Vec<Run>; (SIDE * SIDE) as usize];

impl EdgeTree {
    /// Adds the edges of fences. O(edges × depth).
    pub(super) fn insert(&mut self, fences: impl Iterator<Item = FenceKey>, areas: &Areas) {
        let mut runs = Vec::new();
        for fence in fences {
            let rings = areas[fence as usize].iter().flat_map(Area::rings);
            let world = (Step { x: 0, y: 0 }, Step { x: u32::MAX, y: u32::MAX });
            runs.extend(rings.map(|ring| Run { fence, start: ring.start, end: ring.end, low: world.0, high: world.1 }));
        }
        self.root = self.add(self.root, Cell::WORLD, &runs, areas);
    }

    /// Takes the edges of a fence away, whose area still stands there. O(leaves around it).
    pub(super) fn remove(&mut self, fence: FenceKey, area: &Area) {
        let b = &area.bounds;
        let diagonal = Segment::new(Coord { x: b.x_min, y: b.y_min }, Coord { x: b.x_max, y: b.y_max });
        // All of the rectangle, not its diagonal alone.
        self.root = self.take(self.root, Cell::WORLD, fence, &Segment { is_on_globe: false, ..diagonal });
    }

    /// The edges that the way between two places meets, and a rectangle without edges around the
    /// second one, if there is one. O(edges in the leaves along the way).
    #[inline]
    pub(super) fn along(&self, from: Coord, to: Coord, areas: &Areas, met: &mut Met) -> Option<Clear> {
        let (start, end) = (Step::of(from), Step::of(to));
        let apart = u64::from((start.x ^ end.x) | (start.y ^ end.y));
        // As long as both ends are in the same child, so is all between them.
        let (mut slot, mut shift) = (self.root, Cell::WORLD.shift);
        let clear = loop {
            match slot.content() {
                Content::Node(at) if apart >> (shift - 2) == 0 => {
                    shift -= 2;
                    slot = self.nodes[at][((end.y >> shift) % SIDE * SIDE + (end.x >> shift) % SIDE) as usize];
                }
                Content::Node(_) => break self.across(slot, Cell::around(end, shift), (from, to), areas, met),
                Content::Nothing => break Some(Cell::around(end, shift).whole()),
                Content::Leaf(at) => {
                    self.meet(at, (from, to), areas, met);
                    break self.clear(at, Cell::around(end, shift), end, areas);
                }
            }
        };
        met.sort_unstable();
        met.dedup();
        clear
    }

    /// As [`EdgeTree::along`], for a way that passes several children of a cell.
    fn across(&self, slot: Slot, cell: Cell, (from, to): (Coord, Coord), areas: &Areas, met: &mut Met) -> Option<Clear> {
        let way = Segment::new(from, to);
        let end = Step::of(to);
        let mut clear = None;
        let mut stack: SmallVec<[(Slot, Cell); 32]> = smallvec![(slot, cell)];
        while let Some((slot, cell)) = stack.pop() {
            match slot.content() {
                Content::Node(at) => cell.met(&way, |n| stack.push((self.nodes[at][n as usize], cell.child(n)))),
                Content::Leaf(at) => {
                    self.meet(at, (from, to), areas, met);
                    if cell.has(end) {
                        clear = self.clear(at, cell, end, areas);
                    }
                }
                Content::Nothing if cell.has(end) => clear = Some(cell.whole()),
                Content::Nothing => {}
            }
        }
        clear
    }

    /// Adds what a way meets of a leaf's edges.
    #[inline]
    fn meet(&self, leaf: usize, (from, to): (Coord, Coord), areas: &Areas, met: &mut Met) {
        let (start, end) = (Step::of(from), Step::of(to));
        let (low, high) = (start.min(end), start.max(end));
        for run in self.leaves[leaf].as_slice() {
            if run.is_apart(low, high) {
                continue;
            }
            let Some(Some(area)) = areas.get(run.fence as usize) else { continue };
            let corners = &area.vertices[run.start as usize..=run.end as usize];
            for (at, edge) in (run.start..).zip(corners.windows(2)) {
                if let Some(how) = meeting(from, to, edge[0], edge[1]) {
                    met.push((run.fence, at, how));
                }
            }
        }
    }

    /// A rectangle around a place of a leaf that none of its edges meets.
    fn clear(&self, leaf: usize, cell: Cell, at: Step, areas: &Areas) -> Option<Clear> {
        let mut clear = cell.whole();
        for run in self.leaves[leaf].as_slice() {
            if clear.cut(at, run.low, run.high) {
                continue;
            }
            let area = areas.get(run.fence as usize)?.as_ref()?;
            for edge in area.vertices[run.start as usize..=run.end as usize].windows(2) {
                let (a, b) = (Step::of(edge[0]), Step::of(edge[1]));
                if !clear.cut(at, a.min(b), a.max(b)) {
                    return None;
                }
            }
        }
        Some(clear)
    }

    fn add(&mut self, slot: Slot, cell: Cell, runs: &[Run], areas: &Areas) -> Slot {
        if runs.is_empty() {
            return slot;
        }
        match slot.content() {
            Content::Node(at) => {
                for (n, part) in (0u32..).zip(deal(cell, runs, areas)) {
                    self.nodes[at][n as usize] = self.add(self.nodes[at][n as usize], cell.child(n), &part, areas);
                }
                slot
            }
            Content::Leaf(at) => {
                let before = edges(&self.leaves[at]);
                self.leaves[at].extend_from_slice(runs);
                // A leaf that could not be split is not tried again before it has grown to twice as much.
                let grew = before.max(1).ilog2() < edges(&self.leaves[at]).ilog2();
                if grew { self.split(at, cell, areas) } else { slot }
            }
            Content::Nothing => {
                let at = self.free_leaves.pop().unwrap_or_else(|| {
                    self.leaves.push(SmallVec::new());
                    self.leaves.len() - 1
                });
                self.leaves[at] = runs.into();
                self.split(at, cell, areas)
            }
        }
    }

    /// Makes a node of a leaf with too many edges, unless that would only repeat them all over it.
    fn split(&mut self, leaf: usize, cell: Cell, areas: &Areas) -> Slot {
        let count = edges(&self.leaves[leaf]);
        if count <= EDGES_PER_LEAF || cell.shift <= SHIFT_MIN {
            return Slot::leaf(leaf);
        }
        let parts = deal(cell, &self.leaves[leaf], areas);
        let total: usize = parts.iter().map(|part| edges(part)).sum();
        let most = parts.iter().map(|part| edges(part)).max().unwrap_or_default();
        let clear = parts.iter().filter(|part| part.is_empty()).count();
        let parts_them = total <= 2 * count || most <= count / 2;
        if !parts_them && (count > EDGES_TO_CLEAR || clear < parts.len() / 2) {
            return Slot::leaf(leaf);
        }
        self.leaves[leaf] = SmallVec::new();
        self.free_leaves.push(leaf);
        let at = self.free_nodes.pop().unwrap_or_else(|| {
            self.nodes.push(Default::default());
            self.nodes.len() - 1
        });
        for (n, part) in (0u32..).zip(parts) {
            self.nodes[at][n as usize] = self.add(Slot::NOTHING, cell.child(n), &part, areas);
        }
        Slot::node(at)
    }

    fn take(&mut self, slot: Slot, cell: Cell, fence: FenceKey, window: &Segment) -> Slot {
        match slot.content() {
            Content::Nothing => slot,
            Content::Leaf(at) => {
                self.leaves[at].retain(|run| run.fence != fence);
                if !self.leaves[at].is_empty() {
                    return slot;
                }
                self.free_leaves.push(at);
                Slot::NOTHING
            }
            Content::Node(at) => {
                let mut met: SmallVec<[u32; (SIDE * SIDE) as usize]> = SmallVec::new();
                cell.met(window, |n| met.push(n));
                for n in met {
                    self.nodes[at][n as usize] = self.take(self.nodes[at][n as usize], cell.child(n), fence, window);
                }
                if self.nodes[at].iter().any(|slot| *slot != Slot::NOTHING) {
                    return slot;
                }
                self.free_nodes.push(at);
                Slot::NOTHING
            }
        }
    }
}

fn edges(runs: &[Run]) -> usize {
    runs.iter().map(|run| run.len()).sum()
}

/// The runs of each child of a cell.
fn deal(cell: Cell, runs: &[Run], areas: &Areas) -> Children {
    let mut children = Children::default();
    for run in runs {
        let Some(Some(area)) = areas.get(run.fence as usize) else { continue };
        let corners = &area.vertices[run.start as usize..=run.end as usize];
        for (at, edge) in (run.start..).zip(corners.windows(2)) {
            let segment = Segment::new(edge[0], edge[1]);
            cell.met(&segment, |n| {
                let child = &mut children[n as usize];
                match child.last_mut().filter(|last| last.fence == run.fence && last.end == at) {
                    Some(last) => *last = Run { end: at + 1, low: last.low.min(segment.low), high: last.high.max(segment.high), ..*last },
                    None => child.push(Run { fence: run.fence, start: at, end: at + 1, low: segment.low, high: segment.high }),
                }
            });
        }
    }
    children
}
