//! What a city that another process serves is asked to do: that process does it, this one watches.

use super::progress::Bar;
use crate::{
    importing::{ImportJob, ImportRequest},
    jobs::JobState,
};
use anyhow::{Context, anyhow, bail};
use citywall_model::CollectionId;
use std::time::Duration;

/// How often the job is looked at.
const POLL: Duration = Duration::from_millis(250);
/// Failed looks in a row after which the server counts as gone.
const MISSES_MAX: u32 = 20;

/// A served city.
pub struct Remote {
    address: String,
    token: Option<String>,
    agent: ureq::Agent,
}

impl Remote {
    pub fn new(address: &str, token: Option<&str>) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(10))).build();
        Self { address: address.trim_end_matches('/').to_owned(), token: token.map(str::to_owned), agent: agent.into() }
    }

    /// Has the server do the import and waits for its end.
    ///
    /// # Errors
    /// The server refuses or is gone, or the import fails.
    pub fn import(&self, request: &ImportRequest, bar: &Bar) -> anyhow::Result<ImportJob> {
        eprintln!("the city is served at {}: the server does the import", self.address);
        let post = self.authorized(self.agent.post(format!("{}/imports", self.address)));
        let mut status: ImportJob = read(post.send_json(request).context("the server does not answer")?)?;
        let mut misses = 0;
        loop {
            match status.state {
                JobState::Done => return Ok(status),
                JobState::Failed | JobState::Dismissed => {
                    eprint!("{}", status.text.unwrap_or_default());
                    bail!(status.error.unwrap_or_else(|| "the import failed".to_owned()))
                }
                JobState::Waiting => bar.set("waiting for another import", 0, None),
                JobState::Running => bar.show(&status.progress),
            }
            std::thread::sleep(POLL);
            let get = self.authorized(self.agent.get(format!("{}/imports/{}", self.address, status.id)));
            match get.call() {
                Ok(response) => {
                    status = read(response)?;
                    misses = 0;
                }
                Err(error) => {
                    misses += 1;
                    if misses >= MISSES_MAX {
                        return Err(anyhow!(error).context("the server has gone away; what it had not published is gone"));
                    }
                }
            }
        }
    }

    /// Has the server remove a kept version of a layer.
    ///
    /// # Errors
    /// The server refuses or is gone.
    pub fn remove_version(&self, layer: &CollectionId, version: u32) -> anyhow::Result<()> {
        let address = format!("{}/collections/{layer}/versions/{version}", self.address);
        let mut response = self.authorized(self.agent.delete(address)).call().context("the server does not answer")?;
        if response.status().is_success() { Ok(()) } else { Err(refusal(&mut response)) }
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> anyhow::Result<ImportJob> {
    if response.status().is_success() {
        return response.body_mut().read_json().context("the server's answer is not understood");
    }
    Err(refusal(&mut response))
}

fn refusal(response: &mut ureq::http::Response<ureq::Body>) -> anyhow::Error {
    let problem: serde_json::Value = response.body_mut().read_json().unwrap_or_default();
    let detail = problem.get("detail").and_then(|detail| detail.as_str()).unwrap_or("no reason given");
    anyhow!("the server refuses ({}): {detail}", response.status().as_u16())
}
