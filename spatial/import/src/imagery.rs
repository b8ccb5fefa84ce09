//! Pictures of the ground (orthophotos, classified and other single-band rasters) into a pyramid of
//! map tiles. GDAL reads, warps, resamples and encodes them.
//!
//! Three bands or more are red, green, blue, kept as lossy WebP. A palette becomes its colours and a
//! single band a grey, both as PNG, without loss. Where the source has no data, a tile is clear.

use crate::{
    Failed, ImportError, ImportOptions, Phase, Progress, State,
    raster::{self, Opened},
    report::{ImportReport, LayerReport},
    source,
};
use citywall_crs::{Transform, messages};
use citywall_model::{Bbox, CollectionId, limits};
use citywall_store::{LayerDraft, Pyramid};
use gdal::{
    Dataset, DriverManager, GeoTransformEx,
    raster::{ColorInterpretation, GdalDataType, RasterCreationOptions},
};
use std::{fmt::Write, path::Path, time::Instant};

/// The CRS of web maps: a city keeps imagery in nothing else.
const STORAGE_CRS: u32 = 3857;
/// Metres to the pixel of the one tile of level 0.
const WORLD_PIXEL_M: f64 = 156_543.033_928_040_97;
/// The table of tiles in the file that GDAL writes.
const TABLE: &str = "tiles";
/// How well WebP keeps an orthophoto, of 100.
const WEBP_QUALITY: &str = "85";

/// A picture, ready for `CityStore::stage_imagery`.
#[derive(Debug)]
pub struct Imagery {
    /// What the collection is.
    pub draft: LayerDraft,
    /// Its tiles.
    pub tiles: Pyramid,
    /// What became of the pixels.
    pub report: ImportReport,
    /// Where the tiles are until they are in the city; removed with this.
    _folder: tempfile::TempDir,
}

/// Makes map tiles of a picture, in the folder for temporary files.
///
/// # Errors
/// The source is no raster, has no place or no CRS, passes the limit `IMAGERY_PIXELS_MAX`, breaks
/// off, or the caller stopped it.
pub fn read_imagery(source: &Path, options: &ImportOptions, progress: &dyn Progress) -> Result<Imagery, Failed> {
    read(source, options, progress).map_err(|error| Failed { error, report: Box::default() })
}

fn read(source: &Path, options: &ImportOptions, progress: &dyn Progress) -> Result<Imagery, ImportError> {
    let begun = Instant::now();
    let foreign = |reason: String| ImportError::Foreign { path: source.to_owned(), reason };
    let mut opened = raster::open(source, options)?;
    let (columns, rows) = opened.dataset.raster_size();
    if columns.saturating_mul(rows) > limits::IMAGERY_PIXELS_MAX {
        let max = limits::IMAGERY_PIXELS_MAX;
        return Err(foreign(format!("{columns} × {rows} pixels pass the limit IMAGERY_PIXELS_MAX ({max}); cut it into layers")));
    }
    if opened.crs.is_offset_datum() {
        return Err(foreign(format!("a picture in {} cannot be put straight; give it in a CRS that PROJ knows", opened.crs)));
    }
    let extent = extent(source, &opened)?;
    let collection = options.layer.clone().unwrap_or_else(|| CollectionId::slug(&source::stem(source)));
    let pixels = (columns * rows) as u64;
    let tell = |done| {
        let (total, collection) = (Some(pixels), collection.as_str());
        progress.update(&State { phase: Phase::Read, collection, layer: 1, layers: 1, done, total, stored: 0 });
        if progress.cancelled() { Err(ImportError::Cancelled) } else { Ok(()) }
    };
    tell(0)?;
    let look = Look::of(&opened.dataset).map_err(|e| foreign(e.to_string()))?;
    opened.notes.push(look.note.clone());
    let folder = tempfile::tempdir().map_err(|e| ImportError::Io { path: std::env::temp_dir(), source: e })?;
    let file = folder.path().join("pyramid.gpkg");
    let (written, said) = messages::collect(|| write(&opened, &look, &file, &tell));
    match written {
        Ok(()) => {}
        Err(Stopped::Asked(error)) => return Err(error),
        Err(Stopped::Gdal(e)) => return Err(foreign(raster::words(said, &e.to_string()))),
    }
    let report = report(source, &collection, &opened, extent, begun);
    let draft = raster::draft(source, options, collection, &opened.crs, STORAGE_CRS);
    Ok(Imagery { draft, tiles: Pyramid { file, table: TABLE.to_owned(), extent }, report, _folder: folder })
}

/// What a picture covers, in degrees.
fn extent(source: &Path, opened: &Opened) -> Result<Bbox, ImportError> {
    #[expect(clippy::cast_precision_loss, reason = "sizes are below IMAGERY_PIXELS_MAX")]
    let (width, height) = (opened.dataset.raster_size().0 as f64, opened.dataset.raster_size().1 as f64);
    let corners = [(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)].map(|(c, r)| opened.transform.apply(c, r));
    let range = |pick: fn(&(f64, f64)) -> f64| {
        corners.iter().map(pick).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((x_min, x_max), (y_min, y_max)) = (range(|c| c.0), range(|c| c.1));
    let [west, south, east, north] = Transform::to_lon_lat(&opened.crs)
        .and_then(|there| there.apply_bounds([x_min, y_min, x_max, y_max]))
        .map_err(|e| ImportError::Crs { path: source.to_owned(), source: e })?;
    Ok(Bbox::new(west.max(-180.0), south.max(-90.0), east.min(180.0), north.min(90.0)))
}

/// How bands become colours.
struct Look {
    /// For each of red, green and blue, or of grey alone: the band, and what a `ComplexSource` of
    /// GDAL's VRT says of its values.
    colours: Vec<(usize, String)>,
    /// The bands without which a pixel has no data, or the one that says how clear it is.
    masks: Vec<String>,
    /// True if neighbouring values must not be mixed.
    is_classes: bool,
    /// True if the tiles are kept without loss.
    is_exact: bool,
    /// What was chosen, in words.
    note: String,
}

impl Look {
    fn of(dataset: &Dataset) -> gdal::errors::Result<Self> {
        let count = dataset.raster_count();
        let first = dataset.rasterband(1)?;
        let alpha =
            (2..=count).find(|band| dataset.rasterband(*band).is_ok_and(|b| b.color_interpretation() == ColorInterpretation::AlphaBand));
        if first.color_table().is_some() {
            let colours = (1..=3).map(|part| (1, format!("<ColorTableComponent>{part}</ColorTableComponent>"))).collect();
            let note = "the palette's colours, kept exactly".to_owned();
            return Ok(Self { colours, masks: vec!["mask,1".to_owned()], is_classes: true, is_exact: true, note });
        }
        let bands: Vec<usize> = if count >= 3 && alpha != Some(3) { vec![1, 2, 3] } else { vec![1] };
        let masks = alpha.map_or_else(|| bands.iter().map(|band| format!("mask,{band}")).collect(), |band| vec![band.to_string()]);
        let is_bytes = bands.iter().all(|band| dataset.rasterband(*band).is_ok_and(|b| b.band_type() == GdalDataType::UInt8));
        let mut note = if bands.len() == 3 { "red, green, blue as WebP" } else { "grey, kept exactly" }.to_owned();
        let mut values = String::new();
        if !is_bytes {
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for band in &bands {
                let range = dataset.rasterband(*band)?.compute_raster_min_max(true)?;
                (low, high) = (low.min(range.min), high.max(range.max));
            }
            let _ = write!(note, "; values from {low} (dark) to {high} (bright)");
            // A picture of one value is as bright as it gets.
            values = if high > low { format!("<LUT>{low}:0,{high}:255</LUT>") } else { format!("<LUT>{low}:255</LUT>") };
        }
        let is_exact = bands.len() == 1;
        Ok(Self { colours: bands.into_iter().map(|band| (band, values.clone())).collect(), masks, is_classes: false, is_exact, note })
    }

    /// The picture as GDAL's virtual raster: its colours and how clear it is, in bytes.
    fn as_vrt(&self, opened: &Opened) -> String {
        let (columns, rows) = opened.dataset.raster_size();
        let [a, b, c, d, e, f] = opened.transform;
        let named = opened.crs.name().starts_with("EPSG:").then(|| opened.crs.name().to_owned());
        let srs = named.or_else(|| opened.crs.projjson()).unwrap_or_else(|| opened.dataset.projection());
        let source = format!(r#"<SourceFilename relativeToVRT="0">{}</SourceFilename>"#, escaped(&opened.path.to_string_lossy()));
        let names = if self.colours.len() == 3 { &["Red", "Green", "Blue"][..] } else { &["Gray"][..] };
        let mut bands = String::new();
        for (at, ((band, values), name)) in self.colours.iter().zip(names).enumerate() {
            let _ = write!(
                bands,
                r#"<VRTRasterBand dataType="Byte" band="{}"><ColorInterp>{name}</ColorInterp><ComplexSource>{source}<SourceBand>{band}</SourceBand>{values}</ComplexSource></VRTRasterBand>"#,
                at + 1
            );
        }
        // A pixel has data if one of its bands has: each mask adds to those before it.
        let masks: String = self
            .masks
            .iter()
            .map(|mask| format!("<ComplexSource>{source}<SourceBand>{mask}</SourceBand><NODATA>0</NODATA></ComplexSource>"))
            .collect();
        let alpha = self.colours.len() + 1;
        format!(
            r#"<VRTDataset rasterXSize="{columns}" rasterYSize="{rows}"><SRS>{}</SRS><GeoTransform>{a:e},{b:e},{c:e},{d:e},{e:e},{f:e}</GeoTransform>{bands}<VRTRasterBand dataType="Byte" band="{alpha}"><ColorInterp>Alpha</ColorInterp>{masks}</VRTRasterBand></VRTDataset>"#,
            escaped(&srs)
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

enum Stopped {
    Asked(ImportError),
    Gdal(gdal::errors::GdalError),
}

impl From<gdal::errors::GdalError> for Stopped {
    fn from(error: gdal::errors::GdalError) -> Self {
        Self::Gdal(error)
    }
}

/// Writes the tiles of every level, the finest first, which is the one closest to the source's pixels.
fn write(opened: &Opened, look: &Look, file: &Path, tell: &dyn Fn(u64) -> Result<(), ImportError>) -> Result<(), Stopped> {
    let picture = Dataset::open(look.as_vrt(opened))?;
    let (resampling, averaging) = if look.is_classes { ("NEAREST", "NEAREST") } else { ("CUBIC", "AVERAGE") };
    let format = if look.is_exact { "PNG" } else { "WEBP" };
    let mut choices = RasterCreationOptions::new();
    for (name, value) in [
        ("TILING_SCHEME", "GoogleMapsCompatible"),
        ("RASTER_TABLE", TABLE),
        ("TILE_FORMAT", format),
        ("QUALITY", WEBP_QUALITY),
        ("RESAMPLING", resampling),
    ] {
        choices.set_name_value(name, value)?;
    }
    let mut tiles = picture.create_copy(&DriverManager::get_driver_by_name("GPKG")?, file, &choices)?;
    let (columns, rows) = opened.dataset.raster_size();
    // The coarser levels have a third of the finest one's pixels.
    tell((columns * rows) as u64 / 4 * 3).map_err(Stopped::Asked)?;
    let levels = (WORLD_PIXEL_M / tiles.geo_transform()?[1]).log2().round().clamp(0.0, f64::from(limits::IMAGERY_LEVEL_MAX));
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a few levels")]
    let factors: Vec<i32> = (1..=levels as i32).map(|step| 1 << step).collect();
    tiles.build_overviews(averaging, &factors, &[])?;
    tiles.close()?;
    Ok(())
}

fn report(source: &Path, collection: &CollectionId, opened: &Opened, extent: Bbox, begun: Instant) -> ImportReport {
    let (columns, rows) = opened.dataset.raster_size();
    let mut notes = opened.notes.clone();
    notes.push(format!("{columns} × {rows} pixels"));
    let seconds = begun.elapsed().as_secs_f64();
    ImportReport {
        source: source.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        layers: vec![LayerReport {
            collection: collection.to_string(),
            format: format!("imagery ({})", opened.format),
            source_crs: opened.crs.name().to_owned(),
            read: (columns * rows) as u64,
            stored: (columns * rows) as u64,
            bbox: Some(extent),
            notes,
            seconds,
            ..LayerReport::default()
        }],
        refused_file: None,
        seconds,
    }
}
