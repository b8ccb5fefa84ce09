//! Posting live items.

use crate::harness::{City, event};
use serde_json::{Value, json};

#[test]
fn one_feature_answers_with_its_address() {
    let city = City::new();
    let server = city.serve();
    let answer = server.post_event(&event("2026/03 01", 117.2, 39.1));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let location = answer.header("location");
    assert_eq!(location, format!("{}/collections/events/items/2026%2F03%2001", server.url));
    let receipt = answer.json();
    let item = server.json(&location[server.url.len()..]);
    assert_eq!(item["id"], "2026/03 01");
    assert_eq!(item["properties"]["recorded"], receipt["revision"]);
    assert_eq!(item["properties"]["time"], "2026-03-01T00:15:00Z");
    assert_eq!(item["geometry"]["coordinates"], json!([117.2, 39.1]));
}

#[test]
fn a_later_post_merges_what_it_names() {
    let city = City::new();
    let server = city.serve();
    assert_eq!(server.post_event(&event("e", 117.2, 39.1)).status, 201);
    let post = |body: Value| {
        let answer = server.post_event(&body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        server.json("/collections/events/items/e")
    };
    let cleared = post(json!({"type": "Feature", "id": "e", "properties": {"source": "test", "status": "cleared"}}));
    assert_eq!(cleared["properties"]["status"], "cleared");
    assert_eq!(cleared["properties"]["title"], "路灯损坏");
    assert_eq!(cleared["geometry"]["coordinates"], json!([117.2, 39.1]));
    let moved = post(
        json!({"type": "Feature", "id": "e", "geometry": {"type": "Point", "coordinates": [117.3, 39.2]}, "properties": {"level": null, "note": {"a": [1]}}}),
    );
    assert_eq!(moved["geometry"]["coordinates"], json!([117.3, 39.2]));
    assert!(moved["properties"].get("level").is_none());
    assert_eq!(moved["properties"]["note"], json!({"a": [1]}));
    let placeless = post(json!({"type": "Feature", "id": "e", "geometry": null, "properties": {}}));
    assert!(placeless["geometry"].is_null());
    // A repeated delivery changes nothing.
    let again = post(json!({"type": "Feature", "id": "e", "geometry": null, "properties": {}}));
    assert_eq!(again["properties"]["recorded"], placeless["properties"]["recorded"]);
}

#[test]
fn another_source_is_refused() {
    let city = City::new();
    let server = city.serve();
    assert_eq!(server.post_event(&event("e", 117.2, 39.1)).status, 201);
    let problem =
        server.post_event(&json!({"type": "Feature", "id": "e", "properties": {"source": "other", "status": "cleared"}})).problem(409);
    assert!(problem["detail"].as_str().unwrap().contains("test"), "{problem}");
    assert_eq!(server.json("/collections/events/items/e")["properties"]["status"], "open");
}

#[test]
fn an_event_without_a_place_is_kept_and_gets_one_later() {
    let city = City::new();
    let server = city.serve();
    let mut placeless = event("e", 0.0, 0.0);
    placeless["geometry"] = Value::Null;
    assert_eq!(server.post_event(&placeless).status, 201);
    assert_eq!(server.json("/collections/events/items")["numberMatched"], 1);
    assert_eq!(server.json("/collections/events/items?bbox=-180,-90,180,90")["numberMatched"], 0);
    let placed = json!({"type": "Feature", "id": "e", "geometry": {"type": "Point", "coordinates": [117.2, 39.1]}, "properties": {}});
    assert_eq!(server.post_event(&placed).status, 201);
    assert_eq!(server.json("/collections/events/items?bbox=117,39,118,40")["numberMatched"], 1);
}

#[test]
fn a_batch_answers_record_by_record_and_keeps_the_good_ones() {
    let city = City::new();
    let server = city.serve();
    let good = |id: &str| event(id, 117.2, 39.1).to_string();
    let body = format!(
        "{}\n\n{{\"type\": \"Feature\", \"id\":\n{}\n{}\n",
        good("a"),
        r#"{"type":"Feature","id":"b","properties":{"source":"test"}}"#,
        good("c")
    );
    let answer = server.post("application/x-ndjson", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let results = answer.json();
    let results = results.as_array().unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!((&results[0]["id"], &results[3]["id"]), (&json!("a"), &json!("c")));
    assert_eq!((&results[1]["status"], &results[1]["line"]), (&json!(400), &json!(3)));
    assert_eq!((&results[2]["status"], &results[2]["line"]), (&json!(400), &json!(4)));
    assert!(results[2]["detail"].as_str().unwrap().contains("time"), "{}", results[2]);
    assert_eq!(server.json("/collections/events/items")["numberMatched"], 2);
}

#[test]
fn a_feature_collection_and_a_sequence_are_batches_too() {
    let city = City::new();
    let server = city.serve();
    let collection = json!({"type": "FeatureCollection", "features": [event("a", 1.0, 2.0), event("b", 1.0, 2.0)]});
    let answer = server.post_event(&collection);
    assert_eq!((answer.status, answer.json().as_array().unwrap().len()), (200, 2));
    let sequence = format!("\u{1e}{}\n\u{1e}{}\n", event("c", 1.0, 2.0), event("d", 1.0, 2.0));
    assert_eq!(server.post("application/geo+json-seq", &sequence).status, 200);
    assert_eq!(server.json("/collections/events/items")["numberMatched"], 4);
    let empty = server.post("application/x-ndjson", "\n");
    assert_eq!((empty.status, empty.json()), (200, json!([])));
}

#[test]
fn one_batch_may_name_an_item_twice() {
    let city = City::new();
    let server = city.serve();
    let body = format!("{}\n{}", event("a", 1.0, 2.0), r#"{"type":"Feature","id":"a","properties":{"status":"cleared"}}"#);
    let results = server.post("application/x-ndjson", &body).json();
    assert!(results[1]["revision"].as_u64() > results[0]["revision"].as_u64());
    assert_eq!(server.json("/collections/events/items/a")["properties"]["status"], "cleared");
}

#[test]
fn what_an_event_may_not_say_is_refused_by_name() {
    let city = City::new();
    let server = city.serve();
    let refused = |member: &str, change: &dyn Fn(&mut Value)| {
        let mut event = event("e", 117.2, 39.1);
        change(&mut event);
        let problem = server.post_event(&event).problem(400);
        assert!(problem["detail"].as_str().unwrap().contains(member), "{member}: {problem}");
    };
    refused("id", &|e| drop(e.as_object_mut().unwrap().shift_remove("id")));
    refused("id", &|e| e["id"] = json!(["x"]));
    refused("id", &|e| e["id"] = json!("x".repeat(300)));
    refused("source", &|e| e["properties"]["source"] = Value::Null);
    refused("source", &|e| e["properties"]["source"] = json!(3));
    refused("time", &|e| e["properties"]["time"] = Value::Null);
    refused("time", &|e| e["properties"]["time"] = json!("yesterday"));
    refused("time", &|e| e["properties"]["time"] = json!("2026-03-01T08:15:00"));
    refused("time", &|e| e["properties"]["time"] = json!("2199-01-01T00:00:00Z"));
    refused("class", &|e| e["properties"]["class"] = json!("0101"));
    refused("level", &|e| e["properties"]["level"] = json!(5));
    refused("level", &|e| e["properties"]["level"] = json!("red"));
    refused("status", &|e| e["properties"]["status"] = json!(""));
    refused("longitude", &|e| e["geometry"]["coordinates"] = json!([200.0, 39.0]));
    refused("geometry", &|e| e["geometry"] = json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}));
    refused("geometry", &|e| e["geometry"] = json!({"type": "Point", "coordinates": ["NaN", 1]}));
    refused("type", &|e| e["type"] = json!("Feat"));
    assert_eq!(server.json("/collections/events/items")["numberMatched"], 0);
}

#[test]
fn posts_at_once_all_arrive() {
    let city = City::new();
    let server = city.serve();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for at in 0..25 {
                    assert_eq!(server.post_event(&event(&format!("{worker}-{at}"), 117.2, 39.1)).status, 201);
                }
            });
        }
    });
    let city = server.json("/city");
    let events = city["collections"].as_array().unwrap().iter().find(|collection| collection["id"] == "events").unwrap();
    assert_eq!(events["count"], 200);
    // The register of sources has changes of its own.
    assert!(city["revision"].as_u64() >= Some(201));
}
