//! Which form and which language the client wants.

use super::{Params, Problem};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use citywall_model::LocalText;
use citywall_tiles::Coding;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON or GeoJSON.
    Json,
    /// A page for a person.
    Html,
}

impl Format {
    /// `f` decides; else the best of the `Accept` header; else JSON.
    ///
    /// # Errors
    /// `f` is unknown (400), or nothing that is accepted can be given (406).
    pub fn choose(params: &Params, headers: &HeaderMap) -> Result<Self, Problem> {
        match params.get("f") {
            Some("json" | "geojson") => return Ok(Self::Json),
            Some("html") => return Ok(Self::Html),
            Some(other) => return Err(Problem::parameter("f", format!("“{other}” is no format here; known are json, html"))),
            None => {}
        }
        let Some(accept) = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()) else { return Ok(Self::Json) };
        let best = weighted(accept)
            .filter_map(|(media, weight)| match media {
                "text/html" | "application/xhtml+xml" | "text/*" => Some((Self::Html, weight)),
                "*/*" | "application/*" => Some((Self::Json, weight)),
                media if media == "application/json" || media.ends_with("+json") => Some((Self::Json, weight)),
                _ => None,
            })
            .filter(|(_, weight)| *weight > 0.0)
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(format, _)| format).ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_ACCEPTABLE,
                format!(
                    "Accept: “{}” names no form that there is; known are application/json, application/geo+json, text/html",
                    accept.chars().take(100).collect::<String>()
                ),
            )
        })
    }
}

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Simplified Chinese.
    Zh,
    /// English.
    En,
}

impl Language {
    /// `lang` decides; else the best of `Accept-Language`; else English.
    ///
    /// # Errors
    /// `lang` is unknown.
    pub fn choose(params: &Params, headers: &HeaderMap) -> Result<Self, Problem> {
        match params.get("lang") {
            Some("zh") => Ok(Self::Zh),
            Some("en") => Ok(Self::En),
            Some(other) => Err(Problem::parameter("lang", format!("“{other}” is no language here; known are zh, en"))),
            None => Ok(Self::accepted(headers)),
        }
    }

    fn accepted(headers: &HeaderMap) -> Self {
        let Some(accept) = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()) else { return Self::En };
        weighted(accept)
            .filter_map(|(tag, weight)| match tag.split('-').next()? {
                "zh" => Some((Self::Zh, weight)),
                "en" => Some((Self::En, weight)),
                _ => None,
            })
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .map_or(Self::En, |(language, _)| language)
    }

    /// The language's tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// The text in this language.
    pub fn of(self, text: &LocalText) -> &str {
        match self {
            Self::Zh if !text.zh.is_empty() => &text.zh,
            _ if !text.en.is_empty() => &text.en,
            _ => &text.zh,
        }
    }

    /// One of two words.
    pub fn say(self, zh: &'static str, en: &'static str) -> &'static str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// The coding that an answer is packed in: the one of those in `Accept-Encoding` with the greatest
/// weight, of equals the smaller and quicker zstd. `*` is taken for gzip, which everyone reads.
pub fn coding(headers: &HeaderMap) -> Coding {
    let Some(accept) = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()) else { return Coding::Identity };
    let weight = |wanted: &str| weighted(accept).find(|(name, _)| *name == wanted).map(|(_, weight)| weight);
    let (zstd, gzip) = (weight("zstd").unwrap_or(0.0), weight("gzip").or_else(|| weight("*")).unwrap_or(0.0));
    if zstd > 0.0 && zstd >= gzip {
        Coding::Zstd
    } else if gzip > 0.0 {
        Coding::Gzip
    } else {
        Coding::Identity
    }
}

/// Bytes that are packed in a coding; 204 for none.
pub fn packed_body(packed: impl Into<Bytes>, coding: Coding, media: &'static str) -> Response {
    let packed = packed.into();
    if packed.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let mut response = Response::new(Body::from(packed));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let name = match coding {
        Coding::Identity => return response,
        Coding::Gzip => "gzip",
        Coding::Zstd => "zstd",
    };
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    response
}

/// The parts of an accept header with their weights (RFC 9110, 12.4.2).
fn weighted(header: &str) -> impl Iterator<Item = (&str, f32)> {
    header.split(',').map(|part| {
        let mut fields = part.split(';');
        let name = fields.next().unwrap_or_default().trim();
        let weight = fields.find_map(|field| field.trim().strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
        (name, weight)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn choose(accept: &'static str) -> Result<Format, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        Format::choose(&Params::default(), &headers)
    }

    #[test]
    fn a_browser_gets_html_and_a_program_json() {
        assert_eq!(choose("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8").unwrap(), Format::Html);
        assert_eq!(choose("*/*").unwrap(), Format::Json);
        assert_eq!(choose("application/geo+json, text/html;q=0.5").unwrap(), Format::Json);
        assert_eq!(choose("image/png").unwrap_err().status(), 406);
    }

    #[test]
    fn an_answer_is_packed_as_the_client_takes_it() {
        let of = |accept: &'static str| coding(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accept))]));
        for accept in ["gzip, deflate, br", "br;q=1.0, gzip;q=0.8", "*", "gzip;q=1.0, zstd;q=0.5"] {
            assert_eq!(of(accept), Coding::Gzip, "{accept}");
        }
        for accept in ["gzip, deflate, br, zstd", "zstd", "gzip;q=0, zstd;q=0.1"] {
            assert_eq!(of(accept), Coding::Zstd, "{accept}");
        }
        for accept in ["br", "gzip;q=0, br", "zstd;q=0.0", "identity", ""] {
            assert_eq!(of(accept), Coding::Identity, "{accept}");
        }
        assert_eq!(coding(&HeaderMap::new()), Coding::Identity);
    }
}
