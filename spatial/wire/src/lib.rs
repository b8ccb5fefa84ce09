//! The messages and documents that server and viewer exchange, as JSON, and the scenes that both know of.
//!
//! Only shapes and names: this crate links nothing but serde, so that the viewer never links the store or
//! GDAL. Coordinates are longitude, latitude in degrees; instants are RFC 3339 in UTC.

mod live;
mod scenes;

pub use live::{AreaOf, Change, Gone, LiveMessage, LiveRequest, Replay, ReplayControl, ReplayMark, Subscribe};
pub use scenes::{SCENES_MAX, SHIPPED_SCENES, scene_files};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A text in the two languages that every screen has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalText {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// `GET /city`: what a map or a wall needs to open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CityDocument {
    /// The city's name.
    pub name: LocalText,
    /// IANA time zone.
    pub time_zone: String,
    /// West, south, east, north in degrees; absent in an empty city.
    pub extent: Option<[f64; 4]>,
    /// Where to open: longitude, latitude, web-map zoom.
    pub home: Option<HomeView>,
    /// A sentence to show if the city is generated.
    pub notice: Option<LocalText>,
    /// The area levels from the largest down.
    pub area_levels: Vec<AreaLevel>,
    /// The revision of this document's numbers.
    pub revision: u64,
    /// The server's version.
    pub version: String,
    /// Every collection.
    pub collections: Vec<CollectionDocument>,
}

/// A position over the map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HomeView {
    /// Degrees.
    pub longitude: f64,
    /// Degrees.
    pub latitude: f64,
    /// Web-map zoom level, 512-pixel world at zoom 0.
    pub zoom: f64,
}

/// One level of the city's areas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AreaLevel {
    /// The collection with the polygons.
    pub collection: String,
    /// What the level is called.
    pub title: LocalText,
    /// The field with an area's name.
    pub name_field: String,
    /// The field with an area's code.
    pub code_field: String,
}

/// One collection in a [`CityDocument`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectionDocument {
    /// Its name in every address.
    pub id: String,
    /// Its title.
    pub title: LocalText,
    /// `layer` or `incidents`.
    pub kind: String,
    /// The CIM category, such as `spatiotemporal_base`.
    pub category: String,
    /// True if the data is synthetic.
    pub generated: bool,
    /// Where the data comes from.
    pub source: String,
    /// GeoPackage geometry type, such as `POLYGON`.
    pub geometry_type: String,
    /// West, south, east, north in degrees.
    pub extent: Option<[f64; 4]>,
    /// The number of items.
    pub count: u64,
    /// How many solids its items have.
    #[serde(default)]
    pub solids: u64,
    /// Of a live collection: how many are not cleared.
    pub open: Option<u64>,
    /// Of a live collection: open items by level 1–4 (index 0 has those without a level).
    pub open_by_level: Option<[u64; 5]>,
    /// The revision at which it last changed; part of its tiles' addresses.
    pub revision: u64,
    /// The fields by name and type (`boolean`, `integer`, `number`, `text`, `json`).
    pub fields: Vec<(String, String)>,
}

/// An item as a GeoJSON Feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Feature {
    /// Always `Feature`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id, unique in its collection.
    pub id: String,
    /// GeoJSON geometry or null.
    pub geometry: Option<Value>,
    /// The properties; a live item's `source`, `time`, `class`, `title`, `level`, `status` among
    /// them, and `recorded`, the revision that made it so.
    pub properties: Map<String, Value>,
}
