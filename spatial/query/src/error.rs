//! What can go wrong with a query or a write.

use citywall_model::{CollectionId, Revision};
use citywall_store::StoreError;
use std::sync::Arc;

/// What can go wrong with a query. Each message names the parameter and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// There is no such collection.
    #[error("there is no collection “{0}”")]
    NoCollection(CollectionId),
    /// A parameter does not make sense.
    #[error("{parameter}: {reason}")]
    BadParameter {
        /// The parameter's name.
        parameter: &'static str,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// What is asked for was known once and is kept no longer.
    #[error("{parameter}: {reason}")]
    Expired {
        /// The parameter's name.
        parameter: &'static str,
        /// What has aged out.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a whole batch was not written.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// There is no such collection.
    #[error("there is no collection “{0}”")]
    NoCollection(CollectionId),
    /// Items of a layer come by import, not one by one.
    #[error("“{0}” is no live collection: what it holds comes by import")]
    NotLive(CollectionId),
    /// More is waiting than the queue holds; nothing of the batch was kept.
    #[error("the writer is {waiting} records behind; try again shortly")]
    Busy {
        /// The records that wait.
        waiting: usize,
    },
    /// The batch is larger than a batch may be.
    #[error("a batch holds at most INGEST_BATCH_RECORDS_MAX ({max}) records, this one has {found}")]
    TooLarge {
        /// The batch's records.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// The store failed; nothing of the batch was kept.
    #[error(transparent)]
    Store(#[from] Arc<StoreError>),
    /// The city is being closed; nothing of the batch was kept.
    #[error("the city is being closed")]
    Closed,
}

/// Why one record of a batch was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A member is missing or wrong.
    #[error("{member}: {reason}")]
    Invalid {
        /// The member's name.
        member: &'static str,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// It claims to happen too far in the future.
    #[error("time: lies more than {hours} hours in the future")]
    Future {
        /// How far it may lie.
        hours: i64,
    },
    /// A member passes a named limit.
    #[error("{member}: larger than {limit} ({max})")]
    TooLarge {
        /// The member's name.
        member: &'static str,
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        max: usize,
    },
    /// An edit's item is not there.
    #[error("there is no item “{id}”")]
    NoItem {
        /// The item.
        id: String,
    },
    /// The item that an edit would make is there already.
    #[error("there is an item “{id}” already")]
    Exists {
        /// The item.
        id: String,
    },
    /// The item has changed since the client saw it.
    #[error("“{id}” has changed: it is at revision {revision} now")]
    Outdated {
        /// The item.
        id: String,
        /// Its revision.
        revision: Revision,
    },
    /// The item belongs to another source.
    #[error("“{id}” was reported by “{owner}”; another source cannot change it")]
    OtherSource {
        /// The item.
        id: String,
        /// Its source.
        owner: String,
    },
}
