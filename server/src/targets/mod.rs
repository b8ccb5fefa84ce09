//! Where changes are sent: webhooks and MQTT topics.
//!
//! A target is an item of the collection `targets` ([`document`]). One thread reads the commits
//! and queues a letter in the outbox for every target that a change concerns ([`post_office`]); a
//! thread per target takes its letters out, in order, and delivers each at least once
//! ([`carrier`]), over HTTP ([`webhook`]) or MQTT ([`mqtt`]). A letter's key stays the same however
//! often it is sent. A target that hangs holds up its own letters alone. A target with a fence is a hook
//! of the Redis port: its letters are what the fence tells, a message on each line.

mod address;
mod carrier;
mod document;
mod mqtt;
mod post_office;
mod webhook;

pub use address::Allowed;
pub use document::{Broker, FenceOf, TargetDocument, Via};
pub use post_office::{PostOffice, Standing};
pub use webhook::guarded;
