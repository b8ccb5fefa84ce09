//! The binary `citywall`: a city over HTTP, and the commands that fill, copy and check its file.
//! It is a library so that the fuzz targets of `tests/fuzz` reach its readers; nothing else links it.
//!
//! This crate is the only place that knows HTTP. A request goes through [`access`] (who may do
//! what), to one module of [`api`] per standard, which asks the engine and writes the answer
//! with [`geojson`] or [`html`]. What [`rules`] find is part of the commit that they find it in. Changes come back to the clients through [`live`], and go out to other
//! systems through [`targets`].

mod access;
mod api;
mod app;
mod cli;
mod config;
mod export;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod geojson;
mod html;
mod http;
mod importing;
mod ingest;
mod jobs;
mod limits;
mod live;
mod logging;
mod metrics;
mod redis;
mod retention;
mod rules;
mod serve;
mod targets;

use clap::Parser;
use std::process::ExitCode;

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("citywall: {error:#}");
            ExitCode::FAILURE
        }
    }
}
