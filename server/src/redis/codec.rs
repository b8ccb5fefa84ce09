//! The Redis serialization protocol, versions 2 and 3: commands in, replies out.
//!
//! A client sends arrays of bulk strings, or a line of words; a server need read nothing else.

use crate::limits;
use bytes::{Bytes, BytesMut};
use std::{borrow::Cow, io::Write};

/// A command: its name and its arguments.
pub type Command = Vec<Bytes>;

/// Takes the first command off a buffer; `None` while it is not whole. A line without words is
/// an empty command. O(bytes), without a copy.
///
/// # Errors
/// The bytes break the protocol or pass a named limit; the connection is of no more use.
pub fn take(buffer: &mut BytesMut) -> Result<Option<Command>, String> {
    match buffer.first() {
        None => Ok(None),
        Some(b'*') => take_array(buffer),
        Some(_) => take_line(buffer),
    }
}

fn take_array(buffer: &mut BytesMut) -> Result<Option<Command>, String> {
    let Some((count, mut at)) = number(buffer, 1, limits::REDIS_ARGUMENTS_MAX, "REDIS_ARGUMENTS_MAX")? else {
        return Ok(None);
    };
    let mut ranges = Vec::with_capacity(count.min(16));
    for _ in 0..count {
        match buffer.get(at) {
            None => return whole(buffer),
            Some(b'$') => {}
            Some(other) => return Err(format!("Protocol error: expected '$', got '{}'", char::from(*other).escape_default())),
        }
        let Some((length, start)) = number(buffer, at + 1, limits::REDIS_COMMAND_BYTES_MAX, "REDIS_COMMAND_BYTES_MAX")? else {
            return whole(buffer);
        };
        let end = start + length;
        if end + 2 > limits::REDIS_COMMAND_BYTES_MAX {
            return Err(too_large());
        }
        match buffer.get(end..end + 2) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err("Protocol error: a bulk string does not end where it says".to_owned()),
        }
        ranges.push(start..end);
        at = end + 2;
    }
    let bytes = buffer.split_to(at).freeze();
    Ok(Some(ranges.into_iter().map(|range| bytes.slice(range)).collect()))
}

/// What is not whole yet must still fit.
fn whole(buffer: &BytesMut) -> Result<Option<Command>, String> {
    if buffer.len() > limits::REDIS_COMMAND_BYTES_MAX { Err(too_large()) } else { Ok(None) }
}

fn too_large() -> String {
    format!("Protocol error: a command has at most REDIS_COMMAND_BYTES_MAX ({}) bytes", limits::REDIS_COMMAND_BYTES_MAX)
}

/// The number that a line at `at` says, and where the line after it starts.
fn number(buffer: &[u8], at: usize, max: usize, limit: &str) -> Result<Option<(usize, usize)>, String> {
    let rest = buffer.get(at..).unwrap_or_default();
    let Some(length) = rest.iter().take(24).position(|byte| *byte == b'\r') else {
        return if rest.len() >= 24 { Err("Protocol error: invalid length".to_owned()) } else { Ok(None) };
    };
    match rest.get(length + 1) {
        None => return Ok(None),
        Some(b'\n') => {}
        Some(_) => return Err("Protocol error: invalid length".to_owned()),
    }
    let text = std::str::from_utf8(&rest[..length]).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match text.and_then(|text| text.parse::<usize>().ok()) {
        Some(number) if number > max => Err(format!("Protocol error: {number} is more than {limit} ({max})")),
        Some(number) => Ok(Some((number, at + length + 2))),
        None => Err("Protocol error: invalid length".to_owned()),
    }
}

fn take_line(buffer: &mut BytesMut) -> Result<Option<Command>, String> {
    let Some(end) = buffer.iter().take(limits::REDIS_LINE_BYTES_MAX).position(|byte| *byte == b'\n') else {
        let max = limits::REDIS_LINE_BYTES_MAX;
        return if buffer.len() >= max {
            Err(format!("Protocol error: a line has at most REDIS_LINE_BYTES_MAX ({max}) bytes"))
        } else {
            Ok(None)
        };
    };
    let line = buffer.split_to(end + 1).freeze();
    let mut words = Vec::new();
    let mut rest = line.trim_ascii();
    while !rest.is_empty() {
        // A JSON text is the line's last word.
        let length = if rest[0] == b'{' { rest.len() } else { rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len()) };
        words.push(line.slice_ref(&rest[..length]));
        rest = rest[length..].trim_ascii_start();
    }
    Ok(Some(words))
}

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A word that says how it went.
    Simple(&'static str),
    /// What went wrong, without the `-`.
    Error(Cow<'static, str>),
    /// A number.
    Integer(i64),
    /// A text.
    Bulk(String),
    /// Nothing.
    Null,
    /// Replies in order.
    Array(Vec<Reply>),
    /// Names and values by turns; in version 2 an array.
    Map(Vec<Reply>),
    /// What comes unasked; in version 2 an array.
    Push(Vec<Reply>),
}

impl Reply {
    /// A text.
    pub fn bulk(text: impl Into<String>) -> Self {
        Self::Bulk(text.into())
    }

    /// A float as the text of its shortest decimal form.
    pub fn float(number: f64) -> Self {
        Self::Bulk(number.to_string())
    }

    /// Appends the reply as bytes of version 2, or of version 3.
    pub fn write(&self, out: &mut Vec<u8>, is_three: bool) {
        // A Vec is always writable.
        let _ = match self {
            Self::Simple(word) => write!(out, "+{word}\r\n"),
            Self::Error(text) => write!(out, "-{}\r\n", text.replace(['\r', '\n'], " ")),
            Self::Integer(number) => write!(out, ":{number}\r\n"),
            Self::Bulk(text) => write!(out, "${}\r\n{text}\r\n", text.len()),
            Self::Null if is_three => write!(out, "_\r\n"),
            Self::Null => write!(out, "$-1\r\n"),
            Self::Map(members) if is_three => write!(out, "%{}\r\n", members.len() / 2),
            Self::Push(replies) if is_three => write!(out, ">{}\r\n", replies.len()),
            Self::Array(replies) | Self::Map(replies) | Self::Push(replies) => write!(out, "*{}\r\n", replies.len()),
        };
        if let Self::Array(replies) | Self::Map(replies) | Self::Push(replies) = self {
            replies.iter().for_each(|reply| reply.write(out, is_three));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8], step: usize) -> Result<Vec<Command>, String> {
        let (mut buffer, mut commands) = (BytesMut::new(), Vec::new());
        for part in bytes.chunks(step) {
            buffer.extend_from_slice(part);
            while let Some(command) = take(&mut buffer)? {
                commands.push(command);
            }
        }
        Ok(commands)
    }

    fn write(command: &[Vec<u8>]) -> Vec<u8> {
        let mut out = format!("*{}\r\n", command.len()).into_bytes();
        for argument in command {
            out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            out.extend_from_slice(argument);
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    fn cases() -> ProptestConfig {
        let soak = std::env::var("CITYWALL_SOAK").is_ok_and(|soak| soak == "full");
        ProptestConfig::with_cases(if soak { 1_000_000 } else { 2_000 })
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn soak_commands_come_as_they_were_sent_however_they_are_cut(
            commands in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..6), 1..6),
            step in 1usize..40,
        ) {
            let bytes: Vec<u8> = commands.iter().flat_map(|command| write(command)).collect();
            let read = all(&bytes, step).unwrap();
            let read: Vec<Vec<Vec<u8>>> = read.iter().map(|command| command.iter().map(|argument| argument.to_vec()).collect()).collect();
            prop_assert_eq!(read, commands);
        }

        #[test]
        fn soak_no_bytes_panic_and_no_cut_changes_what_is_read(
            bytes in prop::collection::vec(prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), b'0'..=b'9', any::<u8>()], 0..200),
            step in 1usize..40,
        ) {
            prop_assert_eq!(all(&bytes, step).is_ok(), all(&bytes, usize::MAX).is_ok());
        }
    }

    #[test]
    fn lines_are_commands_too() {
        let commands = all(b"PING\r\nset a b object {\"type\": \"Point\"}\r\n\r\n", 3).unwrap();
        let texts: Vec<Vec<&[u8]>> = commands.iter().map(|command| command.iter().map(|word| &word[..]).collect()).collect();
        assert_eq!(texts, [vec![&b"PING"[..]], vec![b"set", b"a", b"b", b"object", b"{\"type\": \"Point\"}"], vec![]]);
    }

    #[test]
    fn limits_name_themselves() {
        for (bytes, limit) in [("*99999999\r\n", "REDIS_ARGUMENTS_MAX"), ("*1\r\n$999999999\r\n", "REDIS_COMMAND_BYTES_MAX")] {
            assert!(all(bytes.as_bytes(), 64).unwrap_err().contains(limit));
        }
        assert!(all(&[b'a'; 100_000], 1 << 20).unwrap_err().contains("REDIS_LINE_BYTES_MAX"));
    }
}
