//! CityJSON 1.1 and 2.0 documents and CityJSONSeq (OGC 20-072r5; cityjson.org/specs).
//!
//! One item per top-level city object, with the parts below it. Its geometry is its footprint in
//! the plane; its solids and surfaces of every other level of detail are kept beside it
//! ([`citywall_store::Solid`]), with the heights of the source. Attributes:
//! - `cityobject_id` and `cityobject_type`: the object's own; the id is the item's id.
//! - those of the object, then those of its parts where no other value competes; what competes
//!   stands under `parts`, as `{part id: {name: value}}`.
//! - `height` and `ground_height` in metres, from the highest level of detail, unless the source
//!   has attributes of those names.
//!
//! Geometry templates are not read: an object that is only an instance of one is refused by name.

mod footprint;
mod item;
mod model;

use crate::{
    ImportError, ImportOptions, LayerPlan,
    bytes::{self, Line, Lines},
    json::Names,
    sink::Sink,
    source::{self, Format},
};
use citywall_crs::Crs;
use citywall_model::limits;
use item::{Context, Vertices};
use model::{Document, Header};
use std::{io::Read, path::Path};

/// Most bytes of a CityJSON document, which is read whole since its vertices are shared; a larger
/// one comes as CityJSONSeq.
pub(crate) const DOCUMENT_BYTES_MAX: u64 = 1 << 30;

/// The attribute with an object's own id.
pub(crate) const ID_FIELD: &str = "cityobject_id";

/// One layer, in the CRS that the header states.
pub(crate) fn plan(path: &Path, options: &ImportOptions, format: Format) -> Result<Vec<LayerPlan>, ImportError> {
    let header = match format {
        Format::CityJsonLines => {
            let control = crate::progress::Control::default();
            let mut lines = Lines::new(bytes::open(path, &control)?, path, b'\n', limits::LINE_BYTES_MAX);
            match lines.next()? {
                Some((_, Line::Text(text, _))) => serde_json::from_slice::<Header>(text).map_err(|e| broken(path, "line 1", &e))?,
                _ => return Err(ImportError::Foreign { path: path.to_owned(), reason: "its first line is no CityJSON object".to_owned() }),
            }
        }
        _ => serde_json::from_slice::<Header>(&read_whole(path, &crate::progress::Control::default())?)
            .map_err(|e| broken(path, &at(&e), &e))?,
    };
    header.check(path)?;
    let stated = match header.metadata.and_then(|m| m.reference_system) {
        Some(name) if options.crs.is_none() => {
            Some(Crs::parse(&name).map_err(|source| ImportError::Crs { path: path.to_owned(), source })?)
        }
        _ => None,
    };
    let mut notes = Vec::new();
    let crs = match (&options.crs, stated) {
        (Some(crs), _) => {
            notes.push(source::assumed(options, ""));
            crs.clone()
        }
        (None, Some(stated)) => stated,
        (None, None) => return Err(ImportError::NoCrs { path: path.to_owned(), layer: None }),
    };
    if let Some(vertical) = crs.vertical() {
        notes.push(format!("heights stay as they are: {vertical}"));
    }
    let name = if format == Format::CityJsonLines { "CityJSONSeq" } else { "CityJSON" };
    let mut plan = source::single(path, options, name, format, crs, notes);
    plan.id_field.get_or_insert_with(|| ID_FIELD.to_owned());
    Ok(vec![plan])
}

fn at(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

fn broken(path: &Path, place: &str, error: &serde_json::Error) -> ImportError {
    let (path, place) = (path.to_owned(), place.to_owned());
    if error.is_eof() {
        ImportError::Truncated { path, place, records: 0 }
    } else {
        ImportError::Broken { path, place, reason: crate::json::words(error) }
    }
}

fn read_whole(path: &Path, control: &crate::progress::Control) -> Result<Vec<u8>, ImportError> {
    let mut text = Vec::new();
    let read = bytes::open(path, control)?.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut text);
    read.map_err(|e| bytes::read_error(path, e, &format!("byte {}", text.len()), 0))?;
    if text.len() as u64 > DOCUMENT_BYTES_MAX {
        let reason = format!("it passes the limit DOCUMENT_BYTES_MAX ({DOCUMENT_BYTES_MAX}); split it into a CityJSONSeq");
        return Err(ImportError::Foreign { path: path.to_owned(), reason });
    }
    Ok(text)
}

/// Reads a document: every object without a parent becomes an item.
pub(crate) fn read_document(path: &Path, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let text = read_whole(path, sink.control)?;
    let document: Document<'_> = serde_json::from_slice(&text).map_err(|e| broken(path, &at(&e), &e))?;
    let vertices = Vertices::place(&document.vertices, document.transform.as_ref(), sink);
    let mut context = Context::new(&document.objects, &vertices, Names::default());
    for top in context.tops() {
        let place = sink.next_place(None);
        match context.item(&top, sink) {
            Ok(item) => sink.placed(place, item.footprint, item.values, item.solids, &[], item.repairs)?,
            Err(reason) => sink.refuse(place, format!("{top}: {reason}"), context.raw(&top))?,
        }
    }
    Ok(())
}

/// Reads a sequence: a header, then one feature per line.
pub(crate) fn read_lines(path: &Path, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let control = sink.control;
    let mut lines = Lines::new(bytes::open(path, control)?, path, b'\n', limits::LINE_BYTES_MAX);
    let header: Header = match lines.next()? {
        Some((_, Line::Text(text, _))) => serde_json::from_slice(text).map_err(|e| broken(path, "line 1", &e))?,
        _ => return Err(ImportError::Foreign { path: path.to_owned(), reason: "its first line is no CityJSON object".to_owned() }),
    };
    let mut names = Names::default();
    while let Some((number, line)) = lines.next()? {
        let (text, complete) = match line {
            Line::Text(text, complete) => (text.trim_ascii(), complete),
            Line::TooLong(length) => {
                sink.refuse_long_line(number, length)?;
                continue;
            }
        };
        if text.is_empty() {
            continue;
        }
        let feature: Document<'_> = match serde_json::from_slice(text) {
            Ok(feature) => feature,
            Err(e) if e.is_eof() && !complete => {
                return Err(ImportError::Truncated { path: path.to_owned(), place: format!("line {number}"), records: sink.records() });
            }
            Err(e) => {
                let place = sink.next_place(Some(number));
                sink.refuse(place, crate::json::words(&e), text)?;
                continue;
            }
        };
        let place = sink.next_place(Some(number));
        if feature.kind != "CityJSONFeature" {
            sink.refuse(place, format!("its type is “{}”, not CityJSONFeature", feature.kind), text)?;
            continue;
        }
        let vertices = Vertices::place(&feature.vertices, header.transform.as_ref(), sink);
        let mut context = Context::new(&feature.objects, &vertices, names);
        let item = match feature.id.as_deref() {
            Some(id) if context.has(id) => context.item(id, sink),
            Some(id) => Err(format!("it has no city object of its id {id}")),
            None => Err("it has no id".to_owned()),
        };
        names = context.into_names();
        match item {
            Ok(item) => sink.placed(place, item.footprint, item.values, item.solids, text, item.repairs)?,
            Err(reason) => sink.refuse(place, reason, text)?,
        }
    }
    Ok(())
}
