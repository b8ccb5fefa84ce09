//! Tiles of what has cells: of elevation terrain-RGB under `tiles` and hillshade under `map/tiles`,
//! of imagery its pictures under both.

use super::super::features::etag;
use super::tile_id;
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem, ask::not_modified, problem::collection_id},
};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use citywall_model::Grid;
use citywall_query::CollectionView;
use citywall_tiles::{
    TileId,
    imagery::{self, Form},
    terrain,
};
use std::sync::Arc;

/// `GET /collections/{id}/map/tiles/{matrix}/{z}/{row}/{col}`: imagery, or the hillshade of elevation.
pub async fn collection_map_tile(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((id, matrix, z, row, col)): PathOf<(String, String, String, String, String)>,
) -> Answer {
    let params = ask.params(&["v"])?;
    let view = app.city()?.view(&collection_id(&id)?)?;
    let tile = tile_id(&matrix, &z, &row, &col)?;
    if view.imagery().is_some() {
        let form = wanted(params.get("f"), &ask.headers)?;
        return pictures(&app, &ask, view, tile, form).await;
    }
    refuse_other_forms(params.get("f"))?;
    if view.grid().is_none() {
        return Err(Problem::missing(format!(
            "“{id}” has no map tiles: only imagery and elevation are drawn here; its vector tiles are under /collections/{id}/tiles"
        )));
    }
    heights(&app, &ask, view, tile, "hillshade", terrain::hillshade).await
}

/// A tile of a collection with cells under `tiles`: the heights of elevation as terrain-RGB, or
/// pictures in the form of `f`, or else one that the client takes.
pub async fn coverage(app: &Arc<App>, ask: &Ask, view: CollectionView, tile: TileId, f: Option<&str>) -> Answer {
    if view.imagery().is_some() {
        let form = wanted(f, &ask.headers)?;
        return pictures(app, ask, view, tile, form).await;
    }
    refuse_other_forms(f)?;
    heights(app, ask, view, tile, "terrain", terrain::terrain_rgb).await
}

/// `f` decides; else WebP for those who name it in `Accept`; else PNG.
fn wanted(f: Option<&str>, headers: &HeaderMap) -> Result<Form, Problem> {
    match f {
        Some("png" | "image/png") => Ok(Form::Png),
        Some("webp" | "image/webp") => Ok(Form::WebP),
        Some(other) => Err(Problem::parameter(
            "f",
            format!("“{}” is no form of a picture; known are png, webp", other.chars().take(40).collect::<String>()),
        )),
        None => {
            let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
            Ok(if accept.contains("image/webp") { Form::WebP } else { Form::Png })
        }
    }
}

/// Heights are exact only without loss.
fn refuse_other_forms(f: Option<&str>) -> Result<(), Problem> {
    match f {
        None | Some("png" | "image/png") => Ok(()),
        Some(_) => Err(Problem::parameter("f", "tiles of elevation are png alone")),
    }
}

async fn pictures(app: &Arc<App>, ask: &Ask, view: CollectionView, tile: TileId, form: Form) -> Answer {
    let city = app.city()?.clone();
    let Some(levels) = view.imagery() else { return Err(Problem::missing("it has no pictures")) };
    let id = view.id().clone();
    let draw =
        move || imagery::draw(levels, tile, form, |level, column, row| city.imagery_tile(&id, level, column, row).map_err(Problem::from));
    answer(app, ask, &view, form.media_type().trim_start_matches("image/"), form.media_type(), draw).await
}

type Draw = fn(&Grid, TileId) -> Result<Option<Vec<u8>>, png::EncodingError>;

async fn heights(app: &Arc<App>, ask: &Ask, view: CollectionView, tile: TileId, name: &str, draw: Draw) -> Answer {
    let drawn = view.clone();
    let draw = move || drawn.grid().map_or(Ok(None), |grid| draw(grid, tile)).map_err(|error| Problem::internal(&error));
    answer(app, ask, &view, name, "image/png", draw).await
}

/// What is drawn, with its tag, which `name` tells from the other pictures of the same address.
async fn answer(
    app: &Arc<App>,
    ask: &Ask,
    view: &CollectionView,
    name: &str,
    media: &'static str,
    draw: impl FnOnce() -> Result<Option<Vec<u8>>, Problem> + Send + 'static,
) -> Answer {
    let changed = view.changed().0;
    let etag = format!("{}-{name}\"", etag(&view.meta(), changed).trim_end_matches('"'));
    if ask.holds(&etag) {
        return Ok(not_modified(&etag));
    }
    let mut response = match app.blocking(draw).await? {
        Some(bytes) => {
            let mut response = Response::new(bytes.into());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
            response
        }
        None => StatusCode::NO_CONTENT.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("W/\"\"")));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert("citywall-revision", HeaderValue::from(changed));
    Ok(response)
}
