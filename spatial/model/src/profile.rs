//! The city profile: what the file knows of its city.

use crate::{Bbox, CollectionId, LocalText};
use serde::{Deserialize, Serialize};

/// A camera position over the map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Longitude of the centre, degrees.
    pub longitude: f64,
    /// Latitude of the centre, degrees.
    pub latitude: f64,
    /// Web-map zoom level (512-pixel world at zoom 0, as MapLibre counts).
    pub zoom: f64,
}

/// One level of the city's areas, from the largest down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AreaLevel {
    /// The collection that holds the level's polygons.
    pub collection: CollectionId,
    /// What the level is called: 区, 街道, 社区, 网格.
    pub title: LocalText,
    /// The field with an area's code.
    pub code_field: String,
    /// The field with an area's name.
    pub name_field: String,
    /// The field with the code of the area of the level above; `None` at the top.
    pub parent_field: Option<String>,
}

/// The city that a file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CityProfile {
    /// The city's name.
    pub name: LocalText,
    /// IANA time zone, such as `Asia/Shanghai`.
    pub time_zone: String,
    /// The extent of the city proper; `None` until something has been imported.
    pub extent: Option<Bbox>,
    /// Where the map and the wall open; `None` shows the extent.
    pub home: Option<View>,
    /// The datum of stored heights, such as `EPSG:5737` (1985 国家高程基准) or `ellipsoidal`.
    pub vertical_datum: String,
    /// What to add to a stored height to get an ellipsoidal one, in metres.
    pub geoid_offset_m: f64,
    /// The levels of areas from the largest down: none to four.
    pub area_levels: Vec<AreaLevel>,
    /// A sentence that every screen shows if the city is generated.
    pub notice: Option<LocalText>,
}

impl CityProfile {
    /// A city of which only the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            name: LocalText::new(name.clone(), name),
            time_zone: "UTC".to_owned(),
            extent: None,
            home: None,
            vertical_datum: "unknown".to_owned(),
            geoid_offset_m: 0.0,
            area_levels: Vec::new(),
            notice: None,
        }
    }
}
