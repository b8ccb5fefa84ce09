//! Long work that the server does for a client beside its requests: imports, analyses. Each kind
//! of work has its own jobs, with bounds of its own.

use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// As many jobs as may run do.
    Waiting,
    /// It runs.
    Running,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It was cancelled.
    Dismissed,
}

impl JobState {
    /// True if nothing more happens to the job.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Dismissed)
    }
}

/// A job as a client sees it.
pub trait Status: Clone + Send + 'static {
    /// Where it is in its life.
    fn state(&self) -> JobState;
    /// It goes on.
    fn set_state(&mut self, state: JobState);
    /// Bytes of its result that are kept.
    fn bytes(&self) -> usize {
        0
    }
}

/// How many jobs there may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Jobs that run at the same time.
    pub at_once: usize,
    /// Jobs that wait or run, and the limit's name.
    pub open_max: (&'static str, usize),
    /// Jobs that are over and remembered.
    pub kept_max: usize,
    /// Bytes of results that are kept.
    pub kept_bytes_max: usize,
    /// How long a job that is over is remembered.
    pub kept: Duration,
}

/// A job.
pub struct Job<S> {
    /// How it stands.
    pub status: Mutex<S>,
    /// True once it should end.
    pub cancel: Arc<AtomicBool>,
    ended: OnceLock<Instant>,
}

/// All jobs of a kind in this process.
pub struct Jobs<S> {
    bounds: Bounds,
    jobs: Mutex<BTreeMap<u64, Arc<Job<S>>>>,
    next: Mutex<u64>,
    turns: Arc<Turns>,
}

impl<S: Status> Jobs<S> {
    /// No jobs yet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            jobs: Mutex::default(),
            next: Mutex::new(1),
            turns: Arc::new(Turns { line: Mutex::new(Line { free: bounds.at_once, waiting: VecDeque::new() }), moved: Condvar::new() }),
        }
    }

    /// Starts a job, or puts it behind those that run. `make` makes its status from its number;
    /// `work` does it, and says in the status how it ended.
    ///
    /// # Errors
    /// Too many wait, or there is no thread for it.
    pub fn start(&self, make: impl FnOnce(u64) -> S, work: impl FnOnce(&Job<S>) + Send + 'static) -> Result<S, String> {
        self.tidy();
        let mut jobs = self.jobs.lock();
        let open = jobs.values().filter(|job| !job.status.lock().state().is_final()).count();
        let (name, open_max) = self.bounds.open_max;
        if open >= open_max {
            return Err(format!("{name} ({open_max}) jobs wait or run already"));
        }
        let mut next = self.next.lock();
        let id = *next;
        let status = make(id);
        let job = Arc::new(Job { status: Mutex::new(status.clone()), cancel: Arc::default(), ended: OnceLock::new() });
        let (worker, turns) = (job.clone(), self.turns.clone());
        turns.queue(id);
        let started = std::thread::Builder::new().name("job".to_owned()).spawn(move || {
            let _turn = turns.wait(id);
            let _end = End(&worker);
            let cancelled = worker.cancel.load(Ordering::Relaxed);
            worker.status.lock().set_state(if cancelled { JobState::Dismissed } else { JobState::Running });
            if !cancelled {
                work(&worker);
            }
        });
        if let Err(error) = started {
            self.turns.leave(id);
            return Err(format!("no thread for the job: {error}"));
        }
        *next += 1;
        jobs.insert(id, job);
        Ok(status)
    }

    /// A job's status.
    pub fn get(&self, id: u64) -> Option<S> {
        self.tidy();
        self.jobs.lock().get(&id).map(|job| job.status.lock().clone())
    }

    /// All jobs, the oldest first.
    pub fn list(&self) -> Vec<S> {
        self.tidy();
        self.jobs.lock().values().map(|job| job.status.lock().clone()).collect()
    }

    /// Ends a job that is not over, and forgets one that is; `None` if there is none.
    pub fn dismiss(&self, id: u64) -> Option<S> {
        let mut jobs = self.jobs.lock();
        let job = jobs.get(&id)?.clone();
        job.cancel.store(true, Ordering::Relaxed);
        let mut status = job.status.lock();
        if status.state().is_final() {
            jobs.remove(&id);
        }
        status.set_state(JobState::Dismissed);
        Some(status.clone())
    }

    /// Asks all jobs to stop and waits until those that run have.
    pub fn stop(&self) {
        self.jobs.lock().values().for_each(|job| job.cancel.store(true, Ordering::Relaxed));
        self.turns.rest(self.bounds.at_once);
    }

    /// Forgets what is over and too old, too many or too large, the oldest first.
    fn tidy(&self) {
        let mut jobs = self.jobs.lock();
        let over = jobs.iter().filter_map(|(id, job)| Some((*id, *job.ended.get()?, job.status.lock().bytes())));
        let over: Vec<(u64, Instant, usize)> = over.collect();
        let (mut count, mut bytes) = (over.len(), over.iter().map(|(.., bytes)| bytes).sum::<usize>());
        for (id, ended, own) in over {
            if count > self.bounds.kept_max || bytes > self.bounds.kept_bytes_max || ended.elapsed() > self.bounds.kept {
                jobs.remove(&id);
                count -= 1;
                bytes -= own;
            }
        }
    }
}

/// Says that a job is over, however it ended.
struct End<'a, S: Status>(&'a Job<S>);

impl<S: Status> Drop for End<'_, S> {
    fn drop(&mut self) {
        let mut status = self.0.status.lock();
        // The work fell over before it could say how it ended.
        if !status.state().is_final() {
            status.set_state(JobState::Failed);
        }
        let _ = self.0.ended.set(Instant::now());
    }
}

/// Whose turn it is: the first that waits, while fewer run than may.
struct Turns {
    line: Mutex<Line>,
    moved: Condvar,
}

struct Line {
    /// How many more jobs may run.
    free: usize,
    waiting: VecDeque<u64>,
}

impl Turns {
    fn queue(&self, id: u64) {
        self.line.lock().waiting.push_back(id);
    }

    fn leave(&self, id: u64) {
        self.line.lock().waiting.retain(|waiting| *waiting != id);
        self.moved.notify_all();
    }

    fn wait(&self, id: u64) -> Turn<'_> {
        let mut line = self.line.lock();
        self.moved.wait_while(&mut line, |line| line.free == 0 || line.waiting.front() != Some(&id));
        line.waiting.pop_front();
        line.free -= 1;
        self.moved.notify_all();
        Turn(self)
    }

    /// Waits until nothing runs.
    fn rest(&self, all: usize) {
        let mut line = self.line.lock();
        self.moved.wait_while(&mut line, |line| line.free < all);
    }
}

/// One that runs.
struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.line.lock().free += 1;
        self.0.moved.notify_all();
    }
}
