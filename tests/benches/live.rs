//! The live city under load: 50,000 vehicles report every second over HTTP, a rule follows all of
//! them through the 20,795 grids, 1,000 subscribers each see a window of two kilometres, and 2,000
//! windows a second are asked for. Everything runs on this machine, the load's own work included.
//! How long it takes from before a report is sent until a subscriber has read it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;

use citywall_tests::{Server, citywall_ok};
use serde_json::json;
use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const VEHICLES: usize = 50_000;
const BATCH: usize = 1_000;
const SENDERS: usize = 2;
const SUBSCRIBERS: usize = 1_000;
const QUERIES_PER_S: u64 = 2_000;
const ASKERS: u64 = 4;
/// West, south, east, north of where the vehicles are: the six central districts and around them.
const EXTENT: [f64; 4] = [116.95, 38.9, 117.55, 39.35];
/// Before this many seconds nothing is counted.
const WARM_UP_S: u64 = 10;

fn main() {
    let is_full = std::env::var("CITYWALL_SOAK").is_ok_and(|soak| soak == "full");
    let seconds = WARM_UP_S + if is_full { 1_800 } else { 40 };
    let folder = tempfile::tempdir().unwrap();
    let city = folder.path().join("demo.gpkg");
    citywall_ok(&["demo", "--city", city.to_str().unwrap(), "--scale", "small"]);
    let server = Server::start(&city, &[]);
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let made = json!({"id": "cars", "kind": "moving_objects", "title": {"zh": "车辆（生成）", "en": "Cars (generated)"}});
    common::ask(&mut stream, &post("/collections", "application/json", &made.to_string()));
    let when = json!({"kind": "fence", "fences": "grids", "on": ["dwell"], "after_s": 86_400});
    let rule = json!({"title": "dwell", "level": 4, "collection": "cars", "when": when});
    let rule = json!({"type": "Feature", "id": "dwell", "geometry": null, "properties": rule});
    common::ask(&mut stream, &post("/collections/rules/items", "application/geo+json", &rule.to_string()));

    let load = Load {
        start: Instant::now(),
        end: AtomicBool::new(false),
        heard: Mutex::new(Histogram::new()),
        asked: AtomicU64::new(0),
        told: AtomicU64::new(0),
        slow: AtomicU64::new(0),
    };
    let mut memory = Vec::new();
    let busy = thread::scope(|scope| {
        let load = &load;
        for sender in 0..SENDERS {
            scope.spawn(move || load.send(address, sender));
        }
        // The first second brings every vehicle, so that nobody subscribes to an empty city.
        thread::sleep(Duration::from_secs(2));
        for n in 0..SUBSCRIBERS {
            thread::Builder::new().stack_size(128 << 10).spawn_scoped(scope, move || load.listen(address, n)).unwrap();
        }
        for n in 0..ASKERS {
            scope.spawn(move || load.query(address, n));
        }
        thread::sleep(Duration::from_secs(WARM_UP_S));
        let busy = common::on_cores(server.pid());
        load.asked.store(0, Ordering::Relaxed);
        load.told.store(0, Ordering::Relaxed);
        for second in WARM_UP_S..seconds {
            if (second - WARM_UP_S).is_multiple_of((seconds / 10).max(1)) {
                memory.push(resident_mb(server.pid()));
                if is_full {
                    println!("live: after {} minutes {} MB", (second - WARM_UP_S) / 60, resident_mb(server.pid()));
                }
            }
            thread::sleep(Duration::from_secs(1));
        }
        let busy = common::on_cores(server.pid()) - busy;
        load.end.store(true, Ordering::Relaxed);
        busy
    });
    let counted = (seconds - WARM_UP_S) as f64;
    let heard = load.heard.into_inner().unwrap();
    let matched = server.json("/collections/cars/items?limit=1")["numberMatched"].as_u64().unwrap();
    assert_eq!(matched as usize, VEHICLES, "every vehicle is there");
    common::row(
        "live",
        &format!(
            "{:.0} reports/s taken of {VEHICLES} vehicles over grid fences, {SUBSCRIBERS} subscribers of 2 km hear {:.0}/s, {:.0} windows/s answered: report to subscriber p50 {} ms, p99 {} ms; server {:.2} cores, memory over the run {} MB; {:.0} s",
            load.told.into_inner() as f64 / counted,
            heard.count() as f64 / counted,
            load.asked.into_inner() as f64 / counted,
            heard.share(0.5),
            heard.share(0.99),
            busy.as_secs_f64() / counted,
            memory.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
            counted
        ),
        &format!("senders came up to {} ms late, subscribers and askers on the same two cores", load.slow.into_inner()),
        "p99 < 50 ms at 50,000 reports/s and 2,000 windows/s, memory flat",
    );
}

fn post(path: &str, media: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// How many deliveries took how many milliseconds.
struct Histogram(Vec<u64>);

impl Histogram {
    fn new() -> Self {
        Self(vec![0; 10_000])
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(all, own)| *all += own);
    }

    fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    fn share(&self, share: f64) -> usize {
        let mut left = (self.count() as f64 * share) as u64;
        self.0
            .iter()
            .position(|n| {
                let is_here = left < *n;
                left = left.saturating_sub(*n);
                is_here
            })
            .unwrap_or(self.0.len())
    }
}

struct Load {
    start: Instant,
    end: AtomicBool,
    heard: Mutex<Histogram>,
    asked: AtomicU64,
    told: AtomicU64,
    /// The longest delay of a sender behind its schedule, in milliseconds.
    slow: AtomicU64,
}

impl Load {
    fn is_over(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Reports a share of the vehicles, batch after batch, each once a second.
    fn send(&self, address: &str, sender: usize) {
        let mut random = fastrand::Rng::with_seed(sender as u64);
        let [west, south, east, north] = EXTENT;
        let mut places: Vec<(usize, f64, f64)> = (sender..VEHICLES)
            .step_by(SENDERS)
            .map(|n| (n, west + random.f64() * (east - west), south + random.f64() * (north - south)))
            .collect();
        let batches = places.len().div_ceil(BATCH);
        let pause = Duration::from_secs(1) / batches as u32;
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut due = Instant::now();
        while !self.is_over() {
            for batch in places.chunks_mut(BATCH) {
                let late = due.elapsed();
                thread::sleep(due.saturating_duration_since(Instant::now()));
                self.slow.fetch_max(late.as_millis() as u64, Ordering::Relaxed);
                due += pause;
                // About ten metres further, some way or other.
                let mut body = String::with_capacity(BATCH * 160);
                let sent = self.now_ms();
                for (n, x, y) in &mut *batch {
                    *x = (*x + (random.f64() - 0.5) * 2e-4).clamp(west, east);
                    *y = (*y + (random.f64() - 0.5) * 2e-4).clamp(south, north);
                    writeln!(body, r#"{{"type":"Feature","id":"car-{n}","geometry":{{"type":"Point","coordinates":[{x:.6},{y:.6}]}},"properties":{{"source":"bench","sent":{sent}}}}}"#).unwrap();
                }
                common::ask(&mut stream, &post("/collections/cars/items", "application/x-ndjson", &body));
                self.told.fetch_add(batch.len() as u64, Ordering::Relaxed);
            }
        }
    }

    /// Hears what moves in a window of two kilometres.
    fn listen(&self, address: &str, n: usize) {
        let mut random = fastrand::Rng::with_seed(1_000 + n as u64);
        let [west, south, east, north] = EXTENT;
        let (x, y) = (west + random.f64() * (east - west), south + random.f64() * (north - south));
        let (wide, high) = (1_000.0 / 86_500.0, 1_000.0 / 111_195.0);
        let bbox = format!("{},{},{},{}", x - wide, y - high, x + wide, y + high);
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /live/sse?collections=cars&bbox={bbox} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let (mut own, mut text, mut last, mut buffer) = (Histogram::new(), Vec::new(), Vec::new(), [0; 16 << 10]);
        while !self.is_over() {
            let Ok(read) = stream.read(&mut buffer) else { continue };
            assert!(read > 0, "a subscriber was cut off after: {}", String::from_utf8_lossy(&last));
            last.clear();
            last.extend_from_slice(&buffer[read.saturating_sub(400)..read]);
            let now = self.now_ms();
            text.extend_from_slice(&buffer[..read]);
            let mut done = 0;
            while let Some(line) = text[done..].iter().position(|byte| *byte == b'\n') {
                let whole = &text[done..done + line];
                // A snapshot tells of the past.
                if now > 1_000 * (WARM_UP_S + 2) && whole.windows(7).take(400).any(|at| at == b"\"delta\"") {
                    sent_in(whole).for_each(|sent| own.0[(now.saturating_sub(sent) as usize).min(9_999)] += 1);
                }
                done += line + 1;
            }
            text.drain(..done);
        }
        self.heard.lock().unwrap().add(&own);
    }

    /// Asks for windows, so many a second.
    fn query(&self, address: &str, n: u64) {
        let pause = Duration::from_secs(1) * ASKERS as u32 / QUERIES_PER_S as u32;
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut due = Instant::now();
        let windows = common::windows(EXTENT, 5_000);
        for [west, south, east, north] in windows.iter().cycle().skip(n as usize * 1_000) {
            if self.is_over() {
                return;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            due += pause;
            let path = format!("/collections/buildings/items?limit=20&bbox={west},{south},{east},{north}");
            common::ask(&mut stream, format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes());
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The numbers after every `"sent":`.
fn sent_in(text: &[u8]) -> impl Iterator<Item = u64> {
    const KEY: &[u8] = b"\"sent\":";
    text.windows(KEY.len()).enumerate().filter(|(_, at)| *at == KEY).map(|(at, _)| {
        let digits = text[at + KEY.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    })
}

/// Megabytes that a process has in memory.
fn resident_mb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1_024
}
