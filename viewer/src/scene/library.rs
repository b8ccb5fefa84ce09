//! The scenes that a wall can show: those that come with it, or those of a folder, read again
//! whenever a file changes.

use super::{Mode, Scene, SceneError};
use bevy::prelude::Resource;
use citywall_wire::{SHIPPED_SCENES, scene_files};
use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A scene with its name.
#[derive(Clone, Debug)]
pub struct Named {
    /// The file's name without its ending.
    pub name: String,
    /// The scene.
    pub scene: Scene,
}

impl Named {
    /// What it is called in the menu.
    #[must_use]
    pub fn menu(&self) -> &str {
        self.scene.menu.as_deref().or(self.scene.title.as_deref()).unwrap_or(&self.name)
    }
}

/// The scenes, and which is shown.
#[derive(Resource, Debug)]
pub struct Scenes {
    list: Vec<Named>,
    current: usize,
    source: Source,
    stamp: Vec<(PathBuf, SystemTime)>,
    mode: Option<Mode>,
    hidden: Vec<String>,
    /// Goes up whenever another scene is shown, or the same one in another form.
    pub version: u32,
}

#[derive(Debug)]
enum Source {
    Shipped,
    File(PathBuf),
    Folder(PathBuf),
}

impl Scenes {
    /// The scenes that come with the wall, beginning with the one of a name; those of a folder; or
    /// those of the wall behind one file.
    ///
    /// # Errors
    /// The file or a scene of the folder breaks a rule, or there is none of that name.
    pub fn open(which: Option<&Path>) -> Result<Self, SceneError> {
        let mut scenes =
            Self { list: Vec::new(), current: 0, source: Source::Shipped, stamp: Vec::new(), mode: None, hidden: Vec::new(), version: 1 };
        match which {
            None => {}
            Some(path) if path.is_dir() => scenes.source = Source::Folder(path.to_owned()),
            Some(path) if path.is_file() || path.extension().is_some() => scenes.source = Source::File(path.to_owned()),
            Some(name) => {
                let at = SHIPPED_SCENES.iter().position(|s| Path::new(s.0) == name);
                scenes.current = at.ok_or_else(|| {
                    let known: Vec<_> = SHIPPED_SCENES.iter().map(|s| s.0).collect();
                    SceneError::new(format!("{}: neither a file nor a folder, nor one of {}", name.display(), known.join(", ")))
                })?;
            }
        }
        scenes.list = scenes.load()?;
        scenes.stamp = scenes.stamps();
        Ok(scenes)
    }

    /// The scenes in the order of the menu.
    #[must_use]
    pub fn list(&self) -> &[Named] {
        &self.list
    }

    /// The scene that is shown.
    #[must_use]
    pub fn current(&self) -> &Scene {
        &self.list[self.current.min(self.list.len() - 1)].scene
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.list[self.current.min(self.list.len() - 1)].name
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> usize {
        self.current
    }

    /// Shows another one.
    pub fn show(&mut self, number: usize) {
        if number < self.list.len() && number != self.current {
            self.current = number;
            self.version += 1;
        }
    }

    /// Shows the one of a name; false if there is none.
    pub fn show_named(&mut self, name: &str) -> bool {
        let number = self.list.iter().position(|s| s.name == name);
        number.inspect(|n| self.show(*n)).is_some()
    }

    /// The mode: the scene's, unless another one is told.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode.unwrap_or(self.current().mode)
    }

    /// Layers that are left out, whatever the scene says.
    #[must_use]
    pub fn hidden(&self) -> &[String] {
        &self.hidden
    }

    /// Another mode than the scene's, and layers to leave out.
    pub fn tell(&mut self, mode: Option<Mode>, hidden: Vec<String>) {
        if (self.mode, &self.hidden) != (mode, &hidden) {
            (self.mode, self.hidden) = (mode, hidden);
            self.version += 1;
        }
    }

    /// Reads the files again if they have changed. A file that breaks a rule leaves what was there.
    ///
    /// # Errors
    /// Which rule, where.
    pub fn refresh(&mut self) -> Result<(), SceneError> {
        let stamp = self.stamps();
        if stamp == self.stamp {
            return Ok(());
        }
        self.stamp = stamp;
        let name = self.list[self.current.min(self.list.len() - 1)].name.clone();
        self.list = self.load()?;
        self.current = self.list.iter().position(|s| s.name == name).unwrap_or(0);
        self.version += 1;
        Ok(())
    }

    fn load(&self) -> Result<Vec<Named>, SceneError> {
        let shipped = || {
            let parse = |(name, text): &(&str, &str)| Ok(Named { name: (*name).to_owned(), scene: Scene::parse(text, name)? });
            SHIPPED_SCENES.iter().map(parse).collect::<Result<Vec<_>, SceneError>>()
        };
        let read = |path: &Path| {
            let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
            Ok(Named { name, scene: Scene::read(path)? })
        };
        match &self.source {
            Source::Shipped => shipped(),
            Source::File(path) => {
                let own = read(path)?;
                // The shipped scene of the same name gives way to the file.
                let others = shipped()?.into_iter().filter(|s| s.name != own.name);
                Ok(std::iter::once(own.clone()).chain(others).collect())
            }
            Source::Folder(folder) => {
                let files = scene_files(folder).map_err(|e| SceneError::new(format!("{}: {e}", folder.display())))?;
                let list = files.iter().map(|p| read(p)).collect::<Result<Vec<_>, _>>()?;
                if list.is_empty() {
                    Err(SceneError::new(format!("{}: no scene (*.toml) in this folder", folder.display())))
                } else {
                    Ok(list)
                }
            }
        }
    }

    fn stamps(&self) -> Vec<(PathBuf, SystemTime)> {
        let files = match &self.source {
            Source::Shipped => Vec::new(),
            Source::File(path) => vec![path.clone()],
            Source::Folder(folder) => scene_files(folder).unwrap_or_default(),
        };
        files.into_iter().filter_map(|f| Some((f.clone(), std::fs::metadata(&f).ok()?.modified().ok()?))).collect()
    }
}

/// The JSON Schema of a scene file.
#[must_use]
pub fn schema() -> String {
    let schema = schemars::schema_for!(Scene);
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenes");

    #[test]
    fn the_fifteen_shipped_scenes_are_good_and_have_names_of_their_own() {
        let scenes = Scenes::open(None).unwrap();
        let names: std::collections::BTreeSet<&str> = scenes.list().iter().map(Named::menu).collect();
        assert_eq!(names.len(), 15);
        assert!(Scenes::open(Some(Path::new(FOLDER))).unwrap().list().len() >= 15);
        assert_eq!(Scenes::open(Some(Path::new("traffic"))).unwrap().number(), 2);
        assert!(Scenes::open(Some(Path::new("trafic"))).unwrap_err().to_string().contains("traffic"));
    }

    #[test]
    fn the_committed_schema_is_that_of_the_program() {
        let committed = std::fs::read_to_string(format!("{FOLDER}/scene.schema.json")).unwrap();
        assert_eq!(committed.trim(), schema().trim(), "run `citywall-viewer scene-schema > scenes/scene.schema.json`");
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_leaves_the_scene() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, "title = \"一\"").unwrap();
        let mut scenes = Scenes::open(Some(&file)).unwrap();
        let before = scenes.version;
        scenes.refresh().unwrap();
        assert_eq!(scenes.version, before);
        let touch = |text: &str, seconds: u64| {
            std::fs::write(&file, text).unwrap();
            let time = SystemTime::now() + std::time::Duration::from_secs(seconds);
            std::fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        };
        touch("title = \"二\"", 10);
        scenes.refresh().unwrap();
        assert_eq!((scenes.current().title.as_deref(), scenes.version), (Some("二"), before + 1));
        touch("titel = \"三\"", 20);
        assert!(scenes.refresh().unwrap_err().to_string().contains("mine.toml:1"));
        assert_eq!(scenes.current().title.as_deref(), Some("二"));
    }
}
