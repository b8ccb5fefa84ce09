//! Requests to a small city that is served without a port.

use crate::{
    app::{self, App},
    config::Config,
    redis as door, serve,
};
use anyhow::Context;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header},
};
use citywall_import::{ImportOptions, Silent, run};
use citywall_model::{CimCategory, CityProfile, CollectionId, CollectionKind, LocalText};
use citywall_query::City;
use citywall_store::{CityStore, GeoPackage};
use serde_json::json;
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Runtime,
};
use tower::ServiceExt;

/// After so many inputs the city is made anew: inputs write into it.
const INPUTS_MAX: usize = 20_000;
/// How long an answer may take; longer than any named limit of a question.
const ANSWER_SECONDS_MAX: u64 = 60;

/// `GET /` and what is fed.
pub fn get(data: &[u8]) {
    let Ok(address) = std::str::from_utf8(data) else { return };
    with(|served| {
        served.answer(Request::get(format!("/{address}")).body(Body::empty()));
    });
}

/// A question: the first line is its name, the rest its body.
pub fn question(data: &[u8]) {
    let Some((name, body)) = headed(data) else { return };
    with(|served| {
        let request = Request::post(format!("/query/{name}")).header(header::CONTENT_TYPE, "application/json");
        served.answer(request.body(Body::from(body.to_vec())));
    });
}

/// A record of a collection: the first line is the collection's name, the rest the record.
pub fn document(data: &[u8]) {
    let Some((name, body)) = headed(data) else { return };
    with(|served| {
        let request = Request::post(format!("/collections/{name}/items")).header(header::CONTENT_TYPE, "application/geo+json");
        served.answer(request.body(Body::from(body.to_vec())));
    });
}

/// An edit of an item: the first line is the method and the item's id, the rest the body.
pub fn edit(data: &[u8]) {
    let Some((head, body)) = headed(data) else { return };
    let Some((method, id)) = head.split_once(' ') else { return };
    let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/geo+json" };
    with(|served| {
        let request = Request::builder().method(method).uri(format!("/collections/plans/items/{id}"));
        let request = request.header(header::CONTENT_TYPE, media).header(header::IF_MATCH, "*");
        served.answer(request.body(Body::from(body.to_vec())));
    });
}

/// What a Redis client sends.
pub fn redis(data: &[u8]) {
    with(|served| {
        let talk = async {
            let (mut client, server) = tokio::io::duplex(64 << 10);
            let serving = tokio::spawn(door::serve_stream(served.app.clone(), served.city.clone(), server));
            let (mut from, mut to) = tokio::io::split(&mut client);
            let mut said = Vec::new();
            let send = async {
                // The server may hang up before all is said.
                let _ = to.write_all(data).await;
                let _ = to.shutdown().await;
            };
            let (_, heard) = tokio::join!(send, from.read_to_end(&mut said));
            heard?;
            serving.await?
        };
        let ended = served.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS_MAX), talk).await });
        ended.unwrap_or_else(|_| panic!("no end after {ANSWER_SECONDS_MAX} s")).unwrap_or_else(|error| panic!("{error}"));
    });
}

/// The first line and the rest.
fn headed(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&data[..end]).ok()?, &data[end + 1..]))
}

/// A folder in memory, where there is one: it is written to a thousand times a second.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap_or_else(|error| panic!("no temporary folder: {error}"))
}

/// A city that is served.
struct Served {
    runtime: Runtime,
    app: Arc<App>,
    city: Arc<City>,
    router: Router,
    inputs: usize,
    // After all that has files in it.
    _folder: TempDir,
}

fn with(feed: impl FnOnce(&Served)) {
    static SERVED: Mutex<Option<Served>> = Mutex::new(None);
    let mut served = SERVED.lock().unwrap_or_else(PoisonError::into_inner);
    if served.as_ref().is_some_and(|served| served.inputs >= INPUTS_MAX) {
        *served = None;
    }
    let served = served.get_or_insert_with(|| Served::start().unwrap_or_else(|error| panic!("{error:#}")));
    served.inputs += 1;
    feed(served);
}

impl Served {
    fn start() -> anyhow::Result<Self> {
        let folder = folder();
        let path = folder.path().join("city.gpkg");
        let store = GeoPackage::create(&path, &CityProfile::named("Fuzz"))?;
        for (name, lines) in [("buildings", buildings()), ("roads", roads())] {
            let source = folder.path().join(format!("{name}.geojsonl"));
            std::fs::write(&source, lines)?;
            let import = run(&source, &ImportOptions::default(), &mut |draft| store.stage(draft), &Silent)?;
            import.stages.into_iter().try_for_each(|stage| stage.publish().map(drop))?;
        }
        drop(store);
        let address = "http://127.0.0.1:8080";
        let app = App::new(Config::default(), path, address);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (_, city) = runtime.block_on(serve::load(&app, address))?;
        for (name, kind) in [("plans", CollectionKind::Features), ("devices", CollectionKind::Things), ("air", CollectionKind::Datastreams)]
        {
            city.create_live(&CollectionId::new(name)?, kind, &LocalText::default(), CimCategory::IotSensing, true)?;
        }
        let served = Self { router: app::router(app.clone()), runtime, app, city, inputs: 0, _folder: folder };
        let plan = r#"{"type":"Feature","id":"p1","properties":{"title":"a plan"},"geometry":{"type":"Point","coordinates":[117.2,39.1]}}"#;
        let posted = Request::post("/collections/plans/items").header(header::CONTENT_TYPE, "application/geo+json").body(Body::from(plan));
        let status = served.answer(posted).context("the plan is no request")?;
        anyhow::ensure!(status == 201, "the plan was answered with {status}");
        Ok(served)
    }

    /// Reads a whole answer, which must be no fault of the server, and returns its status.
    fn answer(&self, request: Result<Request<Body>, axum::http::Error>) -> Option<u16> {
        // What is no request does not come so far.
        let mut request = request.ok()?;
        request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("127.0.0.1:8080"));
        let asked = format!("{} {}", request.method(), request.uri());
        let answered = async {
            let response = self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
            let (status, media) = (response.status(), response.headers().get(header::CONTENT_TYPE).cloned());
            let media = media.as_ref().and_then(|media| media.to_str().ok()).unwrap_or_default();
            // An operation that WMTS does not know is answered so (OGC 06-121r9, table 27).
            let is_unknown_operation = status == 501 && asked.contains(" /wmts");
            assert!(!status.is_server_error() || is_unknown_operation, "{asked}: {status}");
            if status.is_client_error() {
                // WMTS has its own reports of errors (OGC 07-057r7, clause 8).
                let is_report = media.starts_with("application/xml") && asked.contains(" /wmts");
                let is_told = is_report || media.starts_with("application/problem+json") || media.starts_with("text/html");
                assert!(is_told, "{asked}: {status} as {media}");
            }
            // A stream of events has no end.
            if media != "text/event-stream" {
                let body = to_bytes(response.into_body(), 256 << 20).await;
                assert!(body.is_ok(), "{asked}: the answer broke off");
            }
            status.as_u16()
        };
        let answered = self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS_MAX), answered).await });
        Some(answered.unwrap_or_else(|_| panic!("{asked}: no answer after {ANSWER_SECONDS_MAX} s")))
    }
}

/// Sixty buildings in a row.
fn buildings() -> String {
    let building = |at: u32| {
        let (x, y) = (117.0 + f64::from(at) * 0.01, 39.0 + f64::from(at) * 0.005);
        let ring = [[x, y], [x + 0.005, y], [x + 0.005, y + 0.005], [x, y + 0.005], [x, y]];
        let properties = json!({"name": format!("楼{at}"), "height": f64::from(at) / 10.0, "floors": at % 7, "built": "1993-05-01"});
        json!({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties})
    };
    (0..60).map(|at| building(at).to_string() + "\n").collect()
}

/// A ladder of roads.
fn roads() -> String {
    let road = |line: [[f64; 2]; 2]| {
        let properties = json!({"name": "路", "oneway": "B", "fclass": "primary", "maxspeed": 50});
        json!({"type": "Feature", "geometry": {"type": "LineString", "coordinates": line}, "properties": properties}).to_string() + "\n"
    };
    let step = |at: u32| 117.0 + f64::from(at) * 0.01;
    let along = (0..20).flat_map(|at| [39.0, 39.01].map(|y| [[step(at), y], [step(at + 1), y]]));
    let across = (0..20).map(|at| [[step(at), 39.0], [step(at), 39.01]]);
    along.chain(across).map(road).collect()
}
