//! What the benchmarks share: cities to measure, windows to ask for, rows to print.

#![allow(dead_code, reason = "each benchmark takes what it needs")]

use citywall_model::{CimCategory, CollectionId, LocalText};
use citywall_store::LayerDraft;
use citywall_tests::{citywall_ok, run, shared};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a benchmark makes up, as a layer.
pub fn generated(id: &str, title: LocalText, category: CimCategory) -> LayerDraft {
    LayerDraft {
        id: CollectionId::new(id).unwrap(),
        title,
        category,
        source: "generated".into(),
        source_crs: "EPSG:4326".into(),
        storage_crs: 4326,
        generated: true,
        id_field: None,
    }
}

/// A row of BENCHMARKS.md: what was measured, the figure, the yardstick in the same run, the budget.
pub fn row(benchmark: &str, result: &str, yardstick: &str, budget: &str) {
    let (date, machine) = (run("date", &["+%Y-%m-%d"]), machine());
    let command = format!("`cargo bench --workspace --profile release --bench {benchmark}`");
    println!("| {} | {benchmark} | {result} | {yardstick} | {budget} | {machine} | {command} |", date.trim());
}

/// Processor and number of cores, and how busy they were: a shared machine measures others too.
fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap();
    let field = |name: &str| info.lines().find(|l| l.starts_with(name)).and_then(|l| l.split(": ").nth(1)).unwrap_or("unknown");
    let cores = info.lines().filter(|l| l.starts_with("processor")).count();
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{} (model {}), {cores} cores, load {load}", field("model name"), field("model\t"))
}

/// New York's buildings, unpacked.
pub fn new_york_source(folder: &Path) -> PathBuf {
    let plain = folder.join("buildings.geojsonl");
    let packed = File::open(shared("city/new-york/buildings.geojsonl.gz")).unwrap();
    std::io::copy(&mut flate2::read::GzDecoder::new(packed), &mut File::create(&plain).unwrap()).unwrap();
    plain
}

/// A city with New York's buildings as the layer `buildings`.
pub fn new_york(folder: &Path) -> PathBuf {
    let (source, city) = (new_york_source(folder), folder.join("new-york.gpkg"));
    citywall_ok(&["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "buildings", "--json"]);
    city
}

/// As [`new_york`], with the name and the height of each building alone: what Martin's table has.
pub fn new_york_lean(folder: &Path) -> PathBuf {
    let (source, city) = (folder.join("lean.geojsonl"), folder.join("new-york.gpkg"));
    let lean = |line: &str| {
        let mut feature: Value = serde_json::from_str(line).unwrap();
        feature["properties"].as_object_mut().unwrap().retain(|name, _| matches!(name.as_str(), "name" | "height"));
        format!("{feature}\n")
    };
    let whole = fs::read_to_string(new_york_source(folder)).unwrap();
    fs::write(&source, whole.lines().map(lean).collect::<String>()).unwrap();
    citywall_ok(&["import", source.to_str().unwrap(), "--city", city.to_str().unwrap(), "--layer", "buildings", "--json"]);
    city
}

/// The time that this thread has had on a processor. On a shared machine it is a steadier measure
/// than the clock on the wall, and on an idle one the same.
pub fn on_core() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// The middle one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A share of the sorted times, such as 0.99.
pub fn percentile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share).round() as usize]
}

/// Milliseconds with one decimal.
pub fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// Windows of 500 m, west, south, east, north, anywhere in an extent; a fixed seed gives their order.
pub fn windows([x_min, y_min, x_max, y_max]: [f64; 4], count: usize) -> Vec<[f64; 4]> {
    let mut random = fastrand::Rng::with_seed(20_260_301);
    let mut window = || {
        let (x, y) = (x_min + random.f64() * (x_max - x_min), y_min + random.f64() * (y_max - y_min));
        let half_y = 250.0 / 111_195.0;
        let half_x = half_y / y.to_radians().cos();
        [x - half_x, y - half_y, x + half_x, y + half_y]
    };
    (0..count).map(|_| window()).collect()
}

/// One request over a connection that stays open, and its whole answer, which must be a good one.
pub fn ask(stream: &mut TcpStream, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 1 << 16];
    loop {
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "the connection broke");
        answer.extend_from_slice(&buffer[..n]);
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 20"), "{text}");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let is_whole = match length {
            Some(length) => answer.len() >= head + 4 + length.trim().parse::<usize>().unwrap(),
            None => answer.ends_with(b"0\r\n\r\n"),
        };
        if is_whole {
            return answer;
        }
    }
}

/// The time that a process has had on the cores (proc(5), fields 14 and 15 of stat, in hundredths).
pub fn on_cores(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
