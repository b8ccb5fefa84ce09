//! Footprints and heights: each parcel is filled with rows of buildings that suit its use.
//!
//! A row runs along the parcel's longest edge, or, for flats, along whichever of its two
//! directions is nearer to east and west, so that they face south. A building is placed only if
//! its rectangle, grown by the setback, meets no edge of the parcel and no obstacle; rows keep
//! their distance, so no two buildings touch.

use crate::{
    DemoError,
    areas::Areas,
    obstacles::Obstacles,
    parcels::{Ground, Parcel, Use, bounds, frame, margin_of},
    plan::{Cbd, Plan},
    plane::{P, Rng, bump, centroid, edges, inside},
    terrain,
};

/// One building.
#[derive(Clone, Debug)]
pub(crate) struct Building {
    /// Open ring, counter-clockwise.
    pub ring: Vec<P>,
    /// Metres above the ground.
    pub height: f64,
    pub floors: i64,
    pub usage: &'static str,
    pub built: i64,
    pub name: Option<String>,
    /// Height of the ground, metres.
    pub ground: f64,
}

/// How a use builds: sizes and gaps in metres.
struct Pattern {
    length: (f64, f64),
    depth: (f64, f64),
    side_gap: (f64, f64),
    row_gap: (f64, f64),
    setback: f64,
    faces_south: bool,
    /// Share of sites that are left empty.
    vacant: f64,
}

const fn pattern(
    length: (f64, f64),
    depth: (f64, f64),
    side_gap: (f64, f64),
    row_gap: (f64, f64),
    setback: f64,
    faces_south: bool,
    vacant: f64,
) -> Pattern {
    Pattern { length, depth, side_gap, row_gap, setback, faces_south, vacant }
}

fn pattern_of(usage: Use) -> Option<Pattern> {
    Some(match usage {
        Use::Slabs => pattern((36.0, 66.0), (11.5, 13.5), (6.0, 9.0), (15.0, 19.0), 4.0, true, 0.02),
        Use::Towers => pattern((24.0, 40.0), (15.0, 18.0), (18.0, 26.0), (30.0, 40.0), 8.0, true, 0.04),
        Use::Mixed => pattern((18.0, 44.0), (13.0, 17.0), (4.0, 8.0), (11.0, 17.0), 2.5, false, 0.05),
        Use::Old => pattern((10.0, 19.0), (8.0, 11.0), (2.5, 5.0), (5.0, 9.0), 2.5, false, 0.06),
        Use::Cbd => pattern((32.0, 56.0), (30.0, 46.0), (14.0, 22.0), (16.0, 24.0), 6.0, false, 0.06),
        Use::Office => pattern((34.0, 62.0), (18.0, 26.0), (14.0, 20.0), (18.0, 28.0), 6.0, false, 0.08),
        Use::Industry => pattern((48.0, 130.0), (28.0, 64.0), (10.0, 18.0), (12.0, 22.0), 7.0, false, 0.08),
        Use::School => pattern((46.0, 70.0), (32.0, 44.0), (20.0, 30.0), (44.0, 60.0), 8.0, true, 0.12),
        Use::Hospital => pattern((44.0, 72.0), (20.0, 30.0), (16.0, 22.0), (20.0, 28.0), 8.0, false, 0.06),
        Use::Campus => pattern((44.0, 76.0), (18.0, 40.0), (22.0, 40.0), (30.0, 50.0), 10.0, true, 0.15),
        Use::Village => pattern((11.0, 15.0), (8.0, 10.5), (2.5, 5.5), (6.0, 9.0), 3.0, true, 0.07),
        Use::Park | Use::Square | Use::Field | Use::Pond | Use::Orchard | Use::Forest | Use::Wetland => return None,
    })
}

/// A site in the parcel's own frame: rows along u.
struct Frame {
    u: P,
    origin: P,
}

impl Frame {
    fn local(&self, p: P) -> P {
        let d = self.origin.to(p);
        P::new(d.dot(self.u), d.dot(self.u.left()))
    }
    fn world(&self, p: P) -> P {
        self.origin + self.u * p.x + self.u.left() * p.y
    }
}

/// A parcel made ready for placing: its ring and everything to keep away from, in its own frame.
struct Site {
    frame: Frame,
    ring: Vec<P>,
    keep_off: Vec<(P, P, f64)>,
    low: P,
    high: P,
    lakes: Vec<Vec<P>>,
}

impl Site {
    fn new(plan: &Plan, parcel: &Parcel, pattern: &Pattern, obstacles: &Obstacles<'_>) -> Self {
        let along = frame(&parcel.ring);
        let u = if pattern.faces_south && along.y.abs() > along.x.abs() { along.left() } else { along };
        let frame = Frame { u, origin: centroid(&parcel.ring) };
        let ring: Vec<P> = parcel.ring.iter().map(|&p| frame.local(p)).collect();
        let mut keep_off: Vec<(P, P, f64)> = edges(&ring).zip(&parcel.half).map(|((a, b), half)| (a, b, half + pattern.setback)).collect();
        keep_off.extend(obstacles.near(&bounds(parcel)).iter().map(|o| {
            let margin = margin_of(o.axis.map(|_| o.kind));
            (frame.local(o.a), frame.local(o.b), o.half + margin + pattern.setback)
        }));
        let low = ring.iter().fold(P::new(f64::INFINITY, f64::INFINITY), |l, p| P::new(l.x.min(p.x), l.y.min(p.y)));
        let high = ring.iter().fold(P::new(f64::NEG_INFINITY, f64::NEG_INFINITY), |h, p| P::new(h.x.max(p.x), h.y.max(p.y)));
        let bounds = bounds(parcel);
        let lakes = plan.lakes.iter().filter(|l| l.extent.intersects(&bounds));
        let lakes = lakes.map(|l| l.ring.iter().map(|&p| frame.local(p)).collect()).collect();
        Self { frame, ring, keep_off, low, high, lakes }
    }

    /// True if the rectangle is clear of everything.
    fn is_free(&self, low: P, high: P) -> bool {
        let middle = P::new(f64::midpoint(low.x, high.x), f64::midpoint(low.y, high.y));
        inside(&self.ring, middle)
            && !self.lakes.iter().any(|l| inside(l, middle))
            && !self.keep_off.iter().any(|&(a, b, c)| meets(a, b, P::new(low.x - c, low.y - c), P::new(high.x + c, high.y + c)))
    }
}

/// True if a segment touches a rectangle (Liang and Barsky, 1984).
fn meets(a: P, b: P, low: P, high: P) -> bool {
    if a.x.max(b.x) < low.x || a.x.min(b.x) > high.x || a.y.max(b.y) < low.y || a.y.min(b.y) > high.y {
        return false;
    }
    let d = a.to(b);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for (p, q) in [(-d.x, a.x - low.x), (d.x, high.x - a.x), (-d.y, a.y - low.y), (d.y, high.y - a.y)] {
        if p == 0.0 {
            if q < 0.0 {
                return false;
            }
        } else if p < 0.0 {
            enter = enter.max(q / p);
        } else {
            leave = leave.min(q / p);
        }
    }
    enter <= leave
}

/// Fills a parcel with at most `most` buildings.
pub(crate) fn fill(plan: &Plan, obstacles: &Obstacles<'_>, parcel: &Parcel, most: usize, rng: &mut Rng) -> Vec<Building> {
    let Some(pattern) = pattern_of(parcel.usage) else { return Vec::new() };
    let mut site = Site::new(plan, parcel, &pattern, obstacles);
    if parcel.usage == Use::Village && most < 100_000 {
        // A village huddles in the middle of its land.
        #[expect(clippy::cast_precision_loss, reason = "a few hundred houses")]
        let half = (most as f64 * 330.0).sqrt() / 2.0 + 12.0;
        site.low = P::new(site.low.x.max(-half * 1.25), site.low.y.max(-half));
        site.high = P::new(site.high.x.min(half * 1.25), site.high.y.min(half));
    }
    let character = Character::new(plan, parcel, rng);
    let mut built = Vec::new();
    let mut v = site.low.y + rng.range(0.0, 2.0);
    while v < site.high.y && built.len() < most {
        let depth = rng.range(pattern.depth.0, pattern.depth.1);
        let mut placed = false;
        let mut u = site.low.x + rng.range(0.0, 2.0);
        let mut in_row = 0;
        while u + pattern.length.0 < site.high.x && built.len() < most {
            let wish = rng.range(pattern.length.0, pattern.length.1);
            let fitting = [wish, pattern.length.0].into_iter().find(|length| site.is_free(P::new(u, v), P::new(u + length, v + depth)));
            let Some(length) = fitting else {
                u += if parcel.usage == Use::Village { 4.0 } else { 3.0 };
                continue;
            };
            placed = true;
            in_row += 1;
            if !rng.chance(pattern.vacant) {
                let setback = if parcel.usage == Use::Village { rng.range(0.0, 1.2) } else { 0.0 };
                let shape = shape(parcel.usage, P::new(u, v + setback), P::new(u + length, v + depth), rng);
                let ring: Vec<P> = shape.into_iter().map(|p| site.frame.world(p)).collect();
                built.push(character.building(plan, parcel.usage, ring, built.len(), rng));
            }
            u += length + rng.range(pattern.side_gap.0, pattern.side_gap.1);
            if parcel.usage == Use::Village && in_row % 7 == 0 {
                u += 3.5;
            }
        }
        v += if placed { depth + rng.range(pattern.row_gap.0, pattern.row_gap.1) } else { 3.0 };
    }
    built
}

/// The outline of a building within a rectangle: a plain one, an L or a U.
fn shape(usage: Use, low: P, high: P, rng: &mut Rng) -> Vec<P> {
    let (l, d) = (high.x - low.x, high.y - low.y);
    let (mut bent, mut court) = (0.0, 0.0);
    match usage {
        Use::School => court = 0.7,
        Use::Hospital | Use::Campus | Use::Office => (bent, court) = (0.3, 0.15),
        Use::Mixed | Use::Old => bent = 0.25,
        Use::Towers => bent = 0.2,
        Use::Industry => bent = 0.1,
        _ => {}
    }
    let corner = |u: f64, v: f64| P::new(low.x + l * u, low.y + d * v);
    let plain = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
    let roll = rng.unit();
    let (a, b) = (rng.range(0.35, 0.6), rng.range(0.4, 0.6));
    let wing = (rng.range(0.24, 0.32), rng.range(0.42, 0.6));
    let outline: Vec<(f64, f64)> = if roll < court {
        vec![(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (1.0 - wing.0, 1.0), (1.0 - wing.0, wing.1), (wing.0, wing.1), (wing.0, 1.0), (0.0, 1.0)]
    } else if roll < court + bent {
        vec![(0.0, 0.0), (1.0, 0.0), (1.0, b), (a, b), (a, 1.0), (0.0, 1.0)]
    } else {
        plain.to_vec()
    };
    outline.into_iter().map(|(u, v)| corner(u, v)).collect()
}

/// What the buildings of one parcel have in common.
struct Character<'p> {
    cbd: Option<(&'p Cbd, bool)>,
    floors: i64,
    built: i64,
}

impl<'p> Character<'p> {
    fn new(plan: &'p Plan, parcel: &Parcel, rng: &mut Rng) -> Self {
        let at = centroid(&parcel.ring);
        let cbd = plan.cbds.iter().find(|c| at.distance(c.at) < c.radius).map(|c| (c, inside(&parcel.ring, c.at)));
        let dense = bump(plan.density(at), 14_000.0, 2);
        let (floors, built) = match parcel.usage {
            Use::Slabs => {
                let floors = *rng.weighted(&[(0.15, 5i64), (0.6, 6), (0.15, 7), (0.1, 11)]);
                (floors, if floors == 11 { rng.between(2003, 2018) } else { rng.between(1974, 2002) })
            }
            #[expect(clippy::cast_possible_truncation, reason = "a count of floors")]
            Use::Towers => (
                *rng.weighted(&[(0.25 + dense, 18i64), (0.2 + dense, 11), (0.5, 24), (0.3, 28), (0.35, 33)]) + (rng.bell() * 2.0) as i64,
                rng.between(2000, 2023),
            ),
            Use::Old => (2, rng.between(1902, 1948)),
            Use::Village => (1, rng.between(1978, 2015)),
            Use::Industry => (1, rng.between(1984, 2020)),
            Use::School | Use::Campus => (5, rng.between(1962, 2019)),
            Use::Hospital => (9, rng.between(1970, 2020)),
            _ => (7, rng.between(1988, 2021)),
        };
        Self { cbd, floors, built }
    }

    fn building(&self, plan: &Plan, usage: Use, ring: Vec<P>, nth: usize, rng: &mut Rng) -> Building {
        let at = centroid(&ring);
        let (mut storey, mut name) = (3.0, None);
        let floors = match usage {
            Use::Slabs | Use::Towers => (self.floors + if rng.chance(0.15) { rng.between(-2, 1) } else { 0 }).max(3),
            Use::Mixed => rng.between(3, 9),
            Use::Old => rng.between(2, 3),
            Use::Village => 1 + i64::from(rng.chance(0.16)),
            Use::Industry => {
                storey = rng.range(8.0, 15.0);
                1
            }
            Use::School | Use::Campus => {
                storey = 3.8;
                rng.between(3, 5)
            }
            Use::Hospital => {
                storey = 4.0;
                rng.between(4, 16)
            }
            Use::Office => {
                storey = 3.8;
                rng.between(5, 22)
            }
            _ => {
                storey = 4.1;
                rng.between(6, 18)
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "a count of floors")]
        let mut height = floors as f64 * storey + rng.range(0.4, 1.6);
        let mut floors = floors;
        if let (Use::Cbd, Some((cbd, heart))) = (usage, self.cbd) {
            let near = bump(at.distance(cbd.at), 0.5 * cbd.radius, 2);
            let luck = rng.unit();
            height = 32.0 + (cbd.tallest * 0.72 - 32.0) * near * (0.12 + 0.88 * luck * luck);
            if heart && nth < cbd.names.len() {
                // The landmarks stand side by side in the heart of the quarter.
                #[expect(clippy::cast_precision_loss, reason = "a handful")]
                let share = 1.0 - 0.13 * nth as f64;
                height = cbd.tallest * share;
                name = Some(cbd.names[nth].to_owned());
            }
            #[expect(clippy::cast_possible_truncation, reason = "a count of floors")]
            let count = (height / 4.1) as i64;
            floors = count.max(1);
        }
        let label = match usage {
            Use::Slabs | Use::Towers | Use::Old => "residential",
            Use::Mixed => {
                if rng.chance(0.45) {
                    "commercial"
                } else {
                    "residential"
                }
            }
            Use::Cbd => {
                if rng.chance(0.25) {
                    "commercial"
                } else {
                    "office"
                }
            }
            Use::Office => "office",
            Use::Industry => "industrial",
            Use::Village => "village",
            _ => "public",
        };
        let built = self.built + if rng.chance(0.2) { rng.between(0, 4) } else { 0 };
        let (lon, lat) = at.to_degrees();
        Building {
            ring,
            height: (height * 10.0).round() / 10.0,
            floors,
            usage: label,
            built: built.min(2025),
            name,
            ground: (terrain::ground(plan.seed, lon, lat) * 10.0).round() / 10.0,
        }
    }
}

/// How a city of `total` buildings is spread over the parcels; calls `emit` for each building,
/// parcel by parcel from the centres outwards, the villages last. Exactly `total` are emitted.
pub(crate) fn stream(
    plan: &Plan,
    areas: &Areas,
    obstacles: &Obstacles<'_>,
    grounds: &[Ground],
    total: usize,
    emit: &mut dyn FnMut(Vec<Building>) -> Result<(), DemoError>,
) -> Result<(), DemoError> {
    // A little chance in the order, so that a small city frays at its edge.
    let fray = |g: usize| 0.94 + 0.22 * Rng::new(plan.seed, "rank", g as u64).unit();
    let ranks: Vec<f64> = areas.grids.iter().enumerate().map(|(i, g)| plan.rank(centroid(&areas.mesh.points(&g.ring))) * fray(i)).collect();
    let mut order: Vec<usize> = (0..grounds.len()).collect();
    order.sort_by(|&a, &b| ranks[a].total_cmp(&ranks[b]).then(a.cmp(&b)));
    let sites = |wanted: fn(Use) -> bool| {
        order
            .iter()
            .flat_map(move |&g| grounds[g].parcels.iter().enumerate().map(move |(k, p)| (g as u64 * 256 + k as u64, p)))
            .filter(move |(_, p)| wanted(p.usage))
    };
    let mut left = total;
    let mut build = |seed: u64, parcel: &Parcel, most: usize, left: &mut usize| -> Result<usize, DemoError> {
        let built = fill(plan, obstacles, parcel, most.min(*left), &mut Rng::new(plan.seed, "buildings", seed));
        let count = built.len();
        *left -= count;
        if count > 0 {
            emit(built)?;
        }
        Ok(count)
    };
    for (seed, parcel) in sites(|u| u != Use::Village) {
        if left == 0 {
            return Ok(());
        }
        build(seed, parcel, usize::MAX, &mut left)?;
    }
    // The rest live in villages; what one has no room for goes to the next.
    let villages: Vec<(u64, &Parcel)> = sites(|u| u == Use::Village).collect();
    let weights: Vec<f64> = villages
        .iter()
        .map(|(seed, p)| plan.density(centroid(&p.ring)).sqrt() * (0.5 + Rng::new(plan.seed, "village", *seed).unit()))
        .collect();
    let mut over = 0;
    for (&(seed, parcel), share) in villages.iter().zip(crate::areas::apportion(left, &weights, 0, usize::MAX)) {
        over += share;
        over -= build(seed, parcel, over, &mut left)?;
    }
    for (seed, parcel) in sites(|u| u == Use::Field) {
        if left == 0 {
            break;
        }
        let hamlet = Parcel { usage: Use::Village, ..parcel.clone() };
        build(seed, &hamlet, 60, &mut left)?;
    }
    if left > 0 { Err(DemoError::Room { buildings: left }) } else { Ok(()) }
}
