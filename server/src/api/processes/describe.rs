//! What the API definition and the processes themselves say of inputs.

use crate::api::{
    definition::{Operation as Described, data},
    query::Operation,
};
use serde_json::{Map, Value, json};

/// The inputs of a process.
pub fn inputs(operation: &Operation) -> Value {
    let input = |field: &crate::api::query::input::Field| {
        let described = json!({
            "title": field.name, "description": field.means, "schema": field.schema(true),
            "minOccurs": i32::from(field.needed), "maxOccurs": 1
        });
        (field.name.to_owned(), described)
    };
    operation.fields.iter().map(input).collect::<Map<_, _>>().into()
}

/// What the API definition says of `/processes` and `/jobs`.
pub fn paths() -> Map<String, Value> {
    let described = |id: &str, summary: &str, description: &str, problems: &[&str]| {
        Described {
            tag: "Processes",
            id,
            summary,
            description,
            parameters: &[],
            ok: data("The answer", "application/json", "Any"),
            problems,
        }
        .json()
    };
    let path =
        |name: &str, means: &str| json!({"name": name, "in": "path", "required": true, "description": means, "schema": {"type": "string"}});
    let query = |name: &str, means: &str, schema: Value| json!({"name": name, "in": "query", "required": false, "style": "form", "explode": false, "description": means, "schema": schema});
    let with = |mut operation: Value, parameters: Vec<Value>| {
        operation["parameters"] = parameters.into();
        operation
    };
    let (process, job) = (|| path("processId", "The process's id."), || path("jobId", "The job's id."));
    let limit =
        || query("limit", "Most entries of the list.", json!({"type": "integer", "minimum": 1, "maximum": 10_000, "default": 10_000}));
    let texts = || json!({"type": "array", "items": {"type": "string"}});
    // A list in the standard, without a word on what several would mean.
    let seconds = || json!({"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 1});
    let filters = vec![
        limit(),
        query("type", "Kinds of jobs; all are of the kind process.", texts()),
        query("processID", "Only jobs of these processes.", texts()),
        query("status", "Only jobs that stand so: accepted, running, successful, failed, dismissed.", texts()),
        query("datetime", "Only jobs created then: an instant, or FROM/TO with .. for an open end.", json!({"type": "string"})),
        query("minDuration", "Only jobs that ran so many seconds at least.", seconds()),
        query("maxDuration", "Only jobs that ran so many seconds at most.", seconds()),
    ];
    let mut execute = with(
        described(
            "execute",
            "Ask a question as a process",
            "inputs are the fields of the question, each inline, as {\"value\": …}, or as {\"href\": …} where its JSON is (a public address, or one that targets_allow lists). The answer itself; with “Prefer: respond-async” 201 and the address of a job, which may take ANALYSIS_JOB_SECONDS_MAX (600 s). Needs no more than the scope read.",
            &["400", "404", "413", "415", "422", "503"],
        ),
        vec![
            process(),
            json!({"name": "Prefer", "in": "header", "required": false, "description": "respond-async for a job.", "schema": {"type": "string", "example": "respond-async"}}),
        ],
    );
    execute["requestBody"] = json!({"required": true, "content": {"application/json": {
        "schema": {"type": "object", "additionalProperties": false, "properties": {
            "inputs": {"type": "object"}, "outputs": {"type": "object"}, "response": {"type": "string", "enum": ["raw", "document"], "default": "raw"}
        }},
        "example": {"inputs": {"collection": "events", "by": "district"}}
    }}});
    execute["responses"]["201"] = json!({
        "description": "The job", "headers": {"Location": {"description": "Where to ask how it stands", "schema": {"type": "string", "format": "uri"}}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Any"}}}
    });
    let Value::Object(paths) = json!({
        "/processes": {"get": with(described("getProcesses", "What can be asked, as processes", "The questions of /query.", &["400"]), vec![limit()])},
        "/processes/{processId}": {"get": with(described("getProcess", "One process", "Its inputs and its output.", &["404"]), vec![process()])},
        "/processes/{processId}/execution": {"post": execute},
        "/jobs": {"get": with(described("getJobs", "The jobs", "The newest first: at most ANALYSES_KEPT_MAX (200) that are over, for a day.", &["400"]), filters)},
        "/jobs/{jobId}": {
            "get": with(described("getJob", "How a job stands", "accepted, running, successful, failed or dismissed.", &["404"]), vec![job()]),
            "delete": with(described("dismissJob", "End a job", "Ends a job that waits or runs, and forgets one that is over. By who started it, or with the scope operate.", &["403", "404"]), vec![job()])
        },
        "/jobs/{jobId}/results": {"get": with(described("getResults", "What came of a job", "404 until it is over; its own refusal if it failed.", &["404", "410", "422"]), vec![job()])}
    }) else {
        return Map::new();
    };
    paths
}
