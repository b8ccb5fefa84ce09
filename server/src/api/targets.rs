//! `/targets/{id}/dead-letters`: letters that came back, and sending them again. The targets
//! themselves are the items of the collection `targets`.

use super::value;
use crate::{
    app::App,
    http::{Answer, Ask, PathOf, Problem},
    limits,
    targets::PostOffice,
};
use axum::extract::State;
use citywall_store::Letter;
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /targets/{id}/dead-letters`: the oldest first, from after a number on.
pub async fn list(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    let params = ask.params(&["after"])?;
    let after = params.get("after").map_or(Ok(0), str::parse).map_err(|_| Problem::parameter("after", "must be a letter’s number"))?;
    let office = office(&app, &id)?;
    let letters = app.blocking(move || Ok(office.outbox.dead(&id, after, limits::DEAD_LETTERS_PAGE_MAX)?)).await?;
    let next = letters.last().filter(|_| letters.len() == limits::DEAD_LETTERS_PAGE_MAX).map(|letter| letter.number);
    Ok(value(&json!({"letters": letters.iter().map(described).collect::<Vec<_>>(), "next": next})))
}

/// `POST /targets/{id}/dead-letters`: sends all of them again.
pub async fn resend_all(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    send_again(&app, &ask, id, None).await
}

/// `POST /targets/{id}/dead-letters/{number}`: sends one of them again.
pub async fn resend(State(app): State<Arc<App>>, ask: Ask, PathOf((id, number)): PathOf<(String, u64)>) -> Answer {
    send_again(&app, &ask, id, Some(number)).await
}

async fn send_again(app: &Arc<App>, ask: &Ask, id: String, number: Option<u64>) -> Answer {
    ask.params(&[])?;
    let office = office(app, &id)?;
    let again = app.blocking(move || Ok(office.resend(&id, number)?)).await?;
    match number {
        Some(number) if again == 0 => Err(Problem::missing(format!("no letter {number} has come back"))),
        _ => Ok(value(&json!({"resent": again}))),
    }
}

fn office(app: &App, id: &str) -> Result<Arc<PostOffice>, Problem> {
    app.city()?;
    let office = app.post_office.get().ok_or_else(|| Problem::later("the targets are being started", 1))?;
    if office.has(id) {
        Ok(office.clone())
    } else {
        Err(Problem::missing(format!("there is no target “{}”", id.chars().take(80).collect::<String>())))
    }
}

fn described(letter: &Letter) -> Value {
    let mut messages: Vec<Value> = letter.body.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    // A hook's letter may have several messages.
    let body = if messages.len() == 1 { messages.remove(0) } else { Value::from(messages) };
    json!({
        "number": letter.number, "revision": letter.revision, "queued": letter.queued.to_string(), "tries": letter.tries,
        "reason": letter.reason, "body": body
    })
}
