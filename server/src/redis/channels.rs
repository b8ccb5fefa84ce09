//! SETCHAN, DELCHAN and CHANS: fences that outlive a restart, as items of a collection.

use super::{
    Door,
    arguments::{Arguments, Fault},
    codec::Reply,
    fence::Fence,
    object::quoted,
    write::{draft, ok_json},
};
use crate::ingest::make;
use anyhow::Context;
use bytes::Bytes;
use citywall_model::{CimCategory, CollectionId, CollectionKind, EventDraft, FeatureRef, LocalText};
use citywall_query::ItemsQuery;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The collection of the channels.
const COLLECTION: &str = "channels";

/// The id of the collection of the channels.
pub fn collection() -> CollectionId {
    CollectionId::slug(COLLECTION)
}

/// Makes the collection if there is none, and sets the fences that it holds.
///
/// # Errors
/// Something else has the id, or the store cannot be written.
pub fn load(door: &Door) -> anyhow::Result<()> {
    make(
        &door.city,
        &collection(),
        CollectionKind::Features,
        &LocalText::new("围栏频道", "Fence channels"),
        CimCategory::IotSensing,
        false,
    )?;
    let view = door.city.view(&collection())?;
    let mut found = Vec::new();
    view.each(&ItemsQuery::default(), |item| {
        if let FeatureRef::Live(item) = item {
            found.push((item.id().to_owned(), item.property("words"), item.property("meta")));
        }
        true
    });
    for (name, words, meta) in found {
        let set = || -> anyhow::Result<bool> {
            let words: Vec<String> = serde_json::from_value(words).context("words")?;
            let meta = if meta.is_null() { BTreeMap::new() } else { serde_json::from_value(meta).context("meta")? };
            let command: Vec<Bytes> = std::iter::once(String::new()).chain(words).map(Bytes::from).collect();
            let fence = Arguments::new(&command).and_then(|mut words| Fence::read(&name, meta, &mut words, &door.city));
            fence.and_then(|fence| door.fences.set(fence)).map_err(|fault| anyhow::anyhow!("{}", fault.0))
        };
        if let Err(error) = set() {
            tracing::error!(channel = name, %error, "a channel cannot be set");
        }
    }
    Ok(())
}

/// SETCHAN: sets a fence and gives the record that keeps it, or the reply that it is there just so.
///
/// # Errors
/// Something is missing or makes no sense.
pub fn set(door: &Door, arguments: &mut Arguments<'_>, json: bool) -> Result<Result<EventDraft, Reply>, Fault> {
    let name = arguments.word()?;
    let mut meta = BTreeMap::new();
    while arguments.takes("meta") {
        meta.insert(arguments.word()?.to_owned(), arguments.word()?.to_owned());
    }
    if arguments.takes("ex") {
        return Err(Fault::new("EX is not known for a channel here"));
    }
    let fence = Fence::read(name, meta, arguments, &door.city)?;
    let mut record = draft(name);
    record.properties.insert("words".to_owned(), json!(fence.words));
    record.properties.insert("meta".to_owned(), if fence.meta.is_empty() { Value::Null } else { json!(fence.meta) });
    if door.fences.set(fence)? {
        return Ok(Ok(record));
    }
    Ok(Err(if json { ok_json("") } else { Reply::Integer(0) }))
}

/// CHANS: the channels that a pattern fits.
///
/// # Errors
/// The pattern is missing.
pub fn list(door: &Door, arguments: &mut Arguments<'_>, json: bool) -> Result<Reply, Fault> {
    let pattern = arguments.word()?;
    arguments.end()?;
    let fences = door.fences.channels(pattern);
    if json {
        let one = |fence: &std::sync::Arc<Fence>| {
            let (name, key, words) = (quoted(&fence.name), quoted(fence.key()), json!(fence.words));
            format!("{{\"name\":{name},\"key\":{key},\"ttl\":-1,\"command\":{words},\"meta\":{}}}", json!(fence.meta))
        };
        return Ok(ok_json(&format!(",\"chans\":[{}]", fences.iter().map(one).collect::<Vec<_>>().join(","))));
    }
    let texts = |texts: &mut dyn Iterator<Item = &String>| Reply::Array(texts.map(Reply::bulk).collect());
    let one = |fence: &std::sync::Arc<Fence>| {
        let meta = fence.meta.iter().flat_map(|(name, value)| [name, value]);
        Reply::Array(vec![
            Reply::bulk(&*fence.name),
            Reply::bulk(fence.key()),
            Reply::Array(vec![Reply::Bulk(format!("local://{}", fence.name))]),
            texts(&mut fence.words.iter()),
            texts(&mut meta.into_iter()),
        ])
    };
    Ok(Reply::Array(fences.iter().map(one).collect()))
}
