//! `citywall demo`

use super::{name_of, progress::Bar};
use citywall_model::CityProfile;
use citywall_store::GeoPackage;
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

/// Make the demo city.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  citywall demo --city demo.gpkg                     60,000 buildings, in seconds
  citywall demo --city big.gpkg --scale city         1,000,000 buildings

The 16 district outlines are Tianjin's; everything below them is generated and says so.
The same seed gives the same city; the digests that are printed prove it.")]
pub struct Demo {
    /// The city file to make; it must not exist
    #[arg(long, value_name = "FILE")]
    city: PathBuf,
    /// How many buildings
    #[arg(long, value_enum, default_value = "small")]
    scale: Scale,
    /// Another seed gives another city
    #[arg(long, default_value_t = citywall_demo::DEFAULT_SEED)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Scale {
    /// 60,000 buildings
    Small,
    /// 1,000,000 buildings
    City,
}

impl From<Scale> for citywall_demo::Scale {
    fn from(scale: Scale) -> Self {
        match scale {
            Scale::Small => Self::Small,
            Scale::City => Self::City,
        }
    }
}

impl Demo {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = GeoPackage::create(&self.city, &CityProfile::named(name_of(&self.city)))?;
        let bar = Bar::new(false);
        let made =
            citywall_demo::generate(self.scale.into(), self.seed, &store, &mut |layer, done, total| bar.set(layer, done, Some(total)));
        bar.finish();
        let digests = made.inspect_err(|_| {
            drop(store);
            // Half a demo city is no use to anyone.
            let _ = std::fs::remove_file(&self.city);
        })?;
        for digest in digests {
            println!("{digest}");
        }
        println!("next: citywall serve --city {} --demo-feed", self.city.display());
        Ok(ExitCode::SUCCESS)
    }
}
