//! What the API definition says of tiles.

use super::super::definition::{Operation, answer, get};
use serde_json::{Map, Value, json};

const CHANGES: &str = "Server-sent events, at most one a second, each a JSON object: revision, up to which it tells and which is also the event's id; tileMatrixSetId; and tiles, a list of [tileMatrix, tileRow, tileCol] that an old or a new shape touches, or the word all (a layer has a new version, or too many to name). Without levels those up to 16 are told. After a break, Last-Event-ID or after tell what was missed.";

/// The parameters that only pictures have.
pub fn parameters() -> Map<String, Value> {
    let form = json!({"type": "string", "enum": ["png", "webp"]});
    let parameter = json!({"name": "f", "in": "query", "required": false, "description": "The form of a picture.", "schema": form});
    Map::from_iter([("pictureForm".to_owned(), parameter)])
}

/// The addresses of tiles and what is at them.
pub fn paths() -> Map<String, Value> {
    let page = &["f", "lang"];
    let tile_ok = json!({
        "200": {"description": "The tile. Citywall-Revision names its state; Citywall-Thinned says how many features were left out because the tile would have been too large.", "content": {"application/vnd.mapbox-vector-tile": {"schema": {"type": "string", "format": "binary"}}, "image/png": {"schema": {"type": "string", "format": "binary"}}}},
        "204": {"description": "Nothing lies in this tile."},
        "304": {"description": "The client's copy is current."}
    });
    let picture_ok = json!({"200": {"description": "The picture", "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}, "image/webp": {"schema": {"type": "string", "format": "binary"}}}}, "204": {"description": "The collection does not reach into this tile."}});
    let changes_ok = json!({"200": {"description": "A stream that stays open", "content": {"text/event-stream": {"schema": {"type": "string"}, "example": "id: 4711\ndata: {\"revision\": 4711, \"tileMatrixSetId\": \"WebMercatorQuad\", \"tiles\": [[14, 6253, 13526]]}\n\n"}}}});
    let wmts_ok = json!({"200": {"description": "Capabilities or a tile", "content": {"application/xml": {"schema": {"type": "string"}}}}});
    let paths = [
        (
            "/tileMatrixSets",
            get(Operation {
                tag: "Tiles",
                id: "getTileMatrixSets",
                summary: "Tile matrix sets",
                description: "WebMercatorQuad, WorldCRS84Quad, and the two of 天地图: w (EPSG:3857) and c (EPSG:4490, levels from 1).",
                parameters: page,
                ok: answer("The sets", "application/json", "Any"),
                problems: &[],
            }),
        ),
        (
            "/tileMatrixSets/{tileMatrixSetId}",
            get(Operation {
                tag: "Tiles",
                id: "getTileMatrixSet",
                summary: "One tile matrix set",
                description: "Its levels, as OGC 17-083r4 describes them.",
                parameters: &["tileMatrixSetId", "f", "lang"],
                ok: answer("The set", "application/json", "Any"),
                problems: &["404"],
            }),
        ),
        (
            "/tiles",
            get(Operation {
                tag: "Tiles",
                id: "getTilesets",
                summary: "The city's tilesets",
                description: "One per tile matrix set, each with every collection.",
                parameters: page,
                ok: answer("The tilesets", "application/json", "Any"),
                problems: &[],
            }),
        ),
        (
            "/tiles/{tileMatrixSetId}",
            get(Operation {
                tag: "Tiles",
                id: "getTileset",
                summary: "One of the city's tilesets",
                description: "Its layers, bounds and the template of its tiles; f=tilejson gives TileJSON 3.0.",
                parameters: &["tileMatrixSetId", "collections", "f", "lang"],
                ok: answer("The tileset", "application/json", "Any"),
                problems: &["400", "404"],
            }),
        ),
        (
            "/collections/{collectionId}/tiles",
            get(Operation {
                tag: "Tiles",
                id: "getCollectionTilesets",
                summary: "A collection's tilesets",
                description: "One per tile matrix set.",
                parameters: &["collectionId", "f", "lang"],
                ok: answer("The tilesets", "application/json", "Any"),
                problems: &["404"],
            }),
        ),
        (
            "/collections/{collectionId}/tiles/{tileMatrixSetId}",
            get(Operation {
                tag: "Tiles",
                id: "getCollectionTileset",
                summary: "One of a collection's tilesets",
                description: "As for the city's.",
                parameters: &["collectionId", "tileMatrixSetId", "f", "lang"],
                ok: answer("The tileset", "application/json", "Any"),
                problems: &["400", "404"],
            }),
        ),
        (
            "/collections/{collectionId}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
            get(Operation {
                tag: "Tiles",
                id: "getCollectionTile",
                summary: "A tile of one collection",
                description: "One layer, named like the collection; of an elevation collection terrain-RGB as PNG. The ETag and Citywall-Revision name the change that made the tile what it is: a change elsewhere leaves them. With v=REVISION the answer may be kept for ever.",
                parameters: &[
                    "collectionId",
                    "tileMatrixSetId",
                    "tileMatrix",
                    "tileRow",
                    "tileCol",
                    "v",
                    "as-of",
                    "filter",
                    "filter-lang",
                    "filter-crs",
                ],
                ok: tile_ok.clone(),
                problems: &["400", "404"],
            }),
        ),
        (
            "/collections/{collectionId}/map/tiles",
            get(Operation {
                tag: "Tiles",
                id: "getCollectionMapTilesets",
                summary: "The tilesets of a collection's pictures",
                description: "Of imagery and elevation, one per tile matrix set.",
                parameters: &["collectionId", "f", "lang"],
                ok: answer("The tilesets", "application/json", "Any"),
                problems: &["404"],
            }),
        ),
        (
            "/collections/{collectionId}/map/tiles/{tileMatrixSetId}",
            get(Operation {
                tag: "Tiles",
                id: "getCollectionMapTileset",
                summary: "One tileset of a collection's pictures",
                description: "With f=tilejson as TileJSON 3.0, whose zooms are those at which imagery is kept.",
                parameters: &["collectionId", "tileMatrixSetId", "f", "lang"],
                ok: answer("The tileset", "application/json", "Any"),
                problems: &["400", "404"],
            }),
        ),
        (
            "/collections/{collectionId}/map/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
            get(Operation {
                tag: "Tiles",
                id: "getCollectionMapTile",
                summary: "A tile of imagery, or of elevation's hillshade",
                description: "Imagery as PNG or WebP: f decides, else WebP for those whose Accept names it. Clear where nothing is shown; a tile in a geographic set, or finer than what is kept, is sampled. The hillshade is PNG with an alpha channel: light and shadow only.",
                parameters: &["collectionId", "tileMatrixSetId", "tileMatrix", "tileRow", "tileCol", "pictureForm", "v"],
                ok: picture_ok,
                problems: &["400", "404"],
            }),
        ),
        (
            "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
            get(Operation {
                tag: "Tiles",
                id: "getTile",
                summary: "A vector tile of several collections",
                description: "One layer per collection.",
                parameters: &["collections", "tileMatrixSetId", "tileMatrix", "tileRow", "tileCol", "v"],
                ok: tile_ok,
                problems: &["400", "404"],
            }),
        ),
        (
            "/collections/{collectionId}/tiles/{tileMatrixSetId}/changes",
            get(Operation {
                tag: "Tiles",
                id: "getCollectionTileChanges",
                summary: "Which tiles have changed",
                description: CHANGES,
                parameters: &["collectionId", "tileMatrixSetId", "levels", "bbox", "after"],
                ok: changes_ok.clone(),
                problems: &["400", "404", "429"],
            }),
        ),
        (
            "/tiles/{tileMatrixSetId}/changes",
            get(Operation {
                tag: "Tiles",
                id: "getTileChanges",
                summary: "Which tiles have changed",
                description: CHANGES,
                parameters: &["collections", "tileMatrixSetId", "levels", "bbox", "after"],
                ok: changes_ok,
                problems: &["400", "404", "429"],
            }),
        ),
        (
            "/wmts",
            get(Operation {
                tag: "Tiles",
                id: "getWmts",
                summary: "WMTS 1.0.0 (KVP)",
                description: "SERVICE=WMTS with REQUEST=GetCapabilities or GetTile; the REST form is under /wmts/1.0.0/. Errors are OWS ExceptionReports.",
                parameters: &[],
                ok: wmts_ok,
                problems: &[],
            }),
        ),
    ];
    paths.into_iter().map(|(path, operation)| (path.to_owned(), operation)).collect()
}
