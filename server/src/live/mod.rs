//! Push: commits on their way to subscribers.
//!
//! One bounded ring of commits serves everyone ([`hub`]); a subscriber ([`line`]) reads it at its
//! own pace and is cut off, with the reason, when the ring overtakes it. It slows nobody else.

pub mod hub;
pub mod line;
mod message;

pub use hub::Hub;
