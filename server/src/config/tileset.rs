//! `[[tilesets]]`: 3D Tiles that other programs made, such as photogrammetry, served as they are.

use super::Title;
use anyhow::{Context, bail};
use citywall_model::CollectionId;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// A foreign tileset: a folder with a `tileset.json`, passed through under `/3dtiles/{id}/`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TilesetConfig {
    /// Its name in addresses: lower-case letters, digits, `_` and `-`.
    pub id: String,
    /// What a person calls it.
    pub title: Title,
    /// The folder that holds its `tileset.json`.
    pub folder: PathBuf,
    /// Where it comes from and under which licence, in words.
    #[serde(default)]
    pub source: String,
}

/// Checks all tables together.
///
/// # Errors
/// An id is none, or is taken twice.
pub fn check(all: &[TilesetConfig]) -> anyhow::Result<()> {
    for (at, tileset) in all.iter().enumerate() {
        CollectionId::new(&tileset.id).with_context(|| format!("tilesets[{at}]: id"))?;
        if all[..at].iter().any(|other| other.id == tileset.id) {
            bail!("tilesets[{at}]: the id “{}” is taken", tileset.id);
        }
    }
    Ok(())
}
