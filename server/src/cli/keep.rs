//! `citywall backup`, `restore`, `verify` and `info`: what keeps a city safe.

use super::progress::Bar;
use anyhow::Context;
use citywall_store::{CityStore, GeoPackage};
use clap::Args;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Copy a city as it is at one instant, also while it is served.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  citywall backup --city my.gpkg --to backups/my-2026-03-01.gpkg

The copy is a complete city. It is checked once it is written.")]
pub struct Backup {
    /// The city file
    #[arg(long, value_name = "FILE")]
    city: PathBuf,
    /// The file to make; it must not exist
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Put a backup in the place of a city, once it is found sound.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  citywall restore --from backups/my-2026-03-01.gpkg --city my.gpkg

The backup is verified first, and a city file that is there is never overwritten: move it away before.")]
pub struct Restore {
    /// The backup
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The city file to make; it must not exist
    #[arg(long, value_name = "FILE")]
    city: PathBuf,
}

/// Check a city file for damage.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  citywall verify --city my.gpkg

Reads everything: pages, tables, geometries, the journal. Works while the city is served.
Exit codes: 0 sound, 1 damaged (one line per fault) or not readable.")]
pub struct Verify {
    /// The city file
    #[arg(long, value_name = "FILE")]
    city: PathBuf,
}

/// Say what a city file holds.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  citywall info --city my.gpkg
  citywall info --city my.gpkg --json")]
pub struct Info {
    /// The city file
    #[arg(long, value_name = "FILE")]
    city: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = GeoPackage::open_read_only(&self.city)?;
        let bar = Bar::new(false);
        store.backup(&self.to, &mut |done, total| bar.set("copying", done, Some(total)))?;
        bar.set("checking the copy", 0, None);
        let faults = GeoPackage::open_read_only(&self.to)?.verify()?;
        bar.finish();
        report(&faults, &self.to)
    }
}

impl Restore {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        GeoPackage::restore(&self.from, &self.city)?;
        println!("{} is restored from {}", self.city.display(), self.from.display());
        Ok(ExitCode::SUCCESS)
    }
}

impl Verify {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let faults = GeoPackage::open_read_only(&self.city)?.verify()?;
        report(&faults, &self.city)
    }
}

fn report(faults: &[String], file: &std::path::Path) -> anyhow::Result<ExitCode> {
    if faults.is_empty() {
        println!("{} is sound", file.display());
        return Ok(ExitCode::SUCCESS);
    }
    for fault in faults {
        println!("{fault}");
    }
    println!("{} has {} faults", file.display(), faults.len());
    Ok(ExitCode::FAILURE)
}

impl Info {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = GeoPackage::open_read_only(&self.city)?;
        let (profile, collections, revision) = (store.profile()?, store.collections()?, store.revision());
        if self.json {
            let document = json!({"profile": profile, "revision": revision, "collections": collections});
            println!("{}", serde_json::to_string_pretty(&document).context("the city cannot be told as JSON")?);
            return Ok(ExitCode::SUCCESS);
        }
        println!("{} / {}, revision {revision}, {}", profile.name.zh, profile.name.en, profile.time_zone);
        for meta in collections {
            let kind = if meta.kind.is_live() { "live" } else { "layer" };
            let generated = if meta.generated { ", generated" } else { "" };
            println!(
                "  {:<24} {kind:<6} {:>10} items  {:<16} {} / {} (from {}{generated}; {})",
                meta.id.as_str(),
                meta.count,
                meta.geometry_type,
                meta.title.zh,
                meta.title.en,
                meta.source_crs,
                meta.source
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
