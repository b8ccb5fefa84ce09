//! Live collections, push, targets and what is refused.

use super::{Operation, data, get, reference};
use serde_json::{Map, Value, json};

/// `POST /collections`.
pub fn new_collection() -> Value {
    let made = json!({"201": {"description": "It is made", "headers": {"Location": {"description": "Its address", "schema": {"type": "string", "format": "uri"}}}, "content": {"application/json": {"schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}}}}});
    let mut operation = Operation {
        tag: "Edit",
        id: "postCollection",
        summary: "Make a live collection",
        description: "Of features that people draw (such as a plan), of incidents, moving objects, things or datastreams. Needs the scope operate.",
        parameters: &[],
        ok: made,
        problems: &["400", "409", "413", "415"],
    }
    .json();
    let kinds = ["features", "incidents", "moving_objects", "things", "datastreams"];
    let categories =
        ["spatiotemporal_base", "resource_survey", "planning_control", "construction_projects", "public_themes", "iot_sensing"];
    operation["requestBody"] = json!({"required": true, "content": {"application/json": {
        "schema": {"type": "object", "additionalProperties": false, "required": ["id", "kind", "title"], "properties": {
            "id": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$"}, "kind": {"type": "string", "enum": kinds}, "title": reference("schemas", "LocalText"),
            "category": {"type": "string", "enum": categories}, "generated": {"type": "boolean"}
        }},
        "example": {"id": "plans", "kind": "features", "title": {"zh": "规划", "en": "Plans"}, "category": "planning_control"}
    }}});
    operation
}

/// The addresses of push, of ingest by socket, of refused records and of targets.
pub fn paths() -> Map<String, Value> {
    let any = |id, summary, description, parameters, ok, problems| {
        get(Operation { tag: "Live", id, summary, description, parameters, ok, problems })
    };
    let socket = |description: &str| json!({"101": {"description": description}});
    let post = |id, summary, parameters, description| {
        let ok = data("How many are sent again", "application/json", "Resent");
        json!(Operation { tag: "Operation", id, summary, description, parameters, ok, problems: &["400", "404"] }.json())
    };
    let mut letters = get(Operation {
        tag: "Operation",
        id: "getDeadLetters",
        summary: "What came back from a target",
        description: "The oldest first. The targets themselves are the items of the collection targets.",
        parameters: &["targetId", "letterAfter"],
        ok: data("The letters", "application/json", "Letters"),
        problems: &["400", "404"],
    });
    letters["post"] = post("postDeadLetters", "Send again what came back", &["targetId"][..], "All of it. Needs the scope operate.");
    let letter = post("postDeadLetter", "Send one letter again", &["targetId", "letterNumber"][..], "Needs the scope operate.");
    let stream = json!({"200": {"description": "LiveMessage objects, one per event", "content": {"text/event-stream": {"schema": reference("schemas", "LiveMessage")}}}});
    let all = [
        (
            "/live",
            any(
                "getLive",
                "Live changes (WebSocket)",
                "Send {\"type\":\"subscribe\",\"collections\":[…],\"bbox\":[…],\"area\":{\"level\":…,\"code\":…},\"filter\":…,\"after\":REVISION} first; without “after” a snapshot comes, then deltas that each name the revision they follow. A heartbeat comes every 5 s. A reader that falls behind is cut off with the reason. With “replay”: {\"from\":…,\"to\":…,\"speed\":…} a past window is played again by the same messages; its snapshots and heartbeats are marked, its revisions are its own, and {\"type\":\"replay\",\"paused\":…,\"seek\":…,\"speed\":…} steers it. /asyncapi describes every message.",
                &[][..],
                socket("The line is open; messages are LiveMessage objects."),
                &["400"][..],
            ),
        ),
        (
            "/live/sse",
            any(
                "getLiveEvents",
                "Live changes (server-sent events)",
                "The same messages; the event id is the revision reached, so that a browser resumes by itself. A replay has no event ids and begins anew.",
                &["collections", "liveBbox", "area", "filter", "after", "replay", "speed"],
                stream,
                &["400"],
            ),
        ),
        (
            "/ingest",
            any(
                "getIngest",
                "Live items come in (WebSocket)",
                "A frame is {\"seq\":7,\"collection\":\"events\",\"feature\":{…}}, or with several “features”; each is answered in order: ack (durable), busy (send it again) or error. /asyncapi describes every message. Needs the scope ingest.",
                &["collection"],
                socket("The line is open."),
                &["400", "404"],
            ),
        ),
        (
            "/refused",
            get(Operation {
                tag: "Operation",
                id: "getRefused",
                summary: "What was refused",
                description: "Records that were not taken, with the reason, for review. Needs the scope operate.",
                parameters: &["collection", "refusedAfter", "refusedLimit", "f", "lang"],
                ok: super::answer("The records and counts by reason", "application/json", "Refused"),
                problems: &["400"],
            }),
        ),
        ("/targets/{targetId}/dead-letters", letters),
        ("/targets/{targetId}/dead-letters/{letterNumber}", json!({"post": letter})),
        (
            "/asyncapi",
            get(Operation {
                tag: "Capabilities",
                id: "getAsyncApi",
                summary: "The messages of /live and /ingest",
                description: "AsyncAPI 3.0, with the schema of every message.",
                parameters: &[],
                ok: data("The document", crate::api::asyncapi::MEDIA, "Any"),
                problems: &[],
            }),
        ),
    ];
    all.into_iter().map(|(path, of)| (path.to_owned(), of)).collect()
}

/// The parameters of these addresses.
pub fn parameters() -> Map<String, Value> {
    let whole = || json!({"type": "integer", "minimum": 0});
    let query = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema});
    let path = |name: &str, description: &str, schema: Value| json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema});
    let mut bbox = query(
        "bbox",
        "A window in degrees that the geometry meets: west,south,east,north.",
        json!({"type": "array", "minItems": 4, "maxItems": 4, "items": {"type": "number"}}),
    );
    bbox["style"] = json!("form");
    bbox["explode"] = json!(false);
    let all = [
        ("targetId", path("targetId", "The target's id.", json!({"type": "string"}))),
        ("letterNumber", path("letterNumber", "The letter's number.", whole())),
        ("letterAfter", query("after", "From after this letter's number on.", whole())),
        ("refusedAfter", query("after", "From after this record's number on.", whole())),
        (
            "refusedLimit",
            query(
                "limit",
                "Most records.",
                json!({"type": "integer", "minimum": 1, "maximum": crate::limits::REFUSED_PAGE_MAX, "default": 100}),
            ),
        ),
        ("collection", query("collection", "One collection.", json!({"type": "string"}))),
        ("liveBbox", bbox),
        ("area", query("area", "An area that the item lies in, as level:code.", json!({"type": "string", "example": "district:120101"}))),
    ];
    all.into_iter().map(|(name, of)| (name.to_owned(), of)).collect()
}

/// The schemas of these addresses.
pub fn schemas() -> Map<String, Value> {
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let change = object(
        &["collection", "revision", "feature"],
        json!({"collection": {"type": "string"}, "revision": {"type": "integer"}, "feature": reference("schemas", "Feature")}),
    );
    let gone = object(
        &["collection", "revision", "id"],
        json!({"collection": {"type": "string"}, "revision": {"type": "integer"}, "id": {"type": "string"}}),
    );
    let all = [
        (
            "LiveMessage",
            object(
                &["type"],
                json!({
                    "type": {"type": "string", "enum": ["snapshot", "delta", "layer_changed", "resync", "heartbeat", "error"]}, "id": {"type": "string"},
                    "after": {"type": "integer"}, "revision": {"type": "integer"}, "collection": {"type": "string"}, "features": {"type": "array", "items": reference("schemas", "Feature")},
                    "last": {"type": "boolean"}, "changes": {"type": "array", "items": change}, "gone": {"type": "array", "items": gone},
                    "reason": {"type": "string"}, "time": {"type": "string"}, "replay": {"type": "boolean"}, "ended": {"type": "boolean"}
                }),
            ),
        ),
        (
            "Refused",
            object(
                &["refused", "counts"],
                json!({
                    "refused": {"type": "array", "items": {"type": "object", "properties": {"number": {"type": "integer"}, "collection": {"type": "string"}, "actor": {"type": "string"}, "received": {"type": "string"}, "reason": {"type": "string"}, "detail": {"type": "string"}, "record": {"type": "string"}}}},
                    "counts": {"type": "array", "items": {"type": "object"}}, "next": {"type": "string", "nullable": true}
                }),
            ),
        ),
        (
            "Letters",
            object(
                &["letters"],
                json!({
                    "letters": {"type": "array", "items": {"type": "object", "properties": {"number": {"type": "integer"}, "revision": {"type": "integer"}, "queued": {"type": "string"}, "tries": {"type": "integer"}, "reason": {"type": "string"}, "body": {"nullable": true}}}},
                    "next": {"type": "integer", "nullable": true}
                }),
            ),
        ),
        ("Resent", object(&["resent"], json!({"resent": {"type": "integer"}}))),
    ];
    all.into_iter().map(|(name, of)| (name.to_owned(), of)).collect()
}
