//! The words of CQL2 Text (OGC 21-065r2, annex B).

use crate::{FilterError, Place};

/// A word and the character at which it starts, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) at: usize,
    pub(crate) word: Word,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word {
    /// A bare name: a keyword, a function or a property.
    Name(String),
    /// A property in double quotes.
    Quoted(String),
    /// A character literal.
    Text(String),
    Integer(i64),
    Number(f64),
    Symbol(&'static str),
    End,
}

impl Token {
    pub(crate) fn place(&self) -> Place {
        Place::Character(self.at)
    }

    /// The word as an error quotes it.
    pub(crate) fn found(&self) -> String {
        match &self.word {
            Word::Name(name) => format!("“{name}”"),
            Word::Quoted(name) => format!("\"{name}\""),
            Word::Text(text) => format!("'{text}'"),
            Word::Integer(n) => n.to_string(),
            Word::Number(n) => n.to_string(),
            Word::Symbol(s) => format!("“{s}”"),
            Word::End => "the end of the filter".to_owned(),
        }
    }

    /// True for this keyword in any case.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(&self.word, Word::Name(name) if name.eq_ignore_ascii_case(keyword))
    }
}

/// Longer symbols first.
const SYMBOLS: [&str; 14] = ["<>", "<=", ">=", "(", ")", ",", "=", "<", ">", "+", "-", "*", "/", "%"];

/// Cuts a text into words; the last one is [`Word::End`].
pub(crate) fn words(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut lexer = Lexer { rest: text, at: 1 };
    let mut words = Vec::new();
    loop {
        let token = lexer.next()?;
        let end = token.word == Word::End;
        words.push(token);
        if end {
            return Ok(words);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.at += 1;
        Some(c)
    }

    fn take(&mut self, mut more: impl FnMut(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !more(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.at += taken.chars().count();
        self.rest = rest;
        taken
    }

    fn next(&mut self) -> Result<Token, FilterError> {
        self.take(char::is_whitespace);
        let at = self.at;
        let word = match self.peek() {
            None => Word::End,
            Some('\'') => Word::Text(self.literal()?),
            Some('"') => Word::Quoted(self.quoted()?),
            Some('0'..='9' | '.') => self.number()?,
            Some('^') => {
                self.bump();
                Word::Symbol("^")
            }
            Some(c) if starts_name(c) => Word::Name(self.take(continues_name).to_owned()),
            Some(c) => match SYMBOLS.into_iter().find(|s| self.rest.starts_with(s)) {
                Some(symbol) => {
                    self.rest = &self.rest[symbol.len()..];
                    self.at += symbol.len();
                    Word::Symbol(symbol)
                }
                None => return Err(self.error(at, "a name, a literal or an operator", format!("“{c}”"))),
            },
        };
        Ok(Token { at, word })
    }

    fn error(&self, at: usize, expected: &str, found: impl Into<String>) -> FilterError {
        FilterError::new(&Place::Character(at), expected, found)
    }

    /// `''` and `\'` are a quote; `\a \b \t \n \v \f \r` control characters; `\\` a backslash. A
    /// backslash before anything else stays, for LIKE to escape its wildcards with.
    fn literal(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                None => return Err(self.error(start, "a closing '", "a literal without an end")),
                Some('\'') if self.peek() == Some('\'') => {
                    self.bump();
                    text.push('\'');
                }
                Some('\'') => return Ok(text),
                Some('\\') => match self.peek() {
                    Some(c) if unescape(c).is_some() => {
                        self.bump();
                        text.extend(unescape(c));
                    }
                    _ => text.push('\\'),
                },
                Some(c) => text.push(c),
            }
        }
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        self.bump();
        let mut name = String::new();
        loop {
            match self.bump() {
                None => return Err(self.error(start, "a closing \"", "a name without an end")),
                Some('"') if self.peek() == Some('"') => {
                    self.bump();
                    name.push('"');
                }
                Some('"') if name.is_empty() => return Err(self.error(start, "a property’s name", "\"\"")),
                Some('"') => return Ok(name),
                Some(c) => name.push(c),
            }
        }
    }

    fn number(&mut self) -> Result<Word, FilterError> {
        let (start, all) = (self.at, self.rest);
        let digit = |c: char| c.is_ascii_digit();
        self.take(digit);
        let mut whole = true;
        if self.peek() == Some('.') {
            whole = false;
            self.bump();
            self.take(digit);
        }
        if self.peek().is_some_and(|c| c.eq_ignore_ascii_case(&'e')) {
            whole = false;
            self.bump();
            if let Some('+' | '-') = self.peek() {
                self.bump();
            }
            self.take(digit);
        }
        let text = &all[..all.len() - self.rest.len()];
        if let Some(n) = whole.then(|| text.parse().ok()).flatten() {
            return Ok(Word::Integer(n));
        }
        match text.parse::<f64>() {
            Ok(n) if n.is_finite() => Ok(Word::Number(n)),
            _ => Err(self.error(start, "a number", format!("“{text}”"))),
        }
    }
}

pub(crate) const ESCAPES: [(char, char); 8] =
    [('a', '\u{7}'), ('b', '\u{8}'), ('t', '\t'), ('n', '\n'), ('v', '\u{b}'), ('f', '\u{c}'), ('r', '\r'), ('\\', '\\')];

fn unescape(c: char) -> Option<char> {
    if c == '\'' {
        return Some(c);
    }
    ESCAPES.iter().find(|(letter, _)| *letter == c).map(|(_, control)| *control)
}

/// The rule `identifierStart` of annex B.
pub(crate) fn starts_name(c: char) -> bool {
    matches!(c,
        ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFE}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
        && !c.is_whitespace()
}

/// The rule `identifierPart` of annex B.
pub(crate) fn continues_name(c: char) -> bool {
    starts_name(c) || c == '.' || c.is_ascii_digit() || matches!(c, '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}
