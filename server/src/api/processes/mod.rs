//! OGC API – Processes Part 1: Core (18-062r2): every question of `/query` as a process, answered at
//! once or as a job.

mod describe;
mod execute;
mod job;
mod reference;

use super::{
    query::{OPERATIONS, Operation},
    value,
};
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem, links::link},
};
use axum::{
    Router,
    routing::{get, post},
};
pub use describe::paths;
pub use job::{Analysis, analyses};
use serde_json::{Value, json};
use std::sync::Arc;

/// What this module conforms to.
pub const CONFORMANCE: &[&str] = &[
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/ogc-process-description",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/job-list",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/dismiss",
];

/// The one output of every process.
const OUTPUT: &str = "answer";

/// The addresses of this module.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/processes", get(list))
        .route("/processes/{id}", get(description))
        .route("/processes/{id}/execution", post(execute::execute))
        .route("/jobs", get(job::list))
        .route("/jobs/{id}", get(job::status).delete(job::dismiss))
        .route("/jobs/{id}/results", get(job::results))
}

/// `GET /processes`
async fn list(ask: Ask) -> Answer {
    let params = ask.params(&["limit"])?;
    let limit = limit(params.get("limit"))?;
    let mut links = vec![link("self", ask.links.to("/processes"), "application/json", "This document")];
    if limit < OPERATIONS.len() {
        links.push(link("next", ask.links.to(&format!("/processes?limit={}", OPERATIONS.len())), "application/json", "All processes"));
    }
    let processes: Vec<Value> = OPERATIONS.iter().take(limit).map(|operation| summary(operation, &ask)).collect();
    Ok(value(&json!({"processes": processes, "links": links})))
}

/// `GET /processes/{id}`
async fn description(ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    ask.params(&[])?;
    let operation = operation(&id)?;
    let mut described = summary(operation, &ask);
    described["inputs"] = describe::inputs(operation);
    described["outputs"] = json!({OUTPUT: {
        "title": operation.title,
        "description": operation.description,
        "schema": {"type": "object", "contentMediaType": "application/json"}
    }});
    Ok(value(&described))
}

fn summary(operation: &Operation, ask: &Ask) -> Value {
    let at = |path: &str| ask.links.to(&format!("/processes/{}{path}", operation.id));
    json!({
        "id": operation.id,
        "version": env!("CARGO_PKG_VERSION"),
        "title": operation.title,
        "description": operation.description,
        "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
        "outputTransmission": ["value"],
        "links": [
            link("self", at(""), "application/json", "The process"),
            link("http://www.opengis.net/def/rel/ogc/1.0/execute", at("/execution"), "application/json", "Where to execute it"),
        ]
    })
}

/// A process by its id.
fn operation(id: &str) -> Result<&'static Operation, Problem> {
    let missing = || {
        Problem::missing(format!("there is no process “{}”", id.chars().take(80).collect::<String>()))
            .of_kind("http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process")
    };
    OPERATIONS.iter().find(|operation| operation.id == id).ok_or_else(missing)
}

/// How many entries a list may have: all without a word.
fn limit(text: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(LIST_MAX) };
    let limit = text.parse().ok().filter(|limit| (1..=LIST_MAX).contains(limit));
    limit.ok_or_else(|| Problem::parameter("limit", format!("“{text}” is no whole number from 1 to {LIST_MAX}")))
}

/// The most entries of a list.
const LIST_MAX: usize = 10_000;
