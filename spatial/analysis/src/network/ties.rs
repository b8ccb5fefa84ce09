//! Which ends and vertices of drawn lines are one node, and where lines are cut into edges.

use super::{Bbox, Budget, Coord, Drawn, Entry, FxBuildHasher, FxHashMap, PackedIndex, Point, Range, WindowIndex};
use crate::{
    AnalysisError,
    distance::{are_points_within, windows_within},
};

/// Nodes, and edges as (line, from, to, vertices).
pub struct Cut {
    pub nodes: Vec<Point>,
    pub names: FxHashMap<String, u32>,
    pub edges: Vec<(u32, u32, u32, Range<usize>)>,
}

/// Each line is one edge, between the nodes that it names.
pub fn by_names(drawn: &Drawn) -> Cut {
    let mut cut = Cut { nodes: Vec::new(), names: FxHashMap::default(), edges: Vec::new() };
    for ((line, range), ends) in drawn.parts.iter().zip(&drawn.ends) {
        let places = [range.start, range.end - 1].map(|at| Point(drawn.vertices[at]));
        let mut node = |name: &String, place: Point| match cut.names.entry(name.clone()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                cut.nodes.push(place);
                *new.insert(cut.nodes.len() as u32 - 1)
            }
        };
        let (from, to) = (node(&ends[0], places[0]), node(&ends[1], places[1]));
        cut.edges.push((*line, from, to, range.clone()));
    }
    cut
}

/// Lines are cut at their ends, at vertices that two of them share, and at vertices that an end is
/// within `snap_m` metres of.
pub fn by_places(drawn: &Drawn, snap_m: f64, budget: &Budget) -> Result<Cut, AnalysisError> {
    let places = Places::of(drawn);
    let mut groups = Groups::new(places.at.len());
    if snap_m > 0.0 {
        places.snap(&mut groups, snap_m, budget)?;
    }
    let mut cut = Cut { nodes: Vec::new(), names: FxHashMap::default(), edges: Vec::new() };
    let mut node_of: FxHashMap<u32, u32> = FxHashMap::default();
    for (line, range) in &drawn.parts {
        let mut start = range.start;
        let mut from = None;
        for at in range.clone() {
            let place = places.of_vertex[at];
            let group = groups.of(place);
            if !places.is_end[place as usize] && places.count[place as usize] < 2 && !groups.is_shared(group) {
                continue;
            }
            let next = cut.nodes.len() as u32;
            let node = *node_of.entry(group).or_insert_with(|| {
                cut.nodes.push(Point(places.at[group as usize]));
                next
            });
            if let Some(from) = from {
                cut.edges.push((*line, from, node, start..at + 1));
            }
            (start, from) = (at, Some(node));
        }
    }
    Ok(cut)
}

/// The different places of all vertices.
struct Places {
    at: Vec<Coord>,
    /// How often lines pass or end there.
    count: Vec<u32>,
    is_end: Vec<bool>,
    /// The part that was there first.
    part: Vec<u32>,
    of_vertex: Vec<u32>,
}

impl Places {
    fn of(drawn: &Drawn) -> Self {
        let mut known: FxHashMap<[u64; 2], u32> = FxHashMap::with_capacity_and_hasher(drawn.vertices.len(), FxBuildHasher);
        let mut places =
            Self { at: Vec::new(), count: Vec::new(), is_end: Vec::new(), part: Vec::new(), of_vertex: vec![0; drawn.vertices.len()] };
        for (part, (_, range)) in (0..).zip(&drawn.parts) {
            for at in range.clone() {
                let c = drawn.vertices[at];
                // 0 and -0 are one place.
                let place = *known.entry([(c.x + 0.0).to_bits(), (c.y + 0.0).to_bits()]).or_insert_with(|| {
                    places.at.push(c);
                    places.count.push(0);
                    places.is_end.push(false);
                    places.part.push(part);
                    places.at.len() as u32 - 1
                });
                places.of_vertex[at] = place;
                places.count[place as usize] += 1;
                places.is_end[place as usize] |= at == range.start || at == range.end - 1;
            }
        }
        places
    }

    /// Ties every end to the vertices near it. A line's own vertices do not count: they are tied
    /// by the line itself.
    fn snap(&self, groups: &mut Groups, snap_m: f64, budget: &Budget) -> Result<(), AnalysisError> {
        let index = PackedIndex::new(self.at.iter().map(|c| Bbox::new(c.x, c.y, c.x, c.y)));
        let is_own = |end: usize, other: usize| self.part[end] == self.part[other] && self.count[other] < 2 && self.count[end] < 2;
        for end in (0..self.at.len()).filter(|place| self.is_end[*place]) {
            budget.time()?;
            let place = Point(self.at[end]);
            for window in windows_within(place, snap_m) {
                index.search(&window, |other, _| {
                    let other = other as usize;
                    if other != end && !is_own(end, other) && are_points_within(place, Point(self.at[other]), snap_m) {
                        groups.join(end as u32, other as u32);
                    }
                });
            }
        }
        Ok(())
    }
}

/// Disjoint sets of places; the first place of a set stands for it.
struct Groups {
    above: Vec<u32>,
    shared: Vec<bool>,
}

impl Groups {
    fn new(count: usize) -> Self {
        Self { above: (0..count as u32).collect(), shared: vec![false; count] }
    }

    fn of(&mut self, mut place: u32) -> u32 {
        while self.above[place as usize] != place {
            let above = self.above[self.above[place as usize] as usize];
            self.above[place as usize] = above;
            place = above;
        }
        place
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.of(a), self.of(b));
        self.above[a.max(b) as usize] = a.min(b);
        self.shared[a.min(b) as usize] = true;
    }

    fn is_shared(&self, group: u32) -> bool {
        self.shared[group as usize]
    }
}
