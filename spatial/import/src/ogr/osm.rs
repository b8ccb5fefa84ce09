//! Buildings whose tags stand on the outline of their relation.
//!
//! GDAL makes one polygon of a multipolygon relation and swallows the way that is its outer ring.
//! Where the relation has a name but no `building`, and the way is the building (the old style of
//! tagging), the polygon would be no building. GDAL gives such ways if asked for buildings only,
//! since it then passes over the relation; their tags are given to the polygon of the same ring.

use super::{
    OgrLayer,
    read::{FieldReader, Found, field_readers, read_feature},
};
use crate::shape::Shape;
use citywall_crs::messages;
use citywall_model::Value;
use gdal::{
    Dataset,
    vector::{LayerAccess, sql::Dialect},
};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A polygon's outline without regard to where its ring starts: vertices and extent.
type Outline = (usize, [u64; 4]);

/// Tags by the outline that they belong to.
#[derive(Debug, Default)]
pub(super) struct Outlines(FxHashMap<Outline, Vec<(Arc<str>, Value)>>);

impl Outlines {
    /// Collects the tags of ways that are the outer ring of a relation without `building`.
    /// Reads the file twice.
    pub(super) fn collect(dataset: &Dataset, layer: &OgrLayer) -> Self {
        let mut outlines: FxHashMap<Outline, Vec<(Arc<str>, Value)>> = FxHashMap::default();
        each(dataset, layer, "building IS NULL", |(geometry, values)| {
            if is_null(&values, "osm_way_id")
                && let Some(outline) = geometry.and_then(|g| outline(&g.shape))
            {
                outlines.insert(outline, Vec::new());
            }
        });
        if !outlines.is_empty() {
            each(dataset, layer, "building IS NOT NULL", |(geometry, values)| {
                if !is_null(&values, "osm_way_id")
                    && let Some(known) = geometry.and_then(|g| outline(&g.shape)).and_then(|o| outlines.get_mut(&o))
                {
                    *known = values;
                }
            });
        }
        outlines.retain(|_, values| !values.is_empty());
        Self(outlines)
    }

    /// Gives a relation's polygon the tags of its outline, where it has none of the name.
    /// True if there were any.
    pub(super) fn complete(&self, shape: &Shape, values: &mut Vec<(Arc<str>, Value)>) -> bool {
        if self.0.is_empty() || !is_null(values, "osm_way_id") || !is_null(values, "building") {
            return false;
        }
        let Some(from) = outline(shape).and_then(|o| self.0.get(&o)) else { return false };
        for (name, value) in from {
            match values.iter_mut().find(|(known, _)| known == name) {
                _ if **name == *"osm_way_id" => {}
                Some((_, old)) if *old == Value::Null => *old = value.clone(),
                Some(_) => {}
                None => values.push((name.clone(), value.clone())),
            }
        }
        true
    }
}

fn each(dataset: &Dataset, layer: &OgrLayer, condition: &str, mut take: impl FnMut(Found)) {
    let query = format!("SELECT * FROM {} WHERE {condition}", layer.name);
    // What is wrong with the file is told when its features are read for good.
    messages::collect(|| {
        let Ok(Some(mut result)) = dataset.execute_sql(query, None, Dialect::DEFAULT) else { return };
        let fields: Vec<FieldReader> = field_readers(&*result, layer);
        for feature in result.features() {
            if let Ok(found) = read_feature(&feature, &fields, layer) {
                take(found);
            }
        }
    });
}

fn is_null(values: &[(Arc<str>, Value)], name: &str) -> bool {
    values.iter().find(|(n, _)| **n == *name).is_none_or(|(_, v)| *v == Value::Null)
}

/// The outline of the only outer ring; `None` if there are several.
fn outline(shape: &Shape) -> Option<Outline> {
    let ring = shape.ring_ranges().next()?;
    if shape.parts.len() > 1 {
        return None;
    }
    let range = |v: &[f64]| v.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    let ((west, east), (south, north)) = (range(&shape.x[ring.clone()]), range(&shape.y[ring.clone()]));
    Some((ring.len(), [west, south, east, north].map(f64::to_bits)))
}
