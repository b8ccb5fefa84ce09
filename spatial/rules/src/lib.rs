//! Fences over moving objects, and the rules that raise alarms.
//!
//! A rule is a [`document`]; [`Engine`] has all that are switched on, sees every change of the
//! live collections and drafts what follows for the [`alarms`]. What it finds follows from the
//! changes and their own times, so that a trial over the past finds what would have been found then.
//!
//! This crate knows nothing of HTTP, files or threads.

pub mod alarms;
pub mod document;
mod engine;
pub mod fence;
mod hours;
mod postponed;
mod watch;

pub use document::{RuleDocument, RuleError};
pub use engine::{Engine, RULES_MAX, check};
