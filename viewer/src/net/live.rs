//! The live line: a WebSocket on a thread of its own, reconnected for ever.

use super::Server;
use crate::live::{Followed, LiveState, Reply, Told, ToldReplay, WALLS};
use citywall_wire::{CityDocument, LiveMessage, LiveRequest, Replay, ReplayControl, Subscribe};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    io::ErrorKind,
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
const SILENCE: Duration = Duration::from_secs(15);
/// So long a message is waited for, before it is looked whether the wall wants something else.
const PATIENCE: Duration = Duration::from_millis(200);
/// The name of the subscription to the alarms of now, beside a replay.
const ALARMS: &str = "alarms-now";
/// Waits between two attempts to connect.
const RETRY: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(5));

/// The collections to follow, and those of them that have alarms.
type Wanted = (BTreeMap<String, Followed>, Vec<String>);

/// The live state, shared by the line and the wall. The line holds the lock only while it applies
/// one message, so that the frame that follows a message shows it.
#[derive(Clone, Default)]
pub struct LiveUpdate {
    state: Arc<Mutex<LiveState>>,
    layers: Arc<Mutex<Vec<String>>>,
    styles: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
    wanted: Arc<Mutex<Option<Wanted>>>,
    replay: Arc<Mutex<Option<ToldReplay>>>,
    alarms: Arc<Mutex<LiveState>>,
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves what is whole between two messages.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiveUpdate {
    /// The state.
    pub fn state(&self) -> MutexGuard<'_, LiveState> {
        lock(&self.state)
    }

    /// What the wall is told to show.
    pub fn told(&self) -> MutexGuard<'_, Told> {
        lock(&self.told)
    }

    /// The alarms of now, while the past is shown; else none.
    pub fn alarms(&self) -> MutexGuard<'_, LiveState> {
        lock(&self.alarms)
    }

    /// What is to be replayed; a change is followed at once. The console's next word on it replaces it.
    pub fn replay(&self) -> MutexGuard<'_, Option<ToldReplay>> {
        lock(&self.replay)
    }

    /// Follows what the city has now: a collection that is new is followed from then on.
    pub fn follow(&self, city: &CityDocument) {
        *lock(&self.wanted) = Some((followed(city), alarms(city)));
    }

    /// The layers that have changed since the last call.
    #[must_use]
    pub fn take_changed_layers(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.layers))
    }

    /// True if styles have changed since the last call, or may have while the line was down.
    #[must_use]
    pub fn take_changed_styles(&self) -> bool {
        self.styles.swap(false, Ordering::Relaxed)
    }
}

/// Starts the line of the wall of a name; `past` is replayed until the wall is told otherwise.
#[must_use]
pub fn spawn_live(server: Server, name: String, past: Option<Replay>) -> LiveUpdate {
    let update = LiveUpdate::default();
    *lock(&update.replay) = past.map(ToldReplay::from);
    let shared = update.clone();
    let spawned = thread::Builder::new().name("live".to_owned()).spawn(move || {
        let mut wait = RETRY.0;
        loop {
            let started = Instant::now();
            let reason = Connection::open(&server, &shared, &name).and_then(Connection::follow).err().unwrap_or_default();
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

/// A line that is up, and what is followed on it: what the wall shows, what it is told, and, while it shows the
/// past, the alarms of now.
struct Connection<'a> {
    line: Line,
    shared: &'a LiveUpdate,
    name: &'a str,
    collections: BTreeMap<String, Followed>,
    /// The collections of alarms.
    alarms: Vec<String>,
    /// What is replayed.
    shown: Option<ToldReplay>,
    /// What the console has said of it last.
    told: Option<ToldReplay>,
    has_alarms: bool,
}

impl<'a> Connection<'a> {
    /// Connects, and subscribes to what the wall follows.
    fn open(server: &Server, shared: &'a LiveUpdate, name: &'a str) -> Result<Self, String> {
        let mut request = server.live_address().into_client_request().map_err(|e| e.to_string())?;
        if let Some(token) = server.token() {
            let value = format!("Bearer {token}").parse().map_err(|_| "the token has characters that no header can have".to_owned())?;
            request.headers_mut().insert("Authorization", value);
        }
        let (line, _) = tungstenite::connect(request).map_err(|e| e.to_string())?;
        if let MaybeTlsStream::Plain(stream) = line.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
        }
        // A change that was told while nobody listened.
        shared.styles.store(true, Ordering::Relaxed);
        let city: CityDocument = server.get_json("/city").map_err(|e| e.to_string())?;
        let collections = followed(&city);
        let is_new = shared.state().follow(&collections);
        let told = shared.told().order().replay.clone();
        let (alarms, shown) = (alarms(&city), lock(&shared.replay).clone());
        let mut connection = Self { line, shared, name, collections, alarms, shown, told, has_alarms: false };
        let after = {
            let state = shared.state();
            state.revision.filter(|_| !is_new && connection.shown.is_none() && state.replay.is_none())
        };
        connection.subscribe(after)?;
        if city.collections.iter().any(|collection| collection.id == WALLS) {
            connection.subscribe_by_name(WALLS, vec![WALLS.to_owned()])?;
        } else {
            shared.told().heard = true;
        }
        Ok(connection)
    }

    /// Follows the line until it breaks.
    fn follow(mut self) -> Result<(), String> {
        let mut heard = Instant::now();
        loop {
            match self.line.read() {
                Ok(Message::Text(text)) => {
                    heard = Instant::now();
                    self.hear(&text)?;
                }
                Ok(Message::Close(frame)) => return Err(frame.map_or_else(|| "closed".to_owned(), |f| f.reason.to_string())),
                Ok(_) => heard = Instant::now(),
                Err(tungstenite::Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if heard.elapsed() > SILENCE {
                        return Err("nothing was heard for too long".to_owned());
                    }
                }
                Err(error) => return Err(error.to_string()),
            }
            if let Some((wanted, alarms)) = lock(&self.shared.wanted).take() {
                self.alarms = alarms;
                if self.shared.state().follow(&wanted) {
                    self.collections = wanted;
                    self.subscribe(None)?;
                }
            }
            self.replay()?;
        }
    }

    fn hear(&mut self, text: &str) -> Result<(), String> {
        let message: LiveMessage = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => {
                bevy::log::warn!("a live message is not understood: {error}");
                self.shared.state().refused += 1;
                return Ok(());
            }
        };
        match subscription(&message) {
            Some(WALLS) => {
                let again = self.shared.told().apply(message, self.name);
                if again {
                    self.subscribe_by_name(WALLS, vec![WALLS.to_owned()])?;
                }
                let told = self.shared.told().order().replay.clone();
                if told != self.told {
                    lock(&self.shared.replay).clone_from(&told);
                    self.told = told;
                }
            }
            Some(ALARMS) => {
                // What still comes after the replay has ended says nothing that the wall does not hear anyway.
                if self.shown.is_some() && self.shared.alarms().apply(message, Instant::now()) == Reply::Resync {
                    self.subscribe_by_name(ALARMS, self.alarms.clone())?;
                }
            }
            _ => {
                if matches!(message, LiveMessage::StylesChanged { .. }) {
                    self.shared.styles.store(true, Ordering::Relaxed);
                }
                let reply = self.shared.state().apply(message, Instant::now());
                match reply {
                    Reply::Go => {}
                    Reply::Resync => self.subscribe(None)?,
                    Reply::LayerChanged(layer) => lock(&self.shared.layers).push(layer),
                }
            }
        }
        Ok(())
    }

    /// Shows what is to be replayed now: another window is subscribed to anew, the same one is steered.
    fn replay(&mut self) -> Result<(), String> {
        let wanted = lock(&self.shared.replay).clone();
        if wanted == self.shown {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.shown, wanted);
        match (&before, self.shown.clone()) {
            (Some(before), Some(now)) if before.is_within(&now) => self.steer(&now, (&before.at, &before.since) != (&now.at, &now.since)),
            _ => self.subscribe(None),
        }
    }

    /// Subscribes to what the wall shows: what happens now after a revision, or the window that is to be replayed,
    /// with the alarms of now beside it.
    fn subscribe(&mut self, after: Option<u64>) -> Result<(), String> {
        let replay = self.shown.clone();
        let subscribe = Subscribe {
            collections: self.collections.keys().cloned().collect(),
            after,
            replay: replay.as_ref().map(ToldReplay::window),
            ..Subscribe::default()
        };
        self.say(&LiveRequest::Subscribe(subscribe))?;
        *self.shared.alarms() = LiveState::default();
        match replay {
            Some(replay) => {
                if replay.paused || replay.at.is_some() {
                    self.steer(&replay, true)?;
                }
                // Without a name all live collections would be meant.
                self.has_alarms = !self.alarms.is_empty();
                if self.has_alarms { self.subscribe_by_name(ALARMS, self.alarms.clone()) } else { Ok(()) }
            }
            None if std::mem::take(&mut self.has_alarms) => self.say(&LiveRequest::Unsubscribe { id: Some(ALARMS.to_owned()) }),
            None => Ok(()),
        }
    }

    fn steer(&mut self, replay: &ToldReplay, is_sought: bool) -> Result<(), String> {
        self.shared.state().steer(replay.paused, replay.speed, Instant::now());
        let seek = replay.position(Timestamp::now()).filter(|_| is_sought).map(|at| at.to_string());
        self.say(&LiveRequest::Replay(ReplayControl { id: None, paused: Some(replay.paused), seek, speed: Some(replay.speed) }))
    }

    fn subscribe_by_name(&mut self, id: &str, collections: Vec<String>) -> Result<(), String> {
        self.say(&LiveRequest::Subscribe(Subscribe { id: Some(id.to_owned()), collections, ..Subscribe::default() }))
    }

    fn say(&mut self, request: &LiveRequest) -> Result<(), String> {
        let text = serde_json::to_string(request).map_err(|e| e.to_string())?;
        self.line.send(Message::text(text)).map_err(|e| e.to_string())
    }
}

/// The collections of alarms.
fn alarms(city: &CityDocument) -> Vec<String> {
    city.collections.iter().filter(|c| c.kind == "alarms").map(|c| c.id.clone()).collect()
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
