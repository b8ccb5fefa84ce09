//! The HTTP API: one module per standard.

pub mod asyncapi;
pub mod city;
pub mod common;
pub mod control;
pub mod definition;
pub mod exports;
pub mod features;
pub mod foreign_tiles;
pub mod health;
pub mod history;
pub mod imports;
pub mod ingest;
pub mod ingest_socket;
pub mod live;
pub mod live_collections;
pub mod map;
pub mod processes;
pub mod query;
pub mod refused;
pub mod rules;
pub mod snapshots;
pub mod styles;
pub mod targets;
pub mod tiles;
pub mod tiles3d;
pub mod versions;

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

/// Every conformance class that the server declares, from the modules that implement them.
pub fn conformance_classes() -> Vec<&'static str> {
    [common::CONFORMANCE, features::CONFORMANCE, processes::CONFORMANCE, styles::CONFORMANCE, tiles::CONFORMANCE].concat()
}

/// A JSON answer with the given media type.
pub fn json(media: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let mut response = body.into().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-language, accept-encoding"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A JSON value as an answer.
pub fn value(value: &serde_json::Value) -> Response {
    json("application/json", value.to_string())
}
