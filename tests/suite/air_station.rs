//! Four years of an air station as observations: a rule on PM2.5 raises exactly the alarms that
//! a short script over the file finds, while the data comes in and when it is tried on the past.
#![allow(clippy::unwrap_used, missing_docs)]

use citywall_tests::{Server, get, post, run, shared, small_city};
use serde_json::{Value, json};
use std::{fs, io::Read};

/// Alarms above 150 µg/m³ for two hours, over at 115: beginning and end of each, in UTC.
const SCRIPT: &str = r#"
import csv, gzip, sys
from datetime import datetime, timedelta, timezone
alarms, due, begun = [], None, False
for row in csv.DictReader(gzip.open(sys.argv[1], "rt")):
    if not row["PM2.5"]:
        continue
    at = datetime.fromisoformat(row["datetime"]).replace(tzinfo=timezone(timedelta(hours=8))).astimezone(timezone.utc)
    value = float(row["PM2.5"])
    if due and at >= due:
        alarms.append([due, None])
        due, begun = None, True
    if begun:
        if value <= 115:
            alarms[-1][1], begun = at, False
    elif value > 150:
        due = due or at + timedelta(hours=2)
    else:
        due = None
for begin, end in alarms:
    print(begin.strftime("%Y-%m-%dT%H:%M:%SZ"), end.strftime("%Y-%m-%dT%H:%M:%SZ") if end else "-")
"#;

fn observations(path: &str) -> Vec<String> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(shared(path)).unwrap()).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (value, time) = (column("PM2.5"), column("datetime"));
    let feature = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let result: f64 = cells[value].parse().ok()?;
        let time = format!("{}+08:00", cells[time].replace(' ', "T"));
        let properties = json!({"source": "station", "time": time, "result": result, "unit": "µg/m³", "property": "PM2.5"});
        Some(json!({"type": "Feature", "id": "Dongsi/PM2.5", "properties": properties}).to_string())
    };
    lines.filter_map(feature).collect()
}

fn found(features: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or("-".to_owned(), |text| text.replace("+00:00", "Z"));
    let mut all: Vec<String> =
        features.iter().map(|alarm| format!("{} {}", text(&alarm["properties"]["time"]), text(&alarm["properties"]["ended"]))).collect();
    all.sort();
    all
}

#[test]
fn a_rule_with_hysteresis_raises_exactly_the_alarms_that_a_script_finds() {
    let dir = tempfile::tempdir().unwrap();
    let city = small_city(dir.path());
    let config = dir.path().join("citywall.toml");
    fs::write(&config, "[[live]]\nid = \"observations\"\nkind = \"datastreams\"\ntitle = { zh = \"观测\", en = \"Observations\" }\n")
        .unwrap();
    let server = Server::start(&city, &["--config", config.to_str().unwrap()]);
    let rule = json!({
        "title": "PM2.5 超标", "level": 3, "collection": "observations", "filter": "property = 'PM2.5'",
        "when": {"kind": "threshold", "property": "result", "above": 150, "ends_at": 115, "hold_s": 7200}
    });
    let feature = json!({"type": "Feature", "id": "pm25", "properties": rule});
    let (status, answer) = post(&format!("{}/collections/rules/items", server.url), "application/geo+json", &feature.to_string());
    assert_eq!(status, 201, "{answer}");

    let lines = observations("city/beijing-air/Dongsi.csv.gz");
    assert!(lines.len() > 34_000, "{}", lines.len());
    for batch in lines.chunks(977) {
        let (status, answer) = post(&format!("{}/collections/observations/items", server.url), "application/x-ndjson", &batch.join("\n"));
        assert!(status == 200 && !answer.contains("\"detail\""), "{status} {}", &answer[..answer.len().min(500)]);
    }
    let expected = run("/usr/bin/python3", &["-c", SCRIPT, shared("city/beijing-air/Dongsi.csv.gz").to_str().unwrap()]);
    let expected: Vec<String> = expected.lines().map(str::to_owned).collect();
    assert!(expected.len() > 100, "{} alarms", expected.len());

    let (_, body) = get(&format!("{}/collections/alarms/items?limit=10000", server.url));
    let alarms: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(found(alarms["features"].as_array().unwrap()), expected);

    let trial = json!({"rule": rule, "from": "2013-01-01T00:00:00Z", "to": "2017-03-02T00:00:00Z"});
    let (status, body) = post(&format!("{}/rules/try", server.url), "application/json", &trial.to_string());
    assert_eq!(status, 200, "{}", &body[..body.len().min(500)]);
    let tried: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(found(tried["features"].as_array().unwrap()), expected);
    assert_eq!(server.terminate(), 0);
}
