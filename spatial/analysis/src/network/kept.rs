//! Networks that are kept between questions.

use super::{Network, Ties};
use crate::{AnalysisError, Budget};
use citywall_model::{CollectionId, Revision, limits};
use citywall_query::CollectionView;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// Networks by collection, version and ties: at most [`limits::NETWORKS_KEPT_MAX`], the last used first.
#[derive(Default)]
pub struct Networks(Mutex<VecDeque<Kept>>);

struct Kept {
    id: CollectionId,
    changed: Revision,
    ties: Ties,
    network: Arc<Network>,
}

impl Networks {
    /// The network of a collection as it is now, kept or read.
    ///
    /// # Errors
    /// As [`Network::read`].
    pub fn of(&self, view: &CollectionView, ties: &Ties, budget: &mut Budget) -> Result<Arc<Network>, AnalysisError> {
        let changed = view.changed();
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |kept: &Kept| kept.id == *view.id() && kept.changed == changed && kept.ties == *ties;
        {
            let mut kept = kept();
            if let Some(found) = kept.iter().position(is_it).and_then(|at| kept.remove(at)) {
                let network = found.network.clone();
                kept.push_front(found);
                return Ok(network);
            }
        }
        let network = Arc::new(Network::read(view, ties, budget)?);
        // A collection that changed meanwhile is another one.
        if view.changed() == changed {
            let mut kept = kept();
            // What stands for an older version is not asked for again.
            kept.retain(|old| old.id != *view.id() || old.changed == changed);
            kept.push_front(Kept { id: view.id().clone(), changed, ties: ties.clone(), network: network.clone() });
            kept.truncate(limits::NETWORKS_KEPT_MAX);
        }
        Ok(network)
    }
}
