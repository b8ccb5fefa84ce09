//! A server of its own for a test.

use crate::binary;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// How long a server may take to print its address.
const START_MAX: Duration = Duration::from_secs(240);

/// A running `citywall serve` on a free port; it is killed when this is dropped.
pub struct Server {
    child: Child,
    /// Its address, such as `http://127.0.0.1:40123`.
    pub url: String,
}

impl Server {
    /// Serves a city and returns once the server is ready.
    #[must_use]
    pub fn start(city: &Path, arguments: &[&str]) -> Self {
        Self::start_in(&["env"], city, arguments)
    }

    /// As [`Server::start`], by a program that runs what follows its own arguments in its place.
    #[must_use]
    pub fn start_in(by: &[&str], city: &Path, arguments: &[&str]) -> Self {
        Self::start_at(by, "127.0.0.1:0", city, arguments)
    }

    fn start_at(by: &[&str], address: &str, city: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(by[0])
            .args(&by[1..])
            .arg(binary("citywall"))
            .args(["serve", "--listen", address, "--city"])
            .arg(city)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, said) = mpsc::channel();
        pump(child.stdout.take().unwrap(), lines.clone());
        pump(child.stderr.take().unwrap(), lines);
        let mut heard = Vec::new();
        let url = loop {
            match said.recv_timeout(START_MAX) {
                Ok(line) => {
                    if let Some(url) = address_in(&line) {
                        break url;
                    }
                    heard.push(line);
                }
                Err(error) => panic!("the server printed no address ({error}):\n{}", heard.join("\n")),
            }
        };
        let server = Self { child, url };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&self) {
        let end = Instant::now() + START_MAX;
        while ureq::get(format!("{}/readyz", self.url)).call().is_err() {
            assert!(Instant::now() < end, "the server at {} did not become ready", self.url);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process at once, as a power cut would (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As [`Server::kill`]; then another process serves the city at the same address.
    #[must_use]
    pub fn kill_and_restart(self, city: &Path) -> Self {
        let address = self.url.trim_start_matches("http://").to_owned();
        self.kill();
        Self::start_at(&["env"], &address, city, &[])
    }

    /// Asks the process to end (SIGTERM) and returns its exit code.
    pub fn terminate(mut self) -> i32 {
        crate::run("kill", &["-TERM", &self.child.id().to_string()]);
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// `GET path` as JSON.
    #[must_use]
    pub fn json(&self, path: &str) -> Value {
        let (status, body) = get(&format!("{}{path}", self.url));
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("GET {path}: {e}: {body}"))
    }

    /// Every item of a collection, page by page.
    #[must_use]
    pub fn all_items(&self, collection: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut path = Some(format!("/collections/{collection}/items?limit=10000"));
        while let Some(page) = path.take() {
            let page = self.json(&page);
            items.extend(page["features"].as_array().unwrap().iter().cloned());
            let next = page["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next");
            path = next.map(|link| link["href"].as_str().unwrap().trim_start_matches(&self.url).to_owned());
        }
        items
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pump(stream: impl Read + Send + 'static, lines: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // After the start nobody listens any more, but the pipe must be emptied.
            let _ = lines.send(line);
        }
    });
}

fn address_in(line: &str) -> Option<String> {
    let at = line.find("http://127.0.0.1:")?;
    let port: String = line[at + "http://127.0.0.1:".len()..].chars().take_while(char::is_ascii_digit).collect();
    Some(format!("http://127.0.0.1:{port}"))
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(60))).build().into()
}

/// `GET url`: status and text.
#[must_use]
pub fn get(url: &str) -> (u16, String) {
    let (status, body) = get_bytes(url);
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// `GET url`: status and bytes.
#[must_use]
pub fn get_bytes(url: &str) -> (u16, Vec<u8>) {
    let mut response = agent().get(url).header("Accept", "application/json, */*;q=0.1").call().unwrap();
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
    (response.status().as_u16(), body)
}

/// `POST url`: status and text.
#[must_use]
pub fn post(url: &str, content_type: &str, body: &str) -> (u16, String) {
    try_post(url, content_type, body).unwrap_or_else(|| panic!("POST {url}: the connection broke"))
}

/// `POST url`: status and text; `None` if the connection broke.
#[must_use]
pub fn try_post(url: &str, content_type: &str, body: &str) -> Option<(u16, String)> {
    let mut response = agent().post(url).header("Content-Type", content_type).send(body).ok()?;
    let text = response.body_mut().with_config().limit(1 << 30).read_to_string().ok()?;
    Some((response.status().as_u16(), text))
}
