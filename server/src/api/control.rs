//! `/control`: the page that steers walls. What a wall is told to show is the item of its name in
//! the collection `walls`: written like any other item, pushed like any other change, and there for
//! a wall that joins late. So the page needs no address of its own but those of the API.

use super::definition::{Operation, get};
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem},
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use citywall_wire::{SHIPPED_SCENES, scene_files};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

const PAGE: &str = include_str!("../control/control.html");
const SCRIPTS: [(&str, &str); 3] = [
    ("control.js", include_str!("../control/control.js")),
    ("draw.js", include_str!("../control/draw.js")),
    ("replay.js", include_str!("../control/replay.js")),
];
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'self'";

/// What of a scene a menu needs; the wall reads the rest.
#[derive(Deserialize)]
struct Named {
    menu: Option<String>,
    title: Option<String>,
}

/// What the API definition says of the page.
pub fn paths() -> Map<String, Value> {
    let page = get(Operation {
        tag: "Live",
        id: "getControl",
        summary: "The page that steers walls",
        description: "What a wall shows is the item of its name in the collection walls, with the properties scene, mode (ordinary, emergency, drill), camera (longitude, latitude, distance, bearing, pitch), highlight (collection, id), hidden (layers), playing (the tour), replay (from, to, speed, paused, and at with since: the instant at which it was, and when it was there) and drawings (each with id, kind (line, area, arrow, note, circle), points (longitude, latitude), text, radius_m). Any client may write it.",
        parameters: &[],
        ok: json!({"200": {"description": "The page", "content": {"text/html": {"schema": {"type": "string"}}}}}),
        problems: &[],
    });
    let scenes = get(Operation {
        tag: "Live",
        id: "getScenes",
        summary: "The scenes that a wall can be told to show",
        description: "Those that come with the wall, or those of the configured folder (scenes), in the order of the menu. A file that cannot be read as a scene says why.",
        parameters: &[],
        ok: json!({"200": {"description": "The scenes", "content": {"application/json": {
            "schema": {"type": "object", "required": ["scenes"], "properties": {"scenes": {"type": "array", "items": {
                "type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "title": {"type": "string"}, "error": {"type": "string"}}}}}},
            "example": {"scenes": [{"id": "overview", "title": "总览"}, {"id": "traffic", "title": "交通"}]},
        }}}}),
        problems: &[],
    });
    [("/control".to_owned(), page), ("/control/scenes".to_owned(), scenes)].into_iter().collect()
}

/// `GET /control/scenes`
pub async fn scenes(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    ask.params(&[])?;
    let scenes: Vec<Value> = match app.config.scenes.clone() {
        None => SHIPPED_SCENES.iter().map(|(name, text)| entry(name, text)).collect(),
        Some(folder) => {
            let read = tokio::task::spawn_blocking(move || of_folder(&folder)).await;
            read.map_err(|error| Problem::internal(&error))?
                .map_err(|error| Problem::internal(&format_args!("the folder of scenes: {error}")))?
        }
    };
    Ok(super::value(&json!({ "scenes": scenes })))
}

fn of_folder(folder: &Path) -> std::io::Result<Vec<Value>> {
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        std::fs::read_to_string(path).map_or_else(|error| json!({"id": name, "error": error.to_string()}), |text| entry(&name, &text))
    };
    Ok(scene_files(folder)?.iter().map(read).collect())
}

fn entry(name: &str, text: &str) -> Value {
    match toml::from_str::<Named>(text) {
        Ok(named) => json!({"id": name, "title": named.menu.or(named.title).unwrap_or_else(|| name.to_owned())}),
        Err(error) => json!({"id": name, "error": error.message()}),
    }
}

/// `GET /control`
pub async fn page(ask: Ask) -> Answer {
    ask.params(&["wall", "lang"])?;
    Ok(file(PAGE, "text/html; charset=utf-8"))
}

/// `GET /control/{script}`
pub async fn script(ask: Ask, PathOf(name): PathOf<String>) -> Answer {
    ask.params(&[])?;
    let script = SCRIPTS.iter().find(|(known, _)| *known == name);
    let (_, text) = script.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("the page has no script “{name}”")))?;
    Ok(file(text, "text/javascript; charset=utf-8"))
}

fn file(text: &'static str, media: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
