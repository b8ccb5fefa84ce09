//! Rasters (GeoTIFF, HGT, Arc/Info ASCII, DTED, Erdas) as GDAL opens them: heights for
//! [`crate::elevation`], pictures for [`crate::imagery`].

use crate::{ImportError, ImportOptions, source};
use citywall_crs::{Crs, messages};
use citywall_model::{CimCategory, CollectionId, LocalText};
use citywall_store::LayerDraft;
use gdal::{Dataset, DatasetOptions, GdalOpenFlags, raster::GdalDataType};
use std::path::{Path, PathBuf};

/// GDAL's drivers that may read a raster, and what we call their formats.
const DRIVERS: [(&str, &str); 5] =
    [("GTiff", "GeoTIFF"), ("SRTMHGT", "HGT"), ("AAIGrid", "Arc/Info ASCII grid"), ("DTED", "DTED"), ("HFA", "Erdas Imagine")];
/// The endings of their files' names.
const EXTENSIONS: [&str; 8] = ["tif", "tiff", "hgt", "asc", "dt0", "dt1", "dt2", "img"];
/// Endings by which an archive is one of vector data.
const VECTOR_EXTENSIONS: [&str; 6] = ["shp", "gpkg", "geojson", "kml", "fgb", "gdbtable"];

/// A raster that GDAL has opened.
pub(crate) struct Opened {
    pub(crate) dataset: Dataset,
    /// What GDAL was told to open.
    pub(crate) path: PathBuf,
    /// Its format, in words.
    pub(crate) format: &'static str,
    pub(crate) crs: Crs,
    /// GDAL's affine transform from column and row to coordinates.
    pub(crate) transform: [f64; 6],
    /// What was assumed.
    pub(crate) notes: Vec<String>,
}

/// True if a source's name says that it is a raster, alone or in a zip archive.
#[must_use]
pub fn is_raster(source: &Path) -> bool {
    path(source).is_some()
}

/// True if a raster looks like a picture and not like heights: it has three bands or more, or a
/// palette, or its values are bytes. False of what cannot be opened.
#[must_use]
pub fn is_picture(source: &Path) -> bool {
    let Some(path) = path(source) else { return false };
    let (dataset, _) = messages::collect(|| open_dataset(&path));
    let Ok(dataset) = dataset else { return false };
    let Ok(band) = dataset.rasterband(1) else { return false };
    dataset.raster_count() > 2 || band.color_table().is_some() || band.band_type() == GdalDataType::UInt8
}

/// What GDAL is told to open.
fn path(source: &Path) -> Option<PathBuf> {
    let is_raster = |path: &Path| EXTENSIONS.contains(&source::extension(path).as_str());
    let source = std::path::absolute(source).ok()?;
    let inside = |prefix: &str| {
        let mut path = std::ffi::OsString::from(prefix);
        path.push(&source);
        PathBuf::from(path)
    };
    match source.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "zip" => {
            let archive = inside("/vsizip/");
            let (members, _) = messages::collect(|| gdal::vsi::read_dir(&archive, true));
            let members = members.ok()?;
            // A map with a picture beside it is a map.
            if members.iter().any(|m| VECTOR_EXTENSIONS.contains(&source::extension(m).as_str())) {
                return None;
            }
            members.into_iter().find(|m| is_raster(m)).map(|member| archive.join(member))
        }
        "gz" if is_raster(&source) => Some(inside("/vsigzip/")),
        _ => is_raster(&source).then_some(source),
    }
}

/// Opens a raster that says where it lies.
///
/// # Errors
/// There is no such file, it is no raster, or it has no place or no CRS.
pub(crate) fn open(source: &Path, options: &ImportOptions) -> Result<Opened, ImportError> {
    let foreign = |reason: String| ImportError::Foreign { path: source.to_owned(), reason };
    std::fs::metadata(source).map_err(|e| ImportError::Io { path: source.to_owned(), source: e })?;
    let path = path(source).ok_or_else(|| foreign("it is no raster".to_owned()))?;
    let (dataset, said) = messages::collect(|| open_dataset(&path));
    let dataset = dataset.map_err(|_| foreign(words(said, "it is no raster")))?;
    let driver = dataset.driver().short_name();
    let format = DRIVERS.iter().find(|(d, _)| *d == driver).map_or("raster", |(_, f)| *f);
    let mut notes = Vec::new();
    let crs = raster_crs(source, &dataset, options, &mut notes)?;
    let transform = dataset.geo_transform().map_err(|_| foreign("it does not say where it lies (no geotransform)".to_owned()))?;
    Ok(Opened { dataset, path, format, crs, transform, notes })
}

fn open_dataset(path: &Path) -> gdal::errors::Result<Dataset> {
    let drivers: Vec<&str> = DRIVERS.iter().map(|(driver, _)| *driver).collect();
    let open_flags = GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR;
    Dataset::open_ex(path, DatasetOptions { open_flags, allowed_drivers: Some(&drivers), ..DatasetOptions::default() })
}

/// GDAL's last words on a failure.
pub(crate) fn words(said: Vec<messages::Message>, otherwise: &str) -> String {
    said.into_iter().map(|m| m.text).next_back().unwrap_or_else(|| otherwise.to_owned())
}

/// What the collection will be.
pub(crate) fn draft(source: &Path, options: &ImportOptions, id: CollectionId, crs: &Crs, storage_crs: u32) -> LayerDraft {
    let stem = source::stem(source);
    let file = source.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    LayerDraft {
        id,
        title: options.title.clone().unwrap_or_else(|| LocalText::new(stem.clone(), stem)),
        category: options.category.unwrap_or(CimCategory::SpatiotemporalBase),
        source: options.source.clone().unwrap_or(file),
        source_crs: crs.name().to_owned(),
        storage_crs,
        generated: options.generated,
        id_field: None,
    }
}

fn raster_crs(source: &Path, dataset: &Dataset, options: &ImportOptions, notes: &mut Vec<String>) -> Result<Crs, ImportError> {
    if let Some(crs) = &options.crs {
        notes.push(source::assumed(options, ""));
        return Ok(crs.clone());
    }
    let (wkt, _) = messages::collect(|| dataset.projection());
    if wkt.is_empty() {
        return Err(ImportError::NoCrs { path: source.to_owned(), layer: None });
    }
    Crs::from_wkt(&wkt).map_err(|e| ImportError::Crs { path: source.to_owned(), source: e })
}
