//! What every API module shares: problems, links, parameters, content negotiation.

pub mod ask;
pub mod body;
pub mod links;
pub mod negotiate;
pub mod params;
pub mod problem;

pub use ask::{Ask, PathOf};
pub use links::Links;
pub use negotiate::{Format, Language, coding, packed_body};
pub use params::Params;
pub use problem::Problem;

/// The result of every handler.
pub type Answer = Result<axum::response::Response, Problem>;
