//! How far one gets on a network: E. W. Dijkstra, “A note on two problems in connexion with
//! graphs”, 1959, with a binary heap over the edges at each node.

use super::{Budget, Located, Network};
use crate::AnalysisError;
use std::{cmp::Ordering, collections::BinaryHeap};

/// How an edge's line may be passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passage {
    /// As it is drawn.
    pub forward: bool,
    /// Against it.
    pub backward: bool,
    /// What a metre costs, greater than 0: 1 for metres, or seconds.
    pub per_m: f64,
}

impl Passage {
    /// The same for who comes from the other side.
    #[must_use]
    pub fn turned(self) -> Self {
        Self { forward: self.backward, backward: self.forward, ..self }
    }

    fn is_open(self) -> bool {
        self.forward || self.backward
    }
}

/// A part of an edge that is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// The edge.
    pub edge: u32,
    /// Metres from its start at which the part begins.
    pub from_m: f64,
    /// Metres from its start at which it ends.
    pub to_m: f64,
}

/// What is reached from where.
pub struct Reach<'a> {
    network: &'a Network,
    passages: &'a [Option<Passage>],
    start: Located,
    /// The least cost to each node; infinite where it is not reached.
    costs: Vec<f64>,
}

impl Network {
    /// The least cost from a place on the network to each node, up to `limit`. `passages` says of
    /// each line how it is passed, `None` for not at all; a node that does not lead on is reached but
    /// not left. O(edges log edges) of those within the limit.
    ///
    /// # Errors
    /// The time is over.
    pub fn reach<'a>(
        &'a self,
        passages: &'a [Option<Passage>],
        start: Located,
        limit: f64,
        leads_on: impl Fn(u32) -> bool,
        budget: &Budget,
    ) -> Result<Reach<'a>, AnalysisError> {
        let mut reach = Reach { network: self, passages, start, costs: vec![f64::INFINITY; self.nodes.len()] };
        let mut queue = BinaryHeap::new();
        for (node, cost) in reach.ends_from_start() {
            if cost <= limit && cost < reach.costs[node as usize] {
                reach.costs[node as usize] = cost;
                queue.push(Next { cost, node });
            }
        }
        let mut looked = 0u32;
        while let Some(Next { cost, node }) = queue.pop() {
            looked = looked.wrapping_add(1);
            if looked.is_multiple_of(4096) {
                budget.time()?;
            }
            if cost > reach.costs[node as usize] || !leads_on(node) {
                continue;
            }
            for (at, is_start) in self.edges_at(node) {
                let edge = &self.edges[*at as usize];
                let Some(passage) = passages[edge.line as usize] else { continue };
                let (open, other) = if *is_start { (passage.forward, edge.to) } else { (passage.backward, edge.from) };
                let cost = cost + self.length_m(*at) * passage.per_m;
                if open && cost <= limit && cost < reach.costs[other as usize] {
                    reach.costs[other as usize] = cost;
                    queue.push(Next { cost, node: other });
                }
            }
        }
        Ok(reach)
    }
}

impl Reach<'_> {
    /// The least cost to a node; infinite where it is not reached.
    #[must_use]
    pub fn cost_of_node(&self, node: u32) -> f64 {
        self.costs[node as usize]
    }

    /// The least cost to a place on the network; infinite where it is not reached.
    #[must_use]
    pub fn cost(&self, place: Located) -> f64 {
        let Some(passage) = self.passage(place.edge) else { return f64::INFINITY };
        let edge = &self.network.edges[place.edge as usize];
        let length_m = self.network.length_m(place.edge);
        let mut least = f64::INFINITY;
        let mut take = |open: bool, cost: f64| {
            if open {
                least = least.min(cost);
            }
        };
        // At its very ends an edge needs no passage.
        take(passage.forward || place.along_m <= 0.0, self.costs[edge.from as usize] + place.along_m * passage.per_m);
        take(passage.backward || place.along_m >= length_m, self.costs[edge.to as usize] + (length_m - place.along_m) * passage.per_m);
        if place.edge == self.start.edge {
            let ahead_m = place.along_m - self.start.along_m;
            take(if ahead_m >= 0.0 { passage.forward } else { passage.backward }, ahead_m.abs() * passage.per_m);
            take(ahead_m == 0.0, 0.0);
        }
        least
    }

    /// The least cost at which an edge is entered; infinite where it is not. `leads_on` as in
    /// [`Network::reach`].
    #[must_use]
    pub fn entered(&self, edge: u32, leads_on: impl Fn(u32) -> bool) -> f64 {
        let Some(passage) = self.passage(edge) else { return f64::INFINITY };
        if edge == self.start.edge {
            return 0.0;
        }
        let ends = &self.network.edges[edge as usize];
        let open = [(passage.forward, ends.from), (passage.backward, ends.to)].into_iter().filter(|(open, node)| *open && leads_on(*node));
        open.map(|(_, node)| self.costs[node as usize]).fold(f64::INFINITY, f64::min)
    }

    /// The parts of the network that are reached within a cost, which must not be above that of the
    /// reach, in the order of the edges and along them. `leads_on` as in [`Network::reach`]. O(edges).
    #[must_use]
    pub fn pieces(&self, limit: f64, leads_on: impl Fn(u32) -> bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (at, edge) in (0u32..).zip(&self.network.edges) {
            let Some(passage) = self.passage(at) else { continue };
            let length_m = self.network.length_m(at);
            let left_m = |node: u32| (limit - self.costs[node as usize]) / passage.per_m;
            let mut spans: Vec<(f64, f64)> = Vec::new();
            if passage.forward && left_m(edge.from) >= 0.0 && leads_on(edge.from) {
                spans.push((0.0, left_m(edge.from).min(length_m)));
            }
            if passage.backward && left_m(edge.to) >= 0.0 && leads_on(edge.to) {
                spans.push(((length_m - left_m(edge.to)).max(0.0), length_m));
            }
            if at == self.start.edge && limit >= 0.0 {
                let (from, far) = (self.start.along_m, limit / passage.per_m);
                let back = if passage.backward { (from - far).max(0.0) } else { from };
                let ahead = if passage.forward { (from + far).min(length_m) } else { from };
                spans.push((back, ahead));
            }
            spans.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut last: Option<Piece> = None;
            for (from_m, to_m) in spans.into_iter().filter(|(from_m, to_m)| to_m > from_m) {
                match &mut last {
                    Some(piece) if from_m <= piece.to_m => piece.to_m = piece.to_m.max(to_m),
                    _ => pieces.extend(last.replace(Piece { edge: at, from_m, to_m })),
                }
            }
            pieces.extend(last);
        }
        pieces
    }

    fn passage(&self, edge: u32) -> Option<Passage> {
        self.passages[self.network.edges[edge as usize].line as usize].filter(|passage| passage.is_open())
    }

    /// The nodes at the ends of the edge where the way begins, with what it costs to get there.
    fn ends_from_start(&self) -> Vec<(u32, f64)> {
        let Some(passage) = self.passage(self.start.edge) else { return Vec::new() };
        let edge = &self.network.edges[self.start.edge as usize];
        let (back_m, ahead_m) = (self.start.along_m, self.network.length_m(self.start.edge) - self.start.along_m);
        let ends = [(passage.backward, edge.from, back_m), (passage.forward, edge.to, ahead_m)];
        // Who stands at a node already needs no passage to it.
        ends.into_iter()
            .filter(|(open, _, away_m)| *open || *away_m <= 0.0)
            .map(|(_, node, away_m)| (node, away_m * passage.per_m))
            .collect()
    }
}

/// A node to go on from, the cheapest first; of equally cheap ones the first.
#[derive(PartialEq)]
struct Next {
    cost: f64,
    node: u32,
}

impl Eq for Next {}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        other.cost.total_cmp(&self.cost).then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
