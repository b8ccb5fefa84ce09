//! Some hundred filters and as many random combinations of them find the same items as PostGIS
//! does, on generated data that is full of nulls and of shapes that touch.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;
#[path = "common/postgres.rs"]
mod postgres;

use citywall_cql2::Filter;
use citywall_model::{Bbox, FieldType, Schema, Value, geometry};
use common::Layer;
use postgres::Postgres;
use std::fmt::Write;

/// A filter in CQL2 and what it means in SQL.
type Pair = (String, String);

struct Dice(u64);

impl Dice {
    /// A number below `sides`, from Knuth's MMIX generator.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn coordinate(&mut self) -> f64 {
        f64::from(u32::try_from(self.roll(9)).unwrap())
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.roll(all.len() as u64)).unwrap()]
    }

    /// A shape on a coarse grid, so that shapes share edges and corners.
    fn shape(&mut self) -> serde_json::Value {
        let (x, y) = (self.coordinate(), self.coordinate());
        let (w, h) = (1.0 + self.coordinate() / 2.0, 1.0 + self.coordinate() / 2.0);
        let ring = serde_json::json!([[x, y], [x + w, y], [x + w, y + h], [x, y + h], [x, y]]);
        match self.roll(6) {
            0 => serde_json::json!({"type": "Point", "coordinates": [x, y]}),
            1 => serde_json::json!({"type": "LineString", "coordinates": [[x, y], [x + w, y], [x + w, y + h]]}),
            2 => serde_json::json!({"type": "MultiPoint", "coordinates": [[x, y], [x + w, y + h]]}),
            3 => serde_json::json!({"type": "Polygon", "coordinates": [[[x, y], [x + w, y], [x + w / 2.0, y + h], [x, y]]]}),
            4 => {
                serde_json::json!({"type": "MultiPolygon", "coordinates": [[ring], [[[x + 20.0, y], [x + 21.0, y], [x + 21.0, y + 1.0], [x + 20.0, y]]]]})
            }
            _ => serde_json::json!({"type": "Polygon", "coordinates": [ring]}),
        }
    }
}

const NAMES: [&str; 10] = ["鼓楼", "鼓楼南街", "Tower", "tower", "Tower_1", "Zoë", "Zoe", "100%", "Straße", ""];

/// The layer, and the statements that make it in PostgreSQL.
fn data(dice: &mut Dice) -> (Layer, String) {
    let schema = Schema::new([
        ("name", FieldType::Text),
        ("floors", FieldType::Integer),
        ("height", FieldType::Number),
        ("open", FieldType::Boolean),
        ("built", FieldType::Text),
        ("seen", FieldType::Text),
        ("gone", FieldType::Text),
        ("tags", FieldType::Json),
    ]);
    let mut sql = String::from(
        "CREATE EXTENSION postgis; CREATE EXTENSION unaccent;
         CREATE TABLE t (id int, name text, floors bigint, height float8, open bool, built date, seen timestamptz, gone timestamptz, tags jsonb, g geometry);\n",
    );
    let mut rows = Vec::new();
    for id in 1..=400 {
        let name = dice.pick(&NAMES).to_owned();
        let name = (dice.roll(6) > 0).then_some(name);
        let mut some = |sides: u64, text: &dyn Fn(u64) -> String| {
            let roll = dice.roll(sides);
            if dice.roll(6) == 0 { None } else { Some(text(roll)) }
        };
        let floors = some(8, &|n| (i64::try_from(n).unwrap() - 2).to_string());
        let height = some(20, &|n| format!("{}.5", i64::try_from(n).unwrap() - 5));
        let open = some(2, &|n| (n == 1).to_string());
        let built = some(28, &|n| format!("2020-02-{:02}", n + 1));
        let seen = some(48, &|n| format!("2020-02-{:02}T{:02}:00:00Z", n / 3 + 1, n % 3 * 8));
        let gone = some(48, &|n| format!("2020-02-{:02}T{:02}:00:00Z", n / 3 + 13, n % 3 * 8));
        let tags = some(8, &|n| {
            ["[]", "[\"a\"]", "[\"a\",\"b\"]", "[1,2]", "[1,\"a\",true]", "[[1,2],\"a\"]", "[2,1,2]", "[\"b\",\"c\"]"]
                [usize::try_from(n).unwrap()]
            .to_owned()
        });
        let wkb = (dice.roll(12) > 0).then(|| common::wkb(&dice.shape()));
        let quoted = |value: &Option<String>| value.as_ref().map_or("NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")));
        let hex = wkb.as_ref().map(|wkb| {
            wkb.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            })
        });
        writeln!(
            sql,
            "INSERT INTO t VALUES ({id}, {}, {}, {}, {}, {}, {}, {}, {}, {});",
            quoted(&name),
            quoted(&floors),
            quoted(&height),
            quoted(&open),
            quoted(&built),
            quoted(&seen),
            quoted(&gone),
            quoted(&tags),
            quoted(&hex)
        )
        .unwrap();
        let text = |value: Option<String>| value.map_or(Value::Null, Value::Text);
        rows.push((
            wkb,
            vec![
                text(name),
                floors.map_or(Value::Null, |n| Value::Integer(n.parse().unwrap())),
                height.map_or(Value::Null, |n| Value::Number(n.parse().unwrap())),
                open.map_or(Value::Null, |b| Value::Boolean(b == "true")),
                text(built),
                text(seen),
                text(gone),
                tags.map_or(Value::Null, Value::Json),
            ],
        ));
    }
    (Layer::new(schema, rows), sql)
}

fn pairs(dice: &mut Dice) -> Vec<Pair> {
    let mut all: Vec<Pair> = Vec::new();
    let mut same = |cql: &str| all.push((cql.to_owned(), cql.to_owned()));
    for op in ["=", "<>", "<", ">", "<=", ">="] {
        for (property, literals) in
            [("floors", &["0", "3", "2.5", "-1"][..]), ("height", &["4.5", "0", "1e1"]), ("name", &["'Tower'", "'鼓楼'", "''"])]
        {
            for literal in literals {
                same(&format!("{property} {op} {literal}"));
                same(&format!("{literal} {op} {property}"));
                same(&format!("NOT ({property} {op} {literal})"));
            }
        }
        same(&format!("floors {op} height"));
        same(&format!("open {op} TRUE"));
        same(&format!("floors + 1 {op} height * 2 - 3"));
        same(&format!("(floors - height) * 2 {op} 1 - -3"));
    }
    for property in ["name", "floors", "height", "open", "built", "tags"] {
        same(&format!("{property} IS NULL"));
        same(&format!("{property} IS NOT NULL"));
    }
    for pattern in ["Tower%", "%ower", "%o%", "T_wer", "_", "鼓楼%", "鼓_", "100\\%", "Tower\\_%", "%", ""] {
        let text = pattern.replace('\\', "\\\\");
        all.push((format!("name LIKE '{text}'"), format!("name LIKE '{pattern}'")));
        all.push((format!("name NOT LIKE '{text}'"), format!("name NOT LIKE '{pattern}'")));
    }
    let mut same = |cql: &str| all.push((cql.to_owned(), cql.to_owned()));
    for list in ["0, 1, 2", "3.0", "height, 1", "-2, 5"] {
        same(&format!("floors IN ({list})"));
        same(&format!("floors NOT IN ({list})"));
    }
    same("name IN ('Tower', '鼓楼', 'nothing')");
    same("name NOT IN ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'Tower', 'Zoe')");
    for bounds in ["0 AND 3", "3 AND 0", "height AND 4", "1.5 AND height + 2"] {
        same(&format!("floors BETWEEN {bounds}"));
        same(&format!("floors NOT BETWEEN {bounds}"));
    }
    let mut pair = |cql: &str, sql: &str| all.push((cql.to_owned(), sql.to_owned()));
    pair("height / floors > 1", "height / nullif(floors, 0) > 1");
    pair("floors / 2 = 1.5", "floors::float8 / 2 = 1.5");
    pair("floors div 2 = 1", "div(floors, 2) = 1");
    pair("floors div 2 = 0", "div(floors, 2) = 0");
    pair("floors % 2 = -1", "floors % 2 = -1");
    pair("floors ^ 2 = 4", "floors ^ 2 = 4");
    pair("2 ^ floors < 1", "2 ^ floors < 1");
    pair("- floors * 2 > height", "- floors * 2 > height");
    pair("CASEI(name) = CASEI('TOWER')", "lower(name) = 'tower'");
    pair("CASEI(name) = CASEI('STRASSE')", "name = 'Straße'");
    pair("CASEI(name) LIKE CASEI('TOWER%')", "name ILIKE 'tower%'");
    pair("ACCENTI(name) = ACCENTI('Zoë')", "unaccent(name) = 'Zoe'");
    pair("ACCENTI(CASEI(name)) IN (ACCENTI(CASEI('ZOE')), 'x')", "lower(unaccent(name)) = 'zoe'");
    pair("abs(height) < 3", "abs(height) < 3");
    pair("floor(height) = ceil(height) - 1", "floor(height) = ceil(height) - 1");
    pair("length(name) = 2", "length(name) = 2");
    pair("upper(name) = 'ZOË'", "name = 'Zoë'");
    pair("open", "open");
    pair("NOT open", "NOT open");
    pair("(floors > 2) = open", "(floors > 2) = open");
    pair("(floors > 2) IS NULL", "(floors > 2) IS NULL");
    for (op, sql) in [("=", "="), ("<>", "<>"), ("<", "<"), (">", ">"), ("<=", "<="), (">=", ">=")] {
        pair(&format!("built {op} DATE('2020-02-14')"), &format!("built {sql} '2020-02-14'"));
        pair(&format!("seen {op} TIMESTAMP('2020-02-05T08:00:00Z')"), &format!("seen {sql} '2020-02-05T08:00:00Z'"));
        pair(&format!("seen {op} DATE('2020-02-05')"), &format!("(seen AT TIME ZONE 'UTC')::date {sql} '2020-02-05'"));
        pair(&format!("seen {op} gone"), &format!("seen {sql} gone"));
    }
    let (a, b) = ("'2020-02-05T08:00:00Z'", "'2020-02-15T00:00:00Z'");
    let interval = format!("INTERVAL({a}, {b})");
    for (op, sql) in [
        ("T_AFTER", format!("seen > {b}")),
        ("T_BEFORE", format!("gone < {a}")),
        ("T_DISJOINT", format!("(seen > {b} OR gone < {a})")),
        ("T_INTERSECTS", format!("(seen <= {b} AND gone >= {a})")),
        ("T_EQUALS", format!("seen = {a} AND gone = {b}")),
        ("T_CONTAINS", format!("seen < {a} AND gone > {b}")),
        ("T_DURING", format!("seen > {a} AND gone < {b}")),
        ("T_FINISHES", format!("seen > {a} AND gone = {b}")),
        ("T_FINISHEDBY", format!("seen < {a} AND gone = {b}")),
        ("T_MEETS", format!("gone = {a}")),
        ("T_METBY", format!("seen = {b}")),
        ("T_OVERLAPS", format!("seen < {a} AND gone > {a} AND gone < {b}")),
        ("T_OVERLAPPEDBY", format!("seen > {a} AND seen < {b} AND gone > {b}")),
        ("T_STARTS", format!("seen = {a} AND gone < {b}")),
        ("T_STARTEDBY", format!("seen = {a} AND gone > {b}")),
    ] {
        let sql = format!("CASE WHEN seen IS NOT NULL AND gone IS NOT NULL THEN {sql} END");
        pair(&format!("{op}(INTERVAL(seen, gone), {interval})"), &sql);
    }
    pair("T_INTERSECTS(seen, INTERVAL('2020-02-03', '..'))", "(seen AT TIME ZONE 'UTC')::date >= '2020-02-03'");
    pair(
        "T_DURING(INTERVAL(seen, gone), INTERVAL('..', '2020-02-20'))",
        "CASE WHEN seen IS NOT NULL THEN (gone AT TIME ZONE 'UTC')::date < '2020-02-20' END",
    );
    for set in ["[]", "[\"a\"]", "[\"b\",\"a\"]", "[1,2]", "[2,1,1]", "[true]", "[[2,1]]"] {
        let array = set.replace('"', "'").replace("[[2,1]]", "((2,1), (2,1))").replace('[', "(").replace(']', ")").replace("true", "TRUE");
        let member = format!("EXISTS (SELECT 1 FROM jsonb_array_elements('{set}') e WHERE tags @> jsonb_build_array(e))");
        let contains = format!("tags @> '{set}'");
        let contained = format!(
            "CASE WHEN tags IS NOT NULL THEN NOT EXISTS (SELECT 1 FROM jsonb_array_elements(tags) e WHERE NOT '{set}' @> jsonb_build_array(e)) END"
        );
        pair(&format!("A_CONTAINS(tags, {array})"), &contains);
        pair(&format!("A_CONTAINEDBY(tags, {array})"), &contained);
        pair(&format!("A_CONTAINEDBY({array}, tags)"), &contains);
        pair(&format!("A_EQUALS(tags, {array})"), &format!("({contains} AND {contained})"));
        pair(&format!("A_OVERLAPS(tags, {array})"), &format!("CASE WHEN tags IS NOT NULL THEN {member} END"));
    }
    for at in 0..24 {
        let shape = dice.shape();
        let literal =
            Filter::from_json_value(&serde_json::json!({"op": "s_equals", "args": [{"property": "geometry"}, shape]})).unwrap().to_text();
        let wkt = literal.strip_prefix("S_EQUALS(geometry, ").unwrap().strip_suffix(')').unwrap();
        for op in ["Intersects", "Disjoint", "Contains", "Within", "Touches", "Crosses", "Overlaps", "Equals"] {
            if at % 3 == 0 {
                pair(&format!("S_{op}({wkt}, geometry)"), &format!("ST_{op}('{wkt}', g)"));
            } else {
                pair(&format!("S_{op}(geometry, {wkt})"), &format!("ST_{op}(g, '{wkt}')"));
            }
        }
    }
    for (w, s, e, n) in [(2, 2, 5, 6), (0, 0, 0, 9), (3, 3, 3, 3), (-10, -10, 60, 60), (50, 50, 60, 60)] {
        for op in ["Intersects", "Disjoint", "Within", "Overlaps"] {
            if w < e && s < n {
                pair(&format!("S_{op}(geometry, BBOX({w}, {s}, {e}, {n}))"), &format!("ST_{op}(g, ST_MakeEnvelope({w}, {s}, {e}, {n}))"));
            }
        }
    }
    pair("geometry IS NULL", "g IS NULL");
    pair("distance(geometry, POINT(4 4)) <= 150000", "ST_DWithin(g::geography, ST_Point(4, 4)::geography, 150000, true)");
    all
}

/// Pairs joined at random by AND, OR and NOT.
fn combined(dice: &mut Dice, pairs: &[Pair], depth: u32) -> Pair {
    if depth == 0 || dice.roll(4) == 0 {
        let (cql, sql) = &pairs[usize::try_from(dice.roll(pairs.len() as u64)).unwrap()];
        return (format!("({cql})"), format!("({sql})"));
    }
    let (a, b) = (combined(dice, pairs, depth - 1), combined(dice, pairs, depth - 1));
    match dice.roll(3) {
        0 => (format!("({} AND {})", a.0, b.0), format!("({} AND {})", a.1, b.1)),
        1 => (format!("({} OR {})", a.0, b.0), format!("({} OR {})", a.1, b.1)),
        _ => (format!("NOT {}", a.0), format!("NOT {}", a.1)),
    }
}

#[test]
fn filters_find_what_postgis_finds() {
    let mut dice = Dice(7);
    let (layer, sql) = data(&mut dice);
    let mut pairs = pairs(&mut dice);
    let singles = pairs.len();
    for _ in 0..400 {
        let pair = combined(&mut dice, &pairs[..singles], 3);
        pairs.push(pair);
    }
    assert!(singles > 400, "{singles}");
    let postgres = Postgres::start();
    postgres.run(&sql);
    let asked: String =
        pairs.iter().map(|(_, sql)| format!("SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '') FROM t WHERE {sql};\n")).collect();
    let answer = postgres.run(&asked);
    let answers: Vec<&str> = answer.lines().collect();
    assert_eq!(answers.len(), pairs.len());
    let (mut wrong, mut hits) = (Vec::new(), 0);
    for ((cql, sql), expected) in pairs.iter().zip(answers) {
        let filter = Filter::from_text(cql).unwrap_or_else(|error| panic!("{cql}: {error}"));
        let bound = filter.bind(&layer.queryables).unwrap_or_else(|error| panic!("{cql}: {error}"));
        let found: Vec<String> = layer.items().filter(|item| bound.holds(*item)).map(|item| item.id().into_owned()).collect();
        if let Some(windows) = bound.windows() {
            let seen =
                |id: &String| layer.items().find(|item| item.id() == id.as_str()).unwrap().geometry().map_or(Bbox::EMPTY, geometry::bounds);
            assert!(found.iter().all(|id| windows.iter().any(|window| window.intersects(&seen(id)))), "{}", bound.explain());
        }
        hits += found.len();
        if found.join(" ") != expected {
            wrong.push(format!("{cql}\n  {sql}\n  found {}\n  PostGIS {expected}", found.join(" ")));
        }
    }
    assert!(hits > 20_000, "the filters must find something: {hits}");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), pairs.len(), wrong[..wrong.len().min(12)].join("\n"));
}
