//! Topic patterns, and the small expressions that take values out of a message.

use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// A topic with named levels, such as `vehicles/{id}/position` (MQTT 5.0, clause 4.7).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    text: String,
    levels: Vec<Level>,
}

#[derive(Clone, Debug, PartialEq)]
enum Level {
    Text(String),
    Field(String),
    Rest(String),
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut levels = Vec::new();
        for level in text.split('/') {
            if levels.iter().any(|level| matches!(level, Level::Rest(_))) {
                return Err(format!("topic “{text}”: nothing may follow {{name#}}"));
            }
            let field = level.strip_prefix('{').and_then(|level| level.strip_suffix('}'));
            levels.push(match field.map(|field| (field, field.strip_suffix('#'))) {
                Some((_, Some(rest))) if is_name(rest) => Level::Rest(rest.to_owned()),
                Some((field, None)) if is_name(field) => Level::Field(field.to_owned()),
                Some(_) => return Err(format!("topic “{text}”: “{level}” is no named level such as {{id}} or {{rest#}}")),
                None if level.contains(['+', '#', '{', '}']) => {
                    return Err(format!(
                        "topic “{text}”: “{level}” is neither plain text nor one named level; write {{name}} for + and {{name#}} for #"
                    ));
                }
                None => Level::Text(level.to_owned()),
            });
        }
        if text.is_empty() {
            return Err("topic is empty".to_owned());
        }
        Ok(Self { text, levels })
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Pattern {
    /// The filter to subscribe with.
    pub fn filter(&self) -> String {
        let level = |level: &Level| match level {
            Level::Text(text) => text.clone(),
            Level::Field(_) => "+".to_owned(),
            Level::Rest(_) => "#".to_owned(),
        };
        self.levels.iter().map(level).collect::<Vec<_>>().join("/")
    }

    /// The names of the levels.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().filter_map(|level| match level {
            Level::Text(_) => None,
            Level::Field(name) | Level::Rest(name) => Some(name.as_str()),
        })
    }

    /// The named levels of a topic; `None` if it is another topic.
    pub fn read<'a>(&'a self, topic: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let mut fields = Vec::new();
        let mut rest = Some(topic);
        for level in &self.levels {
            if let Level::Rest(name) = level {
                fields.push((name.as_str(), rest.unwrap_or_default()));
                return Some(fields);
            }
            let (this, after) = match rest?.split_once('/') {
                Some((this, after)) => (this, Some(after)),
                None => (rest?, None),
            };
            match level {
                Level::Field(name) => fields.push((name.as_str(), this)),
                Level::Text(text) if text == this => {}
                _ => return None,
            }
            rest = after;
        }
        rest.is_none().then_some(fields)
    }
}

/// What takes a value out of a message: a JSON pointer, or a text with topic levels and pointers in it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum Expression {
    /// The value that a pointer names, with its type.
    Pointer(String),
    /// A text.
    Text(Vec<Part>),
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Itself.
    Text(String),
    /// A level of the topic.
    Field(String),
    /// A value of the record as text.
    Pointer(String),
}

impl TryFrom<String> for Expression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('/') {
            return Ok(Self::Pointer(text));
        }
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (inner, after) = after.split_once('}').ok_or_else(|| format!("“{text}”: a {{ is not closed"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(match inner {
                "" => Part::Pointer(String::new()),
                inner if inner.starts_with('/') => Part::Pointer(inner.to_owned()),
                inner if is_name(inner) => Part::Field(inner.to_owned()),
                inner => return Err(format!("“{text}”: “{{{inner}}}” is neither a level of the topic nor a JSON pointer")),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self::Text(parts))
    }
}

impl Expression {
    /// A level of the topic.
    pub fn field(name: &str) -> Self {
        Self::Text(vec![Part::Field(name.to_owned())])
    }

    /// The levels of the topic that it names.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let parts: &[Part] = match self {
            Self::Pointer(_) => &[],
            Self::Text(parts) => parts,
        };
        parts.iter().filter_map(|part| if let Part::Field(name) = part { Some(name.as_str()) } else { None })
    }

    /// The value in a record; `None` if something that it names is not there or is null.
    pub fn value(&self, fields: &[(&str, &str)], record: &Value) -> Option<Value> {
        let at = |pointer: &str| record.pointer(pointer).filter(|value| !value.is_null());
        let parts = match self {
            Self::Pointer(pointer) => return at(pointer).cloned(),
            Self::Text(parts) => parts,
        };
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Field(name) => text.push_str(fields.iter().find(|(known, _)| known == name)?.1),
                Part::Pointer(pointer) => match at(pointer)? {
                    Value::String(value) => text.push_str(value),
                    value => text.push_str(&value.to_string()),
                },
            }
        }
        Some(Value::String(text))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn pattern(text: &str) -> Result<Pattern, String> {
        Pattern::try_from(text.to_owned())
    }

    #[test]
    fn a_pattern_names_the_levels_of_a_topic() {
        let vehicles = pattern("city/vehicles/{id}/position").unwrap();
        assert_eq!(vehicles.filter(), "city/vehicles/+/position");
        assert_eq!(vehicles.read("city/vehicles/7/position"), Some(vec![("id", "7")]));
        for other in ["city/vehicles/7", "city/vehicles/7/position/x", "city/buses/7/position", ""] {
            assert_eq!(vehicles.read(other), None, "{other}");
        }
        let rest = pattern("{a}/{rest#}").unwrap();
        assert_eq!(rest.filter(), "+/#");
        assert_eq!(rest.read("x/y/z"), Some(vec![("a", "x"), ("rest", "y/z")]));
        assert_eq!(rest.read("x"), Some(vec![("a", "x"), ("rest", "")]));
        for bad in ["", "a/+/b", "a/#", "a/x{id}", "{rest#}/a", "a/{}"] {
            assert!(pattern(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_expression_takes_values_out_of_a_record() {
        let value = |text: &str| {
            let record = json!({"dev": {"id": 7, "name": "泵"}, "list": [1.5], "none": null});
            Expression::try_from(text.to_owned()).map(|expression| expression.value(&[("id", "t1")], &record))
        };
        assert_eq!(value("/dev/id").unwrap(), Some(json!(7)));
        assert_eq!(value("/list/0").unwrap(), Some(json!(1.5)));
        assert_eq!(value("{id}-{/dev/name}-{/dev/id}").unwrap(), Some(json!("t1-泵-7")));
        assert_eq!(value("bus").unwrap(), Some(json!("bus")));
        assert_eq!((value("/none").unwrap(), value("/nothing").unwrap(), value("x{/nothing}").unwrap()), (None, None, None));
        assert!(value("{id").is_err() && value("{a b}").is_err());
    }
}
