//! `/rules`: what a rule is, and what it would have done. Rules themselves are items of the
//! collection `rules`.

use super::{
    definition::{Operation, answer as ok_answer, get},
    json as respond, value,
};
use crate::{
    app::App,
    http::{Answer, Ask, body},
    rules::{self, Trial},
};
use axum::{body::Body, extract::State};
use citywall_rules::RuleDocument;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const EXAMPLE: &str = r#"{"title": "PM2.5 超标", "level": 3, "collection": "observations", "filter": "property = 'PM2.5'",
  "when": {"kind": "threshold", "property": "result", "above": 150, "ends_at": 115, "hold_s": 7200}}"#;

/// What the API definition says of rules.
pub fn paths() -> Map<String, Value> {
    let rule: Value = serde_json::from_str(EXAMPLE).unwrap_or_default();
    let mut attempt = Operation {
        tag: "Live",
        id: "tryRule",
        summary: "Try a rule on the past",
        description: "Which alarms the rule would have raised between two instants. Nothing is stored. Time is that of the items: a rule that waits finds what it would have found then.",
        parameters: &[],
        ok: ok_answer("The alarms, with the number of changes that the rule went through", "application/geo+json", "Any"),
        problems: &["400", "413", "415"],
    }
    .json();
    attempt["requestBody"] = json!({"required": true, "content": {"application/json": {
        "schema": {"type": "object", "required": ["rule", "from"], "properties": {
            "rule": {"type": "object", "description": "As GET /rules/schema says."},
            "from": {"type": "string", "format": "date-time"}, "to": {"type": "string", "format": "date-time"}}},
        "example": {"rule": rule, "from": "2026-03-01T00:00:00+08:00", "to": "2026-03-08T00:00:00+08:00"}}}});
    let schema = get(Operation {
        tag: "Live",
        id: "getRuleSchema",
        summary: "What a rule is, as JSON Schema",
        description: "Of the properties of an item of the collection rules: fence (enter, exit, cross, inside, dwell, absent), near, threshold, rate, silence.",
        parameters: &[],
        ok: ok_answer("The schema", "application/schema+json", "Any"),
        problems: &[],
    });
    [("/rules/schema".to_owned(), schema), ("/rules/try".to_owned(), json!({ "post": attempt }))].into_iter().collect()
}

/// `GET /rules/schema`
pub async fn schema(ask: Ask) -> Answer {
    ask.params(&[])?;
    let schema = schemars::schema_for!(RuleDocument);
    Ok(respond("application/schema+json", format!("{:#}\n", schema.to_value())))
}

/// `POST /rules/try`
pub async fn attempt(State(app): State<Arc<App>>, ask: Ask, body: Body) -> Answer {
    ask.params(&[])?;
    let city = app.city()?.clone();
    let trial: Trial = body::json(&ask.headers, body).await?;
    let alarms = app.blocking(move || rules::run(&city, &trial)).await?;
    Ok(value(&alarms))
}
