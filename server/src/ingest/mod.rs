//! How live items come in, whatever brings them: a [`Source`] gathers deliveries, [`Intake`]
//! checks, stores, counts and answers them. [`registry`] knows who sends, [`heartbeat`] who has
//! fallen silent, [`review`] what was refused.
//!
//! HTTP bodies and sockets are sources too, in [`crate::api::ingest`] and
//! [`crate::api::ingest_socket`]; what the server fetches by itself is started here.

mod collections;
mod contract;
mod demo;
mod heartbeat;
mod intake;
mod lines;
pub mod mqtt;
mod refusal;
mod registry;
mod review;
mod source;
mod upkeep;

pub use collections::{ensure, make, system_collections};
pub use demo::DemoFeed;
pub use heartbeat::ACTOR as HEARTBEAT_ACTOR;
pub use intake::Intake;
pub use lines::{Line, Lines};
pub use refusal::{Reason, Refusal};
pub use source::{Delivery, Record, Source, Taken, drive, room};
pub use upkeep::start;
