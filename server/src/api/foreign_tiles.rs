//! 3D Tiles of other programs (OGC 22-025r4; photogrammetry, say): listed and passed through.
//!
//! A folder is named by `[[tilesets]]` of the configuration; nothing of it is read but by request.

use super::{
    definition::{Operation, answer as ok_answer, get},
    value,
};
use crate::{
    app::App,
    config::TilesetConfig,
    html,
    http::{
        Answer, Ask, Format, Links, PathOf, Problem,
        links::{SEGMENT, link},
    },
    limits,
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{StatusCode, Uri},
    response::IntoResponse,
};
use citywall_model::CollectionKind;
use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value, json as object};
use std::{fs, io::Read, path::Path, sync::Arc};
use tower::ServiceExt;
use tower_http::services::ServeDir;

/// What the API definition says of foreign tilesets.
pub fn paths() -> Map<String, Value> {
    let file = object!({"200": {"description": "The file as it is", "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}, "206": {"description": "A part of it"}});
    let paths = [
        (
            "/3dtiles",
            get(Operation {
                tag: "Tiles",
                id: "get3dTilesets",
                summary: "All 3D tilesets",
                description: "The city's own, one per layer of polygons, and those of other programs that the configuration registers; of a broken one the member problem says why it cannot be drawn.",
                parameters: &["f", "lang"],
                ok: ok_answer("The tilesets", "application/json", "Any"),
                problems: &[],
            }),
        ),
        (
            "/3dtiles/{tilesetId}/{path}",
            get(Operation {
                tag: "Tiles",
                id: "getForeignTileset",
                summary: "A file of a registered tileset",
                description: "Passed through as it is, ranges included. tileset.json is checked first: a broken one is refused with what is wrong.",
                parameters: &["tilesetId", "path"],
                ok: file,
                problems: &["404", "422"],
            }),
        ),
    ];
    paths.into_iter().map(|(path, operation)| (path.to_owned(), operation)).collect()
}

/// `GET /3dtiles`
pub async fn list(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    let (_, format, language) = ask.read(&[])?;
    let city = app.city()?.clone();
    let mut tilesets: Vec<Value> = Vec::new();
    for view in city.collections() {
        let meta = view.meta();
        if view.kind() == CollectionKind::Layer && (meta.geometry_type.contains("POLYGON") || meta.solids > 0) {
            let own = ask.links.to(&format!("/collections/{}/3dtiles/tileset.json", meta.id));
            tilesets.push(entry(meta.id.as_str(), object!(meta.title), &meta.source, own, &ask.links, true));
        }
    }
    for foreign in &app.config.tilesets {
        let own = ask.links.to(&format!("/3dtiles/{}/tileset.json", foreign.id));
        let title = object!({"zh": foreign.title.zh, "en": foreign.title.en});
        let mut entry = entry(&foreign.id, title, &foreign.source, own, &ask.links, false);
        let folder = foreign.folder.clone();
        if let Err(problem) = app.blocking(move || Ok(check(&folder))).await? {
            entry["problem"] = problem.into();
        }
        tilesets.push(entry);
    }
    let document = object!({"tilesets": tilesets, "links": super::common::document_links(&ask, "/3dtiles")});
    Ok(match format {
        Format::Json => value(&document),
        Format::Html => {
            html::document(&ask.links, language, language.say("三维瓦片", "3D tilesets"), "/3dtiles", &document).into_response()
        }
    })
}

fn entry(id: &str, title: Value, source: &str, address: String, links: &Links, is_layer: bool) -> Value {
    let mut list = vec![link("item", address, "application/json", "The tileset")];
    if is_layer {
        list.push(link("collection", links.collection(id), "application/json", "The collection"));
    }
    object!({"id": id, "title": title, "source": source, "links": list})
}

/// `GET /3dtiles/{id}/{path}`: a file of a registered tileset.
pub async fn file(State(app): State<Arc<App>>, PathOf((id, path)): PathOf<(String, String)>, request: Request) -> Answer {
    let tileset = find(&app, &id)?;
    if path == "tileset.json" {
        let folder = tileset.folder.clone();
        app.blocking(move || Ok(check(&folder)))
            .await?
            .map_err(|reason| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the tileset “{id}” is broken: {reason}")))?;
    }
    let (mut parts, _) = request.into_parts();
    let encoded: String = path.split('/').map(|part| utf8_percent_encode(part, SEGMENT).to_string()).collect::<Vec<_>>().join("/");
    parts.uri = Uri::try_from(format!("/{encoded}")).map_err(|_| Problem::missing(format!("“{id}” has no such file")))?;
    let served = ServeDir::new(&tileset.folder).append_index_html_on_directories(false);
    let response = served.oneshot(Request::from_parts(parts, Body::empty())).await.map_err(|error| Problem::internal(&error))?;
    if response.status() == StatusCode::NOT_FOUND {
        return Err(Problem::missing(format!("“{id}” has no file “{}”", path.chars().take(200).collect::<String>())));
    }
    Ok(response.map(Body::new))
}

fn find<'a>(app: &'a App, id: &str) -> Result<&'a TilesetConfig, Problem> {
    let found = app.config.tilesets.iter().find(|tileset| tileset.id == id);
    found.ok_or_else(|| Problem::missing(format!("there is no tileset “{}”; /3dtiles lists them", id.chars().take(64).collect::<String>())))
}

/// Why a folder holds no tileset that can be drawn: clause 7.2 of the standard asks for `asset`,
/// `geometricError` and `root`, and `root` for a bounding volume.
fn check(folder: &Path) -> Result<(), String> {
    let open = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(folder.join("tileset.json"))?.take(limits::TILESET_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = open().map_err(|error| format!("its tileset.json cannot be read: {error}"))?;
    if bytes.len() as u64 > limits::TILESET_BYTES_MAX {
        return Err(format!("its tileset.json is larger than TILESET_BYTES_MAX ({}) bytes", limits::TILESET_BYTES_MAX));
    }
    let document: Value = serde_json::from_slice(&bytes).map_err(|error| format!("its tileset.json is no JSON: {error}"))?;
    match document["asset"]["version"].as_str() {
        Some("1.0" | "1.1") => {}
        Some(other) => return Err(format!("asset.version is “{other}”, where 1.0 and 1.1 are known")),
        None => return Err("asset.version is missing".to_owned()),
    }
    for (pointer, is_there) in [
        ("geometricError", document["geometricError"].is_number()),
        ("root", document["root"].is_object()),
        ("root.geometricError", document["root"]["geometricError"].is_number()),
        ("root.boundingVolume", document["root"]["boundingVolume"].as_object().is_some_and(|volume| !volume.is_empty())),
    ] {
        if !is_there {
            return Err(format!("{pointer} is missing, or not what the standard asks for"));
        }
    }
    Ok(())
}
