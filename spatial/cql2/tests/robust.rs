//! Bad input and odd data.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use citywall_cql2::Filter;
use citywall_model::{FieldType, Schema, Value, limits};
use common::Layer;
use proptest::prelude::*;

fn layer() -> Layer {
    let schema = Schema::new([
        ("name", FieldType::Text),
        ("floors", FieldType::Integer),
        ("height", FieldType::Number),
        ("open", FieldType::Boolean),
        ("built", FieldType::Text),
        ("tags", FieldType::Json),
    ]);
    let point = |x, y| Some(common::wkb(&serde_json::json!({"type": "Point", "coordinates": [x, y]})));
    let text = |s: &str| Value::Text(s.into());
    let rows = vec![
        (
            point(117.2, 39.1),
            vec![
                text("鼓楼"),
                Value::Integer(3),
                Value::Number(20.5),
                Value::Boolean(true),
                text("1493-05-01"),
                Value::Json("[\"tower\",1]".into()),
            ],
        ),
        (
            point(117.3, 39.2),
            vec![
                text("Tower"),
                Value::Integer(0),
                Value::Null,
                Value::Boolean(false),
                text("2001-02-03T04:05:06Z"),
                Value::Json("{}".into()),
            ],
        ),
        (None, vec![Value::Null, Value::Null, Value::Null, Value::Null, text("not a date"), Value::Null]),
    ];
    Layer::new(schema, rows)
}

fn count(layer: &Layer, text: &str) -> usize {
    layer.count(
        &Filter::from_text(text)
            .unwrap_or_else(|e| panic!("{text}: {e}"))
            .bind(&layer.queryables)
            .unwrap_or_else(|e| panic!("{text}: {e}")),
    )
}

#[test]
fn null_is_unknown_as_in_sql() {
    let layer = layer();
    for (text, expected) in [
        ("floors > 1 OR floors <= 1", 2),
        ("NOT (floors > 1)", 1),
        ("NOT (floors > 1 AND FALSE)", 3),
        ("floors > 1 OR TRUE", 3),
        ("name NOT IN ('Tower')", 1),
        ("floors IN (3, height)", 1),
        ("height NOT IN (1, floors)", 1),
        ("floors / floors = 1", 1),
        ("floors / floors IS NULL", 2),
        ("(floors > 1) IS NULL", 1),
        ("S_DISJOINT(geometry, POINT(0 0))", 2),
        ("geometry IS NULL", 1),
        ("A_CONTAINS(tags, ('tower'))", 1),
        ("NOT A_CONTAINS(tags, ('tower'))", 0),
        ("A_CONTAINEDBY(tags, (1, 'tower', 'gate'))", 1),
        ("A_EQUALS(tags, (1, 'tower'))", 1),
        ("built < DATE('1500-01-01')", 1),
        ("T_AFTER(built, DATE('1500-01-01'))", 1),
        ("built = DATE('2001-02-03')", 1),
        ("open", 1),
        ("name LIKE '鼓_'", 1),
        ("length(name) = 2", 1),
        ("upper(name) = 'TOWER'", 1),
        ("distance(geometry, POINT(117.2 39.1)) < 1", 1),
        ("distance(geometry, POINT(117.2 39.1)) < 20000", 2),
        ("T_BEFORE(built, now())", 2),
    ] {
        assert_eq!(count(&layer, text), expected, "{text}");
    }
}

#[test]
fn a_day_lasts_from_midnight_to_midnight_of_the_time_zone() {
    let layer = layer();
    let shanghai = layer.queryables.clone().in_zone(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
    let found = |text: &str| layer.count(&Filter::from_text(text).unwrap().bind(&shanghai).unwrap());
    // 2001-02-03T04:05:06Z is noon in Shanghai; its midnights are at 16:00 UTC.
    assert_eq!(found("built = DATE('2001-02-03')"), 1);
    assert_eq!(found("built >= TIMESTAMP('1493-05-01T15:59:59Z') AND built < DATE('2001-02-03')"), 1);
    assert_eq!(found("T_INTERSECTS(TIMESTAMP('2001-02-02T16:00:00Z'), DATE('2001-02-03'))"), 3);
    assert_eq!(found("T_INTERSECTS(TIMESTAMP('2001-02-02T15:59:59Z'), DATE('2001-02-03'))"), 0);
}

#[test]
fn an_error_names_the_place_what_was_expected_and_what_was_found() {
    let layer = layer();
    for (text, message) in [
        ("", "character 1: expected a property, a literal, a function or “(”, found the end of the filter"),
        ("floors >", "character 9: expected a property, a literal, a function or “(”, found the end of the filter"),
        ("floors > 1 name", "character 12: expected an operator, AND, OR or the end, found “name”"),
        ("名称 = '鼓楼' x", "character 11: expected an operator, AND, OR or the end, found “x”"),
        ("name = 'a", "character 8: expected a closing ', found a literal without an end"),
        ("name ! 'a'", "character 6: expected a name, a literal or an operator, found “!”"),
        ("floors BETWEEN 1 OR 2", "character 18: expected AND, found “OR”"),
        ("floors IN ()", "character 11: expected at least one value to be IN, found none"),
        ("S_WITHIN(geometry)", "character 1: expected 2 arguments of “s_within”, found 1"),
        (
            "S_WITHIN(geometry, POLYGON((0 0, 1 1, 0 0)))",
            "character 20: expected rings of at least four positions that end where they start, found others",
        ),
        ("built > DATE('yesterday')", "character 14: expected a date such as 2026-03-01, found 'yesterday'"),
        (
            "floor > 1",
            "character 1: expected a property of the collection (geometry, id, name, floors, height, open, built, tags), found “floor”",
        ),
        ("floors = 'three'", "character 10: expected a number, found a text"),
        ("floors AND open", "character 1: expected something that is true or false, found a number"),
        ("name + 1 = 2", "character 1: expected a number, found a text"),
        ("S_WITHIN(name, POINT(0 0))", "character 10: expected a geometry, such as the property “geometry”, found “name”"),
        (
            "S_WITHIN(geometry, POINT(500 0))",
            "character 20: expected longitudes from -180 to 180 and latitudes from -90 to 90, found (500, 0)",
        ),
        (
            "T_DURING(built, INTERVAL('2000-01-01', '..'))",
            "character 10: expected an INTERVAL (instants work with T_AFTER, T_BEFORE, T_DISJOINT, T_EQUALS, T_INTERSECTS), found an instant",
        ),
    ] {
        let error = Filter::from_text(text).and_then(|filter| filter.bind(&layer.queryables).map(|_| ())).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
    }
    for (json, message) in [
        ("{\"op\": \"=\", \"args\": [1, 2}", "character 26: expected JSON, found expected `,` or `]` at line 1 column 26"),
        ("{\"op\": \"=\", \"args\": [1]}", "the whole filter: expected 2 arguments of “=”, found 1"),
        ("{\"op\": \"not\", \"args\": [{\"property\": 3}]}", "/args/0/property: expected a property’s name, found 3"),
        ("{\"op\": \"not\", \"args\": [{\"property\": \"\"}]}", "/args/0/property: expected a property’s name, found \"\""),
        // A function that text could not call would not be the same in both forms.
        ("{\"op\": \"ca((sei\", \"args\": []}", "/op: expected the name of an operator or a function, found \"ca((sei\""),
        ("{\"op\": \"CASEI\", \"args\": [\"a\"]}", "/op: expected the name of an operator or a function, found \"CASEI\""),
        ("{\"op\": \"=\", \"args\": [{\"property\": \"floors\"}, \"x\"]}", "/args/1: expected a number, found a text"),
        (
            "{\"op\": \"s_within\", \"args\": [{\"property\": \"geometry\"}, {\"type\": \"Point\", \"coordinates\": [1, \"a\"]}]}",
            "/args/1/coordinates: expected an array of numbers, found [1,\"a\"]",
        ),
    ] {
        let error = Filter::from_json(json).and_then(|filter| filter.bind(&layer.queryables).map(|_| ())).unwrap_err();
        assert_eq!(error.to_string(), message, "{json}");
    }
}

#[test]
fn an_array_of_one_value_is_the_value_but_for_functions_of_arrays() {
    // Found by fuzzing: in text, f(a, ('b')) has no array.
    let of = |op: &str| Filter::from_json(&format!(r#"{{"op": "{op}", "args": [{{"property": "a"}}, ["b"]]}}"#)).unwrap();
    for (op, text) in [("f", "f(a, 'b')"), ("=", "a = 'b'"), ("a_contains", "a_contains(a, ('b'))"), ("in", "a IN ('b')")] {
        assert!(of(op).to_text().eq_ignore_ascii_case(text), "{}", of(op).to_text());
        assert_eq!(Filter::from_text(text).unwrap().to_text(), of(op).to_text());
    }
}

#[test]
fn a_filter_that_passes_a_limit_is_refused() {
    let deep = limits::FILTER_DEPTH_MAX + 1;
    for text in [
        format!("{}TRUE{}", "(".repeat(deep), ")".repeat(deep)),
        format!("{}TRUE", "NOT ".repeat(deep)),
        format!("floors = 1{}", " + 1".repeat(deep)),
        "x".repeat(limits::FILTER_BYTES_MAX + 1),
        format!("{}POINT(0 0){} = 1", "GEOMETRYCOLLECTION(".repeat(100_000), ")".repeat(100_000)),
    ] {
        let error = Filter::from_text(&text).unwrap_err().to_string();
        assert!(error.contains("FILTER_"), "{error}");
    }
    let json = format!("{}true{}", "{\"op\":\"not\",\"args\":[".repeat(deep), "]}".repeat(deep));
    assert!(Filter::from_json(&json).unwrap_err().to_string().contains("FILTER_DEPTH_MAX"));
    assert!(Filter::from_json(&"[".repeat(1000)).is_err());
    let long = vec!["floors = 1"; 20_000].join(" OR ");
    assert_eq!(count(&layer(), &long), 0);
}

/// Texts of the words that the language is made of, more often right than random bytes are.
fn arb_filter() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "name",
        "floors",
        "height",
        "open",
        "built",
        "tags",
        "geometry",
        "id",
        "1",
        "-2.5",
        "1e3",
        "'a'",
        "'2020-01-01'",
        "'..'",
        "TRUE",
        "AND",
        "OR",
        "NOT",
        "=",
        "<>",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "div",
        "%",
        "^",
        "(",
        ")",
        "(",
        ")",
        ",",
        "LIKE",
        "BETWEEN",
        "IN",
        "IS",
        "NULL",
        "CASEI(",
        "ACCENTI(",
        "S_INTERSECTS(",
        "S_EQUALS(",
        "S_TOUCHES(",
        "T_AFTER(",
        "T_DURING(",
        "A_OVERLAPS(",
        "INTERVAL(",
        "DATE(",
        "TIMESTAMP(",
        "BBOX(",
        "POINT(1 2)",
        "POINT EMPTY",
        "LINESTRING(0 0, 1 1, 2 0)",
        "POLYGON((0 0, 4 0, 0 4, 4 4, 0 0))",
        "abs(",
        "distance(",
        "\"name\"",
        "''",
        "\\",
    ]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

fn check(layer: &Layer, text: &str) {
    if let Ok(filter) = Filter::from_text(text) {
        assert_eq!(Filter::from_text(&filter.to_text()).as_ref(), Ok(&filter), "{text}: {}", filter.to_text());
        assert_eq!(Filter::from_json(&filter.to_json().to_string()).as_ref(), Ok(&filter), "{text}");
        if let Ok(bound) = filter.bind(&layer.queryables) {
            layer.count(&bound);
        }
    }
    let _ = Filter::from_json(text);
}

fn cases(few: u32) -> ProptestConfig {
    let full = std::env::var("CITYWALL_SOAK").is_ok_and(|soak| soak == "full");
    ProptestConfig::with_cases(if full { few * 400 } else { few })
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn soak_no_words_make_a_filter_panic_and_what_is_read_is_written_back(text in arb_filter()) {
        check(&layer(), &text);
    }

    #[test]
    fn soak_no_characters_make_a_filter_panic(text in ".{0,60}") {
        check(&layer(), &text);
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn soak_no_polygon_makes_a_predicate_panic(
        a in prop::collection::vec((0i8..6, 0i8..6), 3..9),
        b in prop::collection::vec((0i8..6, 0i8..6), 3..9),
    ) {
        let ring = |points: &[(i8, i8)]| {
            let points: Vec<[f64; 2]> = points.iter().chain(points.first()).map(|(x, y)| [f64::from(*x), f64::from(*y)]).collect();
            serde_json::json!({"type": "Polygon", "coordinates": [points]})
        };
        let layer = Layer::new(Schema::default(), [(Some(common::wkb(&ring(&a))), vec![])]);
        for op in ["s_contains", "s_crosses", "s_disjoint", "s_equals", "s_intersects", "s_overlaps", "s_touches", "s_within"] {
            let filter = serde_json::json!({"op": op, "args": [{"property": "geometry"}, ring(&b)]});
            layer.count(&Filter::from_json_value(&filter).unwrap().bind(&layer.queryables).unwrap());
        }
    }
}
