//! Counters and histograms, as Prometheus text (exposition format 0.0.4).

use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 11] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Default)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum_seconds: f64,
}

impl Histogram {
    fn note(&mut self, seconds: f64) {
        if let Some(at) = BUCKETS.iter().position(|bound| seconds <= *bound) {
            self.buckets[at] += 1;
        }
        self.count += 1;
        self.sum_seconds += seconds;
    }
}

/// The requests of one route, by method and status.
type Route = BTreeMap<(&'static str, u16), Histogram>;

/// What the server counts.
#[derive(Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<String, Route>>,
    /// Open live lines.
    pub subscribers: AtomicU64,
    /// Live lines that were cut because their reader was too slow.
    pub subscribers_cut: AtomicU64,
    /// Messages sent on live lines.
    pub live_messages: AtomicU64,
    /// Changes that have aged out of the history.
    pub history_expired: AtomicU64,
    /// Open connections.
    pub connections: AtomicU64,
    /// Tiles answered from the cache.
    pub tile_hits: AtomicU64,
    /// Tiles that were made.
    pub tile_misses: AtomicU64,
}

impl Metrics {
    /// Counts a request.
    pub fn request(&self, route: &str, method: &axum::http::Method, status: u16, took: Duration) {
        let method = match method.as_str() {
            "GET" => "GET",
            "POST" => "POST",
            "HEAD" => "HEAD",
            "DELETE" => "DELETE",
            _ => "other",
        };
        let mut requests = self.requests.lock();
        if !requests.contains_key(route) {
            requests.insert(route.to_owned(), Route::default());
        }
        if let Some(route) = requests.get_mut(route) {
            route.entry((method, status)).or_default().note(took.as_secs_f64());
        }
    }

    /// Writes everything, with `gauges` (name, help, value) before it.
    pub fn text(&self, gauges: &[(&str, &str, f64)]) -> String {
        let mut out = String::new();
        let mut simple = |name: &str, kind: &str, help: &str, value: f64| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        };
        for (name, help, value) in gauges {
            simple(name, "gauge", help, *value);
        }
        #[expect(clippy::cast_precision_loss, reason = "counters stay below 2^53")]
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        simple("citywall_live_subscribers", "gauge", "Open live lines.", of(&self.subscribers));
        simple(
            "citywall_live_subscribers_cut_total",
            "counter",
            "Live lines cut because their reader was too slow.",
            of(&self.subscribers_cut),
        );
        simple("citywall_live_messages_total", "counter", "Messages sent on live lines.", of(&self.live_messages));
        simple("citywall_history_expired_total", "counter", "Changes that have aged out of the history.", of(&self.history_expired));
        simple("citywall_connections", "gauge", "Open connections.", of(&self.connections));
        simple("citywall_tile_cache_hits_total", "counter", "Tiles answered from the cache.", of(&self.tile_hits));
        simple("citywall_tile_cache_misses_total", "counter", "Tiles that were made.", of(&self.tile_misses));
        let name = "citywall_http_request_seconds";
        let _ = writeln!(out, "# HELP {name} Time to answer, by route, method and status.\n# TYPE {name} histogram");
        let requests = self.requests.lock();
        for (route, (method, status), histogram) in requests.iter().flat_map(|(route, of)| of.iter().map(move |(kind, h)| (route, kind, h)))
        {
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
            let mut below = 0;
            for (bound, n) in BUCKETS.iter().zip(histogram.buckets) {
                below += n;
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}");
            }
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", histogram.count);
            let _ = writeln!(out, "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {}", histogram.sum_seconds, histogram.count);
        }
        out
    }
}

/// The process' resident memory in bytes, as Linux tells it.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}
