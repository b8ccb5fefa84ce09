//! `POST /collections/{id}/items`: live items come in.
//!
//! A Feature answers 201 with its address. A FeatureCollection or newline-delimited Features
//! answer 200 with one result per record, in order: `{id, revision}`, or a problem that names the
//! line; good records are kept. An acknowledgement means that the record is durable.
//!
//! Newline-delimited Features are taken in batches as they arrive, however long the body is.
//! `Prefer: return=minimal` (RFC 7240) answers with counts alone, and so does a body of more than
//! [`citywall_model::limits::INGEST_BATCH_RECORDS_MAX`] records.

mod answer;
mod body;

pub use answer::receipt;

use super::json;
use crate::{
    access::Caller,
    api::features::edit,
    app::App,
    geojson::read,
    http::{Answer, Ask, PathOf, Problem, body as http_body, problem::collection_id},
    ingest::{Delivery, Reason, Refusal, drive},
};
use answer::Results;
use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use body::{LineBody, Whole};
use citywall_model::{CollectionId, CollectionKind};
use std::sync::Arc;

/// `POST /collections/{id}/items`
pub async fn post_items(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf(id): PathOf<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Answer {
    ask.params(&[])?;
    let city = app.city()?;
    let collection = collection_id(&id)?;
    let Ok(view) = city.view(&collection) else { return Err(unknown(&app, collection, &caller, &ask.headers, body).await) };
    if !view.is_live() {
        let detail = format!("“{id}” is a layer: its items come by import");
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).header(header::ALLOW, HeaderValue::from_static("GET, HEAD")));
    }
    let minimal = prefers_minimal(&ask.headers);
    match Form::of(&ask.headers)? {
        Form::Json => {
            let max = app.config.limits.ingest_body_bytes_max;
            let body = http_body::read(&ask.headers, body, max, "ingest_body_bytes_max").await?;
            let names = view.kind() == CollectionKind::Features;
            let body = if names || ask.headers.contains_key(edit::CONTENT_CRS) { edit::drawn(&ask.headers, &body, names)? } else { body };
            // A large document would keep other requests waiting.
            let document = if body.len() > body::AT_ONCE_BYTES_MAX {
                tokio::task::spawn_blocking(move || read::document(&body)).await.map_err(|error| Problem::internal(&error))?
            } else {
                read::document(&body)
            };
            let read::Document { records, lines, single } = document?;
            let mut whole = Whole::new(Delivery { collection, actor: caller.name, records });
            drive(&app.intake, city, &mut whole).await;
            let mut results = Results::new(minimal);
            let mut taken = whole.taken()?;
            if single {
                let receipt = taken.pop().unwrap_or_else(|| Err(Refusal::malformed("there is no record")))?;
                let mut response = json("application/json", answer::receipt(&receipt));
                *response.status_mut() = StatusCode::CREATED;
                let location = ask.links.item(&id, &receipt.id);
                response.headers_mut().insert(header::LOCATION, location.parse().unwrap_or(HeaderValue::from_static("")));
                response.headers_mut().insert(header::ETAG, edit::tag(receipt.revision));
                return Ok(response);
            }
            results.add(taken, &lines);
            Ok(results.answer())
        }
        Form::Lines => {
            let chunks = http_body::Chunks::new(&ask.headers, body)?;
            let mut lines = LineBody::new(chunks, city.clone(), collection, caller.name, Results::new(minimal));
            drive(&app.intake, city, &mut lines).await;
            Ok(lines.results()?.answer())
        }
    }
}

/// Records for a collection that does not exist: counted, and their beginning kept for review.
async fn unknown(app: &App, collection: CollectionId, caller: &Caller, headers: &HeaderMap, body: Body) -> Problem {
    let problem = Problem::no_collection(&collection);
    let refusal = Refusal::new(Reason::UnknownCollection, problem.to_string());
    let beginning = match http_body::Chunks::new(headers, body) {
        Ok(mut chunks) => chunks.next().await.ok().flatten().unwrap_or_default(),
        Err(_) => axum::body::Bytes::new(),
    };
    app.intake.refuse(&collection, &caller.name, &refusal, beginning);
    problem
}

fn prefers_minimal(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    preferences.into_iter().any(|preference| preference.trim().eq_ignore_ascii_case("return=minimal"))
}

/// The form of a body.
enum Form {
    /// A Feature or a FeatureCollection.
    Json,
    /// A Feature per line.
    Lines,
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media = content.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/geo+json" | "application/json" => Ok(Self::Json),
            "application/x-ndjson" | "application/ndjson" | "application/geo+json-seq" | "application/jsonl" => Ok(Self::Lines),
            _ => Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!(
                    "Content-Type: “{media}” is not known here; send application/geo+json, application/x-ndjson or application/geo+json-seq"
                ),
            )),
        }
    }
}
