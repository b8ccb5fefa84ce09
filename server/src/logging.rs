//! Structured logs on standard error.

use crate::config::{Config, LogFormat};
use anyhow::Context;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging as the configuration says.
///
/// # Errors
/// `log_level` is no filter.
pub fn start(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_level).with_context(|| format!("log_level: “{}” is no filter", config.log_level))?;
    let is_json = match config.log {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started =
        if is_json { logs.json().flatten_event(true).try_init() } else { logs.with_ansi(std::io::stderr().is_terminal()).try_init() };
    started.map_err(|error| anyhow::anyhow!("logging did not start: {error}"))
}
