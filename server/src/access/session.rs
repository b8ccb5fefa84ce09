//! `/login` and `/session`: a browser exchanges a token once for a cookie.

use super::tokens::Caller;
use crate::{
    app::App,
    config::Scope,
    html,
    http::{Answer, Ask, Problem, body},
    limits,
};
use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

const COOKIE: &str = "citywall_session";

/// The key in the session cookie, if there is one.
pub fn session_key(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, key)| key.to_owned())
}

/// `GET /login`: a page that asks for a token.
pub async fn login_page(State(app): State<Arc<App>>, ask: Ask, Extension(caller): Extension<Caller>) -> Answer {
    let params = ask.params(&["next", "failed"])?;
    let language = crate::http::Language::choose(&params, &ask.headers)?;
    let next = local_path(params.get("next"), &ask);
    if app.tokens.is_empty() || caller.may(Scope::Read) {
        return Ok(see_other(&next));
    }
    Ok(html::login(&ask.links, language, &next, params.get("failed").is_some()).into_response())
}

/// `POST /session`: a form or JSON with `token` opens a session.
pub async fn create_session(State(app): State<Arc<App>>, ask: Ask, body: Body) -> Answer {
    let body = body::read(&ask.headers, body, limits::SMALL_BODY_BYTES_MAX, "SMALL_BODY_BYTES_MAX").await?;
    let content = ask.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_form = content.starts_with("application/x-www-form-urlencoded");
    let field = |name: &str| form_urlencoded::parse(&body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let token = if is_form {
        field("token")
    } else if content.starts_with("application/json") {
        let json: serde_json::Value =
            serde_json::from_slice(&body).map_err(|error| Problem::body(format!("the body is no JSON: {error}")))?;
        json.get("token").and_then(|token| token.as_str()).map(str::to_owned)
    } else {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send {\"token\": …} as application/json, or a form"));
    };
    let token = token.ok_or_else(|| Problem::body("token is missing"))?;
    let next = local_path(field("next").filter(|_| is_form).as_deref(), &ask);
    match app.tokens.open_session(token.trim()) {
        Some(key) => {
            let cookie = cookie(&ask, &key, limits::SESSION_SECONDS_MAX);
            let mut response = if is_form { see_other(&next) } else { StatusCode::NO_CONTENT.into_response() };
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        }
        None if is_form => {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).append_pair("failed", "1").finish();
            Ok(see_other(&format!("{}/login?{query}", ask.links.prefix())))
        }
        None => Err(Problem::new(StatusCode::UNAUTHORIZED, "the token is not known")),
    }
}

/// `DELETE /session`: ends the session.
pub async fn end_session(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    if let Some(key) = session_key(&ask.headers) {
        app.tokens.end_session(&key);
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(&ask, "", 0))]).into_response())
}

fn cookie(ask: &Ask, key: &str, seconds: u64) -> axum::http::HeaderValue {
    let secure = if ask.links.origin().starts_with("https://") { "; Secure" } else { "" };
    let path = ask.links.prefix();
    let cookie = format!("{COOKIE}={key}; HttpOnly; SameSite=Strict; Path={path}/; Max-Age={seconds}{secure}");
    cookie.parse().unwrap_or_else(|_| axum::http::HeaderValue::from_static(""))
}

/// A path of this server to go on to; anything else becomes the map.
fn local_path(next: Option<&str>, ask: &Ask) -> String {
    let prefix = ask.links.prefix();
    let map = format!("{prefix}/map");
    let own = |next: &&str| {
        next.starts_with('/')
            && !next.starts_with("//")
            && !next.contains('\\')
            && next.starts_with(prefix)
            && next.chars().all(|c| c.is_ascii_graphic())
    };
    next.filter(own).map_or(map, str::to_owned)
}

fn see_other(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path), (header::CACHE_CONTROL, "no-store")]).into_response()
}
