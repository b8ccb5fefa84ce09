//! A request's body as a source of records.

use super::answer::Results;
use crate::{
    geojson::read,
    http::{Problem, body::Chunks},
    ingest::{Delivery, Line, Lines, Reason, Record, Refusal, Source, Taken, room},
    limits,
};
use axum::http::StatusCode;
use citywall_model::{CollectionId, limits as engine};
use citywall_query::{City, IngestError, Receipt};
use std::{ops::ControlFlow, sync::Arc, time::Duration};

/// Bytes that are read at once on a request's own task; more are read beside it.
pub const AT_ONCE_BYTES_MAX: usize = 64 << 10;

/// A body that was read whole: one delivery.
pub struct Whole {
    delivery: Option<Delivery>,
    taken: Option<Taken>,
}

impl Whole {
    /// A body of these records.
    pub fn new(delivery: Delivery) -> Self {
        Self { delivery: Some(delivery), taken: None }
    }

    /// What became of it.
    pub fn taken(self) -> Result<Vec<Result<Receipt, Refusal>>, Problem> {
        Ok(self.taken.unwrap_or(Err(IngestError::Closed))?)
    }
}

impl Source for Whole {
    async fn next(&mut self) -> Option<Delivery> {
        self.delivery.take()
    }

    async fn settle(&mut self, taken: Taken) -> ControlFlow<()> {
        self.taken = Some(taken);
        ControlFlow::Break(())
    }
}

/// A body of lines: a delivery per batch, as they arrive.
pub struct LineBody {
    chunks: Chunks,
    lines: Lines,
    is_over: bool,
    city: Arc<City>,
    collection: CollectionId,
    actor: Arc<str>,
    /// The lines of the delivery that is under way.
    numbers: Vec<usize>,
    results: Results,
    failure: Option<Problem>,
}

impl LineBody {
    /// A body that begins to arrive.
    pub fn new(chunks: Chunks, city: Arc<City>, collection: CollectionId, actor: Arc<str>, results: Results) -> Self {
        let lines = Lines::new(limits::INGEST_RECORD_BYTES_MAX);
        Self { chunks, lines, is_over: false, city, collection, actor, numbers: Vec::new(), results, failure: None }
    }

    /// What became of all records.
    ///
    /// # Errors
    /// The body did not come to its end; what was stored until then is said and stays stored.
    pub fn results(self) -> Result<Results, Problem> {
        match self.failure {
            None => Ok(self.results),
            Some(problem) => Err(self.results.so_far(problem)),
        }
    }

    /// The next lines, once there is a batch of them or the body is over; none at its end.
    async fn batch(&mut self) -> Result<Vec<(usize, Line)>, Problem> {
        loop {
            if self.is_over || self.lines.held() >= limits::INGEST_BATCH_BYTES_MAX {
                let lines = self.lines.take(self.is_over);
                if self.is_over || !lines.is_empty() {
                    return Ok(lines);
                }
            }
            match self.chunks.next().await? {
                Some(chunk) => self.lines.push(&chunk),
                None => self.is_over = true,
            }
        }
    }

    async fn gather(&mut self) -> Result<Option<Delivery>, Problem> {
        let lines = self.batch().await?;
        if lines.is_empty() {
            return Ok(None);
        }
        self.numbers = lines.iter().map(|(number, _)| *number).collect();
        let bytes: usize = lines.iter().map(|(_, line)| if let Line::Whole(line) = line { line.len() } else { 0 }).sum();
        let read = move || lines.into_iter().map(|(_, line)| record(line)).collect();
        let records: Vec<Record> = if bytes > AT_ONCE_BYTES_MAX {
            tokio::task::spawn_blocking(read).await.map_err(|error| Problem::internal(&error))?
        } else {
            read()
        };
        // Who has begun is held back while the queue is full; who begins is told to come later.
        let wait = Duration::from_secs(limits::INGEST_WAIT_SECONDS_MAX);
        if self.results.records() > 0 && !room(&self.city, wait).await {
            let detail = format!("the writer's queue stayed full for INGEST_WAIT_SECONDS_MAX ({} s)", limits::INGEST_WAIT_SECONDS_MAX);
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(5));
        }
        Ok(Some(Delivery { collection: self.collection.clone(), actor: self.actor.clone(), records }))
    }
}

fn record(line: Line) -> Record {
    match line {
        Line::Whole(text) => read::record(text),
        Line::TooLong(text) => {
            let detail = format!("the line is longer than INGEST_RECORD_BYTES_MAX ({} bytes)", limits::INGEST_RECORD_BYTES_MAX);
            Record { draft: Err(Refusal::new(Reason::Oversized, detail)), text }
        }
    }
}

impl Source for LineBody {
    async fn next(&mut self) -> Option<Delivery> {
        const { assert!(limits::INGEST_BATCH_BYTES_MAX / 2 <= engine::INGEST_BATCH_RECORDS_MAX * 8) }
        match self.gather().await {
            Ok(delivery) => delivery,
            Err(problem) => {
                self.failure = Some(problem);
                None
            }
        }
    }

    async fn settle(&mut self, taken: Taken) -> ControlFlow<()> {
        match taken {
            Ok(results) => {
                self.results.add(results, &self.numbers);
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.failure = Some(error.into());
                ControlFlow::Break(())
            }
        }
    }
}
