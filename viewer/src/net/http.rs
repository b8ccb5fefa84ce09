//! HTTP to the server.

use std::time::Duration;
use ureq::{Agent, http::StatusCode};

/// Longest answer that is read, bytes.
const BODY_BYTES_MAX: u64 = 64 << 20;
/// Longest answer that is read for the reason of a refusal, bytes.
const PROBLEM_BYTES_MAX: u64 = 64 << 10;
/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the server did not answer as it should.
#[derive(Debug, Clone)]
pub enum HttpError {
    /// The address cannot be used.
    Address(String),
    /// No connection, or a broken one.
    Unreachable(String),
    /// An answer that says no, and what that means is known.
    Status(u16),
    /// An answer that says no, and why.
    Refused(u16, String),
    /// An answer that is not what was asked for.
    Body(String),
}

impl std::fmt::Display for HttpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(why) => write!(f, "the address cannot be used: {why}"),
            Self::Unreachable(why) => write!(f, "no connection: {why}"),
            Self::Status(401 | 403) => write!(f, "the server wants a token with the scope “read” (--token)"),
            Self::Status(code) => write!(f, "the server answers {code}"),
            Self::Refused(code, why) => write!(f, "the server answers {code}: {why}"),
            Self::Body(why) => write!(f, "an answer that is not understood: {why}"),
        }
    }
}

impl std::error::Error for HttpError {}

impl HttpError {
    /// The same in the words of the wall.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Address(why) => format!("地址不能用：{why}"),
            Self::Unreachable(_) => "连不上服务器".to_owned(),
            Self::Status(401 | 403) => "服务器要求“read”权限的令牌".to_owned(),
            Self::Status(404) => "服务器上没有".to_owned(),
            Self::Status(code) => format!("服务器拒绝（{code}）"),
            Self::Refused(code, why) => format!("服务器拒绝（{code}）：{why}"),
            Self::Body(_) => "服务器的回答无法理解".to_owned(),
        }
    }
}

/// The server's address and the token to show it. Cloning shares the connections.
#[derive(Clone)]
pub struct Server {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Server {
    /// A server by its address, such as `http://127.0.0.1:8080` or `http://host/prefix`.
    ///
    /// # Errors
    /// [`HttpError::Address`] if it is not an `http://` address.
    pub fn at(address: &str, token: Option<String>) -> Result<Self, HttpError> {
        let base = address.trim().trim_end_matches('/').to_owned();
        if base.starts_with("https://") {
            return Err(HttpError::Address(
                "https:// is not built in; put the wall and the server in one network, or a tunnel between them".to_owned(),
            ));
        }
        if base.strip_prefix("http://").is_none_or(str::is_empty) {
            return Err(HttpError::Address(format!("“{address}” does not begin with http://")));
        }
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .http_status_as_error(false)
            .max_idle_connections_per_host(8)
            .user_agent(concat!("citywall-viewer/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), base, token })
    }

    /// The address, as it was given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.base
    }

    /// The token, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The address of the live line.
    #[must_use]
    pub fn live_address(&self) -> String {
        format!("ws://{}/live", self.base.trim_start_matches("http://"))
    }

    /// Fetches a path. No content (204) is an empty answer.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub fn get(&self, path: &str, accept: &str) -> Result<Vec<u8>, HttpError> {
        self.get_within(path, accept, BODY_BYTES_MAX)
    }

    /// Fetches a path whose answer is at most so many bytes long.
    ///
    /// # Errors
    /// See [`HttpError`]; a longer answer is refused.
    pub fn get_within(&self, path: &str, accept: &str, bytes_max: u64) -> Result<Vec<u8>, HttpError> {
        let mut request = self.agent.get(format!("{}{path}", self.base)).header("Accept", accept);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut response = request.call().map_err(|e| HttpError::Unreachable(e.to_string()))?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(Vec::new()),
            status if status.is_success() => response.body_mut().with_config().limit(bytes_max).read_to_vec().map_err(|e| match e {
                ureq::Error::BodyExceedsLimit(_) => HttpError::Body(format!("it is longer than {bytes_max} bytes")),
                other => HttpError::Unreachable(other.to_string()),
            }),
            status => {
                // Why not, as problem details say it (RFC 9457); an answer that is none has no more to say.
                let body = response.body_mut().with_config().limit(PROBLEM_BYTES_MAX).read_to_vec().unwrap_or_default();
                let problem = serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default();
                let why = problem.get("detail").and_then(serde_json::Value::as_str).unwrap_or_default();
                let code = status.as_u16();
                Err(if why.is_empty() || matches!(code, 401 | 403 | 404 | 410) {
                    HttpError::Status(code)
                } else {
                    HttpError::Refused(code, why.to_owned())
                })
            }
        }
    }

    /// Fetches a JSON document.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub fn get_json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, HttpError> {
        let body = self.get(path, "application/json")?;
        serde_json::from_slice(&body).map_err(|e| HttpError::Body(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_cannot_work_are_refused_with_the_reason() {
        assert!(matches!(Server::at("https://city.example", None), Err(HttpError::Address(why)) if why.contains("https")));
        assert!(Server::at("127.0.0.1:8080", None).is_err());
        let server = Server::at("http://127.0.0.1:8080/wall/", None);
        assert_eq!(server.unwrap().live_address(), "ws://127.0.0.1:8080/wall/live");
    }
}
