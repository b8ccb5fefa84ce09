//! What a record makes of an item: the one place where the rules of an event are checked.

use crate::{Refused, areas::AreaIndex};
use citywall_model::{Areas, CollectionKind, EventDraft, LifeState, LiveItem, LiveParts, Properties, Revision, Wkb, limits};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What is known besides the item and the record.
pub(crate) struct Context<'c> {
    pub(crate) kind: CollectionKind,
    pub(crate) areas: &'c AreaIndex,
    pub(crate) actor: &'c str,
    pub(crate) now: Timestamp,
    /// The number of a new item.
    pub(crate) fid: u64,
}

/// What a record makes of an item. The writer numbers the new states.
#[derive(Debug)]
pub(crate) enum Merged {
    /// The item was already so.
    Nothing,
    /// The new present state.
    Now(LiveParts),
    /// The record tells of this earlier instant: see [`merge_late`].
    Late(EventDraft, Timestamp),
}

/// What a late record makes of the past and, if it knows what the present lacks, of the present.
#[derive(Debug)]
pub(crate) struct Late {
    pub(crate) before: Option<LiveItem>,
    pub(crate) past: LiveParts,
    pub(crate) present: Option<LiveParts>,
}

/// The state that a record makes of what is known (`None`: of nothing).
pub(crate) fn merge(draft: EventDraft, known: Option<&LiveItem>, context: &Context<'_>) -> Result<Merged, Refused> {
    check(&draft, context.now)?;
    let Some(known) = known else {
        return if removes(&draft) && draft.time.is_none() { Ok(Merged::Nothing) } else { create(draft, context).map(Merged::Now) };
    };
    let is_gone = known.state() == LifeState::Removed;
    if draft.source.as_deref().is_some_and(|source| !is_gone && source != known.source()) {
        let EventDraft { id, .. } = draft;
        return Err(Refused::OtherSource { id, owner: known.source().to_string() });
    }
    // A record without a time tells of now; a clock that went back makes no record late.
    let since = draft.time.unwrap_or_else(|| context.now.max(known.since()));
    if since < known.since() {
        return Ok(Merged::Late(draft, since));
    }
    if is_gone {
        if removes(&draft) {
            return Ok(Merged::Nothing);
        }
        let source = draft.source.or_else(|| Some(known.source().to_string()));
        let item = create(EventDraft { source, time: Some(since), ..draft }, context)?;
        return Ok(Merged::Now(LiveParts { fid: known.fid(), ..item }));
    }
    let mut item = known.parts();
    let mut changed = apply(&mut item, draft.geometry, draft.properties, context)?;
    item.since = since;
    if context.kind.is_series() {
        changed |= since != known.since();
        item.time = since;
    }
    Ok(if changed { Merged::Now(item) } else { Merged::Nothing })
}

/// What a record of an earlier instant makes of the past, or `None` if the past is already so.
///
/// `states` are the item's states so far in order of `since` and revision; of a series those of
/// this very instant are enough. What a series' record leaves out is as it is now; what another
/// record leaves out is as it was in the state before. The present takes what neither it nor a
/// state since then has had, and begins no later than the record.
pub(crate) fn merge_late(
    draft: EventDraft,
    since: Timestamp,
    known: &LiveItem,
    states: &[LiveItem],
    context: &Context<'_>,
) -> Result<Option<Late>, Refused> {
    let is_series = context.kind.is_series();
    let (earlier, later) = states.split_at(states.partition_point(|state| state.since() <= since));
    let before = earlier.last().filter(|state| !is_series || state.since() == since);
    let mut past = match before.filter(|state| state.state() != LifeState::Removed || removes(&draft)) {
        Some(state) => state.parts(),
        None if is_series => known.parts(),
        None => LiveParts { geometry: None, properties: Properties::new(), areas: Areas::default(), time: since, ..known.parts() },
    };
    let changed = apply(&mut past, draft.geometry.clone(), draft.properties.clone(), context)?;
    if before.is_some() && !changed {
        return Ok(None);
    }
    past.since = since;
    if is_series {
        past.time = since;
        return Ok(Some(Late { before: before.cloned(), past, present: None }));
    }
    let mut present = known.parts();
    let began_earlier = since < present.time && known.state() != LifeState::Removed;
    present.time = if began_earlier { since } else { present.time };
    let had = |name: &str| present.properties.contains_key(name) || later.iter().any(|state| !state.property(name).is_null());
    let lacking: Properties = draft.properties.into_iter().filter(|(name, value)| !value.is_null() && !had(name)).collect();
    let never_placed = present.geometry.is_none() && later.iter().all(|state| state.geometry().is_none());
    let takes = known.state() != LifeState::Removed && apply(&mut present, draft.geometry.filter(|_| never_placed), lacking, context)?;
    Ok(Some(Late { before: before.cloned(), past, present: (takes || began_earlier).then_some(present) }))
}

/// A new item. An incident, an alarm and what moves say when; who writes down a fence, a rule or
/// a thing does so now and is its source.
fn create(draft: EventDraft, context: &Context<'_>) -> Result<LiveParts, Refused> {
    let happens = matches!(context.kind, CollectionKind::Incidents | CollectionKind::Alarms);
    let EventDraft { id, source, time, geometry, properties } = draft;
    let source = source.or_else(|| (!happens).then(|| context.actor.to_owned()));
    let source = source.ok_or_else(|| invalid("source", "is missing: a new item needs it"))?;
    let time = time.or((!happens).then_some(context.now));
    let time = time.ok_or_else(|| invalid("time", "is missing: a new item needs the RFC 3339 instant at which it happened"))?;
    let mut item = LiveParts {
        fid: context.fid,
        id: id.into(),
        source: source.into(),
        time,
        since: time,
        revision: Revision(0),
        areas: Areas::default(),
        geometry: None,
        properties: Properties::new(),
    };
    apply(&mut item, geometry, properties, context)?;
    Ok(item)
}

/// Puts what a record says on an item and tells whether that changed it. An item lies in the
/// areas of its place; without a place, in those that the record names.
fn apply(item: &mut LiveParts, geometry: Option<Option<Wkb>>, named: Properties, context: &Context<'_>) -> Result<bool, Refused> {
    let mut changed = false;
    let mut areas = Properties::new();
    for (name, value) in named {
        if context.areas.names(&name) {
            areas.insert(name, value);
        } else if value.is_null() {
            changed |= item.properties.shift_remove(&name).is_some();
        } else if item.properties.get(&name) != Some(&value) {
            item.properties.insert(name, value);
            changed = true;
        }
    }
    if item.properties.len() > limits::EVENT_PROPERTIES_MAX {
        return Err(invalid("properties", format!("more than EVENT_PROPERTIES_MAX ({})", limits::EVENT_PROPERTIES_MAX)));
    }
    let moved = geometry.is_some_and(|place| {
        let moved = place != item.geometry;
        item.geometry = place;
        moved
    });
    changed |= moved;
    match &item.geometry {
        Some(wkb) if moved || item.areas == Areas::default() => item.areas = context.areas.of(wkb.bytes()),
        None if moved => item.areas = Areas::default(),
        _ => {}
    }
    if item.geometry.is_none() && !areas.is_empty() {
        let named = context.areas.named(|name| areas.get(name)?.as_str().map(str::to_owned));
        changed |= named != item.areas;
        item.areas = named;
    }
    Ok(changed)
}

fn removes(draft: &EventDraft) -> bool {
    draft.properties.get("status").and_then(Value::as_str) == Some("removed")
}

fn invalid(member: &'static str, reason: impl Into<String>) -> Refused {
    Refused::Invalid { member, reason: reason.into() }
}

/// Times are kept in 64 bits of nanoseconds.
const EARLIEST: Timestamp = Timestamp::constant(-9_214_560_000, 0);

fn too_large(member: &'static str) -> Refused {
    Refused::TooLarge { member, limit: "EVENT_BYTES_MAX", max: limits::EVENT_BYTES_MAX }
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
        return Err(Refused::Future { hours: limits::EVENT_FUTURE_SECONDS_MAX / 3600 });
    }
    if draft.time.is_some_and(|time| time < EARLIEST) {
        return Err(invalid("time", "lies before the year 1678"));
    }
    if draft.geometry.as_ref().and_then(Option::as_ref).is_some_and(|g| Wkb::bytes(g).len() > limits::EVENT_BYTES_MAX) {
        return Err(too_large("geometry"));
    }
    let size: usize = draft.properties.iter().map(|(name, value)| name.len() + weight(value)).sum();
    if size > limits::EVENT_BYTES_MAX {
        return Err(too_large("properties"));
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
