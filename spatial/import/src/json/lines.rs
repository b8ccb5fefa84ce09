//! Newline-delimited GeoJSON: one record per line, or between RS characters.

use super::{RECORD_SEPARATOR, feature};
use crate::{
    ImportError,
    bytes::{self, Line, Lines},
    shape::Shape,
    sink::Sink,
};
use citywall_model::limits;
use std::path::Path;

/// Reads every record into the sink. A bad record is refused; a last line that breaks off in the
/// middle is a truncated file.
pub(crate) fn read_lines(path: &Path, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let head = bytes::head(path, 64)?;
    let separator = if head.trim_ascii_start().first() == Some(&RECORD_SEPARATOR) { RECORD_SEPARATOR } else { b'\n' };
    let control = sink.control;
    let mut lines = Lines::new(bytes::open(path, control)?, path, separator, limits::LINE_BYTES_MAX);
    let (mut shape, mut names) = (Shape::default(), feature::Names::default());
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
        match feature::read(text, &mut shape, &mut names) {
            Ok(found) => record(sink, number, found, &mut shape, text)?,
            // Only a last line can break off; what breaks off elsewhere is a bad record.
            Err(reason) if !complete && separator == b'\n' && reason.starts_with("EOF") => {
                return Err(ImportError::Truncated { path: path.to_owned(), place: format!("line {number}"), records: sink.records() });
            }
            Err(reason) => {
                let place = sink.next_place(Some(number));
                sink.refuse(place, reason, text)?;
            }
        }
    }
    Ok(())
}

/// Hands a feature that was read on.
pub(super) fn record(sink: &mut Sink<'_>, line: u64, found: feature::Feature, shape: &mut Shape, raw: &[u8]) -> Result<(), ImportError> {
    let place = sink.next_place(Some(line));
    for member in &found.foreign {
        sink.note(format!("members “{member}” outside “properties” are not kept"));
    }
    sink.feature(place, found.has_geometry.then_some(shape), found.values, raw, found.repairs)
}
