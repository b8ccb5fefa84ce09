//! `/query`: what an analyst asks of collections. Each address takes `GET` with parameters, which
//! makes a link to share, and `POST` with the same as a JSON object.

pub mod aggregate;
mod input;
pub mod join;
pub mod nearest;
pub mod overlay;

use super::features::schema;
use crate::{
    app::App,
    http::{Answer, Ask, Problem, problem::collection_id},
};
use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use citywall_analysis::AnalysisError;
use citywall_query::{City, CollectionView, ItemsQuery};
use input::{Field, Input};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What the API definition says of `/query`.
pub fn paths() -> Map<String, Value> {
    [nearest::path(), aggregate::path(), join::path(), overlay::path()].into_iter().collect()
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
async fn answer(
    app: &App,
    ask: &Ask,
    method: &Method,
    body: Body,
    fields: &'static [Field],
    work: impl FnOnce(&City, &Input) -> Result<Value, Problem> + Send + 'static,
) -> Answer {
    let city = app.city()?.clone();
    let input = input::read(ask, method, body, fields).await?;
    let answer = app.blocking(move || work(&city, &input)).await?;
    Ok(super::value(&answer))
}

/// A collection and which of its items are meant.
fn selection(city: &City, id: &str, filter: Option<citywall_cql2::Filter>) -> Result<(CollectionView, ItemsQuery), Problem> {
    let view = city.view(&collection_id(id)?)?;
    let queryables = schema::queryables(city, &view.meta());
    let filter = filter.map(|filter| filter.bind(&queryables)).transpose().map_err(|error| Problem::parameter("filter", error))?;
    Ok((view, ItemsQuery { filter: filter.map(Arc::new), ..ItemsQuery::default() }))
}

/// Times that an answer is tried again when the collections changed meanwhile.
const ATTEMPTS: usize = 3;

/// Works on collections that do not change meanwhile, and says at which revision that was.
fn settled<T>(city: &City, views: &[&CollectionView], mut work: impl FnMut() -> Result<T, Problem>) -> Result<(T, u64), Problem> {
    let state = || views.iter().map(|view| view.changed()).collect::<Vec<_>>();
    for _ in 0..ATTEMPTS {
        let (revision, before) = (city.revision(), state());
        let done = work()?;
        if state() == before {
            return Ok((done, before.into_iter().fold(revision, Ord::max).0));
        }
    }
    // A collection that changes without a pause is asked between two commits.
    city.at_rest(|revision| Ok((work()?, revision.0)))
}
