//! Tokens, scopes and the sessions that stand for a token in a browser.

use crate::{
    config::{Scope, TokenConfig},
    limits,
};
use constant_time_eq::constant_time_eq_32;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Who sends a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The name that the journal gives to the caller's writes.
    pub name: Arc<str>,
    scopes: Arc<[Scope]>,
}

impl Caller {
    /// Whoever reaches a loopback server without tokens.
    pub fn local() -> Self {
        Self { name: "local".into(), scopes: [Scope::Read, Scope::Ingest, Scope::Operate].into() }
    }

    /// Whoever asks for what is open to all.
    pub fn nobody() -> Self {
        Self { name: "nobody".into(), scopes: [].into() }
    }

    /// True if the caller's token has the scope.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

struct Token {
    digest: [u8; 32],
    caller: Caller,
}

struct Session {
    token: usize,
    ends: Instant,
}

/// The tokens of the configuration and the sessions that were opened with them.
pub struct Tokens {
    tokens: Vec<Token>,
    sessions: Mutex<FxHashMap<[u8; 32], Session>>,
}

impl Tokens {
    /// The tokens of a checked configuration.
    pub fn new(config: &[TokenConfig]) -> Self {
        let tokens = config.iter().map(|token| Token {
            digest: token.secret.as_deref().map_or_else(|| unhex(token.sha256.as_deref().unwrap_or_default()), digest),
            caller: Caller { name: token.name.as_str().into(), scopes: token.scopes.as_slice().into() },
        });
        Self { tokens: tokens.collect(), sessions: Mutex::default() }
    }

    /// True if nobody needs a token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The holder of a token. Takes the same time whichever token it is.
    pub fn holder(&self, secret: &str) -> Option<Caller> {
        self.position(secret).map(|at| self.tokens[at].caller.clone())
    }

    fn position(&self, secret: &str) -> Option<usize> {
        let offered = digest(secret);
        let mut found = None;
        for (at, token) in self.tokens.iter().enumerate() {
            if constant_time_eq_32(&token.digest, &offered) {
                found = Some(at);
            }
        }
        found
    }

    /// Opens a session for a token and returns its key; `None` if there is no such token.
    pub fn open_session(&self, secret: &str) -> Option<String> {
        let token = self.position(secret)?;
        let mut key = [0; 32];
        getrandom::fill(&mut key).ok()?;
        let key = hex(&key);
        let now = Instant::now();
        let mut sessions = self.sessions.lock();
        sessions.retain(|_, session| session.ends > now);
        if sessions.len() >= limits::SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.ends).map(|(key, _)| *key)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(digest(&key), Session { token, ends: now + Duration::from_secs(limits::SESSION_SECONDS_MAX) });
        Some(key)
    }

    /// The holder of a session.
    pub fn session(&self, key: &str) -> Option<Caller> {
        let sessions = self.sessions.lock();
        let session = sessions.get(&digest(key)).filter(|session| session.ends > Instant::now())?;
        Some(self.tokens[session.token].caller.clone())
    }

    /// Ends a session.
    pub fn end_session(&self, key: &str) {
        self.sessions.lock().remove(&digest(key));
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads 64 checked hexadecimal digits.
fn unhex(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or_default();
    }
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tokens() -> Tokens {
        let token = |name: &str, scope, secret: Option<&str>, sha256: Option<String>| TokenConfig {
            name: name.to_owned(),
            scopes: vec![scope],
            secret: secret.map(str::to_owned),
            sha256,
        };
        Tokens::new(&[
            token("plain", Scope::Read, Some("0123456789abcdef"), None),
            token("hashed", Scope::Ingest, None, Some(hex(&digest("fedcba9876543210")))),
        ])
    }

    #[test]
    fn a_token_is_known_by_secret_or_by_hash() {
        let tokens = tokens();
        let plain = tokens.holder("0123456789abcdef").unwrap();
        assert!(plain.may(Scope::Read) && !plain.may(Scope::Ingest));
        assert_eq!(&*tokens.holder("fedcba9876543210").unwrap().name, "hashed");
        assert!(tokens.holder("0123456789abcdeF").is_none());
    }

    #[test]
    fn a_session_lasts_until_it_is_ended() {
        let tokens = tokens();
        assert!(tokens.open_session("wrong").is_none());
        let key = tokens.open_session("0123456789abcdef").unwrap();
        assert_eq!(&*tokens.session(&key).unwrap().name, "plain");
        tokens.end_session(&key);
        assert!(tokens.session(&key).is_none());
    }
}
