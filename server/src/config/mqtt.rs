//! `[[mqtt]]`: brokers that the server subscribes to, and how messages become records.

use crate::ingest::mqtt::{Expression, Pattern};
use anyhow::{Context, bail};
use citywall_model::CollectionId;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// A broker to subscribe to. The server keeps a session there, so that messages of QoS 1 and 2
/// wait for it while it is away; they are acknowledged only once they are durable. Messages of
/// QoS 0 are best effort: those that find no room are dropped and counted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MqttConfig {
    /// The name of the source: its entry in the register, and what records carry as `source`
    /// unless their topic says otherwise.
    pub name: String,
    /// The broker: `mqtt://host:1883`, or `mqtts://host:8883` for TLS.
    pub broker: String,
    /// The protocol's version.
    #[serde(default)]
    pub version: MqttVersion,
    /// The name of the session at the broker; `citywall-` and the name, without it. No two
    /// clients of a broker may have the same.
    pub client_id: Option<String>,
    /// The user.
    pub username: Option<String>,
    /// The name of the environment variable that holds the password.
    pub password_env: Option<String>,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
    /// The certificates to trust over TLS, as PEM.
    #[serde(default = "system_certificates")]
    pub ca_file: PathBuf,
    /// Seconds between two signs of life.
    #[serde(default = "thirty")]
    pub keep_alive_s: u16,
    /// How many records are expected in a minute.
    pub expected_per_minute: Option<f64>,
    /// After how many seconds without a record the source counts as silent.
    pub heartbeat_s: Option<u32>,
    /// What to subscribe to.
    pub topics: Vec<TopicConfig>,
}

fn system_certificates() -> PathBuf {
    "/etc/ssl/certs/ca-certificates.crt".into()
}

fn thirty() -> u16 {
    30
}

/// A version of MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum MqttVersion {
    /// 3.1.1
    #[default]
    #[serde(rename = "3.1.1")]
    V3,
    /// 5
    #[serde(rename = "5")]
    V5,
}

/// A subscription, and how its messages become records.
///
/// Where a value is asked for, a text that begins with `/` is a JSON pointer into the record
/// (RFC 6901), the empty text is the whole record, and anything else is a text in which `{name}`
/// stands for a level of the topic and `{/pointer}` for a value of the record.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicConfig {
    /// The topic; `{name}` is any one level, `{name#}` at the end all the rest: `vehicles/{id}/position`.
    #[schemars(with = "String")]
    pub topic: Pattern,
    /// The live collection that the records go to.
    #[schemars(with = "String")]
    pub collection: CollectionId,
    /// The quality of service to ask for: 0, 1 or 2.
    #[serde(default = "one")]
    pub qos: u8,
    /// What a message holds.
    #[serde(default)]
    pub payload: Payload,
    /// Where in the message the array of its records is, as a JSON pointer; the message is one record without it.
    pub records: Option<String>,
    /// The item's id.
    #[serde(default = "id_of_topic")]
    #[schemars(with = "String")]
    pub id: Expression,
    /// When it happened; when the message came, without it.
    #[schemars(with = "Option<String>")]
    pub time: Option<Expression>,
    /// How the time is written: `rfc3339`, `unix_s`, `unix_ms`, or a pattern such as `%Y-%m-%d %H:%M:%S`.
    #[serde(default = "rfc3339")]
    pub time_format: String,
    /// The time zone of times that name none, such as `Asia/Shanghai`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Degrees east.
    #[schemars(with = "Option<String>")]
    pub longitude: Option<Expression>,
    /// Degrees north.
    #[schemars(with = "Option<String>")]
    pub latitude: Option<Expression>,
    /// Metres.
    #[schemars(with = "Option<String>")]
    pub altitude: Option<Expression>,
    /// A GeoJSON geometry, where the place is no point.
    #[schemars(with = "Option<String>")]
    pub geometry: Option<Expression>,
    /// Who reports it.
    #[schemars(with = "Option<String>")]
    pub source: Option<Expression>,
    /// The item's properties; what a record does not have is left as it is.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub properties: BTreeMap<String, Expression>,
}

fn one() -> u8 {
    1
}

fn id_of_topic() -> Expression {
    Expression::field("id")
}

fn rfc3339() -> String {
    "rfc3339".to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What a message holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// JSON, out of which the values are taken.
    #[default]
    Json,
    /// A GeoJSON Feature as it would be posted; nothing is to be mapped.
    Feature,
}

impl MqttConfig {
    /// Host and port.
    ///
    /// # Errors
    /// The address is none.
    pub fn address(&self) -> anyhow::Result<(String, u16, bool)> {
        let (rest, is_tls) = match (self.broker.strip_prefix("mqtt://"), self.broker.strip_prefix("mqtts://")) {
            (Some(rest), _) => (rest, false),
            (_, Some(rest)) => (rest, true),
            _ => bail!("mqtt “{}”: broker “{}” is not of the form mqtt://host:port or mqtts://host:port", self.name, self.broker),
        };
        if rest.contains('@') {
            bail!("mqtt “{}”: broker holds credentials; give username and password_env or password_file", self.name);
        }
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && !port.contains(']') => {
                (host, port.parse().with_context(|| format!("mqtt “{}”: “{port}” is no port", self.name))?)
            }
            _ => (rest, if is_tls { 8883 } else { 1883 }),
        };
        if host.is_empty() {
            bail!("mqtt “{}”: broker names no host", self.name);
        }
        Ok((host.trim_matches(['[', ']']).to_owned(), port, is_tls))
    }

    /// The user and the password, from where the configuration says.
    ///
    /// # Errors
    /// The variable is not set, or the file cannot be read.
    pub fn credentials(&self) -> anyhow::Result<Option<(String, String)>> {
        let Some(username) = &self.username else { return Ok(None) };
        let password = match (&self.password_env, &self.password_file) {
            (Some(name), _) => std::env::var(name).with_context(|| format!("mqtt “{}”: the environment variable {name}", self.name))?,
            (None, Some(file)) => std::fs::read_to_string(file)
                .with_context(|| format!("mqtt “{}”: cannot read password_file {}", self.name, file.display()))?
                .trim_end_matches(['\r', '\n'])
                .to_owned(),
            (None, None) => String::new(),
        };
        Ok(Some((username.clone(), password)))
    }

    fn check(&self) -> anyhow::Result<()> {
        let name = &self.name;
        if name.is_empty() || name.len() > 64 {
            bail!("mqtt: name needs 1 to 64 bytes");
        }
        self.address()?;
        if self.password_env.is_some() && self.password_file.is_some() {
            bail!("mqtt “{name}”: give either password_env or password_file");
        }
        if self.keep_alive_s < 5 {
            bail!("mqtt “{name}”: keep_alive_s must be at least 5");
        }
        if self.topics.is_empty() {
            bail!("mqtt “{name}”: topics is empty");
        }
        for topic in &self.topics {
            topic.check().with_context(|| format!("mqtt “{name}”, topic “{}”", topic.topic))?;
        }
        Ok(())
    }
}

impl TopicConfig {
    fn check(&self) -> anyhow::Result<()> {
        if self.qos > 2 {
            bail!("qos must be 0, 1 or 2");
        }
        if self.longitude.is_some() != self.latitude.is_some() {
            bail!("longitude and latitude belong together");
        }
        if self.geometry.is_some() && self.longitude.is_some() {
            bail!("give either geometry or longitude and latitude");
        }
        let all = [&self.time, &self.longitude, &self.latitude, &self.altitude, &self.geometry, &self.source];
        let all = all.into_iter().flatten().chain([&self.id]).chain(self.properties.values());
        for field in all.flat_map(Expression::fields) {
            if self.payload == Payload::Json && !self.topic.fields().any(|known| known == field) {
                bail!("“{{{field}}}” is no level of the topic");
            }
        }
        if let Some(name) = ["source", "time"].into_iter().find(|name| self.properties.contains_key(*name)) {
            bail!("give {name} beside the properties, not among them");
        }
        if !matches!(self.time_format.as_str(), "rfc3339" | "unix_s" | "unix_ms") && !self.time_format.contains('%') {
            bail!("time_format “{}” is neither rfc3339, unix_s, unix_ms nor a pattern with %", self.time_format);
        }
        jiff::tz::TimeZone::get(&self.time_zone).with_context(|| format!("time_zone “{}”", self.time_zone))?;
        Ok(())
    }
}

/// Checks all tables together.
///
/// # Errors
/// One does not make sense, or a name is taken twice.
pub fn check(all: &[MqttConfig]) -> anyhow::Result<()> {
    for (at, mqtt) in all.iter().enumerate() {
        mqtt.check()?;
        if all[..at].iter().any(|other| other.name == mqtt.name) {
            bail!("mqtt “{}”: the name is taken", mqtt.name);
        }
    }
    Ok(())
}
