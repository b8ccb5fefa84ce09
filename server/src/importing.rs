//! An import, whoever asks for it: the command line on a file of its own, or a job on a served one.

use citywall_crs::Crs;
use citywall_import::{Failed, ImportOptions, ImportReport, Phase, Progress, State};
use citywall_model::{CimCategory, CollectionId, Grid, LocalText, limits};
use citywall_query::City;
use citywall_store::{CityStore, GeoPackage, LayerDraft, LayerStage, Pyramid, StoreError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

mod job;

pub use job::{ImportJob, imports, start};

/// What is asked for: the body of `POST /imports`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// The file to read, as an absolute path on the server's machine.
    pub source: PathBuf,
    /// The collection to fill; by default named after the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<CollectionId>,
    /// The CRS of the source's coordinates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crs: Option<String>,
    /// The property whose value is the item id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_field: Option<String>,
    /// The Chinese title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title_zh: Option<String>,
    /// The English title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title_en: Option<String>,
    /// The place in the layer tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<CimCategory>,
    /// Where the data comes from, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<String>,
    /// The text encoding of a Shapefile or CSV.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Where to write the refused records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<PathBuf>,
    /// True if the data is synthetic.
    #[serde(default)]
    pub generated: bool,
    /// True if a raster is a picture, even if it looks like heights.
    #[serde(default)]
    pub picture: bool,
    /// How many replaced versions the layer keeps from now on; as before without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}

impl ImportRequest {
    /// The importer's options.
    ///
    /// # Errors
    /// The CRS is unknown, or a limit is passed.
    pub fn options(&self) -> Result<ImportOptions, String> {
        let title = match (&self.title_zh, &self.title_en) {
            (None, None) => None,
            (zh, en) => {
                let any = zh.as_ref().or(en.as_ref()).cloned().unwrap_or_default();
                Some(LocalText::new(zh.clone().unwrap_or_else(|| any.clone()), en.clone().unwrap_or(any)))
            }
        };
        if let Some(keep) = self.keep.filter(|keep| *keep > limits::VERSIONS_KEPT_MAX) {
            return Err(format!("keep: {keep} where a layer keeps at most VERSIONS_KEPT_MAX ({}) versions", limits::VERSIONS_KEPT_MAX));
        }
        Ok(ImportOptions {
            layer: self.layer.clone(),
            title,
            category: self.category,
            source: self.attribution.clone(),
            crs: self.crs.as_deref().map(Crs::parse).transpose().map_err(|error| format!("crs: {error}"))?,
            id_field: self.id_field.clone(),
            encoding: self.encoding.clone(),
            refused_file: self.refused.clone(),
            generated: self.generated,
        })
    }

    /// Where refused records go: where it was asked for, or next to the city.
    #[must_use]
    pub fn with_refused_beside(mut self, city: &Path) -> Self {
        if self.refused.is_none() {
            let stem = self.source.file_name().map_or_else(|| "import".into(), |name| name.to_string_lossy().into_owned());
            self.refused = Some(city.with_file_name(format!("{stem}.refused.ndjson")));
        }
        self
    }
}

/// How far an import is, as a job tells it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportState {
    /// `plan`, `read` or `done`.
    pub phase: String,
    /// The collection that is being written.
    pub collection: String,
    /// Which layer of the source that is, from 1.
    pub layer: usize,
    /// How many layers there are.
    pub layers: usize,
    /// Units done.
    pub done: u64,
    /// Units in all, if that is known.
    pub total: Option<u64>,
    /// Items stored in this layer.
    pub stored: u64,
}

impl From<&State<'_>> for ImportState {
    fn from(state: &State<'_>) -> Self {
        Self {
            phase: match state.phase {
                Phase::Plan => "plan",
                Phase::Done => "done",
                _ => "read",
            }
            .to_owned(),
            collection: state.collection.to_owned(),
            layer: state.layer,
            layers: state.layers,
            done: state.done,
            total: state.total,
            stored: state.stored,
        }
    }
}

/// Why an import failed, and how far it came.
#[derive(Debug)]
pub struct Failure {
    /// Why, for the person who asked.
    pub reason: String,
    /// What was read up to there.
    pub report: String,
}

/// Where an import ends: a file of its own, or a city that is served.
pub trait Target {
    /// Starts a new version of a layer.
    fn stage(&self, draft: LayerDraft) -> Result<Box<dyn LayerStage>, StoreError>;
    /// Sets how many replaced versions a layer keeps.
    fn keep_versions(&self, layer: &CollectionId, versions: u32) -> Result<(), String>;
    /// Makes a staged version current.
    fn publish(&self, stage: Box<dyn LayerStage>) -> Result<(), String>;
    /// Makes an elevation grid current.
    fn put_grid(&self, draft: LayerDraft, grid: Grid) -> Result<(), String>;
    /// Makes imagery current.
    fn put_imagery(&self, draft: LayerDraft, tiles: &Pyramid) -> Result<(), String>;
}

impl Target for GeoPackage {
    fn stage(&self, draft: LayerDraft) -> Result<Box<dyn LayerStage>, StoreError> {
        CityStore::stage(self, draft)
    }

    fn keep_versions(&self, layer: &CollectionId, versions: u32) -> Result<(), String> {
        CityStore::keep_versions(self, layer, versions).map_err(|error| error.to_string())
    }

    fn publish(&self, stage: Box<dyn LayerStage>) -> Result<(), String> {
        stage.publish().map(drop).map_err(|error| error.to_string())
    }

    fn put_grid(&self, draft: LayerDraft, grid: Grid) -> Result<(), String> {
        CityStore::put_grid(self, draft, &grid).map(drop).map_err(|error| error.to_string())
    }

    fn put_imagery(&self, draft: LayerDraft, tiles: &Pyramid) -> Result<(), String> {
        self.stage_imagery(draft, tiles).and_then(|publish| publish()).map(drop).map_err(|error| error.to_string())
    }
}

impl Target for City {
    fn stage(&self, draft: LayerDraft) -> Result<Box<dyn LayerStage>, StoreError> {
        self.store().stage(draft)
    }

    fn keep_versions(&self, layer: &CollectionId, versions: u32) -> Result<(), String> {
        self.keep_versions(layer, versions).map_err(|error| error.to_string())
    }

    fn publish(&self, stage: Box<dyn LayerStage>) -> Result<(), String> {
        self.publish(stage).map(drop).map_err(|error| error.to_string())
    }

    fn put_grid(&self, draft: LayerDraft, grid: Grid) -> Result<(), String> {
        self.put_grid(draft, grid).map(drop).map_err(|error| error.to_string())
    }

    fn put_imagery(&self, draft: LayerDraft, tiles: &Pyramid) -> Result<(), String> {
        self.put_imagery(draft, tiles).map(drop).map_err(|error| error.to_string())
    }
}

/// Runs an import to its end: every layer of the source, its elevation grid or its picture is current.
///
/// # Errors
/// The source cannot be read to its end or the store fails; then no layer that is not published
/// yet will be.
pub fn run(request: &ImportRequest, target: &dyn Target, progress: &dyn Progress) -> Result<ImportReport, Failure> {
    let options = request.options().map_err(|reason| Failure { reason, report: String::new() })?;
    let failed = |failed: Failed| Failure { reason: failed.error.to_string(), report: failed.report.to_string() };
    if citywall_import::is_raster(&request.source) {
        let (report, put) = if request.picture || citywall_import::is_picture(&request.source) {
            let imagery = citywall_import::read_imagery(&request.source, &options, progress).map_err(failed)?;
            (imagery.report.clone(), target.put_imagery(imagery.draft.clone(), &imagery.tiles))
        } else {
            let elevation = citywall_import::read_elevation(&request.source, &options, progress).map_err(failed)?;
            (elevation.report, target.put_grid(elevation.draft, elevation.grid))
        };
        return match put {
            Ok(()) => Ok(report),
            Err(reason) => Err(Failure { reason, report: report.to_string() }),
        };
    }
    let import = citywall_import::run(&request.source, &options, &mut |draft| target.stage(draft), progress).map_err(failed)?;
    for stage in import.stages {
        let keep = request.keep.map_or(Ok(()), |versions| target.keep_versions(&stage.meta().id, versions));
        keep.and_then(|()| target.publish(stage)).map_err(|reason| Failure { reason, report: import.report.to_string() })?;
    }
    Ok(import.report)
}
