//! What is said on `/live` and `/live/sse`.
//!
//! Every message of a subscription that moves its state on names the revision that it follows and
//! the one that it leads to, so that a client sees a gap, and resumes after a break.

use crate::Feature;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What a client sends on `/live` (WebSocket); `/live/sse` takes the members of [`Subscribe`] as
/// query parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one at a time, and most are subscriptions")]
pub enum LiveRequest {
    /// Asks for a heartbeat.
    #[default]
    Ping,
    /// Asks for changes. Repeating it with the same `id` replaces that subscription.
    Subscribe(Subscribe),
    /// Ends a subscription.
    Unsubscribe {
        /// Which; absent means the one without an id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Steers a replay.
    Replay(ReplayControl),
}

/// What a subscriber wants. All conditions hold at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The client's name for the subscription, which every message of it repeats. A line has as
    /// many subscriptions as it has ids; absent is one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The live collections; empty means all.
    #[serde(default)]
    pub collections: Vec<String>,
    /// A window that the geometry itself meets: west, south, east, north in degrees. West may be
    /// greater than east: then it crosses the antimeridian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bbox: Option<[f64; 4]>,
    /// An area that the item lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<AreaOf>,
    /// A filter that is true of the item: CQL2 Text as a string, or CQL2 JSON as an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// Resume after this revision; absent asks for a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Play a past window instead of what happens now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
}

/// One area of the city.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AreaOf {
    /// The level: `district`, `street`, `community` or `grid`.
    pub level: String,
    /// The area's code on that level.
    pub code: String,
}

/// A past window to be played. Where the subscription names no collections, those of incidents,
/// moving objects, things, datastreams and alarms are played.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The first instant, RFC 3339.
    pub from: String,
    /// The last instant, RFC 3339; absent means the instant of the subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Seconds of the past that pass in one second; 1 without it.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub speed: f64,
}

/// Marks what is told as a replay of the past.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplayMark {
    /// The first instant of the window, RFC 3339.
    pub from: String,
    /// The last instant.
    pub to: String,
    /// The instant of this snapshot.
    pub time: String,
    /// Seconds of the past that pass in one second.
    pub speed: f64,
}

/// Steers a replay that is under way; what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReplayControl {
    /// Which subscription; absent means the one without an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// True stops the replayed clock, false lets it go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Go to this instant, RFC 3339; a new snapshot follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seek: Option<String>,
    /// Seconds of the past that pass in one second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
}

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
#[expect(clippy::float_cmp, reason = "exactly the default")]
fn is_one(speed: &f64) -> bool {
    *speed == 1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What the server sends on `/live` and `/live/sse`. The `id` is that of the subscription, if it
/// was given one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveMessage {
    /// All open items that match, in parts. Deltas follow `revision`.
    Snapshot {
        /// The subscription.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The revision of the state.
        revision: u64,
        /// Which collection this part is of.
        collection: String,
        /// The open items of this part.
        features: Vec<Feature>,
        /// False while more parts of the snapshot follow.
        last: bool,
        /// Of a replay: what is played. Its revisions are its own, counted from its beginning; the
        /// one that made an item is the item's property `recorded`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replay: Option<ReplayMark>,
    },
    /// What happened between two revisions; an item stands in `changes` or in `gone`, not in both.
    Delta {
        /// The subscription.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The revision that this message follows: that of the message before it.
        after: u64,
        /// The revision after it.
        revision: u64,
        /// The changes in order, each to be applied whole. None at all where nothing that matches
        /// happened up to `revision`.
        changes: Vec<Change>,
        /// The items that no longer match: they moved out, changed, or were removed. One that the
        /// client does not have may be among them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gone: Vec<Gone>,
    },
    /// A layer has a new version: its tiles and items are to be fetched again.
    LayerChanged {
        /// The subscription.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The revision that this message follows.
        after: u64,
        /// The revision after it.
        revision: u64,
        /// The layer.
        collection: String,
    },
    /// The city's styles have changed: they are to be read again. It has no place in the chain of
    /// revisions, and is told to every line whatever that follows.
    StylesChanged {
        /// The style that was put or removed.
        style: String,
    },
    /// The chain is broken: subscribe again without `after`.
    Resync {
        /// The subscription.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Why.
        reason: String,
    },
    /// Nothing happened; sent every few seconds so that a dead line is noticed.
    Heartbeat {
        /// The subscription, in a replay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The current revision; in a replay, the one that it has reached.
        revision: u64,
        /// The server's clock, or the replayed one, RFC 3339.
        time: String,
        /// True if what is told is a replay of the past.
        #[serde(default, skip_serializing_if = "is_false")]
        replay: bool,
        /// True at the end of a replay.
        #[serde(default, skip_serializing_if = "is_false")]
        ended: bool,
    },
    /// A request is refused, or the line ends, with the reason.
    Error {
        /// The subscription.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Why.
        reason: String,
    },
}

/// The members of any message. Serde's own reading of a tagged enum keeps the whole of a message in pieces
/// before it knows the type, which takes three times as long.
#[derive(Deserialize)]
struct AnyMessage {
    #[serde(rename = "type")]
    kind: Kind,
    id: Option<String>,
    after: Option<u64>,
    revision: Option<u64>,
    collection: Option<String>,
    features: Option<Vec<Feature>>,
    last: Option<bool>,
    changes: Option<Vec<Change>>,
    gone: Option<Vec<Gone>>,
    style: Option<String>,
    reason: Option<String>,
    time: Option<String>,
    replay: Option<AnyReplay>,
    ended: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Snapshot,
    Delta,
    LayerChanged,
    StylesChanged,
    Resync,
    Heartbeat,
    Error,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum AnyReplay {
    Mark(ReplayMark),
    Is(bool),
}

impl<'de> Deserialize<'de> for LiveMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn need<T, E: serde::de::Error>(member: Option<T>, name: &'static str) -> Result<T, E> {
            member.ok_or_else(|| E::missing_field(name))
        }
        let any = AnyMessage::deserialize(deserializer)?;
        let id = any.id;
        Ok(match any.kind {
            Kind::Snapshot => Self::Snapshot {
                id,
                revision: need(any.revision, "revision")?,
                collection: need(any.collection, "collection")?,
                features: need(any.features, "features")?,
                last: need(any.last, "last")?,
                replay: match any.replay {
                    Some(AnyReplay::Mark(mark)) => Some(mark),
                    Some(AnyReplay::Is(_)) => return Err(serde::de::Error::custom("replay of a snapshot says what is played")),
                    None => None,
                },
            },
            Kind::Delta => Self::Delta {
                id,
                after: need(any.after, "after")?,
                revision: need(any.revision, "revision")?,
                changes: need(any.changes, "changes")?,
                gone: any.gone.unwrap_or_default(),
            },
            Kind::LayerChanged => Self::LayerChanged {
                id,
                after: need(any.after, "after")?,
                revision: need(any.revision, "revision")?,
                collection: need(any.collection, "collection")?,
            },
            Kind::StylesChanged => Self::StylesChanged { style: need(any.style, "style")? },
            Kind::Resync => Self::Resync { id, reason: need(any.reason, "reason")? },
            Kind::Heartbeat => Self::Heartbeat {
                id,
                revision: need(any.revision, "revision")?,
                time: need(any.time, "time")?,
                replay: matches!(any.replay, Some(AnyReplay::Is(true))),
                ended: any.ended.unwrap_or_default(),
            },
            Kind::Error => Self::Error { id, reason: need(any.reason, "reason")? },
        })
    }
}

/// One change of a live item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    /// Its collection.
    pub collection: String,
    /// The revision that made it.
    pub revision: u64,
    /// The item as it now is; a cleared one has `status: cleared`.
    pub feature: Feature,
}

/// An item that a subscription no longer sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gone {
    /// Its collection.
    pub collection: String,
    /// The revision that took it out of sight.
    pub revision: u64,
    /// Its id.
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_message_is_read_as_it_was_written() {
        let feature = json!({"type": "Feature", "id": "7", "geometry": null, "properties": {"level": 1}});
        let mark = json!({"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T01:00:00Z", "time": "2026-03-01T00:00:00Z", "speed": 60.0});
        let change = json!({"collection": "events", "revision": 8, "feature": feature});
        let gone = json!({"collection": "events", "revision": 8, "id": "6"});
        for message in [
            json!({"type": "snapshot", "revision": 7, "collection": "events", "features": [feature], "last": true}),
            json!({"type": "snapshot", "id": "a", "revision": 7, "collection": "events", "features": [], "last": false, "replay": mark}),
            json!({"type": "delta", "after": 7, "revision": 8, "changes": [change]}),
            json!({"type": "delta", "id": "a", "after": 7, "revision": 8, "changes": [], "gone": [gone]}),
            json!({"type": "layer_changed", "after": 8, "revision": 9, "collection": "roads"}),
            json!({"type": "styles_changed", "style": "roads"}),
            json!({"type": "resync", "reason": "too old"}),
            json!({"type": "heartbeat", "revision": 9, "time": "2026-03-01T00:00:00Z"}),
            json!({"type": "heartbeat", "id": "a", "revision": 9, "time": "2026-03-01T00:00:00Z", "replay": true, "ended": true}),
            json!({"type": "error", "id": "a", "reason": "bbox: must be four numbers"}),
        ] {
            let read: LiveMessage = serde_json::from_value(message.clone()).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), message);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let refused = |message: serde_json::Value| serde_json::from_value::<LiveMessage>(message).unwrap_err().to_string();
        assert!(refused(json!({"type": "delta", "after": 7, "revision": 8})).contains("changes"));
        assert!(refused(json!({"type": "gossip"})).contains("gossip"));
        assert!(refused(json!({"revision": 8})).contains("type"));
    }
}
