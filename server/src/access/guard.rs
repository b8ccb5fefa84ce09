//! The one gate: every request passes here, whatever it asks for.

use super::{
    origin::{check_host, check_origin, origin},
    tokens::Caller,
};
use crate::{app::App, config::Scope, http::Problem};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// Addresses that need no token: what tells whether the server lives, and the way to log in.
const OPEN: [&str; 3] = ["/healthz", "/login", "/session"];

/// Checks Host, Origin and token, and tells the handlers who the caller is.
pub async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    match admit(&app, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED && wants_page(request.method(), request.headers()) => {
            let links = app.links(request.headers());
            let page = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let next = format!("{}{page}", links.prefix());
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
            let login = format!("{}/login?{query}", links.prefix());
            (StatusCode::SEE_OTHER, [(header::LOCATION, login), (header::CACHE_CONTROL, "no-store".to_owned())]).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

fn admit(app: &App, request: &Request) -> Result<Caller, Problem> {
    let headers = request.headers();
    if app.tokens.is_empty() {
        check_host(headers, app.public_links())?;
    }
    let is_upgrade = headers.contains_key(header::UPGRADE);
    check_origin(request.method(), is_upgrade, &origin(headers, || app.links(headers)), &app.config.cors_origins)?;
    if app.tokens.is_empty() {
        return Ok(Caller::local());
    }
    let path = request.uri().path();
    let caller = caller(app, headers)?;
    if OPEN.contains(&path) {
        return Ok(caller.unwrap_or_else(Caller::nobody));
    }
    let caller = caller.ok_or_else(|| unauthorized("this needs a token: send Authorization: Bearer TOKEN, or log in at /login"))?;
    let scope = scope(request.method(), path);
    if !caller.may(scope) {
        let scope = format!("{scope:?}").to_lowercase();
        return Err(Problem::new(StatusCode::FORBIDDEN, format!("the token “{}” lacks the scope “{scope}” that this needs", caller.name)));
    }
    Ok(caller)
}

/// What a request needs: reads need `read`, items that are posted or edited `ingest`, everything else `operate`.
fn scope(method: &Method, path: &str) -> Scope {
    match *method {
        _ if path == "/imports" || path.starts_with("/imports/") || path == "/refused" => Scope::Operate,
        _ if path == "/ingest" => Scope::Ingest,
        // A trial stores nothing.
        Method::POST if path == "/rules/try" || path.starts_with("/query/") || path.starts_with("/processes/") => Scope::Read,
        // Only one's own job, unless with more.
        Method::DELETE if path.starts_with("/jobs/") => Scope::Read,
        Method::GET | Method::HEAD | Method::OPTIONS => Scope::Read,
        Method::POST if path.starts_with("/collections/") && path.ends_with("/items") => Scope::Ingest,
        Method::PUT | Method::PATCH | Method::DELETE if path.starts_with("/collections/") && path.contains("/items/") => Scope::Ingest,
        _ => Scope::Operate,
    }
}

fn caller(app: &App, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let token = authorization.to_str().ok().and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let token = token.ok_or_else(|| unauthorized("Authorization is not of the form “Bearer TOKEN”"))?;
        return app.tokens.holder(token).map(Some).ok_or_else(|| unauthorized("the token is not known"));
    }
    Ok(super::session::session_key(headers).and_then(|key| app.tokens.session(&key)))
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail).header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::GET
        && !headers.contains_key(header::AUTHORIZATION)
        && headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}
