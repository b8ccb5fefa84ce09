//! `/query`: what an analyst asks of collections. Each address takes `GET` with parameters, which
//! makes a link to share, and `POST` with the same as a JSON object.

mod aggregate;
mod areas;
mod choropleth;
mod desk;
mod hotspots;
pub mod input;
mod join;
mod nearest;
mod overlay;
mod start;
mod trace;
mod visibility;
mod within_reach;

use crate::{
    app::App,
    http::{Answer, Ask, Problem},
};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Method, StatusCode},
    routing::get,
};
pub use choropleth::Choropleths;
use citywall_analysis::AnalysisError;
use citywall_query::City;
pub use desk::Desk;
use input::{Field, Input};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A kind of question.
pub struct Operation {
    /// Its name in addresses.
    pub id: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What its answer holds.
    pub description: &'static str,
    /// What it takes.
    pub fields: &'static [Field],
    /// True if a question takes no longer than to hand it to another thread.
    pub is_quick: fn(&City, &Input) -> bool,
    /// Answers a question of this kind, in JSON; may take as long as the desk allows.
    pub answer: fn(&Desk<'_>, &Input) -> Result<String, Problem>,
}

/// Everything that can be asked.
pub const OPERATIONS: &[Operation] = &[
    nearest::OPERATION,
    aggregate::OPERATION,
    join::OPERATION,
    overlay::OPERATION,
    hotspots::OPERATION,
    within_reach::OPERATION,
    trace::OPERATION,
    visibility::OPERATION,
];

/// What the API definition says of `/query`.
pub fn paths() -> Map<String, Value> {
    OPERATIONS.iter().map(|operation| (format!("/query/{}", operation.id), input::describe(operation))).chain(choropleth::paths()).collect()
}

/// The addresses of all operations.
pub fn routes() -> Router<Arc<App>> {
    let tiles = Router::new().route("/query/aggregate/tiles/{matrix}/{z}/{row}/{col}", get(choropleth::tile));
    OPERATIONS.iter().fold(tiles, |router, operation| {
        let handler = move |State(app): State<Arc<App>>, ask: Ask, method: Method, body: Body| async move {
            answer(&app, &ask, &method, body, operation).await
        };
        router.route(&format!("/query/{}", operation.id), get(handler).post(handler))
    })
}

impl From<AnalysisError> for Problem {
    fn from(error: AnalysisError) -> Self {
        match &error {
            AnalysisError::Bad { parameter, reason } => Self::parameter(parameter, reason),
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        }
    }
}

/// Reads the question, answers it on a thread that may block, and writes the answer.
async fn answer(app: &Arc<App>, ask: &Ask, method: &Method, body: Body, operation: &'static Operation) -> Answer {
    let city = app.city()?.clone();
    let input = input::read(ask, method, body, operation.fields).await?;
    let app_too = app.clone();
    let is_quick = (operation.is_quick)(&city, &input);
    let answer = move || (operation.answer)(&Desk::new(&city, &app_too.networks), &input);
    let answer = if is_quick { answer()? } else { app.blocking(answer).await? };
    Ok(super::json("application/json", answer))
}
