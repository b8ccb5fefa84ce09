//! The arguments of a command, one after the other, and what Tile38 says when they are wrong.

use super::codec::Reply;
use bytes::Bytes;
use citywall_query::{IngestError, QueryError, Refused};
use std::borrow::Cow;

/// Why a command was not done, in Tile38's words where it has some.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault(pub Cow<'static, str>);

/// What Tile38 calls the wrong number of arguments.
const COUNT: &str = "invalid number of arguments";

impl Fault {
    /// An argument is missing, or one is too many.
    pub fn count() -> Self {
        Self(COUNT.into())
    }

    /// An argument does not make sense.
    pub fn argument(text: &str) -> Self {
        Self(format!("invalid argument '{}'", text.chars().take(200).collect::<String>()).into())
    }

    /// An option stands twice.
    pub fn twice(name: &str) -> Self {
        Self(format!("duplicate argument '{}'", name.to_ascii_uppercase()).into())
    }

    /// Any words.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }

    /// The fault as a reply to this command.
    pub fn reply(&self, command: &str, json: bool) -> Reply {
        if json {
            return Reply::Bulk(format!("{{\"ok\":false,\"err\":{},\"elapsed\":\"0s\"}}", super::object::quoted(&self.0)));
        }
        match &*self.0 {
            COUNT => Reply::Error(format!("ERR wrong number of arguments for '{command}' command").into()),
            text => Reply::Error(format!("ERR {text}").into()),
        }
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self(refused.to_string().into())
    }
}

impl From<IngestError> for Fault {
    fn from(error: IngestError) -> Self {
        Self(error.to_string().into())
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        Self(error.to_string().into())
    }
}

/// The arguments after a command's name.
pub struct Arguments<'a> {
    all: Vec<&'a str>,
    at: usize,
}

impl<'a> Arguments<'a> {
    /// The arguments of a command, without its name.
    ///
    /// # Errors
    /// One is not UTF-8.
    pub fn new(command: &'a [Bytes]) -> Result<Self, Fault> {
        let text = |(at, bytes): (usize, &'a Bytes)| {
            std::str::from_utf8(bytes).map_err(|_| Fault::new(format!("argument {} is not UTF-8", at + 1)))
        };
        Ok(Self { all: command.iter().skip(1).enumerate().map(text).collect::<Result<_, _>>()?, at: 0 })
    }

    /// These arguments.
    pub fn of(all: Vec<&'a str>) -> Self {
        Self { all, at: 0 }
    }

    /// The number of arguments that are left.
    pub fn left(&self) -> usize {
        self.all.len() - self.at
    }

    /// What is left.
    pub fn rest(&self) -> &[&'a str] {
        &self.all[self.at..]
    }

    /// The next argument.
    ///
    /// # Errors
    /// There is none.
    pub fn text(&mut self) -> Result<&'a str, Fault> {
        let text = self.all.get(self.at).copied().ok_or_else(Fault::count)?;
        self.at += 1;
        Ok(text)
    }

    /// The next argument, which must not be empty.
    ///
    /// # Errors
    /// There is none, or it is empty.
    pub fn word(&mut self) -> Result<&'a str, Fault> {
        self.text().and_then(|text| if text.is_empty() { Err(Fault::count()) } else { Ok(text) })
    }

    /// The next argument, to be looked at.
    pub fn peek(&self) -> Option<&'a str> {
        self.all.get(self.at).copied()
    }

    /// Takes the next argument if it is this word, in letters of any case.
    pub fn takes(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|text| text.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    /// The next argument as a finite number.
    ///
    /// # Errors
    /// There is none, or it is no number.
    pub fn number(&mut self) -> Result<f64, Fault> {
        let text = self.text()?;
        finite(text).ok_or_else(|| Fault::argument(text))
    }

    /// The next argument as a whole number.
    ///
    /// # Errors
    /// There is none, or it is none within the bounds.
    pub fn whole(&mut self, min: u64, max: u64) -> Result<u64, Fault> {
        let text = self.text()?;
        text.parse().ok().filter(|number| (min..=max).contains(number)).ok_or_else(|| Fault::argument(text))
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// Something is.
    pub fn end(&self) -> Result<(), Fault> {
        if self.left() == 0 { Ok(()) } else { Err(Fault::count()) }
    }
}

/// A finite number.
pub fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
