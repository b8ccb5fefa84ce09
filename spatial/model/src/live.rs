//! One item of a live collection, packed: a city keeps tens of millions of them in memory.

use crate::{
    Properties, Revision, Wkb, geometry,
    intern::{SharedText, intern},
};
use jiff::Timestamp;
use serde::{
    Deserialize,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{fmt, sync::Arc};
use triomphe::{Arc as SharedSlice, ThinArc};

/// What stands between two codes in [`Areas::to_text`].
const AREA_SEPARATOR: char = '\u{1f}';

/// The properties under which an item's areas are shown, from the largest level down: the first
/// level of the city's profile is the first of these.
pub const AREA_PROPERTIES: [&str; 4] = ["district", "street", "community", "grid"];

/// The codes of the areas that an item lies in, from the largest level down; empty where a level
/// is not known. Items in the same areas share them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Areas(Option<SharedText>);

impl Areas {
    /// The areas of these codes, from the largest level down.
    pub fn new<'a>(codes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for (at, code) in codes.into_iter().enumerate() {
            if at > 0 {
                text.push(AREA_SEPARATOR);
            }
            text.extend(code.chars().filter(|c| *c != AREA_SEPARATOR));
        }
        Self::from_text(&text)
    }

    /// The areas that [`Areas::to_text`] wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        if text.chars().all(|c| c == AREA_SEPARATOR) { Self(None) } else { Self(Some(intern(text))) }
    }

    /// The codes as one text, to be kept in a file; empty where nothing is known.
    #[must_use]
    pub fn to_text(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The code on a level, counted from the largest; `None` where it is not known.
    #[must_use]
    pub fn code(&self, level: usize) -> Option<&str> {
        self.to_text().split(AREA_SEPARATOR).nth(level).filter(|code| !code.is_empty())
    }

    /// Each known code with the property under which it is shown.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        AREA_PROPERTIES.into_iter().zip(self.to_text().split(AREA_SEPARATOR)).filter(|(_, code)| !code.is_empty())
    }
}

/// Where an item is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeState {
    /// It is there.
    Open,
    /// Its `status` is `cleared`, or of an alarm `closed`: it is over, and kept.
    Cleared,
    /// Its `status` is `removed`: it was deleted; only its history shows it.
    Removed,
}

impl LifeState {
    /// Where an item is in its life and its level (1 to 4, 0 without one), as the text of its
    /// properties says. The text is checked from end to end, but nothing else of it is kept: O(bytes).
    ///
    /// # Errors
    /// The text is no JSON object.
    pub fn of_properties(json: &str) -> Result<(Self, u8), serde_json::Error> {
        let Life { status, level } = serde_json::from_str(json)?;
        Ok(life(&status, &level))
    }
}

/// The properties that tell of an item's life.
#[derive(Deserialize)]
struct Life {
    #[serde(default)]
    status: serde_json::Value,
    #[serde(default)]
    level: serde_json::Value,
}

fn life(status: &serde_json::Value, level: &serde_json::Value) -> (LifeState, u8) {
    let state = match status.as_str() {
        Some("cleared" | "closed") => LifeState::Cleared,
        Some("removed") => LifeState::Removed,
        _ => LifeState::Open,
    };
    (state, level.as_u64().and_then(|level| u8::try_from(level).ok()).filter(|level| (1..=4).contains(level)).unwrap_or(0))
}

/// The open form of a [`LiveItem`], to make or to change one.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveParts {
    /// The number that stands for the id in tiles; given once, never reused.
    pub fid: u64,
    /// The client's own id.
    pub id: Arc<str>,
    /// Who reported it.
    pub source: SharedText,
    /// When it happened: an incident's beginning; of a moving object or a datastream, the same as `since`.
    pub time: Timestamp,
    /// Since when the item has been as it is here.
    pub since: Timestamp,
    /// The change that made the item what it is here.
    pub revision: Revision,
    /// The areas that it lies in.
    pub areas: Areas,
    /// Where it is, if that is known.
    pub geometry: Option<Wkb>,
    /// Everything else, `class`, `title`, `level` and `status` among it; `source`, `time` and
    /// the areas stand in their own fields and not here.
    pub properties: Properties,
}

/// An item as a file holds it: what [`LiveItem::from_record`] packs as it is.
#[derive(Clone, Copy, Debug)]
pub struct LiveRecord<'a> {
    /// See [`LiveParts::fid`].
    pub fid: u64,
    /// The client's own id.
    pub id: &'a str,
    /// Who reported it.
    pub source: &'a str,
    /// When it happened.
    pub time: Timestamp,
    /// Since when the item has been as it is here.
    pub since: Timestamp,
    /// The change that made the item what it is here.
    pub revision: Revision,
    /// The areas that it lies in.
    pub areas: &'a Areas,
    /// Where it is in its life, as its properties say.
    pub state: LifeState,
    /// 1 to 4, or 0 without one, as its properties say.
    pub level: u8,
    /// Its place as checked WKB; empty without one.
    pub geometry: &'a [u8],
    /// Its properties as the text of a JSON object.
    pub properties: &'a str,
}

/// An instant in half the room, since every item has two: nanoseconds since 1970, which reach from
/// 1677 to 2262. What lies beyond, which no ingest lets in, becomes the first or the last of them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Nanoseconds(i64);

impl Nanoseconds {
    const PER_SECOND: i64 = 1_000_000_000;

    fn of(instant: Timestamp) -> Self {
        let whole = instant.as_second().checked_mul(Self::PER_SECOND);
        let all = whole.and_then(|whole| whole.checked_add(instant.subsec_nanosecond().into()));
        Self(all.unwrap_or(if instant < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX }))
    }

    #[expect(clippy::cast_possible_truncation, reason = "a part of a second has 30 bits")]
    fn instant(self) -> Timestamp {
        let (second, part) = (self.0.div_euclid(Self::PER_SECOND), self.0.rem_euclid(Self::PER_SECOND));
        // All that 64 bits can say lies within jiff's years.
        Timestamp::new(second, part as i32).unwrap_or_default()
    }
}

/// What every item has, in a fixed place.
#[derive(Debug, PartialEq)]
struct Head {
    fid: u64,
    revision: Revision,
    time: Nanoseconds,
    since: Nanoseconds,
    source: SharedText,
    areas: Areas,
    state: LifeState,
    level: u8,
    id_bytes: u16,
    geometry_bytes: u32,
}

/// An item of a live collection as it was at one revision: one allocation that holds its id, its
/// geometry as WKB and its properties as JSON. Copying it copies a pointer.
#[derive(Clone, PartialEq)]
pub struct LiveItem(ThinArc<Head, u8>);

impl LiveItem {
    /// Packs an item. An id of more than 65,535 bytes, which no ingest lets in, is cut off.
    #[must_use]
    pub fn new(parts: &LiveParts) -> Self {
        let member = |name: &str| parts.properties.get(name).unwrap_or(&serde_json::Value::Null);
        let (state, level) = life(member("status"), member("level"));
        let id_bytes = u16::try_from(parts.id.len()).unwrap_or(u16::MAX);
        let geometry = parts.geometry.as_ref().map_or(&[][..], Wkb::bytes);
        let mut bytes = Vec::with_capacity(parts.id.len() + geometry.len() + 128);
        bytes.extend_from_slice(&parts.id.as_bytes()[..usize::from(id_bytes)]);
        bytes.extend_from_slice(geometry);
        // A map of JSON values is always JSON; a Vec is always writable.
        let written = serde_json::to_writer(&mut bytes, &parts.properties);
        debug_assert!(written.is_ok());
        let head = Head {
            fid: parts.fid,
            revision: parts.revision,
            time: Nanoseconds::of(parts.time),
            since: Nanoseconds::of(parts.since),
            source: parts.source.clone(),
            areas: parts.areas.clone(),
            state,
            level,
            id_bytes,
            geometry_bytes: u32::try_from(geometry.len()).unwrap_or(0),
        };
        Self(ThinArc::from_header_and_slice(head, &bytes))
    }

    /// Packs what a [`LiveItem`] once held. Nothing is checked or parsed: O(bytes).
    #[must_use]
    pub fn from_record(record: &LiveRecord<'_>) -> Self {
        let id_bytes = u16::try_from(record.id.len()).unwrap_or(u16::MAX);
        let mut bytes = Vec::with_capacity(record.id.len() + record.geometry.len() + record.properties.len());
        bytes.extend_from_slice(&record.id.as_bytes()[..usize::from(id_bytes)]);
        bytes.extend_from_slice(record.geometry);
        bytes.extend_from_slice(record.properties.as_bytes());
        let head = Head {
            fid: record.fid,
            revision: record.revision,
            time: Nanoseconds::of(record.time),
            since: Nanoseconds::of(record.since),
            source: intern(record.source),
            areas: record.areas.clone(),
            state: record.state,
            level: record.level,
            id_bytes,
            geometry_bytes: u32::try_from(record.geometry.len()).unwrap_or(0),
        };
        Self(ThinArc::from_header_and_slice(head, &bytes))
    }

    /// The same item under another number and revision. O(1) while it is not shared.
    #[must_use]
    pub fn numbered(mut self, fid: u64, revision: Revision) -> Self {
        let is_set = self.0.with_arc_mut(|item| {
            let Some(own) = SharedSlice::get_mut(item) else { return false };
            (own.header_mut().fid, own.header_mut().revision) = (fid, revision);
            true
        });
        if is_set { self } else { Self::new(&LiveParts { fid, revision, ..self.parts() }) }
    }

    /// The open form.
    #[must_use]
    pub fn parts(&self) -> LiveParts {
        let head = self.head();
        LiveParts {
            fid: head.fid,
            id: self.id().into(),
            source: head.source.clone(),
            time: head.time.instant(),
            since: head.since.instant(),
            revision: head.revision,
            areas: head.areas.clone(),
            geometry: self.geometry().and_then(|bytes| Wkb::new(bytes).ok()),
            properties: self.properties(),
        }
    }

    fn head(&self) -> &Head {
        &self.0.header.header
    }

    /// The number that stands for the id in tiles; given once, never reused.
    #[must_use]
    pub fn fid(&self) -> u64 {
        self.head().fid
    }

    /// The change that made the item what it is here.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.head().revision
    }

    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.head().time.instant()
    }

    /// Since when the item has been as it is here.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.head().since.instant()
    }

    /// Who reported it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.head().source
    }

    /// The areas that it lies in.
    #[must_use]
    pub fn areas(&self) -> &Areas {
        &self.head().areas
    }

    /// The client's own id.
    #[must_use]
    pub fn id(&self) -> &str {
        std::str::from_utf8(&self.0.slice[..usize::from(self.head().id_bytes)]).unwrap_or_default()
    }

    /// Where it is, as WKB, if that is known.
    #[must_use]
    pub fn geometry(&self) -> Option<&[u8]> {
        let start = usize::from(self.head().id_bytes);
        let bytes = &self.0.slice[start..start + self.head().geometry_bytes as usize];
        (!bytes.is_empty()).then_some(bytes)
    }

    /// The rectangle that it fills, degrees; `None` without a place.
    #[must_use]
    pub fn bounds(&self) -> Option<crate::Bbox> {
        self.geometry().map(geometry::bounds)
    }

    /// The properties as the text of a JSON object.
    #[must_use]
    pub fn properties_json(&self) -> &str {
        let start = usize::from(self.head().id_bytes) + self.head().geometry_bytes as usize;
        std::str::from_utf8(&self.0.slice[start..]).unwrap_or("{}")
    }

    /// A copy of the properties. O(their size).
    #[must_use]
    pub fn properties(&self) -> Properties {
        serde_json::from_str(self.properties_json()).unwrap_or_default()
    }

    /// One property, `null` where it is not there. O(the properties' size).
    #[must_use]
    pub fn property(&self, name: &str) -> serde_json::Value {
        self.property_json(name).and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default()
    }

    /// The JSON text of one property. O(the properties' size), without an allocation.
    #[must_use]
    pub fn property_json(&self, name: &str) -> Option<&str> {
        let mut deserializer = serde_json::Deserializer::from_str(self.properties_json());
        let found = serde::Deserializer::deserialize_map(&mut deserializer, Find(name)).ok().flatten();
        found.map(RawValue::get)
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> LifeState {
        self.head().state
    }

    /// True once the item's `status` says that it is over, or that it was deleted.
    #[must_use]
    pub fn is_cleared(&self) -> bool {
        self.head().state != LifeState::Open
    }

    /// The level of an alarm or an incident, 1 (red) to 4 (blue); 0 without one.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.head().level
    }
}

impl From<LiveParts> for LiveItem {
    fn from(parts: LiveParts) -> Self {
        Self::new(&parts)
    }
}

impl fmt::Debug for LiveItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().fmt(f)
    }
}

/// Finds one member of a JSON object without reading the others' values.
struct Find<'n>(&'n str);

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let properties = serde_json::json!({"title": "路灯 \"3\"", "level": 2, "status": "cleared", "tags": [1, {"a": null}]});
        let parts = LiveParts {
            fid: 7,
            id: "案件-1".into(),
            source: "s".into(),
            time: "2026-03-01T08:15:00.123456789Z".parse().expect("a time"),
            since: "2026-03-01T08:16:00Z".parse().expect("a time"),
            revision: Revision(9),
            areas: Areas::new(["120101", "", "120101001"]),
            geometry: Wkb::point(117.2, 39.1).ok(),
            properties: properties.as_object().cloned().unwrap_or_default(),
        };
        let item = LiveItem::new(&parts);
        assert_eq!(item.parts(), parts);
        assert_eq!((item.state(), item.level(), item.id()), (LifeState::Cleared, 2, "案件-1"));
        assert_eq!(item.property("title"), "路灯 \"3\"");
        assert!(item.property("none").is_null());
        assert_eq!(item.areas().code(0), Some("120101"));
        assert_eq!(item.areas().named().collect::<Vec<_>>(), [("district", "120101"), ("community", "120101001")]);
        assert_eq!(Areas::new(["", ""]), Areas::default());
        let shared = item.clone();
        let numbered = LiveParts { fid: 8, revision: Revision(10), ..parts.clone() };
        assert_eq!(item.numbered(8, Revision(10)).parts(), numbered);
        assert_eq!(shared.parts(), parts, "another holder keeps what it has");
        assert_eq!(shared.numbered(8, Revision(10)).parts(), numbered);
    }
}
