//! One GeoJSON feature: its text into a shape and values.

use super::coords;
use crate::{
    clean::Repairs,
    report::Repair,
    shape::{Kind, Shape},
};
use citywall_model::{Value, limits};
use rustc_hash::FxHashSet;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, sync::Arc};

/// Attribute names, each kept once. Features repeat them in the same order, so the next name is
/// guessed from the last one before it is looked up.
#[derive(Debug, Default)]
pub(crate) struct Names {
    order: Vec<Arc<str>>,
    known: FxHashSet<Arc<str>>,
    next: usize,
}

impl Names {
    /// The shared form of a name.
    pub(crate) fn intern(&mut self, name: &str) -> Arc<str> {
        if let Some(guess) = self.order.get(self.next)
            && **guess == *name
        {
            self.next += 1;
            return guess.clone();
        }
        if let Some(known) = self.known.get(name) {
            let known = known.clone();
            self.next = self.order.iter().position(|n| Arc::ptr_eq(n, &known)).map_or(0, |at| at + 1);
            return known;
        }
        let new: Arc<str> = name.into();
        self.known.insert(new.clone());
        self.order.push(new.clone());
        self.next = self.order.len();
        new
    }

    fn restart(&mut self) {
        self.next = 0;
    }
}

/// A feature as it was read. The shape is the caller's.
#[derive(Debug)]
pub(crate) struct Feature {
    pub(crate) has_geometry: bool,
    pub(crate) values: Vec<(Arc<str>, Value)>,
    pub(crate) repairs: Repairs,
    /// Members that RFC 7946 does not know; they are not kept.
    pub(crate) foreign: Vec<String>,
}

/// Reads a feature, or a bare geometry as a feature without properties. A feature's own `id` is
/// kept as the attribute `id`, unless its properties have one of that name.
pub(crate) fn read(json: &[u8], shape: &mut Shape, names: &mut Names) -> Result<Feature, String> {
    let object: Object<'_> = serde_json::from_slice(json).map_err(|e| words(&e))?;
    let mut repairs = Repairs::default();
    let geometry = match object.kind.as_deref() {
        Some("Feature") => object.geometry.filter(|g| g.get() != "null"),
        Some("FeatureCollection") => return Err("it is a FeatureCollection where one Feature is expected".to_owned()),
        Some(kind) if geometry_kind(kind).is_some() => {
            read_geometry(&object, shape, &mut repairs, 0)?;
            return Ok(Feature { has_geometry: true, values: Vec::new(), repairs, foreign: Vec::new() });
        }
        Some(kind) => return Err(format!("its type is “{}”, not Feature", short(kind))),
        None => return Err("it has no member “type”".to_owned()),
    };
    if let Some(geometry) = geometry {
        let geometry: Object<'_> = serde_json::from_str(geometry.get()).map_err(|e| format!("geometry: {}", words(&e)))?;
        read_geometry(&geometry, shape, &mut repairs, 0)?;
    }
    let mut values = match object.properties.filter(|p| p.get() != "null") {
        None => Vec::new(),
        Some(properties) => read_properties(properties.get(), names)?,
    };
    if let Some(id) = object.id {
        let name = names.intern("id");
        if values.iter().all(|(n, _)| !Arc::ptr_eq(n, &name)) {
            values.push((name, value(id)?));
        }
    }
    Ok(Feature { has_geometry: geometry.is_some(), values, repairs, foreign: object.foreign })
}

/// serde_json's words without its “at line 1”, which is not the source's line.
pub(crate) fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(" at line ") {
        None => text,
        Some((what, _)) if error.line() <= 1 => format!("{what} at column {}", error.column()),
        Some((what, _)) => format!("{what} at its line {}, column {}", error.line(), error.column()),
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

fn geometry_kind(name: &str) -> Option<Kind> {
    Some(match name {
        "Point" => Kind::Point,
        "LineString" => Kind::LineString,
        "Polygon" => Kind::Polygon,
        "MultiPoint" => Kind::MultiPoint,
        "MultiLineString" => Kind::MultiLineString,
        "MultiPolygon" => Kind::MultiPolygon,
        "GeometryCollection" => Kind::Collection,
        _ => return None,
    })
}

/// The nesting of a geometry's positions.
fn depth(kind: Kind) -> usize {
    match kind {
        Kind::Point => 1,
        Kind::LineString | Kind::MultiPoint => 2,
        Kind::Polygon | Kind::MultiLineString => 3,
        Kind::MultiPolygon => 4,
        Kind::Collection => 0,
    }
}

fn read_geometry(object: &Object<'_>, shape: &mut Shape, repairs: &mut Repairs, nesting: usize) -> Result<(), String> {
    let name = object.kind.as_deref().ok_or("its geometry has no member “type”")?;
    let kind = geometry_kind(name).ok_or_else(|| format!("“{}” is no GeoJSON geometry", short(name)))?;
    if nesting > limits::GEOMETRY_DEPTH_MAX {
        return Err(format!("the geometry passes the limit GEOMETRY_DEPTH_MAX ({})", limits::GEOMETRY_DEPTH_MAX));
    }
    shape.clear(kind);
    if kind == Kind::Collection {
        let members = object.geometries.ok_or("its GeometryCollection has no member “geometries”")?;
        let members: Vec<&RawValue> = serde_json::from_str(members.get()).map_err(|e| format!("geometries: {}", words(&e)))?;
        for member in members {
            let member: Object<'_> = serde_json::from_str(member.get()).map_err(|e| format!("geometries: {}", words(&e)))?;
            let mut inner = Shape::default();
            read_geometry(&member, &mut inner, repairs, nesting + 1)?;
            shape.members.push(inner);
        }
        return Ok(());
    }
    let coordinates = object.coordinates.ok_or_else(|| format!("its {name} has no member “coordinates”"))?;
    let found = coords::read(coordinates.get(), shape)?;
    if found.had_more {
        repairs.add(Repair::Measure, "");
    }
    match found.depth {
        Some(found) if found != depth(kind) => Err(format!("its {name} has coordinates nested {found} deep instead of {}", depth(kind))),
        None if !coordinates.get().trim_start().starts_with('[') => Err(format!("its {name} has coordinates that are no array")),
        _ => Ok(()),
    }
}

/// The members of a feature or geometry that are looked at.
#[derive(Default)]
struct Object<'a> {
    kind: Option<Cow<'a, str>>,
    geometry: Option<&'a RawValue>,
    properties: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    coordinates: Option<&'a RawValue>,
    geometries: Option<&'a RawValue>,
    foreign: Vec<String>,
}

/// A text that borrows from the source unless it has escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut object = Object::default();
                while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
                    match &*key {
                        "type" => object.kind = Some(map.next_value::<Text<'de>>()?.0),
                        "geometry" => object.geometry = Some(map.next_value()?),
                        "properties" => object.properties = Some(map.next_value()?),
                        "id" => object.id = Some(map.next_value()?),
                        "coordinates" => object.coordinates = Some(map.next_value()?),
                        "geometries" => object.geometries = Some(map.next_value()?),
                        "bbox" | "crs" => drop(map.next_value::<IgnoredAny>()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            object.foreign.push(short(&key));
                        }
                    }
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// Reads an object of attributes. Of a name that stands twice the last value counts, as in most
/// readers of JSON.
pub(crate) fn read_properties(json: &str, names: &mut Names) -> Result<Vec<(Arc<str>, Value)>, String> {
    struct Properties<'n>(&'n mut Names);
    impl<'de> DeserializeSeed<'de> for Properties<'_> {
        type Value = Vec<(Arc<str>, Value)>;
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_map(self)
        }
    }
    impl<'de> Visitor<'de> for Properties<'_> {
        type Value = Vec<(Arc<str>, Value)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of properties")
        }
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut values: Vec<(Arc<str>, Value)> = Vec::with_capacity(16);
            while let Some((Text(key), raw)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                let name = self.0.intern(&key);
                let value = value(raw).map_err(|e| M::Error::custom(format_args!("property “{}”: {e}", short(&key))))?;
                match values.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &name)) {
                    Some((_, old)) => *old = value,
                    None => values.push((name, value)),
                }
            }
            Ok(values)
        }
    }
    names.restart();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Properties(names).deserialize(&mut deserializer).map_err(|e| format!("properties: {}", words(&e)))
}

/// A JSON value as an attribute's. Numbers are correctly rounded; an integer beyond 64 bits stays
/// exact as text; arrays and objects keep their JSON text.
pub(crate) fn value(raw: &RawValue) -> Result<Value, String> {
    let json = raw.get();
    if json.len() > limits::VALUE_BYTES_MAX {
        return Err(format!("{} bytes pass the limit VALUE_BYTES_MAX ({})", json.len(), limits::VALUE_BYTES_MAX));
    }
    Ok(match json.as_bytes().first() {
        Some(b'"') => {
            let inner = &json[1..json.len() - 1];
            if inner.contains('\\') {
                Value::Text(serde_json::from_str(json).map_err(|e| words(&e))?)
            } else {
                Value::Text(inner.to_owned())
            }
        }
        Some(b'{' | b'[') => Value::Json(json.to_owned()),
        Some(b't') => Value::Boolean(true),
        Some(b'f') => Value::Boolean(false),
        Some(b'n') | None => Value::Null,
        Some(_) => match json.parse::<i64>() {
            Ok(integer) => Value::Integer(integer),
            Err(_) if !json.contains(['.', 'e', 'E']) => Value::Text(json.to_owned()),
            Err(_) => match json.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Number(number),
                _ => return Err(format!("{} is beyond double precision", short(json))),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn feature(json: &str) -> Result<(Shape, Feature), String> {
        let mut shape = Shape::default();
        let feature = read(json.as_bytes(), &mut shape, &mut Names::default())?;
        Ok((shape, feature))
    }

    fn values(json: &str) -> Vec<(String, Value)> {
        let text = format!(r#"{{"type":"Feature","geometry":null,{json}}}"#);
        feature(&text).unwrap().1.values.into_iter().map(|(n, v)| (n.to_string(), v)).collect()
    }

    #[test]
    fn values_keep_their_types_and_every_digit() {
        let text = |t: &str| Value::Text(t.to_owned());
        let named = |v: Vec<(&str, Value)>| v.into_iter().map(|(n, v)| (n.to_owned(), v)).collect::<Vec<_>>();
        assert_eq!(
            values(
                r#""properties":{"a":1,"b":1.50,"c":"x\n\u5929","d":null,"e":true,"f":[1, 2],"g":18446744073709551616,"h":0.47600001096725464}"#
            ),
            named(vec![
                ("a", Value::Integer(1)),
                ("b", Value::Number(1.5)),
                ("c", text("x\n天")),
                ("d", Value::Null),
                ("e", Value::Boolean(true)),
                ("f", Value::Json("[1, 2]".to_owned())),
                ("g", text("18446744073709551616")),
                ("h", Value::Number(0.476_000_010_967_254_64)),
            ])
        );
        assert_eq!(values(r#""properties":{"a":1,"a":2}"#), named(vec![("a", Value::Integer(2))]));
    }

    #[test]
    fn a_features_own_id_is_kept_unless_a_property_has_the_name() {
        assert_eq!(values(r#""id":7,"properties":{}"#), [("id".to_owned(), Value::Integer(7))]);
        assert_eq!(values(r#""id":7,"properties":{"id":"x"}"#), [("id".to_owned(), Value::Text("x".to_owned()))]);
    }

    #[test]
    fn a_bad_feature_says_what_is_wrong() {
        for (json, says) in [
            ("", "EOF"),
            ("[]", "a JSON object"),
            ("{}", "no member “type”"),
            (r#"{"type":"Fieature"}"#, "“Fieature”"),
            (r#"{"type":"Feature","geometry":{"type":"Blob","coordinates":[]}}"#, "“Blob” is no GeoJSON geometry"),
            (r#"{"type":"Feature","geometry":{"type":"Point"}}"#, "no member “coordinates”"),
            (r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[[1,2]]}}"#, "nested 2 deep instead of 1"),
            (r#"{"type":"Feature","geometry":{"type":"Point","coordinates":{}}}"#, "something else"),
            (r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[NaN,1]}}"#, "expected value"),
            (r#"{"type":"Feature","geometry":null,"properties":{"n":1e999}}"#, "“n”: 1e999 is beyond"),
            (r#"{"type":"Feature","geometry":null,"properties":7}"#, "properties:"),
            (r#"{"type":"Feature""#, "EOF"),
            (r#"{"type":"Feature"} {"#, "trailing characters"),
        ] {
            let error = feature(json).unwrap_err();
            assert!(error.contains(says), "{json}: {error}");
        }
        let error =
            read(b"{\"type\":\"Feature\",\"properties\":{\"a\":\"\xff\"}}", &mut Shape::default(), &mut Names::default()).unwrap_err();
        assert!(error.contains("unicode"), "{error}");
    }

    #[test]
    fn nested_collections_end_at_the_limit() {
        let deep = |n: usize| {
            format!(
                "{}{}{}",
                r#"{"type":"GeometryCollection","geometries":["#.repeat(n),
                r#"{"type":"Point","coordinates":[1,2]}"#,
                "]}".repeat(n)
            )
        };
        assert!(feature(&deep(3)).is_ok());
        assert!(feature(&deep(20)).unwrap_err().contains("GEOMETRY_DEPTH_MAX"));
    }
}
