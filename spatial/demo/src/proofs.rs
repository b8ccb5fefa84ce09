//! What is promised of the generated city, checked on the whole of it.

use crate::{
    DEFAULT_SEED,
    areas::{self, Area, Areas},
    buildings::{self, Building},
    generate::City,
    mesh::Vertex,
    nature,
    obstacles::Obstacles,
    plane::{P, area, centroid, crossing, edges, extent, inside, overlap, to_segment},
};
use geo::Validation;
use rstar::{AABB, RTree, RTreeObject, primitives::GeomWithData};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::OnceLock;

fn city() -> &'static City {
    static CITY: OnceLock<City> = OnceLock::new();
    CITY.get_or_init(|| City::new(DEFAULT_SEED).unwrap())
}

type Ring = Vec<Vertex>;

/// Its name, the rings above, and its own with the number of the one above.
type Level = (&'static str, Vec<Ring>, Vec<(usize, Ring)>);

/// Each level's rings with the number of the ring above that holds them, fully expanded.
fn levels(areas: &Areas) -> Vec<Level> {
    let full = |areas: &Areas, ring: &Ring| areas.mesh.expand(ring);
    let of = |level: &[Area]| level.iter().map(|a| (a.parent, full(areas, &a.ring))).collect::<Vec<_>>();
    let rings = |level: &[Area]| level.iter().map(|a| full(areas, &a.ring)).collect::<Vec<_>>();
    vec![
        ("streets", areas.outlines.iter().map(|o| full(areas, o)).collect(), of(&areas.streets)),
        ("communities", rings(&areas.streets), of(&areas.communities)),
        ("grids", rings(&areas.communities), of(&areas.grids)),
    ]
}

#[test]
fn the_counts_are_exact_and_the_codes_unique() {
    let a = &city().areas;
    assert_eq!(
        (a.districts.len(), a.streets.len(), a.communities.len(), a.grids.len()),
        (16, areas::STREETS, areas::COMMUNITIES, areas::GRIDS)
    );
    for (level, digits, parents) in [(&a.streets, 9, None), (&a.communities, 12, Some(&a.streets)), (&a.grids, 14, Some(&a.communities))] {
        let codes: FxHashSet<&str> = level.iter().map(|x| x.code.as_str()).collect();
        assert_eq!(codes.len(), level.len());
        for x in level {
            let parent = parents.map_or_else(|| &a.districts[x.parent].code, |p: &Vec<Area>| &p[x.parent].code);
            assert!(
                x.code.len() == digits && x.code.bytes().all(|b| b.is_ascii_digit()) && x.code.starts_with(parent.as_str()),
                "{}",
                x.code
            );
        }
    }
    assert_eq!((0..16).map(|d| a.people(d)).sum::<u64>(), a.grids.iter().map(|g| g.people).sum::<u64>());
}

/// The directed edges of a parent's children, less those that cancel with a sibling's reverse,
/// are exactly the parent's own: no gap, no overlap, no vertex on one side only.
#[test]
fn shared_edges_cancel_so_that_children_tile_their_parent() {
    let a = &city().areas;
    for (level, parents, children) in levels(a) {
        let mut left: Vec<FxHashSet<(Vertex, Vertex)>> = vec![FxHashSet::default(); parents.len()];
        for (parent, ring) in &children {
            for i in 0..ring.len() {
                let (from, to) = (ring[i], ring[(i + 1) % ring.len()]);
                if !left[*parent].remove(&(to, from)) {
                    assert!(left[*parent].insert((from, to)), "{level}: two siblings share a directed edge");
                }
            }
        }
        for (parent, edges) in parents.iter().zip(left) {
            let own: FxHashSet<_> = (0..parent.len()).map(|i| (parent[i], parent[(i + 1) % parent.len()])).collect();
            assert_eq!(edges, own, "{level}");
        }
    }
}

#[test]
fn areas_of_children_add_up_to_their_parent_as_integers() {
    let a = &city().areas;
    for (level, parents, children) in levels(a) {
        let mut sums = vec![0i128; parents.len()];
        for (parent, ring) in &children {
            let area = a.mesh.area2(ring);
            assert!(area > 0, "{level}: a ring runs clockwise or has no area");
            sums[*parent] += area;
        }
        for (parent, sum) in parents.iter().zip(sums) {
            assert_eq!(a.mesh.area2(parent), sum, "{level}");
        }
    }
}

/// Vertices were inserted into the districts' edges for the areas inside; they lie exactly on
/// the edges, so that the outlines are still the given ones.
#[test]
fn districts_keep_their_given_shape_to_the_last_digit() {
    let a = &city().areas;
    for (district, outline) in a.districts.iter().zip(&a.outlines) {
        assert_eq!(district.ring.len(), outline.len());
        for i in 0..outline.len() {
            let (from, to) = (outline[i], outline[(i + 1) % outline.len()]);
            let ((ax, ay), (bx, by)) = (a.mesh.lattice(from), a.mesh.lattice(to));
            for v in a.mesh.expand_chain(&[from, to]) {
                let (x, y) = a.mesh.lattice(v);
                let cross = i128::from(bx - ax) * i128::from(y - ay) - i128::from(by - ay) * i128::from(x - ax);
                assert_eq!(cross, 0, "{}", district.name);
            }
        }
    }
}

#[test]
fn no_area_crosses_itself() {
    let a = &city().areas;
    for (level, _, children) in levels(a) {
        for (_, ring) in children {
            let n = ring.len();
            let points: Vec<(i128, i128)> = ring.iter().map(|&v| a.mesh.lattice(v)).map(|(x, y)| (i128::from(x), i128::from(y))).collect();
            let side = |a: (i128, i128), b: (i128, i128), c: (i128, i128)| ((b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)).signum();
            for i in 0..n {
                for j in i + 2..n {
                    if i == 0 && j == n - 1 {
                        continue;
                    }
                    let (p, q, r, s) = (points[i], points[i + 1], points[j], points[(j + 1) % n]);
                    let crosses = side(p, q, r) * side(p, q, s) < 0 && side(r, s, p) * side(r, s, q) < 0;
                    assert!(!crosses, "{level}: edges {i} and {j} of {n} cross");
                }
            }
        }
    }
}

#[test]
fn other_seeds_divide_as_well() {
    for seed in [2, 77] {
        let a = Areas::new(&crate::plan::Plan::new(seed)).unwrap();
        assert_eq!(a.grids.len(), areas::GRIDS);
        let whole: i128 = a.outlines.iter().map(|o| a.mesh.area2(o)).sum();
        assert_eq!(a.grids.iter().map(|g| a.mesh.area2(&a.mesh.expand(&g.ring))).sum::<i128>(), whole);
    }
}

/// All buildings of the small city.
fn small() -> &'static Vec<Building> {
    static BUILDINGS: OnceLock<Vec<Building>> = OnceLock::new();
    BUILDINGS.get_or_init(|| {
        let City { plan, areas, grounds, .. } = city();
        let mut all = Vec::new();
        let obstacles = Obstacles::new(plan);
        buildings::stream(plan, areas, &obstacles, grounds, 60_000, &mut |b| {
            all.extend(b);
            Ok(())
        })
        .unwrap();
        all
    })
}

fn boxed(points: &[P], grow: f64) -> AABB<[f64; 2]> {
    let b = extent(points);
    AABB::from_corners([b.x_min - grow, b.y_min - grow], [b.x_max + grow, b.y_max + grow])
}

struct Shape {
    bounds: AABB<[f64; 2]>,
    index: usize,
}

impl RTreeObject for Shape {
    type Envelope = AABB<[f64; 2]>;
    fn envelope(&self) -> Self::Envelope {
        self.bounds
    }
}

fn tree<'a>(rings: impl Iterator<Item = &'a [P]>) -> RTree<Shape> {
    RTree::bulk_load(rings.enumerate().map(|(index, ring)| Shape { bounds: boxed(ring, 0.0), index }).collect())
}

#[test]
fn no_building_overlaps_another() {
    let all = small();
    let tree = tree(all.iter().map(|b| b.ring.as_slice()));
    for (i, b) in all.iter().enumerate() {
        for other in tree.locate_in_envelope_intersecting(boxed(&b.ring, 0.0)) {
            assert!(other.index == i || !overlap(&b.ring, &all[other.index].ring), "{:?} and {:?}", b.ring, all[other.index].ring);
        }
    }
}

#[test]
fn no_building_stands_in_the_water() {
    let City { plan, areas, grounds, .. } = city();
    let water = nature::water(plan, areas, &Obstacles::new(plan), grounds);
    let tree = tree(water.iter().map(|w| w.ring.as_slice()));
    for b in small() {
        for near in tree.locate_in_envelope_intersecting(boxed(&b.ring, 0.0)) {
            assert!(!overlap(&b.ring, &water[near.index].ring), "{:?} in {:?}", centroid(&b.ring).to_degrees(), water[near.index].name);
        }
    }
}

/// Segments of roads, each with half the width of its carriageway.
fn segments() -> RTree<GeomWithData<rstar::primitives::Line<[f64; 2]>, f64>> {
    let roads = city().roads.iter().flat_map(|r| r.line.windows(2).map(move |w| (w[0], w[1], r.width / 2.0)));
    RTree::bulk_load(roads.map(|(a, b, half)| GeomWithData::new(rstar::primitives::Line::new([a.x, a.y], [b.x, b.y]), half)).collect())
}

#[test]
fn no_building_stands_on_a_road() {
    let tree = segments();
    for b in small() {
        for road in tree.locate_in_envelope_intersecting(boxed(&b.ring, 25.0)) {
            let (from, to) = (P::new(road.geom().from[0], road.geom().from[1]), P::new(road.geom().to[0], road.geom().to[1]));
            let apart = edges(&b.ring).all(|(p, q)| {
                crossing(p, q, from, to).is_none()
                    && to_segment(p, from, to).0 >= road.data - 0.05
                    && to_segment(from, p, q).0 >= road.data - 0.05
                    && to_segment(to, p, q).0 >= road.data - 0.05
            });
            assert!(apart && !inside(&b.ring, from), "{:?} on a road of {} m", centroid(&b.ring).to_degrees(), road.data * 2.0);
        }
    }
}

#[test]
fn every_patch_of_water_and_green_is_a_valid_polygon() {
    let City { plan, areas, grounds, roads } = city();
    let obstacles = Obstacles::new(plan);
    for patch in nature::water(plan, areas, &obstacles, grounds).iter().chain(&nature::green(plan, areas, &obstacles, grounds, roads)) {
        let polygon = crate::layers::polygon(&patch.ring);
        assert!(
            polygon.is_valid(),
            "{} {:?} at {:?}: {:?}",
            patch.class,
            patch.name,
            centroid(&patch.ring).to_degrees(),
            polygon.validation_errors()
        );
    }
}

#[test]
fn no_park_or_field_lies_in_the_water_on_a_road_or_under_a_building() {
    let City { plan, areas, grounds, roads } = city();
    let obstacles = Obstacles::new(plan);
    let green = nature::green(plan, areas, &obstacles, grounds, roads);
    let water = nature::water(plan, areas, &obstacles, grounds);
    let (waters, segments) = (tree(water.iter().map(|w| w.ring.as_slice())), segments());
    let houses = tree(small().iter().map(|b| b.ring.as_slice()));
    for g in &green {
        let place = centroid(&g.ring).to_degrees();
        for near in waters.locate_in_envelope_intersecting(boxed(&g.ring, 0.0)) {
            assert!(!overlap(&g.ring, &water[near.index].ring), "{} at {place:?} in {:?}", g.class, water[near.index].name);
        }
        for near in houses.locate_in_envelope_intersecting(boxed(&g.ring, 0.0)) {
            assert!(!overlap(&g.ring, &small()[near.index].ring), "{} at {place:?} under a building", g.class);
        }
        for road in segments.locate_in_envelope_intersecting(boxed(&g.ring, 25.0)) {
            let (from, to) = (P::new(road.geom().from[0], road.geom().from[1]), P::new(road.geom().to[0], road.geom().to[1]));
            let clear = !overlap(&g.ring, &nature::carriageway(from, to, road.data));
            assert!(clear, "{} at {place:?} on a road of {} m", g.class, road.data * 2.0);
        }
    }
}

#[test]
fn no_camera_or_component_stands_in_a_building_or_in_the_water() {
    let City { plan, areas, grounds, roads } = city();
    let obstacles = Obstacles::new(plan);
    let houses = tree(small().iter().map(|b| b.ring.as_slice()));
    let water = nature::water(plan, areas, &obstacles, grounds);
    let waters = tree(water.iter().map(|w| w.ring.as_slice()));
    let mut things = crate::things::components(plan, areas, &obstacles, roads, 30_000, true);
    things.extend(crate::things::cameras(plan, areas, &obstacles, roads, 4_000, true));
    for t in &things {
        let here = boxed(&[t.at], 0.0);
        let inside_any = houses.locate_in_envelope_intersecting(here).any(|h| inside(&small()[h.index].ring, t.at))
            || waters.locate_in_envelope_intersecting(here).any(|w| inside(&water[w.index].ring, t.at));
        assert!(!inside_any, "{} at {:?}", t.name, t.at.to_degrees());
    }
}

#[test]
fn the_skyline_is_that_of_a_city() {
    let all = small();
    let share = |f: fn(&Building) -> bool| all.iter().filter(|b| f(b)).count() as f64 / all.len() as f64;
    let tallest = all.iter().map(|b| b.height).fold(0.0, f64::max);
    assert!((300.0..=500.0).contains(&tallest), "{tallest}");
    let towers = all.iter().filter(|b| b.height > 200.0).count();
    assert!((3..=60).contains(&towers), "{towers} towers above 200 m");
    assert!(share(|b| b.height < 30.0) > 0.5, "most buildings are walk-ups");
    assert!((0.08..0.5).contains(&share(|b| b.height > 50.0)), "{}", share(|b| b.height > 50.0));
    for b in all {
        assert!(b.height > 2.5 && b.floors >= 1 && (1900..=2025).contains(&b.built) && area(&b.ring) > 40.0);
    }
    assert!(all.iter().filter(|b| b.name.is_some()).count() >= 5);
}

/// Roads are joined where one ends on another, within half a metre: the ends of cuts are
/// vertices of both, those at a bank lie on the road along it.
#[test]
fn the_main_network_hangs_together() {
    let roads: Vec<_> = city().roads.iter().filter(|r| !matches!(r.class, "service")).collect();
    let mut group: Vec<usize> = (0..roads.len()).collect();
    fn root(group: &mut [usize], mut i: usize) -> usize {
        while group[i] != i {
            group[i] = group[group[i]];
            i = group[i];
        }
        i
    }
    let tree = RTree::bulk_load(
        roads
            .iter()
            .enumerate()
            .flat_map(|(n, r)| {
                r.line.windows(2).map(move |w| GeomWithData::new(rstar::primitives::Line::new([w[0].x, w[0].y], [w[1].x, w[1].y]), n))
            })
            .collect(),
    );
    for (n, road) in roads.iter().enumerate() {
        for end in [road.line[0], road.line[road.line.len() - 1]] {
            for near in tree.locate_in_envelope_intersecting(boxed(&[end], 0.6)) {
                let (from, to) = (P::new(near.geom().from[0], near.geom().from[1]), P::new(near.geom().to[0], near.geom().to[1]));
                if to_segment(end, from, to).0 < 0.5 {
                    let (a, b) = (root(&mut group, n), root(&mut group, near.data));
                    group[a] = b;
                }
            }
        }
    }
    let mut lengths: FxHashMap<usize, f64> = FxHashMap::default();
    for (n, road) in roads.iter().enumerate() {
        *lengths.entry(root(&mut group, n)).or_default() += road.line.windows(2).map(|w| w[0].distance(w[1])).sum::<f64>();
    }
    let (most, all) = (lengths.values().copied().fold(0.0, f64::max), lengths.values().sum::<f64>());
    assert!(most / all > 0.97, "the largest part has {:.4} of {:.0} km", most / all, all / 1000.0);
}

#[test]
fn sewers_fall_the_way_that_they_are_drawn_and_lie_under_main_roads() {
    let City { plan, areas, roads, .. } = city();
    let sewers = crate::pipes::sewers(plan, areas, roads);
    let main = || roads.iter().filter(|r| matches!(r.class, "trunk" | "primary" | "secondary"));
    let under: FxHashSet<[u64; 2]> = main().flat_map(|r| &r.line).map(|p| [p.x.to_bits(), p.y.to_bits()]).collect();
    let ground = |p: P| {
        let (longitude, latitude) = p.to_degrees();
        crate::terrain_height(longitude, latitude)
    };
    let mut codes = FxHashSet::default();
    for pipe in &sewers {
        // Told to a centimetre: a stretch of a few metres may be level.
        assert!(pipe.from_m >= pipe.to_m, "{}", pipe.code);
        assert!(pipe.line.iter().all(|p| under.contains(&[p.x.to_bits(), p.y.to_bits()])), "{}", pipe.code);
        assert!(ground(pipe.line[0]) > pipe.from_m && codes.insert(&pipe.code), "{}", pipe.code);
    }
    assert!((1_000..20_000).contains(&sewers.len()), "{}", sewers.len());
    // A stretch goes on where the one before it ends, and no higher unless it is lifted.
    let joined = sewers.windows(2).filter(|w| w[0].line[w[0].line.len() - 1] == w[1].line[0] && w[0].to_m >= w[1].from_m);
    assert!(joined.count() > sewers.len() / 4);
}

#[test]
fn the_plain_is_flat_and_the_north_has_hills() {
    for (lon, lat) in [(117.2, 39.12), (117.7, 39.0), (116.95, 38.9), (117.3, 39.7)] {
        assert!((0.0..=12.0).contains(&crate::terrain_height(lon, lat)));
    }
    let highest = (0..40)
        .flat_map(|i| (0..40).map(move |j| (117.35 + 0.005 * f64::from(i), 40.08 + 0.004 * f64::from(j))))
        .map(|(x, y)| crate::terrain_height(x, y))
        .fold(0.0, f64::max);
    assert!((400.0..1_200.0).contains(&highest), "{highest}");
}
