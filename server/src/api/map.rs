//! `/map`: the page that is built into the binary.

use crate::http::{Answer, Ask, PathOf, Problem};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/web/dist/"]
struct Page;

/// Nothing outside the server is ever called; workers come from blobs, styles are set by script, and
/// what unpacks 3D tiles is WebAssembly.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
    font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; child-src blob:; object-src 'none'; \
    base-uri 'self'; form-action 'self'; frame-ancestors 'self'";

/// `GET /map`
pub async fn page(ask: Ask) -> Answer {
    // The page's own addresses are relative to /map/.
    if ask.uri.path() == "/map" {
        let query = ask.uri.query().map_or(String::new(), |query| format!("?{query}"));
        let to = format!("{}/map/{query}", ask.links.prefix());
        return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response());
    }
    file(&ask, "index.html")
}

/// `GET /map/{path}`
pub async fn asset(ask: Ask, PathOf(path): PathOf<String>) -> Answer {
    file(&ask, &path)
}

fn file(ask: &Ask, path: &str) -> Answer {
    let file = Page::get(path).ok_or_else(|| Problem::missing(format!("the map page has no file “{path}”")))?;
    let hash: String = file.metadata.sha256_hash()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{hash}\"");
    let mut response = if ask.holds(&etag) { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(file.data)) };
    let headers = response.headers_mut();
    let media = mime_guess::from_path(path).first_or_octet_stream();
    headers.insert(header::CONTENT_TYPE, media.as_ref().parse().unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("\"\"")));
    // Vite puts a hash into the name of what it builds.
    let immutable = path.starts_with("assets/");
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(if immutable { "public, max-age=31536000, immutable" } else { "no-cache" }),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}
