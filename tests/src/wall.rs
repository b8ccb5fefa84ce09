//! The wall without a window.

use crate::{Server, binary};
use serde_json::Value;
use std::{path::Path, process::Command};

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

/// Posts a feature, which must be taken.
pub fn put(server: &Server, collection: &str, feature: &Value) {
    let url = format!("{}/collections/{collection}/items", server.url);
    let (status, body) = crate::post(&url, "application/geo+json", &feature.to_string());
    assert!((200..300).contains(&status), "{collection}: {status} {body}");
}
