//! The door for Tile38's clients beside Tile38 itself: the same commands, pipelined over the same
//! number of connections, to both in turn. The clients share the machine with the servers, so
//! that the servers' own time on the cores stands beside the clock.
//!
//! What a SET's `OK` means differs: here the object is flushed to the disk; Tile38, as it comes,
//! has written its log and flushes it once a second.
//!
//! `CITYWALL_TILE38` names the folder with `tile38-server`; `tests/benches/tile38.md` says how to
//! build it.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;
#[path = "common/peer.rs"]
mod peer;

use citywall_tests::{Server, small_city};
use peer::free_port;
use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Writes a command for a place.
type Search = fn(&mut String, (f64, f64));

const CONNECTIONS: usize = 8;
const PIPELINE: usize = 128;
const SETS: usize = 200_000;
/// The points whose memory is measured.
const POINTS: usize = 3_000_000;
const REST: Duration = Duration::from_secs(15);
const SEARCHES: usize = 40_000;
/// The fences of a city's grid.
const FENCES: usize = 23_000;
const SETS_AMONG_FENCES: usize = 40_000;
/// A square of 60 km: west, south, and its size.
const CITY: (f64, f64, f64, f64) = (117.0, 39.0, 0.694, 0.540);

fn main() {
    let Some(folder) = std::env::var_os("CITYWALL_TILE38") else {
        println!("tile38: not measured: CITYWALL_TILE38 names no folder with tile38-server (see tests/benches/tile38.md)");
        return;
    };
    let mut random = fastrand::Rng::with_seed(38);
    let mut place = move || (CITY.0 + CITY.2 * random.f64(), CITY.1 + CITY.3 * random.f64());
    memory(Path::new(&folder), &mut place);
    let (ours, theirs) = (ours(), theirs(Path::new(&folder)));

    let objects = SETS;
    let sets: Vec<String> = (0..objects).map(|n| set("fleet", n, place())).collect();
    compare("SET of new points", &[&ours, &theirs], &sets, "OK here: flushed to disk; Tile38: flushed once a second", 2.0);
    let moves: Vec<String> = (0..SETS).map(|n| set("fleet", n, place())).collect();
    compare("SET of known points", &[&ours, &theirs], &moves, "OK as above", 2.0);
    let searches: [(&str, Search); 4] = [
        ("NEARBY, the 10 nearest", |out, (x, y)| write!(out, "NEARBY fleet LIMIT 10 IDS POINT {y} {x}").unwrap()),
        ("WITHIN a circle of 1 km, COUNT", |out, (x, y)| write!(out, "WITHIN fleet COUNT CIRCLE {y} {x} 1000").unwrap()),
        ("WITHIN a window of 1 km, up to 100", |out, (x, y)| {
            write!(out, "WITHIN fleet LIMIT 100 IDS BOUNDS {y} {x} {} {}", y + 0.009, x + 0.0116).unwrap();
        }),
        ("INTERSECTS with a circle of 1 km, COUNT", |out, (x, y)| write!(out, "INTERSECTS fleet COUNT CIRCLE {y} {x} 1000").unwrap()),
    ];
    for (name, search) in searches {
        let commands: Vec<String> = (0..SEARCHES)
            .map(|_| {
                let mut command = String::new();
                search(&mut command, place());
                resp(&command)
            })
            .collect();
        compare(name, &[&ours, &theirs], &commands, &format!("among {objects} points"), 2.0);
    }

    let columns = (FENCES as f64).sqrt().ceil();
    let (wide, high) = (CITY.2 / columns, CITY.3 / columns);
    let fence = |n: usize| {
        let (x, y) = (CITY.0 + wide * (n as f64 % columns).floor(), CITY.1 + high * (n as f64 / columns).floor());
        resp(&format!("SETCHAN grid{n} WITHIN fleet FENCE DETECT enter,exit BOUNDS {y} {x} {} {}", y + high, x + wide))
    };
    let fences: Vec<String> = (0..FENCES).map(fence).collect();
    for peer in [&ours, &theirs] {
        peer.run(&fences);
    }
    // Someone listens to one of them.
    let _listeners: Vec<TcpStream> = [&ours, &theirs]
        .map(|peer| {
            let mut stream = peer.connect();
            stream.write_all(resp("SUBSCRIBE grid7").as_bytes()).unwrap();
            stream
        })
        .into();
    let moves: Vec<String> = (0..SETS_AMONG_FENCES).map(|n| set("fleet", n, place())).collect();
    let name = format!("SET of known points among {FENCES} fences");
    compare(&name, &[&ours, &theirs], &moves, "fences detect enter,exit; one has a listener; OK as above", 10.0);
}

/// What points take in memory: a server of each kind, one after the other, once it has come to rest.
fn memory(binaries: &Path, place: &mut impl FnMut() -> (f64, f64)) {
    let sets: Vec<Vec<String>> = (0..POINTS.div_ceil(SETS))
        .map(|part| (part * SETS..POINTS.min((part + 1) * SETS)).map(|n| set("fleet", n, place())).collect())
        .collect();
    let starts: [&dyn Fn() -> Peer; 2] = [&ours, &|| theirs(binaries)];
    let [ours, theirs] = starts.map(|start| {
        let peer = start();
        let took: Duration = sets.iter().map(|part| peer.run(part)).sum();
        (peer.at_rest_mb(), peer.before_mb(), POINTS as f64 / took.as_secs_f64())
    });
    common::row(
        "tile38",
        &format!(
            "memory of {POINTS} points: {} MB resident, {:.2} × Tile38 ({} MB without any); they came at {:.0} SET/s; once it has not fallen for {REST:?}",
            ours.0,
            ours.0 as f64 / theirs.0 as f64,
            ours.1,
            ours.2
        ),
        &format!("Tile38: {} MB ({} MB without any), {:.0} SET/s", theirs.0, theirs.1, theirs.2),
        "≤ 0.5 × Tile38",
    );
}

fn set(key: &str, n: usize, (x, y): (f64, f64)) -> String {
    resp(&format!("SET {key} id:{n} POINT {y:.6} {x:.6}"))
}

/// A command as an array of bulk strings.
fn resp(command: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    let mut out = format!("*{}\r\n", words.len());
    words.iter().for_each(|word| write!(out, "${}\r\n{word}\r\n", word.len()).unwrap());
    out
}

/// Runs commands at both and prints what came of it.
fn compare(name: &str, peers: &[&Peer; 2], commands: &[String], note: &str, goal: f64) {
    let [ours, theirs] = peers.map(|peer| {
        let busy = peer.on_cores();
        let took = peer.run(commands);
        (commands.len() as f64 / took.as_secs_f64(), commands.len() as f64 / (peer.on_cores() - busy).as_secs_f64())
    });
    common::row(
        "tile38",
        &format!(
            "{name}: {:.0} commands/s, {:.1} × Tile38; {:.0} per second of the server's time on a core, {:.1} ×; \
             {CONNECTIONS} connections, {PIPELINE} commands on the way in each; {note}",
            ours.0,
            ours.0 / theirs.0,
            ours.1,
            ours.1 / theirs.1
        ),
        &format!("Tile38, append-only file as it comes: {:.0} commands/s, {:.0} per second of its time", theirs.0, theirs.1),
        &format!("≥ {goal} × Tile38"),
    );
}

/// A server that speaks Tile38's protocol.
struct Peer {
    port: u16,
    pid: u32,
    kept: Kept,
}

/// What lives as long as a peer.
struct Kept {
    _folder: tempfile::TempDir,
    before_mb: u64,
    child: Option<Child>,
    _server: Option<Server>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The citywall server, with its door open.
fn ours() -> Peer {
    let folder = tempfile::tempdir().unwrap();
    let (city, port, config) = (small_city(folder.path()), free_port(), folder.path().join("citywall.toml"));
    fs::write(&config, format!("[redis]\nlisten = \"127.0.0.1:{port}\"\n")).unwrap();
    let server = Server::start(&city, &["--config", config.to_str().unwrap()]);
    Peer::new(port, server.pid(), folder, None, Some(server))
}

/// Tile38, with its append-only file.
fn theirs(binaries: &Path) -> Peer {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut command = Command::new(binaries.join("tile38-server"));
    command.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string(), "-d"]).arg(folder.path());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    Peer::new(port, child.id(), folder, Some(child), None)
}

impl Peer {
    fn new(port: u16, pid: u32, folder: tempfile::TempDir, child: Option<Child>, server: Option<Server>) -> Self {
        let mut peer = Self { port, pid, kept: Kept { _folder: folder, before_mb: 0, child, _server: server } };
        peer.run(&[resp("PING")]);
        peer.kept.before_mb = peer.resident_mb();
        peer
    }

    fn before_mb(&self) -> u64 {
        self.kept.before_mb
    }

    fn connect(&self) -> TcpStream {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(stream) => {
                    stream.set_nodelay(true).unwrap();
                    return stream;
                }
                Err(error) => assert!(Instant::now() < end, "port {}: {error}", self.port),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends commands over all connections and takes their replies, none of which is an error.
    fn run(&self, commands: &[String]) -> Duration {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for mine in commands.chunks(commands.len().div_ceil(CONNECTIONS)) {
                scope.spawn(move || {
                    let mut stream = self.connect();
                    let mut replies = BufReader::with_capacity(1 << 16, stream.try_clone().unwrap());
                    for batch in mine.chunks(PIPELINE) {
                        stream.write_all(batch.concat().as_bytes()).unwrap();
                        batch.iter().for_each(|command| reply(&mut replies, command));
                    }
                });
            }
        });
        start.elapsed()
    }

    /// The time that its process has had on the cores (proc(5), fields 14 and 15 of stat, in hundredths).
    fn on_cores(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        Duration::from_millis((fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10)
    }

    /// Its memory once it gives no more of it back.
    fn at_rest_mb(&self) -> u64 {
        let (mut low, mut since) = (self.resident_mb(), Instant::now());
        while since.elapsed() < REST {
            std::thread::sleep(Duration::from_secs(1));
            let now = self.resident_mb();
            if now < low {
                (low, since) = (now, Instant::now());
            }
        }
        low
    }

    fn resident_mb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().split(' ').next().unwrap().parse::<u64>().unwrap() / 1024
    }
}

/// Takes one reply, whatever is in it.
fn reply(from: &mut BufReader<TcpStream>, command: &str) {
    let mut left = 1;
    let mut line = Vec::new();
    while left > 0 {
        left -= 1;
        line.clear();
        from.read_until(b'\n', &mut line).unwrap();
        let text = std::str::from_utf8(&line).unwrap().trim_end();
        match text.as_bytes().first() {
            Some(b'$') if text != "$-1" => {
                let mut bytes = vec![0; text[1..].parse::<usize>().unwrap() + 2];
                from.read_exact(&mut bytes).unwrap();
            }
            Some(b'*') => left += text[1..].parse::<usize>().unwrap(),
            Some(b'+' | b':' | b'$') => {}
            _ => panic!("{command}: {text}"),
        }
    }
}
