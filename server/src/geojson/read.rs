//! Records that come in: GeoJSON Features → drafts.
//!
//! Here only the form is checked: what is JSON, a Feature, a geometry, an instant. What a record
//! may say is its collection's and the engine's to judge.

use super::point;
use crate::{
    http::Problem,
    ingest::{Reason, Record, Refusal},
};
use axum::{body::Bytes, http::StatusCode};
use citywall_model::{EventDraft, Properties, Wkb, limits, time};
use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// The records of a document.
pub struct Document {
    /// The records, in order.
    pub records: Vec<Record>,
    /// The line of each record, counted from 1.
    pub lines: Vec<usize>,
    /// True if the document is one Feature and not a batch.
    pub single: bool,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    features: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Feature<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    id: Option<serde_json::Value>,
    #[serde(borrow, default, deserialize_with = "present")]
    geometry: Option<&'a RawValue>,
    properties: Option<Members>,
}

/// The properties of a record, with what every item has taken out of them.
#[derive(Default)]
struct Members {
    source: Option<serde_json::Value>,
    time: Option<serde_json::Value>,
    rest: Properties,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of properties")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "source" => members.source = Some(map.next_value()?),
                        "time" => members.time = Some(map.next_value()?),
                        _ => drop(members.rest.insert(name, map.next_value()?)),
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// Tells a null geometry from none at all.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads a Feature or a FeatureCollection.
///
/// # Errors
/// The body is no JSON (with line and column), neither of the two, or has too many records.
pub fn document(body: &Bytes) -> Result<Document, Problem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let line = line_at(body, error.valid_up_to());
        Problem::body(format!("the body is not UTF-8: line {line}, byte {}", error.valid_up_to())).at_line(line)
    })?;
    let head: Head<'_> = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    match (&*head.kind, head.features) {
        ("Feature", _) => Ok(Document { records: vec![Record { draft: draft(text), text: body.clone() }], lines: vec![1], single: true }),
        ("FeatureCollection", Some(features)) => {
            check_count(features.len())?;
            let mut lines = Lines::new(text);
            let lines = features.iter().map(|raw| lines.at(raw.get())).collect();
            let record = |raw: &RawValue| Record { draft: draft(raw.get()), text: body.slice_ref(raw.get().as_bytes()) };
            Ok(Document { records: features.into_iter().map(record).collect(), lines, single: false })
        }
        ("FeatureCollection", None) => Err(Problem::body("the FeatureCollection has no “features”")),
        (kind, _) => {
            Err(Problem::body(format!("type: “{}” is neither Feature nor FeatureCollection", kind.chars().take(60).collect::<String>())))
        }
    }
}

/// Reads one Feature.
pub fn record(text: Bytes) -> Record {
    let draft = match std::str::from_utf8(&text) {
        Ok(text) => draft(text),
        Err(error) => Err(Refusal::malformed(format!("the record is not UTF-8 from its byte {}", error.valid_up_to()))),
    };
    Record { draft, text }
}

fn check_count(count: usize) -> Result<(), Problem> {
    let max = limits::INGEST_BATCH_RECORDS_MAX;
    if count <= max {
        return Ok(());
    }
    let detail =
        format!("a FeatureCollection holds at most INGEST_BATCH_RECORDS_MAX ({max}) records; newline-delimited ones have no such limit");
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::body(format!("the body is not as expected: {error}")).at_line(error.line())
}

/// One Feature as a draft.
///
/// # Errors
/// It is no Feature, or a member is not what it should be.
pub fn draft(text: &str) -> Result<EventDraft, Refusal> {
    draft_of(text, None)
}

/// One Feature as a draft of the item `own`, whatever id it names itself; of the item that it names without one.
///
/// # Errors
/// See [`draft`].
pub fn draft_of(text: &str, own: Option<&str>) -> Result<EventDraft, Refusal> {
    let feature: Feature<'_> = serde_json::from_str(text).map_err(|error| {
        Refusal::malformed(if error.is_data() {
            format!("the record is no Feature: {error}")
        } else {
            format!("the record is no JSON: {error}")
        })
    })?;
    let invalid = |detail: String| Refusal::new(Reason::Invalid, detail);
    if feature.kind != "Feature" {
        return Err(Refusal::malformed(format!("type: “{}” is not Feature", feature.kind.chars().take(60).collect::<String>())));
    }
    let id = match feature.id {
        _ if own.is_some() => own.unwrap_or_default().to_owned(),
        Some(serde_json::Value::String(id)) => id,
        Some(serde_json::Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
        Some(_) => return Err(invalid("id: must be text or a whole number".to_owned())),
        None => return Err(invalid("id: is missing".to_owned())),
    };
    let geometry = match feature.geometry.map(RawValue::get) {
        None => None,
        Some("null") => Some(None),
        Some(json) => Some(Some(geometry(json).map_err(invalid)?)),
    };
    let Members { source, time, rest: properties } = feature.properties.unwrap_or_default();
    let source = text_member("source", source).map_err(invalid)?;
    let time = text_member("time", time).map_err(invalid)?.map(|text| instant(&text)).transpose().map_err(invalid)?;
    Ok(EventDraft { id, source, time, geometry, properties })
}

fn instant(text: &str) -> Result<Timestamp, String> {
    time::instant(text).map_err(|error| format!("time: {error}"))
}

/// A text; a null is as good as none.
fn text_member(name: &str, value: Option<serde_json::Value>) -> Result<Option<String>, String> {
    match value {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name}: must be text")),
    }
}

/// A GeoJSON geometry as checked WKB.
///
/// # Errors
/// It is none.
pub fn geometry(json: &str) -> Result<Wkb, String> {
    // Nearly all live items are points: these are read without a tree of values.
    if let Some(point) = point::read(json) {
        return Wkb::new(point).map_err(|error| format!("geometry: {error}"));
    }
    let mut bytes = Vec::new();
    let value: serde_json::Value = serde_json::from_str(json).map_err(|error| format!("geometry: {error}"))?;
    encode(&mut bytes, &value, 0).map_err(|reason| format!("geometry: {reason}"))?;
    Wkb::new(bytes).map_err(|error| format!("geometry: {error}"))
}

/// Writes a geometry as ISO WKB, with heights if its first position has one.
fn encode(out: &mut Vec<u8>, value: &serde_json::Value, depth: usize) -> Result<(), String> {
    if depth > limits::GEOMETRY_DEPTH_MAX {
        return Err(format!("nested deeper than GEOMETRY_DEPTH_MAX ({})", limits::GEOMETRY_DEPTH_MAX));
    }
    let kind = value.get("type").and_then(|kind| kind.as_str()).ok_or("type is missing")?;
    let list = |name: &str| value.get(name).and_then(|v| v.as_array()).ok_or_else(|| format!("{name} is missing or no array"));
    if kind == "GeometryCollection" {
        let parts = list("geometries")?;
        head(out, 7, false);
        count(out, parts.len());
        return parts.iter().try_for_each(|part| encode(out, part, depth + 1));
    }
    let coordinates = list("coordinates")?;
    let has_z = first_position(coordinates).is_some_and(|position| position.len() >= 3);
    let whole = value.get("coordinates").ok_or("coordinates is missing")?;
    let (code, part) = match kind {
        "Point" => return shape(out, 1, has_z, whole),
        "LineString" => return shape(out, 2, has_z, whole),
        "Polygon" => return shape(out, 3, has_z, whole),
        "MultiPoint" => (4, 1),
        "MultiLineString" => (5, 2),
        "MultiPolygon" => (6, 3),
        other => return Err(format!("“{}” is no geometry type", other.chars().take(40).collect::<String>())),
    };
    head(out, code, has_z);
    count(out, coordinates.len());
    coordinates.iter().try_for_each(|coordinates| shape(out, part, has_z, coordinates))
}

fn first_position(coordinates: &[serde_json::Value]) -> Option<&[serde_json::Value]> {
    match coordinates.first()? {
        serde_json::Value::Array(inner) => first_position(inner),
        _ => Some(coordinates),
    }
}

fn head(out: &mut Vec<u8>, code: u32, has_z: bool) {
    out.push(1);
    out.extend_from_slice(&(code + if has_z { 1000 } else { 0 }).to_le_bytes());
}

fn count(out: &mut Vec<u8>, n: usize) {
    out.extend_from_slice(&u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
}

/// A point, line or polygon, each as a geometry of its own.
fn shape(out: &mut Vec<u8>, code: u32, has_z: bool, coordinates: &serde_json::Value) -> Result<(), String> {
    head(out, code, has_z);
    match code {
        1 => position(out, coordinates, has_z),
        2 => line(out, coordinates, has_z, 2),
        _ => {
            let rings = coordinates.as_array().ok_or("a polygon's coordinates are an array of rings")?;
            count(out, rings.len());
            for ring in rings {
                line(out, ring, has_z, 4)?;
                let ring = ring.as_array().map_or(&[][..], Vec::as_slice);
                if ring.first() != ring.last() {
                    return Err("a ring does not close: its last position must equal its first".to_owned());
                }
            }
            Ok(())
        }
    }
}

fn line(out: &mut Vec<u8>, coordinates: &serde_json::Value, has_z: bool, min: usize) -> Result<(), String> {
    let positions = coordinates.as_array().ok_or("coordinates are not nested as the type asks")?;
    if positions.len() < min {
        return Err(format!("{} positions where at least {min} are needed", positions.len()));
    }
    count(out, positions.len());
    positions.iter().try_for_each(|at| position(out, at, has_z))
}

fn position(out: &mut Vec<u8>, position: &serde_json::Value, has_z: bool) -> Result<(), String> {
    let numbers = position.as_array().filter(|p| p.len() >= 2).ok_or("a position is an array of longitude and latitude")?;
    for at in 0..if has_z { 3 } else { 2 } {
        let number = match numbers.get(at) {
            Some(number) => number.as_f64().ok_or("a coordinate is no number")?,
            // Some positions of a shape with heights may lack theirs.
            None => 0.0,
        };
        out.extend_from_slice(&number.to_le_bytes());
    }
    Ok(())
}

/// The line of a byte, counted from 1.
fn line_at(body: &[u8], offset: usize) -> usize {
    body.iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// Finds the lines of ascending parts of a text in one pass.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1 }
    }

    /// The line on which `part`, a slice of the text, starts.
    fn at(&mut self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len());
        let passed = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.offset = offset;
        self.line
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn json(body: &[u8]) -> Result<Document, Problem> {
        document(&Bytes::copy_from_slice(body))
    }

    fn detail(problem: &Problem) -> String {
        serde_json::to_string(problem).unwrap()
    }

    #[test]
    fn a_feature_becomes_a_draft() {
        let batch = json(br#"{"type":"Feature","id":"e1","geometry":{"type":"Point","coordinates":[117.2,39.1]},"properties":{"source":"s","time":"2026-03-01T08:15:00+08:00","level":2}}"#).unwrap();
        assert!(batch.single);
        let draft = batch.records[0].draft.as_ref().unwrap();
        assert_eq!((draft.id.as_str(), draft.source.as_deref()), ("e1", Some("s")));
        assert_eq!(draft.time.unwrap().to_string(), "2026-03-01T00:15:00Z");
        assert_eq!(draft.geometry, Some(Some(Wkb::point(117.2, 39.1).unwrap())));
        assert_eq!(draft.properties.keys().collect::<Vec<_>>(), ["level"]);
    }

    #[test]
    fn no_geometry_and_a_null_one_are_told_apart() {
        let read = |text: &str| draft(text).unwrap().geometry;
        assert_eq!(read(r#"{"type":"Feature","id":"e","properties":{}}"#), None);
        assert_eq!(read(r#"{"type":"Feature","id":"e","geometry":null,"properties":{}}"#), Some(None));
    }

    #[test]
    fn a_collection_names_the_lines_of_its_features() {
        let batch =
            json(b"{\"type\":\"FeatureCollection\",\"features\":[\n{\"type\":\"Feature\",\"id\":\"a\"},\n\n{\"type\":\"Feature\"}]}")
                .unwrap();
        assert_eq!(batch.lines, [2, 4]);
        assert!(batch.records[1].draft.as_ref().unwrap_err().detail.contains("id"));
        assert_eq!(&batch.records[0].text[..], br#"{"type":"Feature","id":"a"}"#);
    }

    #[test]
    fn broken_json_names_line_and_column() {
        let problem = json(b"{\"type\":\"Feature\",\n\"id\":}").err().unwrap();
        assert!(detail(&problem).contains("\"line\":2"), "{}", detail(&problem));
        assert_eq!(json(b"{\"type\":\"Feature\xff\"}").err().unwrap().status(), 400);
        assert_eq!(json(b"[]").err().unwrap().status(), 400);
        assert_eq!(json(b"{\"type\":\"Point\"}").err().unwrap().status(), 400);
    }

    #[test]
    fn bad_geometry_is_refused_with_its_reason() {
        for (geometry, word) in [
            (r#"{"type":"Point","coordinates":[200,0]}"#, "longitude"),
            (r#"{"type":"Point","coordinates":[1]}"#, "position"),
            (r#"{"type":"Point","coordinates":["a",0]}"#, "number"),
            (r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}"#, "close"),
            (r#"{"type":"LineString","coordinates":[[0,0]]}"#, "at least 2"),
            (r#"{"type":"Circle","coordinates":[]}"#, "Circle"),
            (r#"{"type":"Point"}"#, "coordinates"),
            ("3", "type"),
        ] {
            let body = format!(r#"{{"type":"Feature","id":"e","geometry":{geometry},"properties":{{}}}}"#);
            let batch = json(body.as_bytes()).unwrap();
            let text = &batch.records[0].draft.as_ref().unwrap_err().detail;
            assert!(text.contains(word), "{geometry}: {text}");
        }
    }

    #[test]
    fn what_is_read_is_what_is_written() {
        for geometry in [
            r#"{"type":"Point","coordinates":[1,2,3]}"#,
            r#"{"type":"MultiPoint","coordinates":[[1,2],[3,4]]}"#,
            r#"{"type":"MultiLineString","coordinates":[[[1,2],[3,4]]]}"#,
            r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]}"#,
            r#"{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]},{"type":"LineString","coordinates":[[1,2],[3,4]]}]}"#,
        ] {
            let mut out = Vec::new();
            super::super::write::geometry(&mut out, super::geometry(geometry).unwrap().bytes());
            assert_eq!(std::str::from_utf8(&out).unwrap(), geometry);
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = document(&Bytes::from(body));
        }
    }
}
