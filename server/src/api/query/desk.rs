//! Where one question is worked on.

use crate::{
    api::features::schema,
    http::{Problem, problem::collection_id},
    limits,
};
use citywall_analysis::{Budget, network::Networks};
use citywall_cql2::Filter;
use citywall_model::limits as engine;
use citywall_query::{City, CollectionView, ItemsQuery};
use jiff::Timestamp;
use std::sync::{Arc, atomic::AtomicBool};

/// Times that an answer is tried again when the collections changed meanwhile.
const ATTEMPTS: usize = 3;

/// The city, and what holds for one question as a whole: the instant that `now()` means in each of
/// its filters, and what it may cost.
pub struct Desk<'a> {
    /// The city.
    pub city: &'a City,
    /// Networks that are kept between questions.
    pub networks: &'a Networks,
    now: Timestamp,
    seconds: u64,
    cancel: Arc<AtomicBool>,
}

impl<'a> Desk<'a> {
    /// For a question that is asked now.
    pub fn new(city: &'a City, networks: &'a Networks) -> Self {
        Self { city, networks, now: Timestamp::now(), seconds: engine::ANALYSIS_SECONDS_MAX, cancel: Arc::default() }
    }

    /// For a job: it may take longer, and ends soon after `cancel` turns true.
    #[must_use]
    pub fn for_job(self, cancel: Arc<AtomicBool>) -> Self {
        Self { seconds: limits::ANALYSIS_JOB_SECONDS_MAX, cancel, ..self }
    }

    /// What the question may still cost, counted from now.
    pub fn budget(&self) -> Budget {
        Budget::of(self.seconds).until(self.cancel.clone())
    }

    /// A collection and which of its items are meant.
    ///
    /// # Errors
    /// There is no such collection, or the filter does not fit it.
    pub fn selection(&self, id: &str, filter: Option<Filter>) -> Result<(CollectionView, ItemsQuery), Problem> {
        self.selection_by("filter", id, filter)
    }

    /// As [`Desk::selection`], with the name of the parameter that the filter comes from.
    ///
    /// # Errors
    /// As [`Desk::selection`].
    pub fn selection_by(&self, parameter: &str, id: &str, filter: Option<Filter>) -> Result<(CollectionView, ItemsQuery), Problem> {
        let view = self.city.view(&collection_id(id)?)?;
        let query = self.query(parameter, &view, filter)?;
        Ok((view, query))
    }

    /// Which items of a collection a filter means.
    ///
    /// # Errors
    /// The filter does not fit the collection.
    pub fn query(&self, parameter: &str, view: &CollectionView, filter: Option<Filter>) -> Result<ItemsQuery, Problem> {
        let Some(filter) = filter else { return Ok(ItemsQuery::default()) };
        let queryables = schema::queryables(self.city, &view.meta());
        let filter = filter.bind_at(&queryables, self.now).map_err(|error| Problem::parameter(parameter, error))?;
        Ok(ItemsQuery { filter: Some(Arc::new(filter)), ..ItemsQuery::default() })
    }

    /// Works on collections that do not change meanwhile, and says at which revision that was.
    ///
    /// # Errors
    /// The work's own.
    pub fn settled<T>(&self, views: &[&CollectionView], mut work: impl FnMut() -> Result<T, Problem>) -> Result<(T, u64), Problem> {
        let state = || views.iter().map(|view| view.changed()).collect::<Vec<_>>();
        for _ in 0..ATTEMPTS {
            let (revision, before) = (self.city.revision(), state());
            let done = work()?;
            if state() == before {
                return Ok((done, before.into_iter().fold(revision, Ord::max).0));
            }
        }
        // A collection that changes without a pause is asked between two commits.
        self.city.at_rest(|revision| Ok((work()?, revision.0)))
    }
}
