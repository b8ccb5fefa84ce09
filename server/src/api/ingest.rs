//! `POST /collections/{id}/items`: live items come in.
//!
//! A Feature answers 201 with its address. A FeatureCollection or newline-delimited Features
//! answer 200 with one result per record, in order: `{id, revision}`, or a problem that names the
//! line; good records are kept. An acknowledgement means that the record is durable.

use super::json;
use crate::{
    access::Caller,
    app::App,
    geojson::read::{self, Batch},
    http::{Answer, Ask, PathOf, Problem, body, problem::collection_id},
};
use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use citywall_model::EventDraft;
use citywall_query::{IngestError, Receipt, Refused};
use serde_json::{Value, json as object};
use std::sync::{Arc, atomic::Ordering};

/// `POST /collections/{id}/items`
pub async fn post_items(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf(id): PathOf<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Answer {
    ask.params(&[])?;
    let city = app.city()?.clone();
    let id = collection_id(&id)?;
    let view = city.view(&id)?;
    if !view.is_live() {
        let detail = format!("“{id}” is a layer: its items come by import");
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).header(header::ALLOW, HeaderValue::from_static("GET, HEAD")));
    }
    let form = Form::of(&ask.headers)?;
    let body = body::read(&ask.headers, body, app.config.limits.ingest_body_bytes_max, "ingest_body_bytes_max").await?;
    let write = {
        let (app, id) = (app.clone(), id.clone());
        move || {
            let batch = match form {
                Form::Json => read::json(&body)?,
                Form::Lines => read::lines(&body)?,
            };
            let Batch { records, lines, single } = batch;
            let results = ingest(records, |drafts| city.ingest(&id, drafts, &caller.name)).inspect_err(|error| {
                if error.status() == StatusCode::TOO_MANY_REQUESTS {
                    app.metrics.ingest_busy.fetch_add(1, Ordering::Relaxed);
                }
            })?;
            let stored = results.iter().filter(|result| result.is_ok()).count();
            app.metrics.ingest_stored.fetch_add(stored as u64, Ordering::Relaxed);
            app.metrics.ingest_refused.fetch_add((results.len() - stored) as u64, Ordering::Relaxed);
            Ok::<_, Problem>((results, lines, single))
        }
    };
    // Waiting for the flush is no work: it takes no reader's place. The engine bounds who waits.
    let (mut results, lines, single) = tokio::task::spawn_blocking(write).await.map_err(|error| Problem::internal(&error))??;
    if single {
        let receipt = results.pop().unwrap_or_else(|| Err(Problem::body("there is no record")))?;
        let mut response = json("application/json", receipt_object(&receipt).to_string());
        *response.status_mut() = StatusCode::CREATED;
        let location = ask.links.item(id.as_str(), &receipt.id);
        response.headers_mut().insert(header::LOCATION, location.parse().unwrap_or(HeaderValue::from_static("")));
        return Ok(response);
    }
    let results = results.into_iter().zip(lines).map(|(result, line)| match result {
        Ok(receipt) => receipt_object(&receipt),
        Err(problem) => object!(problem.at_line(line)),
    });
    Ok(json("application/json", Value::Array(results.collect()).to_string()))
}

/// Sends the good records to the city and puts its results in their places.
fn ingest(
    records: Vec<Result<EventDraft, Problem>>,
    send: impl FnOnce(Vec<EventDraft>) -> Result<Vec<Result<Receipt, Refused>>, IngestError>,
) -> Result<Vec<Result<Receipt, Problem>>, Problem> {
    let mut drafts = Vec::with_capacity(records.len());
    let places: Vec<Result<(), Problem>> = records.into_iter().map(|record| record.map(|draft| drafts.push(draft))).collect();
    let sent = drafts.len();
    let receipts = if drafts.is_empty() { Vec::new() } else { send(drafts)? };
    if receipts.len() != sent {
        return Err(Problem::internal(&"the city answered another number of records"));
    }
    let mut receipts = receipts.into_iter();
    let missing = || Err(Problem::internal(&"the city left a record without an answer"));
    Ok(places
        .into_iter()
        .map(|place| place.and_then(|()| receipts.next().map_or_else(missing, |receipt| receipt.map_err(refused))))
        .collect())
}

fn refused(refused: Refused) -> Problem {
    let status = if matches!(refused, Refused::OtherSource { .. }) { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
    Problem::new(status, refused.to_string())
}

fn receipt_object(receipt: &Receipt) -> Value {
    object!({"id": receipt.id, "revision": receipt.revision})
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
