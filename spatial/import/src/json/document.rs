//! A GeoJSON document: a FeatureCollection read feature by feature, a single Feature, or a bare
//! geometry.

use super::{feature, lines::record, scan};
use crate::{ImportError, bytes, shape::Shape, sink::Sink};
use citywall_crs::Crs;
use citywall_model::limits;
use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// Bytes read at once.
const READ_BYTES: usize = 256 << 10;

/// Reads every feature into the sink. `crs` is what the coordinates are read in, if the document
/// decided that; a `crs` member behind the features that says something else comes too late.
pub(crate) fn read_document(path: &Path, decided_by_document: Option<&Crs>, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    let control = sink.control;
    let mut text = Text::new(bytes::open(path, control)?, path);
    if scan::outline(&bytes::head(path, super::super::source::HEAD_BYTES)?).kind.as_deref().is_some_and(|k| k != "FeatureCollection") {
        return single(&mut text, sink);
    }
    let (mut shape, mut names) = (Shape::default(), feature::Names::default());
    let mut had_features = false;
    text.expect(b'{', sink)?;
    if text.peek(sink)? == b'}' {
        text.at += 1;
    } else {
        loop {
            let key = text.small_value(sink)?;
            text.expect(b':', sink)?;
            match key.as_slice() {
                b"\"features\"" if !had_features => {
                    had_features = true;
                    features(&mut text, sink, &mut shape, &mut names)?;
                }
                b"\"crs\"" => {
                    let member = text.small_value(sink)?;
                    if had_features
                        && let Some(decided) = decided_by_document
                        && parse_crs(path, &member)?.is_some_and(|crs| crs != *decided)
                    {
                        let reason = "its crs member stands behind the features; say --crs instead".to_owned();
                        return Err(ImportError::Foreign { path: path.to_owned(), reason });
                    }
                }
                b"\"type\"" => {
                    let kind = text.small_value(sink)?;
                    if kind != b"\"FeatureCollection\"" {
                        return Err(text.broken("its type is not FeatureCollection"));
                    }
                }
                other => {
                    let name = String::from_utf8_lossy(other).into_owned();
                    text.value(sink)?;
                    if !matches!(name.as_str(), "\"name\"" | "\"bbox\"" | "\"xy_coordinate_resolution\"") {
                        sink.note(format!("the collection's member {name} is not kept"));
                    }
                }
            }
            match text.next_token(sink)? {
                b',' => {}
                b'}' => break,
                _ => return Err(text.broken("expected a comma or the end of the collection")),
            }
        }
    }
    if !had_features {
        return Err(ImportError::Foreign { path: path.to_owned(), reason: "it has no member “features”".to_owned() });
    }
    text.nothing_more(sink)
}

fn features(text: &mut Text<'_>, sink: &mut Sink<'_>, shape: &mut Shape, names: &mut feature::Names) -> Result<(), ImportError> {
    text.expect(b'[', sink)?;
    if text.peek(sink)? == b']' {
        text.at += 1;
        return Ok(());
    }
    loop {
        text.peek(sink)?;
        let line = text.line();
        match text.value(sink)? {
            None => {
                let place = sink.next_place(Some(line));
                sink.refuse(place, format!("the feature passes the limit LINE_BYTES_MAX ({})", limits::LINE_BYTES_MAX), &[])?;
            }
            Some(json) => match feature::read(json, shape, names) {
                Ok(found) => record(sink, line, found, shape, json)?,
                Err(reason) => {
                    let place = sink.next_place(Some(line));
                    sink.refuse(place, reason, json)?;
                }
            },
        }
        match text.next_token(sink)? {
            b',' => {}
            b']' => return Ok(()),
            _ => return Err(text.broken("expected a comma or the end of the features")),
        }
    }
}

/// A document that is one feature or geometry.
fn single(text: &mut Text<'_>, sink: &mut Sink<'_>) -> Result<(), ImportError> {
    text.peek(sink)?;
    let line = text.line();
    let mut shape = Shape::default();
    match text.value(sink)? {
        None => return Err(text.broken(&format!("it passes the limit LINE_BYTES_MAX ({})", limits::LINE_BYTES_MAX))),
        Some(json) => match feature::read(json, &mut shape, &mut feature::Names::default()) {
            Ok(found) => record(sink, line, found, &mut shape, json)?,
            Err(reason) => {
                let place = sink.next_place(Some(line));
                sink.refuse(place, reason, json)?;
            }
        },
    }
    text.nothing_more(sink)
}

/// The CRS that a document states before its features, by the `crs` member of GeoJSON 2008.
pub(crate) fn declared_crs(path: &Path, head: &[u8]) -> Result<Option<Crs>, ImportError> {
    let seen = scan::outline(head);
    if !seen.members.iter().any(|m| m == "crs") {
        return Ok(None);
    }
    // The outline saw the member at the top; find it again to read its value.
    let mut rest = head;
    while let Some(at) = memchr::memmem::find(rest, b"\"crs\"") {
        rest = &rest[at + 5..];
        let value = rest.trim_ascii_start();
        if let Some(value) = value.strip_prefix(b":") {
            let mut stream = serde_json::Deserializer::from_slice(value).into_iter::<serde_json::Value>();
            if let Some(Ok(member @ serde_json::Value::Object(_))) = stream.next() {
                return parse_crs(path, member.to_string().as_bytes());
            }
            return Ok(None);
        }
    }
    Ok(None)
}

fn parse_crs(path: &Path, member: &[u8]) -> Result<Option<Crs>, ImportError> {
    let member: serde_json::Value = serde_json::from_slice(member).unwrap_or_default();
    let name = match member.get("type").and_then(|t| t.as_str()) {
        Some("name") => member.pointer("/properties/name").and_then(|n| n.as_str()).map(str::to_owned),
        // An old form: {"type":"EPSG","properties":{"code":4326}}.
        Some("EPSG") => member.pointer("/properties/code").map(|code| format!("EPSG:{}", code.to_string().trim_matches('"'))),
        _ if member.is_null() => None,
        _ => return Err(ImportError::Foreign { path: path.to_owned(), reason: "its crs member is not understood; say --crs".to_owned() }),
    };
    name.map(|name| Crs::parse(&name)).transpose().map_err(|source| ImportError::Crs { path: path.to_owned(), source })
}

/// A JSON text that is read value by value.
struct Text<'a> {
    reader: Box<dyn Read + 'a>,
    path: PathBuf,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    /// Bytes and line ends before the buffer.
    passed: u64,
    lines_passed: u64,
    /// Line ends in the buffer before this point have been counted.
    counted: usize,
}

impl<'a> Text<'a> {
    fn new(reader: Box<dyn Read + 'a>, path: &Path) -> Self {
        let buffer = vec![0; READ_BYTES];
        Self { reader, path: path.to_owned(), buffer, at: 0, end: 0, passed: 0, lines_passed: 0, counted: 0 }
    }

    /// The line of the next byte, counted from 1.
    fn line(&mut self) -> u64 {
        self.count();
        self.lines_passed + 1
    }

    fn count(&mut self) {
        self.lines_passed += memchr::memchr_iter(b'\n', &self.buffer[self.counted..self.at]).count() as u64;
        self.counted = self.at;
    }

    fn place(&mut self) -> String {
        format!("line {}, byte {}", self.line(), self.passed + self.at as u64)
    }

    fn broken(&mut self, reason: &str) -> ImportError {
        ImportError::Broken { path: self.path.clone(), place: self.place(), reason: reason.to_owned() }
    }

    fn truncated(&mut self, sink: &Sink<'_>) -> ImportError {
        ImportError::Truncated { path: self.path.clone(), place: self.place(), records: sink.records() }
    }

    /// Reads more; false at the end. What is before `at` is let go of.
    fn fill(&mut self, sink: &Sink<'_>) -> Result<bool, ImportError> {
        if self.at > 0 {
            self.count();
            self.buffer.copy_within(self.at..self.end, 0);
            self.passed += self.at as u64;
            self.end -= self.at;
            (self.at, self.counted) = (0, 0);
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    self.end += n;
                    return Ok(true);
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => {
                    let place = self.place();
                    return Err(bytes::read_error(&self.path, e, &place, sink.records()));
                }
            }
        }
    }

    /// The next byte that is no white space, without taking it.
    fn peek(&mut self, sink: &Sink<'_>) -> Result<u8, ImportError> {
        loop {
            while self.at < self.end {
                match self.buffer[self.at] {
                    b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                    // The three bytes of a byte order mark at the very start.
                    0xef | 0xbb | 0xbf if self.passed + self.at as u64 <= 2 => self.at += 1,
                    byte => return Ok(byte),
                }
            }
            if !self.fill(sink)? {
                return Err(self.truncated(sink));
            }
        }
    }

    fn next_token(&mut self, sink: &Sink<'_>) -> Result<u8, ImportError> {
        let byte = self.peek(sink)?;
        self.at += 1;
        Ok(byte)
    }

    fn expect(&mut self, byte: u8, sink: &Sink<'_>) -> Result<(), ImportError> {
        if self.peek(sink)? != byte {
            return Err(self.broken(&format!("expected “{}”", byte as char)));
        }
        self.at += 1;
        Ok(())
    }

    /// Takes the next value whole; `None` if it passes the limit and was skipped.
    fn value(&mut self, sink: &Sink<'_>) -> Result<Option<&[u8]>, ImportError> {
        let first = self.peek(sink)?;
        let mut walker = scan::Walker::default();
        // Numbers and words have no last byte of their own: they end before what follows.
        let bare = !matches!(first, b'{' | b'[' | b'"');
        if bare && !(first.is_ascii_alphanumeric() || first == b'-') {
            return Err(self.broken("expected a JSON value"));
        }
        let (mut length, mut too_long) = (0, false);
        loop {
            while self.at + length < self.end {
                let byte = self.buffer[self.at + length];
                let done = if bare {
                    matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')
                } else {
                    length += 1;
                    walker.closes(byte)
                };
                if done {
                    let from = self.at;
                    self.at += length;
                    return Ok((!too_long).then(|| &self.buffer[from..from + length]));
                }
                length += usize::from(bare);
            }
            if length > limits::LINE_BYTES_MAX {
                too_long = true;
                self.at += length;
                length = 0;
            }
            if !self.fill(sink)? {
                return Err(self.truncated(sink));
            }
        }
    }

    /// Takes the next value, which cannot be long.
    fn small_value(&mut self, sink: &Sink<'_>) -> Result<Vec<u8>, ImportError> {
        match self.value(sink)? {
            Some(value) => Ok(value.to_vec()),
            None => Err(self.broken("expected a short value")),
        }
    }

    fn nothing_more(&mut self, sink: &Sink<'_>) -> Result<(), ImportError> {
        match self.peek(sink) {
            Err(ImportError::Truncated { .. }) => Ok(()),
            Err(e) => Err(e),
            Ok(_) => Err(self.broken("something follows the end of the document")),
        }
    }
}
