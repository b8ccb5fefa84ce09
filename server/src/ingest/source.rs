//! What every source of live items is to the server, whatever it speaks.

use super::{Intake, Refusal};
use axum::body::Bytes;
use citywall_model::{CollectionId, EventDraft, limits};
use citywall_query::{City, IngestError, Receipt};
use std::{ops::ControlFlow, sync::Arc, time::Duration};

/// One record as it came, and what could be read of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// What it says, or why it says nothing.
    pub draft: Result<EventDraft, Refusal>,
    /// The record itself, for those who review what was refused.
    pub text: Bytes,
}

/// Records for one collection that arrived together.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Where they belong.
    pub collection: CollectionId,
    /// Who sends them: a token's name, `local`, or the name of a configured source.
    pub actor: Arc<str>,
    /// The records, in order; at most [`limits::INGEST_BATCH_RECORDS_MAX`].
    pub records: Vec<Record>,
}

/// One result per record of a delivery, in order, or why nothing of it was kept. A receipt means
/// that the record is durable and visible.
pub type Taken = Result<Vec<Result<Receipt, Refusal>>, IngestError>;

/// A source of live items: a request's body, a socket, a subscription at a broker, a generator.
/// It brings deliveries one after the other and is told what became of each, so that it can
/// acknowledge them in its own words; meanwhile it may gather the next one.
pub trait Source: Send {
    /// The next delivery, as soon as there is one; `None` once there will be no more.
    fn next(&mut self) -> impl Future<Output = Option<Delivery>> + Send;

    /// Acknowledges the delivery that [`Source::next`] gave last. A break ends the source.
    fn settle(&mut self, taken: Taken) -> impl Future<Output = ControlFlow<()>> + Send;

    /// True if a delivery that could not be stored is to be offered again until it is: for
    /// senders that cannot be told to come back later.
    fn insists(&self) -> bool {
        false
    }
}

/// Shortest and longest wait before a delivery is offered again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Takes what a source brings until it ends.
pub async fn drive(intake: &Intake, city: &City, source: &mut impl Source) {
    while let Some(delivery) = source.next().await {
        let taken = if source.insists() { take_at_last(intake, city, delivery).await } else { intake.take(city, delivery).await };
        if source.settle(taken).await.is_break() {
            return;
        }
    }
}

/// Offers a delivery until it is stored: a queue drains, a disk is given room.
async fn take_at_last(intake: &Intake, city: &City, delivery: Delivery) -> Taken {
    let mut wait = AGAIN.0;
    loop {
        match intake.take(city, delivery.clone()).await {
            Err(error @ (IngestError::Busy { .. } | IngestError::Store(_))) => {
                tracing::warn!(%error, collection = %delivery.collection, records = delivery.records.len(), "records wait to be stored");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(AGAIN.1);
            }
            taken => return taken,
        }
    }
}

/// Waits until the writer has worked off half of what may wait; false after `max`.
pub async fn room(city: &City, max: Duration) -> bool {
    let drained = async {
        while city.ingest_waiting() > limits::INGEST_QUEUE_RECORDS_MAX / 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(max, drained).await.is_ok()
}
