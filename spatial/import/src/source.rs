//! What a source is, by its first bytes and its name, and what layers it has.

use crate::{
    ImportError, ImportOptions, LayerPlan, bytes, csv, json,
    json::{RECORD_SEPARATOR, scan},
    ogr,
};
use citywall_crs::Crs;
use citywall_model::{CollectionId, LocalText};
use std::path::Path;

/// Bytes looked at to tell what a file is.
pub(crate) const HEAD_BYTES: usize = 1 << 20;

/// The readers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Format {
    /// A GeoJSON document; true if its CRS is the one that it declares.
    GeoJson(bool),
    /// A GeoJSON record per line.
    GeoJsonLines,
    /// A CityJSON document.
    CityJson,
    /// A CityJSON feature per line.
    CityJsonLines,
    /// Comma-separated values.
    Csv(csv::Columns),
    /// One layer of a format that GDAL reads.
    Ogr(ogr::OgrLayer),
}

impl Format {
    /// True where the format says which way rings run, so that a wrong one is worth a word.
    pub(crate) fn winds_rings(&self) -> bool {
        matches!(self, Self::GeoJson(_) | Self::GeoJsonLines)
    }
}

/// The extension in lower case, without a `.gz` behind it.
pub(crate) fn extension(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.rsplit_once('.').map(|(_, e)| e.to_owned()).unwrap_or_default()
}

/// The file's name up to its first dot.
pub(crate) fn stem(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// What a source has and what will become of it: one plan per layer, in the source's order.
///
/// # Errors
/// There is no such source, it is nothing that can be read, or it states no CRS and none is
/// given.
pub fn plan(source: &Path, options: &ImportOptions) -> Result<Vec<LayerPlan>, ImportError> {
    let metadata = std::fs::metadata(source).map_err(|e| ImportError::Io { path: source.to_owned(), source: e })?;
    if let Some(encoding) = &options.encoding
        && encoding_rs::Encoding::for_label(encoding.as_bytes()).is_none()
    {
        return Err(ImportError::Option(format!("“{encoding}” is no text encoding: say UTF-8, GBK, GB18030, …")));
    }
    if crate::is_raster(source) {
        let reason = "it is a raster, which is read as a grid of heights or as a picture and not as items".to_owned();
        return Err(ImportError::Foreign { path: source.to_owned(), reason });
    }
    if metadata.is_dir() {
        return ogr::plan(source, options);
    }
    if metadata.len() == 0 {
        return Err(ImportError::Foreign { path: source.to_owned(), reason: "the file is empty".to_owned() });
    }
    let head = bytes::head(source, HEAD_BYTES)?;
    let text = head.trim_ascii_start();
    match text.first() {
        Some(b'{' | &RECORD_SEPARATOR) => plan_json(source, options, text),
        Some(b'[') if matches!(extension(source).as_str(), "json" | "geojson") => Err(ImportError::Foreign {
            path: source.to_owned(),
            reason: "it is a JSON array; GeoJSON is an object, such as a FeatureCollection".to_owned(),
        }),
        _ if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") => {
            Err(ImportError::Foreign { path: source.to_owned(), reason: "it is text in UTF-16; save it as UTF-8".to_owned() })
        }
        _ => match extension(source).as_str() {
            "geojsonl" | "geojsons" | "ndjson" | "jsonl" => plan_json(source, options, text),
            "csv" | "tsv" | "txt" => csv::plan(source, options),
            _ => ogr::plan(source, options),
        },
    }
}

fn plan_json(source: &Path, options: &ImportOptions, head: &[u8]) -> Result<Vec<LayerPlan>, ImportError> {
    let starts_with_separator = head.first() == Some(&RECORD_SEPARATOR);
    let text = if starts_with_separator { head[1..].trim_ascii_start() } else { head };
    let seen = scan::outline(text);
    let rest = seen.end.map(|end| text[end..].trim_ascii_start()).unwrap_or_default();
    let named_lines = matches!(extension(source).as_str(), "geojsonl" | "geojsons" | "ndjson" | "jsonl");
    let is_lines = starts_with_separator || matches!(rest.first(), Some(b'{' | &RECORD_SEPARATOR));
    let has = |name: &str| seen.members.iter().any(|m| m == name);
    let kind = seen.kind.as_deref();
    let foreign = |reason: String| Err(ImportError::Foreign { path: source.to_owned(), reason });
    match kind {
        Some("CityJSON") if is_lines || extension(source) == "jsonl" => crate::cityjson::plan(source, options, Format::CityJsonLines),
        Some("CityJSON") => crate::cityjson::plan(source, options, Format::CityJson),
        Some("CityJSONFeature") => foreign("it is a CityJSONFeature without the CityJSON object that a sequence starts with".to_owned()),
        Some("Topology") => ogr::plan(source, options),
        Some("FeatureCollection") if !is_lines => plan_document(source, options, head),
        _ if is_lines || named_lines => {
            let notes = vec![assumed(options, "newline-delimited GeoJSON is WGS 84 by its standard (RFC 7946)")];
            Ok(vec![single(
                source,
                options,
                "newline-delimited GeoJSON",
                Format::GeoJsonLines,
                options.crs.clone().unwrap_or_else(Crs::wgs84),
                notes,
            )])
        }
        None if has("features") => plan_document(source, options, head),
        Some("Feature" | "Point" | "LineString" | "Polygon" | "MultiPoint" | "MultiLineString" | "MultiPolygon" | "GeometryCollection") => {
            plan_document(source, options, head)
        }
        // A whole feature may stand on more than the head, with its type at the end.
        None if seen.end.is_none() && (has("geometry") || has("properties") || has("coordinates")) => plan_document(source, options, head),
        Some(other) => foreign(format!("it is JSON of type “{}”, not GeoJSON or CityJSON", other.chars().take(40).collect::<String>())),
        None => foreign("it is JSON, but neither GeoJSON nor CityJSON: it has no member “type”".to_owned()),
    }
}

fn plan_document(source: &Path, options: &ImportOptions, head: &[u8]) -> Result<Vec<LayerPlan>, ImportError> {
    // A system that cannot be read is of no matter if the caller says another one.
    let declared = match json::declared_crs(source, head) {
        Err(_) if options.crs.is_some() => None,
        declared => declared?,
    };
    let note = match (&options.crs, &declared) {
        (Some(said), Some(declared)) if said != declared => format!("the file declares {declared}; --crs {said} was used instead"),
        (_, Some(declared)) => format!("the file declares {declared}"),
        _ => assumed(options, "GeoJSON is WGS 84 by its standard (RFC 7946)"),
    };
    let by_document = options.crs.is_none();
    let crs = options.crs.clone().or(declared).unwrap_or_else(Crs::wgs84);
    Ok(vec![single(source, options, "GeoJSON", Format::GeoJson(by_document), crs, vec![note])])
}

/// A note on a CRS that was taken from the format's standard, unless the caller said one.
pub(crate) fn assumed(options: &ImportOptions, standard: &str) -> String {
    match &options.crs {
        None => format!("{standard}; say --crs GCJ-02 or BD-09 if it is in one of those"),
        Some(crs) => format!("read as {crs}, as --crs says"),
    }
}

/// The plan of a source with one layer.
pub(crate) fn single(
    source: &Path,
    options: &ImportOptions,
    format: &'static str,
    reader: Format,
    crs: Crs,
    notes: Vec<String>,
) -> LayerPlan {
    let stem = stem(source);
    LayerPlan {
        collection: options.layer.clone().unwrap_or_else(|| CollectionId::slug(&stem)),
        title: options.title.clone().unwrap_or_else(|| LocalText::new(stem.clone(), stem)),
        source_layer: None,
        format,
        source_crs: crs.name().to_owned(),
        id_field: options.id_field.clone(),
        notes,
        crs,
        reader,
        several: false,
    }
}
