//! OGC API – Common Part 1: Core (19-072): landing page, conformance, API definition.

use super::{conformance_classes, definition, value};
use crate::{
    app::App,
    html,
    http::{Answer, Ask, Format, links::link},
};
use axum::{extract::State, response::IntoResponse};
use serde_json::{Value, json};
use std::sync::Arc;

/// What this module conforms to.
pub const CONFORMANCE: &[&str] = &[
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/landing-page",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
];

/// `GET /`
pub async fn landing(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    let (_, format, language) = ask.read(&[])?;
    let city = app.city()?;
    let links = &ask.links;
    if format == Format::Html {
        return Ok(html::landing(links, language, city).into_response());
    }
    let profile = city.profile();
    let title = format!("{} · Citywall", language.of(&profile.name));
    Ok(value(&json!({
        "title": title,
        "description": profile.notice.as_ref().map_or("A digital twin of a city: its layers and its live events.", |notice| language.of(notice)),
        "links": [
            link("self", links.to("/?f=json"), "application/json", "This document"),
            link("alternate", links.to("/?f=html"), "text/html", "This document as a page"),
            link("service-desc", links.to("/api"), "application/vnd.oai.openapi+json;version=3.0", "The API definition (OpenAPI 3.0)"),
            link("service-doc", links.to("/api.html"), "text/html", "The API definition as a page"),
            link("related", links.to("/asyncapi"), super::asyncapi::MEDIA, "The messages of /live and /ingest (AsyncAPI 3.0)"),
            link("conformance", links.to("/conformance"), "application/json", "The conformance classes"),
            link("http://www.opengis.net/def/rel/ogc/1.0/conformance", links.to("/conformance"), "application/json", "The conformance classes"),
            link("data", links.to("/collections"), "application/json", "The collections"),
            link("http://www.opengis.net/def/rel/ogc/1.0/data", links.to("/collections"), "application/json", "The collections"),
            link("http://www.opengis.net/def/rel/ogc/1.0/processes", links.to("/processes"), "application/json", "What can be asked"),
            link("http://www.opengis.net/def/rel/ogc/1.0/job-list", links.to("/jobs"), "application/json", "The jobs"),
            link("related", links.to("/map"), "text/html", "The map"),
            link("related", links.to("/city"), "application/json", "What a map or a wall needs to open"),
            link("related", links.to("/live/sse"), "text/event-stream", "Live changes"),
        ]
    })))
}

/// `GET /conformance`
pub async fn conformance(ask: Ask) -> Answer {
    let (_, format, language) = ask.read(&[])?;
    let classes = conformance_classes();
    match format {
        Format::Html => Ok(html::conformance(&ask.links, language, &classes).into_response()),
        Format::Json => Ok(value(&json!({"conformsTo": classes, "links": document_links(&ask, "/conformance")}))),
    }
}

/// `GET /api`
pub async fn definition(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    let (_, format, language) = ask.read(&[])?;
    let document = definition::document(&ask.links, &app);
    match format {
        Format::Html => Ok(html::definition(&ask.links, language, &document).into_response()),
        Format::Json => Ok(super::json("application/vnd.oai.openapi+json;version=3.0", document.to_string())),
    }
}

/// `GET /api.html`
pub async fn definition_page(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    let (_, _, language) = ask.read(&[])?;
    Ok(html::definition(&ask.links, language, &definition::document(&ask.links, &app)).into_response())
}

/// A document's links to itself and to its page.
pub fn document_links(ask: &Ask, path: &str) -> Value {
    json!([
        link("self", ask.links.to(&format!("{path}?f=json")), "application/json", "This document"),
        link("alternate", ask.links.to(&format!("{path}?f=html")), "text/html", "This document as a page"),
    ])
}
