//! `citywall-viewer`: the operations wall.
//!
//! The server's messages and tiles arrive on threads ([`net`]); [`city`] keeps what is known of the
//! city, chooses tiles ([`lod`]) and hands them with the markers to [`render`]; [`ui`] writes over
//! the picture; [`camera`] moves. [`shot`] renders without a window.

mod app;
mod args;
mod camera;
mod city;
mod displays;
mod doctor;
mod geo;
mod live;
mod lod;
mod measure;
mod net;
mod record;
mod render;
mod scene;
mod shot;
mod solids;
mod tiles;
mod ui;
mod window;

use clap::Parser;
use std::process::ExitCode;

/// Messages and tiles are taken apart on one thread and let go on another.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match app::run(&args::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("citywall-viewer: {error:#}");
            ExitCode::FAILURE
        }
    }
}
