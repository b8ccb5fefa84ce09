//! What the caller says about a source, and what is planned for it.

use crate::source::Format;
use citywall_crs::Crs;
use citywall_model::{CimCategory, CollectionId, LocalText};
use serde::Serialize;
use std::path::PathBuf;

/// What the caller says about a source. Everything has a default.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The collection to fill. With several layers, theirs are appended: `monaco_points`.
    /// Without it, the source's file name is taken.
    pub layer: Option<CollectionId>,
    /// The collection's title; without it, the layer's or file's name in both languages.
    pub title: Option<LocalText>,
    /// Its place in the layer tree; without it, [`CimCategory::SpatiotemporalBase`].
    pub category: Option<CimCategory>,
    /// Where the data comes from, in words; without it, the file's name.
    pub source: Option<String>,
    /// The CRS of the source's coordinates. It is believed over what the source says.
    pub crs: Option<Crs>,
    /// The property whose value is the item id. Without it ids are generated, except for
    /// CityJSON, whose objects have ids.
    pub id_field: Option<String>,
    /// The text encoding of a Shapefile or CSV, as the web names them (`GBK`, `UTF-8`).
    pub encoding: Option<String>,
    /// Where to write the refused records; without it, only the report's examples remain.
    pub refused_file: Option<PathBuf>,
    /// True if the data is synthetic.
    pub generated: bool,
}

/// One collection that an import will make.
#[derive(Clone, Debug, Serialize)]
pub struct LayerPlan {
    /// The collection.
    pub collection: CollectionId,
    /// Its title.
    pub title: LocalText,
    /// What the source calls the layer, if it has several.
    pub source_layer: Option<String>,
    /// The format, in words.
    pub format: &'static str,
    /// The CRS in which its coordinates are read.
    pub source_crs: String,
    /// The property whose value is the item id; `None` if ids are generated.
    pub id_field: Option<String>,
    /// What was assumed or chosen.
    pub notes: Vec<String>,
    #[serde(skip)]
    pub(crate) crs: Crs,
    #[serde(skip)]
    pub(crate) reader: Format,
    /// True if the source itself says that its coordinates are in this CRS.
    #[serde(skip)]
    pub(crate) several: bool,
}
