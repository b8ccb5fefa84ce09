//! Push: commits on their way to subscribers.
//!
//! One bounded ring of commits serves everyone ([`hub`]). One thread reads it and finds, for each
//! change, the subscriptions that it concerns ([`index`]): each subscriber has a mailbox of its own
//! ([`mailbox`]), which coalesces what it can and is cut off, with the reason, when its reader
//! falls too far behind. A line ([`line`]) turns its mailbox into messages at its reader's pace.
//! So nobody slows the writer or anybody else. A replay ([`replay`]) tells the past by the same
//! messages, at its own pace and on a thread of its own.

pub mod hub;
mod index;
mod interest;
pub mod line;
pub mod lines;
mod mailbox;
mod message;
pub mod replay;
#[cfg(test)]
mod tests;

pub use hub::Hub;
pub use interest::{Interest, Told};
pub use message::PushedChange;
