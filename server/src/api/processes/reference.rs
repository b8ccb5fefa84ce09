//! Inputs by reference (18-062r2, /req/core/process-execute-inputs): `{"href": …}` stands for the
//! JSON that is there. The server speaks to public addresses alone, and to those that `targets_allow`
//! lists, as it does for targets.

use crate::{app::App, http::Problem, limits, targets};
use serde_json::{Map, Value};
use std::time::Duration;

/// Puts what they stand for in the place of references. Those among `names` are followed; others
/// are no inputs and refused later.
///
/// # Errors
/// An address is not allowed, does not answer in time, or what is there is no JSON or too large.
pub async fn resolve(app: &App, request: &mut Map<String, Value>, names: &[&str]) -> Result<(), Problem> {
    let Some(Value::Object(inputs)) = request.get_mut("inputs") else { return Ok(()) };
    for (name, input) in inputs.iter_mut().filter(|(name, _)| names.contains(&name.as_str())) {
        let Some(href) = input.as_object().and_then(|input| input.get("href")) else { continue };
        let href = href.as_str().ok_or_else(|| Problem::parameter(name, "href: expected an address as text"))?.to_owned();
        let allowed = app.config.allowed_addresses().map_err(|error| Problem::internal(&error))?;
        let agent = targets::guarded(Duration::from_secs(limits::REFERENCE_SECONDS_MAX), allowed);
        let read = tokio::task::spawn_blocking(move || read(&agent, &href)).await.map_err(|error| Problem::internal(&error))?;
        *input = read.map_err(|reason| Problem::parameter(name, format!("href: {reason}")))?;
    }
    Ok(())
}

fn read(agent: &ureq::Agent, href: &str) -> Result<Value, String> {
    let request = agent.get(href).header("Accept", "application/json, application/geo+json;q=0.9");
    let mut response = request.call().map_err(|error| error.to_string())?;
    if !response.status().is_success() {
        return Err(format!("the answer there is {}", response.status()));
    }
    let body = response.body_mut().with_config().limit(limits::QUERY_BODY_BYTES_MAX as u64).read_to_vec();
    serde_json::from_slice(&body.map_err(|error| error.to_string())?).map_err(|error| format!("what is there is no JSON: {error}"))
}
