//! The edits of single items.

use super::{Operation, reference};
use serde_json::{Map, Value, json};

const DESCRIPTION: &str = "Items of every live collection can be edited; those of a layer come by import (405). If-Match says which state of the item the client has seen: its ETag, or * for any. Without it the edit is refused (428); if the item has changed since, too (412). A change is a new revision: it is durable once answered, pushed to subscribers, and makes the tiles that it touches new. Coordinates are longitude, latitude, or in the CRS that Content-Crs names.";

/// The methods of the address of an item, besides GET.
pub fn item() -> Map<String, Value> {
    let receipt = |description: &str| json!({"description": description, "headers": {"ETag": etag()}, "content": {"application/json": {"schema": reference("schemas", "Receipt")}}});
    let plot = json!({
        "type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[117.2, 39.13], [117.21, 39.13], [117.21, 39.14], [117.2, 39.13]]]},
        "properties": {"title": "地块 A-12", "use": "R2", "far": 2.5}
    });
    let problems = &["400", "404", "405", "409", "412", "413", "415", "428", "429", "507"];
    let operation = |id, summary, description: String, ok, headers: &[&str]| {
        let parameters = [&["collectionId", "itemId"], headers].concat();
        Operation { tag: "Edit", id, summary, description: &description, parameters: &parameters, ok, problems }.json()
    };
    let mut put = operation(
        "putItem",
        "Replace an item",
        format!(
            "What the body does not name is gone; its id counts for nothing. With If-None-Match: * a new item gets the id of the address. {DESCRIPTION}"
        ),
        json!({"200": receipt("The item is replaced"), "201": receipt("The item is made")}),
        &["If-Match", "If-None-Match", "Content-Crs"],
    );
    put["requestBody"] =
        json!({"required": true, "content": {"application/geo+json": {"schema": reference("schemas", "NewFeature"), "example": plot}}});
    let mut patch = operation(
        "patchItem",
        "Change an item",
        format!("A JSON Merge Patch (RFC 7396) of the Feature: null takes a property away; a geometry is replaced whole. {DESCRIPTION}"),
        json!({"200": receipt("The item is changed")}),
        &["If-Match", "Content-Crs"],
    );
    patch["requestBody"] = json!({"required": true, "content": {"application/merge-patch+json": {"schema": {"type": "object"}, "example": {"properties": {"far": 3.0, "note": null}}}}});
    let delete = operation(
        "deleteItem",
        "Remove an item",
        format!("Its history stays. {DESCRIPTION}"),
        json!({"204": {"description": "The item is gone"}}),
        &["If-Match"],
    );
    let options = options("optionsItem", "What can be done with an item", &["collectionId", "itemId"]);
    [("put", put), ("patch", patch), ("delete", delete), ("options", options)]
        .map(|(method, of)| (method.to_owned(), of))
        .into_iter()
        .collect()
}

/// `OPTIONS` of an address.
pub fn options(id: &str, summary: &str, parameters: &[&str]) -> Value {
    let allow = json!({"200": {"description": "The methods", "headers": {"Allow": {"description": "The methods that are allowed", "schema": {"type": "string"}}}}});
    let description = "The header Allow lists the methods (OGC API – Features Part 4).";
    Operation { tag: "Edit", id, summary, description, parameters, ok: allow, problems: &["404"] }.json()
}

fn etag() -> Value {
    json!({"description": "The item's state now", "schema": {"type": "string", "example": "\"42\""}})
}

/// The headers of an edit, as parameters.
pub fn headers() -> Map<String, Value> {
    let header = |name: &str, description: &str, schema: Value| {
        (name.to_owned(), json!({"name": name, "in": "header", "required": false, "description": description, "schema": schema}))
    };
    let crs = json!({"type": "string", "example": "<http://www.opengis.net/def/crs/EPSG/0/4490>"});
    let all = [
        header("If-Match", "The ETag of the item as the client has seen it, or *.", json!({"type": "string", "example": "\"42\""})),
        header("If-None-Match", "* makes a new item.", json!({"type": "string", "enum": ["*"]})),
        header("Content-Crs", "The CRS of the body's coordinates, in its authority's axis order.", crs),
    ];
    all.into_iter().collect()
}
