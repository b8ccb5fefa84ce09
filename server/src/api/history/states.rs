//! `/collections/{id}/items/{fid}/history`: every state that a live item was in.

use super::{Past, links};
use crate::{
    api::{features::crs, json},
    app::App,
    geojson::write,
    http::{Answer, Ask, PathOf, Problem},
    limits,
};
use axum::extract::State;
use citywall_model::{Change, FeatureRef};
use serde_json::Value;
use std::sync::Arc;

/// `GET /collections/{id}/items/{fid}/history`
pub async fn history(State(app): State<Arc<App>>, ask: Ask, PathOf((id, item)): PathOf<(String, String)>) -> Answer {
    let params = ask.params(&["datetime", "crs", "limit", "cursor"])?;
    let crs = crs::asked(&params, "crs")?;
    let past = Past::read(&app, &params, &id, &item, limits::STATES_PAGE_MAX)?;
    let content_crs = crs::header(&crs);
    let body = app
        .blocking(move || {
            let revision = past.city.revision();
            let (states, next) = page(&past)?;
            let mut out = b"{\"type\":\"FeatureCollection\",\"features\":[".to_vec();
            let mut writer = write::FeatureWriter::new(None, crs.as_ref().map(crs::Turn::new).transpose()?);
            let shown = states.len().min(past.limit);
            for (at, state) in states.iter().take(past.limit).enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                let until = states.get(at + 1).map_or("..".to_owned(), |next| next.item.since().to_string());
                let members = format!("\"time\":{{\"interval\":[\"{}\",\"{until}\"]}},\"late\":{}", state.item.since(), state.late);
                writer.feature_with(&mut out, FeatureRef::Live(&state.item), &members);
            }
            writer.finish()?;
            let links = links(&ask, &params, (&id, &item, "history"), "application/geo+json", next);
            let tail = format!("],\"numberReturned\":{shown},\"revision\":{revision},\"links\":{}}}", Value::Array(links));
            out.extend_from_slice(tail.as_bytes());
            Ok(out)
        })
        .await?;
    let mut response = json("application/geo+json", body);
    response.headers_mut().insert("content-crs", content_crs);
    Ok(response)
}

/// The states of a page and the one after it, which says until when the last of them was; and
/// where the next page begins.
fn page(past: &Past) -> Result<(Vec<Change>, Option<String>), Problem> {
    let mut states: Vec<Change> = Vec::new();
    past.city.states(&past.collection, Some(past.fid), &past.time, past.after, |change| {
        states.push(change);
        states.len() <= past.limit
    })?;
    let last = states.get(past.limit - 1).filter(|_| states.len() > past.limit);
    let next = last.map(|last| format!("{}~{}", last.item.since(), last.item.revision()));
    Ok((states, next))
}
