//! `GET /refused`: records that were not taken, kept in the city for those who run the sources, and
//! how many there ever were. Needs the scope
//! `operate`, since a record may hold anything.

use super::value;
use crate::{
    app::App,
    html,
    http::{Answer, Ask, Format, Problem, problem::collection_id},
    limits,
};
use axum::extract::State;
use citywall_model::RefusedRecord;
use serde_json::{Value, json as object};
use std::sync::Arc;

/// `GET /refused`
pub async fn list(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    let (params, format, language) = ask.read(&["collection", "after", "limit"])?;
    let (review, store) = (app.intake.review.clone(), app.city()?.store().clone());
    let collection = params.get("collection").map(collection_id).transpose()?;
    let number = |name: &str, otherwise: u64| match params.get(name) {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| Problem::parameter(name, "must be a whole number")),
    };
    let after = number("after", 0)?;
    let limit = usize::try_from(number("limit", 100)?).unwrap_or(usize::MAX);
    if limit == 0 {
        return Err(Problem::parameter("limit", format!("must be 1 to {}", limits::REFUSED_PAGE_MAX)));
    }
    let limit = limit.min(limits::REFUSED_PAGE_MAX);
    let read = move || {
        review.write(&*store);
        Ok((store.refused(collection.as_ref(), after, limit)?, store.refused_counts()?))
    };
    let (records, counts) = app.blocking(read).await?;
    let next = (records.len() == limit).then(|| records.last().map(|last| last.number)).flatten();
    let next = next.map(|after| {
        let query = params.without(&["after", "f"]).with("after", after.to_string());
        format!("{}{query}", ask.links.to("/refused"))
    });
    if format == Format::Html {
        return Ok(html::refused(&ask.links, language, &records, next.as_deref()));
    }
    let counts: Vec<Value> = counts
        .iter()
        .map(|refused| object!({"collection": refused.collection, "reason": refused.reason, "count": refused.count}))
        .collect();
    let records: Vec<Value> = records.iter().map(document).collect();
    Ok(value(&object!({"refused": records, "counts": counts, "next": next})))
}

fn document(record: &RefusedRecord) -> Value {
    object!({
        "number": record.number, "collection": record.collection, "actor": record.actor, "received": record.received.to_string(),
        "reason": record.reason, "detail": record.detail, "record": record.text,
    })
}
