//! The questions of a map and of an analyst on New York's buildings, beside PostGIS on the same
//! machine: GiST index, analysed, prepared statements, two clients on a local socket (pgbench, which
//! reads every row). Windows and places are drawn evenly from the same extent on both sides.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that cannot run fails")]

mod common;
#[path = "common/postgis.rs"]
mod postgis;

use citywall_analysis::{
    Budget,
    join::{Relation, Side, counts, read},
    nearest::nearest,
};
use citywall_cql2::{Filter, Queryables};
use citywall_model::{Bbox, CimCategory, CollectionId, LocalText, Value, Wkb, geometry};
use citywall_query::{City, CollectionView, ItemsQuery};
use citywall_store::{GeoPackage, NewFeature};
use citywall_tests::Server;
use geo::{LineString, Point, Polygon};
use postgis::Postgres;
use std::{
    cell::RefCell,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// How long each side is asked.
const SECONDS: u32 = 4;
const CLIENTS: usize = 2;
/// Half of 500 m in degrees of latitude, and of longitude at New York.
const HALF: (f64, f64) = (250.0 / 84_400.0, 250.0 / 111_195.0);
/// Degrees of a grid's side, about 500 m; grids in a window of 20 km.
const GRID: (f64, f64) = (500.0 / 84_400.0, 500.0 / 111_195.0);
const GRIDS: usize = 40;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let file = common::new_york(folder.path());
    let city = City::open(Arc::new(GeoPackage::open(&file).unwrap())).unwrap();
    let view = city.view(&CollectionId::new("buildings").unwrap()).unwrap();
    let extent = view.meta().extent.unwrap();
    let grids = grids(&city, extent);
    let postgres = load(&view, &grids);
    let beside = |what: &str, ours: Asked, sql: &str, goal: &str| {
        let theirs = postgres.bench(&script(extent, sql), CLIENTS, SECONDS);
        let Asked { rate, core_us } = ours;
        common::row(
            "postgis",
            &format!("{what}: {rate:.0}/s, {:.1} ×; {core_us:.1} µs of a core each", rate / theirs),
            &format!("PostGIS {theirs:.0}/s, {CLIENTS} clients"),
            goal,
        );
        theirs
    };

    let window = "ST_MakeEnvelope(:x - :hx, :y - :hy, :x + :hx, :y + :hy, 4326)";
    let ours = asked(|random| {
        let mut fids = Vec::new();
        view.window_fids(&around(extent, random), &mut fids);
        fids.len()
    });
    beside("ids in 500 m, in process", ours, &format!("SELECT n FROM buildings WHERE g && {window}"), "40 ×");

    let queryables = Queryables::of(&view.meta());
    let ours = asked(|random| {
        let (x, y) = place(extent, random);
        let ring = star().map(|(dx, dy)| format!("{} {}", x + dx, y + dy)).join(", ");
        let filter = Filter::from_text(&format!("S_INTERSECTS(geometry, POLYGON(({ring})))")).unwrap().bind(&queryables).unwrap();
        let query = ItemsQuery { filter: Some(Arc::new(filter)), limit: 10_000, ..ItemsQuery::default() };
        view.items(&query, |_| ()).unwrap().matched
    });
    let ring = star().map(|(dx, dy)| format!("{dx} {dy}")).join(", ");
    let inside = format!("ST_Intersects(g, ST_Translate('SRID=4326;POLYGON(({ring}))'::geometry, :x, :y))");
    beside("ids in a polygon of 12 corners, in process", ours, &format!("SELECT n FROM buildings WHERE {inside}"), "10 ×");

    let collections = [(view.clone(), ItemsQuery::default())];
    let answered = AtomicUsize::new(0);
    let ours = asked(|random| {
        let (x, y) = place(extent, random);
        // Far from everything it may be refused for its time: a question without an answer.
        nearest(&collections, Point::new(x, y), 10, None, &mut Budget::default()).map_or(0, |found| {
            answered.fetch_add(1, Ordering::Relaxed);
            found.len()
        })
    });
    println!("nearest: {} answered", answered.load(Ordering::Relaxed));
    let ten = "SELECT n FROM buildings ORDER BY g <-> ST_SetSRID(ST_MakePoint(:x, :y), 4326) LIMIT 10";
    let near = beside("10 nearest (ours in metres, PostGIS' in degrees), in process", ours, ten, "20 ×");

    let grid_view = city.view(&CollectionId::new("grids").unwrap()).unwrap();
    let ours = asked(|random| {
        let (x, y) = place(extent, random);
        let window = Bbox::new(x, y, x + GRIDS as f64 * GRID.0, y + GRIDS as f64 * GRID.1);
        let query = ItemsQuery { windows: vec![window], ..ItemsQuery::default() };
        let side = |view| Side { view, query: &query, properties: &[] };
        let grids = read(&side(&grid_view), &mut Budget::default()).unwrap();
        let found = counts(&side(&view), &grids, Relation::Intersects, &Budget::default()).unwrap();
        found.iter().sum::<u64>() as usize
    });
    let area = format!("ST_MakeEnvelope(:x, :y, :x + {}, :y + {}, 4326)", GRIDS as f64 * GRID.0, GRIDS as f64 * GRID.1);
    let sql =
        format!("SELECT r.n, count(b.n) FROM grids r LEFT JOIN buildings b ON ST_Intersects(r.g, b.g) WHERE r.g && {area} GROUP BY r.n");
    beside("buildings per grid of 500 m in 20 km, in process", ours, &sql, "50 ×");

    drop(city);
    let server = Server::start(&file, &[]);
    let ours = over_http(&server, |random| {
        let b = around(extent, random);
        format!("/collections/buildings/items?limit=10000&properties=name,height&bbox={},{},{},{}", b.x_min, b.y_min, b.x_max, b.y_max)
    });
    let feature = "json_build_object('type', 'Feature', 'id', n, 'geometry', ST_AsGeoJSON(g)::json, 'properties', json_build_object('name', name, 'height', height))";
    let sql = format!(
        "SELECT json_build_object('type', 'FeatureCollection', 'features', json_agg({feature})) FROM buildings WHERE ST_Intersects(g, {window})"
    );
    beside("500 m as GeoJSON with two attributes, over HTTP", ours, &sql, "3 ×");
    let bare = over_http(&server, |_| "/healthz".to_owned()).rate;
    for (what, properties) in [("as GeoJSON with two attributes", "&properties=name,height"), ("as GeoJSON with all attributes", "")] {
        let ours = over_http(&server, |random| {
            let (x, y) = place(extent, random);
            format!("/query/nearest?collections=buildings&count=10{properties}&place={x},{y}")
        });
        common::row(
            "postgis",
            &format!(
                "10 nearest {what}, over HTTP: {:.0}/s, {:.1} × the ids alone from PostGIS; {:.1} µs of a core each",
                ours.rate,
                ours.rate / near,
                ours.core_us
            ),
            &format!("PostGIS {near:.0}/s, {CLIENTS} clients; a bare answer of the server to as many: {bare:.0}/s"),
            "3 ×",
        );
    }
}

/// A layer of squares over an extent.
fn grids(city: &City, extent: Bbox) -> Vec<Polygon> {
    let mut all = Vec::new();
    let mut y = extent.y_min;
    while y < extent.y_max {
        let mut x = extent.x_min;
        while x < extent.x_max {
            let (e, n) = (x + GRID.0, y + GRID.1);
            all.push(Polygon::new(LineString::from(vec![(x, y), (e, y), (e, n), (x, n), (x, y)]), Vec::new()));
            x = e;
        }
        y += GRID.1;
    }
    let mut stage =
        city.store().stage(common::generated("grids", LocalText::new("格网", "Grids"), CimCategory::SpatiotemporalBase)).unwrap();
    for chunk in all.chunks(2_000) {
        let feature = |shape: &Polygon| NewFeature {
            geometry: Some(Wkb::from_geo(&shape.clone().into()).unwrap()),
            values: vec![("size".into(), Value::Integer(500))],
            solids: Vec::new(),
        };
        assert!(stage.write(chunk.iter().map(feature).collect()).unwrap().is_empty());
    }
    city.publish(stage).unwrap();
    all
}

/// The same buildings and grids in PostGIS.
fn load(view: &CollectionView, grids: &[Polygon]) -> Postgres {
    let postgres = postgis::buildings(view);
    let mut sql = String::from("CREATE TABLE grids (n int, g geometry);\nCOPY grids FROM stdin;\n");
    for (n, grid) in grids.iter().enumerate() {
        writeln!(sql, "{n}\t{}", postgis::hex(&geometry::encode(&grid.clone().into()))).unwrap();
    }
    writeln!(sql, "\\.\n{}", postgis::finished("grids")).unwrap();
    postgres.run(&sql);
    postgres
}

/// A script for pgbench: a place in millionths of a degree, then the question.
fn script(extent: Bbox, sql: &str) -> String {
    let millionths = |at: f64| (at * 1e6) as i64;
    let (hx, hy) = HALF;
    let sql = sql.replace(":hx", &hx.to_string()).replace(":hy", &hy.to_string());
    let sql = sql.replace(":x", "(:a::float8 / 1e6)").replace(":y", "(:b::float8 / 1e6)");
    format!(
        "\\set a random({}, {})\n\\set b random({}, {})\n{sql};\n",
        millionths(extent.x_min),
        millionths(extent.x_max),
        millionths(extent.y_min),
        millionths(extent.y_max)
    )
}

fn place(extent: Bbox, random: &mut fastrand::Rng) -> (f64, f64) {
    (extent.x_min + random.f64() * (extent.x_max - extent.x_min), extent.y_min + random.f64() * (extent.y_max - extent.y_min))
}

/// A window of 500 m around any place.
fn around(extent: Bbox, random: &mut fastrand::Rng) -> Bbox {
    let (x, y) = place(extent, random);
    Bbox::new(x - HALF.0, y - HALF.1, x + HALF.0, y + HALF.1)
}

/// The corners of a star of 500 m, closed.
fn star() -> [(f64, f64); 13] {
    std::array::from_fn(|at| {
        let angle = (at % 12) as f64 / 12.0 * std::f64::consts::TAU;
        let radius = if at % 2 == 0 { 1.0 } else { 0.6 };
        (HALF.0 * radius * angle.cos(), HALF.1 * radius * angle.sin())
    })
}

/// What asking came to.
struct Asked {
    /// Questions per second of two threads.
    rate: f64,
    /// Microseconds that a question took of the cores, on whatever thread, which other work on the machine hardly changes.
    core_us: f64,
}

/// Asks with two threads.
fn asked(ask: impl Fn(&mut fastrand::Rng) -> usize + Sync) -> Asked {
    let total = AtomicU32::new(0);
    let before = common::on_cores(std::process::id());
    let start = Instant::now();
    let end = start + Duration::from_secs(SECONDS.into());
    std::thread::scope(|scope| {
        for seed in 0..CLIENTS {
            let (ask, total) = (&ask, &total);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed as u64);
                let mut count = 0;
                while Instant::now() < end {
                    std::hint::black_box(ask(&mut random));
                    count += 1;
                }
                total.fetch_add(count, Ordering::Relaxed);
            });
        }
    });
    let (count, on_cores) = (total.into_inner(), common::on_cores(std::process::id()) - before);
    Asked { rate: f64::from(count) / start.elapsed().as_secs_f64(), core_us: on_cores.as_secs_f64() * 1e6 / f64::from(count) }
}

/// Requests over two connections that stay open, by a client that costs as little as pgbench; the
/// time on a core is the server's.
fn over_http(server: &Server, path: impl Fn(&mut fastrand::Rng) -> String + Sync) -> Asked {
    let host = server.url.trim_start_matches("http://");
    thread_local!(static CONNECTION: RefCell<Option<BufReader<TcpStream>>> = const { RefCell::new(None) });
    let before = common::on_cores(server.pid());
    let asked = asked(|random| {
        CONNECTION.with_borrow_mut(|connection| {
            let stream = connection.get_or_insert_with(|| {
                let stream = TcpStream::connect(host).unwrap();
                stream.set_nodelay(true).unwrap();
                BufReader::with_capacity(1 << 16, stream)
            });
            let path = path(random);
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/geo+json\r\nAccept-Encoding: identity\r\n\r\n");
            stream.get_mut().write_all(request.as_bytes()).unwrap();
            body(stream, &path).len()
        })
    });
    let on_cores = common::on_cores(server.pid()) - before;
    Asked { core_us: on_cores.as_secs_f64() * 1e6 / asked.rate / f64::from(SECONDS), ..asked }
}

/// Reads one answer and gives its body.
fn body(stream: &mut BufReader<TcpStream>, path: &str) -> Vec<u8> {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{path}: {line}");
    let mut length = 0;
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).unwrap();
        if let Some((_, value)) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    assert!(length > 0, "{path}: an answer of unknown length");
    body
}
