//! The road network: every cut of the areas is a road, the wider the higher its level, and the
//! plan's axes are rings, radials and expressways. Local roads end at the water, main roads cross
//! it on bridges, and the city's rivers have a road along either bank.

use crate::{
    areas::Areas,
    mesh::Edge,
    names::Names,
    obstacles::{Obstacles, bank_width},
    parcels::{Ground, road_half},
    plan::{Axis, AxisKind, Plan},
    plane::{P, Rng, extent, to_segment},
};

/// One road.
#[derive(Clone, Debug)]
pub(crate) struct Road {
    pub line: Vec<P>,
    pub name: Option<String>,
    /// In OpenStreetMap's words: `motorway`, `trunk`, `primary`, …
    pub class: &'static str,
    pub oneway: bool,
    pub lanes: i64,
    /// Of the carriageway, metres.
    pub width: f64,
    pub bridge: bool,
}

/// Longest way over water that a bridge takes, metres.
const BRIDGE_MAX_M: f64 = 900.0;

/// All roads, main ones first.
pub(crate) fn network(plan: &Plan, areas: &Areas, obstacles: &Obstacles<'_>, grounds: &[Ground]) -> Vec<Road> {
    let mut builder =
        Builder { plan, obstacles, names: Names::new(plan.seed, "road names", 0), rng: Rng::new(plan.seed, "roads", 0), roads: Vec::new() };
    builder.axes(areas);
    builder.borders(areas);
    for class in [Edge::Street, Edge::Community, Edge::Grid] {
        if class == Edge::Community {
            builder.banks(areas);
        }
        for chain in areas.chains.iter().filter(|c| c.class == class) {
            let line = areas.mesh.points(&areas.mesh.expand_chain(&chain.vertices));
            builder.street(&line, class);
        }
    }
    for lane in grounds.iter().flat_map(|g| &g.lanes) {
        if plan.density(lane.from) > 1_000.0 {
            builder.roads.push(Road {
                line: vec![lane.from, lane.to],
                name: None,
                class: "service",
                oneway: false,
                lanes: 1,
                width: lane.half * 2.0 - 1.0,
                bridge: false,
            });
        }
    }
    builder.roads
}

struct Builder<'p> {
    plan: &'p Plan,
    obstacles: &'p Obstacles<'p>,
    names: Names,
    rng: Rng,
    roads: Vec<Road>,
}

impl Builder<'_> {
    /// Rings, radials and expressways, with a vertex wherever another road meets them.
    fn axes(&mut self, areas: &Areas) {
        for (n, axis) in self.plan.axes.iter().enumerate().filter(|(_, a)| !a.kind.is_water()) {
            let (class, lanes) = match axis.kind {
                AxisKind::Expressway => ("motorway", 6),
                AxisKind::Ring => ("trunk", 8),
                _ => ("trunk", 6),
            };
            let line = with_junctions(axis, areas, n);
            for run in within_city(&line, areas) {
                let road = Road {
                    line: run,
                    name: Some(axis.name.to_owned()),
                    class,
                    oneway: false,
                    lanes,
                    width: axis.half[0] * 2.0,
                    bridge: false,
                };
                self.push_dry(road, 0.0, true);
            }
        }
    }

    /// Roads along the borders of districts, where two districts meet.
    fn borders(&mut self, areas: &Areas) {
        for (district, ring) in areas.outlines.iter().enumerate() {
            let n = ring.len();
            // A run of border edges, each border taken from the side that comes first.
            let mut run: Vec<u32> = Vec::new();
            for i in 0..=n {
                let (a, b) = (ring[i % n], ring[(i + 1) % n]);
                let first = areas.outlines[..district].iter().all(|o| !has_edge(o, b, a));
                if i < n && areas.mesh.class(a, b) == Edge::Border && first {
                    if run.is_empty() {
                        run.push(a);
                    }
                    run.push(b);
                } else if run.len() > 1 {
                    let line = areas.mesh.points(&areas.mesh.expand_chain(&run));
                    self.street(&line, Edge::Border);
                    run.clear();
                }
            }
        }
    }

    /// A street: one road for each stretch of one width, all of one name.
    fn street(&mut self, line: &[P], class: Edge) {
        let length: f64 = line.windows(2).map(|w| w[0].distance(w[1])).sum();
        let lived_in = self.plan.density(line[line.len() / 2]) > 900.0 || length > 1_200.0;
        let name = if class == Edge::Grid { lived_in.then(|| self.names.lane()) } else { Some(self.names.road()) };
        let oneway = class == Edge::Grid && self.rng.chance(0.25);
        // The same width as the parcels beside the edge keep clear of.
        let half = |w: &[P]| road_half(class, self.plan.density(w[0].lerp(w[1], 0.5)));
        let mut stretches: Vec<(f64, Vec<P>)> = Vec::new();
        for pair in line.windows(2) {
            match stretches.last_mut() {
                Some((h, stretch)) if *h == half(pair) => stretch.push(pair[1]),
                _ => stretches.push((half(pair), pair.to_vec())),
            }
        }
        for (half, line) in stretches {
            let density = self.plan.density(line[0].lerp(line[1], 0.5));
            let (fclass, lanes) = match (class, density >= 3_000.0, density >= 900.0) {
                (Edge::Street | Edge::Border, true, _) => ("primary", 6),
                (Edge::Street | Edge::Border, _, true) => ("primary", 4),
                (Edge::Street | Edge::Border, ..) => ("secondary", 2),
                (Edge::Community, true, _) => ("secondary", 4),
                (Edge::Community, ..) => ("tertiary", 2),
                (_, true, _) => ("residential", 2),
                (_, _, true) => ("unclassified", 2),
                _ => ("track", 1),
            };
            let road = Road {
                line,
                name: name.clone(),
                class: fclass,
                oneway: oneway && density > 12_000.0,
                lanes,
                width: half * 2.0 - 1.0,
                bridge: false,
            };
            self.push_dry(road, 1.0, class != Edge::Grid);
        }
    }

    /// Roads along both banks of the rivers where people live, and bridges between them.
    fn banks(&mut self, areas: &Areas) {
        for axis in self.plan.axes.iter().filter(|a| a.kind == AxisKind::River) {
            let aside = |i: usize, by: f64| {
                let (a, b) = (axis.line[i.saturating_sub(1)], axis.line[(i + 1).min(axis.line.len() - 1)]);
                axis.line[i] + a.to(b).unit().left() * by
            };
            let bank = bank_width(Some(axis.kind));
            for (side, suffix) in [(1.0, "左岸路"), (-1.0, "右岸路")] {
                let mut run: Vec<P> = Vec::new();
                for i in 0..=axis.line.len() {
                    let lived_in = i < axis.line.len() && self.plan.density(axis.line[i]) > 1_500.0 && in_city(axis.line[i], areas);
                    if lived_in {
                        let p = aside(i, side * (axis.half[i] + bank));
                        // On the inner side of a sharp bend the offset line runs backwards.
                        let forward = run.last().is_none_or(|&q| i > 0 && q.to(p).dot(axis.line[i - 1].to(axis.line[i])) > 0.0);
                        if forward && !self.obstacles.is_wet(p, 0.8) {
                            run.push(p);
                        }
                    } else if run.len() > 1 {
                        let name = Some(format!("{}{suffix}", axis.name));
                        self.push_dry(
                            Road {
                                line: std::mem::take(&mut run),
                                name,
                                class: "secondary",
                                oneway: false,
                                lanes: 2,
                                width: 10.0,
                                bridge: false,
                            },
                            0.6,
                            true,
                        );
                    } else {
                        run.clear();
                    }
                }
            }
            let mut since = 350.0;
            for i in 1..axis.line.len() {
                since += axis.line[i - 1].distance(axis.line[i]);
                let reach = axis.half[i] + bank;
                if since > 720.0
                    && self.plan.density(axis.line[i]) > 2_500.0
                    && in_city(axis.line[i], areas)
                    && !self.obstacles.is_on_axis_road(axis.line[i], reach + 40.0)
                {
                    since = 0.0;
                    let name = Some(self.names.of("桥"));
                    self.roads.push(Road {
                        line: vec![aside(i, reach), aside(i, -reach)],
                        name,
                        class: "secondary",
                        oneway: false,
                        lanes: 4,
                        width: 18.0,
                        bridge: true,
                    });
                }
            }
        }
    }

    /// Adds what of a road is dry; what is not becomes a bridge if bridges are allowed and it is
    /// no longer than a bridge can be.
    fn push_dry(&mut self, road: Road, bank: f64, bridges: bool) {
        if !self.obstacles.may_be_wet(&extent(&road.line)) {
            self.roads.push(road);
            return;
        }
        let pieces = pieces(&road.line, |p| self.obstacles.is_wet(p, bank));
        let count = pieces.len();
        for (i, (line, wet)) in pieces.into_iter().enumerate() {
            let length: f64 = line.windows(2).map(|w| w[0].distance(w[1])).sum();
            // Main roads cross lakes on causeways; streets end at the shore.
            let over_lake =
                self.plan.lake_at(line[0].lerp(line[line.len() - 1], 0.5)).is_some() && !matches!(road.class, "motorway" | "trunk");
            let spans = bridges && i > 0 && i + 1 < count && length < BRIDGE_MAX_M && !over_lake;
            if (!wet && length > 6.0) || (wet && spans) {
                self.roads.push(Road { line, bridge: wet, ..road.clone() });
            }
        }
    }
}

/// Cuts a line where a condition changes, to a decimetre; the pieces share their ends.
fn pieces(line: &[P], is_wet: impl Fn(P) -> bool) -> Vec<(Vec<P>, bool)> {
    let mut state = is_wet(line[0]);
    let mut done = Vec::new();
    let mut piece = vec![line[0]];
    for pair in line.windows(2) {
        let length = pair[0].distance(pair[1]);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of steps")]
        let steps = (length / 9.0).ceil().max(1.0) as u32;
        let mut before = 0.0;
        for k in 1..=steps {
            let t = f64::from(k) / f64::from(steps);
            if is_wet(pair[0].lerp(pair[1], t)) != state {
                let (mut low, mut high) = (before, t);
                while (high - low) * length > 0.05 {
                    let middle = f64::midpoint(low, high);
                    if is_wet(pair[0].lerp(pair[1], middle)) == state { low = middle } else { high = middle }
                }
                let edge = pair[0].lerp(pair[1], if state { high } else { low });
                piece.push(edge);
                done.push((std::mem::replace(&mut piece, vec![edge]), state));
                state = !state;
            }
            before = t;
        }
        piece.push(pair[1]);
    }
    done.push((piece, state));
    for (piece, _) in &mut done {
        piece.dedup();
    }
    done.retain(|(piece, _)| piece.len() > 1);
    done
}

fn has_edge(ring: &[u32], a: u32, b: u32) -> bool {
    (0..ring.len()).any(|i| ring[i] == a && ring[(i + 1) % ring.len()] == b)
}

/// True inside one of the districts.
pub(crate) fn in_city(p: P, areas: &Areas) -> bool {
    areas.district_at(p).is_some()
}

/// The stretches of a line inside the city, by its points.
pub(crate) fn within_city(line: &[P], areas: &Areas) -> Vec<Vec<P>> {
    line.chunk_by(|&a, &b| in_city(a, areas) == in_city(b, areas))
        .filter(|run| run.len() > 1 && in_city(run[0], areas))
        .map(<[P]>::to_vec)
        .collect()
}

/// An axis' line with the vertices of the cuts that follow it put in their places.
fn with_junctions(axis: &Axis, areas: &Areas, number: usize) -> Vec<P> {
    let place = |p: P| {
        let mut best = (f64::INFINITY, 0.0);
        for (i, pair) in axis.line.windows(2).enumerate() {
            let (d, t) = to_segment(p, pair[0], pair[1]);
            if d < best.0 {
                #[expect(clippy::cast_precision_loss, reason = "a few thousand points")]
                let at = i as f64 + t;
                best = (d, at);
            }
        }
        best.1
    };
    let mut points: Vec<(f64, P)> = Vec::new();
    let mut covered: Vec<(f64, f64)> = Vec::new();
    for chain in areas.chains.iter().filter(|c| c.class == Edge::Axis(u16::try_from(number).unwrap_or(u16::MAX))) {
        let placed: Vec<(f64, P)> =
            areas.mesh.points(&areas.mesh.expand_chain(&chain.vertices)).into_iter().map(|p| (place(p), p)).collect();
        let (low, high) = placed.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.0), h.max(p.0)));
        covered.push((low, high));
        points.extend(placed);
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand points")]
    points.extend(
        axis.line
            .iter()
            .enumerate()
            .map(|(i, &p)| (i as f64, p))
            .filter(|(s, _)| !covered.iter().any(|c| c.0 - 0.05 <= *s && *s <= c.1 + 0.05)),
    );
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut line: Vec<P> = points.into_iter().map(|p| p.1).collect();
    line.dedup_by(|a, b| a.distance(*b) < 0.02);
    line
}
