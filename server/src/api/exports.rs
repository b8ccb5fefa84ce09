//! `/exports/{id}`: how far a download is.

use super::json as answer;
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem},
    limits,
};
use axum::{
    extract::State,
    http::{HeaderValue, header},
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What the API definition says of the names of exports.
pub fn parameters() -> Map<String, Value> {
    let name = json!({"type": "string", "maxLength": limits::EXPORT_NAME_BYTES_MAX, "pattern": "^[A-Za-z0-9-]+$"});
    let told = "A name for this export, chosen by the client: /exports/{exportId} then tells how far it is. All items that match are then streamed in the forms json and jsonfg as well.";
    let parameters = [
        (
            "exportId",
            json!({"name": "exportId", "in": "path", "required": true, "description": "The name that the client gave the export.", "schema": name}),
        ),
        ("export-id", json!({"name": "export-id", "in": "query", "required": false, "description": told, "schema": name})),
    ];
    parameters.map(|(name, parameter)| (name.to_owned(), parameter)).into_iter().collect()
}

/// `GET /exports/{id}`
pub async fn one(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    ask.params(&[])?;
    let progress = app.exports_told.get(&id);
    let progress = progress.ok_or_else(|| {
        Problem::missing(format!(
            "there is no export “{}”: it has not begun, or it is among those long past",
            id.chars().take(40).collect::<String>()
        ))
    })?;
    let mut response = answer("application/json", serde_json::to_vec(&progress).unwrap_or_default());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
