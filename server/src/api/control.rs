//! `/control`: the page that steers walls. What a wall is told to show is the item of its name in
//! the collection `walls`: written like any other item, pushed like any other change, and there for
//! a wall that joins late. So the page needs no address of its own but those of the API.

use super::definition::{Operation, get};
use crate::http::{Answer, Ask};
use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use serde_json::{Map, Value, json};

const PAGE: &str = include_str!("../control/control.html");
const SCRIPT: &str = include_str!("../control/control.js");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'self'";

/// What the API definition says of the page.
pub fn paths() -> Map<String, Value> {
    let page = get(Operation {
        tag: "Live",
        id: "getControl",
        summary: "The page that steers walls",
        description: "What a wall shows is the item of its name in the collection walls, with the properties scene, mode (ordinary, emergency, drill), camera (longitude, latitude, distance, bearing, pitch), highlight (collection, id), hidden (layers), playing (the tour) and replay (from, to, speed). Any client may write it.",
        parameters: &[],
        ok: json!({"200": {"description": "The page", "content": {"text/html": {"schema": {"type": "string"}}}}}),
        problems: &[],
    });
    [("/control".to_owned(), page)].into_iter().collect()
}

/// `GET /control`
pub async fn page(ask: Ask) -> Answer {
    ask.params(&["wall", "lang"])?;
    Ok(file(PAGE, "text/html; charset=utf-8"))
}

/// `GET /control/control.js`
pub async fn script(ask: Ask) -> Answer {
    ask.params(&[])?;
    Ok(file(SCRIPT, "text/javascript; charset=utf-8"))
}

fn file(text: &'static str, media: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
