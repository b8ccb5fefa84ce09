//! `POST /processes/{id}/execution`: an answer, or a job.

use super::{
    OUTPUT,
    job::{Analysis, document},
    operation, reference,
};
use crate::{
    access::Caller,
    api::{
        json,
        query::{Desk, Operation, input::Input},
    },
    app::App,
    http::{Answer, Ask, PathOf, Problem, body},
    limits,
};
use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// `POST /processes/{id}/execution`
pub async fn execute(
    State(app): State<Arc<App>>,
    ask: Ask,
    PathOf(id): PathOf<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Answer {
    ask.params(&[])?;
    let operation = operation(&id)?;
    let city = app.city()?.clone();
    let mut asked = body::json_within(&ask.headers, body, limits::QUERY_BODY_BYTES_MAX, "QUERY_BODY_BYTES_MAX").await?;
    let names: Vec<&str> = operation.fields.iter().map(|field| field.name).collect();
    reference::resolve(&app, &mut asked, &names).await?;
    let request = Execution::read(operation, &asked)?;
    if !prefers_async(&ask) {
        let app_too = app.clone();
        let answer = app
            .blocking(move || (operation.answer)(&Desk::new(&city, &app_too.networks), &request.input).map(|answer| request.result(answer)))
            .await?;
        return Ok(json("application/json", answer));
    }
    let app_too = app.clone();
    let made = |number| Analysis::new(number, operation.id, &caller.name);
    let started = app.analyses.start(made, move |job| {
        let desk = Desk::new(&city, &app_too.networks).for_job(job.cancel.clone());
        let answer = (operation.answer)(&desk, &request.input).map(|answer| request.result(answer));
        job.status.lock().finish(answer);
    });
    let status = started.map_err(|reason| Problem::later(reason, 10))?;
    let mut response = json("application/json", document(&status, &ask).to_string());
    *response.status_mut() = StatusCode::CREATED;
    let location = ask.links.to(&format!("/jobs/{}", status.id));
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location.parse().unwrap_or(HeaderValue::from_static("")));
    headers.insert("preference-applied", HeaderValue::from_static("respond-async"));
    Ok(response)
}

/// True if the client would rather not wait (RFC 7240).
fn prefers_async(ask: &Ask) -> bool {
    let preferences = ask.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    preferences
        .map(|preference| preference.split(';').next().unwrap_or_default().trim())
        .any(|name| name.eq_ignore_ascii_case("respond-async"))
}

/// What is asked for.
struct Execution {
    input: Input,
    as_document: bool,
}

impl Execution {
    fn read(operation: &Operation, request: &Map<String, Value>) -> Result<Self, Problem> {
        if let Some(name) = request.keys().find(|name| !["inputs", "outputs", "response"].contains(&name.as_str())) {
            let name: String = name.chars().take(80).collect();
            return Err(Problem::parameter(&name, "there is no such member here; known are inputs, outputs, response"));
        }
        let as_document = match request.get("response").map(|response| response.as_str()) {
            None | Some(Some("raw")) => false,
            Some(Some("document")) => true,
            _ => return Err(Problem::parameter("response", "expected raw or document")),
        };
        outputs(request.get("outputs"))?;
        let given = match request.get("inputs") {
            None => Map::new(),
            Some(Value::Object(inputs)) => inputs.iter().map(|(name, input)| (name.clone(), plain(input))).collect(),
            Some(_) => return Err(Problem::parameter("inputs", "expected an object")),
        };
        Ok(Self { input: Input::of(given, operation.fields)?, as_document })
    }

    /// The answer as it is, or as the one output of a results document.
    fn result(&self, answer: String) -> String {
        if self.as_document { format!("{{\"{OUTPUT}\":{{\"value\":{answer},\"mediaType\":\"application/json\"}}}}") } else { answer }
    }
}

/// Outputs may be named, by value; all without a word.
fn outputs(outputs: Option<&Value>) -> Result<(), Problem> {
    let Some(outputs) = outputs else { return Ok(()) };
    let outputs = outputs.as_object().ok_or_else(|| Problem::parameter("outputs", "expected an object"))?;
    for (name, output) in outputs {
        if name != OUTPUT {
            return Err(Problem::parameter("outputs", format!("the only output is “{OUTPUT}”")));
        }
        if output.get("transmissionMode").is_some_and(|mode| mode != "value") {
            return Err(Problem::parameter("outputs", "an output is given by value"));
        }
    }
    Ok(())
}

/// An input that is inline, or qualified as {"value": …}.
fn plain(input: &Value) -> Value {
    let Some(object) = input.as_object() else { return input.clone() };
    let qualified = object.keys().all(|key| ["value", "mediaType", "encoding", "schema"].contains(&key.as_str()));
    object.get("value").filter(|_| qualified).unwrap_or(input).clone()
}
