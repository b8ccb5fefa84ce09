//! What tilesets there are: OGC API – Tiles 20-057, clauses 8 and 9; Two Dimensional Tile Matrix
//! Set 17-083r4, clause 7 (JSON); TileJSON 3.0.0.

use super::{super::value, MVT, selected};
use crate::{
    app::App,
    html,
    http::{Answer, Ask, Format, Links, PathOf, Problem, links::link, problem::collection_id},
};
use axum::{extract::State, response::IntoResponse};
use citywall_model::{Bbox, FieldType};
use citywall_query::CollectionView;
use citywall_tiles::{MatrixSet, MatrixSetError, tilejson};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const TILING_SCHEME: &str = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme";
const PNG: &str = "image/png";
const WEBP: &str = "image/webp";
/// The deepest level at which a tile shows more than the one above it: 0.2 m to the unit.
const DETAIL_LEVEL_MAX: u8 = 17;

/// `GET /tileMatrixSets`
pub async fn matrix_sets(ask: Ask) -> Answer {
    let (_, format, language) = ask.read(&[])?;
    let sets: Vec<Value> = MatrixSet::ALL
        .into_iter()
        .map(|set| {
            let address = ask.links.to(&format!("/tileMatrixSets/{set}"));
            let mut document = json!({"id": set.id(), "title": set.title(), "crs": set.crs(), "links": [link("self", address, "application/json", set.title())]});
            if let Some(uri) = set.uri() {
                document["uri"] = uri.into();
            }
            document
        })
        .collect();
    let document = json!({"tileMatrixSets": sets});
    Ok(match format {
        Format::Json => value(&document),
        Format::Html => html::document(&ask.links, language, language.say("瓦片矩阵集", "Tile matrix sets"), "/tileMatrixSets", &document)
            .into_response(),
    })
}

/// `GET /tileMatrixSets/{matrix}`
pub async fn matrix_set(ask: Ask, PathOf(name): PathOf<String>) -> Answer {
    let (_, format, language) = ask.read(&[])?;
    let document = matrix_set_document(parse(&name)?);
    Ok(match format {
        Format::Json => value(&document),
        Format::Html => html::document(&ask.links, language, &name, &format!("/tileMatrixSets/{name}"), &document).into_response(),
    })
}

fn parse(name: &str) -> Result<MatrixSet, Problem> {
    name.parse().map_err(|error: MatrixSetError| Problem::missing(error.to_string()))
}

fn matrix_set_document(set: MatrixSet) -> Value {
    let (axes, origin) = match set {
        MatrixSet::WebMercatorQuad | MatrixSet::TiandituW => (["X", "Y"], [-20_037_508.342_789_25, 20_037_508.342_789_25]),
        MatrixSet::WorldCrs84Quad => (["Lon", "Lat"], [-180.0, 90.0]),
        MatrixSet::TiandituC => (["Lat", "Lon"], [90.0, -180.0]),
    };
    let (first, last) = set.levels();
    let matrices: Vec<Value> = (first..=last)
        .map(|level| {
            let (columns, rows) = set.size(level);
            json!({
                "id": level.to_string(), "scaleDenominator": set.scale_denominator(level), "cellSize": set.cell_size(level),
                "cornerOfOrigin": "topLeft", "pointOfOrigin": origin, "tileWidth": 256, "tileHeight": 256,
                "matrixWidth": columns, "matrixHeight": rows
            })
        })
        .collect();
    let mut document = json!({"id": set.id(), "title": set.title(), "crs": set.crs(), "orderedAxes": axes, "tileMatrices": matrices});
    if let Some(uri) = set.uri() {
        document["uri"] = uri.into();
    }
    document
}

/// `GET /collections/{id}/tiles`
pub async fn collection_tilesets(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    let view = app.city()?.view(&collection_id(&id)?)?;
    tilesets(&ask, &format!("/collections/{id}/tiles"), &view.meta().title.en, view.is_raster())
}

/// `GET /collections/{id}/map/tiles`
pub async fn collection_map_tilesets(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    let view = drawn(&app, &id)?;
    tilesets(&ask, &format!("/collections/{id}/map/tiles"), &view.meta().title.en, true)
}

/// A collection that has map tiles.
fn drawn(app: &App, id: &str) -> Result<CollectionView, Problem> {
    let view = app.city()?.view(&collection_id(id)?)?;
    if !view.is_raster() {
        return Err(Problem::missing(format!("“{id}” has no map tiles; its vector tiles are under /collections/{id}/tiles")));
    }
    Ok(view)
}

/// `GET /tiles`
pub async fn dataset_tilesets(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    let city = app.city()?;
    tilesets(&ask, "/tiles", &city.profile().name.en, false)
}

fn tilesets(ask: &Ask, path: &str, title: &str, raster: bool) -> Answer {
    let (_, format, language) = ask.read(&[])?;
    let sets: Vec<Value> = MatrixSet::ALL
        .into_iter()
        .map(|set| {
            let own = ask.links.to(&format!("{path}/{set}"));
            let mut set = head(&ask.links, title, set, raster);
            set["links"]
                .as_array_mut()
                .into_iter()
                .for_each(|links| links.insert(0, link("self", own.clone(), "application/json", "The tileset")));
            set
        })
        .collect();
    let document = json!({"tilesets": sets, "links": super::super::common::document_links(ask, path)});
    Ok(match format {
        Format::Json => value(&document),
        Format::Html => html::document(&ask.links, language, language.say("瓦片集", "Tilesets"), path, &document).into_response(),
    })
}

/// What a tileset's own document and its entry in a list share.
fn head(links: &Links, title: &str, set: MatrixSet, raster: bool) -> Value {
    let scheme = links.to(&format!("/tileMatrixSets/{set}"));
    let mut document = json!({
        "title": title, "tileMatrixSetId": set.id(), "dataType": if raster { "coverage" } else { "vector" }, "crs": set.crs(),
        "links": [link(TILING_SCHEME, scheme.clone(), "application/json", set.title())]
    });
    document["tileMatrixSetURI"] = set.uri().map_or(scheme, str::to_owned).into();
    document
}

/// `GET /collections/{id}/tiles/{matrix}`
pub async fn collection_tileset(State(app): State<Arc<App>>, ask: Ask, PathOf((id, matrix)): PathOf<(String, String)>) -> Answer {
    let params = ask.params(&[])?;
    let view = app.city()?.view(&collection_id(&id)?)?;
    let title = view.meta().title.en;
    let bounds = view.meta().extent;
    let tileset =
        Tileset { title, path: format!("/collections/{id}/tiles"), query: String::new(), set: parse(&matrix)?, views: vec![view], bounds };
    tileset.answer(&ask, params.get("f"))
}

/// `GET /collections/{id}/map/tiles/{matrix}`
pub async fn collection_map_tileset(State(app): State<Arc<App>>, ask: Ask, PathOf((id, matrix)): PathOf<(String, String)>) -> Answer {
    // With a revision the address of a new version is new; what it says is of the present one.
    let params = ask.params(&["v"])?;
    let view = drawn(&app, &id)?;
    let (title, bounds) = (view.meta().title.en, view.meta().extent);
    let path = format!("/collections/{id}/map/tiles");
    let tileset = Tileset { title, path, query: String::new(), set: parse(&matrix)?, views: vec![view], bounds };
    tileset.answer(&ask, params.get("f"))
}

/// `GET /tiles/{matrix}`
pub async fn dataset_tileset(State(app): State<Arc<App>>, ask: Ask, PathOf(matrix): PathOf<String>) -> Answer {
    let params = ask.params(&["collections"])?;
    let city = app.city()?;
    let views = selected(&app, params.get("collections"))?;
    let query = params.get("collections").map_or(String::new(), |list| format!("?collections={list}"));
    let tileset = Tileset {
        title: city.profile().name.en.clone(),
        path: "/tiles".to_owned(),
        query,
        set: parse(&matrix)?,
        views,
        bounds: city.extent(),
    };
    tileset.answer(&ask, params.get("f"))
}

/// One tileset: some collections in one tile matrix set.
struct Tileset {
    title: String,
    path: String,
    query: String,
    set: MatrixSet,
    views: Vec<CollectionView>,
    bounds: Option<Bbox>,
}

impl Tileset {
    fn answer(&self, ask: &Ask, form: Option<&str>) -> Answer {
        if form == Some("tilejson") {
            return self.tile_json(&ask.links).map(|document| value(&document));
        }
        let (_, format, language) = ask.read(&["collections", "v"])?;
        let document = self.document(&ask.links);
        Ok(match format {
            Format::Json => value(&document),
            Format::Html => {
                html::document(&ask.links, language, &self.title, &format!("{}/{}", self.path, self.set), &document).into_response()
            }
        })
    }

    fn is_raster(&self) -> bool {
        self.views.iter().any(|view| view.is_raster())
    }

    /// The template of the tiles' addresses, with a variable for each part.
    fn template(&self, links: &Links, [level, row, column]: [&str; 3]) -> String {
        links.to(&format!("{}/{}/{{{level}}}/{{{row}}}/{{{column}}}{}", self.path, self.set, self.query))
    }

    fn document(&self, links: &Links) -> Value {
        let own = links.to(&format!("{}/{}{}", self.path, self.set, self.query));
        let mut document = head(links, &self.title, self.set, self.is_raster());
        let template = self.template(links, ["tileMatrix", "tileRow", "tileCol"]);
        if let Some(list) = document["links"].as_array_mut() {
            list.push(link("self", own.clone(), "application/json", "This document"));
            for media in media_types(&self.views) {
                list.push(json!({"rel": "item", "href": template, "type": media, "title": "Tiles", "templated": true}));
            }
            if self.set == MatrixSet::WebMercatorQuad {
                let separator = if self.query.is_empty() { '?' } else { '&' };
                list.push(link("describedby", format!("{own}{separator}f=tilejson"), "application/json", "TileJSON 3.0"));
            }
        }
        document["layers"] = self.views.iter().map(|view| layer(links, view)).collect();
        if let Some(bounds) = self.bounds {
            let [west, south, east, north]: [f64; 4] = bounds.into();
            document["boundingBox"] =
                json!({"lowerLeft": [west, south], "upperRight": [east, north], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"});
        }
        document
    }

    /// TileJSON 3.0.0, which knows only WebMercatorQuad.
    fn tile_json(&self, links: &Links) -> Result<Value, Problem> {
        if self.set != MatrixSet::WebMercatorQuad {
            return Err(Problem::parameter("f", "TileJSON describes WebMercatorQuad alone"));
        }
        let mut document = json!({
            "tilejson": "3.0.0", "name": self.title, "scheme": "xyz", "attribution": tilejson::attribution(&self.views),
            "tiles": [self.template(links, ["z", "y", "x"])], "minzoom": 0, "maxzoom": DETAIL_LEVEL_MAX
        });
        if let Some(levels) = self.views.first().and_then(CollectionView::imagery) {
            document["minzoom"] = levels.first.into();
            document["maxzoom"] = levels.last.into();
        }
        if !self.is_raster() {
            document["vector_layers"] = tilejson::vector_layers(&self.views, 0, DETAIL_LEVEL_MAX).into();
        }
        if let Some(bounds) = self.bounds {
            let (longitude, latitude) = bounds.center();
            document["bounds"] = json!(bounds);
            document["center"] = json!([longitude, latitude, 10]);
        }
        Ok(document)
    }
}

/// The forms in which a tile of some collections can be had.
pub fn media_types(views: &[CollectionView]) -> &'static [&'static str] {
    match views {
        [view, ..] if view.imagery().is_some() => &[PNG, WEBP],
        [view, ..] if view.is_raster() => &[PNG],
        _ => &[MVT],
    }
}

/// A layer of a tileset (20-057, table 9).
fn layer(links: &Links, view: &CollectionView) -> Value {
    let meta = view.meta();
    let dimension = match meta.geometry_type.as_str() {
        "POINT" | "MULTIPOINT" => Some(0),
        "LINESTRING" | "MULTILINESTRING" => Some(1),
        "POLYGON" | "MULTIPOLYGON" => Some(2),
        _ => None,
    };
    let properties: Map<String, Value> = meta
        .schema
        .fields
        .iter()
        .map(|field| {
            let kind = match field.kind {
                FieldType::Boolean => "boolean",
                FieldType::Integer => "integer",
                FieldType::Number => "number",
                FieldType::Text | FieldType::Json => "string",
            };
            (field.name.to_string(), json!({"type": kind}))
        })
        .collect();
    let mut layer = json!({
        "id": meta.id, "title": meta.title.en, "dataType": if view.is_raster() { "coverage" } else { "vector" },
        "propertiesSchema": {"type": "object", "properties": properties},
        "links": [link("collection", links.collection(meta.id.as_str()), "application/json", "The collection")]
    });
    if let Some(dimension) = dimension {
        layer["geometryDimension"] = dimension.into();
    }
    layer
}
