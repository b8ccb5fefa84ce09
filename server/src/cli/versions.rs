//! `citywall versions`: what is kept of a layer besides its current version.

use super::remote::Remote;
use anyhow::{Context, bail};
use citywall_model::{CollectionId, CollectionKind};
use citywall_store::{CityStore, GeoPackage, LayerVersion, StoreError};
use clap::Args;
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode};

/// List the versions of layers, or remove one that is kept.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  citywall import buildings-march.gpkg --city my.gpkg --layer buildings --id-field code --keep 4
  citywall import buildings-november.gpkg --city my.gpkg --layer buildings --id-field code
  citywall versions --city my.gpkg
  citywall versions --city my.gpkg --layer buildings --remove 1

On a city that is being served the server removes it.")]
pub struct Versions {
    /// The city file
    #[arg(long, value_name = "FILE")]
    city: PathBuf,
    /// Only this layer
    #[arg(long, value_name = "ID", value_parser = |text: &str| CollectionId::new(text))]
    layer: Option<CollectionId>,
    /// Remove this kept version of the layer
    #[arg(long, value_name = "VERSION", requires = "layer")]
    remove: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// A token with the scope `operate`, if the city is served with tokens
    #[arg(long, env = "CITYWALL_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Versions {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if let (Some(layer), Some(version)) = (&self.layer, self.remove) {
            self.remove(layer, version)?;
            println!("version {version} of {layer} is removed");
            return Ok(ExitCode::SUCCESS);
        }
        let store = GeoPackage::open_read_only(&self.city)?;
        let layers: Vec<CollectionId> = match self.layer {
            Some(layer) => vec![layer],
            None => {
                let all = store.collections()?.into_iter();
                all.filter(|meta| meta.kind == CollectionKind::Layer).map(|meta| meta.id).collect()
            }
        };
        let mut versions = Vec::new();
        for layer in &layers {
            versions.extend(store.versions(layer)?);
        }
        if self.json {
            let list: Vec<Value> = versions.iter().map(document).collect();
            println!("{}", serde_json::to_string_pretty(&list).context("the versions cannot be told as JSON")?);
            return Ok(ExitCode::SUCCESS);
        }
        for LayerVersion { meta, published, until } in versions {
            let state = if until.is_some() { "kept" } else { "current" };
            println!(
                "  {:<24} {:>4} {state:<8} {:>10} items  revision {:<8} {published:.0}  {}",
                meta.id.as_str(),
                meta.version,
                meta.count,
                meta.revision.0,
                meta.source
            );
        }
        Ok(ExitCode::SUCCESS)
    }

    fn remove(&self, layer: &CollectionId, version: u32) -> anyhow::Result<()> {
        let is_gone = match GeoPackage::open(&self.city) {
            Ok(store) => store.remove_version(layer, version)?,
            Err(StoreError::Locked { address: Some(address), .. }) => {
                return Remote::new(&address, self.token.as_deref()).remove_version(layer, version);
            }
            Err(error) => return Err(error.into()),
        };
        if !is_gone {
            bail!("{layer} keeps no version {version}; the current one is replaced by an import");
        }
        Ok(())
    }
}

fn document(version: &LayerVersion) -> Value {
    let LayerVersion { meta, published, until } = version;
    json!({
        "layer": meta.id, "version": meta.version, "revision": meta.revision, "until": until,
        "published": published.to_string(), "source": meta.source, "count": meta.count,
    })
}
