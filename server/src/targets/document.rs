//! What an item of `targets` says.

use crate::{limits, live::Interest};
use citywall_model::{LiveItem, Properties};
use citywall_query::City;
use citywall_wire::{AreaOf, Subscribe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The properties of an item of `targets`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
pub struct TargetDocument {
    /// How letters are delivered.
    #[serde(flatten)]
    pub via: Via,
    /// Other ways, each tried where those before it did not take a letter.
    #[serde(default)]
    pub fallbacks: Vec<Via>,
    /// What this fence tells is sent, instead of the changes themselves.
    #[serde(default)]
    pub fence: Option<FenceOf>,
    /// False holds nothing ready for it and sends nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The live collections whose changes are sent; at least one, and not `targets` itself.
    pub collections: Vec<String>,
    /// Only items of these levels, 1 (red) to 4 (blue); absent means any, also none.
    #[serde(default)]
    pub levels: Vec<u8>,
    /// Only items whose geometry meets this window: west, south, east, north in degrees.
    #[serde(default)]
    pub bbox: Option<[f64; 4]>,
    /// Only items that lie in this area.
    #[serde(default)]
    pub area: Option<AreaOf>,
    /// Only items of which this filter is true: CQL2 Text, or CQL2 JSON.
    #[serde(default)]
    pub filter: Option<Value>,
    /// How long one try may take, in seconds.
    #[serde(default = "timeout_s")]
    pub timeout_s: f64,
    /// A letter comes back after this many tries.
    #[serde(default = "tries_max")]
    pub tries_max: u32,
    /// A letter comes back once it is this old, in seconds.
    #[serde(default = "age_max_s")]
    pub age_max_s: f64,
    /// The wait after the first try in vain, in seconds; each later one is twice as long.
    #[serde(default = "retry_first_s")]
    pub retry_first_s: f64,
    /// The longest wait between two tries, in seconds.
    #[serde(default = "retry_max_s")]
    pub retry_max_s: f64,
}

/// A hook of the Redis port, as SETHOOK has set it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FenceOf {
    /// Where its messages go, as it was said.
    pub endpoints: Vec<String>,
    /// The fence, from NEARBY, WITHIN or INTERSECTS on.
    pub words: Vec<String>,
    /// What each message repeats, by name.
    #[serde(default)]
    pub meta: BTreeMap<String, String>,
}

/// How letters are delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Via {
    /// An HTTP POST per letter.
    Webhook {
        /// Where to: http or https.
        url: String,
        /// The name of the secret that signs each letter. The secret itself stands in the server's
        /// environment, as `CITYWALL_SECRET_` and the name in capitals, and is never answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<String>,
    },
    /// An MQTT message per letter, with quality of service 1.
    Mqtt(Broker),
}

/// A topic at a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Broker {
    /// The broker, as `mqtt://host:port`.
    pub broker: String,
    /// The topic, in which `{collection}`, `{id}`, `{level}`, `{district}`, `{street}`,
    /// `{community}` and `{grid}` stand for the item's own; a hook's is taken as it is.
    pub topic: String,
    /// The user's name at the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The name of the secret that is the password, as for a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// True has the broker keep the last message of the topic for who comes later.
    #[serde(default)]
    pub retain: bool,
}

impl Via {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Webhook { url, .. } if !(url.starts_with("http://") || url.starts_with("https://")) => {
                Err(format!("url: “{url}” is neither http nor https"))
            }
            Self::Mqtt(Broker { broker, .. }) if !broker.starts_with("mqtt://") => {
                Err(format!("broker: “{broker}” is not of the form mqtt://host:port"))
            }
            Self::Mqtt(Broker { topic, .. }) if topic.is_empty() || topic.contains(['+', '#']) => {
                Err("topic: must be a topic to publish to, without + and #".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn yes() -> bool {
    true
}

fn timeout_s() -> f64 {
    10.0
}

fn tries_max() -> u32 {
    16
}

fn age_max_s() -> f64 {
    24.0 * 3600.0
}

fn retry_first_s() -> f64 {
    1.0
}

fn retry_max_s() -> f64 {
    300.0
}

impl TargetDocument {
    /// Reads and checks an item's properties.
    ///
    /// # Errors
    /// What is wrong, with the member's name.
    pub fn read(properties: &Properties) -> Result<Self, String> {
        let document: Self = serde_json::from_value(Value::Object(properties.clone())).map_err(|error| error.to_string())?;
        document.check()?;
        Ok(document)
    }

    fn check(&self) -> Result<(), String> {
        if self.collections.is_empty() {
            return Err("collections: is empty; name the live collections whose changes are sent".to_owned());
        }
        if self.collections.iter().any(|name| name == "targets") {
            return Err("collections: “targets” changes whenever a letter is sent, so it cannot be sent itself".to_owned());
        }
        if self.levels.iter().any(|level| !(1..=4).contains(level)) {
            return Err("levels: must be among 1 (red), 2 (orange), 3 (yellow), 4 (blue)".to_owned());
        }
        let times = [
            ("timeout_s", self.timeout_s, limits::TARGET_TIMEOUT_SECONDS_MAX),
            ("age_max_s", self.age_max_s, limits::TARGET_AGE_SECONDS_MAX),
            ("retry_first_s", self.retry_first_s, limits::TARGET_AGE_SECONDS_MAX),
            ("retry_max_s", self.retry_max_s, limits::TARGET_AGE_SECONDS_MAX),
        ];
        for (member, seconds, max) in times {
            if !(seconds > 0.0 && seconds <= max) {
                return Err(format!("{member}: {seconds} is not between 0 and {max} seconds"));
            }
        }
        if self.tries_max == 0 {
            return Err("tries_max: must be at least 1".to_owned());
        }
        std::iter::once(&self.via).chain(&self.fallbacks).try_for_each(Via::check)
    }

    /// What it wants to hear of.
    ///
    /// # Errors
    /// A collection is unknown or the filter does not make sense.
    pub fn interest(&self, city: &City) -> Result<Interest, String> {
        let request = Subscribe {
            collections: self.collections.clone(),
            bbox: self.bbox,
            area: self.area.clone(),
            filter: self.filter.clone(),
            ..Subscribe::default()
        };
        Interest::read(&request, city).map_err(|(member, reason)| format!("{member}: {reason}"))
    }

    /// True if an item has a wanted level.
    pub fn wants_level(&self, item: &LiveItem) -> bool {
        self.levels.is_empty() || self.levels.contains(&item.level())
    }
}

/// A secret by its name.
///
/// # Errors
/// The environment does not have it; the message says which variable is missing.
pub fn secret(name: &str) -> Result<String, String> {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let variable = format!("CITYWALL_SECRET_{}", name.chars().map(upper).collect::<String>());
    std::env::var(&variable).map_err(|_| format!("secret: the server's environment has no {variable}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<TargetDocument, String> {
        TargetDocument::read(value.as_object().unwrap())
    }

    #[test]
    fn a_document_is_read_with_its_defaults_and_what_the_server_adds_is_no_part_of_it() {
        let plain = json!({"kind": "webhook", "url": "https://a.example/x", "collections": ["alarms"], "levels": [1, 2]});
        let document = read(plain.clone()).unwrap();
        assert_eq!((document.tries_max, document.enabled, document.levels.as_slice()), (16, true, &[1, 2][..]));
        let mut later = plain;
        later["delivered"] = json!(7);
        later["state"] = json!("ok");
        assert_eq!(read(later).unwrap(), document);
    }

    #[test]
    fn a_wrong_member_is_named() {
        let good = json!({"kind": "mqtt", "broker": "mqtt://b:1883", "topic": "city/{collection}/{id}", "collections": ["alarms"]});
        read(good.clone()).unwrap();
        for (member, value) in [
            ("kind", json!("pigeon")),
            ("broker", json!("http://b")),
            ("topic", json!("city/#")),
            ("collections", json!([])),
            ("collections", json!(["targets"])),
            ("levels", json!([5])),
            ("timeout_s", json!(0)),
            ("tries_max", json!(0)),
        ] {
            let mut bad = good.clone();
            bad[member] = value;
            let error = read(bad).unwrap_err();
            assert!(error.contains(member) || member == "kind" && error.contains("pigeon"), "{member}: {error}");
        }
        assert!(read(json!({"kind": "webhook", "url": "file:///etc/passwd", "collections": ["a"]})).unwrap_err().contains("url"));
    }
}
