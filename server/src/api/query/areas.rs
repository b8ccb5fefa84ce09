//! The levels of the city's areas, as questions name them.

use super::hotspots::Frame;
use crate::http::Problem;
use citywall_model::{AREA_PROPERTIES, AreaLevel, geometry};
use citywall_query::{City, CollectionView, Equals, ItemsQuery};
use geo::InteriorPoint;
use geo_types::Geometry;

/// The level that a word names, counted from the largest; `None` if it names none at all.
///
/// # Errors
/// The city has no areas of this level.
pub fn level_of(city: &City, word: &str) -> Result<Option<usize>, Problem> {
    let levels = city.profile().area_levels.len().min(AREA_PROPERTIES.len());
    match AREA_PROPERTIES.iter().position(|name| *name == word) {
        Some(level) if level < levels => Ok(Some(level)),
        Some(_) => Err(Problem::parameter("by", format!("the city has no areas of the level “{word}”; it has {levels} levels"))),
        None => Ok(None),
    }
}

/// The areas of one level.
pub struct Level {
    level: AreaLevel,
    view: CollectionView,
}

impl Level {
    /// A level, counted from the largest; `None` if there is no such level.
    ///
    /// # Errors
    /// The collection of its areas is gone.
    pub fn of(city: &City, level: usize) -> Result<Option<Self>, Problem> {
        let Some(level) = city.profile().area_levels.get(level).cloned() else { return Ok(None) };
        let view = city.view(&level.collection)?;
        Ok(Some(Self { level, view }))
    }

    /// The polygon of an area, by its code.
    pub fn shape(&self, code: &str) -> Option<Geometry> {
        let equals = Equals { property: self.level.code_field.clone(), value: code.to_owned() };
        let mut found = None;
        self.view.each(&ItemsQuery { equals: vec![equals], ..ItemsQuery::default() }, |item| {
            found = item.geometry().and_then(geometry::to_geo);
            false
        });
        found
    }

    /// All areas that have a code and a shape, in the order of the layer; of two with one code the first.
    pub fn frames(&self) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        self.view.each(&ItemsQuery::default(), |item| {
            let shape = item.geometry().and_then(geometry::to_geo);
            let centre = shape.as_ref().and_then(InteriorPoint::interior_point);
            if let (Some(code), Some(outline), Some(centre)) = (item.text(&self.level.code_field), shape, centre)
                && seen.insert(code.clone())
            {
                frames.push(Frame { code, centre, outline });
            }
            true
        });
        frames
    }
}
