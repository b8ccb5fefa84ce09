//! Streets, communities and unit grids: the districts divided again and again, each level nested
//! in the one above without gaps or overlaps (see [`crate::mesh`]).
//!
//! A ring that is to hold `n` areas is cut in two, along an axis of the plan where one divides it
//! well, else across its shorter side in the direction of the local street grain, so that both
//! sides get people in proportion to the areas that they will hold; and so on down to one.

use crate::{
    DemoError,
    districts::{self, District},
    mesh::{Cut, Edge, Mesh, Vertex},
    names::Names,
    plan::Plan,
    plane::{P, Rng, centroid, edges, extent, inside},
};
use citywall_model::Bbox;
use rustc_hash::FxHashMap;

/// How many streets (街道 and 镇) the district table adds up to.
#[cfg(test)]
pub(crate) const STREETS: usize = 281;
/// How many communities and unit grids the city has, and people.
pub(crate) const COMMUNITIES: usize = 6_127;
pub(crate) const GRIDS: usize = 20_795;
const PEOPLE: u64 = 13_600_000;

/// One area of a generated level.
pub(crate) struct Area {
    pub code: String,
    pub name: String,
    /// Its number in the level above.
    pub parent: usize,
    pub ring: Vec<Vertex>,
    pub people: u64,
}

/// The path of one cut: a road, or part of an axis.
pub(crate) struct Chain {
    pub class: Edge,
    pub vertices: Vec<Vertex>,
}

/// All four levels.
pub(crate) struct Areas {
    pub mesh: Mesh,
    pub districts: Vec<District>,
    pub outlines: Vec<Vec<Vertex>>,
    shapes: Vec<(Bbox, Vec<P>)>,
    pub streets: Vec<Area>,
    pub communities: Vec<Area>,
    pub grids: Vec<Area>,
    pub chains: Vec<Chain>,
}

impl Areas {
    pub fn new(plan: &Plan) -> Result<Self, DemoError> {
        let districts = districts::read()?;
        let mut mesh = Mesh::default();
        let mut known = FxHashMap::default();
        let outlines: Vec<Vec<Vertex>> = districts
            .iter()
            .map(|d| {
                let mut ring: Vec<Vertex> = d.ring.iter().map(|&at| *known.entry(at).or_insert_with(|| mesh.add(at))).collect();
                if mesh.area2(&ring) < 0 {
                    ring.reverse();
                }
                mesh.outline(&ring);
                ring
            })
            .collect();
        let mut divider = Divider { mesh, plan, chains: Vec::new() };
        let axes: Vec<u16> = (0..u16::try_from(plan.axes.len()).unwrap_or(u16::MAX)).collect();

        let mut streets = Vec::new();
        for (parent, (district, ring)) in districts.iter().zip(&outlines).enumerate() {
            let mut rings = Vec::new();
            divider.divide(
                ring.clone(),
                district.streets,
                Edge::Street,
                &axes,
                &mut Rng::new(plan.seed, "streets", parent as u64),
                &mut rings,
            )?;
            streets.extend(divider.number(rings).into_iter().map(|ring| Area {
                code: String::new(),
                name: String::new(),
                parent,
                ring,
                people: 0,
            }));
        }
        let communities = divider.level(&streets, COMMUNITIES, 150, Edge::Community, "communities", &axes)?;
        let mut grids = divider.level(&communities, GRIDS, 99, Edge::Grid, "grids", &axes)?;

        let weights: Vec<f64> = grids.iter().map(|g| divider.people(&g.ring)).collect();
        #[expect(clippy::cast_possible_truncation, reason = "people of a city")]
        for (grid, people) in grids.iter_mut().zip(apportion(PEOPLE as usize, &weights, 0, usize::MAX)) {
            grid.people = people as u64;
        }
        let Divider { mesh, chains, .. } = divider;
        let shapes = outlines.iter().map(|o| mesh.points(o)).map(|ring| (extent(&ring), ring)).collect();
        let mut areas = Self { mesh, districts, outlines, shapes, streets, communities, grids, chains };
        areas.sum_people();
        areas.name(plan);
        Ok(areas)
    }

    fn sum_people(&mut self) {
        for g in &self.grids {
            self.communities[g.parent].people += g.people;
        }
        for c in &self.communities {
            self.streets[c.parent].people += c.people;
        }
    }

    /// The district that holds a point, by its number.
    pub fn district_at(&self, p: P) -> Option<usize> {
        let at = Bbox::EMPTY.with(p.x, p.y);
        self.shapes.iter().position(|(bounds, ring)| bounds.contains(&at) && inside(ring, p))
    }

    /// People of a district.
    pub fn people(&self, district: usize) -> u64 {
        self.streets.iter().filter(|s| s.parent == district).map(|s| s.people).sum()
    }

    /// Codes by the rules of the field: six digits of the district, three of the street (from 001
    /// for 街道, from 100 for 镇), three of the community (from 001 for 居委, from 200 for 村委),
    /// two of the grid.
    fn name(&mut self, plan: &Plan) {
        let density = |mesh: &Mesh, ring: &[Vertex]| plan.density(centroid(&mesh.points(ring)));
        let mut names = Names::new(plan.seed, "street names", 0);
        let mut next: FxHashMap<(usize, bool), u32> = FxHashMap::default();
        for s in &mut self.streets {
            let town = density(&self.mesh, &s.ring) < 2_500.0;
            let n = next.entry((s.parent, town)).and_modify(|n| *n += 1).or_insert(if town { 100 } else { 1 });
            s.code = format!("{}{n:03}", self.districts[s.parent].code);
            s.name = names.street(town);
        }
        next.clear();
        let mut names: Vec<Names> = (0..self.streets.len()).map(|i| Names::new(plan.seed, "community names", i as u64)).collect();
        for c in &mut self.communities {
            let village = density(&self.mesh, &c.ring) < 1_800.0;
            let n = next.entry((c.parent, village)).and_modify(|n| *n += 1).or_insert(if village { 200 } else { 1 });
            c.code = format!("{}{n:03}", self.streets[c.parent].code);
            c.name = names[c.parent].community(village);
        }
        let mut last = vec![0u32; self.communities.len()];
        for g in &mut self.grids {
            last[g.parent] += 1;
            g.code = format!("{}{:02}", self.communities[g.parent].code, last[g.parent]);
            g.name = format!("{}第{}网格", self.communities[g.parent].name, last[g.parent]);
        }
    }
}

struct Divider<'p> {
    mesh: Mesh,
    plan: &'p Plan,
    chains: Vec<Chain>,
}

/// What can be said of a way to cut before it is made.
struct Option2 {
    score: f64,
    cut: Cut,
    left: usize,
    class: Edge,
}

impl Divider<'_> {
    fn level(
        &mut self,
        parents: &[Area],
        count: usize,
        most: usize,
        class: Edge,
        purpose: &str,
        axes: &[u16],
    ) -> Result<Vec<Area>, DemoError> {
        let weights: Vec<f64> = parents
            .iter()
            .map(|p| {
                let (points, samples) = self.samples(&p.ring, 60);
                crate::plane::area(&points).abs() * samples.iter().map(|s| s.1).sum::<f64>() / samples.len() as f64
            })
            .collect();
        let mut areas = Vec::with_capacity(count);
        for (parent, n) in apportion(count, &weights, 1, most).into_iter().enumerate() {
            let mut rings = Vec::with_capacity(n);
            let ring = parents[parent].ring.clone();
            self.divide(ring, n, class, axes, &mut Rng::new(self.plan.seed, purpose, parent as u64), &mut rings)?;
            areas.extend(self.number(rings).into_iter().map(|ring| Area {
                code: String::new(),
                name: String::new(),
                parent,
                ring,
                people: 0,
            }));
        }
        Ok(areas)
    }

    fn divide(
        &mut self,
        ring: Vec<Vertex>,
        n: usize,
        class: Edge,
        axes: &[u16],
        rng: &mut Rng,
        done: &mut Vec<Vec<Vertex>>,
    ) -> Result<(), DemoError> {
        self.divide_sampled(ring, n, class, axes, rng, done, Vec::new())
    }

    #[expect(clippy::too_many_arguments, reason = "one recursive step; the alternatives are a struct used once")]
    fn divide_sampled(
        &mut self,
        ring: Vec<Vertex>,
        n: usize,
        class: Edge,
        axes: &[u16],
        rng: &mut Rng,
        done: &mut Vec<Vec<Vertex>>,
        inherited: Vec<(P, f64)>,
    ) -> Result<(), DemoError> {
        if n == 1 {
            done.push(ring);
            return Ok(());
        }
        // What is left of the whole's samples serves while there are enough of them.
        let (points, samples) = if inherited.len() >= 40 + 8 * n.min(20) {
            (self.mesh.points(&self.mesh.expand(&ring)), inherited)
        } else {
            self.samples(&ring, if class == Edge::Street { 2_000 } else { 60 + 20 * n.min(20) })
        };
        let bounds = extent(&points);
        let axes: Vec<u16> =
            axes.iter().copied().filter(|&a| self.plan.axes[a as usize].line.windows(2).any(|s| extent(s).intersects(&bounds))).collect();
        let choice = self.along_axis(&ring, &points, &samples, n, &axes).or_else(|| self.across(&ring, &points, &samples, n, class, rng));
        let Some(choice) = choice else {
            return Err(DemoError::Cut { place: centroid(&points).to_degrees(), parts: n });
        };
        let side = &choice.cut.preview(&self.mesh)[0];
        let (left, right): (Vec<_>, Vec<_>) = samples.into_iter().partition(|s| inside(side, s.0));
        let Some(halves) = self.mesh.cut(choice.cut, choice.class) else {
            return Err(DemoError::Cut { place: centroid(&points).to_degrees(), parts: n });
        };
        self.chains.push(Chain { class: choice.class, vertices: halves.chain });
        self.divide_sampled(halves.left, choice.left, class, &axes, rng, done, left)?;
        self.divide_sampled(halves.right, n - choice.left, class, &axes, rng, done, right)
    }

    /// The first axis that divides the ring into two parts worth having.
    fn along_axis(&self, ring: &[Vertex], points: &[P], samples: &[(P, f64)], n: usize, axes: &[u16]) -> Option<Option2> {
        let size = crate::plane::area(points).abs().sqrt();
        axes.iter().find_map(|&a| {
            let cut = self.mesh.plan_cut(ring, &self.plan.axes[a as usize].line, 4.0)?;
            let share = share(&cut.preview(&self.mesh)[0], samples) * n as f64;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to n")]
            let left = (share.round() as usize).clamp(1, n - 1);
            let off = (share - left as f64).abs() / left.min(n - left) as f64;
            (off < 0.5 && cut.length() > 0.45 * size && cut.length() < 3.5 * size).then_some(Option2 {
                score: 0.0,
                cut,
                left,
                class: Edge::Axis(a),
            })
        })
    }

    /// The best of a few straight cuts across the ring.
    fn across(&self, ring: &[Vertex], points: &[P], samples: &[(P, f64)], n: usize, class: Edge, rng: &mut Rng) -> Option<Option2> {
        let centre = centroid(points);
        let (grain, organic) = self.plan.grain(centre);
        let size = crate::plane::area(points).abs().sqrt();
        let longest = edges(points).map(|(a, b)| a.to(b)).max_by(|a, b| a.length().total_cmp(&b.length())).unwrap_or(grain).unit();
        let mut ways = vec![(grain, 0.0), (grain.left(), 0.0), (longest, 0.12), (longest.left(), 0.12)];
        let mut best: Option<Option2> = None;
        for attempt in 0..5 {
            for &(way, cost) in &ways {
                let way = way.turn(crate::plane::direction(rng.bell() * 0.045 * organic));
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to n")]
                let left = ((n as f64 * (0.5 + if n > 4 { 0.12 * rng.bell() } else { 0.0 })).round() as usize + n % 2 * rng.below(2))
                    .clamp(1, n - 1);
                let snap = [0.16, 0.05][usize::from(attempt > 0)] * size / (n as f64).sqrt();
                let Some(cut) = self.straight(ring, samples, way, left as f64 / n as f64, size, snap) else { continue };
                let share = share(&cut.preview(&self.mesh)[0], samples) * n as f64;
                // The side that the cut calls left may be either side of the line.
                let left = if (share - left as f64).abs() <= (share - (n - left) as f64).abs() { left } else { n - left };
                let off = (share - left as f64).abs() / left.min(n - left) as f64;
                let score = cut.length() / size + 1.6 * off + cost + 0.08 * rng.unit();
                if best.as_ref().is_none_or(|b| score < b.score) {
                    best = Some(Option2 { score, cut, left, class });
                }
            }
            if best.as_ref().is_some_and(|b| b.score < 2.2) || (attempt > 2 && best.is_some()) {
                break;
            }
            // A difficult ring: try other directions.
            ways = (0..8).map(|_| (crate::plane::direction(rng.unit()), 0.0)).collect();
        }
        let mut best = best?;
        let length = best.cut.length();
        if length > 500.0 && class != Edge::Grid {
            let (sway, skew) = (rng.bell() * (0.02 + 0.05 * organic), rng.bell() * 0.03);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a handful")]
            let count = ((length / 400.0) as usize).clamp(3, 24);
            if let Some(bent) = best.cut.bent(&self.mesh, count, |t| length * 4.0 * t * (1.0 - t) * (sway + skew * (1.0 - 2.0 * t) * 2.0)) {
                best.cut = bent;
            }
        }
        Some(best)
    }

    /// The straight line in a direction that has a given share of the people on one side.
    fn straight(&self, ring: &[Vertex], samples: &[(P, f64)], way: P, part: f64, size: f64, snap: f64) -> Option<Cut> {
        let normal = way.left();
        let mut along: Vec<(f64, f64)> = samples.iter().map(|&(p, w)| (p.dot(normal), w)).collect();
        along.sort_by(|a, b| a.0.total_cmp(&b.0));
        let goal = along.iter().map(|a| a.1).sum::<f64>() * part;
        let mut sum = 0.0;
        let offset = along
            .iter()
            .find(|a| {
                sum += a.1;
                sum >= goal
            })
            .map(|a| a.0)?;
        let far = 40.0 * size + 60_000.0;
        let foot = normal * offset + way * samples[0].0.dot(way);
        self.mesh.plan_cut(ring, &[foot - way * far, foot + way * far], snap)
    }

    /// Points spread over a ring, each with its weight: what a cut is to divide evenly.
    fn samples(&self, ring: &[Vertex], count: usize) -> (Vec<P>, Vec<(P, f64)>) {
        let points = self.mesh.points(&self.mesh.expand(ring));
        let bounds = extent(&points);
        let mut step = (crate::plane::area(&points).abs() / count as f64).sqrt().max(0.5);
        loop {
            let mut samples = Vec::with_capacity(count * 2);
            let mut y = bounds.y_min + step / 2.0;
            while y < bounds.y_max {
                let mut x = bounds.x_min + step / 2.0;
                while x < bounds.x_max {
                    let p = P::new(x, y);
                    if inside(&points, p) {
                        samples.push((p, self.weight(p)));
                    }
                    x += step;
                }
                y += step;
            }
            if samples.len() >= count / 2 || step < 1.0 {
                if samples.is_empty() {
                    samples.push((centroid(&points), 1.0));
                }
                return (points, samples);
            }
            step *= 0.7;
        }
    }

    /// Sparse country gets larger areas, but not as much larger as it has fewer people.
    fn weight(&self, p: P) -> f64 {
        let root = self.plan.density(p).sqrt();
        let weight = root * root.sqrt();
        if self.plan.lake_at(p).is_some() { weight * 0.05 } else { weight }
    }

    fn people(&self, ring: &[Vertex]) -> f64 {
        let (points, samples) = self.samples(ring, 12);
        let mean =
            samples.iter().filter(|s| self.plan.lake_at(s.0).is_none()).map(|s| self.plan.density(s.0)).sum::<f64>() / samples.len() as f64;
        mean * crate::plane::area(&points).abs()
    }

    /// Puts rings in the order in which they are numbered: bands from north to south, each from
    /// west to east.
    fn number(&self, rings: Vec<Vec<Vertex>>) -> Vec<Vec<Vertex>> {
        let centres: Vec<P> = rings.iter().map(|r| centroid(&self.mesh.points(r))).collect();
        let bounds = extent(&centres);
        let bands = (rings.len() as f64).sqrt().ceil();
        let band = |p: P| ((bounds.y_max - p.y) / (bounds.y_max - bounds.y_min + 1.0) * bands).floor();
        let mut order: Vec<usize> = (0..rings.len()).collect();
        order.sort_by(|&a, &b| band(centres[a]).total_cmp(&band(centres[b])).then(centres[a].x.total_cmp(&centres[b].x)));
        let mut rings: Vec<Option<Vec<Vertex>>> = rings.into_iter().map(Some).collect();
        order.into_iter().filter_map(|i| rings[i].take()).collect()
    }
}

/// The share of the samples' weight that lies inside a ring.
fn share(ring: &[P], samples: &[(P, f64)]) -> f64 {
    let (mut inner, mut all) = (0.0, 0.0);
    for &(p, w) in samples {
        all += w;
        if inside(ring, p) {
            inner += w;
        }
    }
    inner / all
}

/// Divides a whole number in proportion to weights by largest remainders; nobody gets less than
/// `least` or more than `most`. The parts add up exactly.
pub(crate) fn apportion(total: usize, weights: &[f64], least: usize, most: usize) -> Vec<usize> {
    let sum: f64 = weights.iter().sum();
    let free = total.saturating_sub(least * weights.len()) as f64;
    let exact: Vec<f64> = weights.iter().map(|w| least as f64 + free * w / sum).collect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and total")]
    let mut parts: Vec<usize> = exact.iter().map(|e| (e.floor() as usize).min(most)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| (exact[b].fract()).total_cmp(&exact[a].fract()).then(a.cmp(&b)));
    let mut left = total.saturating_sub(parts.iter().sum());
    while left > 0 {
        let before = left;
        for &i in &order {
            if left > 0 && parts[i] < most {
                parts[i] += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    parts
}
