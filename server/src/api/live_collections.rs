//! `POST /collections`: an operator makes a live collection. Needs the scope `operate`.

use super::value;
use crate::{
    app::App,
    config::{Category, LiveKind, Title},
    http::{Answer, Ask, Problem, body},
    ingest,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
};
use citywall_model::CollectionId;
use citywall_query::QueryError;
use serde::Deserialize;
use serde_json::json as object;
use std::sync::Arc;

/// A live collection to be made. What its items must be is told in the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCollection {
    id: CollectionId,
    kind: LiveKind,
    title: Title,
    #[serde(default)]
    category: Category,
    #[serde(default)]
    generated: bool,
}

/// `POST /collections`
pub async fn create(State(app): State<Arc<App>>, ask: Ask, body: Body) -> Answer {
    ask.params(&[])?;
    let city = app.city()?.clone();
    let new: NewCollection = body::json(&ask.headers, body).await?;
    if city.view(&new.id).is_ok() {
        return Err(Problem::new(StatusCode::CONFLICT, format!("there is a collection “{}” already", new.id)));
    }
    let id = new.id.clone();
    let make = move || {
        ingest::make(&city, &new.id, new.kind.into(), &(&new.title).into(), new.category.into(), new.generated).map_err(|error| {
            error.downcast::<QueryError>().map_or_else(|error| Problem::new(StatusCode::CONFLICT, format!("{error:#}")), Problem::from)
        })
    };
    app.blocking(make).await?;
    let mut response = value(&object!({"id": id}));
    *response.status_mut() = StatusCode::CREATED;
    let location = ask.links.collection(id.as_str());
    response.headers_mut().insert(header::LOCATION, location.parse().unwrap_or(HeaderValue::from_static("")));
    Ok(response)
}
