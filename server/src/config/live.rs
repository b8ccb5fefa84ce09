//! `[[live]]`: the live collections of a city, and what their items must be.

use anyhow::{Context, bail};
use citywall_model::{CimCategory, CollectionId, CollectionKind, LocalText};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// One live collection. It is made at the start if the city does not have it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveConfig {
    /// Its name in every address: lower-case letters, digits, `_` and `-`.
    #[schemars(with = "String")]
    pub id: CollectionId,
    /// What its items are.
    pub kind: LiveKind,
    /// Its title in Chinese and English.
    pub title: Title,
    /// Its place in the layer tree.
    #[serde(default)]
    pub category: Category,
    /// True if its data is synthetic; shown wherever it is shown.
    #[serde(default)]
    pub generated: bool,
    /// The values that `class` may have, each `scheme:code`; any, if none are given here or in `classes_file`.
    #[serde(default)]
    pub classes: Vec<String>,
    /// A file of such values, one to a line; `#` starts a comment. Relative to the configuration file.
    pub classes_file: Option<PathBuf>,
    /// What the named properties must be; others are free.
    #[serde(default)]
    pub properties: BTreeMap<String, PropertyConfig>,
    /// How many days of history are kept, counted back from the latest state; all without it. What an
    /// item is now stays, but for incidents and alarms that have been cleared for so long: these are
    /// removed. See `history_export`.
    pub retention_days: Option<u32>,
    /// After how many seconds without a word a thing or a datastream is offline; an item's own
    /// `heartbeat_s` counts for more.
    pub heartbeat_s: Option<u32>,
}

/// What the items of a live collection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveKind {
    /// Features that people draw and edit one by one, such as those of a plan.
    Features,
    /// Items that open, change and clear.
    Incidents,
    /// Items that move: the last position is the state, the history is the track.
    MovingObjects,
    /// Devices with a place and a type.
    Things,
    /// Series of observations: the last one is the state.
    Datastreams,
}

impl From<LiveKind> for CollectionKind {
    fn from(kind: LiveKind) -> Self {
        match kind {
            LiveKind::Features => Self::Features,
            LiveKind::Incidents => Self::Incidents,
            LiveKind::MovingObjects => Self::MovingObjects,
            LiveKind::Things => Self::Things,
            LiveKind::Datastreams => Self::Datastreams,
        }
    }
}

/// A title in both languages.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl From<&Title> for LocalText {
    fn from(title: &Title) -> Self {
        Self::new(title.zh.clone(), title.en.clone())
    }
}

/// A place in the layer tree: the categories of a CIM layer catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// 时空基础
    SpatiotemporalBase,
    /// 资源调查
    ResourceSurvey,
    /// 规划管控
    PlanningControl,
    /// 工程建设项目
    ConstructionProjects,
    /// 公共专题
    PublicThemes,
    /// 物联感知
    #[default]
    IotSensing,
}

impl From<Category> for CimCategory {
    fn from(category: Category) -> Self {
        match category {
            Category::SpatiotemporalBase => Self::SpatiotemporalBase,
            Category::ResourceSurvey => Self::ResourceSurvey,
            Category::PlanningControl => Self::PlanningControl,
            Category::ConstructionProjects => Self::ConstructionProjects,
            Category::PublicThemes => Self::PublicThemes,
            Category::IotSensing => Self::IotSensing,
        }
    }
}

/// What a property must be.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PropertyConfig {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: PropertyKind,
    /// True if every item must have it.
    #[serde(default)]
    pub required: bool,
    /// The texts that it may be; any, without it.
    #[serde(default)]
    pub values: Vec<String>,
    /// The least number that it may be.
    pub min: Option<f64>,
    /// The greatest number that it may be.
    pub max: Option<f64>,
}

/// The type of a property, in JSON's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PropertyKind {
    /// A text.
    String,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// An array.
    Array,
    /// An object.
    Object,
    /// Anything.
    Any,
}

impl LiveConfig {
    /// Reads the file of classes, so that the configuration holds them all.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_classes(&mut self, folder: &Path) -> anyhow::Result<()> {
        let Some(file) = &self.classes_file else { return Ok(()) };
        let file = folder.join(file);
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("live “{}”: cannot read classes_file {}", self.id, file.display()))?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        self.classes.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
        if self.classes.is_empty() {
            bail!("live “{}”: classes_file {} names no class", self.id, file.display());
        }
        Ok(())
    }

    /// Checks what a type cannot say.
    ///
    /// # Errors
    /// A setting does not make sense.
    pub fn check(&self) -> anyhow::Result<()> {
        let id = &self.id;
        if let Some(class) = self.classes.iter().find(|class| class.rsplit_once(':').is_none_or(|(s, c)| s.is_empty() || c.is_empty())) {
            bail!("live “{id}”: the class “{class}” is not of the form scheme:code");
        }
        if self.retention_days == Some(0) || self.heartbeat_s == Some(0) {
            bail!("live “{id}”: retention_days and heartbeat_s must be at least 1");
        }
        for (name, property) in &self.properties {
            if ["source", "time", "status", "recorded"].contains(&name.as_str()) {
                bail!("live “{id}”: the property “{name}” is the same for every collection");
            }
            let numbers = matches!(property.kind, PropertyKind::Number | PropertyKind::Integer);
            if !numbers && (property.min.is_some() || property.max.is_some()) {
                bail!("live “{id}”: the property “{name}” has a min or max but is no number");
            }
            if property.kind != PropertyKind::String && !property.values.is_empty() {
                bail!("live “{id}”: the property “{name}” lists values but is no string");
            }
        }
        Ok(())
    }
}

/// Checks all tables together.
///
/// # Errors
/// One does not make sense, or an id is taken twice or by the server itself.
pub fn check(all: &[LiveConfig]) -> anyhow::Result<()> {
    for (at, live) in all.iter().enumerate() {
        live.check()?;
        if all[..at].iter().any(|other| other.id == live.id) {
            bail!("live “{}”: there is another one of this id", live.id);
        }
        if let Some(system) = crate::ingest::system_collections().into_iter().find(|system| system.id == live.id.as_str()) {
            // What the city has in any case may be told more about, but stays what it is.
            if system.kind != live.kind.into() {
                bail!("live “{}”: the id is the server's own, for {:?}", live.id, system.kind);
            }
        }
    }
    Ok(())
}
