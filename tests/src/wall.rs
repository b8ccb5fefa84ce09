//! The wall without a window.

use crate::{Server, binary};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

/// Takes the wall's picture and returns what it says that it drew. Panics if it does not end well.
#[must_use]
pub fn picture(server: &str, arguments: &[&str], picture: &Path) -> Value {
    let output = Command::new(binary("citywall-viewer"))
        .args(["--server", server, "--stats", "--screenshot"])
        .arg(picture)
        .args(arguments)
        .output()
        .unwrap();
    let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !log.contains("panicked"), "the wall {arguments:?}: {said}{log}");
    let line = said.lines().rev().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no statistics: {said}"));
    serde_json::from_str(line).unwrap()
}

/// A PNG of 8-bit colours: its width, its height, and the colours from the upper left.
#[must_use]
pub fn pixels(path: &Path) -> (usize, usize, Vec<u8>) {
    let mut reader = png::Decoder::new(BufReader::new(fs::File::open(path).unwrap())).read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut data).unwrap();
    assert_eq!((frame.color_type, frame.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight), "{}", path.display());
    (frame.width as usize, frame.height as usize, data)
}

/// Takes a picture of every scene into a folder; returns each with what the wall says that it drew, by the
/// scene's name. Panics if it does not end well.
#[must_use]
pub fn every_scene(server: &str, arguments: &[&str], folder: &Path) -> BTreeMap<String, (PathBuf, Value)> {
    // What an earlier run has left is not this run's.
    let _ = fs::remove_dir_all(folder);
    let mut command = Command::new(binary("citywall-viewer"));
    let output = command.args(["--server", server, "--stats", "--pictures"]).arg(folder).args(arguments).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !log.contains("panicked"), "the wall {arguments:?}: {log}");
    let read = |path: PathBuf| {
        let said = serde_json::from_str(&fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
        (path.file_stem().unwrap().to_string_lossy().into_owned(), (path, said))
    };
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "png")).map(read).collect()
}

/// Posts a feature or a collection of features, which must be taken.
pub fn put(server: &Server, collection: &str, feature: &Value) {
    let url = format!("{}/collections/{collection}/items", server.url);
    let (status, body) = crate::post(&url, "application/geo+json", &feature.to_string());
    assert!((200..300).contains(&status), "{collection}: {status} {body}");
}

/// A wall without a window that goes on until it is asked what it shows.
pub struct HeldWall(Child);

impl HeldWall {
    /// Starts it; returns once its picture is whole. Panics if it does not come so far.
    #[must_use]
    pub fn start(server: &Server, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary("citywall-viewer"));
        command.args(["--server", &server.url, "--size", "160x90", "--stats", "--hold"]).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(log.any(|line| line.contains("the picture is whole")), "the wall ended early");
        // The pipe must be emptied.
        thread::spawn(move || log.for_each(|line| assert!(!line.contains("panicked"), "{line}")));
        Self(child)
    }

    /// Resident memory in megabytes.
    #[must_use]
    pub fn memory_mb(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1e3
    }

    /// Ends it; what it shows then.
    #[must_use]
    pub fn ask(mut self) -> Value {
        drop(self.0.stdin.take());
        let mut said = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(self.0.wait().unwrap().success(), "{said}");
        serde_json::from_str(&said).unwrap()
    }
}

impl Drop for HeldWall {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
