//! What is known of a collection besides its items.

use crate::{Bbox, Revision, Schema, limits};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// The name of a collection in every address: lower-case letters, digits, `_` and `-`,
/// starting with a letter, at most [`limits::COLLECTION_ID_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CollectionId(Arc<str>);

/// A name that is no collection id.
#[derive(Debug, thiserror::Error)]
#[error("“{0}” is no collection id: use lower-case letters, digits, _ and -, starting with a letter, at most {max} characters", max = limits::COLLECTION_ID_BYTES_MAX)]
pub struct CollectionIdError(String);

impl CollectionId {
    /// Checks a name.
    ///
    /// # Errors
    /// The name breaks the rule above.
    pub fn new(name: &str) -> Result<Self, CollectionIdError> {
        let ok = name.len() <= limits::COLLECTION_ID_BYTES_MAX
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-');
        if ok { Ok(Self(name.into())) } else { Err(CollectionIdError(name.chars().take(80).collect())) }
    }

    /// The nearest collection id to any text: what is not allowed becomes `_`.
    #[must_use]
    pub fn slug(text: &str) -> Self {
        let mut slug: String = text
            .chars()
            .map(|c| c.to_ascii_lowercase())
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' { c } else { '_' })
            .collect();
        slug = slug.trim_matches('_').to_owned();
        if !slug.starts_with(|c: char| c.is_ascii_lowercase()) {
            slug = format!("layer_{slug}").trim_end_matches('_').to_owned();
        }
        slug.truncate(limits::COLLECTION_ID_BYTES_MAX);
        Self(slug.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CollectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for CollectionId {
    type Error = CollectionIdError;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<CollectionId> for String {
    fn from(id: CollectionId) -> Self {
        id.0.as_ref().to_owned()
    }
}

/// A text in the two languages that every screen has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalText {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl LocalText {
    /// A text in both languages.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }
}

/// The six categories of a CIM layer catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CimCategory {
    /// 时空基础: areas, base map, terrain, buildings.
    SpatiotemporalBase,
    /// 资源调查: land, geology, water, city components.
    ResourceSurvey,
    /// 规划管控: planning and control lines.
    PlanningControl,
    /// 工程建设项目: construction projects.
    ConstructionProjects,
    /// 公共专题: social data, institutions, places.
    PublicThemes,
    /// 物联感知: sensors, cameras, live feeds.
    IotSensing,
}

impl CimCategory {
    /// All six, in the catalogue's order.
    pub const ALL: [Self; 6] = [
        Self::SpatiotemporalBase,
        Self::ResourceSurvey,
        Self::PlanningControl,
        Self::ConstructionProjects,
        Self::PublicThemes,
        Self::IotSensing,
    ];

    /// The category's name.
    #[must_use]
    pub fn title(self) -> LocalText {
        match self {
            Self::SpatiotemporalBase => LocalText::new("时空基础", "Spatiotemporal base"),
            Self::ResourceSurvey => LocalText::new("资源调查", "Resource survey"),
            Self::PlanningControl => LocalText::new("规划管控", "Planning and control"),
            Self::ConstructionProjects => LocalText::new("工程建设项目", "Construction projects"),
            Self::PublicThemes => LocalText::new("公共专题", "Public themes"),
            Self::IotSensing => LocalText::new("物联感知", "IoT sensing"),
        }
    }
}

/// How a collection's items change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionKind {
    /// Items rest; a new import makes a new version.
    Layer,
    /// A grid of heights, without items.
    Elevation,
    /// Pictures of the ground as map tiles, without items.
    Imagery,
    /// Features that people draw and edit one by one, such as those of a plan.
    Features,
    /// Live items that open, change and clear.
    Incidents,
    /// Live items that move: the last position is the state, the history is the track.
    MovingObjects,
    /// Things (OGC SensorThings API): devices with a place and a type.
    Things,
    /// Datastreams (OGC SensorThings API): the last observation is the state, the history is the series.
    Datastreams,
    /// Polygons that rules watch.
    Fences,
    /// Rules, each a document in its item's properties.
    Rules,
    /// Alarms that rules raise.
    Alarms,
    /// Registered sources of events.
    Sources,
    /// Where alarms and events are sent: webhooks and MQTT topics.
    Targets,
}

impl CollectionKind {
    /// True where items change one by one and are pushed.
    #[must_use]
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Layer | Self::Elevation | Self::Imagery)
    }

    /// True where every record is a new state at its own time: a position, an observation.
    #[must_use]
    pub fn is_series(self) -> bool {
        matches!(self, Self::MovingObjects | Self::Datastreams)
    }

    /// True where the items are what goes on in the city, and not what someone has set up for it:
    /// what a replay shows unless it is asked for more.
    #[must_use]
    pub fn goes_on(self) -> bool {
        matches!(self, Self::Incidents | Self::MovingObjects | Self::Things | Self::Datastreams | Self::Alarms)
    }
}

/// What is known of a collection besides its items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectionMeta {
    /// Its name in every address.
    pub id: CollectionId,
    /// How its items change.
    pub kind: CollectionKind,
    /// Its title.
    pub title: LocalText,
    /// Its place in the layer tree.
    pub category: CimCategory,
    /// Where the data comes from, in words, with its licence where one is known.
    pub source: String,
    /// The CRS that the source was in, as `EPSG:n`, `GCJ-02` or `BD-09`.
    pub source_crs: String,
    /// The CRS that it is stored in, as an EPSG code: 4326 or 4490.
    pub storage_crs: u32,
    /// True if the data is synthetic; shown wherever the layer is shown.
    pub generated: bool,
    /// 1 for the first import, one more for each later one; 0 for a live collection.
    pub version: u32,
    /// The revision at which this version became current.
    pub revision: Revision,
    /// The attributes; empty for a live collection, whose properties are free.
    pub schema: Schema,
    /// The source property whose value is the item id; `None` if ids are generated.
    pub id_field: Option<String>,
    /// The common geometry type in GeoPackage's words (`POINT`, `MULTIPOLYGON`, `GEOMETRY`, …).
    pub geometry_type: String,
    /// The extent of all items with a geometry; `None` if there are none.
    pub extent: Option<Bbox>,
    /// The number of items in the current version; for a live collection, see the live state.
    pub count: u64,
    /// The number of CityJSON solids kept beside the items.
    #[serde(default)]
    pub solids: u64,
}
