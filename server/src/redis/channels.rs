//! SETCHAN, DELCHAN and CHANS: fences that outlive a restart, as items of a collection.

use super::{
    Door,
    arguments::{Arguments, Fault},
    codec::Reply,
    fence::{Fence, Fences},
    hooks,
    object::{EXPIRES, quoted},
    write::{draft, now, ok_json},
};
use crate::ingest::make;
use anyhow::Context;
use citywall_model::{Change, CimCategory, CollectionId, CollectionKind, EventDraft, FeatureRef, LifeState, LiveItem, LocalText};
use citywall_query::{Commit, ItemsQuery};
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
            let fence = Fence::again(&name, meta, &words, &door.city);
            fence.and_then(|fence| door.fences.set(fence)).map_err(|fault| anyhow::anyhow!("{}", fault.0))
        };
        if let Err(error) = set() {
            tracing::error!(channel = name, %error, "a channel cannot be set");
        }
    }
    Ok(())
}

/// What SETCHAN and SETHOOK say after the name: META, EX and the fence.
pub struct Setting {
    /// The fence.
    pub fence: Fence,
    /// When its time is over, in seconds since 1970; null for never.
    pub expires: Value,
}

impl Setting {
    /// Reads it.
    ///
    /// # Errors
    /// Something is missing or makes no sense.
    pub fn read(door: &Door, name: &str, arguments: &mut Arguments<'_>) -> Result<Self, Fault> {
        let (mut meta, mut expires) = (BTreeMap::new(), Value::Null);
        loop {
            if arguments.takes("meta") {
                meta.insert(arguments.word()?.to_owned(), arguments.word()?.to_owned());
            } else if arguments.takes("ex") {
                expires = Value::from(now() + arguments.number()?);
            } else {
                return Fence::read(name, meta, arguments, &door.city).map(|fence| Self { fence, expires });
            }
        }
    }
}

/// SETCHAN: sets a fence and gives the record that keeps it, or the reply that it is there just so.
///
/// # Errors
/// Something is missing or makes no sense, or a hook has the name.
pub fn set(door: &Door, arguments: &mut Arguments<'_>, json: bool) -> Result<Result<EventDraft, Reply>, Fault> {
    let name = arguments.word()?;
    let Setting { fence, expires } = Setting::read(door, name, arguments)?;
    if !hooks::names(&door.city, name, false).is_empty() {
        return Err(Fault::new("hooks and channels cannot share the same name"));
    }
    let mut record = draft(name);
    record.properties.insert("words".to_owned(), json!(fence.words));
    record.properties.insert("meta".to_owned(), if fence.meta.is_empty() { Value::Null } else { json!(fence.meta) });
    record.properties.insert(EXPIRES.to_owned(), expires.clone());
    if door.fences.set(fence)? || !expires.is_null() {
        return Ok(Ok(record));
    }
    Ok(Err(if json { ok_json("") } else { Reply::Integer(0) }))
}

/// The whole seconds that are left of a channel or a hook; -1 for ever.
#[expect(clippy::cast_possible_truncation, reason = "a float too large saturates")]
pub fn ttl(item: &LiveItem) -> i64 {
    item.property(EXPIRES).as_f64().map_or(-1, |expires| (expires - now()).max(0.0) as i64)
}

/// Lets go of the channels whose records a commit has removed, by whatever way.
pub fn forget(fences: &Fences, commit: &Commit) {
    let is_gone = |change: &&Change| change.collection.as_str() == COLLECTION && change.item.state() == LifeState::Removed;
    for change in commit.changes.iter().filter(is_gone) {
        fences.delete(change.item.id(), false);
    }
}

/// CHANS: the channels that a pattern fits.
///
/// # Errors
/// The pattern is missing.
pub fn list(door: &Door, arguments: &mut Arguments<'_>, json: bool) -> Result<Reply, Fault> {
    let pattern = arguments.word()?;
    arguments.end()?;
    let fences = door.fences.channels(pattern);
    let left = |item: FeatureRef<'_>| if let FeatureRef::Live(item) = item { ttl(item) } else { -1 };
    if json {
        let view = door.city.view(&collection()).ok();
        let one = |fence: &std::sync::Arc<Fence>| {
            let (name, key, words) = (quoted(&fence.name), quoted(fence.key()), json!(fence.words));
            let ttl = view.as_ref().and_then(|view| view.item(&fence.name, left)).unwrap_or(-1);
            format!("{{\"name\":{name},\"key\":{key},\"ttl\":{ttl},\"command\":{words},\"meta\":{}}}", json!(fence.meta))
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
