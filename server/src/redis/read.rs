//! The commands that read one object, one key or the server.

use super::{
    arguments::{Arguments, Fault},
    codec::Reply,
    filter, keys,
    object::{Form, Object, quoted, text_of},
    write::{known, now, ok_json},
};
use citywall_model::{Bbox, CollectionKind, geometry};
use citywall_query::City;
use std::time::Instant;

/// GET: an object in a form, with its fields if so.
///
/// # Errors
/// Something is missing or makes no sense; in JSON also that there is no such object.
pub fn get(arguments: &mut Arguments<'_>, city: &City, json: bool) -> Result<Reply, Fault> {
    let (key, id) = (arguments.text()?, arguments.text()?);
    let (mut form, mut with_fields) = (Form::Objects, false);
    while arguments.left() > 0 {
        match arguments.text()?.to_ascii_lowercase().as_str() {
            "withfields" => with_fields = true,
            "object" => form = Form::Objects,
            "point" => form = Form::Points,
            "bounds" => form = Form::Bounds,
            "hash" => form = Form::Hashes(usize::try_from(arguments.whole(1, 12)?).unwrap_or(12)),
            _ => return Err(Fault::count()),
        }
    }
    let item = match known(city, key, id) {
        Err(fault) if json => return Err(fault),
        Err(_) => return Ok(Reply::Null),
        Ok(item) => item,
    };
    let object = Object::new(&item);
    if json {
        let fields = object.fields_json().filter(|_| with_fields).map_or(String::new(), |fields| format!(",{fields}"));
        return Ok(ok_json(&format!(",{}{fields}", object.json(form))));
    }
    let reply = object.reply(form);
    Ok(if with_fields { Reply::Array([Some(reply), object.fields_reply()].into_iter().flatten().collect()) } else { reply })
}

/// FGET: a field, 0 where there is none.
///
/// # Errors
/// Something is missing, or there is no such object.
pub fn fget(arguments: &mut Arguments<'_>, city: &City, json: bool) -> Result<Reply, Fault> {
    let (key, id, name) = (arguments.text()?, arguments.text()?, arguments.text()?);
    let item = known(city, key, id)?;
    let value = Object::new(&item).field(name);
    Ok(if json { ok_json(&format!(",\"value\":{value}")) } else { Reply::Bulk(text_of(&value)) })
}

/// EXISTS and FEXISTS.
///
/// # Errors
/// Something is missing, or there is no such key; for a field also no such object.
pub fn exists(arguments: &mut Arguments<'_>, city: &City, of_field: bool, json: bool) -> Result<Reply, Fault> {
    let (key, id) = (arguments.text()?, arguments.text()?);
    let field = if of_field { Some(arguments.text()?) } else { None };
    arguments.end()?;
    let exists = match (known(city, key, id), field) {
        (Err(fault), None) if fault.0 == "id not found" => false,
        (Err(fault), _) => return Err(fault),
        (Ok(_), None) => true,
        (Ok(item), Some(field)) => Object::new(&item).fields().iter().any(|(name, _)| *name == field),
    };
    Ok(if json { ok_json(&format!(",\"exists\":{exists}")) } else { Reply::Integer(exists.into()) })
}

/// TTL: the seconds that are left, -1 for ever, -2 without an object.
///
/// # Errors
/// Something is missing; in JSON also that there is no such object.
#[expect(clippy::cast_possible_truncation, reason = "a float too large saturates")]
pub fn ttl(arguments: &mut Arguments<'_>, city: &City, json: bool) -> Result<Reply, Fault> {
    let (key, id) = (arguments.text()?, arguments.text()?);
    arguments.end()?;
    let left = match known(city, key, id) {
        Err(fault) if json => return Err(fault),
        Err(_) => -2,
        Ok(item) => Object::new(&item).expires().map_or(-1, |expires| (expires - now()).max(0.0) as i64),
    };
    Ok(if json { ok_json(&format!(",\"ttl\":{left}")) } else { Reply::Integer(left) })
}

/// KEYS: the keys with objects that a pattern fits, in order.
///
/// # Errors
/// The pattern is missing.
pub fn list_keys(arguments: &mut Arguments<'_>, city: &City, json: bool) -> Result<Reply, Fault> {
    let pattern = arguments.text()?;
    arguments.end()?;
    let moving = city.collections().into_iter().filter(|view| view.kind() == CollectionKind::MovingObjects && view.counts().total > 0);
    let mut keys: Vec<String> = moving.map(|view| keys::key(&view.meta())).filter(|key| filter::matches(pattern, key)).collect();
    keys.sort_unstable();
    if json {
        let keys: Vec<String> = keys.iter().map(|key| quoted(key)).collect();
        return Ok(ok_json(&format!(",\"keys\":[{}]", keys.join(","))));
    }
    Ok(Reply::Array(keys.into_iter().map(Reply::Bulk).collect()))
}

/// BOUNDS: the envelope of a key's objects.
///
/// # Errors
/// The key is missing; in JSON also that there is none.
pub fn bounds(arguments: &mut Arguments<'_>, city: &City, json: bool) -> Result<Reply, Fault> {
    let key = arguments.text()?;
    arguments.end()?;
    let Some(view) = keys::view(city, key) else {
        return if json { Err(Fault::new("key not found")) } else { Ok(Reply::Null) };
    };
    let places = view.open_items().into_iter().filter_map(|item| item.bounds()).filter(|bounds| !bounds.is_empty());
    let b = places.reduce(Bbox::union).unwrap_or(Bbox::new(0.0, 0.0, 0.0, 0.0));
    let Bbox { x_min, y_min, x_max, y_max } = b;
    if json {
        let ring = format!("[{x_min},{y_min}],[{x_max},{y_min}],[{x_max},{y_max}],[{x_min},{y_max}],[{x_min},{y_min}]");
        return Ok(ok_json(&format!(",\"bounds\":{{\"type\":\"Polygon\",\"coordinates\":[[{ring}]]}}")));
    }
    let corner = |x, y| Reply::Array(vec![Reply::float(x), Reply::float(y)]);
    Ok(Reply::Array(vec![corner(x_min, y_min), corner(x_max, y_max)]))
}

/// STATS: of each key the numbers of objects, points and strings, and their bytes.
///
/// # Errors
/// No key is named.
pub fn stats(arguments: &mut Arguments<'_>, city: &City, json: bool) -> Result<Reply, Fault> {
    if arguments.left() == 0 {
        return Err(Fault::count());
    }
    let (mut replies, mut texts) = (Vec::new(), Vec::new());
    while arguments.left() > 0 {
        let Some(view) = keys::view(city, arguments.text()?) else {
            replies.push(Reply::Null);
            texts.push("null".to_owned());
            continue;
        };
        let items = view.open_items();
        let points = |wkb: &[u8]| {
            let mut count = 0;
            geometry::map_positions(&mut wkb.to_vec(), |_, _| count += 1);
            count
        };
        let bytes: usize =
            items.iter().map(|item| item.id().len() + item.geometry().map_or(0, <[u8]>::len) + item.properties_json().len()).sum();
        let numbers: [(&str, usize); 4] = [
            ("in_memory_size", bytes),
            ("num_objects", items.len()),
            ("num_points", items.iter().filter_map(|item| item.geometry()).map(points).sum()),
            ("num_strings", items.iter().filter(|item| item.geometry().is_none()).count()),
        ];
        let number = |n: usize| Reply::Integer(i64::try_from(n).unwrap_or(i64::MAX));
        replies.push(Reply::Array(numbers.iter().flat_map(|(name, n)| [Reply::bulk(*name), number(*n)]).collect()));
        texts.push(format!("{{{}}}", numbers.map(|(name, n)| format!("\"{name}\":{n}")).join(",")));
    }
    Ok(if json { ok_json(&format!(",\"stats\":[{}]", texts.join(","))) } else { Reply::Array(replies) })
}

/// SERVER: what the server is, in the words of Tile38 that mean something here.
pub fn server(city: &City, started: Instant, json: bool) -> Reply {
    let moving: Vec<_> = city.collections().into_iter().filter(|view| view.kind() == CollectionKind::MovingObjects).collect();
    let objects: u64 = moving.iter().map(|view| view.counts().total).sum();
    let numbers = [
        ("num_collections", moving.iter().filter(|view| view.counts().total > 0).count().to_string()),
        ("num_objects", objects.to_string()),
        ("pid", std::process::id().to_string()),
        ("read_only", "false".to_owned()),
        ("revision", city.revision().0.to_string()),
        ("uptime", started.elapsed().as_secs().to_string()),
        ("version", quoted(concat!("citywall ", env!("CARGO_PKG_VERSION")))),
    ];
    if json {
        return ok_json(&format!(",\"stats\":{{{}}}", numbers.map(|(name, value)| format!("\"{name}\":{value}")).join(",")));
    }
    Reply::Array(numbers.into_iter().flat_map(|(name, value)| [Reply::bulk(name), Reply::bulk(value.trim_matches('"'))]).collect())
}
