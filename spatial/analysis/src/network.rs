//! Lines as a network: roads, pipes, rivers. Nodes stand where lines meet, edges between them.

use crate::{AnalysisError, Budget, clusters};
use citywall_index::{PackedIndex, WindowIndex};
use citywall_model::{Bbox, FeatureRef, geometry, limits};
use citywall_query::{CollectionView, ItemsQuery};
use geo::{Coord, Distance, Geodesic, Geometry, LineString, Point};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::{collections::hash_map::Entry, ops::Range};

mod kept;
mod locate;
mod passages;
mod reach;
mod ties;

pub use kept::Networks;
pub use locate::Located;
pub use passages::{Cost, Direction, Rules, direction, speed_kmh};
pub use reach::{Passage, Piece, Reach};

/// What ties lines together.
#[derive(Clone, Debug, PartialEq)]
pub enum Ties {
    /// Their places: lines meet where they share a vertex exactly, and where an end of the one is
    /// within so many metres of a vertex of the other. Lines that only cross do not meet: a bridge.
    Places {
        /// The tolerance in metres, at most [`SNAP_M_MAX`].
        snap_m: f64,
    },
    /// Two properties of a line that name the nodes at its ends.
    Names {
        /// The property with the node that it begins at.
        from: String,
        /// The property with the node that it ends at.
        to: String,
    },
}

/// The greatest snap tolerance, in metres.
pub const SNAP_M_MAX: f64 = 50.0;

/// A line of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its number in the collection.
    pub fid: u64,
    /// Its id.
    pub id: String,
}

/// A piece of a line between two nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Which of the lines, as they stand in [`Network::lines`].
    pub line: u32,
    /// The node at its start, as the line is drawn.
    pub from: u32,
    /// The node at its end.
    pub to: u32,
    /// Its vertices.
    shape: Range<usize>,
}

/// A network over the lines of one version of a collection. Immutable; shared between questions.
pub struct Network {
    lines: Vec<Line>,
    nodes: Vec<Point>,
    /// The names of the nodes, if names tie the lines together.
    names: FxHashMap<String, u32>,
    edges: Vec<Edge>,
    /// The vertices of all edges, each with the metres from its edge's start, geodesic.
    vertices: Vec<(Coord, f64)>,
    /// Where the edges of each node begin in `at_node`.
    first: Vec<usize>,
    /// The edges at each node, and whether it is their start.
    at_node: Vec<(u32, bool)>,
    edge_index: PackedIndex,
    node_index: PackedIndex,
}

impl Network {
    /// Reads the lines of a collection and ties them together; other geometries are no part of it.
    /// O(vertices log vertices).
    ///
    /// # Errors
    /// The tolerance is out of range, or a limit is passed ([`limits::NETWORK_VERTICES_MAX`] or the
    /// budget's).
    pub fn read(view: &CollectionView, ties: &Ties, budget: &mut Budget) -> Result<Self, AnalysisError> {
        if let Ties::Places { snap_m } = ties
            && !(0.0..=SNAP_M_MAX).contains(snap_m)
        {
            return Err(AnalysisError::bad("snap", format!("{snap_m} is not between 0 and {SNAP_M_MAX} metres")));
        }
        let mut drawn = Drawn::default();
        let mut stopped = None;
        view.each(&ItemsQuery::default(), |item| {
            stopped = budget.rows(1).err().or_else(|| drawn.take(item, ties).err());
            stopped.is_none()
        });
        if let Some(error) = stopped {
            return Err(error);
        }
        let cut = match ties {
            Ties::Places { snap_m } => ties::by_places(&drawn, *snap_m, budget)?,
            Ties::Names { .. } => ties::by_names(&drawn),
        };
        Ok(Self::of(drawn, cut))
    }

    fn of(drawn: Drawn, cut: ties::Cut) -> Self {
        let ties::Cut { nodes, names, edges } = cut;
        let mut vertices = Vec::with_capacity(drawn.vertices.len() + edges.len());
        let edges: Vec<Edge> = edges
            .into_iter()
            .map(|(line, from, to, range)| {
                let start = vertices.len();
                let mut along_m = 0.0;
                let mut last: Option<Coord> = None;
                for at in &drawn.vertices[range] {
                    along_m += last.map_or(0.0, |last| Geodesic.distance(Point(last), Point(*at)));
                    vertices.push((*at, along_m));
                    last = Some(*at);
                }
                Edge { line, from, to, shape: start..vertices.len() }
            })
            .collect();
        let mut first = vec![0; nodes.len() + 1];
        let ends = || edges.iter().flat_map(|edge| [edge.from, edge.to]);
        ends().for_each(|node| first[node as usize + 1] += 1);
        for node in 1..first.len() {
            first[node] += first[node - 1];
        }
        let mut next = first.clone();
        let mut at_node = vec![(0, false); 2 * edges.len()];
        for (at, edge) in (0..).zip(&edges) {
            for (node, is_start) in [(edge.from, true), (edge.to, false)] {
                at_node[next[node as usize]] = (at, is_start);
                next[node as usize] += 1;
            }
        }
        let bounds = |edge: &Edge| vertices[edge.shape.clone()].iter().fold(Bbox::EMPTY, |bounds, (c, _)| bounds.with(c.x, c.y));
        let edge_index = PackedIndex::new(edges.iter().map(bounds));
        let node_index = clusters::index(&nodes);
        Self { lines: drawn.lines, nodes, names, edges, vertices, first, at_node, edge_index, node_index }
    }

    /// The lines, in the order of their fid.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The edges, line after line as they are drawn.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Where the nodes are: longitude, latitude.
    #[must_use]
    pub fn nodes(&self) -> &[Point] {
        &self.nodes
    }

    /// Metres of an edge, geodesic.
    #[must_use]
    pub fn length_m(&self, edge: u32) -> f64 {
        self.shape(edge).last().map_or(0.0, |(_, along_m)| *along_m)
    }

    /// The node of a name; `None` also where no names tie the lines together.
    #[must_use]
    pub fn node_of_name(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// The part of an edge between two distances from its start, in metres.
    #[must_use]
    pub fn part(&self, edge: u32, from_m: f64, to_m: f64) -> LineString {
        let shape = self.shape(edge);
        let inner = shape.iter().filter(|(_, along_m)| *along_m > from_m && *along_m < to_m).map(|(at, _)| *at);
        let ends = [self.at(edge, from_m), self.at(edge, to_m)];
        LineString(std::iter::once(ends[0]).chain(inner).chain(std::iter::once(ends[1])).collect())
    }

    /// The place on an edge so many metres from its start.
    #[must_use]
    pub fn at(&self, edge: u32, along_m: f64) -> Coord {
        let shape = self.shape(edge);
        let after = shape.partition_point(|(_, vertex_m)| *vertex_m < along_m);
        match (after.checked_sub(1).and_then(|before| shape.get(before)), shape.get(after)) {
            (Some((a, a_m)), Some((b, b_m))) => *a + (*b - *a) * ((along_m - a_m) / (b_m - a_m)),
            (None, Some((at, _))) | (Some((at, _)), None) => *at,
            (None, None) => Coord::default(),
        }
    }

    fn shape(&self, edge: u32) -> &[(Coord, f64)] {
        &self.vertices[self.edges[edge as usize].shape.clone()]
    }

    /// The edges at a node, and whether it is their start.
    fn edges_at(&self, node: u32) -> &[(u32, bool)] {
        &self.at_node[self.first[node as usize]..self.first[node as usize + 1]]
    }
}

/// Lines as they are drawn, before anything ties them together.
#[derive(Default)]
struct Drawn {
    lines: Vec<Line>,
    vertices: Vec<Coord>,
    /// Of each drawn part: its line and its vertices.
    parts: Vec<(u32, Range<usize>)>,
    /// The names of each part's ends.
    ends: Vec<[String; 2]>,
}

impl Drawn {
    fn take(&mut self, item: FeatureRef<'_>, ties: &Ties) -> Result<(), AnalysisError> {
        let parts = match item.geometry().and_then(geometry::to_geo) {
            Some(Geometry::LineString(line)) => vec![line],
            Some(Geometry::MultiLineString(lines)) => lines.0,
            _ => return Ok(()),
        };
        let ends = match ties {
            Ties::Places { .. } => None,
            Ties::Names { from, to } => match (item.text(from), item.text(to)) {
                (Some(from), Some(to)) => Some([from, to]),
                // A line without names is tied to nothing.
                _ => return Ok(()),
            },
        };
        let line = self.lines.len() as u32;
        self.lines.push(Line { fid: item.fid(), id: item.id().into_owned() });
        match ends {
            None => parts.iter().for_each(|part| self.draw(line, &part.0)),
            Some(ends) => {
                let whole: Vec<Coord> = parts.into_iter().flat_map(|part| part.0).collect();
                self.draw(line, &whole);
                if self.parts.last().is_some_and(|(of, _)| *of == line) {
                    self.ends.push(ends);
                }
            }
        }
        if self.vertices.len() > limits::NETWORK_VERTICES_MAX {
            return Err(AnalysisError::limit("NETWORK_VERTICES_MAX", limits::NETWORK_VERTICES_MAX, "take a smaller layer as the network"));
        }
        Ok(())
    }

    fn draw(&mut self, line: u32, part: &[Coord]) {
        let start = self.vertices.len();
        for at in part {
            if self.vertices[start..].last() != Some(at) {
                self.vertices.push(*at);
            }
        }
        // A line of one place leads nowhere.
        if self.vertices.len() - start < 2 {
            self.vertices.truncate(start);
        } else {
            self.parts.push((line, start..self.vertices.len()));
        }
    }
}
