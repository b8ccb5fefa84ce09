//! Edits of single items (OGC API – Features Part 4, 20-002): PUT, PATCH with a JSON Merge Patch
//! (RFC 7396), DELETE, with optimistic locking by ETag.
//!
//! The items of every live collection can be edited; those of a layer come by import. An edit
//! must say by `If-Match` which revision of the item it has seen, or `*` for any; without one it
//! is refused (428), so that nobody overwrites unknowingly what another has drawn. PUT with
//! `If-None-Match: *` makes an item of that id.

use super::crs;
use crate::{
    access::Caller,
    api::{ingest, json},
    app::App,
    geojson::read,
    http::{Answer, Ask, PathOf, Problem, body as http_body, problem::collection_id},
    limits,
};
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use citywall_model::{CollectionId, EventDraft, Properties, Revision, limits as engine};
use citywall_query::{City, Deed, Edit, Expected, Receipt};
use serde_json::Value;
use std::sync::Arc;

/// Adds the edits to the address of an item.
pub fn routes(item: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    item.put(put).patch(patch).delete(delete).options(item_options)
}

/// The tag of a live item at a revision. It names that state of the item in every form.
pub fn etag(revision: Revision) -> String {
    format!("\"{revision}\"")
}

/// The tag as a header's value.
pub fn tag(revision: Revision) -> HeaderValue {
    HeaderValue::from_str(&etag(revision)).unwrap_or(HeaderValue::from_static("\"\""))
}

/// `OPTIONS /collections/{id}/items`
pub async fn items_options(State(app): State<Arc<App>>, PathOf(id): PathOf<String>) -> Answer {
    options(&app, &id, "GET, HEAD, OPTIONS, POST")
}

/// `OPTIONS /collections/{id}/items/{fid}`
async fn item_options(State(app): State<Arc<App>>, PathOf((id, _)): PathOf<(String, String)>) -> Answer {
    options(&app, &id, EDITABLE)
}

const EDITABLE: &str = "GET, HEAD, OPTIONS, PUT, PATCH, DELETE";
const FIXED: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

fn options(app: &App, id: &str, live: &'static str) -> Answer {
    let is_live = app.city()?.view(&collection_id(id)?)?.is_live();
    let allow = if is_live { HeaderValue::from_static(live) } else { FIXED };
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert(header::ALLOW, allow);
    if is_live {
        response.headers_mut().insert(ACCEPT_PATCH, HeaderValue::from_static(MERGE_PATCH));
    }
    Ok(response)
}

/// RFC 5789, section 3.1.
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// The CRS of a body's coordinates.
pub const CONTENT_CRS: HeaderName = HeaderName::from_static("content-crs");
const MERGE_PATCH: &str = "application/merge-patch+json";

/// `PUT /collections/{id}/items/{fid}`
async fn put(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((id, item)): PathOf<(String, String)>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Answer {
    let (city, collection) = editable(&app, &ask, &id)?;
    check_media(&ask.headers, &["application/geo+json", "application/json"])?;
    let is_new = ask.headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag == "*");
    let expected = if is_new { Expected::Absent } else { expected(&ask.headers)? };
    let draft = feature(&ask.headers, &item, body).await?;
    // A tag of an item that is not there matches nothing (20-002, /req/create-replace-delete/put-rid-exception).
    let gone = |problem: Problem| {
        let is_gone = problem.status() == StatusCode::NOT_FOUND;
        if is_gone { Problem::new(StatusCode::PRECONDITION_FAILED, format!("If-Match: {problem}")) } else { problem }
    };
    let edit = Edit { draft, deed: Deed::Replace, expected };
    let receipt = app.intake.edit(&city, &collection, edit, &caller.name).await.map_err(gone)?;
    let mut response = changed(&receipt);
    if is_new {
        *response.status_mut() = StatusCode::CREATED;
        let location = ask.links.item(&id, &receipt.id);
        response.headers_mut().insert(header::LOCATION, location.parse().unwrap_or(HeaderValue::from_static("")));
    }
    Ok(response)
}

/// `PATCH /collections/{id}/items/{fid}`
async fn patch(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((id, item)): PathOf<(String, String)>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Answer {
    let (city, collection) = editable(&app, &ask, &id)?;
    check_media(&ask.headers, &[MERGE_PATCH])?;
    let expected = expected(&ask.headers)?;
    let draft = feature(&ask.headers, &item, body).await?;
    let edit = Edit { draft, deed: Deed::Patch, expected };
    let receipt = app.intake.edit(&city, &collection, edit, &caller.name).await?;
    Ok(changed(&receipt))
}

/// The answer to an edit: what became of the item, under its new tag.
fn changed(receipt: &Receipt) -> Response {
    let mut response = json("application/json", ingest::receipt(receipt));
    response.headers_mut().insert(header::ETAG, tag(receipt.revision));
    response
}

/// `DELETE /collections/{id}/items/{fid}`
async fn delete(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf((id, item)): PathOf<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Answer {
    let (city, collection) = editable(&app, &ask, &id)?;
    let expected = expected(&ask.headers)?;
    let draft = EventDraft { id: item, source: None, time: None, geometry: None, properties: Properties::new() };
    app.intake.edit(&city, &collection, Edit { draft, deed: Deed::Remove, expected }, &caller.name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The city and the collection, if its items can be edited.
fn editable(app: &App, ask: &Ask, id: &str) -> Result<(Arc<City>, CollectionId), Problem> {
    ask.params(&[])?;
    let city = app.city()?;
    let collection = collection_id(id)?;
    if !city.view(&collection)?.is_live() {
        let detail = format!("“{id}” is a layer: its items come by import and are not edited");
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).header(header::ALLOW, FIXED));
    }
    Ok((city.clone(), collection))
}

fn check_media(headers: &HeaderMap, known: &[&str]) -> Result<(), Problem> {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = content.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if known.contains(&&*media) {
        return Ok(());
    }
    let shown: String = media.chars().take(100).collect();
    let detail = format!("Content-Type: “{shown}” is not taken here; send {}", known.join(" or "));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// What `If-Match` says of the item (RFC 9110, section 13.1.1). A tag that compression has made
/// weak on its way still names the revision.
fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    let values: Vec<&str> = headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok()).collect();
    if values.is_empty() {
        let detail = "If-Match: is missing; send the ETag of the item as you have seen it, or * for whatever it is now";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail));
    }
    let tags: Vec<&str> = values.iter().flat_map(|value| value.split(',')).map(str::trim).collect();
    if tags.contains(&"*") {
        return Ok(Expected::Present);
    }
    let revision = |tag: &str| tag.trim_start_matches("W/").strip_prefix('"')?.strip_suffix('"')?.parse().ok().map(Revision);
    Ok(Expected::At(tags.into_iter().filter_map(revision).collect()))
}

/// The body as a Feature, or a part of one, of the item in the address.
async fn feature(headers: &HeaderMap, item: &str, body: Body) -> Result<EventDraft, Problem> {
    let body = http_body::read(headers, body, limits::EDIT_BODY_BYTES_MAX, "EDIT_BODY_BYTES_MAX").await?;
    let mut body = object(&body)?;
    body.as_object_mut().map(|members| members.entry("type").or_insert_with(|| "Feature".into()));
    as_read(headers, &mut body)?;
    read::draft_of(&body.to_string(), Some(item)).map_err(Problem::from)
}

fn object(body: &Bytes) -> Result<Value, Problem> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| Problem::body(format!("the body is no JSON: {error}")).at_line(error.line()))?;
    if value.is_object() { Ok(value) } else { Err(Problem::body("the body is no JSON object")) }
}

/// A body of new features as the engine reads them: in longitude and latitude, and each with an
/// id, if `names` says that the server gives one where the client gave none.
pub fn drawn(headers: &HeaderMap, body: &Bytes, names: bool) -> Result<Bytes, Problem> {
    let mut body = object(body)?;
    let feature = |feature: &mut Value| -> Result<(), Problem> {
        as_read(headers, feature)?;
        if let Some(members) = feature.as_object_mut().filter(|members| names && members.get("id").is_none_or(Value::is_null)) {
            members.insert("id".to_owned(), new_id()?.into());
        }
        Ok(())
    };
    match body.get_mut("features").and_then(Value::as_array_mut) {
        Some(features) => features.iter_mut().try_for_each(feature)?,
        None => feature(&mut body)?,
    }
    Ok(Bytes::from(body.to_string()))
}

fn new_id() -> Result<String, Problem> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).map_err(|error| Problem::internal(&error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Turns the geometry out of the CRS of `Content-Crs` (Part 4, /req/features/content-crs-header).
/// What a reader has seen and only the server sets does no harm.
fn as_read(headers: &HeaderMap, feature: &mut Value) -> Result<(), Problem> {
    if let Some(properties) = feature.get_mut("properties").and_then(Value::as_object_mut) {
        properties.shift_remove("recorded");
    }
    let Some(header) = headers.get(CONTENT_CRS) else { return Ok(()) };
    let address = header.to_str().unwrap_or_default().trim().trim_start_matches('<').trim_end_matches('>');
    let Some(crs) = crs::parse(address, "Content-Crs")? else { return Ok(()) };
    let turn = crs::Turn::back(&crs, "Content-Crs")?;
    let refuse = |reason: String| Problem::parameter("Content-Crs", reason);
    feature.get_mut("geometry").map_or(Ok(()), |geometry| turn_positions(&turn, geometry, 0).map_err(refuse))
}

fn turn_positions(turn: &crs::Turn, value: &mut Value, depth: usize) -> Result<(), String> {
    if depth > 2 * engine::GEOMETRY_DEPTH_MAX {
        return Err(format!("the geometry is nested deeper than GEOMETRY_DEPTH_MAX ({})", engine::GEOMETRY_DEPTH_MAX));
    }
    match value {
        Value::Object(members) => members.values_mut().try_for_each(|member| turn_positions(turn, member, depth + 1)),
        Value::Array(parts) => {
            let position = parts.first().and_then(Value::as_f64).zip(parts.get(1).and_then(Value::as_f64));
            let Some((a, b)) = position else {
                return parts.iter_mut().try_for_each(|part| turn_positions(turn, part, depth + 1));
            };
            let mut turned = [[a, b]];
            turn.to_lon_lat(&mut turned)?;
            for (part, number) in parts.iter_mut().zip(turned[0]) {
                *part = number.into();
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
