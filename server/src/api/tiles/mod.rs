//! OGC API – Tiles Part 1: Core (20-057): vector tiles of a collection, or of several in one.
//!
//! `row` counts from the north, `col` from the west. A tile is made new when a shape in it has
//! changed and only then: its ETag and `citywall-revision` name the change that made it what it is.

mod changes;
mod metadata;
mod paths;
mod raster;
mod wmts;

pub use changes::{collection_changes, dataset_changes};
pub use metadata::{
    collection_map_tileset, collection_map_tilesets, collection_tileset, collection_tilesets, dataset_tileset, dataset_tilesets,
    matrix_set, matrix_sets,
};
pub use paths::{parameters, paths};
pub use raster::collection_map_tile;
pub use wmts::{kvp, rest_capabilities, rest_tile};

use super::{
    features::{etag, query, schema},
    versions,
};
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem, ask::not_modified, coding, packed_body, problem::collection_id},
    limits,
};
use axum::{
    extract::State,
    http::{HeaderValue, header},
};
use citywall_cql2::Bound;
use citywall_model::{FeatureRef, Revision};
use citywall_query::CollectionView;
use citywall_tiles::{MatrixSet, MatrixSetError, TileId, draw_kept};
use std::{
    hash::{Hash, Hasher},
    sync::{Arc, atomic::Ordering},
};

/// What this module conforms to.
pub const CONFORMANCE: &[&str] = &[
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tilesets-list",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/dataset-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/geodata-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/collections-selection",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/png",
    "http://www.opengis.net/spec/tms/2.0/conf/json-tilematrixset",
];

/// The media type of a vector tile.
pub const MVT: &str = "application/vnd.mapbox-vector-tile";

/// `GET /collections/{id}/tiles/{matrix}/{z}/{row}/{col}`
pub async fn collection_tile(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((id, matrix, z, row, col)): PathOf<(String, String, String, String, String)>,
) -> Answer {
    let params = ask.params(&["v", "as-of", "filter", "filter-lang", "filter-crs"])?;
    let view = versions::asked(&app, &ask, &id).await?;
    if view.is_live() && params.get("as-of").is_some() {
        return Err(Problem::parameter("as-of", "only layers have tiles of a version; the past of live items is at /items"));
    }
    let tile = tile_id(&matrix, &z, &row, &col)?;
    if view.is_raster() {
        return raster::coverage(&app, &ask, view, tile, params.get("f")).await;
    }
    let has_filter = ["filter", "filter-lang", "filter-crs"].iter().any(|name| params.get(name).is_some());
    let filter = if has_filter { query::filter(&params, &schema::queryables(app.city()?, &view.meta()))? } else { None };
    let is_current = view.changed() == app.city()?.view(view.id())?.changed();
    if filter.is_some() || !is_current {
        return drawn_once(&app, &ask, view, tile, filter).await;
    }
    answer(&app, &ask, vec![view], tile, params.get("v")).await
}

/// A tile of a version that is not current, or of the items that a filter is true of: drawn for this
/// answer, kept by the client alone.
async fn drawn_once(app: &Arc<App>, ask: &Ask, view: CollectionView, tile: TileId, filter: Option<Bound>) -> Answer {
    let revision = view.changed().0;
    // Maps take two tiles with one tag for the same, whatever their addresses.
    let mut mark = rustc_hash::FxHasher::default();
    filter.as_ref().map(Bound::text).hash(&mut mark);
    let etag = format!("{}.{:x}\"", etag(view.loaded_meta(), revision).trim_end_matches('"'), mark.finish());
    if ask.holds(&etag) {
        return Ok(not_modified(&etag));
    }
    let keeps = move |item: FeatureRef<'_>| filter.as_ref().is_none_or(|filter| filter.holds(item));
    let coding = coding(&ask.headers);
    let packed = app.blocking(move || Ok(coding.pack(&draw_kept(&view, tile, keeps).bytes))).await?;
    let mut response = packed_body(packed, coding, MVT);
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("W/\"\"")));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("citywall-revision", HeaderValue::from(revision));
    Ok(response)
}

/// `GET /tiles/{matrix}/{z}/{row}/{col}`: every collection, or those of `collections`, as layers of one tile.
pub async fn dataset_tile(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((matrix, z, row, col)): PathOf<(String, String, String, String)>,
) -> Answer {
    let params = ask.params(&["collections", "v"])?;
    let views = selected(&app, params.get("collections"))?;
    let tile = tile_id(&matrix, &z, &row, &col)?;
    answer(&app, &ask, views, tile, params.get("v")).await
}

/// The collections of a tile: those of a comma-separated list, or every one that has features.
fn selected(app: &App, list: Option<&str>) -> Result<Vec<CollectionView>, Problem> {
    let city = app.city()?;
    let views = match list {
        None => city.collections().into_iter().filter(|view| !view.is_raster()).collect(),
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
    Ok(views)
}

fn parse_set(matrix: &str) -> Result<MatrixSet, Problem> {
    matrix.parse().map_err(|error: MatrixSetError| Problem::missing(error.to_string()))
}

/// Reads a tile's address.
///
/// # Errors
/// There is no such tile.
pub fn tile_id(matrix: &str, z: &str, row: &str, col: &str) -> Result<TileId, Problem> {
    let set = parse_set(matrix)?;
    let number = |name: &str, text: &str| {
        text.parse::<u32>()
            .map_err(|_| Problem::parameter(name, format!("“{}” is no whole number", text.chars().take(40).collect::<String>())))
    };
    let (z, row, col) = (number("tileMatrix", z)?, number("tileRow", row)?, number("tileCol", col)?);
    TileId::of(set, z, col, row).map_err(|error| Problem::missing(error.to_string()))
}

async fn answer(app: &Arc<App>, ask: &Ask, views: Vec<CollectionView>, tile: TileId, wanted_revision: Option<&str>) -> Answer {
    let newest = views.iter().map(|view| view.changed().0).max().unwrap_or(0);
    let (tiles, coding) = (app.tiles()?, coding(&ask.headers));
    let fresh = match tiles.kept(&views, tile, coding) {
        Some(kept) => kept,
        None => {
            let (tiles, drawn) = (tiles.clone(), views.clone());
            app.blocking(move || Ok(tiles.tile(&drawn, tile, coding))).await?
        }
    };
    let counter = if fresh.built { &app.metrics.tile_misses } else { &app.metrics.tile_hits };
    counter.fetch_add(1, Ordering::Relaxed);
    let etag = combined_etag(&views, fresh.revision);
    if ask.holds(&etag) {
        return Ok(not_modified(&etag));
    }
    let mut response = packed_body(fresh.tile.bytes(coding), coding, MVT);
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("W/\"\"")));
    // An address with a revision means that state for ever: it must have reached the tile.
    let is_pinned = fresh.checked.0 >= newest && wanted_revision.is_some_and(|wanted| wanted.parse() == Ok(newest));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(if is_pinned { "private, max-age=31536000, immutable" } else { "no-cache" }),
    );
    headers.insert("citywall-revision", HeaderValue::from(fresh.revision.0));
    if fresh.tile.thinned {
        headers.insert("citywall-thinned", HeaderValue::from(fresh.tile.dropped));
    }
    Ok(response)
}

/// The tag of a tile: what it is of, and the revision that made it what it is.
fn combined_etag(views: &[CollectionView], revision: Revision) -> String {
    let tags = views.iter().map(|view| etag(view.loaded_meta(), revision.0));
    match tags.reduce(|all, tag| format!("{}.{}", all.trim_end_matches('"'), tag.trim_start_matches("W/\""))) {
        Some(tag) => tag,
        None => "W/\"empty\"".to_owned(),
    }
}
