//! One item from a city object and its parts.

use super::{
    ID_FIELD,
    footprint::{Candidate, footprint},
    model::{Boundaries, CityObject, Geometry, Objects, Ring, Surface, Transform},
};
use crate::{
    clean::Repairs,
    json::{Names, read_properties},
    shape::{Kind, Shape},
    sink::Sink,
};
use citywall_model::{Value, Wkb};
use citywall_store::Solid;
use rustc_hash::FxHashMap;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Most city objects that make up one item: a building with its parts.
const PARTS_MAX: usize = 10_000;

/// Vertices as longitude, latitude and stored height, with a metric frame for angles.
pub(super) struct Vertices {
    x: Vec<f64>,
    y: Vec<f64>,
    z: Vec<f64>,
}

impl Vertices {
    /// Places a text's vertices. One without a place becomes NaN, so that only the objects that
    /// use it are refused.
    pub(super) fn place(raw: &[[f64; 3]], transform: Option<&Transform>, sink: &Sink<'_>) -> Self {
        let axis = |i: usize| -> Vec<f64> {
            let (scale, translate) = transform.map_or((1.0, 0.0), |t| (t.scale[i], t.translate[i]));
            raw.iter().map(|v| v[i] * scale + translate).collect()
        };
        let (mut x, mut y, mut z) = (axis(0), axis(1), axis(2));
        let before = (x.clone(), y.clone(), z.clone());
        if sink.to_lon_lat(&mut x, &mut y, &mut z).is_err() {
            (x, y, z) = before;
            for i in 0..x.len() {
                if sink.to_lon_lat(&mut x[i..=i], &mut y[i..=i], &mut z[i..=i]).is_err() {
                    (x[i], y[i]) = (f64::NAN, f64::NAN);
                }
            }
        }
        Self { x, y, z }
    }

    /// Appends a ring, closed.
    pub(super) fn push_ring(&self, ring: &Ring, shape: &mut Shape, with_z: bool) {
        for at in ring.iter().chain(ring.first()) {
            shape.push(self.x[*at], self.y[*at], with_z.then(|| self.z[*at]));
        }
        shape.end_ring();
    }

    /// The upward part of a surface's unit normal (Newell's method on its outer ring): 1 faces
    /// up, −1 down, 0 is a wall.
    pub(super) fn normal_z(&self, surface: &Surface) -> f64 {
        let Some(ring) = surface.first().filter(|r| r.len() > 2) else { return 0.0 };
        // Metres per degree on a sphere are enough for an angle.
        let m_per_degree = 111_320.0;
        let squeeze = self.y[ring[0]].to_radians().cos();
        let point = |at: usize| [self.x[at] * m_per_degree * squeeze, self.y[at] * m_per_degree, self.z[at]];
        let origin = point(ring[0]);
        let mut normal = [0.0_f64; 3];
        for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            let (a, b) = (point(*a), point(*b));
            for (axis, sum) in normal.iter_mut().enumerate() {
                let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
                *sum += (a[u] - b[u]) * (a[v] + b[v] - 2.0 * origin[v]);
            }
        }
        let length = normal.iter().map(|n| n * n).sum::<f64>().sqrt();
        if length > 0.0 { normal[2] / length } else { 0.0 }
    }

    fn check(&self, surface: &Surface) -> Result<(), String> {
        match surface.iter().flatten().find(|at| **at >= self.x.len()) {
            Some(at) => Err(format!("it names vertex {at} of {}", self.x.len())),
            None => Ok(()),
        }
    }
}

/// An item, ready for the sink.
pub(super) struct Item {
    pub(super) footprint: Option<Shape>,
    pub(super) values: Vec<(Arc<str>, Value)>,
    pub(super) solids: Vec<Solid>,
    pub(super) repairs: Repairs,
}

/// The objects that items are made of.
pub(super) struct Context<'a> {
    objects: &'a Objects<'a>,
    by_id: FxHashMap<&'a str, &'a RawValue>,
    vertices: &'a Vertices,
    names: Names,
}

impl<'a> Context<'a> {
    pub(super) fn new(objects: &'a Objects<'a>, vertices: &'a Vertices, names: Names) -> Self {
        let by_id = objects.0.iter().map(|(id, raw)| (id.as_str(), *raw)).collect();
        Self { objects, by_id, vertices, names }
    }

    pub(super) fn into_names(self) -> Names {
        self.names
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// The source text of an object.
    pub(super) fn raw(&self, id: &str) -> &'a [u8] {
        self.by_id.get(id).map(|raw| raw.get().as_bytes()).unwrap_or_default()
    }

    /// The ids of all objects without a parent; one that cannot be read is among them, so that it
    /// is refused by name.
    pub(super) fn tops(&self) -> Vec<String> {
        let is_top = |raw: &RawValue| serde_json::from_str::<CityObject<'_>>(raw.get()).map_or(true, |o| o.parents.is_empty());
        self.objects.0.iter().filter(|(_, raw)| is_top(raw)).map(|(id, _)| id.clone()).collect()
    }

    /// The object and everything below it, parents first.
    fn family(&self, top: &str) -> Result<Vec<(String, CityObject<'a>)>, String> {
        let mut family: Vec<(String, CityObject<'a>)> = Vec::new();
        let mut waiting = vec![top.to_owned()];
        while let Some(id) = waiting.pop() {
            if family.iter().any(|(known, _)| *known == id) {
                return Err(format!("its part {id} is below it twice"));
            }
            let raw = self.by_id.get(id.as_str()).ok_or_else(|| format!("its part {id} is missing"))?;
            let object: CityObject<'a> = serde_json::from_str(raw.get()).map_err(|e| format!("{id}: {}", crate::json::words(&e)))?;
            waiting.extend(object.children.iter().rev().cloned());
            family.push((id, object));
            if family.len() > PARTS_MAX {
                return Err(format!("it passes the limit PARTS_MAX ({PARTS_MAX})"));
            }
        }
        Ok(family)
    }

    /// Makes the item of a top-level object.
    pub(super) fn item(&mut self, top: &str, sink: &mut Sink<'_>) -> Result<Item, String> {
        let family = self.family(top)?;
        let mut pieces: Vec<(&str, &str, &Geometry<'_>, Boundaries)> = Vec::new();
        let mut flat = None;
        for (id, object) in &family {
            for geometry in &object.geometry {
                match geometry.boundaries()? {
                    Some(boundaries) => {
                        boundaries.surfaces.iter().try_for_each(|s| self.vertices.check(s))?;
                        pieces.push((id, &object.kind, geometry, boundaries));
                    }
                    None => flat = Some(self.points_or_lines(geometry)?),
                }
                note_losses(geometry, sink);
            }
        }
        let candidates: Vec<Candidate<'_>> = pieces
            .iter()
            .flat_map(|(_, _, geometry, boundaries)| {
                let lod = lod_number(geometry);
                let semantic = |i: usize| boundaries.semantics.get(i).map_or("", String::as_str);
                boundaries.surfaces.iter().enumerate().map(move |(i, surface)| Candidate { lod, surface, semantic: semantic(i) })
            })
            .collect();
        let footprint = footprint(&candidates, self.vertices).or(flat);
        let heights = self.heights(&candidates);
        let mut solids = Vec::new();
        for (id, kind, geometry, boundaries) in &pieces {
            // Level 0 is the footprint itself.
            if lod_number(geometry) >= 1.0 {
                solids.push(self.solid(id, kind, geometry, boundaries)?);
            }
        }
        let values = self.values(top, &family, heights)?;
        Ok(Item { footprint, values, solids, repairs: Repairs::default() })
    }

    /// Lowest and highest height of the best level of detail.
    fn heights(&self, candidates: &[Candidate<'_>]) -> Option<(f64, f64)> {
        let best = candidates.iter().map(|c| c.lod).fold(f64::NEG_INFINITY, f64::max);
        let heights = candidates.iter().filter(|c| c.lod == best).flat_map(|c| c.surface.iter().flatten()).map(|at| self.vertices.z[*at]);
        heights.fold(None, |range, z| range.map_or(Some((z, z)), |(low, high): (f64, f64)| Some((low.min(z), high.max(z)))))
    }

    fn solid(&self, id: &str, kind: &str, geometry: &Geometry<'_>, boundaries: &Boundaries) -> Result<Solid, String> {
        let mut shape = Shape::new(Kind::MultiPolygon);
        for surface in &boundaries.surfaces {
            if surface.first().is_none_or(Vec::is_empty) {
                return Err(format!("{id}: a surface of its {} has no ring", geometry.kind));
            }
            surface.iter().for_each(|ring| self.vertices.push_ring(ring, &mut shape, true));
            shape.end_part();
        }
        Ok(Solid {
            object: id.to_owned(),
            object_type: kind.to_owned(),
            kind: geometry.kind.clone(),
            lod: geometry.lod(),
            surfaces: Wkb::new(shape.to_wkb()).map_err(|e| format!("{id}: {e}"))?,
            shells: boundaries.shells.clone(),
            semantics: boundaries.semantics.clone(),
        })
    }

    fn points_or_lines(&self, geometry: &Geometry<'_>) -> Result<Shape, String> {
        let words = |e: serde_json::Error| format!("{}: boundaries: {}", geometry.kind, crate::json::words(&e));
        let is_lines = geometry.kind == "MultiLineString";
        let runs: Vec<Ring> = if is_lines {
            serde_json::from_str(geometry.boundaries.get()).map_err(words)?
        } else {
            vec![serde_json::from_str(geometry.boundaries.get()).map_err(words)?]
        };
        self.vertices.check(&runs)?;
        let mut shape = Shape::new(if is_lines { Kind::MultiLineString } else { Kind::MultiPoint });
        for run in &runs {
            run.iter().for_each(|at| shape.push(self.vertices.x[*at], self.vertices.y[*at], Some(self.vertices.z[*at])));
            shape.end_ring();
        }
        Ok(shape)
    }

    fn values(
        &mut self,
        top: &str,
        family: &[(String, CityObject<'_>)],
        heights: Option<(f64, f64)>,
    ) -> Result<Vec<(Arc<str>, Value)>, String> {
        let mut values = vec![(self.names.intern(ID_FIELD), Value::Text(top.to_owned()))];
        let mut competing = serde_json::Map::new();
        let mut parts_values = Vec::new();
        for (at, (id, object)) in family.iter().enumerate() {
            let mut own = match object.attributes.filter(|a| a.get() != "null") {
                None => Vec::new(),
                Some(json) => read_properties(json.get(), &mut self.names).map_err(|e| format!("{id}: attributes: {e}"))?,
            };
            if let Some(address) = object.address {
                own.push((self.names.intern("address"), Value::Json(address.get().to_owned())));
            }
            if at == 0 {
                values.push((self.names.intern("cityobject_type"), Value::Text(object.kind.clone())));
                for (name, value) in own {
                    set_if_new(&mut values, name, value);
                }
            } else {
                parts_values.push((id, own));
            }
        }
        let agree = |name: &str| {
            let mut all = parts_values.iter().flat_map(|(_, own)| own).filter(|(n, _)| **n == *name).map(|(_, v)| v);
            let first = all.next();
            all.all(|v| Some(v) == first)
        };
        let of_top: Vec<Arc<str>> = values.iter().map(|(name, _)| name.clone()).collect();
        for (id, own) in &parts_values {
            for (name, value) in own {
                if !of_top.contains(name) && agree(name) {
                    set_if_new(&mut values, name.clone(), value.clone());
                } else if values.iter().all(|(n, v)| n != name || v != value) {
                    let part = competing.entry(id.as_str()).or_insert_with(|| serde_json::Value::Object(serde_json::Map::new()));
                    part[&**name] = json_value(value);
                }
            }
        }
        if !competing.is_empty() {
            let name = self.names.intern("parts");
            set_if_new(&mut values, name, Value::Json(serde_json::Value::Object(competing).to_string()));
        }
        if let Some((low, high)) = heights {
            let (height, ground) = (self.names.intern("height"), self.names.intern("ground_height"));
            set_if_new(&mut values, height, Value::Number(round_mm(high - low)));
            set_if_new(&mut values, ground, Value::Number(round_mm(low)));
        }
        Ok(values)
    }
}

/// Heights derived here are given to the millimetre, the precision of a city model.
fn round_mm(metres: f64) -> f64 {
    (metres * 1000.0).round() / 1000.0
}

fn set_if_new(values: &mut Vec<(Arc<str>, Value)>, name: Arc<str>, value: Value) {
    if values.iter().all(|(known, _)| *known != name) {
        values.push((name, value));
    }
}

fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(b) => (*b).into(),
        Value::Integer(i) => (*i).into(),
        Value::Number(n) => (*n).into(),
        Value::Text(t) => t.as_str().into(),
        Value::Json(json) => serde_json::from_str(json).unwrap_or_else(|_| json.as_str().into()),
    }
}

/// The level of detail as a number; one that is none counts as 1.
fn lod_number(geometry: &Geometry<'_>) -> f64 {
    geometry.lod().parse().unwrap_or(1.0)
}

fn note_losses(geometry: &Geometry<'_>, sink: &mut Sink<'_>) {
    if geometry.material.is_some() || geometry.texture.is_some() {
        sink.note("materials and textures are not kept");
    }
    if geometry
        .semantics
        .as_ref()
        .is_some_and(|s| s.surfaces.iter().any(|s| s.keys().any(|k| !matches!(k.as_str(), "type" | "parent" | "children"))))
    {
        sink.note("of the semantic surfaces only the type is kept, not their attributes");
    }
}
