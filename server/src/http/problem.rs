//! Every refusal, as `application/problem+json` (RFC 9457).

use axum::{
    extract::rejection::PathRejection,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use citywall_model::CollectionId;
use citywall_query::{IngestError, QueryError, Refused};
use citywall_store::StoreError;
use citywall_tiles::imagery::BrokenPicture;
use serde::Serialize;

/// A refusal: what is wrong, where, and what was expected.
#[derive(Debug, Clone, Serialize)]
pub struct Problem(Box<Content>);

#[derive(Debug, Clone, Serialize)]
struct Content {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "code")]
    status: StatusCode,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

fn code<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A refusal with this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Content {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused"),
            status,
            detail: detail.into(),
            parameter: None,
            line: None,
            headers: Vec::new(),
        }))
    }

    /// 400: a parameter does not make sense.
    pub fn parameter(name: &str, detail: impl std::fmt::Display) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, format!("{name}: {detail}"));
        problem.0.parameter = Some(name.to_owned());
        problem
    }

    /// 400: the body does not make sense.
    pub fn body(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404: there is no such thing.
    pub fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 404: there is no such collection.
    pub fn no_collection(id: impl std::fmt::Display) -> Self {
        Self::missing(format!("there is no collection “{id}”"))
    }

    /// 500: the server's own fault; the cause goes to the log, not to the client.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer; its log says why")
    }

    /// 503: come back later.
    pub fn later(detail: impl Into<String>, seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(seconds)
    }

    /// Names the line of the body.
    #[must_use]
    pub fn at_line(mut self, line: usize) -> Self {
        self.0.line = Some(line);
        self
    }

    /// Names another parameter than the one by which the problem was found.
    #[must_use]
    pub fn about(mut self, parameter: &str) -> Self {
        if let Some(known) = self.0.parameter.replace(parameter.to_owned())
            && let Some(rest) = self.0.detail.strip_prefix(&known)
        {
            self.0.detail = format!("{parameter}{rest}");
        }
        self
    }

    /// Names the kind of the problem, as a standard does.
    #[must_use]
    pub fn of_kind(mut self, kind: &'static str) -> Self {
        self.0.kind = kind;
        self
    }

    /// Says more.
    #[must_use]
    pub fn and_detail(mut self, more: &str) -> Self {
        self.0.detail.push_str(more);
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.0.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.0.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("the address does not make sense: {}", rejection.body_text()))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::NoCollection(id) => Self::no_collection(id),
            StoreError::WrongKind { .. } => Self::new(StatusCode::CONFLICT, error.to_string()),
            StoreError::DiskFull { .. } => Self::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()),
            StoreError::Limit { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
            _ => Self::internal(error),
        }
    }
}

impl From<BrokenPicture> for Problem {
    fn from(error: BrokenPicture) -> Self {
        Self::internal(&error)
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::NoCollection(id) => Self::no_collection(id),
            QueryError::BadParameter { parameter, reason } => Self::parameter(parameter, reason),
            QueryError::Expired { parameter, reason } => {
                let mut problem = Self::new(StatusCode::GONE, format!("{parameter}: {reason}"));
                problem.0.parameter = Some(parameter.to_owned());
                problem
            }
            QueryError::Store(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match &error {
            IngestError::NoCollection(id) => Self::no_collection(id),
            IngestError::NotLive(_) => Self::new(StatusCode::METHOD_NOT_ALLOWED, error.to_string()),
            IngestError::Busy { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, format!("{error}; nothing of this batch was kept")).retry_after(1)
            }
            IngestError::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
            IngestError::Store(cause) => Self::from(&**cause),
            IngestError::Closed => Self::later("the server stops", 5),
            _ => Self::internal(&error),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::NoItem { .. } => StatusCode::NOT_FOUND,
            Refused::Exists { .. } | Refused::Outdated { .. } => StatusCode::PRECONDITION_FAILED,
            Refused::OtherSource { .. } => StatusCode::CONFLICT,
            Refused::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, refused.to_string())
    }
}

/// Reads a collection's name from an address; a name that cannot be one is not found.
pub fn collection_id(name: &str) -> Result<CollectionId, Problem> {
    CollectionId::new(name).map_err(|_| Problem::no_collection(name.chars().take(80).collect::<String>()))
}
