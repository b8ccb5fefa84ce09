//! Drives the built binary over HTTP, each test on a city and a port of its own.
#![allow(clippy::unwrap_used)]

mod access;
mod bad_input;
mod command_line;
mod control;
mod edit;
mod export;
mod features;
mod filter;
mod harness;
mod history;
mod imagery;
mod ingest;
mod life;
mod live;
mod networks;
mod processes;
mod query;
mod redis;
mod replay;
mod rules;
mod styles;
mod targets;
mod tiles;
mod versions;
mod visibility;
mod ways_in;
