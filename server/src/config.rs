//! The one configuration file (TOML). `citywall config-schema` prints its JSON Schema.
//!
//! Everything has a default: a server on loopback needs no file. A key that is not known is an
//! error that names the line.

mod live;
mod mqtt;
mod source;
mod tileset;

pub use live::{Category, LiveConfig, LiveKind, PropertyConfig, PropertyKind, Title};
pub use mqtt::{MqttConfig, MqttVersion, Payload, TopicConfig};
pub use source::SourceConfig;
pub use tileset::TilesetConfig;

use crate::{limits, targets::Allowed};
use anyhow::{Context, bail};
use citywall_model::limits as engine;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The configuration of `citywall serve`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port to listen on. Any address but a loopback one needs tokens. `--listen` overrides it.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// The address under which clients reach the server, with the path prefix if a proxy adds one,
    /// such as `https://city.example/wall`. Every link is built on it. `--public-url` overrides it.
    pub public_url: Option<String>,
    /// Take the public address from X-Forwarded-Proto, -Host and -Prefix. Only behind a proxy that sets them.
    pub trust_forwarded: bool,
    /// Origins of foreign web pages that may read (never write), such as `https://gis.example`; `*` allows all.
    pub cors_origins: Vec<String>,
    /// How logs are written: `text`, `json`, or `auto` (text on a terminal, else JSON).
    pub log: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter such as `info,citywall=debug`.
    pub log_level: String,
    /// Access tokens. Without any, only loopback is served and everything there is allowed.
    pub tokens: Vec<TokenConfig>,
    /// Live collections, and what their items must be.
    pub live: Vec<LiveConfig>,
    /// Private networks that targets may lie in, such as `10.1.0.0/16`. Public addresses need no
    /// entry; loopback is allowed where the server itself listens on loopback.
    pub targets_allow: Vec<String>,
    /// The folder into which history is written, as newline-delimited JSON, before it ages out
    /// (`retention_days`); it is not kept without one. Relative to the configuration file.
    pub history_export: Option<PathBuf>,
    /// The folder of scenes (TOML) that the walls were started with, for `/control` to offer; those
    /// that come with the wall without it. Relative to the configuration file.
    pub scenes: Option<PathBuf>,
    /// Who sends live items, and what is expected of them.
    pub sources: Vec<SourceConfig>,
    /// MQTT brokers to subscribe to.
    pub mqtt: Vec<MqttConfig>,
    /// 3D Tiles of other programs, such as photogrammetry, that are passed through.
    pub tilesets: Vec<TilesetConfig>,
    /// The door for Redis clients that speak Tile38's commands.
    pub redis: RedisConfig,
    /// Limits that an operator may want to change.
    pub limits: LimitsConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            trust_forwarded: false,
            cors_origins: Vec::new(),
            log: LogFormat::Auto,
            log_level: "info".to_owned(),
            tokens: Vec::new(),
            live: Vec::new(),
            targets_allow: Vec::new(),
            history_export: None,
            scenes: None,
            sources: Vec::new(),
            mqtt: Vec::new(),
            tilesets: Vec::new(),
            redis: RedisConfig::default(),
            limits: LimitsConfig::default(),
        }
    }
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    #[default]
    Auto,
    /// One line of text per entry.
    Text,
    /// One JSON object per entry.
    Json,
}

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Every read.
    Read,
    /// Posting items to live collections.
    Ingest,
    /// Imports and other operations.
    Operate,
}

/// One access token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Who holds it; the journal names it as the actor of every write.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The token itself, at least 16 characters. Give this or `sha256`.
    pub secret: Option<String>,
    /// The SHA-256 of the token in hexadecimal, so that the file holds no secret.
    pub sha256: Option<String>,
}

/// The door for Redis clients that speak Tile38's commands.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedisConfig {
    /// Address and port to listen on, such as `127.0.0.1:9851`; without it the door is shut. Any
    /// address but a loopback one needs tokens, and clients then say one with AUTH.
    #[schemars(with = "Option<String>")]
    pub listen: Option<SocketAddr>,
}

/// Limits that an operator may want to change.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Most bytes of one ingest body.
    pub ingest_body_bytes_max: usize,
    /// Most open connections.
    pub connections_max: usize,
    /// Most requests that are worked on at once.
    pub requests_max: usize,
    /// Most live subscribers.
    pub subscribers_max: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            ingest_body_bytes_max: engine::INGEST_BODY_BYTES_MAX,
            connections_max: limits::CONNECTIONS_MAX,
            requests_max: limits::REQUESTS_MAX,
            subscribers_max: engine::SUBSCRIBERS_MAX,
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or has an unknown key (the message names the line).
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration {}", path.display()))?;
        let mut config = Self::parse(&text).with_context(|| format!("in the configuration {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.live.iter_mut().try_for_each(|live| live.read_classes(folder))?;
        config.history_export = config.history_export.map(|export| folder.join(export));
        config.scenes = config.scenes.map(|scenes| folder.join(scenes));
        config.tilesets.iter_mut().for_each(|tileset| tileset.folder = folder.join(&tileset.folder));
        Ok(config)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// Checks what a type cannot say, once the command line has had its say.
    ///
    /// # Errors
    /// A setting does not make sense, or a public address would be served without tokens.
    pub fn check(&self) -> anyhow::Result<()> {
        if !self.listen.ip().is_loopback() && self.tokens.is_empty() {
            bail!(
                "listening on {} would let anyone on the network read and write the city. Add [[tokens]] to the configuration, or listen on 127.0.0.1",
                self.listen
            );
        }
        if let Some(address) = self.redis.listen.filter(|address| !address.ip().is_loopback() && self.tokens.is_empty()) {
            bail!(
                "redis.listen: {address} would let anyone on the network in. Add [[tokens]] to the configuration, or listen on 127.0.0.1"
            );
        }
        for (at, token) in self.tokens.iter().enumerate() {
            let place = format!("tokens[{at}]");
            if token.name.trim().is_empty() || token.name.len() > 64 {
                bail!("{place}: name needs 1 to 64 characters");
            }
            if self.tokens[..at].iter().any(|other| other.name == token.name) {
                bail!("{place}: the name “{}” is taken", token.name);
            }
            if token.scopes.is_empty() {
                bail!("{place} (“{}”): scopes is empty; give read, ingest or operate", token.name);
            }
            match (&token.secret, &token.sha256) {
                (Some(secret), None) if secret.len() < limits::TOKEN_BYTES_MIN => {
                    bail!("{place} (“{}”): secret is shorter than TOKEN_BYTES_MIN ({})", token.name, limits::TOKEN_BYTES_MIN)
                }
                (None, Some(hex)) if hex.len() != 64 || !hex.chars().all(|c| c.is_ascii_hexdigit()) => {
                    bail!("{place} (“{}”): sha256 needs 64 hexadecimal digits", token.name)
                }
                (Some(_), None) | (None, Some(_)) => {}
                _ => bail!("{place} (“{}”): give either secret or sha256", token.name),
            }
        }
        live::check(&self.live)?;
        self.allowed_addresses()?;
        source::check(&self.sources)?;
        mqtt::check(&self.mqtt)?;
        tileset::check(&self.tilesets)?;
        if let Some(url) = &self.public_url {
            check_origin("public_url", url)?;
        }
        for origin in self.cors_origins.iter().filter(|origin| *origin != "*") {
            check_origin("cors_origins", origin)?;
        }
        Ok(())
    }

    /// The addresses that targets may have.
    ///
    /// # Errors
    /// An entry of `targets_allow` is no network.
    pub fn allowed_addresses(&self) -> anyhow::Result<Allowed> {
        let network = |text: &String| {
            let one = || text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from);
            text.parse().ok().or_else(one).with_context(|| format!("targets_allow: “{text}” is no network such as 10.1.0.0/16"))
        };
        let networks = self.targets_allow.iter().map(network).collect::<anyhow::Result<_>>()?;
        Ok(Allowed { networks, loopback: self.listen.ip().is_loopback() })
    }

    /// The JSON Schema of the file, pretty-printed.
    pub fn schema() -> String {
        let schema = schemars::schema_for!(Self);
        format!("{:#}\n", schema.to_value())
    }
}

fn check_origin(setting: &str, url: &str) -> anyhow::Result<()> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#', '@', ' ']) => Ok(()),
        _ => bail!("{setting}: “{url}” is no address such as https://city.example/wall"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_example_is_valid_and_says_the_defaults() {
        let example = Config::parse(include_str!("../citywall.example.toml")).expect("the example");
        example.check().expect("the example makes sense");
        let default = Config::default();
        assert_eq!(example.listen, default.listen);
        assert_eq!(example.limits.requests_max, default.limits.requests_max);
        assert_eq!(example.limits.ingest_body_bytes_max, default.limits.ingest_body_bytes_max);
        assert_eq!(example.limits.connections_max, default.limits.connections_max);
        assert_eq!(example.limits.subscribers_max, default.limits.subscribers_max);
    }

    #[test]
    fn the_committed_schema_is_current() {
        assert_eq!(include_str!("../citywall.schema.json"), Config::schema(), "run `citywall config-schema > server/citywall.schema.json`");
    }

    #[test]
    fn an_unknown_key_names_its_line() {
        let error = Config::parse("listen = \"127.0.0.1:1\"\nlissten = 3\n").expect_err("unknown key").to_string();
        assert!(error.contains("line 2") && error.contains("lissten"), "{error}");
    }

    #[test]
    fn a_public_address_needs_tokens() {
        let config = Config::parse("listen = \"0.0.0.0:8080\"").expect("valid");
        assert!(config.check().expect_err("no tokens").to_string().contains("[[tokens]]"));
        let with = "listen = \"0.0.0.0:8080\"\n[[tokens]]\nname = \"a\"\nscopes = [\"read\"]\nsecret = \"0123456789abcdef\"";
        Config::parse(with).expect("valid").check().expect("has a token");
        let short = with.replace("0123456789abcdef", "short");
        assert!(Config::parse(&short).expect("valid").check().is_err());
    }
}
