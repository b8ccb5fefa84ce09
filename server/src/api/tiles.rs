//! OGC API – Tiles Part 1: Core (20-057): vector tiles of a collection, or of several in one.
//!
//! WebMercatorQuad only (OGC 17-083r4, annex D.1); `row` counts from the north, `col` from the west.
//! A tile is made from the state at its revision and never shown at another: a changed
//! collection gives another cache key and another ETag.

use super::features::etag;
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem, ask::not_modified, problem::collection_id},
    limits,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use citywall_model::{CollectionId, Revision};
use citywall_query::CollectionView;
use citywall_tiles::{CachedTile, Tile, TileBuilder, TileId, TileKey};
use std::sync::{Arc, atomic::Ordering};

/// What this module conforms to.
pub const CONFORMANCE: &[&str] =
    &["http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core", "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt"];

const MVT: &str = "application/vnd.mapbox-vector-tile";

/// `GET /collections/{id}/tiles/{matrix}/{z}/{row}/{col}`
pub async fn collection_tile(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((id, matrix, z, row, col)): PathOf<(String, String, String, String, String)>,
) -> Answer {
    let params = ask.params(&["v"])?;
    let view = app.city()?.view(&collection_id(&id)?)?;
    let tile = tile_id(&matrix, &z, &row, &col)?;
    answer(&app, &ask, vec![view], tile, params.get("v")).await
}

/// `GET /tiles/{matrix}/{z}/{row}/{col}`: every collection, or those of `collections`, as layers of one tile.
pub async fn dataset_tile(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((matrix, z, row, col)): PathOf<(String, String, String, String)>,
) -> Answer {
    let params = ask.params(&["collections", "v"])?;
    let city = app.city()?;
    let views = match params.get("collections") {
        None => city.collections(),
        Some(list) => {
            let ids: Result<Vec<_>, Problem> = list.split(',').map(|name| collection_id(name.trim())).collect();
            let views = ids?.iter().map(|id| city.view(id)).collect::<Result<Vec<_>, _>>();
            views.map_err(|error| Problem::parameter("collections", error))?
        }
    };
    if views.len() > limits::TILE_COLLECTIONS_MAX {
        return Err(Problem::parameter(
            "collections",
            format!("{} where at most TILE_COLLECTIONS_MAX ({}) fit into a tile", views.len(), limits::TILE_COLLECTIONS_MAX),
        ));
    }
    let tile = tile_id(&matrix, &z, &row, &col)?;
    answer(&app, &ask, views, tile, params.get("v")).await
}

fn tile_id(matrix: &str, z: &str, row: &str, col: &str) -> Result<TileId, Problem> {
    if matrix != "WebMercatorQuad" {
        return Err(Problem::missing(format!(
            "there is no tile matrix set “{}”; known is WebMercatorQuad",
            matrix.chars().take(60).collect::<String>()
        )));
    }
    let number = |name: &str, text: &str| {
        text.parse::<u32>()
            .map_err(|_| Problem::parameter(name, format!("“{}” is no whole number", text.chars().take(40).collect::<String>())))
    };
    let (z, row, col) = (number("tileMatrix", z)?, number("tileRow", row)?, number("tileCol", col)?);
    TileId::new(z, col, row).map_err(|error| Problem::missing(error.to_string()))
}

async fn answer(app: &Arc<App>, ask: &Ask, views: Vec<CollectionView>, tile: TileId, wanted_revision: Option<&str>) -> Answer {
    // The revisions are read before the items: a tile may show more than its revision says, never less.
    let revisions: Vec<u64> = views.iter().map(|view| view.changed().0).collect();
    let revision = revisions.iter().copied().max().unwrap_or(0);
    let etag = combined_etag(&views, &revisions);
    if ask.holds(&etag) {
        return Ok(not_modified(&etag));
    }
    let collections: Arc<[CollectionId]> = views.iter().map(|view| view.id().clone()).collect();
    // The sum tells apart what the largest revision alone would not: it grows with each of them.
    let key = TileKey { collections, tile, revision: Revision(revisions.iter().sum()) };
    let made = match app.tiles.get(&key) {
        Some(made) => {
            app.metrics.tile_hits.fetch_add(1, Ordering::Relaxed);
            made
        }
        None => {
            app.metrics.tile_misses.fetch_add(1, Ordering::Relaxed);
            let app_too = app.clone();
            app.blocking(move || Ok(app_too.tiles.get_or_build(key, || draw(&views, tile)))).await?
        }
    };
    let mut response = body(&made, &ask.headers);
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("W/\"\"")));
    let is_pinned = wanted_revision.is_some_and(|wanted| wanted.parse() == Ok(revision));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(if is_pinned { "private, max-age=31536000, immutable" } else { "no-cache" }),
    );
    headers.insert("citywall-revision", HeaderValue::from(revision));
    if made.thinned {
        headers.insert("citywall-thinned", HeaderValue::from(made.dropped));
    }
    Ok(response)
}

fn draw(views: &[CollectionView], tile: TileId) -> Tile {
    let mut builder = TileBuilder::new(tile);
    for view in views {
        let mut layer = builder.layer(view.id().as_str());
        view.window(&tile.window(), |item| layer.add(item));
    }
    builder.finish()
}

/// The tile as the client takes it; 204 for one without features.
fn body(tile: &CachedTile, headers: &HeaderMap) -> Response {
    if tile.gzip.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let takes_gzip = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(takes_gzip);
    let mut response = Response::new(if takes_gzip { Body::from(tile.gzip.clone()) } else { Body::from(tile.plain()) });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MVT));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if takes_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn takes_gzip(accept: &str) -> bool {
    accept.split(',').any(|part| {
        let mut fields = part.split(';').map(str::trim);
        matches!(fields.next(), Some("gzip" | "*")) && !fields.any(|field| matches!(field, "q=0" | "q=0.0"))
    })
}

fn combined_etag(views: &[CollectionView], revisions: &[u64]) -> String {
    let tags = views.iter().zip(revisions).map(|(view, revision)| etag(&view.meta(), *revision));
    match tags.reduce(|all, tag| format!("{}.{}", all.trim_end_matches('"'), tag.trim_start_matches("W/\""))) {
        Some(tag) => tag,
        None => "W/\"empty\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::takes_gzip;

    #[test]
    fn gzip_is_given_to_those_who_take_it() {
        assert!(takes_gzip("gzip, deflate, br") && takes_gzip("br;q=1.0, gzip;q=0.8") && takes_gzip("*"));
        assert!(!takes_gzip("br") && !takes_gzip("gzip;q=0, br") && !takes_gzip("identity"));
    }
}
