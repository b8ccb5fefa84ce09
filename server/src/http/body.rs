//! Bodies, bounded in size and in time.

use super::Problem;
use crate::limits;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
};
use bytes::BytesMut;
use futures::StreamExt;
use std::time::Duration;

/// Reads a whole body.
///
/// # Errors
/// It is larger than `max` (413, naming the limit), compressed (415), too slow (408), or breaks off (400).
pub async fn read(headers: &HeaderMap, body: Body, max: usize, limit: &str) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} ({max} bytes)"));
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Encoding: send the body as it is"));
    }
    if text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > max as u64) {
        return Err(too_large());
    }
    let whole = async {
        let mut stream = body.into_data_stream();
        let mut whole = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| Problem::body(format!("the body breaks off: {error}")))?;
            if whole.len() + chunk.len() > max {
                return Err(too_large());
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(Duration::from_secs(limits::BODY_SECONDS_MAX), whole).await.unwrap_or_else(|_| {
        Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body took longer than BODY_SECONDS_MAX ({} s)", limits::BODY_SECONDS_MAX),
        ))
    })
}
