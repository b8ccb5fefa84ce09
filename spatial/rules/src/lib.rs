//! Fences over moving objects, and the rules that raise alarms.
//!
//! This crate knows nothing of HTTP, files or threads.

pub mod fence;
