//! What the panels' contents are worked out from: the live state, the city's document, and what the server answers;
//! while the past is shown, what it answers about then.

use super::content::{Body, Content, Of};
use crate::{
    city::{City, ThingBook},
    live::{Followed, Incident, LiveState, Replayed, Track},
    net::{AT, Answer, Desk, Past, Snapshots, encode, items_path},
    scene::{Colouring, Scene, ScenePanel},
};
use citywall_wire::CollectionDocument;
use geo::Contains;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How often the server is asked for numbers, on an ordinary day.
pub const EVERY: Duration = Duration::from_secs(10);
/// An hour that has passed changes only by what is reported late, and versions that are kept hardly ever.
pub const EVERY_PAST: Duration = Duration::from_secs(300);
/// While the past is replayed, it is asked this often what was then.
const EVERY_REPLAYED: Duration = Duration::from_secs(3);
/// An answer older than this many periods is shown as old.
const OLD_PERIODS: u32 = 3;

/// What a layer has of an instant of the past.
pub enum Kept {
    /// The version that is current.
    Current,
    /// A version that is kept, by its revision.
    Version(u64),
    /// Nothing.
    Nothing,
    /// It is still asked for.
    Awaited,
}

/// What contents are worked out from.
pub struct Sources<'a> {
    /// The incidents.
    pub live: &'a LiveState,
    /// The city.
    pub city: &'a City,
    /// The server's answers.
    pub desk: &'a Desk,
    /// The pictures of its cameras.
    pub snapshots: &'a Snapshots,
    /// What the scene says.
    pub scene: &'a Scene,
    /// The things that the scene marks.
    pub things: &'a ThingBook,
    /// The collections that the console leaves out.
    pub hidden: &'a [String],
    /// How the buildings are coloured.
    pub colouring: Option<&'a Colouring>,
    /// The moment, and the time of day.
    pub now: (Instant, Timestamp),
    /// The middle of the picture and the corners of the view, metres on the city's plane.
    pub view: ([f64; 2], &'a [[f32; 2]]),
    /// How much shorter the periods are (1: an ordinary day).
    pub haste: u32,
}

impl Sources<'_> {
    pub fn collection(&self, id: &str) -> Option<&CollectionDocument> {
        self.city.document.as_ref()?.collections.iter().find(|c| c.id == id)
    }

    /// True if what a collection has is counted here: its items happen, and so the wall knows them all.
    pub fn happens(&self, id: &str) -> bool {
        self.collection(id).is_some_and(|c| Followed::of_kind(&c.kind) == Some(Followed::Incidents))
    }

    /// True if the items of a collection are objects that the wall follows.
    pub fn moves(&self, id: &str) -> bool {
        self.live.followed().get(id).is_some_and(|is| *is != Followed::Incidents)
    }

    /// How many objects of a collection have some properties.
    pub fn objects(&self, id: &str, filter: &BTreeMap<String, String>) -> u64 {
        if filter.is_empty() {
            return self.live.tracks().count(id) as u64;
        }
        let fits = |track: &Track| filter.iter().all(|(k, v)| track.word(k) == Some(v));
        self.live.tracks().of(id).filter(|known| fits(&known.track)).count() as u64
    }

    /// The incidents of a panel: those of its collection that fit its filter and the scene's classes.
    pub fn incidents<'b>(&'b self, panel: &'b ScenePanel) -> impl Iterator<Item = &'b Incident> {
        self.live.incidents().filter(|i| {
            panel.collection.as_ref().is_none_or(|c| *c == i.collection)
                && self.scene.incidents.includes(&i.class)
                && panel.filter.iter().all(|(k, v)| self.property(i, k).as_deref() == Some(v))
        })
    }

    /// A property of an incident; `district` is the largest area that it lies in.
    pub fn property(&self, incident: &Incident, name: &str) -> Option<String> {
        match name {
            "class" => Some(incident.class.clone()),
            "status" => Some(incident.status.clone()),
            "level" => Some(incident.level.to_string()),
            "district" => {
                let (x, y) = incident.place?;
                let at = geo_types::Point::new(x, y);
                self.city.labels.iter().find(|l| l.shape.contains(&at)).map(|l| l.text.clone())
            }
            _ => None,
        }
    }

    /// The clock of the replay, if the past is shown.
    pub fn replay(&self) -> Option<&Replayed> {
        self.live.replay.as_ref()
    }

    pub fn ask(&self, path: &str, every: Duration) -> Answer {
        self.desk.ask(path, every / self.haste)
    }

    /// Asks a question whose path has the place of the instant that is replayed.
    pub fn ask_past(&self, path: &str, replay: &Replayed) -> Answer {
        self.desk.ask_of(path, EVERY_REPLAYED, Some(Past { at: self.now.1, tolerance: tolerance(replay) }))
    }

    /// A page of a collection's items; while the past is shown, as they were then. With it whether they are those of
    /// now although they should not be. `more` is what else the question has.
    pub fn page(&self, id: &str, filter: &BTreeMap<String, String>, limit: usize, more: &str) -> (Answer, bool) {
        let path = format!("{}{more}", items_path(id, filter, limit));
        let Some(replay) = self.replay() else { return (self.ask(&path, EVERY), false) };
        if self.collection(id).is_some_and(|c| c.open.is_some()) {
            return (self.ask_past(&format!("{path}&datetime={AT}"), replay), false);
        }
        match self.kept(id) {
            Kept::Current => (self.ask(&path, EVERY), false),
            Kept::Version(revision) => (self.ask(&format!("{path}&as-of={revision}"), EVERY_PAST), false),
            Kept::Nothing => (self.ask(&path, EVERY), true),
            Kept::Awaited => (Answer::default(), false),
        }
    }

    /// What a layer has of the instant that is replayed: its current version if that was published before, or one
    /// that the server keeps.
    pub fn kept(&self, id: &str) -> Kept {
        let answer = self.ask(&format!("/collections/{}/versions", encode(id)), EVERY_PAST);
        let Some(page) = &answer.page else { return if answer.failure.is_some() { Kept::Nothing } else { Kept::Awaited } };
        let is_before = |published: &Option<String>| {
            published.as_ref().and_then(|p| p.parse::<Timestamp>().ok()).is_some_and(|published| published <= self.now.1)
        };
        match page.versions.iter().rev().find(|version| is_before(&version.published)) {
            Some(version) if version.until.is_none() => Kept::Current,
            Some(version) => Kept::Version(version.revision),
            None => Kept::Nothing,
        }
    }

    /// Content from answers of the server; `is_of_now` if they are although the past is shown.
    pub fn asked(&self, body: Body, answers: &[Answer], is_of_now: bool) -> Content {
        let limit = EVERY * OLD_PERIODS;
        let tolerance = self.replay().map_or(SignedDuration::ZERO, |r| tolerance(r) * OLD_PERIODS as i32);
        let is_fresh = |a: &Answer| match a.of {
            Some(of) => self.now.1.duration_since(of).abs() <= tolerance,
            // The versions of a layer do not change with the time that is replayed.
            None => self.replay().is_some() || a.at.is_some_and(|at| self.now.0.saturating_duration_since(at) < limit),
        };
        let of = match self.replay() {
            None => Of::Now(answers.iter().filter_map(|a| a.at).min()),
            Some(_) if is_of_now => Of::NowInPast,
            Some(_) => Of::Past(answers.iter().filter_map(|a| a.of).min().unwrap_or(self.now.1)),
        };
        Content {
            body,
            of,
            is_current: answers.iter().all(|a| a.failure.is_none() && is_fresh(a)),
            is_awaited: answers.iter().any(Answer::is_awaited),
            source: String::new(),
        }
    }

    /// Content from what the live line tells.
    pub fn lived(&self, body: Body) -> Content {
        let of = if self.replay().is_some() { Of::Past(self.now.1) } else { Of::Now(self.live.heard) };
        Content { body, of, is_current: self.live.is_heard(self.now.0), is_awaited: self.live.revision.is_none(), source: String::new() }
    }

    /// Content from the city's document, which has no past.
    pub fn documented(&self, body: Body) -> Content {
        let of = if self.replay().is_some() { Of::NowInPast } else { Of::Now(self.city.heard) };
        Content { body, of, is_current: self.city.failure.is_none(), is_awaited: self.city.document.is_none(), source: String::new() }
    }

    pub fn source_of(&self, id: &str) -> String {
        self.collection(id).map_or_else(String::new, |c| if c.title.zh.is_empty() { c.title.en.clone() } else { c.title.zh.clone() })
    }

    /// An answer that is known without asking, from the live line.
    pub fn known(&self) -> Answer {
        let failure = (!self.live.is_heard(self.now.0)).then(String::new);
        Answer { at: self.live.heard, of: self.replay().map(|_| self.now.1), failure, ..Answer::default() }
    }
}

/// How far an answer about the past may be from the instant that is shown: as far as a replay plays meanwhile.
fn tolerance(replay: &Replayed) -> SignedDuration {
    let seconds = if replay.paused || replay.ended { 0.0 } else { replay.speed * EVERY_REPLAYED.as_secs_f64() };
    SignedDuration::try_from_secs_f64(seconds.max(1.0)).unwrap_or(SignedDuration::MAX)
}
