//! What a batch answers: a result per record, or counts.

use crate::{api::json, http::Problem, ingest::Refusal, limits};
use axum::{http::HeaderValue, response::Response};
use citywall_model::limits as engine;
use citywall_query::{Effect, Receipt};
use serde_json::{Value, json as object};
use std::io::Write;

/// The results of a batch so far.
pub struct Results {
    /// The results as the members of a JSON array; `None` where only counts are told.
    each: Option<Vec<u8>>,
    stored: u64,
    unchanged: u64,
    refused: u64,
    revision: u64,
    /// The first refusals, for an answer that tells only counts.
    refusals: Vec<Problem>,
}

impl Results {
    /// No results yet.
    pub fn new(minimal: bool) -> Self {
        Self { each: (!minimal).then(Vec::new), stored: 0, unchanged: 0, refused: 0, revision: 0, refusals: Vec::new() }
    }

    /// How many records there have been.
    pub fn records(&self) -> u64 {
        self.stored + self.unchanged + self.refused
    }

    /// Adds the results of records at these lines.
    pub fn add(&mut self, results: Vec<Result<Receipt, Refusal>>, lines: &[usize]) {
        if self.records() + results.len() as u64 > engine::INGEST_BATCH_RECORDS_MAX as u64 {
            self.each = None;
        }
        for (result, line) in results.into_iter().zip(lines) {
            match &result {
                Ok(receipt) => {
                    self.revision = self.revision.max(receipt.revision.0);
                    if receipt.effect == Effect::Unchanged { self.unchanged += 1 } else { self.stored += 1 }
                }
                Err(_) => self.refused += 1,
            }
            let result = result.map_err(|refusal| Problem::from(refusal).at_line(*line));
            if let Some(each) = &mut self.each {
                write(each, &result);
            }
            if let Err(problem) = result
                && self.refusals.len() < limits::INGEST_REFUSALS_LISTED_MAX
            {
                self.refusals.push(problem);
            }
        }
    }

    /// A problem that ends the batch, with what was stored before it.
    pub fn so_far(&self, problem: Problem) -> Problem {
        if self.records() == 0 {
            return problem;
        }
        problem.and_detail(&format!(
            "; of the records before that {} are stored, {} changed nothing and {} are refused, and sending all again does no harm",
            self.stored, self.unchanged, self.refused
        ))
    }

    /// The answer.
    pub fn answer(self) -> Response {
        if let Some(mut each) = self.each {
            each.insert(0, b'[');
            each.push(b']');
            return json("application/json", each);
        }
        let counts = object!({
            "stored": self.stored, "unchanged": self.unchanged, "refused": self.refused,
            "revision": self.revision, "refusals": self.refusals,
        });
        let mut response = json("application/json", counts.to_string());
        response.headers_mut().insert("preference-applied", HeaderValue::from_static("return=minimal"));
        response
    }
}

fn write(out: &mut Vec<u8>, result: &Result<Receipt, Problem>) {
    if !out.is_empty() {
        out.push(b',');
    }
    match result {
        Ok(receipt) => write_receipt(out, receipt),
        // A problem is always JSON; a Vec is always writable.
        Err(problem) => drop(serde_json::to_writer(out, problem)),
    }
}

/// A receipt as JSON.
pub fn receipt(receipt: &Receipt) -> String {
    let mut out = Vec::with_capacity(receipt.id.len() + 40);
    write_receipt(&mut out, receipt);
    String::from_utf8(out).unwrap_or_else(|_| Value::Null.to_string())
}

fn write_receipt(out: &mut Vec<u8>, receipt: &Receipt) {
    out.extend_from_slice(b"{\"id\":");
    // A text is always JSON; a Vec is always writable.
    let written = serde_json::to_writer(&mut *out, &*receipt.id).is_ok() && write!(out, ",\"revision\":{}}}", receipt.revision.0).is_ok();
    debug_assert!(written);
}
