//! Runs an import: one thread reads, the calling one writes.

use crate::{
    ImportError, ImportOptions, LayerPlan, LayerReport, Phase, Progress, State, cityjson, csv, json, ogr,
    progress::Control,
    report::{ImportReport, REPORT_EXAMPLES_MAX, Refused, RefusedFile},
    sink::{BATCHES_WAITING_MAX, Batch, Sink},
    source::{Format, plan},
};
use citywall_model::CimCategory;
use citywall_store::{LayerDraft, LayerStage, StoreError};
use std::{path::Path, time::Instant};

/// How far outside its CRS's area a layer may lie before it is taken for a mistake, in degrees.
const AREA_MARGIN_DEGREES: f64 = 1.0;

/// Layers that are written but not yet seen, and what became of their records.
pub struct Import {
    /// The staged versions, in the source's order. Publish them, or drop them.
    pub stages: Vec<Box<dyn LayerStage>>,
    /// What became of every record.
    pub report: ImportReport,
}

/// An import that ended early. Nothing of it will be seen.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// Why.
    #[source]
    pub error: ImportError,
    /// What was read up to there.
    pub report: Box<ImportReport>,
}

/// Imports a source: every layer of it is read and staged through `stage` (such as
/// `|draft| store.stage(draft)`).
///
/// # Errors
/// The source cannot be planned or read to its end, the store fails, a layer would be empty, the
/// coordinates do not fit the CRS, or the caller stopped it. The report tells how far it came.
pub fn run(
    source: &Path,
    options: &ImportOptions,
    stage: &mut dyn FnMut(LayerDraft) -> Result<Box<dyn LayerStage>, StoreError>,
    progress: &dyn Progress,
) -> Result<Import, Failed> {
    let begun = Instant::now();
    let mut report = ImportReport {
        source: source.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        ..ImportReport::default()
    };
    let mut refused_file = RefusedFile::new(options.refused_file.as_deref());
    let staged = run_layers(source, options, stage, progress, &mut report, &mut refused_file);
    report.seconds = begun.elapsed().as_secs_f64();
    let closed = refused_file.finish();
    let staged = staged.and_then(|stages| match closed {
        Ok(path) => {
            report.refused_file = path;
            Ok(stages)
        }
        Err(e) => Err(refused_file_error(options, e)),
    });
    match staged {
        Ok(stages) => Ok(Import { stages, report }),
        Err(error) => Err(Failed { error, report: Box::new(report) }),
    }
}

fn refused_file_error(options: &ImportOptions, source: std::io::Error) -> ImportError {
    ImportError::Io { path: options.refused_file.clone().unwrap_or_default(), source }
}

fn run_layers(
    source: &Path,
    options: &ImportOptions,
    stage: &mut dyn FnMut(LayerDraft) -> Result<Box<dyn LayerStage>, StoreError>,
    progress: &dyn Progress,
    report: &mut ImportReport,
    refused_file: &mut RefusedFile,
) -> Result<Vec<Box<dyn LayerStage>>, ImportError> {
    progress.update(&State { phase: Phase::Plan, collection: "", layer: 0, layers: 0, done: 0, total: None, stored: 0 });
    let plans = plan(source, options)?;
    let mut stages = Vec::new();
    for (at, plan) in plans.iter().enumerate() {
        let mut layer = LayerReport::default();
        let control = Control::default();
        let shown = Shown { progress, plan, control: &control, layer: at + 1, layers: plans.len() };
        let staged = stage(draft(source, options, plan))
            .map_err(ImportError::from)
            .and_then(|staged| run_layer(source, options, plan, staged, &shown, &mut layer, refused_file));
        let empty = layer.read == 0;
        report.layers.push(layer);
        match staged {
            // An empty layer of several is worth a note; an empty source is a mistake.
            Err(ImportError::Nothing { .. }) if plan.several && empty => {
                if let Some(layer) = report.layers.last_mut() {
                    layer.note("the layer is empty, so no collection was made of it");
                }
            }
            staged => stages.push(staged?),
        }
    }
    if stages.is_empty() {
        let collection = plans.first().map(|p| p.collection.to_string()).unwrap_or_default();
        return Err(ImportError::Nothing { collection, reason: "every layer of the source is empty".to_owned() });
    }
    progress.update(&State {
        phase: Phase::Done,
        collection: "",
        layer: plans.len(),
        layers: plans.len(),
        done: 1,
        total: Some(1),
        stored: report.stored(),
    });
    Ok(stages)
}

fn draft(source: &Path, options: &ImportOptions, plan: &LayerPlan) -> LayerDraft {
    LayerDraft {
        id: plan.collection.clone(),
        title: plan.title.clone(),
        category: options.category.unwrap_or(CimCategory::SpatiotemporalBase),
        source: options.source.clone().unwrap_or_else(|| source.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()),
        source_crs: plan.source_crs.clone(),
        storage_crs: plan.crs.storage_crs(),
        generated: options.generated,
        id_field: plan.id_field.clone(),
    }
}

/// What progress needs to know of the layer.
struct Shown<'a> {
    progress: &'a dyn Progress,
    plan: &'a LayerPlan,
    control: &'a Control,
    layer: usize,
    layers: usize,
}

impl Shown<'_> {
    fn update(&self, stored: u64) {
        self.progress.update(&State {
            phase: Phase::Read,
            collection: self.plan.collection.as_str(),
            layer: self.layer,
            layers: self.layers,
            done: self.control.done(),
            total: self.control.total(),
            stored,
        });
    }
}

fn run_layer(
    source: &Path,
    options: &ImportOptions,
    plan: &LayerPlan,
    mut stage: Box<dyn LayerStage>,
    shown: &Shown<'_>,
    report: &mut LayerReport,
    refused_file: &mut RefusedFile,
) -> Result<Box<dyn LayerStage>, ImportError> {
    let begun = Instant::now();
    let control = shown.control;
    let (sender, batches) = crossbeam_channel::bounded::<Batch>(BATCHES_WAITING_MAX);
    let mut written = Written::default();
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut sink = Sink::new(sender, control, &plan.crs, plan.reader.winds_rings())
                .map_err(|e| ImportError::Crs { path: source.to_owned(), source: e })?;
            let ended = read_layer(source, options, plan, &mut sink);
            // Even of a source that breaks off, what was read is reported.
            let tally = sink.finish();
            Ok::<_, ImportError>((ended, tally))
        });
        let mut failure = None;
        for batch in &batches {
            if let Err(error) = written.write(batch, stage.as_mut(), plan, refused_file) {
                failure = Some(match error {
                    WriteError::Store(e) => ImportError::Store(e),
                    WriteError::Refused(e) => refused_file_error(options, e),
                });
                break;
            }
            shown.update(written.stored);
            if shown.progress.cancelled() {
                control.stop();
                failure = Some(ImportError::Cancelled);
                break;
            }
        }
        // The reader stops at its next batch once nobody takes it.
        drop(batches);
        let read = reader.join().unwrap_or_else(|_| Err(ImportError::Reader(source.to_owned())));
        failure.map_or(read, Err)
    });
    let ended = match read {
        Ok((ended, tally)) => {
            if let Ok(tally) = tally {
                *report = tally;
            }
            ended
        }
        Err(error) => Err(error),
    };
    written.fill(report, plan, begun);
    ended?;
    report.read = report.stored + report.refused;
    let meta = stage.meta();
    report.bbox = meta.extent;
    if report.stored == 0 {
        return Err(ImportError::Nothing {
            collection: plan.collection.to_string(),
            reason: match report.refusals.first() {
                Some(first) => {
                    format!("all {} records were refused, the first one ({}) because {}", report.refused, first.place, first.reason)
                }
                None => "the source has no records".to_owned(),
            },
        });
    }
    if let (Some(area), Some(extent)) = (plan.crs.area(), meta.extent)
        && !plan.crs.is_offset_datum()
        && outside(area, extent.into())
    {
        return Err(ImportError::OutsideArea { crs: plan.crs.name().to_owned(), extent: extent.into(), area });
    }
    shown.update(report.stored);
    Ok(stage)
}

/// True if an extent lies wholly outside an area (which may cross the antimeridian).
fn outside(area: [f64; 4], extent: [f64; 4]) -> bool {
    let [west, south, east, north] = area;
    let [x_min, y_min, x_max, y_max] = extent;
    let m = AREA_MARGIN_DEGREES;
    let apart_in_x = if west <= east { x_max < west - m || x_min > east + m } else { x_min > east + m && x_max < west - m };
    apart_in_x || y_max < south - m || y_min > north + m
}

fn read_layer(source: &Path, options: &ImportOptions, plan: &LayerPlan, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    match &plan.reader {
        Format::GeoJson(by_document) => json::read_document(source, by_document.then_some(&plan.crs), sink),
        Format::GeoJsonLines => json::read_lines(source, sink),
        Format::CityJson => cityjson::read_document(source, sink),
        Format::CityJsonLines => cityjson::read_lines(source, sink),
        Format::Csv(columns) => csv::read(source, columns, sink),
        Format::Ogr(layer) => ogr::read(source, options, layer, sink),
    }
}

enum WriteError {
    Store(StoreError),
    Refused(std::io::Error),
}

/// What the writing thread counts.
#[derive(Default)]
struct Written {
    stored: u64,
    no_geometry: u64,
    solids: u64,
    refused: u64,
    refusals: Vec<Refused>,
}

impl Written {
    fn write(&mut self, mut batch: Batch, stage: &mut dyn LayerStage, plan: &LayerPlan, file: &mut RefusedFile) -> Result<(), WriteError> {
        for refused in std::mem::take(&mut batch.refused) {
            self.refuse(refused, plan, file)?;
        }
        let features = std::mem::take(&mut batch.features);
        if features.is_empty() {
            return Ok(());
        }
        let sizes: Vec<(bool, u64)> = features.iter().map(|f| (f.geometry.is_none(), f.solids.len() as u64)).collect();
        let mut stored = vec![true; sizes.len()];
        for refusal in stage.write(features).map_err(WriteError::Store)? {
            if let Some(stored) = stored.get_mut(refusal.index) {
                *stored = false;
                let place = batch.places[refusal.index];
                self.refuse(Refused { place, reason: refusal.reason, raw: batch.raw(refusal.index) }, plan, file)?;
            }
        }
        for ((no_geometry, solids), _) in sizes.iter().zip(&stored).filter(|(_, stored)| **stored) {
            self.stored += 1;
            self.no_geometry += u64::from(*no_geometry);
            self.solids += solids;
        }
        Ok(())
    }

    fn refuse(&mut self, refused: Refused, plan: &LayerPlan, file: &mut RefusedFile) -> Result<(), WriteError> {
        self.refused += 1;
        file.add(plan.collection.as_str(), &refused).map_err(WriteError::Refused)?;
        if self.refusals.len() < REPORT_EXAMPLES_MAX {
            self.refusals.push(Refused { raw: None, ..refused });
        }
        Ok(())
    }

    fn fill(self, report: &mut LayerReport, plan: &LayerPlan, begun: Instant) {
        let found = std::mem::take(&mut report.notes);
        *report = LayerReport {
            collection: plan.collection.to_string(),
            source_layer: plan.source_layer.clone(),
            format: plan.format.to_owned(),
            source_crs: plan.source_crs.clone(),
            read: report.read,
            stored: self.stored,
            no_geometry: self.no_geometry,
            solids: self.solids,
            repaired: std::mem::take(&mut report.repaired),
            refused: self.refused,
            refusals: self.refusals,
            bbox: None,
            notes: plan.notes.iter().cloned().chain(found).collect(),
            seconds: begun.elapsed().as_secs_f64(),
        };
    }
}
