//! `GET /asyncapi`: what is said on `/live` and `/ingest`, as an AsyncAPI 3.0 document with the
//! schema of every message. The schemas are those of the types that are written and read.

use super::json as answer;
use crate::http::{Answer, Ask, Links};
use citywall_wire::{LiveMessage, LiveRequest};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The media type of the document.
pub const MEDIA: &str = "application/vnd.aai.asyncapi+json;version=3.0.0";

/// `GET /asyncapi`
pub async fn document(ask: Ask) -> Answer {
    ask.params(&[])?;
    Ok(answer(MEDIA, describe(&ask.links).to_string()))
}

/// The document, with the addresses for this client.
pub fn describe(links: &Links) -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut schemas = settings.into_generator();
    let messages = messages(&mut schemas);
    let mut all: Map<String, Value> = schemas.take_definitions(true);
    all.insert("IngestFrame".to_owned(), ingest_frame());
    all.insert("IngestAnswer".to_owned(), ingest_answer());
    let of = |names: &[&str]| -> Map<String, Value> {
        names.iter().map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/messages/{name}")}))).collect()
    };
    let (live, events, ingest) = (of(&["LiveRequest", "LiveMessage"]), of(&["LiveMessage"]), of(&["IngestFrame", "IngestAnswer"]));
    let operation = |action: &str, channel: &str, message: &str, summary: &str| {
        let message = format!("#/channels/{channel}/messages/{message}");
        json!({"action": action, "channel": {"$ref": format!("#/channels/{channel}")}, "summary": summary, "messages": [{"$ref": message}]})
    };
    let secure = links.origin().starts_with("https:");
    let server = |protocol: &str| {
        let mut server = json!({"host": links.host(), "protocol": if secure { format!("{protocol}s") } else { protocol.to_owned() }});
        if !links.prefix().is_empty() {
            server["pathname"] = links.prefix().into();
        }
        server
    };
    let on = |server: &str| json!([{"$ref": format!("#/servers/{server}")}]);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Citywall, live",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Live changes of a city, and live items on their way in. Where the server has access tokens, /live needs the scope read and /ingest the scope ingest.",
            "license": {"name": "MIT OR Apache-2.0"}
        },
        "defaultContentType": "application/json",
        "servers": {"socket": server("ws"), "http": server("http")},
        "channels": {
            "live": {"address": "/live", "title": "Live changes", "servers": on("socket"), "messages": live,
                "description": "The client says what it wants; then come a snapshot and deltas that each name the revision they follow."},
            "events": {"address": "/live/sse", "title": "Live changes as server-sent events", "servers": on("http"), "messages": events,
                "description": "The same messages; the members of the subscription are query parameters, and Last-Event-ID is the revision to resume after."},
            "ingest": {"address": "/ingest", "title": "Live items come in", "servers": on("socket"), "messages": ingest,
                "description": "One answer to every frame, in order. An acknowledgement means durable."}
        },
        "operations": {
            "subscribe": operation("receive", "live", "LiveRequest", "Take what a client wants"),
            "push": operation("send", "live", "LiveMessage", "Tell what happens"),
            "pushEvents": operation("send", "events", "LiveMessage", "Tell what happens"),
            "take": operation("receive", "ingest", "IngestFrame", "Take live items"),
            "acknowledge": operation("send", "ingest", "IngestAnswer", "Say what became of them")
        },
        "components": {"messages": messages, "schemas": all}
    })
}

fn messages(schemas: &mut SchemaGenerator) -> Value {
    fn message<T: JsonSchema>(schemas: &mut SchemaGenerator, title: &str, examples: &[(&str, Value)]) -> Value {
        let examples: Vec<Value> = examples.iter().map(|(name, payload)| json!({"name": name, "payload": payload})).collect();
        json!({"title": title, "payload": schemas.subschema_for::<T>(), "examples": examples})
    }
    let feature = json!({
        "type": "Feature", "id": "2026-03-01/17", "geometry": {"type": "Point", "coordinates": [117.2, 39.13]},
        "properties": {"source": "dispatch", "time": "2026-03-01T00:15:00Z", "since": "2026-03-01T00:15:00Z", "title": "路灯损坏", "level": 3, "status": "open", "recorded": 42}
    });
    let change = json!({"collection": "events", "revision": 42, "feature": feature});
    let live_requests = [
        (
            "subscribe",
            json!({"type": "subscribe", "id": "map", "collections": ["events"], "bbox": [117.1, 39.0, 117.3, 39.2], "filter": "level <= 2"}),
        ),
        ("resume", json!({"type": "subscribe", "collections": ["events"], "after": 41})),
        ("unsubscribe", json!({"type": "unsubscribe", "id": "map"})),
    ];
    let live_messages = [
        ("snapshot", json!({"type": "snapshot", "revision": 41, "collection": "events", "features": [], "last": true})),
        ("delta", json!({"type": "delta", "after": 41, "revision": 42, "changes": [change]})),
        (
            "gone",
            json!({"type": "delta", "after": 42, "revision": 43, "changes": [], "gone": [{"collection": "events", "revision": 43, "id": "2026-03-01/17"}]}),
        ),
        ("layer", json!({"type": "layer_changed", "after": 43, "revision": 44, "collection": "buildings"})),
        ("styles", json!({"type": "styles_changed", "style": "buildings"})),
        ("resync", json!({"type": "resync", "reason": "revision 7 is too long ago"})),
        ("heartbeat", json!({"type": "heartbeat", "revision": 44, "time": "2026-03-01T00:15:05Z"})),
    ];
    let by_hand = |title: &str, schema: &str, examples: &[(&str, Value)]| {
        let examples: Vec<Value> = examples.iter().map(|(name, payload)| json!({"name": name, "payload": payload})).collect();
        json!({"title": title, "payload": {"$ref": format!("#/components/schemas/{schema}")}, "examples": examples})
    };
    let frames = [
        ("one", json!({"seq": 7, "collection": "events", "feature": feature})),
        ("several", json!({"seq": 8, "collection": "events", "features": [feature]})),
    ];
    let answers = [
        ("ack", json!({"type": "ack", "seq": 7, "revision": 42, "stored": 1, "unchanged": 0, "refused": []})),
        ("busy", json!({"type": "busy", "seq": 8, "retry_after_s": 1, "detail": "the writer is 200000 records behind; try again shortly"})),
        ("error", json!({"type": "error", "seq": 9, "detail": "there is no live collection “evnets”"})),
    ];
    json!({
        "LiveRequest": message::<LiveRequest>(schemas, "What a client says on /live", &live_requests),
        "LiveMessage": message::<LiveMessage>(schemas, "What the server says on /live", &live_messages),
        "IngestFrame": by_hand("Live items", "IngestFrame", &frames),
        "IngestAnswer": by_hand("What became of a frame", "IngestAnswer", &answers),
    })
}

fn ingest_frame() -> Value {
    json!({
        "type": "object",
        "description": "A record or several for one collection. Without “collection” it is the one in the address, /ingest?collection=events.",
        "properties": {
            "seq": {"description": "The client's own number; it comes back in the answer."},
            "collection": {"type": "string"},
            "feature": {"type": "object", "description": "A GeoJSON Feature as POST /collections/{collectionId}/items takes it."},
            "features": {"type": "array", "items": {"type": "object"}}
        },
        "oneOf": [{"required": ["feature"]}, {"required": ["features"]}]
    })
}

fn ingest_answer() -> Value {
    let refused = json!({"type": "array", "items": {
        "type": "object", "required": ["index", "reason", "detail"],
        "properties": {"index": {"type": "integer"}, "reason": {"type": "string"}, "detail": {"type": "string"}}
    }});
    let kind = |word: &str| json!({"type": "string", "const": word});
    json!({"oneOf": [
        {"type": "object", "title": "ack", "description": "What is stored is durable and visible.", "required": ["type", "revision", "stored", "unchanged", "refused"], "properties": {
            "type": kind("ack"), "seq": {}, "revision": {"type": "integer"}, "stored": {"type": "integer"}, "unchanged": {"type": "integer"}, "refused": refused}},
        {"type": "object", "title": "busy", "description": "Nothing of the frame was kept: send it again.", "required": ["type", "retry_after_s", "detail"], "properties": {
            "type": kind("busy"), "seq": {}, "retry_after_s": {"type": "integer"}, "detail": {"type": "string"}}},
        {"type": "object", "title": "error", "description": "Nothing of the frame was kept, and sending it again would not help.", "required": ["type", "detail"], "properties": {
            "type": kind("error"), "seq": {}, "detail": {"type": "string"}}}
    ]})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_is_local_and_leads_somewhere() {
        let document = describe(&Links::new("http://127.0.0.1:8080"));
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_examples_are_messages() {
        let document = describe(&Links::new("https://city.example/wall"));
        assert_eq!(document["servers"]["socket"], json!({"host": "city.example", "protocol": "wss", "pathname": "/wall"}));
        let examples = |message: &str| {
            let examples = document["components"]["messages"][message]["examples"].as_array().unwrap().clone();
            examples.into_iter().map(|example| example["payload"].clone())
        };
        for request in examples("LiveRequest") {
            serde_json::from_value::<LiveRequest>(request.clone()).unwrap_or_else(|error| panic!("{error}: {request}"));
        }
        for message in examples("LiveMessage") {
            let read: LiveMessage = serde_json::from_value(message.clone()).unwrap_or_else(|error| panic!("{error}: {message}"));
            assert_eq!(serde_json::to_value(read).unwrap()["type"], message["type"]);
        }
    }
}
