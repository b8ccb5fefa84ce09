//! `[[sources]]`: who sends, and what is expected of them.

use super::MqttConfig;
use anyhow::bail;
use citywall_model::limits;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// One source of live items: an entry of the register, the collection `sources`. Sources that
/// are not listed are registered when they are first heard.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Its name: what its records carry as `source`.
    pub name: String,
    /// What it sends and on what terms, in words or as the address of a JSON Schema.
    pub contract: Option<String>,
    /// The name of its credentials, such as that of a token; never the secret itself.
    pub credentials: Option<String>,
    /// How many records are expected of it in a minute.
    pub expected_per_minute: Option<f64>,
    /// After how many seconds without a record it counts as silent.
    pub heartbeat_s: Option<u32>,
}

impl SourceConfig {
    /// The properties of its item; what is not configured is taken away.
    pub fn properties(&self) -> Value {
        json!({
            "contract": self.contract, "credentials": self.credentials,
            "expected_per_minute": self.expected_per_minute, "heartbeat_s": self.heartbeat_s,
        })
    }
}

impl From<&MqttConfig> for SourceConfig {
    fn from(mqtt: &MqttConfig) -> Self {
        let topics: Vec<String> = mqtt.topics.iter().map(|topic| format!("{} → {}", topic.topic, topic.collection)).collect();
        Self {
            name: mqtt.name.clone(),
            contract: Some(format!("MQTT, {}: {}", mqtt.broker, topics.join(", "))),
            credentials: mqtt.username.clone(),
            expected_per_minute: mqtt.expected_per_minute,
            heartbeat_s: mqtt.heartbeat_s,
        }
    }
}

/// Checks all tables together.
///
/// # Errors
/// A name is empty, too long or taken twice, or a number makes no sense.
pub fn check(all: &[SourceConfig]) -> anyhow::Result<()> {
    for (at, source) in all.iter().enumerate() {
        let name = &source.name;
        if name.is_empty() || name.len() > limits::ITEM_ID_BYTES_MAX {
            bail!("sources[{at}]: name needs 1 to ITEM_ID_BYTES_MAX ({}) bytes", limits::ITEM_ID_BYTES_MAX);
        }
        if all[..at].iter().any(|other| other.name == *name) {
            bail!("sources[{at}]: the name “{name}” is taken");
        }
        if source.heartbeat_s == Some(0) || source.expected_per_minute.is_some_and(|rate| rate.is_nan() || rate <= 0.0) {
            bail!("sources[{at}] (“{name}”): heartbeat_s and expected_per_minute must be greater than 0");
        }
    }
    Ok(())
}
