//! The binary `citywall`: a city over HTTP, and the commands that fill, copy and check its file.
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

/// Records come in by the ten thousand and are made of many small pieces on several threads: the
/// system's allocator takes a fifth of the time of an ingest.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("citywall: {error:#}");
            ExitCode::FAILURE
        }
    }
}
