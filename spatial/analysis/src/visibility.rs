//! What can be seen from where, over buildings and terrain.
//!
//! Heights are metres in the city's datum. The Earth falls away from a level line of sight by
//! (1 − k) · d² / 2R at a distance d, with its mean radius R and the refraction k of the air (P. F.
//! Fisher, “Algorithm and implementation uncertainty in viewshed analysis”, IJGIS 7, 1993, as GDAL's
//! `gdal_viewshed -cc` with 1 − k).

use crate::{AnalysisError, Budget, points::place_of};
use citywall_model::{FeatureRef, geometry};
use citywall_query::{CollectionView, ItemsQuery};
use geo::{MultiPolygon, Point};

mod sight;
mod viewshed;

pub use sight::{Obstacle, Sight, line_of_sight};
pub use viewshed::{Viewshed, viewshed};

/// The mean radius of the Earth (IUGG R₁), in metres.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;
/// The refraction of light in air near the ground that surveyors take (C. F. Gauss).
pub const REFRACTION: f64 = 0.13;

/// How light goes over the Earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Air {
    /// The refraction coefficient k: 0 for straight light, 1 for light that follows the Earth.
    pub refraction: f64,
}

impl Air {
    /// How far below a level line of sight the Earth is at a distance, in metres.
    #[must_use]
    pub fn drop_m(self, away_m: f64) -> f64 {
        self.drop_per_m2() * away_m * away_m
    }

    fn drop_per_m2(self) -> f64 {
        (1.0 - self.refraction) / (2.0 * EARTH_RADIUS_M)
    }
}

/// The ground: its height at a longitude and latitude, in the city's datum.
pub type Ground<'a> = &'a (dyn Fn(f64, f64) -> f64 + Sync);

/// An eye, or what it looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// Longitude, latitude.
    pub place: Point,
    /// The height in the city's datum, metres.
    pub height_m: f64,
}

/// A building as a block with a flat top.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its id.
    pub id: String,
    /// Its outline.
    pub shape: MultiPolygon,
    /// The height of its top in the city's datum, metres.
    pub top_m: f64,
}

/// The matching buildings: polygons with a number greater than 0 in the property `height`, metres
/// above the ground, or above their own `ground_height` or `base_height` if they have it. O(n).
///
/// # Errors
/// The budget's limits are passed.
pub fn blocks(
    view: &CollectionView,
    query: &ItemsQuery,
    height: &str,
    ground: Ground<'_>,
    budget: &mut Budget,
) -> Result<Vec<Block>, AnalysisError> {
    let (mut blocks, mut stopped) = (Vec::new(), None);
    view.each(query, |item| {
        stopped = budget.rows(1).err();
        blocks.extend(block(item, height, ground));
        stopped.is_none()
    });
    stopped.map_or(Ok(blocks), Err)
}

fn block(item: FeatureRef<'_>, height: &str, ground: Ground<'_>) -> Option<Block> {
    let height_m = item.number(height).filter(|height| height.is_finite() && *height > 0.0)?;
    let wkb = item.geometry()?;
    let shape = crate::overlay::polygons(&geometry::to_geo(wkb)?);
    let own = ["ground_height", "base_height"].iter().find_map(|name| item.number(name)).filter(|height| height.is_finite());
    let stands_m = own.or_else(|| place_of(wkb).map(|place| ground(place.x(), place.y())))?;
    (!shape.0.is_empty()).then(|| Block { id: item.id().into_owned(), shape, top_m: stands_m + height_m })
}
