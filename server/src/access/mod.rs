//! Who may do what: tokens and scopes, browser sessions, and the checks of Host and Origin that
//! keep foreign web pages out of a loopback server.

mod guard;
mod origin;
mod session;
mod tokens;

pub use guard::guard;
pub use session::{create_session, end_session, login_page};
pub use tokens::{Caller, Tokens};
