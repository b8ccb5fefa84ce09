//! The same request for items of OGC API – Features, answered by Citywall, by pygeoapi and by
//! pg_featureserv with the same buildings of New York: windows of 500 m as GeoJSON with two
//! attributes, by two clients over connections that stay open. The peers read from PostGIS (GiST
//! index, analysed, local socket); pygeoapi runs under gunicorn with two processes.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;
#[path = "common/peer.rs"]
mod peer;
#[path = "common/postgis.rs"]
mod postgis;

use citywall_model::{Bbox, CollectionId};
use citywall_query::City;
use citywall_store::GeoPackage;
use citywall_tests::{Server, peers};
use peer::{Peer, free_port};
use postgis::Postgres;
use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// How long each server is asked.
const SECONDS: u64 = 10;
const CLIENTS: usize = 2;
/// No window has more buildings.
const LIMIT: usize = 10_000;
/// The features of so many windows are counted, to see that all servers say the same.
const COUNTED: usize = 50;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let file = common::new_york(folder.path());
    let city = City::open(Arc::new(GeoPackage::open(&file).unwrap())).unwrap();
    let view = city.view(&CollectionId::new("buildings").unwrap()).unwrap();
    let extent = view.meta().extent.unwrap();
    let postgres = postgis::buildings(&view);
    drop((view, city));

    let server = Server::start(&file, &[]);
    let ours = rate(&format!("{}/collections/buildings/items?f=json&properties=name,height", server.url), extent);
    drop(server);
    let beside = |peer: &str, (theirs, features): (f64, usize), goal: &str| {
        common::row(
            "features",
            &format!("items in 500 m as GeoJSON with two attributes: {:.0}/s, {:.1} ×", ours.0, ours.0 / theirs),
            &format!("{peer} {theirs:.0}/s, {CLIENTS} clients; {} and {features} features in the first {COUNTED} windows", ours.1),
            goal,
        );
    };
    let peer = pygeoapi(folder.path(), &postgres);
    beside("pygeoapi", rate(&format!("http://{}/collections/buildings/items?f=json", peer.address), extent), "20 ×");
    drop(peer);
    match pg_featureserv(&postgres) {
        Some(peer) => {
            let address = format!("http://{}/collections/public.buildings/items.json?properties=name,height", peer.address);
            beside("pg_featureserv", rate(&address, extent), "3 ×");
        }
        None => println!("features: without CITYWALL_PG_FEATURESERV (see tests/benches/features.md) pg_featureserv is not measured"),
    }
}

fn pygeoapi(folder: &Path, postgres: &Postgres) -> Peer {
    let python = peers();
    let programs = python.parent().unwrap();
    let (port, socket) = (free_port(), postgres.socket());
    let config = format!(
        r#"server:
  bind: {{host: 127.0.0.1, port: {port}}}
  url: http://127.0.0.1:{port}
  mimetype: application/json; charset=UTF-8
  encoding: utf-8
  gzip: false
  languages: [en-US]
  limits: {{default_items: {LIMIT}, max_items: {LIMIT}}}
  map: {{url: "http://127.0.0.1/{{z}}/{{x}}/{{y}}.png", attribution: none}}
logging: {{level: ERROR}}
metadata:
  identification: {{title: peer, description: peer, keywords: [peer], keywords_type: theme, terms_of_service: none, url: "http://127.0.0.1"}}
  license: {{name: none, url: "http://127.0.0.1"}}
  provider: {{name: none, url: "http://127.0.0.1"}}
  contact: {{name: none, url: "http://127.0.0.1"}}
resources:
  buildings:
    type: collection
    title: buildings
    description: buildings
    keywords: [buildings]
    extents:
      spatial: {{bbox: [-180, -90, 180, 90], crs: "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}}
    providers:
      - type: feature
        name: PostgreSQL
        data: {{host: "{socket}", port: 5432, dbname: postgres, user: test, password: test, search_path: [public]}}
        id_field: n
        table: buildings
        geom_field: g
"#
    );
    let (config_file, openapi) = (folder.join("pygeoapi.yml"), folder.join("openapi.yml"));
    fs::write(&config_file, config).unwrap();
    let with = |program: &str| {
        let mut command = Command::new(programs.join(program));
        command.env("PYGEOAPI_CONFIG", &config_file).env("PYGEOAPI_OPENAPI", &openapi).current_dir(folder);
        command
    };
    let made = with("pygeoapi").args(["openapi", "generate"]).arg(&config_file).arg("--output-file").arg(&openapi).output().unwrap();
    assert!(made.status.success(), "pygeoapi: {}", String::from_utf8_lossy(&made.stderr));
    let bind = format!("127.0.0.1:{port}");
    Peer::start(
        with("gunicorn").args(["--workers", "2", "--worker-class", "gthread", "--bind", &bind, "pygeoapi.flask_app:APP"]),
        port,
        "/conformance",
    )
}

/// pg_featureserv from the folder that `CITYWALL_PG_FEATURESERV` names; see features.md.
fn pg_featureserv(postgres: &Postgres) -> Option<Peer> {
    let program = Path::new(&std::env::var_os("CITYWALL_PG_FEATURESERV")?).join("pg_featureserv");
    let port = free_port();
    let mut command = Command::new(program);
    command
        .env("DATABASE_URL", format!("host={} user=test dbname=postgres", postgres.socket()))
        .env("PGFS_SERVER_HTTPHOST", "127.0.0.1")
        .env("PGFS_SERVER_HTTPPORT", port.to_string())
        .env("PGFS_PAGING_LIMITMAX", LIMIT.to_string())
        .env("PGFS_PAGING_LIMITDEFAULT", LIMIT.to_string());
    Some(Peer::start(&mut command, port, "/conformance"))
}

/// Requests per second of the clients for windows of 500 m, and the features of the first ones.
fn rate(address: &str, extent: Bbox) -> (f64, usize) {
    let windows = common::windows([extent.x_min, extent.y_min, extent.x_max, extent.y_max], 100_000);
    let ask = |agent: &ureq::Agent, [west, south, east, north]: [f64; 4]| {
        let request = agent.get(format!("{address}&limit={LIMIT}&bbox={west},{south},{east},{north}"));
        let request = request.header("Accept", "application/geo+json, application/json").header("Accept-Encoding", "identity");
        request.call().unwrap().body_mut().with_config().limit(1 << 30).read_to_string().unwrap()
    };
    let agent = || ureq::Agent::config_builder().build().new_agent();
    let counted = agent();
    let first = windows[..COUNTED].iter().map(|window| ask(&counted, *window).matches("\"Feature\"").count()).sum();
    assert!(first > 0, "{address} has nothing in the first windows");
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let agent = agent();
                while start.elapsed() < Duration::from_secs(SECONDS) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    std::hint::black_box(ask(&agent, windows[at % windows.len()]));
                }
            });
        }
    });
    (next.into_inner() as f64 / start.elapsed().as_secs_f64(), first)
}
