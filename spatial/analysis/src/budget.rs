//! What a question may cost.

use citywall_model::limits;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Why a question is not answered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// A named limit is passed.
    #[error("the question passes {name} ({max}): {advice}")]
    Limit {
        /// The limit's name in [`limits`].
        name: &'static str,
        /// Its value.
        max: u64,
        /// How to ask for less.
        advice: &'static str,
    },
    /// A parameter does not make sense.
    #[error("{parameter}: {reason}")]
    Bad {
        /// Its name.
        parameter: &'static str,
        /// What was expected.
        reason: String,
    },
    /// Whoever asked no longer wants the answer.
    #[error("the question was cancelled")]
    Cancelled,
}

impl AnalysisError {
    /// A parameter that does not make sense.
    pub fn bad(parameter: &'static str, reason: impl Into<String>) -> Self {
        Self::Bad { parameter, reason: reason.into() }
    }

    /// A named limit of [`limits`] that is passed.
    pub(crate) fn limit(name: &'static str, max: usize, advice: &'static str) -> Self {
        Self::Limit { name, max: max as u64, advice }
    }
}

/// Items that are counted between two looks at the clock.
const LOOK: u64 = 1024;

/// The items that one core has seen and the budget does not know of yet.
#[derive(Default)]
pub(crate) struct Seen(u64);

impl Seen {
    /// Counts one more; the budget is told now and then.
    pub(crate) fn one(&mut self, budget: &Budget) -> Result<(), AnalysisError> {
        self.0 += 1;
        if self.0 == LOOK { budget.rows(std::mem::take(&mut self.0)) } else { Ok(()) }
    }

    /// Tells the budget of the rest.
    pub(crate) fn end(self, budget: &Budget) -> Result<(), AnalysisError> {
        budget.rows(self.0)
    }
}

/// The rows and the time that a question may still take.
#[derive(Debug)]
pub struct Budget {
    end: Instant,
    rows: AtomicU64,
    seconds: u64,
    cancel: Arc<AtomicBool>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(limits::ANALYSIS_SECONDS_MAX)
    }
}

impl Budget {
    /// Starts the clock.
    #[must_use]
    pub fn of(seconds: u64) -> Self {
        Self { end: Instant::now() + Duration::from_secs(seconds), rows: AtomicU64::new(0), seconds, cancel: Arc::default() }
    }

    /// The question ends soon after `cancel` turns true.
    #[must_use]
    pub fn until(self, cancel: Arc<AtomicBool>) -> Self {
        Self { cancel, ..self }
    }

    /// Counts items that are looked at.
    ///
    /// # Errors
    /// They are more than [`limits::ANALYSIS_ROWS_MAX`], or the time is over.
    pub fn rows(&self, rows: u64) -> Result<(), AnalysisError> {
        let before = self.rows.fetch_add(rows, Ordering::Relaxed);
        let all = before + rows;
        if all > limits::ANALYSIS_ROWS_MAX {
            return Err(AnalysisError::Limit {
                name: "ANALYSIS_ROWS_MAX",
                max: limits::ANALYSIS_ROWS_MAX,
                advice: "narrow the filter, or ask area by area",
            });
        }
        if all / LOOK > before / LOOK { self.time() } else { Ok(()) }
    }

    /// Looks at the clock.
    ///
    /// # Errors
    /// The time is over, or the question was cancelled.
    pub fn time(&self) -> Result<(), AnalysisError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(AnalysisError::Cancelled);
        }
        if Instant::now() < self.end {
            return Ok(());
        }
        Err(AnalysisError::Limit { name: "ANALYSIS_SECONDS_MAX", max: self.seconds, advice: "narrow the filter, or ask area by area" })
    }
}
