//! The scenes of a wall, as the wall shows them and the server offers them: those that come with the wall, and
//! the files of a folder.

use std::{
    io,
    path::{Path, PathBuf},
};

macro_rules! shipped {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("../../../scenes/", $name, ".toml")))),*] };
}

/// The scenes that come with the wall: name and TOML, in the order of its menu; the overview is the first.
pub const SHIPPED_SCENES: [(&str, &str); 15] = shipped![
    "overview",
    "governance",
    "traffic",
    "emergency",
    "video",
    "urban",
    "ecology",
    "pipes",
    "energy",
    "vehicles",
    "appeals",
    "planning",
    "elderly",
    "food",
    "economy",
];

/// Scenes of a folder, at most.
pub const SCENES_MAX: usize = 36;

/// The scene files of a folder (`*.toml`), at most [`SCENES_MAX`]: the shipped names in the order of the menu, then
/// the others by name.
///
/// # Errors
/// The folder cannot be read.
pub fn scene_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let files = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    let rank = |path: &Path| SHIPPED_SCENES.iter().position(|(name, _)| path.file_stem().is_some_and(|stem| stem == *name));
    files.sort_by_cached_key(|path| (rank(path).unwrap_or(usize::MAX), path.clone()));
    files.truncate(SCENES_MAX);
    Ok(files)
}
