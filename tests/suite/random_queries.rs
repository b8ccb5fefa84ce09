//! Random questions over HTTP find what PostGIS finds: windows, shapes, filters, the nearest, joins
//! and aggregates, in a city on the edge of two zones, across the antimeridian, around the origin
//! and in the far north. Places lie on a grid, so that many are on the edges that are asked about.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../spatial/cql2/tests/common/postgres.rs"]
mod postgres;

use citywall_tests::{Server, citywall_ok, full_length};
use fastrand::Rng;
use postgres::Postgres;
use serde_json::{Value, json};
use std::{fmt::Write, fs, path::Path};

/// West and south of the squares of 0.4° in which everything lies. 118.5° is the edge of two
/// zones of three degrees.
const SQUARES: [(f64, f64); 4] = [(118.3, 39.0), (179.8, -17.2), (-0.2, -0.2), (20.0, 84.4)];
const PLACES: usize = 2_000;
const AREAS: usize = 240;
/// Names of the properties, as CQL2 and SQL have them both.
const KINDS: [&str; 6] = ["school", "shop", "Shop_1", "商店", "100%", ""];

/// A question to the server and to PostGIS; their answers are words.
struct Ask {
    path: String,
    sql: String,
    words: fn(&Value) -> Vec<String>,
}

struct Dice(Rng);

impl Dice {
    /// A position on a grid of 0.005° in a square; longitudes go on at -180°.
    fn position(&mut self, square: usize) -> (f64, f64) {
        let (west, south) = SQUARES[square];
        let step = |rng: &mut Rng| f64::from(rng.u32(0..=80));
        let round = |at: f64| (at * 1000.0).round() / 1000.0;
        let x = round(west + step(&mut self.0) * 0.005);
        (if x > 180.0 { round(x - 360.0) } else { x }, round(south + step(&mut self.0) * 0.005))
    }

    fn square(&mut self) -> usize {
        self.0.usize(0..SQUARES.len())
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.0.usize(0..all.len())]
    }

    /// A ring around a place on one side of the antimeridian: a star or a box on the grid.
    fn ring(&mut self) -> Vec<(f64, f64)> {
        let square = self.square();
        let (x, y) = self.position(square);
        let room = if x > 0.0 { 180.0 - x } else { x + 180.0 };
        if self.0.bool() && room > 0.05 {
            let corners = 3 + self.0.usize(0..10);
            let corner = |at: usize, rng: &mut Rng| {
                let (angle, radius) = (at as f64 / corners as f64 * std::f64::consts::TAU, 0.05 * (0.2 + 0.8 * rng.f64()));
                (x + radius * angle.cos(), y + radius * angle.sin())
            };
            let mut ring: Vec<_> = (0..corners).map(|at| corner(at, &mut self.0)).collect();
            ring.push(ring[0]);
            return ring;
        }
        let (w, h) = (f64::from(self.0.u32(1..20)) * 0.005, f64::from(self.0.u32(1..20)) * 0.005);
        let round = |at: f64| (at * 1000.0).round() / 1000.0;
        let (e, n) = (round((x + w).min(180.0)), round(y + h));
        let x = if e - x < 0.001 { round(x - 0.005) } else { x };
        vec![(x, y), (e, y), (e, n), (x, n), (x, y)]
    }

    /// A shape to ask with, as WKT: an area, one with a hole, a line or a point.
    fn shape(&mut self) -> String {
        let square = self.square();
        match self.0.u32(0..8) {
            0 => {
                let (x, y) = self.position(square);
                format!("POINT({x} {y})")
            }
            1 => {
                let (a, b) = (self.position(square), self.position(square));
                let b = if a.0.signum() == b.0.signum() && a != b { b } else { (a.0, a.1 + 0.005) };
                format!("LINESTRING({} {}, {} {})", a.0, a.1, b.0, b.1)
            }
            2 => {
                let (x, y) = SQUARES[2];
                let ring = |inset: f64| {
                    let (w, s, e, n) = (x + inset, y + inset, x + 0.4 - inset, y + 0.4 - inset);
                    format!("({w} {s}, {e} {s}, {e} {n}, {w} {n}, {w} {s})")
                };
                format!("POLYGON({}, {})", ring(0.05), ring(0.15))
            }
            _ => {
                let ring: Vec<String> = self.ring().into_iter().map(|(x, y)| format!("{x} {y}")).collect();
                format!("POLYGON(({}))", ring.join(", "))
            }
        }
    }

    /// A condition on properties that CQL2 and SQL write alike.
    fn condition(&mut self, depth: u32) -> String {
        if depth > 0 && self.0.u32(0..3) > 0 {
            let (a, b) = (self.condition(depth - 1), self.condition(depth - 1));
            return match self.0.u32(0..4) {
                0 => format!("({a} OR {b})"),
                1 => format!("NOT ({a})"),
                _ => format!("({a} AND {b})"),
            };
        }
        let op = *self.pick(&["=", "<>", "<", ">", "<=", ">="]);
        let (floors, height) = (self.0.i32(-2..60), f64::from(self.0.i32(-10..400)) / 4.0);
        let kind = *self.pick(&KINDS);
        match self.0.u32(0..10) {
            0 => format!("floors {op} {floors}"),
            1 => format!("height {op} {height}"),
            2 => format!("kind {op} '{kind}'"),
            3 => format!("height BETWEEN {height} AND {}", height + self.0.f64() * 20.0),
            4 => format!("floors IN ({floors}, {}, 7)", floors / 2),
            5 => format!("kind IN ('{kind}', 'shop')"),
            6 => format!("kind LIKE '{}%'", *self.pick(&["s", "sh", "商", "Shop", "x"])),
            7 => format!("{} IS {}NULL", *self.pick(&["kind", "floors", "height"]), *self.pick(&["", "NOT "])),
            8 => format!("floors * 2 {op} height"),
            _ => format!("n {op} {}", self.0.usize(0..PLACES)),
        }
    }

    fn ask(&mut self) -> Ask {
        let table = *self.pick(&["places", "areas"]);
        let items = |query: &[(&str, &str)]| format!("/collections/{table}/items?limit=10000&{}", encoded(query));
        let ids = |condition: &str| format!("SELECT coalesce(string_agg(n::text, ' ' ORDER BY n), '') FROM {table} WHERE {condition};");
        match self.0.u32(0..20) {
            0..5 => {
                let square = self.square();
                let ((x0, y0), (x1, y1)) = (self.position(square), self.position(square));
                let (s, n) = (y0.min(y1), y0.max(y1));
                // Sometimes a line or a point; sometimes around the globe by the other way.
                let (e, n) = (if self.0.u32(0..8) == 0 { x0 } else { x1 }, if self.0.u32(0..8) == 0 { s } else { n });
                let (w, e) = if self.0.u32(0..12) == 0 || (x0 > 0.0) != (e > 0.0) { (x0, e) } else { (x0.min(e), x0.max(e)) };
                let meets = if w <= e { meets(w, s, e, n) } else { format!("({} OR {})", meets(w, s, 180.0, n), meets(-180.0, s, e, n)) };
                Ask { path: items(&[("bbox", &format!("{w},{s},{e},{n}"))]), sql: ids(&meets), words: features }
            }
            5..9 => {
                let (shape, condition) = (self.shape(), self.condition(1));
                let op = *self.pick(&["Intersects", "Within", "Disjoint", "Touches", "Contains"]);
                let (cql, sql) = (format!("S_{}(geometry, {shape})", op.to_uppercase()), format!("ST_{op}(g, '{shape}')"));
                let (cql, sql) =
                    if self.0.bool() { (cql, sql) } else { (format!("{cql} AND {condition}"), format!("{sql} AND {condition}")) };
                Ask { path: items(&[("filter", &cql)]), sql: ids(&sql), words: features }
            }
            9..13 => {
                let condition = self.condition(3);
                Ask { path: items(&[("filter", &condition)]), sql: ids(&condition), words: features }
            }
            13..16 => {
                let square = self.square();
                let ((x, y), count, condition) = (self.position(square), *self.pick(&[1, 3, 10, 50]), self.condition(1));
                let query =
                    [("collections", "places"), ("place", &format!("{x},{y}")), ("count", &count.to_string()), ("filter", &condition)];
                let distance = format!("ST_Distance(g::geography, ST_Point({x}, {y})::geography)");
                let sql = format!(
                    "SELECT coalesce(string_agg(d::text, ' ' ORDER BY d), '') FROM (SELECT {distance} d FROM places WHERE {condition} ORDER BY 1 LIMIT {count}) _;"
                );
                Ask { path: format!("/query/nearest?{}", encoded(&query)), sql, words: distances }
            }
            16..18 => {
                let (left, right) = (self.condition(1), self.condition(1));
                let (relation, condition) = *self.pick(&[("intersects", "ST_Intersects(a.g, b.g)"), ("within", "ST_Within(a.g, b.g)")]);
                let query =
                    [("left", "places"), ("right", "areas"), ("relation", relation), ("left-filter", &left), ("right-filter", &right)];
                let sql = format!(
                    "SELECT coalesce(string_agg(n || ':' || c, ' ' ORDER BY n), '') FROM (SELECT b.n, count(a.n) c FROM (SELECT n, g FROM areas WHERE {right}) b LEFT JOIN (SELECT n, g FROM places WHERE {left}) a ON {condition} GROUP BY b.n) _;"
                );
                Ask { path: format!("/query/join?{}", encoded(&query)), sql, words: counts }
            }
            18 => {
                let (condition, digits) = (self.condition(1), self.0.u32(3..7));
                let query = [("collection", "places"), ("by", &format!("geohash:{digits}")), ("filter", &condition)];
                // What is on the antimeridian is in the first cell here and in the last one in PostGIS.
                let sql = format!(
                    "SELECT coalesce(string_agg(h || ':' || c, ' ' ORDER BY h COLLATE \"C\"), '') FROM (SELECT coalesce(ST_GeoHash(CASE ST_X(g) WHEN 180 THEN ST_Translate(g, -360, 0) ELSE g END, {digits}), '-') h, count(*) c FROM places WHERE {condition} GROUP BY 1) _;"
                );
                Ask { path: format!("/query/aggregate?{}", encoded(&query)), sql, words: groups }
            }
            _ => {
                let condition = self.condition(2);
                let measures = "count,sum(floors),min(height),max(height),mean(floors),distinct(kind)";
                let query = [("collection", table), ("measures", measures), ("filter", &condition)];
                let sql = format!(
                    "SELECT concat_ws(' ', count(*), coalesce(sum(floors)::text, '-'), coalesce(min(height)::text, '-'), coalesce(max(height)::text, '-'), coalesce(avg(floors)::float8::text, '-'), count(DISTINCT kind)) FROM {table} WHERE {condition} HAVING count(*) > 0 UNION ALL SELECT '' WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {condition});"
                );
                Ask { path: format!("/query/aggregate?{}", encoded(&query)), sql, words: measured }
            }
        }
    }
}

/// A window in SQL. One without width or height is a line or a point, which PostGIS wants told.
fn meets(w: f64, s: f64, e: f64, n: f64) -> String {
    let shape = match (w == e, s == n) {
        (true, true) => format!("POINT({w} {s})"),
        (true, false) | (false, true) => format!("LINESTRING({w} {s}, {e} {n})"),
        _ => format!("POLYGON(({w} {s}, {e} {s}, {e} {n}, {w} {n}, {w} {s}))"),
    };
    format!("ST_Intersects(g, '{shape}')")
}

fn encoded(query: &[(&str, &str)]) -> String {
    let byte = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    query.iter().map(|(name, value)| format!("{name}={}", value.bytes().map(byte).collect::<String>())).collect::<Vec<_>>().join("&")
}

/// The texts of a list's members.
fn words(list: &Value, word: impl Fn(&Value) -> String) -> Vec<String> {
    list.as_array().unwrap().iter().map(word).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn features(answer: &Value) -> Vec<String> {
    assert_eq!(answer["numberMatched"], answer["features"].as_array().unwrap().len());
    words(&answer["features"], |feature| text(&feature["id"]))
}

fn distances(answer: &Value) -> Vec<String> {
    words(&answer["features"], |feature| text(&feature["distance"]))
}

fn counts(answer: &Value) -> Vec<String> {
    words(&answer["counts"], |count| format!("{}:{}", text(&count["right"]), count["count"]))
}

fn groups(answer: &Value) -> Vec<String> {
    words(&answer["groups"], |group| format!("{}:{}", text(&group["code"]), group["count"]))
}

fn measured(answer: &Value) -> Vec<String> {
    let measures = ["count", "sum(floors)", "min(height)", "max(height)", "mean(floors)", "distinct(kind)"];
    answer["groups"].as_array().unwrap().iter().flat_map(|group| measures.map(|measure| text(&group[measure]))).collect()
}

/// Words are equal; numbers with a fraction may differ by a millionth of a metre or of their size.
fn same(found: &[String], expected: &[&str]) -> bool {
    let near = |a: &str, b: &str| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 1e-6 * b.abs().max(1.0),
        _ => false,
    };
    found.len() == expected.len() && found.iter().zip(expected).all(|(found, expected)| found == expected || near(found, expected))
}

/// The two layers, as lines of GeoJSON and as SQL.
fn layer(dice: &mut Dice, name: &str, count: usize) -> (String, String) {
    let mut lines = String::new();
    let mut sql = format!("CREATE TABLE {name} (n int, kind text, floors bigint, height float8, g geometry); BEGIN;\n");
    for n in 0..count {
        let geometry = match (name, dice.0.u32(0..40)) {
            (_, 0) => Value::Null,
            ("places", _) => {
                let square = dice.square();
                let (x, y) = dice.position(square);
                json!({"type": "Point", "coordinates": [x, y]})
            }
            (_, 1..4) => json!({"type": "MultiPolygon", "coordinates": [[dice.ring()]]}),
            _ => json!({"type": "Polygon", "coordinates": [dice.ring()]}),
        };
        let some = |rng: &mut Rng, value: Value| if rng.u32(0..8) == 0 { Value::Null } else { value };
        let kind = json!(dice.pick(&KINDS));
        let (floors, height) = (json!(dice.0.i32(-2..60)), json!(f64::from(dice.0.i32(-10..400)) / 4.0));
        let (kind, floors, height) = (some(&mut dice.0, kind), some(&mut dice.0, floors), some(&mut dice.0, height));
        let quoted = |value: &Value| if value.is_null() { "NULL".to_owned() } else { format!("'{}'", text(value)) };
        writeln!(
            sql,
            "INSERT INTO {name} VALUES ({n}, {}, {}, {}, ST_SetSRID(ST_GeomFromGeoJSON({}), 0));",
            quoted(&kind),
            quoted(&floors),
            quoted(&height),
            quoted(&geometry)
        )
        .unwrap();
        let feature =
            json!({"type": "Feature", "geometry": geometry, "properties": {"n": n, "kind": kind, "floors": floors, "height": height}});
        writeln!(lines, "{feature}").unwrap();
    }
    sql.push_str(&format!("COMMIT; CREATE INDEX ON {name} USING gist (g); ANALYZE {name};\n"));
    (lines, sql)
}

fn serve(folder: &Path, dice: &mut Dice, postgres: &Postgres) -> Server {
    let city = folder.join("city.gpkg");
    for (name, count) in [("places", PLACES), ("areas", AREAS)] {
        let (lines, sql) = layer(dice, name, count);
        let source = folder.join(format!("{name}.geojsonl"));
        fs::write(&source, lines).unwrap();
        let said = citywall_ok(&[
            "import",
            source.to_str().unwrap(),
            "--city",
            city.to_str().unwrap(),
            "--layer",
            name,
            "--id-field",
            "n",
            "--json",
        ]);
        let report: Value = serde_json::from_str(&said).unwrap();
        assert!(report.to_string().contains(&count.to_string()), "{report}");
        postgres.run(&sql);
    }
    Server::start(&city, &[])
}

#[test]
fn soak_random_questions_find_what_postgis_finds() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Postgres::start();
    postgres.run("CREATE EXTENSION postgis;");
    let mut dice = Dice(Rng::with_seed(20_260_301));
    let server = serve(folder.path(), &mut dice, &postgres);
    let asks: Vec<Ask> = (0..if full_length() { 10_000 } else { 1_000 }).map(|_| dice.ask()).collect();
    let answers = postgres.run(&asks.iter().map(|ask| ask.sql.as_str()).collect::<Vec<_>>().join("\n"));
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), asks.len());
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let (mut wrong, mut empty) = (Vec::new(), 0);
    for (ask, expected) in asks.iter().zip(answers) {
        let mut answer =
            agent.get(format!("{}{}", server.url, ask.path)).header("Accept", "application/geo+json, application/json").call().unwrap();
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_string().unwrap();
        assert_eq!(answer.status(), 200, "{} {body}", ask.path);
        let found = (ask.words)(&serde_json::from_str(&body).unwrap());
        let expected: Vec<&str> = expected.split_whitespace().collect();
        empty += usize::from(expected.is_empty());
        if !same(&found, &expected) {
            wrong.push(format!("{}\n  {}\n  found {}\n  PostGIS {}", ask.path, ask.sql, found.join(" "), expected.join(" ")));
        }
    }
    println!("{} questions, {empty} of them about nothing", asks.len());
    assert!(empty * 2 < asks.len(), "most questions must find something: {empty}");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), asks.len(), wrong[..wrong.len().min(8)].join("\n"));
}
