//! Imports that the server runs for a client: one at a time, the rest wait.

use super::{ImportRequest, ImportState, run};
use crate::{
    jobs::{Bounds, Job, JobState, Jobs, Status},
    limits,
};
use citywall_import::{Progress, State};
use citywall_query::City;
use serde::{Deserialize, Serialize};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// An import as a client sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportJob {
    /// The job's number.
    pub id: u64,
    /// What was asked for.
    pub request: ImportRequest,
    /// `waiting`, `running`, `done` or `failed`.
    pub state: JobState,
    /// Who asked.
    pub actor: String,
    /// How far it is.
    pub progress: ImportState,
    /// The report, once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<serde_json::Value>,
    /// The report for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Records that were refused.
    pub refused: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Status for ImportJob {
    fn state(&self) -> JobState {
        self.state
    }

    fn set_state(&mut self, state: JobState) {
        self.state = state;
    }
}

/// The import jobs of this process, none yet.
pub fn imports() -> Jobs<ImportJob> {
    Jobs::new(Bounds {
        at_once: 1,
        open_max: ("JOBS_OPEN_MAX", limits::JOBS_OPEN_MAX),
        kept_max: limits::JOBS_KEPT_MAX,
        kept_bytes_max: usize::MAX,
        kept: Duration::MAX,
    })
}

/// Starts an import, or puts it behind those that run.
///
/// # Errors
/// Too many wait, or there is no thread for it.
pub fn start(jobs: &Jobs<ImportJob>, city: Arc<City>, request: ImportRequest, actor: &str) -> Result<ImportJob, String> {
    let job = |id| ImportJob {
        id,
        request,
        state: JobState::Waiting,
        actor: actor.to_owned(),
        progress: ImportState::default(),
        report: None,
        text: None,
        refused: 0,
        error: None,
    };
    jobs.start(job, move |job| work(job, &city))
}

impl Progress for Job<ImportJob> {
    fn update(&self, state: &State<'_>) {
        self.status.lock().progress = state.into();
    }

    fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

fn work(job: &Job<ImportJob>, city: &City) {
    let request = job.status.lock().request.clone();
    let outcome = run(&request, city, job);
    let mut status = job.status.lock();
    match outcome {
        Ok(report) => {
            tracing::info!(job = status.id, source = %request.source.display(), stored = report.stored(), refused = report.refused(), "imported");
            status.refused = report.refused();
            status.text = Some(report.to_string());
            status.report = serde_json::to_value(&report).ok();
            status.state = JobState::Done;
        }
        Err(failure) => {
            tracing::warn!(job = status.id, source = %request.source.display(), reason = failure.reason, "an import failed");
            status.text = Some(failure.report);
            status.error = Some(failure.reason);
            status.state = JobState::Failed;
        }
    }
}
