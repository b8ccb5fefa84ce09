//! How live items come in, whatever brings them.

mod collections;

pub use collections::{ensure, system_collections};
