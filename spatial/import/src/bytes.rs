//! Bytes of a file, unpacked if it is gzip, with progress; and its lines, each of bounded length.

use crate::{ImportError, progress::Control};
use flate2::read::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// Bytes read from a file at once.
const READ_BYTES: usize = 256 << 10;
/// The two bytes that a gzip member starts with (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A file that tells how far it has been read.
struct Counted<'a> {
    file: File,
    control: &'a Control,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.control.add_done(n as u64);
        Ok(n)
    }
}

/// Opens a file, through gzip if its first bytes say so, and sets progress to its bytes.
pub(crate) fn open<'a>(path: &Path, control: &'a Control) -> Result<Box<dyn Read + 'a>, ImportError> {
    let failed = |source| ImportError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    control.set_total(file.metadata().map_err(failed)?.len());
    control.set_done(0);
    let mut magic = [0; 2];
    let packed = read_full(&mut file, &mut magic).map_err(failed)? == 2 && magic == GZIP_MAGIC;
    io::Seek::rewind(&mut file).map_err(failed)?;
    let counted = BufReader::with_capacity(READ_BYTES, Counted { file, control });
    Ok(if packed { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) })
}

/// The first bytes of a file, unpacked, without a byte order mark; at most `max` of them.
pub(crate) fn head(path: &Path, max: usize) -> Result<Vec<u8>, ImportError> {
    let control = Control::default();
    let mut bytes = vec![0; max];
    let n = read_full(&mut open(path, &control)?, &mut bytes).or_else(|e| match e.kind() {
        // A truncated gzip is told about when it is read.
        io::ErrorKind::UnexpectedEof => Ok(0),
        _ => Err(ImportError::Io { path: path.to_owned(), source: e }),
    })?;
    bytes.truncate(n);
    if bytes.starts_with(BOM) {
        bytes.drain(..BOM.len());
    }
    Ok(bytes)
}

fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match reader.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // What was unpacked before a gzip breaks off is still good to look at.
            Err(e) if n > 0 && e.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(e) => return Err(e),
        }
    }
    Ok(n)
}

/// One line of a source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Its bytes, without the separator; whether the separator was there.
    Text(&'a [u8], bool),
    /// It passes the limit and was skipped; this many bytes.
    TooLong(u64),
}

/// Reads lines, or records between RS characters (RFC 8142), of at most `max` bytes each.
pub(crate) struct Lines<'a> {
    reader: Box<dyn Read + 'a>,
    path: PathBuf,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    separator: u8,
    max: usize,
    line: u64,
    next_line: u64,
    eof: bool,
    begun: bool,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(reader: Box<dyn Read + 'a>, path: &Path, separator: u8, max: usize) -> Self {
        Self {
            reader,
            path: path.to_owned(),
            buffer: vec![0; READ_BYTES],
            start: 0,
            end: 0,
            separator,
            max,
            line: 0,
            next_line: 1,
            eof: false,
            begun: false,
        }
    }

    /// The next line and its number, counted from 1; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Line<'_>)>, ImportError> {
        if !self.begun {
            self.begun = true;
            while self.end < BOM.len() && self.fill()? {}
            if self.buffer[..self.end].starts_with(BOM) {
                self.start = BOM.len();
            }
        }
        self.line = self.next_line;
        let mut looked = 0;
        let mut skipped = 0u64;
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(at) = memchr::memchr(self.separator, &unread[looked..]) {
                let from = self.start;
                let to = from + looked + at;
                self.start = to + 1;
                self.count_lines(from, to + 1);
                let line = if skipped > 0 { Line::TooLong(skipped + (to - from) as u64) } else { Line::Text(&self.buffer[from..to], true) };
                return Ok(Some((self.line, line)));
            }
            looked = unread.len();
            if looked > self.max {
                // Skipped without being kept: what is in the buffer is all there ever is of it.
                skipped += looked as u64;
                self.count_lines(self.start, self.end);
                self.start = self.end;
                looked = 0;
            }
            if self.eof || !self.fill()? {
                let (from, to) = (self.start, self.end);
                self.start = to;
                self.count_lines(from, to);
                return Ok(if skipped > 0 {
                    Some((self.line, Line::TooLong(skipped + (to - from) as u64)))
                } else if from == to {
                    None
                } else {
                    Some((self.line, Line::Text(&self.buffer[from..to], false)))
                });
            }
        }
    }

    fn count_lines(&mut self, from: usize, to: usize) {
        self.next_line += memchr::memchr_iter(b'\n', &self.buffer[from..to]).count() as u64;
    }

    /// Reads more behind what is unread; false at the end.
    fn fill(&mut self) -> Result<bool, ImportError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let grown = (self.buffer.len() * 2).min(self.max + 2 * READ_BYTES);
            self.buffer.resize(grown, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.eof = true;
                    return Ok(false);
                }
                Ok(n) => {
                    self.end += n;
                    return Ok(true);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.failed(e)),
            }
        }
    }

    fn failed(&self, source: io::Error) -> ImportError {
        read_error(&self.path, source, &format!("line {}", self.line.max(1)), self.line.saturating_sub(1))
    }
}

/// A read error: a gzip that ends too early is a truncated file, a damaged one a broken file.
pub(crate) fn read_error(path: &Path, source: io::Error, place: &str, records: u64) -> ImportError {
    let (path, place) = (path.to_owned(), place.to_owned());
    match source.kind() {
        io::ErrorKind::UnexpectedEof => ImportError::Truncated { path, place, records },
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => ImportError::Broken { path, place, reason: source.to_string() },
        _ => ImportError::Io { path, source },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn lines(bytes: &[u8], separator: u8, max: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::new(Box::new(bytes), Path::new("x"), separator, max);
        let mut out = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            let text = match line {
                Line::Text(text, _) => Some(text.to_vec()),
                Line::TooLong(_) => None,
            };
            out.push((number, text));
        }
        out
    }

    #[test]
    fn a_line_beyond_the_limit_is_skipped_and_the_next_one_read() {
        let mut bytes = b"ab\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', 3 * READ_BYTES));
        bytes.extend(b"\ncd");
        let read = lines(&bytes, b'\n', READ_BYTES);
        assert_eq!(read, [(1, Some(b"ab".to_vec())), (2, None), (3, Some(b"cd".to_vec()))]);
    }

    #[test]
    fn record_separators_may_stand_between_lines() {
        let read = lines(b"\x1e{\n}\n\x1e{}\n", 0x1e, 100);
        assert_eq!(read, [(1, Some(b"".to_vec())), (1, Some(b"{\n}\n".to_vec())), (3, Some(b"{}\n".to_vec()))]);
    }

    proptest! {
        #[test]
        fn lines_are_those_of_a_plain_split(text in "[ab\n]{0,300}") {
            let mut plain: Vec<Vec<u8>> = text.as_bytes().split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
            if plain.last().is_some_and(Vec::is_empty) {
                plain.pop();
            }
            let ours: Vec<Vec<u8>> = lines(text.as_bytes(), b'\n', 1 << 20).into_iter().map(|(_, l)| l.unwrap()).collect();
            prop_assert_eq!(ours, plain);
        }
    }
}
