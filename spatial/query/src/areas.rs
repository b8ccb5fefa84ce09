//! Which areas of the city a place lies in.

use crate::{city::Kind, layer::Layer};
use citywall_index::PointLocator;
use citywall_model::{AREA_PROPERTIES, AreaLevel, Areas, CityProfile, CollectionId, ValueRef, geometry};
use geo::{Geometry, InteriorPoint, MultiPolygon, Point};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// The levels of the city's areas, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct AreaIndex {
    /// From the largest level down.
    levels: Vec<Level>,
}

/// One level: its polygons, and of each the codes down to its own.
#[derive(Debug, Default)]
struct Level {
    polygons: PointLocator,
    areas: Vec<Areas>,
    by_code: FxHashMap<String, u32>,
}

impl AreaIndex {
    /// Indexes the layers that the profile names as levels. The codes above an area come from its
    /// parent field; without one, from the polygon above. A layer that is missing leaves its
    /// level empty. O(edges).
    pub(crate) fn new(profile: &CityProfile, collections: &BTreeMap<CollectionId, Kind>) -> Self {
        let mut index = Self::default();
        for level in profile.area_levels.iter().take(AREA_PROPERTIES.len()) {
            let next = match collections.get(&level.collection) {
                Some(Kind::Layer(layer)) => index.level(level, layer),
                _ => Level::default(),
            };
            index.levels.push(next);
        }
        index
    }

    /// The level under those that are already there.
    fn level(&self, level: &AreaLevel, layer: &Layer) -> Level {
        let depth = self.levels.len();
        let schema = layer.table.schema();
        let code_at = schema.position(&level.code_field);
        let parent_at = level.parent_field.as_ref().and_then(|field| schema.position(field));
        let mut polygons = Vec::new();
        let mut found = Level::default();
        for row in 0..u32::try_from(layer.table.len()).unwrap_or(u32::MAX) {
            let text = |at: usize| text(layer.table.value(row, at));
            let shape = layer.table.geometry(row).and_then(geometry::to_geo);
            let (Some(code), Some(shape)) = (code_at.and_then(text), shape) else { continue };
            let parent = parent_at.and_then(text);
            let above = match &parent {
                Some(parent) => self.by_code(depth.wrapping_sub(1), parent),
                None => shape.interior_point().map(|at| self.at(at)).unwrap_or_default(),
            };
            let mut codes: Vec<&str> = (0..depth).map(|level| above.code(level).unwrap_or_default()).collect();
            if let (Some(parent), Some(last)) = (&parent, codes.last_mut()) {
                *last = parent;
            }
            codes.push(&code);
            let areas = Areas::new(codes);
            found.by_code.entry(code).or_insert(u32::try_from(found.areas.len()).unwrap_or(u32::MAX));
            found.areas.push(areas);
            polygons.push(match shape {
                Geometry::Polygon(polygon) => MultiPolygon(vec![polygon]),
                Geometry::MultiPolygon(polygons) => polygons,
                _ => MultiPolygon(Vec::new()),
            });
        }
        found.polygons = PointLocator::new(&polygons);
        found
    }

    /// The areas of a point: those of the smallest area that it lies in, and of an area above
    /// where none below holds it. On a border, the first area of the layer counts.
    pub(crate) fn at(&self, point: Point) -> Areas {
        let found = self.levels.iter().rev().find_map(|level| Some(&level.areas[level.polygons.first(point.x(), point.y())? as usize]));
        found.cloned().unwrap_or_default()
    }

    /// The areas of a geometry: of the point, or of a point on it.
    pub(crate) fn of(&self, wkb: &[u8]) -> Areas {
        if self.levels.is_empty() {
            return Areas::default();
        }
        let point = geometry::as_point(wkb).map(Point::from).or_else(|| geometry::to_geo(wkb)?.interior_point());
        point.map(|point| self.at(point)).unwrap_or_default()
    }

    /// The areas down to the one with this code; without any where the code is not known.
    fn by_code(&self, level: usize, code: &str) -> Areas {
        let found = self.levels.get(level).and_then(|level| Some(level.areas[*level.by_code.get(code)? as usize].clone()));
        found.unwrap_or_default()
    }

    /// True if the level has this name among the properties of an item.
    pub(crate) fn names(&self, property: &str) -> bool {
        AREA_PROPERTIES[..self.levels.len()].contains(&property)
    }

    /// The areas that a record names by their codes: those above the smallest one follow from it.
    pub(crate) fn named(&self, code_of: impl Fn(&str) -> Option<String>) -> Areas {
        let codes: Vec<String> = AREA_PROPERTIES[..self.levels.len()].iter().map(|name| code_of(name).unwrap_or_default()).collect();
        let smallest = codes.iter().rposition(|code| !code.is_empty());
        let above = smallest.map(|level| self.by_code(level, &codes[level])).unwrap_or_default();
        Areas::new(codes.iter().enumerate().map(|(level, code)| above.code(level).unwrap_or(code)))
    }
}

/// A code as text; `None` without one.
fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(text) if !text.is_empty() => Some(text.to_owned()),
        ValueRef::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}
