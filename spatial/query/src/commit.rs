//! What every listener is told of a committed write.

use citywall_model::{Change, CollectionId, Revision};
use std::sync::Arc;

/// A committed write: the changes between two revisions.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The revision before.
    pub after: Revision,
    /// The revision now.
    pub revision: Revision,
    /// The live changes, in order; each item carries its own revision.
    pub changes: Arc<[Change]>,
    /// The layer that has a new version, if that is what happened.
    pub layer: Option<CollectionId>,
}
