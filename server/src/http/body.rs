//! Bodies, bounded in size and in time, as they are or in gzip.

use super::Problem;
use crate::limits;
use axum::{
    body::{Body, BodyDataStream, Bytes},
    http::{HeaderMap, StatusCode, header},
};
use bytes::BytesMut;
use flate2::write::MultiGzDecoder;
use futures::StreamExt;
use serde::de::DeserializeOwned;
use std::{io::Write, time::Duration};

/// Bytes of gzip that are unpacked at once: what a thousand times as much is still bounded.
const PACKED_PIECE: usize = 4 << 10;

/// A body as it arrives, unpacked.
pub struct Chunks {
    stream: BodyDataStream,
    /// What is packed and not read yet.
    packed: Bytes,
    gzip: Option<MultiGzDecoder<Vec<u8>>>,
}

impl Chunks {
    /// The chunks of a body.
    ///
    /// # Errors
    /// It is packed in another way than gzip (415).
    pub fn new(headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        let encoding = headers.get(header::CONTENT_ENCODING).map_or("identity", |value| value.to_str().unwrap_or("unreadable"));
        let gzip = match encoding {
            "identity" => None,
            "gzip" | "x-gzip" => Some(MultiGzDecoder::new(Vec::new())),
            _ => {
                return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Encoding: send the body as it is, or in gzip"));
            }
        };
        Ok(Self { stream: body.into_data_stream(), packed: Bytes::new(), gzip })
    }

    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// The body breaks off or is no gzip (400), or nothing comes for [`limits::BODY_SECONDS_MAX`] (408).
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            if !self.packed.is_empty() {
                return self.unpack().map(Some);
            }
            let next = tokio::time::timeout(Duration::from_secs(limits::BODY_SECONDS_MAX), self.stream.next());
            let Some(chunk) = next.await.map_err(|_| too_slow("nothing of the body came for"))? else { return self.end() };
            let chunk = chunk.map_err(|error| Problem::body(format!("the body breaks off: {error}")))?;
            if self.gzip.is_none() {
                return Ok(Some(chunk));
            }
            self.packed = chunk;
        }
    }

    fn unpack(&mut self) -> Result<Bytes, Problem> {
        let piece = self.packed.split_to(self.packed.len().min(PACKED_PIECE));
        let Some(gzip) = &mut self.gzip else { return Ok(piece) };
        gzip.write_all(&piece).map_err(|error| Problem::body(format!("the body is no gzip: {error}")))?;
        Ok(Bytes::from(std::mem::take(gzip.get_mut())))
    }

    fn end(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(gzip) = self.gzip.take() else { return Ok(None) };
        let rest = gzip.finish().map_err(|error| Problem::body(format!("the body's gzip breaks off: {error}")))?;
        Ok((!rest.is_empty()).then(|| Bytes::from(rest)))
    }
}

fn too_slow(what: &str) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, format!("{what} BODY_SECONDS_MAX ({} s)", limits::BODY_SECONDS_MAX))
}

/// Reads a small body of JSON.
///
/// # Errors
/// It is not sent as `application/json` (415), is not what is expected (400, naming the line), or
/// cannot be read; see [`read`].
pub async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    json_within(headers, body, limits::SMALL_BODY_BYTES_MAX, "SMALL_BODY_BYTES_MAX").await
}

/// As [`json`], of at most `max` bytes, which is the limit of this name.
///
/// # Errors
/// As [`json`].
pub async fn json_within<T: DeserializeOwned>(headers: &HeaderMap, body: Body, max: usize, limit: &str) -> Result<T, Problem> {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content.starts_with("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type: send application/json"));
    }
    let body = read(headers, body, max, limit).await?;
    serde_json::from_slice(&body).map_err(|error| Problem::body(format!("the body is not as expected: {error}")).at_line(error.line()))
}

/// Reads a whole body.
///
/// # Errors
/// It is larger than `max` (413, naming the limit), packed in a way that is not known (415), too slow (408), or breaks off (400).
pub async fn read(headers: &HeaderMap, body: Body, max: usize, limit: &str) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} ({max} bytes)"));
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > max as u64) {
        // A client that asks before it sends (RFC 9110, section 10.1.1) is told not to.
        if !headers.contains_key(header::EXPECT) {
            drop_rest(&mut body.into_data_stream()).await;
        }
        return Err(too_large());
    }
    let mut chunks = Chunks::new(headers, body)?;
    let whole = read_whole(&mut chunks, max, too_large);
    let whole = tokio::time::timeout(Duration::from_secs(limits::BODY_SECONDS_MAX), whole).await;
    let whole = whole.unwrap_or_else(|_| Err(too_slow("the body took longer than")));
    if whole.as_ref().is_err_and(|problem| problem.status() == StatusCode::PAYLOAD_TOO_LARGE) {
        drop_rest(&mut chunks.stream).await;
    }
    whole
}

/// Takes what a client still sends of a refused body, within limits. One that is cut off while it
/// writes never sees the answer that says why.
async fn drop_rest(stream: &mut BodyDataStream) {
    let rest = async {
        let mut bytes = 0;
        while let Some(Ok(chunk)) = stream.next().await
            && bytes < limits::REFUSED_BODY_BYTES_MAX
        {
            bytes += chunk.len();
        }
    };
    // Whoever is slower, or sends more, is cut off.
    let _cut = tokio::time::timeout(Duration::from_secs(limits::REFUSED_BODY_SECONDS_MAX), rest).await;
}

async fn read_whole(chunks: &mut Chunks, max: usize, too_large: impl Fn() -> Problem) -> Result<Bytes, Problem> {
    let mut first = chunks.next().await?.unwrap_or_default();
    let mut whole = BytesMut::new();
    while let Some(chunk) = chunks.next().await? {
        if whole.is_empty() {
            whole = BytesMut::from(std::mem::take(&mut first));
        }
        if whole.len() + chunk.len() > max {
            return Err(too_large());
        }
        whole.extend_from_slice(&chunk);
    }
    if first.len() > max {
        return Err(too_large());
    }
    // A body that came at once is not copied.
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}
