//! GeoJSON points, read without a tree of values.

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

#[derive(Deserialize)]
struct Point<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    coordinates: Position,
}

/// Longitude, latitude, and a height if there is one.
struct Position(f64, f64, Option<f64>);

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Position;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a position")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Position, A::Error> {
                let missing = |at| serde::de::Error::invalid_length(at, &"longitude and latitude");
                let x = numbers.next_element()?.ok_or_else(|| missing(0))?;
                let y = numbers.next_element()?.ok_or_else(|| missing(1))?;
                let z = numbers.next_element()?;
                while numbers.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Position(x, y, z))
            }
        }
        deserializer.deserialize_seq(Read)
    }
}

/// A well-formed point as ISO WKB, not yet checked; `None` for anything else.
pub fn read(json: &str) -> Option<Vec<u8>> {
    let point: Point<'_> = serde_json::from_str(json).ok()?;
    if point.kind != "Point" {
        return None;
    }
    Some(wkb(point.coordinates.0, point.coordinates.1, point.coordinates.2))
}

/// A point as ISO WKB.
pub fn wkb(x: f64, y: f64, z: Option<f64>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(29);
    bytes.push(1);
    bytes.extend_from_slice(&(if z.is_some() { 1001_u32 } else { 1 }).to_le_bytes());
    bytes.extend([Some(x), Some(y), z].into_iter().flatten().flat_map(f64::to_le_bytes));
    bytes
}
