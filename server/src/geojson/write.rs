//! Items as GeoJSON, written straight from WKB and columns into one buffer.
//!
//! Coordinates get at most nine decimals (a tenth of a millimetre), as much as stands behind
//! any city's data; attributes keep their full value.

use crate::{api::features::crs::Turn, http::Problem};
use citywall_model::{FeatureRef, FeatureTable, Schema, ValueRef, geometry::encode};
use geo_types::Geometry;
use serde_json::{Value, value::RawValue};

/// Appends an item as a Feature. A live item's properties end with `recorded`, the revision that
/// made it so.
pub fn feature(out: &mut Vec<u8>, item: FeatureRef<'_>) {
    FeatureWriter::default().feature(out, item);
}

/// Writes the items of one collection, and its property names only once: most properties of an
/// imported feature are null, and a run of them is one copy.
#[derive(Default)]
pub struct FeatureWriter {
    names: Option<Names>,
    properties: Option<Vec<String>>,
    turn: Option<Turn>,
    lost: Option<String>,
}

impl FeatureWriter {
    /// A writer of these properties, or of all, in a CRS, or in longitude and latitude.
    pub fn new(properties: Option<Vec<String>>, turn: Option<Turn>) -> Self {
        Self { properties, turn, ..Self::default() }
    }

    /// Appends an item as [`feature`] does.
    pub fn feature(&mut self, out: &mut Vec<u8>, item: FeatureRef<'_>) {
        out.extend_from_slice(b"{\"type\":\"Feature\",\"id\":");
        string(out, &item.id());
        out.extend_from_slice(b",\"geometry\":");
        match (item.geometry(), &self.turn) {
            (None, _) => out.extend_from_slice(b"null"),
            (Some(wkb), None) => geometry(out, wkb),
            (Some(wkb), Some(turn)) => match turn.wkb(wkb) {
                Ok(wkb) => geometry(out, &wkb),
                Err(reason) => {
                    out.extend_from_slice(b"null");
                    self.lost.get_or_insert(reason);
                }
            },
        }
        out.extend_from_slice(b",\"properties\":{");
        match item {
            FeatureRef::Row(table, row) => {
                self.names.get_or_insert_with(|| Names::of(table.schema(), self.properties.as_deref())).row(out, table, row);
            }
            FeatureRef::Live(live) => {
                let mut write = |name: &str, value: ValueRef<'_>| {
                    if self.properties.as_ref().is_none_or(|only| only.iter().any(|own| own == name)) {
                        string(out, name);
                        out.push(b':');
                        write_value(out, value);
                        out.push(b',');
                    }
                };
                item.each_property(&mut write);
                write("recorded", ValueRef::Integer(live.revision().0.cast_signed()));
                if out.last() == Some(&b',') {
                    out.pop();
                }
            }
        }
        out.extend_from_slice(b"}}");
    }

    /// Appends an item with further members, which are JSON without the braces.
    pub fn feature_with(&mut self, out: &mut Vec<u8>, item: FeatureRef<'_>, members: &str) {
        self.feature(out, item);
        out.pop();
        out.push(b',');
        out.extend_from_slice(members.as_bytes());
        out.push(b'}');
    }

    /// Says whether every geometry had a place in the CRS.
    ///
    /// # Errors
    /// One had none.
    pub fn finish(self) -> Result<(), Problem> {
        match self.lost {
            None => Ok(()),
            Some(reason) => Err(Problem::parameter("crs", format!("an item has no place in it: {reason}"))),
        }
    }
}

/// The names of a schema's properties that are written, as JSON members that are all null.
struct Names {
    /// `"name":null,` for each field, one after the other.
    members: Vec<u8>,
    /// Where each field's member ends.
    ends: Vec<usize>,
    /// The fields that are written, if not all.
    only: Option<Vec<usize>>,
}

impl Names {
    const NULL: &'static [u8] = b"null,";

    fn of(schema: &Schema, only: Option<&[String]>) -> Self {
        let is_asked = |field: &usize| only.is_none_or(|only| only.iter().any(|name| **name == *schema.fields[*field].name));
        let fields: Vec<usize> = (0..schema.fields.len()).filter(is_asked).collect();
        let mut names = Self { members: Vec::new(), ends: Vec::with_capacity(fields.len()), only: None };
        for field in &fields {
            string(&mut names.members, &schema.fields[*field].name);
            names.members.push(b':');
            names.members.extend_from_slice(Self::NULL);
            names.ends.push(names.members.len());
        }
        names.only = only.map(|_| fields);
        names
    }

    /// Appends a row's properties: those that are null by whole runs.
    fn row(&self, out: &mut Vec<u8>, table: &FeatureTable, row: u32) {
        let mut written = 0;
        // A field, and which of those that are written it is.
        let mut write = |field: usize, at: usize| {
            out.extend_from_slice(&self.members[written..self.ends[at] - Self::NULL.len()]);
            write_value(out, table.value(row, field));
            out.push(b',');
            written = self.ends[at];
        };
        if let Some(only) = &self.only {
            only.iter().enumerate().for_each(|(at, field)| write(*field, at));
        } else {
            for (word, bits) in table.present(row).iter().enumerate() {
                let mut bits = *bits;
                while bits != 0 {
                    let field = word * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    write(field, field);
                }
            }
        }
        out.extend_from_slice(&self.members[written..]);
        if !self.ends.is_empty() {
            // The comma after the last member.
            out.pop();
        }
    }
}

fn write_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => out.extend_from_slice(b"null"),
        ValueRef::Boolean(true) => out.extend_from_slice(b"true"),
        ValueRef::Boolean(false) => out.extend_from_slice(b"false"),
        ValueRef::Integer(i) => out.extend_from_slice(itoa::Buffer::new().format(i).as_bytes()),
        ValueRef::Number(n) => json(out, &n),
        ValueRef::Text(text) => string(out, text),
        // A file that another program changed may hold anything in a JSON column.
        ValueRef::Json(text) if serde_json::from_str::<&RawValue>(text).is_ok() => out.extend_from_slice(text.as_bytes()),
        ValueRef::Json(text) => string(out, text),
    }
}

fn json<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    // Writing a scalar into a Vec cannot fail.
    let _ = serde_json::to_writer(out, value);
}

/// Appends a JSON string.
pub fn string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        json(out, &text);
    }
}

/// Appends a geometry; bytes that are no WKB become null.
pub fn geometry(out: &mut Vec<u8>, wkb: &[u8]) {
    let start = out.len();
    if (Walk { wkb, out }).geometry(0).is_none() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// A geometry as a JSON value, for answers that are built rather than streamed.
pub fn geometry_value(shape: &Geometry) -> Value {
    let mut out = Vec::new();
    geometry(&mut out, &encode(shape));
    serde_json::from_slice(&out).unwrap_or_default()
}

/// An item as a Feature that is a JSON value.
pub fn feature_value(item: FeatureRef<'_>) -> Value {
    let mut out = Vec::new();
    feature(&mut out, item);
    serde_json::from_slice(&out).unwrap_or_default()
}

struct Walk<'a> {
    wkb: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Walk<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.wkb.split_first_chunk::<N>()?;
        self.wkb = rest;
        Some(*head)
    }

    fn count(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// The geometry's type, and whether it has heights.
    fn head(&mut self) -> Option<(u32, bool)> {
        let [order] = self.take()?;
        let code = self.count()?;
        (order == 1).then_some((code % 1000, code / 1000 == 1))
    }

    fn geometry(&mut self, depth: usize) -> Option<()> {
        if depth > citywall_model::limits::GEOMETRY_DEPTH_MAX {
            return None;
        }
        let (kind, z) = self.head()?;
        let name = match kind {
            1 => "Point",
            2 => "LineString",
            3 => "Polygon",
            4 => "MultiPoint",
            5 => "MultiLineString",
            6 => "MultiPolygon",
            7 => {
                self.out.extend_from_slice(b"{\"type\":\"GeometryCollection\",\"geometries\":");
                self.list(|walk| walk.geometry(depth + 1))?;
                self.out.push(b'}');
                return Some(());
            }
            _ => return None,
        };
        self.out.extend_from_slice(b"{\"type\":\"");
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\",\"coordinates\":");
        match kind {
            1..=3 => self.coordinates(kind, z)?,
            _ => self.list(|walk| {
                let (kind, z) = walk.head()?;
                walk.coordinates(kind, z)
            })?,
        }
        self.out.push(b'}');
        Some(())
    }

    fn coordinates(&mut self, kind: u32, z: bool) -> Option<()> {
        match kind {
            1 => self.position(z),
            2 => self.list(|walk| walk.position(z)),
            3 => self.list(|walk| walk.list(|walk| walk.position(z))),
            _ => None,
        }
    }

    /// A counted list, each element written by `element`.
    fn list(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.out.push(b'[');
        for at in 0..self.count()? {
            if at > 0 {
                self.out.push(b',');
            }
            element(self)?;
        }
        self.out.push(b']');
        Some(())
    }

    fn position(&mut self, z: bool) -> Option<()> {
        let x = f64::from_le_bytes(self.take()?);
        let y = f64::from_le_bytes(self.take()?);
        let height = if z { Some(f64::from_le_bytes(self.take()?)) } else { None };
        self.out.push(b'[');
        // WKB writes an empty point as NaN, GeoJSON as an empty array.
        if !x.is_nan() {
            number(self.out, x);
            self.out.push(b',');
            number(self.out, y);
            if let Some(height) = height.filter(|height| height.is_finite()) {
                self.out.push(b',');
                number(self.out, height);
            }
        }
        self.out.push(b']');
        Some(())
    }
}

/// Appends a number with at most nine decimals.
fn number(out: &mut Vec<u8>, value: f64) {
    const SCALE: f64 = 1e9;
    if value.abs() > 1e6 {
        return json(out, &value);
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 1e15 in size")]
    let scaled = (value * SCALE).round() as i64;
    if scaled < 0 {
        out.push(b'-');
    }
    let scaled = scaled.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(scaled / 1_000_000_000).as_bytes());
    let fraction = scaled % 1_000_000_000;
    if fraction > 0 {
        // With a one in front, which keeps the zeros after the point, and makes room for it.
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(fraction + 1_000_000_000).trim_end_matches('0');
        out.push(b'.');
        out.extend_from_slice(&digits.as_bytes()[1..]);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use citywall_model::{FeatureTableBuilder, FieldType, RowIds, Schema, geometry as model};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn written(wkb: &[u8]) -> Value {
        let mut out = Vec::new();
        geometry(&mut out, wkb);
        serde_json::from_slice(&out).unwrap()
    }

    fn position(x: f64, y: f64, z: Option<f64>) -> Vec<u8> {
        [Some(x), Some(y), z].into_iter().flatten().flat_map(f64::to_le_bytes).collect()
    }

    fn head(code: u32) -> Vec<u8> {
        [&[1][..], &code.to_le_bytes()].concat()
    }

    #[test]
    fn every_geometry_type_is_written_as_the_standard_says() {
        let p = |x, y| position(x, y, None);
        let point = [head(1), p(1.5, -2.0)].concat();
        assert_eq!(written(&point), json!({"type": "Point", "coordinates": [1.5, -2]}));
        let z = [head(1001), position(1.0, 2.0, Some(3.25))].concat();
        assert_eq!(written(&z), json!({"type": "Point", "coordinates": [1, 2, 3.25]}));
        let n = |n: u32| n.to_le_bytes().to_vec();
        let ring = [n(4), p(0.0, 0.0), p(1.0, 0.0), p(1.0, 1.0), p(0.0, 0.0)].concat();
        let polygon = [head(3), n(1), ring].concat();
        let rings = json!([[[0, 0], [1, 0], [1, 1], [0, 0]]]);
        assert_eq!(written(&polygon), json!({"type": "Polygon", "coordinates": rings}));
        let multi = [head(6), n(2), polygon.clone(), polygon.clone()].concat();
        assert_eq!(written(&multi), json!({"type": "MultiPolygon", "coordinates": [rings, rings]}));
        let points = [head(4), n(1), point.clone()].concat();
        assert_eq!(written(&points), json!({"type": "MultiPoint", "coordinates": [[1.5, -2]]}));
        let all = [head(7), n(2), point, polygon].concat();
        assert_eq!(written(&all)["geometries"][1]["type"], "Polygon");
        assert_eq!(written(&[head(1), p(f64::NAN, f64::NAN)].concat()), json!({"type": "Point", "coordinates": []}));
        assert_eq!(written(&[1, 2, 3]), Value::Null);
    }

    #[test]
    fn attributes_keep_type_order_and_text() {
        let schema = Schema::new([
            ("名称", FieldType::Text),
            ("floors", FieldType::Integer),
            ("height", FieldType::Number),
            ("tags", FieldType::Json),
        ]);
        let mut builder = FeatureTableBuilder::new(schema, RowIds::Generated);
        builder.push(7, None, [ValueRef::Text("a\"\\\n你"), ValueRef::Integer(-3), ValueRef::Number(0.1), ValueRef::Json("{\"a\": [1]}")]);
        builder.push(8, None, [ValueRef::Null, ValueRef::Null, ValueRef::Null, ValueRef::Json("{broken")]);
        let table = builder.finish();
        let mut out = Vec::new();
        FeatureWriter::default().feature_with(&mut out, FeatureRef::Row(&table, 0), "\"links\":[]");
        let value: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            value,
            json!({"type": "Feature", "id": "7", "geometry": null, "properties": {"名称": "a\"\\\n你", "floors": -3, "height": 0.1, "tags": {"a": [1]}}, "links": []})
        );
        out.clear();
        feature(&mut out, FeatureRef::Row(&table, 1));
        let value: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["properties"]["tags"], "{broken");
    }

    proptest! {
        #[test]
        fn a_coordinate_is_within_half_of_the_ninth_decimal(x in -180.0..180.0f64) {
            let mut out = Vec::new();
            number(&mut out, x);
            let text = std::str::from_utf8(&out).unwrap();
            let back: f64 = text.parse().unwrap();
            prop_assert!((back - x).abs() <= 0.5000001e-9, "{x} → {text}");
            prop_assert!(!text.ends_with('.') && text.split('.').nth(1).is_none_or(|d| d.len() <= 9 && !d.ends_with('0')));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            geometry(&mut out, &bytes);
            serde_json::from_slice::<Value>(&out).unwrap();
        }

        #[test]
        fn a_planar_shape_comes_back(points in proptest::collection::vec((-180.0..180.0f64, -90.0..90.0f64), 2..20)) {
            let line = geo_line(&points);
            let value = written(&model::encode(&line));
            let back = value["coordinates"].as_array().unwrap();
            prop_assert_eq!(back.len(), points.len());
            for (p, q) in points.iter().zip(back) {
                prop_assert!((p.0 - q[0].as_f64().unwrap()).abs() < 1e-9 && (p.1 - q[1].as_f64().unwrap()).abs() < 1e-9);
            }
        }
    }

    fn geo_line(points: &[(f64, f64)]) -> geo_types::Geometry<f64> {
        geo_types::Geometry::LineString(geo_types::LineString::from(points.to_vec()))
    }
}
