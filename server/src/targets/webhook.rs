//! Letters as HTTP POSTs.

use super::{
    address::Allowed,
    carrier::{Failure, Message, Sender},
    document::secret,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{fmt::Write, time::Duration};
use ureq::{
    Agent,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

/// Statuses that say that the same letter will never be taken.
const NEVER: [u16; 6] = [400, 405, 410, 413, 415, 422];
/// Most bytes of an answer that are read, to be told to a person.
const ANSWER_BYTES_MAX: u64 = 300;

/// A target over HTTP.
pub struct Webhook {
    target: String,
    url: String,
    secret: Option<String>,
    agent: Agent,
}

impl Webhook {
    pub fn new(target: &str, url: &str, secret: Option<&str>, timeout: Duration, allowed: Allowed) -> Self {
        let agent = guarded(timeout, allowed);
        Self { target: target.to_owned(), url: url.to_owned(), secret: secret.map(str::to_owned), agent }
    }
}

impl Sender for Webhook {
    fn send(&mut self, message: &Message<'_>) -> Result<(), Failure> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", &message.key)
            .header("Citywall-Target", &self.target);
        if let Some(name) = &self.secret {
            let secret = secret(name).map_err(Failure::Later)?;
            request = request.header("Citywall-Signature", sign(&secret, jiff::Timestamp::now().as_second(), message.body));
        }
        let mut response = request.send(message.body).map_err(|error| Failure::Later(error.to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let said = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().unwrap_or_default();
        let reason = format!("{status} {}", said.trim());
        Err(if NEVER.contains(&status.as_u16()) { Failure::Never(reason) } else { Failure::Later(reason) })
    }
}

/// `t=SECONDS,v1=HEX`: HMAC-SHA-256 (RFC 2104) over the seconds since 1970, a full stop and the
/// body, so that a letter cannot be changed, nor an old one be taken for a new one.
fn sign(secret: &str, seconds: i64, body: &str) -> String {
    let mut signature = format!("t={seconds},v1=");
    // HMAC takes a key of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body.as_bytes());
        for byte in mac.finalize().into_bytes() {
            let _ = write!(signature, "{byte:02x}");
        }
    }
    signature
}

/// An HTTP client that speaks to these addresses alone, follows no redirect and returns every status.
pub fn guarded(timeout: Duration, allowed: Allowed) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("citywall/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(timeout))
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Guarded { inner: DefaultResolver::default(), allowed })
}

/// Leaves only allowed addresses, at the moment of connecting, so that a name cannot change its
/// address between a check and its use.
#[derive(Debug)]
struct Guarded {
    inner: DefaultResolver,
    allowed: Allowed,
}

impl Resolver for Guarded {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let mut allowed = self.empty();
        found.iter().filter(|address| self.allowed.contains(address.ip())).for_each(|address| allowed.push(*address));
        if allowed.is_empty() {
            let reason = format!(
                "{} has no public address; targets_allow in the configuration lists the private ones that may be used",
                uri.host().unwrap_or_default()
            );
            return Err(ureq::Error::Io(std::io::Error::new(std::io::ErrorKind::PermissionDenied, reason)));
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_says() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let expected = "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
        assert_eq!(sign("key", 1_700_000_000, "{\"a\":1}"), expected);
    }
}
