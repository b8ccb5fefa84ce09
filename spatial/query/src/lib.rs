//! The city in memory: one path for queries, one for writes, one for push.
//!
//! [`City`] holds every collection ready to be asked. A layer rests in a packed R-tree beside its
//! table; a live collection changes in an index of its own. Every answer carries the revision that it
//! was read at. A write goes: merge with what is known → journal, flushed → trees → push; only
//! then is it acknowledged.
//!
//! This crate knows nothing of HTTP, tiles or async runtimes.

mod access;
mod areas;
mod city;
mod commit;
mod edit;
mod error;
mod items;
mod layer;
mod live;
mod merge;
mod nearest;
mod order;
mod past;
mod prepared;
mod reaction;
mod search;
mod sort;
mod states;
mod versions;
mod writer;

pub use access::Access;
pub use city::{City, CollectionView};
pub use citywall_index::Vantage;
pub use commit::Commit;
pub use edit::{Deed, Edit, Expected};
pub use error::{IngestError, QueryError, Refused};
pub use items::{Cursor, Equals, ItemsPage, ItemsQuery, meets_window};
pub use live::Counts;
pub use nearest::Measure;
pub use past::{Moment, StatePlace};
pub use reaction::Reaction;
pub use search::Search;
pub use sort::{Place, SortKey};
pub use versions::{Difference, Differs, SameBy};
pub use writer::{Effect, Outcome, Receipt};
