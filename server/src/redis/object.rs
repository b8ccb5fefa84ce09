//! An item as Tile38 shows it: an object, its fields, and the forms in which it is told.
//!
//! A field is a property. What has no place in either is a property too: `string` of a SET STRING,
//! `object` with the members of a GeoJSON Feature, `expires` in seconds since 1970.

use super::{arguments::Fault, codec::Reply};
use crate::geojson;
use citywall_model::{Bbox, LiveItem, Properties, geometry};
use geohash::Coord;
use serde_json::{Value, value::RawValue};

/// The properties that are no fields.
pub const STRING: &str = "string";
/// See [`STRING`].
pub const OBJECT: &str = "object";
/// See [`STRING`].
pub const EXPIRES: &str = "expires";

/// What an object is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Only its id.
    Ids,
    /// Only how many there are.
    Count,
    /// As GeoJSON, or its string.
    Objects,
    /// Its centre.
    Points,
    /// Its envelope.
    Bounds,
    /// The geohash of its centre with so many characters.
    Hashes(usize),
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The value that the text of a field stands for: a JSON value, or else itself.
pub fn value_of(text: &str) -> Value {
    let text = text.trim();
    match serde_json::from_str(text) {
        Ok(Value::Number(number)) if number.as_f64().is_some_and(|n| n.fract() == 0.0 && n.abs() < 9e15) => {
            // A whole number is one, however it is written.
            text.parse::<f64>().ok().map_or(Value::Number(number), whole)
        }
        Ok(value) => value,
        Err(_) => Value::from(text),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the caller has checked that it is whole and small")]
fn whole(number: f64) -> Value {
    Value::from(number as i64)
}

/// A field's value as text.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// True for the value of a field that is not there.
pub fn is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

/// An item and its properties, read once.
pub struct Object<'i> {
    /// The item.
    pub item: &'i LiveItem,
    properties: Properties,
}

impl<'i> Object<'i> {
    /// An item's object.
    pub fn new(item: &'i LiveItem) -> Self {
        Self { item, properties: item.properties() }
    }

    /// Its fields by name, in order of the name.
    pub fn fields(&self) -> Vec<(&str, &Value)> {
        let is_field = |name: &str| ![STRING, OBJECT, EXPIRES].contains(&name);
        let mut fields: Vec<_> = self.properties.iter().filter(|(name, _)| is_field(name)).map(|(name, value)| (&**name, value)).collect();
        fields.sort_unstable_by_key(|(name, _)| *name);
        fields
    }

    /// One field; 0 if it is not there, as in Tile38. `z` is the height of a point, `properties`
    /// and what follows it after dots are those of a GeoJSON Feature.
    pub fn field(&self, name: &str) -> Value {
        if name == "z" {
            return Value::from(self.z());
        }
        if name == "properties" || name.starts_with("properties.") {
            let mut value = self.properties.get(OBJECT);
            for part in name.split('.') {
                value = value.and_then(|value| value.get(part));
            }
            if let Some(value) = value {
                return value.clone();
            }
        }
        self.properties.get(name).filter(|_| ![STRING, OBJECT, EXPIRES].contains(&name)).cloned().unwrap_or_else(|| Value::from(0))
    }

    /// When its time is over, in seconds since 1970.
    pub fn expires(&self) -> Option<f64> {
        self.properties.get(EXPIRES)?.as_f64()
    }

    /// Its envelope; all zero for a string.
    pub fn bounds(&self) -> Bbox {
        self.item.bounds().filter(|bounds| !bounds.is_empty()).unwrap_or(Bbox::new(0.0, 0.0, 0.0, 0.0))
    }

    /// Its height, where it is a point with one.
    fn z(&self) -> f64 {
        let bytes = self.item.geometry().unwrap_or_default();
        let is_point_z = bytes.get(1..5) == Some(&1001u32.to_le_bytes()[..]);
        bytes.get(21..29).filter(|_| is_point_z).and_then(|bytes| bytes.try_into().ok()).map_or(0.0, f64::from_le_bytes)
    }

    /// Its longitude, latitude and, where it is not 0, its height.
    fn point(&self) -> (f64, f64, Option<f64>) {
        let (x, y) = self.bounds().center();
        (x, y, Some(self.z()).filter(|z| *z != 0.0))
    }

    /// As GeoJSON; a string as itself.
    pub fn text(&self) -> String {
        match self.properties.get(STRING) {
            Some(string) => text_of(string),
            None => self.geojson(),
        }
    }

    fn geojson(&self) -> String {
        let Some(wkb) = self.item.geometry() else {
            return self.properties.get(STRING).unwrap_or(&Value::Null).to_string();
        };
        let mut out = Vec::new();
        geojson::write::geometry(&mut out, wkb);
        let geometry = String::from_utf8(out).unwrap_or_default();
        match self.properties.get(OBJECT).and_then(Value::as_object) {
            Some(members) => {
                let rest: String = members.iter().map(|(name, value)| format!(",{}:{value}", quoted(name))).collect();
                format!("{{\"type\":\"Feature\",\"geometry\":{geometry}{rest}}}")
            }
            None => geometry,
        }
    }

    fn hash(&self, length: usize) -> String {
        let (x, y, _) = self.point();
        geohash::encode(Coord { x, y }, length).unwrap_or_default()
    }

    /// In a form, as a reply.
    pub fn reply(&self, form: Form) -> Reply {
        match form {
            Form::Ids | Form::Count => Reply::bulk(self.item.id()),
            Form::Objects => Reply::Bulk(self.text()),
            Form::Points => {
                let (x, y, z) = self.point();
                Reply::Array([Some(y), Some(x), z].into_iter().flatten().map(Reply::float).collect())
            }
            Form::Bounds => {
                let b = self.bounds();
                let corner = |x, y| Reply::Array(vec![Reply::float(y), Reply::float(x)]);
                Reply::Array(vec![corner(b.x_min, b.y_min), corner(b.x_max, b.y_max)])
            }
            Form::Hashes(length) => Reply::Bulk(self.hash(length)),
        }
    }

    /// In a form, as a member of a JSON object, such as `"point":{"lat":39,"lon":117}`.
    pub fn json(&self, form: Form) -> String {
        match form {
            Form::Ids | Form::Count => format!("\"id\":{}", quoted(self.item.id())),
            Form::Objects => format!("\"object\":{}", self.geojson()),
            Form::Points => {
                let (x, y, z) = self.point();
                let z = z.map_or(String::new(), |z| format!(",\"z\":{z}"));
                format!("\"point\":{{\"lat\":{y},\"lon\":{x}{z}}}")
            }
            Form::Bounds => {
                let b = self.bounds();
                let Bbox { x_min, y_min, x_max, y_max } = b;
                format!("\"bounds\":{{\"sw\":{{\"lat\":{y_min},\"lon\":{x_min}}},\"ne\":{{\"lat\":{y_max},\"lon\":{x_max}}}}}")
            }
            Form::Hashes(length) => format!("\"hash\":\"{}\"", self.hash(length)),
        }
    }

    /// Its fields, as a reply of names and values; `None` without any.
    pub fn fields_reply(&self) -> Option<Reply> {
        let fields = self.fields();
        let pairs = fields.iter().filter(|(_, value)| !is_zero(value));
        let replies: Vec<_> = pairs.flat_map(|(name, value)| [Reply::bulk(*name), Reply::Bulk(text_of(value))]).collect();
        (!replies.is_empty()).then_some(Reply::Array(replies))
    }

    /// Its fields, as the member `"fields":{…}`; `None` without any.
    pub fn fields_json(&self) -> Option<String> {
        let fields = self.fields();
        let pairs: Vec<String> =
            fields.iter().filter(|(_, value)| !is_zero(value)).map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
        (!pairs.is_empty()).then(|| format!("\"fields\":{{{}}}", pairs.join(",")))
    }
}

/// Reads GeoJSON: a geometry, or a Feature with its other members.
///
/// # Errors
/// It is no JSON, or neither of the two, or has a place that is not on the globe.
pub fn read(json: &str) -> Result<(citywall_model::Wkb, Option<Value>), Fault> {
    #[derive(serde::Deserialize)]
    struct Head<'a> {
        #[serde(rename = "type")]
        kind: String,
        #[serde(borrow)]
        geometry: Option<&'a RawValue>,
    }
    let head: Head<'_> = serde_json::from_str(json).map_err(|error| Fault::new(format!("invalid data: {error}")))?;
    if head.kind != "Feature" {
        return Ok((geojson::read::geometry(json).map_err(Fault::new)?, None));
    }
    let place = head.geometry.ok_or_else(|| Fault::new("invalid data: the Feature has no geometry"))?;
    let wkb = geojson::read::geometry(place.get()).map_err(Fault::new)?;
    let mut members: Properties = serde_json::from_str(json).map_err(|error| Fault::new(format!("invalid data: {error}")))?;
    members.retain(|name, _| name != "type" && name != "geometry");
    Ok((wkb, Some(Value::Object(members))))
}

/// Most characters of a geohash: as many as 64 bits hold.
const HASH_CHARACTERS_MAX: usize = 12;

/// The cell of a geohash, in degrees.
///
/// # Errors
/// It is none.
pub fn from_hash(text: &str) -> Result<geohash::Rect, Fault> {
    // The decoder shifts by as many bits as are left.
    let has_cell = (1..=HASH_CHARACTERS_MAX).contains(&text.len());
    Some(text).filter(|_| has_cell).and_then(|text| geohash::decode_bbox(text).ok()).ok_or_else(|| Fault::argument(text))
}

/// The place at which fences look for an item.
pub fn place(item: &LiveItem) -> Option<(f64, f64)> {
    let wkb = item.geometry()?;
    geometry::as_point(wkb).or_else(|| Some(geometry::bounds(wkb)).filter(|bounds| !bounds.is_empty()).map(|bounds| bounds.center()))
}
