//! Shapefile, GeoPackage, FlatGeobuf, OpenStreetMap (XML and PBF), KML and KMZ, DXF and a few
//! more, through GDAL's vector drivers.
//!
//! Only the drivers listed here are let near a file, so that no text file can send GDAL to the
//! network or to other files. What GDAL says on the way is part of the result: an error that ends
//! a layer ends the import, an error about one record refuses it.

mod osm;
mod read;
mod tags;

pub(crate) use read::read;

use crate::{
    ImportError, ImportOptions, LayerPlan,
    source::{self, Format},
};
use citywall_crs::{Crs, messages};
use citywall_model::{CollectionId, LocalText};
use gdal::{
    Dataset, DatasetOptions, GdalOpenFlags, Metadata,
    vector::{LayerAccess, OGRwkbGeometryType},
};
use std::path::{Path, PathBuf};

/// GDAL's drivers that may read a source, and what we call their formats.
const DRIVERS: [(&str, &str); 11] = [
    ("ESRI Shapefile", "Shapefile"),
    ("GPKG", "GeoPackage"),
    ("FlatGeobuf", "FlatGeobuf"),
    ("OSM", "OpenStreetMap"),
    ("LIBKML", "KML"),
    ("KML", "KML"),
    ("DXF", "DXF"),
    ("OpenFileGDB", "File Geodatabase"),
    ("MapInfo File", "MapInfo"),
    ("GML", "GML"),
    ("TopoJSON", "TopoJSON"),
];

/// One layer of a source that GDAL reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OgrLayer {
    /// The source as GDAL is told to open it.
    path: PathBuf,
    driver: String,
    index: usize,
    name: String,
}

impl OgrLayer {
    fn is_osm(&self) -> bool {
        self.driver == "OSM"
    }

    /// True where GDAL leaves a missing value unset, which its safe interface cannot tell from an
    /// empty text; an empty text is then taken as no value.
    fn leaves_unset(&self) -> bool {
        !matches!(self.driver.as_str(), "GPKG" | "OpenFileGDB" | "ESRI Shapefile")
    }
}

/// Every layer of the source.
pub(crate) fn plan(path: &Path, options: &ImportOptions) -> Result<Vec<LayerPlan>, ImportError> {
    let path = &std::path::absolute(path).map_err(|source| ImportError::Io { path: path.to_owned(), source })?;
    refuse_city_files(path)?;
    let gdal_path = gdal_path(path);
    let (dataset, said) = messages::collect(|| open(&gdal_path, options));
    let dataset = dataset.map_err(|_| {
        let words = said.into_iter().map(|m| m.text).find(|m| !m.contains("not recognized as"));
        let reason = words.unwrap_or_else(|| {
            "no reader knows its format; GeoJSON, CityJSON, CSV, Shapefile, GeoPackage, FlatGeobuf, OSM, KML and DXF are read".to_owned()
        });
        ImportError::Foreign { path: path.clone(), reason }
    })?;
    let driver = dataset.driver().short_name();
    let format = DRIVERS.iter().find(|(d, _)| *d == driver).map_or("vector data", |(_, f)| *f);
    let several = dataset.layer_count() > 1;
    if dataset.layer_count() == 0 {
        return Err(ImportError::Foreign { path: path.clone(), reason: format!("the {format} has no layers") });
    }
    let mut plans: Vec<LayerPlan> = Vec::new();
    for (index, layer) in dataset.layers().enumerate() {
        let name = layer.name();
        let mut notes = Vec::new();
        let crs = layer_crs(path, &layer, several, options, &mut notes)?;
        if driver == "ESRI Shapefile" && options.encoding.is_none() && layer.metadata_item("ENCODING_FROM_CPG", "SHAPEFILE").is_none() {
            let read_as =
                layer.metadata_item("SOURCE_ENCODING", "SHAPEFILE").filter(|e| !e.is_empty()).unwrap_or_else(|| "UTF-8".to_owned());
            notes.push(format!("the file states no text encoding (.cpg); read as {read_as}. If texts look wrong, say --encoding GBK"));
        }
        let reader = Format::Ogr(OgrLayer { path: gdal_path.clone(), driver: driver.clone(), index, name: name.clone() });
        let mut plan = source::single(path, options, format, reader, crs, notes);
        if several {
            plan.several = true;
            plan.collection = collection_of(path, &name, options, &plans);
            let title = |prefix: &str| if prefix.is_empty() { name.clone() } else { format!("{prefix} {name}") };
            let prefix = options.title.clone().unwrap_or_else(|| LocalText::new(source::stem(path), source::stem(path)));
            plan.title = LocalText::new(title(&prefix.zh), title(&prefix.en));
        }
        plan.source_layer = several.then_some(name);
        plans.push(plan);
    }
    Ok(plans)
}

/// A city's own file is never opened by GDAL: when a second SQLite in the process closes a file,
/// the operating system drops the first one's locks on it. Other programs may read it.
fn refuse_city_files(path: &Path) -> Result<(), ImportError> {
    if path.is_dir() {
        return Ok(());
    }
    let mut head = crate::bytes::head(path, source::HEAD_BYTES)?;
    if !head.starts_with(b"SQLite format 3\0") {
        return Ok(());
    }
    // What was written last may still stand in the write-ahead log.
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    head.extend(crate::bytes::head(Path::new(&log), source::HEAD_BYTES).unwrap_or_default());
    if memchr::memmem::find(&head, b"citywall_meta").is_some() {
        let reason = "it is a city itself; take a layer out of it first (ogr2ogr layer.gpkg CITY LAYER)".to_owned();
        return Err(ImportError::Foreign { path: path.to_owned(), reason });
    }
    Ok(())
}

/// What GDAL is told to open: archives and gzip by its own virtual file systems.
fn gdal_path(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let prefix = if name.ends_with(".zip") {
        "/vsizip/"
    } else if name.ends_with(".gz") {
        "/vsigzip/"
    } else {
        return path.to_owned();
    };
    let mut gdal_path = std::ffi::OsString::from(prefix);
    gdal_path.push(path);
    gdal_path.into()
}

fn open(path: &Path, options: &ImportOptions) -> gdal::errors::Result<Dataset> {
    let drivers: Vec<&str> = DRIVERS.iter().map(|(driver, _)| *driver).collect();
    let is_shapefile = matches!(source::extension(path).as_str(), "shp" | "shz" | "dbf" | "zip") || path.is_dir();
    let encoding = options.encoding.as_ref().filter(|_| is_shapefile).map(|e| format!("ENCODING={e}"));
    let open_options: Vec<&str> = encoding.iter().map(String::as_str).collect();
    Dataset::open_ex(
        path,
        DatasetOptions {
            open_flags: GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
            allowed_drivers: Some(&drivers),
            open_options: Some(&open_options),
            sibling_files: None,
        },
    )
}

fn layer_crs(
    path: &Path,
    layer: &gdal::vector::Layer<'_>,
    several: bool,
    options: &ImportOptions,
    notes: &mut Vec<String>,
) -> Result<Crs, ImportError> {
    let stated = layer.spatial_ref().and_then(|system| {
        // Esri's WKT has names but no codes; GDAL finds the code of many.
        let mut system = system;
        if system.authority().is_err() {
            let _ = messages::collect(|| system.auto_identify_epsg());
        }
        system.to_wkt().ok()
    });
    let stated = match stated {
        None => None,
        Some(_) if options.crs.is_some() => layer.spatial_ref().and_then(|s| s.to_wkt().ok()).and_then(|wkt| Crs::from_wkt(&wkt).ok()),
        Some(wkt) => Some(Crs::from_wkt(&wkt).map_err(|source| ImportError::Crs { path: path.to_owned(), source })?),
    };
    let has_geometry = layer.defn().geometry_type() != OGRwkbGeometryType::wkbNone;
    match (&options.crs, stated) {
        (Some(said), Some(stated)) => {
            if stated != *said {
                notes.push(format!("the source says {stated}; --crs {said} was used instead"));
            }
            Ok(said.clone())
        }
        (Some(said), None) => Ok(said.clone()),
        (None, Some(stated)) => Ok(stated),
        (None, None) if !has_geometry => Ok(Crs::wgs84()),
        (None, None) => Err(ImportError::NoCrs { path: path.to_owned(), layer: several.then(|| layer.name()) }),
    }
}

/// A collection id for one of several layers: the caller's name or the file's, then the layer's.
fn collection_of(path: &Path, layer: &str, options: &ImportOptions, taken: &[LayerPlan]) -> CollectionId {
    let base = options.layer.as_ref().map_or_else(|| source::stem(path), ToString::to_string);
    let wanted = CollectionId::slug(&format!("{base}_{layer}"));
    let is_free = |id: &CollectionId| taken.iter().all(|p| p.collection != *id);
    if is_free(&wanted) {
        return wanted;
    }
    // Names that differ only in what an id cannot hold, such as Chinese ones, are numbered.
    (2..).map(|n| CollectionId::slug(&format!("{base}_{n}_{layer}"))).find(is_free).unwrap_or(wanted)
}
