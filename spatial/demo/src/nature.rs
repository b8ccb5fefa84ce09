//! Water and green: rivers as ribbons along their axes, lakes, ponds, parks, fields and woods.

use crate::{
    areas::Areas,
    names::Names,
    obstacles::{Obstacles, bank_width},
    parcels::{Ground, Parcel, Use, inset},
    plan::{Axis, AxisKind, Plan},
    plane::{P, area, centroid, edges, extent, inside, overlap},
    roads::{Road, in_city, within_city},
};
use rstar::{
    AABB, RTree,
    primitives::{GeomWithData, Line},
};

/// An area of water or green.
#[derive(Clone, Debug)]
pub(crate) struct Patch {
    /// Open ring.
    pub ring: Vec<P>,
    pub class: &'static str,
    pub name: Option<String>,
    /// The width of a river, metres.
    pub width: Option<f64>,
}

/// Rivers, canals, lakes, ponds and wetlands.
pub(crate) fn water(plan: &Plan, areas: &Areas, obstacles: &Obstacles<'_>, grounds: &[Ground]) -> Vec<Patch> {
    let mut patches = Vec::new();
    for axis in plan.axes.iter().filter(|a| a.kind.is_water()) {
        let class = if axis.kind == AxisKind::River { "river" } else { "canal" };
        for run in within_city(&axis.line, areas) {
            // Short reaches keep every polygon small and sound.
            let first = axis.line.iter().position(|&p| p == run[0]).unwrap_or(0);
            for start in (0..run.len() - 1).step_by(REACH) {
                let end = (start + REACH).min(run.len() - 1);
                let ring = ribbon(axis, first + start, first + end, |half| (half, -half));
                let width = (axis.half[first + start] * 20.0).round() / 10.0;
                patches.push(Patch { ring, class, name: Some(axis.name.to_owned()), width: Some(width) });
            }
        }
    }
    for lake in &plan.lakes {
        if in_city(centroid(&lake.ring), areas) {
            patches.push(Patch { ring: lake.ring.clone(), class: "lake", name: Some(lake.name.to_owned()), width: None });
        }
    }
    for parcel in grounds.iter().flat_map(|g| &g.parcels) {
        let class = match parcel.usage {
            Use::Pond => "pond",
            Use::Wetland => "wetland",
            _ => continue,
        };
        patches.extend(patch(parcel, 6.0, class, obstacles));
    }
    patches
}

/// Points of a river per polygon.
const REACH: usize = 24;

/// Parks, lawns along the banks, fields, orchards and woods.
pub(crate) fn green(plan: &Plan, areas: &Areas, obstacles: &Obstacles<'_>, grounds: &[Ground], roads: &[Road]) -> Vec<Patch> {
    let carriageways = carriageways(roads);
    let mut patches = Vec::new();
    let mut names = Names::new(plan.seed, "park names", 0);
    for axis in plan.axes.iter().filter(|a| a.kind.is_water()) {
        let bank = bank_width(Some(axis.kind));
        let lived_in = |i: usize| plan.density(axis.line[i]) > 1_500.0 && in_city(axis.line[i], areas);
        for start in 0..axis.line.len().saturating_sub(3) {
            if start % 3 != 0 || !(lived_in(start) && lived_in(start + 3)) {
                continue;
            }
            for side in [1.0, -1.0] {
                let ring = ribbon(axis, start, start + 3, |half| (side * (half + 2.5), side * (half + bank - 7.5)));
                if is_dry(&ring, obstacles) && is_off_road(&ring, &carriageways) {
                    patches.push(Patch { ring, class: "belt", name: None, width: None });
                }
            }
        }
    }
    for parcel in grounds.iter().flat_map(|g| &g.parcels) {
        let (class, margin) = match parcel.usage {
            Use::Park => ("park", 2.0),
            Use::Square => ("square", 2.0),
            Use::Field => ("farmland", 3.0),
            Use::Orchard => ("orchard", 3.0),
            Use::Forest => ("forest", 3.0),
            _ => continue,
        };
        if let Some(mut patch) = patch(parcel, margin, class, obstacles).filter(|p| is_off_road(&p.ring, &carriageways)) {
            patch.name = match parcel.usage {
                Use::Park => Some(names.of("公园")),
                Use::Square => Some(names.of("广场")),
                _ => None,
            };
            patches.push(patch);
        }
    }
    patches
}

/// A parcel as a patch, if it is clear of water and main roads or can be cut clear of them.
fn patch(parcel: &Parcel, margin: f64, class: &'static str, obstacles: &Obstacles<'_>) -> Option<Patch> {
    let mut ring = inset(parcel, margin);
    for o in obstacles.near(&extent(&parcel.ring)) {
        if ring.len() < 3 {
            return None;
        }
        // The part on this side of the obstacle's line, if the obstacle comes near at all.
        let reach = o.half
            + match (o.water, o.axis) {
                // The road along the bank lies between.
                (true, _) => bank_width(Some(o.kind)) + 7.0,
                (false, None) => 12.0,
                _ => 8.0,
            };
        let near = ring.iter().zip(ring.iter().cycle().skip(1)).any(|(&a, &b)| segment_distance(a, b, o.a, o.b) < reach);
        if near || inside(&ring, o.a) {
            let normal = o.a.to(o.b).unit().left();
            let side = if o.a.to(centroid(&ring)).dot(normal) > 0.0 { normal * -1.0 } else { normal };
            let cut = Parcel { half: vec![0.0; ring.len()], ring, usage: parcel.usage };
            ring = crate::parcels::clip(&cut, side, o.a.dot(side) - reach, 0.0).ring;
        }
    }
    let sound = ring.len() >= 3 && area(&ring).abs() > 900.0 && !obstacles.is_wet(centroid(&ring), 0.0);
    sound.then_some(Patch { ring, class, name: None, width: None })
}

/// True if no water reaches into a ring.
fn is_dry(ring: &[P], obstacles: &Obstacles<'_>) -> bool {
    !ring.iter().any(|&p| obstacles.is_wet(p, 0.0))
        && obstacles
            .near(&extent(ring))
            .iter()
            .filter(|o| o.water || o.axis.is_none())
            .all(|o| edges(ring).all(|(p, q)| segment_distance(p, q, o.a, o.b) > o.half))
}

/// Road segments by place, each with half the width of its carriageway.
type Carriageways = RTree<GeomWithData<Line<[f64; 2]>, f64>>;

fn carriageways(roads: &[Road]) -> Carriageways {
    let segments = roads.iter().flat_map(|r| r.line.windows(2).map(move |w| (w[0], w[1], r.width / 2.0)));
    RTree::bulk_load(segments.map(|(a, b, half)| GeomWithData::new(Line::new([a.x, a.y], [b.x, b.y]), half)).collect())
}

/// True if no carriageway reaches into a ring.
fn is_off_road(ring: &[P], carriageways: &Carriageways) -> bool {
    const WIDEST: f64 = 25.0;
    let b = extent(ring);
    let reach = AABB::from_corners([b.x_min - WIDEST, b.y_min - WIDEST], [b.x_max + WIDEST, b.y_max + WIDEST]);
    carriageways.locate_in_envelope_intersecting(reach).all(|road| {
        let [from, to] = [road.geom().from, road.geom().to].map(|[x, y]| P::new(x, y));
        !overlap(ring, &carriageway(from, to, road.data))
    })
}

/// The ground that a stretch of road takes; it ends where the road does.
pub(crate) fn carriageway(from: P, to: P, half: f64) -> [P; 4] {
    let side = from.to(to).unit().left() * half;
    [from - side, to - side, to + side, from + side]
}

fn segment_distance(a: P, b: P, c: P, d: P) -> f64 {
    if crate::plane::crossing(a, b, c, d).is_some() {
        return 0.0;
    }
    let far = |p, q, r| crate::plane::to_segment(p, q, r).0;
    far(a, c, d).min(far(b, c, d)).min(far(c, a, b)).min(far(d, a, b))
}

/// The area between two lines beside an axis; `sides` gives their distances to the left.
fn ribbon(axis: &Axis, first: usize, last: usize, sides: impl Fn(f64) -> (f64, f64)) -> Vec<P> {
    let aside = |i: usize, by: f64| {
        let (a, b) = (axis.line[i.saturating_sub(1)], axis.line[(i + 1).min(axis.line.len() - 1)]);
        axis.line[i] + a.to(b).unit().left() * by
    };
    let mut ring: Vec<P> = (first..=last).map(|i| aside(i, sides(axis.half[i]).0)).collect();
    ring.extend((first..=last).rev().map(|i| aside(i, sides(axis.half[i]).1)));
    if area(&ring) < 0.0 {
        ring.reverse();
    }
    ring
}
