//! Tiles of elevation: terrain-RGB under `tiles`, hillshade under `map/tiles`.

use super::super::features::etag;
use super::tile_id;
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem, ask::not_modified, problem::collection_id},
};
use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use citywall_model::Grid;
use citywall_query::CollectionView;
use citywall_tiles::{TileId, terrain};
use std::sync::Arc;

/// `GET /collections/{id}/map/tiles/{matrix}/{z}/{row}/{col}`: the hillshade of an elevation collection.
pub async fn collection_map_tile(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((id, matrix, z, row, col)): PathOf<(String, String, String, String, String)>,
) -> Answer {
    ask.params(&["v"])?;
    let view = app.city()?.view(&collection_id(&id)?)?;
    let tile = tile_id(&matrix, &z, &row, &col)?;
    if view.grid().is_none() {
        return Err(Problem::missing(format!(
            "“{id}” has no map tiles: only elevation is drawn here; its vector tiles are under /collections/{id}/tiles"
        )));
    }
    picture(&app, &ask, view, tile, "hillshade", terrain::hillshade).await
}

/// The heights of an elevation collection as terrain-RGB.
pub async fn terrain(app: &Arc<App>, ask: &Ask, view: CollectionView, tile: TileId) -> Answer {
    picture(app, ask, view, tile, "terrain", terrain::terrain_rgb).await
}

type Draw = fn(&Grid, TileId) -> Result<Option<Vec<u8>>, png::EncodingError>;

async fn picture(app: &Arc<App>, ask: &Ask, view: CollectionView, tile: TileId, name: &str, draw: Draw) -> Answer {
    let changed = view.changed().0;
    let etag = format!("{}-{name}\"", etag(&view.meta(), changed).trim_end_matches('"'));
    if ask.holds(&etag) {
        return Ok(not_modified(&etag));
    }
    let drawn =
        app.blocking(move || view.grid().map_or(Ok(None), |grid| draw(grid, tile)).map_err(|error| Problem::internal(&error))).await?;
    let mut response = match drawn {
        Some(png) => {
            let mut response = Response::new(png.into());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
            response
        }
        None => StatusCode::NO_CONTENT.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("W/\"\"")));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("citywall-revision", HeaderValue::from(changed));
    Ok(response)
}
