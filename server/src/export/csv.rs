//! CSV as RFC 4180 has it, in UTF-8: a header, then one record per item, its geometry as WKT. Before
//! it a byte order mark, if it is asked for: without one, spreadsheets take the text for the system's
//! own encoding and garble Chinese.

use super::{Columns, Encoder, Sink, Turn, turned};
use citywall_model::{FeatureRef, ValueRef};
use std::{
    fmt::Write as _,
    io::{self, Write as _},
    sync::Arc,
};

/// The column of the geometry, as GDAL and the importer know it.
const WKT: &str = "WKT";

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A document of records.
pub struct Csv {
    sink: Sink,
    columns: Arc<Columns>,
    turn: Option<Turn>,
    /// What is being written, kept for its room.
    wkt: String,
}

impl Csv {
    /// Writes the header.
    ///
    /// # Errors
    /// The client has gone away.
    pub fn new(mut sink: Sink, columns: Arc<Columns>, turn: Option<Turn>, has_mark: bool) -> io::Result<Self> {
        sink.with(|out| {
            if has_mark {
                out.extend_from_slice(BYTE_ORDER_MARK);
            }
            quoted(out, columns.id);
            for name in columns.fields.iter().map(|field| &*field.name).chain([WKT]) {
                out.push(b',');
                quoted(out, name);
            }
            out.extend_from_slice(b"\r\n");
        })?;
        Ok(Self { sink, columns, turn, wkt: String::new() })
    }
}

impl Encoder for Csv {
    fn item(&mut self, item: FeatureRef<'_>) -> io::Result<()> {
        let Self { sink, columns, turn, wkt } = self;
        wkt.clear();
        if let Some(wkb) = item.geometry() {
            let turned = turned(turn.as_ref(), wkb)?;
            let geometry = wkb::reader::read_wkb(turned.as_deref().unwrap_or(wkb)).map_err(io::Error::other)?;
            wkt::to_wkt::write_geometry(wkt, &geometry).map_err(io::Error::other)?;
        }
        sink.with(|out| {
            quoted(out, &item.id());
            let mut written = 0;
            let mut text = String::new();
            columns.each(item, |column, value| {
                out.extend(std::iter::repeat_n(b',', column + 1 - written));
                written = column + 1;
                text.clear();
                let shown = match value {
                    ValueRef::Null => Ok(()),
                    ValueRef::Boolean(value) => write!(text, "{value}"),
                    ValueRef::Integer(value) => write!(text, "{value}"),
                    ValueRef::Number(value) => write!(text, "{value}"),
                    ValueRef::Text(value) | ValueRef::Json(value) => {
                        quoted(out, value);
                        return;
                    }
                };
                debug_assert!(shown.is_ok());
                out.extend_from_slice(text.as_bytes());
            });
            out.extend(std::iter::repeat_n(b',', columns.fields.len() + 1 - written));
            quoted(out, wkt);
            out.extend_from_slice(b"\r\n");
        })
    }

    fn end(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Appends a text, in quotes where it needs them.
fn quoted(out: &mut Vec<u8>, text: &str) {
    if !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for part in text.split_inclusive('"') {
        out.extend_from_slice(part.as_bytes());
        if part.ends_with('"') {
            out.push(b'"');
        }
    }
    out.push(b'"');
}
