//! Sewers under the main roads: sewage under the large ones, rain under the smaller ones. Each runs from the higher
//! end of its road to the lower one, from manhole to manhole, with a fall of its own; where it would lie too deep, a
//! pumping station lifts it.

use crate::{
    areas::Areas,
    plan::Plan,
    plane::P,
    roads::{Road, in_city},
    terrain,
};

/// A stretch of a sewer, drawn the way that it flows.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    pub line: Vec<P>,
    pub code: String,
    /// `sewage` or `storm`.
    pub kind: &'static str,
    pub name: String,
    pub diameter_mm: i64,
    /// Height of the pipe's floor where it begins and where it ends, metres above the datum.
    pub from_m: f64,
    pub to_m: f64,
    pub road: Option<String>,
}

/// A stretch from manhole to manhole is not much longer than this, metres.
const STRETCH_M: f64 = 700.0;
/// Where a sewer begins, so far below the ground; and where it is lifted, metres.
const COVER_M: f64 = 1.8;
const DEPTH_MAX_M: f64 = 8.0;
/// People per square kilometre from which on there are sewers.
const LIVED_IN: f64 = 900.0;

/// Kind, what it is called, diameter in millimetres, fall in metres per metre, by a road's class.
fn design(class: &str) -> Option<(&'static str, &'static str, i64, f64)> {
    match class {
        "trunk" => Some(("sewage", "污水干管", 1_800, 0.0006)),
        "primary" => Some(("sewage", "污水管", 1_000, 0.001)),
        "secondary" => Some(("storm", "雨水管", 800, 0.0015)),
        _ => None,
    }
}

/// All sewers, road by road.
pub(crate) fn sewers(plan: &Plan, areas: &Areas, roads: &[Road]) -> Vec<Pipe> {
    let ground = |p: P| {
        let (longitude, latitude) = p.to_degrees();
        terrain::ground(plan.seed, longitude, latitude)
    };
    let mut pipes = Vec::new();
    for road in roads.iter().filter(|road| !road.bridge) {
        let Some((kind, title, diameter_mm, fall)) = design(road.class) else { continue };
        let middle = road.line[road.line.len() / 2];
        if plan.density(middle) < LIVED_IN || !in_city(middle, areas) {
            continue;
        }
        let mut line = road.line.clone();
        if ground(line[0]) < ground(line[line.len() - 1]) {
            line.reverse();
        }
        let district = areas.district_at(middle).map_or("", |district| &areas.districts[district].code);
        let mut floor = ground(line[0]) - COVER_M;
        for stretch in stretches(&line) {
            let length: f64 = stretch.windows(2).map(|w| w[0].distance(w[1])).sum();
            let depth = ground(stretch[0]) - floor;
            if !(COVER_M / 2.0..DEPTH_MAX_M).contains(&depth) {
                floor = ground(stretch[0]) - COVER_M;
            }
            let from = floor;
            floor -= length * fall;
            let centimetres = |m: f64| (m * 100.0).round() / 100.0;
            pipes.push(Pipe {
                line: stretch,
                code: format!("{district}P{:06}", pipes.len() + 1),
                kind,
                name: format!("{}{title}", road.name.as_deref().unwrap_or_default()),
                diameter_mm,
                from_m: centimetres(from),
                to_m: centimetres(floor),
                road: road.name.clone(),
            });
        }
    }
    pipes
}

/// A line in stretches that share their ends.
fn stretches(line: &[P]) -> Vec<Vec<P>> {
    let mut done = Vec::new();
    let mut stretch = vec![line[0]];
    let mut length = 0.0;
    for pair in line.windows(2) {
        length += pair[0].distance(pair[1]);
        stretch.push(pair[1]);
        if length > STRETCH_M {
            length = 0.0;
            done.push(std::mem::replace(&mut stretch, vec![pair[1]]));
        }
    }
    if stretch.len() > 1 {
        done.push(stretch);
    }
    done
}
