//! Attribute values and the schema they follow.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// True or false.
    Boolean,
    /// A 64-bit signed integer.
    Integer,
    /// A 64-bit float.
    Number,
    /// UTF-8 text.
    Text,
    /// An array or object, kept as its JSON text.
    Json,
}

impl FieldType {
    /// The narrowest type that holds both: equal types stay, integer and number give number,
    /// anything else gives text.
    #[must_use]
    pub fn widen(self, other: Self) -> Self {
        use FieldType::{Integer, Number, Text};
        match (self, other) {
            (a, b) if a == b => a,
            (Integer, Number) | (Number, Integer) => Number,
            _ => Text,
        }
    }

    /// The type's name in a GeoPackage table definition (OGC 12-128r19, table 1).
    #[must_use]
    pub fn gpkg_type(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Integer => "INTEGER",
            Self::Number => "REAL",
            Self::Text | Self::Json => "TEXT",
        }
    }
}

/// One attribute of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name as the source spells it; unique in the schema.
    pub name: Arc<str>,
    /// The type of every value that is not null.
    #[serde(rename = "type")]
    pub kind: FieldType,
}

/// The attributes of a collection, in source order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schema {
    /// The fields, in order.
    pub fields: Vec<Field>,
}

impl Schema {
    /// A schema of the given names and types.
    pub fn new<N: Into<Arc<str>>>(fields: impl IntoIterator<Item = (N, FieldType)>) -> Self {
        Self { fields: fields.into_iter().map(|(name, kind)| Field { name: name.into(), kind }).collect() }
    }

    /// The position of a field by its exact name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| &*f.name == name)
    }
}

/// An owned attribute value.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// See [`FieldType::Boolean`].
    Boolean(bool),
    /// See [`FieldType::Integer`].
    Integer(i64),
    /// See [`FieldType::Number`]; never NaN or infinite.
    Number(f64),
    /// See [`FieldType::Text`].
    Text(String),
    /// See [`FieldType::Json`].
    Json(String),
}

/// A borrowed attribute value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueRef<'a> {
    /// No value.
    Null,
    /// See [`FieldType::Boolean`].
    Boolean(bool),
    /// See [`FieldType::Integer`].
    Integer(i64),
    /// See [`FieldType::Number`].
    Number(f64),
    /// See [`FieldType::Text`].
    Text(&'a str),
    /// See [`FieldType::Json`].
    Json(&'a str),
}

impl Value {
    /// Borrows the value.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Boolean(v) => ValueRef::Boolean(*v),
            Self::Integer(v) => ValueRef::Integer(*v),
            Self::Number(v) => ValueRef::Number(*v),
            Self::Text(v) => ValueRef::Text(v),
            Self::Json(v) => ValueRef::Json(v),
        }
    }

    /// The type of the value; `None` for null.
    #[must_use]
    pub fn kind(&self) -> Option<FieldType> {
        match self {
            Self::Null => None,
            Self::Boolean(_) => Some(FieldType::Boolean),
            Self::Integer(_) => Some(FieldType::Integer),
            Self::Number(_) => Some(FieldType::Number),
            Self::Text(_) => Some(FieldType::Text),
            Self::Json(_) => Some(FieldType::Json),
        }
    }

    /// The value as a column of type `kind` holds it. Nothing is lost: what does not fit the
    /// type is only ever turned into text ([`FieldType::widen`] makes the column text first).
    #[must_use]
    pub fn coerce(self, kind: FieldType) -> Self {
        match (kind, self) {
            (_, Self::Null) => Self::Null,
            #[expect(clippy::cast_precision_loss, reason = "a mixed column is a column of floats, as in JSON")]
            (FieldType::Number, Self::Integer(v)) => Self::Number(v as f64),
            (FieldType::Text, v) => match v {
                Self::Text(s) | Self::Json(s) => Self::Text(s),
                Self::Boolean(b) => Self::Text(b.to_string()),
                Self::Integer(i) => Self::Text(i.to_string()),
                Self::Number(n) => Self::Text(n.to_string()),
                Self::Null => Self::Null,
            },
            (_, v) => v,
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        use serde_json::Value as J;
        match json {
            J::Null => Self::Null,
            J::Bool(b) => Self::Boolean(*b),
            J::Number(n) => n.as_i64().map_or_else(|| Self::Number(n.as_f64().unwrap_or(f64::MAX)), Self::Integer),
            J::String(s) => Self::Text(s.clone()),
            J::Array(_) | J::Object(_) => Self::Json(json.to_string()),
        }
    }
}

impl<'a> ValueRef<'a> {
    /// The value as a live item's property has it; arrays and objects, which a live item keeps
    /// as JSON, have no borrowed form and give `None`.
    #[must_use]
    pub fn from_json(json: &'a serde_json::Value) -> Option<Self> {
        use serde_json::Value as J;
        Some(match json {
            J::Null => Self::Null,
            J::Bool(b) => Self::Boolean(*b),
            J::Number(n) => n.as_i64().map_or_else(|| Self::Number(n.as_f64().unwrap_or(f64::MAX)), Self::Integer),
            J::String(s) => Self::Text(s),
            J::Array(_) | J::Object(_) => return None,
        })
    }

    /// An owned copy.
    #[must_use]
    pub fn to_owned(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(v) => Value::Boolean(v),
            Self::Integer(v) => Value::Integer(v),
            Self::Number(v) => Value::Number(v),
            Self::Text(v) => Value::Text(v.to_owned()),
            Self::Json(v) => Value::Json(v.to_owned()),
        }
    }

    /// The number that the value is, if it is one.
    #[must_use]
    pub fn as_f64(self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "heights and areas are far below 2^53")]
            Self::Integer(v) => Some(v as f64),
            Self::Number(v) => Some(v),
            _ => None,
        }
    }
}
