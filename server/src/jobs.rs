//! Imports that the server runs for a client: one at a time, the rest wait.

use crate::{
    importing::{self, ImportRequest, ImportState},
    limits,
};
use citywall_import::{Progress, State};
use citywall_query::City;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A job as a client sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobStatus {
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

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Another job runs.
    Waiting,
    /// It runs.
    Running,
    /// It is done; what was read is published.
    Done,
    /// It failed; what it had not published is gone.
    Failed,
}

/// A job.
struct Job {
    status: Mutex<JobStatus>,
    cancel: Arc<AtomicBool>,
}

impl Progress for Job {
    fn update(&self, state: &State<'_>) {
        self.status.lock().progress = state.into();
    }

    fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

/// All jobs of this process.
#[derive(Default)]
pub struct Jobs {
    jobs: Mutex<BTreeMap<u64, Arc<Job>>>,
    turn: Arc<Mutex<()>>,
    cancel: Arc<AtomicBool>,
}

impl Jobs {
    /// Starts a job, or puts it behind those that run.
    ///
    /// # Errors
    /// Too many wait, or there is no thread for it.
    pub fn start(&self, city: Arc<City>, request: ImportRequest, actor: &str) -> Result<JobStatus, String> {
        let mut jobs = self.jobs.lock();
        let open = jobs.values().filter(|job| matches!(job.status.lock().state, JobState::Waiting | JobState::Running)).count();
        if open >= limits::JOBS_OPEN_MAX {
            return Err(format!("JOBS_OPEN_MAX ({}) imports wait or run already", limits::JOBS_OPEN_MAX));
        }
        let id = jobs.last_key_value().map_or(1, |(id, _)| id + 1);
        let status = JobStatus {
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
        let job = Arc::new(Job { status: Mutex::new(status.clone()), cancel: self.cancel.clone() });
        let (worker, turn) = (job.clone(), self.turn.clone());
        std::thread::Builder::new()
            .name("import".to_owned())
            .spawn(move || {
                let _turn = turn.lock();
                work(&worker, &city);
            })
            .map_err(|error| format!("no thread for the import: {error}"))?;
        jobs.insert(id, job);
        while jobs.len() > limits::JOBS_KEPT_MAX + limits::JOBS_OPEN_MAX {
            let finished =
                jobs.iter().find(|(_, job)| matches!(job.status.lock().state, JobState::Done | JobState::Failed)).map(|(id, _)| *id);
            match finished {
                Some(oldest) => jobs.remove(&oldest),
                None => break,
            };
        }
        Ok(status)
    }

    /// A job's status.
    pub fn get(&self, id: u64) -> Option<JobStatus> {
        self.jobs.lock().get(&id).map(|job| job.status.lock().clone())
    }

    /// All jobs, the oldest first.
    pub fn list(&self) -> Vec<JobStatus> {
        self.jobs.lock().values().map(|job| job.status.lock().clone()).collect()
    }

    /// Asks all jobs to stop and waits until the running one has.
    pub fn stop(&self) {
        self.cancel.store(true, Ordering::Relaxed);
        drop(self.turn.lock());
    }
}

fn work(job: &Job, city: &City) {
    job.status.lock().state = JobState::Running;
    let request = job.status.lock().request.clone();
    let outcome = importing::run(&request, city, job);
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
