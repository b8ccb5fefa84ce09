//! SETHOOK, DELHOOK, PDELHOOK and HOOKS: a hook is a target of the city whose letters are the
//! messages of a fence. So it is kept over a restart, retries, counts and keeps what came back
//! like every other target.

use super::{
    Door,
    arguments::{Arguments, Fault},
    channels::{self, Setting},
    codec::Reply,
    filter,
    object::{EXPIRES, quoted},
    write::{draft, ok_json},
};
use crate::{
    limits,
    targets::{Broker, FenceOf, TargetDocument, Via},
};
use citywall_model::{CollectionId, EventDraft, LiveItem, Properties};
use citywall_query::City;
use serde_json::{Value, json};

/// The id of the collection of the targets.
pub fn collection() -> CollectionId {
    CollectionId::slug("targets")
}

/// SETHOOK: the record that keeps a hook, or `None` if it is there just so.
///
/// # Errors
/// Something is missing or makes no sense, or the name is that of a channel or of another target.
pub fn set(door: &Door, arguments: &mut Arguments<'_>) -> Result<Option<EventDraft>, Fault> {
    let name = arguments.word()?;
    let endpoints: Vec<String> = arguments.word()?.split(',').map(|url| url.trim().to_owned()).collect();
    let ways = endpoints.iter().map(|url| way(url)).collect::<Result<Vec<Via>, Fault>>()?;
    let Setting { fence, expires } = Setting::read(door, name, arguments)?;
    if door.fences.has(name) {
        return Err(Fault::new("hooks and channels cannot share the same name"));
    }
    let fence_of = FenceOf { endpoints, words: fence.words.clone(), meta: fence.meta.clone() };
    let targets = targets(&door.city);
    match targets.iter().find(|item| item.id() == name) {
        Some(known) => match hook(known) {
            None => return Err(Fault::new(format!("the city has a target “{name}” that is no hook"))),
            Some(known_hook) if known_hook == fence_of && known.property(EXPIRES) == expires => return Ok(None),
            Some(_) => {}
        },
        None if targets.len() >= limits::TARGETS_MAX => {
            return Err(Fault::new(format!("there are TARGETS_MAX ({}) hooks and other targets", limits::TARGETS_MAX)));
        }
        None => {}
    }
    fence.area().and_then(|area| area.polygon()).ok_or_else(|| Fault::new("the fence's area has no inside"))?;
    let mut record = draft(name);
    record.properties = properties(&ways, &fence_of, fence.key())?;
    record.properties.insert(EXPIRES.to_owned(), expires);
    Ok(Some(record))
}

/// The properties of a hook's target. What the hook that it replaces had besides is taken away.
fn properties(ways: &[Via], fence: &FenceOf, key: &str) -> Result<Properties, Fault> {
    let fault = |error: serde_json::Error| Fault::new(error.to_string());
    let mut properties: Properties = ["url", "secret", "broker", "topic", "username", "retain", "fallbacks"]
        .map(|name| (name.to_owned(), Value::Null))
        .into_iter()
        .collect();
    let [first, fallbacks @ ..] = ways else { return Err(Fault::count()) };
    if let Value::Object(members) = serde_json::to_value(first).map_err(fault)? {
        properties.extend(members);
    }
    if !fallbacks.is_empty() {
        properties.insert("fallbacks".to_owned(), serde_json::to_value(fallbacks).map_err(fault)?);
    }
    properties.insert("collections".to_owned(), json!([super::keys::collection(key).as_str()]));
    properties.insert("fence".to_owned(), serde_json::to_value(fence).map_err(fault)?);
    properties.insert("enabled".to_owned(), Value::from(true));
    let named: Properties =
        properties.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())).collect();
    TargetDocument::read(&named).map_err(Fault::new)?;
    Ok(properties)
}

/// The way to an endpoint.
fn way(url: &str) -> Result<Via, Fault> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(Via::Webhook { url: url.to_owned(), secret: None });
    }
    let Some(rest) = url.strip_prefix("mqtt://") else {
        let known = "a hook here goes to http://, https:// or mqtt://HOST:PORT/TOPIC";
        return Err(Fault::new(format!("invalid argument '{}': {known}", url.chars().take(200).collect::<String>())));
    };
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, topic) = place.split_once('/').ok_or_else(|| Fault::argument(url))?;
    let mut retain = false;
    for (option, value) in
        options.split('&').filter(|option| !option.is_empty()).map(|option| option.split_once('=').unwrap_or((option, "")))
    {
        match (option, value) {
            // Every message is acknowledged by the broker, whatever less was asked for.
            ("qos", "0" | "1") => {}
            ("retained", "0" | "1") => retain = value == "1",
            _ => return Err(Fault::new(format!("invalid argument '{url}': of mqtt's options, qos=0, qos=1 and retained are known here"))),
        }
    }
    Ok(Via::Mqtt(Broker { broker: format!("mqtt://{host}"), topic: topic.to_owned(), username: None, secret: None, retain }))
}

/// The hooks whose names a pattern fits, or the one of this name, in order.
pub fn names(city: &City, name: &str, is_pattern: bool) -> Vec<String> {
    let fits = |id: &str| if is_pattern { filter::matches(name, id) } else { id == name };
    found(city, fits).into_iter().map(|(item, _)| item.id().to_owned()).collect()
}

/// HOOKS: the hooks that a pattern fits.
///
/// # Errors
/// The pattern is missing.
pub fn list(city: &City, arguments: &mut Arguments<'_>, json: bool) -> Result<Reply, Fault> {
    let pattern = arguments.word()?;
    arguments.end()?;
    let hooks = found(city, |name| filter::matches(pattern, name));
    let key = |hook: &FenceOf| hook.words.get(1).cloned().unwrap_or_default();
    if json {
        let one = |(item, hook): &(LiveItem, FenceOf)| {
            let ttl = channels::ttl(item);
            let FenceOf { endpoints, words, meta } = hook;
            let (name, key) = (quoted(item.id()), quoted(&key(hook)));
            let (endpoints, words, meta) = (json!(endpoints), json!(words), json!(meta));
            format!("{{\"name\":{name},\"key\":{key},\"ttl\":{ttl},\"endpoints\":{endpoints},\"command\":{words},\"meta\":{meta}}}")
        };
        return Ok(ok_json(&format!(",\"hooks\":[{}]", hooks.iter().map(one).collect::<Vec<_>>().join(","))));
    }
    let texts = |texts: &mut dyn Iterator<Item = &String>| Reply::Array(texts.map(Reply::bulk).collect());
    let one = |(item, hook): &(LiveItem, FenceOf)| {
        Reply::Array(vec![
            Reply::bulk(item.id()),
            Reply::Bulk(key(hook)),
            texts(&mut hook.endpoints.iter()),
            texts(&mut hook.words.iter()),
            texts(&mut hook.meta.iter().flat_map(|(name, value)| [name, value])),
        ])
    };
    Ok(Reply::Array(hooks.iter().map(one).collect()))
}

fn found(city: &City, fits: impl Fn(&str) -> bool) -> Vec<(LiveItem, FenceOf)> {
    let mut hooks: Vec<_> =
        targets(city).into_iter().filter(|item| fits(item.id())).filter_map(|item| hook(&item).map(|hook| (item, hook))).collect();
    hooks.sort_unstable_by(|(a, _), (b, _)| a.id().cmp(b.id()));
    hooks
}

fn targets(city: &City) -> Vec<LiveItem> {
    city.view(&collection()).map(|view| view.open_items()).unwrap_or_default()
}

fn hook(item: &LiveItem) -> Option<FenceOf> {
    serde_json::from_value(item.property("fence")).ok()
}
