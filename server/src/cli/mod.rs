//! The command line.

mod demo;
mod export;
mod import;
mod keep;
mod progress;
mod remote;
mod versions;

use crate::{config::Config, serve};
use clap::{Args, Parser, Subcommand};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The exit code of an import that stored something and refused something.
pub const SOME_REFUSED: u8 = 3;

/// A digital twin of a city: one binary, one file.
#[derive(Debug, Parser)]
#[command(name = "citywall", version, propagate_version = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  citywall demo --city demo.gpkg                        make the demo city
  citywall import buildings.geojson --city my.gpkg      import a layer; the file is made if there is none
  citywall serve --city my.gpkg                         serve it at http://127.0.0.1:8080/map
  citywall backup --city my.gpkg --to my-backup.gpkg    copy it, also while it is served

A city is one GeoPackage file, which QGIS and GDAL open as it is.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a city over HTTP: map page, API, tiles and live events
    Serve(Serve),
    /// Import a file into a city: vector data, CityJSON, elevation or imagery
    Import(import::Import),
    /// Make the demo city: Tianjin's districts and a generated city below them
    Demo(demo::Demo),
    /// Write the tiles of a city to one file: PMTiles or MBTiles
    Export(export::Export),
    /// List the versions of layers, or remove one that is kept
    Versions(versions::Versions),
    /// Copy a city as it is at one instant, also while it is served
    Backup(keep::Backup),
    /// Put a backup in the place of a city, once it is found sound
    Restore(keep::Restore),
    /// Check a city file for damage
    Verify(keep::Verify),
    /// Say what a city file holds
    Info(keep::Info),
    /// Print the JSON Schema of the configuration file
    ConfigSchema,
}

/// Serve a city over HTTP.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  citywall serve --city my.gpkg
  citywall serve --city my.gpkg --listen 127.0.0.1:0          any free port; the address is printed
  citywall serve --city my.gpkg --config citywall.toml        tokens, public address, CORS, limits
  citywall serve --city demo.gpkg --demo-feed                 with the demo's live events

Without tokens only loopback is served. SIGTERM or Ctrl-C ends it cleanly.")]
struct Serve {
    /// The city file
    #[arg(long, value_name = "FILE")]
    city: PathBuf,
    /// Address and port [default: 127.0.0.1:8080, or the configuration's]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address under which clients reach the server, with a proxy's prefix
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Post the demo city's generated events
    #[arg(long)]
    demo_feed: bool,
}

/// Does what the command line says.
///
/// # Errors
/// The command failed; the message is for the person who gave it.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Import(import) => import.run(),
        Command::Demo(demo) => demo.run(),
        Command::Export(export) => export.run(),
        Command::Versions(versions) => versions.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Verify(verify) => verify.run(),
        Command::Info(info) => info.run(),
        Command::ConfigSchema => {
            print!("{}", Config::schema());
            Ok(ExitCode::SUCCESS)
        }
    }
}

impl Serve {
    fn run(self) -> anyhow::Result<ExitCode> {
        let mut config = self.config.as_deref().map(Config::read).transpose()?.unwrap_or_default();
        if let Some(listen) = self.listen {
            config.listen = listen;
        }
        if self.public_url.is_some() {
            config.public_url = self.public_url;
        }
        serve::run(config, &self.city, self.demo_feed)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A city's name until its profile says another: the file's.
fn name_of(file: &Path) -> String {
    file.file_stem().map_or_else(|| "city".to_owned(), |stem| stem.to_string_lossy().into_owned())
}
