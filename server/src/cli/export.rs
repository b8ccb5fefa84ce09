//! `citywall export`: the tiles of a city in one file.

use super::progress::Bar;
use anyhow::{Context, bail};
use citywall_model::{CollectionId, limits};
use citywall_query::City;
use citywall_store::GeoPackage;
use citywall_tiles::{ArchiveFormat, ArchivePlan, write_archive};
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use std::{path::PathBuf, process::ExitCode, sync::Arc};

/// Write the tiles of a city to one file: PMTiles or MBTiles.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  citywall export --city my.gpkg --to my.pmtiles
  citywall export --city my.gpkg --to base.mbtiles --layers districts,roads,buildings --zoom 8-16

Tiles are those of WebMercatorQuad, with gzip; tiles without features are left out. Works while the
city is served. Nothing is overwritten, and a file that is not whole is not left behind.")]
pub struct Export {
    /// The city file
    #[arg(long, value_name = "FILE")]
    city: PathBuf,
    /// The file to make, ending in .pmtiles or .mbtiles
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The collections, separated by commas [default: every layer]
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    layers: Vec<String>,
    /// First and last zoom level
    #[arg(long, value_name = "FIRST-LAST", default_value = "0-15", value_parser = zooms)]
    zoom: (u8, u8),
    /// The tileset's name [default: the city's]
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Draw no progress bar
    #[arg(long)]
    quiet: bool,
}

fn zooms(text: &str) -> Result<(u8, u8), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let level = |text: &str| text.trim().parse().ok().filter(|level: &u8| *level <= limits::TILE_ZOOM_MAX);
    match (level(first), level(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err(format!("give two zoom levels from 0 to {} such as 0-15", limits::TILE_ZOOM_MAX)),
    }
}

impl Export {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        ArchiveFormat::of(&self.to)?;
        let bar = Bar::new(self.quiet);
        bar.set("loading the city", 0, None);
        let city = City::open(Arc::new(GeoPackage::open_read_only(&self.city)?))?;
        let views = if self.layers.is_empty() {
            city.collections().into_iter().filter(|view| !view.is_live() && !view.is_raster()).collect()
        } else {
            let view = |name: &String| Ok(city.view(&CollectionId::new(name.trim())?)?);
            self.layers.iter().map(view).collect::<anyhow::Result<Vec<_>>>().context("--layers")?
        };
        if let Some(view) = views.iter().find(|view| view.is_raster()) {
            bail!("--layers: {} has no vector tiles", view.id());
        }
        if views.len() > crate::limits::TILE_COLLECTIONS_MAX {
            bail!("--layers: {} where at most TILE_COLLECTIONS_MAX ({}) fit into a tile", views.len(), crate::limits::TILE_COLLECTIONS_MAX);
        }
        let plan =
            ArchivePlan { views, zooms: self.zoom.0..=self.zoom.1, name: self.name.unwrap_or_else(|| city.profile().name.en.clone()) };
        let counts = write_archive(&self.to, &plan, &mut |at| {
            bar.set(&format!("zoom {}", at.zoom), at.done, Some(at.total));
            true
        })?;
        bar.finish();
        println!("{}: {} tiles, {}", self.to.display(), HumanCount(counts.tiles), HumanBytes(counts.bytes));
        if counts.thinned > 0 {
            println!("{} tiles left out their least important features to stay within {} bytes", counts.thinned, limits::TILE_BYTES_MAX);
        }
        Ok(ExitCode::SUCCESS)
    }
}
