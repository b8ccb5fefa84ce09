//! What a record makes of an item: the one place where the rules of an event are checked.

use crate::Refused;
use citywall_model::{Areas, CollectionKind, EventDraft, LiveItem, LiveParts, Properties, Revision, Wkb, limits};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What a record makes of an item.
#[derive(Debug)]
pub(crate) struct Merged {
    /// The new state.
    pub(crate) item: LiveParts,
    /// True if it tells of a time before the known state.
    pub(crate) late: bool,
}

/// The state that a record makes of what is known (`None`: of nothing), or `None` if it changes
/// nothing. `fid` and `revision` are for the new state; its areas are still those of the old one.
pub(crate) fn merge(
    draft: EventDraft,
    kind: CollectionKind,
    known: Option<&LiveItem>,
    fid: u64,
    revision: Revision,
    now: Timestamp,
) -> Result<Option<Merged>, Refused> {
    check(&draft, now)?;
    let EventDraft { id, source, time, geometry, properties } = draft;
    let Some(known) = known else {
        let source = source.ok_or_else(|| invalid("source", "is missing: a new item needs it"))?;
        let time = time.ok_or_else(|| invalid("time", "is missing: a new item needs the RFC 3339 instant at which it happened"))?;
        let mut item = LiveParts {
            fid,
            id: id.into(),
            source: source.into(),
            time,
            since: time,
            revision,
            areas: Areas::default(),
            geometry: geometry.flatten(),
            properties: Properties::new(),
        };
        set(&mut item.properties, properties)?;
        return Ok(Some(Merged { item, late: false }));
    };
    if source.as_deref().is_some_and(|source| source != &**known.source()) {
        return Err(Refused::OtherSource { id, owner: known.source().to_string() });
    }
    let before = known.parts();
    // A record without a time tells of now; a clock that went back makes no record late.
    let since = time.unwrap_or_else(|| now.max(known.since()));
    let mut item = LiveParts { revision, since, ..before.clone() };
    if kind.is_series() {
        item.time = since;
    }
    item.geometry = geometry.unwrap_or(item.geometry);
    set(&mut item.properties, properties)?;
    let same_time = !kind.is_series() || since == known.since();
    let same = same_time && item.geometry == before.geometry && item.properties == before.properties;
    Ok((!same).then_some(Merged { item, late: since < known.since() }))
}

/// Sets what is named, removes what is null.
fn set(properties: &mut Properties, named: Properties) -> Result<(), Refused> {
    for (name, value) in named {
        if value.is_null() {
            properties.shift_remove(&name);
        } else {
            properties.insert(name, value);
        }
    }
    if properties.len() > limits::EVENT_PROPERTIES_MAX {
        return Err(invalid("properties", format!("more than EVENT_PROPERTIES_MAX ({})", limits::EVENT_PROPERTIES_MAX)));
    }
    Ok(())
}

fn invalid(member: &'static str, reason: impl Into<String>) -> Refused {
    Refused::Invalid { member, reason: reason.into() }
}

fn check(draft: &EventDraft, now: Timestamp) -> Result<(), Refused> {
    let too_long = |text: &str| text.is_empty() || text.len() > limits::ITEM_ID_BYTES_MAX;
    let length = || format!("must have 1 to ITEM_ID_BYTES_MAX ({}) bytes", limits::ITEM_ID_BYTES_MAX);
    if too_long(&draft.id) {
        return Err(invalid("id", length()));
    }
    if draft.source.as_deref().is_some_and(too_long) {
        return Err(invalid("source", length()));
    }
    let horizon = now.saturating_add(SignedDuration::from_secs(limits::EVENT_FUTURE_SECONDS_MAX)).unwrap_or(Timestamp::MAX);
    if draft.time.is_some_and(|time| time > horizon) {
        return Err(invalid("time", format!("lies more than {} hours in the future", limits::EVENT_FUTURE_SECONDS_MAX / 3600)));
    }
    if draft.geometry.as_ref().and_then(Option::as_ref).is_some_and(|g| Wkb::bytes(g).len() > limits::EVENT_BYTES_MAX) {
        return Err(invalid("geometry", format!("larger than EVENT_BYTES_MAX ({})", limits::EVENT_BYTES_MAX)));
    }
    let size: usize = draft.properties.iter().map(|(name, value)| name.len() + weight(value)).sum();
    if size > limits::EVENT_BYTES_MAX {
        return Err(invalid("properties", format!("larger than EVENT_BYTES_MAX ({})", limits::EVENT_BYTES_MAX)));
    }
    for (name, value) in &draft.properties {
        match name.as_str() {
            "class" if !value.is_null() && !value.as_str().is_some_and(is_class) => {
                return Err(invalid("class", "must be scheme:code, since a code means nothing without its scheme"));
            }
            "level" if !value.is_null() && !value.as_u64().is_some_and(|level| (1..=4).contains(&level)) => {
                return Err(invalid("level", "must be 1 (red), 2 (orange), 3 (yellow) or 4 (blue)"));
            }
            "status" if !value.is_null() && !value.as_str().is_some_and(|s| !s.is_empty() && s.len() <= 64) => {
                return Err(invalid("status", "must be a word of at most 64 bytes, such as open or cleared"));
            }
            "title" if !value.is_null() && !value.is_string() => return Err(invalid("title", "must be text")),
            "recorded" => return Err(invalid("recorded", "is set by the server")),
            _ => {}
        }
    }
    Ok(())
}

/// A lower bound of a value's size as JSON.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(s) => s.len() + 2,
        Value::Array(values) => values.iter().map(weight).sum::<usize>() + 2,
        Value::Object(map) => map.iter().map(|(k, v)| k.len() + weight(v)).sum::<usize>() + 2,
        _ => 4,
    }
}

fn is_class(class: &str) -> bool {
    class.len() <= 256 && class.rsplit_once(':').is_some_and(|(scheme, code)| !scheme.is_empty() && !code.is_empty())
}
