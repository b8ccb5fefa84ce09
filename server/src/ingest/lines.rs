//! Newline-delimited records, cut out of a body as it arrives (NDJSON; RFC 8142 with its record
//! separators), in memory bounded by one batch and one record.

use axum::body::Bytes;
use bytes::BytesMut;

/// One line that is not empty.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A whole one.
    Whole(Bytes),
    /// The beginning of one that is longer than a record may be.
    TooLong(Bytes),
}

/// Cuts what arrives into lines.
#[derive(Debug)]
pub struct Lines {
    held: BytesMut,
    /// Lines that have ended.
    ended: usize,
    /// True within the rest of a line that is too long.
    skips: bool,
    record_bytes_max: usize,
}

/// What is kept of a line that is too long.
const BEGINNING: usize = 4 << 10;

impl Lines {
    /// Lines of at most `record_bytes_max` bytes.
    pub fn new(record_bytes_max: usize) -> Self {
        Self { held: BytesMut::new(), ended: 0, skips: false, record_bytes_max }
    }

    /// Takes what has arrived.
    pub fn push(&mut self, chunk: &[u8]) {
        self.held.extend_from_slice(chunk);
    }

    /// How many bytes wait.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The lines that have arrived whole, each with its number, counted from 1; at the end of the
    /// body the last one too.
    pub fn take(&mut self, is_end: bool) -> Vec<(usize, Line)> {
        let end = if is_end { self.held.len() } else { self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
        let block = self.held.split_to(end).freeze();
        let mut lines = Vec::with_capacity(block.len() / 200);
        for raw in block.split_inclusive(|byte| *byte == b'\n') {
            let number = self.ended + 1;
            if raw.ends_with(b"\n") {
                self.ended += 1;
                if std::mem::take(&mut self.skips) {
                    continue;
                }
            }
            let line = raw.strip_prefix(b"\x1e").unwrap_or(raw).trim_ascii();
            if line.len() > self.record_bytes_max {
                lines.push((number, Line::TooLong(block.slice_ref(&line[..BEGINNING.min(line.len())]))));
            } else if !line.is_empty() && !self.skips {
                lines.push((number, Line::Whole(block.slice_ref(line))));
            }
        }
        if self.skips {
            self.held.clear();
        } else if self.held.len() > self.record_bytes_max {
            let mut beginning = self.held.split();
            beginning.truncate(BEGINNING);
            self.skips = true;
            lines.push((self.ended + 1, Line::TooLong(beginning.freeze())));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(chunks: &[&[u8]], max: usize) -> Vec<(usize, Line)> {
        let mut lines = Lines::new(max);
        let mut all = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            all.extend(lines.take(false));
        }
        all.extend(lines.take(true));
        all
    }

    fn whole(text: &'static str) -> Line {
        Line::Whole(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn lines_keep_their_numbers_over_chunks() {
        let found = all(&[b"a\n\n\x1eb", b"c\r\n", b"", b"d"], 10);
        assert_eq!(found, [(1, whole("a")), (3, whole("bc")), (4, whole("d"))]);
    }

    #[test]
    fn a_line_that_is_too_long_is_one_bad_record() {
        let long = vec![b'x'; 50];
        let found = all(&[b"a\n", &long, &long, b"xx\nb\n", &long, b"\nc"], 60);
        let kinds: Vec<_> = found.iter().map(|(number, line)| (*number, matches!(line, Line::Whole(_)))).collect();
        assert_eq!(kinds, [(1, true), (2, false), (3, true), (4, true), (5, true)]);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_lines(body in "[ab\n]{0,60}", cuts in proptest::collection::vec(0usize..60, 0..6)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut start = 0;
            for cut in cuts {
                chunks.push(&body.as_bytes()[start..cut]);
                start = cut;
            }
            chunks.push(&body.as_bytes()[start..]);
            let expected: Vec<(usize, Line)> = body
                .split('\n')
                .enumerate()
                .filter(|(_, line)| !line.is_empty())
                .map(|(at, line)| (at + 1, Line::Whole(Bytes::copy_from_slice(line.as_bytes()))))
                .collect();
            prop_assert_eq!(all(&chunks, 100), expected);
        }
    }
}
