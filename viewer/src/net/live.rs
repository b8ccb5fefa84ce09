//! The live line: a WebSocket on a thread of its own, reconnected for ever.

use super::Server;
use crate::live::{LiveState, Reply};
use citywall_wire::{CityDocument, LiveMessage, LiveRequest, Subscribe};
use std::{
    net::TcpStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tungstenite::{Message, WebSocket, client::IntoClientRequest, stream::MaybeTlsStream};

/// A line on which nothing was heard for this long is given up; the server beats every few seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// Waits between two attempts to connect.
const RETRY: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(5));

/// The live state, shared by the line and the wall. The line holds the lock only while it applies
/// one message, so that the frame that follows a message shows it.
#[derive(Clone, Default)]
pub struct LiveUpdate {
    state: Arc<Mutex<LiveState>>,
    layers: Arc<Mutex<Vec<String>>>,
}

impl LiveUpdate {
    /// The state.
    pub fn state(&self) -> MutexGuard<'_, LiveState> {
        // A panic elsewhere leaves a state that is still whole between two messages.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The layers that have changed since the last call.
    #[must_use]
    pub fn take_changed_layers(&self) -> Vec<String> {
        std::mem::take(&mut *self.layers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts the line.
#[must_use]
pub fn spawn_live(server: Server) -> LiveUpdate {
    let update = LiveUpdate::default();
    let shared = update.clone();
    let spawned = thread::Builder::new().name("live".to_owned()).spawn(move || {
        let mut wait = RETRY.0;
        loop {
            let started = Instant::now();
            let reason = follow(&server, &shared).err().unwrap_or_default();
            bevy::log::info!("the live line is down: {reason}");
            shared.state().lost(reason);
            wait = if started.elapsed() > RETRY.1 { RETRY.0 } else { (wait * 2).min(RETRY.1) };
            thread::sleep(wait);
        }
    });
    if let Err(error) = spawned {
        update.state().lost(format!("no thread: {error}"));
    }
    update
}

type Line = WebSocket<MaybeTlsStream<TcpStream>>;

/// Follows the live line until it breaks.
fn follow(server: &Server, shared: &LiveUpdate) -> Result<(), String> {
    let mut request = server.live_address().into_client_request().map_err(|e| e.to_string())?;
    if let Some(token) = server.token() {
        let value = format!("Bearer {token}").parse().map_err(|_| "the token has characters that no header can have".to_owned())?;
        request.headers_mut().insert("Authorization", value);
    }
    let (mut line, _) = tungstenite::connect(request).map_err(|e| e.to_string())?;
    if let MaybeTlsStream::Plain(stream) = line.get_ref() {
        stream.set_read_timeout(Some(READ_TIMEOUT)).map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
    }
    let collections = happenings(server)?;
    let after = shared.state().revision;
    subscribe(&mut line, &collections, after)?;
    loop {
        let text = match line.read().map_err(|e| e.to_string())? {
            Message::Text(text) => text,
            Message::Close(frame) => return Err(frame.map_or_else(|| "closed".to_owned(), |f| f.reason.to_string())),
            _ => continue,
        };
        let message: LiveMessage = match serde_json::from_str(&text) {
            Ok(message) => message,
            Err(error) => {
                bevy::log::warn!("a live message is not understood: {error}");
                shared.state().refused += 1;
                continue;
            }
        };
        let reply = shared.state().apply(message, Instant::now());
        match reply {
            Reply::Go => {}
            Reply::Resync => subscribe(&mut line, &collections, None)?,
            Reply::LayerChanged(layer) => shared.layers.lock().unwrap_or_else(PoisonError::into_inner).push(layer),
        }
    }
}

/// The collections whose items happen: incidents and alarms. Rules, sources and targets are live
/// too, but nothing that a wall counts as open.
fn happenings(server: &Server) -> Result<Vec<String>, String> {
    let city: CityDocument = server.get_json("/city").map_err(|e| e.to_string())?;
    let happens = |kind: &str| matches!(kind, "incidents" | "alarms");
    Ok(city.collections.into_iter().filter(|collection| happens(&collection.kind)).map(|collection| collection.id).collect())
}

fn subscribe(line: &mut Line, collections: &[String], after: Option<u64>) -> Result<(), String> {
    let request = LiveRequest::Subscribe(Subscribe { collections: collections.to_vec(), after, ..Subscribe::default() });
    let text = serde_json::to_string(&request).map_err(|e| e.to_string())?;
    line.send(Message::text(text)).map_err(|e| e.to_string())
}
