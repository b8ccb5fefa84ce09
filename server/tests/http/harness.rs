//! A city in a folder of its own, a server on a port of its own, and a client.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use ureq::http::{Method, Request, Response};

/// Squares per side of the test layer.
pub const SIDE: usize = 40;
/// West and south of the first square, and the step from one to the next, in degrees.
pub const ORIGIN: (f64, f64) = (117.0, 39.0);
/// See [`ORIGIN`].
pub const STEP: f64 = 0.01;

/// Runs the binary.
pub fn citywall(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_citywall")).args(arguments).output().unwrap()
}

/// What a program said on standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Squares of 0.005°, 0.01° apart: `SIDE`² of them, with a name, a height and a kind.
pub fn squares() -> String {
    let square = |at: usize| {
        let (x, y) = (ORIGIN.0 + (at % SIDE) as f64 * STEP, ORIGIN.1 + (at / SIDE) as f64 * STEP);
        let (e, n) = (x + STEP / 2.0, y + STEP / 2.0);
        json!({
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[x, y], [e, y], [e, n], [x, n], [x, y]]]},
            "properties": {"id": "same", "name": format!("楼 {at}"), "height": at as f64 / 10.0, "kind": if at.is_multiple_of(2) { "office" } else { "home" }, "code": format!("c{at:04}")}
        })
        .to_string()
    };
    (0..SIDE * SIDE).map(square).collect::<Vec<_>>().join("\n")
}

/// A city file in a folder that goes away with it.
pub struct City {
    pub folder: TempDir,
    pub file: PathBuf,
}

impl City {
    /// A city with the layer `squares`.
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("city.gpkg");
        let source = folder.path().join("squares.geojsonl");
        std::fs::write(&source, squares()).unwrap();
        let output = citywall(&["import", source.to_str().unwrap(), "--city", file.to_str().unwrap(), "--id-field", "code"]);
        assert!(output.status.success(), "{}", stderr(&output));
        Self { folder, file }
    }

    /// A path in the city's folder.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Serves it on any port.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Serves it with more arguments.
    pub fn serve_with(&self, arguments: &[&str]) -> Server {
        Server::start(&self.file, arguments, &[])
    }

    /// Serves it with more in its environment.
    pub fn serve_in(&self, environment: &[(&str, &str)]) -> Server {
        Server::start(&self.file, &[], environment)
    }

    /// Serves it with a configuration.
    pub fn serve_configured(&self, config: &str) -> Server {
        let path = self.path("citywall.toml");
        std::fs::write(&path, config).unwrap();
        self.serve_with(&["--config", &path])
    }
}

/// A running server; it is killed when it is dropped.
pub struct Server {
    pub child: Child,
    pub url: String,
    agent: ureq::Agent,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that it is a well-formed problem of this status, and returns it.
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && !problem["detail"].as_str().unwrap().is_empty(), "{problem}");
        problem
    }
}

impl Server {
    /// Serves any city file.
    pub fn of(file: &str) -> Self {
        Self::start(Path::new(file), &[], &[])
    }

    fn start(file: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_citywall"))
            .args(["serve", "--city", file.to_str().unwrap(), "--listen", "127.0.0.1:0"])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut url = None;
        loop {
            match lines.next() {
                Some(Ok(line)) => {
                    if let Some(address) = line.strip_prefix("listening on ") {
                        url = Some(address.to_owned());
                    }
                    if line.starts_with("ready") {
                        break;
                    }
                }
                _ => {
                    let mut said = String::new();
                    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                    panic!("the server did not start: {said}");
                }
            }
        }
        // Nobody may be held up by a pipe that is not read.
        let mut errors = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
        std::thread::spawn(move || lines.for_each(drop));
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { child, url: url.unwrap(), agent: agent.into() }
    }

    /// Sends anything.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = if body.is_empty() && method != "POST" {
            self.agent.run(request.body(()).unwrap())
        } else {
            self.agent.run(request.body(body).unwrap())
        };
        read(response.unwrap_or_else(|error| panic!("{method} {path}: {error}")))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// Gets JSON that must be there.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Posts to the events.
    pub fn post(&self, media: &str, body: &str) -> Answer {
        self.send("POST", "/collections/events/items", &[("content-type", media)], body.as_bytes())
    }

    /// Posts one event.
    pub fn post_event(&self, event: &Value) -> Answer {
        self.post("application/geo+json", &event.to_string())
    }

    /// Ends it as an operator would, and returns its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap().code()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn read(mut response: Response<ureq::Body>) -> Answer {
    let body = response.body_mut().with_config().limit(200 << 20).read_to_vec().unwrap();
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An event at a place.
pub fn event(id: &str, x: f64, y: f64) -> Value {
    json!({
        "type": "Feature", "id": id, "geometry": {"type": "Point", "coordinates": [x, y]},
        "properties": {"source": "test", "time": "2026-03-01T08:15:00+08:00", "title": "路灯损坏", "level": 3, "status": "open", "class": "GB/T 30428.2-2013:0101"}
    })
}
