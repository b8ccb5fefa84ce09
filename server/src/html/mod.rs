//! Pages for people: the same resources as JSON, calm, self-contained, in Chinese and English.

mod data;
mod docs;
mod frame;
mod login;
mod refused;

pub use data::{collection, collections, item, items, landing};
pub use docs::{conformance, definition, document};
pub use login::login;
pub use refused::refused;
