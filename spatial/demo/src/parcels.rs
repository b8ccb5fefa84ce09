//! What is on the ground in each unit grid: the grid is divided into parcels by lanes, and each
//! parcel gets a use.

use crate::{
    areas::Areas,
    mesh::Edge,
    obstacles::Obstacles,
    plan::{AxisKind, Plan},
    plane::{P, Rng, area, bump, centroid, crossing, edges, extent, inside, noise},
};

/// What a parcel is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Rows of walk-up flats.
    Slabs,
    /// High-rise flats.
    Towers,
    /// Flats over shops along the streets.
    Mixed,
    /// Small brick houses of a century ago.
    Old,
    /// Tall offices and hotels.
    Cbd,
    Office,
    Industry,
    School,
    Hospital,
    Campus,
    Park,
    Square,
    Village,
    Field,
    Pond,
    Orchard,
    Forest,
    Wetland,
}

/// A piece of ground: an open ring and, for each of its edges, the half width of what runs there.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub ring: Vec<P>,
    pub half: Vec<f64>,
    pub usage: Use,
}

/// A lane between parcels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    pub from: P,
    pub to: P,
    pub half: f64,
}

/// The ground of one unit grid.
pub(crate) struct Ground {
    pub parcels: Vec<Parcel>,
    pub lanes: Vec<Lane>,
}

/// Half the width of the road on an edge, metres; an axis has a width of its own.
pub(crate) fn road_half(class: Edge, density: f64) -> f64 {
    let step = usize::from(density < 3_000.0) + usize::from(density < 900.0);
    match class {
        Edge::Axis(_) | Edge::Rim => 0.0,
        Edge::Border | Edge::Street => [13.0, 10.0, 7.0][step],
        Edge::Community => [9.0, 7.0, 4.5][step],
        Edge::Grid => [5.5, 4.5, 3.0][step],
    }
}

/// Divides one grid and says what each part is for.
pub(crate) fn ground(plan: &Plan, areas: &Areas, obstacles: &Obstacles<'_>, grid: usize) -> Ground {
    let mesh = &areas.mesh;
    let vertices = mesh.expand(&areas.grids[grid].ring);
    let ring = mesh.points(&vertices);
    let half = (0..ring.len())
        .map(|i| {
            let j = (i + 1) % ring.len();
            road_half(mesh.class(vertices[i], vertices[j]), plan.density(ring[i].lerp(ring[j], 0.5)))
        })
        .collect();
    let mut rng = Rng::new(plan.seed, "parcels", grid as u64);
    let centre = centroid(&ring);
    let density = plan.density(centre);
    let (size, lane) = match density {
        d if d >= 9_000.0 => (24_000.0, 3.5),
        d if d >= 2_500.0 => (38_000.0, 4.5),
        d if d >= 1_000.0 => (90_000.0, 4.0),
        _ => (240_000.0, 2.0),
    };
    let mut ground = Ground { parcels: Vec::new(), lanes: Vec::new() };
    split(Parcel { ring, half, usage: Use::Field }, size, lane, plan, &mut rng, &mut ground, 0);
    let village = (density < 1_000.0 && rng.chance(0.42)).then(|| {
        // The village lies where most roads meet: in the smallest parcel that has room.
        let room = |p: &Parcel| {
            let a = area(&p.ring).abs();
            if a < 40_000.0 { 1e12 } else { a }
        };
        (0..ground.parcels.len()).min_by(|&a, &b| room(&ground.parcels[a]).total_cmp(&room(&ground.parcels[b]))).unwrap_or(0)
    });
    for i in 0..ground.parcels.len() {
        let at = centroid(&ground.parcels[i].ring);
        ground.parcels[i].usage = if village == Some(i) && !obstacles.is_wet(at, 2.0) {
            Use::Village
        } else {
            choose(plan, at, area(&ground.parcels[i].ring).abs(), &mut rng)
        };
    }
    ground.lanes.retain(|l| [0.1, 0.3, 0.5, 0.7, 0.9].iter().all(|&t| !obstacles.is_wet(l.from.lerp(l.to, t), 1.0)));
    ground
}

fn split(parcel: Parcel, size: f64, lane: f64, plan: &Plan, rng: &mut Rng, ground: &mut Ground, depth: u32) {
    let surface = area(&parcel.ring).abs();
    if surface < size * rng.range(1.1, 1.8) || depth > 12 {
        if surface > 150.0 {
            ground.parcels.push(parcel);
        }
        return;
    }
    let way = frame(&parcel.ring);
    let spread = |d: P| {
        let (low, high) = parcel.ring.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.dot(d)), h.max(p.dot(d))));
        (low, high)
    };
    let ((u0, u1), (v0, v1)) = (spread(way), spread(way.left()));
    let (normal, low, high) = if u1 - u0 > v1 - v0 { (way, u0, u1) } else { (way.left(), v0, v1) };
    let at = low + (high - low) * rng.range(0.42, 0.58);
    let (near, far) = (clip(&parcel, normal, at, lane), clip(&parcel, normal * -1.0, -at, lane));
    // The lane itself, where it crosses the parcel in one stretch.
    let foot = normal * at;
    let (a, b) = (foot - normal.left() * 1e6, foot + normal.left() * 1e6);
    let mut hits: Vec<f64> = edges(&parcel.ring).filter_map(|(c, d)| crossing(a, b, c, d).map(|h| h.0)).collect();
    hits.sort_by(f64::total_cmp);
    if let [s, t] = hits[..]
        && inside(&parcel.ring, a.lerp(b, f64::midpoint(s, t)))
        && plan.density(foot) > 0.0
    {
        ground.lanes.push(Lane { from: a.lerp(b, s), to: a.lerp(b, t), half: lane });
    }
    split(near, size, lane, plan, rng, ground, depth + 1);
    split(far, size, lane, plan, rng, ground, depth + 1);
}

/// The part of a parcel where `p · normal <= at` (Sutherland and Hodgman, 1974), its new edge
/// with a half width of its own.
pub(crate) fn clip(parcel: &Parcel, normal: P, at: f64, half: f64) -> Parcel {
    let n = parcel.ring.len();
    let mut out = Parcel { ring: Vec::with_capacity(n + 2), half: Vec::with_capacity(n + 2), usage: parcel.usage };
    for i in 0..n {
        let (a, b, h) = (parcel.ring[i], parcel.ring[(i + 1) % n], parcel.half[i]);
        let (da, db) = (a.dot(normal) - at, b.dot(normal) - at);
        if da <= 0.0 {
            out.ring.push(a);
            out.half.push(h);
        }
        if (da <= 0.0) != (db <= 0.0) {
            out.ring.push(a.lerp(b, da / (da - db)));
            out.half.push(if da <= 0.0 { half } else { h });
        }
    }
    out
}

/// The direction of a ring's longest run.
pub(crate) fn frame(ring: &[P]) -> P {
    edges(ring).map(|(a, b)| a.to(b)).max_by(|a, b| a.dot(*a).total_cmp(&b.dot(*b))).unwrap_or_default().unit()
}

/// The largest convex part of a parcel inside all its edges: what is left within every edge's
/// half plane. Empty if the parcel is too narrow or too winding.
pub(crate) fn inset(parcel: &Parcel, margin: f64) -> Vec<P> {
    let sign = area(&parcel.ring).signum();
    let mut left = Parcel { ring: parcel.ring.clone(), half: parcel.half.clone(), usage: parcel.usage };
    for (i, (a, b)) in edges(&parcel.ring).enumerate() {
        if a.distance(b) < 0.05 {
            continue;
        }
        let outward = a.to(b).unit().left() * -sign;
        left = clip(&left, outward, a.dot(outward) - parcel.half[i] - margin, 0.0);
        if left.ring.len() < 3 {
            return Vec::new();
        }
    }
    left.ring
}

fn choose(plan: &Plan, at: P, surface: f64, rng: &mut Rng) -> Use {
    let density = plan.density(at);
    let industry = plan.industry(at);
    let quarter = noise(at, 700.0, plan.seed ^ 0x31);
    let centre = P::from_degrees(crate::atlas::CENTRE.0, crate::atlas::CENTRE.1);
    let old = bump(at.distance(centre), 3_000.0, 6) * f64::from(u8::from(noise(at, 900.0, plan.seed ^ 0x32) > 0.58));
    if let Some(cbd) = plan.cbds.iter().find(|c| at.distance(c.at) < c.radius) {
        if at.distance(cbd.at) < 0.2 * cbd.radius {
            return Use::Cbd;
        }
        let core = at.distance(cbd.at) < 0.55 * cbd.radius;
        return *rng.weighted(&[
            (if core { 0.86 } else { 0.45 }, Use::Cbd),
            (0.18, Use::Office),
            (0.1, Use::Mixed),
            (0.06, Use::Park),
            (if core { 0.0 } else { 0.12 }, Use::Towers),
            (0.03, Use::Square),
        ]);
    }
    if density >= 9_000.0 {
        return *rng.weighted(&[
            (0.15 + 0.6 * quarter, Use::Slabs),
            (0.08 + 0.4 * (1.0 - quarter), Use::Towers),
            (0.12, Use::Mixed),
            (0.8 * old, Use::Old),
            (0.05, Use::Office),
            (0.055, Use::School),
            (0.014, Use::Hospital),
            (0.06, Use::Park),
            (0.012, Use::Square),
        ]);
    }
    if density >= 2_500.0 {
        return *rng.weighted(&[
            (0.05 + 0.22 * quarter, Use::Slabs),
            (0.12 + 0.5 * (1.0 - quarter), Use::Towers),
            (0.06, Use::Mixed),
            (0.05, Use::Office),
            (0.9 * industry, Use::Industry),
            (0.05, Use::School),
            (0.012, Use::Hospital),
            (0.04, Use::Campus),
            (0.11, Use::Park),
            (0.08, Use::Field),
        ]);
    }
    if density >= 1_000.0 {
        return *rng.weighted(&[
            (0.14 * (1.0 - quarter), Use::Towers),
            (0.10 * quarter, Use::Slabs),
            (0.08 + 1.1 * industry, Use::Industry),
            (if surface < 60_000.0 { 0.3 } else { 0.12 }, Use::Village),
            (0.04, Use::Campus),
            (0.03, Use::School),
            (0.05, Use::Park),
            (0.07, Use::Forest),
            (0.34, Use::Field),
            (0.05, Use::Pond),
            (0.06, Use::Orchard),
        ]);
    }
    let hills = at.y > 112_000.0;
    let salt = at.x > 25_000.0 && at.y < 45_000.0 && noise(at, 5_000.0, plan.seed ^ 0x33) > 0.55;
    *rng.weighted(&[
        (
            if hills {
                0.15
            } else if salt {
                0.45
            } else {
                0.86
            },
            Use::Field,
        ),
        (if hills { 0.55 } else { 0.05 }, Use::Forest),
        (if hills { 0.25 } else { 0.05 }, Use::Orchard),
        (
            if salt {
                0.2
            } else if hills {
                0.0
            } else {
                0.03
            },
            Use::Pond,
        ),
        (if salt { 0.15 } else { 0.0 }, Use::Wetland),
        (0.3 * industry, Use::Industry),
    ])
}

/// True for an axis along which the banks are lined with roads and lawns.
pub(crate) fn margin_of(kind: Option<AxisKind>) -> f64 {
    match kind {
        Some(AxisKind::River) => 26.0,
        Some(AxisKind::Canal) => 16.0,
        Some(AxisKind::Expressway) => 14.0,
        Some(AxisKind::Ring | AxisKind::Radial) => 5.0,
        // A lake's shore.
        None => 30.0,
    }
}

/// The rectangle that a ring needs, in metres.
pub(crate) fn bounds(parcel: &Parcel) -> citywall_model::Bbox {
    extent(&parcel.ring)
}
