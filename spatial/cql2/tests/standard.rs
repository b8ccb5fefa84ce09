//! What the standard itself says: its examples in both forms, and the counts of its abstract test
//! suite on its own data.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use citywall_cql2::Filter;
use common::{Layer, rows};

#[test]
fn every_example_of_the_standard_says_the_same_in_text_and_in_json() {
    let examples = rows("examples.tsv");
    assert_eq!(examples.len(), 120);
    for row in examples {
        let (text, json) = (&row[0], &row[1]);
        let from_text = Filter::from_text(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let from_json = Filter::from_json(json).unwrap_or_else(|error| panic!("{json}: {error}"));
        assert_eq!(common::without_accents_composed(&from_text), common::without_accents_composed(&from_json), "{text}");
        assert_eq!(Filter::from_text(&from_text.to_text()).as_ref(), Ok(&from_text), "{}", from_text.to_text());
        assert_eq!(Filter::from_json(&from_text.to_json().to_string()), Ok(from_text), "{text}");
    }
}

/// Where the suite's number does not fit its own data, in which three names start with Ch:
/// Chișinău, Chicago and Chengdu.
const ERRATA: [(&str, usize); 3] = [
    ("ACCENTI(name) LIKE accenti('Ch%')", 3),
    ("ACCENTI(CASEI(name)) LIKE accenti(casei('Chiș%'))", 1),
    ("ACCENTI(CASEI(name)) LIKE accenti(casei('cHis%'))", 1),
];

#[test]
fn the_abstract_test_suite_finds_what_it_expects() {
    let layers = ["countries", "places", "rivers"].map(|name| (name, Layer::read(name)));
    let mut wrong = Vec::new();
    let rows = rows("counts.tsv");
    assert!(rows.len() > 340);
    for row in rows {
        let (class, name, count, text) = (&row[0], &row[1], &row[2], &row[3]);
        let layer = &layers.iter().find(|(own, _)| own == name).unwrap().1;
        let filter = Filter::from_text(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let bound = filter.bind(&layer.queryables).unwrap_or_else(|error| panic!("{text}: {error}"));
        let found = layer.count(&bound);
        let expected = ERRATA.iter().find(|(filter, _)| filter == text).map_or_else(|| count.parse().unwrap(), |(_, count)| *count);
        if found != expected {
            wrong.push(format!("{class} {name}: {text}: {found} instead of {count}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
