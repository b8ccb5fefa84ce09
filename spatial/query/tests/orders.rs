//! Filters on attributes find by the order of a column what they find item by item.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_cql2::{Filter, Queryables};
use citywall_model::{Bbox, CimCategory, CityProfile, CollectionId, LocalText, Value, Wkb, geometry};
use citywall_query::{Access, City, CollectionView, Equals, ItemsQuery};
use citywall_store::{GeoPackage, LayerDraft, NewFeature};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

const ROWS: u64 = 3_000;

/// A layer of every type with nulls, values that repeat and the numbers that are hard to order.
fn view() -> &'static CollectionView {
    static VIEW: OnceLock<(City, CollectionView)> = OnceLock::new();
    let made = VIEW.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let city =
            City::open(Arc::new(GeoPackage::create(&folder.path().join("city.gpkg"), &CityProfile::named("Test")).unwrap())).unwrap();
        let id = CollectionId::new("layer").unwrap();
        let draft = LayerDraft {
            id: id.clone(),
            title: LocalText::new("layer", "layer"),
            category: CimCategory::SpatiotemporalBase,
            source: "test".into(),
            source_crs: "EPSG:4326".into(),
            storage_crs: 4326,
            generated: true,
            id_field: None,
        };
        let mut stage = city.store().stage(draft).unwrap();
        let feature = |at: u64| {
            // Knuth's MMIX generator; its upper bits are the good ones.
            let roll = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 33;
            let some = |sides: u64, value: Value| if roll.is_multiple_of(sides) { Value::Null } else { value };
            let number = match roll % 50 {
                1 => -0.0,
                2 => 0.0,
                3 => 1e300,
                4 => -1e300,
                n => n as f64 / 4.0 - 5.0,
            };
            let day = format!("2020-02-{:02}", roll % 28 + 1);
            let seen = match roll % 3 {
                0 => day,
                1 => format!("{day}T{:02}:30:00Z", roll % 24),
                _ => format!("{day}T{:02}:30:00+08:00", roll % 24),
            };
            let names = ["鼓楼", "鼓楼南街", "Tower", "tower", "Tower_1", "Zoë", "Zoe", "100%", "", "T"];
            NewFeature {
                geometry: (!roll.is_multiple_of(11))
                    .then(|| Wkb::point((roll % 100) as f64 / 10.0, (roll / 100 % 100) as f64 / 10.0).unwrap()),
                values: vec![
                    ("name".into(), some(7, Value::Text(names[roll as usize % names.len()].into()))),
                    ("code".into(), Value::Text(format!("c{at:05}"))),
                    ("floors".into(), some(5, Value::Integer((roll % 60) as i64 - 8))),
                    ("height".into(), some(9, Value::Number(number))),
                    ("open".into(), some(4, Value::Boolean(roll % 6 == 1))),
                    ("seen".into(), some(6, Value::Text(seen))),
                ],
                solids: Vec::new(),
            }
        };
        assert!(stage.write((1..=ROWS).map(feature).collect()).unwrap().is_empty());
        city.publish(stage).unwrap();
        let view = city.view(&id).unwrap();
        (city, view)
    });
    &made.1
}

/// Every fid that a query finds, and how.
fn ask(query: &ItemsQuery) -> (Vec<u64>, Access) {
    let mut fids = Vec::new();
    view().each(query, |item| {
        fids.push(item.fid());
        true
    });
    let mut page = Vec::new();
    let query = ItemsQuery { limit: 10_000, ..query.clone() };
    let matched = view().items(&query, |item| page.push(item.fid())).unwrap().matched;
    assert_eq!((matched, &page), (fids.len(), &fids), "both ways through the items are one");
    (fids, view().access(&query))
}

fn query(filter: &str) -> ItemsQuery {
    let bound =
        Filter::from_text(filter).unwrap().bind(&Queryables::of(&view().meta())).unwrap_or_else(|error| panic!("{filter}: {error}"));
    ItemsQuery { filter: Some(Arc::new(bound)), ..ItemsQuery::default() }
}

/// Every fid for which the query's conditions hold, item by item.
fn scan(query: &ItemsQuery) -> Vec<u64> {
    let mut fids = Vec::new();
    view().each(&ItemsQuery::default(), |item| {
        let meets = |window: &Bbox| item.geometry().is_some_and(|wkb| window.intersects(&geometry::bounds(wkb)));
        if query.filter.as_ref().is_none_or(|filter| filter.holds(item)) && (query.windows.is_empty() || query.windows.iter().any(meets)) {
            fids.push(item.fid());
        }
        true
    });
    fids
}

fn by_order(access: &Access) -> bool {
    matches!(access, Access::Order { .. })
}

#[test]
fn the_order_of_a_column_answers_what_it_can() {
    let wide = "S_INTERSECTS(geometry, BBOX(0, 0, 9, 9))";
    let narrow = "S_INTERSECTS(geometry, BBOX(1, 1, 1.2, 1.2))";
    for (filter, expected) in [
        ("height = 0", true),
        ("0 < height AND height < 1", true),
        ("height BETWEEN 1 AND 1.5", true),
        ("floors IN (3, 4, 50)", true),
        ("name = 'Zoë'", true),
        ("name LIKE 'Tower%'", true),
        ("name LIKE 'Tower\\_1'", true),
        ("name LIKE 'T_w%'", true),
        ("code < 'c00100'", true),
        ("code IN ('c00001','c00002','c00003','c00004','c00005','c00006','c00007','c00008','c00009')", true),
        ("open = TRUE", true),
        ("seen < DATE('2020-02-04')", true),
        ("T_AFTER(seen, TIMESTAMP('2020-02-26T00:00:00Z'))", true),
        ("height = 0 OR name = 'Zoe'", true),
        ("height = 0 AND CASEI(name) = 'tower'", true),
        (&format!("{wide} AND height = 0"), true),
        (&format!("{narrow} AND height = 0"), false),
        ("height = 0 OR CASEI(name) = 'tower'", false),
        ("height > -100", false),
        ("name LIKE '%er'", false),
        ("NOT height = 0", false),
        ("height = 0 OR open IS NULL", false),
        ("height = floors", false),
    ] {
        let query = query(filter);
        let (found, access) = ask(&query);
        assert_eq!(found, scan(&query), "{filter}");
        assert!(!expected || !found.is_empty(), "{filter}");
        assert_eq!(by_order(&access), expected, "{filter}: {access:?}");
    }
}

#[test]
fn an_exact_value_is_found_by_its_order() {
    for (property, value) in [("name", "Zoë"), ("floors", "13"), ("height", "0"), ("code", "c00042")] {
        let query = ItemsQuery { equals: vec![Equals { property: property.into(), value: value.into() }], ..ItemsQuery::default() };
        let (found, access) = ask(&query);
        let literal = if ["floors", "height"].contains(&property) { value.to_owned() } else { format!("'{value}'") };
        assert_eq!(found, scan(&self::query(&format!("{property} = {literal}"))), "{property}");
        assert!(by_order(&access) && !found.is_empty(), "{property}: {access:?}");
    }
}

fn leaf() -> impl Strategy<Value = String> {
    let op = prop_oneof![Just("="), Just("<>"), Just("<"), Just(">"), Just("<="), Just(">=")];
    let number = prop_oneof![
        (-12..60i32).prop_map(|n| n.to_string()),
        (-24..60i32).prop_map(|n| format!("{}", f64::from(n) / 4.0)),
        Just("1e300".to_owned())
    ];
    let text = prop_oneof![Just("Tower"), Just("鼓楼"), Just("Zoë"), Just(""), Just("U"), Just("c00")];
    let day = (1..28u32, 0..24u32, any::<bool>()).prop_map(|(day, hour, is_day)| {
        if is_day { format!("DATE('2020-02-{day:02}')") } else { format!("TIMESTAMP('2020-02-{day:02}T{hour:02}:30:00Z')") }
    });
    let numeric = prop_oneof![Just("floors"), Just("height")];
    let texts = prop_oneof![Just("name"), Just("code")];
    prop_oneof![
        (numeric.clone(), op.clone(), number.clone()).prop_map(|(p, op, n)| format!("{p} {op} {n}")),
        (numeric.clone(), op.clone(), number.clone()).prop_map(|(p, op, n)| format!("{n} {op} {p}")),
        (numeric.clone(), number.clone(), number.clone()).prop_map(|(p, a, b)| format!("{p} BETWEEN {a} AND {b}")),
        (numeric, number.clone(), number).prop_map(|(p, a, b)| format!("{p} IN ({a}, {b}, 3)")),
        (texts.clone(), op.clone(), text.clone()).prop_map(|(p, op, t)| format!("{p} {op} '{t}'")),
        (texts.clone(), text.clone()).prop_map(|(p, t)| format!("{p} LIKE '{t}%'")),
        (texts.clone(), text.clone(), text.clone()).prop_map(|(p, a, b)| format!("{p} BETWEEN '{a}' AND '{b}'")),
        (texts, text.clone(), text).prop_map(|(p, a, b)| format!("{p} IN ('{a}', '{b}')")),
        (op.clone(), any::<bool>()).prop_map(|(op, value)| format!("open {op} {value}")),
        (op, day.clone()).prop_map(|(op, day)| format!("seen {op} {day}")),
        (day.clone(), day.clone()).prop_map(|(a, b)| format!("seen BETWEEN {a} AND {b}")),
        (prop_oneof![Just("T_BEFORE"), Just("T_AFTER"), Just("T_EQUALS"), Just("T_INTERSECTS"), Just("T_DISJOINT")], day)
            .prop_map(|(op, day)| format!("{op}(seen, {day})")),
        (0..90u32, 0..90u32, 1..90u32).prop_map(|(x, y, size)| {
            let at = |n: u32| f64::from(n) / 10.0;
            format!("S_INTERSECTS(geometry, BBOX({}, {}, {}, {}))", at(x), at(y), at(x + size), at(y + size))
        }),
    ]
}

fn filters() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|one| format!("NOT ({one})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_filter_finds_what_it_finds_item_by_item(filter in filters(), window in proptest::option::of((0..90u32, 0..90u32, 1..90u32))) {
        let mut query = query(&filter);
        query.windows = window.into_iter().map(|(x, y, size)| {
            let at = |n: u32| f64::from(n) / 10.0;
            Bbox::new(at(x), at(y), at(x + size), at(y + size))
        }).collect();
        let (found, access) = ask(&query);
        prop_assert_eq!(found, scan(&query), "{} {:?}", filter, access);
    }
}
