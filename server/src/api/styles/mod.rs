//! OGC API – Styles (draft 20-009): core, manage styles, validation, Mapbox styles.
//!
//! A style is a MapLibre style whose layers name the city's collections as `source-layer`. A
//! collection is drawn by the style that bears its own id, where there is one, on the page and on
//! the wall; its other styles are there to be chosen.

pub mod check;
mod paths;

use super::value;
use crate::{
    app::App,
    http::{Answer, Ask, Params, PathOf, Problem, ask::not_modified, body, links::link, problem::collection_id},
    limits,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use citywall_model::CollectionId;
pub use paths::paths;
use serde_json::{Value, json};
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

/// What this module conforms to.
pub const CONFORMANCE: &[&str] = &[
    "http://www.opengis.net/spec/ogcapi-styles-1/0.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-styles-1/0.0/conf/manage-styles",
    "http://www.opengis.net/spec/ogcapi-styles-1/0.0/conf/style-validation",
    "http://www.opengis.net/spec/ogcapi-styles-1/0.0/conf/mapbox-style",
];

/// The media type of a style.
const MEDIA: &str = "application/vnd.mapbox.style+json";

/// A style as it is kept.
struct Style {
    id: String,
    text: String,
    document: Value,
}

impl Style {
    /// The collections that its layers draw.
    fn collections(&self) -> Vec<&str> {
        check::collections(&self.document)
    }

    fn etag(&self) -> String {
        let mut mark = rustc_hash::FxHasher::default();
        self.text.hash(&mut mark);
        format!("\"{:x}\"", mark.finish())
    }
}

/// `GET /styles`
pub async fn list(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    listed(app, ask, None).await
}

/// `GET /collections/{id}/styles`
pub async fn of_collection(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    let collection = known(&app, &id)?;
    listed(app, ask, Some(collection)).await
}

/// `GET /styles/{style}`
pub async fn one(State(app): State<Arc<App>>, ask: Ask, PathOf(style): PathOf<String>) -> Answer {
    shown(app, ask, None, style).await
}

/// `GET /collections/{id}/styles/{style}`
pub async fn one_of_collection(State(app): State<Arc<App>>, ask: Ask, PathOf((id, style)): PathOf<(String, String)>) -> Answer {
    let collection = known(&app, &id)?;
    shown(app, ask, Some(collection), style).await
}

/// `POST /styles`
pub async fn create(State(app): State<Arc<App>>, ask: Ask, body: Body) -> Answer {
    added(app, ask, None, body).await
}

/// `POST /collections/{id}/styles`
pub async fn create_of_collection(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>, body: Body) -> Answer {
    let collection = known(&app, &id)?;
    added(app, ask, Some(collection), body).await
}

/// `PUT /styles/{style}`
pub async fn put(State(app): State<Arc<App>>, ask: Ask, PathOf(style): PathOf<String>, body: Body) -> Answer {
    replaced(app, ask, None, style, body).await
}

/// `PUT /collections/{id}/styles/{style}`
pub async fn put_of_collection(State(app): State<Arc<App>>, ask: Ask, PathOf((id, style)): PathOf<(String, String)>, body: Body) -> Answer {
    let collection = known(&app, &id)?;
    replaced(app, ask, Some(collection), style, body).await
}

/// `DELETE /styles/{style}`
pub async fn remove(State(app): State<Arc<App>>, ask: Ask, PathOf(style): PathOf<String>) -> Answer {
    removed(app, ask, None, style).await
}

/// `DELETE /collections/{id}/styles/{style}`
pub async fn remove_of_collection(State(app): State<Arc<App>>, ask: Ask, PathOf((id, style)): PathOf<(String, String)>) -> Answer {
    let collection = known(&app, &id)?;
    removed(app, ask, Some(collection), style).await
}

async fn listed(app: Arc<App>, ask: Ask, of: Option<CollectionId>) -> Answer {
    ask.params(&["f"])?;
    let links = ask.links.clone();
    let root = root(&of);
    let styles = read(&app, of).await?;
    let listed: Vec<Value> = styles
        .iter()
        .map(|style| {
            let title = style.document["name"].as_str().unwrap_or(&style.id);
            let href = links.to(&format!("{root}/{}", style.id));
            json!({
                "id": style.id, "title": title, "collections": style.collections(),
                "links": [link("stylesheet", href, MEDIA, title)]
            })
        })
        .collect();
    Ok(value(&json!({
        "styles": listed,
        "links": [link("self", links.to(&format!("{root}?f=json")), "application/json", "This document")]
    })))
}

async fn shown(app: Arc<App>, ask: Ask, of: Option<CollectionId>, id: String) -> Answer {
    ask.params(&["f"])?;
    let style = found(&app, of, &id).await?;
    let etag = style.etag();
    if ask.holds(&etag) {
        return Ok(not_modified(&etag));
    }
    let mut response = super::json(MEDIA, style.text);
    response.headers_mut().insert(header::ETAG, etag.parse().unwrap_or(HeaderValue::from_static("\"\"")));
    Ok(response)
}

async fn added(app: Arc<App>, ask: Ask, of: Option<CollectionId>, body: Body) -> Answer {
    let dry = is_dry(&ask.params(&["dry-run"])?)?;
    let (text, document) = checked(&app, &ask.headers, of.as_ref(), body).await?;
    let id = document["id"].as_str().ok_or_else(|| Problem::body("id: a new style needs one, of letters, digits, “-” and “_”"))?.to_owned();
    check_id(&id)?;
    if read(&app, None).await?.iter().any(|style| style.id == id) {
        return Err(Problem::new(StatusCode::CONFLICT, format!("there is a style “{id}” already; PUT replaces it")));
    }
    if dry {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let address = ask.links.to(&format!("{}/{id}", root(&of)));
    save(&app, id, Some(text)).await?;
    let location = address.parse().unwrap_or(HeaderValue::from_static(""));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
}

async fn replaced(app: Arc<App>, ask: Ask, of: Option<CollectionId>, id: String, body: Body) -> Answer {
    let dry = is_dry(&ask.params(&["dry-run"])?)?;
    check_id(&id)?;
    let (text, document) = checked(&app, &ask.headers, of.as_ref(), body).await?;
    if document.get("id").is_some_and(|own| own.as_str() != Some(&id)) {
        return Err(Problem::body(format!("id: it is {}, but the address names “{id}”", document["id"])));
    }
    let current = read(&app, None).await?.into_iter().find(|style| style.id == id);
    check_current(&ask.headers, current.as_ref())?;
    // What is drawn by a collection's own address is that collection's.
    if let (Some(collection), Some(current)) = (&of, &current)
        && !current.collections().contains(&collection.as_str())
    {
        return Err(Problem::new(StatusCode::CONFLICT, format!("there is a style “{id}” already, and it is not of “{collection}”")));
    }
    if !dry {
        save(&app, id, Some(text)).await?;
    }
    Ok(if current.is_none() && !dry { StatusCode::CREATED } else { StatusCode::NO_CONTENT }.into_response())
}

async fn removed(app: Arc<App>, ask: Ask, of: Option<CollectionId>, id: String) -> Answer {
    ask.params(&[])?;
    let style = found(&app, of, &id).await?;
    check_current(&ask.headers, Some(&style))?;
    save(&app, id, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn root(of: &Option<CollectionId>) -> String {
    of.as_ref().map_or_else(|| "/styles".to_owned(), |id| format!("/collections/{id}/styles"))
}

fn known(app: &App, id: &str) -> Result<CollectionId, Problem> {
    let id = collection_id(id)?;
    app.city()?.view(&id)?;
    Ok(id)
}

fn is_dry(params: &Params) -> Result<bool, Problem> {
    match params.get("dry-run") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::parameter("dry-run", "must be true or false")),
    }
}

fn check_id(id: &str) -> Result<(), Problem> {
    let is_plain = id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if id.is_empty() || id.len() > limits::STYLE_ID_BYTES_MAX || !is_plain {
        let max = limits::STYLE_ID_BYTES_MAX;
        return Err(Problem::body(format!("id: must be 1 to {max} letters, digits, “-”, “_” and “.” (STYLE_ID_BYTES_MAX)")));
    }
    Ok(())
}

/// 412 if the client has another state of the style in mind.
fn check_current(headers: &HeaderMap, current: Option<&Style>) -> Result<(), Problem> {
    let tag = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(str::trim);
    let etag = current.map(Style::etag);
    let failed = match (tag(header::IF_MATCH), tag(header::IF_NONE_MATCH)) {
        (Some("*"), _) => etag.is_none(),
        (Some(wanted), _) => etag.as_deref() != Some(wanted),
        (_, Some("*")) => etag.is_some(),
        _ => false,
    };
    if failed {
        let detail = "the style has changed since it was read, or is not what the request expects; read it again";
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail));
    }
    Ok(())
}

/// A body that is a sound style of this city, and of this collection alone if one is named.
async fn checked(app: &Arc<App>, headers: &HeaderMap, of: Option<&CollectionId>, body: Body) -> Result<(String, Value), Problem> {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content.starts_with(MEDIA) && !content.starts_with("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Content-Type: send {MEDIA}")));
    }
    let bytes = body::read(headers, body, limits::STYLE_BYTES_MAX, "STYLE_BYTES_MAX").await?;
    let document: Value =
        serde_json::from_slice(&bytes).map_err(|error| Problem::body(format!("the style is no JSON: {error}")).at_line(error.line()))?;
    let city = app.city()?;
    check::style(&document, of, &|id| city.view(id).is_ok()).map_err(|fault| Problem::body(fault.to_string()))?;
    Ok((document.to_string(), document))
}

async fn read(app: &Arc<App>, of: Option<CollectionId>) -> Result<Vec<Style>, Problem> {
    let city = app.city()?.clone();
    let kept = app.blocking(move || Ok(city.store().styles()?)).await?;
    let styles = kept.into_iter().map(|(id, text)| {
        let document = serde_json::from_str(&text).map_err(|error| Problem::internal(&error))?;
        Ok(Style { id, text, document })
    });
    let mut styles = styles.collect::<Result<Vec<_>, Problem>>()?;
    if let Some(collection) = of {
        styles.retain(|style| style.collections().contains(&collection.as_str()));
    }
    Ok(styles)
}

async fn found(app: &Arc<App>, of: Option<CollectionId>, id: &str) -> Result<Style, Problem> {
    let missing = || Problem::missing(format!("there is no style “{}”", id.chars().take(80).collect::<String>()));
    read(app, of).await?.into_iter().find(|style| style.id == id).ok_or_else(missing)
}

async fn save(app: &Arc<App>, id: String, text: Option<String>) -> Result<(), Problem> {
    let (city, kept) = (app.city()?.clone(), id.clone());
    app.blocking(move || {
        let store = city.store();
        if text.is_some() && store.styles()?.len() >= limits::STYLES_MAX {
            let detail = format!("the city has STYLES_MAX ({}) styles already", limits::STYLES_MAX);
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        store.set_style(&kept, text.as_deref())?;
        Ok(())
    })
    .await?;
    // Nobody listening is no fault.
    let _ = app.styled.send(id);
    Ok(())
}
