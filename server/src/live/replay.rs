//! Plays a past window again, on a thread of its own: the messages are those of live push.
//!
//! The clock of a replay is the process' monotonic one, so that a jump of the system's clock
//! changes nothing. A reader that does not read holds up its own replay and nothing else: few
//! messages wait for it, and what has become due meanwhile is then told together.

use super::{
    interest::{Interest, Told},
    line::{Part, Said, error},
    mailbox::{Entry, coalesce},
    message::{self, PushedChange},
};
use crate::limits;
use citywall_model::{Change, CollectionId, LiveItem, Revision, TimeFilter};
use citywall_query::{City, Moment, QueryError, StatePlace};
use citywall_wire::{LiveMessage, Replay, ReplayControl, ReplayMark};
use jiff::{SignedDuration, Timestamp};
use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashMap;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Notify, OwnedSemaphorePermit};

const HEARTBEAT: Duration = Duration::from_secs(limits::HEARTBEAT_SECONDS);
const PACE: Duration = Duration::from_millis(limits::PUSH_PACE_MS);

/// A window of the past and the pace at which it is played.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    from: Timestamp,
    to: Timestamp,
    speed: f64,
}

impl Window {
    /// Reads and checks what a client asks for.
    ///
    /// # Errors
    /// In words for the client.
    pub fn read(replay: &Replay) -> Result<Self, String> {
        let now = Timestamp::now();
        let from = instant("from", &replay.from)?;
        let to = replay.to.as_deref().map_or(Ok(now), |to| instant("to", to))?;
        if from >= to {
            return Err(format!("from ({from}) must lie before to ({to})"));
        }
        if from > now {
            return Err(format!("from ({from}) lies in the future"));
        }
        Ok(Self { from, to, speed: speed(replay.speed)? })
    }
}

fn instant(member: &str, text: &str) -> Result<Timestamp, String> {
    let shown = || text.chars().take(60).collect::<String>();
    text.parse().map_err(|_| format!("{member}: “{}” is no RFC 3339 date-time such as 2026-03-01T08:15:00Z", shown()))
}

fn speed(speed: f64) -> Result<f64, String> {
    if speed > 0.0 && speed <= limits::REPLAY_SPEED_MAX {
        Ok(speed)
    } else {
        Err(format!("speed: must be more than 0 and at most REPLAY_SPEED_MAX ({})", limits::REPLAY_SPEED_MAX))
    }
}

/// A replay as its reader holds it; it ends when this is dropped.
pub struct Player {
    shared: Arc<Shared>,
    window: Window,
    _room: OwnedSemaphorePermit,
}

struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
    bell: Arc<Notify>,
}

/// What the reader and the player's thread hand each other.
struct Desk {
    said: VecDeque<Said>,
    paused: bool,
    speed: f64,
    seek: Option<Timestamp>,
    stopped: bool,
}

/// The open items of each collection.
type State = Vec<(CollectionId, Vec<LiveItem>)>;

impl Player {
    /// Starts a replay; of the collections that tell what goes on, if none are named. Blocks while
    /// the state at its beginning is read.
    ///
    /// # Errors
    /// The beginning is no longer kept, or cannot be read; in words for the client.
    pub fn start(
        city: &Arc<City>,
        id: Option<String>,
        mut interest: Interest,
        window: Window,
        room: OwnedSemaphorePermit,
        bell: Arc<Notify>,
    ) -> Result<Self, String> {
        if interest.collections.is_empty() {
            let views = city.collections().into_iter().filter(|view| view.kind().goes_on());
            interest.collections = views.map(|view| view.id().clone()).collect();
        }
        let desk = Desk { said: VecDeque::new(), paused: false, speed: window.speed, seek: None, stopped: false };
        let shared = Arc::new(Shared { desk: Mutex::new(desk), changed: Condvar::new(), bell });
        let play = Play {
            feed: Feed::new(&interest, city, window),
            clock: Clock { at: window.from, since: Instant::now(), speed: window.speed, paused: false, end: window.to },
            city: city.clone(),
            id,
            interest,
            window,
            shared: shared.clone(),
            shown: FxHashMap::default(),
            reached: 0,
            told_to: 0,
            beat: Instant::now(),
        };
        let state = play.state(window.from).map_err(|error| error.to_string())?;
        let thread = std::thread::Builder::new().name("city-replay".to_owned());
        thread.spawn(move || play.run(state)).map_err(|error| format!("there is no thread for it: {error}"))?;
        Ok(Self { shared, window, _room: room })
    }

    /// The next message, if there is one now.
    pub fn poll(&mut self) -> Option<Said> {
        let said = self.shared.desk.lock().said.pop_front();
        self.shared.changed.notify_all();
        said
    }

    /// Does what a client asks for.
    ///
    /// # Errors
    /// It makes no sense; in words for the client. Nothing is changed then.
    pub fn steer(&self, control: &ReplayControl) -> Result<(), String> {
        let seek = control.seek.as_deref().map(|seek| instant("seek", seek)).transpose()?;
        if let Some(seek) = seek.filter(|seek| !(self.window.from..=self.window.to).contains(seek)) {
            return Err(format!("seek: {seek} lies outside of the replay, {}/{}", self.window.from, self.window.to));
        }
        let speed = control.speed.map(speed).transpose()?;
        let mut desk = self.shared.desk.lock();
        desk.paused = control.paused.unwrap_or(desk.paused);
        desk.speed = speed.unwrap_or(desk.speed);
        if seek.is_some() {
            // What was said of the time before is of no use.
            desk.said.clear();
            desk.seek = seek;
        }
        drop(desk);
        self.shared.changed.notify_all();
        Ok(())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.shared.desk.lock().stopped = true;
        self.shared.changed.notify_all();
    }
}

/// The replayed clock.
struct Clock {
    at: Timestamp,
    since: Instant,
    speed: f64,
    paused: bool,
    end: Timestamp,
}

impl Clock {
    fn now(&self) -> Timestamp {
        if self.paused {
            return self.at;
        }
        let passed = SignedDuration::try_from_secs_f64(self.since.elapsed().as_secs_f64() * self.speed).unwrap_or(SignedDuration::MAX);
        self.at.checked_add(passed).unwrap_or(self.end).min(self.end)
    }

    fn set(&mut self, at: Timestamp, paused: bool, speed: f64) {
        *self = Self { at, since: Instant::now(), speed, paused, end: self.end };
    }

    /// How long it takes until it shows an instant; `None` while it stands still.
    fn until(&self, instant: Timestamp) -> Option<Duration> {
        let seconds = instant.duration_since(self.now()).as_secs_f64().max(0.0) / self.speed;
        (!self.paused).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(HEARTBEAT))
    }
}

/// Why the player stops telling.
enum Interrupted {
    Sought(Timestamp),
    Stopped,
}

/// The player's thread.
struct Play {
    city: Arc<City>,
    id: Option<String>,
    interest: Interest,
    window: Window,
    shared: Arc<Shared>,
    clock: Clock,
    feed: Feed,
    /// The open items that the reader sees.
    shown: FxHashMap<(CollectionId, u64), LiveItem>,
    /// The number of the last change: replays count their own.
    reached: u64,
    /// The last of them that the reader was told.
    told_to: u64,
    beat: Instant,
}

impl Play {
    fn run(mut self, state: State) {
        let mut at = self.window.from;
        let mut state = Ok(state);
        loop {
            let ended = match state {
                Ok(state) => self.tell(at, state).err(),
                Err(error) => {
                    self.fail(&error);
                    return;
                }
            };
            match ended {
                Some(Interrupted::Sought(to)) => {
                    at = to;
                    state = self.state(to);
                }
                Some(Interrupted::Stopped) | None => return,
            }
        }
    }

    /// What is open at an instant and may be of interest.
    fn state(&self, at: Timestamp) -> Result<State, QueryError> {
        let moment = Moment { time: Some(TimeFilter { start: Some(at), end: Some(at) }), as_of: None };
        let views = self.interest.views(&self.city).into_iter();
        views
            .map(|view| {
                let past = self.city.view_at(view.id(), &moment)?;
                let items = self.interest.open_items(&past).into_iter().filter(|item| self.interest.holds(item));
                Ok((past.id().clone(), items.collect()))
            })
            .collect()
    }

    /// Tells the state at an instant, and all that comes after it.
    fn tell(&mut self, at: Timestamp, state: State) -> Result<(), Interrupted> {
        let (paused, speed) = {
            let desk = self.shared.desk.lock();
            (desk.paused, desk.speed)
        };
        self.tell_state(at, state, speed)?;
        self.clock.set(at, paused, speed);
        self.feed.start_after(at);
        let mut has_ended = false;
        loop {
            let now = self.clock.now();
            match self.feed.due(&self.city, now) {
                Err(error) => {
                    self.fail(&error);
                    return Err(Interrupted::Stopped);
                }
                Ok(changes) if !changes.is_empty() => {
                    self.tell_changes(changes)?;
                    self.wait(Some(PACE))?;
                    continue;
                }
                Ok(_) => {}
            }
            let is_over = now >= self.window.to;
            if is_over && !has_ended {
                self.tell_time(now, true)?;
            } else if self.beat.elapsed() >= HEARTBEAT {
                self.tell_time(now, has_ended)?;
            }
            has_ended = is_over;
            let next = self.feed.next().unwrap_or(self.window.to);
            let until = if is_over { None } else { self.clock.until(next) };
            let beat = HEARTBEAT.saturating_sub(self.beat.elapsed());
            self.wait(Some(until.map_or(beat, |until| until.min(beat)).max(PACE)))?;
        }
    }

    fn tell_state(&mut self, at: Timestamp, state: State, speed: f64) -> Result<(), Interrupted> {
        self.reached += 1;
        self.told_to = self.reached;
        self.shown.clear();
        let Window { from, to, .. } = self.window;
        let mark = ReplayMark { from: from.to_string(), to: to.to_string(), time: at.to_string(), speed };
        let collections = state.len();
        if collections == 0 {
            let text = message::delta(self.id.as_deref(), (self.reached, self.reached), std::iter::empty(), std::iter::empty()).into();
            self.say(Said { text, revision: None })?;
        }
        for (nth, (collection, items)) in state.into_iter().enumerate() {
            let mut parts = items.chunks(limits::SNAPSHOT_PART_ITEMS_MAX).peekable();
            loop {
                let part = parts.next().unwrap_or_default();
                let last = parts.peek().is_none();
                let is_last = last && nth + 1 == collections;
                let text = message::snapshot(self.id.as_deref(), self.reached, &collection, part, is_last, Some(&mark)).into();
                self.say(Said { text, revision: None })?;
                if last {
                    break;
                }
            }
            self.shown.extend(items.into_iter().map(|item| ((collection.clone(), item.fid()), item)));
        }
        self.tell_time(at, false)
    }

    /// Tells changes that have become due, of moving objects and datastreams the last ones.
    fn tell_changes(&mut self, changes: Vec<Change>) -> Result<(), Interrupted> {
        let mut entries = VecDeque::with_capacity(changes.len());
        for mut change in changes {
            self.reached += 1;
            // In order of time nothing is late.
            change.late = false;
            let key = (change.collection.clone(), change.item.fid());
            change.before = self.shown.get(&key).cloned();
            let is_series = self.feed.is_series(&change.collection);
            let pushed = PushedChange::new(&change, is_series).numbered(self.reached);
            let told = self.interest.told(&pushed);
            match told {
                Some(Told::Change) if !change.item.is_cleared() => drop(self.shown.insert(key, change.item)),
                _ => drop(self.shown.remove(&key)),
            }
            if let Some(told) = told {
                entries.push_back(Entry::Change(Arc::new(pushed), told));
            }
        }
        let mut entries = coalesce(entries);
        let mut after = self.told_to;
        while !entries.is_empty() {
            let mut part = Part::default();
            while let Some(entry) = entries.pop_front() {
                match entry {
                    Entry::Change(change, told) if part.takes(&change, told) => {}
                    other => {
                        entries.push_front(other);
                        break;
                    }
                }
            }
            let (changes, gone) = (part.changes.iter().map(|change| &**change), part.gone.iter().map(|change| &**change));
            let text = message::delta(self.id.as_deref(), (after, part.revision), changes, gone).into();
            after = part.revision;
            self.say(Said { text, revision: None })?;
        }
        self.told_to = after;
        Ok(())
    }

    /// Says what time it is in the replay.
    fn tell_time(&mut self, now: Timestamp, ended: bool) -> Result<(), Interrupted> {
        self.beat = Instant::now();
        let time = now.round(jiff::Unit::Millisecond).unwrap_or(now).to_string();
        let text =
            message::other(&LiveMessage::Heartbeat { id: self.id.clone(), revision: self.told_to, time, replay: true, ended }).into();
        self.say(Said { text, revision: None })
    }

    fn fail(&mut self, cause: &QueryError) {
        // A reader that is gone need not be told.
        let _ = self.say(Said { text: error(self.id.clone(), format!("the replay ends: {cause}")), revision: None });
    }

    /// Says something, once there is room.
    fn say(&mut self, said: Said) -> Result<(), Interrupted> {
        let mut desk = self.shared.desk.lock();
        while desk.said.len() >= limits::REPLAY_MESSAGES_MAX && desk.seek.is_none() && !desk.stopped {
            self.shared.changed.wait(&mut desk);
        }
        interrupted(&mut desk)?;
        desk.said.push_back(said);
        drop(desk);
        self.shared.bell.notify_one();
        Ok(())
    }

    /// Waits, and follows what the reader asks for meanwhile.
    fn wait(&mut self, time: Option<Duration>) -> Result<(), Interrupted> {
        let end = time.map(|time| Instant::now() + time);
        let mut desk = self.shared.desk.lock();
        loop {
            interrupted(&mut desk)?;
            #[expect(clippy::float_cmp, reason = "another one, or the very same")]
            let is_steered = desk.paused != self.clock.paused || desk.speed != self.clock.speed;
            if is_steered {
                self.clock.set(self.clock.now(), desk.paused, desk.speed);
                return Ok(());
            }
            let Some(end) = end else { return Ok(()) };
            if self.shared.changed.wait_until(&mut desk, end).timed_out() {
                return Ok(());
            }
        }
    }
}

fn interrupted(desk: &mut Desk) -> Result<(), Interrupted> {
    if desk.stopped {
        return Err(Interrupted::Stopped);
    }
    desk.seek.take().map_or(Ok(()), |to| Err(Interrupted::Sought(to)))
}

/// The changes of several collections in order of time, read a page at a time.
struct Feed {
    end: Timestamp,
    sources: Vec<SourceOf>,
}

/// The changes of one collection.
struct SourceOf {
    id: CollectionId,
    is_series: bool,
    read: VecDeque<Change>,
    /// Where the page before ended.
    after: StatePlace,
    is_read: bool,
}

impl Feed {
    fn new(interest: &Interest, city: &City, window: Window) -> Self {
        let source = |view: citywall_query::CollectionView| SourceOf {
            id: view.id().clone(),
            is_series: view.kind().is_series(),
            read: VecDeque::new(),
            after: (window.from, Revision(u64::MAX)),
            is_read: false,
        };
        Self { end: window.to, sources: interest.views(city).into_iter().map(source).collect() }
    }

    fn start_after(&mut self, at: Timestamp) {
        for source in &mut self.sources {
            source.read.clear();
            (source.after, source.is_read) = ((at, Revision(u64::MAX)), false);
        }
    }

    fn is_series(&self, id: &CollectionId) -> bool {
        self.sources.iter().any(|source| source.id == *id && source.is_series)
    }

    /// When the next change is due, as far as is known.
    fn next(&self) -> Option<Timestamp> {
        self.sources.iter().filter_map(|source| source.read.front()).map(|change| change.item.since()).min()
    }

    /// The changes up to an instant that were not given yet, at most `REPLAY_CHANGES_MAX`.
    fn due(&mut self, city: &City, now: Timestamp) -> Result<Vec<Change>, QueryError> {
        let mut due = Vec::new();
        while due.len() < limits::REPLAY_CHANGES_MAX {
            for source in &mut self.sources {
                source.fill(city, self.end)?;
            }
            let place = |change: &Change| (change.item.since(), change.item.revision());
            let first = self.sources.iter_mut().filter(|source| !source.read.is_empty());
            let first = first.min_by_key(|source| source.read.front().map(place));
            let Some(change) = first.and_then(|source| source.read.pop_front_if(|change| change.item.since() <= now)) else { break };
            due.push(change);
        }
        Ok(due)
    }
}

impl SourceOf {
    fn fill(&mut self, city: &City, end: Timestamp) -> Result<(), QueryError> {
        if self.is_read || !self.read.is_empty() {
            return Ok(());
        }
        let time = TimeFilter { start: None, end: Some(end) };
        let read = &mut self.read;
        city.states(&self.id, None, &time, Some(self.after), |change| {
            read.push_back(change);
            read.len() < limits::REPLAY_CHANGES_MAX
        })?;
        self.is_read = self.read.len() < limits::REPLAY_CHANGES_MAX;
        if let Some(last) = self.read.back() {
            self.after = (last.item.since(), last.item.revision());
        }
        Ok(())
    }
}
