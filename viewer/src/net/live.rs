//! The live line: a WebSocket on a thread of its own, reconnected for ever.

use super::Server;
use crate::live::{Followed, LiveState, Reply, Told, WALLS};
use citywall_wire::{CityDocument, LiveMessage, LiveRequest, Replay, Subscribe};
use std::{
    collections::BTreeMap,
    net::TcpStream,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
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
    styles: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
    wanted: Arc<Mutex<Option<BTreeMap<String, Followed>>>>,
}

impl LiveUpdate {
    /// The state.
    pub fn state(&self) -> MutexGuard<'_, LiveState> {
        // A panic elsewhere leaves a state that is still whole between two messages.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the wall is told to show.
    pub fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows what the city has now: a collection that is new is followed from the line's next message on.
    pub fn follow(&self, city: &CityDocument) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(followed(city));
    }

    fn take_wanted(&self) -> Option<BTreeMap<String, Followed>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The layers that have changed since the last call.
    #[must_use]
    pub fn take_changed_layers(&self) -> Vec<String> {
        std::mem::take(&mut *self.layers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LiveUpdate {
    /// True if styles have changed since the last call, or may have while the line was down.
    #[must_use]
    pub fn take_changed_styles(&self) -> bool {
        self.styles.swap(false, Ordering::Relaxed)
    }
}

/// Starts the line of the wall of a name; `past` is replayed unless the wall is told another window.
#[must_use]
pub fn spawn_live(server: Server, name: String, past: Option<Replay>) -> LiveUpdate {
    let update = LiveUpdate::default();
    let shared = update.clone();
    let spawned = thread::Builder::new().name("live".to_owned()).spawn(move || {
        let mut wait = RETRY.0;
        loop {
            let started = Instant::now();
            let reason = follow(&server, &shared, &name, past.as_ref()).err().unwrap_or_default();
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
fn follow(server: &Server, shared: &LiveUpdate, name: &str, past: Option<&Replay>) -> Result<(), String> {
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
    // A change that was told while nobody listened.
    shared.styles.store(true, Ordering::Relaxed);
    let city: CityDocument = server.get_json("/city").map_err(|e| e.to_string())?;
    let is_controlled = city.collections.iter().any(|collection| collection.id == WALLS);
    let mut collections = followed(&city);
    let is_new = shared.state().follow(&collections);
    let after = shared.state().revision.filter(|_| !is_new);
    let mut replay = shared.told().order().replay.clone().or_else(|| past.cloned());
    subscribe(&mut line, &collections, after.filter(|_| replay.is_none() && shared.state().replay.is_none()), replay.clone())?;
    let walls = || Subscribe { id: Some(WALLS.to_owned()), collections: vec![WALLS.to_owned()], ..Subscribe::default() };
    if is_controlled {
        say(&mut line, &LiveRequest::Subscribe(walls()))?;
    } else {
        shared.told().heard = true;
    }
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
        if subscription(&message) == Some(WALLS) {
            let again = shared.told().apply(message, name);
            if again {
                say(&mut line, &LiveRequest::Subscribe(walls()))?;
            }
            let wanted = shared.told().order().replay.clone().or_else(|| past.cloned());
            if wanted != replay {
                replay = wanted;
                subscribe(&mut line, &collections, None, replay.clone())?;
            }
            continue;
        }
        if matches!(message, LiveMessage::StylesChanged { .. }) {
            shared.styles.store(true, Ordering::Relaxed);
        }
        let reply = shared.state().apply(message, Instant::now());
        match reply {
            Reply::Go => {}
            Reply::Resync => subscribe(&mut line, &collections, None, replay.clone())?,
            Reply::LayerChanged(layer) => shared.layers.lock().unwrap_or_else(PoisonError::into_inner).push(layer),
        }
        if let Some(wanted) = shared.take_wanted()
            && shared.state().follow(&wanted)
        {
            collections = wanted;
            subscribe(&mut line, &collections, None, replay.clone())?;
        }
    }
}

/// The collections that a wall follows: what happens, what moves, and devices. Rules, fences, sources
/// and targets are live too, but nothing that a wall shows.
fn followed(city: &CityDocument) -> BTreeMap<String, Followed> {
    city.collections.iter().filter_map(|c| Some((c.id.clone(), Followed::of_kind(&c.kind)?))).collect()
}

/// The name of the subscription that a message belongs to.
fn subscription(message: &LiveMessage) -> Option<&str> {
    match message {
        LiveMessage::Snapshot { id, .. }
        | LiveMessage::Delta { id, .. }
        | LiveMessage::LayerChanged { id, .. }
        | LiveMessage::Resync { id, .. }
        | LiveMessage::Heartbeat { id, .. }
        | LiveMessage::Error { id, .. } => id.as_deref(),
        LiveMessage::StylesChanged { .. } => None,
    }
}

fn subscribe(line: &mut Line, followed: &BTreeMap<String, Followed>, after: Option<u64>, replay: Option<Replay>) -> Result<(), String> {
    let collections = followed.keys().cloned().collect();
    say(line, &LiveRequest::Subscribe(Subscribe { collections, after, replay, ..Subscribe::default() }))
}

fn say(line: &mut Line, request: &LiveRequest) -> Result<(), String> {
    let text = serde_json::to_string(request).map_err(|e| e.to_string())?;
    line.send(Message::text(text)).map_err(|e| e.to_string())
}
