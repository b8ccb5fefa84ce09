//! One request, as a handler sees it.

use super::{Format, Language, Links, Params, Problem};
use crate::app::App;
use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// Everything of a request but its path's variables and its body.
pub struct Ask {
    /// The address of the server as this client sees it.
    pub links: Links,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The request's own path and query.
    pub uri: Uri,
}

impl FromRequestParts<Arc<App>> for Ask {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        Ok(Self { links: app.links(&parts.headers), headers: parts.headers.clone(), uri: parts.uri.clone() })
    }
}

impl Ask {
    /// One query parameter, before all of them are read.
    pub fn peek(&self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The query parameters, all of which must be in `known`.
    ///
    /// # Errors
    /// One is unknown or comes twice.
    pub fn params(&self, known: &[&str]) -> Result<Params, Problem> {
        Params::parse(self.uri.query(), known)
    }

    /// The parameters, the form and the language.
    ///
    /// # Errors
    /// See [`Ask::params`], [`Format::choose`], [`Language::choose`].
    pub fn read(&self, known: &[&str]) -> Result<(Params, Format, Language), Problem> {
        let params = self.params(known)?;
        let format = Format::choose(&params, &self.headers)?;
        let language = Language::choose(&params, &self.headers)?;
        Ok((params, format, language))
    }

    /// True if the client holds the answer with this tag already.
    pub fn holds(&self, etag: &str) -> bool {
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        self.headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
    }
}

/// 304 with the tag.
pub fn not_modified(etag: &str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    if let Ok(value) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The variables of a path.
#[derive(FromRequestParts)]
#[from_request(via(Path), rejection(Problem))]
pub struct PathOf<T>(pub T);
