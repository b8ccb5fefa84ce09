//! One wall of several processes: a leader tells its followers, frame by frame, what to draw.
//!
//! Datagrams of JSON (UDP). A follower greets the leader several times a second; the leader answers
//! with its clock, from which the follower works out the difference of the two (as NTP does, from the
//! answer that came back soonest), and sends every frame to whoever greeted it lately. A datagram that
//! is lost is made good by the next frame. Nothing is accepted by a follower but from its leader.

use crate::{live::ToldView, scene::Mode};
use bevy::prelude::Resource;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

/// Followers of a leader, at most; further ones are not answered.
const FOLLOWERS_MAX: usize = 64;
/// Bytes of a datagram, at most.
const DATAGRAM_MAX: usize = 2048;
/// Datagrams that are read in one frame, at most.
const DATAGRAMS_PER_FRAME_MAX: usize = 256;
/// Between two greetings.
const GREET: Duration = Duration::from_millis(200);
/// A follower that is not heard for this long is forgotten.
const SILENCE_MAX: Duration = Duration::from_secs(3);
/// Frames over which skew is measured.
const SKEWS: usize = 600;

/// What the leader draws in a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadFrame {
    /// Its number.
    pub number: u64,
    /// When it began, microseconds of the leader's clock.
    pub at_us: u64,
    /// The seconds that move what moves.
    pub seconds: f32,
    /// The time of day of a stopped clock.
    pub time: Option<jiff::Timestamp>,
    /// Where it looks from.
    pub view: ToldView,
    /// The height of the ground under the view's target, metres.
    pub ground_m: f64,
    /// Its scene.
    pub scene: String,
    /// Its mode.
    pub mode: Mode,
    /// The item that is marked.
    pub chosen: Option<(String, String)>,
    /// True of a frame of which everyone takes a picture.
    pub picture: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Datagram {
    /// A follower says that it is there: its clock, whether its picture is whole, whether it has been taken.
    Greeting { at_us: u64, ready: bool, pictured: bool },
    /// The leader's answer: the greeting's clock, and its own.
    Echo { greeted_us: u64, at_us: u64 },
    /// A frame.
    Frame(LeadFrame),
}

struct Greeted {
    heard: Instant,
    ready: bool,
    pictured: bool,
}

/// A wall that leads others.
#[derive(Resource)]
pub struct Leader {
    socket: UdpSocket,
    started: Instant,
    followers: BTreeMap<SocketAddr, Greeted>,
    /// The number of the frame that was told last.
    pub number: u64,
    /// True while everyone is to take a picture of this frame.
    pub picture: bool,
}

impl Leader {
    /// Listens for followers.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn listen(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, started: Instant::now(), followers: BTreeMap::new(), number: 0, picture: false })
    }

    /// Microseconds of its clock.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        micros(self.started)
    }

    /// Hears and answers greetings.
    pub fn hear(&mut self) {
        for _ in 0..DATAGRAMS_PER_FRAME_MAX {
            let mut bytes = [0; DATAGRAM_MAX];
            let Ok((length, from)) = self.socket.recv_from(&mut bytes) else { break };
            let Ok(Datagram::Greeting { at_us, ready, pictured }) = serde_json::from_slice(&bytes[..length]) else { continue };
            if self.followers.len() >= FOLLOWERS_MAX && !self.followers.contains_key(&from) {
                continue;
            }
            self.followers.insert(from, Greeted { heard: Instant::now(), ready, pictured });
            send(&self.socket, &Datagram::Echo { greeted_us: at_us, at_us: self.now_us() }, Some(from));
        }
        self.followers.retain(|_, follower| follower.heard.elapsed() < SILENCE_MAX);
    }

    /// Tells everyone of a frame.
    pub fn tell(&mut self, frame: LeadFrame) {
        self.number = frame.number;
        let datagram = Datagram::Frame(frame);
        for follower in self.followers.keys() {
            send(&self.socket, &datagram, Some(*follower));
        }
    }

    /// How many followers there are, how many have a whole picture, and how many have taken it.
    #[must_use]
    pub fn followers(&self) -> (usize, usize, usize) {
        let count = |is: fn(&Greeted) -> bool| self.followers.values().filter(|f| is(f)).count();
        (self.followers.len(), count(|f| f.ready), count(|f| f.pictured))
    }
}

/// A wall that follows another.
#[derive(Resource)]
pub struct Follower {
    socket: UdpSocket,
    started: Instant,
    greeted: Option<Instant>,
    /// The leader's clock less its own, microseconds, and how long that answer took.
    offset: Option<(i64, u64)>,
    skews_ms: VecDeque<f64>,
    /// The frame to draw.
    pub frame: Option<LeadFrame>,
    /// True once its picture is whole.
    pub ready: bool,
    /// True once it has taken the picture that everyone takes.
    pub pictured: bool,
}

impl Follower {
    /// Follows the leader at an address.
    ///
    /// # Errors
    /// There is no way to the address.
    pub fn of(leader: SocketAddr) -> io::Result<Self> {
        let any = if leader.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        // From now on only the leader is heard.
        socket.connect(leader)?;
        socket.set_nonblocking(true)?;
        let started = Instant::now();
        let skews_ms = VecDeque::new();
        Ok(Self { socket, started, greeted: None, offset: None, skews_ms, frame: None, ready: false, pictured: false })
    }

    /// Greets the leader if it is time, and takes the newest frame; one to be pictured is kept.
    pub fn follow(&mut self) {
        if self.greeted.is_none_or(|at| at.elapsed() >= GREET) {
            self.greet();
        }
        let mut is_new = false;
        for _ in 0..DATAGRAMS_PER_FRAME_MAX {
            let mut bytes = [0; DATAGRAM_MAX];
            let length = match self.socket.recv(&mut bytes) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The leader is not there yet; its machine says so.
                Err(_) => continue,
            };
            match serde_json::from_slice(&bytes[..length]) {
                Ok(Datagram::Echo { greeted_us, at_us }) => self.set_clock(greeted_us, at_us),
                Ok(Datagram::Frame(frame))
                    if !self.is_held() && self.frame.as_ref().is_none_or(|f| frame.number != f.number || frame.picture) =>
                {
                    (self.frame, is_new) = (Some(frame), true);
                }
                _ => {}
            }
        }
        if let (true, Some(frame), Some((offset, _))) = (is_new, &self.frame, self.offset) {
            let now = micros(self.started) as i64 + offset;
            self.skews_ms.push_back((now - frame.at_us as i64) as f64 / 1e3);
            if self.skews_ms.len() > SKEWS {
                self.skews_ms.pop_front();
            }
        }
    }

    /// True once the frame that everyone pictures is here.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.frame.as_ref().is_some_and(|f| f.picture)
    }

    /// Says that it is there, and how far it is.
    pub fn greet(&mut self) {
        self.greeted = Some(Instant::now());
        let greeting = Datagram::Greeting { at_us: micros(self.started), ready: self.ready, pictured: self.pictured };
        send(&self.socket, &greeting, None);
    }

    /// How much later than the leader it began its frames, milliseconds each: the last ten seconds or so.
    #[must_use]
    pub fn skews_ms(&self) -> Vec<f64> {
        self.skews_ms.iter().copied().collect()
    }

    fn set_clock(&mut self, greeted_us: u64, at_us: u64) {
        let now = micros(self.started);
        let way = now.saturating_sub(greeted_us);
        // An answer that came back sooner says more; slowly clocks drift, so that none is believed for ever.
        let worth = self.offset.map_or(u64::MAX, |(_, best)| best + best / 20 + 1);
        if way <= worth {
            self.offset = Some((at_us as i64 - (greeted_us + way / 2) as i64, way));
        } else if let Some((_, best)) = &mut self.offset {
            *best += *best / 20 + 1;
        }
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Sends a datagram. One that does not go out is as good as lost on the way.
fn send(socket: &UdpSocket, datagram: &Datagram, to: Option<SocketAddr>) {
    let Ok(bytes) = serde_json::to_vec(datagram) else { return };
    let _ = match to {
        Some(to) => socket.send_to(&bytes, to),
        None => socket.send(&bytes),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn frame(number: u64, leader: &Leader, picture: bool) -> LeadFrame {
        let view = ToldView { longitude: 117.2, latitude: 39.1, distance: 5000.0, bearing: 0.0, pitch: 45.0 };
        let (scene, mode) = ("overview".to_owned(), Mode::Ordinary);
        LeadFrame { number, at_us: leader.now_us(), seconds: 1.5, time: None, view, ground_m: 31.5, scene, mode, chosen: None, picture }
    }

    #[test]
    fn a_follower_draws_the_newest_frame_and_keeps_the_one_to_be_pictured() {
        let mut leader = Leader::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut follower = Follower::of(leader.socket.local_addr().unwrap()).unwrap();
        follower.ready = true;
        follower.follow();
        let pause = || thread::sleep(Duration::from_millis(20));
        pause();
        leader.hear();
        assert_eq!(leader.followers(), (1, 1, 0));
        for number in 1..4 {
            leader.tell(frame(number, &leader, false));
        }
        pause();
        follower.follow();
        assert_eq!(follower.frame.as_ref().map(|f| f.number), Some(3), "what is older is past");
        let skew = follower.skews_ms()[0];
        assert!((5.0..500.0).contains(&skew), "the frame is {skew} ms old: it was told before the pause");
        leader.tell(frame(4, &leader, true));
        leader.tell(frame(5, &leader, false));
        pause();
        follower.follow();
        assert_eq!(follower.frame.as_ref().map(|f| f.number), Some(4));
    }

    #[test]
    fn a_stranger_is_not_heard_by_a_follower() {
        let leader = Leader::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let stranger = Leader::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut follower = Follower::of(leader.socket.local_addr().unwrap()).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], follower.socket.local_addr().unwrap().port()));
        send(&stranger.socket, &Datagram::Frame(frame(9, &stranger, false)), Some(address));
        thread::sleep(Duration::from_millis(20));
        follower.follow();
        assert_eq!(follower.frame, None);
    }
}
