//! `/query/trace`: what lies up- or downstream on a network.

use super::{
    Desk, Operation,
    input::{Field, Input, Kind},
    start::{Start, no_item},
};
use crate::{geojson::write, http::Problem, limits};
use citywall_analysis::{
    Budget,
    network::{Cost, Direction, Located, Network, Passage, Reach, Rules, Ties},
    points::place_of,
};
use citywall_model::limits as engine;
use citywall_query::{CollectionView, ItemsQuery};
use rustc_hash::FxHashSet;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const FIELDS: &[Field] = &[
    Field::needed("network", Kind::Text, "the collection whose lines are the network: pipes, rivers, cables", "pipes"),
    Field::needed("direction", Kind::Text, "down (where it flows to) or up (where it comes from)", "down"),
    Field::optional("place", Kind::Place, "where the trace begins: longitude, latitude; the nearest place on a line within access", ""),
    Field::optional(
        "from-item",
        Kind::Text,
        "or the id of the item where it begins: a line, whose far end it then begins at, or an item that stands at one",
        "p1",
    ),
    Field::optional("from-collection", Kind::Text, "the collection of this item, if it is not the network", ""),
    Field::optional("nodes", Kind::List, "collections whose items stand at the ends of lines: manholes, valves, plants", ""),
    Field::optional("filter", Kind::Filter, "CQL2 that holds of the lines that take part", ""),
    Field::optional("barriers", Kind::List, "ids of lines and of nodes that nothing passes", ""),
    Field::optional("barrier-filter", Kind::Filter, "CQL2 that holds of lines that nothing passes", ""),
    Field::optional("node-barrier-filter", Kind::Filter, "CQL2 that holds of nodes, in each of their collections, that nothing passes", ""),
    Field::optional(
        "flow",
        Kind::Text,
        "the property that says in which direction a line flows: yes, true, 1 or F as it is drawn, -1, reverse or T against it, no, false, 0 or B either way; as it is drawn without one",
        "",
    ),
    Field::optional(
        "from-attribute",
        Kind::Text,
        "the property of a line that names the node where it begins; lines are then tied by names, and a node is named by its id",
        "",
    ),
    Field::optional("to-attribute", Kind::Text, "and the one that names the node where it ends", ""),
    Field::optional(
        "snap",
        Kind::Number,
        "metres within which an end of a line meets a vertex of another, and a node meets an end, 0 to 50; 0.1 without it",
        "",
    ),
    Field::optional("access", Kind::Number, "metres between the start and the nearest line, 0.1 to 5,000; 10 without it", ""),
    Field::optional("distance", Kind::Number, "no further than so many metres along the network", ""),
    Field::optional("sum", Kind::List, "properties whose numbers are summed over the lines reached", ""),
    Field::optional("form", Kind::Text, "features, or ids without geometries and properties; features without it", "ids"),
];

/// `/query/trace`
pub const OPERATION: Operation = Operation {
    id: "trace",
    title: "What lies up- or downstream",
    description: "A FeatureCollection of the lines and nodes that are reached, the nearest first, each with its collection and its distance along the network in metres, geodesic; a line with the length that is reached of it. barriers are the lines and nodes that stopped the trace; a node that stops it is itself reached. totals has the lines, their length, the nodes by collection, and the sums that were asked for: each line counts once.",
    fields: FIELDS,
    is_quick: |_, _| false,
    answer,
};

/// Further than any network reaches, in metres.
const EVERYWHERE_M: f64 = 1e9;
/// How far inside of a line a trace from the line itself begins, so that its neighbours at that end take no part.
const INSIDE_M: f64 = 1e-6;

fn answer(desk: &Desk<'_>, input: &Input) -> Result<String, Problem> {
    let question = Question::read(desk, input)?;
    let views: Vec<&CollectionView> =
        std::iter::once(&question.view).chain(question.start.view()).chain(question.nodes.iter().map(|nodes| &nodes.view)).collect();
    let (traced, revision) = desk.settled(&views, || question.trace())?;
    Ok(json!({
        "type": "FeatureCollection",
        "features": traced.features,
        "numberReturned": traced.features.len(),
        "barriers": traced.barriers,
        "totals": traced.totals,
        "units": {"distance": "m", "length": "m", "lines": "items", "nodes": "items", "sums": "as the property"},
        "revision": revision,
    })
    .to_string())
}

/// A collection of nodes.
struct Nodes {
    view: CollectionView,
    barriers: Option<ItemsQuery>,
}

/// A question, read.
struct Question<'a> {
    desk: &'a Desk<'a>,
    view: CollectionView,
    query: ItemsQuery,
    barrier_query: Option<ItemsQuery>,
    barriers: FxHashSet<String>,
    nodes: Vec<Nodes>,
    start: Start,
    ties: Ties,
    rules: Rules,
    snap_m: f64,
    access_m: f64,
    limit_m: f64,
    sums: Vec<String>,
    only_ids: bool,
}

struct Traced {
    features: Vec<Value>,
    barriers: Vec<Value>,
    totals: Value,
}

impl<'a> Question<'a> {
    fn read(desk: &'a Desk<'a>, input: &Input) -> Result<Self, Problem> {
        let (view, query) = desk.selection(input.text("network").unwrap_or_default(), input.filter("filter")?)?;
        let filtered =
            |name: &str, view: &CollectionView| input.filter(name)?.map(|filter| desk.query(name, view, Some(filter))).transpose();
        let ids = input.list("nodes");
        if ids.len() > limits::QUERY_COLLECTIONS_MAX {
            return Err(Problem::parameter("nodes", format!("more than QUERY_COLLECTIONS_MAX ({})", limits::QUERY_COLLECTIONS_MAX)));
        }
        let nodes = |id: &String| {
            let (view, _) = desk.selection(id, None)?;
            Ok(Nodes { barriers: filtered("node-barrier-filter", &view)?, view })
        };
        let nodes = ids.iter().map(nodes).collect::<Result<_, Problem>>()?;
        let snap_m = input.between("snap", 0.0..=50.0, 0.1)?;
        let ties = match (input.text("from-attribute"), input.text("to-attribute")) {
            (None, None) => Ties::Places { snap_m },
            (Some(from), Some(to)) => Ties::Names { from: from.to_owned(), to: to.to_owned() },
            _ => return Err(Problem::parameter("to-attribute", "give both from-attribute and to-attribute, or none")),
        };
        let up = input.choice("direction", &["down", "up"])? == "up";
        let rules =
            Rules { direction: input.text("flow").map(str::to_owned), without: Direction::Forward, cost: Cost::Metres, towards: up };
        Ok(Self {
            desk,
            barrier_query: filtered("barrier-filter", &view)?,
            barriers: input.list("barriers").into_iter().collect(),
            nodes,
            start: Start::read(desk, input, Some(&view))?,
            view,
            query,
            ties,
            rules,
            snap_m,
            access_m: input.between("access", 0.1..=5_000.0, 10.0)?,
            limit_m: input.between("distance", 0.0..=EVERYWHERE_M, EVERYWHERE_M)?,
            sums: input.list("sum"),
            only_ids: input.choice("form", &["features", "ids"])? == "ids",
        })
    }

    fn trace(&self) -> Result<Traced, Problem> {
        let mut budget = self.desk.budget();
        let network: Arc<Network> = self.desk.networks.of(&self.view, &self.ties, &mut budget)?;
        let open = network.passages(&self.view, &self.query, &self.rules, &mut budget)?;
        let mut passages = open.clone();
        self.close(&network, &mut passages, &mut budget)?;
        let standing = self.standing(&network, &mut budget)?;
        let start = self.begin(&network, &passages)?;
        let start_node = (start.along_m == 0.0).then(|| network.edges()[start.edge as usize].from);
        let start_node =
            start_node.or_else(|| (start.along_m >= network.length_m(start.edge)).then(|| network.edges()[start.edge as usize].to));
        let leads_on = |node: u32| start_node == Some(node) || !standing.closed.contains(&node);
        let reach = network.reach(&passages, start, self.limit_m, leads_on, &budget)?;
        let (mut found, mut totals) = self.lines(&network, &reach, leads_on)?;
        let mut barriers: Vec<Value> = Vec::new();
        for (line, edge) in network.edges().iter().enumerate().map(|(at, edge)| (edge.line as usize, at as u32)) {
            // A closed line that the trace came to.
            let Some(passage) = open[line].filter(|_| passages[line].is_none()) else { continue };
            let edge = &network.edges()[edge as usize];
            let comes = |is_open: bool, node: u32| is_open && leads_on(node) && reach.cost_of_node(node) <= self.limit_m;
            if comes(passage.forward, edge.from) || comes(passage.backward, edge.to) {
                let barrier = json!({"collection": self.view.id().as_str(), "id": network.lines()[line].id});
                if barriers.last() != Some(&barrier) {
                    barriers.push(barrier);
                }
            }
        }
        let mut counts = Map::new();
        for (nodes, items) in self.nodes.iter().zip(&standing.items) {
            let id = nodes.view.id().as_str();
            let mut count = 0u64;
            for (node, fid) in items {
                let distance_m = reach.cost_of_node(*node);
                if distance_m > self.limit_m {
                    continue;
                }
                count += 1;
                if let Some(mut feature) = nodes.view.item_by_fid(*fid, |item| self.written(item)) {
                    feature["collection"] = id.into();
                    feature["distance"] = distance_m.into();
                    if standing.closed_items.contains(&(id, *fid)) && start_node != Some(*node) {
                        barriers.push(json!({"collection": id, "id": feature["id"]}));
                    }
                    found.push((distance_m, feature));
                }
            }
            counts.insert(id.to_owned(), count.into());
        }
        if found.len() > engine::ITEMS_LIMIT_MAX && !self.only_ids {
            return Err(Problem::new(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                format!(
                    "the question passes ITEMS_LIMIT_MAX ({}): ask for ids, for a distance, or narrow the filter",
                    engine::ITEMS_LIMIT_MAX
                ),
            ));
        }
        totals["nodes"] = counts.into();
        // A stable sort: what is equally far stays in the order of the network and of the nodes.
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Traced { features: found.into_iter().map(|(_, feature)| feature).collect(), barriers, totals })
    }

    /// Takes out the lines that nothing passes.
    fn close(&self, network: &Network, passages: &mut [Option<Passage>], budget: &mut Budget) -> Result<(), Problem> {
        if let Some(query) = &self.barrier_query {
            let closed = network.passages(&self.view, query, &self.rules, budget)?;
            passages.iter_mut().zip(closed).filter(|(_, closed)| closed.is_some()).for_each(|(passage, _)| *passage = None);
        }
        let named = network.lines().iter().map(|line| self.barriers.contains(&line.id));
        passages.iter_mut().zip(named).filter(|(_, named)| *named).for_each(|(passage, _)| *passage = None);
        Ok(())
    }

    /// Which items stand at which nodes, and which of them nothing passes.
    fn standing(&self, network: &Network, budget: &mut Budget) -> Result<Standing<'_>, Problem> {
        let mut standing = Standing::default();
        for nodes in &self.nodes {
            let id = nodes.view.id().as_str();
            let mut closed = FxHashSet::default();
            if let Some(query) = &nodes.barriers {
                nodes.view.each(query, |item| {
                    closed.insert(item.fid());
                    true
                });
            }
            let (mut items, mut stopped) = (Vec::new(), None);
            nodes.view.each(&ItemsQuery::default(), |item| {
                stopped = budget.rows(1).err();
                let node = match self.ties {
                    Ties::Names { .. } => network.node_of_name(&item.id()),
                    Ties::Places { .. } => {
                        item.geometry().and_then(place_of).and_then(|place| network.node_near(place, self.snap_m.max(0.001)))
                    }
                };
                if let Some(node) = node {
                    items.push((node, item.fid()));
                    if closed.contains(&item.fid()) || self.barriers.contains(&*item.id()) {
                        standing.closed.insert(node);
                        standing.closed_items.insert((id, item.fid()));
                    }
                }
                stopped.is_none()
            });
            if let Some(error) = stopped {
                return Err(error.into());
            }
            standing.items.push(items);
        }
        Ok(standing)
    }

    /// Where on the network the trace begins.
    fn begin(&self, network: &Network, passages: &[Option<Passage>]) -> Result<Located, Problem> {
        let is_open = |edge: u32| passages[network.edges()[edge as usize].line as usize].is_some();
        let nowhere = || Problem::parameter("from-item", "the item stands at no line that takes part");
        if let Start::Item(view, id) = &self.start {
            if view.id() == self.view.id() {
                let fid = view.item(id, |item| item.fid()).ok_or_else(|| no_item(view, id))?;
                return from_line(network, passages, fid).ok_or_else(nowhere);
            }
            if matches!(self.ties, Ties::Names { .. }) {
                view.item(id, |_| ()).ok_or_else(|| no_item(view, id))?;
                return network.node_of_name(id).and_then(|node| network.located_at(node, is_open)).ok_or_else(nowhere);
            }
        }
        let place = self.start.place()?;
        let node = network.node_near(place, self.snap_m.max(0.001)).and_then(|node| network.located_at(node, is_open));
        node.or_else(|| network.locate(place, self.access_m, is_open))
            .ok_or_else(|| Problem::parameter("access", format!("no line that takes part is within {} m of the start", self.access_m)))
    }

    /// The lines reached, and their totals.
    fn lines(&self, network: &Network, reach: &Reach<'_>, leads_on: impl Fn(u32) -> bool) -> Result<(Vec<(f64, Value)>, Value), Problem> {
        // Line after line, since the pieces are.
        let mut reached: Vec<(u32, f64, f64)> = Vec::new();
        for piece in reach.pieces(self.limit_m, &leads_on) {
            let line = network.edges()[piece.edge as usize].line;
            let (nearest, length_m) = (reach.entered(piece.edge, &leads_on), piece.to_m - piece.from_m);
            match reached.last_mut().filter(|last| last.0 == line) {
                Some(last) => *last = (line, last.1.min(nearest), last.2 + length_m),
                None => reached.push((line, nearest, length_m)),
            }
        }
        let mut sums: Vec<(&str, f64)> = self.sums.iter().map(|name| (name.as_str(), 0.0)).collect();
        let mut found = Vec::new();
        for (line, distance_m, length_m) in &reached {
            let of = self.view.item_by_fid(network.lines()[*line as usize].fid, |item| {
                sums.iter_mut().for_each(|(name, sum)| *sum += item.number(name).filter(|number| number.is_finite()).unwrap_or(0.0));
                self.written(item)
            });
            if let Some(mut feature) = of {
                feature["collection"] = self.view.id().as_str().into();
                feature["distance"] = (*distance_m).into();
                feature["length"] = (*length_m).into();
                found.push((*distance_m, feature));
            }
        }
        let length_m: f64 = reached.iter().map(|(.., length_m)| length_m).sum();
        let sums: Map<String, Value> = sums.into_iter().map(|(name, sum)| (name.to_owned(), sum.into())).collect();
        Ok((found, json!({"lines": reached.len(), "length": length_m, "sums": sums})))
    }

    fn written(&self, item: citywall_model::FeatureRef<'_>) -> Value {
        if self.only_ids {
            json!({"type": "Feature", "id": item.id(), "geometry": null, "properties": null})
        } else {
            write::feature_value(item)
        }
    }
}

/// Items at the nodes of a network.
#[derive(Default)]
struct Standing<'a> {
    /// Of each collection the nodes and the fids that stand there.
    items: Vec<Vec<(u32, u64)>>,
    /// Nodes that nothing passes.
    closed: FxHashSet<u32>,
    closed_items: FxHashSet<(&'a str, u64)>,
}

/// The end of a line that the way through it begins at, just inside of it.
fn from_line(network: &Network, passages: &[Option<Passage>], fid: u64) -> Option<Located> {
    let line = network.lines().iter().position(|line| line.fid == fid)?;
    let passage = passages[line]?;
    let of_line = |edge: &&citywall_analysis::network::Edge| edge.line as usize == line;
    let first = network.edges().iter().position(|edge| of_line(&edge))?;
    let last = network.edges().iter().rposition(|edge| of_line(&edge))?;
    let (edge, at_start) = if passage.forward { (first as u32, true) } else { (last as u32, false) };
    let length_m = network.length_m(edge);
    let inside_m = INSIDE_M.min(length_m / 2.0);
    Some(Located { edge, along_m: if at_start { inside_m } else { length_m - inside_m }, away_m: 0.0 })
}
