//! The outline of a city object on the ground, from whatever it has.

use super::item::Vertices;
use super::model::Surface;
use crate::{
    shape::{Kind, Shape},
    valid,
};

/// A surface's geometry for the choice of a footprint.
pub(super) struct Candidate<'a> {
    pub(super) lod: f64,
    pub(super) surface: &'a Surface,
    pub(super) semantic: &'a str,
}

/// A surface counts as level if its normal leans less than this from the vertical (its cosine).
const LEVEL_COSINE: f64 = 0.5;

/// The footprint: the surfaces of level of detail 0; or the ground surfaces of the best level; or
/// of that level the surfaces that face down; or those that are not walls. In the plane.
pub(super) fn footprint(candidates: &[Candidate<'_>], vertices: &Vertices) -> Option<Shape> {
    let best = candidates.iter().map(|c| c.lod).fold(f64::NEG_INFINITY, f64::max);
    let at_best = |c: &&Candidate<'_>| c.lod == best;
    let choose = |wanted: &dyn Fn(&&Candidate<'_>) -> bool| {
        let chosen: Vec<&Surface> = candidates.iter().filter(|c| wanted(c)).map(|c| c.surface).collect();
        outline(&chosen, vertices)
    };
    choose(&|c| c.lod < 1.0)
        .or_else(|| choose(&|c| at_best(c) && c.semantic == "GroundSurface"))
        .or_else(|| choose(&|c| at_best(c) && vertices.normal_z(c.surface) < -LEVEL_COSINE))
        .or_else(|| choose(&|c| at_best(c) && vertices.normal_z(c.surface).abs() > LEVEL_COSINE))
}

/// The surfaces as one planar area; surfaces that touch or overlap are merged.
fn outline(surfaces: &[&Surface], vertices: &Vertices) -> Option<Shape> {
    let mut shape = Shape::new(Kind::MultiPolygon);
    for surface in surfaces {
        for ring in *surface {
            vertices.push_ring(ring, &mut shape, false);
        }
        shape.end_part();
    }
    if shape.is_empty() {
        return None;
    }
    if shape.parts.len() > 1 && valid::ask_geos(&shape).is_err() {
        return valid::make_valid(&shape);
    }
    Some(shape)
}
