//! The API definition: OpenAPI 3.0, every `$ref` local to the document.

use crate::{app::App, http::Links};
use citywall_model::limits;
use serde_json::{Map, Value, json};

mod edits;
mod live;

/// The whole document, with addresses for this client.
pub fn document(links: &Links, app: &App) -> Value {
    let mut document = json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Citywall",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One city: its layers and its live events, as collections of features and as vector tiles. Coordinates are longitude, latitude in degrees. Every answer names the revision that it was read at.",
            "license": {"name": "MIT OR Apache-2.0"}
        },
        "servers": [{"url": links.to("")}],
        "tags": tags(),
        "paths": all_paths(),
        "components": {
            "parameters": parameters().into_iter().chain(edits::headers()).chain(live::parameters()).chain(super::history::parameters()).chain(super::exports::parameters()).chain(super::tiles::parameters()).chain(super::versions::parameters()).collect::<Map<_, _>>(),
            "responses": responses(),
            "schemas": schemas().into_iter().chain(live::schemas()).collect::<Map<_, _>>(),
        }
    });
    if !app.tokens.is_empty() {
        document["components"]["securitySchemes"] = json!({
            "token": {"type": "http", "scheme": "bearer", "description": "A token of the server's configuration, with the scope read, ingest or operate."},
            "session": {"type": "apiKey", "in": "cookie", "name": "citywall_session", "description": "A browser's session, opened at /login."}
        });
        document["security"] = json!([{"token": []}, {"session": []}]);
    }
    document
}

fn tags() -> Value {
    json!([
        {"name": "Capabilities", "description": "What the server is and what it can do."},
        {"name": "Data", "description": "Collections and their items (OGC API – Features)."},
        {"name": "Tiles", "description": "Vector tiles of every collection (OGC API – Tiles)."},
        {"name": "Styles", "description": "How collections are drawn, as MapLibre styles (OGC API – Styles)."},
        {"name": "Query", "description": "What an analyst asks: nearest, aggregate, join, overlay, hot spots, ways along roads and pipes. Each takes GET with parameters and POST with the same as JSON; every number has its unit and the revision that it was computed at."},
        {"name": "Processes", "description": "The same questions as processes and jobs (OGC API – Processes)."},
        {"name": "Edit", "description": "Single items made, replaced, changed and removed (OGC API – Features Part 4)."},
        {"name": "Live", "description": "Posting live items and hearing of changes."},
        {"name": "History", "description": "The past of single items: states, tracks, series."},
        {"name": "Operation", "description": "Health, metrics and imports."}
    ])
}

pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// An operation with its parameters and answers.
pub(super) struct Operation<'a> {
    pub(super) tag: &'a str,
    pub(super) id: &'a str,
    pub(super) summary: &'a str,
    pub(super) description: &'a str,
    pub(super) parameters: &'a [&'a str],
    pub(super) ok: Value,
    pub(super) problems: &'a [&'a str],
}

impl Operation<'_> {
    pub(super) fn json(self) -> Value {
        let mut responses = Map::new();
        if let Value::Object(ok) = self.ok {
            responses.extend(ok);
        }
        for status in self.problems {
            responses.insert((*status).to_owned(), reference("responses", "Problem"));
        }
        responses.insert("default".to_owned(), reference("responses", "Problem"));
        json!({
            "tags": [self.tag],
            "operationId": self.id,
            "summary": self.summary,
            "description": self.description,
            "parameters": self.parameters.iter().map(|name| reference("parameters", name)).collect::<Vec<_>>(),
            "responses": responses
        })
    }
}

pub(super) fn answer(description: &str, media: &str, schema: &str) -> Value {
    json!({"200": {"description": description, "content": {media: {"schema": reference("schemas", schema)}, "text/html": {"schema": {"type": "string"}}}}})
}

pub(super) fn data(description: &str, media: &str, schema: &str) -> Value {
    json!({"200": {"description": description, "content": {media: {"schema": reference("schemas", schema)}}}})
}

/// What is at one address: the operation of `GET`.
pub(super) fn get(operation: Operation<'_>) -> Value {
    json!({"get": operation.json()})
}

/// The addresses of every module.
fn all_paths() -> Map<String, Value> {
    let modules = [
        paths(),
        live::paths(),
        super::control::paths(),
        super::foreign_tiles::paths(),
        super::processes::paths(),
        super::query::paths(),
        super::rules::paths(),
        super::snapshots::paths(),
        super::history::paths(),
        super::styles::paths(),
        super::tiles::paths(),
        super::tiles3d::paths(),
        super::versions::paths(),
    ];
    modules.into_iter().flatten().collect()
}

fn paths() -> Map<String, Value> {
    let page = &["f", "lang"];
    let mut items = get(Operation {
        tag: "Data",
        id: "getItems",
        summary: "Items of a collection",
        description: "The items that match, a page at a time. Any attribute of the collection may be given as a parameter of its own and must then be equal, such as status=open. Unknown parameters are refused.",
        parameters: &[
            "collectionId",
            "bbox",
            "bbox-crs",
            "datetime",
            "as-of",
            "filter",
            "filter-lang",
            "filter-crs",
            "q",
            "sortby",
            "properties",
            "crs",
            "limit",
            "cursor",
            "explain",
            "export-id",
            "bom",
            "itemsForm",
            "lang",
        ],
        ok: items_answer(),
        problems: &["400", "404"],
    });
    items["post"] = post_items();
    items["options"] = edits::options("optionsItems", "What can be done with items", &["collectionId"]);
    let mut collections = get(Operation {
        tag: "Data",
        id: "getCollections",
        summary: "All collections",
        description: "Layers and live collections alike.",
        parameters: page,
        ok: answer("The collections", "application/json", "Collections"),
        problems: &[],
    });
    collections["post"] = live::new_collection();
    let mut item = get(Operation {
        tag: "Data",
        id: "getItem",
        summary: "One item",
        description: "By its id, which is text and unique in its collection. The ETag of a live item names its revision.",
        parameters: &["collectionId", "itemId", "as-of", "crs", "f", "lang"],
        ok: answer("The item", "application/geo+json", "Feature"),
        problems: &["400", "404"],
    });
    if let Some(item) = item.as_object_mut() {
        item.extend(edits::item());
    }
    let Value::Object(paths) = json!({
        "/": get(Operation { tag: "Capabilities", id: "getLandingPage", summary: "Landing page", description: "The city and the links to everything else.", parameters: page, ok: answer("The landing page", "application/json", "LandingPage"), problems: &[] }),
        "/conformance": get(Operation { tag: "Capabilities", id: "getConformance", summary: "Conformance classes", description: "The standards' classes that the server conforms to.", parameters: page, ok: answer("The classes", "application/json", "Conformance"), problems: &[] }),
        "/api": get(Operation { tag: "Capabilities", id: "getApi", summary: "This document", description: "The API definition.", parameters: page, ok: answer("OpenAPI 3.0", "application/vnd.oai.openapi+json;version=3.0", "Any"), problems: &[] }),
        "/city": get(Operation { tag: "Capabilities", id: "getCity", summary: "What a map or a wall needs to open", description: "Name, extent, home view, time zone, area levels, and every collection with its counts and revision.", parameters: &[], ok: data("The city", "application/json", "City"), problems: &[] }),
        "/collections": collections,
        "/collections/{collectionId}": get(Operation { tag: "Data", id: "getCollection", summary: "One collection", description: "Its title, source, extent, attributes, counts, version and revision.", parameters: &["collectionId", "f", "lang"], ok: answer("The collection", "application/json", "Collection"), problems: &["404"] }),
        "/collections/{collectionId}/items": items,
        "/collections/{collectionId}/items/{itemId}": item,
        "/collections/{collectionId}/queryables": get(Operation { tag: "Data", id: "getQueryables", summary: "What a filter can name", description: "The properties that “filter” can name, as JSON Schema 2020-12. Items of a live collection may have more.", parameters: &["collectionId"], ok: data("The queryables", "application/schema+json", "Any"), problems: &["404"] }),
        "/collections/{collectionId}/sortables": get(Operation { tag: "Data", id: "getSortables", summary: "What items can be sorted by", description: "The properties that “sortby” can name, as JSON Schema 2020-12.", parameters: &["collectionId"], ok: data("The sortables", "application/schema+json", "Any"), problems: &["404"] }),
        "/collections/{collectionId}/schema": get(Operation { tag: "Data", id: "getSchema", summary: "The schema of its items", description: "The properties and their roles, as JSON Schema 2020-12.", parameters: &["collectionId"], ok: data("The schema", "application/schema+json", "Any"), problems: &["404"] }),
        "/functions": get(Operation { tag: "Capabilities", id: "getFunctions", summary: "What a filter can call", description: "The functions besides those of the CQL2 standard.", parameters: &[], ok: data("The functions", "application/json", "Functions"), problems: &[] }),
        "/healthz": get(Operation { tag: "Operation", id: "getHealth", summary: "The process lives", description: "Needs no token.", parameters: &[], ok: data("It lives", "application/json", "Any"), problems: &[] }),
        "/readyz": get(Operation { tag: "Operation", id: "getReady", summary: "The city is loaded", description: "503 until then.", parameters: &[], ok: data("It is loaded", "application/json", "Any"), problems: &["503"] }),
        "/metrics": get(Operation { tag: "Operation", id: "getMetrics", summary: "Metrics (Prometheus)", description: "Text, exposition format 0.0.4.", parameters: &[], ok: json!({"200": {"description": "The metrics", "content": {"text/plain": {"schema": {"type": "string"}}}}}), problems: &[] }),
        "/exports/{exportId}": get(Operation { tag: "Data", id: "getExport", summary: "How far an export is", description: "Of items that were asked for with export-id.", parameters: &["exportId"], ok: data("The items written, and whether it is running, done or failed and why", "application/json", "Export"), problems: &["404"] }),
        "/imports": imports(),
        "/imports/{importId}": get(Operation { tag: "Operation", id: "getImport", summary: "How an import stands", description: "Needs the scope operate.", parameters: &["importId"], ok: data("The import", "application/json", "Import"), problems: &["404"] })
    }) else {
        return Map::new();
    };
    paths
}

/// A page in the JSON forms and as a page; everything that matches in the streamed ones.
fn items_answer() -> Value {
    let mut ok = answer(
        "A page of items; without “limit” all items that match, in the streamed forms csv, fgb, geojsonl, arrow and parquet",
        "application/geo+json",
        "FeatureCollection",
    );
    let content = &mut ok["200"]["content"];
    content[crate::geojson::fg::MEDIA] = json!({"schema": reference("schemas", "FeatureCollection")});
    for (form, _, media) in crate::export::Form::ALL {
        content[media] =
            json!({"schema": if form.is_binary() { json!({"type": "string", "format": "binary"}) } else { json!({"type": "string"}) }});
    }
    ok
}

fn post_items() -> Value {
    let feature = json!({
        "type": "Feature", "id": "2026-03-01/17", "geometry": {"type": "Point", "coordinates": [117.2, 39.13]},
        "properties": {"source": "dispatch", "time": "2026-03-01T08:15:00+08:00", "class": "GB/T 30428.2-2013:0101", "title": "路灯损坏", "level": 3, "status": "open"}
    });
    let line = r#"{"type":"Feature","id":"2026-03-01/17","properties":{"status":"cleared"}}"#;
    let batch = "One result per record, in order: {id, revision}, or a problem that names the line. Good records are kept.";
    let mut operation = Operation {
        tag: "Live",
        id: "postItems",
        summary: "Post live items",
        description: "A new item needs id, source and time (in a collection of the kind features the server gives all three where they are missing); class (scheme:code), title, level (1 red to 4 blue) and status are optional. A later post of the same id merges the members that it names: a null property is removed, no geometry leaves the place as it is, a null geometry takes it away. An item belongs to its first source. An answer means that the record is durable.",
        parameters: &["collectionId"],
        ok: json!({
            "200": {"description": batch, "content": {"application/json": {"schema": {"type": "array", "items": {"oneOf": [reference("schemas", "Receipt"), reference("schemas", "Problem")]}}}}},
            "201": {"description": "A single Feature is stored", "headers": {"Location": {"description": "Its address", "schema": {"type": "string", "format": "uri"}}}, "content": {"application/json": {"schema": reference("schemas", "Receipt")}}}
        }),
        problems: &["400", "404", "405", "409", "413", "415", "429", "507"],
    }
    .json();
    operation["requestBody"] = json!({
        "required": true,
        "content": {
            "application/geo+json": {"schema": {"oneOf": [reference("schemas", "Feature"), reference("schemas", "FeatureCollection")]}, "example": feature},
            "application/x-ndjson": {"schema": {"type": "string"}, "example": line},
            "application/geo+json-seq": {"schema": {"type": "string"}}
        }
    });
    operation
}

fn imports() -> Value {
    let list = Operation {
        tag: "Operation",
        id: "getImports",
        summary: "Imports of this process",
        description: "Needs the scope operate.",
        parameters: &[],
        ok: data("The imports", "application/json", "Any"),
        problems: &[],
    };
    let mut start = Operation {
        tag: "Operation",
        id: "postImport",
        summary: "Import a file of the server's machine",
        description: "What `citywall import` does on a served city. Needs the scope operate. One import runs at a time.",
        parameters: &[],
        ok: json!({"202": {"description": "It waits or runs", "headers": {"Location": {"description": "Where to ask how it stands", "schema": {"type": "string", "format": "uri"}}}, "content": {"application/json": {"schema": reference("schemas", "Import")}}}}),
        problems: &["400", "415", "503"],
    }
    .json();
    start["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": reference("schemas", "ImportRequest"), "example": {"source": "/data/buildings.geojson", "layer": "buildings"}}}});
    json!({"get": list.json(), "post": start})
}

fn parameters() -> Map<String, Value> {
    let path = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema});
    let query = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "query", "required": false, "style": "form", "explode": false, "description": description, "schema": schema});
    let text = json!({"type": "string"});
    let whole = json!({"type": "integer", "minimum": 0});
    let mut bbox = query(
        "bbox",
        "A window: west, south, east, north, or the same with heights after south and north. An item matches if its geometry itself meets it. West may be greater than east: then it crosses the antimeridian.",
        json!({"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}),
    );
    bbox["style"] = json!("form");
    bbox["explode"] = json!(false);
    let listed = |name: &str, description: &str, schema: Value| {
        let mut parameter = query(name, description, schema);
        parameter["style"] = json!("form");
        parameter["explode"] = json!(false);
        parameter
    };
    let Value::Object(parameters) = json!({
        "collectionId": path("collectionId", "The collection's id.", text.clone()),
        "itemId": path("itemId", "The item's id.", text.clone()),
        "importId": path("importId", "The import's number.", whole.clone()),
        "styleId": path("styleId", "The style's id. A collection is drawn by the style that bears its own id.", text.clone()),
        "dry-run": query("dry-run", "With true the style is only checked.", json!({"type": "boolean", "default": false})),
        "level": path("level", "The level of the quadtree, 0 for the whole layer.", json!({"type": "integer", "minimum": 0})),
        "x": path("x", "The column, from the west.", json!({"type": "integer", "minimum": 0})),
        "y": path("y", "The row, from the south.", json!({"type": "integer", "minimum": 0})),
        "tilesetId": path("tilesetId", "The id of a registered tileset.", text.clone()),
        "path": path("path", "A file of the tileset, with its folders.", json!({"type": "string", "example": "tileset.json"})),
        "tileMatrixSetId": path("tileMatrixSetId", "The tile matrix set.", json!({"type": "string", "enum": ["WebMercatorQuad", "WorldCRS84Quad", "w", "c"]})),
        "tileMatrix": path("tileMatrix", "The zoom level.", json!({"type": "integer", "minimum": 0, "maximum": limits::TILE_ZOOM_MAX})),
        "tileRow": path("tileRow", "The row, from the north.", whole.clone()),
        "tileCol": path("tileCol", "The column, from the west.", whole.clone()),
        "f": query("f", "The form of the answer; without it the Accept header decides.", json!({"type": "string", "enum": ["json", "html"]})),
        "itemsForm": query("f", "The form of the items; without it the Accept header decides. json (GeoJSON), jsonfg and html come by pages; csv (with WKT), fgb (FlatGeobuf), geojsonl (a Feature per line), arrow (Arrow IPC stream) and parquet (GeoParquet 1.1) are streamed: all items that match, unless “limit” asks for a page; with export-id json and jsonfg are too. In fgb, csv, arrow and parquet the easting comes first in every CRS.", json!({"type": "string", "enum": ["json", "html", "jsonfg", "csv", "fgb", "geojsonl", "arrow", "parquet"]})),
        "lang": query("lang", "The language of a page; without it the Accept-Language header decides.", json!({"type": "string", "enum": ["zh", "en"]})),
        "bbox": bbox,
        "bbox-crs": query("bbox-crs", "The CRS of the window, in its authority's axis order.", json!({"type": "string", "format": "uri", "default": super::features::CRS84})),
        "datetime": query("datetime", "The past of a live collection: an instant, or an interval with “..” for an open end. The items that were there at that instant or at any time within the interval, as they were at its end: an item is there from its beginning until it is cleared or removed. Late records count at their own time. Items of a layer have no time and match any. What was expired is answered with 410.", json!({"type": "string", "example": "2026-03-01T00:00:00+08:00/.."})),
        "as-of": query("as-of", "Only what was recorded up to this revision: without datetime the collection as it stood then, with it the past as it was known then. Of a layer the version that was current then, if it is kept (/collections/{collectionId}/versions); else 410.", whole.clone()),
        "filter": query("filter", "A CQL2 filter; /collections/{collectionId}/queryables lists the properties that it can name. Days are those of the city's time zone.", json!({"type": "string", "example": "height > 50 AND S_INTERSECTS(geometry, BBOX(117, 39, 117.5, 39.5))"})),
        "filter-lang": query("filter-lang", "The language of the filter.", json!({"type": "string", "enum": ["cql2-text", "cql2-json"], "default": "cql2-text"})),
        "filter-crs": query("filter-crs", "The CRS of the filter's coordinates, in its authority's axis order.", json!({"type": "string", "format": "uri", "default": super::features::CRS84})),
        "crs": query("crs", "The CRS of the answer's coordinates, in its authority's axis order: one that the collection lists, or any other that PROJ knows.", json!({"type": "string", "format": "uri", "default": super::features::CRS84})),
        "q": query("q", "Words that an item's id or texts must have. All of those between two commas must be there; case does not count; Latin letters find Chinese by its pinyin or its initials.", json!({"type": "string", "maxLength": 400, "example": "tianjin zhan"})),
        "sortby": listed("sortby", "Properties to sort by, the first one first; with “-” before it the greatest comes first. What has no value comes last. /collections/{collectionId}/sortables lists them.", json!({"type": "array", "maxItems": 8, "items": {"type": "string"}, "example": ["-height"]})),
        "properties": listed("properties", "The only properties to write; all without it.", json!({"type": "array", "items": {"type": "string"}})),
        "explain": query("explain", "With true the answer is how the request would be answered, instead of the items.", json!({"type": "boolean", "default": false})),
        "bom": query("bom", "With true a CSV begins with a byte order mark, by which spreadsheets know that it is UTF-8.", json!({"type": "boolean", "default": false})),
        "limit": query("limit", "Most items in a page.", json!({"type": "integer", "minimum": 1, "maximum": limits::ITEMS_LIMIT_MAX, "default": limits::ITEMS_LIMIT_DEFAULT})),
        "cursor": query("cursor", "Where the page before ended; taken from its “next” link.", text.clone()),
        "collections": query("collections", "Collections, separated by commas; all without it.", text),
        "replay": query("replay", "Play a past window instead of what happens now: FROM/TO, or FROM/.. up to now.", json!({"type": "string", "example": "2026-03-01T08:00:00+08:00/2026-03-01T09:00:00+08:00"})),
        "speed": query("speed", "Seconds of the past that pass in one second of a replay.", json!({"type": "number", "default": 1})),
        "after": query("after", "Resume after this revision instead of taking a snapshot.", whole.clone()),
        "levels": query("levels", "First and last tile matrix.", json!({"type": "string", "pattern": "^[0-9]+(-[0-9]+)?$", "example": "10-14"})),
        "v": query("v", "The revision that the client expects; if it is the current one, the answer may be kept for ever.", whole)
    }) else {
        return Map::new();
    };
    parameters
}

fn responses() -> Value {
    json!({"Problem": {"description": "A refusal that names what is wrong", "content": {"application/problem+json": {"schema": reference("schemas", "Problem")}}}})
}

fn schemas() -> Map<String, Value> {
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let texts = || reference("schemas", "LocalText");
    let links = || json!({"type": "array", "items": reference("schemas", "Link")});
    let bbox = || json!({"type": "array", "nullable": true, "minItems": 4, "maxItems": 4, "items": {"type": "number"}});
    let Value::Object(schemas) = json!({
        "Any": {"type": "object"},
        "LocalText": object(&["zh", "en"], json!({"zh": {"type": "string"}, "en": {"type": "string"}})),
        "Link": object(&["rel", "href"], json!({"rel": {"type": "string"}, "href": {"type": "string"}, "type": {"type": "string"}, "title": {"type": "string"}, "templated": {"type": "boolean"}})),
        "LandingPage": object(&["title", "links"], json!({"title": {"type": "string"}, "description": {"type": "string"}, "links": links()})),
        "Conformance": object(&["conformsTo"], json!({"conformsTo": {"type": "array", "items": {"type": "string"}}})),
        "Collections": object(&["links", "collections"], json!({"links": links(), "collections": {"type": "array", "items": reference("schemas", "Collection")}})),
        "Collection": object(&["id", "links"], json!({
            "id": {"type": "string"}, "title": {"type": "string"}, "titles": texts(), "description": {"type": "string"}, "extent": {"type": "object"},
            "itemType": {"type": "string"}, "crs": {"type": "array", "items": {"type": "string"}}, "storageCrs": {"type": "string"}, "sourceCrs": {"type": "string"},
            "kind": {"type": "string", "enum": ["layer", "elevation", "imagery", "features", "incidents", "moving_objects", "things", "datastreams", "fences", "rules", "alarms", "sources", "targets"]}, "category": {"type": "string"}, "generated": {"type": "boolean"}, "geometryType": {"type": "string"},
            "count": {"type": "integer"}, "open": {"type": "integer"}, "openByLevel": {"type": "array", "items": {"type": "integer"}},
            "version": {"type": "integer"}, "revision": {"type": "integer"}, "fields": {"type": "array", "items": {"type": "object"}}, "links": links()
        })),
        "Geometry": object(&["type"], json!({"type": {"type": "string", "enum": ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"]}, "coordinates": {"type": "array", "items": {}}, "geometries": {"type": "array", "items": {"type": "object"}}})),
        "Feature": object(&["type", "id", "properties"], json!({
            "type": {"type": "string", "enum": ["Feature"]}, "id": {"type": "string"},
            "geometry": {"nullable": true, "allOf": [reference("schemas", "Geometry")]},
            "properties": {"type": "object", "nullable": true}, "links": links()
        })),
        "NewFeature": object(&["type", "geometry", "properties"], json!({
            "type": {"type": "string", "enum": ["Feature"]},
            "geometry": {"nullable": true, "allOf": [reference("schemas", "Geometry")]},
            "properties": {"type": "object", "nullable": true}
        })),
        "FeatureCollection": object(&["type", "features"], json!({
            "type": {"type": "string", "enum": ["FeatureCollection"]}, "features": {"type": "array", "items": reference("schemas", "Feature")},
            "numberMatched": {"type": "integer"}, "numberReturned": {"type": "integer"}, "timeStamp": {"type": "string", "format": "date-time"},
            "revision": {"type": "integer"}, "links": links()
        })),
        "Functions": object(&["functions"], json!({"functions": {"type": "array", "items": {"type": "object", "required": ["name", "returns"], "properties": {
            "name": {"type": "string"}, "description": {"type": "string"}, "arguments": {"type": "array", "items": {"type": "object"}}, "returns": {"type": "array", "items": {"type": "string"}}
        }}}})),
        "Receipt": object(&["id", "revision"], json!({"id": {"type": "string"}, "revision": {"type": "integer", "description": "The change that made the item so; the item's own if the record changed nothing."}})),
        "Problem": object(&["type", "title", "status", "detail"], json!({
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
            "parameter": {"type": "string", "description": "The query parameter that is wrong."}, "line": {"type": "integer", "description": "The line of the body that is wrong, from 1."}
        })),
        "City": object(&["name", "revision", "collections"], json!({
            "name": texts(), "time_zone": {"type": "string"}, "extent": bbox(), "home": {"type": "object", "nullable": true}, "notice": {"nullable": true, "allOf": [texts()]},
            "area_levels": {"type": "array", "items": {"type": "object"}}, "revision": {"type": "integer"}, "version": {"type": "string"}, "collections": {"type": "array", "items": {"type": "object"}}
        })),
        "ImportRequest": object(&["source"], json!({
            "source": {"type": "string"}, "layer": {"type": "string"}, "crs": {"type": "string"}, "id_field": {"type": "string"}, "title_zh": {"type": "string"}, "title_en": {"type": "string"},
            "category": {"type": "string"}, "attribution": {"type": "string"}, "encoding": {"type": "string"}, "refused": {"type": "string"}, "generated": {"type": "boolean"}, "picture": {"type": "boolean", "description": "True keeps a raster as a picture, even if it looks like heights."}, "keep": {"type": "integer", "minimum": 0, "maximum": limits::VERSIONS_KEPT_MAX, "description": "How many replaced versions the layer keeps from now on."}
        })),
        "Export": object(&["items", "state"], json!({
            "items": {"type": "integer"}, "state": {"type": "string", "enum": ["running", "done", "failed"]}, "reason": {"type": "string"}
        })),
        "Import": object(&["id", "state"], json!({
            "id": {"type": "integer"}, "state": {"type": "string", "enum": ["waiting", "running", "done", "failed"]}, "request": reference("schemas", "ImportRequest"), "actor": {"type": "string"},
            "progress": {"type": "object"}, "report": {"type": "object"}, "text": {"type": "string"}, "refused": {"type": "integer"}, "error": {"type": "string"}
        }))
    }) else {
        return Map::new();
    };
    schemas
}
