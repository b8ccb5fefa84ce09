//! `/imports`: imports into a served city, for the command line and for operators on the same
//! machine. Needs the scope `operate`.

use super::json;
use crate::{
    access::Caller,
    app::App,
    http::{Answer, Ask, PathOf, Problem, body},
    importing::{self, ImportRequest},
};
use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
};
use std::sync::Arc;

/// `POST /imports`
pub async fn start(State(app): State<Arc<App>>, ask: Ask, Extension(caller): Extension<Caller>, body: Body) -> Answer {
    ask.params(&[])?;
    let city = app.city()?.clone();
    let request: ImportRequest = body::json(&ask.headers, body).await?;
    if !request.source.is_absolute() {
        return Err(Problem::body("source: must be an absolute path on the server's machine"));
    }
    request.options().map_err(Problem::body)?;
    let request = request.with_refused_beside(&app.file);
    let status = importing::start(&app.imports, city, request, &caller.name).map_err(|reason| Problem::later(reason, 10))?;
    let mut response = json("application/json", serde_json::to_vec(&status).unwrap_or_default());
    *response.status_mut() = StatusCode::ACCEPTED;
    let location = ask.links.to(&format!("/imports/{}", status.id));
    response.headers_mut().insert(header::LOCATION, location.parse().unwrap_or(HeaderValue::from_static("")));
    Ok(response)
}

/// `GET /imports`
pub async fn list(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    ask.params(&[])?;
    Ok(json("application/json", serde_json::to_vec(&serde_json::json!({"imports": app.imports.list()})).unwrap_or_default()))
}

/// `GET /imports/{id}`
pub async fn job(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    ask.params(&[])?;
    let status = id.parse().ok().and_then(|id| app.imports.get(id));
    let status = status.ok_or_else(|| Problem::missing(format!("there is no import “{}”", id.chars().take(40).collect::<String>())))?;
    Ok(json("application/json", serde_json::to_vec(&status).unwrap_or_default()))
}
