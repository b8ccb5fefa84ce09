//! The commands that write: each is a draft for the city, and a reply once that is durable.

use super::{
    arguments::{Arguments, Fault},
    codec::Reply,
    keys,
    object::{self, EXPIRES, OBJECT, Object, STRING, value_of},
};
use crate::geojson::point;
use citywall_model::{EventDraft, LiveItem, Properties, Wkb};
use citywall_query::{City, Effect, Receipt};
use geo::{Coord, Rect};
use jiff::Timestamp;
use serde_json::Value;

/// How a durable write is told.
#[derive(Clone, Debug)]
pub enum Told {
    /// `OK`.
    Ok,
    /// 1 if something changed.
    Changed,
    /// This number.
    Number(i64),
}

impl Told {
    /// The reply.
    pub fn reply(&self, receipt: &Receipt, json: bool) -> Reply {
        match self {
            _ if json => ok_json(""),
            Self::Ok => Reply::Simple("OK"),
            Self::Changed => Reply::Integer(i64::from(receipt.effect != Effect::Unchanged)),
            Self::Number(number) => Reply::Integer(*number),
        }
    }
}

/// `{"ok":true,…}` with these members, each after a comma.
pub fn ok_json(members: &str) -> Reply {
    Reply::Bulk(format!("{{\"ok\":true{members},\"elapsed\":\"0s\"}}"))
}

/// A draft without anything in it.
pub fn draft(id: &str) -> EventDraft {
    EventDraft { id: id.to_owned(), source: None, time: None, geometry: None, properties: Properties::new() }
}

/// The draft that removes an object.
pub fn removal(id: &str) -> EventDraft {
    let mut draft = draft(id);
    draft.properties.insert("status".to_owned(), Value::from("removed"));
    draft
}

/// What SET asks for.
pub struct Set<'a> {
    /// The key.
    pub key: &'a str,
    /// What becomes of the object.
    pub draft: EventDraft,
    /// NX or XX: whether the object may, or must, be there.
    pub must_be: Option<bool>,
}

impl<'a> Set<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Something is missing or makes no sense.
    pub fn read(arguments: &mut Arguments<'a>) -> Result<Self, Fault> {
        let (key, id) = (arguments.text()?, arguments.text()?);
        let mut set = Set { key, draft: draft(id), must_be: None };
        let (mut place, mut expires) = (None, Value::Null);
        let (mut string, mut members) = (Value::Null, Value::Null);
        while arguments.left() > 0 {
            let option = arguments.text()?;
            match option.to_ascii_lowercase().as_str() {
                "field" => {
                    let (name, value) = (arguments.text()?, arguments.text()?);
                    field(&mut set.draft.properties, name, value)?;
                }
                "ex" => expires = Value::from(now() + arguments.number()?),
                "nx" if set.must_be != Some(true) => set.must_be = Some(false),
                "xx" if set.must_be != Some(false) => set.must_be = Some(true),
                "string" => (place, string) = (Some(None), Value::from(arguments.text()?)),
                "point" => {
                    let (y, x) = (arguments.number()?, arguments.number()?);
                    let z = arguments.peek().and_then(super::arguments::finite);
                    if z.is_some() {
                        arguments.text()?;
                    }
                    place = Some(Some(wkb(Wkb::new(point::wkb(x, y, z)))?));
                }
                "bounds" => {
                    let (y_min, x_min, y_max, x_max) = (arguments.number()?, arguments.number()?, arguments.number()?, arguments.number()?);
                    let ring = [(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max), (x_min, y_min)];
                    let ring = ring.into_iter().map(|(x, y)| Coord { x, y }).collect();
                    place = Some(Some(wkb(Wkb::from_geo(&geo::Polygon::new(ring, Vec::new()).into()))?));
                }
                "hash" => {
                    let centre = hash_box(arguments.text()?)?.center();
                    place = Some(Some(wkb(Wkb::point(centre.x, centre.y))?));
                }
                "object" => {
                    let (wkb, rest) = object::read(arguments.text()?)?;
                    (place, members) = (Some(Some(wkb)), rest.unwrap_or_default());
                }
                _ => return Err(Fault::argument(option)),
            }
        }
        set.draft.geometry = Some(place.ok_or_else(Fault::count)?);
        let properties = [(STRING, string), (OBJECT, members), (EXPIRES, expires)];
        set.draft.properties.extend(properties.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(set)
    }
}

fn hash_box(text: &str) -> Result<Rect, Fault> {
    let found = object::from_hash(text)?;
    Ok(Rect::new(Coord { x: found.min().x, y: found.min().y }, Coord { x: found.max().x, y: found.max().y }))
}

fn wkb(made: Result<Wkb, citywall_model::GeometryError>) -> Result<Wkb, Fault> {
    made.map_err(|error| Fault::new(error.to_string()))
}

/// Sets a field. A field that is 0 is none, as in Tile38.
fn field(properties: &mut Properties, name: &str, value: &str) -> Result<(), Fault> {
    let (name, value) = (name.trim(), value_of(value));
    let is_ours = [STRING, OBJECT, EXPIRES, "recorded", "source", "time", "z", "lat", "lon"].contains(&name);
    if is_ours || name.is_empty() || (name == "status" && value == "removed") {
        return Err(Fault::argument(name));
    }
    let value = if object::is_zero(&value) { Value::Null } else { value };
    properties.insert(name.to_owned(), value);
    Ok(())
}

/// The seconds since 1970.
pub fn now() -> f64 {
    Timestamp::now().as_millisecond() as f64 / 1e3
}

/// A draft for a key, and how it is told.
pub struct Write<'a> {
    /// The key.
    pub key: &'a str,
    /// What becomes of the object.
    pub draft: EventDraft,
    /// The reply.
    pub told: Told,
}

/// The object of a key and an id.
///
/// # Errors
/// There is none of that key, or none of that id.
pub fn known(city: &City, key: &str, id: &str) -> Result<LiveItem, Fault> {
    let view = keys::view(city, key).ok_or_else(|| Fault::new("key not found"))?;
    let item = view.item(id, |item| match item {
        citywall_model::FeatureRef::Live(item) => Some(item.clone()),
        citywall_model::FeatureRef::Row(..) => None,
    });
    item.flatten().ok_or_else(|| Fault::new("id not found"))
}

/// FSET: the fields that it changes, or the reply that says that there is nothing to do.
///
/// # Errors
/// Something is missing, or there is no such object.
pub fn fset<'a>(arguments: &mut Arguments<'a>, city: &City) -> Result<Result<Write<'a>, Reply>, Fault> {
    let (key, id) = (arguments.text()?, arguments.text()?);
    let must_be = !arguments.takes("xx");
    if arguments.left() < 2 {
        return Err(Fault::count());
    }
    let mut fields = Properties::new();
    while arguments.left() > 0 {
        let (name, value) = (arguments.text()?, arguments.text()?);
        field(&mut fields, name, value)?;
    }
    let item = match known(city, key, id) {
        Err(fault) if must_be || fault.0 == "key not found" => return Err(fault),
        Err(_) => return Ok(Err(Reply::Integer(0))),
        Ok(item) => item,
    };
    let object = Object::new(&item);
    fields.retain(|name, value| object.field(name) != if value.is_null() { Value::from(0) } else { value.clone() });
    let count = i64::try_from(fields.len()).unwrap_or(0);
    Ok(if count == 0 {
        Err(Reply::Integer(0))
    } else {
        Ok(Write { key, draft: EventDraft { properties: fields, ..draft(id) }, told: Told::Number(count) })
    })
}

/// EXPIRE, and PERSIST without `arguments` for a time: the new time, or the reply that there is
/// nothing to do.
///
/// # Errors
/// Something is missing or no number; in JSON also that there is no such object.
pub fn expire<'a>(arguments: &mut Arguments<'a>, city: &City, persists: bool, json: bool) -> Result<Result<Write<'a>, Reply>, Fault> {
    let (key, id) = (arguments.text()?, arguments.text()?);
    let expires = if persists { Value::Null } else { Value::from(now() + arguments.number()?) };
    arguments.end()?;
    let item = match known(city, key, id) {
        Err(fault) if json => return Err(fault),
        Err(_) => return Ok(Err(Reply::Integer(0))),
        Ok(item) => item,
    };
    if persists && Object::new(&item).expires().is_none() {
        return Ok(Err(if json { ok_json("") } else { Reply::Integer(0) }));
    }
    let mut draft = draft(id);
    draft.properties.insert(EXPIRES.to_owned(), expires);
    Ok(Ok(Write { key, draft, told: Told::Number(1) }))
}
