//! `/jobs`: the analyses that run or ran for clients of `/processes`.

use super::limit;
use crate::{
    access::Caller,
    api::{json, value},
    app::App,
    config::Scope,
    http::{Answer, Ask, PathOf, Problem, links::link},
    jobs::{Bounds, JobState, Jobs, Status},
    limits,
};
use axum::{Extension, extract::State, http::StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json as object};
use std::{sync::Arc, time::Duration};

/// An analysis as a job.
#[derive(Clone)]
pub struct Analysis {
    /// The job's number.
    pub id: u64,
    process: &'static str,
    actor: String,
    state: JobState,
    created: Timestamp,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
    result: Option<Arc<str>>,
    refusal: Option<Problem>,
}

/// The jobs of this process, none yet.
pub fn analyses() -> Jobs<Analysis> {
    Jobs::new(Bounds {
        at_once: limits::ANALYSES_AT_ONCE_MAX,
        open_max: ("ANALYSES_OPEN_MAX", limits::ANALYSES_OPEN_MAX),
        kept_max: limits::ANALYSES_KEPT_MAX,
        kept_bytes_max: limits::ANALYSES_KEPT_BYTES_MAX,
        kept: Duration::from_secs(limits::ANALYSES_KEPT_SECONDS_MAX),
    })
}

impl Status for Analysis {
    fn state(&self) -> JobState {
        self.state
    }

    fn set_state(&mut self, state: JobState) {
        self.state = state;
        match state {
            JobState::Running => self.started = Some(Timestamp::now()),
            JobState::Waiting => {}
            _ => self.finished = self.finished.or_else(|| Some(Timestamp::now())),
        }
    }

    fn bytes(&self) -> usize {
        self.result.as_ref().map_or(0, |result| result.len())
    }
}

impl Analysis {
    /// A job that waits.
    pub fn new(id: u64, process: &'static str, actor: &str) -> Self {
        Self {
            id,
            process,
            actor: actor.to_owned(),
            state: JobState::Waiting,
            created: Timestamp::now(),
            started: None,
            finished: None,
            result: None,
            refusal: None,
        }
    }

    /// Says how it ended, unless it was dismissed before.
    pub fn finish(&mut self, answer: Result<String, Problem>) {
        if self.state.is_final() {
            return;
        }
        match answer {
            Ok(answer) if answer.len() > limits::ANALYSIS_RESULT_BYTES_MAX => {
                let reason = format!(
                    "the answer has {} bytes, more than ANALYSIS_RESULT_BYTES_MAX ({}): ask for less at once",
                    answer.len(),
                    limits::ANALYSIS_RESULT_BYTES_MAX
                );
                self.refusal = Some(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason));
                self.set_state(JobState::Failed);
            }
            Ok(answer) => {
                self.result = Some(answer.into());
                self.set_state(JobState::Done);
            }
            Err(problem) => {
                self.refusal = Some(problem);
                self.set_state(JobState::Failed);
            }
        }
    }

    fn word(&self) -> &'static str {
        match self.state {
            JobState::Waiting => "accepted",
            JobState::Running => "running",
            JobState::Done => "successful",
            JobState::Failed => "failed",
            JobState::Dismissed => "dismissed",
        }
    }

    /// How long it ran or has run, in seconds; `None` if it has not started.
    fn seconds(&self) -> Option<f64> {
        let end = self.finished.unwrap_or_else(Timestamp::now);
        self.started.map(|started| end.duration_since(started).as_secs_f64())
    }
}

/// A job as `statusInfo`. How much of a question is answered is not known before its end, so that
/// progress is told only then.
pub fn document(job: &Analysis, ask: &Ask) -> Value {
    let at = ask.links.to(&format!("/jobs/{}", job.id));
    let mut links = vec![link("self", at.clone(), "application/json", "The job")];
    let mut document =
        object!({"processID": job.process, "type": "process", "jobID": job.id.to_string(), "status": job.word(), "created": job.created});
    if let Some(started) = job.started {
        document["started"] = object!(started);
    }
    if let Some(finished) = job.finished {
        document["finished"] = object!(finished);
    }
    document["updated"] = object!(job.finished.or(job.started).unwrap_or(job.created));
    match (&job.refusal, job.state) {
        (Some(problem), _) => document["message"] = problem.to_string().into(),
        (None, JobState::Failed) => document["message"] = "the server failed to answer; its log says why".into(),
        (None, JobState::Done) => {
            document["progress"] = 100.into();
            links.push(link("http://www.opengis.net/def/rel/ogc/1.0/results", format!("{at}/results"), "application/json", "The results"));
        }
        _ => {}
    }
    document["links"] = links.into();
    document
}

/// `GET /jobs`
pub async fn list(State(app): State<Arc<App>>, ask: Ask) -> Answer {
    let params = ask.params(&["limit", "type", "processID", "status", "datetime", "minDuration", "maxDuration"])?;
    let limit = limit(params.get("limit"))?;
    let words = |name: &str| params.get(name).map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>());
    let (kinds, processes, states) = (words("type"), words("processID"), words("status"));
    let known = ["accepted", "running", "successful", "failed", "dismissed"];
    if let Some(other) = states.iter().flatten().find(|state| !known.contains(&state.as_str())) {
        return Err(Problem::parameter("status", format!("“{other}” is none of {}", known.join(", "))));
    }
    let span = params.get("datetime").map(span).transpose()?;
    let seconds = |name: &str| -> Result<Option<f64>, Problem> {
        let read = |text: &str| text.parse().map_err(|_| Problem::parameter(name, "expected seconds"));
        params.get(name).map(read).transpose()
    };
    let (least, most) = (seconds("minDuration")?, seconds("maxDuration")?);
    let named = |list: &Option<Vec<String>>, word: &str| list.as_ref().is_none_or(|list| list.iter().any(|own| own == word));
    let mut jobs = app.analyses.list();
    // The newest first.
    jobs.reverse();
    jobs.retain(|job| {
        named(&kinds, "process")
            && named(&processes, job.process)
            && named(&states, job.word())
            && span.is_none_or(|(from, to)| from.is_none_or(|from| job.created >= from) && to.is_none_or(|to| job.created <= to))
            // A job that never ran has no duration, and is left out where one is asked for.
            && least.is_none_or(|least| job.seconds().is_some_and(|ran| ran >= least))
            && most.is_none_or(|most| job.seconds().is_some_and(|ran| ran <= most))
    });
    let mut links = vec![link("self", ask.links.to("/jobs"), "application/json", "This document")];
    if jobs.len() > limit {
        links.push(link("next", ask.links.to(&format!("/jobs{}", params.without(&["limit"]))), "application/json", "All jobs"));
    }
    let documents: Vec<Value> = jobs.iter().take(limit).map(|job| document(job, &ask)).collect();
    Ok(value(&object!({"jobs": documents, "links": links})))
}

/// An instant, or an interval with “..” for an open end.
fn span(text: &str) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let refuse = || Problem::parameter("datetime", "expected an instant, or FROM/TO with .. for an open end (RFC 3339)");
    let read = |text: &str| if matches!(text, "" | "..") { Ok(None) } else { text.parse().map(Some).map_err(|_| refuse()) };
    match text.split_once('/') {
        Some((from, to)) => Ok((read(from)?, read(to)?)),
        None => read(text)?.map(|at| (Some(at), Some(at))).ok_or_else(refuse),
    }
}

/// `GET /jobs/{id}`
pub async fn status(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    ask.params(&[])?;
    Ok(value(&document(&find(&app, &id)?, &ask)))
}

/// `GET /jobs/{id}/results`
pub async fn results(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>) -> Answer {
    ask.params(&[])?;
    let job = find(&app, &id)?;
    match (job.result, job.refusal, job.state) {
        (Some(result), _, JobState::Done) => Ok(json("application/json", String::from(&*result))),
        (_, Some(problem), JobState::Failed) => Err(problem),
        (.., JobState::Failed) => Err(Problem::internal(&"a job fell over")),
        (.., JobState::Dismissed) => Err(Problem::new(StatusCode::GONE, "the job was dismissed")),
        _ => Err(Problem::missing("the job is not over yet")
            .of_kind("http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/result-not-ready")),
    }
}

/// `DELETE /jobs/{id}`: by who started it, or an operator.
pub async fn dismiss(State(app): State<Arc<App>>, ask: Ask, PathOf(id): PathOf<String>, Extension(caller): Extension<Caller>) -> Answer {
    ask.params(&[])?;
    let job = find(&app, &id)?;
    if *job.actor != *caller.name && !caller.may(Scope::Operate) {
        return Err(Problem::new(StatusCode::FORBIDDEN, format!("the job is of “{}”; others need the scope “operate”", job.actor)));
    }
    let dismissed = app.analyses.dismiss(job.id).ok_or_else(|| no_job(&id))?;
    Ok(value(&document(&dismissed, &ask)))
}

fn find(app: &App, id: &str) -> Result<Analysis, Problem> {
    id.parse().ok().and_then(|id| app.analyses.get(id)).ok_or_else(|| no_job(id))
}

fn no_job(id: &str) -> Problem {
    Problem::missing(format!("there is no job “{}”", id.chars().take(40).collect::<String>()))
        .of_kind("http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-job")
}
