//! The addresses of styles in the API definition.

use super::MEDIA;
use crate::api::definition::{Operation, data, get, reference};
use serde_json::{Map, Value, json};

/// The paths of this module.
pub fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    for (root, of) in [("", &[] as &[&str]), ("/collections/{collectionId}", &["collectionId"])] {
        let suffix = if of.is_empty() { "" } else { "OfCollection" };
        let with = |more: &[&'static str]| [of, more].concat();
        let mut all = list(&format!("getStyles{suffix}"), of);
        all["post"] =
            write("post", suffix, &with(&["dry-run"]), json!({"201": {"description": "The style is kept; Location has its address"}}));
        let mut single = one(&format!("getStyle{suffix}"), &with(&["styleId"]));
        let done = json!({"201": {"description": "The style is new"}, "204": {"description": "The style is replaced, or sound if dry-run is true"}});
        single["put"] = write("put", suffix, &with(&["styleId", "dry-run"]), done);
        single["delete"] = write("delete", suffix, &with(&["styleId"]), json!({"204": {"description": "The style is gone"}}));
        paths.insert(format!("{root}/styles"), all);
        paths.insert(format!("{root}/styles/{{styleId}}"), single);
    }
    paths
}

fn list(id: &str, parameters: &[&str]) -> Value {
    get(Operation {
        tag: "Styles",
        id,
        summary: "The styles",
        description: "Each with its id, its title and the collections that it draws.",
        parameters,
        ok: data("The styles", "application/json", "Any"),
        problems: &["404"],
    })
}

fn one(id: &str, parameters: &[&str]) -> Value {
    get(Operation {
        tag: "Styles",
        id,
        summary: "One style",
        description: "A MapLibre style whose layers name collections as source-layer.",
        parameters,
        ok: data("The style", MEDIA, "Any"),
        problems: &["404"],
    })
}

fn write(verb: &str, suffix: &str, parameters: &[&str], responses: Value) -> Value {
    let (summary, description) = match verb {
        "post" => ("Add a style", "Its id is the member “id”. Needs the scope operate."),
        "put" => (
            "Put a style",
            "It is checked first: a layer that the city does not have, a property or an expression that MapLibre does not know, or an address outside this server is refused with its place in the document. If-Match guards against overwriting. Needs the scope operate.",
        ),
        _ => ("Remove a style", "Needs the scope operate."),
    };
    let mut operation = json!({
        "tags": ["Styles"], "operationId": format!("{verb}Style{suffix}"), "summary": summary, "description": description,
        "parameters": parameters.iter().map(|name| reference("parameters", name)).collect::<Vec<_>>(),
        "responses": responses
    });
    operation["responses"]["default"] = reference("responses", "Problem");
    if verb != "delete" {
        operation["requestBody"] = json!({"required": true, "content": {MEDIA: {"schema": {"type": "object"}}}});
    }
    operation
}
